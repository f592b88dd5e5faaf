use super::FollowOutput::{Ask, Gone, Save, Seen};
use super::*;
use crate::pace::EARLY;

fn follower() -> Follower {
    Follower::new(Ipv4Addr::new(192, 168, 1, 1), 24, 4)
}

fn mac(last: u8) -> Mac {
    [2, 0, 0x5e, 0, 0, last]
}

fn at(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 1, last)
}

fn line(last: u8, address: &str, name: &str) -> String {
    format!("1763812345 02:00:5e:00:00:{last:02x} {address} {name} 01:02:00:5e:00:00:{last:02x}\n")
}

fn seen(last: u8, address: u8, name: Option<&str>) -> FollowOutput {
    Seen(Followed {
        mac: mac(last),
        address: at(address),
        hostname: name.map(|name| Label::parse(name).unwrap()),
    })
}

fn outputs(follower: &mut Follower) -> Vec<FollowOutput> {
    std::iter::from_fn(|| follower.poll_output()).collect()
}

fn update<const N: usize>(
    follower: &mut Follower,
    texts: [&str; N],
    now: Instant,
) -> Vec<FollowOutput> {
    follower.update(texts, now);
    outputs(follower)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test starts its virtual clock somewhere"
)]
fn begin() -> Instant {
    Instant::now()
}

/// Lets time pass up to `until`, without an answer from anybody.
fn pass(follower: &mut Follower, until: Instant) -> Vec<FollowOutput> {
    let mut all = Vec::new();
    while let Some(due) = follower.poll_timeout().filter(|due| *due <= until) {
        follower.handle_timeout(due);
        all.extend(outputs(follower));
    }
    all
}

#[test]
fn leases_come_change_and_go() {
    let (mut follower, now) = (follower(), begin());
    let both = line(1, "192.168.1.10", "Laptop") + &line(2, "192.168.1.11", "*");
    assert_eq!(
        update(&mut follower, [&both], now),
        [seen(1, 10, Some("laptop")), seen(2, 11, None)]
    );
    assert_eq!(update(&mut follower, [&both], now), []);
    assert!(follower.is_certain());
    // The first left, and the second has its address: no question about that.
    let one = line(2, "192.168.1.10", "phone");
    assert_eq!(
        update(&mut follower, [&one], now),
        [Gone(mac(1)), seen(2, 10, Some("phone"))]
    );
}

#[test]
fn who_has_no_lease_any_more_stays_as_long_as_it_answers() {
    let (mut follower, start) = (follower(), begin());
    let both = line(1, "192.168.1.10", "laptop") + &line(2, "192.168.1.11", "phone");
    update(&mut follower, [&both], start);
    // The clock leapt, or the file was read while it was written.
    assert_eq!(update(&mut follower, [""], start), []);
    follower.handle_timeout(start);
    assert_eq!(outputs(&mut follower), [Ask(at(10)), Ask(at(11))]);
    follower.handle_answer(mac(1), at(10), start);
    let later = start + Duration::from_secs(5);
    let said = pass(&mut follower, later);
    assert_eq!(
        said[..3],
        [Ask(at(11)), Ask(at(11)), Gone(mac(2))],
        "{said:?}"
    );
    assert!(!said.contains(&Ask(at(10))), "it has just answered");
    // Each minute again.
    let said = pass(&mut follower, start + Duration::from_secs(59));
    assert!(!said.contains(&Ask(at(10))));
    let said = pass(&mut follower, start + Duration::from_secs(61));
    assert!(said.contains(&Ask(at(10))));
    follower.handle_answer(mac(1), at(10), start + Duration::from_secs(61));
    // It renews its lease: nothing new to anybody.
    let one = line(1, "192.168.1.10", "laptop");
    assert_eq!(
        update(&mut follower, [&one], start + Duration::from_secs(62)),
        []
    );
    // And the other comes back.
    assert_eq!(
        update(&mut follower, [&both], start + Duration::from_secs(63)),
        [seen(2, 11, Some("phone"))]
    );
}

#[test]
fn others_answers_do_not_keep_a_device() {
    let (mut follower, start) = (follower(), begin());
    update(&mut follower, [&line(1, "192.168.1.10", "laptop")], start);
    update(&mut follower, [""], start);
    follower.handle_answer(mac(7), at(10), start);
    follower.handle_answer(mac(1), at(99), start);
    assert_eq!(outputs(&mut follower), []);
    assert!(pass(&mut follower, start + Duration::from_secs(2)).contains(&Gone(mac(1))));
}

#[test]
fn those_of_an_earlier_run_are_asked_for_a_while() {
    let (mut before, start) = (follower(), begin());
    let both = line(1, "192.168.1.10", "laptop") + &line(2, "192.168.1.11", "*");
    update(&mut before, [&both], start);
    let text = before.export();
    assert_eq!(
        text,
        "02:00:5e:00:00:01 192.168.1.10 laptop\n02:00:5e:00:00:02 192.168.1.11 *\n"
    );
    let mut after = follower();
    after.import(&text, start);
    // The files are not there yet.
    assert_eq!(update(&mut after, [], start), []);
    after.handle_timeout(start);
    assert_eq!(outputs(&mut after), [Ask(at(10)), Ask(at(11))]);
    after.handle_answer(mac(1), at(10), start);
    assert_eq!(outputs(&mut after), [seen(1, 10, Some("laptop"))]);
    // The other does not answer, and is forgotten in the end: it was never there, so it did not leave.
    let said = pass(&mut after, start + Duration::from_secs(1200));
    assert!(!said.contains(&Gone(mac(2))));
    let asked = said.iter().filter(|it| **it == Ask(at(11))).count();
    assert_eq!(asked, ABSENT_QUESTIONS as usize - 1);
    assert!(said.contains(&Gone(mac(1))), "nor does the first any more");
    assert!(said.contains(&Save));
    assert!(after.export().is_empty() && !after.is_unsaved());
}

#[test]
fn an_earlier_run_may_have_left_anything() {
    let (mut follower, now) = (follower(), begin());
    let long = "x".repeat(5000);
    let text = format!(
        "nonsense\n\n02:00:5e:00:00:01 10.0.0.1 other-lan\n02:00:5e:00:00:01 192.168.1.1 us\n{long}\n\
         02:00:5e:00:00:01 192.168.1.10 a\n02:00:5e:00:00:02 192.168.1.10 b\n01:00:5e:00:00:03 192.168.1.11 many\n"
    );
    follower.import(&text, now);
    assert_eq!(follower.export(), "02:00:5e:00:00:01 192.168.1.10 a\n");
    let many: String = (1..200)
        .map(|n| format!("02:00:5e:00:00:{n:02x} 192.168.1.{n} *\n"))
        .collect();
    follower.import(&many, now);
    assert_eq!(follower.devices.len(), 4);
}

#[test]
fn the_list_is_saved_soon_and_then_rarely() {
    let (mut follower, start) = (follower(), begin());
    let mut saves = 0;
    for minute in 0..24 * 60 {
        let now = start + Duration::from_secs(60 * minute);
        // A café's network: somebody comes or goes each minute.
        let text = line((minute % 4) as u8, "192.168.1.10", "phone");
        follower.update([text.as_str()], now);
        let said = pass(&mut follower, now + Duration::from_secs(59));
        saves += said.iter().filter(|it| **it == Save).count();
        assert!(minute > 0 || saves == 1, "the first is not waited for");
    }
    assert_eq!(saves, 8 + EARLY as usize - 1);
    // Nothing happens, nothing is written.
    let text = line(3, "192.168.1.10", "phone");
    let later = start + Duration::from_secs(30 * 3600);
    update(&mut follower, [&text], later);
    pass(&mut follower, later + Duration::from_secs(3 * 3600));
    assert!(!follower.is_unsaved());
    assert_eq!(pass(&mut follower, later + Duration::from_secs(86_400)), []);
}

#[test]
fn both_servers_files_are_read() {
    let odhcpd = "# br-lan 02005e000003 ipv4 tv 1763812345 c0a80114 32 192.168.1.20/32\n\
                  # br-lan 00010001deadbeef 1234 tv 1763812345 64 64 2001:db8::1/64\n192.168.1.20 tv.lan\n";
    let dnsmasq = line(1, "192.168.1.10", "laptop");
    assert_eq!(
        update(&mut follower(), [&dnsmasq, odhcpd], begin()),
        [seen(1, 10, Some("laptop")), seen(3, 20, Some("tv"))]
    );
}

#[test]
fn what_is_no_lease_of_this_lan_is_passed_over() {
    let lines = [
        "duid 00:01:00:01:de:ad:be:ef",
        "1763812345 6 2001:db8::5 laptop 00:01",
        "1763812345 02:00:5e:00:00:01 192.168.2.10 laptop *",
        "1763812345 02:00:5e:00:00:01 192.168.1.1 laptop *",
        "1763812345 02:00:5e:00:00:01 192.168.1.0 laptop *",
        "1763812345 02:00:5e:00:00:01 192.168.1.255 laptop *",
        "1763812345 01:00:5e:00:00:01 192.168.1.10 multicast *",
        "1763812345 00:00:00:00:00:00 192.168.1.10 nobody *",
        "1763812345 02:00:5e:00:00:+1 192.168.1.10 sign *",
        "1763812345 02005e00000 192.168.1.10 short *",
        "soon 02:00:5e:00:00:01 192.168.1.10 laptop *",
        "# br-lan 02005e000003 ipv4 tv 1763812345 c0a80114 32 192.168.1.20/24",
        "#",
        "",
    ];
    let now = begin();
    assert_eq!(update(&mut follower(), lines, now), []);
    let long = format!("1 02:00:5e:00:00:01 192.168.1.10 a {}", "f".repeat(5000));
    assert_eq!(update(&mut follower(), [&long], now), []);
    let odd = line(1, "192.168.1.10", "<script>") + &line(2, "192.168.1.11", "localhost");
    assert_eq!(
        update(&mut follower(), [&odd], now),
        [seen(1, 10, None), seen(2, 11, None)]
    );
}

#[test]
fn an_address_has_one_device_and_there_are_so_many_at_most() {
    let now = begin();
    let twice = line(1, "192.168.1.10", "old") + &line(2, "192.168.1.10", "new");
    assert_eq!(
        update(&mut follower(), [&twice], now),
        [seen(2, 10, Some("new"))]
    );
    let many = |from: u8, to: u8| -> String {
        let lines = (from..to).map(|n| line(n, &format!("192.168.1.{}", n + 1), "x"));
        lines.collect()
    };
    let mut follower = follower();
    assert_eq!(update(&mut follower, [&many(1, 200)], now).len(), 4);
    // Whoever has a lease counts more than who had one.
    let said = update(&mut follower, [&many(210, 213)], now);
    assert_eq!(
        said.iter().filter(|it| matches!(it, Gone(_))).count(),
        3,
        "{said:?}"
    );
    assert_eq!(follower.devices.len(), 4);
}
