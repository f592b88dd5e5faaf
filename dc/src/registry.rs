//! Who is enrolled, what everybody is called, and who is registered now.
//!
//! Gateways, relays and devices are found by id, key, name or virtual address. A device exists here from the
//! moment it is given to the store; until the store has it, it has no name in the zone and nobody can ask for it.

use crate::allot::Allotment;
use crate::guests::{Guests, Party};
use crate::limits::{LIFETIME, LONGEST_LIFETIME};
use crate::live::Live;
use crate::node::{GatewayRole, Node, RelayRole};
use crate::record::{DeviceRecord, Record, Snapshot};
use ntm_proto::id::{DeviceKey, Fqdn, Identity, Label, NodeId, VirtualPrefixes};
use ntm_proto::key::PublicKey;
use ntm_proto::message::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

pub(crate) struct Registry {
    pub(crate) domain: Fqdn,
    pub(crate) allotment: Allotment,
    nodes: BTreeMap<NodeId, Node>,
    devices: BTreeMap<NodeId, Device>,
    by_key: BTreeMap<PublicKey, NodeId>,
    by_name: BTreeMap<Label, NodeId>,
    by_address: BTreeMap<IpAddr, NodeId>,
    groups: BTreeMap<i64, BTreeSet<String>>,
    /// Who of other domains is in a group: gateways, and whole domains.
    foreign: BTreeMap<Fqdn, BTreeSet<String>>,
    pub(crate) guests: Guests,
    /// Who goes offline when.
    ends: BTreeSet<(Instant, NodeId)>,
    pub(crate) serial: u32,
}

/// A device and the state of its record.
pub(crate) struct Device {
    pub(crate) record: DeviceRecord,
    /// Whether the store has it.
    pub(crate) stored: bool,
    /// The better name it gets once the store has that.
    pub(crate) rename: Option<Label>,
    /// The ticket under which it is being saved.
    pub(crate) saving: Option<u64>,
    pub(crate) online: bool,
}

/// How long a node that speaks every `next` seconds may be silent: two of its messages may be lost.
pub(crate) fn lifetime(next: u16) -> Duration {
    let wanted = Duration::from_secs(2 * u64::from(next) + 30);
    wanted.clamp(LIFETIME, LONGEST_LIFETIME)
}

impl Registry {
    pub(crate) fn new(domain: Fqdn, prefixes: VirtualPrefixes, snapshot: Snapshot) -> Self {
        let mut registry = Self {
            domain,
            allotment: Allotment::new(prefixes),
            nodes: BTreeMap::new(),
            devices: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_name: BTreeMap::new(),
            by_address: BTreeMap::new(),
            groups: BTreeMap::new(),
            foreign: BTreeMap::new(),
            guests: Guests::default(),
            ends: BTreeSet::new(),
            serial: 0,
        };
        registry.set_groups(snapshot.groups, snapshot.foreign);
        for (vip4, vip6) in snapshot.retired {
            registry.allotment.mark(vip4, vip6);
        }
        let gateways = snapshot.gateways.into_iter().map(Record::Gateway);
        let relays = snapshot.relays.into_iter().map(Record::Relay);
        gateways
            .chain(relays)
            .for_each(|record| registry.enrol(record));
        for record in snapshot.devices {
            let node = record.node;
            if registry.add_device(record) {
                registry.device_stored(node);
            }
        }
        registry.serial = 0;
        registry
    }

    /// Adds a gateway or relay that the store has. One that is known already is left as it is.
    pub(crate) fn enrol(&mut self, record: Record) {
        let node = match &record {
            Record::Gateway(gateway) => Node::gateway(gateway),
            Record::Relay(relay) => Node::relay(relay),
            Record::Device(_) | Record::Forgotten(_) => return,
        };
        if self.nodes.contains_key(&node.id) {
            return;
        }
        self.by_key.insert(node.key, node.id);
        self.by_name.insert(node.name.clone(), node.id);
        if let Some(role) = node.as_gateway() {
            self.allotment.mark(role.vip4, role.vip6);
            self.by_address.insert(role.vip4.into(), node.id);
            self.by_address.insert(role.vip6.into(), node.id);
        }
        self.nodes.insert(node.id, node);
        self.serial = self.serial.wrapping_add(1);
    }

    /// Forgets a node and its devices. Their addresses stay used.
    pub(crate) fn remove(&mut self, id: NodeId) {
        let Some(node) = self.nodes.remove(&id) else {
            return;
        };
        self.by_key.remove(&node.key);
        self.by_name.remove(&node.name);
        if let Some(live) = &node.live {
            self.ends.remove(&(live.until, id));
        }
        if let Some(role) = node.as_gateway() {
            self.free(role.vip4.into(), id);
            self.free(role.vip6.into(), id);
            for device in role.devices.values() {
                if let Some(Device { record, .. }) = self.devices.remove(device) {
                    self.free(record.vip4.into(), record.node);
                    self.free(record.vip6.into(), record.node);
                }
            }
        }
        self.serial = self.serial.wrapping_add(1);
    }

    /// An address leads to `owner` no more. It may have led to somebody else, or to nobody yet.
    fn free(&mut self, address: IpAddr, owner: NodeId) {
        if self.by_address.get(&address) == Some(&owner) {
            self.by_address.remove(&address);
        }
    }

    pub(crate) fn set_groups(&mut self, groups: Vec<(String, i64)>, foreign: Vec<(String, Fqdn)>) {
        self.groups.clear();
        self.foreign.clear();
        for (group, name) in foreign {
            self.foreign.entry(name).or_default().insert(group);
        }
        for (group, account) in groups {
            self.groups.entry(account).or_default().insert(group);
        }
    }

    pub(crate) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// What is to be known of an end of a tunnel, a guest included.
    pub(crate) fn party(&self, id: NodeId) -> Option<Party> {
        let own = self.nodes.get(&id).map(|node| Party {
            key: node.key,
            epoch: node.epoch,
            reach: node.reach,
        });
        own.or_else(|| self.guests.party(id))
    }

    /// Whether a node or device of ours has this id.
    pub(crate) fn is_own(&self, id: NodeId) -> bool {
        self.nodes.contains_key(&id) || self.devices.contains_key(&id)
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(&id)
    }

    pub(crate) fn gateway(&self, id: NodeId) -> Option<&GatewayRole> {
        self.nodes.get(&id)?.as_gateway()
    }

    pub(crate) fn relay(&self, id: NodeId) -> Option<&RelayRole> {
        self.nodes.get(&id)?.as_relay()
    }

    pub(crate) fn live(&self, id: NodeId) -> Option<&Live> {
        self.nodes.get(&id)?.live.as_ref()
    }

    /// All gateways and relays, in the order of their ids.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    pub(crate) fn owner_of(&self, key: &PublicKey) -> Option<NodeId> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn is_free(&self, name: &Label) -> bool {
        !self.by_name.contains_key(name)
    }

    pub(crate) fn gateway_mut(&mut self, id: NodeId) -> Option<&mut GatewayRole> {
        self.nodes.get_mut(&id)?.as_gateway_mut()
    }

    pub(crate) fn device(&self, id: NodeId) -> Option<&Device> {
        self.devices.get(&id)
    }

    pub(crate) fn device_mut(&mut self, id: NodeId) -> Option<&mut Device> {
        self.devices.get_mut(&id)
    }

    pub(crate) fn device_by_key(&self, gateway: NodeId, key: DeviceKey) -> Option<NodeId> {
        self.gateway(gateway)?.devices.get(&key).copied()
    }

    /// Devices of all gateways of this account.
    pub(crate) fn devices_of(&self, account: i64) -> usize {
        let roles = self.nodes.values().filter_map(Node::as_gateway);
        roles
            .filter(|role| role.account == account)
            .map(|role| role.devices.len())
            .sum()
    }

    /// Adds a device, not stored yet; `false` if its gateway is unknown. Its addresses count as used either way.
    pub(crate) fn add_device(&mut self, record: DeviceRecord) -> bool {
        self.allotment.mark(record.vip4, record.vip6);
        let gateway = self
            .nodes
            .get_mut(&record.gateway)
            .and_then(Node::as_gateway_mut);
        let Some(gateway) = gateway else { return false };
        gateway.devices.insert(record.key, record.node);
        gateway.labels.insert(record.label.clone(), record.node);
        let device = Device {
            record,
            stored: false,
            rename: None,
            saving: None,
            online: false,
        };
        self.devices.insert(device.record.node, device);
        true
    }

    /// Keeps `label` for a device behind its gateway, beside the one it has, and in place of another that was kept.
    pub(crate) fn keep_label(&mut self, device: NodeId, label: Label) {
        let Some(device) = self.devices.get_mut(&device) else {
            return;
        };
        let is_new = label != device.record.label;
        let old = device
            .rename
            .take()
            .filter(|old| *old != device.record.label);
        if let Some(role) = self
            .nodes
            .get_mut(&device.record.gateway)
            .and_then(Node::as_gateway_mut)
        {
            old.and_then(|old| role.labels.remove(&old));
            role.labels.insert(label.clone(), device.record.node);
        }
        device.rename = Some(label).filter(|_| is_new);
    }

    /// Forgets a device. Its addresses stay used.
    pub(crate) fn remove_device(&mut self, id: NodeId) {
        let Some(device) = self.devices.remove(&id) else {
            return;
        };
        if let Some(role) = self.gateway_mut(device.record.gateway) {
            role.devices.remove(&device.record.key);
            role.labels.retain(|_, owner| *owner != id);
        }
        self.by_address.remove(&device.record.vip4.into());
        self.by_address.remove(&device.record.vip6.into());
        self.serial = self.serial.wrapping_add(1);
    }

    /// The store has a device as it is, or as it shall be: now the zone has it, too.
    pub(crate) fn device_stored(&mut self, id: NodeId) {
        let Some(device) = self.devices.get_mut(&id) else {
            return;
        };
        device.stored = true;
        self.by_address.insert(device.record.vip4.into(), id);
        self.by_address.insert(device.record.vip6.into(), id);
        if let Some(label) = device.rename.take() {
            let old = std::mem::replace(&mut device.record.label, label);
            if let Some(role) = self
                .nodes
                .get_mut(&device.record.gateway)
                .and_then(Node::as_gateway_mut)
            {
                role.labels.remove(&old);
            }
        }
        self.serial = self.serial.wrapping_add(1);
    }

    /// The full name of a gateway or relay, or of a guest.
    pub(crate) fn node_name(&self, id: NodeId) -> Option<Fqdn> {
        match self.nodes.get(&id) {
            Some(node) => self.domain.child(&node.name).ok(),
            None => self.guests.name(id).cloned(),
        }
    }

    /// The gateway of a stored device, or of a gateway itself.
    pub(crate) fn gateway_of(&self, id: NodeId) -> Option<NodeId> {
        match self.devices.get(&id) {
            Some(device) => device.stored.then_some(device.record.gateway),
            None => self.gateway(id).map(|_| id),
        }
    }

    /// The identity of a stored device or of a gateway, or of a guest's device.
    pub(crate) fn identity(&self, id: NodeId) -> Option<Identity> {
        if let Some(identity) = self.guests.identity(id) {
            return Some(identity.clone());
        }
        if let Some(Device { record, .. }) = self.devices.get(&id).filter(|device| device.stored) {
            let name = self.node_name(record.gateway)?.child(&record.label).ok()?;
            return Some(Identity {
                node: id,
                name,
                vip4: record.vip4,
                vip6: record.vip6,
            });
        }
        let role = self.gateway(id)?;
        Some(Identity {
            node: id,
            name: self.node_name(id)?,
            vip4: role.vip4,
            vip6: role.vip6,
        })
    }

    /// The device or gateway meant.
    pub(crate) fn find(&self, target: &Target) -> Option<NodeId> {
        match target {
            Target::Name(name) => self.find_name(name),
            Target::V4(address) => self.by_address.get(&IpAddr::V4(*address)).copied(),
            Target::V6(address) => self.by_address.get(&IpAddr::V6(*address)).copied(),
        }
    }

    /// The device, gateway or relay of this name.
    pub(crate) fn find_name(&self, name: &Fqdn) -> Option<NodeId> {
        let head = name
            .as_str()
            .strip_suffix(self.domain.as_str())?
            .strip_suffix('.')?;
        let mut labels = head.rsplit('.').map(Label::parse);
        let node = self.by_name.get(&labels.next()?.ok()?).copied()?;
        let Some(label) = labels.next() else {
            return Some(node);
        };
        let device = *self.gateway(node)?.labels.get(&label.ok()?)?;
        // A label kept for a rename is no name yet.
        let named = self
            .devices
            .get(&device)
            .filter(|d| d.stored && d.record.label.as_str() == name.first_label());
        named.filter(|_| labels.next().is_none()).map(|_| device)
    }

    /// Whether a gateway of ours and one of another domain may talk: a group has its account, and the other's name or
    /// domain.
    pub(crate) fn may_talk_abroad(&self, gateway: NodeId, name: &Fqdn) -> bool {
        let account = self.gateway(gateway).map(|role| role.account);
        let Some(own) = account.and_then(|account| self.groups.get(&account)) else {
            return false;
        };
        let theirs = [Some(name.clone()), name.parent()];
        let mut theirs = theirs
            .iter()
            .flatten()
            .filter_map(|it| self.foreign.get(it));
        theirs.any(|theirs| !own.is_disjoint(theirs))
    }

    /// Whether devices of these gateways may talk: one account, or a group in common. One of them may be a guest.
    pub(crate) fn may_talk(&self, one: NodeId, other: NodeId) -> bool {
        if let Some(name) = self.guests.name(other) {
            return self.may_talk_abroad(one, name);
        }
        if let Some(name) = self.guests.name(one) {
            return self.may_talk_abroad(other, name);
        }
        let account = |id| self.gateway(id).map(|role| role.account);
        let (Some(one), Some(other)) = (account(one), account(other)) else {
            return false;
        };
        let groups = (self.groups.get(&one), self.groups.get(&other));
        one == other || matches!(groups, (Some(one), Some(other)) if !one.is_disjoint(other))
    }

    /// Puts a node online, or says that it is still there.
    pub(crate) fn set_live(&mut self, id: NodeId, live: Live) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let until = live.until;
        if let Some(old) = node.live.replace(live) {
            self.ends.remove(&(old.until, id));
        }
        self.ends.insert((until, id));
    }

    /// Takes what is known of a registered node, to put it back with [`Self::set_live`].
    pub(crate) fn take_live(&mut self, id: NodeId) -> Option<Live> {
        let live = self.nodes.get_mut(&id)?.live.take()?;
        self.ends.remove(&(live.until, id));
        Some(live)
    }

    /// A registered node said something, and will again within `next` seconds.
    pub(crate) fn heard(&mut self, id: NodeId, next: u16, now: Instant) {
        let Some(live) = self.nodes.get_mut(&id).and_then(|node| node.live.as_mut()) else {
            return;
        };
        self.ends.remove(&(live.until, id));
        live.until = live.until.max(now + lifetime(next));
        self.ends.insert((live.until, id));
    }

    /// The next node that is offline from now on.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<NodeId> {
        let &(until, id) = self.ends.first()?;
        if until > now {
            return None;
        }
        self.ends.pop_first();
        self.nodes.get_mut(&id)?.live = None;
        Some(id)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }
}
