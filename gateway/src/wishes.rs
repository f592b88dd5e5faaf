//! The owner's wishes about devices, put to the machine.

use crate::config::DeviceEntry;
use crate::{Gateway, Unforgettable};
use ntm_proto::id::DeviceKey;
use std::collections::BTreeSet;
use std::time::Instant;

impl Gateway {
    /// What the owner wants of devices is this now, the first of each device's hardware addresses being its identity's.
    pub fn entries_changed(&mut self, entries: &[DeviceEntry], now: Instant) {
        self.devices.entries_changed(entries);
        self.judge_pairs();
        self.settle(now);
    }

    /// Whether [`Self::forget_device`] would forget it.
    pub fn may_forget(&self, mac: [u8; 6]) -> Result<(), Unforgettable> {
        self.devices.forgettable(mac).map(drop)
    }

    /// Whom the DC has yet to be told to forget. Who remembers that over a restart tells [`Self::forget_again`].
    pub fn forgetting(&self) -> &BTreeSet<DeviceKey> {
        self.devices.forgetting()
    }

    /// These are to be forgotten since an earlier run.
    pub fn forget_again(&mut self, devices: impl IntoIterator<Item = DeviceKey>) {
        self.devices.forget_again(devices);
    }

    /// Forgets a device that is not on the LAN, and has the DC forget it.
    pub fn forget_device(&mut self, mac: [u8; 6], now: Instant) -> Result<(), Unforgettable> {
        self.devices.forget(mac)?;
        self.judge_pairs();
        self.settle(now);
        Ok(())
    }
}
