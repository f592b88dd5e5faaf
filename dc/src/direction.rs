//! The route decision: a small table over what is known of both ends (design.md section 3).
//!
//! Only addresses from which the DC itself saw the gateway count, so nobody can aim a peer at a third party by
//! naming its address.
//!
//! The inside address of a NATed gateway is its own word. It goes only to a gateway that has the same outside
//! address, and only if it is a private one: so the worst a liar can do is aim neighbours at each other.

use ntm_proto::address::is_global;
use ntm_proto::message::{Mapping, Why};
use std::net::SocketAddr;

/// How one gateway can be reached from the Internet, as far as the DC knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Over IPv4.
    pub v4: Option<V4>,
    /// Over IPv6: where the DC sees it.
    pub v6: Option<SocketAddr>,
    /// By its other WANs: where the DC sees it there. A peer keeps a way to them ready.
    pub others: [Option<SocketAddr>; 2],
}

impl Reach {
    /// Whether this gateway may be sent to `address` on another domain's word: to a private one only if we see the
    /// gateway itself in such a network. Else the address is one of its own LAN's, which is nobody else's business.
    pub(crate) fn may_be_sent_to(&self, address: SocketAddr) -> bool {
        let seen = match address {
            SocketAddr::V4(_) => self.v4.map(V4::outside),
            SocketAddr::V6(_) => self.v6,
        };
        is_global(address.ip()) || seen.is_some_and(|seen| !is_global(seen.ip()))
    }

    /// Whether these addresses are of somebody behind the same NAT.
    pub(crate) fn neighbours(&self, addresses: &[SocketAddr]) -> bool {
        let ours = self.v4.filter(|v4| matches!(v4, V4::Nat { .. }));
        let ours = ours.map(|v4| v4.outside().ip());
        addresses.iter().any(|address| Some(address.ip()) == ours)
    }
}

impl V4 {
    fn outside(self) -> SocketAddr {
        let (Self::Global(outside) | Self::Nat { outside, .. }) = self;
        outside
    }
}

/// How an IPv4 network shows a gateway to the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum V4 {
    /// Its own address is what the DC sees.
    Global(SocketAddr),
    /// A NAT translates.
    Nat {
        /// What the DC sees.
        outside: SocketAddr,
        /// The gateway's own address, if it has one of this family (behind NAT64 it has none).
        inside: Option<SocketAddr>,
        /// Whether other destinations see it under other ports.
        mapping: Mapping,
    },
}

/// One of the two ends, in the order they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    One,
    /// The second.
    Other,
}

impl Side {
    /// Its place in an array of two.
    pub fn index(self) -> usize {
        match self {
            Self::One => 0,
            Self::Other => 1,
        }
    }
}

/// What the two ends are to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Why the route is what it is; tells also whether it begins through a relay ([`Why::needs_relay`]). Every
    /// other route gets a relay to fall back to where there is one.
    pub why: Why,
    /// Who must send first; `None`: either can.
    pub first: Option<Side>,
    /// For each end, where to try to find the other, best first.
    pub candidates: [Vec<SocketAddr>; 2],
}

/// The decision for the gateways with these reaches.
pub fn decide(one: &Reach, other: &Reach) -> Decision {
    let why = why(one, other);
    let candidates = if why == Why::BothSymmetric {
        [Vec::new(), Vec::new()]
    } else {
        [addresses(other, one), addresses(one, other)]
    };
    Decision {
        why,
        first: first((is_nat(one), is_nat(other))).filter(|_| !why.needs_relay()),
        candidates,
    }
}

fn why(one: &Reach, other: &Reach) -> Why {
    if one.v6.is_some() && other.v6.is_some() {
        return Why::BothV6;
    }
    match (one.v4, other.v4) {
        (Some(V4::Global(_)), Some(V4::Global(_))) => Why::BothGlobal,
        (Some(V4::Global(_)), Some(V4::Nat { .. }))
        | (Some(V4::Nat { .. }), Some(V4::Global(_))) => Why::OneNat,
        (
            Some(V4::Nat {
                outside: one,
                mapping: mine,
                ..
            }),
            Some(V4::Nat {
                outside: other,
                mapping: theirs,
                ..
            }),
        ) => match (mine, theirs) {
            _ if one.ip() == other.ip() => Why::SameNat,
            (Mapping::Dependent, Mapping::Dependent) => Why::BothSymmetric,
            (Mapping::Dependent, _) | (_, Mapping::Dependent) => Why::OneSymmetric,
            (Mapping::Unknown | Mapping::Independent, Mapping::Unknown | Mapping::Independent) => {
                Why::BothNat
            }
        },
        (None, _) | (_, None) => Why::Families,
    }
}

fn is_nat(reach: &Reach) -> bool {
    matches!(reach.v4, Some(V4::Nat { .. }))
}

/// The NATed side opens its NAT by sending first; with IPv6 it does no harm, and IPv4 may win the race.
fn first(nats: (bool, bool)) -> Option<Side> {
    match nats {
        (true, false) => Some(Side::One),
        (false, true) => Some(Side::Other),
        (true, true) | (false, false) => None,
    }
}

/// Where `from` may find `target`: in the families both have. Behind one and the same NAT the inside address goes
/// first; the outside one works there only if the NAT hairpins.
fn addresses(target: &Reach, from: &Reach) -> Vec<SocketAddr> {
    let v6 = target.v6.filter(|_| from.v6.is_some());
    let (inside, outside) = match (target.v4, from.v4) {
        (Some(V4::Global(address)), Some(_)) => (None, Some(address)),
        (
            Some(V4::Nat {
                outside, inside, ..
            }),
            Some(here),
        ) => {
            let (V4::Nat { outside: ours, .. } | V4::Global(ours)) = here;
            let inside =
                inside.filter(|inside| ours.ip() == outside.ip() && !is_global(inside.ip()));
            // What the DC sees on its own LAN is of use on that LAN only.
            let outside = Some(outside).filter(|it| is_global(it.ip()) || !is_global(ours.ip()));
            (inside.filter(|inside| Some(*inside) != outside), outside)
        }
        (None, _) | (_, None) => (None, None),
    };
    let others = target.others.into_iter().flatten();
    let others = others.filter(|it| match it {
        SocketAddr::V4(_) => from.v4.is_some(),
        SocketAddr::V6(_) => from.v6.is_some(),
    });
    let best = v6.into_iter().chain(inside).chain(outside);
    best.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(kind: &str, host: u8) -> Reach {
        let address = |text: String| text.parse::<SocketAddr>().unwrap();
        let global = address(format!("203.0.113.{host}:4750"));
        let nat = V4::Nat {
            outside: address(format!("198.51.100.{host}:61000")),
            inside: Some(address("192.168.1.2:4750".into())),
            mapping: Mapping::Unknown,
        };
        let v6 = Some(address(format!("[2001:db8::{host}]:4750")));
        let v4 = match kind.trim_end_matches("+6") {
            "global" => Some(V4::Global(global)),
            "nat" => Some(nat),
            _ => None,
        };
        let v6 = v6.filter(|_| kind == "v6" || kind.ends_with("+6"));
        Reach {
            v4,
            v6,
            ..Reach::default()
        }
    }

    /// Every cell of the table, then what two families on one or both sides change.
    #[test]
    fn every_cell_of_the_table_holds() {
        let (one, other, either) = (Some(Side::One), Some(Side::Other), None);
        let (global, outside, v6) = ("203.0.113.", "198.51.100.", "[2001:db8::");
        type Cell<'a> = (
            &'a str,
            &'a str,
            Why,
            Option<Side>,
            &'a [&'a str],
            &'a [&'a str],
        );
        let cells: [Cell<'_>; 16] = [
            (
                "global",
                "global",
                Why::BothGlobal,
                either,
                &[global],
                &[global],
            ),
            ("global", "nat", Why::OneNat, other, &[outside], &[global]),
            ("global", "v6", Why::Families, either, &[], &[]),
            ("nat", "global", Why::OneNat, one, &[global], &[outside]),
            ("nat", "nat", Why::BothNat, either, &[outside], &[outside]),
            ("nat", "v6", Why::Families, either, &[], &[]),
            ("v6", "global", Why::Families, either, &[], &[]),
            ("v6", "nat", Why::Families, either, &[], &[]),
            ("v6", "v6", Why::BothV6, either, &[v6], &[v6]),
            (
                "nat+6",
                "nat+6",
                Why::BothV6,
                either,
                &[v6, outside],
                &[v6, outside],
            ),
            ("nat+6", "v6", Why::BothV6, one, &[v6], &[v6]),
            (
                "global+6",
                "nat+6",
                Why::BothV6,
                other,
                &[v6, outside],
                &[v6, global],
            ),
            (
                "global+6",
                "global+6",
                Why::BothV6,
                either,
                &[v6, global],
                &[v6, global],
            ),
            ("nat+6", "nat", Why::BothNat, either, &[outside], &[outside]),
            ("nat+6", "global", Why::OneNat, one, &[global], &[outside]),
            ("none", "global", Why::Families, either, &[], &[]),
        ];
        for (left, right, why, first, for_one, for_other) in cells {
            let decision = decide(&reach(left, 1), &reach(right, 2));
            assert_eq!(
                (decision.why, decision.first),
                (why, first),
                "{left}, {right}"
            );
            for (given, wanted, host) in [
                (&decision.candidates[0], for_one, 2),
                (&decision.candidates[1], for_other, 1),
            ] {
                let full = |start: &&str| match *start {
                    "[2001:db8::" => format!("{start}{host}]:4750"),
                    "198.51.100." => format!("{start}{host}:61000"),
                    start => format!("{start}{host}:4750"),
                };
                let given: Vec<String> = given.iter().map(ToString::to_string).collect();
                let wanted: Vec<String> = wanted.iter().map(full).collect();
                assert_eq!(given, wanted, "{left}, {right}");
            }
        }
    }

    fn natted(outside: &str, inside: &str, mapping: Mapping) -> Reach {
        let (outside, inside) = (outside.parse().unwrap(), inside.parse().ok());
        let v4 = Some(V4::Nat {
            outside,
            inside,
            mapping,
        });
        Reach {
            v4,
            ..Reach::default()
        }
    }

    #[test]
    fn neighbours_behind_one_nat_learn_their_inside_addresses_and_nobody_else_does() {
        let (known, inside) = (Mapping::Independent, "10.0.0.2:4750");
        let one = natted("198.51.100.1:4750", inside, known);
        let neighbour = natted("198.51.100.1:61000", "10.0.0.3:4750", known);
        let decision = decide(&one, &neighbour);
        assert_eq!(decision.why, Why::SameNat);
        let given: Vec<String> = decision.candidates[1]
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(given, [inside, "198.51.100.1:4750"]);
        let stranger = natted("198.51.100.2:61000", "10.0.0.3:4750", known);
        let given = decide(&one, &stranger).candidates[1].clone();
        assert_eq!(given, ["198.51.100.1:4750".parse().unwrap()]);
        let liar = natted("198.51.100.1:5", "203.0.113.99:53", known);
        let given = decide(&liar, &one).candidates[1].clone();
        assert_eq!(
            given,
            ["198.51.100.1:5".parse().unwrap()],
            "not a private address"
        );
    }

    #[test]
    fn symmetric_nats_are_told_and_two_of_them_try_nothing() {
        let nat = |host, mapping| natted(&format!("198.51.100.{host}:4750"), "", mapping);
        let symmetric = nat(1, Mapping::Dependent);
        let both = decide(&symmetric, &nat(2, Mapping::Dependent));
        assert_eq!(both.why, Why::BothSymmetric);
        assert!(both.candidates.iter().all(Vec::is_empty));
        for mapping in [Mapping::Unknown, Mapping::Independent] {
            let one = decide(&symmetric, &nat(2, mapping));
            assert_eq!(one.why, Why::OneSymmetric);
            assert!(one.candidates.iter().all(|list| list.len() == 1));
        }
    }

    #[test]
    fn turning_the_ends_round_turns_the_decision_round() {
        let kinds = ["global", "nat", "v6", "global+6", "nat+6", "none"];
        for left in kinds {
            for right in kinds {
                let there = decide(&reach(left, 1), &reach(right, 2));
                let back = decide(&reach(right, 2), &reach(left, 1));
                assert_eq!(there.why, back.why, "{left}, {right}");
                assert_eq!(there.candidates[0], back.candidates[1], "{left}, {right}");
            }
        }
    }
}
