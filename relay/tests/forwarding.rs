//! Data between two bound ends: who may send, what arrives where, how much.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    reason = "tests own their clock"
)]

mod world;

use ntm_proto::Forward;
use ntm_proto::id::{PathId, TunnelId};
use ntm_proto::random::Random;
use ntm_proto::wire::notice;
use ntm_relay::{Limits, Reject};
use std::time::Duration;
use world::*;

const HOME: &str = "198.51.100.7:4750";
const CAR: &str = "[2001:db8:1::9]:4750";
const STRANGER: &str = "192.0.2.66:4750";

fn bound() -> World {
    let mut world = World::ready(Limits::default());
    world.bind(ONE, &KEY_ONE, 1, HOME);
    world.bind(OTHER, &KEY_OTHER, 2, CAR);
    world
}

#[test]
fn ipv4_and_ipv6_meet_at_the_relay() {
    let mut world = bound();
    assert_eq!(
        world.handle(path(HOME), &data(OTHER, 100)),
        Ok(Forward::Udp(path(CAR)))
    );
    assert_eq!(
        world.handle(path(CAR), &data(ONE, 100)),
        Ok(Forward::Udp(path(HOME)))
    );
    let status = world.relay.status(world.now);
    let bytes: Vec<_> = status.paths[0].legs.iter().map(|leg| leg.bytes).collect();
    assert_eq!(bytes, [100, 100]);
}

#[test]
fn every_kind_that_ends_exchange_is_forwarded() {
    let mut world = bound();
    for kind in [1, 2, 3, 4, 5] {
        let mut datagram = data(OTHER, 80);
        datagram[0] = kind;
        assert_eq!(
            world.handle(path(HOME), &datagram),
            Ok(Forward::Udp(path(CAR))),
            "{kind}"
        );
    }
    for kind in [6, 17, 19] {
        let mut datagram = data(OTHER, 80);
        datagram[0] = kind;
        assert!(world.handle(path(HOME), &datagram).is_err(), "{kind}");
    }
}

#[test]
fn a_source_in_ipv6_clothes_is_the_same_source() {
    let mut world = bound();
    let mut clothed = path(HOME);
    clothed.remote = "[::ffff:198.51.100.7]:4750".parse().unwrap();
    assert_eq!(
        world.handle(clothed, &data(OTHER, 64)),
        Ok(Forward::Udp(path(CAR)))
    );
}

#[test]
fn only_the_other_leg_reaches_a_leg() {
    let mut world = bound();
    let unknown = Err(Reject::UnknownSource);
    assert_eq!(world.handle(path(STRANGER), &data(OTHER, 100)), unknown);
    assert_eq!(
        world.handle(path("198.51.100.7:4751"), &data(OTHER, 100)),
        unknown
    );
    assert_eq!(
        world.handle(path(HOME), &data(ONE, 100)),
        unknown,
        "to itself"
    );
    assert_eq!(
        world.handle(path(HOME), &data(PathId(5), 100)),
        Err(Reject::UnknownPath)
    );
    let is_notice = |sent: &(_, Vec<u8>)| sent.1.len() == 8 && sent.1[0] == 6;
    assert!(world.sent.iter().all(is_notice), "else silence");
}

#[test]
fn who_speaks_from_elsewhere_is_told_to_bind_again_and_no_more_than_that() {
    let mut world = bound();
    let elsewhere = path("198.51.100.7:4751");
    assert!(world.handle(elsewhere, &data(PathId(5), 100)).is_err());
    assert!(world.sent.is_empty(), "silence about what is not there");
    assert!(world.handle(elsewhere, &data(OTHER, 100)).is_err());
    let sent = std::mem::take(&mut world.sent);
    assert_eq!(sent, [(elsewhere, notice(ONE).to_vec())]);
    // It is bound where it was: a Notice is no more than a hint.
    assert!(world.handle(path(HOME), &data(OTHER, 100)).is_ok());
    for _ in 0..1000 {
        assert!(world.handle(elsewhere, &data(OTHER, 100)).is_err());
    }
    assert!(world.sent.len() < 60, "{}", world.sent.len());
}

#[test]
fn nothing_flows_before_both_legs_are_bound() {
    let mut world = World::ready(Limits::default());
    assert_eq!(
        world.handle(path(HOME), &data(OTHER, 99)),
        Err(Reject::UnknownSource)
    );
    world.bind(ONE, &KEY_ONE, 1, HOME);
    assert_eq!(
        world.handle(path(HOME), &data(OTHER, 99)),
        Err(Reject::Unbound)
    );
}

#[test]
fn a_frame_sent_again_and_again_is_bounded_by_the_bucket() {
    let limits = Limits {
        rate: 100_000,
        ..Limits::default()
    };
    let mut world = World::ready(limits);
    world.bind(ONE, &KEY_ONE, 1, HOME);
    world.bind(OTHER, &KEY_OTHER, 2, CAR);
    let frame = data(OTHER, 1000);
    let mut passed = 0;
    for _ in 0..10_000 {
        world.now += Duration::from_micros(100);
        passed += usize::from(world.handle(path(HOME), &frame).is_ok());
    }
    // One second: 100 kB of rate and 128 KiB of burst, without the part kept for control.
    assert!((100..=232).contains(&passed), "{passed}");
    let mut control = data(OTHER, 200);
    control[0] = 4;
    assert!(
        world.handle(path(HOME), &control).is_ok(),
        "control still passes"
    );
    assert!(
        world.handle(path(CAR), &data(ONE, 1000)).is_ok(),
        "the other direction does"
    );
}

#[test]
fn a_path_that_no_end_uses_is_gone_after_its_time() {
    let mut world = bound();
    world.pass(Duration::from_secs(250));
    assert!(world.handle(path(HOME), &data(OTHER, 50)).is_ok());
    world.pass(Duration::from_secs(250));
    assert!(
        world.handle(path(HOME), &data(OTHER, 50)).is_ok(),
        "data keeps it"
    );
    world.pass(Duration::from_secs(310));
    assert_eq!(
        world.handle(path(HOME), &data(OTHER, 50)),
        Err(Reject::UnknownPath)
    );
}

#[test]
fn a_path_whose_end_never_came_is_gone_after_a_minute() {
    let mut world = World::ready(Limits::default());
    world.bind(ONE, &KEY_ONE, 1, HOME);
    world.pass(Duration::from_secs(55));
    assert_eq!(world.bound().len(), 2);
    world.pass(Duration::from_secs(15));
    assert!(world.bound().is_empty());
}

#[test]
fn noise_changes_nothing_and_is_answered_by_little() {
    let mut world = bound();
    let before = world.bound();
    let mut random = Random::from_seed([8; 32]);
    let sources = [
        HOME,
        CAR,
        STRANGER,
        DC4,
        "127.0.0.1:1",
        "[::1]:9",
        "224.0.0.1:5",
    ];
    let mut answered = 0;
    for _ in 0..100_000 {
        let mut datagram = random.bytes::<96>().to_vec();
        datagram.truncate(random.below(97) as usize);
        if let Some(first) = datagram.first_mut().filter(|_| random.below(4) > 0) {
            *first = [1, 2, 3, 4, 6, 16, 17, 18, 19][random.below(9) as usize];
        }
        if datagram.len() >= 8 && random.below(2) == 0 {
            datagram[4..8].copy_from_slice(&ONE.0.to_be_bytes());
        }
        world.now += Duration::from_micros(10);
        let from = path(sources[random.below(7) as usize]);
        let _ = world.handle(from, &datagram);
        for (to, reply) in world.sent.drain(..) {
            let to_dc = [DC4, DC6].contains(&to.remote.to_string().as_str());
            assert!(to.remote == from.remote || to_dc);
            assert!(to_dc || reply.len() <= datagram.len());
            answered += 1;
        }
    }
    assert_eq!(world.bound(), before);
    assert!(answered <= 110, "{answered}");
}

#[test]
fn the_table_is_bounded() {
    let limits = Limits {
        paths: 3,
        ..Limits::default()
    };
    let mut world = World::ready(limits);
    for n in 1..10 {
        let (one, other) = (PathId(2 * n), PathId(2 * n + 1));
        let ack = world.direct(TunnelId([n as u8; 16]), one, other).unwrap();
        // TUNNEL itself has number 7.
        assert_eq!(ack.refusal.is_some(), n > 2 && n != 7, "{n}");
    }
    assert_eq!(world.relay.status(world.now).paths.len(), 3);
}
