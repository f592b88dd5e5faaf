//! Binds sockets, and says in plain words why one cannot be bound.

use anyhow::{Context, Result, bail};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::net::{TcpListener, UdpSocket};

/// Receive and send buffers of control sockets: room for a thousand gateways that speak at once.
const BUFFER: usize = 2 * 1024 * 1024;

/// Binds each address with `bind`. Of the unspecified ones one family may be missing on this machine.
pub(crate) fn all<T>(
    addresses: &[SocketAddr],
    key: &str,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<Vec<T>> {
    let mut bound = Vec::new();
    for &address in addresses {
        match bind(address) {
            Ok(socket) => bound.push(socket),
            Err(error) if address.ip().is_unspecified() && is_missing_family(&error) => {
                tracing::info!(%address, "not listening there: {error}");
            }
            Err(error) => {
                let advice = advice(&error, address, key);
                return Err(error).with_context(|| format!("cannot listen on {address}: {advice}"));
            }
        }
    }
    if bound.is_empty() {
        bail!("this machine has neither IPv4 nor IPv6");
    }
    Ok(bound)
}

/// A UDP socket of one family.
pub(crate) fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = new(address, Type::DGRAM, Protocol::UDP)?;
    // Smaller buffers than asked for work, too.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// A TCP listener of one family.
pub(crate) fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = new(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    TcpListener::from_std(socket.into())
}

fn new(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn is_missing_family(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no ErrorKind of its own.
    matches!(
        error.kind(),
        ErrorKind::AddrNotAvailable | ErrorKind::Unsupported
    ) || error.raw_os_error() == Some(97)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the system has many reasons, these need advice"
)]
fn advice(error: &io::Error, address: SocketAddr, key: &str) -> String {
    match error.kind() {
        ErrorKind::AddrInUse if key == "dns_port" => "another name server is there; name this machine's public address in `listen`, or set `dns = false`".into(),
        ErrorKind::AddrInUse => format!("another program is there, perhaps another ntm-dc; end it, or change `{key}`"),
        ErrorKind::AddrNotAvailable => format!(
            "no interface has the address {}; correct `listen`. If it is a cloud's public address, leave `listen` empty and put it into `advertise`",
            address.ip()
        ),
        ErrorKind::PermissionDenied => format!(
            "ports below 1024 need root or the right CAP_NET_BIND_SERVICE; give it that, or change `{key}`"
        ),
        _ => "see the system's reason".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn errors_say_what_to_change() {
        let taken = udp("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = taken.local_addr().unwrap();
        let error = all(&[address], "udp_port", udp).unwrap_err();
        assert!(
            format!("{error:#}").contains("change `udp_port`"),
            "{error:#}"
        );
        let foreign = "192.0.2.1:0".parse().unwrap();
        let error = all(&[foreign], "as_port", tcp).unwrap_err();
        assert!(format!("{error:#}").contains("`advertise`"), "{error:#}");
    }
}
