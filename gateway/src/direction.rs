//! Questions to the DC and what waits for their answers: names, addresses, first packets.

mod budget;
mod taking;
#[cfg(test)]
mod two_domains;

use crate::allowance::Share;
use crate::{Event, Gateway, Output, Reject, Unresolved};
use ntm_proto::id::{Fqdn, Identity, NodeId};
use ntm_proto::message::{
    DirectionRefused, DirectionRequest, Message, Refusal, Target, TunnelClosed,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

/// How long a question may take: a little less than a DNS client waits.
const PATIENCE: Duration = Duration::from_millis(4500);
/// How long a refused destination is not asked for again.
const REFUSED_FOR: Duration = Duration::from_secs(3);
/// What holding a packet costs besides its bytes.
const SLOT: usize = 64;
/// Most refused destinations remembered.
const REFUSED_LIMIT: usize = 1024;

/// What is asked of the DC now, and what it refused a moment ago.
#[derive(Default)]
pub(crate) struct Directions {
    asked: BTreeMap<(NodeId, Sought), Asked>,
    budgets: budget::Budgets,
    refused: BTreeMap<(Ipv4Addr, Ipv4Addr), Refused>,
    /// When a peer that lost its way may be asked for again.
    question: Option<Instant>,
}

/// Whom somebody wants to reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sought {
    Name(Fqdn),
    Address(IpAddr),
}

/// Who waits for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Waiter {
    /// A caller of [`Gateway::resolve`].
    Query(u64),
    /// A caller of [`Gateway::ping`].
    Ping(u64),
    /// Nobody: a peer that lost its way.
    Nobody,
}

/// A destination that is not asked for again yet.
struct Refused {
    until: Instant,
    /// By our own policies.
    denied: bool,
}

struct Asked {
    request: u32,
    deadline: Instant,
    waiters: Vec<Waiter>,
    packets: VecDeque<Vec<u8>>,
    /// What they cost.
    share: Share,
}

impl Asked {
    /// Keeps a packet, of at most so many; the oldest makes room. One for which there is no memory is lost.
    fn hold(&mut self, packet: &[u8], most: usize) {
        if self.packets.len() >= most
            && let Some(oldest) = self.packets.pop_front()
        {
            self.share.set(self.share.bytes() - oldest.len() - SLOT);
        }
        let bytes = self.share.bytes() + packet.len() + SLOT;
        if bytes <= self.share.room(usize::MAX) {
            self.packets.push_back(packet.to_vec());
            self.share.set(bytes);
        }
    }
}

impl Directions {
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.asked.values().map(|asked| asked.deadline);
        deadlines.chain(self.question).min()
    }

    /// Whether a device may have one more question asked.
    fn may_ask(&mut self, device: NodeId, now: Instant) -> bool {
        let asked = self.asked.keys().filter(|(of, _)| *of == device);
        asked.count() < budget::OPEN && self.budgets.take(device, now)
    }
}

impl Gateway {
    /// Who is `name`, asked by the LAN device at `asker`? The answer comes as [`Output::Answer`].
    pub fn resolve(&mut self, query: u64, asker: Ipv4Addr, name: Fqdn, now: Instant) {
        self.ask_for(Waiter::Query(query), asker, Sought::Name(name), now);
        self.settle(now);
    }

    /// Who has this virtual address, asked by the LAN device at `asker`? The answer comes as [`Output::Answer`].
    pub fn resolve_address(&mut self, query: u64, asker: Ipv4Addr, address: IpAddr, now: Instant) {
        self.ask_for(Waiter::Query(query), asker, Sought::Address(address), now);
        self.settle(now);
    }

    pub(crate) fn ask_for(
        &mut self,
        waiter: Waiter,
        asker: Ipv4Addr,
        sought: Sought,
        now: Instant,
    ) {
        if let Some(identity) = self.identity_here(&sought) {
            return self.tell(waiter, Ok(identity), now);
        }
        let Some((_, Some(device))) = self.devices.by_address(asker) else {
            return self.tell(waiter, Err(Unresolved::NoIdentity), now);
        };
        let (node, vip) = (device.node, device.vip4);
        let known = self.identity_behind_peer(vip, &sought);
        let name = match (&known, &sought) {
            (Some(identity), _) => Some(&identity.name),
            (None, Sought::Name(name)) => Some(name),
            (None, Sought::Address(_)) => None,
        };
        if let Some(name) = name {
            let verdict = self.policies.verdict(&device.name, name);
            if verdict.is_closed() {
                self.policies.count_refused(verdict);
                return self.tell(waiter, Err(Unresolved::Denied), now);
            }
        }
        if let Some(identity) = known {
            return self.tell(waiter, Ok(identity), now);
        }
        if matches!(&sought, Sought::Name(name) if self.is_foreign(name))
            && !self.aliases.can_lend()
        {
            return self.tell(waiter, Err(Unresolved::NoAlias), now);
        }
        self.ask(node, sought, Some(waiter), None, now);
    }

    /// Holds a packet until the DC has said where its destination is.
    pub(crate) fn ask_for_packet(
        &mut self,
        packet: &[u8],
        from: NodeId,
        vips: (Ipv4Addr, Ipv4Addr),
        now: Instant,
    ) -> Result<(), Reject> {
        let refused = self.directions.refused.get(&vips);
        match refused.filter(|refused| refused.until > now) {
            Some(refused) if refused.denied => {
                self.tell_denied(packet, now);
                return Err(Reject::Denied);
            }
            Some(_) => return Err(Reject::Refused),
            None => {}
        }
        if self.aliases.contains(vips.1) && self.aliases.get(vips.1).is_none() {
            // The DC does not know our aliases, and a hash does not tell whose it is.
            return Err(Reject::UnknownAlias);
        }
        self.ask(
            from,
            Sought::Address(vips.1.into()),
            None,
            Some(packet),
            now,
        );
        Ok(())
    }

    fn ask(
        &mut self,
        device: NodeId,
        sought: Sought,
        waiter: Option<Waiter>,
        packet: Option<&[u8]>,
        now: Instant,
    ) {
        let limits = self.setup.limits;
        let Some(sought) = self.as_the_dc_knows(sought) else {
            if let Some(waiter) = waiter {
                self.tell(waiter, Err(Unresolved::Refused(Refusal::Unknown)), now);
            }
            return;
        };
        let key = (device, sought);
        if !self.directions.asked.contains_key(&key) {
            // What we ask on our own about lost peers is rare enough by itself.
            let is_ours = matches!(waiter, Some(Waiter::Nobody));
            if self.directions.asked.len() >= limits.directions
                || !(is_ours || self.directions.may_ask(device, now))
            {
                if let Some(waiter) = waiter {
                    self.tell(waiter, Err(Unresolved::Busy), now);
                }
                self.count(Reject::QueueFull);
                return;
            }
            let target = match &key.1 {
                Sought::Name(name) => Target::Name(name.clone()),
                Sought::Address(IpAddr::V4(v4)) => Target::V4(*v4),
                Sought::Address(IpAddr::V6(v6)) => Target::V6(*v6),
            };
            let make = |request| {
                Message::DirectionRequest(DirectionRequest {
                    request,
                    device,
                    target,
                })
            };
            let request = self.coordination.send_request(make, now);
            let asked = Asked {
                request,
                deadline: now + PATIENCE,
                waiters: Vec::new(),
                packets: VecDeque::new(),
                share: Share::new(&self.hold),
            };
            self.directions.asked.insert(key.clone(), asked);
        }
        let Some(asked) = self.directions.asked.get_mut(&key) else {
            return;
        };
        match waiter {
            Some(waiter) if asked.waiters.len() < limits.questions => asked.waiters.push(waiter),
            Some(waiter) => self.tell(waiter, Err(Unresolved::Busy), now),
            None => {}
        }
        if let (Some(packet), Some(asked)) = (packet, self.directions.asked.get_mut(&key)) {
            asked.hold(packet, limits.waiting_packets);
        }
    }

    fn handle_refused(&mut self, refused: DirectionRefused, now: Instant) {
        self.coordination.forget(refused.request);
        if refused.refusal == Refusal::NotRegistered {
            self.coordination.register_again();
        }
        let found = self
            .directions
            .asked
            .iter()
            .find(|(_, asked)| asked.request == refused.request);
        let Some(key) = found.map(|(key, _)| key.clone()) else {
            return;
        };
        let is_over = matches!(
            refused.refusal,
            Refusal::Unknown
                | Refusal::NotAllowed
                | Refusal::DomainUnknown
                | Refusal::DomainNotAllowing
        );
        if is_over {
            self.close_refused(&key);
        }
        self.give_up(&key, Unresolved::Refused(refused.refusal), now);
    }

    /// The DC, asked for a peer that lost its way, knows it no more or lets us talk no more: its word that the tunnel
    /// is closed may have missed us.
    fn close_refused(&mut self, (device, sought): &(NodeId, Sought)) {
        let is_meant = |peer: &&crate::peer::Peer| {
            let (ours, remote) = peer.example;
            let asked = self.as_the_dc_knows(Sought::Address(remote.into()));
            ours == *device && asked.as_ref() == Some(sought)
        };
        let tunnel = self.peers.iter().find(is_meant).map(|peer| peer.tunnel);
        if let Some(tunnel) = tunnel {
            self.handle_closed(tunnel);
        }
    }

    pub(crate) fn directions_timeout(&mut self, now: Instant) {
        let late = self
            .directions
            .asked
            .iter()
            .filter(|(_, asked)| asked.deadline <= now);
        let late: Vec<_> = late
            .map(|(key, asked)| (key.clone(), asked.request))
            .collect();
        for (key, request) in late {
            self.coordination.forget(request);
            self.give_up(&key, Unresolved::NoCoordinator, now);
        }
        self.directions
            .refused
            .retain(|_, refused| refused.until > now);
    }

    fn give_up(&mut self, key: &(NodeId, Sought), error: Unresolved, now: Instant) {
        let Some(asked) = self.directions.asked.remove(key) else {
            return;
        };
        for waiter in asked.waiters {
            self.tell(waiter, Err(error), now);
        }
        let vip = self.devices.by_node(key.0).map(|identity| identity.vip4);
        let denied = error == Unresolved::Denied;
        if let (Some(vip), Some(remote)) = (vip, self.address_of(&key.1))
            && (denied || matches!(error, Unresolved::Refused(_)))
            && self.directions.refused.len() < REFUSED_LIMIT
        {
            let until = now + REFUSED_FOR;
            let refused = Refused { until, denied };
            self.directions.refused.insert((vip, remote), refused);
        }
        for packet in asked.packets {
            if denied {
                self.tell_denied(&packet, now);
                self.count(Reject::Denied);
            } else {
                self.count(Reject::Refused);
            }
        }
    }

    /// The policies have changed: what they denied may be asked for.
    pub(crate) fn forget_denied(&mut self) {
        self.directions.refused.retain(|_, refused| !refused.denied);
    }

    /// Peers whose way is lost: the DC may know where they are now.
    pub(crate) fn ask_for_lost_peers(&mut self, now: Instant) {
        self.directions.question = None;
        if !self.coordination.is_registered() {
            return;
        }
        let mut next: Option<Instant> = None;
        for slot in self.peers.occupied() {
            let Some(peer) = self.peers.get(slot) else {
                continue;
            };
            let at = peer.watch.question_at().filter(|at| *at > now);
            next = next.into_iter().chain(at).min();
            if peer.watch.take_question(now) {
                let (device, remote) = peer.example;
                self.ask(
                    device,
                    Sought::Address(remote.into()),
                    Some(Waiter::Nobody),
                    None,
                    now,
                );
            }
        }
        self.directions.question = next;
    }

    /// Nobody waits for what the DC was asked about a peer that is gone: its answer would bring that back.
    pub(crate) fn forget_question(&mut self, (device, remote): (NodeId, Ipv4Addr)) {
        let Some(sought) = self.as_the_dc_knows(Sought::Address(remote.into())) else {
            return;
        };
        let key = (device, sought);
        let idle = |asked: &&mut Asked| {
            let nobody = |waiter: &Waiter| matches!(waiter, Waiter::Nobody);
            asked.packets.is_empty() && asked.waiters.iter().all(nobody)
        };
        if let Some(asked) = self.directions.asked.get_mut(&key).filter(idle) {
            self.coordination.forget(asked.request);
            self.directions.asked.remove(&key);
        }
    }

    /// Forgets peers that are idle or unreachable for long.
    pub(crate) fn drop_closed_peers(&mut self, now: Instant) {
        for (slot, peer) in
            self.peers
                .take_over(self.setup.limits.idle, !self.sockets.is_empty(), now)
        {
            self.pairs.remove_slot(slot);
            self.forget_question(peer.example);
            let closed = Message::TunnelClosed(TunnelClosed {
                tunnel: peer.tunnel,
                sequence: 0,
            });
            self.coordination.say(&closed, &mut self.output, now);
            self.handovers.file_last(peer.handover());
            self.output
                .push_back(Output::Event(Event::TunnelClosed { peer: peer.name }));
        }
    }

    /// The machine that was there first has these tunnels: going on with ours would draw its traffic away.
    pub(crate) fn drop_all_peers(&mut self) {
        let tunnels: Vec<_> = self.peers.iter().map(|peer| peer.tunnel).collect();
        for tunnel in tunnels {
            if let Some((slot, peer)) = self.peers.take_tunnel(tunnel) {
                self.pairs.remove_slot(slot);
                self.handovers.file_last(peer.handover());
                self.output
                    .push_back(Output::Event(Event::TunnelClosed { peer: peer.name }));
            }
        }
    }

    fn tell(&mut self, waiter: Waiter, result: Result<Identity, Unresolved>, now: Instant) {
        match waiter {
            Waiter::Query(query) => self.output.push_back(Output::Answer { query, result }),
            Waiter::Ping(query) => self.ping_resolved(query, result, now),
            Waiter::Nobody => {}
        }
    }

    fn identity_here(&self, sought: &Sought) -> Option<Identity> {
        self.devices
            .identities()
            .find(|identity| sought.is(identity))
            .cloned()
    }

    fn identity_behind_peer(&self, vip: Ipv4Addr, sought: &Sought) -> Option<Identity> {
        let foreign = match sought {
            Sought::Name(name) if self.is_foreign(name) => Some(self.aliases.named(name)),
            Sought::Address(IpAddr::V4(v4)) if self.aliases.contains(*v4) => {
                Some(self.aliases.get(*v4))
            }
            Sought::Name(_) | Sought::Address(_) => None,
        };
        let remote = foreign.unwrap_or_else(|| {
            let mut remotes = self.peers.iter().flat_map(|peer| peer.remotes.values());
            // What another domain says of its devices says nothing of ours.
            remotes.find(|remote| sought.is(remote) && !self.is_foreign(&remote.name))
        })?;
        self.pairs
            .contains(vip, remote.vip4)
            .then(|| remote.clone())
    }

    /// Whether a device or gateway of this name is another domain's.
    pub(crate) fn is_foreign(&self, name: &Fqdn) -> bool {
        !name.is_within(&self.setup.domain)
    }

    /// The question in words that mean the same to the DC: an alias means nothing to it. `None`: an alias of nobody.
    fn as_the_dc_knows(&self, sought: Sought) -> Option<Sought> {
        match sought {
            Sought::Address(IpAddr::V4(v4)) if self.aliases.contains(v4) => {
                let device = self.aliases.get(v4)?;
                Some(Sought::Name(device.name.clone()))
            }
            Sought::Name(_) | Sought::Address(_) => Some(sought),
        }
    }

    /// The IPv4 address to which packets to `sought` go, as far as known.
    fn address_of(&self, sought: &Sought) -> Option<Ipv4Addr> {
        match sought {
            Sought::Name(name) if self.is_foreign(name) => {
                self.aliases.named(name).map(|device| device.vip4)
            }
            Sought::Address(IpAddr::V4(v4)) => Some(*v4),
            Sought::Name(_) | Sought::Address(IpAddr::V6(_)) => None,
        }
    }
}

impl Sought {
    fn is(&self, identity: &Identity) -> bool {
        match self {
            Self::Name(name) => identity.name == *name,
            Self::Address(IpAddr::V4(v4)) => identity.vip4 == *v4,
            Self::Address(IpAddr::V6(v6)) => identity.vip6 == *v6,
        }
    }
}

impl From<Refusal> for Unresolved {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
