//! What reaches the lease file, how often, and what a client is told when nothing does.

#![cfg(test)]

mod lan;

use lan::*;
use lan_dhcp::Output;
use std::net::Ipv4Addr;

/// Drains with a disk that is full: what is sent nevertheless.
fn drain_full_disk(lan: &mut Lan, ms: u64) -> (usize, usize) {
    let (mut saves, mut sends) = (0, 0);
    while let Some(output) = lan.server.poll_output() {
        match output {
            Output::Save => {
                saves += 1;
                lan.server.save_failed(lan.now(ms));
            }
            Output::Send { .. } => sends += 1,
            Output::Probe(_) | Output::LeaseChanged(_) | Output::LeaseEnded(_) => {}
        }
    }
    (saves, sends)
}

fn ask_full_disk(lan: &mut Lan, ms: u64, ask: Ask) -> (usize, usize) {
    lan.server
        .handle_datagram(&ask.bytes(), lan.now(ms))
        .unwrap();
    drain_full_disk(lan, ms)
}

fn reboot(number: u8, address: Ipv4Addr) -> Ask {
    Ask::new(REQUEST, mac(number)).requested(address)
}

#[test]
fn nothing_is_acknowledged_that_was_not_saved() {
    let mut lan = Lan::new(config());
    let known = lan.join(0, mac(1));
    assert_eq!(ask_full_disk(&mut lan, 1000, reboot(2, host(105))), (1, 0));
    assert_eq!(
        ask_full_disk(&mut lan, 2000, reboot(2, host(105))),
        (1, 0),
        "the client asks again, and so do we"
    );
    assert_eq!(
        ask_full_disk(&mut lan, 3000, Ask::new(REQUEST, mac(1)).ciaddr(known)),
        (0, 1),
        "a renewal needs no disk"
    );
    lan.server.handle_timeout(lan.now(31_999));
    assert_eq!(drain_full_disk(&mut lan, 31_999), (0, 0));
    lan.server.handle_timeout(lan.now(32_000));
    assert_eq!(drain_full_disk(&mut lan, 32_000), (1, 0), "tried again");
    assert_eq!(lan.sleep_until(62_000), [Out::Save], "and again");
    assert_eq!(
        lan.ask(63_000, reboot(2, host(105))),
        [Out::Ack(host(105))],
        "this time it was written"
    );
    assert_eq!(lan.sleep_until(500_000), []);
}

#[test]
fn new_devices_that_asked_while_the_disk_was_full_are_not_kept_waiting_after() {
    let mut lan = Lan::new(config());
    for ms in 0..100 {
        assert_eq!(ask_full_disk(&mut lan, ms, reboot(2, host(105))), (1, 0));
    }
    let outs = lan.ask(1000, reboot(2, host(105)));
    assert_eq!(outs.last(), Some(&Out::Ack(host(105))));
}

#[test]
fn coming_and_going_does_not_wear_the_flash() {
    let mut lan = Lan::new(config());
    let address = lan.join(0, mac(1));
    let short = || reboot(1, address).option(51, &120_u32.to_be_bytes());
    lan.ask(1000, short());
    let (mut at_once, mut later) = (0, 0);
    let saves = |outs: &[Out]| outs.iter().filter(|out| **out == Out::Save).count();
    for round in 1..=100 {
        let outs = lan.sleep_until(round * 125_000);
        assert!(outs.contains(&Out::Ended(1, address)));
        later += saves(&outs);
        // Another device's save has it as ended meanwhile.
        if round == 50 {
            lan.ask(round * 125_000, reboot(2, host(109)));
        }
        let outs = lan.ask(round * 125_000 + 1, short());
        assert_eq!(outs.last(), Some(&Out::Ack(address)));
        at_once += saves(&outs);
    }
    assert_eq!(at_once, 0, "the file has the address already");
    assert!(
        (1..=7).contains(&later),
        "{later} in three hours and a half"
    );
}
