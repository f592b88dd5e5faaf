use super::networks::WAN;
use super::*;
use crate::config::{Leases, LogLevel};

const MINIMAL: &str = "config gateway 'gateway'\n\toption enabled '1'\n";

fn networks() -> Vec<Network> {
    let network = |name: &str, device: &str, address: Option<&str>| Network {
        name: name.to_owned(),
        device: device.to_owned(),
        address: address.map(|text| text.parse().unwrap()),
    };
    vec![
        network("lan", "br-lan", Some("192.168.1.1/24")),
        network("wan", "eth1", Some("203.0.113.7/24")),
        network("wwan", "wwan0", None),
    ]
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse_uci("/etc/config/ntm", text, &networks())
}

fn fault(more: &str) -> String {
    parse(&format!("{MINIMAL}{more}")).unwrap_err().to_string()
}

#[test]
fn what_is_not_said_is_as_in_the_other_file_but_dnsmasq_serves() {
    let config = parse(MINIMAL).unwrap();
    let other = Config::parse(
        "toml",
        "[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"\ndhcp = \"follow\"\n",
    )
    .unwrap();
    assert_eq!(config, other);
    assert_eq!(config.lan.dhcp, Leases::Follow);
    assert_eq!(config.dns.listen.to_string(), "127.0.0.1:5354");
}

#[test]
fn everything_can_be_set() {
    let config = parse(
        "config gateway 'gateway'\n\toption enabled 1\n\toption lan lan\n\toption dhcp server\n\
         \toption range '192.168.1.50-192.168.1.60'\n\toption lease_time 30m\n\toption bind_addresses 0\n\
         \toption masquerade yes\n\toption port 9999\n\tlist dns 203.0.113.53\n\tlist dns '2001:db8::53'\n\
         \toption interface tun9\n\toption mtu 1300\n\toption aes off\n\tlist offload tun\n\toption memory 1024\n\
         \toption resend 0\n\toption hold 8\n\toption idle 5m\n\toption outage 2d\n\toption log_level debug\n\
         \toption web 1\n\toption web_port 8080\n\
         config wan\n\toption network wwan\n\toption metered 1\n\toption limit_mb 10000\nconfig wan 'cable'\n\toption network wan\n\
         config wan\n\toption network wan9\nconfig wan\n\toption device usb0\n\toption enabled 0\n\
         config device\n\toption mac 02:00:5e:00:00:01\n\toption address 192.168.1.20\n\toption name Camera\n",
    )
    .unwrap();
    let Leases::Server(dhcp) = config.lan.dhcp else {
        panic!("{:?}", config.lan.dhcp)
    };
    assert_eq!(dhcp.first.octets()[3], 50);
    assert!(!config.lan.bind_addresses && config.wan.masquerade && !config.tunnel.aes);
    assert_eq!(config.dns.upstream.len(), 2);
    assert_eq!(config.dns.listen.to_string(), "192.168.1.1:53");
    assert_eq!(config.wan.interfaces, ["wwan0", "eth1"]);
    assert_eq!(config.wan.metered, ["wwan0"]);
    assert_eq!(config.wan.limit_mb, [("wwan0".to_owned(), 10_000)].into());
    assert_eq!(
        (
            config.wan.port,
            config.tunnel.limits.mtu,
            config.tunnel.limits.resend
        ),
        (9999, 1300, 0)
    );
    assert!(config.tunnel.offload.tun && !config.tunnel.offload.send);
    assert_eq!(config.log, LogLevel::Debug);
    assert_eq!(config.web.port, Some(8080));
    assert_eq!(
        config.lan.devices[0].name.as_ref().unwrap().as_str(),
        "camera"
    );
}

#[test]
fn a_fault_names_section_option_and_what_is_right() {
    assert_eq!(
        fault("\toption port '70000'\n"),
        "/etc/config/ntm:3: section \"gateway\", option \"port\": is a whole number from 1 to 65535"
    );
    assert_eq!(
        fault("\toption dhpc 'off'\n"),
        "/etc/config/ntm:3: section \"gateway\", option \"dhpc\" is unknown; did you mean \"dhcp\"?"
    );
    assert_eq!(
        fault("\toption masquerade 'maybe'\n"),
        "/etc/config/ntm:3: section \"gateway\", option \"masquerade\": \"maybe\" is no switch; write '1' or '0'"
    );
    assert!(fault("\tlist port 1\n").contains("option \"port\": is a whole number"));
    assert!(fault("\tlist log_level info\n").contains("write option, not list"));
    assert_eq!(
        fault("\toption lan 'guest'\n"),
        "/etc/config/ntm:3: section \"gateway\", option \"lan\": netifd has no network \"guest\" with an IPv4 address; \
         there are: lan, wan, wwan; `ifstatus` shows one"
    );
    assert!(fault("\toption lan wwan\n").contains("with an IPv4 address"));
    assert!(
        fault("\toption dns_port 53\n\toption dhcp off\n")
            .contains("option \"dns_port\": is for where another")
    );
    assert_eq!(
        fault("\nconfig wan\n\toption network wan\nconfig wan\n\toption networks wwan\n"),
        "/etc/config/ntm:7: section \"@wan[1]\", option \"networks\" is unknown; did you mean \"network\"?"
    );
    assert_eq!(
        fault("config wan\n\toption network wan\n\toption limit_mb '10 GB'\n"),
        "/etc/config/ntm:5: section \"@wan[0]\", option \"limit_mb\": is a whole number from 1 to 100000000"
    );
    // Also where it is not used now.
    for unused in ["network wan9", "network wan\n\toption enabled 0"] {
        let told = fault(&format!(
            "config wan\n\toption limit_mb 0\n\toption {unused}\n"
        ));
        assert!(
            told.contains("/etc/config/ntm:4: section \"@wan[0]\", option \"limit_mb\""),
            "{told}"
        );
    }
    assert!(fault("config wan 'w'\n").contains("section \"w\": option \"network\" is missing"));
    assert!(
        fault("config wan\n\toption device br-lan\n")
            .contains("section \"@wan[0]\", option \"device\": \"br-lan\" is the LAN's")
    );
    assert!(
        fault("config device\n\toption name tv\n")
            .contains("section \"@device[0]\": option \"mac\" is missing; write option mac '02:")
    );
    assert!(
        fault("config gatway\n")
            .contains("section type \"gatway\" is unknown; did you mean \"gateway\"?")
    );
    assert!(fault("config gateway two\n").contains("a second section"));
    assert!(
        parse("")
            .unwrap_err()
            .to_string()
            .contains("section \"gateway\" is missing")
    );
    assert!(
        parse("config gateway\noption x 'y\n")
            .unwrap_err()
            .to_string()
            .contains(":2: a ' that nothing ends")
    );
}

#[test]
fn without_wan_sections_every_way_out_is_taken() {
    let off = format!("{MINIMAL}config wan\n\toption network wan\n\toption enabled 0\n");
    for text in [MINIMAL, &off] {
        let wan = parse(text).unwrap().wan;
        assert!(wan.interfaces.is_empty() && !wan.only_listed);
    }
}

#[test]
fn wans_that_netifd_does_not_know_are_down_and_no_others_take_their_place() {
    let unknown = "config wan\n\toption network wan9\n\toption metered 1\n";
    let wan = parse(&format!("{MINIMAL}{unknown}")).unwrap().wan;
    assert!(wan.interfaces.is_empty() && wan.metered.is_empty() && wan.only_listed);
    let known = "config wan\n\toption network wan\n";
    let wan = parse(&format!("{MINIMAL}{unknown}{known}")).unwrap().wan;
    assert_eq!(wan.interfaces, ["eth1"]);
    assert!(wan.only_listed);
}

#[test]
fn hostile_values_are_refused() {
    for value in [
        "'$(reboot)'",
        "'a b'",
        "\"x\\\"y\"",
        "'\n'",
        "'../x'",
        "';id'",
    ] {
        let text = fault(&format!("config wan\n\toption device {value}\n"));
        assert!(text.contains("is no interface name"), "{text}");
    }
}

/// The feed's own.
const SHIPPED: &str = include_str!("../../../../openwrt/net/ntm/files/ntm.config");

#[test]
fn the_file_that_is_shipped_is_right_and_so_is_what_it_has_in_comments() {
    let shipped = parse(SHIPPED).unwrap();
    assert_eq!(shipped, parse(MINIMAL).unwrap());
    let is_setting = |rest: &str| {
        ["option ", "list ", "config "]
            .iter()
            .any(|word| rest.starts_with(word))
    };
    let all: String = SHIPPED
        .lines()
        .map(bare)
        .map(|line| if is_setting(line) { line } else { "" })
        .map(|line| format!("{line}\n"))
        .collect();
    // Some are for where the gateway serves the LAN itself, some for where it does not.
    let all = all.replace("option dhcp 'follow'", "option dhcp 'server'");
    let told = parse(&all.replace("option dns_port '5354'", "")).unwrap();
    assert_eq!((told.lan.devices.len(), told.wan.interfaces.len()), (1, 1));
    assert_eq!(told.tunnel.limits, shipped.tunnel.limits);
}

fn bare(line: &str) -> &str {
    line.trim_start().trim_start_matches('#').trim_start()
}

#[test]
fn the_file_that_is_shipped_explains_every_option() {
    let mut explained = Vec::new();
    let mut kind = "";
    for line in SHIPPED.lines().map(bare) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["config", of, ..] => kind = of,
            ["option" | "list", key, ..] => explained.push((kind, key)),
            _ => {}
        }
    }
    let ours = KEYS.iter().filter(|key| !key.option.is_empty());
    let gateway = ours.map(|key| key.option).chain(OWN);
    let gateway = gateway.map(|key| ("gateway", key));
    let wan = WAN.iter().map(|key| ("wan", *key));
    let device = device::KEYS.iter().map(|key| ("device", *key));
    for option in gateway.chain(wan).chain(device) {
        assert!(explained.contains(&option), "{option:?}");
    }
}

#[test]
fn policies_are_sections_of_their_own() {
    let config = parse(&format!(
        "{MINIMAL}config policy\n\toption from 'phone.car.example.net'\n\toption to nas\n\toption action allow\n\
         config policy 'off'\n\toption enabled 0\n\toption to 'is not looked at'\n\
         config policy 'rest'\n\toption to nas\n\toption action deny\n\toption enabled 1\n"
    ));
    let policies = config.unwrap().policies;
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[0].from.to_string(), "phone.car.example.net");
    assert_eq!(policies[1].action.text(), "deny");
    let first = "config policy\n\toption action deny\nconfig policy\n";
    for (bad, says) in [
        (
            "\toption to 'a b'\n\toption action deny\n",
            ":6: section \"@policy[1]\", option \"to\": \"a b\" is no name",
        ),
        (
            "\toption to nas\n",
            "section \"@policy[1]\": option \"action\" is missing; write option action 'deny'",
        ),
        (
            "\toption action drop\n",
            "option \"action\": \"drop\" is unknown",
        ),
        (
            "\toption target deny\n",
            "option \"target\" is unknown; known here: from, to, action, enabled",
        ),
        (
            "\toption action deny\n\toption enabled maybe\n",
            "write '1' or '0'",
        ),
        (
            "\toption action deny\n\tlist to nas\n\tlist to tv\n",
            "write option, not list",
        ),
    ] {
        let text = fault(&format!("{first}{bad}"));
        assert!(text.contains(says), "{bad}: {text}");
    }
}

#[test]
fn off_is_everything_but_a_clear_on() {
    for (text, on) in [
        (MINIMAL, true),
        (
            "config policy\n\toption enabled 1\nconfig gateway\n\toption enabled yes\n",
            true,
        ),
        ("config gateway\n\toption enabled '0'\n", false),
        ("config gateway\n\toption enabled maybe\n", false),
        ("config gateway\n", false),
        ("config policy\n\toption enabled 1\n", false),
        ("gateway enabled\n", false),
        ("", false),
    ] {
        assert_eq!(is_switched_on(text), on, "{text}");
    }
}
