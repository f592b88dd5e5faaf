//! The devices' DNS server without its sockets: what is asked, what is answered, which foreign answers pass.

pub mod answer;
pub mod foreign;

use ntm_proto::id::{Fqdn, VirtualPrefixes};
use std::net::Ipv4Addr;

/// The longest UDP answer: fits every path (DNS flag day 2020).
pub const MAX_UDP: u16 = 1232;

/// Who we are, and whose names are ours.
#[derive(Clone, Debug)]
pub struct Zone {
    /// The domain.
    pub domain: Fqdn,
    /// The gateway's own full name.
    pub own: Fqdn,
    /// The gateway's own virtual address.
    pub vip4: Ipv4Addr,
    /// The virtual ranges.
    pub prefixes: VirtualPrefixes,
}
