//! `[[lan.static]]`, and UCI's `config device`: what the owner says of devices.

use super::keys::{ADDRESS, DEVICE_KEYS, IDENTITY, KEEP, MAC, NAME};
use super::lan::is_host;
use super::reader::{ConfigError, Section, Value};
use ipnet::Ipv4Net;
use ntm_proto::id::Label;
use std::net::Ipv4Addr;

/// Most devices that something is said of.
const MAX_DEVICES: usize = 256;
/// Most hardware addresses of one.
pub(super) const MAX_MACS: usize = 16;

/// What the owner says of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Its hardware addresses, one at least. The first is the one that its identity belongs to, the last the one it uses now.
    pub macs: Vec<[u8; 6]>,
    /// The address that it always has on the LAN.
    pub address: Option<Ipv4Addr>,
    /// Its name, whatever it calls itself.
    pub name: Option<Label>,
    /// Whether it has a name and virtual addresses at all.
    pub identity: bool,
    /// Whether it is remembered while it is away.
    pub keep: bool,
}

/// What a device's block may have, in both forms of the file.
pub(super) const KEYS: [&str; 5] = names();

const fn names() -> [&'static str; 5] {
    let [mac, address, name, identity, keep] = DEVICE_KEYS;
    [mac.key, address.key, name.key, identity.key, keep.key]
}

pub(super) fn read(section: &Section<'_>, net: Ipv4Net) -> Result<Vec<DeviceEntry>, ConfigError> {
    let mut devices: Vec<DeviceEntry> = Vec::new();
    for block in section.sections("static", MAX_DEVICES)? {
        block.only(&KEYS)?;
        let macs = read_macs(&block, &devices)?;
        let address = block.get(ADDRESS);
        let address = address.map(|value| read_address(&value, net, &devices));
        let name = block.get(NAME).map(|value| read_name(&value, &devices));
        let switch = |key, usual| block.get(key).map_or(Ok(usual), |value| value.boolean());
        devices.push(DeviceEntry {
            macs,
            address: address.transpose()?,
            name: name.transpose()?,
            identity: switch(IDENTITY, true)?,
            keep: switch(KEEP, false)?,
        });
    }
    Ok(devices)
}

fn read_macs(block: &Section<'_>, others: &[DeviceEntry]) -> Result<Vec<[u8; 6]>, ConfigError> {
    let first = block.required(MAC, "\"02:00:5e:00:00:01\"")?;
    let mut macs = Vec::new();
    for value in block.one_or_more(MAC, MAX_MACS)? {
        let mac = read_mac(&value)?;
        if others.iter().any(|other| other.macs.contains(&mac)) {
            return Err(
                value.fault("this device is listed twice; remove one of the two blocks".into())
            );
        }
        if macs.contains(&mac) {
            return Err(value.fault("is listed twice; list each hardware address once".into()));
        }
        macs.push(mac);
    }
    if macs.is_empty() {
        return Err(first.fault("names none; write it like \"02:00:5e:00:00:01\"".into()));
    }
    Ok(macs)
}

fn read_address(
    value: &Value<'_>,
    net: Ipv4Net,
    others: &[DeviceEntry],
) -> Result<Ipv4Addr, ConfigError> {
    let address = read_static_address(value, net)?;
    if others.iter().any(|other| other.address == Some(address)) {
        return Err(value.fault(format!(
            "{address} belongs to another block; give each device its own"
        )));
    }
    Ok(address)
}

fn read_name(value: &Value<'_>, others: &[DeviceEntry]) -> Result<Label, ConfigError> {
    let text = value.text()?;
    let name =
        Label::parse(text).map_err(|error| value.fault(format!("{text:?} is no name: {error}")))?;
    if others
        .iter()
        .any(|other| other.name.as_ref() == Some(&name))
    {
        return Err(value.fault("another block has this name; give each device its own".into()));
    }
    Ok(name)
}

fn read_static_address(value: &Value<'_>, net: Ipv4Net) -> Result<Ipv4Addr, ConfigError> {
    let text = value.text()?;
    let address: Ipv4Addr = text.parse().map_err(|_| {
        value.fault(format!(
            "{text:?} is no IPv4 address; write it like \"192.168.1.20\""
        ))
    })?;
    if !is_host(net, address) {
        return Err(value.fault(format!(
            "{address} is no host address of the LAN {}",
            net.trunc()
        )));
    }
    if address == net.addr() {
        return Err(value.fault(format!(
            "{address} is the router's own address; choose another one"
        )));
    }
    Ok(address)
}

fn read_mac(value: &Value<'_>) -> Result<[u8; 6], ConfigError> {
    let text = value.text()?;
    let mac = parse_mac(text).ok_or_else(|| {
        value.fault(format!(
            "{text:?} is no hardware address; write it like \"02:00:5e:00:00:01\""
        ))
    })?;
    // The lowest bit of the first byte marks groups (IEEE 802): nobody has such an address.
    if mac == [0; 6] || mac[0] & 1 != 0 {
        return Err(value.fault(format!(
            "{text:?} is no device's own hardware address (zero or multicast)"
        )));
    }
    Ok(mac)
}

/// Six bytes in hexadecimal, with colons or hyphens between them.
pub fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut mac {
        let part = parts.next()?;
        if part.len() != 2 || !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}
