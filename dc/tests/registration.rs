//! Registering, starting again, moving, falling silent, and copies of a key.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    unreachable_pub,
    reason = "tests own their clock"
)]

mod world;

use ntm_dc::{Event, Record, Reject};
use ntm_proto::message::{Message, Refusal};
use std::time::Duration;
use world::*;

const HOME: &str = "203.0.113.5:4750";

fn home() -> (World, usize) {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.connect(home);
    (world, home)
}

fn epoch(world: &World, at: usize) -> u32 {
    world.clients[at].registered().unwrap().epoch
}

#[test]
fn a_gateway_registers_and_the_same_instance_keeps_its_epoch() {
    let (mut world, home) = home();
    let answer = world.clients[home].registered().unwrap().clone();
    assert_eq!(
        (answer.epoch, answer.lifetime, answer.observed),
        (1, 75, HOME.parse().unwrap())
    );
    let request = world.register(home);
    let again = world.clients[home].registered().unwrap();
    assert_eq!((again.request, again.epoch), (request, 1));
    assert!(world.dc.nodes()[0].online);
}

#[test]
fn each_start_has_an_epoch_of_its_own_also_across_restarts_of_the_dc() {
    let (mut world, home) = home();
    world.restart(home);
    assert_eq!(epoch(&world, home), 2);
    world.restart_dc();
    world.connect(home);
    assert_eq!(epoch(&world, home), 2, "the same instance");
    world.restart(home);
    assert_eq!(epoch(&world, home), 3);
}

#[test]
fn nothing_is_acknowledged_that_the_store_does_not_have() {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.broken = true;
    world.connect(home);
    assert!(world.clients[home].registered().is_none());
    assert_eq!(world.reject_count(Reject::NotSaved), 1);
    world.broken = false;
    world.register(home);
    assert_eq!(
        epoch(&world, home),
        2,
        "what may have been stored is not given again"
    );
    let stored = &world.store[&world.clients[home].id];
    assert!(matches!(stored, Record::Gateway(record) if record.epoch == 2));
}

#[test]
fn repetitions_while_the_store_works_get_one_answer() {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.slow = true;
    world.connect(home);
    world.register(home);
    let last = world.register(home);
    assert_eq!(world.tickets.len(), 1);
    world.dc.handle_saved(world.tickets[0], true, world.now);
    world.dc.handle_saved(world.tickets[0], true, world.now);
    world.run();
    let answers: Vec<_> = world.clients[home].inbox.iter().collect();
    assert!(
        matches!(answers[..], [Message::RegistrationResponse(answer)] if answer.request == last)
    );
}

#[test]
fn silence_means_offline_and_a_keep_alive_brings_back() {
    let (mut world, home) = home();
    world.pass(Duration::from_secs(60));
    world.keep_alive(home, HOME, HOME, true).unwrap();
    world.pass(Duration::from_secs(74));
    assert!(world.dc.nodes()[0].online);
    world.pass(Duration::from_secs(2));
    assert!(!world.dc.nodes()[0].online);
    assert!(
        world
            .events
            .iter()
            .any(|event| matches!(event, Event::Offline { .. }))
    );
    world.keep_alive(home, HOME, HOME, true).unwrap();
    assert!(world.dc.nodes()[0].online);
    assert_eq!(world.dc.nodes()[0].reach, [format!("IPv4 global {HOME}")]);
}

#[test]
fn a_link_renewed_with_a_dc_that_forgot_needs_no_new_registration() {
    let (mut world, home) = home();
    world.restart_dc();
    world.clients[home].link.connect(world.now);
    world.run();
    world.keep_alive(home, HOME, HOME, true).unwrap();
    assert!(world.dc.nodes()[0].online);
    assert_eq!(world.dc.nodes()[0].epoch, 1);
}

#[test]
fn a_keep_alive_before_any_registration_is_told_to_register() {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.clients[home].link.connect(world.now);
    world.run();
    assert_eq!(
        world.keep_alive(home, HOME, HOME, true),
        Err(Reject::NotRegistered)
    );
    assert!(matches!(
        world.clients[home].refused(),
        Some((_, Refusal::NotRegistered))
    ));
}

#[test]
fn a_move_is_no_clone_and_pushes_follow_the_primary() {
    let (mut world, home) = home();
    for host in 10..40 {
        let address = format!("198.51.100.{host}:4750");
        world.clients[home].outside = address.parse().unwrap();
        world.keep_alive(home, HOME, &address, true).unwrap();
        assert_eq!(world.dc.nodes()[0].address, Some(address.parse().unwrap()));
    }
    assert!(
        !world
            .events
            .iter()
            .any(|event| matches!(event, Event::Clone { .. }))
    );
    assert!(
        world
            .events
            .iter()
            .any(|event| matches!(event, Event::Moved { .. }))
    );
    world
        .keep_alive(home, HOME, "198.51.100.99:1", false)
        .unwrap();
    assert_eq!(
        world.dc.nodes()[0].address,
        Some("198.51.100.39:4750".parse().unwrap())
    );
}

#[test]
fn copies_of_a_key_do_not_take_turns() {
    let (mut world, home) = home();
    let first = world.clients[home].instance;
    world.restart(home);
    let second = std::mem::replace(&mut world.clients[home].instance, first);
    world.connect(home);
    assert_eq!(world.reject_count(Reject::Cloned), 1);
    assert!(
        world.clients[home]
            .registered()
            .is_none_or(|answer| answer.epoch == 2)
    );
    assert!(
        world
            .events
            .iter()
            .any(|event| matches!(event, Event::Clone { .. }))
    );
    world.clients[home].instance = second;
    world.connect(home);
    assert_eq!(epoch(&world, home), 2, "the newer one is not disturbed");
    world.pass(Duration::from_secs(601));
    world.clients[home].instance = first;
    world.connect(home);
    assert_eq!(epoch(&world, home), 3);
}

#[test]
fn nodes_keep_to_their_roles() {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.clients[home].is_relay = true;
    world.connect(home);
    assert_eq!(world.reject_count(Reject::WrongRole), 1);
    assert!(world.clients[home].registered().is_none());
}

#[test]
fn a_restarted_dc_greets_whom_it_knew_a_few_at_a_time() {
    let mut world = World::new();
    for host in 0..120 {
        let address = format!("203.0.113.{host}:4750");
        let at = world.gateway(&format!("g{host}"), 1, &address, &[&address]);
        world.connect(at);
        world.now += Duration::from_millis(50);
    }
    world.restart_dc();
    world.dc.greetings(world.now);
    world.run();
    let noticed = |world: &World| {
        world
            .clients
            .iter()
            .map(|client| client.notices)
            .sum::<usize>()
    };
    assert_eq!(noticed(&world), 50);
    world.pass(Duration::from_millis(500));
    assert_eq!(noticed(&world), 120);
}

#[test]
fn addresses_no_peer_should_be_sent_to_do_not_count() {
    let mut world = World::new();
    for outside in ["127.0.0.1:4750", "198.18.0.77:4750", "169.254.1.1:4750"] {
        let at = world.gateway(&format!("g{}", world.clients.len()), 1, outside, &[outside]);
        world.connect(at);
        assert!(world.clients[at].registered().is_some());
    }
    assert!(
        world
            .dc
            .nodes()
            .iter()
            .all(|node| node.online && node.reach.is_empty())
    );
}

#[test]
fn the_older_of_two_copies_of_a_key_cannot_draw_the_pushes() {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.connect(home);
    let random = ntm_proto::random::Random::from_seed([77; 32]);
    let fresh =
        ntm_proto::link::Link::new(world.clients[home].key.clone(), world.key.public(), random);
    let older = std::mem::replace(&mut world.clients[home].link, fresh);
    let elsewhere = "198.51.100.1:4750".parse().unwrap();
    world.clients[home].instance = [8; 8];
    world.clients[home].outside = elsewhere;
    world.clients[home].addresses = vec![elsewhere];
    world.connect(home);
    assert_eq!(world.dc.nodes()[0].address, Some(elsewhere));
    world.clients[home].link = older;
    world.clients[home].outside = HOME.parse().unwrap();
    assert!(world.keep_alive(home, HOME, HOME, true).is_err());
    assert_eq!(world.dc.nodes()[0].address, Some(elsewhere));
}
