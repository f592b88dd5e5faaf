//! A coordinator between strangers, three gateways, a relay and the coordinator of another domain: nothing for a stranger that is longer than what
//! came, well-formed messages to nodes, and an identity once acknowledged never changes hands.

use crate::lasting::{self, Slot, World};
use crate::party::Party;
use crate::steps::{Step, span, step};
use ntm_dc::{
    Coordinator, DomainRecord, GatewayRecord, Limits, Output, Record, Reject, RelayRecord, Setup,
    Snapshot,
};
use ntm_proto::address::canonical;
use ntm_proto::cookie::{MAC_LEN, mac, mac1_key};
use ntm_proto::handshake::Purpose;
use ntm_proto::id::{DeviceKey, Fqdn, Identity, Label, NodeId, PathId, VirtualPrefixes};
use ntm_proto::message::*;
use ntm_proto::wire::{Kind, Opening};
use ntm_proto::{MAX_DATAGRAM, Path};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

mod answers;
mod seeds;

pub use seeds::seeds;

const DC: &str = "192.0.2.1:4750";
/// Three gateways and a relay; the third gateway is another account's.
const NODES: [(&str, &str); 4] = [
    ("car", "198.51.100.1:4750"),
    ("home", "198.51.100.2:4750"),
    ("office", "198.51.100.3:4750"),
    ("rs", "203.0.113.30:4750"),
];
const OFFICE: usize = 2;
const RELAY: usize = 3;
/// The coordinator of `other.test` stands behind the nodes.
const OTHER: usize = 4;
const OTHER_ADDRESS: &str = "203.0.113.40:4750";
const OTHER_SEED: u8 = 40;
/// The other coordinator's path id in sessions that ours has started.
const DIALED: PathId = PathId(0x7777_7777);
const STRANGERS: [&str; 6] = [
    "203.0.113.99:1",
    "[2001:db8::99]:4750",
    "127.0.0.1:4750",
    "0.0.0.0:0",
    "[::ffff:203.0.113.99]:1",
    DC,
];
/// New handshakes that one world pays for.
const HANDSHAKES: u32 = 8;
/// First messages with a right mac1 that are read each second; the others want cookies.
const UNPROVEN: u32 = 2;

thread_local! {
    static WORLD: Slot<Domain> = const { RefCell::new(None) };
}

/// One input in a world of its own.
pub fn check(input: &[u8]) {
    lasting::alone::<Domain>(input);
}

/// One input in a world that goes on.
pub fn fuzz(input: &[u8]) {
    lasting::go_on(&WORLD, input);
}

struct Node {
    party: Party,
    address: SocketAddr,
    local: PathId,
    acks: bool,
}

struct Domain {
    dc: Coordinator,
    key: Party,
    mac1_key: [u8; 32],
    nodes: Vec<Node>,
    /// The other coordinator, in the sessions that ours has started.
    dialed: Party,
    found: VecDeque<Fqdn>,
    inbound: VecDeque<Vec<u8>>,
    now: Instant,
    store_works: bool,
    handshakes: u32,
    paths: u32,
    /// The nodes' own ids.
    ids: Vec<NodeId>,
    /// Whose identity: gateway and device key.
    named: BTreeMap<(usize, DeviceKey), Identity>,
    owners: BTreeMap<IpAddr, (usize, DeviceKey)>,
}

impl World for Domain {
    fn new() -> Self {
        let (key, now) = (Party::new(1), Instant::now());
        let limits = Limits {
            devices_per_gateway: 8,
            tunnels_per_gateway: 4,
            pairs_per_tunnel: 4,
            sessions: 64,
            saves: 16,
            handshakes_per_second: UNPROVEN,
            messages_per_second: 10_000,
            ..Limits::default()
        };
        let setup = Setup {
            domain: Fqdn::parse("ntm.test").expect("a name"),
            key: key.key.clone(),
            prefixes: VirtualPrefixes {
                v4: "198.18.0.0/24".parse().expect("a range"),
                v6: "fd12:3456:789a::/48".parse().expect("a range"),
            },
            limits,
        };
        let snapshot = Snapshot {
            groups: vec![("g".to_owned(), 1), ("g".to_owned(), 2)],
            foreign: vec![("g".to_owned(), Fqdn::parse("other.test").expect("a name"))],
            domains: vec![DomainRecord {
                domain: Fqdn::parse("other.test").expect("a name"),
                key: Party::new(OTHER_SEED).public(),
                address: None,
            }],
            ..Snapshot::default()
        };
        let mut world = Self {
            dc: Coordinator::new(setup, snapshot, [2; 32], now),
            mac1_key: mac1_key(&key.public()),
            key,
            nodes: Vec::new(),
            dialed: Party::new(OTHER_SEED),
            found: VecDeque::new(),
            inbound: VecDeque::new(),
            now,
            store_works: true,
            handshakes: 0,
            paths: 0,
            ids: Vec::new(),
            named: BTreeMap::new(),
            owners: BTreeMap::new(),
        };
        for at in 0..NODES.len() {
            world.enrol(at);
        }
        world.nodes.push(Node {
            party: Party::new(OTHER_SEED),
            address: OTHER_ADDRESS.parse().expect("an address"),
            local: PathId::NONE,
            acks: true,
        });
        for at in 0..=OTHER {
            // The rate of unproven handshakes starts anew.
            world.wait(7);
            world.connect(at);
            if at < OTHER {
                world.register(at);
            }
        }
        let online = world.dc.nodes().iter().filter(|node| node.online).count();
        assert_eq!(online, 3, "the gateways are registered");
        world
    }

    fn step(&mut self, step: Step<'_>) {
        let at = usize::from(step.which & 7) % (OTHER + 1);
        match step.what % 8 {
            0 => self.stranger(step.which, step.bytes),
            1 => self.first_message(step.which, step.bytes),
            2 => self.says(at, step.which, step.bytes),
            3 => self.wait(step.which),
            4 => self.store_works = step.which & 1 == 0,
            5 => {
                let address = self.nodes[at].address;
                let _ = self.unproven(address, step.bytes);
            }
            6 => self.nodes[at].acks = step.which & 8 == 0,
            _ => self.look_up(step.bytes),
        }
    }

    fn is_over(&self) -> bool {
        self.handshakes >= HANDSHAKES
    }
}

impl Domain {
    fn enrol(&mut self, at: usize) {
        let party = Party::new(10 + at as u8);
        let (name, address) = NODES[at];
        let (node, vip4, vip6) = self.dc.reserve_identity().expect("there is room");
        let (name, key) = (Label::parse(name).expect("a name"), party.public());
        let record = if at == RELAY {
            Record::Relay(RelayRecord {
                node,
                name,
                key,
                epoch: 0,
                instance: None,
                last_address: None,
            })
        } else {
            let account = if at == OFFICE { 3 } else { 1 + at as i64 };
            Record::Gateway(GatewayRecord {
                node,
                account,
                name,
                key,
                epoch: 0,
                instance: None,
                vip4,
                vip6,
                last_address: None,
            })
        };
        self.dc.node_enrolled(record);
        self.ids.push(node);
        let address = address.parse().expect("an address");
        self.nodes.push(Node {
            party,
            address,
            local: PathId::NONE,
            acks: true,
        });
    }

    fn connect(&mut self, at: usize) {
        self.paths += 1;
        let local = PathId(self.paths << 8 | at as u32);
        let public = self.key.public();
        let node = &mut self.nodes[at];
        node.local = local;
        let (mut pending, init) =
            node.party
                .start(Purpose::Control, &public, PathId::NONE, local, &[]);
        let address = node.address;
        let _ = self.dc.handle_datagram(path(address), &init, self.now);
        let mut response = None;
        while let Some(output) = self.dc.poll_output() {
            if let Output::Send { path, datagram } = output
                && path.remote == address
            {
                response = Some(datagram);
            }
        }
        if let Some(response) = response {
            self.nodes[at]
                .party
                .finish(&mut pending, &response, 0, self.now);
        }
    }

    fn register(&mut self, at: usize) {
        let (instance, address) = ([at as u8; 8], self.nodes[at].address);
        let message = if at == RELAY {
            let addresses = vec![address];
            Message::RelayRegistration(RelayRegistration {
                request: 1,
                instance,
                addresses,
                paths: 0,
                capacity: 8,
                release: ntm_proto::release::Release::OURS,
            })
        } else {
            let addresses = vec![WanAddress { wan: 0, address }];
            Message::RegistrationRequest(RegistrationRequest {
                request: 1,
                instance,
                addresses,
            })
        };
        self.says(at, 0, &message.encode());
    }

    /// A node says something in its session; `which` may make it come from elsewhere.
    fn says(&mut self, at: usize, which: u8, plain: &[u8]) {
        let sealed = self.nodes[at].party.seal(Kind::Control, plain, self.now);
        let sealed = match sealed {
            Some(sealed) => sealed,
            None if self.handshakes < HANDSHAKES => {
                self.handshakes += 1;
                self.connect(at);
                let Some(sealed) = self.nodes[at].party.seal(Kind::Control, plain, self.now) else {
                    return;
                };
                sealed
            }
            None => return,
        };
        let mut from = self.nodes[at].address;
        if which & 0x80 != 0 {
            from.set_port(u16::from(which));
        }
        let _ = self.dc.handle_datagram(path(from), &sealed, self.now);
        self.drain();
    }

    fn stranger(&mut self, which: u8, datagram: &[u8]) {
        let remote = STRANGERS[usize::from(which) % STRANGERS.len()];
        let remote: SocketAddr = remote.parse().expect("an address");
        let taken = self.unproven(remote, datagram);
        assert!(taken.is_err(), "nothing of a stranger has an effect");
    }

    /// A datagram that nobody sealed, whoever its source says it is from: one answer at most, to that source, and no
    /// byte more than came, wherever to.
    fn unproven(&mut self, remote: SocketAddr, datagram: &[u8]) -> Result<(), Reject> {
        let taken = self.dc.handle_datagram(path(remote), datagram, self.now);
        let sent = self.drain();
        let from = SocketAddr::new(canonical(remote.ip()), remote.port());
        assert!(sent.len() <= 1, "one answer at most: {sent:?}");
        for (to, length) in sent {
            assert_eq!(SocketAddr::new(canonical(to.ip()), to.port()), from);
            assert!(length <= datagram.len(), "{length} for {}", datagram.len());
        }
        taken
    }

    /// What anybody can make who knows the DC's public key.
    fn first_message(&mut self, which: u8, bytes: &[u8]) {
        let mut datagram = bytes.to_vec();
        if let Some(to_mac1) = datagram.len().checked_sub(2 * MAC_LEN) {
            let mac1 = mac(&self.mac1_key, &[&datagram[..to_mac1]]);
            datagram[to_mac1..to_mac1 + MAC_LEN].copy_from_slice(&mac1);
        }
        self.stranger(which, &datagram);
    }

    fn wait(&mut self, which: u8) {
        let until = self.now + span(which);
        let mut wakes = 0;
        while let Some(at) = self.dc.poll_timeout().filter(|at| *at <= until) {
            wakes += 1;
            assert!(wakes < 2000, "wakes up for nothing");
            self.now = self.now.max(at);
            self.dc.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn look_up(&self, bytes: &[u8]) {
        let Some(name) = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| Fqdn::parse(text).ok())
        else {
            return;
        };
        let found = self.dc.lookup_name(&name);
        if let ntm_dc::Found::Identity(identity) = found {
            assert_eq!(identity.name, name);
            assert_eq!(
                self.dc.lookup_address(identity.vip4.into()),
                Some(name.clone())
            );
            assert_eq!(
                self.dc.lookup_address(identity.vip6.into()),
                Some(name.clone())
            );
            assert_eq!(self.dc.ntm_record(&name).map(|data| data.len()), Some(65));
        }
    }
}

fn path(remote: SocketAddr) -> Path {
    Path {
        local: DC.parse().expect("an address"),
        remote,
    }
}
