//! What people and programs may ask a running gateway: plain values, ready for tables and JSON.

use crate::handover::{Handover, Hop};
use crate::peer::Peer;
use crate::{Gateway, Reject, Wan};
use ntm_proto::id::Fqdn;
use ntm_proto::release::Release;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The gateway in one look.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Full name.
    pub name: String,
    /// Node id.
    pub node_id: String,
    /// Domain.
    pub domain: String,
    /// Own virtual IPv4 address.
    pub vip4: String,
    /// Other domains that this one trusts.
    pub domains: Vec<String>,
    /// The link with the DC.
    pub dc: DcStatus,
    /// LAN devices with an identity.
    pub devices: usize,
    /// Tunnels that are up.
    pub tunnels: usize,
    /// Seconds since the process started.
    pub uptime_s: u64,
    /// What this gateway runs.
    #[serde(default)]
    pub release: String,
    /// A newer release, which its coordinator runs: time to update.
    #[serde(default)]
    pub update: Option<String>,
    /// Refused packets and datagrams, by reason.
    pub rejects: BTreeMap<String, u64>,
}

/// The link with the DC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DcStatus {
    /// `registered`, `connecting`, or `no WAN`.
    pub state: String,
    /// The DC's address in use.
    pub address: Option<String>,
    /// Our address as the DC sees it.
    pub observed: Option<String>,
    /// Round trip in milliseconds.
    pub rtt_ms: Option<f64>,
    /// What the DC runs, as it says.
    #[serde(default)]
    pub release: Option<String>,
}

/// One LAN device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// Full name; empty until the DC gave one.
    pub name: String,
    /// Node id; empty until the DC gave one.
    pub node_id: String,
    /// The MAC address that its identity belongs to.
    pub mac: String,
    /// All MAC addresses that lead to it, that one first.
    #[serde(default)]
    pub macs: Vec<String>,
    /// What it calls itself.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Address on the LAN.
    pub lan_address: String,
    /// Virtual IPv4 address; empty until the DC gave one.
    pub vip4: String,
    /// Virtual IPv6 address; empty until the DC gave one.
    pub vip6: String,
    /// Whether it is on the LAN now.
    pub online: bool,
    /// Whether its owner lets it have an identity.
    #[serde(default = "yes")]
    pub identity: bool,
    /// Whether its owner wants it remembered while it is away.
    #[serde(default)]
    pub keep: bool,
    /// Bytes of packets it sent to virtual addresses since the gateway started, with their IP headers.
    #[serde(default)]
    pub sent: u64,
    /// The same, of what it received from virtual addresses.
    #[serde(default)]
    pub received: u64,
    /// And the packets.
    #[serde(default)]
    pub sent_packets: u64,
    /// And the packets.
    #[serde(default)]
    pub received_packets: u64,
}

fn yes() -> bool {
    true
}

/// A MAC address as people write it.
pub fn mac_text(mac: [u8; 6]) -> String {
    let [a, b, c, d, e, f] = mac;
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// One tunnel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TunnelStatus {
    /// The other gateway's name.
    pub peer: String,
    /// `up`, `handshake` or `waiting`.
    pub state: String,
    /// `direct`, `relay` or `none`.
    pub path: String,
    /// Why direct or relayed.
    pub why: String,
    /// The WAN its datagrams leave by.
    pub wan: Option<String>,
    /// Where its datagrams go: the other gateway, or the relay.
    pub remote: Option<String>,
    /// Round trip in milliseconds, of the last challenge.
    pub rtt_ms: Option<f64>,
    /// Seconds since the keys in use were made.
    pub age_s: u64,
    /// Bytes of the longest packet that need not be cut on its way, as far as known.
    pub mtu: Option<u16>,
    /// What seals the traffic; `None`: there are no keys.
    pub cipher: Option<String>,
    /// Seconds since something authentic came from the other end.
    pub heard_s: Option<u64>,
    /// Bytes of inner packets sent.
    pub sent: u64,
    /// Bytes of inner packets received.
    pub received: u64,
    /// Datagrams that the other end has sealed with the keys in use, as far as is known.
    #[serde(default)]
    pub expected: u64,
    /// Those of them that have not come: lost, or on their way yet.
    #[serde(default)]
    pub missing: u64,
    /// The other gateway's public key.
    pub key: String,
    /// The one it had when the owner knew of it, if that is another one.
    #[serde(default)]
    pub key_before: Option<String>,
    /// Names of the devices behind it that ours may talk to.
    pub devices: Vec<String>,
    /// The addresses here of those of them that are another domain's, by name.
    pub aliases: BTreeMap<String, String>,
}

/// One handover: a tunnel that took another way. Times of steps count from its beginning; `None`: it was not needed, or
/// has not come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HandoverStatus {
    /// The other gateway's name.
    pub peer: String,
    /// Why, in words.
    pub cause: String,
    /// The way before.
    pub from: Option<HopStatus>,
    /// The way after; `None` as long as there is none.
    pub to: Option<HopStatus>,
    /// Seconds since it began.
    pub ago_s: u64,
    /// Whether the other end has been heard by the new way.
    pub done: bool,
    /// Milliseconds without an answer before it began, where silence was the cause.
    pub detect_ms: Option<f64>,
    /// Until there was an address to speak from.
    pub address_ms: Option<f64>,
    /// Until the DC had answered the registration from there.
    pub register_ms: Option<f64>,
    /// Until the DC had sent a new Route Direction.
    pub direct_ms: Option<f64>,
    /// Until the new way was proven.
    pub tunnel_ms: Option<f64>,
    /// Until the other end's first packet had come by it.
    pub packet_ms: Option<f64>,
    /// The longest time between two packets of a stream from the other end; `None`: there was no stream.
    pub gap_ms: Option<f64>,
    /// Datagrams sent again by the new way.
    pub again: u32,
    /// Packets dropped because too many waited for a way.
    pub lost: u32,
}

/// One way of a tunnel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HopStatus {
    /// `direct` or `relay`.
    pub path: String,
    /// Our socket.
    pub local: String,
    /// Where datagrams went: the other gateway, or the relay.
    pub remote: String,
}

/// One WAN.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WanStatus {
    /// Interface.
    pub name: String,
    /// Our socket addresses on it.
    pub addresses: Vec<String>,
    /// As the DC sees them.
    pub observed: Vec<String>,
    /// Whether an IPv4 NAT stands in front of it; `None`: not known yet.
    pub nat: Option<bool>,
    /// How that NAT maps, as far as is known: `same port for all`, `another port for each destination`, `unknown`.
    #[serde(default)]
    pub mapping: Option<String>,
    /// Whether the DC is reached by it.
    pub active: bool,
}

/// One of the owner's rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicyStatus {
    /// Its place in the list, from 1: the first that matches decides.
    pub number: usize,
    /// Who begins: a full name, or `*`.
    pub from: String,
    /// With whom.
    pub to: String,
    /// `allow` or `deny`.
    pub action: String,
    /// Pairs of devices it decides about now.
    pub pairs: usize,
    /// Beginnings it decided about: all it denied, and those it allowed where the other side may not begin.
    pub decided: u64,
    /// Those of the two names that are in no domain this gateway knows.
    pub unknown: Vec<String>,
}

/// The answer to a ping.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PingReport {
    /// Whose name was asked for.
    pub name: String,
    /// Its virtual IPv4 address; for a device of another domain the one it has here.
    pub vip4: String,
    /// The gateway it lives behind.
    pub gateway: String,
    /// Round trip between the gateways in milliseconds.
    pub rtt_ms: f64,
    /// `direct`, `relay` or `local`.
    pub path: String,
    /// Why direct or relayed.
    pub why: String,
    /// Where the datagrams go.
    pub remote: String,
}

/// What a gateway holds for others: bounded by [`crate::Limits`], and small when all is quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Other gateways.
    pub peers: usize,
    /// Ways to them.
    pub ways: usize,
    /// Pairs of devices.
    pub pairs: usize,
    /// Packets that wait for a tunnel.
    pub packets: usize,
    /// Bytes kept for later.
    pub bytes: usize,
}

impl Gateway {
    /// What it holds for others.
    pub fn held(&self) -> Held {
        let sum = |part: fn(&Peer) -> usize| self.peers.iter().map(part).sum();
        Held {
            peers: self.peers.iter().count(),
            ways: sum(Peer::ways),
            pairs: self.pairs.len(),
            packets: sum(Peer::held_packets),
            bytes: self.resend.taken() + self.hold.taken(),
        }
    }

    /// The gateway in one look.
    pub fn status(&self, now: Instant) -> Status {
        Status {
            name: self.setup.name.to_string(),
            node_id: self.setup.node.to_string(),
            domain: self.setup.domain.to_string(),
            vip4: self.setup.vip4.to_string(),
            domains: self.domains.1.iter().map(Fqdn::to_string).collect(),
            dc: self.coordination.status(now),
            devices: self.devices.identities().count(),
            tunnels: self
                .tunnels(now)
                .iter()
                .filter(|tunnel| tunnel.state == "up")
                .count(),
            uptime_s: now.duration_since(self.started).as_secs(),
            release: Release::OURS.to_string(),
            update: self.coordination.update().map(|it| it.to_string()),
            rejects: self
                .rejects
                .iter()
                .map(|(reject, count)| (format!("{reject:?}"), *count))
                .collect(),
        }
    }

    /// Its LAN devices.
    pub fn devices(&self) -> Vec<DeviceStatus> {
        self.devices.status()
    }

    /// Its tunnels.
    pub fn tunnels(&self, now: Instant) -> Vec<TunnelStatus> {
        let status = |peer: &Peer| {
            let foreign = peer.remotes.values();
            let foreign = foreign.filter(|remote| self.is_foreign(&remote.name));
            let leaves_by = |wan: &&Wan| {
                let own = peer.local();
                own.is_some_and(|own| wan.sockets.contains(&own))
            };
            let wan = self.wans.iter().find(leaves_by);
            TunnelStatus {
                wan: wan.map(|wan| wan.name.clone()),
                key_before: self
                    .known_keys()
                    .before(&peer.name)
                    .map(|key| key.to_string()),
                aliases: foreign
                    .map(|remote| (remote.name.to_string(), remote.vip4.to_string()))
                    .collect(),
                ..peer.status(now)
            }
        };
        self.peers.iter().map(status).collect()
    }

    /// The last handovers, the oldest first.
    pub fn handovers(&self, now: Instant) -> Vec<HandoverStatus> {
        let latest = self.peers.iter().filter_map(Peer::handover);
        let mut all: Vec<&Handover> = self.handovers.iter().chain(latest).collect();
        all.sort_by_key(|handover| handover.began);
        let all = all.into_iter();
        all.map(|handover| handover_status(handover, now)).collect()
    }

    /// Its WANs.
    pub fn wans(&self) -> Vec<WanStatus> {
        self.coordination.wan_status(&self.wans)
    }

    /// Refused packets and datagrams, by reason.
    pub fn rejects(&self) -> &BTreeMap<Reject, u64> {
        &self.rejects
    }
}

fn handover_status(handover: &Handover, now: Instant) -> HandoverStatus {
    let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    let steps = &handover.steps;
    HandoverStatus {
        peer: handover.peer.to_string(),
        cause: handover.cause.text().to_owned(),
        from: handover.from.map(hop_status),
        to: handover.to.map(hop_status),
        ago_s: now.duration_since(handover.began).as_secs(),
        done: handover.is_done(),
        detect_ms: ms(handover.detect),
        address_ms: ms(steps.address),
        register_ms: ms(steps.register),
        direct_ms: ms(steps.direct),
        tunnel_ms: ms(steps.tunnel),
        packet_ms: ms(steps.packet),
        gap_ms: ms(handover.gap.filter(|_| handover.is_done())),
        again: handover.again,
        lost: handover.lost,
    }
}

fn hop_status(hop: Hop) -> HopStatus {
    HopStatus {
        path: if hop.relayed { "relay" } else { "direct" }.to_owned(),
        local: hop.path.local.to_string(),
        remote: hop.path.remote.to_string(),
    }
}
