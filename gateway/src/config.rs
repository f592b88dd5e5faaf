//! `ntm-gateway.toml`: text in, [`Config`] or one clear fault out. Every rule is checked here.
//!
//! A fault names the file, the line, the key, and what would be right. Unknown keys are faults: a typing error must
//! not silently mean "the default". What only the running system can tell (whether an interface exists, whether the
//! LAN overlaps the domain's virtual range) is checked at start.

mod change;
mod device;
pub mod edit;
mod keys;
mod lan;
mod policies;
mod reader;
#[cfg(test)]
mod tests;
mod tree;
mod uci;
mod wans;
mod web;

pub use change::{DeviceChange, Unchangeable, changed};
pub use device::{DeviceEntry, parse_mac};
pub use keys::{DEVICE_KEYS, KEYS, Key, Kind, find as find_key};
pub use lan::{Dhcp, Lan, Leases};
pub use reader::ConfigError;
pub use uci::{Network, is_switched_on};
pub use wans::Wans;
pub use web::Web;

use crate::Limits;
use crate::policy::Policy;
use reader::{Document, Section, Value};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The file's name inside the state directory.
pub const FILE_NAME: &str = "ntm-gateway.toml";
/// The longest interface name Linux has (IFNAMSIZ without the final zero).
pub const MAX_INTERFACE_NAME: usize = 15;
/// Where we answer a DNS server that serves the LAN: 53 is its own, and 5353 is multicast DNS (RFC 6762).
const DNS_BESIDE: u16 = 5354;
/// Our routing table, and the highest byte of our datagrams' mark: mwan3, pbr and Tailscale have others.
const TABLE: u16 = 4750;
const MARK_BYTE: u8 = 0x4e;
/// The most WAN interfaces, upstream servers and the like in one list.
pub(crate) const MAX_LIST: usize = 8;
/// How long a tunnel that carries nothing, or cannot, is kept at least and at most.
const TUNNEL_LIFE: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(7 * 86_400);

/// What enrolment writes where there is no file yet.
pub const EXAMPLE: &str = include_str!("config/example.toml");

/// A gateway's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The network of the devices.
    pub lan: Lan,
    /// The ways out.
    pub wan: Wans,
    /// Names.
    pub dns: Dns,
    /// The TUN interface.
    pub tunnel: Tunnel,
    /// What is logged.
    pub log: LogLevel,
    /// Who may begin something with whom; the first that matches decides.
    pub policies: Vec<Policy>,
    /// The page on the LAN.
    pub web: Web,
}

/// The DNS server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// Where names that are not ours are asked; empty: the system's resolvers.
    pub upstream: Vec<SocketAddr>,
    /// Where it listens: for the LAN, or for the DNS server that serves the LAN.
    pub listen: SocketAddr,
}

/// The TUN interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Its name.
    pub interface: String,
    /// Whether AES-256-GCM may seal traffic, where both ends' processors have instructions for it.
    pub aes: bool,
    /// Our place among others who steer packets on this machine.
    pub steering: Steering,
    /// What of the kernel's help with many packets at once is used, where it has it.
    pub offload: Offloads,
    /// What each tunnel may keep, and for how long; the rest is not for people to set.
    pub limits: Limits,
}

/// What is ours of the kernel's routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steering {
    /// The table with the route to virtual addresses.
    pub table: u16,
    /// The highest byte of our datagrams' mark (`SO_MARK`); others use the lower three.
    pub mark_byte: u8,
}

impl Steering {
    /// The mark of our datagrams.
    pub fn mark(self) -> u32 {
        u32::from(self.mark_byte) << 24
    }
}

/// Help with many packets at once, each for itself: none changes what is sent or delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offloads {
    /// Super-packets to and from the TUN interface.
    pub tun: bool,
    /// Trains of datagrams that leave (`UDP_SEGMENT`).
    pub send: bool,
    /// Trains of datagrams that arrive (`UDP_GRO`).
    pub receive: bool,
}

impl Default for Offloads {
    fn default() -> Self {
        Self {
            tun: true,
            send: true,
            receive: true,
        }
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what needs a person.
    Error,
    /// What may need a person.
    Warn,
    /// What a user would notice.
    Info,
    /// Every deviation.
    Debug,
    /// Every packet.
    Trace,
}

impl LogLevel {
    /// Reads `error`, `warn`, `info`, `debug` or `trace`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "error" => Self::Error,
            "warn" => Self::Warn,
            "info" => Self::Info,
            "debug" => Self::Debug,
            "trace" => Self::Trace,
            _ => return None,
        })
    }
}

impl Config {
    /// Reads the file's text; `file` is what faults call it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        Self::read(&Document::parse(file, text)?)
    }

    fn read(document: &Document<'_>) -> Result<Self, ConfigError> {
        let root = document.root();
        root.only(&["lan", "wan", "dns", "tunnel", "log", "web", "policy"])?;
        let lan = Lan::read(&root.section("lan")?)?;
        let tunnel = read_tunnel(&root.section("tunnel")?, &lan)?;
        let wan = Wans::read(&root.section("wan")?, &lan, &tunnel)?;
        let dns = read_dns(&root.section("dns")?, &lan)?;
        let log = read_log(&root.section("log")?)?;
        let policies = policies::read(&root)?;
        let web = Web::read(&root.section("web")?)?;
        Ok(Self {
            lan,
            wan,
            dns,
            tunnel,
            log,
            policies,
            web,
        })
    }
}

fn read_tunnel(section: &Section<'_>, lan: &Lan) -> Result<Tunnel, ConfigError> {
    section.only(&[
        "interface",
        "mtu",
        "table",
        "mark",
        "aes",
        "offload",
        "memory",
        "resend",
        "hold",
        "idle",
        "outage",
    ])?;
    let name = match section.get("interface") {
        Some(value) => {
            let name = interface(&value)?;
            if name == lan.interface {
                return Err(value.fault(format!(
                    "{name:?} is the LAN's interface; write a new name like \"ntm0\""
                )));
            }
            name
        }
        None => "ntm0".to_owned(),
    };
    let mtu = match section.get("mtu") {
        Some(value) => value.number(1280, 9000)?,
        None => Limits::default().mtu,
    };
    let aes = section.get("aes").map(|value| value.boolean());
    Ok(Tunnel {
        interface: name,
        aes: aes.transpose()?.unwrap_or(true),
        steering: read_steering(section)?,
        offload: read_offloads(section)?,
        limits: Limits {
            mtu,
            ..read_limits(section)?
        },
    })
}

/// The numbers below 256 are the kernel's own tables and most people's, and a packet without a mark has 0.
fn read_steering(section: &Section<'_>) -> Result<Steering, ConfigError> {
    let table = section.get("table");
    let table = table.map(|value| value.number(256, u16::MAX)).transpose()?;
    let mark = section.get("mark");
    let mark = mark.map(|value| value.number(1, 255)).transpose()?;
    Ok(Steering {
        table: table.unwrap_or(TABLE),
        mark_byte: mark
            .and_then(|byte| u8::try_from(byte).ok())
            .unwrap_or(MARK_BYTE),
    })
}

/// All of them, unless there is a list.
fn read_offloads(section: &Section<'_>) -> Result<Offloads, ConfigError> {
    let usual = Offloads::default();
    if section.get("offload").is_none() {
        return Ok(usual);
    }
    let mut offloads = Offloads {
        tun: false,
        send: false,
        receive: false,
    };
    for value in section.list("offload", MAX_LIST)? {
        match value.text()? {
            "tun" => offloads.tun = true,
            "send" => offloads.send = true,
            "receive" => offloads.receive = true,
            other => {
                return Err(value.fault(format!(
                    "{other:?} is none; there are \"tun\", \"send\" and \"receive\", and [] is none of them"
                )));
            }
        }
    }
    Ok(offloads)
}

/// KiB and times: see the example file.
fn read_limits(section: &Section<'_>) -> Result<Limits, ConfigError> {
    let usual = Limits::default();
    let kib = |key, usual: usize, least, most| {
        let value = section.get(key);
        let number = value.map(|value| value.number(least, most)).transpose()?;
        Ok(number.map_or(usual, |kib: u16| usize::from(kib) << 10))
    };
    let time = |key, usual| {
        let value = section.get(key);
        value.map_or(Ok(usual), |value| {
            value.duration(TUNNEL_LIFE, "a tunnel is kept", "15m")
        })
    };
    Ok(Limits {
        memory: kib("memory", usual.memory, 256, 65_535)?,
        resend: kib("resend", usual.resend, 0, 4096)?,
        hold: kib("hold", usual.hold, 4, 4096)?,
        idle: time("idle", usual.idle)?,
        outage: time("outage", usual.outage)?,
        ..usual
    })
}

fn read_dns(section: &Section<'_>, lan: &Lan) -> Result<Dns, ConfigError> {
    section.only(&["upstream", "port"])?;
    let port = section.get("port");
    let number = port.as_ref().map(|value| value.number(1, 65_535));
    let number = number.transpose()?;
    let listen = match (lan.dhcp, port) {
        (Leases::Follow, _) => {
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), number.unwrap_or(DNS_BESIDE))
        }
        (Leases::Server(_) | Leases::Off, None) => SocketAddr::new(lan.address().into(), 53),
        (Leases::Server(_) | Leases::Off, Some(value)) => {
            return Err(value.fault(
                "is for where another DNS server serves the LAN; set the LAN's dhcp to \"follow\", or remove it"
                    .into(),
            ));
        }
    };
    let upstream = read_upstream(section, lan)?;
    Ok(Dns { upstream, listen })
}

fn read_upstream(section: &Section<'_>, lan: &Lan) -> Result<Vec<SocketAddr>, ConfigError> {
    let mut upstream = Vec::new();
    for value in section.list("upstream", MAX_LIST)? {
        let text = value.text()?;
        let server = parse_server(text).ok_or_else(|| {
            value.fault(format!("{text:?} is no DNS server; write an address like \"203.0.113.53\" or \"[2001:db8::53]:53\""))
        })?;
        if server.ip() == IpAddr::V4(lan.address()) {
            return Err(value.fault(format!(
                "{text} is this gateway itself; name the network's own DNS server"
            )));
        }
        upstream.push(server);
    }
    Ok(upstream)
}

/// An address, or an address and a port. The port of DNS is 53 (RFC 1035 section 4.2).
pub fn parse_server(text: &str) -> Option<SocketAddr> {
    let server = match text.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, 53),
        Err(_) => text.parse().ok()?,
    };
    let usable = !server.ip().is_unspecified() && !server.ip().is_multicast() && server.port() != 0;
    usable.then_some(server)
}

fn read_log(section: &Section<'_>) -> Result<LogLevel, ConfigError> {
    section.only(&["level"])?;
    let Some(value) = section.get("level") else {
        return Ok(LogLevel::Info);
    };
    let text = value.text()?;
    LogLevel::parse(text).ok_or_else(|| {
        value.fault(format!(
            "{text:?} is no level; write error, warn, info, debug or trace"
        ))
    })
}

/// An interface name: what the kernel accepts, and nothing a shell or a rule file could stumble over.
fn interface(value: &Value<'_>) -> Result<String, ConfigError> {
    interface_name(value.text()?, value)
}

/// The same for a name that is spoken of at `value`.
fn interface_name(text: &str, value: &Value<'_>) -> Result<String, ConfigError> {
    let known = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let fits = (1..=MAX_INTERFACE_NAME).contains(&text.len()) && text.chars().all(known);
    if !fits || text == "." || text == ".." || text.starts_with('-') {
        return Err(value.fault(format!(
            "{text:?} is no interface name; it has 1 to {MAX_INTERFACE_NAME} letters, digits, '_', '.' or '-', like \"eth0\""
        )));
    }
    if text == "lo" {
        return Err(value.fault(
            "\"lo\" is the router itself; name a network's interface, like \"eth0\"".into(),
        ));
    }
    Ok(text.to_owned())
}
