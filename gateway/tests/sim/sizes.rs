//! How long packets may be: found out where long ones go, and told to who sends them.

use crate::net::Delivery;
use crate::packets;
use crate::world::{CAR, HOME, WanKind, World};
use ntm_proto::wire::Kind;
use std::net::Ipv4Addr;
use std::time::Duration;

const LAPTOP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);

/// Two LANs that have talked, and where the camera is.
fn talking(kind: WanKind) -> (World, Ipv4Addr) {
    let mut world = World::new(7, kind, kind);
    world.join(CAR, 10, "laptop");
    world.join(HOME, 20, "camera");
    world.run_for(Duration::from_secs(2));
    let camera = world.sites[&HOME].gateway.devices()[0]
        .vip4
        .parse()
        .unwrap();
    world.send_packet(CAR, &packets::tcp(LAPTOP, camera, 1, 0, 0x10, b"hello"));
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.sites[&HOME].delivered.len(), 1);
    (world, camera)
}

/// Sends so many packets of that length, and counts those that arrive.
fn arrive(world: &mut World, camera: Ipv4Addr, length: usize, count: u16) -> usize {
    let before = world.sites[&HOME].delivered.len();
    for id in 0..count {
        let packet = packets::tcp(LAPTOP, camera, id, 0, 0x10, &vec![0x5a; length - 40]);
        world.send_packet(CAR, &packet);
        world.run_for(Duration::from_millis(20));
    }
    world.run_for(Duration::from_millis(500));
    world.sites[&HOME].delivered.len() - before
}

fn mtu(world: &World) -> Option<u16> {
    world.sites[&CAR].gateway.tunnels(world.now)[0].mtu
}

/// What the laptop was told would do.
fn told(world: &World) -> Vec<u16> {
    let icmp = world.sites[&CAR].delivered.iter().filter(|it| it[9] == 1);
    icmp.map(|it| u16::from_be_bytes([it[26], it[27]]))
        .collect()
}

/// Nothing longer goes through whole; what may be cut arrives all the same.
fn narrow(world: &mut World, room: usize) {
    world.net.drop_if = Box::new(move |delivery: &Delivery| {
        let around = if delivery.to.is_ipv4() { 28 } else { 48 };
        let is_control = delivery.bytes[0] == Kind::Control.byte();
        is_control && delivery.bytes.len() + around > room
    });
}

fn probes(world: &World) -> usize {
    let long =
        |seen: &&crate::net::Seen| seen.bytes[0] == Kind::Control.byte() && seen.bytes.len() > 1200;
    world.net.wire.iter().filter(long).count()
}

#[test]
fn a_wide_way_is_used_to_the_full() {
    let (mut world, camera) = talking(WanKind::Global);
    assert_eq!(arrive(&mut world, camera, 1000, 50), 50);
    assert_eq!(probes(&world), 0, "nobody needs to know");
    assert_eq!(arrive(&mut world, camera, 1440, 50), 50);
    assert_eq!(mtu(&world), Some(1440));
    assert_eq!(probes(&world), 2);
    assert!(told(&world).is_empty());
    assert_eq!(arrive(&mut world, camera, 1440, 200), 200);
    assert_eq!(probes(&world), 2, "it is known");
}

#[test]
fn who_sends_longer_packets_than_go_through_is_told_and_loses_none() {
    let (mut world, camera) = talking(WanKind::Global);
    narrow(&mut world, 1400);
    assert_eq!(arrive(&mut world, camera, 1440, 100), 100);
    assert_eq!(mtu(&world), Some(1340));
    let heard = told(&world);
    assert!(heard.len() > 10 && heard.iter().all(|mtu| *mtu == 1340));
    let before = heard.len();
    assert_eq!(arrive(&mut world, camera, 1340, 50), 50);
    assert_eq!(told(&world).len(), before);

    // Another line, and the same way: it is looked at again by and by.
    narrow(&mut world, 1500);
    world.run_for(Duration::from_secs(60));
    assert_eq!(arrive(&mut world, camera, 1340, 100), 100);
    assert_eq!(mtu(&world), Some(1440));
}

#[test]
fn what_ipv6_leaves_room_for_is_said_before_it_is_tried() {
    let (mut world, camera) = talking(WanKind::V6);
    narrow(&mut world, 1500);
    assert_eq!(arrive(&mut world, camera, 1440, 20), 20);
    assert_eq!(mtu(&world), Some(1420));
    assert!(told(&world).iter().all(|mtu| *mtu == 1420));
    assert!(!told(&world).is_empty());
}

#[test]
fn another_way_is_measured_anew() {
    let (mut world, camera) = talking(WanKind::Global);
    narrow(&mut world, 1400);
    arrive(&mut world, camera, 1440, 50);
    assert_eq!(mtu(&world), Some(1340));
    narrow(&mut world, 1480);
    world.plug(CAR, WanKind::V6);
    world.plug(HOME, WanKind::V6);
    world.run_for(Duration::from_secs(5));
    assert_eq!(arrive(&mut world, camera, 1400, 100), 100);
    assert_eq!(mtu(&world), Some(1400));
}
