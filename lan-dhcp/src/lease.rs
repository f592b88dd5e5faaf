//! The table of leases: who has which address until when, and who had one before.
//!
//! One entry per hardware address, one per IP address. An entry lives until it expires or is released; then it is
//! *remembered*, so that the device gets its old address back, until somebody else needs the place.

use crate::config::Mac;
use ntm_proto::id::Label;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// A device on the LAN and the address it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The device's hardware address: the key.
    pub mac: Mac,
    /// What the client calls itself (option 61), at most 255 bytes.
    pub client_id: Option<Box<[u8]>>,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its name. Two devices may have the same.
    pub hostname: Option<Label>,
    /// When it ends unless renewed.
    pub expires: Instant,
}

/// A lease and what the server knows about it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) lease: Lease,
    /// Ended, and only remembered.
    pub(crate) ended: bool,
    /// Since when somebody says, in the device's name, that it has no more need of a lease that is live.
    pub(crate) released: Option<Instant>,
    /// When the device got it from us, renewals aside; `None`: in an earlier life.
    pub(crate) given: Option<Instant>,
    /// Whether the lease file has this address for this device, live or remembered.
    pub(crate) file: InFile,
}

/// Where an entry stands with the lease file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InFile {
    /// Not in it.
    No,
    /// In the writing that was asked for and may yet fail.
    Writing,
    /// In it.
    Yes,
}

/// What [`Table::grant`] did.
#[derive(Debug)]
pub(crate) struct Granted {
    /// The device is new or has another address: the file does not know.
    pub(crate) must_save: bool,
    /// Something besides the expiry is new.
    pub(crate) changed: bool,
    /// Another device's live lease of this address, ended by it.
    pub(crate) displaced: Option<Lease>,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    by_mac: BTreeMap<Mac, Entry>,
    by_address: BTreeMap<Ipv4Addr, Mac>,
    /// Live entries by the time they expire.
    live: BTreeSet<(Instant, Mac)>,
    /// Remembered entries by the time they ended.
    ended: BTreeSet<(Instant, Mac)>,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.by_mac.len()
    }

    pub(crate) fn get(&self, mac: Mac) -> Option<&Entry> {
        self.by_mac.get(&mac)
    }

    /// The lease of `mac`, if it is live.
    pub(crate) fn live(&self, mac: Mac) -> Option<&Lease> {
        self.by_mac
            .get(&mac)
            .filter(|entry| !entry.ended)
            .map(|entry| &entry.lease)
    }

    /// How long ago `mac` got its address, renewals aside.
    pub(crate) fn given_since(&self, mac: Mac, now: Instant) -> Duration {
        let given = self.by_mac.get(&mac).and_then(|entry| entry.given);
        given.map_or(Duration::MAX, |at| now.saturating_duration_since(at))
    }

    /// Whether the lease file has this address for `mac`, so that giving it needs no writing.
    pub(crate) fn is_filed(&self, mac: Mac, address: Ipv4Addr) -> bool {
        let entry = self.by_mac.get(&mac);
        entry.is_some_and(|entry| entry.lease.address == address && entry.file != InFile::No)
    }

    /// Whose `address` is or was.
    pub(crate) fn owner(&self, address: Ipv4Addr) -> Option<Mac> {
        self.by_address.get(&address).copied()
    }

    /// All entries in the order of their hardware addresses.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.by_mac.values()
    }

    /// The remembered entries, the longest ended first.
    pub(crate) fn ended(&self) -> impl Iterator<Item = &Lease> {
        self.ended
            .iter()
            .filter_map(|(_, mac)| self.by_mac.get(mac))
            .map(|entry| &entry.lease)
    }

    /// When the next live lease expires.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.live.first().map(|&(expires, _)| expires)
    }

    /// Writes `lease`. Replaces the device's entry and any other device's entry with this address.
    pub(crate) fn grant(&mut self, lease: Lease, now: Instant) -> Granted {
        let displaced = match self.owner(lease.address) {
            Some(other) if other != lease.mac => self.forget(other),
            Some(_) | None => None,
        };
        let old = self.unlink(lease.mac);
        let file = old
            .as_ref()
            .filter(|old| old.lease.address == lease.address)
            .map_or(InFile::No, |old| old.file);
        let renamed = old.as_ref().is_none_or(|old| {
            old.lease.hostname != lease.hostname || old.lease.client_id != lease.client_id
        });
        let same = |old: &&Entry| !old.ended && old.lease.address == lease.address;
        // A renewal is none: whoever renews in the device's name shall not be able to decline in it, too.
        let given = match old.as_ref().filter(same) {
            Some(old) => old.given,
            None => Some(now),
        };
        let moved = old.as_ref().filter(same).is_none();
        self.link(Entry {
            lease,
            ended: false,
            released: None,
            given,
            file,
        });
        Granted {
            must_save: file == InFile::No,
            changed: renamed || moved,
            displaced,
        }
    }

    /// Adds what was read from the lease file. False if the device or the address is there already.
    pub(crate) fn restore(&mut self, lease: Lease, ended: bool) -> bool {
        let free =
            !self.by_mac.contains_key(&lease.mac) && !self.by_address.contains_key(&lease.address);
        if free {
            self.link(Entry {
                lease,
                ended,
                released: None,
                given: None,
                file: InFile::Yes,
            });
        }
        free
    }

    /// Ends the live lease of `mac` and remembers it.
    pub(crate) fn end(&mut self, mac: Mac, now: Instant) -> Option<Lease> {
        self.live(mac)?;
        let mut entry = self.unlink(mac)?;
        let lease = entry.lease.clone();
        entry.ended = true;
        entry.lease.expires = now;
        self.link(entry);
        Some(lease)
    }

    /// Notes that the live lease of `mac` was given back: it is the first to go when its place is needed.
    pub(crate) fn release(&mut self, mac: Mac, now: Instant) {
        if let Some(entry) = self.by_mac.get_mut(&mac).filter(|entry| !entry.ended) {
            entry.released.get_or_insert(now);
        }
    }

    /// Ends the live lease that was given back longest ago.
    pub(crate) fn end_released(&mut self, now: Instant) -> Option<Lease> {
        let live = self.by_mac.values().filter(|entry| !entry.ended);
        let released = live.filter_map(|entry| Some((entry.released?, entry.lease.mac)));
        let (_, mac) = released.min()?;
        self.end(mac, now)
    }

    /// Ends the next lease that expired by `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Lease> {
        let &(expires, mac) = self.live.first()?;
        if expires > now {
            return None;
        }
        self.end(mac, expires)
    }

    /// Removes the entry of `mac`; gives its lease if it was live.
    pub(crate) fn forget(&mut self, mac: Mac) -> Option<Lease> {
        self.unlink(mac)
            .filter(|entry| !entry.ended)
            .map(|entry| entry.lease)
    }

    /// The file is about to be written: every entry will be in it, those that ended, too.
    pub(crate) fn writing(&mut self) {
        self.replace(InFile::No, InFile::Writing);
    }

    /// It was written.
    pub(crate) fn written(&mut self) {
        self.replace(InFile::Writing, InFile::Yes);
    }

    /// It could not be written: what was in it before still is.
    pub(crate) fn not_written(&mut self) {
        self.replace(InFile::Writing, InFile::No);
    }

    fn replace(&mut self, old: InFile, new: InFile) {
        for entry in self.by_mac.values_mut() {
            if entry.file == old {
                entry.file = new;
            }
        }
    }

    fn link(&mut self, entry: Entry) {
        let Lease {
            mac,
            address,
            expires,
            ..
        } = entry.lease;
        let order = if entry.ended {
            &mut self.ended
        } else {
            &mut self.live
        };
        order.insert((expires, mac));
        self.by_address.insert(address, mac);
        self.by_mac.insert(mac, entry);
    }

    fn unlink(&mut self, mac: Mac) -> Option<Entry> {
        let entry = self.by_mac.remove(&mac)?;
        self.by_address.remove(&entry.lease.address);
        let order = if entry.ended {
            &mut self.ended
        } else {
            &mut self.live
        };
        order.remove(&(entry.lease.expires, mac));
        Some(entry)
    }
}
