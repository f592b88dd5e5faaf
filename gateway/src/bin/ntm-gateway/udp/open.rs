//! Sockets as they are made: what they are bound to, and what may become of their datagrams.

use super::{BUFFER, Bound, Role, SocketOptions, WanKey};
use anyhow::Result;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;
use tokio::net::UdpSocket;
use tracing::{debug, info};

/// Binds a socket of this role to an address of the WAN.
pub(super) fn open(
    wan: &WanKey,
    address: SocketAddr,
    role: Role,
    options: SocketOptions,
) -> Result<Bound> {
    let domain = if address.is_ipv4() {
        Domain::IPV4
    } else {
        Domain::IPV6
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    } else {
        udp_trains::may_be_cut(SockRef::from(&socket), true, true);
    }
    socket.bind_device(Some(wan.name.as_bytes()))?;
    // By this our datagrams are known to whoever else steers packets here.
    if let Err(error) = socket.set_mark(options.mark) {
        debug!(%error, "datagrams leave without our mark");
    }
    // One that only measures needs none.
    if role != Role::Spare {
        udp_trains::reserve(SockRef::from(&socket), BUFFER);
    }
    if let Err(error) = socket.bind(&address.into()) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error.into());
        }
        info!(
            "UDP port {} on {} is taken; using another one",
            address.port(),
            address.ip()
        );
        socket.bind(&SocketAddr::new(address.ip(), 0).into())?;
    }
    if options.offload.receive && role != Role::Spare {
        udp_trains::join(SockRef::from(&socket), true);
    }
    let socket = UdpSocket::from_std(socket.into())?;
    let local = socket.local_addr()?;
    Ok(Bound {
        wan: wan.clone(),
        local,
        role,
        cuts: options.offload.send && udp_trains::cuts(SockRef::from(&socket)),
        socket,
    })
}
