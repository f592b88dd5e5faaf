//! A cable under virtual time: what comes out, when, and what does not.
#![cfg(test)]
#![allow(clippy::disallowed_methods, reason = "one moment to count from")]

use ntm_link::{Cable, DirectionStatus, End, Output};
use std::time::{Duration, Instant};

const V4: u16 = 0x0800;
const V6: u16 = 0x86dd;
const ARP: u16 = 0x0806;
/// Offload and Ethernet headers.
const HEADERS: usize = 24;

#[test]
fn a_frame_comes_out_unchanged_when_it_is_due() {
    let mut world = World::new("delay=20ms");
    world.send(End::A, V4, 100, 7);
    assert_eq!(world.run(19_900), []);
    assert_eq!(world.run(20_100), [(20_000, End::B, 7)]);
    world.send(End::B, V6, 100, 8);
    assert_eq!(world.run(50_000), [(40_100, End::A, 8)]);
}

#[test]
fn directions_have_settings_of_their_own() {
    let mut world = World::new("ab.delay=5ms ba.delay=50ms");
    world.send(End::A, V4, 100, 1);
    world.send(End::B, V4, 100, 2);
    assert_eq!(world.run(100_000), [(5000, End::B, 1), (50_000, End::A, 2)]);
}

#[test]
fn a_rate_spaces_packets_and_its_queue_drops_the_tail() {
    // 1250 bytes at 1 Mbit/s take 10 ms; 45 ms of queue are four of them, the one being sent and one that just begins.
    let mut world = World::new("delay=0 rate=1mbit queue=45ms");
    for id in 0..20 {
        world.send(End::A, V4, 1236, id);
    }
    let out = world.run(1_000_000);
    let times: Vec<u64> = out.iter().map(|(at, _, _)| *at).collect();
    assert_eq!(times, [10_000, 20_000, 30_000, 40_000, 50_000]);
    assert_eq!(world.ab().counters.dropped.queue, 15);
    assert!(world.cable.status().segmented);
}

#[test]
fn a_queue_of_bytes_holds_that_many() {
    let mut world = World::new("delay=0 rate=1mbit queue=5000B");
    for id in 0..20 {
        world.send(End::A, V4, 1236, id);
    }
    assert_eq!(world.run(1_000_000).len(), 4);
    // A packet longer than the queue still goes when nothing waits.
    world.command("queue=100B");
    world.send(End::A, V4, 1236, 1);
    assert_eq!(world.run(2_000_000).len(), 1);
}

#[test]
fn loss_hits_its_share_and_the_same_packets_with_the_same_seed() {
    let survivors = || {
        let mut world = World::new("delay=1ms loss=10% seed=42");
        for id in 0..10_000u32 {
            world.send(End::A, V4, 50, (id % 251) as u8);
        }
        let lost = world.ab().counters.dropped.loss;
        assert!((900..1100).contains(&lost), "{lost}");
        world
            .run(10_000)
            .iter()
            .map(|(_, _, id)| *id)
            .collect::<Vec<_>>()
    };
    let first = survivors();
    assert_eq!(first, survivors());
    assert!(first.len() > 8900);
}

#[test]
fn neighbours_are_not_lost_by_chance() {
    let mut world = World::new("delay=1ms loss=100%");
    world.send(End::A, ARP, 28, 1);
    world.send(End::A, V4, 28, 2);
    assert_eq!(world.run(10_000), [(1000, End::B, 1)]);
}

#[test]
fn jitter_keeps_order_and_reordering_does_not() {
    let mut world = World::new("delay=10ms jitter=5ms");
    for id in 0..100 {
        world.send(End::A, V4, 50, id);
        world.run(u64::from(id) * 100);
    }
    let out = world.take(100_000);
    assert!(out.is_sorted_by_key(|(_, _, id)| *id));
    assert!(out[0].0 >= 5000 && out[99].0 <= 25_000);

    let mut world = World::new("delay=10ms reorder=20% reorder_by=3ms");
    for id in 0..100 {
        world.send(End::A, V4, 50, id);
    }
    let out = world.run(100_000);
    let late = out.iter().filter(|(at, _, _)| *at == 13_000).count();
    assert_eq!(late as u64, world.ab().counters.reordered);
    assert!((5..40).contains(&late), "{late}");
}

#[test]
fn copies_follow_their_originals() {
    let mut world = World::new("delay=10ms duplicate=100%");
    world.send(End::A, V4, 50, 1);
    world.send(End::A, V4, 50, 2);
    let ids: Vec<u8> = world.run(20_000).iter().map(|(_, _, id)| *id).collect();
    assert_eq!(ids, [1, 1, 2, 2]);
    assert_eq!(world.ab().counters.duplicated, 2);
}

#[test]
fn a_black_hole_swallows_its_family_and_direction_only() {
    for (words, left) in [
        ("ab.blackhole=4", vec![V6, ARP]),
        ("ab.blackhole=6", vec![V4, ARP]),
        ("ab.blackhole=both", vec![ARP]),
        ("ab.blackhole=all", vec![]),
        ("ba.blackhole=all", vec![V4, V6, ARP]),
    ] {
        let mut world = World::new(words);
        for (id, family) in [V4, V6, ARP].into_iter().enumerate() {
            world.send(End::A, family, 60, id as u8);
        }
        let out: Vec<u16> = world
            .run(100_000)
            .iter()
            .map(|(_, _, id)| [V4, V6, ARP][usize::from(*id)])
            .collect();
        assert_eq!(out, left, "{words}");
        assert_eq!(
            world.ab().counters.dropped.blackhole as usize,
            3 - left.len()
        );
    }
}

#[test]
fn packets_longer_than_the_mtu_vanish() {
    let mut world = World::new("mtu=1280");
    world.send(End::A, V4, 1280, 1);
    world.send(End::A, V4, 1281, 2);
    assert_eq!(world.run(100_000).len(), 1);
    assert_eq!(world.ab().counters.dropped.mtu, 1);
}

#[test]
fn a_pulled_cable_loses_what_is_under_way() {
    let mut world = World::new("delay=20ms");
    world.send(End::A, V4, 100, 1);
    world.run(10_000);
    world.command("carrier=down");
    assert_eq!(world.cable.poll_output(), Some(Output::Carrier(false)));
    world.send(End::A, V4, 100, 2);
    assert_eq!(world.run(100_000), []);
    assert_eq!(world.ab().counters.dropped.carrier, 2);
    assert_eq!(world.ab().held_bytes, 0);
    world.command("carrier=up");
    assert_eq!(world.cable.poll_output(), Some(Output::Carrier(true)));
    world.send(End::A, V4, 100, 3);
    assert_eq!(world.run(200_000).len(), 1);
}

#[test]
fn a_time_table_strikes_at_its_moments() {
    let mut world = World::new("delay=0");
    world.command("at 30ms blackhole=none at 10ms blackhole=both");
    for id in 0..40 {
        world.run(u64::from(id) * 1000);
        world.send(End::A, V4, 50, id);
    }
    let ids: Vec<u8> = world.take(100_000).iter().map(|(_, _, id)| *id).collect();
    assert_eq!(ids, (0..10).chain(30..40).collect::<Vec<_>>());
    world.command("at 1s blackhole=all");
    assert_eq!(world.cable.status().pending, 1);
    world.command("cancel");
    assert_eq!(world.cable.status().pending, 0);
    assert_eq!(world.cable.poll_timeout(), None);
}

#[test]
fn a_command_with_a_wrong_word_changes_nothing() {
    let mut world = World::new("delay=0");
    let before = world.ab().settings;
    assert!(
        world
            .cable
            .handle_command("loss=100% dlay=2ms", world.now)
            .is_err()
    );
    assert_eq!(world.ab().settings, before);
    let many = "at 1s reset ".repeat(5000);
    assert!(world.cable.handle_command(&many, world.now).is_err());
    assert_eq!(world.cable.status().pending, 0);
}

#[test]
fn memory_is_bounded() {
    let mut world = World::new("delay=60s duplicate=100%");
    for _ in 0..2000 {
        world.send(End::A, V4, 60_000, 1);
    }
    assert!(world.ab().held_bytes <= 64 << 20);
    assert!(world.ab().counters.dropped.memory > 900);
}

#[test]
fn offloads_follow_the_settings_unless_told() {
    let mut world = World::new("delay=1ms");
    assert_eq!(world.cable.poll_output(), None);
    world.command("ba.loss=1%");
    assert_eq!(world.cable.poll_output(), Some(Output::Segment(true)));
    world.command("offload=on");
    assert_eq!(world.cable.poll_output(), Some(Output::Segment(false)));
    world.command("offload=auto ba.loss=0%");
    assert_eq!(world.cable.poll_output(), None);
}

#[test]
fn refused_frames_are_not_counted_as_delivered() {
    let mut world = World::new("delay=0");
    world.send(End::A, V4, 100, 1);
    assert_eq!(world.run(1).len(), 1);
    world.cable.handle_refusal(End::B);
    let counters = world.ab().counters;
    assert_eq!(
        (
            counters.packets_in,
            counters.packets_out,
            counters.dropped.refused
        ),
        (1, 0, 1)
    );
    assert_eq!(counters.bytes_out, 0);
}

/// A cable and the clock, in microseconds since its start.
struct World {
    cable: Cable,
    start: Instant,
    now: Instant,
    out: Vec<(u64, End, u8)>,
}

impl World {
    fn new(words: &str) -> Self {
        let start = Instant::now();
        let mut cable = Cable::new();
        cable.handle_command(words, start).unwrap();
        Self {
            cable,
            start,
            now: start,
            out: Vec::new(),
        }
    }

    fn command(&mut self, words: &str) {
        self.cable.handle_command(words, self.now).unwrap();
    }

    /// A frame of a family, `length` bytes long behind its Ethernet header, known again by its first address byte.
    fn send(&mut self, end: End, family: u16, length: usize, id: u8) {
        let mut frame = vec![0; HEADERS + length];
        frame[10] = id;
        frame[22..24].copy_from_slice(&family.to_be_bytes());
        self.cable.handle_frame(end, &frame, self.now);
    }

    /// Runs until this moment; what came out since the last call, with its time.
    fn take(&mut self, until: u64) -> Vec<(u64, End, u8)> {
        self.run(until);
        std::mem::take(&mut self.out)
    }

    /// Runs until this moment; all that came out of it.
    fn run(&mut self, until: u64) -> Vec<(u64, End, u8)> {
        let until = self.start + Duration::from_micros(until);
        let first = self.out.len();
        while let Some(at) = self.cable.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.cable.handle_timeout(self.now);
            while let Some((end, frame)) = self.cable.poll_frame(self.now) {
                let at = (self.now - self.start).as_micros() as u64;
                self.out.push((at, end, frame[10]));
            }
        }
        self.now = self.now.max(until);
        self.out[first..].to_vec()
    }

    fn ab(&self) -> DirectionStatus {
        self.cable.status().ab
    }
}
