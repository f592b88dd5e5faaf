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
    let inbox = world.clients[home].inbox.iter();
    let answers: Vec<_> = inbox
        .filter(|message| !matches!(message, Message::Domains(_)))
        .collect();
    assert!(
        matches!(answers[..], [Message::RegistrationResponse(answer)] if answer.request == last)
    );
}

#[test]
fn an_overtaken_repetition_changes_nothing_while_the_store_works() {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.slow = true;
    world.connect(home);
    let newest = world.register(home);
    world.clients[home].request = newest - 2;
    let elsewhere = "198.51.100.1:4750";
    world.clients[home].addresses = vec![elsewhere.parse().unwrap()];
    world.register(home);
    world.dc.handle_saved(world.tickets[0], true, world.now);
    world.run();
    let answered = world.clients[home].registered().map(|it| it.request);
    assert_eq!(answered, Some(newest));
    assert_eq!(world.dc.nodes()[0].reach, [format!("IPv4 global {HOME}")]);
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
    let release = Some(ntm_proto::release::Release::OURS.to_string());
    assert_eq!(
        world.dc.nodes()[0].release,
        release,
        "as its Keep Alive said"
    );
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

const THIEF: &str = "198.51.100.66:4750";

fn come_from(world: &mut World, at: usize, instance: [u8; 8], address: &str) {
    world.clients[at].instance = instance;
    world.clients[at].outside = address.parse().unwrap();
    world.clients[at].addresses = vec![address.parse().unwrap()];
    world.connect(at);
}

fn clones(world: &World) -> usize {
    let clone = |event: &&Event| matches!(event, Event::Clone { .. });
    world.events.iter().filter(clone).count()
}

#[test]
fn copies_of_a_key_do_not_take_turns_and_who_was_first_stays() {
    let (mut world, home) = home();
    let first = world.clients[home].instance;
    come_from(&mut world, home, [66; 8], THIEF);
    assert_eq!(epoch(&world, home), 2);
    assert_eq!(clones(&world), 0, "so far it may be a restart elsewhere");
    world.clients[home].outside = HOME.parse().unwrap();
    come_from(&mut world, home, first, HOME);
    assert_eq!(epoch(&world, home), 3);
    assert_eq!(clones(&world), 1);
    assert_eq!(world.dc.nodes()[0].address, Some(HOME.parse().unwrap()));
    for _ in 0..5 {
        come_from(&mut world, home, [66; 8], THIEF);
        assert_eq!(world.clients[home].refused().unwrap().1, Refusal::KeyInUse);
    }
    assert_eq!(world.reject_count(Reject::Cloned), 5);
    come_from(&mut world, home, [67; 8], THIEF);
    assert_eq!(world.reject_count(Reject::Cloned), 6, "nor by a new start");
    assert!(world.dc.nodes()[0].contested);
    assert_eq!(world.dc.nodes()[0].epoch, 3);
    assert_eq!(world.dc.nodes()[0].address, Some(HOME.parse().unwrap()));
}

#[test]
fn who_had_the_place_is_asked_for_a_sign_of_life_at_once() {
    let (mut world, home) = home();
    come_from(&mut world, home, [65; 8], HOME);
    let spy = world.gateway("spy", 1, HOME, &[HOME]);
    come_from(&mut world, home, [66; 8], THIEF);
    assert_eq!(world.clients[spy].notices, 1);
}

#[test]
fn a_contested_key_is_free_again_once_its_owner_is_silent() {
    let (mut world, home) = home();
    let first = world.clients[home].instance;
    come_from(&mut world, home, [66; 8], THIEF);
    come_from(&mut world, home, first, HOME);
    world.pass(Duration::from_secs(80));
    come_from(&mut world, home, [68; 8], HOME);
    assert_eq!(epoch(&world, home), 4);
    world.pass(Duration::from_secs(601));
    come_from(&mut world, home, [66; 8], THIEF);
    assert_eq!(epoch(&world, home), 5);
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
