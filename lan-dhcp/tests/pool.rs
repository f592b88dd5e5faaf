//! Full tables, full ranges, and the lease file.

#![cfg(test)]

mod lan;

use lan::*;
use lan_dhcp::{Imported, MAX_OFFERS, Output, Reject};
use std::time::Duration;

#[test]
fn known_clients_keep_their_addresses_in_a_full_range() {
    let mut lan = Lan::new(config());
    let addresses: Vec<_> = (1..=10)
        .map(|number| lan.join(u64::from(number) * 1000, mac(number)))
        .collect();
    assert_eq!(
        lan.refused(20_000, Ask::new(DISCOVER, mac(11))),
        Reject::NoAddress
    );
    assert_eq!(
        lan.ask(20_001, Ask::new(DISCOVER, mac(3))),
        [Out::Offer(addresses[2])]
    );
    assert_eq!(
        lan.ask(20_002, Ask::new(DISCOVER, mac(200))),
        [Out::Offer(host(10))]
    );
    let request = Ask::new(REQUEST, mac(200))
        .requested(host(10))
        .server(SERVER);
    assert_eq!(lan.ask(20_003, request).last(), Some(&Out::Ack(host(10))));
}

#[test]
fn the_lease_given_back_first_is_reused_first() {
    let mut lan = Lan::new(config());
    let addresses: Vec<_> = (1..=10)
        .map(|number| lan.join(u64::from(number) * 1000, mac(number)))
        .collect();
    for (ms, number) in [(20_000, 7), (22_000, 4)] {
        let address = addresses[usize::from(number) - 1];
        lan.leave(ms, mac(number), address);
    }
    assert_eq!(lan.join(24_000, mac(11)), addresses[6]);
    assert_eq!(lan.server.remembered(), 10);
    assert_eq!(
        lan.ask(25_000, Ask::new(DISCOVER, mac(4))),
        [Out::Offer(addresses[3])],
        "the other one still has its own"
    );
}

#[test]
fn the_table_is_bounded_below_the_range() {
    let mut small = config();
    small.max_leases = 2;
    let mut lan = Lan::new(small);
    let first = lan.join(0, mac(1));
    lan.join(1000, mac(2));
    assert_eq!(
        lan.refused(2000, Ask::new(DISCOVER, mac(3))),
        Reject::NoAddress
    );
    assert_eq!(
        lan.ask(2001, Ask::new(REQUEST, mac(3)).requested(host(105))),
        [Out::Nak]
    );
    lan.leave(2002, mac(1), first);
    lan.join(4000, mac(3));
    assert_eq!(lan.server.remembered(), 2);
}

#[test]
fn offers_are_bounded_and_known_clients_do_not_need_one() {
    let mut wide = config();
    (wide.first, wide.last, wide.max_leases) = (host(20), host(250), 200);
    let mut lan = Lan::new(wide);
    let address = lan.join(0, mac(1));
    for number in 2..=33 {
        assert_eq!(lan.ask(1000, Ask::new(DISCOVER, mac(number))).len(), 1);
    }
    assert_eq!(lan.server.pending_offers(), MAX_OFFERS);
    assert_eq!(lan.refused(1001, Ask::new(DISCOVER, mac(40))), Reject::Busy);
    assert_eq!(
        lan.ask(1002, Ask::new(DISCOVER, mac(1))),
        [Out::Offer(address)]
    );
    assert_eq!(lan.sleep_until(1500).len(), MAX_OFFERS);
    assert_eq!(
        lan.ask(1501, Ask::new(DISCOVER, mac(40))).len(),
        1,
        "an old offer makes room"
    );
    assert_eq!(lan.server.pending_offers(), MAX_OFFERS);
}

#[test]
fn no_two_clients_get_one_address() {
    let mut lan = Lan::new(config());
    for number in 1..=10 {
        lan.ask(0, Ask::new(DISCOVER, mac(number)).requested(host(105)));
    }
    let mut offered = lan.sleep_until(500);
    offered.sort_by_key(|out| format!("{out:?}"));
    offered.dedup();
    assert_eq!(offered.len(), 10);
}

#[test]
fn a_restarted_server_honours_its_file() {
    let mut lan = Lan::new(config());
    let first = lan.join(0, mac(1));
    let named = Ask::new(REQUEST, mac(1))
        .ciaddr(first)
        .named("laptop")
        .option(61, &[1, 2, 255]);
    lan.ask(1000, named);
    let second = lan.join(2000, mac(2));
    let third = lan.join(3000, mac(3));
    let short = Ask::new(REQUEST, mac(2))
        .ciaddr(second)
        .option(51, &120_u32.to_be_bytes());
    lan.ask(4000, short);
    lan.sleep_until(125_000);
    let text = lan.server.export(lan.now(3_603_000));

    let mut next = Lan::new(config());
    let imported = next.server.import(&text, next.now(0));
    assert_eq!(
        imported,
        Imported {
            accepted: 3,
            skipped: 0
        }
    );
    let told = [
        Out::Changed(1, first, Some("laptop".into())),
        Out::Changed(3, third, None),
    ];
    assert_eq!(next.drain(), told, "the ended one is only remembered");
    let lease = next.server.lease_by_address(first).unwrap();
    assert_eq!(lease.client_id.as_deref(), Some(&[1, 2, 255][..]));
    assert!(lease.expires >= next.now(0) + lan_dhcp::IMPORT_GRACE);
    assert_eq!(
        next.ask(1, Ask::new(REQUEST, mac(1)).ciaddr(first)),
        [Out::Ack(first)],
        "nothing new to save"
    );
    assert_eq!(
        next.ask(2, Ask::new(DISCOVER, mac(2))),
        [Out::Probe(second)]
    );
    assert_eq!(
        next.ask(3, Ask::new(REQUEST, mac(9)).requested(third)),
        [Out::Nak]
    );
}

#[test]
fn bad_lines_are_skipped() {
    let mut lan = Lan::new(config());
    let text = "# comment\n\
        02:00:5e:00:00:01 192.168.1.101 3600 laptop 0102\n\
        02:00:5e:00:00:01 192.168.1.102 3600 twice -\n\
        02:00:5e:00:00:02 192.168.1.101 3600 taken -\n\
        02:00:5e:00:00:03 192.168.1.103 3600 <script> -\n\
        02:00:5e:00:00:04 192.168.1.104 -5 - -\n\
        02:00:5e:00:00:05 192.168.1.105 99999999999999999999999 - -\n\
        02:00:5e:00:00:06 192.168.7.106 3600 - -\n\
        02:00:5e:00:00:07 192.168.1.10 3600 - -\n\
        02:00:5e:00:00:c8 192.168.1.108 3600 - -\n\
        01:00:5e:00:00:08 192.168.1.108 3600 - -\n\
        02:00:5e:00:00:09 192.168.1.109 18446744073709551615 - -\n\
        02:00:5e:00:00:0a 192.168.1.106 3600 - 012 \n\
        \u{0}\u{ff}\r\n";
    let imported = lan.server.import(text, lan.now(0));
    assert_eq!(
        imported,
        Imported {
            accepted: 2,
            skipped: 11
        }
    );
    assert!(
        lan.server
            .leases()
            .all(|lease| lease.expires > lan.now(599_000))
    );
}

#[test]
fn export_and_import_are_inverse() {
    let mut lan = Lan::new(config());
    for number in 1..=5 {
        lan.join(u64::from(number) * 1000, mac(number));
    }
    let text = lan.server.export(lan.now(10_000));
    let mut next = Lan::new(config());
    next.server.import(&text, next.now(0));
    assert_eq!(next.server.export(next.now(0)), text);
    let expires = next
        .server
        .leases()
        .map(|lease| lease.expires)
        .min()
        .unwrap();
    assert!(expires - next.now(0) > Duration::from_secs(3500));
}

#[test]
fn what_is_exported_at_save_holds_the_lease_about_to_be_acknowledged() {
    let mut lan = Lan::new(config());
    lan.ask(0, Ask::new(DISCOVER, mac(1)));
    let [Out::Offer(address)] = lan.sleep_until(500)[..] else {
        panic!()
    };
    let request = Ask::new(REQUEST, mac(1)).requested(address).server(SERVER);
    lan.server
        .handle_datagram(&request.bytes(), lan.now(600))
        .unwrap();
    let mut file = String::new();
    while let Some(output) = lan.server.poll_output() {
        match output {
            Output::Save => file = lan.server.export(lan.now(600)),
            Output::Send { .. } => {
                assert!(file.contains(&format!("02:00:5e:00:00:01 {address} 3600")))
            }
            Output::Probe(_) | Output::LeaseChanged(_) | Output::LeaseEnded(_) => {}
        }
    }
    assert!(!file.is_empty());
}
