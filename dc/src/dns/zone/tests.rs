use super::*;
use crate::dns::{Facts, encode};
use hickory_proto::op::{Edns, Message, MessageType, Query as Asked};
use hickory_server::net::xfer::Protocol;
use ntm_proto::id::{Identity, NodeId};

const CONFIG: &str = "domain = \"ntm.test\"\nlisten = [\"192.0.2.1\", \"2001:db8::1\"]\nvirtual6 = \"fd12:3456:789a::/48\"";

fn zone() -> Zone {
    Zone::new(&Config::parse(CONFIG, "test").unwrap()).unwrap()
}

/// A domain with one device, `camera.home.ntm.test`, on `home`.
fn coordinator(look: &Look) -> Facts {
    let camera = Fqdn::parse("camera.home.ntm.test").unwrap();
    let identity = |name: &Fqdn| Identity {
        node: NodeId::from_random([1; 16]),
        name: name.clone(),
        vip4: [198, 18, 0, 5].into(),
        vip6: "fd12:3456:789a::5".parse().unwrap(),
    };
    let mut facts = Facts {
        serial: 42,
        found: Found::Nothing,
        ntm: None,
        name: None,
    };
    match look {
        Look::Name(name) if *name == camera => {
            facts.found = Found::Identity(identity(name));
            facts.ntm = Some(vec![1, 2, 3]);
        }
        Look::Name(name) if name.as_str() == "rs1.ntm.test" => facts.found = Found::Exists,
        Look::Address(address) if address.to_string().ends_with('5') => facts.name = Some(camera),
        Look::Name(_) | Look::Address(_) | Look::Serial => {}
    }
    facts
}

fn message(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Asked::query(Name::from_ascii(name).unwrap(), kind));
    message
}

/// The whole way: bytes in, bytes out.
fn exchange(message: &Message) -> Message {
    let source = "192.0.2.9:5353".parse().unwrap();
    let request = Request::from_bytes(message.to_vec().unwrap(), source, Protocol::Udp).unwrap();
    let zone = zone();
    let reply = match zone.plan(&request) {
        Plan::Say(code) => Reply::code(code),
        Plan::Look(query, look) => zone.answer(&query, &coordinator(&look)),
    };
    let bytes = encode(&request, &reply).unwrap();
    assert!(bytes.len() < 514, "fits without EDNS");
    Message::from_vec(&bytes[2..]).unwrap()
}

fn ask(name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
    let reply = exchange(&message(name, kind));
    let is_no = reply.answers.is_empty();
    let has_soa = reply
        .authorities
        .iter()
        .any(|record| record.record_type() == RecordType::SOA);
    if reply.metadata.authoritative {
        assert_eq!(is_no, has_soa, "each no, and no yes, has the SOA");
    }
    let data = reply.answers.iter().map(|record| {
        assert_eq!(record.ttl, TTL);
        record.data.to_string()
    });
    (reply.metadata.response_code, data.collect())
}

fn yes(data: &[&str]) -> (ResponseCode, Vec<String>) {
    (
        ResponseCode::NoError,
        data.iter().map(|&text| text.to_owned()).collect(),
    )
}

#[test]
fn devices_have_addresses_and_names() {
    assert_eq!(
        ask("camera.home.ntm.test.", RecordType::A),
        yes(&["198.18.0.5"])
    );
    assert_eq!(
        ask("CAMERA.home.ntm.TEST.", RecordType::AAAA),
        yes(&["fd12:3456:789a::5"])
    );
    assert_eq!(
        ask("5.0.18.198.in-addr.arpa.", RecordType::PTR),
        yes(&["camera.home.ntm.test."])
    );
    let six = format!("5{}.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa.", ".0".repeat(19));
    assert_eq!(ask(&six, RecordType::PTR), yes(&["camera.home.ntm.test."]));
    assert_eq!(
        ask("camera.home.ntm.test.", RecordType::ANY),
        yes(&["198.18.0.5"]),
        "RFC 8482"
    );
}

#[test]
fn devices_have_an_ntm_record() {
    let reply = exchange(&message("camera.home.ntm.test.", RecordType::Unknown(NTM)));
    let RData::Unknown { code, rdata } = &reply.answers[0].data else {
        panic!("{:?}", reply.answers);
    };
    assert_eq!(u16::from(*code), NTM);
    assert_eq!(rdata.anything, [1, 2, 3]);
}

#[test]
fn the_zone_describes_itself() {
    let soa = "ns.ntm.test. hostmaster.ntm.test. 42 3600 600 86400 60";
    assert_eq!(ask("ntm.test.", RecordType::SOA), yes(&[soa]));
    assert_eq!(ask("ntm.test.", RecordType::NS), yes(&["ns.ntm.test."]));
    assert_eq!(
        ask("18.198.in-addr.arpa.", RecordType::NS),
        yes(&["ns.ntm.test."])
    );
    assert_eq!(ask("ns.ntm.test.", RecordType::A), yes(&["192.0.2.1"]));
    assert_eq!(ask("ns.ntm.test.", RecordType::AAAA), yes(&["2001:db8::1"]));
    let glue = exchange(&message("ntm.test.", RecordType::NS)).additionals;
    assert_eq!(glue.len(), 2);
}

#[test]
fn what_is_not_there_is_denied_with_the_soa() {
    let none = (ResponseCode::NXDomain, Vec::new());
    assert_eq!(ask("nothing.ntm.test.", RecordType::A), none);
    assert_eq!(ask("_sip.ntm.test.", RecordType::A), none);
    assert_eq!(ask("*.ntm.test.", RecordType::A), none);
    assert_eq!(ask("9.0.18.198.in-addr.arpa.", RecordType::PTR), none);
    assert_eq!(ask("x.18.198.in-addr.arpa.", RecordType::PTR), none);
    assert_eq!(ask("camera.home.ntm.test.", RecordType::MX), yes(&[]));
    assert_eq!(ask("rs1.ntm.test.", RecordType::A), yes(&[]));
    assert_eq!(ask("ntm.test.", RecordType::A), yes(&[]));
    assert_eq!(
        ask("0.18.198.in-addr.arpa.", RecordType::PTR),
        yes(&[]),
        "a name in between"
    );
}

#[test]
fn others_zones_and_transfers_are_refused() {
    let refused = (ResponseCode::Refused, Vec::new());
    for name in [
        "example.org.",
        "evilntm.test.",
        "test.",
        ".",
        "1.0.0.127.in-addr.arpa.",
    ] {
        assert_eq!(ask(name, RecordType::A), refused, "{name}");
    }
    assert_eq!(ask("ntm.test.", RecordType::AXFR), refused);
    assert_eq!(ask("ntm.test.", RecordType::IXFR), refused);
    let mut chaos = message("ntm.test.", RecordType::TXT);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(
        exchange(&chaos).metadata.response_code,
        ResponseCode::Refused
    );
}

#[test]
fn odd_messages_get_their_codes() {
    let mut update = message("ntm.test.", RecordType::A);
    update.metadata.op_code = OpCode::Notify;
    assert_eq!(
        exchange(&update).metadata.response_code,
        ResponseCode::NotImp
    );
    let mut two = message("ntm.test.", RecordType::A);
    two.add_query(Asked::query(
        Name::from_ascii("ntm.test.").unwrap(),
        RecordType::NS,
    ));
    assert_eq!(exchange(&two).metadata.response_code, ResponseCode::FormErr);
    let mut edns = Edns::new();
    edns.set_version(1);
    let mut later = message("ntm.test.", RecordType::A);
    later.set_edns(edns);
    let reply = exchange(&later);
    // BADVERS and BADSIG share a number.
    assert_eq!(u16::from(reply.metadata.response_code), 16);
    assert_eq!(reply.edns.map(|edns| edns.version()), Some(0));
}

#[test]
fn edns_is_answered_only_when_asked_and_never_past_1232() {
    let plain = message("ntm.test.", RecordType::SOA);
    assert!(exchange(&plain).edns.is_none());
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    let mut big = plain;
    big.set_edns(edns);
    assert_eq!(
        exchange(&big).edns.map(|edns| edns.max_payload()),
        Some(1232)
    );
}

#[test]
fn other_domains_find_the_coordinator() {
    assert_eq!(
        ask("_ntm._udp.ntm.test.", RecordType::SRV),
        yes(&["0 0 4750 dc.ntm.test."])
    );
    assert_eq!(ask("_udp.ntm.test.", RecordType::SRV), yes(&[]));
    assert_eq!(ask("dc.ntm.test.", RecordType::A), yes(&["192.0.2.1"]));
    let reply = exchange(&message("_ntm._udp.ntm.test.", RecordType::SRV));
    assert_eq!(reply.additionals.len(), 2, "both addresses come along");
}

/// The query's header would be read as a name; the answer's header is another one.
#[test]
fn a_question_whose_name_points_into_the_header_is_refused_readably() {
    let query = [0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 1, 0, 1];
    let source = "192.0.2.9:5353".parse().unwrap();
    let request = Request::from_bytes(query.to_vec(), source, Protocol::Udp).unwrap();
    let Plan::Say(code) = zone().plan(&request) else {
        panic!("nobody can be told of such a name");
    };
    assert_eq!(code, ResponseCode::FormErr);
    let framed = encode(&request, &Reply::code(code)).unwrap();
    let answer = Message::from_vec(&framed[2..]).unwrap();
    assert!(answer.queries.is_empty() && answer.metadata.id == 9);
}
