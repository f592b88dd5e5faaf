//! What the owner wants of devices: entries that come and go while they are there, and those to be forgotten.

use super::Devices;
use crate::config::DeviceEntry;
use ntm_proto::id::{DeviceKey, Label};
use std::collections::BTreeSet;

/// Most devices that wait for the DC to hear that they are forgotten; it takes 32 in a day.
const MAX_FORGETTING: usize = 256;

/// Why a device is not forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unforgettable {
    /// There is none with this MAC.
    #[error("there is no such device")]
    Unknown,
    /// It would be back at once.
    #[error("it is on the LAN now; switch its identity off instead, or forget it when it has left")]
    Online,
    /// The DC has heard of none of the others yet.
    #[error("too many wait to be forgotten; try again when the coordinator answers")]
    TooMany,
}

/// What the owner wants of a device.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    pub(super) name: Option<Label>,
    pub(super) identity: bool,
    pub(super) keep: bool,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            name: None,
            identity: true,
            keep: false,
        }
    }
}

impl Devices {
    /// What the owner wants of devices is this now.
    pub(crate) fn entries_changed(&mut self, entries: &[DeviceEntry]) {
        self.entries.clear();
        for entry in entries {
            let Some(primary) = entry.macs.first() else {
                continue;
            };
            for mac in &entry.macs {
                let wishes = Wishes {
                    name: entry.name.clone(),
                    identity: entry.identity,
                    keep: entry.keep,
                };
                self.entries.insert(*mac, (*primary, wishes));
            }
        }
        let macs: Vec<[u8; 6]> = self.places.keys().copied().collect();
        for mac in macs {
            let number = self.number_of(mac);
            if let Some(place) = self.places.get_mut(&mac) {
                place.device = number;
            }
        }
        let kept = entries.iter().filter(|entry| entry.keep && entry.identity);
        for mac in kept.filter_map(|entry| entry.macs.first()) {
            let number = self.number_of(*mac);
            let unnamed = self.at_mut(number).filter(|it| it.identity.is_none());
            if let Some(device) = unnamed {
                device.telling.stale = true;
            }
        }
        self.wish();
        self.order_forgotten(entries);
        self.index();
    }

    /// Forgets one that is not there; the DC is told until it knows.
    pub(crate) fn forget(&mut self, mac: [u8; 6]) -> Result<(), Unforgettable> {
        let (primary, key) = self.forgettable(mac)?;
        self.forget_again([key]);
        self.remove(primary);
        Ok(())
    }

    /// The DC is told to forget these, until it knows; those for whom there is no room are left out.
    pub(crate) fn forget_again(&mut self, devices: impl IntoIterator<Item = DeviceKey>) {
        for key in devices {
            if self.forgetting.len() < MAX_FORGETTING || self.forgetting.contains(&key) {
                self.forgetting.insert(key);
                self.order_to_forget(key);
            }
        }
    }

    /// Whom the DC has yet to be told to forget.
    pub(crate) fn forgetting(&self) -> &BTreeSet<DeviceKey> {
        &self.forgetting
    }

    /// The device's own MAC and key, if it may be forgotten.
    pub(crate) fn forgettable(&self, mac: [u8; 6]) -> Result<([u8; 6], DeviceKey), Unforgettable> {
        let primary = self.primary_of(mac);
        let mut devices = self.table.iter().skip(1).flatten();
        match devices.find(|device| device.primary == primary) {
            Some(device) if device.online => Err(Unforgettable::Online),
            Some(_) if self.forgetting.len() >= MAX_FORGETTING => Err(Unforgettable::TooMany),
            Some(device) => Ok((primary, device.key)),
            None => Err(Unforgettable::Unknown),
        }
    }

    /// One that was to be forgotten, and comes before the DC has heard of that, is told of as it is; but for one that has no
    /// identity: of that the DC has to hear all the same.
    pub(super) fn is_back(&mut self, number: usize) {
        let device = self.at(number).filter(|device| device.wishes.identity);
        let Some(key) = device.map(|device| device.key) else {
            return;
        };
        if self.forgetting.remove(&key) {
            self.orders.retain(|order| order.key != key);
        }
    }

    /// Each device as its owner wants it; those of which nothing is left go.
    fn wish(&mut self) {
        for number in 1..self.table.len() {
            let on_lan = self.is_on_lan(number);
            let is_known = self.places.values().any(|place| place.device == number);
            let Some(device) = &mut self.table[number] else {
                continue;
            };
            let wishes = self.entries.get(&device.primary);
            let wishes = wishes.map(|(_, wishes)| wishes.clone()).unwrap_or_default();
            let stays = is_known || (wishes.keep && wishes.identity);
            if !stays {
                self.table[number] = None;
                continue;
            }
            let came = wishes.identity && !device.wishes.identity;
            let named = wishes.name.is_some() && wishes.name != device.wishes.name;
            device.telling.stale |= came || named || on_lan != device.online;
            device.online = on_lan;
            if !wishes.identity {
                device.identity = None;
            }
            device.wishes = wishes;
        }
    }
}
