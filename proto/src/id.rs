//! Names and numbers that identify nodes, devices, tunnels and paths: parsed at the edge, trusted inside.

use ipnet::{Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use uuid::Uuid;

/// A gateway's, relay's or device's identity. Never changes, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub Uuid);

impl NodeId {
    /// A random (version 4) id from 16 random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Reads the hyphenated form.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The receiver's index in every datagram: a label, never a credential. 0 means "not known yet".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathId(pub u32);

impl PathId {
    /// The id in a first message to a DC, which has allotted none yet.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for PathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// One tunnel between two gateways, chosen by the DC that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TunnelId(pub [u8; 16]);

/// How a gateway names one of its devices to its DC: a keyed hash of the MAC address, so that the DC recognises
/// the device without learning the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceKey(pub [u8; 16]);

/// Text was no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, longer than 63, or not letters, digits and inner hyphens (RFC 1123 section 2.1).
    #[error("a name is 1 to 63 letters, digits or hyphens, with no hyphen at either end")]
    Label,
    /// More than 253 characters in all (RFC 1035 section 2.3.4).
    #[error("a full name has at most 253 characters")]
    Length,
}

/// One part of a name: lower-case letters, digits, inner hyphens; 1 to 63 of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Box<str>);

impl Label {
    /// Checks and lower-cases `text`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let bytes = text.as_bytes();
        let fits = (1..=63).contains(&bytes.len()) && bytes.iter().all(|&b| inner(b));
        if !fits || text.starts_with('-') || text.ends_with('-') {
            return Err(NameError::Label);
        }
        Ok(Self(text.to_ascii_lowercase().into_boxed_str()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A full domain name without the final dot: labels joined by dots, at most 253 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fqdn(Box<str>);

impl Fqdn {
    /// Checks and lower-cases `text`; one final dot is allowed and dropped.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > 253 {
            return Err(NameError::Length);
        }
        text.split('.')
            .try_for_each(|part| Label::parse(part).map(drop))?;
        Ok(Self(text.to_ascii_lowercase().into_boxed_str()))
    }

    /// `label` in front of this name.
    pub fn child(&self, label: &Label) -> Result<Self, NameError> {
        Self::parse(&format!("{label}.{self}"))
    }

    /// The name without its first label; `None` at the last label.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(_, rest)| Self(rest.into()))
    }

    /// Whether this name is `zone` or below it.
    pub fn is_within(&self, zone: &Self) -> bool {
        self.0
            .strip_suffix(&*zone.0)
            .is_some_and(|head| head.is_empty() || head.ends_with('.'))
    }

    /// The first label.
    pub fn first_label(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// The text, without the final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bits by which the range of aliases is longer than the IPv4 range it is the end of: the last eighth.
const ALIAS_BITS: u8 = 3;
/// The longest IPv4 prefix with a range of aliases: four of them, and the last is the broadcast address.
const LONGEST_WITH_ALIASES: u8 = 27;

/// The ranges a domain allots virtual addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualPrefixes {
    /// By default 198.18.0.0/15.
    pub v4: Ipv4Net,
    /// A unique local prefix (RFC 4193), random per domain.
    pub v6: Ipv6Net,
}

impl VirtualPrefixes {
    /// Whether `address` is in one of the ranges.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4.contains(&v4),
            IpAddr::V6(v6) => self.v6.contains(&v6),
        }
    }

    /// The last eighth of the IPv4 range. The DC never allots from it: each gateway lends these addresses, on its own
    /// LAN only, to devices of other domains, whose virtual addresses may be anybody's here. `None` when the range is
    /// too small to spare any, longer than a /27.
    pub fn aliases(&self) -> Option<Ipv4Net> {
        let length = self.v4.prefix_len();
        if length > LONGEST_WITH_ALIASES {
            return None;
        }
        let hosts = self.v4.hostmask().to_bits();
        let first = self.v4.network().to_bits() | (hosts & !(hosts >> ALIAS_BITS));
        Ipv4Net::new(Ipv4Addr::from_bits(first), length + ALIAS_BITS).ok()
    }
}

/// A device or gateway as its DC knows it: the identity that never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub node: NodeId,
    /// Its name, such as `camera.home.ntm.test`.
    pub name: Fqdn,
    /// Its virtual IPv4 address.
    pub vip4: Ipv4Addr,
    /// Its virtual IPv6 address.
    pub vip6: Ipv6Addr,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_letters_digits_and_inner_hyphens() {
        assert_eq!(
            Label::parse("Lap-Top2").map(|l| l.to_string()),
            Ok("lap-top2".into())
        );
        for bad in [
            "",
            "-a",
            "a-",
            "a.b",
            "a b",
            "<script>",
            "a\n",
            "ä",
            "$(reboot)",
            &"x".repeat(64),
        ] {
            assert_eq!(Label::parse(bad), Err(NameError::Label), "{bad:?}");
        }
    }

    #[test]
    fn aliases_are_the_last_eighth_of_a_range_that_can_spare_it() {
        let aliases = |v4: &str| {
            let v6 = "fd00::/48".parse().unwrap();
            let v4 = v4.parse().unwrap();
            VirtualPrefixes { v4, v6 }
                .aliases()
                .map(|net| net.to_string())
        };
        for (range, lent) in [
            ("198.18.0.0/15", "198.19.192.0/18"),
            ("10.9.0.0/16", "10.9.224.0/19"),
            ("10.9.0.0/27", "10.9.0.28/30"),
            ("0.0.0.0/0", "224.0.0.0/3"),
        ] {
            assert_eq!(aliases(range).as_deref(), Some(lent), "{range}");
        }
        for small in ["10.9.0.0/28", "10.9.0.1/32"] {
            assert_eq!(aliases(small), None, "{small}");
        }
    }

    #[test]
    fn full_names_know_their_zone() {
        let zone = Fqdn::parse("ntm.test.").unwrap();
        let name = Fqdn::parse("Camera.home.NTM.test").unwrap();
        assert!(name.is_within(&zone) && zone.is_within(&zone));
        assert!(!Fqdn::parse("evilntm.test").unwrap().is_within(&zone));
        assert_eq!(name.first_label(), "camera");
        assert_eq!(name.parent().unwrap().as_str(), "home.ntm.test");
        assert_eq!(Fqdn::parse(&["a"; 130].join(".")), Err(NameError::Length));
        assert_eq!(Fqdn::parse("a..b"), Err(NameError::Label));
    }
}
