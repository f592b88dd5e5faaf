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
