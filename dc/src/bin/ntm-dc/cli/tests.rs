use super::*;

fn run(words: &str) -> Result<Invocation, String> {
    parse(words.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
}

fn command(words: &str) -> Command {
    run(words).unwrap().command
}

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

#[test]
fn commands_are_understood() {
    let init =
        run("init --domain ntm.test --listen 192.0.2.1 --listen 2001:db8::1 --dir /tmp/x").unwrap();
    let listen = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    let domain = Fqdn::parse("ntm.test").unwrap();
    assert_eq!(init.command, Command::Init { domain, listen });
    assert_eq!(init.dir, PathBuf::from("/tmp/x"));
    assert_eq!(
        command("--dir d account add Anna"),
        Command::AccountAdd(label("anna"))
    );
    assert_eq!(
        command("group add family anna ben"),
        Command::GroupAdd {
            group: label("family"),
            members: vec![
                Member::Account(label("anna")),
                Member::Account(label("ben"))
            ]
        }
    );
    let name = |text| Fqdn::parse(text).unwrap();
    assert_eq!(
        command("group add family anna home.b.test"),
        Command::GroupAdd {
            group: label("family"),
            members: vec![
                Member::Account(label("anna")),
                Member::Foreign(name("home.b.test"))
            ]
        }
    );
    let key = PublicKey([7; 32]);
    for (dc, address) in [
        ("", None),
        ("--dc 192.0.2.1", Some("192.0.2.1:4750")),
        ("--dc [2001:db8::1]:7", Some("[2001:db8::1]:7")),
    ] {
        assert_eq!(
            command(&format!("domain trust b.test --key {key} {dc}")),
            Command::DomainTrust {
                domain: name("b.test"),
                key,
                address: address.map(|text| text.parse().unwrap())
            }
        );
    }
    assert_eq!(
        command("gateway-code home --account anna --valid=2h"),
        Command::GatewayCode {
            name: label("home"),
            account: label("anna"),
            valid: Some(Duration::from_secs(7200)),
        }
    );
    assert!(run("nodes --json").unwrap().json);
}

#[test]
fn mistakes_get_advice() {
    let advice = |words| run(words).unwrap_err();
    assert_eq!(
        advice("frobnicate"),
        "there is no command \"frobnicate\"\nTry `ntm-dc --help`."
    );
    assert!(advice("").starts_with("what shall be done?"));
    assert!(advice("relay-code ns").contains("keeps the name ns for itself"));
    assert!(advice("domain trust b.test").contains("ntm-dc domain show"));
    let key = PublicKey([7; 32]);
    for nowhere in ["192.0.2.1:0", "0.0.0.0:4750", "dc.b.test"] {
        let words = format!("domain trust b.test --key {key} --dc {nowhere}");
        let advice = run(&words).unwrap_err();
        assert!(advice.contains("write an IP address"), "{nowhere}");
    }
    assert!(advice("domain trust b.test --key nonsense").contains("--key: "));
    assert!(advice("domain forget").contains("needs one domain name"));
    assert!(advice("init").starts_with("which domain? Add --domain"));
    assert!(advice("init --domain a..b").contains("such as example.net"));
    assert!(advice("init --domain a --listen 0.0.0.0").contains("such as 203.0.113.10"));
    assert!(advice("gateway-code home").contains("--account NAME"));
    assert!(advice("gateway-code home --account a --valid soon").contains("15m"));
    assert!(advice("gateway-code a b --account c").contains("\"b\" is too much"));
    assert!(advice("account").contains("needs one more word\nUsage: ntm-dc account add"));
    assert!(advice("account drop x").contains("no command"));
    assert!(advice("run --account x").contains("`run` takes no --account"));
    assert!(advice("run --colour").contains("no option --colour\nUsage: ntm-dc run"));
    assert!(advice("status now").contains("takes no \"now\""));
    assert!(advice("group add family").contains("which accounts"));
}

#[test]
fn every_command_has_help() {
    for name in [
        "init",
        "run",
        "account add",
        "group list",
        "gateway-code",
        "relay-code",
        "node remove",
        "nodes",
        "relays",
        "tunnels",
        "status",
    ] {
        let Command::Print(text) = command(&format!("{name} --help")) else {
            panic!("{name} has no help");
        };
        let first = name.split(' ').next().unwrap();
        assert!(
            text.starts_with(&format!("Usage: ntm-dc {first}")),
            "{name}"
        );
    }
    assert_eq!(command("--help"), Command::Print(help::OVERVIEW.into()));
    let Command::Print(version) = command("-V") else {
        panic!()
    };
    assert!(version.starts_with("ntm-dc 0."));
}
