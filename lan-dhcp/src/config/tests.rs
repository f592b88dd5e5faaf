//! Each rule of a configuration, broken once.

use super::*;

const LAN: [u8; 3] = [192, 168, 1];

fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(LAN[0], LAN[1], LAN[2], last)
}

fn config() -> Config {
    Config {
        server: host(1),
        prefix_len: 24,
        first: host(100),
        last: host(199),
        router: host(1),
        dns: vec![host(1)],
        domain: None,
        search: Vec::new(),
        lease_time: Duration::from_secs(3600),
        static_leases: Vec::new(),
        max_leases: 100,
    }
}

fn fixed(mac: u8, last: u8) -> StaticLease {
    StaticLease {
        mac: [2, 0, 0, 0, 0, mac],
        address: host(last),
        hostname: None,
    }
}

#[test]
fn a_usual_lan_is_valid() {
    let mut config = config();
    config.static_leases = vec![fixed(1, 10), fixed(2, 150)];
    assert_eq!(config.validate(), Ok(()));
    assert_eq!(config.mask(), Ipv4Addr::new(255, 255, 255, 0));
    assert_eq!(config.broadcast(), host(255));
    assert!(config.is_dynamic(host(100)) && config.is_dynamic(host(199)));
    assert!(!config.is_dynamic(host(150)) && !config.is_dynamic(host(200)));
}

#[test]
fn each_mistake_has_its_error() {
    type Break = fn(&mut Config);
    let cases: [(Break, ConfigError); 11] = [
        (|c| c.prefix_len = 31, ConfigError::PrefixLen(31)),
        (|c| c.prefix_len = 0, ConfigError::PrefixLen(0)),
        (
            |c| c.last = host(50),
            ConfigError::EmptyRange {
                first: host(100),
                last: host(50),
            },
        ),
        (
            |c| c.first = host(1),
            ConfigError::InsideRange {
                key: "server",
                address: host(1),
            },
        ),
        (
            |c| c.static_leases = vec![fixed(1, 1)],
            ConfigError::StaticIsOurs(host(1)),
        ),
        (
            |c| c.static_leases = vec![fixed(1, 9), fixed(2, 9)],
            ConfigError::DuplicateAddress(host(9)),
        ),
        (
            |c| c.static_leases = vec![fixed(1, 8), fixed(1, 9)],
            ConfigError::DuplicateMac("02:00:00:00:00:01".into()),
        ),
        (
            |c| c.lease_time = Duration::from_secs(1),
            ConfigError::LeaseTime(Duration::from_secs(1)),
        ),
        (|c| c.max_leases = 0, ConfigError::MaxLeases(0)),
        (|c| c.dns = vec![host(1); 9], ConfigError::TooManyDns(9)),
        (
            |c| c.search = vec![Fqdn::parse("a.b").unwrap(); 7],
            ConfigError::TooManySearch(7),
        ),
    ];
    for (break_it, error) in cases {
        let mut config = config();
        break_it(&mut config);
        assert_eq!(config.validate(), Err(error));
    }
}

#[test]
fn addresses_outside_the_subnet_are_named() {
    let mut config = config();
    config.last = Ipv4Addr::new(192, 168, 2, 10);
    let text = config.validate().unwrap_err().to_string();
    assert_eq!(
        text,
        "last is 192.168.2.10; it must be a host address of 192.168.1.0/24"
    );
    config.last = host(255);
    assert!(
        config.validate().is_err(),
        "the broadcast address is no host"
    );
}
