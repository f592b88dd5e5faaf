//! What the ends of a tunnel are told when one of them moves, restarts or turns out to be behind another NAT.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "tests own their clock, and each uses a part of the world"
)]

mod world;

use ntm_dc::{Event, Limits, Reject};
use ntm_proto::Path;
use ntm_proto::id::{Identity, NodeId};
use ntm_proto::message::*;
use std::collections::BTreeSet;
use std::time::Duration;
use world::pair::*;
use world::*;

#[test]
fn symmetric_nats_are_noticed_and_both_ends_learn_it() {
    let (mut pair, _) = natted();
    pair.ask();
    pair.world.mapping = Mapping::Dependent;
    for (at, why, candidates) in [
        (pair.car, Why::OneSymmetric, 1),
        (pair.home, Why::BothSymmetric, 0),
    ] {
        let outside = pair.world.clients[at].outside.to_string();
        pair.world.keep_alive(at, INSIDE, &outside, true).unwrap();
        for end in [pair.car, pair.home] {
            let direction = pair.last(end);
            assert_eq!(
                (direction.why, direction.candidates.len()),
                (why, candidates)
            );
            assert!(direction.relay.is_some());
        }
    }
}

#[test]
fn a_restarted_gateway_and_its_peers_are_told_again() {
    let mut pair = mixed();
    pair.ask();
    let before = pair.last(pair.car).clone();
    pair.world.restart(pair.home);
    let after = pair.last(pair.car);
    assert_eq!((before.peer_epoch, after.peer_epoch), (1, 2));
    assert_eq!(
        (before.tunnel, before.local_path, after.request),
        (after.tunnel, after.local_path, 0)
    );
    assert_eq!(pair.last(pair.home).remote, pair.laptop);
}

#[test]
fn a_move_that_changes_the_decision_reaches_both_ends() {
    let (mut pair, relay) = natted();
    pair.ask();
    let direct = "203.0.113.77:4750";
    pair.world.clients[pair.car].outside = direct.parse().unwrap();
    pair.world.clients[pair.car].addresses = vec![direct.parse().unwrap()];
    pair.world.register(pair.car);
    let (home, car) = (pair.last(pair.home), pair.last(pair.car));
    assert_eq!(
        (home.why, home.candidates.clone()),
        (Why::OneNat, vec![direct.parse().unwrap()])
    );
    assert!(home.initiator && !car.initiator);
    let leg = car.relay.clone();
    pair.world.clients[pair.car].outside = CAR.parse().unwrap();
    pair.world.clients[pair.car].addresses = vec![INSIDE.parse().unwrap()];
    pair.world.register(pair.car);
    assert_eq!(pair.last(pair.car).why, Why::BothNat);
    assert_eq!(pair.last(pair.car).relay, leg, "the relay serves as before");
    assert_eq!(pair.world.clients[relay].relayed().len(), 1);
}

#[test]
fn a_move_from_nat_to_nat_tells_the_other_end_where_to_look() {
    let mut pair = mixed();
    pair.ask();
    let outside = "198.51.100.99:4444".parse().unwrap();
    pair.world.clients[pair.car].outside = outside;
    pair.world.register(pair.car);
    assert_eq!(pair.last(pair.home).candidates, [outside]);
}

#[test]
fn a_gateway_that_comes_back_is_told_what_it_missed() {
    let (mut p, _) = natted();
    p.ask();
    let before = p.world.clients[p.car].routes().len();
    p.world.clients[p.car].outside = "198.51.100.99:1".parse().unwrap();
    p.world.ask(p.home, p.camera.node, "laptop.car.ntm.test");
    p.world.pass(Duration::from_secs(11));
    p.world.register(p.car);
    p.world.pass(Duration::from_secs(5));
    assert!(p.world.clients[p.car].routes().len() > before);
}

#[test]
fn a_private_address_that_the_dc_sees_is_not_a_way_for_others() {
    let mut p = pair(&[HOME], "192.168.1.9:4750", &["192.168.1.9:4750"]);
    p.ask();
    let route = p.last(p.home);
    assert_eq!((route.why, route.candidates.len()), (Why::OneNat, 0));
    assert!(!route.initiator, "the one that can be reached waits");
}

#[test]
fn a_removed_gateway_is_forgotten_and_its_addresses_are_not_given_again() {
    let mut p = mixed();
    p.ask();
    let (vip, car) = (p.laptop.vip4, p.world.clients[p.car].id);
    let retired = vec![(vip, p.laptop.vip6)];
    p.world.store.remove(&p.laptop.node);
    p.world.store.remove(&car);
    let snapshot = ntm_dc::Snapshot {
        retired,
        ..p.world.snapshot()
    };
    p.world.dc.reload(snapshot, p.world.now);
    p.world.run();
    assert!(p.world.dc.tunnels().is_empty());
    assert_eq!(p.world.dc.nodes().len(), 1);
    p.world.ask(p.home, p.camera.node, "laptop.car.ntm.test");
    let refused = p.world.clients[p.home].refused();
    assert_eq!(refused.map(|(_, refusal)| refusal), Some(Refusal::Unknown));
    let new = p
        .world
        .gateway("new", 2, "203.0.113.99:4750", &["203.0.113.99:4750"]);
    p.world.connect(new);
    for key in 0..40 {
        let device = p.world.device(new, key, "stranger").unwrap().unwrap();
        assert_ne!(device.vip4, vip);
    }
}

#[test]
fn a_word_that_nobody_acknowledges_is_not_multiplied_towards_other_ways() {
    let (mut p, _) = natted();
    let other = "[2001:db8::99]:4750";
    p.world.keep_alive(p.home, INSIDE, other, false).unwrap();
    p.world.clients[p.home].acks = false;
    p.world.strays.clear();
    p.ask();
    let before = p.world.clients[p.home].routes().len();
    p.world.pass(Duration::from_secs(30));
    let again = p.world.clients[p.home].routes().len() - before;
    let to = |(path, _): &&(Path, Vec<u8>)| path.remote == other.parse().unwrap();
    let multiplied = p.world.strays.iter().filter(to).count();
    assert_eq!((again > 2, multiplied), (true, 2));
}

#[test]
fn a_gateway_that_missed_the_end_of_a_tunnel_is_told_again_until_it_knows() {
    let (mut p, relay) = natted();
    p.ask();
    let (tunnel, car) = (p.last(p.home).tunnel, p.world.clients[p.car].id);
    // Its NAT has just restarted: what the DC sends goes nowhere.
    let before = p.world.clients[p.home].outside;
    p.world.clients[p.home].outside = "198.51.100.99:1".parse().unwrap();
    p.world.store.remove(&p.laptop.node);
    p.world.store.remove(&car);
    p.world.dc.reload(p.world.snapshot(), p.world.now);
    p.world.run();
    let strays = |p: &Pair| {
        p.world
            .strays
            .iter()
            .filter(|(to, _)| to.remote == before)
            .count()
    };
    let first = strays(&p);
    p.world.pass(Duration::from_secs(30));
    assert!(strays(&p) > first, "it is said again");
    let (given_up, outside) = (strays(&p), p.world.clients[p.home].outside.to_string());
    p.world.keep_alive(p.home, INSIDE, &outside, true).unwrap();
    p.world.run();
    assert_eq!(p.world.clients[p.home].closed(), [tunnel]);
    assert_eq!(p.world.clients[relay].closed(), [tunnel]);
    p.world.keep_alive(p.home, INSIDE, &outside, true).unwrap();
    p.world.pass(Duration::from_secs(30));
    assert_eq!(p.world.clients[p.home].closed(), [tunnel], "it knows");
    assert_eq!(strays(&p), given_up);
}

#[test]
fn groups_that_change_end_the_tunnel_at_both_ends_and_at_the_relay() {
    let mut world = World::new();
    world.groups = vec![("friends".into(), 1), ("friends".into(), 2)];
    let home = world.gateway("home", 1, HOME, &[INSIDE]);
    let car = world.gateway("car", 2, CAR, &[INSIDE]);
    let relay = world.relay("rs1", &["192.0.2.20:4750"]);
    world.dc.reload(world.snapshot(), world.now);
    [home, car, relay]
        .into_iter()
        .for_each(|at| world.connect(at));
    world.device(home, 1, "camera").unwrap().unwrap();
    let laptop = world.device(car, 2, "laptop").unwrap().unwrap();
    world.ask(car, laptop.node, "camera.home.ntm.test");
    let tunnel = world.clients[home].routes()[0].tunnel;
    world.groups.clear();
    world.dc.reload(world.snapshot(), world.now);
    world.pass(Duration::from_secs(1));
    for at in [home, car, relay] {
        assert_eq!(world.clients[at].closed(), [tunnel]);
    }
}

#[test]
fn a_gateway_that_changes_all_the_time_does_not_keep_its_peers_busy() {
    let (mut p, _) = natted();
    p.ask();
    p.world.pass(Duration::from_secs(30));
    let before = p.world.clients[p.home].routes().len();
    for port in 0..300 {
        p.world.mapping = [Mapping::Independent, Mapping::Dependent][port % 2];
        let outside = format!("198.51.100.7:{}", 20_000 + port);
        p.world.keep_alive(p.car, INSIDE, &outside, true).unwrap();
        p.world.pass(Duration::from_millis(20));
    }
    let told = p.world.clients[p.home].routes().len() - before;
    assert!((2..40).contains(&told), "told {told} times in 6 s");
    // And in the end all know how it is, though nothing more is said.
    p.world.pass(Duration::from_secs(5));
    let last = p.last(p.home);
    assert_eq!(last.why, Why::OneSymmetric);
    assert_eq!(last.candidates, ["198.51.100.7:20299".parse().unwrap()]);
}

#[test]
fn an_end_whose_first_way_died_silently_is_told_by_another() {
    let mut pair = pair(&[HOME], CAR, &[INSIDE, CAR6]);
    pair.world.keep_alive(pair.car, CAR6, CAR6, false).unwrap();
    // From now on nothing reaches it but over IPv6.
    pair.world.clients[pair.car].outside = CAR6.parse().unwrap();
    pair.world
        .ask(pair.home, pair.camera.node, "laptop.car.ntm.test");
    assert!(pair.world.clients[pair.car].routes().is_empty());
    pair.world.pass(Duration::from_secs(2));
    assert_eq!(pair.last(pair.car).remote, pair.camera);
    assert!(pair.world.dc.tunnels()[0].settled, "and its answer came");
}
