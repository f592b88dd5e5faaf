//! The scenarios.

use crate::invariants::check;
use crate::net::Mapping::{AddressAndPortDependent, EndpointIndependent, Firewall};
use crate::packets::{ends, number, udp};
use crate::world::{CAR, HOME, WanKind, World};
use ntm_dc::Record;
use ntm_gateway::{Event, Unresolved};
use ntm_proto::id::Identity;
use ntm_proto::message::Refusal;
use ntm_proto::random::Random;
use std::net::Ipv4Addr;
use std::time::Duration;

pub(crate) const LAPTOP: u8 = 10;
pub(crate) const CAMERA: u8 = 20;
pub(crate) const CAMERA_NAME: &str = "camera.home.ntm.test";
const LAPTOP_NAME: &str = "laptop.car.ntm.test";
const NAT: WanKind = WanKind::Nat(EndpointIndependent);
const SYMMETRIC: WanKind = WanKind::Nat(AddressAndPortDependent);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn lan(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 1, host)
}

/// A world where laptop and camera have their identities.
pub(crate) fn settled(seed: u8, car: WanKind, home: WanKind) -> World {
    let mut world = World::new(seed, car, home);
    world.join(CAR, LAPTOP, "laptop");
    world.join(HOME, CAMERA, "camera");
    let named =
        |world: &World, site: usize| !world.sites[&site].gateway.devices()[0].name.is_empty();
    let up = world.run_until(5 * SECOND, |world| named(world, CAR) && named(world, HOME));
    assert!(up, "both devices get an identity");
    world.run_for(SECOND);
    world
}

fn look_up(
    world: &mut World,
    site: usize,
    query: u64,
    asker: u8,
    name: &str,
) -> Result<Identity, Unresolved> {
    world.resolve(site, query, asker, name);
    assert!(
        world.run_until(6 * SECOND, |world| world.sites[&site]
            .answers
            .contains_key(&query)),
        "an answer"
    );
    world.sites[&site].answers[&query].clone()
}

/// The laptop looks the camera up and sends to it; how long until the first packet is there.
fn first_contact(world: &mut World) -> (Identity, Duration) {
    let start = world.now;
    let camera = look_up(world, CAR, 1, LAPTOP, CAMERA_NAME).expect("the camera's identity");
    world.send_packet(CAR, &udp(lan(LAPTOP), camera.vip4, 1));
    assert!(
        world.run_until(5 * SECOND, |world| !world.sites[&HOME].delivered.is_empty()),
        "delivered"
    );
    (camera, world.now - start)
}

/// Sends numbered packets every 20 ms both ways until one more of each arrives; how long that took.
pub(crate) fn until_whole(world: &mut World, limit: Duration, first: u32) -> Duration {
    let (laptop, camera) = (vip(world, CAR), vip(world, HOME));
    let start = world.now;
    let arrived = |world: &World, site: usize| {
        world.sites[&site]
            .delivered
            .iter()
            .filter(|p| number(p) >= first)
            .count()
    };
    let mut next = first;
    while world.now - start < limit {
        world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
        world.send_packet(HOME, &udp(lan(CAMERA), laptop, next));
        next += 1;
        world.run_for(Duration::from_millis(20));
        if arrived(world, CAR) > 0 && arrived(world, HOME) > 0 {
            return world.now - start;
        }
    }
    let tunnels = [CAR, HOME].map(|site| world.sites[&site].gateway.tunnels(world.now));
    panic!("not whole again within {limit:?}: {tunnels:#?}");
}

/// The virtual address of the first device at this site, as the DC's store has it.
pub(crate) fn vip(world: &World, site: usize) -> Ipv4Addr {
    let label = if site == CAR { "laptop" } else { "camera" };
    let device = world.saved.values().find_map(|record| match record {
        Record::Device(device) if device.label.as_str() == label => Some(device.vip4),
        Record::Device(_) | Record::Forgotten(_) | Record::Gateway(_) | Record::Relay(_) => None,
    });
    device.expect("a stored device")
}

pub(crate) fn path_of(world: &World, site: usize) -> String {
    world.sites[&site].gateway.tunnels(world.now)[0]
        .path
        .clone()
}

#[test]
fn every_cell_takes_the_route_of_the_table() {
    let cells = [
        (WanKind::Global, WanKind::Global, "direct"),
        (WanKind::Global, NAT, "direct"),
        (NAT, WanKind::Global, "direct"),
        (SYMMETRIC, WanKind::Global, "direct"),
        (NAT, NAT, "relay"),
        (SYMMETRIC, SYMMETRIC, "relay"),
        (WanKind::V6, WanKind::V6, "direct"),
        (WanKind::V6, WanKind::Global, "relay"),
        (WanKind::Global, WanKind::V6, "relay"),
        (NAT, WanKind::V6, "relay"),
        (WanKind::V6, NAT, "relay"),
    ];
    for (seed, (car, home, route)) in (1..).zip(cells) {
        let mut world = settled(seed, car, home);
        let (camera, took) = first_contact(&mut world);
        assert_eq!(path_of(&world, CAR), route, "{car:?} to {home:?}");
        assert!(
            took < Duration::from_millis(600),
            "{car:?} to {home:?} took {took:?}"
        );
        // The camera sees the laptop's virtual address, and its answer finds the way back without a question.
        let (from, to) = ends(&world.sites[&HOME].delivered[0]);
        assert_eq!((from, to), (vip(&world, CAR), lan(CAMERA)));
        world.send_packet(HOME, &udp(lan(CAMERA), from, 2));
        world.run_for(Duration::from_millis(200));
        let back = world.sites[&CAR].delivered.last().expect("the answer");
        assert_eq!(ends(back), (camera.vip4, lan(LAPTOP)));
        check(&world);
    }
}

#[test]
fn the_first_packets_wait_for_the_tunnel_and_arrive_in_order() {
    let mut world = settled(20, NAT, NAT);
    let camera = vip(&world, HOME);
    // No name was asked for: the packet alone starts it.
    for count in 0..8 {
        world.send_packet(CAR, &udp(lan(LAPTOP), camera, count));
    }
    world.run_for(SECOND);
    let numbers: Vec<u32> = world.sites[&HOME]
        .delivered
        .iter()
        .map(|packet| number(packet))
        .collect();
    assert_eq!(numbers, (0..8).collect::<Vec<_>>());
    check(&world);
}

#[test]
fn names_that_are_none_are_refused_at_once() {
    let mut world = settled(21, NAT, WanKind::Global);
    let refused = look_up(&mut world, CAR, 1, LAPTOP, "printer.home.ntm.test");
    assert_eq!(refused, Err(Unresolved::Refused(Refusal::Unknown)));
    let stranger = look_up(&mut world, CAR, 2, 99, CAMERA_NAME);
    assert_eq!(stranger, Err(Unresolved::NoIdentity));
    let own = look_up(&mut world, CAR, 3, LAPTOP, LAPTOP_NAME).unwrap();
    assert_eq!(own.vip4, vip(&world, CAR));
}

#[test]
fn both_ask_at_once_and_one_tunnel_comes_of_it() {
    for kinds in [
        (NAT, NAT),
        (WanKind::Global, WanKind::Global),
        (NAT, WanKind::Global),
    ] {
        let mut world = settled(22, kinds.0, kinds.1);
        let took = until_whole(&mut world, 5 * SECOND, 1);
        assert!(took < SECOND, "{took:?}");
        world.run_for(5 * SECOND);
        assert_eq!(world.dc.tunnels().len(), 1);
        for site in [CAR, HOME] {
            assert_eq!(world.sites[&site].gateway.tunnels(world.now).len(), 1);
        }
        check(&world);
    }
}

#[test]
fn a_ping_tells_round_trip_path_and_reason() {
    for (kind, path, rtt) in [(SYMMETRIC, "relay", 80.0), (NAT, "direct", 40.0)] {
        let mut world = settled(23, kind, kind);
        first_contact(&mut world);
        world.run_for(3 * SECOND);
        world.ping(CAR, 9, CAMERA_NAME);
        assert!(world.run_until(5 * SECOND, |world| {
            world.sites[&CAR].pongs.contains_key(&9)
        }));
        let report = world.sites[&CAR].pongs[&9].clone().expect("a report");
        assert_eq!(
            (report.path.as_str(), report.gateway.as_str()),
            (path, "home.ntm.test")
        );
        assert!((report.rtt_ms - rtt).abs() < 1.0, "{}", report.rtt_ms);
        let wanted = if path == "relay" {
            "another port"
        } else {
            "reach each other"
        };
        assert!(report.why.contains(wanted), "{}", report.why);
    }
}

#[test]
fn a_ping_over_a_tunnel_that_is_up_measures_its_own_round_trip() {
    let mut world = settled(35, NAT, WanKind::Global);
    first_contact(&mut world);
    for query in 1..4 {
        world.ping(CAR, query, CAMERA_NAME);
        assert!(world.run_until(5 * SECOND, |world| {
            world.sites[&CAR].pongs.contains_key(&query)
        }));
        let report = world.sites[&CAR].pongs[&query].clone().expect("a report");
        assert!(
            (report.rtt_ms - 40.0).abs() < 1.0,
            "two legs of 20 ms: {}",
            report.rtt_ms
        );
        world.run_for(SECOND);
    }
}

#[test]
fn identities_outlive_every_process() {
    let mut world = settled(24, NAT, NAT);
    let before = [CAR, HOME].map(|site| world.sites[&site].gateway.devices()[0].clone());
    first_contact(&mut world);
    world.restart_dc();
    world.restart_relay();
    world.restart_gateway(CAR);
    world.restart_gateway(HOME);
    world.run_for(20 * SECOND);
    let after = [CAR, HOME].map(|site| world.sites[&site].gateway.devices()[0].clone());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(
            (&before.name, &before.node_id, &before.vip4),
            (&after.name, &after.node_id, &after.vip4)
        );
    }
    let whole = until_whole(&mut world, 10 * SECOND, 100);
    assert!(whole < 2 * SECOND, "{whole:?}");
    check(&world);
}

#[test]
fn traffic_goes_on_after_any_process_was_killed() {
    for kinds in [
        (NAT, NAT),
        (NAT, WanKind::Global),
        (WanKind::V6, WanKind::V6),
    ] {
        for victim in 0..4usize {
            let mut world = settled(25, kinds.0, kinds.1);
            until_whole(&mut world, 5 * SECOND, 1);
            match victim {
                0 => world.restart_dc(),
                1 => world.restart_relay(),
                2 => world.restart_gateway(CAR),
                _ => world.restart_gateway(HOME),
            }
            let whole = until_whole(&mut world, 30 * SECOND, 1000);
            assert!(whole < 6 * SECOND, "{kinds:?}, victim {victim}: {whole:?}");
            check(&world);
        }
    }
}

#[test]
fn after_a_restart_of_the_dc_new_names_resolve_soon() {
    let mut world = settled(26, NAT, NAT);
    world.restart_dc();
    let start = world.now;
    world.run_for(Duration::from_millis(500));
    look_up(&mut world, CAR, 1, LAPTOP, CAMERA_NAME).expect("the camera");
    assert!(world.now - start < 3 * SECOND);
}

#[test]
fn a_router_that_moves_keeps_its_tunnel() {
    for to in [NAT, WanKind::Global] {
        for home in [NAT, WanKind::Global] {
            let mut world = settled(27, NAT, home);
            until_whole(&mut world, 5 * SECOND, 1);
            world.plug(CAR, to);
            let whole = until_whole(&mut world, 20 * SECOND, 1000);
            assert!(whole < 2 * SECOND, "to {to:?}, home {home:?}: {whole:?}");
            check(&world);
        }
    }
}

#[test]
fn two_firewalls_that_let_only_answers_in_are_opened_from_both_sides() {
    let firewall = WanKind::Nat(Firewall);
    let mut world = settled(34, firewall, firewall);
    let whole = until_whole(&mut world, 10 * SECOND, 1);
    assert!(whole < 2 * SECOND, "{whole:?}");
    assert!(world.run_until(5 * SECOND, |world| {
        [CAR, HOME]
            .iter()
            .all(|site| path_of(world, *site) == "direct")
    }));
    check(&world);
}

#[test]
fn everything_comes_up_though_one_in_eight_datagrams_is_lost() {
    for (seed, kinds) in (40..).zip([
        (NAT, NAT),
        (NAT, WanKind::Global),
        (WanKind::V6, WanKind::V6),
    ]) {
        for luck in 0..8u8 {
            let mut world = World::new(seed, kinds.0, kinds.1);
            let mut dice = Random::from_seed([luck; 32]);
            world.net.drop_if = Box::new(move |_| dice.below(8) == 0);
            world.join(CAR, LAPTOP, "laptop");
            world.join(HOME, CAMERA, "camera");
            world.run_for(20 * SECOND);
            let whole = until_whole(&mut world, 20 * SECOND, 1);
            assert!(whole < 10 * SECOND, "{kinds:?}, {luck}: {whole:?}");
            check(&world);
        }
    }
}

#[test]
fn a_nat_that_forgets_its_mappings_cuts_nobody_off() {
    for home in [NAT, WanKind::Global] {
        let mut world = settled(33, NAT, home);
        until_whole(&mut world, 5 * SECOND, 1);
        world.net.nats[0].forget();
        let whole = until_whole(&mut world, 20 * SECOND, 1000);
        assert!(whole < 4 * SECOND, "home {home:?}: {whole:?}");
        check(&world);
    }
}

#[test]
fn replayed_datagrams_are_delivered_to_nobody() {
    let mut world = settled(28, WanKind::Global, NAT);
    for first in [1, 100, 200] {
        until_whole(&mut world, 5 * SECOND, first);
    }
    let captured: Vec<_> = world
        .net
        .wire
        .iter()
        .map(|seen| (seen.from, seen.to, seen.bytes.clone()))
        .collect();
    let delivered = [CAR, HOME].map(|site| world.sites[&site].delivered.len());
    let tunnels = path_of(&world, CAR);
    let (before, injected) = (world.net.wire.len(), captured.len());
    for (from, to, bytes) in captured {
        world.inject(from, to, bytes);
    }
    world.run_for(SECOND);
    assert_eq!(
        delivered,
        [CAR, HOME].map(|site| world.sites[&site].delivered.len())
    );
    assert_eq!(path_of(&world, CAR), tunnels);
    let answers = world.net.wire.len() - before - injected;
    assert!(
        answers * 4 < injected,
        "{answers} datagrams in answer to {injected} replays"
    );
    until_whole(&mut world, 5 * SECOND, 1000);
    check(&world);
}

#[test]
fn nothing_is_acknowledged_that_was_not_stored() {
    let mut world = World::new(29, NAT, NAT);
    world.run_for(2 * SECOND);
    world.store_works = false;
    world.join(CAR, LAPTOP, "laptop");
    world.run_for(10 * SECOND);
    assert_eq!(world.sites[&CAR].gateway.devices()[0].name, "");
    world.store_works = true;
    world
        .sites
        .get_mut(&CAR)
        .unwrap()
        .gateway
        .device_gone([2, 0, 0, 0, CAR as u8, LAPTOP], world.now);
    world.join(CAR, LAPTOP, "laptop");
    world.run_for(10 * SECOND);
    assert_eq!(world.sites[&CAR].gateway.devices()[0].name, LAPTOP_NAME);
}

#[test]
fn keys_are_renewed_under_traffic_without_a_lost_packet() {
    let mut world = settled(30, NAT, WanKind::Global);
    until_whole(&mut world, 5 * SECOND, 1);
    let (camera, start) = (vip(&world, HOME), world.now);
    let (mut next, before) = (1000, world.sites[&HOME].delivered.len());
    while world.now - start < Duration::from_secs(400) {
        world.send_packet(CAR, &udp(lan(LAPTOP), camera, next));
        next += 1;
        world.run_for(Duration::from_millis(100));
    }
    world.run_for(SECOND);
    assert_eq!(
        world.sites[&HOME].delivered.len() - before,
        next as usize - 1000
    );
    assert!(world.sites[&CAR].gateway.tunnels(world.now)[0].age_s < 130);
    check(&world);
}

#[test]
fn an_idle_tunnel_is_closed_and_comes_back() {
    let mut world = settled(31, NAT, NAT);
    until_whole(&mut world, 5 * SECOND, 1);
    world.run_for(Duration::from_secs(1000));
    for site in [CAR, HOME] {
        assert!(world.sites[&site].gateway.tunnels(world.now).is_empty());
        assert!(
            world.sites[&site]
                .events
                .iter()
                .any(|event| matches!(event, Event::TunnelClosed { .. }))
        );
    }
    assert!(until_whole(&mut world, 5 * SECOND, 1000) < SECOND);
    check(&world);
}

/// Bytes a day, with IPv4 and UDP headers, that cross the car's WAN when nothing happens for an hour.
fn idle_cost(world: &mut World) -> usize {
    world.run_for(Duration::from_secs(600));
    let (before, own) = (world.net.wire.len(), world.net.nats[0].outside);
    world.run_for(Duration::from_secs(3600));
    let crosses = |seen: &&crate::net::Seen| seen.from.ip() == own || seen.to.ip() == own;
    let hour = world.net.wire[before..].iter().filter(crosses);
    hour.map(|seen| seen.bytes.len() + 28).sum::<usize>() * 24
}

#[test]
fn an_idle_gateway_is_cheap_and_still_found() {
    // What the NAT keeps, and what that may cost a day.
    for (life, limit) in [
        (15, 1_500_000),
        (30, 700_000),
        (120, 200_000),
        (300, 150_000),
    ] {
        let mut world = settled(32, NAT, NAT);
        for nat in &mut world.net.nats {
            nat.life = Duration::from_secs(life);
        }
        let cost = idle_cost(&mut world);
        assert!(
            cost < limit,
            "{cost} bytes a day behind a NAT that keeps {life} s"
        );
        // The one that has been idle is reached by the other at any time.
        world.run_for(Duration::from_secs(life - 3));
        let laptop = vip(&world, CAR);
        world.send_packet(HOME, &udp(lan(CAMERA), laptop, 1));
        let arrived = world.run_until(2 * SECOND, |world| !world.sites[&CAR].delivered.is_empty());
        assert!(arrived, "behind a NAT that keeps {life} s");
        check(&world);
    }
}

#[test]
fn an_idle_tunnel_says_little() {
    for (seed, car, home, one_way) in [(61, NAT, NAT, 1), (62, NAT, WanKind::Global, 20)] {
        let mut world = settled(seed, car, home);
        world.net.one_way = Duration::from_millis(one_way);
        let (camera, _) = first_contact(&mut world);
        for n in 2..30 {
            world.send_packet(CAR, &udp(lan(LAPTOP), camera.vip4, n));
            world.run_for(Duration::from_millis(100));
        }
        world.run_for(10 * SECOND);
        let before = world.net.wire.len();
        world.run_for(75 * SECOND);
        let said = world.net.wire.len() - before;
        assert!(
            said < 80,
            "{said} datagrams in 75 s of idleness, {car:?} to {home:?}"
        );
    }
}
