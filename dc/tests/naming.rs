//! Devices get identities: unique, lasting, stored first; and the zone says so.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    unreachable_pub,
    reason = "tests own their clock"
)]

mod world;

use ntm_dc::{Found, Limits, Record, Reject};
use ntm_proto::id::{DeviceKey, Fqdn, Identity, NodeId};
use ntm_proto::message::Refusal;
use std::collections::BTreeSet;
use world::*;

const HOME: &str = "203.0.113.5:4750";

fn home() -> (World, usize) {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.connect(home);
    (world, home)
}

fn named(world: &mut World, at: usize, key: u8, label: &str) -> Identity {
    world.device(at, key, label).unwrap().unwrap()
}

#[test]
fn equal_labels_are_numbered_and_no_label_gets_one() {
    let (mut world, home) = home();
    let names = [(1, "laptop"), (2, "laptop"), (3, "laptop"), (4, "")]
        .map(|(key, label)| named(&mut world, home, key, label).name.to_string());
    let wanted = [
        "laptop.home",
        "laptop-2.home",
        "laptop-3.home",
        "device-0404.home",
    ];
    assert_eq!(names, wanted.map(|name| format!("{name}.ntm.test")));
}

#[test]
fn a_device_keeps_its_identity_whatever_it_asks_for() {
    let (mut world, home) = home();
    let first = named(&mut world, home, 1, "laptop");
    assert_eq!(named(&mut world, home, 1, "desktop"), first);
    world.restart_dc();
    world.connect(home);
    assert_eq!(named(&mut world, home, 1, ""), first);
    let other = named(&mut world, home, 2, "phone");
    assert!(other.vip4 != first.vip4 && other.node != first.node);
}

#[test]
fn a_made_up_name_gives_way_once_and_the_rest_stays() {
    let (mut world, home) = home();
    let first = named(&mut world, home, 1, "");
    let serial = world.dc.zone_serial();
    let second = named(&mut world, home, 1, "camera");
    assert_eq!(second.name.as_str(), "camera.home.ntm.test");
    assert_eq!(
        (first.node, first.vip4, first.vip6),
        (second.node, second.vip4, second.vip6)
    );
    assert!(world.dc.zone_serial() > serial);
    assert_eq!(world.dc.lookup_name(&first.name), Found::Nothing);
    assert_eq!(named(&mut world, home, 1, "printer"), second);
    assert_eq!(
        named(&mut world, home, 2, "").name.as_str(),
        "device-0202.home.ntm.test"
    );
}

#[test]
fn a_failed_save_gives_no_identity_and_the_next_try_the_same_record() {
    let (mut world, home) = home();
    world.broken = true;
    assert_eq!(world.device(home, 1, "laptop"), Some(Err(Refusal::Storage)));
    let name = Fqdn::parse("laptop.home.ntm.test").unwrap();
    assert_eq!(world.dc.lookup_name(&name), Found::Nothing);
    assert_eq!(world.reject_count(Reject::NotSaved), 1);
    world.broken = false;
    let identity = named(&mut world, home, 1, "laptop");
    assert_eq!(
        world.dc.lookup_name(&name),
        Found::Identity(identity.clone())
    );
    assert_eq!(
        named(&mut world, home, 2, "").vip4.to_bits(),
        identity.vip4.to_bits() + 1
    );
}

#[test]
fn a_failed_rename_leaves_the_old_name() {
    let (mut world, home) = home();
    let first = named(&mut world, home, 1, "");
    world.broken = true;
    assert_eq!(named(&mut world, home, 1, "camera"), first);
    assert!(matches!(
        world.dc.lookup_name(&first.name),
        Found::Identity(_)
    ));
    world.broken = false;
    assert_eq!(
        named(&mut world, home, 1, "camera").name.first_label(),
        "camera"
    );
}

#[test]
fn an_unregistered_gateway_names_nothing() {
    let mut world = World::new();
    let home = world.gateway("home", 1, HOME, &[HOME]);
    world.clients[home].link.connect(world.now);
    world.run();
    assert_eq!(
        world.device(home, 1, "laptop"),
        Some(Err(Refusal::NotRegistered))
    );
}

#[test]
fn limits_hold_per_gateway_and_per_account() {
    let limits = Limits {
        devices_per_gateway: 3,
        devices_per_account: 5,
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    let one = world.gateway("one", 1, HOME, &[HOME]);
    let two = world.gateway("two", 1, "203.0.113.6:4750", &[]);
    world.connect(one);
    world.connect(two);
    for key in 1..=3 {
        assert!(world.device(one, key, "x").unwrap().is_ok());
    }
    assert_eq!(world.device(one, 4, "x"), Some(Err(Refusal::Limit)));
    assert!(
        world.device(one, 3, "x").unwrap().is_ok(),
        "a known one is always served"
    );
    assert!(world.device(two, 1, "x").unwrap().is_ok());
    assert!(world.device(two, 2, "x").unwrap().is_ok());
    assert_eq!(world.device(two, 3, "x"), Some(Err(Refusal::Limit)));
}

#[test]
fn five_thousand_devices_share_no_name_and_no_address() {
    let limits = Limits {
        messages_per_second: 1_000_000,
        ..Limits::default()
    };
    let mut world = World::with_limits(limits);
    let (mut names, mut v4, mut v6) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut take = |name: String, identity: (std::net::Ipv4Addr, std::net::Ipv6Addr)| {
        assert!(names.insert(name) && v4.insert(identity.0) && v6.insert(identity.1));
    };
    for gateway in 0..20u8 {
        let address = format!("203.0.113.{gateway}:4750");
        let at = world.gateway(
            &format!("g{gateway}"),
            gateway.into(),
            &address,
            &[&address],
        );
        world.connect(at);
        for device in 0..250u8 {
            let key = DeviceKey([gateway, device, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
            let identity = world
                .device_by_key(at, key, "pc".parse_label())
                .unwrap()
                .unwrap();
            take(identity.name.to_string(), (identity.vip4, identity.vip6));
            world.clients[at].inbox.clear();
        }
    }
    for record in world.store.values() {
        if let Record::Gateway(record) = record {
            take(
                format!("{}.ntm.test", record.name),
                (record.vip4, record.vip6),
            );
        }
    }
}

trait ParseLabel {
    fn parse_label(&self) -> Option<ntm_proto::id::Label>;
}

impl ParseLabel for str {
    fn parse_label(&self) -> Option<ntm_proto::id::Label> {
        ntm_proto::id::Label::parse(self).ok()
    }
}

#[test]
fn the_zone_knows_names_addresses_and_records() {
    let (mut world, home) = home();
    world.relay("rs1", &["192.0.2.20:4750"]);
    let laptop = named(&mut world, home, 1, "laptop");
    let name = |text: &str| Fqdn::parse(text).unwrap();
    assert_eq!(
        world.dc.lookup_name(&laptop.name),
        Found::Identity(laptop.clone())
    );
    assert_eq!(
        world.dc.lookup_address(laptop.vip4.into()),
        Some(laptop.name.clone())
    );
    assert_eq!(
        world.dc.lookup_address(laptop.vip6.into()),
        Some(laptop.name.clone())
    );
    assert_eq!(
        world
            .dc
            .lookup_address(HOME.parse::<std::net::SocketAddr>().unwrap().ip()),
        None
    );
    for exists in ["ntm.test", "rs1.ntm.test"] {
        assert_eq!(
            world.dc.lookup_name(&name(exists)),
            Found::Exists,
            "{exists}"
        );
    }
    let gateway = world.dc.lookup_name(&name("home.ntm.test"));
    assert!(
        matches!(gateway, Found::Identity(identity) if identity.node == world.clients[home].id)
    );
    for nothing in [
        "test",
        "other.test",
        "x.ntm.test",
        "x.home.ntm.test",
        "a.laptop.home.ntm.test",
        "laptop.rs1.ntm.test",
    ] {
        assert_eq!(
            world.dc.lookup_name(&name(nothing)),
            Found::Nothing,
            "{nothing}"
        );
    }
    let record = world.dc.ntm_record(&laptop.name).unwrap();
    let id = |node: NodeId| *node.0.as_bytes();
    let wanted = [
        &[1][..],
        &id(laptop.node),
        &id(world.clients[home].id),
        &world.key.public().0,
    ]
    .concat();
    assert_eq!(record, wanted);
}

fn named_by_owner(world: &mut World, at: usize, key: u8, name: &str) -> Identity {
    world.order(at, key, Some(name)).unwrap().unwrap()
}

#[test]
fn an_owners_name_replaces_any_other_and_nothing_else() {
    let (mut world, home) = home();
    let first = named(&mut world, home, 1, "android-4711");
    let serial = world.dc.zone_serial();
    let phone = named_by_owner(&mut world, home, 1, "annas-phone");
    assert_eq!(phone.name.as_str(), "annas-phone.home.ntm.test");
    assert_eq!(
        (first.node, first.vip4, first.vip6),
        (phone.node, phone.vip4, phone.vip6)
    );
    assert!(world.dc.zone_serial() > serial);
    assert_eq!(world.dc.lookup_name(&first.name), Found::Nothing);
    // The device's own word does not undo it, nor does a restart, and the old name is free.
    assert_eq!(named(&mut world, home, 1, "android-4711"), phone);
    world.restart_dc();
    world.connect(home);
    assert_eq!(named(&mut world, home, 1, ""), phone);
    let other = named(&mut world, home, 2, "android-4711");
    assert_eq!(other.name, first.name);
}

#[test]
fn a_name_that_is_taken_gets_a_number_and_the_same_one_each_time() {
    let (mut world, home) = home();
    named(&mut world, home, 1, "camera");
    named(&mut world, home, 2, "other");
    for _ in 0..3 {
        let second = named_by_owner(&mut world, home, 2, "camera");
        assert_eq!(second.name.first_label(), "camera-2");
    }
    assert_eq!(world.order(home, 1, None), Some(Err(Refusal::Unknown)));
    let second = named_by_owner(&mut world, home, 2, "camera");
    assert_eq!(second.name.first_label(), "camera");
}

#[test]
fn a_failed_order_changes_nothing_and_another_one_takes_its_place() {
    let (mut world, home) = home();
    let first = named(&mut world, home, 1, "laptop");
    world.broken = true;
    assert_eq!(
        world.order(home, 1, Some("desktop")),
        Some(Ok(first.clone()))
    );
    assert_eq!(world.order(home, 1, None), Some(Err(Refusal::Storage)));
    assert!(matches!(
        world.dc.lookup_name(&first.name),
        Found::Identity(_)
    ));
    world.broken = false;
    assert_eq!(
        named_by_owner(&mut world, home, 1, "laptop"),
        first,
        "as it was"
    );
    let other = named(&mut world, home, 2, "desktop");
    assert_eq!(other.name.first_label(), "desktop", "nobody kept that");
}

#[test]
fn who_is_forgotten_leaves_its_name_and_its_addresses_to_nobody() {
    let (mut world, home) = home();
    let first = named(&mut world, home, 1, "phone");
    assert_eq!(world.order(home, 1, None), Some(Err(Refusal::Unknown)));
    assert_eq!(world.dc.lookup_name(&first.name), Found::Nothing);
    assert_eq!(world.order(home, 1, None), Some(Err(Refusal::Unknown)));
    assert_eq!(
        world.order(home, 1, Some("x")),
        Some(Err(Refusal::Unknown)),
        "there is none"
    );
    world.restart_dc();
    world.connect(home);
    let again = named(&mut world, home, 1, "phone");
    assert_eq!(again.name, first.name);
    assert!(again.node != first.node && again.vip4 != first.vip4 && again.vip6 != first.vip6);
}

#[test]
fn nobody_can_use_up_a_domains_addresses_by_forgetting() {
    let (mut world, home) = home();
    let mut refused = 0;
    for _ in 0..40 {
        named(&mut world, home, 1, "phone");
        refused += usize::from(world.order(home, 1, None) == Some(Err(Refusal::Limit)));
    }
    assert_eq!(refused, 40 - 32);
    world.pass(std::time::Duration::from_secs(3600));
    world.connect(home);
    assert_eq!(world.order(home, 1, None), Some(Err(Refusal::Unknown)));
}

#[test]
fn nobody_keeps_the_store_busy_by_names() {
    let (mut world, home) = home();
    named(&mut world, home, 1, "phone");
    let mut refused = 0;
    for number in 0..600 {
        let name = format!("phone-{number}");
        refused += usize::from(world.order(home, 1, Some(&name)) == Some(Err(Refusal::Limit)));
        let second = world.now + std::time::Duration::from_millis(100);
        world.now = second;
    }
    assert_eq!(refused, 600 - 512);
    // What it is called already may be said as often as one likes.
    let name = named(&mut world, home, 1, "").name;
    let same = world.order(home, 1, Some(name.first_label()));
    assert_eq!(same.unwrap().unwrap().name, name);
}

#[test]
fn while_the_store_forgets_a_device_it_is_not_named() {
    let (mut world, home) = home();
    let first = named(&mut world, home, 1, "phone");
    world.slow = true;
    assert_eq!(world.order(home, 1, None), None);
    assert_eq!(world.device(home, 1, "phone"), None);
    assert_eq!(world.order(home, 1, Some("other")), None);
    world.slow = false;
    for ticket in std::mem::take(&mut world.tickets) {
        world.dc.handle_saved(ticket, true, world.now);
    }
    world.run();
    let again = named(&mut world, home, 1, "phone");
    assert_ne!(again.node, first.node);
}
