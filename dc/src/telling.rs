//! How the ends of a tunnel are told, and told again until they have said that they know.

use crate::push::{About, Due};
use crate::tunnel::{RelayUse, Relaying, Told};
use crate::{Coordinator, Event, Output, Reject};
use ntm_proto::id::{NodeId, TunnelId};
use ntm_proto::message::{
    DirectionAck, DirectionRefused, Message, Refusal, RelayLeg, RouteDirection,
};
use std::time::Instant;

/// Route Directions under way to one end of a tunnel when it is told of all its pairs again.
const WINDOW: usize = 8;
/// Which repetitions of a push go by other ways, too. Not all: a Keep Alive proves no address, and who sent it with a
/// false source could have one word of ours multiplied there.
const BY_OTHER_WAYS: std::ops::RangeInclusive<u32> = 1..=2;

impl Coordinator {
    pub(crate) fn handle_ack(
        &mut self,
        from: NodeId,
        ack: DirectionAck,
        now: Instant,
    ) -> Result<(), Reject> {
        let about = self
            .pushes
            .acknowledge(ack.sequence, from)
            .ok_or(Reject::NotYours)?;
        match about {
            About::Relay { tunnel } => self.relay_answered(tunnel, from, ack.refusal, now),
            About::Route { tunnel, .. } if ack.refusal == Some(Refusal::PathTaken) => {
                self.remake(tunnel, now);
            }
            About::Passed {
                tunnel,
                local,
                remote,
            } => self.passed_acked((tunnel, local, remote), ack.refusal, now),
            About::Guest { .. } | About::Domains { .. } | About::Closed { .. } => {}
            About::Route { tunnel, side, pair } => {
                if let Some(tunnel) = self.tunnels.get_mut(tunnel) {
                    tunnel.in_use = true;
                    if let Some(pair) = tunnel.pair_mut(pair) {
                        pair.told[side] = Told::Acknowledged;
                        pair.waiting[side] = false;
                    }
                }
                self.advance(tunnel, now);
            }
        }
        Ok(())
    }

    /// Says what is due.
    pub(crate) fn push(&mut self, now: Instant) {
        while let Some(due) = self.pushes.next_due(now) {
            match due {
                Due::Say(to, message, before) => {
                    self.say(to, &message, now);
                    if BY_OTHER_WAYS.contains(&before) {
                        self.say_by_other_ways(to, &message, now);
                    }
                }
                Due::GaveUp(push) => match push.about {
                    About::Relay { tunnel } => self.relay_failed(tunnel, push.to, None, now),
                    About::Passed {
                        tunnel,
                        local,
                        remote,
                    } => self.passed_given_up((tunnel, local, remote)),
                    About::Guest { gateway, peer } => self.change_given_up(gateway, peer),
                    About::Domains { gateway } => self.domains_given_up(gateway),
                    About::Closed { tunnel, to } => self.unheard.remember(to, tunnel),
                    About::Route { tunnel, side, pair } => {
                        if let Some(pair) = self
                            .tunnels
                            .get_mut(tunnel)
                            .and_then(|tunnel| tunnel.pair_mut(pair))
                        {
                            pair.told[side] = Told::GaveUp;
                            pair.waiting[side] = false;
                        }
                        self.advance(tunnel, now);
                    }
                },
            }
        }
    }

    /// A gateway is there: what it was told in vain is told again; if it `registered`, also what was on its way to
    /// where it was before.
    pub(crate) fn tell_rest(&mut self, gateway: NodeId, registered: bool, now: Instant) {
        for id in self.tunnels.of(gateway) {
            let Some(tunnel) = self.tunnels.get_mut(id) else {
                continue;
            };
            let Some(side) = tunnel.side_of(gateway) else {
                continue;
            };
            if registered {
                tunnel.touched = now;
            }
            let mut missed = false;
            for told in tunnel.pairs.iter_mut().map(|pair| &mut pair.told[side]) {
                if *told == Told::GaveUp || (registered && *told == Told::Said) {
                    *told = Told::Due;
                    missed = true;
                }
            }
            if missed || registered {
                self.advance(id, now);
            }
        }
    }

    /// Tells the ends what they do not know yet, or finds the relay that must be found first.
    pub(crate) fn advance(&mut self, id: TunnelId, now: Instant) {
        let Some(tunnel) = self.tunnels.get(id) else {
            return;
        };
        if matches!(tunnel.relaying, Relaying::Idle(_)) {
            self.find_relay(id, Vec::new(), now);
        }
        let Some(tunnel) = self.tunnels.get(id).filter(|tunnel| tunnel.is_ready()) else {
            return;
        };
        let mut said = Vec::new();
        for side in [0, 1] {
            let under_way = tunnel
                .pairs
                .iter()
                .filter(|pair| pair.told[side] == Told::Said)
                .count();
            let due = tunnel
                .pairs
                .iter()
                .filter(|pair| pair.told[side] == Told::Due);
            // What somebody waits for goes first, and never waits for the window.
            let (asked, rest): (Vec<_>, Vec<_>) =
                due.partition(|pair| pair.waiting.contains(&true));
            let room = WINDOW.saturating_sub(under_way + asked.len());
            said.extend(
                asked
                    .into_iter()
                    .chain(rest.into_iter().take(room))
                    .map(|pair| (side, pair.devices)),
            );
        }
        for (side, pair) in said {
            self.start_route(id, side, pair, now);
        }
        self.announce(id);
    }

    /// What all that waits for an answer about this tunnel gets.
    pub(crate) fn refuse_waiting(&mut self, id: TunnelId, refusal: Refusal, now: Instant) {
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        let mut refused = Vec::new();
        for pair in &mut tunnel.pairs {
            for side in [0, 1] {
                if std::mem::take(&mut pair.waiting[side]) {
                    refused.push((
                        tunnel.ends[side].gateway,
                        std::mem::take(&mut pair.request[side]),
                    ));
                }
            }
        }
        for (gateway, request) in refused {
            self.say(
                gateway,
                &Message::DirectionRefused(DirectionRefused { request, refusal }),
                now,
            );
            self.tell_refused(gateway, refusal);
        }
    }

    fn start_route(&mut self, id: TunnelId, side: usize, pair: [NodeId; 2], now: Instant) {
        let Some(direction) = self.route_direction(id, side, pair) else {
            return;
        };
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        let to = tunnel.ends[side].gateway;
        if let Some(pair) = tunnel.pair_mut(pair) {
            pair.told[side] = Told::Said;
        }
        let make = |sequence| {
            Message::RouteDirection(Box::new(RouteDirection {
                sequence,
                ..direction
            }))
        };
        self.pushes.start(
            to,
            About::Route {
                tunnel: id,
                side,
                pair,
            },
            make,
            now,
        );
    }

    /// What end `side` is told about a pair, without its sequence number.
    fn route_direction(
        &self,
        id: TunnelId,
        side: usize,
        devices: [NodeId; 2],
    ) -> Option<RouteDirection> {
        let tunnel = self.tunnels.get(id)?;
        let pair = tunnel.pairs.iter().find(|pair| pair.devices == devices)?;
        let (here, there) = (tunnel.ends[side], tunnel.ends[1 - side]);
        let peer = self.registry.party(there.gateway)?;
        let leg = |used: RelayUse| {
            Some(RelayLeg {
                relay: used.relay,
                addresses: self.registry.relay(used.relay)?.addresses.clone(),
                key: used.keys[side],
            })
        };
        let relay = tunnel.relay().and_then(leg);
        let direction = RouteDirection {
            sequence: 0,
            request: if pair.waiting[side] {
                pair.request[side]
            } else {
                0
            },
            tunnel: id,
            peer: there.gateway,
            peer_name: self.registry.node_name(there.gateway)?,
            peer_key: peer.key,
            peer_epoch: there.epoch,
            initiator: tunnel.initiator == side,
            local_path: here.path,
            peer_path: there.path,
            why: tunnel.decision.why,
            candidates: tunnel.decision.candidates[side].clone(),
            relay,
            local: devices[side],
            remote: self.registry.identity(devices[1 - side])?,
        };
        Some(direction.within_limits())
    }

    pub(crate) fn cancel_routes(&mut self, tunnel: TunnelId, pair: [NodeId; 2]) {
        for side in [0, 1] {
            self.pushes.cancel(About::Route { tunnel, side, pair });
        }
    }

    /// Tells the log of a route, once.
    fn announce(&mut self, id: TunnelId) {
        let Some(tunnel) = self.tunnels.get_mut(id).filter(|tunnel| !tunnel.announced) else {
            return;
        };
        tunnel.announced = true;
        let ([one, other], why) = (tunnel.ends.map(|end| end.gateway), tunnel.decision.why);
        let relay = tunnel.relaying.known().filter(|_| tunnel.needs_relay());
        let relay = relay.map(|used| used.relay);
        let name = |id| self.registry.node_name(id);
        if let (Some(one), Some(other)) = (name(one), name(other)) {
            let relay = relay.and_then(name);
            self.output.push_back(Output::Event(Event::Directed {
                one,
                other,
                why,
                relay,
            }));
        }
    }
}
