//! Which of the kernel's interfaces are WANs, and in what order. Pure.

use super::{Link, MAX_WANS, Snapshot, WanInterface};
use crate::netlink::is_routable;
use ntm_gateway::config::Config;
use std::net::IpAddr;

/// The WANs, best first.
pub(super) fn select(snapshot: &Snapshot, config: &Config) -> Vec<WanInterface> {
    let mut ranked: Vec<_> = snapshot
        .links
        .iter()
        .filter_map(|link| rank(link, snapshot, config))
        .collect();
    ranked.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.name.cmp(&y.name)));
    ranked.truncate(MAX_WANS);
    ranked.into_iter().map(|(_, wan)| wan).collect()
}

/// Its place, lower is better, and what it is; `None` if it is no WAN.
fn rank(link: &Link, snapshot: &Snapshot, config: &Config) -> Option<((bool, u32), WanInterface)> {
    if !link.up || link.name == config.lan.interface || link.name == config.tunnel.interface {
        return None;
    }
    let listed = config
        .wan
        .interfaces
        .iter()
        .position(|name| *name == link.name);
    if listed.is_none() && config.wan.only_listed {
        return None;
    }
    let metric = |v6: bool| {
        let routes = snapshot
            .routes
            .iter()
            .filter(|route| route.index == link.index && route.v6 == v6)
            // What is listed may be reached by a table of its own.
            .filter(|route| route.is_main || listed.is_some());
        routes.map(|route| route.metric).min()
    };
    let addresses = || {
        snapshot
            .addresses
            .iter()
            .filter(|address| address.index == link.index && is_routable(address.ip))
    };
    let (v4_metric, v6_metric) = (metric(false), metric(true));
    let v4 = addresses()
        .filter(|_| v4_metric.is_some())
        .filter_map(|address| match address.ip {
            IpAddr::V4(ip) => Some((address.second, ip)),
            IpAddr::V6(_) => None,
        });
    let v6 = addresses()
        .filter(|_| v6_metric.is_some())
        .filter_map(|address| match address.ip {
            // A unique local address (RFC 4193) leads nowhere if the network has a real one, too.
            IpAddr::V6(ip) => Some((ip.is_unique_local(), address.second, ip)),
            IpAddr::V4(_) => None,
        });
    let (v4, v6) = (v4.min().map(|(_, ip)| ip), v6.min().map(|(_, _, ip)| ip));
    if v4.is_none() && v6.is_none() {
        return None;
    }
    let metered = config.wan.metered.contains(&link.name);
    let order = match listed {
        Some(at) => (false, u32::try_from(at).unwrap_or(u32::MAX)),
        None => {
            let metrics = v4_metric.into_iter().chain(v6_metric);
            (metered, metrics.min().unwrap_or(u32::MAX))
        }
    };
    Some((
        order,
        WanInterface {
            index: link.index,
            name: link.name.clone(),
            v4,
            v6,
            metered,
            last_resort: false,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::super::{Address, DefaultRoute};
    use super::*;

    fn free(wan: &str) -> Config {
        let text = format!(
            "[lan]\ninterface = \"lan0\"\naddress = \"192.168.1.1/24\"\n[wan]\ninterfaces = {wan}\n"
        );
        Config::parse("test", &text).unwrap()
    }

    fn config(wan: &str) -> Config {
        let mut config = free(wan);
        config.wan.metered.push("wwan0".into());
        config
    }

    fn snapshot() -> Snapshot {
        let link = |index, name: &str, up| Link {
            index,
            name: name.into(),
            up,
        };
        let address = |index, ip: &str, second| Address {
            index,
            ip: ip.parse().unwrap(),
            prefix: 24,
            second,
        };
        let route = |index, v6, metric| DefaultRoute {
            index,
            v6,
            metric,
            is_main: true,
        };
        Snapshot {
            links: vec![
                link(1, "lo", false),
                link(2, "lan0", true),
                link(3, "wan0", true),
                link(4, "wwan0", true),
                link(5, "eth9", false),
                link(6, "ntm0", true),
            ],
            addresses: vec![
                address(2, "192.168.1.1", false),
                address(3, "203.0.113.9", true),
                address(3, "203.0.113.7", false),
                address(4, "100.64.0.9", false),
                address(4, "fd00::9", false),
                address(4, "2001:db8::8", true),
                address(4, "2001:db8::9", false),
                address(5, "198.51.100.5", false),
                address(6, "198.18.0.1", false),
            ],
            routes: vec![
                route(2, false, 1),
                route(3, false, 200),
                route(4, false, 100),
                route(4, true, 1024),
                route(5, false, 1),
                route(6, false, 1),
            ],
        }
    }

    fn names(list: &[WanInterface]) -> Vec<&str> {
        list.iter().map(|wan| wan.name.as_str()).collect()
    }

    #[test]
    fn without_a_list_the_metric_decides() {
        let list = select(&snapshot(), &free("[]"));
        assert_eq!(names(&list), ["wwan0", "wan0"]);
        assert_eq!(list[0].v6, Some("2001:db8::9".parse().unwrap()));
        assert_eq!(list[1].v4, Some("203.0.113.7".parse().unwrap()));
    }

    #[test]
    fn a_list_decides_order_and_membership() {
        assert_eq!(
            names(&select(&snapshot(), &free("[\"wan0\", \"wwan0\"]"))),
            ["wan0", "wwan0"]
        );
        assert_eq!(
            names(&select(&snapshot(), &free("[\"wan0\", \"eth9\"]"))),
            ["wan0"]
        );
    }

    #[test]
    fn a_choice_that_names_none_yet_is_none() {
        let mut config = free("[]");
        config.wan.only_listed = true;
        assert_eq!(select(&snapshot(), &config), []);
    }

    #[test]
    fn metered_ones_come_last_unless_the_list_says_otherwise() {
        let list = select(&snapshot(), &config("[]"));
        assert_eq!(names(&list), ["wan0", "wwan0"]);
        assert_eq!((list[0].metered, list[1].metered), (false, true));
        let list = select(&snapshot(), &config("[\"wwan0\", \"wan0\"]"));
        assert_eq!(names(&list), ["wwan0", "wan0"]);
        assert!(list[0].metered);
    }

    #[test]
    fn a_metric_alone_changes_the_order() {
        let (mut snapshot, config) = (snapshot(), free("[]"));
        let before = select(&snapshot, &config);
        for route in snapshot.routes.iter_mut().filter(|route| route.index == 3) {
            route.metric = 50;
        }
        let after = select(&snapshot, &config);
        assert_ne!(before, after, "the watch compares lists");
        assert_eq!(names(&after), ["wan0", "wwan0"]);
    }

    #[test]
    fn another_programs_table_makes_no_wan_but_of_one_that_is_listed() {
        let mut snapshot = snapshot();
        for route in snapshot.routes.iter_mut().filter(|it| it.index == 4) {
            route.is_main = false;
        }
        assert_eq!(names(&select(&snapshot, &free("[]"))), ["wan0"]);
        let listed = free("[\"wwan0\", \"wan0\"]");
        assert_eq!(names(&select(&snapshot, &listed)), ["wwan0", "wan0"]);
    }

    #[test]
    fn no_default_route_no_wan() {
        let mut snapshot = snapshot();
        snapshot.routes.retain(|route| route.index != 3 && route.v6);
        let list = select(&snapshot, &config("[]"));
        assert_eq!(names(&list), ["wwan0"]);
        assert_eq!(list[0].v4, None);
    }
}
