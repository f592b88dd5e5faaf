//! All peers: found by path id for what arrives, by slot for what leaves, and woken when something is due.

use crate::allowance::Allowance;
use crate::handover::Handovers;
use crate::outside::Outside;
use crate::peer::Peer;
use crate::{Output, Setup};
use ntm_proto::cookie::{CookieJar, mac1_key};
use ntm_proto::id::{Fqdn, NodeId, PathId, TunnelId};
use ntm_proto::message::RouteDirection;
use ntm_proto::random::Random;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Handshakes per second above which strangers must show a cookie.
const LOAD_LIMIT: u32 = 32;

/// What a peer needs from the gateway to act.
pub(crate) struct Env<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) sockets: &'a [SocketAddr],
    /// Each socket's WAN's place in our order, best first.
    pub(crate) ranks: &'a [(SocketAddr, u8)],
    /// Those on which traffic costs money.
    pub(crate) metered: &'a [SocketAddr],
    pub(crate) random: &'a mut Random,
    pub(crate) output: &'a mut VecDeque<Output>,
    /// Those of which the DC has not spoken since they are there.
    pub(crate) unheard: &'a [SocketAddr],
    /// How others see our sockets.
    pub(crate) outside: &'a mut Outside,
    /// How long a silent way keeps its NAT mapping.
    pub(crate) keep_warm: Duration,
    /// Our boot epoch.
    pub(crate) epoch: u32,
    /// Our Tunnel Requests in this epoch, to all peers.
    pub(crate) offers: &'a mut u32,
    /// What was noted of handovers that are over.
    pub(crate) handovers: &'a mut Handovers,
    /// What all of them may keep to send it again, and of what waits.
    pub(crate) resend: &'a Allowance,
    pub(crate) hold: &'a Allowance,
}

pub(crate) struct Peers {
    slots: Vec<Option<Peer>>,
    by_path: HashMap<PathId, usize>,
    /// By domain and node id: what one domain says of a node is said of its own nodes only.
    by_node: BTreeMap<(Fqdn, NodeId), usize>,
    /// When each peer is due. A peer's own deadline may have moved later since; that is put right when the entry
    /// comes up, so that the data path need not touch the set for it.
    due: BTreeSet<(Instant, usize)>,
    /// What stands in `due` for each slot.
    scheduled: Vec<Option<Instant>>,
    limit: usize,
    pub(crate) jar: CookieJar,
    pub(crate) mac1_key: [u8; 32],
    load: (Instant, u32),
}

impl Peers {
    pub(crate) fn new(setup: &Setup, random: &mut Random, now: Instant) -> Self {
        let public = setup.key.public();
        Self {
            slots: Vec::new(),
            by_path: HashMap::new(),
            by_node: BTreeMap::new(),
            due: BTreeSet::new(),
            scheduled: Vec::new(),
            limit: setup.limits.peers,
            jar: CookieJar::new(&public, random, now),
            mac1_key: mac1_key(&public),
            load: (now, 0),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.slots.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.slots.iter_mut().flatten()
    }

    pub(crate) fn slot_of_path(&self, path: PathId) -> Option<usize> {
        self.by_path.get(&path).copied()
    }

    pub(crate) fn get(&mut self, slot: usize) -> Option<&mut Peer> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The peer in `slot`, only to look at.
    pub(crate) fn peek(&self, slot: usize) -> Option<&Peer> {
        self.slots.get(slot)?.as_ref()
    }

    /// Whether there is a tunnel with the gateway that a direction is about.
    pub(crate) fn has(&self, direction: &RouteDirection) -> bool {
        let node = node_key(&direction.peer_name, direction.peer);
        self.by_node.contains_key(&node)
    }

    /// Slots in use.
    pub(crate) fn occupied(&self) -> Vec<usize> {
        (0..self.slots.len())
            .filter(|slot| self.slots[*slot].is_some())
            .collect()
    }

    /// Takes a direction: a new peer, or more about one we have. The slot; `None` when there is no room, or its
    /// path id is another tunnel's.
    pub(crate) fn directed(
        &mut self,
        direction: &RouteDirection,
        env: &mut Env<'_>,
        now: Instant,
    ) -> Option<usize> {
        let node = node_key(&direction.peer_name, direction.peer);
        if let Some(&slot) = self.by_node.get(&node) {
            let peer = self.slots[slot]
                .as_mut()
                .expect("by_node names occupied slots");
            let taken = self.by_path.get(&direction.local_path);
            if taken.is_some_and(|other| *other != slot) {
                return None;
            }
            if peer.tunnel == direction.tunnel && peer.local_path == direction.local_path {
                peer.directed(direction, env, now);
                self.wake(slot, now);
                return Some(slot);
            }
            // The DC has made a new tunnel of the pair; what we know of the devices and what waits stay, the rest is
            // gone.
            self.by_path.remove(&peer.local_path);
            env.handovers.file_last(peer.handover());
            let (remotes, waiting) = peer.take_over();
            let mut fresh = Peer::new(direction, env, now);
            fresh.inherit(remotes, waiting);
            self.by_path.insert(direction.local_path, slot);
            self.slots[slot] = Some(fresh);
            self.wake(slot, now);
            return Some(slot);
        }
        if self.by_node.len() >= self.limit || self.by_path.contains_key(&direction.local_path) {
            return None;
        }
        let slot = self
            .slots
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(None);
            self.scheduled.push(None);
        }
        self.slots[slot] = Some(Peer::new(direction, env, now));
        self.by_path.insert(direction.local_path, slot);
        self.by_node.insert(node, slot);
        self.wake(slot, now);
        Some(slot)
    }

    /// Whether another peer has the ids of this direction's tunnel: two domains' DCs know nothing of each other's.
    pub(crate) fn is_taken(&self, direction: &RouteDirection) -> bool {
        let node = node_key(&direction.peer_name, direction.peer);
        let own = self.by_node.get(&node);
        let other = self.by_path.get(&direction.local_path);
        other.is_some() && other != own
    }

    /// Forgets the peers that are over; their slots.
    pub(crate) fn take_over(
        &mut self,
        idle: Duration,
        has_wan: bool,
        now: Instant,
    ) -> Vec<(usize, Peer)> {
        let over = |slot: &usize| {
            self.slots[*slot]
                .as_ref()
                .is_some_and(|peer| peer.is_over(idle, has_wan, now))
        };
        let slots: Vec<usize> = (0..self.slots.len()).filter(over).collect();
        slots
            .into_iter()
            .filter_map(|slot| Some((slot, self.take(slot)?)))
            .collect()
    }

    /// Forgets the peer of a tunnel; its slot.
    pub(crate) fn take_tunnel(&mut self, tunnel: TunnelId) -> Option<(usize, Peer)> {
        let is_it = |peer: &Option<Peer>| peer.as_ref().is_some_and(|peer| peer.tunnel == tunnel);
        let slot = self.slots.iter().position(is_it)?;
        self.take(slot).map(|peer| (slot, peer))
    }

    fn take(&mut self, slot: usize) -> Option<Peer> {
        let peer = self.slots[slot].take()?;
        self.by_path.remove(&peer.local_path);
        self.by_node.remove(&node_key(&peer.name, peer.node));
        if let Some(at) = self.scheduled[slot].take() {
            self.due.remove(&(at, slot));
        }
        Some(peer)
    }

    pub(crate) fn sockets_changed(&mut self, env: &mut Env<'_>, now: Instant) {
        for slot in self.occupied() {
            if let Some(peer) = self.get(slot) {
                peer.sockets_changed(env, now);
            }
            self.wake(slot, now);
        }
    }

    pub(crate) fn handle_timeout(&mut self, env: &mut Env<'_>, now: Instant) {
        while let Some(&(at, slot)) = self.due.first() {
            if at > now {
                break;
            }
            self.due.pop_first();
            self.scheduled[slot] = None;
            let Some(peer) = self.slots[slot].as_mut() else {
                continue;
            };
            if peer.poll_timeout() <= now {
                peer.handle_timeout(env, now);
            }
            self.wake(slot, now);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Something happened to the peer in `slot`: its deadline counts anew.
    pub(crate) fn wake(&mut self, slot: usize, now: Instant) {
        let Some(Some(peer)) = self.slots.get(slot) else {
            return;
        };
        // A deadline in the past would make the shell spin; a peer that cannot act on it now tries again soon.
        let at = peer.poll_timeout().max(now + Duration::from_millis(10));
        let scheduled = self.scheduled[slot];
        // An earlier entry stays: traffic that wakes the peer all the time must not put it off for ever.
        if scheduled.is_some_and(|scheduled| scheduled <= at) {
            return;
        }
        if let Some(scheduled) = scheduled {
            self.due.remove(&(scheduled, slot));
        }
        self.due.insert((at, slot));
        self.scheduled[slot] = Some(at);
    }

    /// The peer in `slot` may be due earlier than it was: one comparison if it is not.
    pub(crate) fn hasten(&mut self, slot: usize, now: Instant) {
        let Some(Some(peer)) = self.slots.get(slot) else {
            return;
        };
        if self.scheduled[slot].is_none_or(|at| peer.poll_timeout() < at) {
            self.wake(slot, now);
        }
    }

    /// Whether handshakes come so fast that strangers must prove their address first.
    pub(crate) fn is_under_load(&mut self, now: Instant) -> bool {
        if now.duration_since(self.load.0) >= Duration::from_secs(1) {
            self.load = (now, 0);
        }
        self.load.1 += 1;
        self.load.1 > LOAD_LIMIT
    }
}

fn node_key(name: &Fqdn, node: NodeId) -> (Fqdn, NodeId) {
    (name.parent().unwrap_or_else(|| name.clone()), node)
}
