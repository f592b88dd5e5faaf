//! Tunnels and their relays: which one, when it is told, and what happens when it is gone.
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
use ntm_proto::id::{Identity, NodeId};
use ntm_proto::message::*;
use std::collections::BTreeSet;
use std::time::Duration;
use world::pair::*;
use world::*;

#[test]
fn two_natted_ends_meet_at_a_relay_that_knows_first() {
    let (mut pair, relay) = natted();
    pair.world.clients[relay].acks = false;
    pair.ask();
    assert!(
        pair.world.clients[pair.car].routes().is_empty(),
        "not before the relay expects them"
    );
    pair.world.clients[relay].acks = true;
    pair.world.pass(Duration::from_secs(1));
    let expected = *pair.world.clients[relay].relayed().pop().unwrap();
    for (at, ends) in [
        (pair.car, [expected.one, expected.other]),
        (pair.home, [expected.other, expected.one]),
    ] {
        let direction = pair.last(at).clone();
        assert_eq!(
            (direction.why, direction.candidates.len(), direction.tunnel),
            (Why::BothNat, 1, expected.tunnel)
        );
        let leg = direction.relay.unwrap();
        assert_eq!(
            (leg.relay, leg.addresses.len()),
            (pair.world.clients[relay].id, 2)
        );
        let mine = ends
            .into_iter()
            .find(|end| end.path == direction.local_path)
            .unwrap();
        assert_eq!(mine.key, leg.key);
    }
    assert!(expected.one.key != expected.other.key);
    let status = &pair.world.dc.tunnels()[0];
    assert_eq!(
        (status.direct, status.relay.as_deref(), status.settled),
        (false, Some("rs1.ntm.test"), true)
    );
}

#[test]
fn later_pairs_reuse_the_tunnel_and_its_leg_keys() {
    let (mut pair, relay) = natted();
    pair.ask();
    let first = pair.last(pair.car).clone();
    let phone = pair.world.device(pair.car, 9, "phone").unwrap().unwrap();
    pair.world.pass(Duration::from_secs(30));
    pair.world.ask(pair.car, phone.node, "camera.home.ntm.test");
    let second = pair.last(pair.car);
    assert_eq!(
        (first.tunnel, first.local_path, first.peer_path),
        (second.tunnel, second.local_path, second.peer_path)
    );
    assert_eq!(first.relay, second.relay);
    assert_eq!(
        pair.world.clients[relay].relayed().len(),
        2,
        "the relay is reminded"
    );
    assert_eq!(pair.world.dc.tunnels()[0].pairs, 2);
}

#[test]
fn an_unwilling_or_silent_relay_is_passed_over() {
    let (mut pair, relay) = natted();
    let silent = pair.world.relay("rs2", &["192.0.2.21:4750"]);
    pair.world.connect(silent);
    let good = pair.world.relay("rs3", &["192.0.2.22:4750"]);
    pair.world.connect(good);
    pair.world.clients[relay].unwilling = true;
    pair.world.clients[silent].acks = false;
    pair.ask();
    pair.world.pass(Duration::from_secs(20));
    let leg = pair.last(pair.car).relay.clone().unwrap();
    assert_eq!(leg.relay, pair.world.clients[good].id);
    assert!(pair.world.clients[silent].relayed().len() <= 5);
}

#[test]
fn without_a_relay_the_request_is_refused_and_nothing_stays() {
    let mut pair = pair(&[HOME], CAR6, &[CAR6]);
    let request = pair.ask();
    assert_eq!(
        pair.world.clients[pair.car].refused(),
        Some((request, Refusal::NoRelay))
    );
    let v6 = pair.world.relay("rs6", &["[2001:db8::20]:4750"]);
    pair.world.connect(v6);
    let request = pair.ask();
    assert_eq!(
        pair.world.clients[pair.car].refused(),
        Some((request, Refusal::NoRelay)),
        "no family in common"
    );
    assert!(pair.world.dc.tunnels().is_empty());
}

#[test]
fn two_nats_without_a_relay_are_worth_a_try() {
    let mut pair = pair(&[INSIDE], CAR, &[INSIDE]);
    pair.ask();
    for at in [pair.car, pair.home] {
        let direction = pair.last(at);
        assert!(direction.relay.is_none() && direction.candidates.len() == 1);
    }
    assert_eq!(pair.world.clients[pair.car].refused(), None);
}

#[test]
fn a_direct_route_has_a_relay_to_fall_back_to_and_waits_for_none() {
    let mut pair = mixed();
    let relay = pair.world.relay("rs1", &["192.0.2.20:4750"]);
    pair.world.connect(relay);
    pair.world.clients[relay].acks = false;
    pair.ask();
    let (car, home) = (pair.last(pair.car).clone(), pair.last(pair.home).clone());
    let legs = [car.relay.unwrap(), home.relay.unwrap()];
    assert!(legs[0].relay == legs[1].relay && legs[0].key != legs[1].key);
    let expected = *pair.world.clients[relay].relayed().pop().unwrap();
    assert_eq!(expected.tunnel, car.tunnel);
    assert_eq!(pair.world.dc.tunnels()[0].relay, None, "it begins direct");
    pair.world.pass(Duration::from_secs(60));
    assert!(
        pair.last(pair.car).relay.is_none(),
        "a silent relay is no help"
    );
}

#[test]
fn families_meet_at_a_relay_with_both() {
    let mut pair = pair(&[HOME], CAR6, &[CAR6]);
    let relay = pair
        .world
        .relay("rs1", &["192.0.2.20:4750", "[2001:db8::20]:4750"]);
    pair.world.connect(relay);
    pair.ask();
    assert_eq!(pair.last(pair.home).why, Why::Families);
    assert_eq!(
        pair.last(pair.car).relay.as_ref().unwrap().addresses.len(),
        2
    );
}

#[test]
fn another_relay_takes_over_when_one_is_gone_and_a_restarted_one_is_told_again() {
    let (mut pair, relay) = natted();
    pair.ask();
    pair.world.restart(relay);
    assert_eq!(
        pair.world.clients[relay].relayed().len(),
        1,
        "its inbox began anew"
    );
    assert_eq!(
        pair.world.clients[pair.car].routes().len(),
        1,
        "the ends need not know"
    );
    let spare = pair.world.relay("rs2", &["192.0.2.21:4750"]);
    for _ in 0..5 {
        pair.world.pass(Duration::from_secs(20));
        for at in [pair.home, pair.car] {
            let outside = pair.world.clients[at].outside.to_string();
            pair.world.keep_alive(at, INSIDE, &outside, true).unwrap();
        }
        if pair.world.clients[spare].registered().is_none() {
            pair.world.connect(spare);
        } else {
            pair.world.register(spare);
        }
    }
    let leg = pair.last(pair.car).relay.clone().unwrap();
    assert_eq!(leg.relay, pair.world.clients[spare].id);
    assert_eq!(
        pair.last(pair.home).relay.as_ref().unwrap().relay,
        leg.relay
    );
}

#[test]
fn a_relay_that_comes_back_serves_tunnels_that_found_none() {
    let (mut pair, relay) = natted();
    pair.ask();
    for _ in 0..5 {
        pair.world.pass(Duration::from_secs(20));
        for at in [pair.home, pair.car] {
            let outside = pair.world.clients[at].outside.to_string();
            pair.world.keep_alive(at, INSIDE, &outside, true).unwrap();
        }
    }
    assert!(pair.last(pair.car).relay.is_none());
    pair.world.restart(relay);
    assert!(pair.last(pair.car).relay.is_some());
    assert!(pair.world.dc.tunnels()[0].settled);
}

#[test]
fn a_closed_tunnel_is_gone_and_its_relay_told() {
    let (mut pair, relay) = natted();
    pair.ask();
    let tunnel = pair.last(pair.car).tunnel;
    let closed = Message::TunnelClosed(TunnelClosed {
        tunnel,
        sequence: 0,
    });
    assert_eq!(pair.world.say(relay, &closed), Err(Reject::NotYours));
    pair.world.say(pair.car, &closed).unwrap();
    assert!(pair.world.dc.tunnels().is_empty());
    assert_eq!(pair.world.clients[relay].closed(), [tunnel]);
    pair.ask();
    assert!(pair.last(pair.car).tunnel != tunnel);
}

#[test]
fn ends_learn_the_new_addresses_of_a_relay_that_moved() {
    let (mut p, relay) = natted();
    p.ask();
    let before = p.world.clients[p.car].routes().len();
    p.world.clients[relay].outside = "192.0.2.77:4750".parse().unwrap();
    p.world.clients[relay].addresses = vec!["192.0.2.77:4750".parse().unwrap()];
    p.world.restart(relay);
    p.world.pass(Duration::from_secs(30));
    let routes = p.world.clients[p.car].routes();
    assert!(routes.len() > before);
    let leg = routes.last().unwrap().relay.clone().unwrap();
    assert_eq!(leg.addresses, ["192.0.2.77:4750".parse().unwrap()]);
}
