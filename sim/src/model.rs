//! What a world promises: which gateways must be able to reach each other, and which without a relay, whatever
//! happened before.

use crate::nat::By;
use crate::spec::{V4Kind, V6Kind};
use crate::world::{Node, World};

impl World {
    /// Whether devices of these two gateways must be able to talk once all is quiet: the groups let them, both reach
    /// the DC, and either both reach one relay or their boxes let them reach each other.
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
            && (relayed || self.can_be_direct(one, other))
            && running.into_iter().all(|node| self.is_running(node))
    }

    /// Whether these two gateways must find a way without a relay. Only the plain cases are told: one WAN at each,
    /// and boxes that nobody can doubt about.
    pub(crate) fn can_be_direct(&self, one: usize, other: usize) -> bool {
        let ([one], [other]) = (&self.sites[one].specs[..], &self.sites[other].specs[..]) else {
            return false;
        };
        let (mine, theirs) = (one.families(), other.families());
        // A firewall leaves addresses and ports as they are: what both send to each other lets both in.
        let by_v6 = mine.1 && theirs.1 && one.v6 != V6Kind::None && other.v6 != V6Kind::None;
        let by_v4 = mine.0 && theirs.0 && self.meet_in_v4(&one.v4, &other.v4);
        by_v6 || by_v4
    }

    fn meet_in_v4(&self, one: &V4Kind, other: &V4Kind) -> bool {
        match (shared(one), shared(other)) {
            // Neighbours in one network; where one has a NAT of its own besides it depends.
            (Some(mine), Some(theirs)) if mine == theirs => {
                matches!((one, other), (V4Kind::Shared(_), V4Kind::Shared(_)))
            }
            _ => {
                let is_open = self.lets_in(one, true) || self.lets_in(other, true);
                is_open || self.lets_in(one, false) && self.lets_in(other, false)
            }
        }
    }

    /// Whether this keeps one outside port for all; and if `anybody`, whether it also lets in whoever sends there.
    fn lets_in(&self, v4: &V4Kind, anybody: bool) -> bool {
        let lets = |filtering: By| !anybody || filtering == By::Endpoint;
        let nats = match v4 {
            V4Kind::None => return false,
            V4Kind::Global => return true,
            V4Kind::Firewall(firewall) => return lets(firewall.filtering),
            V4Kind::Nat(nat) => vec![nat],
            V4Kind::Carrier(own, carrier) => vec![own, carrier],
            V4Kind::Shared(number) => vec![&self.spec.shared[*number]],
            V4Kind::BehindShared(own, number) => vec![own, &self.spec.shared[*number]],
        };
        let mut nats = nats.into_iter();
        nats.all(|nat| nat.mapping == By::Endpoint && lets(nat.filtering))
    }

    /// The families in which a gateway's datagrams get through.
    fn families(&self, site: usize) -> (bool, bool) {
        let wans = self.sites[site].specs.iter().map(|wan| wan.families());
        wans.fold((false, false), |all, wan| (all.0 || wan.0, all.1 || wan.1))
    }
}

/// The shared NAT that this is behind.
fn shared(v4: &V4Kind) -> Option<usize> {
    match v4 {
        V4Kind::Shared(number) | V4Kind::BehindShared(_, number) => Some(*number),
        V4Kind::None
        | V4Kind::Global
        | V4Kind::Firewall(_)
        | V4Kind::Nat(_)
        | V4Kind::Carrier(..) => None,
    }
}
