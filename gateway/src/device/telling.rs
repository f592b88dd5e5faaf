//! What the DC is told of devices: that they are there, what they are called, and what their owner wants.

use super::{Device, Devices};
use crate::config::DeviceEntry;
use ntm_proto::id::{DeviceKey, Identity, Label};
use std::time::{Duration, Instant};

/// How long after a new name of a device the DC is told of the next: each is a write to its disk.
const RENAMED: Duration = Duration::from_secs(10);

/// How far the DC has been told of a device.
#[derive(Debug, Default)]
pub(super) struct Telling {
    /// Whether it has to be told.
    pub(super) stale: bool,
    /// Until when another name is not worth telling, and whether one waits for that.
    quiet: Option<Instant>,
    renamed: bool,
    /// The owner's name for it that the DC was last ordered to use.
    ordered: Option<Label>,
}

/// What the owner says of a device. Without a name: forget it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) key: DeviceKey,
    pub(crate) name: Option<Label>,
}

impl Telling {
    /// The device was seen: it `came` to the LAN, or calls itself something else. When the DC may be told of that, if not now.
    pub(super) fn heard(&mut self, came: bool, renamed: bool, now: Instant) -> Option<Instant> {
        let is_other = self.renamed || renamed;
        self.renamed = is_other && self.quiet.is_some_and(|until| until > now);
        let is_told = is_other && !self.renamed;
        self.stale |= came || is_told;
        if is_told {
            self.quiet = Some(now + RENAMED);
        }
        self.quiet.filter(|_| self.renamed)
    }
}

impl Devices {
    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Makes the DC be told of names that had to wait.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = None;
        let devices = self.table.iter_mut().flatten();
        for telling in devices
            .map(|device| &mut device.telling)
            .filter(|it| it.renamed)
        {
            let Some(until) = telling.quiet.filter(|until| *until > now) else {
                (telling.renamed, telling.stale) = (false, true);
                telling.quiet = Some(now + RENAMED);
                continue;
            };
            self.due = self.due.into_iter().chain([until]).min();
        }
    }

    /// Notes what the DC answered about a device.
    pub(crate) fn named(&mut self, key: DeviceKey, identity: Identity) -> bool {
        let devices = self.table.iter_mut().enumerate().skip(1);
        let mut devices = devices.filter_map(|(number, it)| Some((number, it.as_mut()?)));
        let found = devices.find(|(_, device)| device.key == key);
        // Switched off since it was asked for.
        let Some((number, device)) = found.filter(|(_, device)| device.wishes.identity) else {
            return false;
        };
        let new = device.identity.as_ref() != Some(&identity);
        if let Some(old) = &device.identity {
            self.by_vip.remove(&old.vip4);
        }
        self.by_vip.insert(identity.vip4, number);
        // The DC keeps the first name it was told, but for its owner's word.
        let wanted = device.wishes.name.as_ref();
        let wanted = wanted.filter(|wanted| wanted.as_str() != identity.name.first_label());
        if let Some(name) = wanted.filter(|wanted| device.telling.ordered.as_ref() != Some(*wanted))
        {
            device.telling.ordered = Some(name.clone());
            let name = Some(name.clone());
            self.orders.push(Order { key, name });
        }
        device.identity = Some(identity);
        new
    }

    /// The DC knows no device of this key: as it shall, or it was told so in vain. Whether it was to be forgotten.
    pub(crate) fn unknown(&mut self, key: DeviceKey) -> bool {
        let told = self.told_devices().find(|device| device.key == key);
        if let Some(device) = told {
            device.telling.stale = true;
        }
        self.forgetting.remove(&key)
    }

    /// Makes the DC be told about all of them again, as after a restart of the DC.
    pub(crate) fn mark_all_stale(&mut self) {
        self.told_devices()
            .for_each(|device| device.telling.stale = true);
        self.order_forgetting();
    }

    /// Makes the DC be told again about those it gave no identity.
    pub(crate) fn mark_unnamed_stale(&mut self) {
        let unnamed = |device: &&mut Device| device.online && device.identity.is_none();
        self.told_devices()
            .filter(unnamed)
            .for_each(|device| device.telling.stale = true);
    }

    /// The devices the DC has to be told about.
    pub(crate) fn stale(&mut self) -> impl Iterator<Item = &mut Device> {
        self.told_devices().filter(|device| device.telling.stale)
    }

    /// What the owner wants the DC to do, once each: the first `most` of it.
    pub(crate) fn take_orders(&mut self, most: usize) -> Vec<Order> {
        self.orders.drain(..most.min(self.orders.len())).collect()
    }

    /// Says it again of all whom the DC has yet to forget.
    fn order_forgetting(&mut self) {
        for key in self.forgetting.clone() {
            self.order_to_forget(key);
        }
    }

    pub(super) fn order_to_forget(&mut self, key: DeviceKey) {
        self.orders.retain(|order| order.key != key);
        self.orders.push(Order { key, name: None });
    }

    /// Those that have no identity of their own are no business of the DC's. It may have met them before the owner said so,
    /// in an earlier run, too.
    pub(super) fn order_forgotten(&mut self, entries: &[DeviceEntry]) {
        let mut without = Vec::new();
        for entry in entries {
            let others = if entry.identity { 1 } else { 0 };
            without.extend(entry.macs.iter().skip(others).map(|mac| self.key_of(*mac)));
        }
        for key in &without {
            if !self.ordered.contains(key) {
                self.order_to_forget(*key);
            }
        }
        self.ordered = without.into_iter().collect();
    }

    fn told_devices(&mut self) -> impl Iterator<Item = &mut Device> {
        let devices = self.table.iter_mut().skip(1).flatten();
        devices.filter(|device| device.wishes.identity)
    }
}

impl Device {
    /// The DC is told of it now.
    pub(crate) fn told(&mut self) {
        self.telling.stale = false;
        // Its answer shows whether the name is the owner's.
        self.telling.ordered = None;
    }
}
