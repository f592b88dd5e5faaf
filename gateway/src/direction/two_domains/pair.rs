//! The two gateways, joined by nothing but function calls, and what they say.

use crate::{Gateway, LanDevice, Limits, Output, Reject, Setup, Unresolved, Wan};
use ntm_proto::id::{Fqdn, Identity, NodeId, PathId, TunnelId, VirtualPrefixes};
use ntm_proto::ip::checksum;
use ntm_proto::key::SecretKey;
use ntm_proto::message::{RouteDirection, Why};
use ntm_proto::random::Random;
use ntm_proto::{Forward, Path};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// The device's address on both LANs, and its virtual address in both domains.
pub(super) const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
pub(super) const VIP: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 17);

pub(super) fn name(text: &str) -> Fqdn {
    Fqdn::parse(text).unwrap()
}

pub(super) fn gateway(number: u8, domain: &str, label: &str, v4: &str, now: Instant) -> Gateway {
    let mut random = Random::from_seed([number; 32]);
    let setup = Setup {
        node: NodeId::from_random([number; 16]),
        domain: name(domain),
        name: name(&format!("{label}.{domain}")),
        key: SecretKey::generate(&mut random),
        dc_key: SecretKey::generate(&mut random).public(),
        dc_addresses: Vec::new(),
        prefixes: VirtualPrefixes {
            v4: v4.parse().unwrap(),
            v6: "fd00::/48".parse().unwrap(),
        },
        vip4: Ipv4Addr::new(198, 18, 0, 16),
        vip6: "fd00::16".parse().unwrap(),
        instance: [number; 8],
        aes: number == 1,
        limits: Limits {
            pairs: 8,
            ..Limits::default()
        },
    };
    let mut gateway = Gateway::new(setup, [number; 32], now);
    gateway.wans_changed(vec![wan(number)], now);
    let device = LanDevice {
        mac: [2, 0, 0, 0, 0, 1],
        address: LAN,
        hostname: None,
    };
    gateway.device_seen(device, now);
    let key = gateway.devices.stale().next().unwrap().key;
    let identity = device_of(&gateway, "device");
    assert!(gateway.devices.named(key, identity));
    gateway
}

pub(super) fn wan(number: u8) -> Wan {
    Wan {
        id: 0,
        name: "wan0".to_owned(),
        sockets: vec![socket(number)],
        spares: Vec::new(),
        metered: false,
        last_resort: false,
    }
}

pub(super) fn socket(number: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, number)), 4750)
}

/// A device behind `gateway`: its id is that of its gateway and its label.
pub(super) fn device_of(gateway: &Gateway, label: &str) -> Identity {
    let mut node = *gateway.setup.node.0.as_bytes();
    node[15] = label.len() as u8;
    Identity {
        node: NodeId::from_random(node),
        name: name(&format!("{label}.{}", gateway.setup.name)),
        vip4: VIP,
        vip6: "fd00::17".parse().unwrap(),
    }
}

/// What a DC says to `to` of the device behind `peer`, whose socket's number is `number`.
pub(super) fn direction(to: &Gateway, peer: &Gateway, number: u8) -> RouteDirection {
    RouteDirection {
        sequence: 1,
        request: 0,
        tunnel: TunnelId([9; 16]),
        peer: peer.setup.node,
        peer_name: peer.setup.name.clone(),
        peer_key: peer.setup.key.public(),
        peer_epoch: 0,
        initiator: number == 2,
        local_path: PathId(100 + 3 - u32::from(number)),
        peer_path: PathId(100 + u32::from(number)),
        why: Why::BothGlobal,
        candidates: vec![socket(number)],
        relay: None,
        local: device_of(to, "device").node,
        remote: device_of(peer, "device"),
    }
}

/// Both gateways, and what they gave their LANs.
pub(super) struct Pair {
    pub(super) ends: [Gateway; 2],
    pub(super) delivered: [Vec<Vec<u8>>; 2],
    pub(super) now: Instant,
}

impl Pair {
    pub(super) fn connected() -> Self {
        let now = Instant::now();
        let car = gateway(1, "a.test", "car", "198.18.0.0/15", now);
        let home = gateway(2, "b.test", "home", "198.18.0.0/15", now);
        let mut pair = Self {
            ends: [car, home],
            delivered: [Vec::new(), Vec::new()],
            now,
        };
        pair.direct();
        pair
    }

    pub(super) fn direct(&mut self) {
        let to_car = direction(&self.ends[0], &self.ends[1], 2);
        let to_home = direction(&self.ends[1], &self.ends[0], 1);
        self.ends[0].handle_direction(&to_car, self.now);
        self.ends[1].handle_direction(&to_home, self.now);
        self.exchange();
    }

    /// Carries datagrams to and fro until there are no more.
    pub(super) fn exchange(&mut self) {
        for _ in 0..20 {
            for end in 0..2 {
                while let Some(output) = self.ends[end].poll_output() {
                    if let Output::Send { path, datagram } = output {
                        self.carry(1 - end, path, &datagram);
                    }
                }
            }
            self.now += Duration::from_millis(50);
            self.ends
                .iter_mut()
                .for_each(|end| end.handle_timeout(self.now));
        }
    }

    pub(super) fn carry(&mut self, to: usize, path: Path, datagram: &[u8]) {
        let path = Path {
            local: path.remote,
            remote: path.local,
        };
        let mut datagram = datagram.to_vec();
        if let Ok(Some(packet)) = self.ends[to].handle_datagram(path, &mut datagram, self.now) {
            self.delivered[to].push(datagram[packet].to_vec());
        }
    }

    pub(super) fn send(&mut self, from: usize, packet: &[u8]) -> Result<(), Reject> {
        let mut out = Vec::new();
        match self.ends[from].handle_packet(packet, &mut out, self.now)? {
            Forward::Udp(path) => self.carry(1 - from, path, &out),
            Forward::Tun | Forward::Nowhere => {}
        }
        self.exchange();
        Ok(())
    }

    /// The alias of the other side's device.
    pub(super) fn alias(&self, end: usize) -> Ipv4Addr {
        let other = &self.ends[1 - end];
        let device = name(&format!("device.{}", other.setup.name));
        self.ends[end].aliases.named(&device).unwrap().vip4
    }
}

pub(super) fn packet(from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0];
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = checksum(&packet, 0);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend([8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
    packet
}

/// What the machine says next to its shell about questions.
pub(super) fn answers(gateway: &mut Gateway) -> Vec<(u64, Result<Identity, Unresolved>)> {
    std::iter::from_fn(|| gateway.poll_output())
        .filter_map(|output| match output {
            Output::Answer { query, result } => Some((query, result)),
            Output::Send { .. }
            | Output::Probe { .. }
            | Output::Deliver(_)
            | Output::Pong { .. }
            | Output::Domains(_)
            | Output::Event(_) => None,
        })
        .collect()
}
