//! What an operator sees of a running coordinator: plain values, ready to be written as JSON.

use crate::direction::{Reach, V4};
use crate::node::Node;
use crate::tunnel::{Told, Tunnel};
use crate::{Coordinator, Reject};
use ntm_proto::id::NodeId;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// One gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// Its id.
    pub node: String,
    /// Its full name.
    pub name: String,
    /// Its owner's number.
    pub account: i64,
    /// Its key's text.
    pub key: String,
    /// Its own virtual addresses.
    pub vip4: Ipv4Addr,
    /// The same, IPv6.
    pub vip6: Ipv6Addr,
    /// Whether it is registered now.
    pub online: bool,
    /// Its starts.
    pub epoch: u32,
    /// Whether two machines used its key at the same time since we started.
    pub contested: bool,
    /// Where pushes go.
    pub address: Option<SocketAddr>,
    /// What can be said of its networks, such as `IPv4 behind NAT 203.0.113.9:4750`.
    pub reach: Vec<String>,
    /// What it runs, as it says while it is registered.
    pub release: Option<String>,
    /// Its devices.
    pub devices: Vec<DeviceStatus>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceStatus {
    /// Its id.
    pub node: String,
    /// Its full name.
    pub name: String,
    /// Its virtual addresses.
    pub vip4: Ipv4Addr,
    /// The same, IPv6.
    pub vip6: Ipv6Addr,
    /// Whether its gateway says it is on the LAN.
    pub online: bool,
}

/// What is known of a gateway, relay or device now, besides what the store has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// Whether it is registered; of a device: whether its gateway is, and says that the device is on the LAN.
    pub online: bool,
    /// Where its pushes go.
    pub address: Option<SocketAddr>,
    /// Seconds since something came from there, where the shell knows.
    pub last_seen_s: Option<u64>,
    /// Whether two machines used its key at the same time since we started.
    pub contested: bool,
    /// What can be said of its networks.
    pub reach: Vec<String>,
    /// What it runs, as it says; of a device: nothing.
    pub release: Option<String>,
}

/// How many there are, and how many of them are there now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// All.
    pub all: usize,
    /// Registered, or on their LANs.
    pub online: usize,
}

/// Counts of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Gateways.
    pub gateways: Count,
    /// Devices.
    pub devices: Count,
    /// Relays.
    pub relays: Count,
    /// The gateways of each account that has some, by its number.
    pub accounts: BTreeMap<i64, Count>,
}

/// One relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RelayStatus {
    /// Its id.
    pub node: String,
    /// Its full name.
    pub name: String,
    /// Its key's text.
    pub key: String,
    /// Whether it is registered now.
    pub online: bool,
    /// Its starts.
    pub epoch: u32,
    /// Its public addresses.
    pub addresses: Vec<SocketAddr>,
    /// Paths it carries, as it last said.
    pub paths: u32,
    /// Paths it is willing to carry.
    pub capacity: u32,
    /// What it runs, as it says while it is registered.
    pub release: Option<String>,
}

/// One tunnel between two gateways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TunnelStatus {
    /// Its id, in hexadecimal.
    pub tunnel: String,
    /// The two gateways' names.
    pub one: String,
    /// The other.
    pub other: String,
    /// Whether the route begins direct; the ends know whether another became direct since.
    pub direct: bool,
    /// Why.
    pub why: String,
    /// The relay's name, if it begins through one.
    pub relay: Option<String>,
    /// Whether all that concerns the route was acknowledged.
    pub settled: bool,
    /// Pairs of devices that may talk through it.
    pub pairs: usize,
}

fn release(node: &Node) -> Option<String> {
    let release = node.live.as_ref()?.release.known()?;
    Some(release.to_string())
}

impl Coordinator {
    /// The gateways, in the order of their ids.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.registry
            .nodes()
            .filter_map(|node| self.node_status(node))
            .collect()
    }

    /// The relays, in the order of their ids.
    pub fn relays(&self) -> Vec<RelayStatus> {
        self.registry
            .nodes()
            .filter_map(|node| self.relay_status(node))
            .collect()
    }

    /// The tunnels, in the order of their ids.
    pub fn tunnels(&self) -> Vec<TunnelStatus> {
        self.tunnels
            .iter()
            .map(|tunnel| self.tunnel_status(tunnel))
            .collect()
    }

    /// The tunnels of one gateway.
    pub fn tunnels_of(&self, gateway: NodeId) -> Vec<TunnelStatus> {
        let tunnels = self.tunnels.of(gateway).into_iter();
        tunnels
            .filter_map(|id| self.tunnels.get(id))
            .map(|tunnel| self.tunnel_status(tunnel))
            .collect()
    }

    /// How many tunnels there are.
    pub fn tunnel_count(&self) -> usize {
        self.tunnels.iter().count()
    }

    /// What is known of a node or device now; `None`: there is none of this id.
    pub fn presence(&self, id: NodeId) -> Option<Presence> {
        if let Some(device) = self.registry.device(id) {
            let live = self.registry.live(device.record.gateway);
            return Some(Presence {
                online: device.online && live.is_some(),
                address: live.map(|live| live.primary.remote),
                ..Presence::default()
            });
        }
        let node = self.registry.node(id)?;
        Some(Presence {
            online: node.live.is_some(),
            address: node.live.as_ref().map(|live| live.primary.remote),
            last_seen_s: None,
            contested: node.was_contested(),
            reach: node
                .live
                .as_ref()
                .map_or_else(Vec::new, |_| reach_texts(&node.reach)),
            release: release(node),
        })
    }

    /// Counts everything, by a walk through all of it.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for node in self.registry.nodes() {
            let online = usize::from(node.live.is_some());
            let add = |count: &mut Count| {
                count.all += 1;
                count.online += online;
            };
            match node.as_gateway() {
                None => add(&mut census.relays),
                Some(role) => {
                    add(&mut census.gateways);
                    add(census.accounts.entry(role.account).or_default());
                    census.devices.all += role.devices.len();
                    if online == 1 {
                        let devices = role.devices.values();
                        let here = devices.filter_map(|id| self.registry.device(*id));
                        census.devices.online += here.filter(|device| device.online).count();
                    }
                }
            }
        }
        census
    }

    /// How often each reason made a datagram have no effect, those that never did included.
    pub fn rejects(&self) -> impl Iterator<Item = (Reject, u64)> {
        self.rejects.iter()
    }

    fn node_status(&self, node: &Node) -> Option<NodeStatus> {
        let role = node.as_gateway()?;
        Some(NodeStatus {
            node: node.id.to_string(),
            name: self.name_text(node.id),
            account: role.account,
            key: node.key.to_string(),
            vip4: role.vip4,
            vip6: role.vip6,
            online: node.live.is_some(),
            epoch: node.epoch,
            contested: node.was_contested(),
            address: node.live.as_ref().map(|live| live.primary.remote),
            reach: node
                .live
                .as_ref()
                .map_or_else(Vec::new, |_| reach_texts(&node.reach)),
            release: release(node),
            devices: role
                .devices
                .values()
                .filter_map(|device| self.device_status(*device))
                .collect(),
        })
    }

    fn device_status(&self, id: NodeId) -> Option<DeviceStatus> {
        let identity = self.registry.identity(id)?;
        Some(DeviceStatus {
            node: id.to_string(),
            name: identity.name.to_string(),
            vip4: identity.vip4,
            vip6: identity.vip6,
            online: self.registry.device(id)?.online,
        })
    }

    fn relay_status(&self, node: &Node) -> Option<RelayStatus> {
        let role = node.as_relay()?;
        Some(RelayStatus {
            node: node.id.to_string(),
            name: self.name_text(node.id),
            key: node.key.to_string(),
            online: node.live.is_some(),
            epoch: node.epoch,
            addresses: role.addresses.clone(),
            paths: role.paths,
            capacity: role.capacity,
            release: release(node),
        })
    }

    fn tunnel_status(&self, tunnel: &Tunnel) -> TunnelStatus {
        let [one, other] = tunnel.ends.map(|end| self.name_text(end.gateway));
        let relay = tunnel.relaying.known().filter(|_| tunnel.needs_relay());
        let told = tunnel.pairs.iter().flat_map(|pair| pair.told);
        TunnelStatus {
            tunnel: tunnel
                .id
                .0
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            one,
            other,
            direct: !tunnel.needs_relay(),
            why: tunnel.decision.why.text().to_owned(),
            relay: relay.map(|used| self.name_text(used.relay)),
            settled: tunnel.is_ready() && told.into_iter().all(|told| told == Told::Acknowledged),
            pairs: tunnel.pairs.len(),
        }
    }

    fn name_text(&self, id: NodeId) -> String {
        self.registry
            .node_name(id)
            .map_or_else(|| id.to_string(), |name| name.to_string())
    }
}

fn reach_texts(reach: &Reach) -> Vec<String> {
    let v4 = reach.v4.map(|v4| match v4 {
        V4::Global(address) => format!("IPv4 global {address}"),
        V4::Nat { outside, .. } => format!("IPv4 behind NAT {outside}"),
    });
    let v6 = reach.v6.map(|address| format!("IPv6 {address}"));
    v4.into_iter().chain(v6).collect()
}
