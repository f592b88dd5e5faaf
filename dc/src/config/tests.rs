use super::*;

const LEAST: &str = "domain = \"ntm.test\"\nvirtual6 = \"fd12:3456:789a::/48\"\n";

fn error(extra: &str) -> String {
    let text = format!("{LEAST}{extra}");
    Config::parse(&text, "D/ntm-dc.toml")
        .unwrap_err()
        .to_string()
}

#[test]
fn what_init_writes_is_read_back() {
    let domain = Fqdn::parse("ntm.test").unwrap();
    let listen = [
        "203.0.113.10".parse().unwrap(),
        "2001:db8::10".parse().unwrap(),
    ];
    let config = Config::parse(&example(&domain, &listen, [1, 2, 3, 4, 5]), "x").unwrap();
    assert_eq!(config.domain, domain);
    assert_eq!(config.listen, listen);
    assert_eq!(config.advertise, listen);
    assert_eq!(config.prefixes.v6.to_string(), "fd01:203:405::/48");
    assert_eq!(config.prefixes.v4.to_string(), "198.18.0.0/15");
    let least = Config::parse(LEAST, "x").unwrap();
    assert_eq!(least.web_listen, Some("127.0.0.1:4753".parse().unwrap()));
    let none = Config::parse(&example(&domain, &[], [0x12, 0x34, 0x56, 0x78, 0x9a]), "x");
    assert_eq!(none.unwrap(), least, "the example spells out the defaults");
}

#[test]
fn mistakes_name_file_line_key_and_remedy() {
    assert_eq!(
        error("udp_port = 99999"),
        "D/ntm-dc.toml:3: key \"udp_port\": 99999 is not right; write a number from 1 to 65535"
    );
    assert_eq!(
        error("\nudp_prot = 1"),
        "D/ntm-dc.toml:4: key \"udp_prot\" is not known; did you mean \"udp_port\"?"
    );
    assert!(error("colour = 1").contains("known keys: domain, listen, advertise"));
    assert!(error("dns = \"yes\"").contains("write true or false, without quotes"));
    assert!(error("listen = \"192.0.2.1\"").contains("a list in [ ]"));
    assert!(
        error("listen = [\n \"192.0.2.1\",\n \"192.0.2.1:53\"]")
            .starts_with("D/ntm-dc.toml:5: key \"listen\": \"192.0.2.1:53\"")
    );
    assert!(error("virtual4 = \"10.0.0.1/8\"").contains("an IPv4 range"));
    assert!(error("code_valid = \"15 minutes\"").contains("\"15m\""));
    assert!(error("web_listen = \"4753\"").contains("127.0.0.1:4753"));
    assert!(error("web_origin = \"dc.example.net\"").contains("https://dc.example.net"));
    for bad in ["https://", "https://a/b", "https://A.test", "ftp://a.test"] {
        assert!(
            error(&format!("web_origin = \"{bad}\"")).contains("web_origin"),
            "{bad}"
        );
    }
    assert!(error("log = \"loud\"").contains("\"debug\""));
    assert!(error("log = ").starts_with("D/ntm-dc.toml:3: this is no TOML"));
    assert!(error("[dns]\nport = 1").contains("D/ntm-dc.toml:3"));
}

#[test]
fn a_missing_key_is_shown_as_one_would_write_it() {
    let error = Config::parse("", "f").unwrap_err().to_string();
    assert_eq!(
        error,
        "f:1: key \"domain\" is missing; add a line such as: domain = \"example.net\""
    );
}

#[test]
fn times_have_a_unit() {
    assert_eq!(duration("15m"), Some(Duration::from_secs(900)));
    assert_eq!(duration("1d"), Some(Duration::from_secs(86_400)));
    for bad in [
        "",
        "m",
        "15",
        "-1m",
        "0s",
        "31d",
        "1µ",
        "99999999999999999999h",
    ] {
        assert_eq!(duration(bad), None, "{bad}");
    }
}
