//! Questions to the DC and what waits for their answers: names, addresses, first packets.

use crate::coordination::Coordination;
use crate::{Event, Gateway, Output, Reject, Unresolved};
use ntm_proto::Forward;
use ntm_proto::id::{Fqdn, Identity, NodeId, TunnelId};
use ntm_proto::message::{
    DirectionAck, DirectionRefused, DirectionRequest, Message, Refusal, RouteDirection, Target,
    TunnelClosed,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

/// How long a question may take: a little less than a DNS client waits.
const PATIENCE: Duration = Duration::from_millis(4500);
/// How long a refused destination is not asked for again.
const REFUSED_FOR: Duration = Duration::from_secs(3);
/// Most refused destinations remembered.
const REFUSED_LIMIT: usize = 1024;

/// What is asked of the DC now, and what it refused a moment ago.
#[derive(Default)]
pub(crate) struct Directions {
    asked: BTreeMap<(NodeId, Sought), Asked>,
    refused: BTreeMap<(Ipv4Addr, Ipv4Addr), Instant>,
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

struct Asked {
    request: u32,
    deadline: Instant,
    waiters: Vec<Waiter>,
    packets: VecDeque<Vec<u8>>,
}

impl Directions {
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.asked.values().map(|asked| asked.deadline).min()
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
        let Some(Some(device)) = self.devices.by_address(asker) else {
            return self.tell(waiter, Err(Unresolved::NoIdentity), now);
        };
        let (node, vip) = (device.node, device.vip4);
        if let Some(identity) = self.identity_behind_peer(vip, &sought) {
            return self.tell(waiter, Ok(identity), now);
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
        if self
            .directions
            .refused
            .get(&vips)
            .is_some_and(|until| *until > now)
        {
            return Err(Reject::Refused);
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
        let key = (device, sought);
        if !self.directions.asked.contains_key(&key) {
            if self.directions.asked.len() >= limits.directions {
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
            if asked.packets.len() >= limits.waiting_packets {
                asked.packets.pop_front();
            }
            asked.packets.push_back(packet.to_vec());
        }
    }

    /// Takes what the DC said to the gateway: registrations, names, directions.
    pub(crate) fn handle_coordinator(&mut self, now: Instant) {
        while let Some(message) = self.coordination.poll_message() {
            match &message {
                Message::RouteDirection(direction) => self.handle_direction(direction, now),
                Message::DirectionRefused(refused) => self.handle_refused(*refused, now),
                Message::TunnelClosed(closed) => self.handle_closed(closed.tunnel),
                Message::RegistrationRequest(_)
                | Message::RelayRegistration(_)
                | Message::RegistrationResponse(_)
                | Message::DeviceRequest(_)
                | Message::DeviceResponse(_)
                | Message::KeepAlive(_)
                | Message::KeepAliveResponse(_)
                | Message::DirectionRequest(_)
                | Message::RelayDirection(_)
                | Message::DirectionAck(_)
                | Message::PathChallenge(_)
                | Message::PathResponse(_)
                | Message::Domains(_)
                | Message::Peer(_) => {
                    if let Some(request) =
                        Coordination::note(&message, &mut self.devices, &mut self.output)
                    {
                        self.coordination.forget(request);
                    }
                }
            }
        }
    }

    fn handle_direction(&mut self, direction: &RouteDirection, now: Instant) {
        let Some(local) = self
            .devices
            .by_node(direction.local)
            .map(|identity| identity.vip4)
        else {
            // A device that has not registered with us since we started: the DC says it again when it has.
            self.count(Reject::NoIdentity);
            return;
        };
        let ack = DirectionAck {
            sequence: direction.sequence,
            refusal: None,
        };
        self.coordination
            .say(&Message::DirectionAck(ack), &mut self.output, now);
        let pair = (local, direction.remote.vip4);
        if direction.peer == self.setup.node || !self.setup.prefixes.v4.contains(&pair.1) {
            self.count(Reject::UnexpectedMessage);
            return;
        }
        if !self.pairs.contains_key(&pair) && self.pairs.len() >= self.setup.limits.pairs {
            self.count(Reject::QueueFull);
            return;
        }
        let Some(slot) = self.with_peers(|peers, env| peers.directed(direction, env, now)) else {
            self.count(Reject::QueueFull);
            return;
        };
        self.pairs.insert(pair, slot);
        self.directions.refused.remove(&pair);
        self.release_asked(direction, now);
    }

    /// The DC says that a tunnel's other end does not belong any more.
    fn handle_closed(&mut self, tunnel: TunnelId) {
        if let Some((slot, peer)) = self.peers.take_tunnel(tunnel) {
            self.pairs.retain(|_, other| *other != slot);
            let event = Event::TunnelClosed { peer: peer.name };
            self.output.push_back(Output::Event(event));
        }
    }

    /// Answers everybody who waited for the device that a direction is about.
    fn release_asked(&mut self, direction: &RouteDirection, now: Instant) {
        let remote = &direction.remote;
        for sought in [
            Sought::Name(remote.name.clone()),
            Sought::Address(remote.vip4.into()),
            Sought::Address(remote.vip6.into()),
        ] {
            let Some(asked) = self.directions.asked.remove(&(direction.local, sought)) else {
                continue;
            };
            self.coordination.forget(asked.request);
            for waiter in asked.waiters {
                self.tell(waiter, Ok(remote.clone()), now);
            }
            let mut out = Vec::new();
            for packet in asked.packets {
                // Its peer exists now, so it is sent or waits there; unless its destination has come home meanwhile.
                let forward = self.route_packet(&packet, &mut out, now);
                let bytes = std::mem::take(&mut out);
                match forward {
                    Ok(Forward::Udp(path)) => {
                        let datagram = bytes;
                        self.output.push_back(Output::Send { path, datagram });
                    }
                    Ok(Forward::Tun) => self.output.push_back(Output::Deliver(bytes)),
                    Ok(Forward::Nowhere) => {}
                    Err(reject) => {
                        self.count(reject);
                    }
                }
            }
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
        self.give_up(&key, Unresolved::Refused(refused.refusal), now);
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
        self.directions.refused.retain(|_, until| *until > now);
        self.ask_for_lost_peers(now);
    }

    fn give_up(&mut self, key: &(NodeId, Sought), error: Unresolved, now: Instant) {
        let Some(asked) = self.directions.asked.remove(key) else {
            return;
        };
        for waiter in asked.waiters {
            self.tell(waiter, Err(error), now);
        }
        let vip = self.devices.by_node(key.0).map(|identity| identity.vip4);
        if let (Some(vip), Sought::Address(IpAddr::V4(remote)), Unresolved::Refused(_)) =
            (vip, &key.1, error)
            && self.directions.refused.len() < REFUSED_LIMIT
        {
            self.directions
                .refused
                .insert((vip, *remote), now + REFUSED_FOR);
        }
        for _ in asked.packets {
            self.count(Reject::Refused);
        }
    }

    /// Peers whose way is lost: the DC may know where they are now.
    pub(crate) fn ask_for_lost_peers(&mut self, now: Instant) {
        if !self.coordination.is_registered() {
            return;
        }
        for slot in self.peers.occupied() {
            let Some(peer) = self.peers.get(slot) else {
                continue;
            };
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
    }

    /// Forgets peers that are idle or unreachable for long.
    pub(crate) fn drop_closed_peers(&mut self, now: Instant) {
        for (slot, peer) in
            self.peers
                .take_over(self.setup.limits.idle, !self.sockets.is_empty(), now)
        {
            self.pairs.retain(|_, other| *other != slot);
            let closed = Message::TunnelClosed(TunnelClosed {
                tunnel: peer.tunnel,
            });
            self.coordination.say(&closed, &mut self.output, now);
            self.output
                .push_back(Output::Event(Event::TunnelClosed { peer: peer.name }));
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
        let mut remotes = self.peers.iter().flat_map(|peer| peer.remotes.values());
        let remote = remotes.find(|remote| sought.is(remote))?;
        self.pairs
            .contains_key(&(vip, remote.vip4))
            .then(|| remote.clone())
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
