//! The kernel's interfaces, addresses and routes: asked for, set, watched.

use crate::routing;
use crate::wan::{Address, DefaultRoute, Link, Snapshot};
use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressScope,
};
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourState};
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteType};
use rtnetlink::{Error, Handle, MulticastGroup, RouteMessageBuilder, new_multicast_connection};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::sync::mpsc;

/// What a change of makes us look again.
const GROUPS: [MulticastGroup; 7] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
    MulticastGroup::Ipv4Rule,
    MulticastGroup::Ipv6Rule,
];

/// Each gets one item when something has changed since the last was taken.
pub(crate) struct Changes {
    /// What WANs are made of.
    pub(crate) wans: mpsc::Receiver<()>,
    /// Our rules and routes may have been removed.
    pub(crate) routing: mpsc::Receiver<()>,
}

/// A connection to the kernel.
#[derive(Clone)]
pub(crate) struct Netlink {
    handle: Handle,
}

impl Netlink {
    /// Connects.
    pub(crate) fn open() -> Result<(Self, Changes)> {
        let (connection, handle, mut messages) =
            new_multicast_connection(&GROUPS).context("cannot open netlink")?;
        tokio::spawn(connection);
        let (changed, wans) = mpsc::channel(1);
        let (lost, routing) = mpsc::channel(1);
        tokio::spawn(async move {
            // An overrun comes as a message, too: whatever it is, look again.
            while let Ok((message, _)) = messages.recv().await {
                // Full means that somebody will look anyway.
                if concerns_wans(&message.payload) {
                    let _ = changed.try_send(());
                }
                if routing::may_lack(&message.payload) {
                    let _ = lost.try_send(());
                }
            }
        });
        Ok((Self { handle }, Changes { wans, routing }))
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) async fn add_address(&self, index: u32, address: Ipv4Addr) -> Result<(), Error> {
        self.handle
            .address()
            .add(index, address.into(), 32)
            .replace()
            .execute()
            .await
    }

    /// Says where an address of the LAN is: for good, or only until the kernel asks anew.
    pub(crate) async fn set_neighbour(
        &self,
        index: u32,
        address: Ipv4Addr,
        mac: [u8; 6],
        permanent: bool,
    ) -> Result<(), Error> {
        let state = if permanent {
            NeighbourState::Permanent
        } else {
            NeighbourState::Stale
        };
        let neighbours = self.handle.neighbours();
        let request = neighbours.add(index, address.into()).replace();
        request
            .state(state)
            .link_layer_address(&mac)
            .execute()
            .await
    }

    /// The IPv4 neighbours of an interface that are there for good.
    pub(crate) async fn permanent_neighbours(
        &self,
        index: u32,
    ) -> Result<Vec<([u8; 6], Ipv4Addr)>, Error> {
        let neighbours = self.handle.neighbours().get();
        let mut found = neighbours.set_address_family(AddressFamily::Inet).execute();
        let mut all = Vec::new();
        while let Some(message) = found.try_next().await? {
            let header = &message.header;
            if header.ifindex != index || header.state != NeighbourState::Permanent {
                continue;
            }
            let (mut mac, mut address) = (None, None);
            for attribute in message.attributes {
                if let NeighbourAttribute::LinkLayerAddress(bytes) = attribute {
                    mac = <[u8; 6]>::try_from(bytes).ok();
                } else if let NeighbourAttribute::Destination(NeighbourAddress::Inet(at)) =
                    attribute
                {
                    address = Some(at);
                }
            }
            all.extend(mac.zip(address));
        }
        Ok(all)
    }

    /// What there is now.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        let mut links = self.handle.link().get().execute();
        while let Some(message) = links.try_next().await? {
            snapshot.links.extend(link(&message));
        }
        let mut addresses = self.handle.address().get().execute();
        while let Some(message) = addresses.try_next().await? {
            snapshot.addresses.extend(address(&message));
        }
        let families = [
            RouteMessageBuilder::<Ipv4Addr>::new().build(),
            RouteMessageBuilder::<Ipv6Addr>::new().build(),
        ];
        for (family, v6) in families.into_iter().zip([false, true]) {
            let mut routes = self.handle.route().get(family).execute();
            // A kernel without IPv6 has no IPv6 routes, and says so with an error.
            while let Some(message) = routes.try_next().await.unwrap_or_default() {
                default_route(&message, v6, &mut snapshot.routes);
            }
        }
        Ok(snapshot)
    }
}

/// Routes to single networks and hosts come and go with every address, and lead nowhere else; rules make no WAN.
fn concerns_wans(payload: &NetlinkPayload<RouteNetlinkMessage>) -> bool {
    let NetlinkPayload::InnerMessage(message) = payload else {
        return true;
    };
    if let RouteNetlinkMessage::NewRoute(route) | RouteNetlinkMessage::DelRoute(route) = message {
        return route.header.destination_prefix_length == 0;
    }
    !matches!(
        message,
        RouteNetlinkMessage::NewRule(_) | RouteNetlinkMessage::DelRule(_)
    )
}

fn link(message: &LinkMessage) -> Option<Link> {
    let mut name = None;
    for attribute in &message.attributes {
        if let LinkAttribute::IfName(text) = attribute {
            name = Some(text.clone());
        }
    }
    let flags = message.header.flags;
    // Running lags up to a second behind a carrier that is lost, LowerUp does not.
    let up = flags.contains(LinkFlags::Up | LinkFlags::Running | LinkFlags::LowerUp)
        && !flags.contains(LinkFlags::Loopback);
    Some(Link {
        index: message.header.index,
        name: name?,
        up,
    })
}

fn address(message: &AddressMessage) -> Option<Address> {
    if message.header.scope != AddressScope::Universe {
        return None;
    }
    let (mut local, mut remote, mut flags) = (None, None, AddressFlags::empty());
    for attribute in &message.attributes {
        if let AddressAttribute::Local(ip) = attribute {
            local = Some(*ip);
        } else if let AddressAttribute::Address(ip) = attribute {
            remote = Some(*ip);
        } else if let AddressAttribute::Flags(bits) = attribute {
            flags = *bits;
        }
    }
    // On point-to-point links Local is ours and Address the other end's; IPv6 has only Address.
    let ip = local.or(remote)?;
    let unusable = AddressFlags::Tentative | AddressFlags::Dadfailed | AddressFlags::Deprecated;
    if flags.intersects(unusable) && !flags.contains(AddressFlags::Optimistic) {
        return None;
    }
    let second = flags.contains(AddressFlags::Secondary);
    Some(Address {
        index: message.header.index,
        ip,
        prefix: message.header.prefix_len,
        second,
    })
}

fn default_route(message: &RouteMessage, v6: bool, routes: &mut Vec<DefaultRoute>) {
    if message.header.destination_prefix_length != 0 || message.header.kind != RouteType::Unicast {
        return;
    }
    let mut table = u32::from(message.header.table);
    let mut metric = 0;
    let mut interfaces = Vec::new();
    for attribute in &message.attributes {
        if let RouteAttribute::Table(number) = attribute {
            table = *number;
        } else if let RouteAttribute::Priority(priority) = attribute {
            metric = *priority;
        } else if let RouteAttribute::Oif(index) = attribute {
            interfaces.push(*index);
        } else if let RouteAttribute::MultiPath(hops) = attribute {
            interfaces.extend(hops.iter().map(|hop| hop.interface_index));
        }
    }
    routes.extend(interfaces.into_iter().map(|index| DefaultRoute {
        index,
        v6,
        metric,
        is_main: table == u32::from(RouteHeader::RT_TABLE_MAIN),
    }));
}

/// Whether an address can be spoken from beyond its own link.
pub(crate) fn is_routable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified() && !v4.is_multicast()
        }
        IpAddr::V6(v6) => is_routable_v6(v6),
    }
}

fn is_routable_v6(v6: Ipv6Addr) -> bool {
    !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified() && !v6.is_multicast()
}
