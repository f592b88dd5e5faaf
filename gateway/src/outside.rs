//! How others see our sockets, and what that tells of the NAT in front of them.
//!
//! The DC and each relay we bind to say under which address our datagrams arrive. If two of them see one socket under
//! the same address, a peer may be sent there too; if under two, the NAT is of the kind that nobody can aim at
//! (RFC 4787 section 4.1).

use ntm_proto::message::{MAX_ADDRESSES, Mapping};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Most servers remembered for one socket: the DC and a few relays.
const TELLERS: usize = 4;

/// What was said of each of our sockets.
#[derive(Default)]
pub(crate) struct Outside {
    /// By our socket: who said it, and what; the newest last.
    told: BTreeMap<SocketAddr, Vec<(SocketAddr, SocketAddr)>>,
    changed: BTreeSet<SocketAddr>,
}

impl Outside {
    /// The server at `teller` sees the socket `local` as `observed`. Whether it saw it as something else before.
    pub(crate) fn note(
        &mut self,
        local: SocketAddr,
        teller: SocketAddr,
        observed: SocketAddr,
    ) -> bool {
        let before = self.mapping(local);
        let told = self.told.entry(local).or_default();
        let old = told.iter().position(|(who, _)| *who == teller);
        let old = old.map(|at| told.remove(at).1);
        let renumbered = old.is_some_and(|was| was != observed);
        match old {
            // The NAT has given us another address: what others saw before does not hold any more.
            Some(_) if renumbered => told.clear(),
            Some(_) => {}
            None if told.len() >= TELLERS => {
                told.remove(0);
            }
            None => {}
        }
        told.push((teller, observed));
        if self.mapping(local) != before {
            self.changed.insert(local);
        }
        renumbered
    }

    /// The address under which the last teller saw the socket.
    pub(crate) fn observed(&self, local: SocketAddr) -> Option<SocketAddr> {
        self.told.get(&local)?.last().map(|(_, observed)| *observed)
    }

    /// Under which addresses somebody else may find `sockets`.
    pub(crate) fn seen_as(&self, sockets: &[SocketAddr]) -> Vec<SocketAddr> {
        let aimed_at = |socket: &&SocketAddr| self.mapping(**socket) != Mapping::Dependent;
        let seen = sockets.iter().filter(aimed_at);
        let seen = seen.filter_map(|socket| self.observed(*socket));
        seen.take(MAX_ADDRESSES).collect()
    }

    /// How the NAT in front of the socket maps.
    pub(crate) fn mapping(&self, local: SocketAddr) -> Mapping {
        let told = self.told.get(&local).map_or(&[][..], Vec::as_slice);
        match told {
            [] | [_] => Mapping::Unknown,
            [(_, first), rest @ ..] if rest.iter().all(|(_, other)| other == first) => {
                Mapping::Independent
            }
            [_, ..] => Mapping::Dependent,
        }
    }

    /// The sockets whose mapping is known, or another, since the last call.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<SocketAddr> {
        std::mem::take(&mut self.changed)
    }

    /// Forgets sockets that are gone.
    pub(crate) fn retain(&mut self, is_there: impl Fn(SocketAddr) -> bool) {
        self.told.retain(|local, _| is_there(*local));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn two_servers_that_agree_tell_one_kind_of_nat_and_two_that_differ_the_other() {
        let mut outside = Outside::default();
        let (local, dc, relay) = (
            address("10.0.0.2:4750"),
            address("203.0.113.10:4750"),
            address("203.0.113.20:4750"),
        );
        assert!(!outside.note(local, dc, address("198.51.100.2:4750")));
        assert_eq!(outside.mapping(local), Mapping::Unknown);
        assert!(!outside.note(local, relay, address("198.51.100.2:4750")));
        assert_eq!(outside.mapping(local), Mapping::Independent);
        assert_eq!(outside.take_changed().len(), 1);
        assert!(outside.note(local, relay, address("198.51.100.2:61000")));
        assert_eq!(
            outside.mapping(local),
            Mapping::Unknown,
            "the DC may see it so too by now"
        );
        assert!(!outside.note(local, dc, address("198.51.100.2:4750")));
        assert_eq!(outside.mapping(local), Mapping::Dependent);
        assert!(
            !outside.note(local, dc, address("198.51.100.2:4750")),
            "what the relay sees is no change of what the DC sees"
        );
        outside.retain(|_| false);
        assert_eq!(outside.observed(local), None);
    }
}
