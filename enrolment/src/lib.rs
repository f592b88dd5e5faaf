//! How a gateway or relay joins a domain: the Account Server's API, and (feature `client`) the node's side of it.
//!
//! This is the one library that does I/O: joining is a single question over TLS whose outcome is two files, asked
//! by a person at a command line, and both daemons ask it in the same way. Beside that it has what the processes of all
//! three daemons have in common.

pub mod api;
#[cfg(feature = "client")]
pub mod client;
pub mod crash;
pub mod socket;
#[cfg(feature = "client")]
pub mod state;
#[cfg(feature = "client")]
mod tls;
