//! Gateways of other domains, as far as tunnels of ours have them as an end; and what a peer may say of them.
//!
//! A guest is known by what its own coordinator says of it. It never has a session here, and what it is told goes
//! through that coordinator.

use crate::direction::{Reach, V4};
use ntm_proto::id::{Fqdn, Identity, NodeId};
use ntm_proto::key::PublicKey;
use ntm_proto::message::{Guest, Refusal};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Most gateways of one foreign domain that have tunnels of ours at a time.
const PER_DOMAIN: usize = 1024;
/// Most devices of one of them; the others' directions come again when they ask again.
const DEVICES: usize = 256;

/// What others have to know of an end of a tunnel, be it of ours or a guest.
#[derive(Clone, Copy)]
pub(crate) struct Party {
    pub(crate) key: PublicKey,
    pub(crate) epoch: u32,
    pub(crate) reach: Reach,
}

struct Entry {
    /// Whose guest it is.
    peer: NodeId,
    name: Fqdn,
    party: Party,
    devices: BTreeMap<NodeId, Identity>,
}

/// All guests, by their ids.
#[derive(Default)]
pub(crate) struct Guests {
    by_id: BTreeMap<NodeId, Entry>,
    /// The guest behind which a device is.
    devices: BTreeMap<NodeId, NodeId>,
}

impl Guests {
    pub(crate) fn party(&self, id: NodeId) -> Option<Party> {
        self.by_id.get(&id).map(|entry| entry.party)
    }

    pub(crate) fn name(&self, id: NodeId) -> Option<&Fqdn> {
        self.by_id.get(&id).map(|entry| &entry.name)
    }

    /// Whose guest it is.
    pub(crate) fn peer(&self, id: NodeId) -> Option<NodeId> {
        self.by_id.get(&id).map(|entry| entry.peer)
    }

    pub(crate) fn identity(&self, device: NodeId) -> Option<&Identity> {
        let guest = self.devices.get(&device)?;
        self.by_id.get(guest)?.devices.get(&device)
    }

    /// The guests of one peer.
    pub(crate) fn of(&self, peer: NodeId) -> Vec<NodeId> {
        let of = self.by_id.iter().filter(|(_, entry)| entry.peer == peer);
        of.map(|(id, _)| *id).collect()
    }

    /// Takes over what a peer says of its gateway. Whether its reach or epoch is another than was known; an error
    /// when it cannot be kept, or is somebody else's. `is_used`: whether a guest has a tunnel.
    pub(crate) fn admit(
        &mut self,
        peer: NodeId,
        guest: &Guest,
        is_used: impl Fn(NodeId) -> bool,
    ) -> Result<bool, Refusal> {
        let party = Party {
            key: guest.key,
            epoch: guest.epoch,
            reach: reach(guest),
        };
        // A gateway is a device, too, behind itself.
        let behind = self.devices.get(&guest.node);
        if behind.is_some_and(|at| *at != guest.node) {
            return Err(Refusal::Unknown);
        }
        if let Some(known) = self.by_id.get_mut(&guest.node) {
            if known.peer != peer || known.name != guest.name {
                return Err(Refusal::Unknown);
            }
            let old = std::mem::replace(&mut known.party, party);
            return Ok(old.epoch != party.epoch
                || old.reach != party.reach
                || old.key != party.key);
        }
        if self.of(peer).len() >= PER_DOMAIN {
            let idle = self.of(peer).into_iter().find(|id| !is_used(*id));
            self.remove(idle.ok_or(Refusal::Limit)?);
        }
        let entry = Entry {
            peer,
            name: guest.name.clone(),
            party,
            devices: BTreeMap::new(),
        };
        self.by_id.insert(guest.node, entry);
        Ok(false)
    }

    /// A device of a guest; its id must be nobody else's.
    pub(crate) fn admit_device(&mut self, guest: NodeId, device: Identity) -> Result<(), Refusal> {
        let elsewhere = self
            .devices
            .get(&device.node)
            .is_some_and(|at| *at != guest);
        let is_guest = device.node != guest && self.by_id.contains_key(&device.node);
        if elsewhere || is_guest {
            return Err(Refusal::Unknown);
        }
        let entry = self.by_id.get_mut(&guest).ok_or(Refusal::Unknown)?;
        if entry.devices.len() >= DEVICES
            && !entry.devices.contains_key(&device.node)
            && let Some((evicted, _)) = entry.devices.pop_first()
        {
            self.devices.remove(&evicted);
        }
        self.devices.insert(device.node, guest);
        entry.devices.insert(device.node, device);
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: NodeId) {
        if let Some(entry) = self.by_id.remove(&id) {
            for device in entry.devices.keys() {
                self.devices.remove(device);
            }
        }
    }

    /// Forgets those that are not used.
    pub(crate) fn sweep(&mut self, is_used: impl Fn(NodeId) -> bool) {
        let idle: Vec<NodeId> = self
            .by_id
            .keys()
            .copied()
            .filter(|id| !is_used(*id))
            .collect();
        idle.into_iter().for_each(|id| self.remove(id));
    }
}

/// Whether a peer may speak of `guest`: its name is one label in front of `domain`.
pub(crate) fn is_of(guest: &Guest, domain: &Fqdn) -> bool {
    guest.name.parent().as_ref() == Some(domain)
}

/// Whether a device may be behind a gateway: its name is the gateway's, or one label in front of it.
pub(crate) fn is_behind(device: &Fqdn, gateway: &Fqdn) -> bool {
    device == gateway || device.parent().as_ref() == Some(gateway)
}

/// What is said of a gateway of ours to another domain.
pub(crate) fn describe(node: NodeId, name: Fqdn, party: &Party) -> Guest {
    let (v4, inside, nat) = match party.reach.v4 {
        Some(V4::Global(address)) => (Some(address), None, None),
        Some(V4::Nat {
            outside,
            inside,
            mapping,
        }) => (Some(outside), inside, Some(mapping)),
        None => (None, None, None),
    };
    Guest {
        node,
        name,
        key: party.key,
        epoch: party.epoch,
        v4,
        inside,
        nat: nat.is_some(),
        mapping: nat.unwrap_or_default(),
        v6: party.reach.v6,
    }
}

fn reach(guest: &Guest) -> Reach {
    let v4 = guest.v4.filter(SocketAddr::is_ipv4).map(|outside| {
        if guest.nat {
            let inside = guest.inside.filter(SocketAddr::is_ipv4);
            V4::Nat {
                outside,
                inside,
                mapping: guest.mapping,
            }
        } else {
            V4::Global(outside)
        }
    });
    Reach {
        v4,
        v6: guest.v6.filter(SocketAddr::is_ipv6),
        // What another domain says of its gateway is one address of a family.
        others: [None, None],
    }
}
