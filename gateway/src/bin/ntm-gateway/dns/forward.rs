//! Names that are not ours, asked of the network's own DNS servers, one after the other.
//!
//! Against forged answers: each question leaves from a fresh port with a random number to one server, and the answer
//! must come from there and repeat number and question (RFC 5452). An answer for a foreign name cannot point into
//! the virtual range, the LAN or the asking host itself: a web page must not reach a device by rebinding its own name.

use crate::udp::ANY;
use hickory_proto::op::{Message, Metadata, Query, ResponseCode};
use ipnet::Ipv4Net;
use ntm_gateway::dns::answer::Answer;
use ntm_gateway::dns::foreign::{Inside, answers, nameservers, question};
use ntm_proto::id::VirtualPrefixes;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tracing::debug;

/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Forwarder {
    /// Empty: those in /etc/resolv.conf, which change as the router moves.
    servers: Vec<SocketAddr>,
    inside: Inside,
}

impl Forwarder {
    pub(super) fn new(servers: Vec<SocketAddr>, lan: Ipv4Net, prefixes: VirtualPrefixes) -> Self {
        Self {
            servers,
            inside: Inside { lan, prefixes },
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
            system = nameservers(&text, self.inside.lan.addr());
            &system
        } else {
            &self.servers
        };
        let mut failed = Answer::code(ResponseCode::ServFail);
        for &server in servers {
            match timeout(PATIENCE, exchange(server, query, asked, dnssec, tcp)).await {
                // Another server may know better than one that failed.
                Ok(Ok(message)) if message.metadata.response_code == ResponseCode::ServFail => {
                    failed = self.inside.answer(message);
                }
                Ok(Ok(message)) => return self.inside.answer(message),
                Ok(Err(error)) => debug!(%server, %error, "a DNS server failed"),
                Err(_) => debug!(%server, "a DNS server is silent"),
            }
        }
        failed
    }
}

async fn exchange(
    server: SocketAddr,
    query: &Query,
    asked: &Metadata,
    dnssec: bool,
    tcp: bool,
) -> io::Result<Message> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    let question = question(u16::from_be_bytes(id), query, asked, dnssec);
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let answer = by_udp(server, &question, &bytes).await?;
    if answer.metadata.truncation && tcp {
        by_tcp(server, &question, &bytes).await
    } else {
        Ok(answer)
    }
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
