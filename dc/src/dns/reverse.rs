//! Names under `in-addr.arpa` and `ip6.arpa`: which belong to a virtual range, and which address they stand for.

use hickory_proto::rr::Name;
use ntm_proto::id::VirtualPrefixes;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A name of a reverse zone of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reverse {
    /// The zone's own name: the first octet or nibble boundary inside the range.
    pub(super) apex: Name,
    /// What stands there.
    pub(super) kind: Kind,
}

/// What stands at a reverse name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The zone itself.
    Apex,
    /// A name on the way to addresses.
    Between,
    /// One address.
    Address(IpAddr),
    /// A label that no address has.
    Nonsense,
}

/// Reads `name`; `None` when it is in no zone of ours.
pub(super) fn parse(name: &Name, prefixes: &VirtualPrefixes) -> Option<Reverse> {
    let labels: Vec<&[u8]> = name.iter().collect();
    let (arpa, rest) = split(&labels)?;
    let (step, digits) = match arpa {
        Family::V4 => (8, usize::from(prefixes.v4.prefix_len()).div_ceil(8)),
        Family::V6 => (4, usize::from(prefixes.v6.prefix_len()).div_ceil(4)),
    };
    let total = arpa.bits() / step;
    let apex = rest.len().checked_sub(digits)?;
    let mut bits = 0u128;
    let mut valid = 0;
    for label in rest.iter().rev().take(total) {
        let Some(digit) = arpa.digit(label) else {
            break;
        };
        bits = (bits << step) | digit;
        valid += 1;
    }
    if valid < digits {
        return None;
    }
    let address = arpa.address(bits << (step * (total - valid)));
    if !prefixes.contains(address) {
        return None;
    }
    let kind = match valid {
        _ if valid < rest.len() => Kind::Nonsense,
        _ if valid == total => Kind::Address(address),
        _ if valid == digits => Kind::Apex,
        _ => Kind::Between,
    };
    Some(Reverse {
        apex: name.trim_to(labels.len() - apex),
        kind,
    })
}

#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn bits(self) -> usize {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    fn digit(self, label: &[u8]) -> Option<u128> {
        let text = std::str::from_utf8(label).ok()?;
        match self {
            Self::V4 => {
                let number: u8 = text.parse().ok()?;
                (number.to_string() == text).then_some(number.into())
            }
            Self::V6 => {
                let fits = text.len() == 1 && text != "+";
                fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
            }
        }
    }

    fn address(self, bits: u128) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(0)).into(),
            Self::V6 => Ipv6Addr::from_bits(bits).into(),
        }
    }
}

fn split<'a, 'b>(labels: &'a [&'b [u8]]) -> Option<(Family, &'a [&'b [u8]])> {
    let [rest @ .., family, arpa] = labels else {
        return None;
    };
    if !arpa.eq_ignore_ascii_case(b"arpa") {
        return None;
    }
    if family.eq_ignore_ascii_case(b"in-addr") {
        return Some((Family::V4, rest));
    }
    family
        .eq_ignore_ascii_case(b"ip6")
        .then_some((Family::V6, rest))
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

    fn read(name: &str, v4: &str) -> Option<(String, Kind)> {
        let found = parse(&Name::from_ascii(name).unwrap(), &prefixes(v4))?;
        Some((found.apex.to_ascii(), found.kind))
    }

    #[test]
    fn each_octet_of_the_range_is_a_zone() {
        let read = |name| read(name, "198.18.0.0/15");
        let address = Kind::Address([198, 19, 2, 1].into());
        assert_eq!(
            read("1.2.19.198.in-addr.arpa."),
            Some(("19.198.in-addr.arpa.".into(), address))
        );
        let apex = Some(("18.198.in-addr.arpa.".into(), Kind::Apex));
        assert_eq!(read("18.198.in-addr.arpa."), apex);
        assert_eq!(read("3.18.198.in-addr.arpa.").unwrap().1, Kind::Between);
        assert_eq!(read("x.3.18.198.in-addr.arpa.").unwrap().1, Kind::Nonsense);
        assert_eq!(
            read("7.1.2.19.198.in-addr.arpa.").unwrap().1,
            Kind::Nonsense
        );
        for foreign in [
            "198.in-addr.arpa.",
            "20.198.in-addr.arpa.",
            "x.198.in-addr.arpa.",
            "arpa.",
            "ntm.test.",
            "018.198.in-addr.arpa.",
        ] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn narrow_and_wide_ranges() {
        assert_eq!(
            read("9.10.in-addr.arpa.", "10.0.0.0/8"),
            Some(("10.in-addr.arpa.".into(), Kind::Between))
        );
        let narrow = read("65.2.0.192.in-addr.arpa.", "192.0.2.64/28").unwrap();
        assert_eq!(narrow.1, Kind::Address([192, 0, 2, 65].into()));
        assert_eq!(read("1.2.0.192.in-addr.arpa.", "192.0.2.64/28"), None);
    }

    #[test]
    fn ipv6_goes_by_nibbles() {
        let zone = "a.9.8.7.6.5.4.3.2.1.D.F.ip6.arpa.";
        assert_eq!(read(zone, "198.18.0.0/15"), Some((zone.into(), Kind::Apex)));
        let name = format!("5{}.{zone}", ".0".repeat(19));
        let (_, kind) = read(&name, "198.18.0.0/15").unwrap();
        assert_eq!(kind, Kind::Address("fd12:3456:789a::5".parse().unwrap()));
        assert_eq!(
            read(&format!("10.{zone}"), "198.18.0.0/15").unwrap().1,
            Kind::Nonsense
        );
        assert_eq!(read("d.f.ip6.arpa.", "198.18.0.0/15"), None);
    }
}
