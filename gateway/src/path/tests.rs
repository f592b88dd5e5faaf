//! Which way is taken, kept, left and taken again.

use super::*;

fn path(local: &str, remote: &str) -> Path {
    Path {
        local: local.parse().unwrap(),
        remote: remote.parse().unwrap(),
    }
}

fn sockets() -> Vec<SocketAddr> {
    vec![
        "10.0.0.2:4750".parse().unwrap(),
        "[2001:db8::2]:4750".parse().unwrap(),
    ]
}

#[test]
fn ways_pair_equal_families_and_carry_nothing_unproven() {
    let mut paths = Paths::new(true);
    let candidates = [
        "[2001:db8::9]:1".parse().unwrap(),
        "203.0.113.9:2".parse().unwrap(),
    ];
    paths.direct(&sockets(), &candidates);
    assert_eq!(paths.all().count(), 2);
    assert_eq!(paths.active_path(), None);
    let now = Instant::now();
    let way = path("10.0.0.2:4750", "203.0.113.9:2");
    assert!(paths.prove(way, now, now));
    assert_eq!(paths.active_path(), Some(way));
}

#[test]
fn a_direct_way_replaces_the_relay_and_a_silent_one_gives_way_to_it() {
    let (mut paths, now) = (Paths::new(true), Instant::now());
    let mut random = Random::from_seed([0; 32]);
    let relay = path("10.0.0.2:4750", "203.0.113.20:4750");
    let direct = path("10.0.0.2:4750", "203.0.113.9:2");
    paths.relay_bound(Some(relay));
    paths.prove(relay, now, now);
    paths.direct(&sockets(), &[direct.remote]);
    let token = paths.challenge(direct, &mut random, now).unwrap();
    assert_eq!(paths.answered(direct, token ^ 1, now), (None, false));
    assert_eq!(
        paths.answered(direct, token, now),
        (Some(Duration::ZERO), true)
    );
    assert_eq!(paths.active_path(), Some(direct));
    for _ in 0..=GIVE_UP_AFTER {
        paths.challenge(direct, &mut random, now).unwrap();
    }
    assert!(paths.give_up_silent(now));
    assert_eq!(paths.active_path(), Some(relay));
}

#[test]
fn a_copied_datagram_alone_moves_nothing() {
    let (mut paths, now) = (Paths::new(true), Instant::now());
    let home = path("10.0.0.2:4750", "203.0.113.9:2");
    paths.direct(&sockets(), &[home.remote]);
    paths.prove(home, now, now);
    for port in 1..100 {
        paths.heard(path("10.0.0.2:4750", &format!("192.0.2.66:{port}")), now);
    }
    assert_eq!(paths.active_path(), Some(home));
    assert!(paths.all().count() <= LIMIT);
}
