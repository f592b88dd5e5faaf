//! Named scenarios of the in-process world: the real libraries of DC, RS and gateways, virtual time, real NAT rules.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    reason = "the world's clock starts somewhere"
)]
#![allow(unreachable_pub, reason = "the benchmark uses the same modules")]

mod handovers;
mod invariants;
mod net;
mod packets;
mod policies;
mod routes;
mod scenarios;
mod sizes;
mod trains;
mod world;
