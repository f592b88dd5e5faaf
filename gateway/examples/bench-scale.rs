//! Prints what a packet costs a gateway with a thousand tunnels and a hundred thousand flows next to one with one of each,
//! and what memory a peer and a device take.
//!
//! `make bench-scale`. Medians of eleven rounds that take turns; the machine is a shared one, so look at the ratios.
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

use ntm_gateway::Gateway;
use ntm_proto::Forward;
use std::alloc::{GlobalAlloc, Layout, System};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::{Duration, Instant};
use world::{CAR, HOME, World};

const TUNNELS: usize = 1000;
const FLOWS: usize = 100_000;
/// Devices of the gateway that is looked at.
const DEVICES: u8 = 20;
/// The device of each of the other gateways, on its LAN.
const CAMERA: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 20);
const ROUNDS: usize = 11;
/// Packets of a round.
const BATCH: usize = 20_000;
/// Bytes of an inner packet, with its headers: many small ones are the hardest.
const LENGTHS: [usize; 2] = [200, 1400];
/// What is aimed at: growth of the cost in per cent, bytes of a peer and of a device.
const AIMS: (f64, usize, usize) = (10.0, 8 << 10, 4 << 10);

/// Counts the bytes that are in use.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: all is the system's allocator's; only a number is kept beside.
#[expect(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The two devices that talk by a tunnel.
#[derive(Clone, Copy)]
struct Pair {
    /// Ours, as it is on the LAN.
    lan: Ipv4Addr,
    ours: Ipv4Addr,
    theirs: Ipv4Addr,
}

/// A gateway with tunnels, and packets to send by them.
struct Scene {
    world: World,
    pairs: Vec<Pair>,
    flows: usize,
    dice: u64,
}

/// Nanoseconds a packet, out and in.
type Cost = [f64; 2];

fn main() {
    println!("one gateway, {DEVICES} devices; ns a packet");
    let mut few = Scene::new(1, 1);
    let mut many = Scene::new(TUNNELS, FLOWS);
    let mut json = Vec::new();
    for length in LENGTHS {
        let mut costs: [[Vec<f64>; 2]; 2] = Default::default();
        for _ in 0..ROUNDS {
            for (scene, costs) in [&mut few, &mut many].into_iter().zip(&mut costs) {
                for (cost, all) in scene.round(length).into_iter().zip(costs) {
                    all.push(cost);
                }
            }
        }
        let [one, thousand] = costs.map(|both| both.map(|mut all| median(&mut all)));
        for (way, (one, thousand)) in ["out", "in"].iter().zip(one.iter().zip(&thousand)) {
            let growth = (thousand / one - 1.0) * 100.0;
            println!(
                "{length:>5} bytes {way:<4} 1 tunnel, 1 flow: {one:>6.0}   {TUNNELS} tunnels, {FLOWS} flows: {thousand:>6.0}   {growth:>+4.0} % (aim {:.0})",
                AIMS.0
            );
            json.push(format!(
                "{{\"bytes\":{length},\"way\":\"{way}\",\"one_ns\":{one:.0},\"many_ns\":{thousand:.0},\"growth_percent\":{growth:.1}}}"
            ));
        }
    }
    let kept = many.world.sites[&CAR].gateway.held().bytes;
    let loaded = weight(&mut many.world);
    let mut quiet = Scene::new(TUNNELS, FLOWS);
    // What was kept to be sent again is given back.
    quiet.world.run_for(Duration::from_secs(240));
    let tunnels = weight(&mut quiet.world);
    let devices = weight(&mut lan(0, DEVICES));
    let bare = weight(&mut lan(0, 0));
    // Of one that has just had traffic; what all keep to send it again is bounded for itself.
    let peer = loaded.saturating_sub(devices + kept) / TUNNELS;
    let device = devices.saturating_sub(bare) / usize::from(DEVICES);
    println!(
        "memory of a peer: {peer} bytes (aim {}), of a device: {device} (aim {})",
        AIMS.1, AIMS.2
    );
    println!(
        "of it all: {bare} bytes with nothing, {devices} with the devices, {tunnels} with the tunnels, idle; {loaded} under load, of which {kept} kept to be sent again"
    );
    println!(
        "{{\"bench\":\"scale\",\"tunnels\":{TUNNELS},\"flows\":{FLOWS},\"rows\":[{}],\"peer_bytes\":{peer},\"device_bytes\":{device},\"loaded_bytes\":{loaded}}}",
        json.join(",")
    );
}

/// A world of so many homes with a device each, and so many devices behind the car; all registered.
fn lan(homes: usize, devices: u8) -> World {
    let mut world = World::crowd(1, homes);
    for device in 0..devices {
        world.join(CAR, 10 + device, &format!("device-{device}"));
    }
    for home in 0..homes {
        world.join(HOME + home, 20, &format!("camera-{home}"));
    }
    // The DC takes only so many registrations a second from strangers.
    world.run_for(Duration::from_secs(60));
    world
}

/// What the car's gateway has in memory: what is free again without it.
fn weight(world: &mut World) -> usize {
    let site = world.sites.get_mut(&CAR).unwrap();
    let empty = Gateway::new(site.setup.clone(), [1; 32], world.now);
    let before = LIVE.load(Ordering::Relaxed);
    let gateway = std::mem::replace(&mut site.gateway, empty);
    drop(gateway);
    let freed = before - LIVE.load(Ordering::Relaxed);
    usize::try_from(freed).unwrap() + size_of::<Gateway>()
}

impl Scene {
    fn new(tunnels: usize, flows: usize) -> Self {
        let mut world = lan(tunnels, DEVICES);
        let mut pairs = Vec::new();
        for home in 0..tunnels {
            let lan = Ipv4Addr::new(192, 168, 1, 10 + (home % usize::from(DEVICES)) as u8);
            let pair = Pair {
                lan,
                ours: virtual_of(&world, CAR, lan),
                theirs: virtual_of(&world, HOME + home, CAMERA),
            };
            pairs.push(pair);
            world.send_packet(CAR, &packets::tcp(lan, pair.theirs, 1, 1, 0x10, b"first"));
            world.run_for(Duration::from_millis(30));
        }
        world.run_for(Duration::from_secs(2));
        let up = world.sites[&CAR].gateway.tunnels(world.now);
        let up = up.iter().filter(|tunnel| tunnel.state == "up").count();
        assert_eq!(up, tunnels, "every tunnel is up");
        Self {
            world,
            pairs,
            flows,
            dice: 1,
        }
    }

    /// A packet of one of the flows, whichever, and its tunnel.
    fn packet(&mut self, length: usize) -> (usize, Vec<u8>) {
        // Knuth's multiplier (MMIX); the upper bits are the good ones.
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let flow = (self.dice >> 33) as usize % self.flows;
        let tunnel = flow % self.pairs.len();
        let Pair { lan, theirs, .. } = self.pairs[tunnel];
        let mut packet = packets::tcp(lan, theirs, 1, 1, 0x10, &vec![0x5a; length - 40]);
        let port = 1024 + (flow / self.pairs.len()) as u16;
        packet[20..22].copy_from_slice(&port.to_be_bytes());
        (tunnel, packet)
    }

    /// Packets out by the car, and the answers in; nanoseconds each.
    fn round(&mut self, length: usize) -> Cost {
        let packets: Vec<_> = (0..BATCH).map(|_| self.packet(length)).collect();
        let now = self.world.now;
        let mut out = Vec::with_capacity(2048);
        let mut sealing = Duration::ZERO;
        let mut ways = Vec::with_capacity(BATCH);
        let car = &mut self.world.sites.get_mut(&CAR).unwrap().gateway;
        for (_, packet) in &packets {
            let start = Instant::now();
            let forward = car.handle_packet(packet, &mut out, now);
            sealing += start.elapsed();
            let Ok(Forward::Udp(path)) = forward else {
                panic!("the tunnel is not up: {forward:?}")
            };
            ways.push(path);
        }
        let tunnels = packets.iter().map(|(tunnel, _)| *tunnel);
        let mut answers: Vec<_> = tunnels
            .zip(ways)
            .map(|(tunnel, way)| (way, self.answer(tunnel, length)))
            .collect();
        let mut opening = Duration::ZERO;
        let car = &mut self.world.sites.get_mut(&CAR).unwrap().gateway;
        for (path, datagram) in &mut answers {
            let start = Instant::now();
            let packet = car.handle_datagram(*path, datagram, now);
            opening += start.elapsed();
            assert!(packet.expect("authentic").is_some());
        }
        // Time goes on a little, so that challenges are answered and the tunnels stay up.
        self.world.run_for(Duration::from_millis(500));
        [sealing, opening].map(|time| time.as_nanos() as f64 / BATCH as f64)
    }

    /// What the home at the other end would answer, sealed.
    fn answer(&mut self, tunnel: usize, length: usize) -> Vec<u8> {
        let packet = packets::tcp(
            CAMERA,
            self.pairs[tunnel].ours,
            1,
            1,
            0x10,
            &vec![0x5a; length - 40],
        );
        let now = self.world.now;
        let home = &mut self.world.sites.get_mut(&(HOME + tunnel)).unwrap().gateway;
        let mut datagram = Vec::new();
        let forward = home.handle_packet(&packet, &mut datagram, now);
        assert!(matches!(forward, Ok(Forward::Udp(_))), "{forward:?}");
        datagram
    }
}

/// The virtual address that the DC gave to the device at `lan`.
fn virtual_of(world: &World, site: usize, lan: Ipv4Addr) -> Ipv4Addr {
    let devices = world.sites[&site].gateway.devices();
    let found = devices
        .iter()
        .find(|device| device.lan_address == lan.to_string());
    found.unwrap().vip4.parse().expect("an identity")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
