//! Super-packets, against the packets they stand for.

use crate::net::Mapping;
use crate::packets::{tcp, udp};
use crate::scenarios::{CAMERA_NAME, LAPTOP, SECOND, lan, settled};
use crate::world::{CAR, HOME, WanKind, World};
use ntm_gateway::{Offload, Reject};
use ntm_proto::ip::checksum;
use std::net::Ipv4Addr;

const SEGMENT: usize = 1300;

/// A world whose laptop and camera talk, and the camera's address; with AES at both ends, or at one.
fn talking(aes: bool) -> (World, Ipv4Addr) {
    let mut world = settled(1, WanKind::Global, WanKind::Global);
    world.set_aes(HOME, aes);
    world.run_for(2 * SECOND);
    world.resolve(CAR, 1, LAPTOP, CAMERA_NAME);
    assert!(world.run_until(6 * SECOND, |world| !world.sites[&CAR].answers.is_empty()));
    let camera = world.sites[&CAR].answers[&1].clone().expect("its identity");
    world.send_packet(CAR, &udp(lan(LAPTOP), camera.vip4, 0));
    world.run_for(2 * SECOND);
    assert_eq!(delivered(&mut world).len(), 1);
    let tunnel = &world.sites[&CAR].gateway.tunnels(world.now)[0];
    let cipher = if aes {
        "AES-256-GCM"
    } else {
        "ChaCha20-Poly1305"
    };
    assert_eq!(tunnel.cipher.as_deref(), Some(cipher));
    (world, camera.vip4)
}

fn delivered(world: &mut World) -> Vec<Vec<u8>> {
    let site = world.sites.get_mut(&HOME).expect("home");
    std::mem::take(&mut site.delivered)
}

/// The packets of a stream, and the super-packet that stands for them, as the kernel hands it over.
fn stream(is_tcp: bool, to: Ipv4Addr, count: usize, last: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
    let length = |n| if n + 1 == count { last } else { SEGMENT };
    let payload = |n: usize| vec![n as u8 ^ 0x5a; length(n)];
    let from = lan(LAPTOP);
    let make = |n: usize, id: u16, payload: &[u8], flags| match is_tcp {
        true => tcp(from, to, id, (n * SEGMENT) as u32, flags, payload),
        false => udp_of(from, to, id, payload),
    };
    // The first says CWR, the last FIN and PSH; the super-packet says it all.
    let flags = |n| 0x10 | if n == 0 { 0x80 } else { 0 } | if n + 1 == count { 0x09 } else { 0 };
    let packets = (0..count).map(|n| make(n, 100 + n as u16, &payload(n), flags(n)));
    let whole: Vec<u8> = (0..count).flat_map(payload).collect();
    let mut super_packet = make(0, 100, &whole, 0x99);
    // The kernel leaves the checksum to whoever cuts: the sum of the pseudo header is there, of the whole length.
    let at = if is_tcp { 36 } else { 26 };
    let pseudo = u32::from(!checksum(&super_packet[12..20], 0))
        + u32::from(super_packet[9])
        + super_packet.len() as u32
        - 20;
    super_packet[at..at + 2].copy_from_slice(&(!checksum(&[], pseudo)).to_be_bytes());
    (packets.collect(), super_packet)
}

fn udp_of(from: Ipv4Addr, to: Ipv4Addr, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = udp(from, to, 0);
    packet.truncate(28);
    packet.extend(payload);
    let total = (packet.len() as u16).to_be_bytes();
    packet[2..4].copy_from_slice(&total);
    packet[4..6].copy_from_slice(&id.to_be_bytes());
    packet[24..26].copy_from_slice(&(payload.len() as u16 + 8).to_be_bytes());
    crate::packets::fill_checksums(&mut packet);
    packet
}

fn offload(is_tcp: bool) -> Offload {
    Offload {
        segment: SEGMENT as u16,
        checksum: Some((20, if is_tcp { 16 } else { 6 })),
    }
}

#[test]
fn a_super_packet_arrives_as_the_packets_it_stands_for() {
    for aes in [false, true] {
        let (mut world, camera) = talking(aes);
        for (is_tcp, count, last) in [
            (true, 40, SEGMENT),
            (true, 7, 1),
            (true, 1, 900),
            (false, 40, 77),
            (false, 2, SEGMENT),
        ] {
            let (packets, super_packet) = stream(is_tcp, camera, count, last);
            for packet in &packets {
                world.send_packet(CAR, packet);
            }
            world.run_for(SECOND);
            let one_by_one = delivered(&mut world);
            assert_eq!(one_by_one.len(), count);
            world
                .send_super_packet(CAR, &super_packet, offload(is_tcp))
                .expect("it can be cut");
            world.run_for(SECOND);
            assert_eq!(delivered(&mut world), one_by_one);
        }
    }
}

#[test]
fn what_the_kernel_left_to_be_done_to_a_single_packet_is_done() {
    let (mut world, camera) = talking(false);
    let (packets, whole) = stream(true, camera, 1, 500);
    world.send_packet(CAR, &packets[0]);
    let one = Offload {
        segment: 0,
        ..offload(true)
    };
    world.send_super_packet(CAR, &whole, one).expect("a packet");
    world.run_for(SECOND);
    let got = delivered(&mut world);
    assert_eq!((got.len(), &got[0]), (2, &got[1]));
}

#[test]
fn what_cannot_be_cut_is_refused_and_counted() {
    let (mut world, camera) = talking(false);
    let (_, good) = stream(true, camera, 3, 100);
    let mut cases = Vec::new();
    let mut fragment = good.clone();
    fragment[6] = 0x20;
    cases.push((fragment, 1300));
    let mut other = good.clone();
    other[9] = 47;
    cases.push((other, 1300));
    let mut header = good.clone();
    header[32] = 0x40;
    cases.push((header, 1300));
    header = good.clone();
    header[32] = 0xf0;
    header.truncate(70);
    header[2..4].copy_from_slice(&70u16.to_be_bytes());
    cases.push((header, 10));
    // Too many, and none at all.
    cases.push((good.clone(), 1));
    let mut empty = good[..40].to_vec();
    empty[2..4].copy_from_slice(&40u16.to_be_bytes());
    cases.push((empty, 1300));
    for (packet, segment) in &cases {
        let offload = Offload {
            segment: *segment,
            checksum: Some((20, 16)),
        };
        let sent = world.send_super_packet(CAR, packet, offload);
        assert_eq!(sent, Err(Reject::SuperPacket));
    }
    let rejects = world.sites[&CAR].gateway.rejects();
    assert_eq!(rejects[&Reject::SuperPacket], cases.len() as u64);
    // A checksum whose place is not in the packet stays as it is.
    let strange = Offload {
        segment: 0,
        checksum: Some((65_000, 1000)),
    };
    world
        .send_super_packet(CAR, &good, strange)
        .expect("a packet like any other");
    world.run_for(SECOND);
    assert_eq!(delivered(&mut world).len(), 1);
}

#[test]
fn a_super_packet_waits_for_the_direction_piece_by_piece() {
    let mut world = settled(1, WanKind::Global, WanKind::Global);
    let camera = world.sites[&HOME].gateway.devices()[0]
        .vip4
        .parse()
        .expect("its address");
    let (packets, super_packet) = stream(true, camera, 5, 10);
    world
        .send_super_packet(CAR, &super_packet, offload(true))
        .expect("it waits");
    world.run_for(5 * SECOND);
    let waited = delivered(&mut world);
    for packet in &packets {
        world.send_packet(CAR, packet);
    }
    world.run_for(SECOND);
    assert_eq!(waited, delivered(&mut world));
}

#[test]
fn of_a_super_packet_some_may_leave_on_credit_and_the_rest_when_the_way_is_sure() {
    let (mut world, camera) = talking(false);
    world.plug(CAR, WanKind::Nat(Mapping::EndpointIndependent));
    let (packets, super_packet) = stream(false, camera, 46, 1000);
    for _ in 0..3 {
        world
            .send_super_packet(CAR, &super_packet, offload(false))
            .expect("some leave, some wait");
    }
    world.run_for(3 * SECOND);
    let got = delivered(&mut world);
    for packet in &packets {
        world.send_packet(CAR, packet);
    }
    world.run_for(SECOND);
    let once = delivered(&mut world);
    assert_eq!(once.len(), packets.len());
    // 128 KiB go on credit, and of the others 64 KiB are held: all but a few of 3 times 46.
    assert!(got.len() > 120, "{} arrived", got.len());
    for packet in &once {
        let copies = got.iter().filter(|it| *it == packet).count();
        assert!((1..=3).contains(&copies), "{copies} copies of one");
    }
    assert!(got.iter().all(|packet| once.contains(packet)));
}
