//! What must hold for every parser of hostile input, whatever the bytes: one module per fuzz target.
//!
//! A module has `check`, which takes one input and panics when something does not hold, and `seeds`, inputs made by
//! our own encoders. Machines that cost handshakes to set up have `fuzz` beside it, where one world outlives many
//! inputs (see [`lasting`]). `fuzz/fuzz_targets/` calls these under libFuzzer; `tests/corpus.rs` replays every
//! committed input through `check` with the stable compiler.

#![allow(
    clippy::disallowed_methods,
    reason = "virtual clocks start somewhere, as in a test"
)]

pub mod api;
pub mod bind;
pub mod config;
pub mod dc;
pub mod dhcp;
pub mod dns;
pub mod enrol;
pub mod gateway;
pub mod handshake;
pub mod lasting;
pub mod leases;
pub mod message;
pub mod names;
pub mod packet;
pub mod party;
pub mod relay;
pub mod session;
pub mod steps;
pub mod trains;
pub mod wire;
pub mod zone;

/// One target: its name, what it checks, what its corpus starts with.
pub struct Target {
    /// As in `fuzz_targets/` and `corpus/`.
    pub name: &'static str,
    /// Takes one input; panics when a property does not hold.
    pub check: fn(&[u8]),
    /// Inputs made by our own encoders.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            check: $name::check,
            seeds: $name::seeds,
        }),*];
    };
}

targets!(
    wire, message, handshake, session, bind, relay, gateway, packet, trains, dc, dhcp, leases, dns,
    zone, enrol, config, api, names,
);
