//! Sockets as they are made: what they are bound to, and what may become of their datagrams.

use super::{BUFFER, Bound, Role, WanKey};
use anyhow::Result;
use ntm_gateway::config::Offloads;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use tokio::net::UdpSocket;
use tracing::info;

/// Binds a socket of this role to an address of the WAN.
pub(super) fn open(
    wan: &WanKey,
    address: SocketAddr,
    role: Role,
    offload: Offloads,
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
        may_be_cut(&socket, true, true)?;
    }
    socket.bind_device(Some(wan.name.as_bytes()))?;
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
    if offload.receive && role != Role::Spare {
        udp_trains::join(SockRef::from(&socket), true);
    }
    let socket = UdpSocket::from_std(socket.into())?;
    let local = socket.local_addr()?;
    Ok(Bound {
        wan: wan.clone(),
        local,
        role,
        cuts: offload.send && udp_trains::cuts(SockRef::from(&socket)),
        socket,
    })
}

/// Whether datagrams may be cut where a link is narrow: by routers (RFC 791), of IPv6 by us. Where ICMP is filtered, as
/// carriers do, datagrams that must not be cut vanish without a word.
pub(super) fn may_be_cut(socket: &Socket, is_v4: bool, may: bool) -> io::Result<()> {
    let (level, name, value): (_, _, libc::c_int) = match (is_v4, may) {
        (true, true) => (
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_DONT,
        ),
        // What the kernel has heard of the path is not asked.
        (true, false) => (
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_PROBE,
        ),
        (false, true) => (
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_WANT,
        ),
        (false, false) => (
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_PROBE,
        ),
    };
    let length = libc::socklen_t::try_from(size_of_val(&value)).expect("an int's size fits");
    // SAFETY: the pointer and length are those of `value`, which outlives the call; the kernel only reads it.
    #[expect(unsafe_code, reason = "no safe wrapper for this socket option")]
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
