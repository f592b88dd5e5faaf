//! Two gateways of two domains, whose every address is the same, talk by a tunnel that both were directed to.

mod pair;

use crate::{LanDevice, Output, Reject, Unresolved};
use ntm_proto::Forward;
use ntm_proto::id::{Fqdn, NodeId, PathId, TunnelId};
use ntm_proto::message::{DirectionRefused, Domains, Refusal};
use pair::*;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

#[test]
fn devices_with_the_same_addresses_talk_across_two_domains() {
    let mut pair = Pair::connected();
    let (camera, laptop) = (pair.alias(0), pair.alias(1));
    assert!(pair.ends[0].aliases.contains(camera) && camera != VIP);
    pair.send(0, &packet(LAN, camera)).unwrap();
    assert_eq!(pair.delivered[1], [packet(laptop, LAN)]);
    pair.send(1, &packet(LAN, laptop)).unwrap();
    assert_eq!(pair.delivered[0], [packet(camera, LAN)]);
}

#[test]
fn people_see_the_name_and_the_alias() {
    let mut pair = Pair::connected();
    let camera = pair.alias(0).to_string();
    let tunnels = pair.ends[0].tunnels(pair.now);
    assert_eq!(tunnels[0].devices, ["device.home.b.test"]);
    assert_eq!(tunnels[0].aliases["device.home.b.test"], camera);
    pair.ends[0].resolve(1, LAN, name("device.home.b.test"), pair.now);
    pair.ends[0].resolve_address(2, LAN, camera.parse().unwrap(), pair.now);
    let answers = answers(&mut pair.ends[0]);
    for (query, answer) in answers {
        let identity = answer.unwrap();
        assert_eq!(identity.vip4.to_string(), camera, "{query}");
        assert_eq!(identity.name.as_str(), "device.home.b.test");
    }
}

#[test]
fn a_ping_by_a_name_of_another_domain_is_answered() {
    let mut pair = Pair::connected();
    // The gateway itself asks, and has its own pair.
    let mut own = direction(&pair.ends[0], &pair.ends[1], 2);
    own.local = pair.ends[0].setup.node;
    pair.ends[0].handle_direction(&own, pair.now);
    pair.ends[0].ping(5, name("device.home.b.test"), pair.now);
    let mut report = None;
    while let Some(output) = pair.ends[0].poll_output() {
        match output {
            Output::Send { path, datagram } | Output::Probe { path, datagram } => {
                pair.carry(1, path, &datagram)
            }
            Output::Pong { result, .. } => report = Some(result),
            Output::Deliver(_) | Output::Answer { .. } | Output::Domains(_) | Output::Event(_) => {}
        }
        while let Some(output) = pair.ends[1].poll_output() {
            if let Output::Send { path, datagram } = output {
                pair.carry(0, path, &datagram);
            }
        }
    }
    let report = report.unwrap().unwrap();
    assert_eq!(report.vip4, pair.alias(0).to_string());
    assert_eq!(report.gateway, "home.b.test");
}

#[test]
fn the_alias_leads_to_the_device_again_once_the_dc_has_said_so_after_a_restart() {
    let mut pair = Pair::connected();
    let camera = pair.alias(0);
    pair.ends[0] = gateway(1, "a.test", "car", "198.18.0.0/15", pair.now);
    let lost = pair.send(0, &packet(LAN, camera));
    assert_eq!(lost, Err(Reject::UnknownAlias));
    assert!(pair.ends[0].directions.asked.is_empty(), "no question");
    // The DC says all directions again to a gateway that restarted.
    let mut again = direction(&pair.ends[0], &pair.ends[1], 2);
    again.peer_epoch = 0;
    pair.ends[0].handle_direction(&again, pair.now);
    assert_eq!(pair.alias(0), camera);
    assert!(pair.ends[0].pairs.contains(VIP, camera));
}

#[test]
fn an_alias_whose_tunnel_is_gone_is_asked_for_by_name() {
    let mut pair = Pair::connected();
    let camera = pair.alias(0);
    let car = &mut pair.ends[0];
    car.pairs.remove_slot(0);
    let sent = car.handle_packet(&packet(LAN, camera), &mut Vec::new(), pair.now);
    assert_eq!(sent, Ok(Forward::Nowhere));
    let (_, sought) = car.directions.asked.keys().next().unwrap();
    let by_name = super::Sought::Name(name("device.home.b.test"));
    assert_eq!(sought, &by_name);
    // A refusal holds for the packets that follow.
    let refused = DirectionRefused {
        request: 1,
        refusal: Refusal::NotAllowed,
    };
    car.handle_refused(refused, pair.now);
    let sent = car.handle_packet(&packet(LAN, camera), &mut Vec::new(), pair.now);
    assert_eq!(sent, Err(Reject::Refused));
}

#[test]
fn a_device_that_renames_itself_all_the_time_is_told_of_once_in_ten_seconds() {
    let start = Instant::now();
    let mut car = gateway(1, "a.test", "car", "198.18.0.0/15", start);
    car.devices.stale().for_each(crate::device::Device::told);
    let mut told = Vec::new();
    for number in 0..300_u32 {
        let now = start + Duration::from_millis(100) * number;
        let hostname = ntm_proto::id::Label::parse(&format!("n{number}")).ok();
        let device = LanDevice {
            mac: [2, 0, 0, 0, 0, 1],
            address: LAN,
            hostname,
        };
        car.devices.handle_timeout(now);
        car.devices.seen(device, now);
        for device in car.devices.stale() {
            device.told();
            told.push((number, device.label().unwrap().to_string()));
        }
    }
    assert_eq!(
        told.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
        [0, 100, 200]
    );
    let due = car.devices.poll_timeout().unwrap();
    assert_eq!(due, start + Duration::from_secs(30));
    car.devices.handle_timeout(due);
    let last = car.devices.stale().next().unwrap();
    assert_eq!(last.label().unwrap().as_str(), "n299");
    assert_eq!(car.devices.poll_timeout(), None);
}

#[test]
fn a_device_that_looks_for_everybody_leaves_questions_to_the_others() {
    let now = Instant::now();
    let mut car = gateway(1, "a.test", "car", "198.18.0.0/15", now);
    for number in 0..1000_u32 {
        let nobody = Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 4, 0).to_bits() + number);
        let _ = car.handle_packet(&packet(LAN, nobody), &mut Vec::new(), now);
    }
    assert_eq!(car.directions.asked.len(), 32);
    assert_eq!(car.rejects()[&Reject::QueueFull], 1000 - 32);
    let own = car.setup.vip4;
    car.resolve(7, own, name("camera.home.a.test"), now);
    assert_eq!(
        car.directions.asked.len(),
        33,
        "the router itself still asks"
    );
}

#[test]
fn a_peer_of_another_domain_that_is_not_allowed_any_more_is_closed() {
    for refusal in [Refusal::NotAllowed, Refusal::DomainNotAllowing] {
        let mut pair = Pair::connected();
        let (camera, now) = (pair.alias(0), pair.now);
        let car = &mut pair.ends[0];
        let device = device_of(car, "device").node;
        // What the gateway asks when it has lost its way.
        let sought = super::Sought::Address(camera.into());
        car.ask(device, sought, Some(super::Waiter::Nobody), None, now);
        let request = car.directions.asked.values().next().unwrap().request;
        car.handle_refused(DirectionRefused { request, refusal }, now);
        assert_eq!((car.peers.iter().count(), car.pairs.len()), (0, 0));
    }
}

#[test]
fn another_domain_has_no_say_about_our_devices() {
    let mut pair = Pair::connected();
    let honest = direction(&pair.ends[0], &pair.ends[1], 2);
    let mut lies = vec![honest.clone(); 6];
    let car = &mut pair.ends[0];
    let before = (car.pairs.len(), car.peers.occupied().len());
    // Our name behind its gateway, and its name behind ours.
    lies[0].remote.name = name("device.car.a.test");
    lies[1].peer_name = name("home.a.test");
    // A third domain's name, and names in no domain.
    lies[2].remote.name = name("device.home.c.test");
    lies[3].peer_name = name("home");
    lies[4].peer_name = name("test");
    lies[4].remote.name = name("b");
    lies[5].peer = car.setup.node;
    for lie in &lies {
        car.handle_direction(lie, pair.now);
        assert_eq!((car.pairs.len(), car.peers.occupied().len()), before);
    }
    assert_eq!(car.rejects()[&Reject::UnexpectedMessage], 6);
    // An own device with an alias for its address.
    let mut own = honest;
    own.peer_name = name("home.a.test");
    own.remote.name = name("device.home.a.test");
    own.remote.vip4 = Ipv4Addr::new(198, 19, 200, 1);
    car.handle_direction(&own, pair.now);
    assert_eq!(car.rejects()[&Reject::UnexpectedMessage], 7);
}

#[test]
fn a_gateway_that_two_domains_claim_is_two_peers() {
    let mut pair = Pair::connected();
    let mut own = direction(&pair.ends[0], &pair.ends[1], 2);
    own.peer_name = name("home.a.test");
    own.remote.name = name("device.home.a.test");
    own.remote.vip4 = Ipv4Addr::new(198, 18, 0, 18);
    own.local_path = PathId(500);
    own.tunnel = TunnelId([10; 16]);
    let car = &mut pair.ends[0];
    car.handle_direction(&own, pair.now);
    assert_eq!(car.peers.occupied(), [0, 1]);
    let camera = car.aliases.named(&name("device.home.b.test")).unwrap();
    assert_eq!(car.pairs.outbound(VIP, camera.vip4).unwrap().slot, 0);
    assert_eq!(car.pairs.outbound(VIP, own.remote.vip4).unwrap().slot, 1);
}

#[test]
fn a_path_id_in_use_is_refused_and_its_owner_keeps_it() {
    let mut pair = Pair::connected();
    let mut second = direction(&pair.ends[0], &pair.ends[1], 2);
    second.peer_name = name("office.b.test");
    second.peer = NodeId::from_random([77; 16]);
    second.remote.name = name("device.office.b.test");
    let car = &mut pair.ends[0];
    car.handle_direction(&second, pair.now);
    assert_eq!(car.rejects()[&Reject::QueueFull], 1);
    assert_eq!(car.peers.slot_of_path(second.local_path), Some(0));
    // Nor may a known peer take it along to its new tunnel.
    second.local_path = PathId(500);
    car.handle_direction(&second, pair.now);
    assert_eq!(car.peers.slot_of_path(PathId(500)), Some(1));
    second.local_path = PathId(101);
    car.handle_direction(&second, pair.now);
    assert_eq!(car.peers.slot_of_path(PathId(101)), Some(0));
    assert_eq!(car.rejects()[&Reject::QueueFull], 2);
}

#[test]
fn other_domains_fill_half_of_the_pairs_and_who_asks_is_told() {
    let mut pair = Pair::connected();
    let now = pair.now;
    let remote = direction(&pair.ends[0], &pair.ends[1], 2);
    let car = &mut pair.ends[0];
    while car.poll_output().is_some() {}
    car.resolve(9, LAN, name("d7.home.b.test"), now);
    for number in 0..8 {
        let mut more = remote.clone();
        more.remote.node = NodeId::from_random([100 + number; 16]);
        more.remote.name = name(&format!("d{number}.home.b.test"));
        more.remote.vip4 = Ipv4Addr::new(198, 18, 1, number);
        car.handle_direction(&more, now);
    }
    // Half of eight, and one of them was there before.
    assert_eq!(car.pairs.len(), 4);
    assert_eq!(car.rejects()[&Reject::QueueFull], 5);
    let limit = Err(Unresolved::Refused(Refusal::Limit));
    assert_eq!(answers(car), [(9, limit)]);
}

#[test]
fn a_domain_with_a_small_range_says_so() {
    let now = Instant::now();
    let mut car = gateway(1, "a.test", "car", "198.18.0.0/28", now);
    let home = gateway(2, "b.test", "home", "198.18.0.0/15", now);
    car.resolve(1, LAN, name("device.home.b.test"), now);
    assert_eq!(answers(&mut car), [(1, Err(Unresolved::NoAlias))]);
    let direction = direction(&car, &home, 2);
    car.handle_direction(&direction, now);
    assert_eq!(car.rejects()[&Reject::NoAlias], 1);
    assert_eq!(car.pairs.len(), 0);
}

#[test]
fn the_other_domains_replace_each_other_and_never_include_ours() {
    let now = Instant::now();
    let mut car = gateway(1, "a.test", "car", "198.18.0.0/15", now);
    let mut told = |sequence: u32, domains: &[&str]| {
        let domains = domains.iter().map(|text| name(text)).collect();
        car.handle_domains(&Domains { sequence, domains }, now);
        let told: Vec<Vec<Fqdn>> = std::iter::from_fn(|| car.poll_output())
            .filter_map(|output| match output {
                Output::Domains(domains) => Some(domains),
                Output::Send { .. }
                | Output::Probe { .. }
                | Output::Deliver(_)
                | Output::Answer { .. }
                | Output::Pong { .. }
                | Output::Event(_) => None,
            })
            .collect();
        (told, car.status(now).domains)
    };
    let names = [
        "c.test",
        "b.test",
        "b.test",
        "a.test",
        "x.a.test",
        "arpa",
        "in-addr.arpa",
    ];
    let both = vec![name("b.test"), name("c.test")];
    let shown = vec!["b.test".to_owned(), "c.test".to_owned()];
    assert_eq!(told(7, &names), (vec![both], shown.clone()));
    // The same again, and an older one that comes late.
    assert_eq!(told(7, &names), (vec![], shown.clone()));
    assert_eq!(told(6, &["b.test"]), (vec![], shown));
    assert_eq!(told(8, &[]), (vec![vec![]], vec![]));
}
