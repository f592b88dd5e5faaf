//! Seals so many packets at one gateway, and opens them at the other if told to: `make bench-icount` counts the
//! instructions of runs of different length, and their difference is what a packet takes.
//!
//! `count-datapath CIPHER SEGMENTS PACKETS [open]`; CIPHER is chacha or aes, SEGMENTS how many packets the kernel hands over
//! at once.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "the scenarios' world is shared, and its clock starts somewhere"
)]

#[allow(dead_code, reason = "the scenarios use more of it")]
#[path = "../tests/sim/net.rs"]
mod net;
#[allow(dead_code, reason = "the scenarios use more of it")]
#[path = "../tests/sim/packets.rs"]
mod packets;
#[allow(dead_code, reason = "the scenarios use more of it")]
#[path = "../tests/sim/world.rs"]
mod world;

use ntm_gateway::Offload;
use ntm_proto::{Forward, Path};
use std::net::Ipv4Addr;
use std::time::Duration;
use world::{CAR, HOME, WanKind, World};

const PAYLOAD: usize = 1360;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words[at].parse::<usize>().expect("a number");
    let (segments, packets) = (number(1), number(2));
    let opens = words.get(3).is_some_and(|word| word == "open");

    let mut world = World::new(1, WanKind::Global, WanKind::Global);
    world.set_aes(HOME, words[0] == "aes");
    world.join(CAR, 10, "laptop");
    world.join(HOME, 20, "camera");
    world.run_for(Duration::from_secs(2));
    let camera = &world.sites[&HOME].gateway.devices()[0].vip4;
    let camera = camera.parse().expect("an identity");
    let from = Ipv4Addr::new(192, 168, 1, 10);
    let packet =
        |count: usize| packets::tcp(from, camera, 1, 1, 0x10, &vec![0x5a; PAYLOAD * count]);
    world.send_packet(CAR, &packet(1));
    world.run_for(Duration::from_secs(2));
    let offload = match segments {
        1 => Offload::default(),
        _ => Offload {
            segment: PAYLOAD as u16,
            checksum: Some((20, 16)),
        },
    };
    let packet = packet(segments);
    let (mut out, now) = (Vec::with_capacity(2 * 65_535), world.now);
    for _ in 0..packets / segments {
        out.clear();
        let car = &mut world.sites.get_mut(&CAR).expect("the car").gateway;
        let handled = car.handle_super_packet(&packet, offload, &mut out, now);
        let handled = handled.expect("a tunnel");
        let Forward::Udp(path) = handled.forward else {
            panic!("the tunnel is not up: {handled:?}")
        };
        let back = Path {
            local: path.remote,
            remote: path.local,
        };
        let home = &mut world.sites.get_mut(&HOME).expect("home").gateway;
        for datagram in out.chunks_mut(handled.length).filter(|_| opens) {
            let packet = home.handle_datagram(back, datagram, now);
            assert!(packet.expect("authentic").is_some());
        }
    }
}
