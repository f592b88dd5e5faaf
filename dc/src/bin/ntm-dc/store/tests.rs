use super::*;
use crate::scratch::Scratch;
use ntm_dc::{DeviceRecord, DomainRecord, GatewayRecord};
use ntm_proto::enrol::Role;
use ntm_proto::id::DeviceKey;
use ntm_proto::key::PublicKey;
use std::sync::atomic::{AtomicU8, Ordering};

fn domain() -> Fqdn {
    Fqdn::parse("ntm.test").unwrap()
}

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

fn fresh() -> (Scratch, Store) {
    let dir = Scratch::new();
    Store::create(dir.path(), &domain()).unwrap();
    let mut store = Store::open(dir.path(), &domain()).unwrap();
    store.add_account(&label("anna")).unwrap();
    (dir, store)
}

fn add_code(store: &mut Store, token: u8, name: &str) {
    let account = store.account(&label("anna")).unwrap();
    let code = NewCode {
        token: [token; 16],
        name: &label(name),
        account: Some(account),
        expires: 1000,
    };
    store.add_code(&code, 100).unwrap();
}

fn ask(token: u8, key: u8) -> Redeem {
    Redeem {
        token: [token; 16],
        role: Role::Gateway,
        key: PublicKey([key; 32]),
    }
}

fn identity(n: u8) -> Option<Identity> {
    let node = NodeId::from_random([n; 16]);
    Some((
        node,
        [198, 18, 0, n].into(),
        [0xfd00, 0, 0, 0, 0, 0, 0, n.into()].into(),
    ))
}

fn enrol(store: &mut Store, token: u8, key: u8) -> Result<Enrolled, Refused> {
    store
        .redeem(&ask(token, key), || identity(key), 500)
        .unwrap()
}

fn gateway(enrolled: Enrolled) -> GatewayRecord {
    let Record::Gateway(gateway) = enrolled.record else {
        panic!("not a gateway");
    };
    gateway
}

fn device(gateway: &GatewayRecord) -> DeviceRecord {
    DeviceRecord {
        node: NodeId::from_random([77; 16]),
        gateway: gateway.node,
        key: DeviceKey([5; 16]),
        label: label("laptop"),
        vip4: [198, 18, 1, 1].into(),
        vip6: [0xfd00, 0, 0, 0, 0, 0, 1, 1].into(),
    }
}

#[test]
fn everything_is_there_after_a_restart() {
    let (dir, mut store) = fresh();
    store.add_account(&label("ben")).unwrap();
    store.add_to_group(&label("family"), &[1, 2], &[]).unwrap();
    add_code(&mut store, 1, "home");
    let mut home = gateway(enrol(&mut store, 1, 9).unwrap());
    home.epoch = 3;
    home.instance = Some([4; 8]);
    home.last_address = Some("192.0.2.1:4750".parse().unwrap());
    let laptop = device(&home);
    let records = [
        Record::Gateway(home.clone()),
        Record::Device(laptop.clone()),
    ];
    assert_eq!(store.save(&records), [true, true]);
    drop(store);
    let snapshot = Store::open(dir.path(), &domain())
        .unwrap()
        .snapshot()
        .unwrap();
    assert_eq!(snapshot.gateways, [home]);
    assert_eq!(snapshot.devices, [laptop]);
    assert_eq!(
        snapshot.groups,
        [("family".to_owned(), 1), ("family".to_owned(), 2)]
    );
}

#[test]
fn a_code_is_good_once_and_its_user_may_ask_again() {
    let (_dir, mut store) = fresh();
    add_code(&mut store, 1, "home");
    assert_eq!(enrol(&mut store, 2, 9), Err(Refused::Unknown));
    let first = enrol(&mut store, 1, 9).unwrap();
    assert!(first.is_new);
    assert_eq!(enrol(&mut store, 1, 8), Err(Refused::Used("gateway-code")));
    let again = store
        .redeem(&ask(1, 9), || panic!("it has one"), 5000)
        .unwrap()
        .unwrap();
    assert!(!again.is_new, "also when it has expired since");
    assert_eq!(again.record, first.record);
}

#[test]
fn codes_expire_and_are_for_one_role_and_one_name() {
    let (_dir, mut store) = fresh();
    add_code(&mut store, 1, "home");
    add_code(&mut store, 2, "home");
    add_code(&mut store, 3, "car");
    let late = store.redeem(&ask(1, 9), || identity(9), 1001).unwrap();
    assert_eq!(late, Err(Refused::Expired("gateway-code")));
    let relay = Redeem {
        role: Role::Relay,
        ..ask(1, 9)
    };
    let wrong = store.redeem(&relay, || identity(9), 500).unwrap();
    assert_eq!(wrong, Err(Refused::Role("gateway")));
    enrol(&mut store, 1, 9).unwrap();
    assert_eq!(
        enrol(&mut store, 2, 8),
        Err(Refused::NameTaken(label("home")))
    );
    assert_eq!(
        enrol(&mut store, 3, 9),
        Err(Refused::KeyTaken(label("home")))
    );
    assert_eq!(
        store.redeem(&ask(3, 7), || None, 500).unwrap(),
        Err(Refused::Full)
    );
    assert!(enrol(&mut store, 3, 7).is_ok(), "the code was not used up");
    let code = NewCode {
        token: [9; 16],
        name: &label("car"),
        account: None,
        expires: 1000,
    };
    let error = store.add_code(&code, 500).unwrap_err().to_string();
    assert!(error.contains("ntm-dc node remove car"), "{error}");
}

#[test]
fn of_many_who_try_one_code_exactly_one_gets_in() {
    let (dir, mut store) = fresh();
    add_code(&mut store, 1, "home");
    let wins = AtomicU8::new(0);
    std::thread::scope(|scope| {
        for key in 1..=64 {
            let (dir, wins) = (dir.path(), &wins);
            scope.spawn(move || {
                let mut store = Store::open(dir, &domain()).unwrap();
                match enrol(&mut store, 1, key) {
                    Ok(_) => drop(wins.fetch_add(1, Ordering::Relaxed)),
                    Err(refused) => assert_eq!(refused, Refused::Used("gateway-code")),
                }
            });
        }
    });
    assert_eq!(wins.into_inner(), 1);
    assert_eq!(store.snapshot().unwrap().gateways.len(), 1);
}

#[test]
fn a_removed_node_stays_away() {
    let (_dir, mut store) = fresh();
    add_code(&mut store, 1, "home");
    let home = gateway(enrol(&mut store, 1, 9).unwrap());
    assert_eq!(store.save(&[Record::Device(device(&home))]), [true]);
    assert_eq!(store.remove_node(&label("nobody")).unwrap(), None);
    assert_eq!(store.remove_node(&label("home")).unwrap(), Some(home.node));
    let late = [Record::Gateway(home.clone()), Record::Device(device(&home))];
    assert_eq!(store.save(&late), [false, false]);
    let retired = vec![
        (home.vip4, home.vip6),
        (device(&home).vip4, device(&home).vip6),
    ];
    let left = Snapshot {
        retired,
        ..Snapshot::default()
    };
    assert_eq!(store.snapshot().unwrap(), left);
    assert_eq!(enrol(&mut store, 1, 9), Err(Refused::Used("gateway-code")));
    add_code(&mut store, 2, "home");
    assert!(enrol(&mut store, 2, 9).is_ok());
}

#[test]
fn a_forgotten_device_leaves_its_addresses_to_nobody() {
    let (_dir, mut store) = fresh();
    add_code(&mut store, 1, "home");
    let home = gateway(enrol(&mut store, 1, 9).unwrap());
    let laptop = device(&home);
    let forgotten = Record::Forgotten(laptop.clone());
    assert_eq!(store.save(&[Record::Device(laptop.clone())]), [true]);
    assert_eq!(store.save(std::slice::from_ref(&forgotten)), [true]);
    assert_eq!(store.save(&[forgotten]), [true], "once more is no harm");
    let left = store.snapshot().unwrap();
    assert!(left.devices.is_empty());
    assert_eq!(left.retired, [(laptop.vip4, laptop.vip6)]);
}

#[test]
fn one_bad_record_does_not_spoil_the_others() {
    let (_dir, mut store) = fresh();
    add_code(&mut store, 1, "home");
    let home = gateway(enrol(&mut store, 1, 9).unwrap());
    let good = device(&home);
    let twin = DeviceRecord {
        node: NodeId::from_random([78; 16]),
        ..good.clone()
    };
    let saved = store.save(&[Record::Device(good.clone()), Record::Device(twin)]);
    assert_eq!(saved, [true, false]);
    assert_eq!(store.snapshot().unwrap().devices, [good]);
}

#[test]
fn groups_come_and_go() {
    let (_dir, mut store) = fresh();
    let family = label("family");
    store.add_account(&label("ben")).unwrap();
    assert!(store.add_account(&label("ben")).is_err());
    store.add_to_group(&family, &[1, 2], &[]).unwrap();
    store.add_to_group(&family, &[1], &[]).unwrap();
    assert_eq!(store.remove_from_group(&family, &[2], &[]).unwrap(), 1);
    assert_eq!(store.groups().unwrap(), [("family".to_owned(), 1)]);
    assert_eq!(store.remove_from_group(&family, &[], &[]).unwrap(), 1);
    assert!(store.groups().unwrap().is_empty());
}

#[test]
fn errors_say_where_and_what_to_do() {
    let (dir, store) = fresh();
    drop(store);
    let error = |result: Result<()>| result.unwrap_err().to_string();
    assert!(error(Store::create(dir.path(), &domain())).contains("has a store already"));
    let other = Fqdn::parse("other.test").unwrap();
    assert!(
        error(Store::open(dir.path(), &other).map(drop)).contains("belongs to the domain ntm.test")
    );
    let empty = Scratch::new();
    assert!(error(Store::open(empty.path(), &domain()).map(drop)).contains("ntm-dc init"));
    std::fs::write(
        empty.path().join("store.db"),
        "this is no database, it is a long text\n".repeat(99),
    )
    .unwrap();
    let damaged = error(Store::open(empty.path(), &domain()).map(drop));
    assert!(damaged.contains("store.db: it is damaged"), "{damaged}");
    assert!(error(Store::create(empty.path(), &domain())).contains("has a store already"));
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let (_dir, mut store) = fresh();
    add_code(&mut store, 1, "home");
    enrol(&mut store, 1, 9).unwrap();
    let pages: i64 = store
        .connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    store
        .connection
        .pragma_update(None, "max_page_count", pages)
        .unwrap();
    let mut told = None;
    for n in 0..u16::MAX {
        if let Err(error) = store.add_account(&label(&format!("account-{n}"))) {
            told = Some((n, error.to_string()));
            break;
        }
    }
    let (n, error) = told.expect("the disk is full sometime");
    assert!(
        error.contains("store.db: the disk is full; free some space"),
        "{error}"
    );
    assert_eq!(store.accounts().unwrap().len(), usize::from(n) + 1);
    assert_eq!(store.snapshot().unwrap().gateways.len(), 1);
}

#[test]
fn trusted_domains_and_their_names_in_groups_are_kept_and_go_together() {
    let (dir, mut store) = fresh();
    let (b, family) = (Fqdn::parse("b.test").unwrap(), label("family"));
    let mut record = DomainRecord {
        domain: b.clone(),
        key: PublicKey([5; 32]),
        address: Some("192.0.2.1:4750".parse().unwrap()),
    };
    store.trust(&record).unwrap();
    record.key = PublicKey([6; 32]);
    store.trust(&record).unwrap();
    let home = Fqdn::parse("home.b.test").unwrap();
    store
        .add_to_group(&family, &[1], &[b.clone(), home.clone()])
        .unwrap();
    drop(store);
    let mut store = Store::open(dir.path(), &domain()).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.domains, [record]);
    assert_eq!(snapshot.foreign.len(), 2);
    assert_eq!(store.remove_from_group(&family, &[], &[home]).unwrap(), 1);
    assert_eq!(store.groups().unwrap().len(), 1, "the account stays");
    assert_eq!(store.forget_domain(&b).unwrap(), Some(1));
    assert_eq!(store.forget_domain(&b).unwrap(), None);
    assert!(store.foreign().unwrap().is_empty());
}

#[test]
fn a_store_of_before_gets_the_new_tables() {
    let (dir, store) = fresh();
    store
        .connection
        .execute_batch("DROP TABLE domain; DROP TABLE foreign_member")
        .unwrap();
    drop(store);
    let store = Store::open(dir.path(), &domain()).unwrap();
    assert!(store.domains().unwrap().is_empty());
}
