//! Whole exchanges of RFC 2131 between clients and one server.

#![cfg(test)]

mod lan;

use dhcproto::v4::{DhcpOption, OptionCode};
use lan::*;
use lan_dhcp::Reject;
use std::net::Ipv4Addr;

#[test]
fn a_new_client_is_probed_for_offered_and_saved_before_acknowledged() {
    let mut lan = Lan::new(config());
    let outs = lan.ask(0, Ask::new(DISCOVER, mac(1)).named("LapTop.lan"));
    let [Out::Probe(address)] = outs[..] else {
        panic!("{outs:?}")
    };
    assert!((host(100)..=host(109)).contains(&address));
    assert_eq!(lan.sleep_until(499), []);
    assert_eq!(lan.sleep_until(500), [Out::Offer(address)]);
    assert_eq!(lan.sent_to(), Ipv4Addr::BROADCAST);
    let request = Ask::new(REQUEST, mac(1))
        .requested(address)
        .server(SERVER)
        .named("LapTop.lan");
    let changed = Out::Changed(1, address, Some("laptop".into()));
    assert_eq!(
        lan.ask(600, request),
        [changed, Out::Save, Out::Ack(address)]
    );
    assert_eq!(lan.server.lease_by_address(address).unwrap().mac, mac(1));
    assert_eq!(lan.server.leases().count(), 1);
}

#[test]
fn the_options_say_all_a_client_needs() {
    let mut lan = Lan::new(config());
    let id = [0xff, 1, 2, 3];
    let discover = Ask::new(DISCOVER, mac(200))
        .option(61, &id)
        .option(55, &[1, 3, 6, 119]);
    assert_eq!(
        lan.ask(0, discover.field(10, &[0x80])),
        [Out::Offer(host(10))]
    );
    let (message, _) = lan.sent.as_ref().unwrap();
    assert_eq!(
        (message.xid(), message.chaddr()),
        (0xcafe_01c8, &mac(200)[..])
    );
    assert!(message.flags().broadcast());
    let expected = [
        (
            OptionCode::SubnetMask,
            DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 255, 0)),
        ),
        (
            OptionCode::BroadcastAddr,
            DhcpOption::BroadcastAddr(host(255)),
        ),
        (OptionCode::Router, DhcpOption::Router(vec![SERVER])),
        (
            OptionCode::DomainNameServer,
            DhcpOption::DomainNameServer(vec![SERVER, host(2)]),
        ),
        (
            OptionCode::DomainName,
            DhcpOption::DomainName("home.example.net".into()),
        ),
        (
            OptionCode::ServerIdentifier,
            DhcpOption::ServerIdentifier(SERVER),
        ),
        (
            OptionCode::ClientIdentifier,
            DhcpOption::ClientIdentifier(id.to_vec()),
        ),
        (
            OptionCode::AddressLeaseTime,
            DhcpOption::AddressLeaseTime(3600),
        ),
        (OptionCode::Renewal, DhcpOption::Renewal(1800)),
        (OptionCode::Rebinding, DhcpOption::Rebinding(3150)),
    ];
    for (code, option) in expected {
        assert_eq!(lan.sent_option(code), Some(&option));
    }
    let Some(DhcpOption::DomainSearch(names)) = lan.sent_option(OptionCode::DomainSearch) else {
        panic!()
    };
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["home.example.net.", "example.net."]);
    // RFC 3397: the second name points into the first one, counted from the option's start.
    let search = b"\x77\x14\x04home\x07example\x03net\x00\xc0\x05";
    assert!(
        lan.raw.windows(search.len()).any(|window| window == search),
        "{:?}",
        lan.raw
    );
    lan.ask(1, Ask::new(DISCOVER, mac(200)));
    assert_eq!(
        lan.sent_option(OptionCode::DomainSearch),
        None,
        "only to those who ask"
    );
}

#[test]
fn an_address_in_use_is_not_offered() {
    let mut lan = Lan::new(config());
    let [Out::Probe(first)] = lan.ask(0, Ask::new(DISCOVER, mac(1)))[..] else {
        panic!()
    };
    let [Out::Probe(second)] = lan.probe_answered(10, first)[..] else {
        panic!()
    };
    assert_ne!(first, second);
    assert_eq!(
        lan.probe_answered(11, first),
        [],
        "a late second answer changes nothing"
    );
    assert_eq!(lan.sleep_until(509), []);
    assert_eq!(lan.sleep_until(510), [Out::Offer(second)]);
    let mut again = Lan::new(config());
    let mut address = first;
    again.ask(0, Ask::new(DISCOVER, mac(1)));
    for ms in 1..5 {
        let [Out::Probe(next)] = again.probe_answered(ms, address)[..] else {
            panic!()
        };
        address = next;
    }
    assert_eq!(
        again.probe_answered(5, address),
        [],
        "it gives up until the client asks again"
    );
    assert_eq!(again.server.pending_offers(), 0);
}

#[test]
fn a_repeated_discover_is_answered_once_while_probing_and_each_time_after() {
    let mut lan = Lan::new(config());
    let [Out::Probe(address)] = lan.ask(0, Ask::new(DISCOVER, mac(1)))[..] else {
        panic!()
    };
    assert_eq!(
        lan.ask(100, Ask::new(DISCOVER, mac(1)).field(4, &[1, 2, 3, 4])),
        []
    );
    assert_eq!(lan.sleep_until(600), [Out::Offer(address)]);
    assert_eq!(
        lan.sent.as_ref().unwrap().0.xid(),
        0x0102_0304,
        "the newer question is answered"
    );
    assert_eq!(
        lan.ask(700, Ask::new(DISCOVER, mac(1))),
        [Out::Offer(address)]
    );
}

#[test]
fn a_renewal_is_sent_to_the_client_and_neither_saved_nor_told() {
    let mut lan = Lan::new(config());
    let address = lan.join(0, mac(1));
    assert_eq!(
        lan.ask(1_800_000, Ask::new(REQUEST, mac(1)).ciaddr(address)),
        [Out::Ack(address)]
    );
    assert_eq!(lan.sent_to(), address);
    assert_eq!(lan.sleep_until(5_399_999), []);
    assert_eq!(lan.sleep_until(5_400_000), [Out::Ended(1, address)]);
    assert_eq!(lan.server.lease_by_address(address), None);
}

#[test]
fn a_new_name_is_told_at_once_and_saved_later() {
    let mut lan = Lan::new(config());
    let address = lan.join(0, mac(1));
    let renew = |name| Ask::new(REQUEST, mac(1)).ciaddr(address).named(name);
    let told = Out::Changed(1, address, Some("tv".into()));
    assert_eq!(lan.ask(10_000, renew("tv")), [told, Out::Ack(address)]);
    assert_eq!(
        lan.ask(20_000, renew("<script>")),
        [Out::Ack(address)],
        "no name keeps the old one"
    );
    assert_eq!(lan.sleep_until(309_999), []);
    assert_eq!(lan.sleep_until(310_000), [Out::Save]);
}

#[test]
fn a_client_gets_its_old_address_back() {
    let mut lan = Lan::new(config());
    let address = lan.join(0, mac(1));
    let release = Ask::new(RELEASE, mac(1)).ciaddr(address).server(SERVER);
    assert_eq!(lan.leave(2000, mac(1), address), []);
    assert_eq!(lan.sleep_until(3_601_000), [Out::Ended(1, address)]);
    assert_eq!(lan.refused(3_603_600, release), Reject::NotYours);
    for number in 2..10 {
        assert_ne!(lan.join(3_604_000, mac(number)), address);
    }
    assert_eq!(
        lan.ask(3_609_000, Ask::new(DISCOVER, mac(1))),
        [Out::Probe(address)]
    );
    assert_eq!(lan.sleep_until(3_609_500), [Out::Offer(address)]);
    let request = Ask::new(REQUEST, mac(1)).requested(address).server(SERVER);
    let outs = lan.ask(3_609_600, request);
    assert_eq!(outs.last(), Some(&Out::Ack(address)));
    assert_eq!(
        lan.ask(3_609_700, Ask::new(DISCOVER, mac(1))),
        [Out::Offer(address)],
        "a live lease needs no probe"
    );
}

#[test]
fn a_client_that_chose_another_server_frees_the_offer() {
    let mut lan = Lan::new(config());
    lan.ask(0, Ask::new(DISCOVER, mac(1)));
    assert_eq!(lan.sleep_until(500).len(), 1);
    assert_eq!(lan.server.pending_offers(), 1);
    let request = Ask::new(REQUEST, mac(1))
        .requested(host(50))
        .server(host(254));
    assert_eq!(lan.refused(600, request), Reject::OtherServer);
    assert_eq!(lan.server.pending_offers(), 0);
    assert_eq!(lan.rejected(Reject::OtherServer), 1);
}

#[test]
fn an_offer_nobody_takes_is_void_after_a_minute() {
    let mut lan = Lan::new(config());
    lan.ask(0, Ask::new(DISCOVER, mac(1)));
    lan.sleep_until(60_499);
    assert_eq!(lan.server.pending_offers(), 1);
    lan.sleep_until(60_500);
    assert_eq!(lan.server.pending_offers(), 0);
    assert_eq!(lan.server.remembered(), 0);
    assert_eq!(lan.server.poll_timeout(), None);
}

#[test]
fn a_reboot_elsewhere_is_refused_and_a_reboot_here_is_not() {
    let mut lan = Lan::new(config());
    let reboot = |number, address| Ask::new(REQUEST, mac(number)).requested(address);
    assert_eq!(
        lan.ask(0, reboot(1, Ipv4Addr::new(10, 0, 0, 7))),
        [Out::Nak],
        "foreign subnet"
    );
    assert_eq!(lan.sent_to(), Ipv4Addr::BROADCAST);
    assert_eq!(
        lan.ask(0, reboot(1, host(60))),
        [Out::Nak],
        "outside the range"
    );
    assert_eq!(
        lan.ask(0, reboot(1, host(10))),
        [Out::Nak],
        "another device's static lease"
    );
    let outs = lan.ask(1, reboot(1, host(104)));
    assert_eq!(
        outs,
        [
            Out::Changed(1, host(104), None),
            Out::Save,
            Out::Ack(host(104))
        ],
        "we forgot, not they"
    );
    assert_eq!(lan.ask(2, reboot(2, host(104))), [Out::Nak], "taken");
    assert_eq!(
        lan.ask(3, reboot(1, host(105))),
        [Out::Nak],
        "it has another one"
    );
    let renew = Ask::new(REQUEST, mac(3)).ciaddr(host(107));
    assert_eq!(
        lan.ask(4, renew).last(),
        Some(&Out::Ack(host(107))),
        "renewed with a restarted router"
    );
}

#[test]
fn a_static_lease_is_its_devices_alone() {
    let mut lan = Lan::new(config());
    let moved = Ask::new(REQUEST, mac(200)).requested(host(105));
    assert_eq!(lan.ask(0, moved), [Out::Nak]);
    let request = Ask::new(REQUEST, mac(200))
        .requested(host(10))
        .server(SERVER)
        .named("hp1234");
    let changed = Out::Changed(200, host(10), Some("printer".into()));
    assert_eq!(
        lan.ask(1, request),
        [changed, Out::Save, Out::Ack(host(10))]
    );
    let decline = Ask::new(DECLINE, mac(200))
        .requested(host(10))
        .server(SERVER);
    assert_eq!(lan.ask(2, decline), [Out::Ended(200, host(10))]);
    let meanwhile = lan.join(1000, mac(200));
    assert_ne!(meanwhile, host(10));
    assert_eq!(
        lan.ask(700_000, Ask::new(REQUEST, mac(200)).ciaddr(meanwhile))
            .last(),
        Some(&Out::Nak)
    );
    assert_eq!(
        lan.ask(700_001, Ask::new(DISCOVER, mac(200))),
        [Out::Offer(host(10))]
    );
}

#[test]
fn a_declined_address_rests_and_only_its_holder_can_decline() {
    let mut lan = Lan::new(config());
    let address = lan.join(0, mac(1));
    let decline = |number| {
        Ask::new(DECLINE, mac(number))
            .requested(address)
            .server(SERVER)
    };
    assert_eq!(lan.refused(1000, decline(2)), Reject::NotYours);
    assert_eq!(lan.ask(1001, decline(1)), [Out::Ended(1, address)]);
    assert_eq!(lan.server.remembered(), 0);
    let wish = |number| Ask::new(REQUEST, mac(number)).requested(address);
    assert_eq!(lan.ask(600_000, wish(3)).last(), Some(&Out::Nak));
    assert_eq!(lan.ask(601_002, wish(3)).last(), Some(&Out::Ack(address)));
}

#[test]
fn inform_gets_options_and_no_address() {
    let mut lan = Lan::new(config());
    let outs = lan.ask(0, Ask::new(INFORM, mac(1)).ciaddr(host(77)));
    assert_eq!(outs, [Out::Ack(Ipv4Addr::UNSPECIFIED)]);
    assert_eq!(lan.sent_to(), host(77));
    assert_eq!(lan.sent_option(OptionCode::AddressLeaseTime), None);
    assert!(lan.sent_option(OptionCode::Router).is_some());
    let outside = Ask::new(INFORM, mac(1)).ciaddr(Ipv4Addr::new(8, 8, 8, 8));
    assert_eq!(
        lan.refused(1, outside),
        Reject::BadAddress,
        "nobody outside gets a datagram from us"
    );
}

#[test]
fn a_client_may_ask_for_less_time_and_not_for_more() {
    let mut lan = Lan::new(config());
    for (asked, given) in [(600_u32, 600), (1, 120), (u32::MAX, 3600)] {
        lan.ask(
            0,
            Ask::new(DISCOVER, mac(200)).option(51, &asked.to_be_bytes()),
        );
        assert_eq!(
            lan.sent_option(OptionCode::AddressLeaseTime),
            Some(&DhcpOption::AddressLeaseTime(given))
        );
    }
}

#[test]
fn a_reply_fits_what_the_client_takes() {
    let mut config = config();
    let long = [
        "a".repeat(60),
        "b".repeat(60),
        "c".repeat(60),
        "d".repeat(60),
    ]
    .join(".");
    config.domain = Some(ntm_proto::id::Fqdn::parse(&long).unwrap());
    config.search = vec![config.domain.clone().unwrap()];
    let mut lan = Lan::new(config);
    let discover = Ask::new(DISCOVER, mac(200))
        .option(55, &[119])
        .option(61, &[7; 200]);
    lan.ask(0, discover.clone().option(57, &1500_u16.to_be_bytes()));
    assert!(lan.sent_option(OptionCode::DomainSearch).is_some());
    lan.ask(1, discover);
    assert_eq!(lan.sent_option(OptionCode::DomainSearch), None);
    assert!(lan.sent_option(OptionCode::ClientIdentifier).is_some());
}
