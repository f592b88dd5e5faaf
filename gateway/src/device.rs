//! Who is on the LAN: MAC address, LAN address, and the identity the DC gave.
//!
//! A device is known to the DC by a keyed hash of its MAC address, so it keeps its identity for as long as it keeps
//! the MAC, whatever address or name it has, and the DC never learns the MAC. The gateway itself is in the
//! table too, as the device whose LAN address is its own virtual address: the router's own packets need no translation.

use crate::Setup;
use crate::status::DeviceStatus;
use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use ntm_proto::id::{DeviceKey, Identity, Label, NodeId};
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How long after a new name of a device the DC is told of the next: each is a write to its disk.
const RENAMED: Duration = Duration::from_secs(10);

/// A device as DHCP or the neighbour table shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanDevice {
    /// Its MAC address.
    pub mac: [u8; 6],
    /// Its address on the LAN.
    pub address: Ipv4Addr,
    /// The name it gave itself, if that is one.
    pub hostname: Option<Label>,
}

/// A device and what the DC made of it.
pub(crate) struct Device {
    pub(crate) lan: LanDevice,
    pub(crate) key: DeviceKey,
    pub(crate) identity: Option<Identity>,
    pub(crate) online: bool,
    /// Whether the DC has to be told.
    pub(crate) stale: bool,
    /// Until when another name is not worth telling, and whether one waits for that.
    quiet: Option<Instant>,
    renamed: bool,
}

/// The LAN's devices.
pub(crate) struct Devices {
    by_mac: BTreeMap<[u8; 6], Device>,
    mac_by_address: HashMap<Ipv4Addr, [u8; 6]>,
    mac_by_vip: HashMap<Ipv4Addr, [u8; 6]>,
    own: Identity,
    secret: [u8; 32],
    limit: usize,
    /// When the next new name may be told.
    due: Option<Instant>,
}

impl Devices {
    pub(crate) fn new(setup: &Setup) -> Self {
        let own = Identity {
            node: setup.node,
            name: setup.name.clone(),
            vip4: setup.vip4,
            vip6: setup.vip6,
        };
        Self {
            by_mac: BTreeMap::new(),
            mac_by_address: HashMap::new(),
            mac_by_vip: HashMap::new(),
            own,
            secret: *setup.key.as_bytes(),
            limit: setup.limits.devices,
            due: None,
        }
    }

    /// Notes a device; whether anything changed.
    pub(crate) fn seen(&mut self, lan: LanDevice, now: Instant) -> bool {
        if let Some(device) = self.by_mac.get(&lan.mac)
            && device.lan == lan
            && device.online
            && self.mac_by_address.get(&lan.address) == Some(&lan.mac)
        {
            return false;
        }
        if !self.by_mac.contains_key(&lan.mac)
            && self.by_mac.len() >= self.limit
            && !self.forget_one_offline()
        {
            return false;
        }
        let key = self.key_of(lan.mac);
        let known = self.by_mac.remove(&lan.mac);
        if let Some(known) = &known
            && self.mac_by_address.get(&known.lan.address) == Some(&lan.mac)
        {
            self.mac_by_address.remove(&known.lan.address);
        }
        self.mac_by_address.insert(lan.address, lan.mac);
        let came = known.as_ref().is_none_or(|known| !known.online);
        let is_other = |known: &Device| known.renamed || known.lan.hostname != lan.hostname;
        let renamed = known.as_ref().is_some_and(is_other);
        let quiet = known.as_ref().and_then(|known| known.quiet);
        let waits = renamed && quiet.is_some_and(|until| until > now);
        let is_told = renamed && !waits;
        let stale = came || is_told || known.as_ref().is_some_and(|known| known.stale);
        let quiet = if is_told { Some(now + RENAMED) } else { quiet };
        if waits {
            self.due = self.due.into_iter().chain(quiet).min();
        }
        let identity = known.and_then(|known| known.identity);
        self.by_mac.insert(
            lan.mac,
            Device {
                lan,
                key,
                identity,
                online: true,
                stale,
                quiet,
                renamed: waits,
            },
        );
        true
    }

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
        for device in self.by_mac.values_mut().filter(|device| device.renamed) {
            let Some(until) = device.quiet.filter(|until| *until > now) else {
                (device.renamed, device.stale) = (false, true);
                device.quiet = Some(now + RENAMED);
                continue;
            };
            self.due = self.due.into_iter().chain([until]).min();
        }
    }

    /// Notes that a device left.
    pub(crate) fn gone(&mut self, mac: [u8; 6]) {
        if let Some(device) = self.by_mac.get_mut(&mac) {
            device.online = false;
            device.stale = true;
            if self.mac_by_address.get(&device.lan.address) == Some(&mac) {
                self.mac_by_address.remove(&device.lan.address);
            }
        }
    }

    /// Notes what the DC answered about a device.
    pub(crate) fn named(&mut self, key: DeviceKey, identity: Identity) -> bool {
        let Some((mac, device)) = self.by_mac.iter_mut().find(|(_, device)| device.key == key)
        else {
            return false;
        };
        let new = device.identity.as_ref() != Some(&identity);
        if let Some(old) = &device.identity {
            self.mac_by_vip.remove(&old.vip4);
        }
        self.mac_by_vip.insert(identity.vip4, *mac);
        device.identity = Some(identity);
        new
    }

    /// Makes the DC be told about all of them again, as after a restart of the DC.
    pub(crate) fn mark_all_stale(&mut self) {
        self.by_mac
            .values_mut()
            .for_each(|device| device.stale = true);
    }

    /// Makes the DC be told again about those it gave no identity.
    pub(crate) fn mark_unnamed_stale(&mut self) {
        let unnamed = |device: &&mut Device| device.online && device.identity.is_none();
        self.by_mac
            .values_mut()
            .filter(unnamed)
            .for_each(|device| device.stale = true);
    }

    /// The devices the DC has to be told about.
    pub(crate) fn stale(&mut self) -> impl Iterator<Item = &mut Device> {
        self.by_mac.values_mut().filter(|device| device.stale)
    }

    /// The identity behind a LAN address, or why there is none: `Some(None)` is a device without identity yet.
    pub(crate) fn by_address(&self, address: Ipv4Addr) -> Option<Option<&Identity>> {
        if address == self.own.vip4 {
            return Some(Some(&self.own));
        }
        let mac = self.mac_by_address.get(&address)?;
        self.by_mac.get(mac).map(|device| device.identity.as_ref())
    }

    /// The LAN address of the device with this virtual address.
    pub(crate) fn lan_address(&self, vip: Ipv4Addr) -> Option<Ipv4Addr> {
        if vip == self.own.vip4 {
            return Some(vip);
        }
        let mac = self.mac_by_vip.get(&vip)?;
        let lan = self.by_mac.get(mac)?.lan.address;
        // The address may be another device's by now.
        (self.mac_by_address.get(&lan) == Some(mac)).then_some(lan)
    }

    /// The identity with this node id.
    pub(crate) fn by_node(&self, node: NodeId) -> Option<&Identity> {
        self.identities().find(|identity| identity.node == node)
    }

    /// All identities here, the gateway's own first.
    pub(crate) fn identities(&self) -> impl Iterator<Item = &Identity> {
        std::iter::once(&self.own).chain(
            self.by_mac
                .values()
                .filter_map(|device| device.identity.as_ref()),
        )
    }

    pub(crate) fn status(&self) -> Vec<DeviceStatus> {
        self.by_mac.values().map(Device::status).collect()
    }

    fn forget_one_offline(&mut self) -> bool {
        let Some(mac) = self
            .by_mac
            .iter()
            .find(|(_, device)| !device.online)
            .map(|(mac, _)| *mac)
        else {
            return false;
        };
        if let Some(identity) = self.by_mac.remove(&mac).and_then(|device| device.identity) {
            self.mac_by_vip.remove(&identity.vip4);
        }
        true
    }

    fn key_of(&self, mac: [u8; 6]) -> DeviceKey {
        type Mac = blake2::Blake2sMac<U16>;
        let mut hash =
            <Mac as KeyInit>::new_from_slice(&self.secret).expect("32 bytes is a BLAKE2s key");
        hash.update(b"ntm device");
        hash.update(&mac);
        DeviceKey(hash.finalize_fixed().into())
    }
}

impl Device {
    fn status(&self) -> DeviceStatus {
        let [a, b, c, d, e, f] = self.lan.mac;
        let text =
            |get: fn(&Identity) -> String| self.identity.as_ref().map(get).unwrap_or_default();
        DeviceStatus {
            name: text(|identity| identity.name.to_string()),
            node_id: text(|identity| identity.node.to_string()),
            mac: format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"),
            lan_address: self.lan.address.to_string(),
            vip4: text(|identity| identity.vip4.to_string()),
            vip6: text(|identity| identity.vip6.to_string()),
            online: self.online,
        }
    }
}
