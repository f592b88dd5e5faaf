use super::*;
use crate::files;
use crate::scratch::Scratch;
use crate::store::Store;
use ntm_dc::{Coordinator, Limits, Setup};
use ntm_proto::key::{PublicKey, SecretKey};
use ntm_proto::random::Random;
use ntm_webui::operator::Page;

fn sight(page: Page, text: &str, of: &str, part: Part) -> Sight {
    Sight {
        page,
        text: text.to_owned(),
        of: of.to_owned(),
        part,
    }
}

/// A store of `gateways`, each with `each` devices, in four accounts.
fn store(gateways: u32, each: u32) -> Scratch {
    let dir = Scratch::new();
    let domain = Fqdn::parse("ntm.test").unwrap();
    let text = crate::config::example(&domain, &["192.0.2.1".parse().unwrap()], [1; 5]);
    files::write(&dir.path().join(crate::config::FILE), text.as_bytes()).unwrap();
    Store::create(dir.path(), &domain).unwrap();
    let mut connection = Connection::open(store::path(dir.path())).unwrap();
    let tx = connection.transaction().unwrap();
    tx.execute_batch("PRAGMA defer_foreign_keys = 1; INSERT INTO account (name) VALUES ('anna'), ('ben'), ('cleo'), ('dan')").unwrap();
    for n in 0..gateways {
        let node = NodeId::from_random(u128::from(n + 1).to_le_bytes());
        let mut key = [7; 32];
        key[..4].copy_from_slice(&n.to_le_bytes());
        let values = (
            node.to_string(),
            1 + n % 4,
            format!("gw{n:06}"),
            PublicKey(key).to_string(),
            address(n * (each + 1)),
            format!("192.0.2.{}:{}", n % 250, 1024 + n % 60_000),
        );
        let sql = "INSERT INTO gateway (node, account, name, key, epoch, vip4, vip6, last_address) VALUES (?1, ?2, ?3, ?4, 1, ?5, 'fd00::' || ?5, ?6)";
        tx.prepare(sql).unwrap().execute(values).unwrap();
        for d in 0..each {
            let id = u128::from(n) | u128::from(d + 1) << 32 | 1 << 127;
            let values = (
                NodeId::from_random(id.to_le_bytes()).to_string(),
                node.to_string(),
                id.to_be_bytes(),
                format!("host{d}"),
                address(n * (each + 1) + d + 1),
            );
            let sql = "INSERT INTO device (node, gateway, key, label, vip4, vip6) VALUES (?1, ?2, ?3, ?4, ?5, 'fd00::' || ?5)";
            tx.prepare(sql).unwrap().execute(values).unwrap();
        }
    }
    tx.commit().unwrap();
    dir
}

fn address(n: u32) -> String {
    std::net::Ipv4Addr::from_bits(0xc612_0000 + n).to_string()
}

fn names(slice: &Slice) -> Vec<&str> {
    slice
        .rows
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect()
}

#[test]
fn all_parts_together_are_the_whole_in_both_directions() {
    let dir = store(130, 2);
    let catalog = Catalog::open(dir.path()).unwrap();
    for page in [Page::Gateways, Page::Devices] {
        let look = |part: Part| match page == Page::Gateways {
            true => catalog.gateways(&sight(page, "", "", part)).unwrap(),
            false => catalog.devices(&sight(page, "", "", part)).unwrap(),
        };
        let (mut there, mut part, mut pages) = (Vec::new(), Part::First, 0);
        let mut slice = look(part);
        loop {
            there.extend(names(&slice).into_iter().map(str::to_owned));
            pages += 1;
            match slice.after.clone() {
                Some(key) => slice = look(Part::After(key)),
                None => break,
            }
        }
        let wanted: usize = if page == Page::Gateways { 130 } else { 260 };
        assert_eq!(
            (there.len(), pages),
            (wanted, wanted.div_ceil(PAGE)),
            "{page:?}"
        );
        let mut back: Vec<String> = names(&slice).into_iter().map(str::to_owned).collect();
        while let Some(key) = slice.before.clone() {
            part = Part::Before(key);
            slice = look(part);
            let part: Vec<String> = names(&slice).into_iter().map(str::to_owned).collect();
            back.splice(0..0, part);
        }
        assert_eq!(back, there, "{page:?}");
    }
}

#[test]
fn a_search_finds_by_name_address_and_id() {
    let dir = store(60, 2);
    let catalog = Catalog::open(dir.path()).unwrap();
    let gateways = |text: &str, of: &str| {
        let found = catalog
            .gateways(&sight(Page::Gateways, text, of, Part::First))
            .unwrap();
        names(&found)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        gateways("w00003", ""),
        (30..40).map(|n| format!("gw{n:06}")).collect::<Vec<_>>()
    );
    assert_eq!(gateways("GW000012.ntm.test.", ""), ["gw000012"]);
    assert_eq!(gateways(&address(3 * 12), ""), ["gw000012"]);
    assert_eq!(
        gateways("192.0.2.12", ""),
        ["gw000012"],
        "where it was last seen"
    );
    assert_eq!(
        gateways(&NodeId::from_random(13_u128.to_le_bytes()).to_string(), ""),
        ["gw000012"]
    );
    assert_eq!(gateways("", "ben").len(), 15);
    assert!(
        gateways("%", "").is_empty()
            && gateways("_", "").is_empty()
            && gateways("' OR 1=1 --", "").is_empty()
    );
    assert!(gateways("", "nobody").is_empty());
    let devices = |text: &str, of: &str| {
        let found = catalog
            .devices(&sight(Page::Devices, text, of, Part::First))
            .unwrap();
        names(&found)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(devices("host1.gw000012", ""), ["host1.gw000012"]);
    assert_eq!(devices("host1.gw000012.ntm.test", ""), ["host1.gw000012"]);
    assert_eq!(devices(&address(3 * 12 + 2), ""), ["host1.gw000012"]);
    assert_eq!(
        devices("", "gw000007"),
        ["host0.gw000007", "host1.gw000007"]
    );
    assert!(devices("nothing", "").is_empty());
}

#[test]
fn no_table_is_sorted_and_no_page_is_counted_off() {
    let dir = store(3, 2);
    let catalog = Catalog::open(dir.path()).unwrap();
    let plan = "SELECT device.node, device.label, gateway.name FROM gateway CROSS JOIN device ON device.gateway = gateway.node
        WHERE gateway.name >= ?1 AND (gateway.name > ?1 OR device.label > ?2) ORDER BY gateway.name, device.label LIMIT 51";
    let values: Vec<Sql> = vec!["gw1".to_owned().into(), "a".to_owned().into()];
    for sql in [
        plan.to_owned(),
        plan.replace(
            "ORDER BY gateway.name, device.label",
            "ORDER BY gateway.name DESC, device.label DESC",
        ),
    ] {
        let plan = catalog.plan(&sql, &values);
        assert!(
            !plan.contains("TEMP B-TREE") && plan.contains("SEARCH gateway USING"),
            "{plan}"
        );
    }
}

/// `make bench-operator` prints it.
#[test]
#[ignore = "a measurement: a store of 100,000 nodes"]
fn a_hundred_thousand_nodes_are_no_trouble() {
    let dir = store(20_000, 4);
    let catalog = Catalog::open(dir.path()).unwrap();
    let mut worst = Duration::ZERO;
    let mut measure = |what: &str, page: Page, text: &str, of: &str, part: Part| {
        let wanted = sight(page, text, of, part);
        let began = Instant::now();
        let slice = match page == Page::Gateways {
            true => catalog.gateways(&wanted).unwrap(),
            false => catalog.devices(&wanted).unwrap(),
        };
        let (rows, found) = (slice.rows.len(), began.elapsed());
        let text = slice.into_value().to_string();
        let took = began.elapsed();
        worst = worst.max(took);
        println!(
            "{what:46} {rows:3} rows {:6} bytes {:9.2} ms, of them {:7.2} ms in SQLite",
            text.len(),
            took.as_secs_f64() * 1e3,
            found.as_secs_f64() * 1e3
        );
    };
    measure("gateways, first page", Page::Gateways, "", "", Part::First);
    measure(
        "gateways, after the 19,900th",
        Page::Gateways,
        "",
        "",
        Part::After("gw019899".into()),
    );
    measure(
        "gateways of one account, in the middle",
        Page::Gateways,
        "",
        "cleo",
        Part::After("gw010000".into()),
    );
    measure(
        "gateways, part of a name near the end",
        Page::Gateways,
        "19999",
        "",
        Part::First,
    );
    measure(
        "gateways, nothing found",
        Page::Gateways,
        "nobody",
        "",
        Part::First,
    );
    measure(
        "gateways, where it was last seen",
        Page::Gateways,
        "192.0.2.77",
        "",
        Part::First,
    );
    measure("devices, first page", Page::Devices, "", "", Part::First);
    measure(
        "devices, after the 79,900th",
        Page::Devices,
        "",
        "",
        Part::After("gw019975/host3".into()),
    );
    measure(
        "devices, the page before that",
        Page::Devices,
        "",
        "",
        Part::Before("gw019975/host3".into()),
    );
    measure(
        "devices, virtual address",
        Page::Devices,
        &address(99_999),
        "",
        Part::First,
    );
    measure(
        "devices, part of a name at the very end",
        Page::Devices,
        "host3.gw019999",
        "",
        Part::First,
    );
    measure(
        "devices, nothing found",
        Page::Devices,
        "nobody",
        "",
        Part::First,
    );
    assert!(worst < Duration::from_millis(100), "{worst:?}");

    // What of it the coordinator's own thread does.
    let (_, store) = open(dir.path()).unwrap();
    let key = SecretKey::generate(&mut Random::from_seed([1; 32]));
    let setup = Setup {
        domain: catalog.config().domain.clone(),
        key,
        prefixes: catalog.config().prefixes,
        limits: Limits::default(),
    };
    let snapshot = store.snapshot().unwrap();
    let gone = snapshot.gateways[10_000].node;
    let mut coordinator = Coordinator::new(setup, snapshot, [2; 32], Instant::now());
    let page = catalog
        .devices(&sight(Page::Devices, "", "", Part::First))
        .unwrap();
    let mut time = |what: &str, work: &mut dyn FnMut(&mut Coordinator)| {
        let began = Instant::now();
        work(&mut coordinator);
        println!(
            "{what:46} {:9.3} ms of the coordinator's thread",
            began.elapsed().as_secs_f64() * 1e3
        );
    };
    time("who of a page's rows is there", &mut |dc| {
        page.nodes.iter().for_each(|node| drop(dc.presence(*node)));
    });
    time("counts for the overview", &mut |dc| {
        assert_eq!(dc.census().devices.all, 80_000)
    });
    time("a gateway removed", &mut |dc| {
        dc.node_removed(gone, Instant::now())
    });
}
