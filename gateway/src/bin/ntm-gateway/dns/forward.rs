//! Names that are not ours, asked of the network's own DNS servers, one after the other.
//!
//! Against forged answers: each question leaves from a fresh port with a random number to one server, and the answer
//! must come from there and repeat number and question (RFC 5452). An answer for a foreign name cannot point into
//! the virtual range, the LAN or the asking host itself: a web page must not reach a device by rebinding its own name.

use super::MAX_UDP;
use super::answer::Answer;
use crate::udp::ANY;
use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::svcb::{SVCB, SvcParamValue};
use hickory_proto::rr::{RData, Record};
use ipnet::Ipv4Net;
use ntm_gateway::config::parse_server;
use ntm_proto::id::VirtualPrefixes;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tracing::debug;

/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many servers of /etc/resolv.conf are used.
const MAX_SERVERS: usize = 4;

pub(super) struct Forwarder {
    /// Empty: those in /etc/resolv.conf, which change as the router moves.
    servers: Vec<SocketAddr>,
    lan: Ipv4Net,
    prefixes: VirtualPrefixes,
}

impl Forwarder {
    pub(super) fn new(servers: Vec<SocketAddr>, lan: Ipv4Net, prefixes: VirtualPrefixes) -> Self {
        Self {
            servers,
            lan,
            prefixes,
        }
    }

    /// The first server's answer that is one.
    pub(super) async fn ask(
        &self,
        query: &Query,
        asked: &Metadata,
        dnssec: bool,
        tcp: bool,
    ) -> Answer {
        let system;
        let servers = if self.servers.is_empty() {
            let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
            system = nameservers(&text, self.lan.addr());
            &system
        } else {
            &self.servers
        };
        let mut failed = Answer::code(ResponseCode::ServFail);
        for &server in servers {
            match timeout(PATIENCE, exchange(server, query, asked, dnssec, tcp)).await {
                // Another server may know better than one that failed.
                Ok(Ok(message)) if message.metadata.response_code == ResponseCode::ServFail => {
                    failed = self.answer(message);
                }
                Ok(Ok(message)) => return self.answer(message),
                Ok(Err(error)) => debug!(%server, %error, "a DNS server failed"),
                Err(_) => debug!(%server, "a DNS server is silent"),
            }
        }
        failed
    }

    fn answer(&self, message: Message) -> Answer {
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
fn nameservers(text: &str, own: Ipv4Addr) -> Vec<SocketAddr> {
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"));
    let servers = lines.filter_map(|rest| parse_server(rest.trim()));
    servers
        .filter(|server| server.ip() != IpAddr::V4(own))
        .take(MAX_SERVERS)
        .collect()
}

async fn exchange(
    server: SocketAddr,
    query: &Query,
    asked: &Metadata,
    dnssec: bool,
    tcp: bool,
) -> io::Result<Message> {
    let question = question(query, asked, dnssec)?;
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let answer = by_udp(server, &question, &bytes).await?;
    if answer.metadata.truncation && tcp {
        by_tcp(server, &question, &bytes).await
    } else {
        Ok(answer)
    }
}

fn question(query: &Query, asked: &Metadata, dnssec: bool) -> io::Result<Message> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    let mut message = Message::new(u16::from_be_bytes(id), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = asked.recursion_desired;
    message.metadata.checking_disabled = asked.checking_disabled;
    message.add_query(query.clone());
    let mut edns = Edns::new();
    edns.set_max_payload(MAX_UDP).set_dnssec_ok(dnssec);
    message.set_edns(edns);
    Ok(message)
}

async fn by_udp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let any = if server.is_ipv4() {
        ANY
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; 4096];
    loop {
        let length = socket.recv(&mut buffer).await?;
        match Message::from_vec(&buffer[..length]) {
            Ok(answer) if answers(&answer, question) => return Ok(answer),
            Ok(_) | Err(_) => debug!(%server, "a datagram that is no answer to our question"),
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes()[..], bytes].concat())
        .await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    let answer = Message::from_vec(&answer).map_err(io::Error::other)?;
    if answers(&answer, question) {
        Ok(answer)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn answers(answer: &Message, question: &Message) -> bool {
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
        question(&query, &metadata, false).unwrap()
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
        let forwarder = Forwarder::new(Vec::new(), "192.168.1.1/24".parse().unwrap(), prefixes);
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
        let kept = forwarder.answer(message).answers;
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
