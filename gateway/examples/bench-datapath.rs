//! Prints what one packet costs on its way out (translate, seal) and in (open, translate), through the whole machine: by
//! itself, and as one of a super-packet's. Next to the bare AEAD in the same run, and to the papers' figures.
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

use ntm_gateway::Offload;
use ntm_proto::aead::{BulkKey, Cipher};
use ntm_proto::{Forward, Path};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use world::{CAR, HOME, WanKind, World};

/// Bytes of an inner packet, with its headers.
const PACKET: usize = 1400;
/// IPv4 and TCP without options.
const HEADERS: usize = 40;
/// How many packets a super-packet stands for.
const SEGMENTS: usize = 46;
const ROUNDS: usize = 11;
/// Fewer than the replay window, so that a whole round can be sealed first and opened after.
const BATCH: usize = 80 * SEGMENTS;
/// Seeds 001, table 2: one 1,024-byte packet, on 2 cores of 2.8 GHz.
const PAPER_SEND_NS: f64 = 3_116_000.0;
const PAPER_RECEIVE_NS: f64 = 3_106_000.0;

/// Nanoseconds per packet.
struct Cost {
    name: &'static str,
    seal: f64,
    open: f64,
}

fn main() {
    println!(
        "ns for a packet of {PACKET} bytes     out: translate, seal   bare AEAD  share    in: open, translate   bare AEAD  share"
    );
    let mut json = Vec::new();
    for cipher in [Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm] {
        let bare = bare(cipher);
        for cost in through_the_machine(cipher) {
            let share = |ours: f64, aead: f64| aead / ours * 100.0;
            println!(
                "{:<34} {:>18.0} {:>11.0} {:>5.0} % {:>21.0} {:>11.0} {:>5.0} %",
                format!("{} {}", cipher.name(), cost.name),
                cost.seal,
                bare.0,
                share(cost.seal, bare.0),
                cost.open,
                bare.1,
                share(cost.open, bare.1)
            );
            json.push(format!(
                "{{\"cipher\":\"{}\",\"as\":\"{}\",\"seal_ns\":{:.0},\"open_ns\":{:.0},\"aead_seal_ns\":{:.0},\"aead_open_ns\":{:.0}}}",
                cipher.name(), cost.name, cost.seal, cost.open, bare.0, bare.1
            ));
        }
    }
    println!(
        "the papers (seeds 001, table 2): {PAPER_SEND_NS:.0} out, {PAPER_RECEIVE_NS:.0} in, 1,024 bytes"
    );
    println!(
        "{{\"bench\":\"datapath\",\"bytes\":{PACKET},\"rows\":[{}]}}",
        json.join(",")
    );
}

fn through_the_machine(cipher: Cipher) -> [Cost; 2] {
    let mut world = World::new(1, WanKind::Global, WanKind::Global);
    world.set_aes(HOME, cipher == Cipher::Aes256Gcm);
    world.join(CAR, 10, "laptop");
    world.join(HOME, 20, "camera");
    world.run_for(Duration::from_secs(2));
    let camera = world.sites[&HOME].gateway.devices()[0]
        .vip4
        .parse()
        .expect("an identity");
    let packet = |payload: usize| {
        let from = Ipv4Addr::new(192, 168, 1, 10);
        packets::tcp(from, camera, 1, 1, 0x10, &vec![0x5a; payload])
    };
    let single = packet(PACKET - HEADERS);
    world.send_packet(CAR, &single);
    world.run_for(Duration::from_secs(2));
    let sealed_by = world.sites[&CAR].gateway.tunnels(world.now)[0]
        .cipher
        .clone();
    assert_eq!(sealed_by.as_deref(), Some(cipher.name()));
    let whole = packet((PACKET - HEADERS) * SEGMENTS);
    let cut = Offload {
        segment: (PACKET - HEADERS) as u16,
        checksum: Some((20, 16)),
    };
    [
        ("by itself", single, Offload::default()),
        ("one of many", whole, cut),
    ]
    .map(|(name, packet, offload)| {
        let rounds = (0..ROUNDS).map(|_| round(&mut world, &packet, offload));
        let (mut seal, mut open): (Vec<_>, Vec<_>) = rounds.unzip();
        Cost {
            name,
            seal: median(&mut seal),
            open: median(&mut open),
        }
    })
}

/// Seals a batch at one gateway, opens it at the other; nanoseconds per packet of each.
fn round(world: &mut World, packet: &[u8], offload: Offload) -> (f64, f64) {
    let now = world.now;
    let mut trains = Vec::with_capacity(BATCH);
    let car = &mut world.sites.get_mut(&CAR).expect("the car").gateway;
    let (mut route, mut count) = (None, 0);
    let mut sealing = Duration::ZERO;
    // The shell's is used again and again, too.
    let mut out = Vec::with_capacity(2 * 65_535);
    while count < BATCH {
        out.clear();
        let start = Instant::now();
        let handled = car.handle_super_packet(packet, offload, &mut out, now);
        sealing += start.elapsed();
        let handled = handled.expect("a tunnel");
        let Forward::Udp(path) = handled.forward else {
            panic!("the tunnel is not up: {handled:?}")
        };
        route = Some(path);
        count += out.len().div_ceil(handled.length);
        trains.push((out.clone(), handled.length));
    }
    let route: Path = route.expect("at least one packet");
    let back = Path {
        local: route.remote,
        remote: route.local,
    };
    let home = &mut world.sites.get_mut(&HOME).expect("home").gateway;
    let mut opening = Duration::ZERO;
    for (train, length) in &mut trains {
        // What was received a moment ago is in the cache.
        out.clear();
        out.extend_from_slice(train);
        let start = Instant::now();
        for datagram in out.chunks_mut(*length) {
            let packet = home.handle_datagram(back, datagram, now);
            assert!(packet.expect("authentic").is_some());
        }
        opening += start.elapsed();
    }
    // Time goes on a little, so that challenges are answered and the tunnel stays up.
    world.run_for(Duration::from_millis(50));
    (per_packet(sealing, count), per_packet(opening, count))
}

/// The AEAD alone on as many bytes, in a buffer that is used again.
fn bare(cipher: Cipher) -> (f64, f64) {
    let key = BulkKey::new(cipher, &[7; 32]);
    let (mut seal, mut open) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut text = vec![0x5a; PACKET];
        let start = Instant::now();
        for counter in 0..BATCH {
            std::hint::black_box(key.seal(counter as u64, &[0; 16], &mut text));
        }
        seal.push(per_packet(start.elapsed(), BATCH));
        let tag = key.seal(0, &[0; 16], &mut text);
        text.extend_from_slice(&tag);
        let mut spent = Duration::ZERO;
        let mut copy = text.clone();
        for _ in 0..BATCH {
            copy.copy_from_slice(&text);
            let start = Instant::now();
            assert_eq!(key.open(0, &[0; 16], &mut copy), Some(PACKET));
            spent += start.elapsed();
        }
        open.push(per_packet(spent, BATCH));
    }
    (median(&mut seal), median(&mut open))
}

fn per_packet(time: Duration, count: usize) -> f64 {
    time.as_nanos() as f64 / count as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
