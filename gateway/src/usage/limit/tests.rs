use super::super::{Bytes, SET};
use super::*;
use std::time::Instant;

fn day(month: u8, day: u8) -> Option<Day> {
    Some(Day {
        year: 2026,
        month,
        day,
    })
}

fn limits(mb: u32) -> BTreeMap<String, u32> {
    [("wwan0".to_owned(), mb)].into()
}

/// WANs that count from zero.
struct World {
    usage: Usage,
    sent: u64,
    now: Instant,
}

impl World {
    fn new(limit_mb: &BTreeMap<String, u32>) -> Self {
        let now = Instant::now();
        let mut usage = Usage::new("", limit_mb, now);
        usage.read("wwan0", Bytes::default(), None, now);
        let sent = 0;
        Self { usage, sent, now }
    }

    /// So much more goes by the WAN, half of it each way.
    fn carry(&mut self, bytes: u64, today: Option<Day>) -> Stage {
        self.sent += bytes / 2;
        let counters = Bytes {
            sent: self.sent,
            received: self.sent,
        };
        self.usage.read("wwan0", counters, today, self.now);
        self.usage.stage("wwan0", today)
    }

    fn news(&mut self, today: Option<Day>) -> Option<Stage> {
        self.usage.news("wwan0", today).map(|news| news.stage)
    }
}

#[test]
fn a_limit_is_near_at_four_fifths_and_reached_at_all_of_it() {
    for (used, stage) in [
        (0, Stage::Below),
        (7_999_999, Stage::Below),
        (8_000_000, Stage::Near),
        (9_999_999, Stage::Near),
        (10_000_000, Stage::Reached),
        (u64::MAX, Stage::Reached),
    ] {
        assert_eq!(Stage::of(used, 10), stage, "{used}");
    }
    assert_eq!(Stage::of(u64::MAX - 1, u32::MAX), Stage::Reached);
    let most = u64::from(u32::MAX) * MB;
    assert_eq!(Stage::of(most - 1, u32::MAX), Stage::Near);
}

#[test]
fn both_ways_count_and_only_this_months() {
    let mut world = World::new(&limits(10));
    assert_eq!(world.carry(4_000_000, day(11, 30)), Stage::Below);
    assert_eq!(world.carry(4_000_000, day(11, 30)), Stage::Near);
    assert_eq!(world.carry(2_000_000, day(11, 30)), Stage::Reached);
    assert_eq!(world.usage.stage("wwan0", day(12, 1)), Stage::Below);
    assert_eq!(world.carry(8_000_000, day(12, 1)), Stage::Near);
    assert_eq!(world.usage.stage("wan0", day(12, 1)), Stage::None);
}

#[test]
fn without_a_date_it_is_counted_and_nothing_decided() {
    let mut world = World::new(&limits(10));
    assert_eq!(world.carry(20_000_000, None), Stage::None);
    assert_eq!(world.news(None), None);
    // The date comes soon after: what was counted is of this day.
    assert_eq!(world.carry(2, day(11, 23)), Stage::Reached);
    assert_eq!(world.news(day(11, 23)), Some(Stage::Reached));
}

#[test]
fn each_stage_is_told_once_a_month_and_its_end_too() {
    let mut world = World::new(&limits(10));
    let november = day(11, 29);
    let mut told = Vec::new();
    for _ in 0..12 {
        world.carry(1_000_000, november);
        told.extend(world.news(november));
    }
    assert_eq!(told, [Stage::Near, Stage::Reached]);
    assert_eq!(world.news(day(11, 30)), None, "another day is nothing new");
    assert_eq!(world.news(day(12, 1)), Some(Stage::Below), "it is over");
    assert_eq!(world.news(day(12, 1)), None);
    world.carry(9_000_000, day(12, 2));
    assert_eq!(world.news(day(12, 2)), Some(Stage::Near));
    world.carry(9_000_000, day(12, 3));
    let news = world.usage.news("wwan0", day(12, 3)).unwrap();
    assert_eq!((news.stage, news.used), (Stage::Reached, 18_000_000));
    assert_eq!(news.limit_mb, Some(10));
}

#[test]
fn another_limit_counts_at_once() {
    let mut world = World::new(&limits(10));
    let today = day(11, 23);
    assert_eq!(world.carry(10_000_000, today), Stage::Reached);
    assert_eq!(world.news(today), Some(Stage::Reached));
    world.usage.set_limits(&limits(12));
    assert_eq!(world.usage.stage("wwan0", today), Stage::Near);
    assert_eq!(world.news(today), Some(Stage::Near));
    world.usage.set_limits(&limits(9));
    assert_eq!(world.news(today), Some(Stage::Reached));
    world.usage.set_limits(&BTreeMap::new());
    assert_eq!(world.usage.stage("wwan0", today), Stage::None);
    assert_eq!(world.news(today), Some(Stage::None));
    assert_eq!(world.news(today), None);
    assert!(!world.usage.has_limits());
}

#[test]
fn what_a_limited_wan_has_carried_makes_room_for_nobody() {
    let (mut world, today) = (World::new(&limits(10)), day(11, 23));
    assert_eq!(world.carry(10_000_000, today), Stage::Reached);
    for number in 0..20_u64 {
        for count in 0..2 {
            let counters = Bytes {
                sent: count,
                received: 0,
            };
            let wan = format!("wan{number}");
            world.usage.read(&wan, counters, today, world.now);
        }
    }
    assert_eq!(world.usage.stage("wwan0", today), Stage::Reached);
    let text = world.usage.due(true, world.now).unwrap();
    let again = Usage::new(&text, &limits(10), world.now);
    assert_eq!(again.stage("wwan0", today), Stage::Reached);
    assert_eq!(again.wans.len(), super::super::WANS + 1);
    assert_eq!(again.stage("wwan0", Day::of(SET)), Stage::Below);
}

#[test]
fn limited_wans_take_no_place_of_the_others() {
    let limited = ["a", "b", "c", "d"].map(|wan| (wan.to_owned(), 10));
    let (mut usage, now) = (
        Usage::new("", &limited.into(), Instant::now()),
        Instant::now(),
    );
    for sent in [0, 10, 20] {
        let counters = Bytes { sent, received: 0 };
        for wan in ["a", "b", "c", "d", "wan0", "wan1"] {
            usage.read(wan, counters, day(11, 23), now);
        }
    }
    for wan in ["a", "wan0", "wan1"] {
        assert_eq!(usage.carried(wan).start.sent, 20, "{wan}");
    }
}
