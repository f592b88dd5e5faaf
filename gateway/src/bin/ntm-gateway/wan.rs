//! Which interfaces lead out now: from what the kernel has to an ordered list, soon after each change.
//!
//! An interface is a WAN for IPv4 when it is up, has an IPv4 address and a default route; for IPv6 likewise. The
//! LAN and the TUN never are. The order is the configuration's, or that of the routes' metrics.

use crate::netlink::{Netlink, is_routable};
use ntm_gateway::config::Config;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::warn;

/// How long after a change we look: a change comes in several steps, close together.
const STEPS: Duration = Duration::from_millis(10);
/// How long we do not look again: what flaps shall not keep us busy.
const PAUSE: Duration = Duration::from_millis(40);
/// The most WANs at a time.
const MAX_WANS: usize = 16;

/// A network interface.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// Up, with a carrier, and not the loopback.
    pub(crate) up: bool,
}

/// An address of global scope, in use.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) index: u32,
    pub(crate) ip: IpAddr,
    /// IPv4: not the first of its network; IPv6: a temporary one (RFC 8981).
    pub(crate) second: bool,
}

/// A way to everywhere.
#[derive(Clone, Debug)]
pub(crate) struct DefaultRoute {
    pub(crate) index: u32,
    pub(crate) v6: bool,
    pub(crate) metric: u32,
}

/// What the kernel has at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) links: Vec<Link>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) routes: Vec<DefaultRoute>,
}

/// A WAN interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WanInterface {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) v4: Option<Ipv4Addr>,
    pub(crate) v6: Option<Ipv6Addr>,
}

/// Watches for good, and sends each list that differs from the last.
pub(crate) async fn watch(
    config: Config,
    netlink: Netlink,
    mut changes: mpsc::Receiver<()>,
    lists: mpsc::Sender<Vec<WanInterface>>,
) {
    let mut last = None;
    loop {
        match netlink.snapshot().await {
            Ok(snapshot) => {
                let list = select(&snapshot, &config);
                if last.as_ref() != Some(&list) {
                    last = Some(list.clone());
                    if lists.send(list).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                warn!("cannot read the interfaces: {error:#}; trying again");
                sleep(Duration::from_secs(1)).await;
                continue;
            }
        }
        sleep(PAUSE).await;
        if changes.recv().await.is_none() {
            return;
        }
        sleep(STEPS).await;
        // The steps that came meanwhile; what comes later makes us look again.
        let _ = changes.try_recv();
    }
}

/// The WANs, best first.
fn select(snapshot: &Snapshot, config: &Config) -> Vec<WanInterface> {
    let mut ranked: Vec<_> = snapshot
        .links
        .iter()
        .filter_map(|link| rank(link, snapshot, config))
        .collect();
    ranked.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.name.cmp(&y.name)));
    ranked.truncate(MAX_WANS);
    ranked.into_iter().map(|(_, wan)| wan).collect()
}

fn rank(link: &Link, snapshot: &Snapshot, config: &Config) -> Option<(u32, WanInterface)> {
    if !link.up || link.name == config.lan.interface || link.name == config.tunnel.interface {
        return None;
    }
    let listed = config
        .wan
        .interfaces
        .iter()
        .position(|name| *name == link.name);
    if listed.is_none() && !config.wan.interfaces.is_empty() {
        return None;
    }
    let metric = |v6: bool| {
        let routes = snapshot
            .routes
            .iter()
            .filter(|route| route.index == link.index && route.v6 == v6);
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
    let order = match listed {
        Some(at) => u32::try_from(at).unwrap_or(u32::MAX),
        None => v4_metric
            .into_iter()
            .chain(v6_metric)
            .min()
            .unwrap_or(u32::MAX),
    };
    Some((
        order,
        WanInterface {
            index: link.index,
            name: link.name.clone(),
            v4,
            v6,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(wan: &str) -> Config {
        let text = format!(
            "[lan]\ninterface = \"lan0\"\naddress = \"192.168.1.1/24\"\n[wan]\ninterfaces = {wan}\n"
        );
        Config::parse("test", &text).unwrap()
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
            second,
        };
        let route = |index, v6, metric| DefaultRoute { index, v6, metric };
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
        let list = select(&snapshot(), &config("[]"));
        assert_eq!(names(&list), ["wwan0", "wan0"]);
        assert_eq!(list[0].v6, Some("2001:db8::9".parse().unwrap()));
        assert_eq!(list[1].v4, Some(Ipv4Addr::new(203, 0, 113, 7)));
    }

    #[test]
    fn a_list_decides_order_and_membership() {
        assert_eq!(
            names(&select(&snapshot(), &config("[\"wan0\", \"wwan0\"]"))),
            ["wan0", "wwan0"]
        );
        assert_eq!(
            names(&select(&snapshot(), &config("[\"wan0\", \"eth9\"]"))),
            ["wan0"]
        );
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
