use super::*;

fn day(day: u8) -> Option<Day> {
    Some(Day {
        year: 2026,
        month: 11,
        day,
    })
}

fn bytes(sent: u64, received: u64) -> Bytes {
    Bytes { sent, received }
}

fn during(when: &str, sent: u64, received: u64) -> During {
    During {
        when: when.into(),
        bytes: bytes(sent, received),
    }
}

#[test]
fn the_day_is_that_of_the_calendar() {
    for (unix, expected) in [
        (0, None),
        (SET - 1, None),
        (SET, Some((2026, 1, 1))),
        (1_772_236_799, Some((2026, 2, 27))),
        (1_772_323_200, Some((2026, 3, 1))),
        (1_798_761_599, Some((2026, 12, 31))),
        (1_835_395_200, Some((2028, 2, 29))),
        (1_835_481_600, Some((2028, 3, 1))),
        (4_107_542_400, Some((2100, 3, 1))),
    ] {
        let day = Day::of(unix);
        assert_eq!(
            day.map(|it| (it.year, it.month, it.day)),
            expected,
            "{unix}"
        );
    }
}

#[test]
fn data_are_counted_by_day_and_month_and_survive_a_restart() {
    let start = Instant::now();
    let mut usage = Usage::new("", &BTreeMap::new(), start);
    usage.read("wwan0", bytes(1000, 1000), day(22), start);
    assert_eq!(usage.due(true, start), None, "what was before is not ours");
    usage.read("wwan0", bytes(1010, 1020), day(22), start);
    usage.read("wwan0", bytes(1011, 1022), day(22), start);
    usage.read("wwan0", bytes(1016, 1027), day(23), start);
    assert_eq!(usage.due(false, start), None, "not so soon");
    let text = usage.due(true, start).unwrap();
    assert_eq!(usage.due(true, start), None, "nothing new");
    let mut again = Usage::new(&text, &BTreeMap::new(), start);
    let carried = again.carried("wwan0");
    assert_eq!(carried.start, Bytes::default());
    let days = [during("2026-11-22", 11, 22), during("2026-11-23", 5, 5)];
    assert_eq!(carried.days, days);
    assert_eq!(carried.months, [during("2026-11", 16, 27)]);
    again.read("wwan0", bytes(7, 7), day(23), start);
    again.read("wwan0", bytes(8, 7), day(23), start);
    assert_eq!(again.carried("wwan0").days[1].bytes, bytes(6, 5));
}

#[test]
fn an_interface_that_was_made_anew_counts_from_zero() {
    let start = Instant::now();
    let mut usage = Usage::new("", &BTreeMap::new(), start);
    for counters in [
        bytes(100, 100),
        bytes(150, 150),
        bytes(10, 20),
        bytes(11, 20),
    ] {
        usage.read("wwan0", counters, day(1), start);
    }
    assert_eq!(usage.carried("wwan0").start, bytes(61, 70));
}

#[test]
fn what_came_before_the_date_is_of_the_day_that_it_turns_out_to_be_soon() {
    let start = Instant::now();
    let run = |date_at: Instant| {
        let mut usage = Usage::new("", &BTreeMap::new(), start);
        usage.read("wan0", bytes(0, 0), None, start);
        usage.read("wan0", bytes(7, 0), None, start);
        assert_eq!(usage.carried("wan0").undated, bytes(7, 0));
        assert_eq!(usage.due(true, start), None, "it has no day to be kept by");
        usage.read("wan0", bytes(8, 0), day(1), date_at);
        usage.carried("wan0")
    };
    let soon = run(start + SOON);
    assert_eq!((soon.undated, soon.start), (bytes(0, 0), bytes(8, 0)));
    assert_eq!(soon.days[0].bytes, bytes(8, 0));
    let late = run(start + SOON * 2);
    assert_eq!(
        (late.undated, late.days[0].bytes),
        (bytes(7, 0), bytes(1, 0))
    );
}

#[test]
fn many_wans_are_a_small_file_written_three_times_a_day() {
    let start = Instant::now();
    let (mut usage, mut writes, mut most, mut first) =
        (Usage::new("", &BTreeMap::new(), start), 0, 0, 0);
    for minute in 0..60 * 24 * 40_u64 {
        let now = start + Duration::from_secs(60) * minute as u32;
        let wan = format!("verylongname-{}", minute % 9);
        let counters = bytes(u64::MAX / 60_000 * minute, minute);
        usage.read(&wan, counters, Day::of(SET + 60 * minute), now);
        if let Some(text) = usage.due(false, now) {
            (writes, most) = (writes + 1, most.max(text.len()));
            first += u32::from(minute < 60 * 24);
        }
    }
    assert!(first <= 7 && writes - first <= 39 * 3, "{first} {writes}");
    assert!(most <= 12 << 10, "{most}");
    assert_eq!(usage.wans.len(), WANS);
}

#[test]
fn most_of_a_drive_is_known_after_the_power_was_cut() {
    let start = Instant::now();
    let mut written = String::new();
    for _drive in 0..10 {
        let mut usage = Usage::new(&written, &BTreeMap::new(), start);
        for minute in 0..=60_u64 {
            let now = start + Duration::from_secs(60) * minute as u32;
            let counters = bytes(1_000_000 * minute, 0);
            usage.read("wwan0", counters, day(1), now);
            if let Some(text) = usage.due(false, now) {
                written = text;
            }
        }
    }
    let carried = Usage::new(&written, &BTreeMap::new(), start).carried("wwan0");
    let (known, all) = (carried.days[0].bytes.sent, 600_000_000);
    assert!(known >= all / 10 * 7 && known <= all, "{known}");
}

#[test]
fn a_gateway_that_nobody_uses_writes_nothing_for_days() {
    let start = Instant::now();
    let (mut usage, mut writes) = (Usage::new("", &BTreeMap::new(), start), 0);
    for minute in 0..60 * 24 * 7_u64 {
        let now = start + Duration::from_secs(60) * minute as u32;
        let counters = bytes(350 * minute, 350 * minute);
        usage.read("wan0", counters, Day::of(SET + 60 * minute), now);
        writes += u32::from(usage.due(false, now).is_some());
    }
    assert!(writes == 0, "{writes}");
    assert!(usage.due(true, start).is_some());
}

#[test]
fn a_clock_that_was_set_back_finds_its_day_again() {
    let start = Instant::now();
    let mut usage = Usage::new("", &BTreeMap::new(), start);
    for (at, count) in [5, 5, 3, 5, 4].into_iter().zip(0..) {
        usage.read("wan0", bytes(count, count), day(at), start);
    }
    let days: Vec<_> = usage.carried("wan0").days.into_iter().collect();
    let expected = [("3", 1), ("4", 1), ("5", 2)];
    let expected = expected.map(|(day, count)| during(&format!("2026-11-0{day}"), count, count));
    assert_eq!(days, expected);
}

#[test]
fn a_file_that_is_none_of_ours_is_no_harm() {
    let now = Instant::now();
    for text in [
        "2026-11-22 1 2",
        "2026-11-22 -1 2 wan0",
        "yesterday 1 2 wan0",
        "2026/11/22 1 2 wan0",
        "2026-11-2\u{e9} 1 2 wan0",
        "2026-11-22 1 2 <script>alert(1)</script>",
        "2026-11-22 1 2 a\u{1b}b",
        "\0\0\0",
        "2026-11-22 99999999999999999999 1 wan0",
    ] {
        assert!(
            Usage::new(text, &BTreeMap::new(), now).wans.is_empty(),
            "{text}"
        );
    }
    let many = "2026-11-22 1 1 wan0\n".repeat(100_000);
    assert!(
        Usage::new(&many, &BTreeMap::new(), now)
            .carried("wan0")
            .days[0]
            .bytes
            .sent
            < 1000
    );
}
