//! Local addresses for the devices of other domains.
//!
//! Two domains may allot the same virtual addresses, so another domain's device gets one of ours: an alias out of
//! [`VirtualPrefixes::aliases`], valid on this LAN only. It is a hash of the device's domain and node id, so that it is
//! the same after a restart though nothing is written down; on collision the next free one. An alias stays as long as a
//! pair uses it; when the table is full, the one that was unused for longest goes to another device.

use crate::pairs::Pairs;
use blake2::{Blake2s256, Digest};
use ntm_proto::id::{Fqdn, Identity, NodeId, VirtualPrefixes};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Devices of other domains that have an alias here.
pub(crate) struct Aliases {
    first: u32,
    /// How many addresses there are.
    count: u32,
    limit: usize,
    by_address: BTreeMap<Ipv4Addr, Alias>,
    by_device: BTreeMap<(Fqdn, NodeId), Ipv4Addr>,
    /// Counts the assignments, to tell old from new.
    clock: u64,
}

struct Alias {
    domain: Fqdn,
    /// Its `vip4` is the alias.
    identity: Identity,
    assigned: u64,
}

impl Aliases {
    pub(crate) fn new(prefixes: VirtualPrefixes, limit: usize) -> Self {
        // The last address is the whole range's broadcast address.
        let range = prefixes.aliases().map(|range| {
            let (first, last) = (range.network().to_bits(), range.broadcast().to_bits());
            (first, last - first)
        });
        let (first, count) = range.unwrap_or_default();
        Self {
            first,
            count,
            limit: limit.min(count as usize),
            by_address: BTreeMap::new(),
            by_device: BTreeMap::new(),
            clock: 0,
        }
    }

    /// Whether there is anything to lend.
    pub(crate) fn can_lend(&self) -> bool {
        self.limit > 0
    }

    /// Whether `address` is one of the range, lent or not.
    pub(crate) fn contains(&self, address: Ipv4Addr) -> bool {
        address
            .to_bits()
            .checked_sub(self.first)
            .is_some_and(|offset| offset < self.count)
    }

    /// The device that has this alias, as the LAN sees it.
    pub(crate) fn get(&self, address: Ipv4Addr) -> Option<&Identity> {
        self.by_address.get(&address).map(|alias| &alias.identity)
    }

    /// The device with this name, as the LAN sees it.
    pub(crate) fn named(&self, name: &Fqdn) -> Option<&Identity> {
        // A device that came in place of another has its name; the newest counts.
        let with_name = self
            .by_address
            .values()
            .filter(|alias| alias.identity.name == *name);
        with_name
            .max_by_key(|alias| alias.assigned)
            .map(|alias| &alias.identity)
    }

    /// `remote` of the other domain `domain`, as the LAN shall see it: with its alias. `None` when there is none left.
    pub(crate) fn assign(
        &mut self,
        domain: &Fqdn,
        remote: &Identity,
        pairs: &Pairs,
    ) -> Option<Identity> {
        let device = (domain.clone(), remote.node);
        let vip4 = match self.by_device.get(&device) {
            Some(&known) => known,
            None => self.place(&device, pairs)?,
        };
        self.clock += 1;
        let identity = Identity {
            vip4,
            ..remote.clone()
        };
        let alias = Alias {
            domain: device.0.clone(),
            identity: identity.clone(),
            assigned: self.clock,
        };
        self.by_device.insert(device, vip4);
        self.by_address.insert(vip4, alias);
        Some(identity)
    }

    /// A free address for a device that has none.
    fn place(&mut self, device: &(Fqdn, NodeId), pairs: &Pairs) -> Option<Ipv4Addr> {
        if self.by_address.len() >= self.limit {
            self.take_back_one(pairs)?;
        }
        let start = start(device) % u64::from(self.count);
        let start = u32::try_from(start).expect("less than a u32");
        (start..self.count)
            .chain(0..start)
            .map(|offset| Ipv4Addr::from_bits(self.first + offset))
            .find(|address| !self.by_address.contains_key(address))
    }

    /// Frees the alias that no pair uses and that was assigned before all other such.
    fn take_back_one(&mut self, pairs: &Pairs) -> Option<()> {
        let unused = self
            .by_address
            .iter()
            .filter(|(address, _)| !pairs.uses(**address));
        let (&address, _) = unused.min_by_key(|(_, alias)| alias.assigned)?;
        let alias = self.by_address.remove(&address)?;
        self.by_device.remove(&(alias.domain, alias.identity.node));
        Some(())
    }
}

/// Where the search for a device's alias starts.
fn start((domain, node): &(Fqdn, NodeId)) -> u64 {
    let mut hash = Blake2s256::new();
    hash.update(b"ntm alias");
    hash.update(node.0.as_bytes());
    hash.update(domain.as_str().as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    u64::from_be_bytes(hash[..8].try_into().expect("8 of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Verdict;
    use std::collections::BTreeSet;

    fn prefixes(v4: &str) -> VirtualPrefixes {
        VirtualPrefixes {
            v4: v4.parse().unwrap(),
            v6: "fd00::/48".parse().unwrap(),
        }
    }

    fn device(number: u16) -> Identity {
        let mut bytes = [7; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        Identity {
            node: NodeId::from_random(bytes),
            name: Fqdn::parse(&format!("d{number}.home.b.test")).unwrap(),
            vip4: Ipv4Addr::new(198, 18, 0, 17),
            vip6: "fd00::17".parse().unwrap(),
        }
    }

    fn domain(name: &str) -> Fqdn {
        Fqdn::parse(name).unwrap()
    }

    #[test]
    fn an_alias_is_the_same_after_a_restart_and_inside_the_range() {
        let (b, pairs) = (domain("b.test"), Pairs::default());
        let start = || Aliases::new(prefixes("198.18.0.0/15"), 4096);
        let (mut before, mut after) = (start(), start());
        let camera = before.assign(&b, &device(1), &pairs).unwrap();
        after.assign(&b, &device(2), &pairs).unwrap();
        assert_eq!(after.assign(&b, &device(1), &pairs), Some(camera.clone()));
        assert!(before.contains(camera.vip4));
        assert_eq!(camera.vip4.octets()[..2], [198, 19]);
        assert_eq!(before.get(camera.vip4), Some(&camera));
        assert_eq!(before.named(&camera.name), Some(&camera));
        assert!(!before.contains(Ipv4Addr::new(198, 18, 0, 17)));
        assert!(!before.contains(Ipv4Addr::new(198, 19, 255, 255)));
    }

    #[test]
    fn a_node_id_that_two_domains_claim_is_two_devices() {
        let pairs = Pairs::default();
        let mut aliases = Aliases::new(prefixes("198.18.0.0/15"), 4096);
        let in_b = aliases.assign(&domain("b.test"), &device(1), &pairs);
        let in_c = aliases.assign(&domain("c.test"), &device(1), &pairs);
        assert_ne!(in_b.unwrap().vip4, in_c.unwrap().vip4);
    }

    #[test]
    fn a_full_table_takes_back_what_nobody_uses_and_nothing_else() {
        let (b, mut pairs) = (domain("b.test"), Pairs::default());
        let mut aliases = Aliases::new(prefixes("10.9.0.0/27"), 4096);
        let ours = Ipv4Addr::new(10, 9, 0, 16);
        let mut lent = Vec::new();
        for number in 0..3 {
            let alias = aliases.assign(&b, &device(number), &pairs).unwrap().vip4;
            pairs.insert(
                (ours, alias),
                0,
                Some(Ipv4Addr::new(10, 9, 0, 17 + number as u8)),
                Verdict::FREE,
            );
            lent.push(alias);
        }
        assert_eq!(lent.iter().collect::<BTreeSet<_>>().len(), 3, "each once");
        assert!(!lent.contains(&Ipv4Addr::new(10, 9, 0, 31)), "broadcast");
        assert_eq!(aliases.assign(&b, &device(3), &pairs), None);
        // The first two fall idle; the first comes back for a moment.
        pairs.insert((ours, lent[0]), 1, Some(ours), Verdict::FREE);
        pairs.insert(
            (ours, lent[1]),
            1,
            Some(Ipv4Addr::new(10, 9, 0, 18)),
            Verdict::FREE,
        );
        pairs.remove_slot(1);
        aliases.assign(&b, &device(0), &pairs).unwrap();
        let newcomer = aliases.assign(&b, &device(3), &pairs).unwrap();
        assert_eq!(newcomer.vip4, lent[1]);
        assert_eq!(aliases.named(&device(1).name), None);
        assert_eq!(aliases.get(lent[2]).map(|d| &d.name), Some(&device(2).name));
    }

    #[test]
    fn a_small_range_lends_nothing() {
        let mut aliases = Aliases::new(prefixes("10.9.0.0/28"), 4096);
        assert!(!aliases.can_lend());
        assert!(!aliases.contains(Ipv4Addr::UNSPECIFIED));
        let none = aliases.assign(&domain("b.test"), &device(1), &Pairs::default());
        assert_eq!(none, None);
    }

    #[test]
    fn a_device_in_place_of_another_has_its_name() {
        let (b, pairs) = (domain("b.test"), Pairs::default());
        let mut aliases = Aliases::new(prefixes("198.18.0.0/15"), 4096);
        aliases.assign(&b, &device(1), &pairs).unwrap();
        let mut successor = device(2);
        successor.name = device(1).name;
        let successor = aliases.assign(&b, &successor, &pairs);
        assert_eq!(aliases.named(&device(1).name), successor.as_ref());
    }
}
