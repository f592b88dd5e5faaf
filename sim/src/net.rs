//! Everything between the nodes' sockets: networks, the boxes between them, lines with their faults.

mod datagram;
mod place;

pub use datagram::{Arrival, Delivery, Fate, Sending};

use crate::nat::{Nat, NatSpec};
use crate::spec::{Dice, LinkSpec, V4Kind, V6Kind, WanSpec};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// The Internet, as a network among networks.
const INTERNET: usize = 0;
/// Boxes a datagram passes at most: a home's and a carrier's on both sides, twice for hairpins.
const MOST_BOXES: usize = 10;

/// A network: who is in it, and the boxes that lead out of it.
#[derive(Default)]
struct Realm {
    hosts: BTreeMap<IpAddr, usize>,
    up4: Option<usize>,
    up6: Option<usize>,
}

/// A box and the networks on its sides.
struct Gate {
    nat: Nat,
    inside: usize,
    outside: usize,
}

/// A datagram that has left the networks of its sender, and where it is.
struct Transit {
    sender: usize,
    realm: usize,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
    number: u64,
}

/// One address of a node.
struct Attachment {
    realm: usize,
    link: LinkSpec,
    /// Until then everything to it and from it vanishes.
    hole: Option<Instant>,
}

impl Attachment {
    fn new(realm: usize, link: LinkSpec) -> Self {
        let hole = None;
        Self { realm, link, hole }
    }

    fn is_holed(&self, now: Instant) -> bool {
        self.hole.is_some_and(|until| now < until)
    }
}

/// The network.
pub struct Net {
    core: Duration,
    realms: Vec<Realm>,
    gates: Vec<Gate>,
    /// The inside networks of the world's shared NATs.
    shared: Vec<usize>,
    /// A node's addresses.
    attached: BTreeMap<(usize, IpAddr), Attachment>,
    queue: BTreeMap<(Instant, u64), Transit>,
    sequence: u64,
    next_public: u32,
    dice: Dice,
    /// Until when which nodes' lines lose so many of a hundred datagrams: `None` is all nodes.
    pub bursts: Vec<(Option<usize>, u64, Instant)>,
    /// Datagrams sent so far.
    pub sent: u64,
    /// Copies of what has arrived since somebody last looked, with its receiver, if somebody listens.
    pub tap: Option<Vec<(usize, Delivery)>>,
    /// A running hash of all that was sent, by whom, when.
    hash: u64,
    born: Option<Instant>,
}

impl Net {
    /// The Internet with its shared NATs.
    pub fn new(core_ms: u64, shared: &[NatSpec], mut dice: Dice) -> Self {
        let mut net = Self {
            core: Duration::from_millis(core_ms),
            realms: vec![Realm::default()],
            gates: Vec::new(),
            shared: Vec::new(),
            attached: BTreeMap::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            next_public: 0,
            dice: Dice::new(u64::from_be_bytes(dice.bytes()), 0),
            bursts: Vec::new(),
            sent: 0,
            tap: None,
            hash: 0xcbf2_9ce4_8422_2325,
            born: None,
        };
        for spec in shared {
            let realm = net.behind(*spec, INTERNET);
            net.shared.push(realm);
        }
        net
    }

    /// A public host with a good line.
    pub fn host(&mut self, node: usize, address: IpAddr) {
        self.attach(
            node,
            address,
            INTERNET,
            LinkSpec {
                up_ms: 1,
                down_ms: 1,
                ..LinkSpec::GOOD
            },
        );
    }

    /// `node` gets this WAN as its number `index`; the addresses it has there.
    pub fn plug(&mut self, node: usize, index: usize, wan: &WanSpec) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        if let Some((realm, address)) = self.place_v4(node, index, wan) {
            self.attach(node, address, realm, wan.link);
            addresses.push(address);
        }
        if let Some((realm, address)) = self.place_v6(wan) {
            self.attach(node, address, realm, wan.link);
            addresses.push(address);
        }
        addresses
    }

    /// `node` has none of its addresses any more.
    pub fn unplug(&mut self, node: usize) {
        self.attached.retain(|(owner, _), _| *owner != node);
        for realm in &mut self.realms {
            realm.hosts.retain(|_, owner| *owner != node);
        }
    }

    /// `node` loses one address.
    pub fn detach(&mut self, node: usize, address: IpAddr) {
        if let Some(attached) = self.attached.remove(&(node, address)) {
            self.realms[attached.realm].hosts.remove(&address);
        }
    }

    /// `node` gets another address in the network where it has this one; `None`: it does not have it.
    pub fn renumber(&mut self, node: usize, address: IpAddr) -> Option<IpAddr> {
        let (realm, link) = {
            let attached = self.attached.get(&(node, address))?;
            (attached.realm, attached.link)
        };
        let fresh = match address {
            IpAddr::V6(_) => self.public_v6(),
            IpAddr::V4(_) if !is_private(address) => self.public_v4(),
            IpAddr::V4(old) => {
                let [a, b, c, d] = old.octets();
                let others = (1..=250).map(|more| (d - 1 + more) % 250 + 1);
                let mut others = others.map(|last| IpAddr::from(Ipv4Addr::new(a, b, c, last)));
                others.find(|other| !self.realms[realm].hosts.contains_key(other))?
            }
        };
        self.detach(node, address);
        self.attach(node, fresh, realm, link);
        Some(fresh)
    }

    /// Until then everything to and from this address of `node` vanishes.
    pub fn hole(&mut self, node: usize, address: IpAddr, until: Instant) {
        if let Some(attached) = self.attached.get_mut(&(node, address)) {
            attached.hole = Some(until);
        }
    }

    /// Whether what `node` sends from this address, or is sent to it, vanishes now.
    pub fn is_holed(&self, node: usize, address: IpAddr, now: Instant) -> bool {
        let attached = self.attached.get(&(node, address));
        attached.is_some_and(|attached| attached.is_holed(now))
    }

    /// The boxes in front of `node` reboot; with `readdress` they come back with other outside addresses.
    pub fn reboot_boxes(&mut self, node: usize, readdress: bool) {
        for gate in self.boxes_of(node) {
            self.gates[gate].nat.forget();
            let old = self.gates[gate].nat.outside;
            let Some(old) = old.filter(|_| readdress) else {
                continue;
            };
            let fresh = if is_private(old) {
                old
            } else {
                self.public_v4()
            };
            let outside = self.gates[gate].outside;
            if !is_private(old) || !self.realms[outside].hosts.contains_key(&fresh) {
                self.gates[gate].nat.outside = Some(fresh);
            }
        }
    }

    /// `node` sends from its socket `from`; what becomes of it.
    pub fn send(
        &mut self,
        node: usize,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
        now: Instant,
    ) -> Sending {
        let number = self.sent;
        self.sent += 1;
        self.remember(node, &bytes, now);
        let Some(attachment) = self.attached.get(&(node, from.ip())) else {
            return Sending::stopped(Fate::Blocked, number, from);
        };
        let (realm, up) = (attachment.realm, attachment.link);
        if attachment.is_holed(now) {
            return Sending::stopped(Fate::Lost, number, from);
        }
        if self.is_lost(node, &up, bytes.len(), to.is_ipv4(), now) {
            return Sending::stopped(Fate::Lost, number, from);
        }
        let Some((realm, seen)) = self.way_out(realm, from, to, now) else {
            return Sending::stopped(Fate::Blocked, number, from);
        };
        let transit = Transit {
            sender: node,
            realm,
            from: seen,
            to,
            bytes,
            number,
        };
        let fate = self.launch(transit, &up, now);
        Sending { fate, number, seen }
    }

    /// Somebody in the Internet sends with a source that is not its own.
    pub fn spoof(
        &mut self,
        node: usize,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
        now: Instant,
    ) -> Sending {
        let number = self.sent;
        self.sent += 1;
        self.remember(node, &bytes, now);
        let transit = Transit {
            sender: node,
            realm: INTERNET,
            from,
            to,
            bytes,
            number,
        };
        let fate = self.launch(transit, &LinkSpec::GOOD, now);
        Sending {
            fate,
            number,
            seen: from,
        }
    }

    /// A datagram starts on its way from the outermost network of its sender's side.
    fn launch(&mut self, transit: Transit, up: &LinkSpec, now: Instant) -> Fate {
        let presumed = self.presumed(transit.realm, transit.to);
        let down = presumed.map_or(LinkSpec::GOOD, |(_, link)| link);
        let twice = self.dice.between(0, 1000) < up.twice + down.twice;
        let delay = self.core + Duration::from_millis(up.up_ms + down.down_ms);
        self.tapped(&transit, now);
        let copy = twice.then(|| transit.bytes.clone());
        let Transit {
            sender,
            realm,
            from,
            to,
            bytes,
            number,
        } = transit;
        for bytes in std::iter::once(bytes).chain(copy) {
            let late = self
                .dice
                .between(0, (up.jitter_ms + down.jitter_ms) * 1000 + 1);
            self.sequence += 1;
            let at = now + delay + Duration::from_micros(late);
            let transit = Transit {
                sender,
                realm,
                from,
                to,
                bytes,
                number,
            };
            self.queue.insert((at, self.sequence), transit);
        }
        presumed.map_or(Fate::Blocked, |(owner, _)| Fate::Sent(owner))
    }

    /// A copy for who listens, as its receiver will see it.
    fn tapped(&mut self, transit: &Transit, now: Instant) {
        if self.tap.is_none() {
            return;
        }
        let (from, number) = (transit.from, transit.number);
        let way = self.way_in(transit.realm, from, transit.to, now);
        let bytes = transit.bytes.clone();
        let copy = way.map(|(owner, to)| {
            (
                owner,
                Delivery {
                    from,
                    to,
                    bytes,
                    number,
                },
            )
        });
        if let (Some(tap), Some(copy)) = (&mut self.tap, copy) {
            tap.push(copy);
        }
    }

    /// A number that differs when anything that was ever sent does.
    pub fn fingerprint(&self) -> u64 {
        self.hash
    }

    fn remember(&mut self, node: usize, bytes: &[u8], now: Instant) {
        let at = now.duration_since(*self.born.get_or_insert(now)).as_nanos() as u64;
        let head = bytes.iter().take(40).map(|byte| u64::from(*byte));
        for part in head.chain([at, node as u64, bytes.len() as u64]) {
            self.hash = (self.hash ^ part).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// When the next datagram arrives.
    pub fn next_at(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// What comes of the next datagram that has arrived by `now`. The receiver's boxes and line judge it only now.
    pub fn arrived(&mut self, now: Instant) -> Option<Arrival> {
        let entry = self.queue.first_entry()?;
        if entry.key().0 > now {
            return None;
        }
        let transit = entry.remove();
        let dropped = |fate| Some(Arrival::Dropped(transit.sender, transit.to, fate));
        let Some((owner, to)) = self.way_in(transit.realm, transit.from, transit.to, now) else {
            return dropped(Fate::Blocked);
        };
        let Some(attached) = self.attached.get(&(owner, to.ip())) else {
            return dropped(Fate::Blocked);
        };
        let down = attached.link;
        if attached.is_holed(now) {
            return dropped(Fate::Lost);
        }
        if self.is_lost(owner, &down, transit.bytes.len(), to.is_ipv4(), now) {
            return dropped(Fate::Lost);
        }
        let delivery = Delivery {
            from: transit.from,
            to,
            bytes: transit.bytes,
            number: transit.number,
        };
        Some(Arrival::At(owner, delivery))
    }

    /// Out of the sender's networks until `to` lies in this one or behind a box of it: that network, and the
    /// source as it is seen there.
    fn way_out(
        &mut self,
        mut realm: usize,
        mut from: SocketAddr,
        to: SocketAddr,
        now: Instant,
    ) -> Option<(usize, SocketAddr)> {
        for _ in 0..MOST_BOXES {
            let is_here = self.realms[realm].hosts.contains_key(&to.ip());
            if is_here || self.gate_into(realm, to.ip()).is_some() {
                return Some((realm, from));
            }
            let up = if to.is_ipv4() {
                self.realms[realm].up4
            } else {
                self.realms[realm].up6
            };
            let gate = &mut self.gates[up?];
            let hairpin = gate.nat.outside == Some(to.ip());
            if hairpin && !gate.nat.hairpins() {
                return None;
            }
            from = gate.nat.out(from, to, now);
            realm = gate.outside;
        }
        None
    }

    /// Into the receiver's networks by the boxes on that side: the receiver and its socket.
    fn way_in(
        &mut self,
        mut realm: usize,
        from: SocketAddr,
        mut to: SocketAddr,
        now: Instant,
    ) -> Option<(usize, SocketAddr)> {
        for _ in 0..MOST_BOXES {
            if let Some(&owner) = self.realms[realm].hosts.get(&to.ip()) {
                return Some((owner, to));
            }
            let gate = self.gate_into(realm, to.ip())?;
            to = self.gates[gate].nat.back(from, to, now)?;
            realm = self.gates[gate].inside;
        }
        None
    }

    /// Who would get this as things are now, if nothing filtered it, and over which line.
    fn presumed(&self, mut realm: usize, mut to: SocketAddr) -> Option<(usize, LinkSpec)> {
        for _ in 0..MOST_BOXES {
            if let Some(&owner) = self.realms[realm].hosts.get(&to.ip()) {
                let attached = self.attached.get(&(owner, to.ip()))?;
                return Some((owner, attached.link));
            }
            let gate = &self.gates[self.gate_into(realm, to.ip())?];
            to = gate.nat.leads_to(to)?;
            realm = gate.inside;
        }
        None
    }

    /// The box by which `address` is reached from `realm`.
    fn gate_into(&self, realm: usize, address: IpAddr) -> Option<usize> {
        self.gates.iter().position(|gate| {
            gate.outside == realm
                && match gate.nat.outside {
                    Some(outside) => outside == address,
                    None => self.realms[gate.inside].hosts.contains_key(&address),
                }
        })
    }

    fn is_lost(
        &mut self,
        node: usize,
        link: &LinkSpec,
        length: usize,
        v4: bool,
        now: Instant,
    ) -> bool {
        let headers = if v4 { 28 } else { 48 };
        let blocked = if v4 { link.blocked.0 } else { link.blocked.1 };
        self.bursts.retain(|(_, _, until)| *until > now);
        let mine =
            |burst: &&(Option<usize>, u64, Instant)| burst.0.is_none_or(|whose| whose == node);
        let burst = self
            .bursts
            .iter()
            .filter(mine)
            .map(|burst| burst.1)
            .max()
            .unwrap_or(0);
        blocked
            || length + headers > link.mtu
            || (link.loss > 0 && self.dice.between(0, 1000) < link.loss)
            || (burst > 0 && self.dice.chance(burst))
    }
}

fn is_private(address: IpAddr) -> bool {
    !ntm_proto::address::is_global(address)
}
