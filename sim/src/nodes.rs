//! How the machines of a world are made: at its start, and again after a restart.

use crate::world::dc_addresses;
use ntm_dc::{Coordinator, Record, Snapshot};
use ntm_gateway::{Limits, Setup};
use ntm_proto::id::{Fqdn, Label, NodeId, VirtualPrefixes};
use ntm_proto::key::SecretKey;
use ntm_proto::random::Random;
use ntm_relay::Relay;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

/// The domain.
pub(crate) fn domain() -> Fqdn {
    Fqdn::parse("ntm.test").expect("a name")
}

fn prefixes() -> VirtualPrefixes {
    VirtualPrefixes {
        v4: "198.18.0.0/15".parse().expect("a prefix"),
        v6: "fd12:3456:789a::/48".parse().expect("a prefix"),
    }
}

pub(crate) fn gateway_setup(number: usize, dc_key: &SecretKey, random: &mut Random) -> Setup {
    let label = Label::parse(&format!("gw{number}")).expect("a label");
    let host = 2 + number as u8;
    Setup {
        node: NodeId::from_random(random.bytes()),
        name: domain().child(&label).expect("a short name"),
        domain: domain(),
        key: SecretKey::generate(random),
        dc_key: dc_key.public(),
        dc_addresses: dc_addresses(),
        prefixes: prefixes(),
        vip4: Ipv4Addr::new(198, 18, 0, host),
        vip6: Ipv6Addr::new(0xfd12, 0x3456, 0x789a, 0, 0, 0, 0, u16::from(host)),
        instance: random.bytes(),
        aes: number.is_multiple_of(2),
        limits: Limits::default(),
    }
}

/// What a store with these records gives to a coordinator.
pub(crate) fn snapshot(
    saved: &BTreeMap<NodeId, Record>,
    groups: &[(String, i64)],
    retired: &[(Ipv4Addr, Ipv6Addr)],
) -> Snapshot {
    let mut snapshot = Snapshot {
        groups: groups.to_vec(),
        retired: retired.to_vec(),
        ..Snapshot::default()
    };
    for record in saved.values().cloned() {
        match record {
            Record::Gateway(record) => snapshot.gateways.push(record),
            Record::Relay(record) => snapshot.relays.push(record),
            Record::Device(record) => snapshot.devices.push(record),
            Record::Forgotten(record) => snapshot.retired.push((record.vip4, record.vip6)),
        }
    }
    snapshot
}

/// A coordinator as its process starts.
pub(crate) fn coordinator(
    key: &SecretKey,
    saved: &BTreeMap<NodeId, Record>,
    groups: &[(String, i64)],
    retired: &[(Ipv4Addr, Ipv6Addr)],
    random: &mut Random,
    now: Instant,
) -> Coordinator {
    let setup = ntm_dc::Setup {
        domain: domain(),
        key: key.clone(),
        prefixes: prefixes(),
        limits: ntm_dc::Limits::default(),
    };
    Coordinator::new(setup, snapshot(saved, groups, retired), random.bytes(), now)
}

/// A relay as its process starts.
pub(crate) fn relay(
    key: &SecretKey,
    dc_key: &SecretKey,
    addresses: &[SocketAddr],
    random: &mut Random,
    now: Instant,
) -> Relay {
    let setup = ntm_relay::Setup {
        key: key.clone(),
        dc_key: dc_key.public(),
        dc_addresses: dc_addresses(),
        addresses: addresses.to_vec(),
        instance: random.bytes(),
        limits: ntm_relay::Limits::default(),
    };
    Relay::new(setup, random.bytes(), now)
}
