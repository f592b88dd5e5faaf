//! Who can say where a leg is, and who cannot.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    reason = "tests own their clock"
)]

mod world;

use ntm_proto::Forward;
use ntm_proto::bind::LegKey;
use ntm_proto::id::PathId;
use ntm_proto::wire::{Kind, notice};
use ntm_relay::{Limits, Reject};
use std::time::Duration;
use world::*;

const HOME: &str = "198.51.100.7:4750";
const AWAY: &str = "[2001:db8:5::7]:33000";
const THIEF: &str = "192.0.2.66:4750";

fn ready() -> World {
    World::ready(Limits::default())
}

fn place(world: &World) -> Option<String> {
    world.bound()[0].map(|address| address.to_string())
}

#[test]
fn an_end_moves_by_binding_from_where_it_is() {
    let mut world = ready();
    world.bind(ONE, &KEY_ONE, 1, HOME);
    assert_eq!(place(&world).as_deref(), Some(HOME));
    world.bind(ONE, &KEY_ONE, 2, AWAY);
    assert_eq!(place(&world).as_deref(), Some(AWAY));
}

#[test]
fn a_wrong_key_gets_silence() {
    let mut world = ready();
    let bind = bind_message(Kind::RelayBind, ONE, 1, [0; 16]).encode(&LegKey([9; 32]));
    assert_eq!(world.handle(path(HOME), &bind), Err(Reject::Forged));
    let other = bind_message(Kind::RelayBind, ONE, 1, [0; 16]).encode(&KEY_OTHER);
    assert_eq!(world.handle(path(HOME), &other), Err(Reject::Forged));
    assert!(world.sent.is_empty());
}

#[test]
fn a_copied_bind_moves_nothing() {
    let mut world = ready();
    world.bind(ONE, &KEY_ONE, 1, HOME);
    // The thief has the Bind and gets a challenge, but cannot make the Confirm; and what the end confirms is
    // good for the end's own address alone.
    let theirs = world.challenge(ONE, &KEY_ONE, 5, THIEF).unwrap();
    let mut forged = bind_message(Kind::RelayConfirm, ONE, 5, theirs).encode(&KEY_ONE);
    forged[60] ^= 1;
    assert_eq!(world.handle(path(THIEF), &forged), Err(Reject::Forged));
    let ours = world.challenge(ONE, &KEY_ONE, 5, HOME).unwrap();
    assert_ne!(ours, theirs);
    let copied = bind_message(Kind::RelayConfirm, ONE, 5, ours).encode(&KEY_ONE);
    assert_eq!(world.handle(path(THIEF), &copied), Err(Reject::Challenge));
    assert_eq!(place(&world).as_deref(), Some(HOME));
}

#[test]
fn a_recorded_confirm_does_not_move_the_leg_back() {
    let mut world = ready();
    let first = world.bind(ONE, &KEY_ONE, 1, HOME);
    world.bind(ONE, &KEY_ONE, 2, AWAY);
    assert_eq!(world.handle(path(HOME), &first), Err(Reject::Challenge));
    for nonce in 3..20 {
        world.bind(ONE, &KEY_ONE, nonce, AWAY);
        assert_eq!(world.handle(path(HOME), &first), Err(Reject::Challenge));
    }
    assert_eq!(place(&world).as_deref(), Some(AWAY));
}

#[test]
fn a_confirm_said_twice_gets_its_receipt_twice() {
    let mut world = ready();
    let confirm = world.bind(ONE, &KEY_ONE, 1, HOME);
    assert_eq!(world.handle(path(HOME), &confirm), Ok(Forward::Nowhere));
    assert_eq!(world.last_to(HOME).unwrap().len(), 72);
}

#[test]
fn a_challenge_outlives_one_change_of_the_secret_but_not_two() {
    for (wait, good) in [(100, true), (130, true), (250, false)] {
        let mut world = ready();
        world.bind(OTHER, &KEY_OTHER, 1, AWAY);
        world.bind(ONE, &KEY_ONE, 1, THIEF);
        let challenge = world.challenge(ONE, &KEY_ONE, 2, HOME).unwrap();
        world.now += Duration::from_secs(wait);
        let confirm = bind_message(Kind::RelayConfirm, ONE, 2, challenge).encode(&KEY_ONE);
        assert_eq!(world.handle(path(HOME), &confirm).is_ok(), good, "{wait}");
    }
}

#[test]
fn an_unknown_path_gets_a_short_notice_and_not_for_ever() {
    let mut world = ready();
    let bind = bind_message(Kind::RelayBind, PathId(99), 1, [0; 16]).encode(&KEY_ONE);
    assert_eq!(world.handle(path(HOME), &bind), Err(Reject::UnknownPath));
    assert_eq!(world.last_to(HOME), Some(notice(PathId(99)).to_vec()));
    for _ in 0..1000 {
        let _ = world.handle(path(HOME), &bind);
    }
    assert!(world.sent.len() <= 50);
}

#[test]
fn nothing_is_sent_to_addresses_where_no_node_can_be() {
    let mut world = ready();
    let bind = bind_message(Kind::RelayBind, ONE, 1, [0; 16]).encode(&KEY_ONE);
    let unknown = bind_message(Kind::RelayBind, PathId(99), 1, [0; 16]).encode(&KEY_ONE);
    for from in [
        "127.0.0.1:4750",
        "0.0.0.0:4750",
        "255.255.255.255:4750",
        "169.254.169.254:80",
        "198.51.100.7:0",
        "[::1]:4750",
        "[fe80::1]:4750",
        "[::ffff:127.0.0.1]:53",
        RELAY4,
        RELAY6,
    ] {
        assert_eq!(
            world.handle(path(from), &bind),
            Err(Reject::Source),
            "{from}"
        );
        assert_eq!(
            world.handle(path(from), &unknown),
            Err(Reject::Source),
            "{from}"
        );
    }
    assert!(world.sent.is_empty());
}
