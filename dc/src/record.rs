//! What the store keeps, as plain values: who has enrolled and who is called what.
//!
//! Everything else (who is online, sessions, tunnels) lives in memory alone and comes back by itself after a
//! restart. A record never changes its node id or its virtual addresses.

use ntm_proto::id::{DeviceKey, Fqdn, Label, NodeId};
use ntm_proto::key::PublicKey;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Who owns gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The store's number for it.
    pub id: i64,
    /// Its name.
    pub name: Label,
}

/// An enrolled gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRecord {
    /// Its id.
    pub node: NodeId,
    /// Its owner's [`Account::id`].
    pub account: i64,
    /// Its name's first label, such as `home`.
    pub name: Label,
    /// Its static key.
    pub key: PublicKey,
    /// How often it started; 0 before its first registration.
    pub epoch: u32,
    /// The random number of its latest start.
    pub instance: Option<[u8; 8]>,
    /// Its own virtual IPv4 address.
    pub vip4: Ipv4Addr,
    /// Its own virtual IPv6 address.
    pub vip6: Ipv6Addr,
    /// Where it was last seen: whom a restarted DC greets.
    pub last_address: Option<SocketAddr>,
}

/// An enrolled relay server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayRecord {
    /// Its id.
    pub node: NodeId,
    /// Its name's first label, such as `rs1`.
    pub name: Label,
    /// Its static key.
    pub key: PublicKey,
    /// How often it started.
    pub epoch: u32,
    /// The random number of its latest start.
    pub instance: Option<[u8; 8]>,
    /// Where it was last seen.
    pub last_address: Option<SocketAddr>,
}

/// A device that its gateway made known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Its id.
    pub node: NodeId,
    /// Its gateway.
    pub gateway: NodeId,
    /// How its gateway names it.
    pub key: DeviceKey,
    /// Its name's first label, such as `laptop`.
    pub label: Label,
    /// Its virtual IPv4 address.
    pub vip4: Ipv4Addr,
    /// Its virtual IPv6 address.
    pub vip6: Ipv6Addr,
}

/// Another domain that the operator trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainRecord {
    /// Its name.
    pub domain: Fqdn,
    /// Its coordinator's static key: pinned, whatever DNS says.
    pub key: PublicKey,
    /// Where its coordinator is; `None`: ask DNS.
    pub address: Option<SocketAddr>,
}

/// One row to write: insert it, or replace what has the same `node`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A gateway.
    Gateway(GatewayRecord),
    /// A relay.
    Relay(RelayRecord),
    /// A device.
    Device(DeviceRecord),
    /// A device that is no more: its row goes, its addresses are kept as retired.
    Forgotten(DeviceRecord),
}

/// All that the store holds, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The gateways.
    pub gateways: Vec<GatewayRecord>,
    /// The relays.
    pub relays: Vec<RelayRecord>,
    /// The devices.
    pub devices: Vec<DeviceRecord>,
    /// Who is in which group: group, [`Account::id`].
    pub groups: Vec<(String, i64)>,
    /// Who of other domains is in which group: group, name of a gateway or of a whole domain.
    pub foreign: Vec<(String, Fqdn)>,
    /// The domains that are trusted.
    pub domains: Vec<DomainRecord>,
    /// Virtual addresses of nodes that were removed: never given again.
    pub retired: Vec<(Ipv4Addr, Ipv6Addr)>,
}
