mod wans;

use super::*;
use crate::policy::Policy;
use std::net::Ipv4Addr;
use std::time::Duration;

const MINIMAL: &str = "[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse("ntm-gateway.toml", text)
}

/// The fault of the minimal file with `more` behind it, or of `more` alone when it has a [lan] of its own.
fn fault(more: &str) -> String {
    let text = if more.contains("[lan]") {
        more.to_owned()
    } else {
        format!("{MINIMAL}{more}")
    };
    parse(&text).unwrap_err().to_string()
}

fn served(config: &Config) -> Dhcp {
    match config.lan.dhcp {
        Leases::Server(dhcp) => dhcp,
        other @ (Leases::Follow | Leases::Off) => panic!("{other:?}"),
    }
}

fn lan(line: &str) -> String {
    fault(&format!(
        "[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"\n{line}\n"
    ))
}

#[test]
fn the_example_is_valid_and_says_the_defaults() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config, parse(MINIMAL).unwrap());
    let dhcp = served(&config);
    assert_eq!(dhcp.first, Ipv4Addr::new(192, 168, 1, 100));
    assert_eq!(dhcp.last, Ipv4Addr::new(192, 168, 1, 249));
    assert_eq!(dhcp.lease_time, Duration::from_secs(43_200));
    assert_eq!((config.wan.port, config.tunnel.limits.mtu), (4750, 1440));
    assert_eq!(config.tunnel.interface, "ntm0");
    // What is commented out in the example is the default, too.
    let all: String = EXAMPLE
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| rest.contains(" = ") || rest.starts_with("[["))
                .unwrap_or(line)
        })
        .map(|line| format!("{line}\n"))
        .collect();
    // That one is for a LAN that another serves.
    let mut told = parse(&all.replace("port = 5354", "")).unwrap();
    // And these are of nobody without being written.
    assert_eq!(std::mem::take(&mut told.wan.limit_mb).len(), 1);
    assert_eq!(told.lan.dhcp, config.lan.dhcp);
    assert_eq!(
        (told.wan, told.tunnel, told.log, told.web),
        (config.wan, config.tunnel, config.log, config.web)
    );
    assert_eq!(told.lan.devices.len(), 1);
}

#[test]
fn everything_can_be_set() {
    let config = parse(
        "[lan]\ninterface = \"lan0\"\naddress = \"10.1.2.3/16\"\ndhcp = \"server\"\nrange = \"10.1.9.1-10.1.9.200\"\n\
         lease_time = \"30m\"\n[[lan.static]]\nmac = \"02:00:00:00:00:01\"\naddress = \"10.1.0.9\"\nname = \"Camera\"\n\
         [wan]\ninterfaces = [\"wan0\", \"wwan0\"]\nmetered = [\"wwan0\"]\nlimit_mb = { wwan0 = 10000 }\nmasquerade = true\nport = 9999\n\
         [dns]\nupstream = [\"203.0.113.53\", \"2001:db8::53\", \"198.51.100.1:5353\"]\n\
         [tunnel]\ninterface = \"tun9\"\nmtu = 1280\nmemory = 1024\nresend = 0\nhold = 128\nidle = \"5m\"\noutage = \"2d\"\n[log]\nlevel = \"debug\"\n\
         [web]\nenabled = false\nport = 8080\n",
    )
    .unwrap();
    assert_eq!(
        (config.web.port, parse(MINIMAL).unwrap().web.port),
        (None, Some(4752))
    );
    assert_eq!(
        config.lan.devices[0].name.as_ref().unwrap().as_str(),
        "camera"
    );
    assert_eq!(config.wan.interfaces, ["wan0", "wwan0"]);
    assert_eq!(config.wan.metered, ["wwan0"]);
    assert_eq!(config.wan.limit_mb, [("wwan0".to_owned(), 10_000)].into());
    assert!(config.wan.masquerade);
    assert_eq!(config.dns.upstream[1].to_string(), "[2001:db8::53]:53");
    assert_eq!(config.dns.upstream[2].port(), 5353);
    assert_eq!(config.log, LogLevel::Debug);
    let limits = config.tunnel.limits;
    assert_eq!(limits.memory, 1 << 20);
    assert_eq!((limits.resend, limits.hold), (0, 128 << 10));
    let [idle, outage] = [limits.idle, limits.outage].map(|time| time.as_secs());
    assert_eq!((idle, outage), (300, 172_800));
}

#[test]
fn a_tunnel_keeps_things_within_bounds() {
    assert_eq!(
        fault("[tunnel]\noutage = \"10s\"\n"),
        "ntm-gateway.toml:5: key \"tunnel.outage\": a tunnel is kept from 1m to 7d, not 10s; write it like \"15m\""
    );
    assert!(fault("[tunnel]\nidle = \"5\"\n").contains("\"5\" is no time"));
    assert!(fault("[tunnel]\nhold = 1\n").contains("4 to 4096"));
    assert!(fault("[tunnel]\nmemory = 0\n").contains("256 to 65535"));
    assert!(fault("[tunnel]\nresend = -1\n").contains("0 to 4096"));
}

#[test]
fn the_cipher_and_the_kernels_help_can_be_chosen() {
    let tunnel = |lines: &str| {
        parse(&format!("{MINIMAL}[tunnel]\n{lines}"))
            .unwrap()
            .tunnel
    };
    let usual = tunnel("");
    assert!(usual.aes);
    assert_eq!(usual.offload, Offloads::default());
    assert!(!tunnel("aes = false\n").aes);
    let offloads = |lines| {
        let Offloads { tun, send, receive } = tunnel(lines).offload;
        [tun, send, receive]
    };
    assert_eq!(offloads("offload = []\n"), [false; 3]);
    assert_eq!(
        offloads("offload = [\"receive\", \"tun\"]\n"),
        [true, false, true]
    );
    assert_eq!(
        fault("[tunnel]\naes = \"no\"\n"),
        "ntm-gateway.toml:5: key \"tunnel.aes\": is a switch; write true or false, without quotes"
    );
    assert_eq!(
        fault("[tunnel]\noffload = [\"gro\"]\n"),
        "ntm-gateway.toml:5: key \"tunnel.offload\": \"gro\" is none; there are \"tun\", \"send\" and \"receive\", and [] is \
         none of them"
    );
    assert!(fault("[tunnel]\noffload = true\n").contains("key \"tunnel.offload\""));
    assert!(fault("[tunnel]\noffload = [1]\n").contains("key \"tunnel.offload\""));
}

#[test]
fn a_fault_names_file_line_key_and_what_is_right() {
    assert_eq!(
        fault("[lan]\ninterface = \"br-lan\"\n\naddress = \"192.168.1.1\"\n"),
        "ntm-gateway.toml:4: key \"lan.address\": \"192.168.1.1\" has no prefix length; write it like \"192.168.1.1/24\""
    );
    assert_eq!(
        lan("dhpc = \"off\""),
        "ntm-gateway.toml:4: key \"lan.dhpc\" is unknown; did you mean \"dhcp\"?"
    );
    assert!(
        fault("[wan]\nbananas = 1\n")
            .ends_with("known here: interfaces, metered, limit_mb, masquerade, port")
    );
    assert!(fault("[lna]\n").contains("did you mean \"lan\"?"));
    assert!(
        parse("")
            .unwrap_err()
            .to_string()
            .contains("key \"lan.interface\" is missing; write interface = \"br-lan\"")
    );
    assert!(
        fault("[lan]\ninterface = \"br-lan\"\n")
            .starts_with("ntm-gateway.toml:1: key \"lan.address\" is missing")
    );
    assert!(
        parse("[lan\n")
            .unwrap_err()
            .to_string()
            .starts_with("ntm-gateway.toml:1: ")
    );
    assert!(
        parse("lan = 3\n")
            .unwrap_err()
            .to_string()
            .contains("write [lan]")
    );
}

#[test]
fn a_text_that_is_no_toml_is_told_by_line_and_key() {
    let text = parse("[lan]\ninterface = \n").unwrap_err().to_string();
    assert!(
        text.starts_with("ntm-gateway.toml:2: key \"interface\": "),
        "{text}"
    );
    for bad in ["=", "é=\u{0}", "\n\n[", "a = \"", "\u{feff}x"] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn interface_names_are_plain() {
    for bad in [
        "",
        "a b",
        "eth0;reboot",
        "$(id)",
        "0123456789abcdef",
        "..",
        "é",
        "lo",
        "-x",
        "a/b",
    ] {
        let text = fault(&format!(
            "[lan]\ninterface = {bad:?}\naddress = \"192.168.1.1/24\"\n"
        ));
        assert!(
            text.starts_with("ntm-gateway.toml:2: key \"lan.interface\":"),
            "{bad}: {text}"
        );
    }
    assert!(
        fault("[wan]\ninterfaces = [\"wan0\", \"x x\"]\n")
            .contains("key \"wan.interfaces\": \"x x\"")
    );
    assert!(fault("[wan]\ninterfaces = [\"br-lan\"]\n").contains("is the LAN's interface"));
    assert!(fault("[wan]\ninterfaces = [\"ntm0\"]\n").contains("is the tunnel's interface"));
    assert!(fault("[wan]\ninterfaces = [\"a\", \"a\"]\n").contains("listed twice"));
    assert!(fault("[wan]\ninterfaces = \"wan0\"\n").contains("is a list"));
    assert!(fault("[wan]\ninterfaces = [1]\n").contains("put it in quotes"));
    assert!(fault("[tunnel]\ninterface = \"br-lan\"\n").contains("is the LAN's interface"));
}

#[test]
fn the_lan_address_is_a_hosts() {
    for bad in [
        "192.168.1.0/24",
        "192.168.1.255/24",
        "127.0.0.1/8",
        "10.0.0.1/31",
        "10.0.0.1/7",
        "fd00::1/64",
        "x",
    ] {
        let text = fault(&format!("[lan]\ninterface = \"a\"\naddress = {bad:?}\n"));
        assert!(
            text.starts_with("ntm-gateway.toml:3: key \"lan.address\":"),
            "{bad}: {text}"
        );
    }
}

#[test]
fn the_range_is_inside_and_without_the_router() {
    for (bad, says) in [
        (
            "192.168.2.100-192.168.2.200",
            "no host address of 192.168.1.0/24",
        ),
        ("192.168.1.100-192.168.1.255", "no host address"),
        ("192.168.1.0-192.168.1.9", "no host address"),
        (
            "192.168.1.200-192.168.1.100",
            "write it like \"192.168.1.100-192.168.1.200\"",
        ),
        (
            "192.168.1.1-192.168.1.100",
            "own address 192.168.1.1 is inside",
        ),
        ("192.168.1.100", "is no range"),
        ("a-b", "write it like \"192.168.1.100-192.168.1.249\""),
    ] {
        let text = lan(&format!("range = {bad:?}"));
        assert!(text.contains(says), "{bad}: {text}");
    }
}

#[test]
fn the_default_range_avoids_the_router_in_every_network() {
    for net in [
        "10.0.0.1/8",
        "192.168.1.150/24",
        "192.168.1.240/24",
        "192.168.1.65/30",
        "192.168.1.66/30",
        "10.9.8.7/28",
    ] {
        let config = parse(&format!("[lan]\ninterface = \"a\"\naddress = \"{net}\"\n")).unwrap();
        let (dhcp, own) = (served(&config), config.lan.address());
        assert!(
            dhcp.first <= dhcp.last && !(dhcp.first..=dhcp.last).contains(&own),
            "{net}: {dhcp:?}"
        );
        assert!(
            config.lan.net.contains(&dhcp.first) && config.lan.net.contains(&dhcp.last),
            "{net}: {dhcp:?}"
        );
    }
}

#[test]
fn lease_times_have_a_unit_and_bounds() {
    for bad in [
        "12",
        "h",
        "12 h",
        "-1h",
        "1s",
        "400d",
        "99999999999999999999d",
        "1µ",
    ] {
        assert!(
            lan(&format!("lease_time = {bad:?}")).contains("key \"lan.lease_time\":"),
            "{bad}"
        );
    }
    assert!(lan("lease_time = 12").contains("put it in quotes"));
}

#[test]
fn dhcp_is_server_follow_or_off() {
    assert!(lan("dhcp = \"on\"").contains("write \"server\", \"follow\" or \"off\""));
    let off = parse(&format!("{MINIMAL}dhcp = \"off\"\n")).unwrap();
    assert_eq!(off.lan.dhcp, Leases::Off);
}

#[test]
fn static_leases_are_checked() {
    let block = |mac: &str, address: &str, name: &str| {
        format!("[[lan.static]]\nmac = {mac:?}\naddress = {address:?}\nname = {name:?}\n")
    };
    let good = block("02:00:00:00:00:01", "192.168.1.20", "camera");
    for (bad, says) in [
        (
            block("02:00:00:00:00", "192.168.1.21", "a"),
            "is no hardware address",
        ),
        (block("01:00:00:00:00:02", "192.168.1.21", "a"), "multicast"),
        (block("00:00:00:00:00:00", "192.168.1.21", "a"), "zero"),
        (
            block("02:00:00:00:00:02", "192.168.2.21", "a"),
            "no host address of the LAN 192.168.1.0/24",
        ),
        (
            block("02:00:00:00:00:02", "192.168.1.1", "a"),
            "the router's own",
        ),
        (
            block("02:00:00:00:00:02", "192.168.1.20", "a"),
            "belongs to another block",
        ),
        (
            block("02-00-00-00-00-01", "192.168.1.21", "a"),
            "listed twice",
        ),
        (
            block("02:00:00:00:00:02", "192.168.1.21", "Camera"),
            "another block has this name",
        ),
        (
            block("02:00:00:00:00:02", "192.168.1.21", "<script>"),
            "is no name",
        ),
        (
            "[[lan.static]]\naddress = \"192.168.1.21\"\n".into(),
            "key \"lan.static.mac\" is missing",
        ),
        (
            "[[lan.static]]\nmac = []\n".into(),
            "key \"lan.static.mac\": names none",
        ),
        (
            "[[lan.static]]\nmac = [\"02:00:00:00:00:03\", \"02:00:00:00:00:01\"]\n".into(),
            "listed twice; remove one of the two blocks",
        ),
        (
            "[[lan.static]]\nmac = [\"02:00:00:00:00:03\", \"02-00-00-00-00-03\"]\n".into(),
            "list each hardware address once",
        ),
        (
            "[[lan.static]]\nmac = \"02:00:00:00:00:03\"\nidentity = \"0\"\n".into(),
            "write true or false",
        ),
        (
            "[[lan.static]]\nhost = \"x\"\n".into(),
            "key \"lan.static.host\" is unknown",
        ),
    ] {
        let text = fault(&format!("{good}{bad}"));
        assert!(text.contains(says), "{bad}: {text}");
    }
    assert!(lan("static = [1]").contains("write [[lan.static]]"));
}

#[test]
fn a_device_may_be_named_kept_merged_and_left_alone() {
    let config = parse(&format!(
        "{MINIMAL}[[lan.static]]\nmac = \"02:00:00:00:00:01\"\nname = \"phone\"\n\
         [[lan.static]]\nmac = [\"02:00:00:00:00:02\", \"02:00:00:00:00:03\"]\nkeep = true\nidentity = false\n"
    ));
    let [phone, other] = &config.unwrap().lan.devices[..] else {
        panic!("two devices")
    };
    assert!(phone.address.is_none() && phone.identity && !phone.keep);
    assert_eq!(phone.name.as_ref().unwrap().as_str(), "phone");
    assert_eq!(other.macs, [[2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 3]]);
    assert!(other.keep && !other.identity && other.name.is_none());
}

#[test]
fn numbers_switches_and_servers_are_checked() {
    for bad in ["0", "65536", "\"4750\"", "-1", "4.5"] {
        assert!(
            fault(&format!("[wan]\nport = {bad}\n")).contains("a whole number from 1 to 65535"),
            "{bad}"
        );
    }
    assert!(fault("[wan]\nmasquerade = \"yes\"\n").contains("write true or false"));
    assert!(fault("[tunnel]\nmtu = 500\n").contains("from 1280 to 9000"));
    for bad in ["dns.example", "0.0.0.0", "1.2.3", "203.0.113.53:0"] {
        assert!(
            fault(&format!("[dns]\nupstream = [{bad:?}]\n")).contains("is no DNS server"),
            "{bad}"
        );
    }
    assert!(fault("[dns]\nupstream = [\"192.168.1.1\"]\n").contains("is this gateway itself"));
    for bad in ["80", "443", "65536", "true"] {
        assert!(
            fault(&format!("[web]\nport = {bad}\n")).contains("a whole number from 1024 to 65535"),
            "{bad}"
        );
    }
    assert!(fault("[web]\naddress = \"0.0.0.0\"\n").contains("\"web.address\" is unknown"));
    assert!(fault("[log]\nlevel = \"loud\"\n").contains("write error, warn, info, debug or trace"));
}

#[test]
fn policies_are_read_in_their_order() {
    let config = parse(&format!(
        "{MINIMAL}[[policy]]\nfrom = \"Phone.car.example.net\"\nto = \"NAS\"\naction = \"allow\"\n\
         [[policy]]\nto = \"nas\"\naction = \"deny\"\n[[policy]]\nfrom = \"tv\"\nto = \"*\"\naction = \"deny\"\n"
    ));
    let policies = config.unwrap().policies;
    let text = |policy: &Policy| {
        let action = policy.action.text();
        format!("{} {} {action}", policy.from, policy.to)
    };
    let texts: Vec<String> = policies.iter().map(text).collect();
    assert_eq!(
        texts,
        ["phone.car.example.net nas allow", "* nas deny", "tv * deny"]
    );
}

#[test]
fn a_wrong_policy_says_what_is_right() {
    for (bad, says) in [
        (
            "to = \"nas\"",
            "key \"policy.action\" is missing; write action = \"deny\"",
        ),
        (
            "action = \"drop\"",
            "key \"policy.action\": \"drop\" is unknown; write \"allow\" or \"deny\"",
        ),
        ("form = \"nas\"", "did you mean \"from\"?"),
        (
            "action = \"deny\"\nto = \"the tv\"",
            "key \"policy.to\": \"the tv\" is no name",
        ),
        (
            "action = \"deny\"\nfrom = \"*.example.net\"",
            "like \"phone.car.example.net\"",
        ),
        (
            "action = \"deny\"\nfrom = [\"a\", \"b\"]",
            "is text, not array",
        ),
    ] {
        let text = fault(&format!("[[policy]]\n{bad}\n"));
        assert!(text.contains(says), "{bad}: {text}");
    }
    assert!(fault("[policy]\naction = \"deny\"\n").contains("write [[policy]]"));
    let many = "[[policy]]\naction = \"deny\"\n".repeat(65);
    assert!(fault(&many).contains("at most 64"));
}
