//! The relay and its DC: coming up, staying registered, obeying.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    reason = "tests own their clock"
)]

mod world;

use ntm_proto::id::{PathId, TunnelId};
use ntm_proto::message::{Message, TunnelClosed};
use ntm_proto::wire::notice;
use ntm_relay::{Event, Limits, Reject};
use std::collections::BTreeSet;
use std::time::Duration;
use world::*;

const HOME: &str = "198.51.100.7:4750";

#[test]
fn a_relay_registers_at_once_and_every_twenty_seconds() {
    let mut world = World::new(Limits::default());
    world.connect();
    let first = world.registration().unwrap();
    assert_eq!(
        (first.paths, first.capacity, first.instance),
        (0, 4096, [3; 8])
    );
    assert_eq!(first.addresses.len(), 2);
    world.accept(&first);
    assert!(world.relay.status(world.now).registered);
    world.pass(Duration::from_secs(19));
    assert!(world.sent.is_empty());
    world.pass(Duration::from_secs(2));
    assert_eq!(world.registration().unwrap().request, first.request + 1);
}

#[test]
fn an_unanswered_registration_ends_in_a_new_handshake() {
    let mut world = World::ready(Limits::default());
    world.pass(Duration::from_secs(20));
    assert!(world.registration().is_some());
    world.pass(Duration::from_secs(30));
    assert!(world.events.contains(&Event::Disconnected));
    assert!(!world.relay.status(world.now).registered);
    assert!(world.sent.iter().any(|(_, datagram)| datagram[0] == 1));
}

#[test]
fn handshakes_try_every_address_of_the_dc() {
    let mut world = World::new(Limits::default());
    world.pass(Duration::from_secs(5));
    let tried: BTreeSet<_> = world.sent.iter().map(|(path, _)| path.remote).collect();
    assert_eq!(tried.len(), 2);
}

#[test]
fn a_dc_that_lost_its_memory_gets_a_new_registration() {
    let mut world = World::ready(Limits::default());
    world.sent.clear();
    let _ = world.handle(path(DC4), &notice(PathId(42))).unwrap();
    world.connect();
    assert!(world.registration().is_some());
}

#[test]
fn only_the_dc_speaks_to_the_link() {
    let mut world = World::ready(Limits::default());
    let refused = world.handle(path(HOME), &notice(PathId(42)));
    assert_eq!(refused, Err(Reject::UnknownSource));
    assert!(world.last_to(DC4).is_none());
}

#[test]
fn a_repeated_direction_keeps_what_is_bound_and_is_acknowledged_again() {
    let mut world = World::ready(Limits::default());
    world.bind(ONE, &KEY_ONE, 1, HOME);
    let again = world.direct_as(1, TUNNEL, (ONE, KEY_ONE), (OTHER, KEY_OTHER));
    assert_eq!(again.map(|ack| ack.sequence), Some(1));
    assert_eq!(world.bound()[0], Some(HOME.parse().unwrap()));
    // One leg gets a new key: it must bind again, the other one stays.
    let new = ntm_proto::bind::LegKey([5; 32]);
    let _ = world.direct_as(2, TUNNEL, (OTHER, new), (ONE, KEY_ONE));
    assert_eq!(world.bound(), [None, Some(HOME.parse().unwrap())]);
    assert!(world.challenge(OTHER, &KEY_OTHER, 3, HOME).is_none());
    assert!(world.challenge(OTHER, &new, 3, HOME).is_some());
}

#[test]
fn an_older_direction_that_was_delayed_changes_nothing() {
    let mut world = World::ready(Limits::default());
    let new = ntm_proto::bind::LegKey([5; 32]);
    let _ = world.direct_as(9, TUNNEL, (ONE, new), (OTHER, KEY_OTHER));
    let late = world.direct_as(8, TUNNEL, (ONE, KEY_ONE), (OTHER, KEY_OTHER));
    assert_eq!(late.map(|ack| ack.sequence), Some(8));
    assert!(world.challenge(ONE, &new, 3, HOME).is_some());
    // The DC started anew and counts from 1: no delay explains that after so long.
    world.now += Duration::from_secs(11);
    let _ = world.direct_as(1, TUNNEL, (ONE, KEY_ONE), (OTHER, KEY_OTHER));
    assert!(world.challenge(ONE, &KEY_ONE, 4, HOME).is_some());
}

#[test]
fn a_closed_tunnel_is_forgotten() {
    let mut world = World::ready(Limits::default());
    world.bind(ONE, &KEY_ONE, 1, HOME);
    world.tell(&Message::TunnelClosed(TunnelClosed {
        tunnel: TUNNEL,
        sequence: 1,
    }));
    assert!(world.bound().is_empty());
    assert!(world.challenge(ONE, &KEY_ONE, 2, HOME).is_none());
}

#[test]
fn a_path_id_belongs_to_the_newest_tunnel() {
    let mut world = World::ready(Limits::default());
    let newer = TunnelId([8; 16]);
    let ack = world.direct(newer, ONE, PathId(3)).unwrap();
    assert_eq!(ack.refusal, None);
    let status = world.relay.status(world.now);
    assert_eq!(status.paths.len(), 1);
    assert!(
        world
            .events
            .iter()
            .any(|event| matches!(event, Event::Removed(gone, _) if *gone == TUNNEL))
    );
    assert!(world.direct(newer, ONE, ONE).unwrap().refusal.is_some());
}
