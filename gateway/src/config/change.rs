//! What an owner changes about one device, on the page or on the command line: entries in, entries out.

use super::device::{DeviceEntry, MAX_MACS};
use ntm_proto::id::Label;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// Its name, whatever it calls itself; `None`: what it calls itself again.
    Rename(Option<Label>),
    /// Whether it is remembered while it is away.
    Keep(bool),
    /// Whether it has a name and virtual addresses at all.
    Identity(bool),
    /// The device with this hardware address is this one, which has changed its address.
    Merge([u8; 6]),
    /// Nothing is said of it any more.
    Forget,
}

/// Why a change is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unchangeable {
    /// Names are for one device each.
    #[error("another device has this name; give each its own")]
    NameTaken,
    /// Nothing to merge.
    #[error("that is the same device")]
    Same,
    /// Too many.
    #[error(
        "a device has {MAX_MACS} hardware addresses at most; take old ones out of the configuration"
    )]
    TooManyMacs,
}

/// What is said of devices once `change` is made about the one with the hardware address `mac`.
pub fn changed(
    entries: &[DeviceEntry],
    mac: [u8; 6],
    change: &DeviceChange,
) -> Result<Vec<DeviceEntry>, Unchangeable> {
    let mut entries = entries.to_vec();
    let of = |entries: &[DeviceEntry], mac| entries.iter().position(|it| it.macs.contains(&mac));
    let at = of(&entries, mac).unwrap_or_else(|| {
        entries.push(DeviceEntry::of(mac));
        entries.len() - 1
    });
    match change {
        DeviceChange::Rename(name) => {
            let mut others = entries
                .iter()
                .enumerate()
                .filter(|(number, _)| *number != at);
            if name.is_some() && others.any(|(_, other)| other.name == *name) {
                return Err(Unchangeable::NameTaken);
            }
            entries[at].name.clone_from(name);
        }
        DeviceChange::Keep(keep) => entries[at].keep = *keep,
        DeviceChange::Identity(identity) => entries[at].identity = *identity,
        DeviceChange::Merge(other) => {
            if entries[at].macs.contains(other) {
                return Err(Unchangeable::Same);
            }
            let found = of(&entries, *other);
            let other = found.map_or_else(|| DeviceEntry::of(*other), |at| entries[at].clone());
            let entry = &mut entries[at];
            entry.macs.extend(&other.macs);
            if entry.macs.len() > MAX_MACS {
                return Err(Unchangeable::TooManyMacs);
            }
            entry.address = entry.address.or(other.address);
            if let Some(found) = found {
                entries.remove(found);
            }
        }
        DeviceChange::Forget => drop(entries.remove(at)),
    }
    // A block that says nothing goes, if it is this one's.
    entries.retain(|entry| !entry.macs.contains(&mac) || *entry != DeviceEntry::of(mac));
    Ok(entries)
}

impl DeviceEntry {
    /// One of which nothing is said.
    fn of(mac: [u8; 6]) -> Self {
        Self {
            macs: vec![mac],
            address: None,
            name: None,
            identity: true,
            keep: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const AGAIN: [u8; 6] = [2, 0, 0, 0, 0, 2];

    fn named(name: &str) -> DeviceChange {
        DeviceChange::Rename(Label::parse(name).ok())
    }

    #[test]
    fn what_is_said_of_a_device_comes_and_goes() {
        let said = changed(&[], PHONE, &named("phone")).unwrap();
        assert_eq!(said[0].name.as_ref().unwrap().as_str(), "phone");
        let said = changed(&said, PHONE, &DeviceChange::Keep(true)).unwrap();
        let said = changed(&said, PHONE, &DeviceChange::Rename(None)).unwrap();
        assert!(said.len() == 1 && said[0].keep && said[0].name.is_none());
        let said = changed(&said, PHONE, &DeviceChange::Keep(false)).unwrap();
        assert_eq!(said, [], "nothing is left to say");
        let off = changed(&said, PHONE, &DeviceChange::Identity(false)).unwrap();
        assert!(!off[0].identity);
        assert_eq!(changed(&off, PHONE, &DeviceChange::Forget), Ok(vec![]));
        assert_eq!(changed(&[], PHONE, &DeviceChange::Forget), Ok(vec![]));
    }

    #[test]
    fn a_name_is_one_devices() {
        let said = changed(&[], PHONE, &named("phone")).unwrap();
        let taken = changed(&said, AGAIN, &named("phone"));
        assert_eq!(taken, Err(Unchangeable::NameTaken));
        assert_eq!(changed(&said, PHONE, &named("phone")), Ok(said));
    }

    #[test]
    fn a_device_that_changed_its_address_brings_what_was_said_of_it() {
        let mut said = changed(&[], AGAIN, &named("phone-2")).unwrap();
        said[0].address = Some([192, 168, 1, 9].into());
        let said = changed(&said, PHONE, &DeviceChange::Merge(AGAIN)).unwrap();
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].macs, [PHONE, AGAIN]);
        assert!(said[0].name.is_none() && said[0].address.is_some());
        for mac in [PHONE, AGAIN] {
            let again = changed(&said, mac, &DeviceChange::Merge(AGAIN));
            assert_eq!(again, Err(Unchangeable::Same));
        }
        let mut most = said;
        for last in 3..=MAX_MACS as u8 {
            let other = [2, 0, 0, 0, 0, last];
            most = changed(&most, PHONE, &DeviceChange::Merge(other)).unwrap();
        }
        let more = changed(&most, PHONE, &DeviceChange::Merge([2, 0, 0, 0, 0, 99]));
        assert_eq!(more, Err(Unchangeable::TooManyMacs));
    }
}
