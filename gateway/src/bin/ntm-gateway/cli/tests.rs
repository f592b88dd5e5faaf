use super::*;

fn parsed(line: &str) -> Result<Task, String> {
    parse(lexopt::Parser::from_args(line.split_whitespace())).map_err(|error| error.to_string())
}

#[test]
fn commands_and_options_come_in_any_order() {
    let dir = PathBuf::from("/d");
    assert_eq!(
        parsed("enrol ntm1-X --dir /d"),
        Ok(Task::Enrol {
            code: "ntm1-X".into(),
            dir: dir.clone(),
            uci: false
        })
    );
    assert_eq!(
        parsed("enrol --uci /etc/config/ntm ntm1-X --dir /d"),
        Ok(Task::Enrol {
            code: "ntm1-X".into(),
            dir: dir.clone(),
            uci: true
        })
    );
    let settings = Settings::default();
    assert_eq!(
        parsed("run --dir=/d"),
        Ok(Task::Run {
            dir: dir.clone(),
            settings
        })
    );
    let settings = Settings {
        uci: Some("/etc/config/ntm".into()),
        networks: vec![
            network("lan=br-lan,192.168.1.1/24").unwrap(),
            network("wan=eth1").unwrap(),
        ],
        lan: None,
    };
    assert_eq!(settings.networks[0].device, "br-lan");
    assert_eq!(settings.networks[1].address, None);
    assert_eq!(
        parsed(
            "check --network lan=br-lan,192.168.1.1/24 --uci /etc/config/ntm --dir /d --network wan=eth1"
        ),
        Ok(Task::Check {
            dir: dir.clone(),
            settings
        })
    );
    assert_eq!(
        parsed("wans --dir /d --json"),
        Ok(Task::Show {
            what: Part::Wans,
            json: true,
            dir: dir.clone()
        })
    );
    let prefer = Task::Prefer {
        name: Some("wwan0".into()),
        json: false,
        dir: dir.clone(),
    };
    assert_eq!(parsed("wan prefer --dir /d wwan0"), Ok(prefer));
    let auto = Task::Prefer {
        name: None,
        json: true,
        dir: dir.clone(),
    };
    assert_eq!(parsed("wan auto --json --dir /d"), Ok(auto));
    assert_eq!(parsed("wan --dir /d"), parsed("wans --dir /d"));
    let policies = Task::Show {
        what: Part::Policies,
        json: false,
        dir: dir.clone(),
    };
    assert_eq!(parsed("policies --dir /d"), Ok(policies));
    let [device, change, to] = ["tv", "merge", "02:00:00:00:00:01"].map(String::from);
    let wish = Wish { device, change, to };
    let (json, same) = (true, dir.clone());
    let merge = Task::Device {
        wish,
        json,
        dir: same,
    };
    assert_eq!(
        parsed("device tv merge 02:00:00:00:00:01 --json --dir /d"),
        Ok(merge)
    );
    let reload = Task::Reload {
        json: true,
        dir: dir.clone(),
    };
    assert_eq!(parsed("reload --json --dir /d"), Ok(reload));
    let ping = Task::Ping {
        name: "camera".into(),
        count: 5,
        json: false,
        dir,
    };
    assert_eq!(parsed("ping --count 5 camera --dir /d"), Ok(ping));
}

#[test]
fn every_command_has_help() {
    for command in [
        "enrol",
        "run",
        "check",
        "status",
        "devices",
        "device",
        "tunnels",
        "wans",
        "wan",
        "handovers",
        "policies",
        "reload",
        "ping",
        "password",
    ] {
        let Ok(Task::Text(text)) = parsed(&format!("{command} --help")) else {
            panic!("{command}")
        };
        assert!(
            text.starts_with(&format!("Usage: ntm-gateway {command}")),
            "{command}"
        );
        assert!(help::MAIN.contains(&format!("\n  {command} ")), "{command}");
    }
    assert_eq!(parsed("--help"), Ok(Task::Text(help::MAIN)));
}

#[test]
fn a_wrong_command_line_says_what_is_right() {
    assert!(parsed("").unwrap_err().contains("a command is missing"));
    assert!(parsed("rnu").unwrap_err().contains("there are enrol"));
    assert!(parsed("enrol").unwrap_err().contains("code is missing"));
    assert!(parsed("ping x --count 0").unwrap_err().contains("from 1"));
    for bad in ["wan prefer", "wan auto wan0", "wan wan0", "wan prefer a b"] {
        assert!(parsed(bad).is_err(), "{bad}");
    }
    for bad in [
        "device",
        "device tv",
        "device tv keep",
        "device tv forget x",
        "device tv reboot",
        "device tv rename a b",
    ] {
        assert!(parsed(bad).is_err(), "{bad}");
    }
    assert!(
        parsed("wan prefer")
            .unwrap_err()
            .contains("wan prefer NAME")
    );
    for bad in [
        "lan",
        "lan=",
        "=br-lan",
        "lan=br-lan,192.168.1.1",
        "lan=br-lan,",
    ] {
        assert!(
            parsed(&format!("run --network {bad}"))
                .unwrap_err()
                .contains("NAME=DEVICE"),
            "{bad}"
        );
    }
    assert!(parsed("status --uci /x").is_err() && parsed("enrol x --network a=b").is_err());
    assert!(parsed("run --json").is_err() && parsed("status extra").is_err());
}
