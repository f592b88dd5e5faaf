//! A gateway between its LAN, a DC that names whomever it likes, a peer that says whatever it likes, a relay and
//! strangers: only what was directed is carried, no LAN address leaves, every question gets one answer.

use crate::lasting::{self, Slot, World};
use crate::party::Party;
use crate::steps::{Step, span, step};
use ntm_gateway::{Gateway, LanDevice, Limits, Output, Setup, Wan};
use ntm_proto::address::canonical;
use ntm_proto::bind::{Binding, LegKey};
use ntm_proto::cookie::{MAC_LEN, mac, mac1_key};
use ntm_proto::handshake::{Purpose, TunnelOffer};
use ntm_proto::id::{DeviceKey, Fqdn, Identity, Label, NodeId, PathId, TunnelId, VirtualPrefixes};
use ntm_proto::ip::Ipv4View;
use ntm_proto::message::*;
use ntm_proto::wire::{HEADER_LEN, Kind, Opening};
use ntm_proto::{Forward, Path};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

mod answers;
mod rules;
mod said;
mod seeds;

pub use seeds::seeds;

const WAN4: &str = "198.51.100.20:4750";
const WAN6: &str = "[2001:db8:2::20]:4750";
const DC: &str = "203.0.113.10:4750";
const PEER: &str = "198.51.100.30:4750";
const RELAY: &str = "203.0.113.30:4750";
const STRANGERS: [&str; 6] = [
    "192.0.2.66:66",
    "[2001:db8:6::66]:66",
    "127.0.0.1:4750",
    "[::ffff:192.0.2.66]:66",
    "0.0.0.0:0",
    RELAY,
];
const OWN: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
pub(crate) const LAPTOP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
const CAMERA: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 30);
const LOCAL_PATH: PathId = PathId(0x1111);
const PEER_PATH: PathId = PathId(0x2222);
const DC_PATH: PathId = PathId(42);
const TUNNEL: TunnelId = TunnelId([7; 16]);
const LEG: LegKey = LegKey([5; 32]);
/// Handshakes that one world pays for, with the DC and with the peer.
const HANDSHAKES: u32 = 6;
/// How long the gateway lets a device, or who pings, wait for an answer.
const QUESTION: Duration = Duration::from_millis(4500);
const PING: Duration = Duration::from_secs(5);
/// First messages with a right mac1 that one world pays for.
const REQUESTS: u32 = 6;

thread_local! {
    static WORLD: Slot<Car> = const { RefCell::new(None) };
}

/// One input in a world of its own.
pub fn check(input: &[u8]) {
    lasting::alone::<Car>(input);
}

/// One input in a world that goes on.
pub fn fuzz(input: &[u8]) {
    lasting::go_on(&WORLD, input);
}

/// Where a packet that is delivered came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Tunnel,
    Lan,
    /// It waited, for one or the other.
    Either,
}

/// The gateway `car` and all around it.
pub(crate) struct Car {
    pub(crate) gateway: Gateway,
    pub(crate) now: Instant,
    dc: Party,
    peer: Party,
    mac1_key: [u8; 32],
    inbound: VecDeque<(SocketAddr, Vec<u8>)>,
    handshakes: u32,
    requests: u32,
    nonce: [u8; 8],
    peer_response: Option<Vec<u8>>,
    /// Addresses the DC gave to devices here.
    vips: BTreeSet<Ipv4Addr>,
    given: Vec<(DeviceKey, Ipv4Addr)>,
    /// What the DC ever directed: our device's address, and the remote one's in the tunnel or its name elsewhere.
    directed: BTreeSet<(Ipv4Addr, Ipv4Addr)>,
    /// Where the DC said that peers and relays are.
    known: BTreeSet<SocketAddr>,
    elsewhere: BTreeSet<(Ipv4Addr, Fqdn)>,
    /// As it is in the tunnel, of both kinds.
    carried: BTreeSet<(Ipv4Addr, Ipv4Addr)>,
    /// Where each device was seen last, and who was seen last at each address.
    seen: BTreeMap<[u8; 6], Ipv4Addr>,
    owners: BTreeMap<Ipv4Addr, [u8; 6]>,
    asked: u64,
    /// When each question has to be answered at the latest.
    unanswered: BTreeMap<u64, Instant>,
    out: Vec<u8>,
}

impl World for Car {
    fn new() -> Self {
        let (key, dc, peer, now) = (
            Party::new(1).key,
            Party::new(2),
            Party::new(3),
            Instant::now(),
        );
        let name = Fqdn::parse("car.ntm.test").expect("a name");
        let setup = Setup {
            node: node(1),
            domain: name.parent().expect("two more labels"),
            name,
            dc_key: dc.public(),
            dc_addresses: vec![parse(DC)],
            prefixes: VirtualPrefixes {
                v4: "198.18.0.0/15".parse().expect("a range"),
                v6: "fd00:1::/48".parse().expect("a range"),
            },
            vip4: OWN,
            vip6: "fd00:1::1".parse().expect("an address"),
            instance: [1; 8],
            aes: true,
            limits: Limits {
                mtu: 1440,
                devices: 6,
                peers: 4,
                pairs: 16,
                directions: 8,
                waiting_packets: 4,
                memory: 64 << 10,
                hold: 8 << 10,
                questions: 8,
                aliases: 4,
                resend: 16 << 10,
                outage: Duration::from_secs(900),
                idle: Duration::from_secs(600),
            },
            key: key.clone(),
        };
        let mut world = Self {
            mac1_key: mac1_key(&key.public()),
            gateway: Gateway::new(setup, [9; 32], now),
            now,
            dc,
            peer,
            inbound: VecDeque::new(),
            handshakes: 0,
            requests: 0,
            nonce: [0; 8],
            peer_response: None,
            vips: BTreeSet::from([OWN]),
            given: Vec::new(),
            directed: BTreeSet::new(),
            known: BTreeSet::new(),
            elsewhere: BTreeSet::new(),
            carried: BTreeSet::new(),
            seen: BTreeMap::new(),
            owners: BTreeMap::new(),
            asked: 0,
            unanswered: BTreeMap::new(),
            out: Vec::new(),
        };
        world.wans(3);
        world.device(10, b"laptop");
        world.device(11, b"printer");
        world.dc_says(&Message::RouteDirection(Box::new(direction(true))).encode());
        world.wait(7);
        let (mut out, packet) = (Vec::new(), udp(LAPTOP, CAMERA));
        let sent = world
            .gateway
            .handle_packet(&packet, &mut out, now + span(7));
        assert!(
            matches!(sent, Ok(Forward::Udp(_))),
            "the tunnel is up: {sent:?}"
        );
        assert!(world.check_sent(&packet, &out), "the peer can open it");
        world
    }

    fn step(&mut self, step: Step<'_>) {
        match step.what % 14 {
            0 => self.stranger(step.which, step.bytes),
            1 => self.unproven(parse(DC), step.bytes),
            2 => self.dc_says(step.bytes),
            3 => self.peer_says(Kind::Control, step),
            4 => self.peer_says(Kind::Data, step),
            5 => self.packet(step.bytes),
            6 => self.wait(step.which),
            7 => self.device(step.which, step.bytes),
            8 => self.resolve(step),
            9 => self.binding(step),
            10 => self.wans(step.which),
            11 => self.request(step),
            12 => self.unproven(parse(PEER), step.bytes),
            _ => self.device_gone(step.which),
        }
    }

    fn is_over(&self) -> bool {
        self.handshakes > HANDSHAKES
    }
}

impl Car {
    /// A datagram from `remote`, and all that comes of it.
    fn datagram(&mut self, remote: SocketAddr, datagram: &[u8]) -> Vec<(SocketAddr, usize)> {
        self.take(remote, datagram);
        self.drain()
    }

    fn take(&mut self, remote: SocketAddr, datagram: &[u8]) {
        let mut datagram = datagram.to_vec();
        let taken = self
            .gateway
            .handle_datagram(path(remote), &mut datagram, self.now);
        if let Ok(Some(packet)) = taken {
            self.check_delivered(&datagram[packet], Side::Tunnel);
        }
    }
}

fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(canonical(address.ip()), address.port())
}

/// A MAC address as the gateway shows it.
fn text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// The direction to the camera behind `home`, for the laptop.
pub(crate) fn direction(relayed: bool) -> RouteDirection {
    RouteDirection {
        sequence: 1,
        request: 0,
        tunnel: TUNNEL,
        peer: node(2),
        peer_name: Fqdn::parse("home.ntm.test").expect("a name"),
        peer_key: Party::new(3).public(),
        peer_epoch: 1,
        initiator: true,
        local_path: LOCAL_PATH,
        peer_path: PEER_PATH,
        why: Why::OneNat,
        candidates: vec![parse(PEER)],
        relay: relayed.then(|| RelayLeg {
            relay: node(3),
            addresses: vec![parse(RELAY)],
            key: LEG,
        }),
        local: node(101),
        remote: Identity {
            node: node(4),
            name: Fqdn::parse("camera.home.ntm.test").expect("a name"),
            vip4: CAMERA,
            vip6: "fd00:1::30".parse().expect("an address"),
        },
    }
}

/// A UDP packet with right checksums.
pub(crate) fn udp(from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0];
    packet.extend(from.octets().into_iter().chain(to.octets()));
    let header = ntm_proto::ip::checksum(&packet, 0);
    packet[10..12].copy_from_slice(&header.to_be_bytes());
    packet.extend([0, 53, 0, 99, 0, 12, 0, 0, b'd', b'a', b't', b'a']);
    let pseudo = u32::from(!ntm_proto::ip::checksum(&packet[12..20], 0)) + 17 + 12;
    let sum = ntm_proto::ip::checksum(&packet[20..], pseudo);
    packet[26..28].copy_from_slice(&sum.to_be_bytes());
    packet
}

fn is_virtual(address: Ipv4Addr) -> bool {
    address.octets()[0] == 198 && address.octets()[1] & 0xfe == 18
}

fn node(number: u8) -> NodeId {
    NodeId::from_random([number; 16])
}

fn path(remote: SocketAddr) -> Path {
    let local = parse(if canonical(remote.ip()).is_ipv4() {
        WAN4
    } else {
        WAN6
    });
    Path { local, remote }
}

fn parse(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}
