//! What somebody without a key can make the coordinator do: next to nothing.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    unreachable_pub,
    reason = "tests own their clock"
)]

mod world;

use ntm_dc::{Limits, Output, Reject};
use ntm_proto::Path;
use ntm_proto::key::SecretKey;
use ntm_proto::link::Link;
use ntm_proto::message::{KeepAlive, MappingProbe, Message};
use ntm_proto::random::Random;
use ntm_proto::wire::{Kind, Opening};
use std::time::Duration;
use world::*;

const HOME: &str = "203.0.113.5:4750";
const STRANGER: &str = "198.51.100.66:9";

/// Bytes sent in answer.
fn answers(world: &mut World) -> Vec<usize> {
    let outputs = std::iter::from_fn(|| world.dc.poll_output());
    let sizes = outputs.filter_map(|output| match output {
        Output::Send { datagram, .. } => Some(datagram.len()),
        Output::Save { .. } | Output::FindDomain { .. } | Output::Event(_) => None,
    });
    sizes.collect()
}

fn send(world: &mut World, datagram: &[u8]) -> (Result<(), Reject>, Vec<usize>) {
    let handled = world
        .dc
        .handle_datagram(path(STRANGER.parse().unwrap()), datagram, world.now);
    (handled, answers(world))
}

#[test]
fn no_datagram_of_a_stranger_gets_more_bytes_than_it_has() {
    let mut world = World::with_limits(Limits {
        handshakes_per_second: 2,
        ..Limits::default()
    });
    let mut random = Random::from_seed([5; 32]);
    let mut link = Link::new(
        SecretKey::generate(&mut random),
        world.key.public(),
        Random::from_seed([6; 32]),
    );
    link.connect(world.now);
    let init = link.poll_output().unwrap();
    for round in 0..20_000u32 {
        let mut datagram = if round % 4 == 0 {
            init.clone()
        } else {
            random.bytes::<200>().to_vec()
        };
        if round % 4 != 0 {
            datagram[0] = (random.below(25)) as u8;
            datagram.truncate(random.below(201) as usize);
        } else if round % 8 == 0 {
            let at = random.below(datagram.len() as u64) as usize;
            datagram[at] ^= 1;
        }
        let (_, sizes) = send(&mut world, &datagram);
        assert!(
            sizes.iter().sum::<usize>() <= datagram.len(),
            "{datagram:?}"
        );
        assert!(sizes.iter().all(|size| [8, 40].contains(size)), "{sizes:?}");
        if round % 100 == 0 {
            world.now += Duration::from_millis(100);
        }
    }
    assert!(
        world.reject_count(Reject::CookieWanted) > 0
            && world.reject_count(Reject::UnknownSession) > 0
    );
}

#[test]
fn an_unknown_session_gets_a_bounded_number_of_notices_with_its_own_id() {
    let mut world = World::new();
    let mut datagram = Opening {
        kind: Kind::Control,
        generation: 0,
        receiver: ntm_proto::id::PathId(7),
    }
    .encode()
    .to_vec();
    assert_eq!(
        send(&mut world, &datagram),
        (Err(Reject::UnknownSession), vec![]),
        "no answer to its like"
    );
    datagram.resize(60, 0);
    let sent: usize = (0..1000).map(|_| send(&mut world, &datagram).1.len()).sum();
    assert_eq!(sent, 100);
    world.now += Duration::from_millis(100);
    assert_eq!(
        (0..1000)
            .map(|_| send(&mut world, &datagram).1.len())
            .sum::<usize>(),
        10
    );
    let notice = ntm_proto::wire::notice(ntm_proto::id::PathId(7));
    world.now += Duration::from_secs(1);
    assert_eq!(send(&mut world, &notice), (Err(Reject::Unexpected), vec![]));
}

#[test]
fn our_own_address_as_source_is_dropped() {
    let mut world = World::new();
    let mut datagram = vec![4; 60];
    datagram[1] = 0;
    let own = DC.parse().unwrap();
    let handled = world.dc.handle_datagram(
        Path {
            local: own,
            remote: own,
        },
        &datagram,
        world.now,
    );
    assert_eq!((handled, answers(&mut world)), (Err(Reject::Loop), vec![]));
}

#[test]
fn a_replayed_init_from_elsewhere_moves_nothing() {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.clients[home].link.connect(world.now);
    let init = world.clients[home].link.poll_output().unwrap();
    world
        .dc
        .handle_datagram(path(HOME.parse().unwrap()), &init, world.now)
        .unwrap();
    world.run();
    world.register(home);
    for _ in 0..50 {
        let (handled, sizes) = send(&mut world, &init);
        assert!(handled.is_ok() && sizes.iter().sum::<usize>() < init.len());
    }
    assert_eq!(world.dc.nodes()[0].address, Some(HOME.parse().unwrap()));
    world.pass(Duration::from_secs(70));
    world.keep_alive(home, HOME, HOME, true).unwrap();
    assert_eq!(world.dc.nodes()[0].address, Some(HOME.parse().unwrap()));
}

#[test]
fn a_recorded_registration_does_not_move_a_node_back() {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.connect(home);
    let message = Message::KeepAlive(KeepAlive {
        request: 77,
        wan: 0,
        local: HOME.parse().unwrap(),
        primary: true,
        mapping: ntm_proto::message::Mapping::Unknown,
        next: 0,
        release: ntm_proto::release::Release::OURS,
    });
    let recorded = world.clients[home].link.seal(&message, world.now).unwrap();
    world
        .dc
        .handle_datagram(path(HOME.parse().unwrap()), &recorded, world.now)
        .unwrap();
    world.run();
    let (handled, sizes) = send(&mut world, &recorded);
    assert_eq!((handled, sizes), (Err(Reject::Replayed), vec![]));
    assert_eq!(world.dc.nodes()[0].address, Some(HOME.parse().unwrap()));
}

#[test]
fn a_flood_of_known_nodes_gets_in_with_cookies() {
    let mut world = World::with_limits(Limits {
        handshakes_per_second: 1,
        ..Limits::default()
    });
    for host in 1..=20 {
        let address = format!("203.0.113.{host}:4750");
        let at = world.gateway(&format!("g{host}"), 1, &address, &[&address]);
        world.connect(at);
        assert!(world.clients[at].registered().is_some(), "{host}");
    }
    assert_eq!(world.reject_count(Reject::CookieWanted), 19);
}

#[test]
fn one_node_cannot_take_all_the_time() {
    let mut world = World::with_limits(Limits {
        messages_per_second: 10,
        ..Limits::default()
    });
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.connect(home);
    let busy = (0..100)
        .filter(|_| world.keep_alive(home, HOME, HOME, true) == Err(Reject::Busy))
        .count();
    assert_eq!(busy, 91 - 8, "Keep Alives have a reserve");
}

#[test]
fn what_devices_ask_does_not_silence_their_gateway() {
    let mut world = World::with_limits(Limits {
        messages_per_second: 10,
        ..Limits::default()
    });
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.connect(home);
    let node = world.clients[home].id;
    for _ in 0..100 {
        world.ask(home, node, "nobody.nowhere.ntm.test");
    }
    let probe = Message::MappingProbe(MappingProbe {
        request: 1,
        also: None,
    });
    assert_eq!(world.say(home, &probe), Err(Reject::Busy));
    assert_eq!(world.keep_alive(home, HOME, HOME, true), Ok(()));
    let request = world.register(home);
    let response = world.clients[home].registered().map(|it| it.request);
    assert_eq!(response, Some(request));
}
