//! The route decision: a small table over what is known of both ends (design.md section 3).
//!
//! Only addresses from which the DC itself saw the gateway count, so nobody can aim a peer at a third party by
//! naming its address.
//!
//! What comes next has its place here: a relayed pair of NATs gets candidates for hole punching (the two
//! `outside` addresses), and with one common `outside` IP address the two `inside` ones. [`Reach`] carries them
//! already; the rest is more rows in [`decide`].

use ntm_proto::message::Why;
use std::net::SocketAddr;

/// How one gateway can be reached from the Internet, as far as the DC knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Over IPv4.
    pub v4: Option<V4>,
    /// Over IPv6: where the DC sees it.
    pub v6: Option<SocketAddr>,
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

/// Which way the tunnel goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// From gateway to gateway.
    Direct {
        /// Who must send first; `None`: either can.
        first: Option<Side>,
    },
    /// Through a relay.
    Relay,
}

/// What the two ends are to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The route.
    pub route: Route,
    /// Why.
    pub why: Why,
    /// For each end, where to find the other, best first. Empty at the end that waits for a NATed one.
    pub candidates: [Vec<SocketAddr>; 2],
}

/// The decision for the gateways with these reaches.
pub fn decide(one: &Reach, other: &Reach) -> Decision {
    let nats = (is_nat(one), is_nat(other));
    let (route, why) = match (one.v4, other.v4) {
        _ if one.v6.is_some() && other.v6.is_some() => {
            (Route::Direct { first: first(nats) }, Why::BothV6)
        }
        (Some(V4::Global(_)), Some(V4::Global(_))) => {
            (Route::Direct { first: None }, Why::BothGlobal)
        }
        (Some(V4::Nat { .. }), Some(V4::Nat { .. })) => (Route::Relay, Why::BothNat),
        (Some(_), Some(_)) => (Route::Direct { first: first(nats) }, Why::OneNat),
        (None, _) | (_, None) => (Route::Relay, Why::Families),
    };
    let candidates = match route {
        Route::Direct { .. } => [addresses(other, one), addresses(one, other)],
        Route::Relay => [Vec::new(), Vec::new()],
    };
    Decision {
        route,
        why,
        candidates,
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

/// Where `from` finds `target`: in the families both have.
fn addresses(target: &Reach, from: &Reach) -> Vec<SocketAddr> {
    let v6 = target.v6.filter(|_| from.v6.is_some());
    let v4 = match target.v4 {
        Some(V4::Global(address)) if from.v4.is_some() => Some(address),
        Some(V4::Global(_) | V4::Nat { .. }) | None => None,
    };
    v6.into_iter().chain(v4).collect()
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
        };
        let v6 = Some(address(format!("[2001:db8::{host}]:4750")));
        let v4 = match kind.trim_end_matches("+6") {
            "global" => Some(V4::Global(global)),
            "nat" => Some(nat),
            _ => None,
        };
        let v6 = v6.filter(|_| kind == "v6" || kind.ends_with("+6"));
        Reach { v4, v6 }
    }

    /// Every cell of the table, then what two families on one or both sides change.
    #[test]
    fn every_cell_of_the_table_holds() {
        let (one, other, either) = (Some(Side::One), Some(Side::Other), None);
        let direct = |first| Route::Direct { first };
        let (global, v6) = ("203.0.113.", "[2001:db8::");
        let cells = [
            (
                "global",
                "global",
                direct(either),
                Why::BothGlobal,
                vec![global],
                vec![global],
            ),
            (
                "global",
                "nat",
                direct(other),
                Why::OneNat,
                vec![],
                vec![global],
            ),
            ("global", "v6", Route::Relay, Why::Families, vec![], vec![]),
            (
                "nat",
                "global",
                direct(one),
                Why::OneNat,
                vec![global],
                vec![],
            ),
            ("nat", "nat", Route::Relay, Why::BothNat, vec![], vec![]),
            ("nat", "v6", Route::Relay, Why::Families, vec![], vec![]),
            ("v6", "global", Route::Relay, Why::Families, vec![], vec![]),
            ("v6", "nat", Route::Relay, Why::Families, vec![], vec![]),
            ("v6", "v6", direct(either), Why::BothV6, vec![v6], vec![v6]),
            (
                "nat+6",
                "nat+6",
                direct(either),
                Why::BothV6,
                vec![v6],
                vec![v6],
            ),
            ("nat+6", "v6", direct(one), Why::BothV6, vec![v6], vec![v6]),
            (
                "global+6",
                "nat+6",
                direct(other),
                Why::BothV6,
                vec![v6],
                vec![v6, global],
            ),
            (
                "global+6",
                "global+6",
                direct(either),
                Why::BothV6,
                vec![v6, global],
                vec![v6, global],
            ),
            ("nat+6", "nat", Route::Relay, Why::BothNat, vec![], vec![]),
            (
                "nat+6",
                "global",
                direct(one),
                Why::OneNat,
                vec![global],
                vec![],
            ),
            (
                "none",
                "global",
                Route::Relay,
                Why::Families,
                vec![],
                vec![],
            ),
        ];
        for (left, right, route, why, for_one, for_other) in cells {
            let decision = decide(&reach(left, 1), &reach(right, 2));
            assert_eq!(
                (decision.route, decision.why),
                (route, why),
                "{left}, {right}"
            );
            for (given, wanted, host) in [
                (&decision.candidates[0], for_one, 2),
                (&decision.candidates[1], for_other, 1),
            ] {
                let given: Vec<String> = given.iter().map(ToString::to_string).collect();
                let end = |start: &str| if start == v6 { "]" } else { "" };
                let wanted: Vec<String> = wanted
                    .iter()
                    .map(|start| format!("{start}{host}{}:4750", end(start)))
                    .collect();
                assert_eq!(given, wanted, "{left}, {right}");
            }
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
