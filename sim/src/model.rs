//! What a world promises: which gateways must be able to reach each other, whatever happened before.

use crate::world::{Node, World};

impl World {
    /// Whether devices of these two gateways must be able to talk once all is quiet: the groups let them, both reach
    /// the DC, and both reach one relay. Every route has a relay to fall back to, so NATs and firewalls do not matter.
    pub fn must_talk(&self, one: usize, other: usize) -> bool {
        let removed = self.sites[one].removed.is_some() || self.sites[other].removed.is_some();
        let families = [self.families(one), self.families(other)];
        let both_up = families.iter().all(|(v4, v6)| *v4 || *v6);
        let relayed = (0..self.relays.len()).any(|relay| {
            let (v4, v6) = self.spec.relays[relay].families;
            families.iter().all(|own| (own.0 && v4) || (own.1 && v6))
        });
        let running = [Node::Site(one), Node::Site(other), Node::Dc(0)];
        !removed
            && self.is_allowed(one, other)
            && both_up
            && relayed
            && running.into_iter().all(|node| self.is_running(node))
    }

    /// The families in which a gateway's datagrams get through.
    fn families(&self, site: usize) -> (bool, bool) {
        let wans = self.sites[site].specs.iter().map(|wan| wan.families());
        wans.fold((false, false), |all, wan| (all.0 || wan.0, all.1 || wan.1))
    }
}
