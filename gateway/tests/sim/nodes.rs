//! What the world's nodes begin with: their addresses, names, keys and limits.

use ntm_dc::{Coordinator, Record, Snapshot};
use ntm_gateway::{Limits, Setup};
use ntm_proto::id::{Fqdn, Label, NodeId, VirtualPrefixes};
use ntm_proto::key::SecretKey;
use ntm_proto::random::Random;
use ntm_relay::Relay;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Instant;

pub const DC_V4: &str = "203.0.113.10:4750";
pub const DC_V6: &str = "[2001:db8:1::10]:4750";
pub const RS_V4: &str = "203.0.113.20:4750";
pub const RS_V6: &str = "[2001:db8:1::20]:4750";

fn prefixes() -> VirtualPrefixes {
    VirtualPrefixes {
        v4: "198.18.0.0/15".parse().unwrap(),
        v6: "fd12:3456:789a::/48".parse().unwrap(),
    }
}

fn domain() -> Fqdn {
    Fqdn::parse("ntm.test").unwrap()
}

pub fn gateway_setup(name: &str, host: u16, dc_key: &SecretKey, random: &mut Random) -> Setup {
    Setup {
        node: NodeId::from_random(random.bytes()),
        name: domain().child(&Label::parse(name).unwrap()).unwrap(),
        domain: domain(),
        key: SecretKey::generate(random),
        dc_key: dc_key.public(),
        dc_addresses: vec![DC_V4.parse().unwrap(), DC_V6.parse().unwrap()],
        prefixes: prefixes(),
        vip4: Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + u32::from(host)),
        vip6: format!("fd12:3456:789a::{host}").parse().unwrap(),
        instance: random.bytes(),
        // The other end has none: each test says so if it wants more.
        aes: host == 2,
        limits: Limits::default(),
    }
}

pub fn coordinator(
    key: &SecretKey,
    saved: &BTreeMap<NodeId, Record>,
    random: &mut Random,
    now: Instant,
) -> Coordinator {
    let mut snapshot = Snapshot::default();
    for record in saved.values().cloned() {
        match record {
            Record::Gateway(record) => snapshot.gateways.push(record),
            Record::Relay(record) => snapshot.relays.push(record),
            Record::Device(record) => snapshot.devices.push(record),
            Record::Forgotten(record) => snapshot.retired.push((record.vip4, record.vip6)),
        }
    }
    let setup = ntm_dc::Setup {
        domain: domain(),
        key: key.clone(),
        prefixes: prefixes(),
        limits: ntm_dc::Limits {
            devices_per_account: 2048,
            ..ntm_dc::Limits::default()
        },
    };
    Coordinator::new(setup, snapshot, random.bytes(), now)
}

pub fn relay(key: &SecretKey, dc_key: &SecretKey, random: &mut Random, now: Instant) -> Relay {
    let setup = ntm_relay::Setup {
        key: key.clone(),
        dc_key: dc_key.public(),
        dc_addresses: vec![DC_V4.parse().unwrap(), DC_V6.parse().unwrap()],
        addresses: vec![RS_V4.parse().unwrap(), RS_V6.parse().unwrap()],
        instance: random.bytes(),
        limits: ntm_relay::Limits::default(),
    };
    Relay::new(setup, random.bytes(), now)
}
