//! Two coordinators that trust each other bring their gateways together, and only those that both allow.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    unreachable_pub,
    reason = "tests own their clock"
)]

mod world;

use ntm_dc::{Event, Reject};
use ntm_proto::id::Fqdn;
use ntm_proto::key::SecretKey;
use ntm_proto::message::*;
use ntm_proto::random::Random;
use std::time::Duration;
use world::two::{B, Two};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_name_of_the_other_domain_brings_both_gateways_together() {
    let mut two = Two::allowed();
    let request = two.ask();
    let (car, home) = (two.car(), two.home());
    assert_eq!((car.request, home.request), (request, 0));
    assert_eq!(car.tunnel, home.tunnel);
    assert_eq!(
        (car.local_path, car.peer_path),
        (home.peer_path, home.local_path)
    );
    assert_eq!(
        (car.peer_name.as_str(), home.peer_name.as_str()),
        ("home.b.test", "car.a.test")
    );
    assert_eq!(
        (&car.remote, &home.remote),
        (&two.camera, &two.laptop),
        "identities as their own coordinators gave them"
    );
    assert_eq!(two.laptop.vip4, two.camera.vip4, "the ranges collide");
    assert_eq!(car.candidates, ["203.0.113.2:4750".parse().unwrap()]);
    assert_ne!(car.initiator, home.initiator);
    assert!(
        two.a.dc.tunnels()[0].settled,
        "both ends have said that they know"
    );
    assert_eq!(two.b.dc.tunnels().len(), 0, "one of the two owns it");
}

#[test]
fn both_directions_use_one_tunnel_also_when_they_start_at_once() {
    let mut two = Two::allowed();
    two.cut = true;
    two.ask();
    two.ask_back();
    two.cut = false;
    two.pass(seconds(2));
    assert_eq!(two.car().tunnel, two.home().tunnel);
    assert_eq!(two.a.dc.tunnels().len() + two.b.dc.tunnels().len(), 1);
    let tunnel = two.car().tunnel;
    two.ask_back();
    two.ask();
    assert_eq!((two.car().tunnel, two.home().tunnel), (tunnel, tunnel));
}

#[test]
fn the_domain_with_a_relay_owns_the_tunnel() {
    let mut two = Two::allowed();
    for (world, at) in [(&mut two.a, two.car), (&mut two.b, two.home)] {
        world.clients[at].addresses = vec!["192.168.1.2:4750".parse().unwrap()];
        world.register(at);
    }
    let relay = two.b.relay("rs1", &["192.0.2.20:4750"]);
    two.b.connect(relay);
    two.ask();
    assert_eq!((two.a.dc.tunnels().len(), two.b.dc.tunnels().len()), (0, 1));
    let legs = [
        two.car().relay.clone().unwrap(),
        two.home().relay.clone().unwrap(),
    ];
    assert_eq!(legs[0].relay, legs[1].relay);
    assert_ne!(legs[0].key, legs[1].key);
    assert_eq!(two.b.clients[relay].relayed()[0].tunnel, two.car().tunnel);
}

#[test]
fn either_sides_groups_refuse_and_say_whose() {
    for (a, b, refusal) in [
        (false, true, Refusal::NotAllowed),
        (true, false, Refusal::DomainNotAllowing),
    ] {
        let mut two = Two::allowed();
        two.allow(a, b);
        let request = two.ask();
        assert_eq!(two.a.clients[two.car].refused(), Some((request, refusal)));
        assert_eq!(two.told(), [0, 0]);
    }
}

#[test]
fn names_that_are_not_there_are_refused_by_whoever_knows() {
    let mut two = Two::allowed();
    for (name, refusal) in [
        ("printer.home.b.test", Refusal::Unknown),
        ("camera.away.b.test", Refusal::Unknown),
        ("a.b.camera.home.b.test", Refusal::Unknown),
        ("b.test", Refusal::Unknown),
        ("camera.home.c.test", Refusal::DomainUnknown),
    ] {
        two.a.ask(two.car, two.laptop.node, name);
        two.run();
        let refused = two.a.clients[two.car].refused().map(|refused| refused.1);
        assert_eq!(refused, Some(refusal), "{name}");
    }
    two.pass(seconds(200));
    two.a.connect(two.car);
    two.ask();
    let refused = two.a.clients[two.car].refused().map(|refused| refused.1);
    assert_eq!(refused, Some(Refusal::Offline), "home is silent for long");
}

#[test]
fn the_list_of_domains_reaches_gateways_and_follows_the_operator() {
    let mut two = Two::allowed();
    let domains = |two: &Two| {
        let inbox = two.a.clients[two.car].inbox.iter().rev();
        let mut said = inbox.filter_map(|message| match message {
            Message::Domains(domains) => Some(domains.domains.clone()),
            _ => None,
        });
        said.next().unwrap()
    };
    assert_eq!(domains(&two), [Fqdn::parse("b.test").unwrap()]);
    two.ask();
    two.a.domains.clear();
    two.reload();
    assert!(domains(&two).is_empty());
    assert!(two.a.dc.tunnels().is_empty());
    let closed = |message: &Message| matches!(message, Message::TunnelClosed(_));
    assert!(two.a.clients[two.car].inbox.iter().any(closed));
    let request = two.ask();
    let refused = two.a.clients[two.car].refused();
    assert_eq!(refused, Some((request, Refusal::DomainUnknown)));
}

#[test]
fn an_unreachable_domain_is_refused_soon_and_at_once_while_it_is_known_to_be() {
    for (cut, dns, deaf) in [
        (true, true, false),
        (false, false, false),
        (false, true, true),
    ] {
        let mut two = Two::allowed();
        (two.cut, two.dns, two.deaf) = (cut, dns, deaf);
        let request = two.ask();
        two.pass(seconds(4));
        let refused = two.a.clients[two.car].refused();
        assert_eq!(refused, Some((request, Refusal::DomainUnreachable)));
        let told = |event: &Event| {
            matches!(
                event,
                Event::DomainSilent { .. } | Event::DomainNotFound { .. }
            )
        };
        assert!(two.a.events.iter().any(told));
        two.pass(seconds(60));
        (two.cut, two.dns, two.deaf) = (false, true, false);
        two.ask();
        assert_eq!(two.told(), [1, 1], "later it works");
    }
}

#[test]
fn a_wrong_key_on_either_side_is_no_link() {
    for wrong_at_a in [true, false] {
        let mut two = Two::allowed();
        let other = SecretKey::generate(&mut Random::from_seed([77; 32])).public();
        let (a, b) = (two.a.key.public(), two.b.key.public());
        if wrong_at_a {
            two.trust(a, other);
        } else {
            two.trust(other, b);
        }
        let request = two.ask();
        two.pass(seconds(4));
        let refused = two.a.clients[two.car].refused();
        assert_eq!(refused, Some((request, Refusal::DomainUnreachable)));
        let reject = if wrong_at_a {
            Reject::NotAddressed
        } else {
            Reject::UnknownKey
        };
        assert!(two.b.reject_count(reject) > 0);
        let said = two.a.events.iter().map(ToString::to_string);
        assert!(
            said.into_iter()
                .any(|line| line.contains(B) && line.contains("key"))
        );
    }
}

#[test]
fn a_move_on_either_side_reaches_both_ends() {
    let mut two = Two::allowed();
    two.ask();
    let moved = "203.0.113.77:4750".parse().unwrap();
    two.b.clients[two.home].outside = moved;
    two.b.clients[two.home].addresses = vec![moved];
    two.b.register(two.home);
    two.run();
    assert_eq!(
        two.car().candidates,
        [moved],
        "the guest of the owner moved"
    );
    let moved = "203.0.113.78:4750".parse().unwrap();
    two.a.clients[two.car].outside = moved;
    two.a.clients[two.car].addresses = vec![moved];
    two.a.register(two.car);
    two.run();
    assert_eq!(two.home().candidates, [moved], "the owner's own moved");
    assert_eq!(two.car().tunnel, two.home().tunnel);
}

#[test]
fn a_restart_of_either_gateway_is_told_to_the_other() {
    let mut two = Two::allowed();
    two.ask();
    let before = (two.car().peer_epoch, two.home().peer_epoch);
    two.b.restart(two.home);
    two.run();
    assert_eq!(two.car().peer_epoch, before.0 + 1);
    two.a.restart(two.car);
    two.run();
    assert_eq!(two.home().peer_epoch, before.1 + 1);
}

#[test]
fn after_a_restart_of_either_coordinator_the_next_question_works() {
    for restart_a in [true, false] {
        let mut two = Two::allowed();
        two.ask();
        let told = two.told();
        let (world, at) = if restart_a {
            (&mut two.a, two.car)
        } else {
            (&mut two.b, two.home)
        };
        world.restart_dc();
        let client = &mut world.clients[at];
        client.link.connect(world.now);
        world.run();
        world.register(at);
        let key = world.clients[at].id;
        assert!(world.store.contains_key(&key));
        two.ask();
        two.pass(seconds(5));
        two.ask();
        let now = two.told();
        assert!(now[0] > told[0] && now[1] > told[1], "{now:?}");
        assert_eq!(two.car().tunnel, two.home().tunnel);
        assert_eq!(two.a.dc.tunnels().len() + two.b.dc.tunnels().len(), 1);
    }
}

#[test]
fn a_coordinator_that_started_anew_learns_its_part_of_the_tunnels() {
    let mut two = Two::allowed();
    two.ask();
    let told = two.told();
    two.b.restart_dc();
    two.b.dc.greetings(two.b.now);
    two.b.connect(two.home);
    two.run();
    two.b.register(two.home);
    two.pass(seconds(5));
    assert!(two.told()[1] > told[1], "the owner tells it again");
    let moved = "203.0.113.77:4750".parse().unwrap();
    two.b.clients[two.home].outside = moved;
    two.b.clients[two.home].addresses = vec![moved];
    two.b.register(two.home);
    two.run();
    assert_eq!(two.car().candidates, [moved], "though nobody asked again");
}

#[test]
fn what_was_lost_between_the_coordinators_is_said_again() {
    let mut two = Two::allowed();
    two.ask();
    two.cut = true;
    let moved = "203.0.113.77:4750".parse().unwrap();
    two.b.clients[two.home].outside = moved;
    two.b.clients[two.home].addresses = vec![moved];
    two.b.register(two.home);
    two.pass(seconds(3));
    assert_ne!(two.car().candidates, [moved]);
    two.cut = false;
    two.pass(seconds(15));
    assert_eq!(two.car().candidates, [moved]);
}

#[test]
fn an_idle_link_is_dropped_and_made_anew() {
    let mut two = Two::allowed();
    two.ask();
    assert!(two.a.dc.domains(two.a.now)[0].linked);
    for _ in 0..60 {
        two.pass(seconds(25));
        two.keep_alive();
    }
    assert!(!two.a.dc.domains(two.a.now)[0].linked);
    let crossed = two.crossed;
    two.pass(seconds(20));
    assert_eq!(two.crossed, crossed, "silence");
    let told = two.told();
    two.ask();
    assert!(two.told()[0] > told[0]);
}

#[test]
fn a_path_that_is_taken_is_made_anew_under_other_ids() {
    for at_a in [true, false] {
        let mut two = Two::allowed();
        let (world, at) = if at_a {
            (&mut two.a, two.car)
        } else {
            (&mut two.b, two.home)
        };
        world.clients[at].taken = 2;
        two.ask();
        assert_eq!(two.car().tunnel, two.home().tunnel);
        let tunnels = two.a.dc.tunnels();
        assert_eq!((tunnels.len(), tunnels[0].settled), (1, true));
    }
    let mut two = Two::allowed();
    two.a.clients[two.car].taken = usize::MAX;
    two.ask();
    assert!(two.told()[0] < 10, "there is an end to it");
}

#[test]
fn groups_that_change_end_the_tunnel_at_both_ends() {
    for (a, b) in [(false, true), (true, false)] {
        let mut two = Two::allowed();
        two.ask();
        two.allow(a, b);
        let closed = |message: &Message| matches!(message, Message::TunnelClosed(_));
        assert!(two.a.clients[two.car].inbox.iter().any(closed), "{a} {b}");
        assert!(two.b.clients[two.home].inbox.iter().any(closed), "{a} {b}");
        assert!(two.a.dc.tunnels().is_empty());
    }
}

#[test]
fn a_gateway_itself_is_reached_and_its_devices_still_are() {
    let mut two = Two::allowed();
    two.a.ask(two.car, two.laptop.node, "home.b.test");
    two.run();
    assert_eq!(two.car().remote.name.as_str(), "home.b.test");
    let request = two.ask();
    assert_eq!(two.a.clients[two.car].refused(), None);
    assert_eq!(
        (two.car().request, &two.car().remote),
        (request, &two.camera)
    );
}

#[test]
fn another_address_of_a_trusted_domain_ends_no_tunnel() {
    let mut two = Two::allowed();
    two.ask();
    two.a.domains[0].address = Some(B.parse().unwrap());
    two.reload();
    assert_eq!(two.a.dc.tunnels().len(), 1);
    let closed = |message: &Message| matches!(message, Message::TunnelClosed(_));
    assert!(!two.a.clients[two.car].inbox.iter().any(closed));
    two.dns = false;
    two.pass(seconds(700));
    two.a.connect(two.car);
    two.b.connect(two.home);
    let told = two.told();
    two.ask();
    assert!(two.told()[0] > told[0], "it is found there without DNS");
}

/// A coordinator that has forgotten its part may find that the tunnel is its own now.
#[test]
fn two_coordinators_that_both_made_the_tunnel_agree_on_one() {
    for restart_a in [true, false] {
        let mut two = Two::allowed();
        let first = if restart_a { &mut two.b } else { &mut two.a };
        let relay = first.relay("rs1", &["192.0.2.20:4750"]);
        first.connect(relay);
        two.ask();
        let tunnels = |two: &Two| [two.a.dc.tunnels().len(), two.b.dc.tunnels().len()];
        assert_eq!(tunnels(&two), if restart_a { [0, 1] } else { [1, 0] });
        // The owner's relay goes, and the other one restarts with a relay.
        let owner = if restart_a { &mut two.b } else { &mut two.a };
        let gone = owner.clients[relay].id;
        owner.store.remove(&gone);
        let snapshot = owner.snapshot();
        owner.dc.reload(snapshot, owner.now);
        two.run();
        let (other, at) = if restart_a {
            (&mut two.a, two.car)
        } else {
            (&mut two.b, two.home)
        };
        other.restart_dc();
        other.connect(at);
        let relay = other.relay("rs2", &["192.0.2.21:4750"]);
        other.connect(relay);
        let device = other.device(at, 2, "another").unwrap().unwrap();
        // The first finds a link that is no more, the second two tunnels.
        for _ in 0..3 {
            let (world, at, local) = if restart_a {
                (&mut two.b, two.home, two.camera.node)
            } else {
                (&mut two.a, two.car, two.laptop.node)
            };
            world.ask(at, local, device.name.as_str());
            two.pass(seconds(2));
        }
        assert_eq!(tunnels(&two).iter().sum::<usize>(), 1, "{restart_a}");
        assert_eq!(two.car().tunnel, two.home().tunnel);
        let asked = if restart_a {
            two.b.clients[two.home].routes()
        } else {
            two.a.clients[two.car].routes()
        };
        let tunnel = two.car().tunnel;
        let answers = |route: &&RouteDirection| route.tunnel == tunnel && route.remote == device;
        assert!(asked.into_iter().any(|route| answers(&route)));
    }
}

#[test]
fn a_lost_hello_is_said_again() {
    let mut two = Two::allowed();
    two.ask();
    let told = two.told();
    two.b.restart_dc();
    two.b.dc.greetings(two.b.now);
    two.lose_hellos = 1;
    two.run();
    assert_eq!(two.lose_hellos, 0, "it was lost");
    two.b.connect(two.home);
    two.pass(seconds(5));
    assert!(two.told()[1] > told[1], "the owner tells it again");
}
