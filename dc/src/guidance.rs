//! How two gateways are brought together: who may, in which tunnel, and what changes when an end does.
//!
//! Asking reveals nothing that the zone does not publish anyway, so a stranger to all groups is told "not allowed"
//! rather than "unknown": its user learns what to change.

use crate::direction::{Decision, Side, decide};
use crate::limits::TUNNEL_LIFE;
use crate::push::About;
use crate::save::ReplyTo;
use crate::tunnel::{Pair, Relaying, Told, Tunnel};
use crate::{Coordinator, Reject};
use ntm_proto::id::{NodeId, TunnelId};
use ntm_proto::message::{DirectionRefused, DirectionRequest, Message, Refusal, TunnelClosed};
use std::time::{Duration, Instant};

/// How often tunnels are looked through for old ones.
pub(crate) const SWEEP: Duration = Duration::from_secs(3600);

impl Coordinator {
    pub(crate) fn handle_direction_request(
        &mut self,
        gateway: NodeId,
        message: &DirectionRequest,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Reject> {
        self.registry.gateway(gateway).ok_or(Reject::WrongRole)?;
        let request = message.request;
        let directed = match self.abroad(&message.target) {
            Some(name) => self.ask_abroad(gateway, message, name, reply, now),
            None => self.resolve(gateway, message).and_then(|(peer, remote)| {
                self.direct(gateway, peer, [message.device, remote], request, now)
            }),
        };
        if let Err(refusal) = directed {
            let refused = DirectionRefused { request, refusal };
            self.answer(gateway, reply, &Message::DirectionRefused(refused), now);
            self.tell_refused(gateway, refusal);
        }
        Ok(())
    }

    pub(crate) fn handle_closed(
        &mut self,
        from: NodeId,
        closed: TunnelClosed,
        now: Instant,
    ) -> Result<(), Reject> {
        if self.visit_closed(from, closed.tunnel, now) {
            return Ok(());
        }
        let tunnel = self.tunnels.get(closed.tunnel).ok_or(Reject::NotYours)?;
        tunnel.side_of(from).ok_or(Reject::NotYours)?;
        self.close(closed.tunnel, now);
        Ok(())
    }

    /// A gateway's reach or epoch may differ: decide about its tunnels again.
    pub(crate) fn reconsider_tunnels(&mut self, gateway: NodeId, now: Instant) {
        for id in self.tunnels.of(gateway) {
            self.reconsider(id, now);
        }
    }

    /// The tunnel is over: nothing is said about it any more, but to its relay.
    pub(crate) fn close(&mut self, id: TunnelId, now: Instant) {
        let Some(tunnel) = self.tunnels.remove(id) else {
            return;
        };
        for pair in &tunnel.pairs {
            self.cancel_routes(id, pair.devices);
        }
        self.pushes.cancel(About::Relay { tunnel: id });
        if let Some(used) = tunnel.relaying.known() {
            self.tell_closed(used.relay, id, now);
        }
    }

    /// Forgets tunnels that nothing touched for long, and those of gateways that may not talk any more.
    pub(crate) fn sweep_tunnels(&mut self, now: Instant) {
        if self.sweep > now {
            return;
        }
        self.sweep = now + SWEEP;
        let is_over = |tunnel: &&Tunnel| {
            let [one, other] = tunnel.ends.map(|end| end.gateway);
            now.saturating_duration_since(tunnel.touched) >= TUNNEL_LIFE
                || !self.registry.may_talk(one, other)
        };
        let over = self.tunnels.iter().filter(is_over);
        let old: Vec<_> = over.map(|tunnel| tunnel.id).collect();
        for id in old {
            // Who may not talk any more is told; an old one goes without a word.
            if self.may_stay(id) {
                self.close(id, now);
            } else {
                self.dismiss(id, now);
            }
        }
        self.sweep_visits(now);
        let tunnels = &self.tunnels;
        self.registry.guests.sweep(|id| tunnels.count(id) > 0);
    }

    /// The gateway and the device that a request means.
    fn resolve(
        &self,
        gateway: NodeId,
        message: &DirectionRequest,
    ) -> Result<(NodeId, NodeId), Refusal> {
        let asks = self.registry.gateway_of(message.device);
        if asks != Some(gateway) || self.registry.live(gateway).is_none() {
            return Err(Refusal::NotRegistered);
        }
        let remote = self
            .registry
            .find(&message.target)
            .ok_or(Refusal::Unknown)?;
        let peer = self.registry.gateway_of(remote).ok_or(Refusal::Unknown)?;
        if peer == gateway {
            return Err(Refusal::Local);
        }
        if !self.registry.may_talk(gateway, peer) {
            return Err(Refusal::NotAllowed);
        }
        self.registry.live(peer).ok_or(Refusal::Offline)?;
        Ok((peer, remote))
    }

    pub(crate) fn direct(
        &mut self,
        gateway: NodeId,
        peer: NodeId,
        devices: [NodeId; 2],
        request: u32,
        now: Instant,
    ) -> Result<(), Refusal> {
        let id = match self.tunnels.between(gateway, peer) {
            Some(id) => id,
            None => self.make_tunnel(gateway, peer, now)?,
        };
        let limit = self.limits.pairs_per_tunnel.max(1);
        let tunnel = self.tunnels.get_mut(id).ok_or(Refusal::Storage)?;
        tunnel.touched = now;
        let side = tunnel.side_of(gateway).ok_or(Refusal::Storage)?;
        let devices = if side == 0 {
            devices
        } else {
            [devices[1], devices[0]]
        };
        if let Relaying::Stuck(known) = tunnel.relaying {
            tunnel.relaying = Relaying::Idle(known);
        }
        let repeated = tunnel
            .pair_mut(devices)
            .is_some_and(|pair| pair.request[side] == request && request != 0);
        if !repeated {
            self.add_request(id, side, devices, (request, limit), now);
            self.refresh_relay(id, now);
        } else if let Some(message) = self.pushes.message(About::Route {
            tunnel: id,
            side,
            pair: devices,
        }) {
            let message = message.clone();
            self.say(gateway, &message, now);
        } else if let Some(pair) = self
            .tunnels
            .get_mut(id)
            .and_then(|tunnel| tunnel.pair_mut(devices))
        {
            pair.told[side] = Told::Due;
            pair.waiting[side] = true;
        }
        self.advance(id, now);
        Ok(())
    }

    /// A new question about a pair: both ends are told (again), since whoever asks has lost or never had an answer.
    fn add_request(
        &mut self,
        id: TunnelId,
        side: usize,
        devices: [NodeId; 2],
        (request, limit): (u32, usize),
        now: Instant,
    ) {
        self.cancel_routes(id, devices);
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        if tunnel.pair_mut(devices).is_none() {
            let oldest = tunnel
                .pairs
                .iter()
                .enumerate()
                .min_by_key(|(_, pair)| pair.asked)
                .map(|(at, _)| at);
            let evicted = oldest
                .filter(|_| tunnel.pairs.len() >= limit)
                .map(|at| tunnel.pairs.swap_remove(at));
            let (request, waiting, told) = ([0; 2], [false; 2], [Told::Due; 2]);
            tunnel.pairs.push(Pair {
                devices,
                request,
                waiting,
                told,
                asked: now,
            });
            if let Some(evicted) = evicted {
                self.cancel_routes(id, evicted.devices);
            }
        }
        let Some(pair) = self
            .tunnels
            .get_mut(id)
            .and_then(|tunnel| tunnel.pair_mut(devices))
        else {
            return;
        };
        pair.request[side] = request;
        pair.waiting[side] = true;
        pair.told = [Told::Due; 2];
        pair.asked = now;
    }

    pub(crate) fn make_tunnel(
        &mut self,
        gateway: NodeId,
        peer: NodeId,
        now: Instant,
    ) -> Result<TunnelId, Refusal> {
        let full = |id| self.tunnels.count(id) >= self.limits.tunnels_per_gateway;
        let is_guest = |id| self.registry.guests.peer(id).is_some();
        let full_abroad =
            |own, other| !is_guest(own) && is_guest(other) && self.is_full_abroad(own);
        if full(gateway) || full(peer) || full_abroad(gateway, peer) || full_abroad(peer, gateway) {
            return Err(Refusal::Limit);
        }
        let ends = if gateway < peer {
            [gateway, peer]
        } else {
            [peer, gateway]
        };
        let (decision, epochs) = self.decide_for(ends).ok_or(Refusal::Offline)?;
        let asking = usize::from(ends[1] == gateway);
        let initiator = initiator(&decision, asking);
        let ends = [(ends[0], epochs[0]), (ends[1], epochs[1])];
        Ok(self
            .tunnels
            .make(ends, initiator, decision, &mut self.random, now))
    }

    /// Decides again; if anything differs, both ends are told again, with fresh relay directions where needed.
    fn reconsider(&mut self, id: TunnelId, now: Instant) {
        let Some(tunnel) = self.tunnels.get(id) else {
            return;
        };
        let ends = tunnel.ends.map(|end| end.gateway);
        let Some((decision, epochs)) = self.decide_for(ends) else {
            return;
        };
        if tunnel.decision == decision && tunnel.ends.map(|end| end.epoch) == epochs {
            return;
        }
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        tunnel.initiator = initiator(&decision, tunnel.initiator);
        tunnel.announced &= tunnel.decision.why == decision.why;
        tunnel.decision = decision;
        for (end, epoch) in tunnel.ends.iter_mut().zip(epochs) {
            end.epoch = epoch;
        }
        tunnel.tell_all_again();
        let pairs: Vec<_> = tunnel.pairs.iter().map(|pair| pair.devices).collect();
        pairs
            .into_iter()
            .for_each(|pair| self.cancel_routes(id, pair));
        self.relay_reconsidered(id);
        self.advance(id, now);
    }

    fn decide_for(&self, ends: [NodeId; 2]) -> Option<(Decision, [u32; 2])> {
        let [one, other] = ends;
        let (one, other) = (self.registry.party(one)?, self.registry.party(other)?);
        Some((decide(&one.reach, &other.reach), [one.epoch, other.epoch]))
    }
}

/// Who sends first: whom the decision names, else who did so before.
fn initiator(decision: &Decision, before: usize) -> usize {
    decision.first.map_or(before, Side::index)
}
