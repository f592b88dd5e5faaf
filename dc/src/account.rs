//! Rules of enrolment that need no store: which names a gateway or relay may have.

use ntm_proto::id::Label;

/// First labels that a zone needs for itself, or that people would take for the operator's.
const RESERVED: [&str; 12] = [
    "ns",
    "ns1",
    "ns2",
    "dc",
    "as",
    "www",
    "mail",
    "localhost",
    "admin",
    "gateway",
    "relay",
    "ntm",
];

/// Why a name cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameRefused {
    /// The zone needs it.
    #[error("this name is reserved; choose another")]
    Reserved,
    /// Another gateway or relay has it.
    #[error("this name is taken; choose another")]
    Taken,
}

/// Whether the domain keeps `name` for itself.
pub fn is_reserved(name: &Label) -> bool {
    RESERVED.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_keeps_its_own_names() {
        assert!(is_reserved(&Label::parse("NS1").unwrap()));
        assert!(!is_reserved(&Label::parse("home").unwrap()));
    }
}
