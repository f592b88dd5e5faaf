//! The tunnels that gateways were told of: one per pair of gateways, kept so that both ends can be told again when
//! one of them moves or restarts.
//!
//! A tunnel's id and both path ids never change. Its *decision* follows what is known of the ends. With a relay it
//! goes idle -> asking one relay after another -> ready (or stuck: none was willing). A route that begins through a
//! relay waits for that; the ends of any other are told at once, with the relay that is asked to fall back to.
//! For each *pair* of devices each end is told once: due -> said -> acknowledged (or given up, until that end
//! registers again).
//!
//! All this is in memory only. After a restart of the DC the tunnels live on between the gateways; the next
//! request makes a new one in the place of the old.

use crate::direction::Decision;
use ntm_proto::bind::LegKey;
use ntm_proto::id::{NodeId, PathId, TunnelId};
use ntm_proto::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

pub(crate) struct Tunnel {
    pub(crate) id: TunnelId,
    /// The gateways, the lower id first.
    pub(crate) ends: [End; 2],
    /// Which end sends the Tunnel Request.
    pub(crate) initiator: usize,
    pub(crate) decision: Decision,
    pub(crate) relaying: Relaying,
    pub(crate) pairs: Vec<Pair>,
    /// The last request or registration of an end.
    pub(crate) touched: Instant,
    /// Whether the log knows of the present route.
    pub(crate) announced: bool,
    /// How often it got fresh ids.
    pub(crate) remade: u32,
    /// Whether any end ever acknowledged anything.
    pub(crate) in_use: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) gateway: NodeId,
    pub(crate) path: PathId,
    pub(crate) epoch: u32,
}

/// Which relay, and the keys of the two legs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RelayUse {
    pub(crate) relay: NodeId,
    pub(crate) keys: [LegKey; 2],
}

pub(crate) enum Relaying {
    /// No relay asked; the one used before, if any.
    Idle(Option<RelayUse>),
    /// A relay got a Relay Direction; these were tried before it.
    Asking(RelayUse, Vec<NodeId>),
    /// The relay expects both ends; since when it was last said so.
    Ready(RelayUse, Instant),
    /// No relay was willing; the one used before, if any.
    Stuck(Option<RelayUse>),
}

impl Relaying {
    /// The relay in use or asked or used before.
    pub(crate) fn known(&self) -> Option<RelayUse> {
        match self {
            Self::Idle(known) | Self::Stuck(known) => *known,
            Self::Asking(known, _) | Self::Ready(known, _) => Some(*known),
        }
    }
}

/// Two devices that may talk.
pub(crate) struct Pair {
    /// In the order of the tunnel's ends.
    pub(crate) devices: [NodeId; 2],
    /// For each end: its last request for this pair, 0 for none.
    pub(crate) request: [u32; 2],
    /// For each end: whether that request waits for its answer.
    pub(crate) waiting: [bool; 2],
    pub(crate) told: [Told; 2],
    pub(crate) asked: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Due,
    Said,
    Acknowledged,
    GaveUp,
}

impl Tunnel {
    /// Which end a gateway is.
    pub(crate) fn side_of(&self, gateway: NodeId) -> Option<usize> {
        self.ends.iter().position(|end| end.gateway == gateway)
    }

    pub(crate) fn pair_mut(&mut self, devices: [NodeId; 2]) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.devices == devices)
    }

    /// Both ends have to be told of all pairs again.
    pub(crate) fn tell_all_again(&mut self) {
        self.pairs
            .iter_mut()
            .for_each(|pair| pair.told = [Told::Due; 2]);
    }

    /// Whether it begins through a relay; if not, the relay is there to fall back to.
    pub(crate) fn needs_relay(&self) -> bool {
        self.decision.why.needs_relay()
    }

    /// Whether the ends may be told.
    pub(crate) fn is_ready(&self) -> bool {
        match self.relaying {
            Relaying::Ready(..) => true,
            Relaying::Stuck(_) => self.decision.why.may_do_without_relay(),
            // Ends that have a tunnel already lose nothing by being told of a relay a little early.
            Relaying::Idle(_) | Relaying::Asking(..) => !self.needs_relay() || self.in_use,
        }
    }

    /// The relay of which the ends are told.
    pub(crate) fn relay(&self) -> Option<RelayUse> {
        match self.relaying {
            Relaying::Ready(used, _) => Some(used),
            Relaying::Asking(used, _) if !self.needs_relay() || self.in_use => Some(used),
            Relaying::Asking(..) | Relaying::Idle(_) | Relaying::Stuck(_) => None,
        }
    }
}

#[derive(Default)]
pub(crate) struct Tunnels {
    by_id: BTreeMap<TunnelId, Tunnel>,
    /// By one gateway, then the other; both ways round.
    by_ends: BTreeMap<NodeId, BTreeMap<NodeId, TunnelId>>,
    paths: BTreeSet<PathId>,
}

impl Tunnels {
    pub(crate) fn get(&self, id: TunnelId) -> Option<&Tunnel> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: TunnelId) -> Option<&mut Tunnel> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tunnel> {
        self.by_id.values()
    }

    pub(crate) fn between(&self, one: NodeId, other: NodeId) -> Option<TunnelId> {
        self.by_ends.get(&one)?.get(&other).copied()
    }

    /// The tunnels of a gateway.
    pub(crate) fn of(&self, gateway: NodeId) -> Vec<TunnelId> {
        self.by_ends
            .get(&gateway)
            .into_iter()
            .flat_map(|others| others.values().copied())
            .collect()
    }

    /// How many tunnels a gateway has.
    pub(crate) fn count(&self, gateway: NodeId) -> usize {
        self.by_ends.get(&gateway).map_or(0, BTreeMap::len)
    }

    /// The tunnels that use or ask this relay.
    pub(crate) fn through(&self, relay: NodeId) -> Vec<TunnelId> {
        let uses = |tunnel: &&Tunnel| {
            tunnel
                .relaying
                .known()
                .is_some_and(|used| used.relay == relay)
        };
        self.by_id
            .values()
            .filter(uses)
            .map(|tunnel| tunnel.id)
            .collect()
    }

    /// Makes a tunnel of two gateways with these epochs, the lower id first.
    pub(crate) fn make(
        &mut self,
        ends: [(NodeId, u32); 2],
        initiator: usize,
        decision: Decision,
        random: &mut Random,
        now: Instant,
    ) -> TunnelId {
        let id = TunnelId(random.bytes());
        let ends = ends.map(|(gateway, epoch)| End {
            gateway,
            path: self.free_path(random),
            epoch,
        });
        let [one, other] = ends.map(|end| end.gateway);
        self.by_ends.entry(one).or_default().insert(other, id);
        self.by_ends.entry(other).or_default().insert(one, id);
        let tunnel = Tunnel {
            id,
            ends,
            initiator,
            decision,
            relaying: Relaying::Idle(None),
            pairs: Vec::new(),
            touched: now,
            announced: false,
            remade: 0,
            in_use: false,
        };
        self.by_id.insert(id, tunnel);
        id
    }

    pub(crate) fn remove(&mut self, id: TunnelId) -> Option<Tunnel> {
        let tunnel = self.by_id.remove(&id)?;
        let [one, other] = tunnel.ends;
        for (from, to) in [(one, other), (other, one)] {
            self.paths.remove(&from.path);
            if let Some(others) = self.by_ends.get_mut(&from.gateway) {
                others.remove(&to.gateway);
                if others.is_empty() {
                    self.by_ends.remove(&from.gateway);
                }
            }
        }
        Some(tunnel)
    }

    /// A path id that no end of any tunnel has: so it is unique at each gateway and each relay.
    fn free_path(&mut self, random: &mut Random) -> PathId {
        loop {
            let path = PathId(random.number());
            if path != PathId::NONE && self.paths.insert(path) {
                return path;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::direction::{Reach, decide};

    #[test]
    fn a_tunnel_is_found_by_either_end_and_leaves_nothing_behind() {
        let mut random = Random::from_seed([1; 32]);
        let now = Instant::now();
        let mut tunnels = Tunnels::default();
        let nodes: Vec<_> = (1..=5)
            .map(|byte| NodeId::from_random([byte; 16]))
            .collect();
        let decision = decide(&Reach::default(), &Reach::default());
        for other in &nodes[1..] {
            tunnels.make(
                [(nodes[0], 1), (*other, 1)],
                0,
                decision.clone(),
                &mut random,
                now,
            );
        }
        assert_eq!(tunnels.of(nodes[0]).len(), 4);
        assert_eq!(tunnels.of(nodes[1]).len(), 1);
        assert_eq!(
            tunnels.between(nodes[0], nodes[1]),
            tunnels.between(nodes[1], nodes[0])
        );
        assert_eq!(tunnels.between(nodes[1], nodes[2]), None);
        for id in tunnels.of(nodes[0]) {
            assert!(tunnels.remove(id).is_some());
        }
        assert!(tunnels.by_id.is_empty() && tunnels.by_ends.is_empty() && tunnels.paths.is_empty());
    }
}
