//! The devices' DNS server without its sockets: what is asked, what is answered, which foreign answers pass.

pub mod answer;
pub mod foreign;

use hickory_proto::serialize::binary::BinDecoder;
use hickory_server::server::Request;
use hickory_server::zone_handler::Queries;
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

/// The question as the answer repeats it: none if its name points outside the question, where the answer has other
/// bytes than the query had (RFC 1035 section 4.1.4).
pub fn echo(request: &Request) -> Queries {
    let read = |bytes, count| Queries::read(&mut BinDecoder::new(bytes), count);
    let (bytes, count) = (request.queries.as_bytes(), request.queries.len());
    let alone = read(bytes, count).ok().filter(|it| *it == request.queries);
    alone.unwrap_or_else(|| read(&[], 0).expect("nothing to read"))
}

/// Whether the question can be read where an answer repeats it.
pub fn is_readable(request: &Request) -> bool {
    echo(request) == request.queries
}
