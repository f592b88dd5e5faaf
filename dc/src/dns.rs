//! The name server without its sockets: what a query asks of the coordinator, and what is answered.

mod reverse;
pub mod service;
mod zone;

pub use zone::{Plan, Query, Reply, Zone};

use crate::Found;
use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, Metadata};
use hickory_proto::serialize::binary::{BinDecoder, BinEncoder};
use hickory_server::server::Request;
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};
use ntm_proto::id::Fqdn;
use std::net::IpAddr;

/// Longest UDP answer: fits every path without fragments (the flag day's number).
const MAX_UDP: u16 = 1232;

/// What DNS wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// The serial number alone.
    Serial,
    /// About a name of the domain.
    Name(Fqdn),
    /// The name of a virtual address.
    Address(IpAddr),
}

/// What the coordinator knows about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The zone's serial number.
    pub serial: u32,
    /// What the name is.
    pub found: Found,
    /// The name's NTM record.
    pub ntm: Option<Vec<u8>>,
    /// The address's name.
    pub name: Option<Fqdn>,
}

/// The EDNS part of the answer: only when the query has one (RFC 6891 section 7).
pub fn edns(request: &Request) -> Option<Edns> {
    request.edns.as_ref().map(|asked| {
        let mut edns = Edns::new();
        edns.set_max_payload(asked.max_payload().clamp(512, MAX_UDP));
        edns
    })
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

/// The header of the answer.
pub fn metadata(request: &Request, reply: &Reply) -> Metadata {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.response_code = reply.code;
    metadata.authoritative = reply.authoritative;
    metadata.truncation = reply.truncated;
    metadata
}

/// The answer as TCP carries it: with its length before it.
pub fn encode(request: &Request, reply: &Reply) -> Result<Vec<u8>, ProtoError> {
    let edns = edns(request);
    let queries = echo(request);
    let builder = MessageResponseBuilder::new(&queries, edns.as_ref());
    let response = builder.build(
        metadata(request, reply),
        &reply.answers,
        &reply.authority,
        &[],
        &reply.additional,
    );
    let mut bytes = Vec::with_capacity(512);
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_max_size(u16::MAX);
    response.destructive_emit(&mut encoder)?;
    let length = u16::try_from(bytes.len()).map_err(|_| ProtoError::from("a long answer"))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.append(&mut bytes);
    Ok(framed)
}
