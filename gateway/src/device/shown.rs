//! The devices as a person sees them.

use super::{Device, Devices, Place};
use crate::status::{DeviceStatus, mac_text};
use ntm_proto::id::Identity;
use std::collections::BTreeSet;

impl Devices {
    pub(crate) fn status(&self) -> Vec<DeviceStatus> {
        let devices = self.table.iter().flatten().skip(1);
        let mut all: Vec<_> = devices.map(|device| self.status_of(device)).collect();
        all.sort_by(|one, other| one.mac.cmp(&other.mac));
        all
    }

    fn status_of(&self, device: &Device) -> DeviceStatus {
        let of_it = |(mac, place): &(&[u8; 6], &Place)| {
            self.primary_of(**mac) == device.primary && !place.address.is_unspecified()
        };
        let places: Vec<_> = self.places.iter().filter(of_it).collect();
        let last = places.iter().map(|(_, place)| place.address).next_back();
        let mut macs = vec![device.primary];
        let entries = self.entries.iter();
        macs.extend(
            entries
                .filter(|(_, (primary, _))| *primary == device.primary)
                .map(|(mac, _)| *mac),
        );
        macs.extend(places.iter().map(|(mac, _)| **mac));
        let mut seen = BTreeSet::new();
        macs.retain(|mac| seen.insert(*mac));
        let text =
            |get: fn(&Identity) -> String| device.identity.as_ref().map(get).unwrap_or_default();
        DeviceStatus {
            name: text(|identity| identity.name.to_string()),
            node_id: text(|identity| identity.node.to_string()),
            mac: mac_text(device.primary),
            macs: macs.into_iter().map(mac_text).collect(),
            hostname: device.hostname.as_ref().map(|name| name.to_string()),
            lan_address: device
                .address
                .or(last)
                .map(|it| it.to_string())
                .unwrap_or_default(),
            vip4: text(|identity| identity.vip4.to_string()),
            vip6: text(|identity| identity.vip6.to_string()),
            online: device.online,
            identity: device.wishes.identity,
            keep: device.wishes.keep,
            sent: device.sent.bytes,
            received: device.received.bytes,
            sent_packets: device.sent.packets,
            received_packets: device.received.packets,
        }
    }
}
