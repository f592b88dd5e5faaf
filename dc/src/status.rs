//! What an operator sees of a running coordinator: plain values, ready to be written as JSON.

use serde::Serialize;
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
    /// Where pushes go.
    pub address: Option<SocketAddr>,
    /// What can be said of its networks, such as `IPv4 behind NAT 203.0.113.9:4750`.
    pub reach: Vec<String>,
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
    /// Whether the route is direct.
    pub direct: bool,
    /// Why.
    pub why: String,
    /// The relay's name, if it goes through one.
    pub relay: Option<String>,
    /// Whether all that concerns the route was acknowledged.
    pub settled: bool,
    /// Pairs of devices that may talk through it.
    pub pairs: usize,
}
