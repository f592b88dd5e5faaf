use super::flows::{LIMIT, SILENCE};
use super::*;

const LAPTOP: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 17);
const CAMERA: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 18);
const SECOND: Duration = Duration::from_secs(1);

fn name(text: &str) -> Fqdn {
    Fqdn::parse(text).unwrap()
}

/// Rules as `from to action`, of the gateway `car.ntm.test`.
fn policies(rules: &[&str]) -> Policies {
    let mut policies = Policies::default();
    policies.set(&parsed(rules), &name("car.ntm.test"));
    policies
}

fn parsed(rules: &[&str]) -> Vec<Policy> {
    let one = |rule: &&str| {
        let words: Vec<&str> = rule.split(' ').collect();
        Policy {
            from: Party::parse(words[0]).unwrap(),
            to: Party::parse(words[1]).unwrap(),
            action: Action::parse(words[2]).unwrap(),
        }
    };
    rules.iter().map(one).collect()
}

/// May ours begin, may theirs?
fn may(policies: &Policies, ours: &str, remote: &str) -> (bool, bool) {
    let verdict = policies.verdict(&name(ours), &name(remote));
    (!verdict.ours.is_denied(), !verdict.theirs.is_denied())
}

#[test]
fn the_first_that_matches_decides_and_without_one_it_is_allowed() {
    let policies = policies(&[
        "phone.home.ntm.test nas allow",
        "* nas deny",
        "tv * deny",
        "nas tv.home.ntm.test deny",
    ]);
    let nas = "nas.car.ntm.test";
    assert_eq!(may(&policies, nas, "phone.home.ntm.test"), (true, true));
    assert_eq!(may(&policies, nas, "laptop.home.ntm.test"), (true, false));
    assert_eq!(may(&policies, nas, "tv.home.ntm.test"), (false, false));
    assert_eq!(
        may(&policies, "tv.car.ntm.test", "laptop.home.ntm.test"),
        (false, true)
    );
    assert_eq!(
        may(&policies, "laptop.car.ntm.test", "laptop.home.ntm.test"),
        (true, true)
    );
}

#[test]
fn a_name_is_a_device_or_all_of_a_gateway_or_all_of_a_domain() {
    let of = |to| policies(&[&format!("* {to} deny")]);
    let devices = [
        "printer.home.ntm.test",
        "tv.home.ntm.test",
        "home.ntm.test",
        "tv.athome.ntm.test",
        "printer.home.b.test",
    ];
    for (to, hit) in [
        ("printer.home.ntm.test", [true, false, false, false, false]),
        ("Home.ntm.test.", [true, true, true, false, false]),
        ("ntm.test", [true, true, true, true, false]),
        ("b.test", [false, false, false, false, true]),
        ("*", [true; 5]),
        // The short name of one of ours is nobody else's.
        ("printer", [false; 5]),
        // A full name it is not, so it is nobody's.
        ("printer.home", [false; 5]),
    ] {
        let policies = of(to);
        let denied = devices.map(|remote| !may(&policies, "laptop.car.ntm.test", remote).0);
        assert_eq!(denied, hit, "{to}");
    }
    assert_eq!(
        may(&of("laptop"), "laptop.car.ntm.test", "tv.home.ntm.test"),
        (true, false)
    );
    for bad in [
        "",
        "a b",
        "*.test",
        "-a",
        "a..b",
        "<script>",
        &"x".repeat(300),
    ] {
        assert!(Party::parse(bad).is_err(), "{bad:?}");
    }
}

/// What becomes of packets between a laptop here and a camera elsewhere.
struct Line {
    policies: Policies,
    verdict: Verdict,
    now: Instant,
}

/// With a side that may not begin.
fn denied(side: Side) -> Line {
    let rule = match side {
        Side::Ours => "laptop * deny",
        Side::Theirs => "* laptop deny",
    };
    let policies = policies(&[rule]);
    let verdict = policies.verdict(&name("laptop.car.ntm.test"), &name("camera.home.ntm.test"));
    Line {
        policies,
        verdict,
        now: Instant::now(),
    }
}

impl Line {
    fn send(&mut self, side: Side, packet: &[u8]) -> Result<(), Reject> {
        let view = Ipv4View::new(packet).unwrap();
        self.policies
            .judge(self.verdict, (LAPTOP, CAMERA), side, &view, self.now)
    }

    fn decided(&self) -> u64 {
        self.policies.rules[0].decided
    }
}

fn other(side: Side) -> Side {
    match side {
        Side::Ours => Side::Theirs,
        Side::Theirs => Side::Ours,
    }
}

/// An IPv4 packet that `side` sends; `fragment` is the field with flags and offset.
fn packet(side: Side, protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 1]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    let (from, to) = match side {
        Side::Ours => (LAPTOP, CAMERA),
        Side::Theirs => (CAMERA, LAPTOP),
    };
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(payload);
    packet
}

fn tcp(side: Side, flags: u8) -> Vec<u8> {
    let mut payload = [0; 24];
    payload[12..14].copy_from_slice(&[0x60, flags]);
    packet(side, 6, 0x4000, &payload)
}

fn udp(side: Side, ours: u16, theirs: u16) -> Vec<u8> {
    let (from, to) = match side {
        Side::Ours => (ours, theirs),
        Side::Theirs => (theirs, ours),
    };
    let [a, b] = from.to_be_bytes();
    let [c, d] = to.to_be_bytes();
    packet(side, 17, 0, &[a, b, c, d, 0, 8, 0, 0])
}

#[test]
fn of_tcp_only_the_first_packet_of_the_denied_side_is_refused() {
    for side in [Side::Ours, Side::Theirs] {
        let mut line = denied(side);
        // SYN, also with ECN's flags, data, or a RST beside it.
        for flags in [0x02, 0xc2, 0x0a, 0x06, 0x03] {
            assert_eq!(line.send(side, &tcp(side, flags)), Err(Reject::Denied));
        }
        assert_eq!(line.decided(), 5);
        // What a session is made of, whoever began it, and a restart of ours in between.
        for flags in [0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x00] {
            assert_eq!(line.send(side, &tcp(side, flags)), Ok(()), "{flags:#x}");
        }
        assert_eq!(line.send(other(side), &tcp(other(side), 0x02)), Ok(()));
        assert_eq!(line.decided(), 5, "no rule lets the other side begin");
    }
}

#[test]
fn headers_with_options_are_looked_through() {
    let mut line = denied(Side::Theirs);
    let plain = tcp(Side::Theirs, 0x02);
    let mut long = plain[..20].to_vec();
    long[0] = 0x4f;
    long.extend([1; 40]);
    long.extend(&plain[20..]);
    let total = (long.len() as u16).to_be_bytes();
    long[2..4].copy_from_slice(&total);
    assert_eq!(line.send(Side::Theirs, &long), Err(Reject::Denied));
}

#[test]
fn fragments_and_stumps_make_no_beginning() {
    const MORE: u16 = 0x2000;
    for side in [Side::Ours, Side::Theirs] {
        let mut line = denied(side);
        let syn = &tcp(side, 0x02)[20..];
        let ack = &tcp(side, 0x10)[20..];
        for (fragment, payload, result) in [
            (MORE, syn, Err(Reject::Denied)),
            (MORE, ack, Ok(())),
            // The header is not whole: the flags are in the next, or could be replaced by it.
            (MORE, &ack[..8], Err(Reject::Undecidable)),
            (MORE, &ack[..16], Err(Reject::Undecidable)),
            (0, &ack[..13], Err(Reject::Undecidable)),
            (0, &[][..], Err(Reject::Undecidable)),
            (MORE | 1, ack, Err(Reject::Undecidable)),
            (2, ack, Err(Reject::Undecidable)),
            (3, ack, Ok(())),
            (185, ack, Ok(())),
        ] {
            let packet = packet(side, 6, fragment, payload);
            assert_eq!(line.send(side, &packet), result, "{fragment:#x}");
        }
        for (protocol, payload) in [(17, &[0, 1, 0][..]), (1, &[]), (1, &[3, 0, 0, 0])] {
            let packet = packet(side, protocol, 0, payload);
            assert_eq!(line.send(side, &packet), Err(Reject::Undecidable));
        }
        for protocol in [1, 17] {
            let later = packet(side, protocol, 100, &[8; 16]);
            assert_eq!(line.send(side, &later), Ok(()));
        }
        // Nobody asks that of who may begin.
        let stump = packet(other(side), 6, 0, &[]);
        assert_eq!(line.send(other(side), &stump), Ok(()));
    }
}

#[test]
fn no_packet_however_it_is_cut_does_harm() {
    let mut line = denied(Side::Theirs);
    let quoted = udp(Side::Ours, 1, 2);
    for protocol in [1, 6, 17, 47] {
        for first in 0..=255 {
            let whole = [&[first; 12][..], &quoted].concat();
            for length in 0..whole.len() {
                for fragment in [0, 0x2000, 1, 0x1fff] {
                    let packet = packet(Side::Theirs, protocol, fragment, &whole[..length]);
                    let judged = line.send(Side::Theirs, &packet);
                    let refused = [Err(Reject::Denied), Err(Reject::Undecidable)];
                    assert!(judged == Ok(()) || refused.contains(&judged));
                    // Of what has no connection nothing passes that nobody asked for.
                    assert!(protocol != 17 || fragment & 0x1fff != 0 || judged.is_err());
                }
            }
        }
    }
}

#[test]
fn of_icmp_questions_begin_and_answers_and_errors_do_not() {
    for side in [Side::Ours, Side::Theirs] {
        let mut line = denied(side);
        for question in [8, 13, 15, 17, 10, 42, 200] {
            let packet = packet(side, 1, 0, &[question, 0, 0, 0, 0, 1, 0, 1]);
            assert_eq!(line.send(side, &packet), Err(Reject::Denied), "{question}");
        }
        for answer in [0, 14, 16, 18, 43] {
            let packet = packet(side, 1, 0, &[answer, 0, 0, 0, 0, 1, 0, 1]);
            assert_eq!(line.send(side, &packet), Ok(()), "{answer}");
        }
        let error = |kind: u8, quoted: &[u8]| {
            let payload = [&[kind, 3, 0, 0, 0, 0, 0, 0], quoted].concat();
            packet(side, 1, 0, &payload)
        };
        let about = udp(other(side), 5000, 53);
        for kind in [3, 11, 12] {
            assert_eq!(line.send(side, &error(kind, &about)), Ok(()));
        }
        // About a packet that this side sent itself, and about somebody else's.
        let own = udp(side, 5000, 53);
        let mut strange = about.clone();
        strange[15] ^= 1;
        for quoted in [&own[..], &strange, &about[..19], &[]] {
            let refused = line.send(side, &error(3, quoted));
            assert_eq!(refused, Err(Reject::Undecidable));
        }
    }
}

#[test]
fn of_udp_an_answer_passes_for_three_minutes() {
    for side in [Side::Ours, Side::Theirs] {
        let mut line = denied(side);
        let asks = other(side);
        assert_eq!(line.send(side, &udp(side, 1, 2)), Err(Reject::Denied));
        assert_eq!(line.send(asks, &udp(asks, 1, 2)), Ok(()));
        assert_eq!(line.send(side, &udp(side, 1, 2)), Ok(()));
        for (ours, theirs) in [(1, 3), (3, 2), (2, 1)] {
            let refused = line.send(side, &udp(side, ours, theirs));
            assert_eq!(refused, Err(Reject::Denied));
        }
        line.now += SILENCE;
        assert_eq!(line.send(side, &udp(side, 1, 2)), Ok(()));
        line.now += SILENCE + SECOND;
        assert_eq!(line.send(side, &udp(side, 1, 2)), Err(Reject::Denied));
        assert_eq!(line.send(asks, &udp(asks, 1, 2)), Ok(()));
        assert_eq!(line.send(side, &udp(side, 1, 2)), Ok(()));
    }
}

#[test]
fn other_protocols_are_one_flow_of_each_pair() {
    // GRE, ESP, SCTP, and IPv6's ICMP in a place where it does not belong.
    for protocol in [47, 50, 132, 58] {
        let mut line = denied(Side::Theirs);
        let theirs = packet(Side::Theirs, protocol, 0, &[8; 12]);
        assert_eq!(line.send(Side::Theirs, &theirs), Err(Reject::Denied));
        let later = packet(Side::Theirs, protocol, 9, &[8; 12]);
        assert_eq!(line.send(Side::Theirs, &later), Err(Reject::Denied));
        let ours = packet(Side::Ours, protocol, 0, &[]);
        assert_eq!(line.send(Side::Ours, &ours), Ok(()));
        assert_eq!(line.send(Side::Theirs, &theirs), Ok(()));
        let tcp = tcp(Side::Theirs, 0x02);
        assert_eq!(line.send(Side::Theirs, &tcp), Err(Reject::Denied));
    }
}

#[test]
fn one_side_pushes_out_only_what_it_began_itself() {
    let mut line = denied(Side::Theirs);
    assert_eq!(line.send(Side::Ours, &udp(Side::Ours, 1, 2)), Ok(()));
    // Another pair, in which theirs may begin and do, without end.
    let policies = policies(&["laptop camera.home.ntm.test deny"]);
    let free = policies.verdict(&name("laptop.car.ntm.test"), &name("camera.home.ntm.test"));
    for port in 0..4 * LIMIT as u16 {
        let packet = udp(Side::Theirs, port, 9);
        let view = Ipv4View::new(&packet).unwrap();
        let pair = (LAPTOP, Ipv4Addr::new(198, 18, 0, 99));
        line.policies
            .judge(free, pair, Side::Theirs, &view, line.now)
            .unwrap();
    }
    assert_eq!(line.send(Side::Theirs, &udp(Side::Theirs, 1, 2)), Ok(()));
}

#[test]
fn between_two_that_may_both_not_begin_nothing_passes() {
    let mut line = denied(Side::Ours);
    line.policies = policies(&["* * deny"]);
    line.verdict = line
        .policies
        .verdict(&name("laptop.car.ntm.test"), &name("camera.home.ntm.test"));
    assert!(line.verdict.is_closed() && !line.verdict.is_free());
    for side in [Side::Ours, Side::Theirs] {
        for packet in [
            tcp(side, 0x10),
            udp(side, 1, 2),
            packet(side, 1, 0, &[0; 8]),
        ] {
            assert_eq!(line.send(side, &packet), Err(Reject::Denied));
        }
    }
    assert_eq!(line.decided(), 6);
}

#[test]
fn a_rule_that_stays_goes_on_counting_and_what_it_let_begin_goes_on() {
    let mut line = denied(Side::Theirs);
    assert_eq!(line.send(Side::Ours, &udp(Side::Ours, 1, 2)), Ok(()));
    assert!(line.send(Side::Theirs, &tcp(Side::Theirs, 0x02)).is_err());
    let more = parsed(&["tv * deny", "* laptop deny"]);
    line.policies.set(&more, &name("car.ntm.test"));
    let counts: Vec<u64> = line.policies.rules.iter().map(|it| it.decided).collect();
    assert_eq!(counts, [0, 1]);
    assert_eq!(line.send(Side::Theirs, &udp(Side::Theirs, 1, 2)), Ok(()));
    line.policies.set(&[], &name("car.ntm.test"));
    assert!(line.policies.is_empty() && line.policies.begun.is_none());
}

#[test]
fn devices_are_told_now_and_then() {
    let mut policies = Policies::default();
    let now = Instant::now();
    assert!(policies.may_tell(now) && !policies.may_tell(now));
    assert!(policies.may_tell(now + TELL_PAUSE));
}
