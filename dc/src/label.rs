//! Which label a device gets: the one it wants, made unique behind its gateway.

use ntm_proto::id::{DeviceKey, Label};

/// Longest label (RFC 1035 section 2.3.4).
const LONGEST: usize = 63;

/// The name of a device that wants none: the same each time.
pub(crate) fn automatic(key: DeviceKey) -> Label {
    let [first, second, ..] = key.0;
    Label::parse(&format!("device-{first:02x}{second:02x}")).expect("letters, digits and a hyphen")
}

/// Whether `label` is one that [`automatic`] made, perhaps with a number.
pub(crate) fn is_automatic(label: &Label, key: DeviceKey) -> bool {
    let automatic = automatic(key);
    match label.as_str().strip_prefix(automatic.as_str()) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('-')
            .is_some_and(|number| number.parse::<u32>().is_ok()),
        None => false,
    }
}

/// `wanted`, or with `-2`, `-3`, … at its end, the first that is free. `None` only if thousands are taken.
pub(crate) fn unique(wanted: &Label, is_free: impl Fn(&Label) -> bool) -> Option<Label> {
    if is_free(wanted) {
        return Some(wanted.clone());
    }
    (2..10_000u32).find_map(|number| {
        let end = format!("-{number}");
        let start = wanted.as_str();
        let start = &start[..start.len().min(LONGEST - end.len())];
        let label = Label::parse(&format!("{start}{end}")).ok()?;
        is_free(&label).then_some(label)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn labels_are_numbered_until_free_and_stay_short() {
        let mut taken = BTreeSet::new();
        for wanted in ["laptop", "laptop", "laptop", "laptop-2"] {
            let wanted = Label::parse(wanted).unwrap();
            let label = unique(&wanted, |label| !taken.contains(label)).unwrap();
            assert!(taken.insert(label));
        }
        let texts: Vec<_> = taken.iter().map(Label::as_str).collect();
        assert_eq!(texts, ["laptop", "laptop-2", "laptop-2-2", "laptop-3"]);
        let long = Label::parse(&"x".repeat(63)).unwrap();
        let label = unique(&long, |label| *label != long).unwrap();
        assert_eq!(label.as_str(), format!("{}-2", "x".repeat(61)));
    }

    #[test]
    fn automatic_labels_are_known_again() {
        let key = DeviceKey([0xab; 16]);
        let label = automatic(key);
        assert_eq!(label.as_str(), "device-abab");
        assert!(is_automatic(&label, key));
        assert!(is_automatic(&Label::parse("device-abab-12").unwrap(), key));
        for other in ["device-abac", "device-abab-pi", "laptop"] {
            assert!(!is_automatic(&Label::parse(other).unwrap(), key));
        }
    }
}
