//! One enrolled node: what is stored of it, and what is known of it while it is registered.

use crate::direction::Reach;
use crate::limits::QUARANTINE;
use crate::live::Live;
use crate::rate::Bucket;
use crate::record::{GatewayRecord, Record, RelayRecord};
use ntm_proto::id::{DeviceKey, Label, NodeId};
use ntm_proto::key::PublicKey;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

/// Most earlier instances remembered for telling a clone from a restart.
const MAX_RETIRED: usize = 8;

/// A gateway or relay.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) name: Label,
    pub(crate) key: PublicKey,
    pub(crate) epoch: u32,
    pub(crate) instance: Option<[u8; 8]>,
    pub(crate) last_address: Option<SocketAddr>,
    pub(crate) role: Role,
    /// While it is registered.
    pub(crate) live: Option<Live>,
    /// As last computed; stays when it goes offline.
    pub(crate) reach: Reach,
    /// Highest epoch ever offered to the store, kept or not: none is given twice.
    pub(crate) tried: u32,
    /// The ticket under which its next start is being saved.
    pub(crate) saving: Option<u64>,
    /// When its address was last given to the store.
    pub(crate) address_saved: Option<Instant>,
    /// When a clone was last told of.
    pub(crate) clone_told: Option<Instant>,
    /// Starts, each of which is a write to the disk.
    pub(crate) starts: Option<Bucket>,
    /// Changes of its reach, each of which is told to all it has a tunnel with.
    pub(crate) changes: Option<Bucket>,
    retired: VecDeque<Retired>,
    /// When two machines were last found to use its key at the same time.
    contested: Option<Instant>,
    /// Its messages per second; made at its first.
    pub(crate) messages: Option<Bucket>,
    /// Its Registrations and Keep Alives when those are used up: whatever its devices ask, it stays registered.
    pub(crate) reserve: Option<Bucket>,
}

pub(crate) enum Role {
    Gateway(GatewayRole),
    Relay(RelayRole),
}

pub(crate) struct GatewayRole {
    pub(crate) account: i64,
    pub(crate) vip4: Ipv4Addr,
    pub(crate) vip6: Ipv6Addr,
    pub(crate) devices: BTreeMap<DeviceKey, NodeId>,
    pub(crate) labels: BTreeMap<Label, NodeId>,
    /// Devices it may yet have forgotten today.
    pub(crate) forgotten: Option<Bucket>,
    /// Names it may yet give to devices.
    pub(crate) named: Option<Bucket>,
}

#[derive(Default)]
pub(crate) struct RelayRole {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) paths: u32,
    pub(crate) capacity: u32,
    /// Paths we gave it since it told us its load.
    pub(crate) assigned: u32,
}

/// An instance that another one replaced.
struct Retired {
    instance: [u8; 8],
    at: Instant,
    /// It may not come back before the quarantine is over.
    refused: bool,
}

impl Node {
    pub(crate) fn gateway(record: &GatewayRecord) -> Self {
        let role = GatewayRole {
            account: record.account,
            vip4: record.vip4,
            vip6: record.vip6,
            devices: BTreeMap::new(),
            labels: BTreeMap::new(),
            forgotten: None,
            named: None,
        };
        let r = record;
        Self::new(
            (r.node, r.name.clone(), r.key),
            (r.epoch, r.instance, r.last_address),
            Role::Gateway(role),
        )
    }

    pub(crate) fn relay(record: &RelayRecord) -> Self {
        let (role, r) = (Role::Relay(RelayRole::default()), record);
        Self::new(
            (r.node, r.name.clone(), r.key),
            (r.epoch, r.instance, r.last_address),
            role,
        )
    }

    fn new(
        (id, name, key): (NodeId, Label, PublicKey),
        (epoch, instance, last_address): (u32, Option<[u8; 8]>, Option<SocketAddr>),
        role: Role,
    ) -> Self {
        Self {
            id,
            name,
            key,
            epoch,
            instance,
            last_address,
            role,
            live: None,
            reach: Reach::default(),
            tried: epoch,
            saving: None,
            address_saved: None,
            clone_told: None,
            starts: None,
            changes: None,
            retired: VecDeque::new(),
            contested: None,
            messages: None,
            reserve: None,
        }
    }

    pub(crate) fn as_gateway(&self) -> Option<&GatewayRole> {
        match &self.role {
            Role::Gateway(role) => Some(role),
            Role::Relay(_) => None,
        }
    }

    pub(crate) fn as_gateway_mut(&mut self) -> Option<&mut GatewayRole> {
        match &mut self.role {
            Role::Gateway(role) => Some(role),
            Role::Relay(_) => None,
        }
    }

    pub(crate) fn as_relay(&self) -> Option<&RelayRole> {
        match &self.role {
            Role::Relay(role) => Some(role),
            Role::Gateway(_) => None,
        }
    }

    pub(crate) fn as_relay_mut(&mut self) -> Option<&mut RelayRole> {
        match &mut self.role {
            Role::Relay(role) => Some(role),
            Role::Gateway(_) => None,
        }
    }

    /// The row to store, with these in place of what it has.
    pub(crate) fn record(
        &self,
        epoch: u32,
        instance: Option<[u8; 8]>,
        last_address: Option<SocketAddr>,
    ) -> Record {
        let (node, name, key) = (self.id, self.name.clone(), self.key);
        match &self.role {
            Role::Gateway(role) => Record::Gateway(GatewayRecord {
                node,
                account: role.account,
                name,
                key,
                epoch,
                instance,
                vip4: role.vip4,
                vip6: role.vip6,
                last_address,
            }),
            Role::Relay(_) => Record::Relay(RelayRecord {
                node,
                name,
                key,
                epoch,
                instance,
                last_address,
            }),
        }
    }

    /// Whether `instance` is a copy that must wait: it had its place taken back, or it is new while another machine
    /// that had its own taken back lives.
    pub(crate) fn is_clone(&self, instance: [u8; 8], now: Instant) -> bool {
        match self.retired(instance, now) {
            Some(retired) => retired.refused,
            None => self.is_contested(now) && self.live.is_some(),
        }
    }

    /// Whether two machines used its key at the same time, not long ago.
    pub(crate) fn is_contested(&self, now: Instant) -> bool {
        self.contested.is_some_and(|at| is_recent(at, now))
    }

    /// Whether they ever did since our start.
    pub(crate) fn was_contested(&self) -> bool {
        self.contested.is_some()
    }

    /// A new start is in force. True when it is none, but the return of an instance that was replaced so short a time
    /// ago that both must be running: the one that replaced it is refused from now on.
    pub(crate) fn started(&mut self, epoch: u32, instance: [u8; 8], now: Instant) -> bool {
        let returns = self.retired(instance, now).is_some();
        if returns {
            self.contested = Some(now);
        }
        if let Some(old) = self.instance.replace(instance) {
            self.retired
                .retain(|other| other.instance != old && other.instance != instance);
            self.retired.push_back(Retired {
                instance: old,
                at: now,
                refused: false,
            });
            if self.retired.len() > MAX_RETIRED {
                self.retired.pop_front();
            }
            self.retired
                .iter_mut()
                .for_each(|other| other.refused |= returns);
        }
        self.epoch = epoch;
        returns
    }

    fn retired(&self, instance: [u8; 8], now: Instant) -> Option<&Retired> {
        let recent = |other: &&Retired| other.instance == instance && is_recent(other.at, now);
        self.retired.iter().find(recent)
    }
}

fn is_recent(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < QUARANTINE
}
