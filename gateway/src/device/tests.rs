//! The table of devices, and what the DC is told of it.

use super::*;
use crate::Limits;
use crate::config::DeviceEntry;
use ntm_proto::id::{Fqdn, VirtualPrefixes};
use ntm_proto::key::SecretKey;

const PHONE: [u8; 6] = [2, 0, 0, 0, 0, 1];
const AGAIN: [u8; 6] = [2, 0, 0, 0, 0, 2];
const ONE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
const TWO: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 11);

fn devices() -> Devices {
    let key = SecretKey::from_bytes([7; 32]);
    Devices::new(&Setup {
        node: NodeId::from_random([1; 16]),
        name: Fqdn::parse("car.ntm.test").unwrap(),
        domain: Fqdn::parse("ntm.test").unwrap(),
        dc_key: key.public(),
        key,
        dc_addresses: Vec::new(),
        prefixes: VirtualPrefixes {
            v4: "198.18.0.0/15".parse().unwrap(),
            v6: "fd00::/48".parse().unwrap(),
        },
        vip4: [198, 18, 0, 1].into(),
        vip6: "fd00::1".parse().unwrap(),
        instance: [0; 8],
        aes: false,
        limits: Limits {
            devices: 3,
            ..Limits::default()
        },
    })
}

fn seen(devices: &mut Devices, mac: [u8; 6], address: Ipv4Addr) -> bool {
    let hostname = Label::parse("phone").ok();
    let lan = LanDevice {
        mac,
        address,
        hostname,
    };
    devices.seen(lan, Instant::now())
}

/// What the DC is told: of whom, and whether they are on the LAN.
fn told(devices: &mut Devices) -> Vec<(DeviceKey, bool)> {
    let tell = |device: &mut Device| {
        device.told();
        (device.key, device.online)
    };
    devices.stale().map(tell).collect()
}

/// The DC names the device `name`, with this last byte of its virtual address.
fn named(devices: &mut Devices, mac: [u8; 6], name: &str, last: u8) -> Ipv4Addr {
    let identity = Identity {
        node: NodeId::from_random([last; 16]),
        name: Fqdn::parse(&format!("{name}.car.ntm.test")).unwrap(),
        vip4: [198, 18, 0, last].into(),
        vip6: "fd00::9".parse().unwrap(),
    };
    let (key, vip) = (devices.key_of(mac), identity.vip4);
    devices.named(key, identity);
    vip
}

fn entry(macs: &[[u8; 6]]) -> DeviceEntry {
    DeviceEntry {
        macs: macs.to_vec(),
        address: None,
        name: None,
        identity: true,
        keep: false,
    }
}

fn vip_at(devices: &Devices, address: Ipv4Addr) -> Option<Ipv4Addr> {
    Some(devices.by_address(address)?.1?.vip4)
}

#[test]
fn a_device_without_identity_is_no_business_of_the_dcs() {
    let mut devices = devices();
    seen(&mut devices, PHONE, ONE);
    let key = devices.key_of(PHONE);
    assert_eq!(told(&mut devices), [(key, true)]);
    let vip = named(&mut devices, PHONE, "phone", 5);
    assert_eq!(devices.lan_address(vip), Some(ONE));
    let off = DeviceEntry {
        identity: false,
        ..entry(&[PHONE])
    };
    devices.entries_changed(std::slice::from_ref(&off));
    assert_eq!(devices.take_orders(99), [Order { key, name: None }]);
    assert_eq!(devices.lan_address(vip), None);
    assert!(devices.by_address(ONE).is_some_and(|(_, it)| it.is_none()));
    // Not by what was asked before, by coming and going, or by a restart of the DC.
    named(&mut devices, PHONE, "phone", 5);
    devices.gone(PHONE);
    seen(&mut devices, PHONE, TWO);
    devices.mark_all_stale();
    devices.mark_unnamed_stale();
    devices.unknown(key);
    assert_eq!(told(&mut devices), []);
    devices.entries_changed(&[off]);
    assert_eq!(devices.take_orders(99), [], "once is enough");
    devices.entries_changed(&[]);
    assert_eq!(told(&mut devices), [(key, true)], "and back");
}

#[test]
fn a_device_that_changed_its_mac_goes_on_with_its_identity() {
    let mut devices = devices();
    seen(&mut devices, PHONE, ONE);
    let vip = named(&mut devices, PHONE, "phone", 5);
    devices.gone(PHONE);
    seen(&mut devices, AGAIN, TWO);
    let other = named(&mut devices, AGAIN, "phone-2", 6);
    told(&mut devices);
    devices.entries_changed(&[entry(&[PHONE, AGAIN])]);
    let (old, new) = (devices.key_of(PHONE), devices.key_of(AGAIN));
    assert_eq!(
        devices.take_orders(99),
        [Order {
            key: new,
            name: None
        }]
    );
    assert_eq!(told(&mut devices), [(old, true)], "it is back");
    assert_eq!(vip_at(&devices, TWO), Some(vip));
    assert_eq!(devices.lan_address(vip), Some(TWO));
    assert_eq!(devices.lan_address(other), None);
    let status = devices.status();
    assert_eq!(status.len(), 1);
    assert_eq!(status[0].macs, ["02:00:00:00:00:01", "02:00:00:00:00:02"]);
    assert_eq!(status[0].lan_address, "192.168.1.11");
    // Apart again the new one is a stranger.
    devices.entries_changed(&[]);
    assert_eq!(vip_at(&devices, TWO), None);
    assert_eq!(devices.status().len(), 2);
}

#[test]
fn one_that_is_there_twice_is_reached_where_it_came_last_and_then_where_it_still_is() {
    let mut devices = devices();
    devices.entries_changed(&[entry(&[PHONE, AGAIN])]);
    seen(&mut devices, PHONE, ONE);
    let vip = named(&mut devices, PHONE, "laptop", 5);
    seen(&mut devices, AGAIN, TWO);
    assert_eq!(devices.lan_address(vip), Some(TWO));
    assert_eq!(vip_at(&devices, ONE), Some(vip), "it may speak from both");
    told(&mut devices);
    devices.gone(AGAIN);
    assert_eq!(devices.lan_address(vip), Some(ONE));
    assert_eq!(told(&mut devices), [], "it is still there");
    devices.gone(PHONE);
    assert_eq!(devices.lan_address(vip), None);
    assert_eq!(told(&mut devices).len(), 1);
}

#[test]
fn an_address_is_the_device_s_that_has_it_now() {
    let mut devices = devices();
    seen(&mut devices, PHONE, ONE);
    let vip = named(&mut devices, PHONE, "phone", 5);
    seen(&mut devices, AGAIN, ONE);
    let other = named(&mut devices, AGAIN, "tv", 6);
    assert_eq!(devices.lan_address(vip), None);
    assert_eq!(devices.lan_address(other), Some(ONE));
    devices.gone(PHONE);
    assert_eq!(vip_at(&devices, ONE), Some(other));
    assert!(seen(&mut devices, PHONE, TWO));
    assert_eq!(devices.lan_address(vip), Some(TWO));
    assert!(!seen(&mut devices, PHONE, TWO), "nothing new");
}

#[test]
fn an_owners_name_is_ordered_until_it_is_the_devices() {
    let mut devices = devices();
    seen(&mut devices, PHONE, ONE);
    named(&mut devices, PHONE, "android-4711", 5);
    told(&mut devices);
    devices.entries_changed(&[DeviceEntry {
        name: Label::parse("annas-phone").ok(),
        ..entry(&[PHONE])
    }]);
    let key = devices.key_of(PHONE);
    let wanted = devices.stale().next().and_then(|device| device.label());
    assert_eq!(wanted, Label::parse("annas-phone").ok());
    told(&mut devices);
    named(&mut devices, PHONE, "android-4711", 5);
    let name = Label::parse("annas-phone").ok();
    assert_eq!(devices.take_orders(99), [Order { key, name }]);
    // Another device has that name.
    named(&mut devices, PHONE, "annas-phone-2", 5);
    assert_eq!(devices.take_orders(99), []);
    // What it calls itself is no news.
    let hostname = Label::parse("other").ok();
    let (mac, address) = (PHONE, ONE);
    let lan = LanDevice {
        mac,
        address,
        hostname,
    };
    devices.seen(lan, Instant::now());
    assert_eq!(told(&mut devices), []);
}

#[test]
fn a_kept_device_is_there_before_it_comes_and_makes_no_room() {
    let mut devices = devices();
    devices.entries_changed(&[DeviceEntry {
        keep: true,
        ..entry(&[PHONE])
    }]);
    let key = devices.key_of(PHONE);
    devices.mark_all_stale();
    assert_eq!(told(&mut devices), [(key, false)]);
    assert!(!devices.status()[0].online && devices.status()[0].keep);
    seen(&mut devices, PHONE, ONE);
    devices.gone(PHONE);
    for last in 10..20 {
        let mac = [2, 0, 0, 0, 0, last];
        assert!(seen(&mut devices, mac, [192, 168, 1, last].into()));
        devices.gone(mac);
    }
    assert!(devices.status().iter().any(|it| it.keep));
    assert_eq!(devices.status().len(), 3, "as many as there may be");
}

#[test]
fn a_device_is_forgotten_when_it_is_away_and_comes_back_as_a_new_one() {
    let mut devices = devices();
    seen(&mut devices, PHONE, ONE);
    let vip = named(&mut devices, PHONE, "phone", 5);
    assert_eq!(devices.forget(PHONE), Err(Unforgettable::Online));
    assert_eq!(devices.forget(AGAIN), Err(Unforgettable::Unknown));
    devices.gone(PHONE);
    assert_eq!(devices.forget(PHONE), Ok(()));
    let key = devices.key_of(PHONE);
    assert_eq!(devices.take_orders(99), [Order { key, name: None }]);
    assert!(devices.status().is_empty());
    seen(&mut devices, PHONE, ONE);
    assert_eq!(told(&mut devices), [(key, true)]);
    assert_eq!(vip_at(&devices, ONE), None);
    assert_eq!(devices.lan_address(vip), None);
}

#[test]
fn whom_the_dc_has_not_heard_of_it_is_told_again_until_it_answers() {
    let mut devices = devices();
    seen(&mut devices, PHONE, ONE);
    devices.gone(PHONE);
    devices.forget(PHONE).unwrap();
    let key = devices.key_of(PHONE);
    let order = [Order { key, name: None }];
    assert_eq!(devices.take_orders(99), order);
    // It refused, or it is another one now.
    devices.mark_all_stale();
    assert_eq!(devices.take_orders(99), order);
    // We were started anew.
    let kept = devices.forgetting().clone();
    let mut devices = self::devices();
    devices.forget_again(kept);
    assert_eq!(devices.take_orders(99), order);
    assert!(devices.unknown(key) && devices.forgetting().is_empty());
    assert!(!devices.unknown(key), "once");
    devices.mark_all_stale();
    assert_eq!(devices.take_orders(99), []);
    // Back before it was heard of: there is nothing to forget.
    devices.forget_again([key]);
    seen(&mut devices, PHONE, ONE);
    assert!(devices.forgetting().is_empty() && devices.take_orders(99).is_empty());
    // But one without identity is none of the DC's business, whether it is there or not.
    devices.gone(PHONE);
    let off = DeviceEntry {
        identity: false,
        ..entry(&[PHONE])
    };
    devices.entries_changed(&[off]);
    seen(&mut devices, PHONE, ONE);
    assert_eq!(devices.take_orders(99), order);
}

#[test]
fn no_more_wait_to_be_forgotten_than_there_is_room_for() {
    let mut devices = devices();
    let number = |number: u16| {
        let [high, low] = number.to_be_bytes();
        DeviceKey([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    };
    devices.forget_again((0..1000).map(number));
    let most = devices.forgetting().len();
    assert_eq!((most, devices.take_orders(16).len()), (256, 16));
    assert_eq!(devices.take_orders(1000).len(), most - 16);
    seen(&mut devices, PHONE, ONE);
    devices.gone(PHONE);
    assert_eq!(devices.forget(PHONE), Err(Unforgettable::TooMany));
    devices.unknown(number(0));
    assert_eq!(devices.forget(PHONE), Ok(()));
}

#[test]
fn traffic_is_counted_for_the_device_and_not_for_the_mac() {
    let mut devices = devices();
    seen(&mut devices, PHONE, ONE);
    named(&mut devices, PHONE, "phone", 5);
    let (number, _) = devices.by_address(ONE).unwrap();
    devices.at_mut(number).unwrap().sent.add(2, 3000);
    devices.entries_changed(&[entry(&[PHONE, AGAIN])]);
    seen(&mut devices, AGAIN, TWO);
    let (number, _) = devices.by_address(TWO).unwrap();
    devices.at_mut(number).unwrap().sent.add(1, 100);
    let status = &devices.status()[0];
    assert_eq!((status.sent_packets, status.sent), (3, 3100));
}
