//! The `[wan]` section: the ways out, their order, and what they cost.

use super::lan::Lan;
use super::reader::{ConfigError, Section, Value};
use super::{MAX_LIST, Tunnel, interface_name};
use ntm_proto::UDP_PORT;
use std::collections::BTreeMap;

/// The highest limit, in megabytes a month.
const MOST_MB: u32 = 100_000_000;

/// The ways out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wans {
    /// In order of preference.
    pub interfaces: Vec<String>,
    /// No other one is a WAN; else every interface with a default route is. There may be a choice that names none: of
    /// OpenWrt's networks some have no interface yet.
    pub only_listed: bool,
    /// Those whose traffic costs money; without an order in `interfaces` they come after the others.
    pub metered: Vec<String>,
    /// How much some of them may carry in a month, both ways together, in megabytes (1,000,000 bytes). Who has carried it
    /// comes after the others.
    pub limit_mb: BTreeMap<String, u32>,
    /// Whether LAN devices reach the Internet by NAT through us.
    pub masquerade: bool,
    /// The UDP port of our sockets.
    pub port: u16,
}

impl Wans {
    pub(super) fn read(
        section: &Section<'_>,
        lan: &Lan,
        tunnel: &Tunnel,
    ) -> Result<Self, ConfigError> {
        section.only(&["interfaces", "metered", "limit_mb", "masquerade", "port"])?;
        let interfaces = read_names(section, "interfaces", lan, tunnel, &[])?;
        let metered = read_names(section, "metered", lan, tunnel, &interfaces)?;
        let limit_mb = read_limits(section, lan, tunnel, &interfaces)?;
        let masquerade = section
            .get("masquerade")
            .map_or(Ok(false), |value| value.boolean())?;
        let port = match section.get("port") {
            Some(value) => value.number(1, 65_535)?,
            None => UDP_PORT,
        };
        Ok(Self {
            only_listed: !interfaces.is_empty(),
            interfaces,
            metered,
            limit_mb,
            masquerade,
            port,
        })
    }
}

/// A month's limit of one WAN.
pub(super) fn read_limit(value: &Value<'_>) -> Result<u32, ConfigError> {
    value.number(1, MOST_MB)
}

/// `limit_mb = { wwan0 = 10000 }`.
fn read_limits(
    section: &Section<'_>,
    lan: &Lan,
    tunnel: &Tunnel,
    among: &[String],
) -> Result<BTreeMap<String, u32>, ConfigError> {
    if let Some(value) = section.get("limit_mb").filter(|it| !it.is_table()) {
        return Err(value.fault(
            "is a number for each interface, in megabytes a month; write it like { wwan0 = 10000 }"
                .into(),
        ));
    }
    let mut limits = BTreeMap::new();
    for (name, value) in section.section("limit_mb")?.entries(MAX_LIST)? {
        let name = wan_name(name, &value, lan, tunnel, among)?;
        limits.insert(name, read_limit(&value)?);
    }
    Ok(limits)
}

/// A list of WANs; each is one of `among` unless that is empty.
fn read_names(
    section: &Section<'_>,
    key: &str,
    lan: &Lan,
    tunnel: &Tunnel,
    among: &[String],
) -> Result<Vec<String>, ConfigError> {
    let mut names: Vec<String> = Vec::new();
    for value in section.list(key, MAX_LIST)? {
        let name = wan_name(value.text()?, &value, lan, tunnel, among)?;
        if names.contains(&name) {
            return Err(value.fault(format!(
                "{name:?} is listed twice; list each interface once"
            )));
        }
        names.push(name);
    }
    Ok(names)
}

/// A WAN that is named at `value`.
fn wan_name(
    name: &str,
    value: &Value<'_>,
    lan: &Lan,
    tunnel: &Tunnel,
    among: &[String],
) -> Result<String, ConfigError> {
    let name = interface_name(name, value)?;
    for (other, whose) in [(&lan.interface, "LAN"), (&tunnel.interface, "tunnel")] {
        if name == *other {
            return Err(value.fault(format!(
                "{name:?} is the {whose}'s interface; a WAN is another one"
            )));
        }
    }
    // A typing error would make traffic that costs money look free.
    if !among.is_empty() && !among.contains(&name) {
        return Err(value.fault(format!(
            "{name:?} is not one of wan.interfaces; there are {}",
            among.join(", ")
        )));
    }
    Ok(name)
}
