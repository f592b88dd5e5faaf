//! How a gateway or relay joins a domain: the Account Server's API, and (feature `client`) the node's side of it.

pub mod api;
