//! How a tunnel finds its relay: one that both ends can reach, the least loaded first, until one is willing.
//!
//! Where a tunnel begins through the relay, that is told before the ends are, so that they find it expecting them;
//! elsewhere it is for falling back to, and nobody waits for it. A tunnel keeps its relay and the keys
//! of its legs as long as that relay is there: saying the same again costs the relay nothing and heals a relay that
//! has dropped an idle path.

use crate::direction::Reach;
use crate::node::{Node, RelayRole};
use crate::push::About;
use crate::tunnel::{RelayUse, Relaying, Tunnel};
use crate::{Coordinator, Event, Output};
use ntm_proto::bind::LegKey;
use ntm_proto::id::{NodeId, TunnelId};
use ntm_proto::message::{Leg, Message, Refusal, RelayDirection};
use std::time::{Duration, Instant};

/// After this long a relay is reminded of a tunnel before more is built on it, for it may be gone: less than gateways
/// wait between two questions about a peer.
const REMIND: Duration = Duration::from_secs(2);

/// How often a relay is asked when there is another: 750 ms in all.
const HASTY: u32 = 2;

/// What a relay's registration changed.
#[derive(Clone, Copy, Default)]
pub(crate) struct RelayChange {
    /// It is a new start.
    pub(crate) fresh: bool,
    /// It was offline before.
    pub(crate) came: bool,
    /// Its addresses are others.
    pub(crate) readdressed: bool,
}

impl Coordinator {
    /// Asks the next relay; `tried` were asked in vain.
    pub(crate) fn find_relay(&mut self, id: TunnelId, tried: Vec<NodeId>, now: Instant) {
        let Some(tunnel) = self.tunnels.get(id) else {
            return;
        };
        let Some(used) = self.choose_relay(tunnel, &tried) else {
            let may_do = tunnel.decision.why.may_do_without_relay();
            let (is_in_use, known) = (tunnel.in_use, tunnel.relaying.known());
            if !may_do {
                self.refuse_waiting(id, Refusal::NoRelay, now);
            }
            if is_in_use || may_do {
                self.set_relaying(id, Relaying::Stuck(known));
            } else {
                self.close(id, now);
            }
            return;
        };
        let changed = tunnel.relay() != Some(used);
        let used = if used.keys == NO_KEYS {
            RelayUse {
                keys: [LegKey(self.random.bytes()), LegKey(self.random.bytes())],
                ..used
            }
        } else {
            used
        };
        if let Some(role) = self
            .registry
            .node_mut(used.relay)
            .and_then(Node::as_relay_mut)
        {
            role.assigned = role.assigned.saturating_add(1);
        }
        if let Some(tunnel) = self.tunnels.get_mut(id).filter(|_| changed) {
            tunnel.announced &= !tunnel.needs_relay();
            tunnel.tell_all_again();
        }
        self.ask_relay(id, used, tried, now);
    }

    /// A relay says whether it will carry a tunnel.
    pub(crate) fn relay_answered(
        &mut self,
        id: TunnelId,
        relay: NodeId,
        refusal: Option<Refusal>,
        now: Instant,
    ) {
        if refusal.is_some() {
            self.relay_failed(id, relay, refusal, now);
            return;
        }
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        if let Relaying::Asking(used, _) = tunnel.relaying {
            tunnel.relaying = Relaying::Ready(used, now);
        }
        self.advance(id, now);
    }

    /// A relay will not carry a tunnel, or did not say so in time.
    pub(crate) fn relay_failed(
        &mut self,
        id: TunnelId,
        relay: NodeId,
        refusal: Option<Refusal>,
        now: Instant,
    ) {
        if let Some(relay) = self.registry.node_name(relay) {
            self.output
                .push_back(Output::Event(Event::RelayFailed { relay, refusal }));
        }
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        let tried = match &mut tunnel.relaying {
            Relaying::Asking(_, tried) => std::mem::take(tried),
            Relaying::Idle(_) | Relaying::Ready(..) | Relaying::Stuck(_) => return,
        };
        let tried = tried.into_iter().chain([relay]).collect();
        tunnel.tell_all_again();
        self.find_relay(id, tried, now);
        self.advance(id, now);
    }

    /// A relay is offline: its tunnels need another.
    pub(crate) fn relay_lost(&mut self, relay: NodeId, now: Instant) {
        for id in self.tunnels.through(relay) {
            self.pushes.cancel(About::Relay { tunnel: id });
            if let Some(tunnel) = self.tunnels.get_mut(id) {
                tunnel.tell_all_again();
            }
            self.find_relay(id, vec![relay], now);
            self.advance(id, now);
        }
    }

    /// A relay registered: one that started anew has to be told of its tunnels, the ends of those learn its new
    /// addresses, and one that came gives hope to those that found none, or ask one that does not answer.
    pub(crate) fn relay_registered(&mut self, relay: NodeId, change: RelayChange, now: Instant) {
        if change.fresh || change.readdressed {
            for id in self.tunnels.through(relay) {
                self.relay_restarted(id, relay, change.readdressed, now);
            }
        }
        if change.fresh || change.came {
            let asking = self.tunnels.iter().filter_map(|tunnel| {
                let Relaying::Asking(used, tried) = &tunnel.relaying else {
                    return None;
                };
                let others = tried.iter().copied().chain([used.relay]).collect();
                Some((tunnel.id, others))
            });
            let asking: Vec<(TunnelId, Vec<NodeId>)> = asking.collect();
            for (id, others) in asking {
                self.hurry(id, &others, now);
            }
            let is_stuck = |tunnel: &&Tunnel| matches!(tunnel.relaying, Relaying::Stuck(_));
            let stuck: Vec<_> = self
                .tunnels
                .iter()
                .filter(is_stuck)
                .map(|tunnel| (tunnel.id, tunnel.relaying.known()))
                .collect();
            for (id, known) in stuck {
                self.set_relaying(id, Relaying::Idle(known));
                self.advance(id, now);
            }
        }
    }

    fn relay_restarted(&mut self, id: TunnelId, relay: NodeId, readdressed: bool, now: Instant) {
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        if readdressed || matches!(tunnel.relaying, Relaying::Stuck(_)) {
            tunnel.tell_all_again();
        }
        let known = tunnel.relaying.known();
        let serves = self
            .tunnels
            .get(id)
            .is_some_and(|tunnel| self.serves(relay, tunnel));
        match known.filter(|_| serves) {
            Some(used) => self.ask_relay(id, used, Vec::new(), now),
            None => self.find_relay(id, vec![relay], now),
        }
        self.advance(id, now);
    }

    /// A request builds on a tunnel whose relay may have dropped the path since.
    pub(crate) fn refresh_relay(&mut self, id: TunnelId, now: Instant) {
        let Some(tunnel) = self.tunnels.get(id) else {
            return;
        };
        if let Relaying::Ready(used, at) = tunnel.relaying
            && now.saturating_duration_since(at) >= REMIND
        {
            self.ask_relay(id, used, Vec::new(), now);
        }
    }

    /// A tunnel's decision is new: does its relay still serve it?
    pub(crate) fn relay_reconsidered(&mut self, id: TunnelId) {
        let Some(tunnel) = self.tunnels.get(id) else {
            return;
        };
        let known = tunnel.relaying.known();
        let fits = known.is_some_and(|used| self.serves(used.relay, tunnel));
        if fits {
            return;
        }
        self.pushes.cancel(About::Relay { tunnel: id });
        self.set_relaying(id, Relaying::Idle(known));
    }

    fn ask_relay(&mut self, id: TunnelId, used: RelayUse, tried: Vec<NodeId>, now: Instant) {
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        let others: Vec<NodeId> = tried.iter().copied().chain([used.relay]).collect();
        tunnel.relaying = Relaying::Asking(used, tried);
        let leg = |side: usize| Leg {
            path: tunnel.ends[side].path,
            key: used.keys[side],
        };
        let (one, other) = (leg(0), leg(1));
        let make = |sequence| {
            Message::RelayDirection(RelayDirection {
                sequence,
                tunnel: id,
                one,
                other,
            })
        };
        let about = About::Relay { tunnel: id };
        self.pushes.start(used.relay, about, make, now);
        self.hurry(id, &others, now);
    }

    /// A relay is not asked for long when there is another one than these `others`.
    fn hurry(&mut self, id: TunnelId, others: &[NodeId], now: Instant) {
        let tunnel = self.tunnels.get(id);
        if tunnel.is_some_and(|tunnel| self.choose_relay(tunnel, others).is_some()) {
            self.pushes.limit(About::Relay { tunnel: id }, HASTY, now);
        }
    }

    fn set_relaying(&mut self, id: TunnelId, relaying: Relaying) {
        if let Some(tunnel) = self.tunnels.get_mut(id) {
            tunnel.relaying = relaying;
        }
    }

    /// The relay a tunnel had, if it serves; else the least loaded that does, with keys still to be drawn.
    fn choose_relay(&self, tunnel: &Tunnel, tried: &[NodeId]) -> Option<RelayUse> {
        let serves = |relay: &NodeId| !tried.contains(relay) && self.serves(*relay, tunnel);
        if let Some(known) = tunnel.relaying.known().filter(|known| serves(&known.relay)) {
            return Some(known);
        }
        let relays = self
            .registry
            .nodes()
            .filter_map(|node| Some((node.id, node.as_relay()?)));
        let willing =
            relays.filter(|(id, role)| load(role) < u64::from(role.capacity) && serves(id));
        let least = willing.min_by(|(_, one), (_, other)| {
            let share = |this: &RelayRole, that: &RelayRole| load(this) * u64::from(that.capacity);
            share(one, other).cmp(&share(other, one))
        });
        least.map(|(relay, _)| RelayUse {
            relay,
            keys: NO_KEYS,
        })
    }

    /// Whether a relay is registered and both ends can reach it.
    fn serves(&self, relay: NodeId, tunnel: &Tunnel) -> bool {
        let Some(role) = self
            .registry
            .relay(relay)
            .filter(|_| self.registry.live(relay).is_some())
        else {
            return false;
        };
        let reach = |end: usize| {
            self.registry
                .party(tunnel.ends[end].gateway)
                .map(|party| party.reach)
        };
        [reach(0), reach(1)]
            .into_iter()
            .all(|reach| reach.is_some_and(|reach| is_reached(role, &reach)))
    }
}

/// Stands for keys not drawn yet.
const NO_KEYS: [LegKey; 2] = [LegKey([0; 32]); 2];

fn load(role: &RelayRole) -> u64 {
    u64::from(role.paths) + u64::from(role.assigned)
}

fn is_reached(role: &RelayRole, reach: &Reach) -> bool {
    role.addresses.iter().any(|address| {
        if address.is_ipv4() {
            reach.v4.is_some()
        } else {
            reach.v6.is_some()
        }
    })
}
