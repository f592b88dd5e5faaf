use super::*;
use crate::{LanDevice, Limits, Setup};
use ntm_proto::id::{DeviceKey, Fqdn, Identity, NodeId, VirtualPrefixes};
use ntm_proto::key::SecretKey;
use ntm_proto::random::Random;
use std::net::Ipv4Addr;

const LAPTOP: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 17);
const CAMERA: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 18);

/// A gateway whose one device, at 192.168.1.10, may talk to [`CAMERA`] by the peer in slot 3.
fn gateway(now: Instant) -> Gateway {
    let mut random = Random::from_seed([1; 32]);
    let name = Fqdn::parse("car.ntm.test").unwrap();
    let setup = Setup {
        node: NodeId::from_random([1; 16]),
        domain: name.parent().unwrap(),
        name: name.clone(),
        key: SecretKey::generate(&mut random),
        dc_key: SecretKey::generate(&mut random).public(),
        dc_addresses: Vec::new(),
        prefixes: VirtualPrefixes {
            v4: "198.18.0.0/15".parse().unwrap(),
            v6: "fd00::/48".parse().unwrap(),
        },
        vip4: Ipv4Addr::new(198, 18, 0, 16),
        vip6: "fd00::16".parse().unwrap(),
        instance: [1; 8],
        aes: false,
        limits: Limits::default(),
    };
    let mut gateway = Gateway::new(setup, [2; 32], now);
    let mac = [2, 0, 0, 0, 0, 1];
    let address = Ipv4Addr::new(192, 168, 1, 10);
    gateway.device_seen(
        LanDevice {
            mac,
            address,
            hostname: None,
        },
        now,
    );
    let key = gateway
        .devices
        .stale()
        .next()
        .map_or(DeviceKey([0; 16]), |device| device.key);
    let node = NodeId::from_random([9; 16]);
    let identity = Identity {
        node,
        name,
        vip4: LAPTOP,
        vip6: "fd00::17".parse().unwrap(),
    };
    assert!(gateway.devices.named(key, identity));
    gateway
        .pairs
        .insert((LAPTOP, CAMERA), 3, None, Verdict::FREE);
    gateway
}

fn packet(from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0];
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet
}

#[test]
fn a_tunnel_delivers_only_the_pairs_that_were_directed_to_it() {
    let now = Instant::now();
    let mut gateway = gateway(now);
    let other = Ipv4Addr::new(198, 18, 0, 19);
    let mut out = packet(CAMERA, LAPTOP);
    assert_eq!(gateway.deliver(3, &mut out, now), Ok(20));
    assert_eq!(
        Ipv4View::new(&out).unwrap().destination(),
        Ipv4Addr::new(192, 168, 1, 10)
    );
    for (slot, from, to) in [
        (4, CAMERA, LAPTOP),
        (3, other, LAPTOP),
        (3, CAMERA, other),
        (3, Ipv4Addr::new(192, 168, 1, 1), LAPTOP),
        (3, CAMERA, Ipv4Addr::new(192, 168, 1, 10)),
    ] {
        assert_eq!(
            gateway.deliver(slot, &mut packet(from, to), now),
            Err(Reject::Spoofed)
        );
    }
}

#[test]
fn a_lan_host_without_identity_or_with_a_strange_destination_sends_nothing() {
    let now = Instant::now();
    let mut gateway = gateway(now);
    let mut out = Vec::new();
    let (device, stranger) = (
        Ipv4Addr::new(192, 168, 1, 10),
        Ipv4Addr::new(192, 168, 1, 66),
    );
    let mut send = |from, to| gateway.handle_packet(&packet(from, to), &mut out, now);
    assert_eq!(send(stranger, CAMERA), Err(Reject::UnknownDevice));
    assert_eq!(send(CAMERA, LAPTOP), Err(Reject::UnknownDevice));
    assert_eq!(
        send(device, Ipv4Addr::new(8, 8, 8, 8)),
        Err(Reject::NotVirtual)
    );
    assert_eq!(
        gateway.handle_packet(&[0x60; 40], &mut out, now),
        Err(Reject::InnerV6)
    );
    assert_eq!(
        gateway.handle_packet(&[0x45; 10], &mut out, now),
        Err(Reject::MalformedPacket)
    );
    assert_eq!(gateway.rejects()[&Reject::UnknownDevice], 2);
}
