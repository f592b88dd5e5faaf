//! The Direction Coordinator of one domain, as a machine.

pub mod event;
pub mod limits;
pub mod record;
pub mod reject;
pub mod status;

pub use event::Event;
pub use limits::Limits;
pub use record::{Account, DeviceRecord, GatewayRecord, Record, RelayRecord, Snapshot};
pub use reject::Reject;
pub use status::{DeviceStatus, NodeStatus, RelayStatus, TunnelStatus};

use ntm_proto::Path;
use ntm_proto::id::{Fqdn, Identity, Label, NodeId, VirtualPrefixes};
use ntm_proto::key::SecretKey;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

/// Who this coordinator is.
pub struct Setup {
    /// Its domain; at most 125 characters, so that every name below it fits.
    pub domain: Fqdn,
    /// Its static key.
    pub key: SecretKey,
    /// Where virtual addresses come from.
    pub prefixes: VirtualPrefixes,
    /// Bounds.
    pub limits: Limits,
}

/// What the shell has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this.
    Send {
        /// From where to where. An unspecified `local` is any socket of that family.
        path: Path,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// Write this record (insert, or replace the one with the same node id), durably, then call
    /// [`Coordinator::handle_saved`] with the ticket. In the order of tickets.
    Save {
        /// What the answer names.
        ticket: u64,
        /// What to write.
        record: Record,
    },
    /// For the log.
    Event(Event),
}

/// What a name of the zone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A device's or gateway's name.
    Identity(Identity),
    /// A name that exists without addresses of its own: the domain itself, or a relay.
    Exists,
    /// No such name in the domain, or not of the domain.
    Nothing,
}

/// The coordinator of one domain.
pub struct Coordinator {}

#[expect(unused_variables, reason = "the calls come first")]
impl Coordinator {
    /// A coordinator that knows what the store held.
    pub fn new(setup: Setup, snapshot: Snapshot, seed: [u8; 32], now: Instant) -> Self {
        todo!()
    }
    /// Takes a datagram.
    pub fn handle_datagram(
        &mut self,
        path: Path,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), Reject> {
        todo!()
    }
    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }
    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
    /// The next thing to do.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        todo!()
    }
    /// The store's answer to [`Output::Save`].
    pub fn handle_saved(&mut self, ticket: u64, saved: bool, now: Instant) {
        todo!()
    }
    /// The Account Server enrolled a gateway or relay and stored it.
    pub fn node_enrolled(&mut self, record: Record) {
        todo!()
    }
    /// Who is in which group from now on.
    pub fn groups_changed(&mut self, groups: Vec<(String, i64)>) {
        todo!()
    }
    /// An id and addresses for a gateway or relay about to enrol; given once. `None`: the range is used up.
    pub fn reserve_identity(&mut self) -> Option<(NodeId, Ipv4Addr, Ipv6Addr)> {
        todo!()
    }
    /// Whether no gateway or relay has this name.
    pub fn is_free(&self, name: &Label) -> bool {
        todo!()
    }
    /// Starts to tell all that were registered in an earlier life that their sessions are gone, a few at a time.
    pub fn greetings(&mut self, now: Instant) {
        todo!()
    }
    /// What the zone says about a name.
    pub fn lookup_name(&self, name: &Fqdn) -> Found {
        todo!()
    }
    /// The name of a virtual address.
    pub fn lookup_address(&self, address: IpAddr) -> Option<Fqdn> {
        todo!()
    }
    /// The NTM record's data: version 1, node id (16), gateway's node id (16), the DC's public key (32).
    pub fn ntm_record(&self, name: &Fqdn) -> Option<Vec<u8>> {
        todo!()
    }
    /// Grows with each change of the zone; starts at 0.
    pub fn zone_serial(&self) -> u32 {
        todo!()
    }
    /// The gateways, in the order of their ids.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        todo!()
    }
    /// The relays.
    pub fn relays(&self) -> Vec<RelayStatus> {
        todo!()
    }
    /// The tunnels.
    pub fn tunnels(&self) -> Vec<TunnelStatus> {
        todo!()
    }
    /// How often each reason made a datagram have no effect.
    pub fn rejects(&self) -> impl Iterator<Item = (Reject, u64)> {
        std::iter::empty()
    }
}
