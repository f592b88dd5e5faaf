//! A relay between strangers, two ends and a DC: it sends nothing to a stranger that is longer than what came, and
//! forwards only to addresses that proved themselves.

use crate::lasting::{self, Slot, World};
use crate::party::Party;
use crate::steps::{Step, span, step};
use ntm_proto::address::canonical;
use ntm_proto::bind::{Binding, LegKey};
use ntm_proto::handshake::Purpose;
use ntm_proto::id::{PathId, TunnelId};
use ntm_proto::message::{Leg, Message, RegistrationResponse, RelayDirection};
use ntm_proto::wire::{Kind, Opening};
use ntm_proto::{Forward, Path};
use ntm_relay::{Limits, Output, Relay, Setup};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

const RELAY4: &str = "203.0.113.30:4750";
const RELAY6: &str = "[2001:db8::30]:4750";
const DC: &str = "203.0.113.10:4750";
/// Who sends: two ends that move, strangers, and addresses that nobody may have.
const SOURCES: [&str; 12] = [
    "198.51.100.1:4750",
    "198.51.100.2:4750",
    "[2001:db8:1::1]:4750",
    "[2001:db8:1::2]:999",
    "192.168.1.7:1",
    "[::ffff:198.51.100.1]:4750",
    "127.0.0.1:4750",
    "0.0.0.0:0",
    "[fe80::1]:4750",
    "255.255.255.255:4750",
    RELAY4,
    "198.51.100.3:4750",
];
/// Handshakes with its DC that one world pays for.
const HANDSHAKES: u32 = 4;

thread_local! {
    static WORLD: Slot<Relaying> = const { RefCell::new(None) };
}

/// One input in a world of its own.
pub fn check(input: &[u8]) {
    lasting::alone::<Relaying>(input);
}

/// One input in a world that goes on.
pub fn fuzz(input: &[u8]) {
    lasting::go_on(&WORLD, input);
}

struct Relaying {
    relay: Relay,
    dc: Party,
    now: Instant,
    handshakes: u32,
    challenge: [u8; 16],
    bound: BTreeSet<SocketAddr>,
}

impl World for Relaying {
    fn new() -> Self {
        let (key, dc, now) = (Party::new(1).key, Party::new(2), Instant::now());
        let parse = |text: &str| text.parse().expect("an address");
        let setup = Setup {
            key,
            dc_key: dc.public(),
            dc_addresses: vec![parse(DC)],
            addresses: vec![parse(RELAY4), parse(RELAY6)],
            instance: [3; 8],
            limits: Limits {
                paths: 4,
                ..Limits::default()
            },
        };
        let mut world = Self {
            relay: Relay::new(setup, [4; 32], now),
            dc,
            now,
            handshakes: 0,
            challenge: [0; 16],
            bound: BTreeSet::new(),
        };
        world.drain();
        world
    }

    fn step(&mut self, step: Step<'_>) {
        match step.what % 6 {
            0 => self.datagram(source(step.which), step.bytes),
            1 => self.datagram(parse(DC), step.bytes),
            2 => self.dc_says(step.bytes),
            3 => self.binding(step),
            4 => self.wait(step.which),
            _ => self.direct(step),
        }
    }

    fn is_over(&self) -> bool {
        self.handshakes > HANDSHAKES
    }
}

impl Relaying {
    fn datagram(&mut self, remote: SocketAddr, datagram: &[u8]) {
        let outcome = self.relay.handle_datagram(path(remote), datagram, self.now);
        match outcome {
            Ok(Forward::Udp(to)) => {
                let kind = Opening::decode(datagram).expect("forwarded").kind;
                assert!(kind.is_forwarded(), "{kind:?} is for the relay alone");
                assert!(
                    self.bound.contains(&to.remote),
                    "{} never proved itself",
                    to.remote
                );
                let from = SocketAddr::new(canonical(remote.ip()), remote.port());
                assert!(self.bound.contains(&from), "nor did {from}");
            }
            Ok(Forward::Tun) => panic!("a relay has no TUN interface"),
            Ok(Forward::Nowhere) | Err(_) => {}
        }
        let sent = self.drain();
        if canonical(remote.ip()) != parse(DC).ip() {
            assert!(sent.len() <= 1, "one answer at most");
            for (to, length) in sent {
                assert_eq!(to, SocketAddr::new(canonical(remote.ip()), remote.port()));
                assert!(
                    length <= datagram.len(),
                    "{length} bytes for {}",
                    datagram.len()
                );
            }
        }
    }

    fn dc_says(&mut self, plain: &[u8]) {
        if let Some(datagram) = self.dc.seal(Kind::Control, plain, self.now) {
            self.datagram(parse(DC), &datagram);
        }
    }

    /// A binding message whose mac is right: the fuzzer chooses all else.
    fn binding(&mut self, step: Step<'_>) {
        let byte = |at: usize| step.bytes.get(at).copied().unwrap_or_default();
        let kind = match byte(0) % 4 {
            0 => Kind::RelayConfirm,
            1 => Kind::RelayBound,
            2 => Kind::RelayChallenge,
            _ => Kind::RelayBind,
        };
        let challenge = if byte(1) & 0x80 == 0 {
            self.challenge
        } else {
            [byte(3); 16]
        };
        let binding = Binding {
            kind,
            path: PathId(u32::from(byte(1) & 7)),
            nonce: [byte(2); 8],
            challenge,
            observed: (kind == Kind::RelayBound).then(|| source(byte(4))),
        };
        self.datagram(source(step.which), &binding.encode(&key(binding.path)));
    }

    /// The DC announces a path.
    fn direct(&mut self, step: Step<'_>) {
        let byte = |at: usize| step.bytes.get(at).copied().unwrap_or_default();
        let (one, other) = (
            PathId(u32::from(byte(1) & 7)),
            PathId(u32::from(byte(2) & 7)),
        );
        let mut direction = direction(u32::from(byte(3)), one, other);
        direction.tunnel = TunnelId([byte(0) & 7; 16]);
        self.dc_says(&Message::RelayDirection(direction).encode());
    }

    fn wait(&mut self, which: u8) {
        let until = self.now + span(which);
        let mut wakes = 0;
        while let Some(at) = self.relay.poll_timeout().filter(|at| *at <= until) {
            wakes += 1;
            assert!(wakes < 1000, "wakes up for nothing");
            self.now = self.now.max(at);
            self.relay.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
        if which & 0x40 != 0 {
            assert!(self.relay.status(self.now).paths.len() <= 4);
        }
    }

    /// Does what the relay wants done; what it sent to others than the DC.
    fn drain(&mut self) -> Vec<(SocketAddr, usize)> {
        let mut sent = Vec::new();
        while let Some(output) = self.relay.poll_output() {
            let Output::Send { path, datagram } = output else {
                continue;
            };
            if path.remote == parse(DC) {
                self.at_the_dc(&datagram);
                continue;
            }
            if let Ok(binding) = Binding::decode(&datagram) {
                self.challenge = binding.challenge;
                self.bound.extend(binding.observed);
            }
            sent.push((path.remote, datagram.len()));
        }
        sent
    }

    fn at_the_dc(&mut self, datagram: &[u8]) {
        let opening = Opening::decode(datagram).expect("a relay's own datagram");
        let answer = if opening.kind == Kind::HandshakeInit {
            self.handshakes += 1;
            (self.handshakes <= HANDSHAKES)
                .then(|| {
                    self.dc
                        .answer(Purpose::Control, datagram, PathId(42), self.now)
                })
                .flatten()
        } else {
            let Some(plain) = self.dc.open(datagram, self.now) else {
                return;
            };
            let message = Message::decode(&plain).expect("a relay's own message");
            let Message::RelayRegistration(registration) = message else {
                return;
            };
            let response = RegistrationResponse {
                request: registration.request,
                epoch: 1,
                lifetime: 60,
                observed: parse(RELAY4),
            };
            let plain = Message::RegistrationResponse(response).encode();
            self.dc.seal(Kind::Control, &plain, self.now)
        };
        if let Some(answer) = answer {
            let taken = self
                .relay
                .handle_datagram(path(parse(DC)), &answer, self.now);
            assert!(taken.is_ok(), "{taken:?}");
        }
    }
}

/// A Relay Direction for the path between `one` and `other`.
pub(crate) fn direction(sequence: u32, one: PathId, other: PathId) -> RelayDirection {
    let leg = |path| Leg {
        path,
        key: key(path),
    };
    RelayDirection {
        sequence,
        tunnel: TunnelId([7; 16]),
        one: leg(one),
        other: leg(other),
    }
}

fn key(path: PathId) -> LegKey {
    LegKey([path.0 as u8; 32])
}

fn source(which: u8) -> SocketAddr {
    parse(SOURCES[usize::from(which) % SOURCES.len()])
}

fn path(remote: SocketAddr) -> Path {
    let local = parse(if remote.is_ipv4() { RELAY4 } else { RELAY6 });
    Path { local, remote }
}

fn parse(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A path announced, bound, used, moved and closed; strangers; a DC that says odd things.
pub fn seeds() -> Vec<Vec<u8>> {
    let data = |kind, receiver| {
        let opening = Opening {
            kind,
            generation: 0,
            receiver: PathId(receiver),
        };
        [&opening.encode()[..], &[7; 60]].concat()
    };
    let bind = |from: u8, id: u8| [step(3, from, &[3, id, 9]), step(3, from, &[0, id, 9])].concat();
    let up = [step(5, 0, &[1, 1, 2, 1]), bind(0, 1), bind(2, 2)].concat();
    let closed = Message::TunnelClosed(ntm_proto::message::TunnelClosed {
        tunnel: TunnelId([1; 16]),
        sequence: 1,
    });
    vec![
        [
            &up[..],
            &step(0, 0, &data(Kind::Data, 2)),
            &step(0, 2, &data(Kind::Control, 1)),
        ]
        .concat(),
        [
            &up[..],
            &bind(1, 1),
            &step(0, 1, &data(Kind::Data, 2)),
            &step(0, 0, &data(Kind::Data, 2)),
        ]
        .concat(),
        [
            &up[..],
            &step(2, 0, &closed.encode()),
            &step(0, 0, &data(Kind::Data, 2)),
        ]
        .concat(),
        [
            &up[..],
            &step(4, 0xff, &[]),
            &step(4, 0xff, &[]),
            &step(0, 0, &data(Kind::Data, 2)),
        ]
        .concat(),
        [
            step(3, 4, &[3, 5, 1]),
            step(3, 6, &[3, 5, 1]),
            step(3, 10, &[3, 5, 1]),
        ]
        .concat(),
        [
            step(1, 0, &data(Kind::Notice, 42)),
            step(1, 0, &data(Kind::CookieReply, 1)),
        ]
        .concat(),
        crate::message::seeds()
            .iter()
            .flat_map(|plain| step(2, 0, plain))
            .collect(),
        [
            step(5, 0, &[1, 1, 2, 1]),
            step(5, 0, &[2, 2, 3, 2]),
            step(5, 0, &[1, 3, 3, 3]),
        ]
        .concat(),
    ]
}
