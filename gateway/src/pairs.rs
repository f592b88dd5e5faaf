//! Who may talk to whom, and by which peer: only what the DC directed is ever sent or accepted.
//!
//! A pair is one of our devices and a remote one, by the addresses the LAN sees. A device of our own domain has the
//! same address here and in the tunnel. One of another domain has an alias here and its own domain's address in the
//! tunnel, where two peers, or a peer and we ourselves, may well use the same one: so what comes in is looked up with
//! the peer it came from.

use crate::policy::Verdict;
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// The pairs there are.
#[derive(Default)]
pub(crate) struct Pairs {
    /// By (our device, the remote one as the LAN sees it).
    out: HashMap<(Ipv4Addr, Ipv4Addr), Pair>,
    /// Other domains' devices only: (slot, the remote one as its peer sends it, our device) to the alias, and who may begin.
    back: HashMap<(usize, Ipv4Addr, Ipv4Addr), (Ipv4Addr, Verdict)>,
    /// How many pairs each alias is in.
    uses: HashMap<Ipv4Addr, usize>,
}

/// How a pair's packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The peer's slot.
    pub(crate) slot: usize,
    /// The remote device's address in the tunnel, if that is another than the LAN sees.
    pub(crate) real: Option<Ipv4Addr>,
    /// Who may begin.
    pub(crate) verdict: Verdict,
}

impl Pairs {
    /// How packets from our device `ours` to `seen` go.
    pub(crate) fn outbound(&self, ours: Ipv4Addr, seen: Ipv4Addr) -> Option<Pair> {
        self.out.get(&(ours, seen)).copied()
    }

    /// Whether these two may talk.
    pub(crate) fn contains(&self, ours: Ipv4Addr, seen: Ipv4Addr) -> bool {
        self.out.contains_key(&(ours, seen))
    }

    /// The address the LAN shall see of `source`, from which a packet to `ours` came by the peer in `slot`, and who of
    /// them may begin; `None` if that peer may not say so.
    pub(crate) fn inbound(
        &self,
        slot: usize,
        source: Ipv4Addr,
        ours: Ipv4Addr,
    ) -> Option<(Ipv4Addr, Verdict)> {
        if let Some(pair) = self.out.get(&(ours, source))
            && pair.slot == slot
            && pair.real.is_none()
        {
            return Some((source, pair.verdict));
        }
        self.back.get(&(slot, source, ours)).copied()
    }

    /// All pairs.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// Pairs with other domains' devices.
    pub(crate) fn aliased(&self) -> usize {
        self.back.len()
    }

    /// Whether a pair uses this alias.
    pub(crate) fn uses(&self, alias: Ipv4Addr) -> bool {
        self.uses.contains_key(&alias)
    }

    /// The pair (our device, the remote one as the LAN sees it) goes by the peer in `slot`, where the remote one has
    /// the address `real` if that is another.
    pub(crate) fn insert(
        &mut self,
        pair: (Ipv4Addr, Ipv4Addr),
        slot: usize,
        real: Option<Ipv4Addr>,
        verdict: Verdict,
    ) {
        self.remove(pair);
        if let Some(real) = real {
            // One address in the tunnel is one device: a newer one comes in place of the older.
            let back = (slot, real, pair.0);
            if let Some(&(older, _)) = self.back.get(&back) {
                self.remove((pair.0, older));
            }
            self.back.insert(back, (pair.1, verdict));
            *self.uses.entry(pair.1).or_default() += 1;
        }
        let known = Pair {
            slot,
            real,
            verdict,
        };
        self.out.insert(pair, known);
    }

    /// Each pair gets the verdict that `verdict` has about it and its slot; where that has none the pair is forgotten.
    pub(crate) fn judge(
        &mut self,
        verdict: impl Fn((Ipv4Addr, Ipv4Addr), usize) -> Option<Verdict>,
    ) {
        let (back, uses) = (&mut self.back, &mut self.uses);
        self.out.retain(|&(ours, seen), pair| {
            let verdict = verdict((ours, seen), pair.slot);
            let way_back = pair.real.map(|real| (pair.slot, real, ours));
            match (verdict, way_back) {
                (Some(verdict), Some(way_back)) => {
                    back.insert(way_back, (seen, verdict));
                }
                (Some(_), None) => {}
                (None, Some(way_back)) => {
                    back.remove(&way_back);
                    release(uses, seen);
                }
                (None, None) => {}
            }
            pair.verdict = verdict.unwrap_or(Verdict::FREE);
            verdict.is_some()
        });
    }

    /// How each pair was judged.
    pub(crate) fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        #[expect(clippy::disallowed_methods, reason = "they are only counted")]
        self.out.values().map(|pair| pair.verdict)
    }

    /// The peer in `slot` is gone, and with it its pairs.
    pub(crate) fn remove_slot(&mut self, slot: usize) {
        let uses = &mut self.uses;
        self.out.retain(|(_, seen), pair| {
            let stays = pair.slot != slot;
            if !stays && pair.real.is_some() {
                release(uses, *seen);
            }
            stays
        });
        self.back.retain(|(other, _, _), _| *other != slot);
    }

    fn remove(&mut self, pair: (Ipv4Addr, Ipv4Addr)) {
        let Some(Pair { slot, real, .. }) = self.out.remove(&pair) else {
            return;
        };
        if let Some(real) = real {
            self.back.remove(&(slot, real, pair.0));
            release(&mut self.uses, pair.1);
        }
    }
}

fn release(uses: &mut HashMap<Ipv4Addr, usize>, alias: Ipv4Addr) {
    if let Some(count) = uses.get_mut(&alias) {
        *count -= 1;
        if *count == 0 {
            uses.remove(&alias);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Verdict = Verdict::FREE;
    const OURS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 17);
    const THEIRS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 18);
    const ALIAS: [Ipv4Addr; 3] = [
        Ipv4Addr::new(198, 19, 200, 1),
        Ipv4Addr::new(198, 19, 200, 2),
        Ipv4Addr::new(198, 19, 200, 3),
    ];

    fn seen(address: Ipv4Addr) -> Option<(Ipv4Addr, Verdict)> {
        Some((address, FREE))
    }

    #[test]
    fn one_address_behind_three_peers_is_three_devices() {
        let mut pairs = Pairs::default();
        pairs.insert((OURS, THEIRS), 1, None, FREE);
        pairs.insert((OURS, ALIAS[0]), 2, Some(THEIRS), FREE);
        pairs.insert((OURS, ALIAS[1]), 3, Some(THEIRS), FREE);
        // And one that has our own device's address.
        pairs.insert((OURS, ALIAS[2]), 3, Some(OURS), FREE);
        assert_eq!(pairs.inbound(1, THEIRS, OURS), seen(THEIRS));
        assert_eq!(pairs.inbound(2, THEIRS, OURS), seen(ALIAS[0]));
        assert_eq!(pairs.inbound(3, THEIRS, OURS), seen(ALIAS[1]));
        assert_eq!(pairs.inbound(3, OURS, OURS), seen(ALIAS[2]));
        for (slot, source) in [
            (1, OURS),
            (2, OURS),
            (4, THEIRS),
            (2, ALIAS[0]),
            (3, ALIAS[1]),
        ] {
            assert_eq!(pairs.inbound(slot, source, OURS), None, "{slot} {source}");
        }
        assert_eq!(pairs.inbound(2, THEIRS, THEIRS), None);
    }

    #[test]
    fn a_pair_that_moves_is_no_longer_where_it_was() {
        let mut pairs = Pairs::default();
        pairs.insert((OURS, ALIAS[0]), 2, Some(THEIRS), FREE);
        pairs.insert((OURS, ALIAS[0]), 5, Some(THEIRS), FREE);
        assert_eq!(pairs.inbound(2, THEIRS, OURS), None);
        assert_eq!(pairs.inbound(5, THEIRS, OURS), seen(ALIAS[0]));
        let real = Some(THEIRS);
        assert_eq!(
            pairs.outbound(OURS, ALIAS[0]),
            Some(Pair {
                slot: 5,
                real,
                verdict: FREE
            })
        );
        assert_eq!((pairs.len(), pairs.aliased()), (1, 1));
    }

    #[test]
    fn a_newer_device_takes_the_address_in_the_tunnel() {
        let mut pairs = Pairs::default();
        pairs.insert((OURS, ALIAS[0]), 2, Some(THEIRS), FREE);
        pairs.insert((OURS, ALIAS[1]), 2, Some(THEIRS), FREE);
        assert_eq!(pairs.inbound(2, THEIRS, OURS), seen(ALIAS[1]));
        assert!(!pairs.contains(OURS, ALIAS[0]));
        assert!(!pairs.uses(ALIAS[0]) && pairs.uses(ALIAS[1]));
    }

    #[test]
    fn a_peer_takes_its_pairs_along_and_no_others() {
        let mut pairs = Pairs::default();
        let other = Ipv4Addr::new(198, 18, 0, 20);
        pairs.insert((OURS, ALIAS[0]), 2, Some(THEIRS), FREE);
        pairs.insert((other, ALIAS[0]), 2, Some(THEIRS), FREE);
        pairs.insert((OURS, ALIAS[1]), 3, Some(THEIRS), FREE);
        pairs.insert((OURS, THEIRS), 2, None, FREE);
        pairs.remove_slot(2);
        assert_eq!((pairs.len(), pairs.aliased()), (1, 1));
        assert!(!pairs.uses(ALIAS[0]) && pairs.uses(ALIAS[1]));
        pairs.remove_slot(3);
        assert_eq!((pairs.len(), pairs.aliased()), (0, 0));
        assert!(!pairs.uses(ALIAS[1]));
    }
}
