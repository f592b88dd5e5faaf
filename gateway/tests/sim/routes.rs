//! What happens to routes that change, break or idle.

use crate::invariants::check;
use crate::net::Mapping::{AddressAndPortDependent, EndpointIndependent};
use crate::packets::{number, udp};
use crate::scenarios::{
    CAMERA, CAMERA_NAME, LAPTOP, SECOND, lan, path_of, settled, until_whole, vip,
};
use crate::world::{CAR, HOME, WanKind, World};
use std::cell::Cell;
use std::net::IpAddr;
use std::time::Duration;

const NAT: WanKind = WanKind::Nat(EndpointIndependent);
const SYMMETRIC: WanKind = WanKind::Nat(AddressAndPortDependent);

/// A world whose two gateways are behind NATs and have found a direct way.
fn punched(seed: u8) -> World {
    let mut world = settled(seed, NAT, NAT);
    until_whole(&mut world, 5 * SECOND, 1);
    for next in 500..600 {
        chat(&mut world, next);
    }
    for site in [CAR, HOME] {
        assert_eq!(path_of(&world, site), "direct");
    }
    world
}

/// One packet each way, and a moment.
pub(crate) fn chat(world: &mut World, next: u32) {
    let (laptop, camera) = (vip(world, CAR), vip(world, HOME));
    world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
    world.send_packet(HOME, &udp(lan(CAMERA), laptop, next));
    world.run_for(Duration::from_millis(50));
}

/// How often the clock stops within `span`.
fn steps(world: &mut World, span: Duration) -> u32 {
    let steps = Cell::new(0);
    world.run_until(span, |_| {
        steps.set(steps.get() + 1);
        false
    });
    steps.get()
}

#[test]
fn an_idle_tunnel_whose_direct_way_broke_is_back_soon_by_the_relay() {
    for idle in [70, 150, 400, 560] {
        let mut world = punched(101);
        world.run_for(Duration::from_secs(idle));
        let direct: Vec<IpAddr> = world.net.nats.iter().map(|nat| nat.outside).collect();
        // A delivery behind a NAT is known by who sent it.
        world.net.drop_if = Box::new(move |delivery| {
            direct.contains(&delivery.from.ip()) && delivery.to.ip().to_string() == "10.0.0.2"
        });
        let camera = vip(&world, HOME);
        let (start, before) = (world.now, world.sites[&HOME].delivered.len());
        let mut next = 1000;
        while world.sites[&HOME].delivered.len() == before && world.now - start < 130 * SECOND {
            world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
            next += 1;
            world.run_for(Duration::from_millis(50));
        }
        let took = world.now - start;
        assert!(took < 4 * SECOND, "idle for {idle} s: {took:?}");
        for next in 5000..5060 {
            chat(&mut world, next);
        }
        for site in [CAR, HOME] {
            assert_eq!(path_of(&world, site), "relay", "idle for {idle} s");
        }
        check(&world);
    }
}

#[test]
fn one_way_traffic_on_a_good_way_troubles_neither_the_relay_nor_the_other_ways() {
    let mut world = punched(102);
    let camera = vip(&world, HOME);
    let before = world.net.wire.len();
    for next in 1000..2000 {
        world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
        world.run_for(Duration::from_millis(50));
    }
    let relay: IpAddr = "203.0.113.20".parse().unwrap();
    let to_relay = world.net.wire[before..]
        .iter()
        .filter(|seen| seen.to.ip() == relay)
        .count();
    assert!(to_relay < 30, "{to_relay} datagrams to the relay in 50 s");
    let all = world.net.wire[before..].len();
    assert!(all < 1600, "{all} datagrams for 1000 packets");
}

#[test]
fn no_timer_spins_while_a_peer_cannot_be_reached() {
    for kind in [NAT, SYMMETRIC, WanKind::Global] {
        let mut world = settled(103, kind, kind);
        // The control link works, and nothing between the gateways or through the relay does.
        world.net.drop_if = Box::new(|delivery| {
            let dc: IpAddr = "203.0.113.10".parse().unwrap();
            delivery.from.ip() != dc && delivery.to.ip() != dc
        });
        let camera = vip(&world, HOME);
        for next in 0..20 {
            world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
            let steps = steps(&mut world, SECOND);
            assert!(steps < 60, "{kind:?}: {steps} steps in second {next}");
        }
    }
}

#[test]
fn a_ping_does_not_spin_when_the_tunnel_goes_down_under_it() {
    let mut world = settled(104, NAT, WanKind::Global);
    until_whole(&mut world, 5 * SECOND, 1);
    world.ping(CAR, 6, CAMERA_NAME);
    world.run_for(5 * SECOND);
    assert!(world.sites[&CAR].pongs[&6].is_ok());
    world.net.drop_if = Box::new(|_| true);
    let camera = vip(&world, HOME);
    world.ping(CAR, 7, CAMERA_NAME);
    for next in 1000..1120 {
        world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
        let steps = steps(&mut world, Duration::from_millis(50));
        assert!(steps < 60, "{steps} steps in 50 ms");
    }
    assert!(world.sites[&CAR].pongs[&7].is_err());
}

#[test]
fn a_direct_way_that_breaks_in_one_direction_is_left_by_both() {
    for (seed, victim) in [(105, CAR), (106, HOME)] {
        for both_speak in [true, false] {
            let mut world = punched(seed);
            // Nothing from the other NAT reaches the victim.
            let foreign: Vec<IpAddr> = world.net.nats.iter().map(|nat| nat.outside).collect();
            let from = foreign[if victim == CAR { 1 } else { 0 }];
            world.net.drop_if = Box::new(move |delivery| {
                delivery.from.ip() == from && delivery.to.ip().to_string() == "10.0.0.2"
            });
            let (laptop, camera) = (vip(&world, CAR), vip(&world, HOME));
            let start = world.now;
            let before = world.sites[&HOME].delivered.len();
            let mut next = 1000;
            let mut arrived = before;
            while world.now - start < 10 * SECOND {
                world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
                if both_speak {
                    world.send_packet(HOME, &udp(lan(CAMERA), laptop, next));
                }
                next += 1;
                world.run_for(Duration::from_millis(50));
                if world.now - start < 3 * SECOND {
                    arrived = world.sites[&HOME].delivered.len();
                }
            }
            let got = world.sites[&HOME].delivered.len() - arrived;
            assert!(
                got > 130,
                "to {victim}, {both_speak}: {got} of 140 packets after three seconds"
            );
            check(&world);
        }
    }
}

#[test]
fn packets_that_wait_outlive_a_new_tunnel_to_the_same_gateway() {
    let mut world = settled(107, SYMMETRIC, SYMMETRIC);
    until_whole(&mut world, 5 * SECOND, 1);
    // Both forget all: who asks when the DC is found again gets a new tunnel.
    world.restart_dc();
    world.restart_relay();
    let camera = vip(&world, HOME);
    let before = world.sites[&HOME].delivered.len();
    // Long enough to find that the way is lost; what leaves until then is gone.
    for next in 1000..1040 {
        world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
        world.run_for(Duration::from_millis(50));
        if path_of(&world, CAR) == "none" {
            break;
        }
    }
    assert_eq!(path_of(&world, CAR), "none");
    for next in 2000..2010 {
        world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
    }
    world.run_for(10 * SECOND);
    let arrived = world.sites[&HOME].delivered[before..].iter();
    let held = arrived.filter(|packet| (2000..2010).contains(&number(packet)));
    assert_eq!(held.count(), 10);
    check(&world);
}

/// The direct way between the two gateways carries nothing from the car, from home.
fn cut(world: &mut World, dead: [bool; 2]) {
    let nat = world.net.nats[0].outside;
    let servers: [IpAddr; 2] = ["203.0.113.10", "203.0.113.20"].map(|ip| ip.parse().unwrap());
    world.net.drop_if = Box::new(move |delivery| {
        let direct = !servers.contains(&delivery.from.ip()) && !servers.contains(&delivery.to.ip());
        let from_car = delivery.from.ip() == nat;
        direct && dead[usize::from(!from_car)]
    });
}

#[test]
fn a_direct_way_that_breaks_again_and_again_is_left_each_time() {
    for offset in [0, 5] {
        let mut world = settled(120, NAT, WanKind::Global);
        until_whole(&mut world, 5 * SECOND, 1);
        let mut next = 1000;
        let (laptop, camera) = (vip(&world, CAR), vip(&world, HOME));
        let mut talk = |world: &mut World, until: &dyn Fn(&World) -> bool, most: u64| {
            let end = world.now + Duration::from_secs(most);
            while world.now < end {
                world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
                let before = world.sites[&HOME].delivered.len();
                world.run_for(Duration::from_millis(5));
                for _ in before..world.sites[&HOME].delivered.len() {
                    world.send_packet(HOME, &udp(lan(CAMERA), laptop, next));
                }
                if next % 40 == 0 {
                    world.send_packet(HOME, &udp(lan(CAMERA), laptop, next));
                }
                next += 1;
                if until(world) {
                    return true;
                }
            }
            false
        };
        let both = |path: &'static str| {
            move |world: &World| [CAR, HOME].iter().all(|site| path_of(world, *site) == path)
        };
        talk(&mut world, &|_| false, 3);
        for round in 0..3 {
            let dead = [[true, false], [false, true], [true, true]][round];
            cut(&mut world, dead);
            let left = talk(&mut world, &both("relay"), 10);
            let seen = [CAR, HOME].map(|site| world.sites[&site].gateway.tunnels(world.now));
            assert!(left, "offset {offset}, round {round}, {dead:?}: {seen:?}");
            world.run_for(Duration::from_millis(137 * offset));
            talk(&mut world, &|_| false, 2);
            cut(&mut world, [false, false]);
            assert!(
                talk(&mut world, &both("direct"), 130),
                "offset {offset}, round {round} healed"
            );
            talk(&mut world, &|_| false, 2);
        }
    }
}
