//! Changes, and what they leave alone.

mod drawn;

use super::super::{EXAMPLE, KEYS, find_key};
use super::*;

const UCI: &str = include_str!("../../../../openwrt/net/ntm/files/ntm.config");

fn networks() -> Vec<Network> {
    let network = |name: &str, device: &str, address: Option<&str>| Network {
        name: name.to_owned(),
        device: device.to_owned(),
        address: address.map(|text| text.parse().unwrap()),
    };
    vec![
        network("lan", "br-lan", Some("192.168.1.1/24")),
        network("wan", "eth1", None),
        network("wwan", "wwan0", None),
    ]
}

/// In both forms, each with the file that people begin with.
fn forms(networks: &[Network]) -> [(Form<'_>, &'static str); 2] {
    [(Form::Toml, EXAMPLE), (Form::Uci(networks), UCI)]
}

fn set(section: &str, key: &str, entered: &str) -> Change {
    find_key(section, key).unwrap().change(entered)
}

fn changed(form: Form<'_>, text: &str, changes: &[Change]) -> String {
    apply("file", text, form, changes).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
}

/// What is in `after` and not in `before`, and the other way round, line by line.
fn difference(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (mut gone, mut new) = (lines(before), Vec::new());
    let mut at = 0;
    for line in lines(after) {
        match gone[at..].iter().position(|old| *old == line) {
            Some(skipped) => {
                at += skipped;
                gone.remove(at);
            }
            None => new.push(line),
        }
    }
    (gone, new)
}

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.to_owned()))
}

fn policy(to: &str) -> Change {
    Change::Put {
        list: List::Policy,
        which: Which::New,
        values: vec![
            ("to".to_owned(), text(to)),
            ("action".to_owned(), text("deny")),
        ],
    }
}

#[test]
fn a_value_changes_and_nothing_else() {
    let networks = networks();
    let level = set("log", "level", "debug");
    let toml = changed(Form::Toml, EXAMPLE, std::slice::from_ref(&level));
    let uci = changed(Form::Uci(&networks), UCI, &[level]);
    for (before, after, gone, new) in [
        (EXAMPLE, toml, "level = \"info\"", "level = \"debug\""),
        (
            UCI,
            uci,
            "\toption log_level 'info'",
            "\toption log_level 'debug'",
        ),
    ] {
        let expected = (vec![gone.to_owned()], vec![new.to_owned()]);
        assert_eq!(difference(before, &after), expected);
        assert_eq!(before.lines().count(), after.lines().count());
    }
    let behind = "[log] # why\nlevel='info' # because\n\n[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"";
    let after = changed(Form::Toml, behind, &[set("log", "level", "warn")]);
    assert_eq!(after, behind.replace("'info'", "\"warn\""));
    let behind = "config gateway\n  option log_level info # because\n";
    let after = changed(Form::Uci(&networks), behind, &[set("log", "level", "warn")]);
    assert_eq!(after, behind.replace("info", "'warn'"));
}

#[test]
fn a_new_key_goes_below_the_comment_that_shows_it() {
    let networks = networks();
    for (form, before) in forms(&networks) {
        let after = changed(form, before, &[set("tunnel", "mtu", "1400")]);
        let at = after
            .lines()
            .position(|line| line.contains("1400"))
            .unwrap();
        assert!(
            after.lines().nth(at - 1).unwrap().contains("mtu"),
            "{after}"
        );
        assert_eq!(difference(before, &after).0, [""; 0]);
        assert_eq!(read("file", &after, form).unwrap().tunnel.limits.mtu, 1400);
        // And away again: byte for byte.
        assert_eq!(changed(form, &after, &[set("tunnel", "mtu", "")]), before);
    }
}

#[test]
fn a_key_finds_its_section_however_that_is_written() {
    let lan = "[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"";
    let warn = set("log", "level", "warn");
    let with = |more: &str| {
        changed(
            Form::Toml,
            &format!("{lan}{more}"),
            std::slice::from_ref(&warn),
        )
    };
    assert_eq!(with(""), format!("{lan}\n\n[log]\nlevel = \"warn\"\n"));
    assert_eq!(with("\n[log]"), format!("{lan}\n[log]\nlevel = \"warn\"\n"));
    assert_eq!(
        with("\r\n[log]\r\n"),
        format!("{lan}\r\n[log]\r\nlevel = \"warn\"\r\n")
    );
    let dotted = "web.port = 8080\nlan.interface = \"br-lan\"\nlan.address = \"192.168.1.1/24\"\n";
    let after = changed(Form::Toml, dotted, &[set("web", "enabled", "false")]);
    assert_eq!(
        after,
        dotted.replace("8080\n", "8080\nweb.enabled = false\n")
    );
    let inline = format!("web = {{ port = 8080 }}\n{lan}\n");
    let fault = apply("f", &inline, Form::Toml, &[set("web", "enabled", "0")]).unwrap_err();
    assert_eq!(fault.line, 1);
    assert!(fault.message.contains("write [web]"), "{fault}");
    let networks = networks();
    let none = changed(Form::Uci(&networks), "", &[set("web", "port", "8080")]);
    assert_eq!(none, "config gateway 'gateway'\n\toption web_port '8080'\n");
}

#[test]
fn what_is_wrong_is_refused_in_the_readers_words_and_at_its_key() {
    let networks = networks();
    for (form, before) in forms(&networks) {
        for (section, key, entered, right) in [
            ("tunnel", "mtu", "900", "from 1280 to 9000"),
            ("tunnel", "mtu", "many", "whole number"),
            ("log", "level", "loud", "error, warn, info"),
            ("lan", "dhcp", "maybe", "\"follow\""),
            ("lan", "bind_addresses", "perhaps", "switch"),
            ("tunnel", "offload", "tun, fun", "there are"),
            ("dns", "upstream", "203.0.113.53 nobody", "DNS server"),
            ("tunnel", "idle", "1 hour", "write it like"),
            ("tunnel", "interface", "a\"b\\c'd", "interface name"),
        ] {
            let fault = apply("file", before, form, &[set(section, key, entered)]).unwrap_err();
            assert!(fault.message.contains(right), "{fault}");
            let at: Vec<_> = KEYS.iter().filter(|it| it.is_at_fault(&fault)).collect();
            assert_eq!(at, [find_key(section, key).unwrap()], "{fault}");
        }
    }
    let no_toml = apply("f", "[lan\n", Form::Toml, &[policy("nas")]).unwrap_err();
    assert_eq!(no_toml.line, 1);
    assert!(apply("f", "config 'x", Form::Uci(&networks), &[policy("nas")]).is_err());
}

#[test]
fn what_is_usual_is_what_the_reader_takes_for_it() {
    let networks = networks();
    for (form, before) in forms(&networks) {
        let usual = read("file", before, form).unwrap();
        for key in KEYS.iter().filter(|key| !key.usual.is_empty()) {
            // dnsmasq serves the LAN on OpenWrt.
            if key.option.is_empty() && matches!(form, Form::Uci(_)) || key.key == "dhcp" {
                continue;
            }
            let after = changed(form, before, &[key.change(key.usual)]);
            assert_eq!(read("file", &after, form).unwrap(), usual, "{key:?}");
        }
    }
}

#[test]
fn blocks_come_go_and_change_places() {
    let networks = networks();
    for (form, before) in forms(&networks) {
        let names = |text: &str| -> Vec<String> {
            let config = read("file", text, form).unwrap();
            config.policies.iter().map(|it| it.to.to_string()).collect()
        };
        let three = changed(form, before, &[policy("a"), policy("b"), policy("c")]);
        assert_eq!(names(&three), ["a", "b", "c"]);
        assert_eq!(difference(before, &three).0, [""; 0]);
        let carry = |from, to| Change::Move {
            list: List::Policy,
            from,
            to,
        };
        for (from, to, order) in [
            (0, 2, ["b", "c", "a"]),
            (2, 0, ["c", "a", "b"]),
            (1, 2, ["a", "c", "b"]),
            (1, 1, ["a", "b", "c"]),
        ] {
            let moved = changed(form, &three, &[carry(from, to)]);
            assert_eq!(names(&moved), order, "{from} to {to}\n{moved}");
            assert_eq!(moved.lines().count(), three.lines().count());
        }
        let remove = |at| Change::Remove {
            list: List::Policy,
            which: Which::At(at),
        };
        assert_eq!(names(&changed(form, &three, &[remove(1)])), ["a", "c"]);
        for nobody in [remove(3), carry(0, 3), carry(3, 0)] {
            let fault = apply("file", &three, form, &[nobody]).unwrap_err();
            assert!(fault.message.contains("number 4"), "{fault}");
        }
        let action = |which, value| Change::Put {
            list: List::Policy,
            which,
            values: vec![
                ("action".to_owned(), text(value)),
                ("from".to_owned(), None),
            ],
        };
        let after = changed(form, &three, &[action(Which::At(1), "allow")]);
        let (gone, new) = difference(&three, &after);
        assert!(
            gone.len() == 1 && new.len() == 1 && new[0].contains("allow"),
            "{after}"
        );
        assert!(apply("file", &three, form, &[action(Which::At(1), "maybe")]).is_err());
    }
}

#[test]
fn a_device_is_known_by_its_hardware_address() {
    let networks = networks();
    for (form, before) in forms(&networks) {
        let device = |mac: &str, name: Option<Value>| Change::Put {
            list: List::Device,
            which: Which::By("mac", mac.to_owned()),
            values: vec![
                ("address".to_owned(), text("192.168.1.20")),
                ("name".to_owned(), name),
            ],
        };
        let one = changed(form, before, &[device("02:00:5e:00:00:01", text("camera"))]);
        let other = changed(form, &one, &[device("02-00-5E-00-00-01", text("eye"))]);
        let devices = read("file", &other, form).unwrap().lan.devices;
        assert_eq!(devices.len(), 1);
        assert_eq!(devices[0].name.as_ref().unwrap().as_str(), "eye");
        let nameless = changed(form, &other, &[device("02:00:5e:00:00:01", None)]);
        assert_eq!(
            read("file", &nameless, form).unwrap().lan.devices[0].name,
            None
        );
        let gone = Change::Remove {
            list: List::Device,
            which: Which::By("mac", "02:00:5E:00:00:01".to_owned()),
        };
        let without = changed(form, &nameless, std::slice::from_ref(&gone));
        assert_eq!(
            read("file", &without, form).unwrap(),
            read("file", before, form).unwrap()
        );
        assert!(apply("file", &without, form, &[gone]).is_err());
    }
}

#[test]
fn ways_out_are_put_in_order() {
    let networks = networks();
    let way = |name: &str, is_network, metered, enabled| Way {
        name: name.to_owned(),
        is_network,
        metered,
        limit_mb: None,
        enabled,
    };
    let mut ways = [
        way("wwan", true, true, true),
        way("usb0", false, false, true),
        way("wan", true, false, false),
    ];
    ways[0].limit_mb = Some(Value::Number(10_000));
    let uci = changed(Form::Uci(&networks), UCI, &[Change::Ways(ways.to_vec())]);
    let wan = read("f", &uci, Form::Uci(&networks)).unwrap().wan;
    assert_eq!(wan.interfaces, ["wwan0", "usb0"]);
    assert_eq!(wan.metered, ["wwan0"]);
    assert_eq!(wan.limit_mb, [("wwan0".to_owned(), 10_000)].into());
    let mut reversed: Vec<Way> = ways.iter().rev().cloned().collect();
    let uci = changed(
        Form::Uci(&networks),
        &uci,
        &[Change::Ways(reversed.clone())],
    );
    let written = Written::read("f", &uci, Form::Uci(&networks)).unwrap();
    assert_eq!(written.ways, reversed);
    reversed[2].limit_mb = None;
    let uci = changed(
        Form::Uci(&networks),
        &uci,
        &[Change::Ways(reversed.clone())],
    );
    let written = Written::read("f", &uci, Form::Uci(&networks)).unwrap();
    assert_eq!(written.ways, reversed);
    let uci = changed(Form::Uci(&networks), &uci, &[Change::Ways(Vec::new())]);
    assert!(
        !read("f", &uci, Form::Uci(&networks))
            .unwrap()
            .wan
            .only_listed
    );

    let ways = [
        way("eth1", false, false, true),
        way("wwan0", false, true, true),
    ];
    let toml = changed(Form::Toml, EXAMPLE, &[Change::Ways(ways.to_vec())]);
    assert_eq!(Written::read("f", &toml, Form::Toml).unwrap().ways, ways);
    assert_eq!(difference(EXAMPLE, &toml).1.len(), 2);
}

#[test]
fn a_remark_on_one_way_out_does_not_take_the_others_away() {
    let way = |metered, limit: Option<u64>| Way {
        name: "wwan0".to_owned(),
        is_network: false,
        metered,
        limit_mb: limit.map(Value::Number),
        enabled: true,
    };
    let mut text = EXAMPLE.to_owned();
    for row in [
        way(false, Some(10_000)),
        way(false, Some(20_000)),
        way(true, None),
        way(false, None),
    ] {
        text = changed(Form::Toml, &text, &[Change::Ways(vec![row.clone()])]);
        let wan = read("f", &text, Form::Toml).unwrap().wan;
        assert!(!wan.only_listed && wan.interfaces.is_empty(), "{row:?}");
    }
    // Nothing is said of it any more, so that it is an order.
    let text = changed(Form::Toml, &text, &[Change::Ways(vec![way(false, None)])]);
    let wan = read("f", &text, Form::Toml).unwrap().wan;
    assert!(wan.only_listed && wan.interfaces == ["wwan0"]);
    // An order stays one.
    let text = changed(Form::Toml, &text, &[Change::Ways(vec![way(true, None)])]);
    assert!(read("f", &text, Form::Toml).unwrap().wan.only_listed);
}

#[test]
fn limits_are_written_as_they_were_or_in_one_line_below_the_comment() {
    let way = |name: &str, limit: Option<u64>| Way {
        name: name.to_owned(),
        is_network: false,
        metered: false,
        limit_mb: limit.map(Value::Number),
        enabled: true,
    };
    let ways = [
        way("eth0.2", Some(5)),
        way("eth1", None),
        way("wwan0", Some(7)),
    ];
    let lan = "[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"\n";
    let named = "interfaces = [\"eth0.2\", \"eth1\", \"wwan0\"]\nmetered = []\n";
    for (before, after) in [
        ("", "limit_mb = { \"eth0.2\" = 5, wwan0 = 7 }\n"),
        (
            "limit_mb = { eth1 = 3 } # why\n",
            "limit_mb = { \"eth0.2\" = 5, wwan0 = 7 } # why\n",
        ),
        (
            "limit_mb.eth1 = 3\nlimit_mb.wwan0 = 9\n",
            "limit_mb = { \"eth0.2\" = 5, wwan0 = 7 }\n",
        ),
        (
            "[wan.limit_mb]\n# of home\neth1 = 3\nwwan0 = 9 # why\n",
            "[wan.limit_mb]\n# of home\nwwan0 = 7 # why\n\"eth0.2\" = 5\n",
        ),
    ] {
        let file = |limits: &str| format!("{lan}[wan]\n{named}{limits}");
        let set = changed(Form::Toml, &file(before), &[Change::Ways(ways.to_vec())]);
        assert_eq!(set, file(after));
        assert_eq!(Written::read("f", &set, Form::Toml).unwrap().ways, ways);
        let none = ["eth0.2", "eth1", "wwan0"].map(|name| way(name, None));
        let none = changed(Form::Toml, &set, &[Change::Ways(none.to_vec())]);
        assert!(
            read("f", &none, Form::Toml)
                .unwrap()
                .wan
                .limit_mb
                .is_empty()
        );
    }
    let shown = changed(Form::Toml, EXAMPLE, &[Change::Ways(ways.to_vec())]);
    assert!(
        shown.contains("# limit_mb = { wwan0 = 10000 }\nlimit_mb = { \"eth0.2\" = 5,"),
        "{shown}"
    );
}

#[test]
fn a_limit_that_is_none_is_refused_in_both_forms() {
    let networks = networks();
    for (form, before) in forms(&networks) {
        for wrong in ["10 GB", "0", "-1", "1e3", "5\n[web]", "100000001"] {
            let asked = serde_json::json!({"ways": [{"name": "eth1", "limit_mb": wrong}]});
            let changes = spoken::changes(&asked).unwrap();
            let fault = apply("file", before, form, &changes).unwrap_err();
            assert!(fault.message.contains("limit_mb"), "{wrong}: {fault}");
        }
        for (entered, limit) in [
            (serde_json::json!(" 900 "), Some(900)),
            (serde_json::json!(900), Some(900)),
            (serde_json::json!(""), None),
            (serde_json::json!(null), None),
        ] {
            let asked = serde_json::json!({"ways": [{"name": "eth1", "limit_mb": entered}]});
            let changes = spoken::changes(&asked).unwrap();
            let after = changed(form, before, &changes);
            let wan = read("f", &after, form).unwrap().wan;
            assert_eq!(wan.limit_mb.get("eth1").copied(), limit, "{entered}");
            let shown = spoken::described("f", &after, form).unwrap();
            assert_eq!(shown["ways"][0]["limit_mb"], serde_json::json!(limit));
        }
    }
}

#[test]
fn a_value_is_only_a_value() {
    let networks = networks();
    for (form, before) in forms(&networks) {
        for evil in [
            "'\noption x 'y",
            "\"\n[web]\n",
            "a'; option b 'c",
            "\\",
            "'''",
            "#",
            "x\0y",
        ] {
            let change = Change::Set {
                section: "tunnel".to_owned(),
                key: "interface".to_owned(),
                value: Value::Text(evil.to_owned()),
            };
            assert!(apply("file", before, form, &[change]).is_err(), "{evil:?}");
            // A place where any text may stand: a name.
            let put = Change::Put {
                list: List::Policy,
                which: Which::New,
                values: vec![("to".to_owned(), text(evil))],
            };
            let one = |text: &str| match form {
                Form::Toml => toml::apply("f", text, &put),
                Form::Uci(_) => uci::apply("f", text, &put),
            };
            if let Ok(after) = one(before) {
                let written = Written::read("f", &after, form).unwrap();
                let [policy] = written.blocks(List::Policy) else {
                    panic!("{after}")
                };
                assert_eq!(policy, &[("to".to_owned(), text(evil).unwrap())], "{after}");
            }
        }
    }
}
