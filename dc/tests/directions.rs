//! Two gateways are brought together: directly, through a relay, or not at all; and again when things change.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    unreachable_pub,
    reason = "tests own their clock"
)]

mod world;

use ntm_dc::{Event, Limits, Reject};
use ntm_proto::id::{Identity, NodeId};
use ntm_proto::message::*;
use std::collections::BTreeSet;
use std::time::Duration;
use world::*;

const HOME: &str = "203.0.113.5:4750";
const CAR: &str = "198.51.100.7:61000";
const INSIDE: &str = "192.168.1.2:4750";
const CAR6: &str = "[2001:db8:7::7]:4750";

/// Two gateways of one account, each with a device: home (global unless told otherwise) and car (behind a NAT).
struct Pair {
    world: World,
    home: usize,
    car: usize,
    camera: Identity,
    laptop: Identity,
}

fn pair_with(limits: Limits, home_sockets: &[&str], car: &str, car_sockets: &[&str]) -> Pair {
    let mut world = World::with_limits(limits);
    let home = world.gateway("home", 1, HOME, home_sockets);
    let car = world.gateway("car", 1, car, car_sockets);
    world.connect(home);
    world.connect(car);
    let camera = world.device(home, 1, "camera").unwrap().unwrap();
    let laptop = world.device(car, 2, "laptop").unwrap().unwrap();
    Pair {
        world,
        home,
        car,
        camera,
        laptop,
    }
}

fn pair(home_sockets: &[&str], car: &str, car_sockets: &[&str]) -> Pair {
    pair_with(
        Limits {
            messages_per_second: 100_000,
            ..Limits::default()
        },
        home_sockets,
        car,
        car_sockets,
    )
}

/// Home global, car behind a NAT.
fn mixed() -> Pair {
    pair(&[HOME], CAR, &[INSIDE])
}

/// Both behind NATs, and a relay.
fn natted() -> (Pair, usize) {
    let mut pair = pair(&[INSIDE], CAR, &[INSIDE]);
    let relay = pair
        .world
        .relay("rs1", &["192.0.2.20:4750", "[2001:db8::20]:4750"]);
    pair.world.connect(relay);
    (pair, relay)
}

impl Pair {
    fn ask(&mut self) -> u32 {
        self.world
            .ask(self.car, self.laptop.node, "camera.home.ntm.test")
    }

    fn last(&self, at: usize) -> &RouteDirection {
        self.world.clients[at]
            .routes()
            .pop()
            .expect("a direction came")
    }
}

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
    assert_eq!(
        (car.candidates.clone(), home.candidates.len()),
        (vec![HOME.parse().unwrap()], 0)
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
        (laptop, "example.org", Refusal::Unknown),
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
        .groups_changed(vec![("family".into(), 1), ("family".into(), 2)]);
    pair.world.ask(other, tv.node, "camera.home.ntm.test");
    assert_eq!(pair.last(other).remote, pair.camera);
    assert_eq!(pair.last(other).why, Why::BothGlobal);
    assert!(
        pair.last(other).initiator,
        "the asking side begins when either can"
    );
    pair.world
        .dc
        .groups_changed(vec![("family".into(), 1), ("work".into(), 2)]);
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
            (Why::BothNat, 0, expected.tunnel)
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
    let mut pair = pair(&[INSIDE], CAR, &[INSIDE]);
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
        (home.why, home.candidates.clone(), home.relay.clone()),
        (Why::OneNat, vec![direct.parse().unwrap()], None)
    );
    assert!(home.initiator && !car.initiator);
    let known = pair.world.clients[relay].relayed().len();
    pair.world.clients[pair.car].outside = CAR.parse().unwrap();
    pair.world.clients[pair.car].addresses = vec![INSIDE.parse().unwrap()];
    pair.world.register(pair.car);
    assert_eq!(pair.last(pair.car).why, Why::BothNat);
    let told = pair.world.clients[relay].relayed();
    assert_eq!(
        (told.len(), told[0].one),
        (known + 1, told[known].one),
        "the relay is told again, with the same keys"
    );
}

#[test]
fn a_move_from_nat_to_nat_says_nothing_new() {
    let mut pair = mixed();
    pair.ask();
    pair.world.clients[pair.car].outside = "198.51.100.99:4444".parse().unwrap();
    pair.world.register(pair.car);
    assert_eq!(pair.world.clients[pair.home].routes().len(), 1);
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
    assert!(!pair.world.dc.tunnels()[0].settled);
    let routes = pair.world.clients[pair.car].routes().len();
    pair.world.restart(relay);
    assert!(pair.world.dc.tunnels()[0].settled);
    assert_eq!(pair.world.clients[pair.car].routes().len(), routes + 1);
}

#[test]
fn a_closed_tunnel_is_gone_and_its_relay_told() {
    let (mut pair, relay) = natted();
    pair.ask();
    let tunnel = pair.last(pair.car).tunnel;
    let closed = Message::TunnelClosed(TunnelClosed { tunnel });
    assert_eq!(pair.world.say(relay, &closed), Err(Reject::NotYours));
    pair.world.say(pair.car, &closed).unwrap();
    assert!(pair.world.dc.tunnels().is_empty());
    assert!(pair.world.clients[relay].inbox.contains(&closed));
    pair.ask();
    assert!(pair.last(pair.car).tunnel != tunnel);
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
