//! Who is on the LAN: MAC address, LAN address, and the identity the DC gave.
//!
//! A device is known to the DC by a keyed hash of its MAC address, so it keeps its identity for as long as it keeps
//! the MAC, whatever address or name it has, and the DC never learns the MAC. One whose MAC changes, as phones do, keeps
//! its identity if the owner says so ([`crate::config::DeviceEntry`]): the first MAC of the entry is the identity's, all of them lead to
//! it, and its packets go to the one that was heard of last. The gateway itself is in the table too, as the device
//! whose LAN address is its own virtual address: the router's own packets need no translation.
//!
//! What a packet looks up is a number, by address; all else stands behind that number.

mod owner;
mod shown;
mod telling;
#[cfg(test)]
mod tests;

pub use owner::Unforgettable;
pub(crate) use telling::Order;

use crate::Setup;
use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use ntm_proto::id::{DeviceKey, Identity, Label, NodeId};
use owner::Wishes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::time::Instant;
use telling::Telling;

/// The gateway's own place in the table.
const OWN: usize = 0;

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

/// Packets and bytes, both since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    packets: u64,
    bytes: u64,
}

impl Count {
    pub(crate) fn add(&mut self, packets: usize, bytes: usize) {
        self.packets += packets as u64;
        self.bytes += bytes as u64;
    }
}

/// A device, what the DC made of it, and what its owner wants.
pub(crate) struct Device {
    /// The MAC address that its identity belongs to.
    primary: [u8; 6],
    pub(crate) key: DeviceKey,
    pub(crate) identity: Option<Identity>,
    /// Where its packets go, while it is on the LAN.
    address: Option<Ipv4Addr>,
    /// What it called itself last.
    hostname: Option<Label>,
    pub(crate) online: bool,
    wishes: Wishes,
    telling: Telling,
    /// To virtual addresses, and from there.
    pub(crate) sent: Count,
    pub(crate) received: Count,
}

/// A MAC address and where it is.
struct Place {
    device: usize,
    address: Ipv4Addr,
    online: bool,
}

/// The LAN's devices.
pub(crate) struct Devices {
    /// By number; the gateway itself is the first.
    table: Vec<Option<Device>>,
    places: BTreeMap<[u8; 6], Place>,
    by_address: HashMap<Ipv4Addr, usize>,
    by_vip: HashMap<Ipv4Addr, usize>,
    /// Whose identity a MAC address has, where the owner says so, and what else of that device.
    entries: BTreeMap<[u8; 6], ([u8; 6], Wishes)>,
    /// What the DC is to be told of devices beside their being there.
    orders: Vec<Order>,
    /// Whom the DC has been told to forget since they have no identity of their own.
    ordered: BTreeSet<DeviceKey>,
    /// Whom the DC has yet to be told to forget.
    forgetting: BTreeSet<DeviceKey>,
    secret: [u8; 32],
    limit: usize,
    /// When the next new name may be told.
    due: Option<Instant>,
}

impl Devices {
    pub(crate) fn new(setup: &Setup) -> Self {
        let identity = Identity {
            node: setup.node,
            name: setup.name.clone(),
            vip4: setup.vip4,
            vip6: setup.vip6,
        };
        let own = Device {
            address: Some(setup.vip4),
            identity: Some(identity),
            online: true,
            ..Device::new([0; 6], DeviceKey([0; 16]), Wishes::default())
        };
        Self {
            table: vec![Some(own)],
            places: BTreeMap::new(),
            by_address: HashMap::from([(setup.vip4, OWN)]),
            by_vip: HashMap::from([(setup.vip4, OWN)]),
            entries: BTreeMap::new(),
            orders: Vec::new(),
            ordered: BTreeSet::new(),
            forgetting: BTreeSet::new(),
            secret: *setup.key.as_bytes(),
            limit: setup.limits.devices,
            due: None,
        }
    }

    /// Notes a device; whether anything changed.
    pub(crate) fn seen(&mut self, lan: LanDevice, now: Instant) -> bool {
        let known = self.places.get(&lan.mac);
        if let Some(place) = known
            && place.online
            && place.address == lan.address
            && self.by_address.get(&lan.address) == Some(&place.device)
            && self
                .at(place.device)
                .is_some_and(|it| it.hostname == lan.hostname)
        {
            return false;
        }
        if known.is_none() && self.places.len() >= self.limit && !self.forget_one_offline() {
            return false;
        }
        self.leave(lan.mac);
        let number = self.number_of(lan.mac);
        let is_new = !self.places.values().any(|place| place.device == number);
        let place = Place {
            device: number,
            address: lan.address,
            online: true,
        };
        self.places.insert(lan.mac, place);
        let before = self.by_address.insert(lan.address, number);
        if let Some(other) = before.filter(|other| *other != number) {
            self.settle_address(other);
        }
        self.is_back(number);
        if let Some(device) = self.at_mut(number) {
            device.address = Some(lan.address);
            let came = !std::mem::replace(&mut device.online, true);
            let is_other = device.hostname != lan.hostname && device.wishes.name.is_none();
            device.hostname = lan.hostname;
            let waits = device.telling.heard(came, is_other && !is_new, now);
            self.due = self.due.into_iter().chain(waits).min();
        }
        true
    }

    /// Notes that a device left.
    pub(crate) fn gone(&mut self, mac: [u8; 6]) {
        let Some(number) = self.places.get(&mac).map(|place| place.device) else {
            return;
        };
        self.leave(mac);
        self.settle_address(number);
        let stays = self.is_on_lan(number);
        if let Some(device) = self.at_mut(number).filter(|_| !stays) {
            device.online = false;
            device.telling.stale = true;
        }
    }

    /// The device behind a LAN address: its number, and its identity if it has one yet.
    pub(crate) fn by_address(&self, address: Ipv4Addr) -> Option<(usize, Option<&Identity>)> {
        let number = *self.by_address.get(&address)?;
        Some((number, self.at(number)?.identity.as_ref()))
    }

    /// The LAN address of the device with this virtual address.
    pub(crate) fn lan_address(&self, vip: Ipv4Addr) -> Option<Ipv4Addr> {
        self.by_vip(vip).map(|(_, address)| address)
    }

    /// The device with this virtual address, if it is on the LAN: its number and its address there.
    pub(crate) fn by_vip(&self, vip: Ipv4Addr) -> Option<(usize, Ipv4Addr)> {
        let number = *self.by_vip.get(&vip)?;
        Some((number, self.at(number)?.address?))
    }

    /// The device of this number, for what it sends and receives.
    pub(crate) fn at_mut(&mut self, number: usize) -> Option<&mut Device> {
        self.table.get_mut(number)?.as_mut()
    }

    /// The identity with this node id.
    pub(crate) fn by_node(&self, node: NodeId) -> Option<&Identity> {
        self.identities().find(|identity| identity.node == node)
    }

    /// All identities here, the gateway's own first.
    pub(crate) fn identities(&self) -> impl Iterator<Item = &Identity> {
        let devices = self.table.iter().flatten();
        devices.filter_map(|device| device.identity.as_ref())
    }

    fn at(&self, number: usize) -> Option<&Device> {
        self.table.get(number)?.as_ref()
    }

    /// Whose identity this MAC address has.
    fn primary_of(&self, mac: [u8; 6]) -> [u8; 6] {
        self.entries.get(&mac).map_or(mac, |(primary, _)| *primary)
    }

    /// The number of the device with this MAC address: known, or made now.
    fn number_of(&mut self, mac: [u8; 6]) -> usize {
        let primary = self.primary_of(mac);
        let is_it = |it: &Option<Device>| it.as_ref().is_some_and(|it| it.primary == primary);
        let mut known = self.table.iter().skip(1);
        if let Some(at) = known.position(is_it) {
            return at + 1;
        }
        let wishes = self.entries.get(&primary).map(|(_, wishes)| wishes.clone());
        let device = Device::new(primary, self.key_of(primary), wishes.unwrap_or_default());
        match self.table.iter().position(Option::is_none) {
            Some(free) => {
                self.table[free] = Some(device);
                free
            }
            None => {
                self.table.push(Some(device));
                self.table.len() - 1
            }
        }
    }

    /// A MAC address is nowhere for now.
    fn leave(&mut self, mac: [u8; 6]) {
        let Some(place) = self.places.get_mut(&mac) else {
            return;
        };
        place.online = false;
        let (number, address) = (place.device, place.address);
        let stays = |it: &Place| it.online && it.device == number && it.address == address;
        if self.by_address.get(&address) == Some(&number) && !self.places.values().any(stays) {
            self.by_address.remove(&address);
        }
    }

    /// Its packets go where it still is, if anywhere: an address may be another device's by now.
    fn settle_address(&mut self, number: usize) {
        let by_address = &self.by_address;
        let is_its = |address: &Ipv4Addr| by_address.get(address) == Some(&number);
        let places = self.places.values();
        let here = places.filter(|place| place.online && place.device == number);
        let next = here.map(|place| place.address).find(is_its);
        let now = self.at(number).and_then(|device| device.address);
        let address = now.filter(is_its).or(next);
        if let Some(device) = self.at_mut(number) {
            device.address = address;
        }
    }

    fn is_on_lan(&self, number: usize) -> bool {
        let mut places = self.places.values();
        places.any(|place| place.online && place.device == number)
    }

    /// What leads to the devices, made anew.
    fn index(&mut self) {
        (self.by_address, self.by_vip) = (HashMap::new(), HashMap::new());
        for place in self.places.values().filter(|place| place.online) {
            self.by_address.insert(place.address, place.device);
        }
        for (number, device) in self.table.iter().enumerate() {
            let identity = device.as_ref().and_then(|device| device.identity.as_ref());
            if let Some(identity) = identity {
                self.by_vip.insert(identity.vip4, number);
            }
        }
        if let Some(Some(Device {
            address: Some(own), ..
        })) = self.table.first()
        {
            self.by_address.insert(*own, OWN);
        }
        for number in 1..self.table.len() {
            self.settle_address(number);
        }
    }

    fn forget_one_offline(&mut self) -> bool {
        let is_left = |it: &&Device| !it.online && !it.wishes.keep;
        let mut devices = self.table.iter().flatten().skip(1);
        let primary = devices.find(is_left).map(|device| device.primary);
        primary.map(|primary| self.remove(primary)).is_some()
    }

    fn remove(&mut self, primary: [u8; 6]) {
        let is_it = |it: &Option<Device>| it.as_ref().is_some_and(|it| it.primary == primary);
        let number = self.table.iter().skip(1).position(is_it).map(|at| at + 1);
        self.places.retain(|_, place| Some(place.device) != number);
        let device = number.and_then(|number| self.table[number].take());
        if let Some(identity) = device.and_then(|device| device.identity) {
            self.by_vip.remove(&identity.vip4);
        }
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
    fn new(primary: [u8; 6], key: DeviceKey, wishes: Wishes) -> Self {
        Self {
            primary,
            key,
            identity: None,
            address: None,
            hostname: None,
            online: false,
            wishes,
            telling: Telling::default(),
            sent: Count::default(),
            received: Count::default(),
        }
    }

    /// The name it is to have: its owner's word goes before its own.
    pub(crate) fn label(&self) -> Option<Label> {
        self.wishes.name.clone().or_else(|| self.hostname.clone())
    }
}
