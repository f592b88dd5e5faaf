//! Two gateways are brought together: who may, what both are told, and how often.
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
fn both_ends_get_mirror_images_and_the_natted_one_begins() {
    let mut pair = mixed();
    let request = pair.ask();
    let (car, home) = (pair.last(pair.car), pair.last(pair.home));
    assert_eq!((car.request, home.request), (request, 0));
    assert_eq!(
        (car.tunnel, car.why, home.why),
        (home.tunnel, Why::OneNat, Why::OneNat)
    );
    assert!(car.initiator && !home.initiator);
    assert_eq!(
        (car.local_path, car.peer_path),
        (home.peer_path, home.local_path)
    );
    let (to_home, to_car) = (HOME.parse().unwrap(), CAR.parse().unwrap());
    assert_eq!(car.candidates, [to_home]);
    assert_eq!(
        home.candidates,
        [to_car],
        "its firewall has to be opened too"
    );
    assert!(car.relay.is_none() && home.relay.is_none());
    assert_eq!(
        (car.peer, home.peer),
        (
            pair.world.clients[pair.home].id,
            pair.world.clients[pair.car].id
        )
    );
    assert_eq!(car.peer_key, pair.world.clients[pair.home].key.public());
    assert_eq!(
        (car.peer_name.as_str(), car.peer_epoch),
        ("home.ntm.test", 1)
    );
    assert_eq!((car.local, &car.remote), (pair.laptop.node, &pair.camera));
    assert_eq!((home.local, &home.remote), (pair.camera.node, &pair.laptop));
    assert!(pair.world.dc.tunnels()[0].settled);
}

#[test]
fn a_target_may_be_an_address_or_a_gateway_itself() {
    let mut pair = mixed();
    for target in [Target::V4(pair.camera.vip4), Target::V6(pair.camera.vip6)] {
        pair.world.ask_for(pair.car, pair.laptop.node, target);
        assert_eq!(pair.last(pair.car).remote, pair.camera);
    }
    let gateway = pair.world.clients[pair.car].id;
    pair.world.ask(pair.car, gateway, "home.ntm.test");
    let direction = pair.last(pair.car);
    assert_eq!(
        (direction.local, direction.remote.node),
        (gateway, pair.world.clients[pair.home].id)
    );
    assert_eq!(pair.world.dc.tunnels().len(), 1);
}

#[test]
fn refusals_say_why() {
    let mut pair = mixed();
    let other = pair
        .world
        .gateway("other", 2, "203.0.113.9:4750", &["203.0.113.9:4750"]);
    let _off = pair.world.gateway("off", 1, "203.0.113.10:4750", &[]);
    pair.world.connect(other);
    let foreign = pair.world.device(other, 3, "tv").unwrap().unwrap();
    let laptop = pair.laptop.node;
    for (device, name, refusal) in [
        (laptop, "nobody.home.ntm.test", Refusal::Unknown),
        (laptop, "rs1.ntm.test", Refusal::Unknown),
        (laptop, "example.org", Refusal::DomainUnknown),
        (laptop, "laptop.car.ntm.test", Refusal::Local),
        (laptop, "car.ntm.test", Refusal::Local),
        (laptop, "tv.other.ntm.test", Refusal::NotAllowed),
        (laptop, "off.ntm.test", Refusal::Offline),
        (foreign.node, "camera.home.ntm.test", Refusal::NotRegistered),
        (
            pair.camera.node,
            "camera.home.ntm.test",
            Refusal::NotRegistered,
        ),
    ] {
        let request = pair.world.ask(pair.car, device, name);
        assert_eq!(
            pair.world.clients[pair.car].refused(),
            Some((request, refusal)),
            "{name}"
        );
    }
    assert!(pair.world.dc.tunnels().is_empty());
}

#[test]
fn a_group_in_common_joins_two_accounts_until_it_is_gone() {
    let mut pair = mixed();
    let other = pair
        .world
        .gateway("other", 2, "203.0.113.9:4750", &["203.0.113.9:4750"]);
    pair.world.connect(other);
    let tv = pair.world.device(other, 3, "tv").unwrap().unwrap();
    pair.world
        .dc
        .groups_changed(vec![("family".into(), 1), ("family".into(), 2)], Vec::new());
    pair.world.ask(other, tv.node, "camera.home.ntm.test");
    assert_eq!(pair.last(other).remote, pair.camera);
    assert_eq!(pair.last(other).why, Why::BothGlobal);
    assert!(
        pair.last(other).initiator,
        "the asking side begins when either can"
    );
    pair.world
        .dc
        .groups_changed(vec![("family".into(), 1), ("work".into(), 2)], Vec::new());
    pair.world.pass(Duration::ZERO);
    assert!(pair.world.dc.tunnels().is_empty());
    let request = pair.world.ask(other, tv.node, "camera.home.ntm.test");
    assert_eq!(
        pair.world.clients[other].refused(),
        Some((request, Refusal::NotAllowed))
    );
}

#[test]
fn a_repeated_request_gets_the_same_answer() {
    let mut pair = mixed();
    pair.world.clients[pair.car].acks = false;
    let (laptop, target) = (pair.laptop.node, Target::V4(pair.camera.vip4));
    let message = Message::DirectionRequest(DirectionRequest {
        request: 900,
        device: laptop,
        target,
    });
    pair.world.say(pair.car, &message).unwrap();
    pair.world.say(pair.car, &message).unwrap();
    let routes = pair.world.clients[pair.car].routes();
    assert_eq!(routes.len(), 2);
    assert_eq!(routes[0], routes[1]);
    pair.world.clients[pair.car].acks = true;
    pair.world.pass(Duration::from_secs(1));
    pair.world.say(pair.car, &message).unwrap();
    let mut again = pair.last(pair.car).clone();
    again.sequence = pair.world.clients[pair.car].routes()[0].sequence;
    assert_eq!(&again, pair.world.clients[pair.car].routes()[0]);
    assert_eq!(
        pair.world.clients[pair.home].routes().len(),
        1,
        "the other end need not hear of it"
    );
}

#[test]
fn an_unacknowledged_direction_is_said_six_times_and_again_after_registration() {
    let mut pair = mixed();
    pair.world.clients[pair.home].acks = false;
    pair.ask();
    pair.world.pass(Duration::from_secs(60));
    assert_eq!(pair.world.clients[pair.home].routes().len(), 6);
    assert!(!pair.world.dc.tunnels()[0].settled);
    pair.world.clients[pair.home].acks = true;
    pair.world.register(pair.home);
    assert_eq!(pair.world.clients[pair.home].routes().len(), 7);
    assert!(pair.world.dc.tunnels()[0].settled);
}

#[test]
fn only_the_addressee_acknowledges() {
    let mut pair = mixed();
    pair.world.clients[pair.home].acks = false;
    pair.ask();
    let sequence = pair.last(pair.home).sequence;
    let ack = Message::DirectionAck(DirectionAck {
        sequence,
        refusal: None,
    });
    assert_eq!(pair.world.say(pair.car, &ack), Err(Reject::NotYours));
    assert!(!pair.world.dc.tunnels()[0].settled);
    pair.world.say(pair.home, &ack).unwrap();
    assert!(pair.world.dc.tunnels()[0].settled);
}

#[test]
fn tunnels_and_pairs_are_bounded() {
    let limits = Limits {
        tunnels_per_gateway: 1,
        pairs_per_tunnel: 4,
        messages_per_second: 100_000,
        ..Limits::default()
    };
    let mut pair = pair_with(limits, &[HOME], CAR, &[INSIDE]);
    let third = pair
        .world
        .gateway("third", 1, "203.0.113.9:4750", &["203.0.113.9:4750"]);
    pair.world.connect(third);
    for key in 10..20 {
        let device = pair.world.device(pair.car, key, "").unwrap().unwrap();
        pair.world
            .ask(pair.car, device.node, "camera.home.ntm.test");
    }
    assert_eq!(pair.world.dc.tunnels()[0].pairs, 4);
    let request = pair.world.ask(pair.car, pair.laptop.node, "third.ntm.test");
    assert_eq!(
        pair.world.clients[pair.car].refused(),
        Some((request, Refusal::Limit))
    );
}

#[test]
fn many_pairs_are_all_told_again_a_few_at_a_time() {
    let mut pair = mixed();
    for key in 10..50 {
        let device = pair.world.device(pair.car, key, "").unwrap().unwrap();
        pair.world
            .ask(pair.car, device.node, "camera.home.ntm.test");
    }
    pair.world.clients[pair.car].inbox.clear();
    pair.world.clients[pair.car].acks = false;
    pair.world.restart(pair.home);
    assert_eq!(pair.world.clients[pair.car].routes().len(), 8);
    pair.world.clients[pair.car].acks = true;
    pair.world.pass(Duration::from_secs(2));
    let told: BTreeSet<NodeId> = pair.world.clients[pair.car]
        .routes()
        .iter()
        .map(|route| route.local)
        .collect();
    assert_eq!(told.len(), 40);
    assert!(pair.world.dc.tunnels()[0].settled);
}

#[test]
fn tunnels_nobody_uses_end_after_a_day() {
    let mut pair = mixed();
    pair.ask();
    pair.world.pass(Duration::from_secs(23 * 3600));
    assert_eq!(pair.world.dc.tunnels().len(), 1);
    pair.world.pass(Duration::from_secs(2 * 3600));
    assert!(pair.world.dc.tunnels().is_empty());
    assert_eq!(pair.world.dc.poll_timeout(), None);
}

#[test]
fn the_log_hears_of_each_route_once() {
    let mut pair = mixed();
    pair.ask();
    pair.ask();
    let directed = |event: &&Event| matches!(event, Event::Directed { .. });
    let lines: Vec<_> = pair
        .world
        .events
        .iter()
        .filter(directed)
        .map(ToString::to_string)
        .collect();
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].contains("direct, one gateway is behind a NAT"),
        "{}",
        lines[0]
    );
}
