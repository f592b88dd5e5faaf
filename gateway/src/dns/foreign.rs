//! Names that are not ours: the question to a DNS server, which answer is one, and what of it a device may see.

use super::MAX_UDP;
use super::answer::Answer;
use crate::config::parse_server;
use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query};
use hickory_proto::rr::rdata::svcb::{SVCB, SvcParamValue};
use hickory_proto::rr::{RData, Record};
use ipnet::Ipv4Net;
use ntm_proto::id::VirtualPrefixes;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// How many servers of /etc/resolv.conf are used.
const MAX_SERVERS: usize = 4;

/// Where no foreign name may point.
pub struct Inside {
    /// The LAN, with the router's own address.
    pub lan: Ipv4Net,
    /// The virtual ranges.
    pub prefixes: VirtualPrefixes,
}

impl Inside {
    /// What a device is told of a server's answer.
    pub fn answer(&self, message: Message) -> Answer {
        let keep = |mut records: Vec<Record>| {
            records.retain(|record| !self.points_inside(&record.data));
            records
        };
        Answer {
            truncated: message.metadata.truncation,
            answers: keep(message.answers),
            authorities: keep(message.authorities),
            additionals: keep(message.additionals),
            ..Answer::code(message.metadata.response_code)
        }
    }

    fn points_inside(&self, data: &RData) -> bool {
        // A service binding (RFC 9460) with such a hint goes as a whole: clients do without.
        let hints = |binding: &SVCB| {
            binding.svc_params.iter().any(|(_, value)| {
                if let SvcParamValue::Ipv4Hint(hints) = value {
                    hints.0.iter().any(|hint| self.is_inside(hint.0.into()))
                } else if let SvcParamValue::Ipv6Hint(hints) = value {
                    hints.0.iter().any(|hint| self.is_inside(hint.0.into()))
                } else {
                    false
                }
            })
        };
        if let RData::SVCB(binding) = data {
            return hints(binding);
        }
        if let RData::HTTPS(binding) = data {
            return hints(&binding.0);
        }
        data.ip_addr().is_some_and(|ip| self.is_inside(ip))
    }

    /// Whether no foreign name may point there. Other private addresses pass on purpose: the captive portal of a
    /// hotel, and much else on the network the router is a guest of, has one.
    fn is_inside(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let local = match ip {
            IpAddr::V4(ip) => ip.is_link_local() || self.lan.contains(&ip),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        local || ip.is_loopback() || ip.is_unspecified() || self.prefixes.contains(ip)
    }
}

/// The servers in the text of a resolv.conf, without ourselves.
pub fn nameservers(text: &str, own: Ipv4Addr) -> Vec<SocketAddr> {
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"));
    let servers = lines.filter_map(|rest| parse_server(rest.trim()));
    servers
        .filter(|server| server.ip() != IpAddr::V4(own))
        .take(MAX_SERVERS)
        .collect()
}

/// The question as it goes to a server, with the number `id`.
pub fn question(id: u16, query: &Query, asked: &Metadata, dnssec: bool) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = asked.recursion_desired;
    message.metadata.checking_disabled = asked.checking_disabled;
    message.add_query(query.clone());
    let mut edns = Edns::new();
    edns.set_max_payload(MAX_UDP).set_dnssec_ok(dnssec);
    message.set_edns(edns);
    message
}

/// Whether `answer` is one to `question`: its number, its words.
pub fn answers(answer: &Message, question: &Message) -> bool {
    answer.metadata.message_type == MessageType::Response
        && answer.metadata.id == question.metadata.id
        && answer.metadata.op_code == OpCode::Query
        && answer.queries == question.queries
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamKey};
    use hickory_proto::rr::rdata::{A, AAAA, HTTPS};
    use hickory_proto::rr::{Name, RecordType};

    fn asked() -> Message {
        let query = Query::query(Name::from_ascii("Example.org.").unwrap(), RecordType::A);
        let mut metadata = Metadata::new(1, MessageType::Query, OpCode::Query);
        metadata.recursion_desired = true;
        question(7, &query, &metadata, false)
    }

    #[test]
    fn only_the_answer_to_our_question_counts() {
        let question = asked();
        let mut answer = question.clone();
        assert!(!answers(&answer, &question));
        answer.metadata.message_type = MessageType::Response;
        assert!(answers(&answer, &question));
        let mut other = answer.clone();
        other.metadata.id ^= 1;
        assert!(!answers(&other, &question));
        answer.queries[0].set_query_type(RecordType::AAAA);
        assert!(!answers(&answer, &question));
    }

    #[test]
    fn a_foreign_name_cannot_point_inside() {
        let prefixes = VirtualPrefixes {
            v4: "198.18.0.0/15".parse().unwrap(),
            v6: "fd00:1::/48".parse().unwrap(),
        };
        let lan = "192.168.1.1/24".parse().unwrap();
        let inside = Inside { lan, prefixes };
        let mut message = asked();
        let name = Name::from_ascii("example.org.").unwrap();
        let mut add = |data| {
            message.add_answer(Record::from_rdata(name.clone(), 60, data));
        };
        let (bad, good) = (
            [
                "198.19.0.7",
                "192.168.1.9",
                "127.0.0.1",
                "0.0.0.0",
                "169.254.1.1",
                "fd00:1::7",
                "::1",
                "::",
                "fe80::1",
                "::ffff:198.19.0.7",
                "::ffff:127.0.0.1",
            ],
            ["203.0.113.80", "192.168.2.9", "10.0.0.1", "2001:db8::80"],
        );
        for ip in bad.iter().chain(&good) {
            add(match ip.parse().unwrap() {
                IpAddr::V4(ip) => RData::A(A(ip)),
                IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
            });
        }
        let binding = |hint| SVCB::new(1, Name::root(), vec![hint]);
        let hint4 = |ip: &str| {
            let hints = IpHint(vec![A(ip.parse().unwrap())]);
            binding((SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(hints)))
        };
        let hints = IpHint(vec![AAAA("::ffff:198.19.0.7".parse().unwrap())]);
        let hint6 = binding((SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(hints)));
        add(RData::HTTPS(HTTPS(hint4("192.168.1.9"))));
        add(RData::SVCB(hint6));
        add(RData::HTTPS(HTTPS(hint4("203.0.113.80"))));
        let kept = inside.answer(message).answers;
        let addresses: Vec<String> = kept
            .iter()
            .filter_map(|record| record.data.ip_addr())
            .map(|ip| ip.to_string())
            .collect();
        assert_eq!(addresses, good);
        assert_eq!(kept.len(), good.len() + 1, "and one service binding");
    }

    #[test]
    fn resolv_conf_is_read_without_ourselves() {
        let text = "# nameserver 1.1.1.1\nsearch lan\nnameserver 192.168.1.1\nnameserver\t203.0.113.53\n nameserver 2001:db8::53 \nnameserver fe80::1%eth0\n";
        let servers = nameservers(text, Ipv4Addr::new(192, 168, 1, 1));
        assert_eq!(
            servers,
            [
                "203.0.113.53:53".parse().unwrap(),
                "[2001:db8::53]:53".parse().unwrap()
            ]
        );
    }
}
