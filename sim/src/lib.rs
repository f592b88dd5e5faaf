//! Worlds that test themselves: the real machines of DC, relay and gateways under virtual time, in networks and with
//! accidents drawn from a seed, judged all along by rules that must hold in every world.
//!
//! A [`Plan`] is a world ([`spec`]) and what happens in it ([`act`]), both plain data drawn from one `u64`.
//! [`Plan::run`] plays it; [`shrink`] makes a failing one small; [`picture`] shows what led to the failure. The same
//! seed always gives the same world to the last byte.

pub mod act;
pub mod attack;
mod drive;
mod ending;
mod model;
pub mod moves;
pub mod nat;
pub mod net;
mod nodes;
mod packets;
pub mod picture;
mod rewire;
pub mod run;
mod session;
pub mod shrink;
pub mod spec;
pub mod tally;
pub mod trace;
pub mod watch;
pub mod world;

pub use run::{Outcome, Plan};
pub use world::{Node, World};
