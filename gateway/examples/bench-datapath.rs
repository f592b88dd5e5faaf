//! Prints what one packet costs on its way out (translate, seal) and in (open, translate), through the whole machine,
//! next to the bare AEAD in the same run and to the papers' figures.
//!
//! `make bench-datapath`. Medians of eleven rounds; the machine is a shared one, so look at the ratios.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a benchmark reads the clock, prints, and shares the scenarios' world"
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

use ntm_proto::aead::BulkKey;
use ntm_proto::ip::checksum;
use ntm_proto::{Forward, Path};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use world::{CAR, HOME, WanKind, World};

const PACKET: usize = 1024;
const ROUNDS: usize = 11;
/// Fewer than the replay window, so that a whole round can be sealed first and opened after.
const BATCH: usize = 4000;
/// Seeds 001, table 2: one 1,024-byte packet, on 2 cores of 2.8 GHz.
const PAPER_SEND_NS: f64 = 3_116_000.0;
const PAPER_RECEIVE_NS: f64 = 3_106_000.0;

fn main() {
    let mut world = World::new(1, WanKind::Global, WanKind::Global);
    world.join(CAR, 10, "laptop");
    world.join(HOME, 20, "camera");
    world.run_for(Duration::from_secs(2));
    let camera = world.sites[&HOME].gateway.devices()[0]
        .vip4
        .parse()
        .expect("an identity");
    let packet = packet(Ipv4Addr::new(192, 168, 1, 10), camera);
    world.send_packet(CAR, &packet);
    world.run_for(Duration::from_secs(2));

    let (mut out_ns, mut in_ns) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (sent, received) = round(&mut world, &packet);
        out_ns.push(sent);
        in_ns.push(received);
    }
    let (bare_seal, bare_open) = bare();
    let (sealed, opened) = (median(&mut out_ns), median(&mut in_ns));
    println!(
        "one packet of {PACKET} bytes         here      bare AEAD  share   the papers (seeds 001, table 2)"
    );
    let row = |name, ours: f64, aead: f64, paper: f64| {
        let (share, times) = (aead / ours * 100.0, paper / ours);
        println!(
            "{name:<26} {ours:>8.0} ns {aead:>9.0} ns {share:>5.0} %   {paper:>9.0} ns, {times:.0} times ours"
        );
    };
    row("out: translate and seal", sealed, bare_seal, PAPER_SEND_NS);
    row(
        "in: open and translate",
        opened,
        bare_open,
        PAPER_RECEIVE_NS,
    );
    println!(
        "{{\"bench\":\"datapath\",\"bytes\":{PACKET},\"seal_ns\":{sealed:.0},\"open_ns\":{opened:.0},\
         \"aead_seal_ns\":{bare_seal:.0},\"aead_open_ns\":{bare_open:.0},\
         \"paper_send_ns\":{PAPER_SEND_NS},\"paper_receive_ns\":{PAPER_RECEIVE_NS}}}"
    );
}

/// Seals a batch at one gateway, opens it at the other; nanoseconds per packet of each.
fn round(world: &mut World, packet: &[u8]) -> (f64, f64) {
    let now = world.now;
    let mut datagrams = Vec::with_capacity(BATCH);
    let mut out = Vec::with_capacity(2048);
    let car = &mut world.sites.get_mut(&CAR).expect("the car").gateway;
    let mut route = None;
    let mut sealing = Duration::ZERO;
    for _ in 0..BATCH {
        let start = Instant::now();
        let forward = car.handle_packet(packet, &mut out, now).expect("a tunnel");
        sealing += start.elapsed();
        let Forward::Udp(path) = forward else {
            panic!("the tunnel is not up: {forward:?}")
        };
        route = Some(path);
        datagrams.push(out.clone());
    }
    let route: Path = route.expect("at least one packet");
    let back = Path {
        local: route.remote,
        remote: route.local,
    };
    let home = &mut world.sites.get_mut(&HOME).expect("home").gateway;
    let start = Instant::now();
    for datagram in &datagrams {
        let forward = home
            .handle_datagram(back, datagram, &mut out, now)
            .expect("authentic");
        assert_eq!(forward, Forward::Tun);
    }
    let opening = start.elapsed();
    // Time goes on a little, so that challenges are answered and the tunnel stays up.
    world.run_for(Duration::from_millis(50));
    (per_packet(sealing), per_packet(opening))
}

/// The AEAD alone on as many bytes.
fn bare() -> (f64, f64) {
    let key = BulkKey::new(&[7; 32]);
    let (mut seal, mut open) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut texts = vec![vec![0x5a; PACKET]; BATCH];
        let mut tags = Vec::with_capacity(BATCH);
        let start = Instant::now();
        for (counter, text) in texts.iter_mut().enumerate() {
            tags.push(key.seal(counter as u64, &[0; 16], text));
        }
        seal.push(per_packet(start.elapsed()));
        let mut sealed = texts;
        for (text, tag) in sealed.iter_mut().zip(&tags) {
            text.extend_from_slice(tag);
        }
        let start = Instant::now();
        for (counter, text) in sealed.iter_mut().enumerate() {
            assert_eq!(key.open(counter as u64, &[0; 16], text), Some(PACKET));
        }
        open.push(per_packet(start.elapsed()));
    }
    (median(&mut seal), median(&mut open))
}

fn packet(from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let mut packet = packets::udp(from, to, 0);
    packet.resize(PACKET, 0x5a);
    let (total, length) = (PACKET as u16, (PACKET - 20) as u16);
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[24..26].copy_from_slice(&length.to_be_bytes());
    packet[10..12].fill(0);
    let sum = checksum(&packet[..20], 0);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet
}

fn per_packet(time: Duration) -> f64 {
    time.as_nanos() as f64 / BATCH as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
