//! The simulated network: latency, NATs, and a record of every datagram on every wire.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// How long a NAT remembers a mapping without traffic, unless told otherwise.
const MAPPING_LIFE: Duration = Duration::from_secs(120);

/// Which outside port a NAT gives to an inside socket (RFC 4787 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The same for all destinations.
    EndpointIndependent,
    /// Another for each destination: a "symmetric" NAT.
    AddressAndPortDependent,
    /// None: addresses stay, but only answers come in, as through a router's firewall.
    Firewall,
}

/// An IPv4 NAT. It lets in only what answers something that went out (address and port dependent filtering).
pub struct Nat {
    pub outside: IpAddr,
    /// How long it remembers a mapping without traffic.
    pub life: Duration,
    mapping: Mapping,
    next_port: u16,
    /// (inside socket, destination if it matters) to the outside port.
    ports: BTreeMap<(SocketAddr, Option<SocketAddr>), u16>,
    /// (outside port, remote) to the inside socket and the time of the last packet.
    flows: BTreeMap<(u16, SocketAddr), (SocketAddr, Instant)>,
}

impl Nat {
    pub fn new(outside: &str, mapping: Mapping) -> Self {
        Self {
            outside: outside.parse().unwrap(),
            life: MAPPING_LIFE,
            mapping,
            next_port: 40_000,
            ports: BTreeMap::new(),
            flows: BTreeMap::new(),
        }
    }

    /// A datagram leaves: its source as the outside sees it.
    fn out(&mut self, from: SocketAddr, to: SocketAddr, now: Instant) -> SocketAddr {
        let key = match self.mapping {
            Mapping::Firewall => {
                self.flows.insert((from.port(), to), (from, now));
                return from;
            }
            Mapping::EndpointIndependent => (from, None),
            Mapping::AddressAndPortDependent => (from, Some(to)),
        };
        let port = *self.ports.entry(key).or_insert_with(|| {
            self.next_port += 1;
            self.next_port
        });
        self.flows.insert((port, to), (from, now));
        SocketAddr::new(self.outside, port)
    }

    /// A datagram arrives from `from` at our `port`: the inside socket, if something went out to there lately.
    fn back(&mut self, from: SocketAddr, port: u16, now: Instant) -> Option<SocketAddr> {
        let (inside, last) = self.flows.get_mut(&(port, from))?;
        if now.duration_since(*last) > self.life {
            return None;
        }
        *last = now;
        Some(*inside)
    }

    /// Forgets all, as after a reboot.
    pub fn forget(&mut self) {
        self.ports.clear();
        self.flows.clear();
    }
}

/// A datagram as a wire carried it.
pub struct Seen {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// A datagram on its way to the socket `to` of a node.
pub struct Delivery {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

/// Everything between the nodes' sockets.
pub struct Net {
    pub one_way: Duration,
    pub nats: Vec<Nat>,
    /// Inside addresses and the NAT they are behind. Inside ranges may overlap: the key is the node's number too.
    behind: BTreeMap<(usize, IpAddr), usize>,
    queue: BTreeMap<(Instant, u64), (usize, Delivery)>,
    /// Who owns which public address.
    owners: BTreeMap<IpAddr, usize>,
    sequence: u64,
    pub wire: Vec<Seen>,
    /// Datagrams for which this is true vanish.
    pub drop_if: Box<dyn FnMut(&Delivery) -> bool>,
}

impl Net {
    pub fn new(one_way: Duration) -> Self {
        Self {
            one_way,
            nats: Vec::new(),
            behind: BTreeMap::new(),
            queue: BTreeMap::new(),
            owners: BTreeMap::new(),
            sequence: 0,
            wire: Vec::new(),
            drop_if: Box::new(|_| false),
        }
    }

    /// `node` has the public address `address`.
    pub fn own(&mut self, node: usize, address: IpAddr) {
        self.owners.insert(address, node);
    }

    /// `node` has the private address `address` behind `nat`.
    pub fn put_behind(&mut self, node: usize, address: IpAddr, nat: usize) {
        self.behind.insert((node, address), nat);
    }

    /// `node` has none of its addresses any more.
    pub fn unplug(&mut self, node: usize) {
        self.owners.retain(|_, owner| *owner != node);
        self.behind.retain(|(owner, _), _| *owner != node);
    }

    /// `node` sends from its socket `from`.
    pub fn send(
        &mut self,
        node: usize,
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
        now: Instant,
    ) {
        let from = match self.behind.get(&(node, from.ip())) {
            Some(&nat) => self.nats[nat].out(from, to, now),
            None if self.owners.get(&from.ip()) == Some(&node) => from,
            None => return,
        };
        self.carry(from, to, bytes, now);
    }

    /// A datagram appears in the middle of the network with this source.
    pub fn replay(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>, now: Instant) {
        self.carry(from, to, bytes, now);
    }

    fn carry(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>, now: Instant) {
        self.wire.push(Seen {
            from,
            to,
            bytes: bytes.clone(),
        });
        let target = self.owners.get(&to.ip()).copied().map(|owner| (owner, to));
        let target = target.or_else(|| self.through_nat(from, to, now));
        let Some((owner, to)) = target else { return };
        let delivery = Delivery { from, to, bytes };
        if (self.drop_if)(&delivery) {
            return;
        }
        self.sequence += 1;
        self.queue
            .insert((now + self.one_way, self.sequence), (owner, delivery));
    }

    fn through_nat(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        now: Instant,
    ) -> Option<(usize, SocketAddr)> {
        let nat = self.nats.iter().position(|nat| nat.outside == to.ip())?;
        let inside = self.nats[nat].back(from, to.port(), now)?;
        let behind = self
            .behind
            .iter()
            .find(|((_, ip), n)| *ip == inside.ip() && **n == nat)?;
        Some((behind.0.0, inside))
    }

    pub fn next_at(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next datagram that has arrived by `now`.
    pub fn arrived(&mut self, now: Instant) -> Option<(usize, Delivery)> {
        let entry = self.queue.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}
