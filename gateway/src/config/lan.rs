//! The `[lan]` section: the devices' network, who gets which address.

use super::device::{self, DeviceEntry};
use super::interface;
use super::reader::{ConfigError, Section, Value};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::time::Duration;

const DEFAULT_LEASE: Duration = Duration::from_secs(12 * 3600);
/// Where OpenWrt's dnsmasq and odhcpd keep their leases.
const LEASE_FILES: [&str; 2] = ["/tmp/dhcp.leases", "/tmp/hosts/odhcpd"];

/// The network of the devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lan {
    /// Its interface.
    pub interface: String,
    /// The router's address there, with the network's prefix length.
    pub net: Ipv4Net,
    /// Who gives the addresses.
    pub dhcp: Leases,
    /// Files with the leases of the server that is followed.
    pub lease_files: Vec<String>,
    /// Whether a device's address is good from its own hardware address alone. Off where a repeater speaks for others.
    pub bind_addresses: bool,
    /// What the owner says of devices. Without DHCP those with an address are the devices we know.
    pub devices: Vec<DeviceEntry>,
}

/// Who gives the devices their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leases {
    /// We do.
    Server(Dhcp),
    /// dnsmasq or odhcpd, as on OpenWrt; their leases tell who is there.
    Follow,
    /// Something else; the devices are those with a fixed address.
    Off,
}

/// How addresses are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dhcp {
    /// First address given.
    pub first: Ipv4Addr,
    /// Last address given, inclusive.
    pub last: Ipv4Addr,
    /// How long each is good.
    pub lease_time: Duration,
}

impl Lan {
    /// The router's own address on the LAN.
    pub fn address(&self) -> Ipv4Addr {
        self.net.addr()
    }

    pub(super) fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        section.only(&[
            "interface",
            "address",
            "dhcp",
            "range",
            "lease_time",
            "leases",
            "static",
            "bind_addresses",
        ])?;
        let interface = interface(&section.required("interface", "\"br-lan\"")?)?;
        let net = read_net(&section.required("address", "\"192.168.1.1/24\"")?)?;
        let (first, last) = match section.get("range") {
            Some(value) => read_range(&value, net)?,
            None => default_range(net),
        };
        let lease_time = section
            .get("lease_time")
            .map_or(Ok(DEFAULT_LEASE), |value| {
                let lease = lan_dhcp::MIN_LEASE_TIME..=lan_dhcp::MAX_LEASE_TIME;
                value.duration(lease, "a lease lasts", "12h")
            })?;
        let devices = device::read(section, net)?;
        let bind_addresses = section
            .get("bind_addresses")
            .map_or(Ok(true), |value| value.boolean())?;
        let served = Leases::Server(Dhcp {
            first,
            last,
            lease_time,
        });
        let dhcp = match section.get("dhcp") {
            None => served,
            Some(value) => match value.text()? {
                "server" => served,
                "follow" => Leases::Follow,
                "off" => Leases::Off,
                other => {
                    return Err(value.fault(format!(
                        "{other:?} is unknown; write \"server\", \"follow\" or \"off\""
                    )));
                }
            },
        };
        Ok(Self {
            interface,
            net,
            dhcp,
            lease_files: read_lease_files(section)?,
            bind_addresses,
            devices,
        })
    }
}

/// Absolute paths.
fn read_lease_files(section: &Section<'_>) -> Result<Vec<String>, ConfigError> {
    let mut files = Vec::new();
    for value in section.list("leases", 4)? {
        let text = value.text()?;
        if !text.starts_with('/') || text.len() > 200 || text.contains('\0') {
            return Err(value.fault(format!(
                "{text:?} is no file; write its whole path, like {:?}",
                LEASE_FILES[0]
            )));
        }
        files.push(text.to_owned());
    }
    if files.is_empty() {
        files = LEASE_FILES.map(str::to_owned).into();
    }
    Ok(files)
}

fn read_net(value: &Value<'_>) -> Result<Ipv4Net, ConfigError> {
    let text = value.text()?;
    if text.parse::<Ipv4Addr>().is_ok() {
        return Err(value.fault(format!(
            "{text:?} has no prefix length; write it like \"{text}/24\""
        )));
    }
    let net: Ipv4Net = text.parse().map_err(|_| {
        value.fault(format!(
            "{text:?} is no IPv4 address with a prefix length; write it like \"192.168.1.1/24\""
        ))
    })?;
    if !(8..=30).contains(&net.prefix_len()) {
        return Err(value.fault(format!(
            "a LAN has a prefix length from 8 to 30; write it like \"{}/24\"",
            net.addr()
        )));
    }
    if net.addr().is_loopback() || net.addr().is_multicast() || net.addr().is_unspecified() {
        return Err(value.fault(format!(
            "{} is no address of a LAN; write one like \"192.168.1.1/24\"",
            net.addr()
        )));
    }
    if !is_host(net, net.addr()) {
        let right = Ipv4Addr::from(u32::from(net.network()) + 1);
        return Err(value.fault(format!(
            "{} is the network's own or its broadcast address; write a host's, like \"{right}/{}\"",
            net.addr(),
            net.prefix_len()
        )));
    }
    Ok(net)
}

fn read_range(value: &Value<'_>, net: Ipv4Net) -> Result<(Ipv4Addr, Ipv4Addr), ConfigError> {
    let text = value.text()?;
    let (default_first, default_last) = default_range(net);
    let right = format!("write it like \"{default_first}-{default_last}\"");
    let parsed = text
        .split_once('-')
        .and_then(|(first, last)| Some((first.trim().parse().ok()?, last.trim().parse().ok()?)));
    let Some((first, last)): Option<(Ipv4Addr, Ipv4Addr)> = parsed else {
        return Err(value.fault(format!("{text:?} is no range of addresses; {right}")));
    };
    for address in [first, last] {
        if !is_host(net, address) {
            return Err(value.fault(format!(
                "{address} is no host address of {}; {right}",
                net.trunc()
            )));
        }
    }
    if first > last {
        return Err(value.fault(format!(
            "the range ends before it starts; write it like \"{last}-{first}\""
        )));
    }
    if (first..=last).contains(&net.addr()) {
        return Err(value.fault(format!(
            "the router's own address {} is inside the range; {right}",
            net.addr()
        )));
    }
    Ok((first, last))
}

/// .100 to .249 of the router's own 256 addresses, or all hosts of a smaller network; of that the larger part beside
/// the router's own address.
fn default_range(net: Ipv4Net) -> (Ipv4Addr, Ipv4Addr) {
    let own = u32::from(net.addr());
    let (first, last) = if net.prefix_len() <= 24 {
        ((own & !0xff) + 100, (own & !0xff) + 249)
    } else {
        (u32::from(net.network()) + 1, u32::from(net.broadcast()) - 1)
    };
    let (first, last) = match own {
        own if own < first || own > last => (first, last),
        own if own - first > last - own => (first, own - 1),
        own => (own + 1, last),
    };
    (first.into(), last.into())
}

pub(super) fn is_host(net: Ipv4Net, address: Ipv4Addr) -> bool {
    net.contains(&address) && address != net.network() && address != net.broadcast()
}
