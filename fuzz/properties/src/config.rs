//! The daemons' configuration files: every fault is one line that names the file, a line of it, and what is wrong.

use ntm_gateway::config::{Config, ConfigError, Leases, Network};
use ntm_gateway::policy::MAX_POLICIES;
use ntm_proto::id::Fqdn;

const FILE: &str = "/etc/x.toml";

/// The first byte says whose configuration the rest is.
pub fn check(input: &[u8]) {
    let Some((&what, rest)) = input.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let fault = match what % 4 {
        0 => gateway(Config::parse(FILE, text)),
        1 => dc(text),
        2 => relay(text),
        _ => gateway(Config::parse_uci(FILE, text, &networks())),
    };
    if let Some(fault) = fault {
        check_fault(&fault, text);
    }
}

fn networks() -> Vec<Network> {
    let network = |name: &str, device: &str, address: Option<&str>| Network {
        name: name.to_owned(),
        device: device.to_owned(),
        address: address.and_then(|text| text.parse().ok()),
    };
    vec![
        network("lan", "br-lan", Some("192.168.1.1/24")),
        network("wan", "eth1", None),
    ]
}

fn gateway(parsed: Result<Config, ConfigError>) -> Option<String> {
    let config = match parsed {
        Ok(config) => config,
        Err(fault) => return Some(fault.to_string()),
    };
    let lan = config.lan;
    assert!((8..=30).contains(&lan.net.prefix_len()));
    if let Leases::Server(dhcp) = lan.dhcp {
        assert!(
            dhcp.first <= dhcp.last
                && lan.net.contains(&dhcp.first)
                && lan.net.contains(&dhcp.last)
        );
        assert!(!(dhcp.first..=dhcp.last).contains(&lan.address()));
        // What passes here must do for the DHCP server.
        let config = lan_dhcp::Config {
            server: lan.address(),
            prefix_len: lan.net.prefix_len(),
            first: dhcp.first,
            last: dhcp.last,
            router: lan.address(),
            dns: vec![lan.address()],
            domain: None,
            search: Vec::new(),
            lease_time: dhcp.lease_time,
            static_leases: lan
                .devices
                .iter()
                .filter_map(|device| {
                    Some(lan_dhcp::StaticLease {
                        mac: *device.macs.last()?,
                        address: device.address?,
                        hostname: device.name.clone(),
                    })
                })
                .collect(),
            max_leases: 512,
        };
        assert_eq!(config.validate(), Ok(()));
    }
    assert!((1280..=9000).contains(&config.tunnel.limits.mtu) && config.wan.port != 0);
    assert!(config.policies.len() <= MAX_POLICIES);
    None
}

fn dc(text: &str) -> Option<String> {
    let config = match ntm_dc::config::Config::parse(text, FILE) {
        Ok(config) => config,
        Err(fault) => return Some(fault.to_string()),
    };
    assert!(config.domain.as_str().len() <= 125 && config.udp_port != 0 && config.as_port != 0);
    assert!(ntm_dc::dns::Zone::new(&config).is_ok());
    assert!(!config.bind_addresses(1).is_empty());
    None
}

fn relay(text: &str) -> Option<String> {
    let config = match ntm_relay::config::Config::parse(text, FILE) {
        Ok(config) => config,
        Err(fault) => return Some(fault.to_string()),
    };
    assert!((1..=4).contains(&config.public().len()) && !config.sockets().is_empty());
    assert!(config.port != 0 && config.limits.paths >= 1);
    None
}

fn check_fault(fault: &str, text: &str) {
    let rest = fault.strip_prefix("/etc/x.toml:").expect("names the file");
    let (line, what) = rest.split_once(": ").expect("names the line");
    let line: usize = line.parse().expect("a number");
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    assert!((1..=lines).contains(&line), "line {line} of {lines}");
    assert!(!what.trim().is_empty());
    let control = fault.chars().find(|c| c.is_control());
    assert_eq!(control, None, "one line that no terminal obeys: {fault:?}");
}

/// What `enrol` and `init` write, all keys, and one fault of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let of = |what: u8, text: &str| [&[what], text.as_bytes()].concat();
    let domain = Fqdn::parse("ntm.test").expect("a name");
    let listen = ["203.0.113.10".parse().expect("an address")];
    let uncommented = |text: &str| text.replace("\n# ", "\n").replace("\n#", "\n");
    let gateway = ntm_gateway::config::EXAMPLE;
    let full = "[lan]\ninterface = \"br-lan\"\naddress = \"192.168.1.1/24\"\nrange = \"192.168.1.100-192.168.1.200\"\nlease_time = \"12h\"\n[[lan.static]]\nmac = \"02:00:00:00:00:01\"\naddress = \"192.168.1.9\"\nname = \"printer\"\n[wan]\ninterfaces = [\"eth0\", \"wwan0\"]\nmasquerade = true\nport = 4750\n[dns]\nupstream = [\"203.0.113.53\", \"[2001:db8::53]:53\"]\n[tunnel]\ninterface = \"ntm0\"\nmtu = 1400\n[log]\nlevel = \"debug\"\n";
    let uci = include_str!("../../../openwrt/net/ntm/files/ntm.config");
    let dc = ntm_dc::config::example(&domain, &listen, [1, 2, 3, 4, 5]);
    let relay = ntm_relay::config::example(&listen);
    vec![
        of(0, gateway),
        of(0, full),
        of(0, &full.replace("/24", "/33")),
        of(0, &full.replace("mtu", "mut")),
        of(0, "[lan]\ninterface = 5\n"),
        of(1, &dc),
        of(1, &uncommented(&dc)),
        of(
            1,
            "domain = \"ntm.test\"\nvirtual6 = \"fd12::/48\"\ncode_valid = \"15m\"\ndns = false\nlog = \"loud\"\n",
        ),
        of(1, "domain = [1]\n"),
        of(2, &relay),
        of(
            2,
            "listen = [\"203.0.113.30\"]\nport = 4750\nmax_paths = 10\nrate_per_path = \"100M\"\nlog = \"info\"\n",
        ),
        of(2, "listen = [\"203.0.113.30:1\"]\n"),
        of(2, "listen = 5\ncolour = 1\n"),
        of(3, uci),
        of(3, &uncommented(&uci.replace("\n\t#", "\n\t"))),
        of(3, "config gateway\n\toption lan 'a\nb'\n"),
        of(
            0,
            &format!(
                "{full}[[policy]]\nfrom = \"*\"\nto = \"nas\"\naction = \"deny\"\n[[policy]]\naction = 5\n"
            ),
        ),
        of(
            3,
            "config gateway\nconfig policy\n\toption from '*'\n\toption action allow\nconfig policy 'x'\n\tlist to a\n\tlist to b\n\toption action deny\n",
        ),
        of(
            3,
            "config gateway\nconfig wan\n\toption network \"\\\"\u{202e}\"\n",
        ),
    ]
}
