//! One server and its clients under a virtual clock: whole messages in, whole outputs out, at given milliseconds.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of it"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "a virtual clock starts somewhere"
)]

use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder};
use lan_dhcp::{Config, DhcpServer, Lease, Mac, Output, Reject, StaticLease};
use ntm_proto::id::{Fqdn, Label};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
pub const DISCOVER: u8 = 1;
pub const REQUEST: u8 = 3;
pub const DECLINE: u8 = 4;
pub const RELEASE: u8 = 7;
pub const INFORM: u8 = 8;

pub fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 1, last)
}

pub fn mac(number: u8) -> Mac {
    [2, 0, 0x5e, 0, 0, number]
}

pub fn label(text: &str) -> Option<Label> {
    Some(Label::parse(text).unwrap())
}

pub fn config() -> Config {
    Config {
        server: SERVER,
        prefix_len: 24,
        first: host(100),
        last: host(109),
        router: SERVER,
        dns: vec![SERVER, host(2)],
        domain: Some(Fqdn::parse("home.example.net").unwrap()),
        search: vec![
            Fqdn::parse("home.example.net").unwrap(),
            Fqdn::parse("example.net").unwrap(),
        ],
        lease_time: Duration::from_secs(3600),
        static_leases: vec![StaticLease {
            mac: mac(200),
            address: host(10),
            hostname: label("printer"),
        }],
        max_leases: 10,
    }
}

/// A client's message, byte by byte: the server must not be tested with the library it uses.
#[derive(Clone)]
pub struct Ask {
    bytes: Vec<u8>,
}

impl Ask {
    pub fn new(kind: u8, mac: Mac) -> Self {
        let mut bytes = vec![0; 240];
        bytes[..4].copy_from_slice(&[1, 1, 6, 0]);
        bytes[4..8].copy_from_slice(&[0xca, 0xfe, kind, mac[5]]);
        bytes[28..34].copy_from_slice(&mac);
        bytes[236..].copy_from_slice(&[99, 130, 83, 99]);
        Self { bytes }.option(53, &[kind])
    }

    pub fn option(mut self, code: u8, data: &[u8]) -> Self {
        for chunk in data.chunks(255) {
            self.bytes.extend([code, chunk.len() as u8]);
            self.bytes.extend(chunk);
        }
        self
    }

    pub fn field(mut self, offset: usize, data: &[u8]) -> Self {
        self.bytes[offset..offset + data.len()].copy_from_slice(data);
        self
    }

    pub fn ciaddr(self, address: Ipv4Addr) -> Self {
        self.field(12, &address.octets())
    }

    pub fn requested(self, address: Ipv4Addr) -> Self {
        self.option(50, &address.octets())
    }

    pub fn server(self, address: Ipv4Addr) -> Self {
        self.option(54, &address.octets())
    }

    pub fn named(self, name: &str) -> Self {
        self.option(12, name.as_bytes())
    }

    pub fn bytes(mut self) -> Vec<u8> {
        self.bytes.push(255);
        self.bytes
    }
}

/// What came out, made easy to compare.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    Offer(Ipv4Addr),
    Ack(Ipv4Addr),
    Nak,
    Probe(Ipv4Addr),
    Changed(u8, Ipv4Addr, Option<String>),
    Ended(u8, Ipv4Addr),
    Save,
}

pub struct Lan {
    pub server: DhcpServer,
    pub start: Instant,
    /// The last message sent, whole.
    pub sent: Option<(Message, SocketAddrV4)>,
    /// And its bytes.
    pub raw: Vec<u8>,
}

impl Lan {
    pub fn new(config: Config) -> Self {
        let start = Instant::now();
        Self {
            server: DhcpServer::new(config).unwrap(),
            start,
            sent: None,
            raw: Vec::new(),
        }
    }

    pub fn now(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// A client's message at `ms`, and all that comes of it at that time.
    pub fn ask(&mut self, ms: u64, ask: Ask) -> Vec<Out> {
        assert_eq!(
            self.server.handle_datagram(&ask.bytes(), self.now(ms)),
            Ok(())
        );
        self.drain()
    }

    pub fn refused(&mut self, ms: u64, ask: Ask) -> Reject {
        let reject = self
            .server
            .handle_datagram(&ask.bytes(), self.now(ms))
            .unwrap_err();
        assert_eq!(self.drain(), [], "a refused message has no answer");
        reject
    }

    /// Sleeps until `ms` as a shell does: wakes whenever the server asks for it.
    pub fn sleep_until(&mut self, ms: u64) -> Vec<Out> {
        let until = self.now(ms);
        while let Some(at) = self.server.poll_timeout().filter(|&at| at <= until) {
            self.server.handle_timeout(at);
        }
        self.drain()
    }

    /// RELEASE, and all that comes of it until nobody answered a ping at the address. Takes a second and a half.
    pub fn leave(&mut self, ms: u64, mac: Mac, address: Ipv4Addr) -> Vec<Out> {
        let release = Ask::new(RELEASE, mac).ciaddr(address).server(SERVER);
        assert_eq!(self.ask(ms, release), []);
        let outs = self.sleep_until(ms + 1500);
        outs.into_iter()
            .filter(|out| *out != Out::Probe(address))
            .collect()
    }

    pub fn probe_answered(&mut self, ms: u64, address: Ipv4Addr) -> Vec<Out> {
        self.server.handle_probe_reply(address, self.now(ms));
        self.drain()
    }

    /// DISCOVER to ACK for a new client; its address. Takes a second.
    pub fn join(&mut self, ms: u64, mac: Mac) -> Ipv4Addr {
        self.ask(ms, Ask::new(DISCOVER, mac));
        let address = self.sleep_until(ms + 500).iter().find_map(|out| match out {
            Out::Offer(address) => Some(*address),
            Out::Ack(_)
            | Out::Nak
            | Out::Probe(_)
            | Out::Changed(..)
            | Out::Ended(..)
            | Out::Save => None,
        });
        let address = address.expect("an offer when the probe is over");
        let outs = self.ask(
            ms + 600,
            Ask::new(REQUEST, mac).requested(address).server(SERVER),
        );
        assert_eq!(outs.last(), Some(&Out::Ack(address)));
        address
    }

    pub fn drain(&mut self) -> Vec<Out> {
        let mut outs = Vec::new();
        while let Some(output) = self.server.poll_output() {
            outs.push(self.describe(output));
        }
        outs
    }

    fn describe(&mut self, output: Output) -> Out {
        let name = |lease: &Lease| lease.hostname.as_ref().map(ToString::to_string);
        match output {
            Output::Probe(address) => Out::Probe(address),
            Output::Save => Out::Save,
            Output::LeaseChanged(lease) => Out::Changed(lease.mac[5], lease.address, name(&lease)),
            Output::LeaseEnded(lease) => Out::Ended(lease.mac[5], lease.address),
            Output::Send { datagram, to } => {
                assert!(datagram.len() >= 300 && to.port() == 68);
                let message = Message::decode(&mut Decoder::new(&datagram)).unwrap();
                let out = match message.opts().msg_type() {
                    Some(MessageType::Offer) => Out::Offer(message.yiaddr()),
                    Some(MessageType::Ack) => Out::Ack(message.yiaddr()),
                    Some(MessageType::Nak) => Out::Nak,
                    other => panic!("a server never sends {other:?}"),
                };
                self.sent = Some((message, to));
                self.raw = datagram;
                out
            }
        }
    }

    /// An option of the last message sent.
    pub fn sent_option(&self, code: OptionCode) -> Option<&DhcpOption> {
        self.sent.as_ref().unwrap().0.opts().get(code)
    }

    pub fn sent_to(&self) -> Ipv4Addr {
        *self.sent.as_ref().unwrap().1.ip()
    }

    pub fn rejected(&self, reject: Reject) -> u64 {
        self.server
            .rejects()
            .find(|&(reason, _)| reason == reject)
            .unwrap()
            .1
    }
}
