//! Our place among others who steer packets: a routing table and rules of our own, put back when somebody removes them.
//!
//! mwan3, pbr, Tailscale and their like send packets to tables of their own, by rules that come before the main table.
//! Ours come before theirs (mwan3 begins at 1001, Tailscale at 5210, pbr ends at 30000) and say only what is ours:
//!
//! | priority | packets                                  | table |
//! |----------|------------------------------------------|-------|
//! | 475      | our datagrams, known by their mark       | main  |
//! | 476      | to a virtual address                     | ours: into the TUN interface |
//! | 477      | out of the TUN interface, to the devices | main  |
//!
//! So no datagram of a tunnel is sent into another tunnel, or by another WAN than it is meant for; a table that has no
//! way for a packet leaves it to the next rule. All of ours have the protocol [`PROTOCOL`], and are told by it.

use crate::netlink::Netlink;
use crate::tun::Tun;
use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use ipnet::Ipv4Net;
use ntm_gateway::config::{Steering, Tunnel};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::route::{RouteProtocol, RouteScope};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{Error, Handle, IpVersion, RouteMessageBuilder, RuleAddRequest};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// Who made a rule or route, as the kernel keeps it beside each.
const PROTOCOL: RouteProtocol = RouteProtocol::Other(78);
/// The bits of a packet's mark that are ours.
const MARK_MASK: u32 = 0xff00_0000;
const PRIORITY: u32 = 475;
const MAIN: u32 = 254;
/// Whoever removes one rarely stops at it.
const SETTLES: Duration = Duration::from_millis(20);
/// The least pause between two times of putting back: somebody may be as stubborn as we are.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// How long the kernel may take to forget our rules at the end.
const PATIENCE: Duration = Duration::from_secs(1);

/// What leads to virtual addresses.
#[derive(Clone, Debug)]
struct Ways {
    range: Ipv4Net,
    source: Ipv4Addr,
    index: u32,
    interface: String,
    steering: Steering,
}

/// The rules and the route, kept until [`Routing::remove`].
pub(crate) struct Routing {
    netlink: Netlink,
    keeper: JoinHandle<()>,
}

impl Routing {
    /// Sets them. `lost` tells that somebody may have removed one.
    pub(crate) async fn set(
        config: &Tunnel,
        tun: &Tun,
        (range, source): (Ipv4Net, Ipv4Addr),
        netlink: &Netlink,
        lost: mpsc::Receiver<()>,
    ) -> Result<Self> {
        let ways = Ways {
            range,
            source,
            index: tun.index(),
            interface: config.interface.clone(),
            steering: config.steering,
        };
        // What a process that was killed has left, perhaps with other settings.
        forget_rules(netlink.handle()).await;
        let table = match ways.add_rules(netlink.handle()).await {
            Ok(_) => u32::from(config.steering.table),
            Err(error) => {
                warn!(
                    "this kernel has no rules of routing ({error}): virtual addresses are routed by the main table"
                );
                MAIN
            }
        };
        let routed = ways.add_route(netlink.handle(), table).await;
        routed.with_context(|| format!("cannot route {range} into {}", config.interface))?;
        let keeper = tokio::spawn(keep(ways, table, netlink.clone(), lost));
        Ok(Self {
            netlink: netlink.clone(),
            keeper,
        })
    }

    /// Takes the rules back. The route goes with the interface.
    pub(crate) async fn remove(self) {
        self.keeper.abort();
        if timeout(PATIENCE, forget_rules(self.netlink.handle()))
            .await
            .is_err()
        {
            debug!("the kernel keeps our rules of routing");
        }
    }
}

async fn keep(ways: Ways, table: u32, netlink: Netlink, mut lost: mpsc::Receiver<()>) {
    let mut is_new = true;
    while lost.recv().await.is_some() {
        sleep(SETTLES).await;
        // What has been said so far is seen to below.
        let _ = lost.try_recv();
        let handle = netlink.handle();
        let rules = match table {
            MAIN => Ok(0),
            _ => ways.add_rules(handle).await,
        };
        let route = ways.add_route(handle, table).await;
        match (rules, route) {
            (Ok(0), Ok(())) => {}
            (Ok(back), Ok(())) => {
                debug!(back, "rules of routing are back");
                if is_new {
                    warn!(
                        "another program removed our rules of routing (ip rule); they are put back whenever that happens"
                    );
                }
                is_new = false;
            }
            // The interface is down, say. Its coming up is told, too.
            (rules, route) => debug!(?rules, ?route, "routing is not as it should be"),
        }
        sleep(LEAST_PAUSE).await;
    }
}

impl Ways {
    /// Adds what is missing, and says how many of them were.
    async fn add_rules(&self, handle: &Handle) -> Result<usize, Error> {
        let mark = self.steering.mark();
        let main = || rule(handle, MAIN, PRIORITY);
        let mut back = 0;
        back += add(marked(main().v4(), mark)).await?;
        // A kernel without IPv6 has no rules for it.
        back += add(marked(main().v6(), mark)).await.unwrap_or_default();
        let to_us = rule(handle, self.steering.table.into(), PRIORITY + 1).v4();
        back +=
            add(to_us.destination_prefix(self.range.network(), self.range.prefix_len())).await?;
        let from_us = rule(handle, MAIN, PRIORITY + 2).v4();
        back += add(from_us.input_interface(&self.interface)).await?;
        Ok(back)
    }

    async fn add_route(&self, handle: &Handle, table: u32) -> Result<(), Error> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(self.range.network(), self.range.prefix_len())
            .output_interface(self.index)
            .scope(RouteScope::Link)
            .pref_source(self.source)
            .protocol(PROTOCOL)
            .table_id(table)
            .build();
        handle.route().add(route).replace().execute().await
    }
}

fn rule(handle: &Handle, table: u32, priority: u32) -> RuleAddRequest {
    let mut request = handle.rule().add().table_id(table).priority(priority);
    request = request.action(RuleAction::ToTable);
    let message = request.message_mut();
    message.attributes.push(RuleAttribute::Protocol(PROTOCOL));
    request
}

fn marked<T>(request: RuleAddRequest<T>, mark: u32) -> RuleAddRequest<T> {
    let mut request = request.fw_mark(mark);
    let message = request.message_mut();
    message.attributes.push(RuleAttribute::FwMask(MARK_MASK));
    request
}

/// 1 if it was not there.
async fn add<T>(request: RuleAddRequest<T>) -> Result<usize, Error> {
    match request.execute().await {
        Ok(()) => Ok(1),
        Err(Error::NetlinkError(message)) if message.raw_code() == -libc::EEXIST => Ok(0),
        Err(error) => Err(error),
    }
}

async fn forget_rules(handle: &Handle) {
    for version in [IpVersion::V4, IpVersion::V6] {
        let mut rules = handle.rule().get(version).execute();
        let mut ours = Vec::new();
        // A kernel without the family says so with an error.
        while let Some(rule) = rules.try_next().await.unwrap_or_default() {
            if is_ours(&rule) {
                ours.push(rule);
            }
        }
        for rule in ours {
            if let Err(error) = handle.rule().del(rule).execute().await {
                debug!(%error, "a rule of routing stays");
            }
        }
    }
}

fn is_ours(rule: &RuleMessage) -> bool {
    let of_us = RuleAttribute::Protocol(PROTOCOL);
    rule.attributes.contains(&of_us)
}

/// Whether what the kernel tells means that one of ours may be missing. An interface that goes down loses its routes,
/// and nothing is said of these.
pub(crate) fn may_lack(payload: &NetlinkPayload<RouteNetlinkMessage>) -> bool {
    let NetlinkPayload::InnerMessage(message) = payload else {
        // Something was said that we did not hear.
        return true;
    };
    if let RouteNetlinkMessage::DelRule(rule) = message {
        return is_ours(rule);
    }
    if let RouteNetlinkMessage::DelRoute(route) = message {
        return route.header.protocol == PROTOCOL;
    }
    matches!(message, RouteNetlinkMessage::NewLink(_))
}
