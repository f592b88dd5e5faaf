//! The coordinator's name server: every query that can be read gets one answer that can be read, and a short one.

use crate::dns::question_bytes;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::Request;
use ntm_dc::Found;
use ntm_dc::config::Config;
use ntm_dc::dns::{Facts, Look, Plan, Reply, Zone, encode};
use ntm_proto::id::{Fqdn, Identity, NodeId};

const CONFIG: &str = "domain = \"ntm.test\"\nlisten = [\"192.0.2.1\", \"2001:db8::1\"]\nvirtual6 = \"fd12:3456:789a::/48\"";

thread_local! {
    static ZONE: Zone = Zone::new(&Config::parse(CONFIG, "zone").expect("right")).expect("right");
}

/// A datagram to port 53, answered from what a coordinator with one device knows.
pub fn check(input: &[u8]) {
    let source = "192.0.2.9:5353".parse().expect("an address");
    let Ok(request) = Request::from_bytes(input.to_vec(), source, Protocol::Udp) else {
        return;
    };
    let reply = ZONE.with(|zone| match zone.plan(&request) {
        Plan::Say(code) => Reply::code(code),
        Plan::Look(query, look) => zone.answer(&query, &facts(&look)),
    });
    let ours = reply.authoritative;
    assert!(
        ours || reply.answers.is_empty(),
        "we speak for our zones alone"
    );
    assert_eq!(
        ours,
        matches!(reply.code, ResponseCode::NoError | ResponseCode::NXDomain)
    );
    let framed = encode(&request, &reply).expect("what was read can be answered");
    let (length, bytes) = framed.split_at(2);
    assert_eq!(
        usize::from(u16::from_be_bytes([length[0], length[1]])),
        bytes.len()
    );
    // A query's name, twice the longest of ours, the zone's records: never near the limit of UDP.
    assert!(
        bytes.len() <= input.len() + 1024,
        "{} for {}",
        bytes.len(),
        input.len()
    );
    let read = Message::from_vec(bytes).expect("our own answer");
    assert_eq!(read.metadata.id, request.metadata.id);
    assert_eq!(read.metadata.message_type, MessageType::Response);
    assert_eq!(read.answers.len(), reply.answers.len());
    assert_eq!(read.authorities.len(), reply.authority.len());
}

/// A domain with one device, `camera.home.ntm.test`, and a relay.
fn facts(look: &Look) -> Facts {
    let camera = Fqdn::parse("camera.home.ntm.test").expect("a name");
    let mut facts = Facts {
        serial: 42,
        found: Found::Nothing,
        ntm: None,
        name: None,
    };
    match look {
        Look::Name(name) if *name == camera => {
            let (node, vip4) = (NodeId::from_random([1; 16]), [198, 18, 0, 5].into());
            let vip6 = "fd12:3456:789a::5".parse().expect("an address");
            facts.found = Found::Identity(Identity {
                node,
                name: camera,
                vip4,
                vip6,
            });
            facts.ntm = Some(vec![1; 65]);
        }
        Look::Name(name) if name.as_str() == "rs1.ntm.test" => facts.found = Found::Exists,
        Look::Address(address) if address.to_string().ends_with('5') => facts.name = Some(camera),
        Look::Name(name) => assert!(name.is_within(&Fqdn::parse("ntm.test").expect("a name"))),
        Look::Address(_) | Look::Serial => {}
    }
    facts
}

/// A question for each place in the zones, and for none.
pub fn seeds() -> Vec<Vec<u8>> {
    let v6 = format!("5{}.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa.", ".0".repeat(19));
    [
        ("camera.home.ntm.test.", RecordType::A),
        ("Camera.home.ntm.test.", RecordType::ANY),
        ("camera.home.ntm.test.", RecordType::Unknown(65_280)),
        ("ntm.test.", RecordType::NS),
        ("ns.ntm.test.", RecordType::AAAA),
        ("nobody.ntm.test.", RecordType::TXT),
        ("_x.ntm.test.", RecordType::A),
        ("5.0.18.198.in-addr.arpa.", RecordType::PTR),
        ("18.198.in-addr.arpa.", RecordType::SOA),
        ("0.18.198.in-addr.arpa.", RecordType::ANY),
        (&v6, RecordType::PTR),
        ("example.org.", RecordType::A),
        ("ntm.test.", RecordType::AXFR),
    ]
    .into_iter()
    .map(|(name, kind)| question_bytes(name, kind, kind == RecordType::A))
    .collect()
}
