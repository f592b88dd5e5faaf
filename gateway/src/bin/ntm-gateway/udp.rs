//! The UDP sockets: one for each WAN and IP version, tied to its interface, so that the way out is ours to choose.

use crate::wan::WanInterface;
use anyhow::Result;
use ntm_gateway::Wan;
use ntm_proto::Path;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::task::{self, Poll};
use tokio::net::UdpSocket;
use tracing::{debug, info, warn};

/// Room for what arrives while we are busy, and for what the link does not take at once.
const BUFFER: usize = 1 << 20;

/// One bound socket.
struct Bound {
    wan: WanKey,
    local: SocketAddr,
    /// Whether it only measures the NAT.
    spare: bool,
    socket: UdpSocket,
}

/// Which interface a socket is tied to. The index tells an interface that was made anew under its old name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct WanKey {
    index: u32,
    name: String,
}

/// All sockets.
pub(crate) struct Sockets {
    port: u16,
    bound: Vec<Bound>,
    /// The numbers of the WANs by name; a WAN keeps its number while it is there.
    numbers: BTreeMap<String, u8>,
    /// What has no socket although it should: the log has it.
    missing: Vec<(String, IpAddr)>,
    /// Where the next look for a readable one starts, so that none starves.
    next: usize,
}

impl Sockets {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            port,
            bound: Vec::new(),
            numbers: BTreeMap::new(),
            missing: Vec::new(),
            next: 0,
        }
    }

    /// Makes the sockets fit `list`: those that still fit stay as they are. Returns the WANs as the machine sees them.
    pub(crate) fn rebuild(&mut self, list: &[WanInterface]) -> Vec<Wan> {
        let mut old = std::mem::take(&mut self.bound);
        let known = std::mem::take(&mut self.missing);
        self.number(list);
        let mut wans = Vec::new();
        for interface in list {
            let key = WanKey {
                index: interface.index,
                name: interface.name.clone(),
            };
            let addresses = interface
                .v4
                .map(IpAddr::V4)
                .into_iter()
                .chain(interface.v6.map(IpAddr::V6));
            let (mut sockets, mut spares) = (Vec::new(), Vec::new());
            // Spare sockets come last, and a WAN without one is as good.
            let wanted = addresses.clone().map(|address| (address, false));
            for (address, spare) in wanted.chain(addresses.map(|address| (address, true))) {
                let fits = |bound: &Bound| {
                    bound.wan == key && bound.local.ip() == address && bound.spare == spare
                };
                let bound = match old.iter().position(fits) {
                    Some(at) => Ok(old.swap_remove(at)),
                    None => open(&key, address, if spare { 0 } else { self.port }),
                };
                match bound {
                    Ok(bound) if spare => {
                        spares.push(bound.local);
                        self.bound.push(Bound { spare, ..bound });
                    }
                    Ok(bound) => {
                        sockets.push(bound.local);
                        self.bound.push(bound);
                    }
                    Err(error) if spare => debug!(%error, %address, "no spare socket"),
                    Err(error) => {
                        let which = (interface.name.clone(), address);
                        if !known.contains(&which) {
                            warn!("no socket on {} {address}: {error:#}", interface.name);
                        }
                        self.missing.push(which);
                    }
                }
            }
            if !sockets.is_empty() {
                let id = self
                    .numbers
                    .get(&interface.name)
                    .copied()
                    .unwrap_or(u8::MAX);
                wans.push(Wan {
                    id,
                    name: interface.name.clone(),
                    sockets,
                    spares,
                    metered: false,
                });
            }
        }
        wans
    }

    /// Whether an address of the last list has no socket, as it was gone or not ready: the same list again may work.
    pub(crate) fn is_incomplete(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Where the sockets for peers are bound, best WAN first.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let main = self.bound.iter().filter(|bound| !bound.spare);
        main.map(|bound| bound.local).collect()
    }

    fn number(&mut self, list: &[WanInterface]) {
        self.numbers
            .retain(|name, _| list.iter().any(|interface| interface.name == *name));
        for interface in list {
            if !self.numbers.contains_key(&interface.name) {
                let free =
                    (0..u8::MAX).find(|number| !self.numbers.values().any(|used| used == number));
                self.numbers
                    .insert(interface.name.clone(), free.unwrap_or(u8::MAX));
            }
        }
    }

    /// The first readable one.
    pub(crate) fn poll_readable(&mut self, cx: &mut task::Context<'_>) -> Poll<usize> {
        for step in 0..self.bound.len() {
            let at = (self.next + step) % self.bound.len();
            if self.bound[at].socket.poll_recv_ready(cx).is_ready() {
                self.next = at + 1;
                return Poll::Ready(at);
            }
        }
        Poll::Pending
    }

    /// One datagram from the socket `at`, if there is one.
    pub(crate) fn try_recv(&self, at: usize, buffer: &mut [u8]) -> io::Result<(usize, Path)> {
        let bound = self.bound.get(at).ok_or(io::ErrorKind::WouldBlock)?;
        let (length, remote) = bound.socket.try_recv_from(buffer)?;
        Ok((
            length,
            Path {
                local: bound.local,
                remote,
            },
        ))
    }

    /// Sends from the socket `path.local`, or from the best WAN's if that is unspecified. What the kernel does not
    /// take is lost, as on any network: waiting for one WAN would hold up the others.
    pub(crate) fn send(&self, path: Path, datagram: &[u8]) {
        let fits = |bound: &&Bound| match path.local.ip().is_unspecified() {
            true => !bound.spare && bound.local.is_ipv4() == path.remote.is_ipv4(),
            false => bound.local == path.local,
        };
        let Some(bound) = self.bound.iter().find(fits) else {
            debug!(local = %path.local, remote = %path.remote, "no such socket");
            return;
        };
        // Past tokio's readiness, which is not known for a new socket: the first datagram on a new WAN is the one
        // that must not be lost.
        if let Err(error) = SockRef::from(&bound.socket).send_to(datagram, &path.remote.into()) {
            debug!(%error, local = %bound.local, remote = %path.remote, length = datagram.len(), "not sent");
        }
    }
}

fn open(wan: &WanKey, address: IpAddr, port: u16) -> Result<Bound> {
    let domain = if address.is_ipv4() {
        Domain::IPV4
    } else {
        Domain::IPV6
    };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    } else {
        fragment_freely(&socket)?;
    }
    socket.bind_device(Some(wan.name.as_bytes()))?;
    // The kernel cuts these to its limit; more is a help, not a need.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    if let Err(error) = socket.bind(&SocketAddr::new(address, port).into()) {
        if error.kind() != io::ErrorKind::AddrInUse {
            return Err(error.into());
        }
        info!("UDP port {port} on {address} is taken; using another one");
        socket.bind(&SocketAddr::new(address, 0).into())?;
    }
    let socket = UdpSocket::from_std(socket.into())?;
    let local = socket.local_addr()?;
    Ok(Bound {
        wan: wan.clone(),
        local,
        spare: false,
        socket,
    })
}

/// Lets routers cut our IPv4 datagrams where a link is narrow (RFC 791): where ICMP is filtered, as carriers do,
/// datagrams that must not be cut vanish without a word.
fn fragment_freely(socket: &Socket) -> io::Result<()> {
    let value: libc::c_int = libc::IP_PMTUDISC_DONT;
    let length = libc::socklen_t::try_from(size_of_val(&value)).expect("an int's size fits");
    // SAFETY: the pointer and length are those of `value`, which outlives the call; the kernel only reads it.
    #[expect(unsafe_code, reason = "no safe wrapper for this socket option")]
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
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

/// Where a socket that sends from anywhere is bound.
pub(crate) const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_not_there_leaves_the_sockets_incomplete() {
        let mut sockets = Sockets::new(0);
        let mut list = [WanInterface {
            index: 1,
            name: "lo".into(),
            v4: Some(Ipv4Addr::new(203, 0, 113, 7)),
            v6: None,
        }];
        assert!(sockets.rebuild(&list).is_empty());
        assert!(sockets.is_incomplete());
        list[0].v4 = Some(Ipv4Addr::LOCALHOST);
        assert_eq!(sockets.rebuild(&list).len(), 1);
        assert!(!sockets.is_incomplete());
        let bound = sockets.addresses();
        sockets.rebuild(&list);
        assert_eq!(sockets.addresses(), bound, "what fits stays");
    }
}
