//! Virtual addresses: each given once, to one node.
//!
//! IPv4 is the next free address after the last one given, so that addresses come in the order of enrolment and a
//! fresh one is never one that was in use a moment ago. The first 16 of the range stay free for the domain's own
//! use; the last eighth is the gateways', to lend to devices of other domains. IPv6 is the prefix and the last 64 bits of the node id.

use ntm_proto::id::{NodeId, VirtualPrefixes};
use ntm_proto::random::Random;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Addresses at the start of the IPv4 range that no node gets.
const RESERVED: u32 = 16;
/// How often another id is drawn when its IPv6 address is taken: with random ids, never.
const DRAWS: usize = 16;

pub(crate) struct Allotment {
    prefixes: VirtualPrefixes,
    used4: BTreeSet<Ipv4Addr>,
    used6: BTreeSet<Ipv6Addr>,
    /// Where the search starts.
    next: u32,
}

impl Allotment {
    pub(crate) fn new(prefixes: VirtualPrefixes) -> Self {
        let next = first(prefixes);
        Self {
            prefixes,
            used4: BTreeSet::new(),
            used6: BTreeSet::new(),
            next,
        }
    }

    /// These addresses have an owner.
    pub(crate) fn mark(&mut self, vip4: Ipv4Addr, vip6: Ipv6Addr) {
        self.used4.insert(vip4);
        self.used6.insert(vip6);
        // The search goes on behind the highest address ever given, so that a gap is filled last.
        self.next = self.next.max(vip4.to_bits().saturating_add(1));
    }

    /// A new node's id and addresses; `None` when the range is used up.
    pub(crate) fn next(&mut self, random: &mut Random) -> Option<(NodeId, Ipv4Addr, Ipv6Addr)> {
        let vip4 = self.next_v4()?;
        let drawn = (0..DRAWS).map(|_| NodeId::from_random(random.bytes()));
        let (node, vip6) = drawn
            .map(|node| (node, self.v6_of(node)))
            .find(|(_, vip6)| !self.used6.contains(vip6))?;
        self.mark(vip4, vip6);
        Some((node, vip4, vip6))
    }

    fn next_v4(&self) -> Option<Ipv4Addr> {
        let first = first(self.prefixes);
        let end = end(self.prefixes);
        if first >= end {
            return None;
        }
        let start = self.next.clamp(first, end);
        (start..end).chain(first..start).find_map(|bits| {
            let address = Ipv4Addr::from_bits(bits);
            (!self.used4.contains(&address)).then_some(address)
        })
    }

    fn v6_of(&self, node: NodeId) -> Ipv6Addr {
        let low = u128::from(node.0.as_u64_pair().1);
        let prefix = self.prefixes.v6;
        let hosts = prefix.hostmask().to_bits();
        Ipv6Addr::from_bits(prefix.network().to_bits() | (low & hosts))
    }
}

fn first(prefixes: VirtualPrefixes) -> u32 {
    let network = prefixes.v4.network().to_bits();
    network.saturating_add(RESERVED)
}

/// Where allotment stops: before the aliases, or in a range without any before the broadcast address.
fn end(prefixes: VirtualPrefixes) -> u32 {
    let aliases = prefixes.aliases().map(|range| range.network());
    aliases.unwrap_or_else(|| prefixes.v4.broadcast()).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(v4: &str) -> VirtualPrefixes {
        VirtualPrefixes {
            v4: v4.parse().unwrap(),
            v6: "fd12:3456:789a::/48".parse().unwrap(),
        }
    }

    #[test]
    fn addresses_come_in_order_each_once_and_skip_those_in_use() {
        let mut random = Random::from_seed([1; 32]);
        let mut allotment = Allotment::new(prefixes("198.18.0.0/15"));
        allotment.mark(Ipv4Addr::new(198, 18, 0, 17), Ipv6Addr::LOCALHOST);
        let (node, vip4, vip6) = allotment.next(&mut random).unwrap();
        assert_eq!(vip4, Ipv4Addr::new(198, 18, 0, 18));
        assert!(prefixes("198.18.0.0/15").v6.contains(&vip6));
        assert_eq!(vip6.octets()[8..], node.0.as_bytes()[8..]);
        let (_, vip4, _) = allotment.next(&mut random).unwrap();
        assert_eq!(vip4, Ipv4Addr::new(198, 18, 0, 19));
    }

    #[test]
    fn five_thousand_devices_share_no_address() {
        let mut random = Random::from_seed([2; 32]);
        let mut allotment = Allotment::new(prefixes("198.18.0.0/15"));
        let (mut v4, mut v6) = (BTreeSet::new(), BTreeSet::new());
        for _ in 0..5000 {
            let (_, vip4, vip6) = allotment.next(&mut random).unwrap();
            assert!(v4.insert(vip4) && v6.insert(vip6));
        }
    }

    #[test]
    fn a_full_range_gives_nothing_and_never_its_edges() {
        let mut random = Random::from_seed([3; 32]);
        let mut allotment = Allotment::new(prefixes("10.9.0.0/27"));
        let given: Vec<_> =
            std::iter::from_fn(|| allotment.next(&mut random).map(|(_, vip4, _)| vip4)).collect();
        assert_eq!(given.len(), 12, "the last four are aliases");
        assert_eq!(given.first(), Some(&Ipv4Addr::new(10, 9, 0, 16)));
        assert_eq!(given.last(), Some(&Ipv4Addr::new(10, 9, 0, 27)));
        for tiny in ["10.9.0.0/28", "10.9.0.0/32", "255.255.255.255/32"] {
            assert_eq!(Allotment::new(prefixes(tiny)).next(&mut random), None);
        }
    }
}
