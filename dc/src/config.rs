//! `DIR/ntm-dc.toml`: what the operator decides. Every rule is checked here, and every error says where it is.

mod reader;

use ipnet::{Ipv4Net, Ipv6Net};
use ntm_proto::id::{Fqdn, Label, VirtualPrefixes};
use reader::Reader;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tracing::Level;

/// The file's name in the daemon's directory.
pub const FILE: &str = "ntm-dc.toml";

/// Where the operator's pages are unless the file says otherwise: for this machine alone, and who has a way into it.
const WEB: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4753);

/// The operator's decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The domain this DC coordinates.
    pub domain: Fqdn,
    /// Addresses to bind; empty: all.
    pub listen: Vec<IpAddr>,
    /// Addresses told to nodes and in DNS, best first.
    pub advertise: Vec<IpAddr>,
    /// UDP port of control.
    pub udp_port: u16,
    /// TCP port of the Account Server.
    pub as_port: u16,
    /// Whether to answer DNS, and on which port.
    pub dns_port: Option<u16>,
    /// The name server's own name below the domain.
    pub ns: Label,
    /// Where virtual addresses come from.
    pub prefixes: VirtualPrefixes,
    /// How long an enrolment code is good.
    pub code_valid: Duration,
    /// Where the operator's pages are served; `None`: nowhere.
    pub web_listen: Option<SocketAddr>,
    /// How browsers call them behind a proxy: scheme and host.
    pub web_origin: Option<String>,
    /// What to log.
    pub log: Level,
}

impl Config {
    /// Reads the text of the file called `name`.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(text, name)?;
        let config = Self::take(&mut reader)?;
        reader.finish()?;
        Ok(config)
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        let right = "a domain name such as \"example.net\", at most 125 characters";
        let domain = reader.text("domain", right, domain)?;
        let Some(domain) = domain else {
            return Err(reader.missing("domain", "domain = \"example.net\""));
        };
        let address = "an IP address without a port, such as \"203.0.113.10\"";
        let listen = reader.list("listen", address, usable)?.unwrap_or_default();
        let advertise = reader.list("advertise", address, usable)?;
        let dns_port = reader.port("dns_port")?.unwrap_or(53);
        let dns = reader.boolean("dns")?.unwrap_or(true);
        let v4 = reader.text(
            "virtual4",
            "an IPv4 range such as \"198.18.0.0/15\", /8 to /28",
            range4,
        )?;
        let v6 = reader.text(
            "virtual6",
            "an IPv6 range such as \"fd12:3456:789a::/48\", /32 to /96",
            range6,
        )?;
        let Some(v6) = v6 else {
            return Err(reader.missing(
                "virtual6",
                &format!(
                    "virtual6 = \"{}\"",
                    unique_local([0x12, 0x34, 0x56, 0x78, 0x9a])
                ),
            ));
        };
        let web = reader.boolean("web")?.unwrap_or(true);
        let web_listen = reader.text(
            "web_listen",
            "an address with a port, such as \"127.0.0.1:4753\"",
            |text| text.parse().ok().filter(|at: &SocketAddr| at.port() != 0),
        )?;
        let web_origin = reader.text(
            "web_origin",
            "what a browser's address bar begins with, such as \"https://dc.example.net\", or nothing between the quotes",
            origin,
        )?;
        let log = "one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"";
        let time = "a time such as \"15m\", \"2h\" or \"90s\", at most 30 days";
        Ok(Self {
            domain,
            advertise: advertise
                .filter(|list| !list.is_empty())
                .unwrap_or_else(|| listen.clone()),
            listen,
            udp_port: reader.port("udp_port")?.unwrap_or(ntm_proto::UDP_PORT),
            as_port: reader.port("as_port")?.unwrap_or(ntm_proto::AS_PORT),
            dns_port: dns.then_some(dns_port),
            ns: reader
                .text("ns", "one label such as \"ns\"", |text| {
                    Label::parse(text).ok()
                })?
                .unwrap_or_else(|| Label::parse("ns").expect("ns is a label")),
            prefixes: VirtualPrefixes {
                v4: v4.unwrap_or_else(default_range4),
                v6,
            },
            code_valid: reader
                .text("code_valid", time, duration)?
                .unwrap_or(Duration::from_secs(900)),
            web_listen: web.then(|| web_listen.unwrap_or(WEB)),
            web_origin: web_origin.flatten(),
            log: reader
                .text("log", log, |text| text.parse().ok())?
                .unwrap_or(Level::INFO),
        })
    }

    /// Where nodes reach us over UDP, best first.
    pub fn control_addresses(&self) -> Vec<SocketAddr> {
        let socket = |&ip: &IpAddr| SocketAddr::new(ip, self.udp_port);
        self.advertise.iter().map(socket).collect()
    }

    /// Socket addresses to bind for `port`: the configured ones, or any address of both families.
    pub fn bind_addresses(&self, port: u16) -> Vec<SocketAddr> {
        let any: [IpAddr; 2] = [[0, 0, 0, 0].into(), Ipv6Addr::UNSPECIFIED.into()];
        let listen = if self.listen.is_empty() {
            &any[..]
        } else {
            &self.listen
        };
        let socket = |&ip: &IpAddr| SocketAddr::new(ip, port);
        listen.iter().map(socket).collect()
    }
}

/// The file that `ntm-dc init` writes.
pub fn example(domain: &Fqdn, listen: &[IpAddr], global_id: [u8; 5]) -> String {
    let quoted: Vec<String> = listen.iter().map(|ip| format!("\"{ip}\"")).collect();
    include_str!("config/example.toml")
        .replace("@domain@", domain.as_str())
        .replace("@listen@", &quoted.join(", "))
        .replace("@virtual6@", &unique_local(global_id).to_string())
}

/// A domain that leaves room for the names below it.
pub fn domain(text: &str) -> Option<Fqdn> {
    let domain = Fqdn::parse(text).ok()?;
    (domain.as_str().len() <= 125).then_some(domain)
}

/// Reads `15m`, `2h`, `90s`, `1d`; at most 30 days.
pub fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let total = number.checked_mul(seconds)?;
    (1..=30 * 86_400)
        .contains(&total)
        .then(|| Duration::from_secs(total))
}

/// A mistake in the file, as one line that says what to write instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct ConfigError {
    file: String,
    line: usize,
    what: String,
}

/// An address a socket can be bound to or reached at.
pub fn usable(text: &str) -> Option<IpAddr> {
    let ip: IpAddr = text.parse().ok()?;
    (!ip.is_unspecified() && !ip.is_multicast()).then_some(ip)
}

/// `https://dc.example.net`, as browsers write it; `Some(None)`: there is none.
fn origin(text: &str) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
    (!host.is_empty() && host.chars().all(is_plain)).then(|| Some(text.to_owned()))
}

fn range4(text: &str) -> Option<Ipv4Net> {
    let net: Ipv4Net = text.parse().ok()?;
    ((8..=28).contains(&net.prefix_len()) && net.addr() == net.network()).then_some(net)
}

fn range6(text: &str) -> Option<Ipv6Net> {
    let net: Ipv6Net = text.parse().ok()?;
    ((32..=96).contains(&net.prefix_len()) && net.addr() == net.network()).then_some(net)
}

fn default_range4() -> Ipv4Net {
    Ipv4Net::new([198, 18, 0, 0].into(), 15).expect("15 is a prefix length")
}

/// A /48 of fd00::/8 (RFC 4193 section 3.1).
fn unique_local(id: [u8; 5]) -> Ipv6Net {
    let [a, b, c, d, e] = id;
    let mut octets = [0; 16];
    octets[..6].copy_from_slice(&[0xfd, a, b, c, d, e]);
    Ipv6Net::new(octets.into(), 48).expect("48 is a prefix length")
}

#[cfg(test)]
mod tests;
