//! Which way is taken, kept, left and taken again.

use super::choice::Said;
use super::*;
use ntm_proto::message::Standing;

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
        let stranger = path("10.0.0.2:4750", &format!("192.0.2.66:{port}"));
        paths.heard(stranger, true, now);
    }
    assert_eq!(paths.active_path(), Some(home));
    assert!(paths.all().count() <= LIMIT);
}

/// Two direct ways, proven at once, of these round trips; the first is in use.
fn two_ways(leads: bool, rtts: [u64; 2], start: Instant) -> (Paths, [Path; 2]) {
    let mut paths = Paths::new(leads);
    let mut random = Random::from_seed([1; 32]);
    let ways = [
        path("10.0.0.2:4750", "203.0.113.9:2"),
        path("[2001:db8::2]:4750", "[2001:db8::9]:2"),
    ];
    paths.direct(&sockets(), &ways.map(|way| way.remote));
    let tokens = ways.map(|way| paths.challenge(way, &mut random, start).unwrap());
    for ((way, token), rtt) in ways.into_iter().zip(tokens).zip(rtts) {
        let _ = paths.answered(way, token, start + Duration::from_millis(rtt));
    }
    (paths, ways)
}

#[test]
fn the_end_that_leads_takes_the_quicker_of_two_ways_and_stays_when_they_are_alike() {
    let start = Instant::now();
    let (paths, ways) = two_ways(true, [80, 20], start);
    assert_eq!(paths.active_path(), Some(ways[1]));
    let (paths, ways) = two_ways(true, [21, 20], start);
    assert_eq!(paths.active_path(), Some(ways[0]));
}

#[test]
fn the_end_that_follows_goes_where_it_hears_the_other() {
    let start = Instant::now();
    let (mut paths, ways) = two_ways(false, [20, 80], start);
    assert_eq!(paths.active_path(), Some(ways[0]));
    let mut random = Random::from_seed([2; 32]);
    let later = start + Duration::from_secs(1);
    assert!(paths.heard(ways[1], true, later), "the other speaks by it");
    let token = paths.challenge(ways[1], &mut random, later).unwrap();
    assert!(
        paths
            .answered(ways[1], token, later + Duration::from_millis(80))
            .1
    );
}

#[test]
fn a_way_that_failed_is_taken_again_ever_later() {
    let (mut paths, mut now) = (Paths::new(true), Instant::now());
    let mut random = Random::from_seed([3; 32]);
    let relay = path("10.0.0.2:4750", "203.0.113.20:4750");
    let direct = path("10.0.0.2:4750", "203.0.113.9:2");
    paths.relay_bound(Some(relay));
    paths.direct(&sockets(), &[direct.remote]);
    let mut pauses = Vec::new();
    for _ in 0..5 {
        let failed = now;
        while paths.active_path() != Some(direct) {
            now += Duration::from_millis(100);
            for way in [relay, direct] {
                let token = paths.challenge(way, &mut random, now).unwrap();
                let _ = paths.answered(way, token, now);
            }
        }
        pauses.push(now.duration_since(failed).as_secs());
        for _ in 0..=GIVE_UP_AFTER {
            paths.challenge(direct, &mut random, now).unwrap();
        }
        assert!(paths.give_up_silent(now));
        assert_eq!(paths.active_path(), Some(relay));
    }
    assert_eq!(pauses, [0, 3, 6, 12, 24]);
}

#[test]
fn a_late_answer_counts_while_later_challenges_are_under_way() {
    let (mut paths, now) = (Paths::new(true), Instant::now());
    let mut random = Random::from_seed([4; 32]);
    let direct = path("10.0.0.2:4750", "203.0.113.9:2");
    paths.direct(&sockets(), &[direct.remote]);
    let first = paths.challenge(direct, &mut random, now).unwrap();
    paths.challenge(direct, &mut random, now).unwrap();
    let rtt = Duration::from_millis(700);
    assert_eq!(paths.answered(direct, first, now + rtt), (Some(rtt), true));
}

#[test]
fn two_ends_on_different_ways_do_not_challenge_each_other_for_ever() {
    let start = Instant::now();
    let (mut paths, ways) = two_ways(true, [21, 20], start);
    let later = start + Duration::from_secs(1);
    assert!(!paths.heard(ways[1], false, later), "it is proven");
    assert!(paths.heard(ways[1], true, later), "traffic comes by it");
}

#[test]
fn nats_that_make_a_port_of_each_challenge_do_not_start_a_storm() {
    let (mut paths, start) = (Paths::new(true), Instant::now());
    let mut random = Random::from_seed([3; 32]);
    let mut asked = 0;
    for number in 0..6000u32 {
        let now = start + Duration::from_millis(10) * number;
        let way = path("10.0.0.2:4750", &format!("192.0.2.66:{}", 1024 + number));
        if paths.heard(way, false, now) {
            paths.challenge(way, &mut random, now);
            asked += 1;
        }
    }
    assert!((6..=25).contains(&asked), "{asked} in a minute");
}

#[test]
fn learned_ways_make_room_for_candidates() {
    let (mut paths, start) = (Paths::new(true), Instant::now());
    for number in 0..100u32 {
        let now = start + Duration::from_secs(5) * number;
        let way = path("10.0.0.2:4750", &format!("192.0.2.66:{}", 1024 + number));
        paths.heard(way, false, now);
    }
    assert_eq!(paths.all().count(), LIMIT);
    let candidate = "203.0.113.9:2".parse().unwrap();
    paths.direct(&sockets(), &[candidate]);
    assert!(paths.all().any(|path| path.remote == candidate));
    let suggested = "198.51.100.9:3".parse().unwrap();
    let later = start + Duration::from_secs(1000);
    assert!(paths.suggest(&sockets(), &[suggested], later));
    assert!(paths.all().any(|path| path.remote == suggested));
    assert_eq!(paths.all().count(), LIMIT);
}

#[test]
fn losses_before_there_was_a_way_are_not_held_against_it() {
    let (mut paths, start) = (Paths::new(true), Instant::now());
    let mut random = Random::from_seed([2; 32]);
    let way = path("10.0.0.2:4750", "203.0.113.9:2");
    let other = path("[2001:db8::2]:4750", "[2001:db8::9]:2");
    paths.direct(&sockets(), &[way.remote, other.remote]);
    paths.rank(&[(way.local, 0), (other.local, 1)], &[], start);
    let at = |ms: u64| start + Duration::from_millis(ms);
    for ms in [0, 50, 150] {
        paths.challenge(way, &mut random, at(ms)).unwrap();
    }
    for turn in 0..8 {
        let asked = at(1000 + turn * 3000);
        for path in [way, other] {
            let token = paths.challenge(path, &mut random, asked).unwrap();
            paths.answered(path, token, asked + Duration::from_millis(80));
        }
    }
    assert_eq!(paths.judge(at(30_000)), Verdict::Same);
    assert_eq!(paths.active_path(), Some(way));
    // Losses of a way that was good do count, until it is left for the other.
    let left = (0..20).find(|turn| {
        let asked = at(31_000 + turn * 3000);
        paths.challenge(way, &mut random, asked).unwrap();
        let token = paths.challenge(way, &mut random, asked + Duration::from_millis(1500));
        paths.answered(way, token.unwrap(), asked + Duration::from_millis(1580));
        let token = paths.challenge(other, &mut random, asked).unwrap();
        paths.answered(other, token, asked + Duration::from_millis(80));
        paths.judge(asked + Duration::from_millis(1600)) == Verdict::Moved
    });
    assert!(left.is_some_and(|turn| turn < 10), "{left:?}");
    assert_eq!(paths.active_path(), Some(other));
}

#[test]
fn a_peer_that_is_heard_gets_one_measure_of_unproven_traffic_and_no_more() {
    let (mut paths, start) = (Paths::new(true), Instant::now());
    let way = path("10.0.0.2:4750", "203.0.113.9:2");
    let stranger = path("10.0.0.2:4750", "192.0.2.66:9");
    paths.direct(&sockets(), &[way.remote]);
    for path in [way, stranger] {
        paths.heard(path, true, start);
    }
    assert!(
        !paths.lean_if_lost(stranger, start),
        "nobody vouches for it"
    );
    assert!(paths.lean_if_lost(way, start));
    let sent = std::iter::from_fn(|| paths.carry(1400, start)).count();
    assert!((60..100).contains(&sent), "{sent}");
    let soon = start + Duration::from_secs(3);
    paths.heard(way, true, soon);
    assert!(!paths.lean_if_lost(way, soon), "it has had its credit");
}

#[test]
fn who_asks_faster_than_answers_come_asks_the_same_again() {
    let (mut paths, start) = (Paths::new(true), Instant::now());
    let mut random = Random::from_seed([3; 32]);
    let way = path("10.0.0.2:4750", "203.0.113.9:2");
    paths.direct(&sockets(), &[way.remote]);
    let at = |ms: u64| start + Duration::from_millis(ms);
    let first = paths.repeat_challenge(way, &mut random, start);
    for ms in (50..500).step_by(50) {
        assert_eq!(paths.repeat_challenge(way, &mut random, at(ms)), first);
    }
    assert_ne!(paths.repeat_challenge(way, &mut random, at(500)), first);
    let (rtt, moved) = paths.answered(way, first.unwrap(), at(900));
    assert_eq!((rtt, moved), (Some(Duration::from_millis(900)), true));
}

#[test]
fn who_says_again_and_again_that_it_moved_gets_one_allowance() {
    let (mut paths, start) = (Paths::new(true), Instant::now());
    let ways = [2, 3].map(|port| path("10.0.0.2:4750", &format!("203.0.113.9:{port}")));
    paths.direct(&sockets(), &ways.map(|way| way.remote));
    let mut sent = 0;
    for era in 1..200 {
        let now = start + Duration::from_millis(10) * era;
        let way = ways[era as usize % 2];
        paths.heard(way, false, now);
        let era = u64::from(era);
        paths.peer_says(way, Standing { era, rank: 0 }, now);
        while paths.carry(1000, now).is_some() {
            sent += 1000;
        }
    }
    // The burst, and what two seconds add to it.
    assert!((256_000..400_000).contains(&sent), "{sent} bytes");
}

#[test]
fn who_flees_a_dead_wan_does_not_flee_to_its_relay() {
    let (mut paths, start) = (Paths::new(true), Instant::now());
    let mut random = Random::from_seed([3; 32]);
    let at = |ms: u64| start + Duration::from_millis(ms);
    let locals = ["10.0.0.2:4750", "10.0.1.2:4750"];
    let sockets = locals.map(|local| local.parse().unwrap());
    let direct = locals.map(|local| path(local, "203.0.113.9:2"));
    let relay = path(locals[0], "203.0.113.20:4750");
    paths.direct(&sockets, &[direct[0].remote]);
    paths.relay_bound(Some(relay));
    paths.rank(&[(sockets[0], 0), (sockets[1], 1)], &[], start);
    let all = [direct[0], relay, direct[1]];
    let standing = Standing { era: 1, rank: 0 };
    let mut ask = |paths: &mut Paths, way, ms| paths.challenge(way, &mut random, at(ms)).unwrap();
    for way in all {
        let token = ask(&mut paths, way, 0);
        paths.answered(way, token, at(80));
        paths.peer_says(way, standing, at(80));
    }
    assert_eq!(paths.active_path(), Some(direct[0]));
    // Nothing comes by the first WAN any more.
    let mut last = 0;
    for ms in [1000, 1100, 1200, 1300, 1400] {
        ask(&mut paths, direct[0], ms);
        if ms == 1100 {
            ask(&mut paths, relay, ms);
        }
        last = ask(&mut paths, direct[1], ms);
    }
    let (_, moved) = paths.answered(direct[1], last, at(1480));
    assert!(moved);
    let said = paths.peer_says(direct[1], standing, at(1480));
    assert_eq!(
        (said, paths.active_path()),
        (Said::default(), Some(direct[1]))
    );
}

#[test]
fn a_wan_for_the_last_resort_is_not_taken_instead_of_a_poor_one() {
    let start = Instant::now();
    for (place, is_taken) in [(1, true), (LAST_RESORT + 1, false)] {
        let (mut paths, ways) = two_ways(true, [20, 20], start);
        let ranks = [(ways[1].local, 0), (ways[0].local, place)];
        assert!(paths.rank(&ranks, &[], start));
        assert_eq!(paths.active_path(), Some(ways[1]), "it goes behind at once");
        let used = paths.ways.iter_mut().find(|way| way.path == ways[1]);
        let quality = &mut used.unwrap().quality;
        (0..16).for_each(|at| quality.note(at % 2 == 0));
        let verdict = paths.judge(start);
        assert_eq!(verdict == Verdict::Moved, is_taken, "{place}");
        assert_eq!(paths.active_path(), Some(ways[usize::from(!is_taken)]));
    }
}
