//! The owner's rules, in a world with both gateways.

use crate::packets::{number, tcp, udp};
use crate::scenarios::{CAMERA, CAMERA_NAME, LAPTOP, SECOND, lan, settled, until_whole, vip};
use crate::world::{CAR, HOME, WanKind, World};
use ntm_gateway::policy::{Action, Party, Policy};
use ntm_gateway::{Reject, Unresolved};
use ntm_proto::ip::Ipv4View;
use std::time::Duration;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const LAPTOP_NAME: &str = "laptop.car.ntm.test";

/// The rules of a site, as `from to action`.
fn set(world: &mut World, site: usize, rules: &[&str]) {
    let policy = |rule: &&str| {
        let words: Vec<&str> = rule.split(' ').collect();
        Policy {
            from: Party::parse(words[0]).unwrap(),
            to: Party::parse(words[1]).unwrap(),
            action: Action::parse(words[2]).unwrap(),
        }
    };
    let policies: Vec<Policy> = rules.iter().map(policy).collect();
    let now = world.now;
    let site = world.sites.get_mut(&site).unwrap();
    site.gateway.policies_changed(&policies, now);
}

/// Sends from one LAN; what arrived on the other.
fn arrived(world: &mut World, from: usize, packet: &[u8]) -> usize {
    let to = CAR + HOME - from;
    let before = world.sites[&to].delivered.len();
    world.send_packet(from, packet);
    world.run_for(Duration::from_millis(300));
    world.sites[&to].delivered.len() - before
}

fn from_laptop(world: &World, flags: u8) -> Vec<u8> {
    tcp(lan(LAPTOP), vip(world, HOME), 1, 1, flags, b"")
}

fn from_camera(world: &World, flags: u8) -> Vec<u8> {
    tcp(lan(CAMERA), vip(world, CAR), 1, 1, flags, b"")
}

fn tunnels(world: &World, site: usize) -> usize {
    world.sites[&site].gateway.tunnels(world.now).len()
}

fn decided(world: &World, site: usize) -> Vec<(usize, u64)> {
    let policies = world.sites[&site].gateway.policies();
    policies.iter().map(|it| (it.pairs, it.decided)).collect()
}

fn rejected(world: &World, site: usize, reject: Reject) -> u64 {
    let rejects = world.sites[&site].gateway.rejects();
    rejects.get(&reject).copied().unwrap_or(0)
}

/// A world with a tunnel between laptop and camera.
fn talking(seed: u8) -> World {
    let mut world = settled(seed, WanKind::Global, WanKind::Global);
    until_whole(&mut world, 5 * SECOND, 1);
    world
}

#[test]
fn who_may_not_begin_may_answer_and_a_change_takes_effect_at_once() {
    let mut world = talking(61);
    // A session of each side is there before the rule is.
    for packet in [from_laptop(&world, SYN), from_laptop(&world, ACK)] {
        assert_eq!(arrived(&mut world, CAR, &packet), 1);
    }
    set(&mut world, HOME, &["laptop.car.ntm.test camera deny"]);
    let (syn, ack) = (from_laptop(&world, SYN), from_laptop(&world, ACK));
    assert_eq!(arrived(&mut world, CAR, &syn), 0);
    assert_eq!(arrived(&mut world, CAR, &ack), 1);
    let (syn, synack) = (from_camera(&world, SYN), from_laptop(&world, SYN | ACK));
    assert_eq!(arrived(&mut world, HOME, &syn), 1);
    assert_eq!(arrived(&mut world, CAR, &synack), 1);
    // From outside it is silent: neither device hears of it.
    assert_eq!(decided(&world, HOME), [(1, 1)]);
    assert_eq!(rejected(&world, HOME, Reject::Denied), 1);
    // UDP: the camera's question first, then the answer.
    let answer = udp(lan(LAPTOP), vip(&world, HOME), 7);
    assert_eq!(arrived(&mut world, CAR, &answer), 0);
    let question = {
        let mut packet = udp(lan(CAMERA), vip(&world, CAR), 8);
        // From the port that the other asks to that from which it asks.
        packet[20..24].copy_from_slice(&[0x13, 0x89, 0x13, 0x88]);
        packet
    };
    assert_eq!(arrived(&mut world, HOME, &question), 1);
    assert_eq!(arrived(&mut world, CAR, &answer), 1);
    set(&mut world, HOME, &[]);
    let syn = from_laptop(&world, SYN);
    assert_eq!(arrived(&mut world, CAR, &syn), 1);
}

#[test]
fn a_device_that_may_not_begin_is_told_and_its_answers_pass_after_a_restart() {
    let mut world = talking(62);
    set(&mut world, CAR, &["laptop * deny"]);
    let before = world.sites[&CAR].delivered.len();
    let syn = from_laptop(&world, SYN);
    assert_eq!(arrived(&mut world, CAR, &syn), 0);
    let told = world.sites[&CAR].delivered[before..].to_vec();
    assert_eq!(told.len(), 1);
    let view = Ipv4View::new(&told[0]).unwrap();
    assert_eq!(
        (view.source(), view.destination()),
        (vip(&world, HOME), lan(LAPTOP))
    );
    assert_eq!(view.payload()[..2], [3, 13]);
    // The gateway begins anew, and knows nothing of the session that the camera began.
    world.restart_gateway(CAR);
    set(&mut world, CAR, &["laptop * deny"]);
    world.run_for(5 * SECOND);
    let ack = from_camera(&world, ACK);
    assert_eq!(arrived(&mut world, HOME, &ack), 1);
    let ack = from_laptop(&world, ACK);
    assert_eq!(arrived(&mut world, CAR, &ack), 1);
    let syn = from_laptop(&world, SYN);
    assert_eq!(arrived(&mut world, CAR, &syn), 0);
}

#[test]
fn no_tunnel_is_built_for_two_that_may_both_not_begin() {
    let mut world = settled(63, WanKind::Global, WanKind::Global);
    set(&mut world, CAR, &["laptop * deny", "* laptop deny"]);
    // By name nobody is asked, by address the coordinator knows whose it is.
    world.resolve(CAR, 1, LAPTOP, CAMERA_NAME);
    assert_eq!(world.sites[&CAR].answers[&1], Err(Unresolved::Denied));
    let before = world.sites[&CAR].delivered.len();
    let ack = from_laptop(&world, ACK);
    for _ in 0..2 {
        assert_eq!(arrived(&mut world, CAR, &ack), 0);
    }
    assert_eq!(
        world.sites[&CAR].delivered.len() - before,
        2,
        "it is told each time"
    );
    assert_eq!(tunnels(&world, CAR), 0);
    // The gateway itself may.
    world.ping(CAR, 2, CAMERA_NAME);
    world.run_for(5 * SECOND);
    assert!(world.sites[&CAR].pongs[&2].is_ok());
    // By that tunnel nothing passes, whoever sends.
    assert_eq!(arrived(&mut world, CAR, &ack), 0);
    world.resolve(CAR, 3, LAPTOP, CAMERA_NAME);
    world.run_for(SECOND);
    assert_eq!(world.sites[&CAR].answers[&3], Err(Unresolved::Denied));
    world.resolve(HOME, 4, CAMERA, LAPTOP_NAME);
    world.run_for(SECOND);
    let syn = from_camera(&world, SYN);
    assert_eq!(arrived(&mut world, HOME, &syn), 0);
    // Until they may: at once, and neither asks anew.
    set(&mut world, CAR, &["laptop * deny"]);
    assert_eq!(arrived(&mut world, HOME, &syn), 1);
    assert_eq!(arrived(&mut world, CAR, &ack), 1);
}

#[test]
fn a_pair_without_a_denied_side_is_not_looked_at() {
    let mut world = talking(64);
    set(
        &mut world,
        CAR,
        &["home.ntm.test laptop allow", "* tv deny", "tv b.test deny"],
    );
    let camera = vip(&world, HOME);
    for next in 10..20 {
        let packet = udp(lan(LAPTOP), camera, next);
        assert_eq!(arrived(&mut world, CAR, &packet), 1);
    }
    let last = world.sites[&HOME].delivered.last().unwrap();
    assert_eq!(number(last), 19);
    assert_eq!(decided(&world, CAR), [(1, 0), (0, 0), (0, 0)]);
    let policies = world.sites[&CAR].gateway.policies();
    assert_eq!(policies[1].to, "tv.car.ntm.test");
    assert!(policies[1].unknown.is_empty());
    assert_eq!(policies[2].unknown, ["b.test"]);
}
