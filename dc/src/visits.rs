//! Tunnels that another coordinator made with gateways of ours, and what it has to say to those.
//!
//! It may direct a gateway of ours to gateways of its own domain that our groups allow, and to nothing else. Each
//! direction is passed on with a sequence number of ours; the other coordinator hears of it when the gateway has it.

use crate::guests::is_behind;
use crate::limits::TUNNEL_LIFE;
use crate::linking::Via;
use crate::push::About;
use crate::{Coordinator, Reject};
use ntm_proto::id::{NodeId, PathId, TunnelId};
use ntm_proto::message::{
    DirectionAck, GuestDirection, GuestUpdate, Message, PeerMessage, Refusal, RouteDirection,
    TunnelClosed,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

/// Candidates of one direction: an honest coordinator names an IPv6 address, an inside and an outside one.
const CANDIDATES: usize = 3;
/// Directions of one peer that are on their way to gateways of ours.
const UNDER_WAY: usize = 1024;

/// One tunnel of another coordinator.
pub(crate) struct Visit {
    /// Whose tunnel it is.
    pub(crate) peer: NodeId,
    /// Our gateway.
    pub(crate) gateway: NodeId,
    /// The gateway of the other domain, and its name.
    guest: NodeId,
    name: ntm_proto::id::Fqdn,
    touched: Instant,
}

/// One direction on its way: the tunnel, our device, the other one.
pub(crate) type Passed = (TunnelId, NodeId, NodeId);

/// All of them.
#[derive(Default)]
pub(crate) struct Visits {
    by_tunnel: BTreeMap<TunnelId, Visit>,
    /// Whose direction is under way, and its number there.
    passed: BTreeMap<Passed, (NodeId, u32)>,
}

impl Visits {
    /// The visit of this pair of gateways, the other one of this peer's domain.
    pub(crate) fn between(
        &self,
        gateway: NodeId,
        (peer, guest): (NodeId, NodeId),
    ) -> Option<TunnelId> {
        let wanted = (peer, gateway, guest);
        let mut visits = self.by_tunnel.iter();
        visits
            .find(|(_, visit)| (visit.peer, visit.gateway, visit.guest) == wanted)
            .map(|(id, _)| *id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_tunnel.is_empty()
    }

    fn under_way(&self, peer: NodeId) -> usize {
        self.passed.values().filter(|(of, _)| *of == peer).count()
    }

    fn of(&self, is_meant: impl Fn(&Visit) -> bool) -> Vec<TunnelId> {
        let meant = self.by_tunnel.iter().filter(|(_, visit)| is_meant(visit));
        meant.map(|(id, _)| *id).collect()
    }
}

impl Coordinator {
    /// A peer directs a gateway of ours.
    pub(crate) fn handle_guest_direction(
        &mut self,
        peer: NodeId,
        message: GuestDirection,
        now: Instant,
    ) -> Result<(), Reject> {
        let GuestDirection { gateway, direction } = message;
        self.check_direction(peer, gateway, &direction)?;
        let passed = (direction.tunnel, direction.local, direction.remote.node);
        let theirs = (peer, direction.sequence);
        if self.visits.passed.get(&passed) == Some(&theirs) {
            return Ok(());
        }
        if self.visits.under_way(peer) >= UNDER_WAY {
            return Err(Reject::Busy);
        }
        if !self.yields(peer, gateway, direction.peer, now) {
            return Err(Reject::NotYours);
        }
        let direction = self.ours(peer, gateway, direction);
        // A tunnel takes the place of the one before; its owner has forgotten that, or given it up.
        if let Some(old) = self.visits.between(gateway, (peer, direction.peer))
            && old != direction.tunnel
        {
            self.drop_visit(old);
        }
        let visit = Visit {
            peer,
            gateway,
            guest: direction.peer,
            name: direction.peer_name.clone(),
            touched: now,
        };
        self.visits.by_tunnel.insert(direction.tunnel, visit);
        // If it was over for us, it is no more.
        self.closed_no_more(gateway, direction.tunnel);
        self.closed_no_more(peer, direction.tunnel);
        self.visits.passed.insert(passed, theirs);
        let make = |sequence| {
            Message::RouteDirection(Box::new(RouteDirection {
                sequence,
                ..direction
            }))
        };
        let about = About::Passed {
            tunnel: passed.0,
            local: passed.1,
            remote: passed.2,
        };
        self.pushes.start(gateway, about, make, now);
        Ok(())
    }

    /// A gateway has a direction of a peer, or cannot take it.
    pub(crate) fn passed_acked(&mut self, passed: Passed, refusal: Option<Refusal>, now: Instant) {
        if let Some((peer, sequence)) = self.visits.passed.remove(&passed) {
            let ack = DirectionAck { sequence, refusal };
            self.say_peer(peer, Message::DirectionAck(ack), now);
        }
    }

    /// A gateway does not take a direction of a peer; the peer will say it again, or give up.
    pub(crate) fn passed_given_up(&mut self, passed: Passed) {
        self.visits.passed.remove(&passed);
    }

    /// A peer has what we said to it or to its guest.
    pub(crate) fn handle_peer_ack(
        &mut self,
        peer: NodeId,
        ack: DirectionAck,
        now: Instant,
    ) -> Result<(), Reject> {
        let to = self.pushes.addressee(ack.sequence);
        let to = to.ok_or(Reject::NotYours)?;
        if to != peer && self.registry.guests.peer(to) != Some(peer) {
            return Err(Reject::NotYours);
        }
        self.handle_ack(to, ack, now)
    }

    /// A peer says that a tunnel is over: one of ours with its guest, or its own.
    pub(crate) fn handle_peer_closed(
        &mut self,
        peer: NodeId,
        closed: TunnelClosed,
        via: Via,
        now: Instant,
    ) -> Result<(), Reject> {
        let id = closed.tunnel;
        // Also when it is no tunnel any more: our first answer may be lost.
        let (sequence, refusal) = (closed.sequence, None);
        let ack = Message::DirectionAck(DirectionAck { sequence, refusal });
        self.answer_peer(peer, via, &ack, now);
        let is_its_own = |visit: &Visit| visit.peer == peer;
        if self.visits.by_tunnel.get(&id).is_some_and(is_its_own) {
            if let Some(visit) = self.drop_visit(id) {
                self.tell_closed(visit.gateway, id, now);
            }
            return Ok(());
        }
        let ends = self.tunnels.get(id).map(|tunnel| tunnel.ends);
        let ends = ends.into_iter().flatten().map(|end| end.gateway);
        let (guests, own): (Vec<_>, Vec<_>) =
            ends.partition(|end| self.registry.guests.peer(*end) == Some(peer));
        if guests.is_empty() {
            return Err(Reject::NotYours);
        }
        self.close(id, now);
        own.into_iter()
            .for_each(|end| self.tell_closed(end, id, now));
        Ok(())
    }

    /// A gateway of ours has torn a visit's tunnel down. Whether it is one.
    pub(crate) fn visit_closed(&mut self, from: NodeId, tunnel: TunnelId, now: Instant) -> bool {
        let visit = self.visits.by_tunnel.get(&tunnel);
        if visit.is_none_or(|visit| visit.gateway != from) {
            return false;
        }
        self.end_visit(tunnel, now);
        true
    }

    /// A gateway of ours may not be as it was: the owners of its visits are told, unless they know.
    pub(crate) fn visitor_changed(&mut self, gateway: NodeId, registered: bool, now: Instant) {
        let visits = self.visits.of(|visit| visit.gateway == gateway);
        if visits.is_empty() {
            return;
        }
        let Some(guest) = self.describe(gateway) else {
            return;
        };
        let mut peers = BTreeSet::new();
        for id in visits {
            if let Some(visit) = self.visits.by_tunnel.get_mut(&id) {
                peers.insert(visit.peer);
                if registered {
                    visit.touched = now;
                }
            }
        }
        for peer in peers {
            if !registered && self.told.get(&(gateway, peer)) == Some(&guest) {
                continue;
            }
            self.told.insert((gateway, peer), guest.clone());
            let guest = guest.clone();
            let make =
                |sequence| Message::Peer(PeerMessage::Update(GuestUpdate { sequence, guest }));
            self.pushes
                .start(peer, About::Guest { gateway, peer }, make, now);
        }
    }

    /// The owner did not hear of a change: it is told at the next occasion.
    pub(crate) fn change_given_up(&mut self, gateway: NodeId, peer: NodeId) {
        self.told.remove(&(gateway, peer));
    }

    /// Ends visits of gateways that may not talk any more, and those that nothing touched for long.
    pub(crate) fn sweep_visits(&mut self, now: Instant) {
        let is_over = |visit: &Visit| !self.registry.may_talk_abroad(visit.gateway, &visit.name);
        for id in self.visits.of(is_over) {
            self.end_visit(id, now);
        }
        // As tunnels of ours do, old ones go without a word.
        let is_old = |visit: &Visit| now.saturating_duration_since(visit.touched) >= TUNNEL_LIFE;
        for id in self.visits.of(is_old) {
            self.drop_visit(id);
        }
    }

    /// A gateway of ours is removed.
    pub(crate) fn forget_visitor(&mut self, gateway: NodeId, now: Instant) {
        for id in self.visits.of(|visit| visit.gateway == gateway) {
            self.end_visit(id, now);
        }
        self.told.retain(|(of, _), _| *of != gateway);
        self.asked.retain(|(of, _), _| *of != gateway);
    }

    /// Ends all visits of a peer that is not trusted any more. Nothing is said to it.
    pub(crate) fn forget_visits(&mut self, peer: NodeId, now: Instant) {
        for id in self.visits.of(|visit| visit.peer == peer) {
            self.end_visit(id, now);
        }
        self.told.retain(|(_, of), _| *of != peer);
    }

    /// Forgets a visit, and what its gateway was still to be told: it would build the tunnel again.
    fn drop_visit(&mut self, id: TunnelId) -> Option<Visit> {
        let visit = self.visits.by_tunnel.remove(&id)?;
        let pairs: Vec<Passed> = self.visits.passed.keys().copied().collect();
        for (tunnel, local, remote) in pairs.into_iter().filter(|passed| passed.0 == id) {
            self.visits.passed.remove(&(tunnel, local, remote));
            self.pushes.cancel(About::Passed {
                tunnel,
                local,
                remote,
            });
        }
        Some(visit)
    }

    /// Whether a gateway has as many tunnels with other domains as it may: half of all, so that its own domain has
    /// places left whatever others do.
    pub(crate) fn is_full_abroad(&self, gateway: NodeId) -> bool {
        let visits = self.visits.of(|visit| visit.gateway == gateway).len();
        let hosted = self.tunnels.of(gateway);
        let hosted = hosted.into_iter().filter(|id| self.has_guest(*id)).count();
        visits + hosted >= self.limits.tunnels_per_gateway.div_ceil(2)
    }

    fn end_visit(&mut self, id: TunnelId, now: Instant) {
        let Some(visit) = self.drop_visit(id) else {
            return;
        };
        self.tell_closed(visit.gateway, id, now);
        self.tell_closed(visit.peer, id, now);
    }

    /// Whether a peer may say this to this gateway.
    fn check_direction(
        &self,
        peer: NodeId,
        gateway: NodeId,
        direction: &RouteDirection,
    ) -> Result<(), Reject> {
        let domain = &self
            .peers
            .get(peer)
            .ok_or(Reject::UnknownKey)?
            .record
            .domain;
        self.registry.gateway(gateway).ok_or(Reject::NotYours)?;
        let remote = &direction.remote;
        let is_foreign = |id| {
            let known = self.registry.guests.peer(id);
            !self.registry.is_own(id) && known.is_none_or(|known| known == peer)
        };
        let is_theirs = direction.peer_name.parent().as_ref() == Some(domain)
            && is_behind(&remote.name, &direction.peer_name)
            && is_foreign(direction.peer)
            && is_foreign(remote.node)
            && self.registry.owner_of(&direction.peer_key).is_none()
            && direction.peer_key != self.public
            && ![direction.local_path, direction.peer_path].contains(&PathId::NONE);
        if !is_theirs {
            return Err(Reject::NotTheirs);
        }
        let is_ours = self.registry.gateway_of(direction.local) == Some(gateway);
        let may = self.registry.may_talk_abroad(gateway, &direction.peer_name);
        let visit = self.visits.by_tunnel.get(&direction.tunnel);
        let fits = visit.is_none_or(|visit| {
            (visit.peer, visit.gateway, visit.guest) == (peer, gateway, direction.peer)
        });
        if !(is_ours && may && fits) || self.tunnels.get(direction.tunnel).is_some() {
            return Err(Reject::NotYours);
        }
        let replaced = self.visits.between(gateway, (peer, direction.peer));
        if visit.is_none() && replaced.is_none() && self.is_full_abroad(gateway) {
            return Err(Reject::Busy);
        }
        Ok(())
    }

    /// A direction as our gateway gets it: it answers only a question that was asked, and aims at no address that
    /// nobody may be sent to.
    fn ours(
        &mut self,
        peer: NodeId,
        gateway: NodeId,
        mut direction: RouteDirection,
    ) -> RouteDirection {
        let key = (gateway, direction.request);
        let answers = self.asked.get(&key).is_some_and(|asked| {
            (asked.peer, asked.device, &asked.name)
                == (peer, direction.local, &direction.remote.name)
        });
        if answers {
            self.asked.remove(&key);
        } else {
            direction.request = 0;
        }
        let reach = self.registry.party(gateway).map(|party| party.reach);
        let reach = reach.unwrap_or_default();
        let near = reach.neighbours(&direction.candidates);
        let may = |address: &SocketAddr, near| {
            self.is_real(*address) && (near || reach.may_be_sent_to(*address))
        };
        direction.candidates.retain(|address| may(address, near));
        direction.candidates.truncate(CANDIDATES);
        if let Some(relay) = &mut direction.relay {
            relay.addresses.retain(|address| may(address, false));
        }
        direction.within_limits()
    }
}
