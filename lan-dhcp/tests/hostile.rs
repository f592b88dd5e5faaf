//! Datagrams that mean no good: counted, never answered with a panic, and never more state than agreed.

#![cfg(test)]

mod lan;

use lan::*;
use lan_dhcp::{MAX_OFFERS, Reject};

/// Marsaglia's xorshift: the same datagrams on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

#[test]
fn each_fault_is_named_and_counted() {
    let mut lan = Lan::new(config());
    let ask = || Ask::new(DISCOVER, mac(1));
    let cases = [
        (ask().field(0, &[2]), Reject::NotRequest),
        (ask().field(1, &[6]), Reject::NotEthernet),
        (ask().field(2, &[255]), Reject::NotEthernet),
        (ask().field(28, &[0; 6]), Reject::BadHardwareAddress),
        (ask().field(28, &[0xff; 6]), Reject::BadHardwareAddress),
        (ask().field(236, &[0]), Reject::BadCookie),
        (ask().field(24, &[10, 0, 0, 1]), Reject::Relayed),
        (ask().field(240, &[0, 0, 0]), Reject::NoType),
        (Ask::new(2, mac(1)), Reject::UnexpectedType),
        (Ask::new(REQUEST, mac(1)), Reject::BadAddress),
        (
            Ask::new(REQUEST, mac(1)).option(50, &[1, 2, 3]),
            Reject::BadAddress,
        ),
        (ask().option(43, &[0; 1300]), Reject::TooLong),
        (
            Ask::new(RELEASE, mac(1)).ciaddr(host(100)),
            Reject::NotYours,
        ),
    ];
    for (ask, reject) in cases {
        let before = lan.rejected(reject);
        assert_eq!(lan.refused(0, ask), reject);
        assert_eq!(lan.rejected(reject), before + 1);
    }
    let whole = ask().bytes();
    for end in 0..240 {
        assert_eq!(
            lan.server.handle_datagram(&whole[..end], lan.now(0)),
            Err(Reject::TooShort)
        );
    }
    assert_eq!(lan.server.pending_offers(), 0);
}

#[test]
fn a_bad_option_does_not_hide_the_ones_behind_it() {
    let mut lan = Lan::new(config());
    let request = Ask::new(REQUEST, mac(1))
        .option(12, b"\xff\xfe")
        .option(80, &[1, 2])
        .option(81, &[4])
        .option(151, &[])
        .requested(host(105))
        .server(host(254));
    assert_eq!(lan.refused(0, request), Reject::OtherServer);
}

#[test]
fn ten_thousand_random_datagrams_do_no_harm() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut lan = Lan::new(config());
    let known = lan.join(0, mac(250));
    let mut ms = 1000;
    for round in 0..10_000 {
        ms += random.below(400) as u64;
        let datagram = if round % 10 == 0 {
            noise(&mut random)
        } else {
            mutated(&mut random)
        };
        let _ = lan.server.handle_datagram(&datagram, lan.now(ms));
        for out in lan.drain() {
            if let Out::Probe(address) = out
                && random.below(8) == 0
            {
                lan.probe_answered(ms, address);
            }
        }
        if round % 50 == 0 {
            lan.sleep_until(ms);
        }
        if round % 500 == 0 {
            assert_eq!(
                lan.ask(ms, Ask::new(REQUEST, mac(250)).ciaddr(known))
                    .last(),
                Some(&Out::Ack(known))
            );
            let text = lan.server.export(lan.now(ms));
            let imported = Lan::new(config()).server.import(&text, lan.now(ms));
            assert_eq!(
                imported.accepted + imported.skipped,
                lan.server.remembered()
            );
        }
        assert!(lan.server.remembered() <= 11 && lan.server.pending_offers() <= MAX_OFFERS);
    }
    assert!(lan.server.rejects().map(|(_, count)| count).sum::<u64>() > 1000);
}

#[test]
fn random_lease_files_do_no_harm() {
    let mut random = Random(42);
    let mut lan = Lan::new(config());
    for number in 1..=5 {
        lan.join(u64::from(number) * 1000, mac(number));
    }
    let good = lan.server.export(lan.now(9000)).into_bytes();
    for _ in 0..2000 {
        let mut bytes = good.clone();
        for _ in 0..random.below(20) {
            let at = random.below(bytes.len());
            bytes[at] = random.pick(b" \n:.-0159af\xc3\x00\xff");
        }
        let mut next = Lan::new(config());
        next.server
            .import(&String::from_utf8_lossy(&bytes), next.now(0));
        assert!(next.server.remembered() <= 11);
    }
}

fn noise(random: &mut Random) -> Vec<u8> {
    let len = random.below(1600);
    random.bytes(len)
}

/// Nearly a message: plausible options, then a few bytes changed, sometimes cut off.
fn mutated(random: &mut Random) -> Vec<u8> {
    let kind = random.pick(&[1, 1, 3, 3, 3, 4, 7, 8, 2, 13]);
    let mut ask = Ask::new(kind, mac(random.next() as u8 % 64));
    let address = host(95 + random.next() as u8 % 20);
    if random.below(2) == 0 {
        ask = ask.requested(address);
    }
    if random.below(3) == 0 {
        ask = ask.ciaddr(address);
    }
    if random.below(3) == 0 {
        ask = ask.server(random.pick(&[SERVER, SERVER, address]));
    }
    for _ in 0..random.below(4) {
        let code = random.pick(&[
            12, 12, 50, 51, 54, 55, 57, 61, 61, 80, 81, 81, 82, 94, 119, 121, 151, 152,
        ]);
        let len = random.pick(&[0, 1, 2, 4, 8, 30, 300]);
        ask = ask.option(code, &random.bytes(len));
    }
    let mut bytes = ask.bytes();
    if random.below(2) == 0 {
        for _ in 0..random.below(6) {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
    }
    if random.below(10) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    bytes
}

#[test]
fn a_device_that_answers_keeps_the_lease_another_gave_back() {
    let mut lan = Lan::new(config());
    let address = lan.join(0, mac(1));
    let release = Ask::new(RELEASE, mac(1)).ciaddr(address).server(SERVER);
    assert_eq!(lan.ask(100_000, release), []);
    assert_eq!(lan.sleep_until(101_000), [Out::Probe(address)]);
    assert_eq!(lan.probe_answered(101_010, address), []);
    assert_eq!(lan.sleep_until(110_000), []);
    assert_eq!(lan.server.leases().count(), 1);
    assert_eq!(lan.rejected(Reject::StillThere), 1);
}

#[test]
fn a_silent_device_keeps_the_lease_another_gave_back_while_there_are_others() {
    let mut lan = Lan::new(config());
    let address = lan.join(0, mac(1));
    assert_eq!(lan.leave(2000, mac(1), address), []);
    for number in 2..=10 {
        assert_ne!(lan.join(u64::from(number) * 3000, mac(number)), address);
    }
    let renewal = Ask::new(REQUEST, mac(1)).ciaddr(address);
    assert_eq!(lan.ask(1_800_000, renewal), [Out::Ack(address)]);
    assert_eq!(
        lan.refused(1_800_001, Ask::new(DISCOVER, mac(11))),
        Reject::NoAddress
    );
    // Given back again, and this time its place is needed.
    assert_eq!(lan.leave(1_801_000, mac(1), address), []);
    let outs = lan.ask(1_803_000, Ask::new(DISCOVER, mac(11)));
    assert_eq!(outs, [Out::Ended(1, address), Out::Probe(address)]);
}

#[test]
fn a_device_that_asks_again_has_not_left() {
    let mut lan = Lan::new(config());
    let address = lan.join(0, mac(1));
    let release = Ask::new(RELEASE, mac(1)).ciaddr(address).server(SERVER);
    lan.ask(5000, release);
    let renewal = Ask::new(REQUEST, mac(1)).ciaddr(address);
    assert_eq!(lan.ask(5500, renewal), [Out::Ack(address)]);
    assert_eq!(lan.sleep_until(10_000), []);
    assert_eq!(lan.server.leases().count(), 1);
}

#[test]
fn nobody_can_decline_an_address_long_in_use() {
    let mut lan = Lan::new(config());
    let address = lan.join(0, mac(1));
    let decline = Ask::new(DECLINE, mac(1)).requested(address).server(SERVER);
    assert_eq!(lan.refused(11_000, decline.clone()), Reject::NotYours);
    // Nor by renewing it first in its holder's name.
    let renewal = Ask::new(REQUEST, mac(1)).ciaddr(address);
    assert_eq!(lan.ask(12_000, renewal), [Out::Ack(address)]);
    assert_eq!(lan.refused(12_001, decline), Reject::NotYours);
    assert_eq!(lan.server.leases().count(), 1);
}

#[test]
fn made_up_devices_write_the_file_in_a_burst_and_then_seldom() {
    let mut wide = config();
    (wide.first, wide.last, wide.max_leases) = (host(20), host(250), 200);
    let mut lan = Lan::new(wide);
    let wish = |number: u8| Ask::new(REQUEST, mac(number)).requested(host(20 + number));
    for number in 0..64 {
        assert!(lan.ask(0, wish(number)).contains(&Out::Save));
    }
    assert_eq!(lan.refused(1, wish(64)), Reject::Busy);
    let listed = Ask::new(REQUEST, mac(200)).requested(host(10));
    assert_eq!(lan.ask(1, listed).last(), Some(&Out::Ack(host(10))));
    assert_eq!(
        lan.ask(2, wish(63)),
        [Out::Ack(host(83))],
        "known devices are served as ever"
    );
    assert!(lan.ask(30_000, wish(64)).contains(&Out::Save));
    assert_eq!(lan.refused(30_001, wish(65)), Reject::Busy);
}
