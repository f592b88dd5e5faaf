//! The gateway's resolver: a device's question becomes an answer that can be read, and no foreign answer points
//! into the virtual world.

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::svcb::SvcParamValue;
use hickory_proto::rr::rdata::{A, AAAA, HTTPS};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::BinEncoder;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::Request;
use hickory_server::zone_handler::MessageResponseBuilder;
use ntm_gateway::dns::answer::{Answer, Asked, classify};
use ntm_gateway::dns::foreign::{Inside, answers, nameservers, question};
use ntm_gateway::dns::{MAX_UDP, Zone, echo, is_readable};
use ntm_proto::id::{Fqdn, VirtualPrefixes};
use std::net::{IpAddr, Ipv4Addr};

const OWN: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// The first byte says whether the rest is a question, a server's answer or the text of a resolv.conf.
pub fn check(input: &[u8]) {
    let Some((&what, rest)) = input.split_first() else {
        return;
    };
    match what % 4 {
        0 => ask(rest),
        1 | 2 => foreign(rest),
        _ => servers(&String::from_utf8_lossy(rest)),
    }
}

/// As the resolver does it: classified, answered, written; then read again.
fn ask(bytes: &[u8]) {
    let source = "192.168.1.10:5353".parse().expect("an address");
    let Ok(request) = Request::from_bytes(bytes.to_vec(), source, Protocol::Udp) else {
        return;
    };
    let Ok(info) = request.request_info() else {
        return;
    };
    if !is_readable(&request) {
        let refusal = write(&request, &Answer::code(ResponseCode::FormErr));
        let read = Message::from_vec(&refusal).expect("a refusal without the question");
        assert!(read.queries.is_empty());
        return;
    }
    let query = info.query.original();
    let (name, kind, zone) = (query.name(), query.query_type(), zone());
    let trusted = Fqdn::parse("other.test").expect("a name");
    let asked = classify(name, &zone, &[trusted]);
    let answer = match &asked {
        Asked::Apex => Answer::nothing_here(&zone),
        Asked::Own => Answer::of_name(name, kind, OWN, &zone),
        Asked::NoName => Answer::no_such_name(&zone),
        Asked::Name(fqdn) => {
            assert!(fqdn.is_within(&zone.domain) && *fqdn != zone.own);
            let address = Ipv4Addr::new(198, 18, 0, 7);
            Answer::of_name(name, kind, address, &zone)
        }
        Asked::Trusted { domain, name: fqdn } => {
            assert!(
                fqdn.as_ref()
                    .is_none_or(|fqdn| fqdn.is_within(domain) && fqdn != domain)
            );
            Answer::of_name(name, kind, Ipv4Addr::new(198, 19, 240, 7), &zone)
        }
        Asked::Address(address) => {
            assert!(zone.prefixes.contains(*address));
            Answer::of_address(name, kind, &zone.own, &zone)
        }
        Asked::Foreign => {
            forwarded(query, info.metadata);
            Answer::code(ResponseCode::ServFail)
        }
    };
    let bytes = write(&request, &answer);
    let read = Message::from_vec(&bytes).expect("our own answer");
    assert_eq!(read.metadata.id, request.metadata.id);
    assert_eq!(read.metadata.message_type, MessageType::Response);
    assert_eq!(read.answers.len(), answer.answers.len());
    assert!(
        read.answers
            .iter()
            .all(|record| record.name.to_ascii() == name.to_ascii())
    );
}

/// The question that goes to a server repeats what the device asked, and its echo is an answer to it.
fn forwarded(query: &Query, asked: &Metadata) {
    let question = question(77, query, asked, false);
    let bytes = question
        .to_vec()
        .expect("a question that was read can be written");
    let mut echo = Message::from_vec(&bytes).expect("our own question");
    assert!(!answers(&echo, &question));
    echo.metadata.message_type = MessageType::Response;
    assert!(answers(&echo, &question));
}

fn foreign(bytes: &[u8]) {
    let Ok(message) = Message::from_vec(bytes) else {
        return;
    };
    let lan = "192.168.1.1/24".parse().expect("a network");
    let inside = Inside {
        lan,
        prefixes: zone().prefixes,
    };
    let query = message.queries.first().cloned();
    // The question that it answers, if it is an answer.
    let query = query.filter(|query| {
        let (id, asked) = (message.metadata.id, &message.metadata);
        answers(&message, &question(id, query, asked, false))
    });
    let answer = inside.answer(message);
    for record in answer
        .answers
        .iter()
        .chain(&answer.authorities)
        .chain(&answer.additionals)
    {
        check_record(record);
    }
    // What passed goes to the device that asked the same.
    let Some(query) = query else {
        return;
    };
    let mut asked = Message::new(9, MessageType::Query, OpCode::Query);
    asked.add_query(query);
    let source = "192.168.1.10:5353".parse().expect("an address");
    let Ok(asked) = asked.to_vec() else {
        return;
    };
    if let Ok(request) = Request::from_bytes(asked, source, Protocol::Udp) {
        let bytes = write(&request, &answer);
        let read = Message::from_vec(&bytes).expect("what goes to the device can be read");
        read.all_sections().for_each(check_record);
    }
}

/// No address in it, hints of services included, points inside.
fn check_record(record: &Record) {
    let data = &record.data;
    data.ip_addr()
        .into_iter()
        .for_each(|address| check_outside(address.to_canonical()));
    let (RData::SVCB(service) | RData::HTTPS(HTTPS(service))) = data else {
        return;
    };
    for (_, value) in &service.svc_params {
        if let SvcParamValue::Ipv4Hint(hint) = value {
            for address in &hint.0 {
                check_outside(address.0.into());
            }
        } else if let SvcParamValue::Ipv6Hint(hint) = value {
            for address in &hint.0 {
                check_outside(IpAddr::from(address.0).to_canonical());
            }
        }
    }
}

fn check_outside(address: IpAddr) {
    let virtual_or_lan = match address {
        IpAddr::V4(v4) => {
            v4.octets()[..3] == [192, 168, 1]
                || v4.octets()[0] == 198 && v4.octets()[1] & 0xfe == 18
        }
        IpAddr::V6(v6) => v6.segments()[..3] == [0xfd00, 1, 0],
    };
    assert!(
        !virtual_or_lan && !address.is_loopback() && !address.is_unspecified(),
        "{address}"
    );
}

fn servers(text: &str) {
    let servers = nameservers(text, Ipv4Addr::new(192, 168, 1, 1));
    assert!(servers.len() <= 4);
    for server in servers {
        assert!(server.port() != 0 && server.ip() != IpAddr::from([192, 168, 1, 1]));
    }
}

/// The bytes of an answer, as the server library makes them. What cannot be written whole is written truncated.
fn write(request: &Request, answer: &Answer) -> Vec<u8> {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.authoritative = answer.ours;
    metadata.truncation = answer.truncated;
    metadata.response_code = answer.code;
    let edns = request.edns.as_ref().map(|asked| {
        let mut edns = Edns::new();
        edns.set_max_payload(asked.max_payload().clamp(512, MAX_UDP));
        edns
    });
    let queries = echo(request);
    let builder = MessageResponseBuilder::new(&queries, edns.as_ref());
    let response = builder.build(
        metadata,
        &answer.answers,
        &answer.authorities,
        [],
        &answer.additionals,
    );
    let mut bytes = Vec::with_capacity(512);
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_max_size(MAX_UDP);
    let _ = response.destructive_emit(&mut encoder);
    bytes
}

fn zone() -> Zone {
    Zone {
        domain: Fqdn::parse("ntm.test").expect("a name"),
        own: Fqdn::parse("car.ntm.test").expect("a name"),
        vip4: OWN,
        prefixes: VirtualPrefixes {
            v4: "198.18.0.0/15".parse().expect("a range"),
            v6: "fd00:1::/48".parse().expect("a range"),
        },
    }
}

/// A question's bytes.
pub(crate) fn question_bytes(name: &str, kind: RecordType, edns: bool) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).expect("a name"), kind));
    if edns {
        message.set_edns(Edns::new());
    }
    message.to_vec().expect("a question")
}

/// Questions of each class, answers that point inside and outside, a resolv.conf.
pub fn seeds() -> Vec<Vec<u8>> {
    let ask = |name, kind| [&[0][..], &question_bytes(name, kind, name.len() % 2 == 0)].concat();
    let answer = |addresses: &[&str]| {
        let mut message =
            Message::from_vec(&question_bytes("example.org.", RecordType::A, true)).expect("ours");
        message.metadata.message_type = MessageType::Response;
        let name = Name::from_ascii("example.org.").expect("a name");
        for address in addresses {
            let data = match address.parse().expect("an address") {
                IpAddr::V4(v4) => RData::A(A(v4)),
                IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
            };
            message.add_answer(Record::from_rdata(name.clone(), 60, data));
        }
        [&[1][..], &message.to_vec().expect("an answer")].concat()
    };
    // example.org, HTTPS: priority 1, target ".", ipv4hint=192.168.1.9.
    let mut https = question_bytes("example.org.", RecordType::HTTPS, false);
    (https[2], https[7]) = (0x80, 1);
    https.extend([
        0xc0, 12, 0, 65, 0, 1, 0, 0, 0, 60, 0, 11, 0, 1, 0, 0, 4, 0, 4, 192, 168, 1, 9,
    ]);
    vec![
        ask("camera.home.ntm.test.", RecordType::A),
        ask("ntm.test.", RecordType::SOA),
        ask("Car.ntm.test.", RecordType::ANY),
        ask("_http._tcp.ntm.test.", RecordType::SRV),
        ask("9.2.19.198.in-addr.arpa.", RecordType::PTR),
        ask("example.org.", RecordType::AAAA),
        ask("lamp.den.other.test.", RecordType::A),
        ask("_x.other.test.", RecordType::A),
        answer(&["203.0.113.80", "198.18.0.9", "192.168.1.9"]),
        answer(&["2001:db8::80", "::ffff:127.0.0.1", "fd00:1::7"]),
        [&[1][..], &https].concat(),
        b"\x03nameserver 203.0.113.53\nsearch lan\n nameserver 2001:db8::53 \n".to_vec(),
    ]
}
