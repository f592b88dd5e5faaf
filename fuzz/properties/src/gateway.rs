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
            limits: Limits {
                devices: 6,
                peers: 4,
                pairs: 16,
                directions: 8,
                waiting_packets: 4,
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
        let mut out = std::mem::take(&mut self.out);
        let taken = self
            .gateway
            .handle_datagram(path(remote), datagram, &mut out, self.now);
        match taken {
            Ok(Forward::Tun) => self.check_delivered(&out, Side::Tunnel),
            Ok(Forward::Udp(_)) => panic!("a gateway forwards no datagram"),
            Ok(Forward::Nowhere) | Err(_) => {}
        }
        self.out = out;
    }

    fn stranger(&mut self, which: u8, datagram: &[u8]) {
        let remote = parse(STRANGERS[usize::from(which) % STRANGERS.len()]);
        self.unproven(remote, datagram);
    }

    /// A datagram that nobody sealed, whoever its source says it is from: one answer at most, to that source, and no
    /// byte more than came, wherever to. What was due goes out with it, and "I do not know you" of those the gateway
    /// knows makes it prove itself anew: so more than that may go out, but not to a stranger, and not again.
    fn unproven(&mut self, remote: SocketAddr, datagram: &[u8]) {
        let from = plain(remote);
        let known = self.known.contains(&from) || [DC, PEER, RELAY].map(parse).contains(&from);
        for again in [false, true] {
            let sent = self.datagram(remote, datagram);
            let total: usize = sent.iter().map(|(_, length)| length).sum();
            let to_source = sent.iter().filter(|(to, _)| plain(*to) == from);
            if sent.len() == to_source.clone().count() && sent.len() <= 1 && total <= datagram.len()
            {
                return;
            }
            let bytes: usize = to_source.map(|(_, length)| length).sum();
            assert!(
                known || bytes <= datagram.len(),
                "a stranger gets {sent:?} for {}",
                datagram.len()
            );
            assert!(!again, "{sent:?} for the same {} again", datagram.len());
        }
    }

    fn dc_says(&mut self, plain: &[u8]) {
        if let Ok(Message::RouteDirection(direction)) = Message::decode(plain) {
            self.note(&direction);
        }
        if let Some(datagram) = self.dc.seal(Kind::Control, plain, self.now) {
            self.datagram(parse(DC), &datagram);
        }
    }

    fn peer_says(&mut self, kind: Kind, step: Step<'_>) {
        let mut plain = step.bytes.to_vec();
        // Two in three packets come from and go to where they may.
        if kind == Kind::Data && !step.which.is_multiple_of(3) && plain.len() >= 20 {
            let vip = self
                .vips
                .iter()
                .nth(usize::from(step.which >> 4))
                .copied()
                .unwrap_or(OWN);
            plain[12..16].copy_from_slice(&CAMERA.octets());
            plain[16..20].copy_from_slice(&vip.octets());
        }
        if let Some(datagram) = self.peer.seal(kind, &plain, self.now) {
            let mut from = parse(PEER);
            if step.which & 0x80 != 0 {
                from.set_port(5000 + u16::from(step.which & 3));
            }
            self.datagram(from, &datagram);
        }
    }

    /// A LAN host sends a packet.
    pub(crate) fn packet(&mut self, packet: &[u8]) {
        let mut out = std::mem::take(&mut self.out);
        let handled = self.gateway.handle_packet(packet, &mut out, self.now);
        match handled {
            Ok(Forward::Tun) => self.check_delivered(&out, Side::Lan),
            Ok(Forward::Udp(_)) => drop(self.check_sent(packet, &out)),
            Ok(Forward::Nowhere) | Err(_) => {}
        }
        self.out = out;
        self.drain();
    }

    pub(crate) fn wait(&mut self, which: u8) {
        let until = self.now + span(which);
        let mut wakes = 0;
        while let Some(at) = self.gateway.poll_timeout().filter(|at| *at <= until) {
            wakes += 1;
            assert!(wakes < 1000, "wakes up for nothing");
            self.now = self.now.max(at);
            self.gateway.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
        let late = self.unanswered.iter().find(|(_, latest)| **latest < until);
        assert!(late.is_none(), "a question waits for ever: {late:?}");
        if which & 0x40 != 0 {
            let status = self.gateway.status(self.now);
            assert!(status.tunnels <= 4 && status.devices <= 7);
        }
    }

    fn device(&mut self, which: u8, name: &[u8]) {
        let mac = [2, 0, 0, 0, 0, which % 12];
        // Now and then one takes the address of another.
        let address = Ipv4Addr::new(192, 168, 1, which % 12 + (which & 0x80) / 128);
        let hostname = std::str::from_utf8(name)
            .ok()
            .and_then(|name| Label::parse(name).ok());
        self.gateway.device_seen(
            LanDevice {
                mac,
                address,
                hostname,
            },
            self.now,
        );
        let mac_text = text(mac);
        // With too many devices it may not be taken.
        if self.gateway.devices().iter().any(|d| d.mac == mac_text) {
            self.seen.insert(mac, address);
            self.owners.insert(address, mac);
        }
        self.drain();
    }

    fn device_gone(&mut self, which: u8) {
        self.gateway
            .device_gone([2, 0, 0, 0, 0, which % 12], self.now);
        self.drain();
    }

    fn resolve(&mut self, step: Step<'_>) {
        self.asked += 1;
        let (query, asker) = (self.asked, Ipv4Addr::new(192, 168, 1, step.which % 12));
        let name = std::str::from_utf8(step.bytes)
            .ok()
            .and_then(|text| Fqdn::parse(text).ok());
        let address = <[u8; 4]>::try_from(step.bytes).ok();
        let is_ping = address.is_none() && step.which & 0x80 != 0;
        let patience = if is_ping { PING } else { QUESTION };
        self.unanswered.insert(query, self.now + patience);
        match (name, address) {
            (_, Some(v4)) => self
                .gateway
                .resolve_address(query, asker, IpAddr::from(v4), self.now),
            (Some(name), None) if step.which & 0x80 != 0 => {
                self.gateway.ping(query, name, self.now)
            }
            (Some(name), None) => self.gateway.resolve(query, asker, name, self.now),
            (None, None) => drop(self.unanswered.remove(&query)),
        }
        self.drain();
        assert!(self.unanswered.len() <= 100, "questions without an answer");
    }

    /// A binding message with a right mac: the fuzzer chooses all else.
    fn binding(&mut self, step: Step<'_>) {
        let byte = |at: usize| step.bytes.get(at).copied().unwrap_or_default();
        let kind = if byte(0) & 1 == 0 {
            Kind::RelayChallenge
        } else {
            Kind::RelayBound
        };
        let nonce = if byte(1) & 1 == 0 {
            self.nonce
        } else {
            [byte(2); 8]
        };
        let observed = (kind == Kind::RelayBound).then(|| parse(WAN4));
        let binding = Binding {
            kind,
            path: LOCAL_PATH,
            nonce,
            challenge: [byte(3); 16],
            observed,
        };
        self.datagram(
            parse(if step.which & 1 == 0 { RELAY } else { PEER }),
            &binding.encode(&LEG),
        );
    }

    fn wans(&mut self, which: u8) {
        let wan = |id: u8, address: &str| Wan {
            id,
            name: format!("wan{id}"),
            sockets: vec![parse(address)],
            metered: false,
            spares: Vec::new(),
        };
        let all = [wan(0, WAN4), wan(1, WAN6), wan(2, "10.0.0.2:4750")];
        let chosen = (0..3).filter(|bit| which & 1 << bit != 0);
        let wans = chosen.map(|bit| all[bit].clone()).collect();
        self.gateway.wans_changed(wans, self.now);
        self.drain();
    }

    /// A Tunnel Request with a right mac1: of the peer, or of a stranger who knows the gateway's key.
    fn request(&mut self, step: Step<'_>) {
        self.requests += 1;
        if self.requests > REQUESTS {
            return;
        }
        if step.bytes.is_empty() {
            let purpose = Purpose::Tunnel {
                tunnel: TUNNEL,
                initiator: node(2),
                responder: node(1),
            };
            let offer = TunnelOffer {
                epoch: 1,
                counter: self.requests,
                generation: step.which,
            };
            let public = Party::new(1).public();
            let (mut pending, init) =
                self.peer
                    .start(purpose, &public, LOCAL_PATH, PEER_PATH, &offer.encode());
            self.datagram(parse(PEER), &init);
            if let Some(response) = self.peer_response.take() {
                self.peer
                    .finish(&mut pending, &response, step.which, self.now);
            }
            return;
        }
        let mut datagram = step.bytes.to_vec();
        if let Some(to_mac1) = datagram.len().checked_sub(2 * MAC_LEN) {
            let mac1 = mac(&self.mac1_key, &[&datagram[..to_mac1]]);
            datagram[to_mac1..to_mac1 + MAC_LEN].copy_from_slice(&mac1);
        }
        self.stranger(step.which, &datagram);
    }

    /// The DC directs a pair.
    fn note(&mut self, direction: &RouteDirection) {
        let relays = direction.relay.iter().flat_map(|leg| &leg.addresses);
        let all = direction.candidates.iter().chain(relays);
        self.known.extend(all.map(|address| plain(*address)));
        let given = self.given.iter().enumerate();
        let mut ours = given.filter(|(at, _)| node(101 + *at as u8) == direction.local);
        let local = if direction.local == node(1) {
            OWN
        } else if let Some((_, (_, vip))) = ours.next() {
            *vip
        } else {
            // No device of ours, so far.
            return;
        };
        let remote = &direction.remote;
        self.carried.insert((local, remote.vip4));
        if remote
            .name
            .is_within(&Fqdn::parse("ntm.test").expect("a name"))
        {
            self.directed.insert((local, remote.vip4));
        } else {
            self.elsewhere.insert((local, remote.name.clone()));
        }
    }

    /// What a device gets is for it, who is there, and comes from whom the DC directed it to or from one beside it.
    fn check_delivered(&self, packet: &[u8], from: Side) {
        let view = Ipv4View::new(packet).expect("a whole packet");
        let (source, destination) = (view.source(), view.destination());
        assert!(is_virtual(source), "{source} is no virtual address");
        assert_eq!(view.bytes().len(), packet.len());
        let device = self.device_at(destination);
        let Some(device) = device else {
            panic!("nobody is at {destination}");
        };
        let beside = from != Side::Tunnel && self.vips.contains(&source);
        let directed = self.directed.contains(&(device, source));
        assert!(
            beside || directed || self.is_alias_of_directed(device, source),
            "{source} was not directed to {device}"
        );
    }

    /// The virtual address of who was seen last at this address of the LAN.
    fn device_at(&self, lan: Ipv4Addr) -> Option<Ipv4Addr> {
        if lan == OWN {
            return Some(OWN);
        }
        let mac = self.owners.get(&lan)?;
        if self.seen.get(mac) != Some(&lan) {
            return None;
        }
        let devices = self.gateway.devices();
        let device = devices.iter().find(|device| device.mac == text(*mac))?;
        device.vip4.parse().ok()
    }

    /// Whether `source` stands here for a device of another domain that was directed to ours.
    fn is_alias_of_directed(&self, device: Ipv4Addr, source: Ipv4Addr) -> bool {
        let tunnels = self.gateway.tunnels(self.now);
        let mut aliases = tunnels.iter().flat_map(|tunnel| &tunnel.aliases);
        aliases.any(|(name, alias)| {
            let name = Fqdn::parse(name).expect("a name");
            *alias == source.to_string() && self.elsewhere.contains(&(device, name))
        })
    }

    /// What leaves is whole, and goes where [`Self::check_carried`] says; whether the peer can open it.
    fn check_sent(&mut self, packet: &[u8], datagram: &[u8]) -> bool {
        let opening = Opening::decode(datagram).expect("sealed");
        assert_eq!(opening.kind, Kind::Data);
        let length = self.check_carried(datagram);
        let sent = Ipv4View::new(packet).expect("routed").bytes().len();
        assert!(length.is_none_or(|length| length == sent));
        length.is_some()
    }

    /// What leaves is sealed for the peer, between two whom the DC directed; its length, if the peer can open it.
    fn check_carried(&mut self, datagram: &[u8]) -> Option<usize> {
        assert!(datagram.len() > HEADER_LEN + 16);
        let plain = self.peer.open(datagram, self.now)?;
        if plain.is_empty() {
            // It keeps the way open.
            return None;
        }
        let view = Ipv4View::new(&plain).expect("a whole packet");
        let pair = (view.source(), view.destination());
        assert!(self.vips.contains(&pair.0), "{} leaves the LAN", pair.0);
        assert!(self.carried.contains(&pair), "{pair:?} were not directed");
        Some(plain.len())
    }

    /// Does what the gateway wants done, and what the others answer; what was sent, and where.
    fn drain(&mut self) -> Vec<(SocketAddr, usize)> {
        let (mut sent, mut rounds) = (Vec::new(), 0);
        loop {
            while let Some(output) = self.gateway.poll_output() {
                rounds += 1;
                assert!(rounds < 5000, "the world spins");
                match output {
                    Output::Send { path, datagram } => {
                        sent.push((path.remote, datagram.len()));
                        self.deliver(path.remote, &datagram);
                    }
                    Output::Deliver(packet) => self.check_delivered(&packet, Side::Either),
                    Output::Answer { query, .. } | Output::Pong { query, .. } => {
                        assert!(
                            self.unanswered.remove(&query).is_some(),
                            "one answer for each question"
                        );
                    }
                    Output::Domains(domains) => assert!(domains.len() <= MAX_DOMAINS),
                    Output::Event(_) => {}
                }
            }
            let Some((from, datagram)) = self.inbound.pop_front() else {
                return sent;
            };
            self.take(from, &datagram);
        }
    }

    fn deliver(&mut self, to: SocketAddr, datagram: &[u8]) {
        let Ok(opening) = Opening::decode(datagram) else {
            panic!("a gateway's own datagram");
        };
        match opening.kind {
            Kind::HandshakeInit if to == parse(DC) => {
                let answer = self.pay().then(|| {
                    self.dc
                        .answer(Purpose::Control, datagram, DC_PATH, self.now)
                });
                self.inbound
                    .extend(answer.flatten().map(|answer| (to, answer)));
            }
            Kind::HandshakeInit if to == parse(PEER) => {
                let purpose = Purpose::Tunnel {
                    tunnel: TUNNEL,
                    initiator: node(1),
                    responder: node(2),
                };
                let answer = self
                    .pay()
                    .then(|| self.peer.answer(purpose, datagram, PEER_PATH, self.now));
                self.inbound
                    .extend(answer.flatten().map(|answer| (to, answer)));
            }
            Kind::HandshakeResponse => self.peer_response = Some(datagram.to_vec()),
            Kind::Control if opening.receiver == DC_PATH => self.at_the_dc(datagram),
            Kind::Control if opening.receiver == PEER_PATH => self.at_the_peer(to, datagram),
            Kind::RelayBind => {
                if let Ok(binding) = Binding::decode(datagram) {
                    self.nonce = binding.nonce;
                }
            }
            Kind::Data if opening.receiver == PEER_PATH => drop(self.check_carried(datagram)),
            Kind::HandshakeInit
            | Kind::Control
            | Kind::CookieReply
            | Kind::Data
            | Kind::Notice
            | Kind::RelayChallenge
            | Kind::RelayConfirm
            | Kind::RelayBound => {}
        }
    }

    fn pay(&mut self) -> bool {
        self.handshakes += 1;
        self.handshakes <= HANDSHAKES
    }

    fn at_the_dc(&mut self, datagram: &[u8]) {
        let Some(plain) = self.dc.open(datagram, self.now) else {
            return;
        };
        let message = Message::decode(&plain).expect("a gateway's own message");
        let answer = if let Message::RegistrationRequest(asked) = message {
            Message::RegistrationResponse(RegistrationResponse {
                request: asked.request,
                epoch: 1,
                lifetime: 75,
                observed: parse(WAN4),
            })
        } else if let Message::KeepAlive(asked) = message {
            Message::KeepAliveResponse(KeepAliveResponse {
                request: asked.request,
                observed: asked.local,
            })
        } else if let Message::DeviceRequest(asked) = message {
            let result = Ok(self.identity(asked.key));
            Message::DeviceResponse(DeviceResponse {
                request: asked.request,
                key: asked.key,
                result,
            })
        } else if let Message::DirectionRequest(asked) = message {
            let mut direction = direction(true);
            let remote = &direction.remote;
            if [Target::Name(remote.name.clone()), Target::V4(remote.vip4)].contains(&asked.target)
            {
                direction.request = asked.request;
                direction.local = asked.device;
                self.note(&direction);
                Message::RouteDirection(Box::new(direction))
            } else {
                Message::DirectionRefused(DirectionRefused {
                    request: asked.request,
                    refusal: Refusal::Unknown,
                })
            }
        } else {
            return;
        };
        if let Some(sealed) = self.dc.seal(Kind::Control, &answer.encode(), self.now) {
            self.inbound.push_back((parse(DC), sealed));
        }
    }

    /// Each device key gets the next identity, for ever.
    fn identity(&mut self, key: DeviceKey) -> Identity {
        let at = self
            .given
            .iter()
            .position(|(known, _)| *known == key)
            .unwrap_or_else(|| {
                let vip = Ipv4Addr::new(198, 18, 1, self.given.len() as u8 + 1);
                self.given.push((key, vip));
                self.vips.insert(vip);
                self.given.len() - 1
            });
        let number = at as u8 + 1;
        Identity {
            node: node(100 + number),
            name: Fqdn::parse(&format!("d{number}.car.ntm.test")).expect("a name"),
            vip4: self.given[at].1,
            vip6: format!("fd00:1::1:{number:x}").parse().expect("an address"),
        }
    }

    fn at_the_peer(&mut self, to: SocketAddr, datagram: &[u8]) {
        let Some(plain) = self.peer.open(datagram, self.now) else {
            return;
        };
        let message = Message::decode(&plain).expect("a gateway's own message");
        if let Message::PathChallenge(challenge) = message {
            let response = PathResponse {
                token: challenge.token,
                observed: Some(parse(WAN4)),
                standing: Standing::default(),
            };
            let plain = Message::PathResponse(response).encode();
            let sealed = self.peer.seal(Kind::Control, &plain, self.now);
            self.inbound.extend(sealed.map(|sealed| (to, sealed)));
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

/// A tunnel in use, moved, closed and renewed; devices that come and go; questions; strangers.
pub fn seeds() -> Vec<Vec<u8>> {
    let out = step(5, 0, &udp(LAPTOP, CAMERA));
    let back = step(4, 1, &udp(CAMERA, OWN));
    let says = |message: &Message| step(2, 0, &message.encode());
    let route = |change: fn(&mut RouteDirection)| {
        let mut direction = direction(true);
        change(&mut direction);
        says(&Message::RouteDirection(Box::new(direction)))
    };
    let closed = says(&Message::TunnelClosed(TunnelClosed {
        tunnel: TUNNEL,
        sequence: 1,
    }));
    let challenge = Message::PathChallenge(PathChallenge {
        token: 5,
        standing: Standing { era: 1, rank: 0 },
        outside: vec![parse(WAN4)],
    })
    .encode();
    let opening = |kind, receiver| {
        Opening {
            kind,
            generation: 1,
            receiver,
        }
        .encode()
        .to_vec()
    };
    let init = Party::new(77).start(
        Purpose::Tunnel {
            tunnel: TUNNEL,
            initiator: node(2),
            responder: node(1),
        },
        &Party::new(1).public(),
        LOCAL_PATH,
        PEER_PATH,
        &[0; 12],
    );
    vec![
        [&out[..], &back, &out].concat(),
        [
            &out[..],
            &step(10, 4, &[]),
            &out,
            &step(6, 0xf9, &[]),
            &back,
            &step(10, 0, &[]),
            &out,
        ]
        .concat(),
        [&closed[..], &out, &step(6, 5, &[]), &out].concat(),
        [
            route(|d| d.peer_epoch = 2),
            out.clone(),
            route(|d| d.relay = None),
            out.clone(),
        ]
        .concat(),
        [
            route(|d| d.candidates.clear()),
            step(9, 0, &[0, 0]),
            step(9, 0, &[1, 0]),
            out.clone(),
        ]
        .concat(),
        [
            route(|d| d.tunnel = TunnelId([8; 16])),
            route(|d| d.local_path = PathId(5)),
            out.clone(),
        ]
        .concat(),
        [
            step(3, 0, &challenge),
            step(3, 0x81, &challenge),
            step(6, 0xf9, &[]),
            back.clone(),
        ]
        .concat(),
        [
            step(11, 9, &[]),
            back.clone(),
            out.clone(),
            step(0, 0, &init.1),
            step(11, 0, &init.1),
        ]
        .concat(),
        [
            step(8, 10, b"camera.home.ntm.test"),
            step(8, 10, b"x.ntm.test"),
            step(8, 138, b"home.ntm.test"),
        ]
        .concat(),
        [
            step(8, 10, &[198, 18, 0, 77]),
            step(6, 0xfc, &[]),
            step(5, 0, &udp(LAPTOP, [198, 18, 0, 78].into())),
        ]
        .concat(),
        [
            step(7, 3, b"phone"),
            step(7, 0x83, b""),
            step(13, 10, &[]),
            out.clone(),
            step(7, 10, b"laptop"),
        ]
        .concat(),
        [
            step(5, 0, &udp(LAPTOP, [198, 18, 1, 2].into())),
            step(4, 0, &udp(LAPTOP, CAMERA)),
        ]
        .concat(),
        [
            step(0, 0, &opening(Kind::Notice, LOCAL_PATH)),
            step(0, 5, &opening(Kind::Notice, LOCAL_PATH)),
        ]
        .concat(),
        [
            step(1, 0, &opening(Kind::Notice, DC_PATH)),
            step(12, 0, &opening(Kind::Data, LOCAL_PATH)),
        ]
        .concat(),
        [
            step(2, 0, &crate::message::trusted()),
            route(|d| {
                (d.tunnel, d.peer, d.peer_path) = (TunnelId([9; 16]), node(7), PathId(9));
                d.local_path = PathId(0x3333);
                d.peer_name = Fqdn::parse("den.other.test").expect("a name");
                d.remote.name = Fqdn::parse("lamp.den.other.test").expect("a name");
            }),
            step(8, 10, b"lamp.den.other.test"),
            step(5, 0, &udp(LAPTOP, [198, 19, 225, 1].into())),
        ]
        .concat(),
        // No WAN: whoever asks is told in time all the same.
        [
            step(10, 0, &[]),
            step(8, 10, b"lamp.home.ntm.test"),
            step(8, 138, b"lamp.home.ntm.test"),
            step(6, 0xfb, &[]),
        ]
        .concat(),
        step(6, 0xff, &[]).repeat(7),
        crate::message::seeds()
            .iter()
            .flat_map(|plain| step(2, 0, plain))
            .collect(),
        crate::message::seeds()
            .iter()
            .flat_map(|plain| step(3, 0, plain))
            .collect(),
    ]
}
