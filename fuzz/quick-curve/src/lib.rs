//! A key agreement that protects nothing, for fuzzers: powers modulo a small prime in the place of Curve25519, behind
//! as much of `curve25519-dalek`'s interface as `snow` and `x25519-dalek` use.
//!
//! A fuzzer of the machines spends four fifths of its time on the curve, and learns nothing about it. Here both ends
//! agree as there, in a hundredth of the time. `make test` replays what was found with the real curve.

pub mod edwards;
pub mod montgomery;
pub mod traits;
