//! What is known of a node while it is registered: where it says it is, and where it was seen.

use crate::direction::{Reach, V4};
use crate::limits::LIFETIME;
use crate::registry::lifetime;
use ntm_proto::Path;
use ntm_proto::address::is_global;
use ntm_proto::message::{KeepAlive, MAX_ADDRESSES, Mapping, WanAddress};
use ntm_proto::release::Release;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Most ways besides the primary that a repeated push goes by.
const OTHER_WAYS: usize = 3;

/// By how much a Keep Alive may overtake the registration that names its socket.
const OVERTAKES_BY: Duration = Duration::from_secs(5);

/// What was said, by which way, and when.
type Early = (KeepAlive, Path, Instant);

/// What a registered node said and how it was seen.
pub(crate) struct Live {
    /// Offline from then on, unless it says something before.
    pub(crate) until: Instant,
    /// Where pushes go.
    pub(crate) primary: Path,
    pub(crate) addresses: Vec<WanAddress>,
    /// It registered in an earlier life of ours and does not know that we forgot: its Keep Alives tell us its
    /// addresses, one by one.
    pub(crate) assumed: bool,
    /// What it runs, as it last said.
    pub(crate) release: Release,
    /// The numbers of its newest registration and newest Keep Alive of the way in use, as far as it said any.
    registration: Option<u32>,
    kept_alive: Option<u32>,
    seen: BTreeMap<(u8, bool), Seen>,
    /// Keep Alives from sockets that no registration has named: they have overtaken it.
    early: Vec<Early>,
}

/// How one WAN showed itself in one family.
struct Seen {
    local: Option<SocketAddr>,
    outside: SocketAddr,
    /// The socket of ours that it reached.
    at: SocketAddr,
    mapping: Mapping,
    until: Instant,
}

impl Live {
    pub(crate) fn new(
        primary: Path,
        addresses: Vec<WanAddress>,
        assumed: bool,
        now: Instant,
    ) -> Self {
        Self {
            until: now + LIFETIME,
            primary,
            addresses,
            assumed,
            release: Release::default(),
            registration: None,
            kept_alive: None,
            seen: BTreeMap::new(),
            early: Vec::new(),
        }
    }

    /// Whether a registration with this number was sent before one that is in force already: on its way it may be
    /// overtaken by what was said from another WAN.
    pub(crate) fn is_overtaken(&self, request: u32) -> bool {
        self.registration
            .is_some_and(|newest| is_older(request, newest))
    }

    /// Notes the number of a registration that is in force.
    pub(crate) fn registered(&mut self, request: u32) {
        self.registration = Some(request);
    }

    /// Notes the number of a Keep Alive that says it comes by the way in use; whether that is news, as against
    /// overtaken by a later registration or Keep Alive.
    pub(crate) fn is_kept_alive(&mut self, request: u32) -> bool {
        let newest = [self.registration, self.kept_alive];
        let is_old = |newest: u32| is_older(request, newest);
        if newest.into_iter().flatten().any(is_old) {
            return false;
        }
        self.kept_alive = Some(request);
        true
    }

    /// Takes over the addresses of a new registration and forgets how sockets that are gone were seen. What stays may be
    /// another network, whose NAT gave the same address inside: it is not believed as long as before.
    pub(crate) fn readdress(&mut self, primary: Path, addresses: Vec<WanAddress>, now: Instant) {
        for seen in self.seen.values_mut() {
            seen.until = seen.until.min(now + LIFETIME);
        }
        self.seen.retain(|(wan, _), seen| {
            addresses
                .iter()
                .any(|a| a.wan == *wan && Some(a.address) == seen.local)
        });
        self.primary = primary;
        self.addresses = addresses;
        self.assumed = false;
        for (said, path, at) in std::mem::take(&mut self.early) {
            if now.saturating_duration_since(at) < OVERTAKES_BY {
                self.see(said, path, now);
            }
        }
    }

    /// A Keep Alive arrived by `path`.
    pub(crate) fn see(&mut self, said: KeepAlive, path: Path, now: Instant) {
        let outside = path.remote;
        let (wan, local) = (said.wan, said.local);
        let listed = self
            .addresses
            .iter()
            .any(|a| a.wan == wan && a.address == local);
        if !listed {
            if !self.assumed {
                let fresh = |at| now.saturating_duration_since(at) < OVERTAKES_BY;
                let stays = |early: &Early| early.0.local != local && fresh(early.2);
                self.early.retain(stays);
                if self.early.len() < MAX_ADDRESSES {
                    self.early.push((said, path, now));
                }
                return;
            }
            if self.addresses.len() >= MAX_ADDRESSES {
                return;
            }
            self.addresses.push(WanAddress {
                wan,
                address: local,
            });
        }
        let local = (local.is_ipv4() == outside.is_ipv4()).then_some(local);
        self.seen.insert(
            (wan, outside.is_ipv6()),
            Seen {
                local,
                outside,
                at: path.local,
                mapping: said.mapping,
                until: now + lifetime(said.next),
            },
        );
    }

    /// A registration arrived by `path`; it does not say from which socket.
    pub(crate) fn see_registration(&mut self, path: Path, now: Instant) {
        let outside = path.remote;
        if let Some(known) = self.seen.values_mut().find(|seen| seen.outside == outside) {
            known.until = known.until.max(now + LIFETIME);
            known.at = path.local;
            return;
        }
        let family = |a: &&WanAddress| a.address.is_ipv4() == outside.is_ipv4();
        let exact = self.addresses.iter().find(|a| a.address == outside);
        // Behind a NAT: most likely the first, as gateways name their preferred WAN first. A Keep Alive corrects it.
        let likely = exact.or_else(|| self.addresses.iter().find(family));
        let wan = likely.or(self.addresses.first()).map_or(0, |a| a.wan);
        let local = likely.map(|a| a.address);
        self.seen.insert(
            (wan, outside.is_ipv6()),
            Seen {
                local,
                outside,
                at: path.local,
                mapping: Mapping::Unknown,
                until: now + LIFETIME,
            },
        );
    }

    /// Other ways by which it was seen lately: one of them may work when the primary does not.
    pub(crate) fn other_ways(&self, now: Instant) -> Vec<Path> {
        let fresh = self.seen.values().filter(|seen| now < seen.until);
        let ways = fresh.map(|seen| Path {
            local: seen.at,
            remote: seen.outside,
        });
        ways.filter(|path| path.remote != self.primary.remote)
            .take(OTHER_WAYS)
            .collect()
    }

    /// What the sightings of the last while add up to. The primary WAN goes before others, no NAT before NAT.
    pub(crate) fn reach(&self, now: Instant) -> Reach {
        let fresh = |seen: &&Seen| now < seen.until;
        let best = |v6: bool| {
            let of_family = self
                .seen
                .iter()
                .filter(|((_, is_v6), _)| *is_v6 == v6)
                .map(|(_, seen)| seen);
            of_family
                .filter(fresh)
                .min_by_key(|seen| (seen.outside != self.primary.remote, !self.is_own(seen)))
        };
        let v4 = best(false).map(|seen| {
            if self.is_own(seen) && is_global(seen.outside.ip()) {
                V4::Global(seen.outside)
            } else {
                V4::Nat {
                    outside: seen.outside,
                    inside: seen.local,
                    mapping: seen.mapping,
                }
            }
        });
        let used = [best(false), best(true)].map(|seen| seen.map(|seen| seen.outside));
        let known = self.seen.values().filter(fresh);
        let reachable = known.filter(|seen| {
            let aimed_at = seen.mapping != Mapping::Dependent;
            aimed_at && is_global(seen.outside.ip()) && !used.contains(&Some(seen.outside))
        });
        let mut others = reachable.map(|seen| seen.outside);
        Reach {
            v4,
            v6: best(true)
                .map(|seen| seen.outside)
                .filter(|v6| is_global(v6.ip())),
            others: [others.next(), others.next()],
        }
    }

    fn is_own(&self, seen: &Seen) -> bool {
        self.addresses.iter().any(|a| a.address == seen.outside)
    }
}

/// Whether a node chose `number` before `other`; they count up and wrap.
pub(crate) fn is_older(number: u32, other: u32) -> bool {
    number.wrapping_sub(other) > u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn live(addresses: &[(u8, &str)], from: &str, now: Instant) -> Live {
        let listed = addresses.iter().map(|(wan, text)| WanAddress {
            wan: *wan,
            address: address(text),
        });
        let path = Path {
            local: address("192.0.2.1:4750"),
            remote: address(from),
        };
        let mut live = Live::new(path, listed.collect(), false, now);
        live.see_registration(path, now);
        live
    }

    fn from(outside: &str) -> Path {
        Path {
            local: address("192.0.2.1:4750"),
            remote: address(outside),
        }
    }

    fn said(wan: u8, local: &str) -> KeepAlive {
        KeepAlive {
            request: 1,
            wan,
            local: address(local),
            primary: false,
            mapping: Mapping::Unknown,
            next: 0,
            release: Release::OURS,
        }
    }

    #[test]
    fn own_address_seen_from_outside_is_global_and_another_is_a_nat() {
        let now = Instant::now();
        let global = live(&[(0, "203.0.113.5:4750")], "203.0.113.5:4750", now);
        assert_eq!(
            global.reach(now).v4,
            Some(V4::Global(address("203.0.113.5:4750")))
        );
        let natted = live(&[(0, "192.168.1.2:4750")], "198.51.100.7:61000", now);
        let (outside, inside) = (
            address("198.51.100.7:61000"),
            Some(address("192.168.1.2:4750")),
        );
        assert_eq!(
            natted.reach(now).v4,
            Some(V4::Nat {
                outside,
                inside,
                mapping: Mapping::Unknown
            })
        );
        assert_eq!(natted.reach(now).v6, None);
        let nat64 = live(&[(0, "[2001:db8::2]:4750")], "198.51.100.7:61000", now);
        assert_eq!(
            nat64.reach(now).v4,
            Some(V4::Nat {
                outside,
                inside: None,
                mapping: Mapping::Unknown
            })
        );
    }

    #[test]
    fn keep_alives_add_families_and_a_move_forgets_the_old_wan() {
        let now = Instant::now();
        let mut live = live(
            &[(0, "192.168.1.2:4750"), (0, "[2001:db8::2]:4750")],
            "198.51.100.7:61000",
            now,
        );
        live.see(
            said(0, "[2001:db8::2]:4750"),
            from("[2001:db8::2]:4750"),
            now,
        );
        assert_eq!(live.reach(now).v6, Some(address("[2001:db8::2]:4750")));
        live.see(said(1, "10.9.9.9:4750"), from("203.0.113.77:4750"), now);
        assert!(
            matches!(live.reach(now).v4, Some(V4::Nat { outside, .. }) if outside == address("198.51.100.7:61000"))
        );
        let moved = WanAddress {
            wan: 1,
            address: address("203.0.113.9:4750"),
        };
        live.readdress(
            Path {
                remote: moved.address,
                ..live.primary
            },
            vec![moved],
            now,
        );
        live.see_registration(from(&moved.address.to_string()), now);
        assert_eq!(
            live.reach(now),
            Reach {
                v4: Some(V4::Global(moved.address)),
                ..Reach::default()
            }
        );
        assert_eq!(live.reach(now + Duration::from_secs(80)), Reach::default());
    }

    #[test]
    fn a_keep_alive_that_overtakes_its_registration_counts_when_that_comes() {
        let now = Instant::now();
        let mut live = live(&[(0, "10.0.0.2:4750")], "198.51.100.7:61000", now);
        let (v6, gone) = ("[2001:db8::2]:4750", "[2001:db8::9]:4750");
        live.see(said(0, v6), from(v6), now);
        assert_eq!(live.reach(now).v6, None);
        let named = |text: &str| WanAddress {
            wan: 0,
            address: address(text),
        };
        live.readdress(live.primary, vec![named("10.0.0.2:4750"), named(v6)], now);
        assert_eq!(live.reach(now).v6, Some(address(v6)));
        // What was said long before means another network.
        live.see(said(0, gone), from(gone), now);
        let later = now + OVERTAKES_BY;
        live.readdress(
            live.primary,
            vec![named("10.0.0.2:4750"), named(gone)],
            later,
        );
        assert_eq!(live.reach(later).v6, None);
    }

    #[test]
    fn another_network_that_gives_the_same_address_inside_is_not_believed_in_for_long() {
        let (now, inside) = (Instant::now(), "192.168.1.2:4750");
        let mut live = live(&[(0, inside)], "198.51.100.7:61000", now);
        let mut said = said(0, inside);
        said.next = 300;
        let path = live.primary;
        live.see(said, path, now);
        let later = now + LIFETIME + Duration::from_secs(1);
        assert!(live.reach(later).v4.is_some());
        let addresses = live.addresses.clone();
        live.readdress(path, addresses, now);
        assert_eq!(live.reach(later), Reach::default());
    }

    #[test]
    fn a_registration_at_another_socket_of_ours_moves_the_way() {
        let now = Instant::now();
        let mut live = live(&[(0, "10.0.0.2:4750")], "198.51.100.7:61000", now);
        let there = Path {
            local: address("192.0.2.9:4750"),
            ..from("198.51.100.7:61000")
        };
        live.see_registration(there, now);
        live.primary = from("203.0.113.9:4750");
        assert_eq!(live.other_ways(now), [there]);
    }

    #[test]
    fn what_was_overtaken_on_its_way_changes_nothing() {
        let now = Instant::now();
        let mut live = live(&[(0, "10.0.0.2:4750")], "198.51.100.7:61000", now);
        live.registered(u32::MAX);
        assert!(!live.is_overtaken(u32::MAX), "a repetition");
        assert!(live.is_kept_alive(1), "numbers wrap");
        live.registered(2);
        assert!(live.is_overtaken(u32::MAX));
        assert!(!live.is_kept_alive(1), "it says where the node was before");
        assert!(live.is_kept_alive(3) && live.is_kept_alive(3) && !live.is_overtaken(2));
    }
}
