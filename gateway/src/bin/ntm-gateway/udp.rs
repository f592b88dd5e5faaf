//! The UDP sockets: one for each WAN and IP version, tied to its interface, so that the way out is ours to choose.
//!
//! A peer may be on our own LAN: the car's router that came home. It knows our WAN's address, and what it sends there
//! comes in by the LAN, where a socket tied to the WAN hears nothing. So each IPv4 socket has a twin there.

mod open;

use crate::wan::WanInterface;
use ipnet::Ipv4Net;
use ntm_gateway::Wan;
use ntm_gateway::config::Offloads;
use ntm_proto::Path;
use open::open;
use socket2::SockRef;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::task::{self, Poll};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tracing::{debug, trace, warn};
use udp_trains::{Left, Received, Refused};

/// Room for what arrives while we are busy, and for what the link does not take at once: some ten trains each.
const BUFFER: usize = 1 << 20;

/// One bound socket.
struct Bound {
    wan: WanKey,
    local: SocketAddr,
    role: Role,
    /// Whether trains leave in one call.
    cuts: bool,
    socket: UdpSocket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// For the DC, relays and peers.
    Main,
    /// Only measures the NAT.
    Spare,
    /// The main one's twin, with the same address, for peers on the LAN.
    Inner,
}

/// The LAN, where peers may be, too.
pub(crate) struct LanSide {
    pub(crate) interface: String,
    pub(crate) net: Ipv4Net,
}

impl LanSide {
    fn holds(&self, address: SocketAddr) -> bool {
        matches!(address.ip(), IpAddr::V4(v4) if self.net.contains(&v4))
    }
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
    lan: LanSide,
    options: SocketOptions,
    bound: Vec<Bound>,
    /// The numbers of the WANs by name; a WAN keeps its number while it is there.
    numbers: BTreeMap<String, u8>,
    /// Told when a WAN does not take a datagram as if it had changed.
    hint: mpsc::Sender<()>,
    /// What has no socket although it should: the log has it.
    missing: Vec<(String, IpAddr)>,
    /// Where the next look for a readable one starts, so that none starves.
    next: usize,
}

impl Sockets {
    pub(crate) fn new(
        port: u16,
        lan: LanSide,
        options: SocketOptions,
        hint: mpsc::Sender<()>,
    ) -> Self {
        Self {
            port,
            lan,
            options,
            hint,
            bound: Vec::new(),
            numbers: BTreeMap::new(),
            missing: Vec::new(),
            next: 0,
        }
    }

    /// Makes the sockets fit `list`: those that still fit stay as they are. Returns the WANs as the machine sees them.
    pub(crate) fn rebuild(&mut self, list: &[WanInterface]) -> Vec<Wan> {
        let mut old = std::mem::take(&mut self.bound);
        let inner = old
            .extract_if(.., |bound| bound.role == Role::Inner)
            .collect();
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
            let wanted = addresses.clone().map(|address| (address, Role::Main));
            let spare = addresses.map(|address| (address, Role::Spare));
            for (address, role) in wanted.chain(spare) {
                let fits = |bound: &Bound| {
                    bound.wan == key && bound.local.ip() == address && bound.role == role
                };
                let port = if role == Role::Main { self.port } else { 0 };
                let bound = match old.iter().position(fits) {
                    Some(at) => Ok(old.swap_remove(at)),
                    None => open(&key, SocketAddr::new(address, port), role, self.options),
                };
                match bound {
                    Ok(bound) if role == Role::Spare => {
                        spares.push(bound.local);
                        self.bound.push(bound);
                    }
                    Ok(bound) => {
                        sockets.push(bound.local);
                        self.bound.push(bound);
                    }
                    Err(error) if role == Role::Spare => {
                        debug!(%error, %address, "no spare socket")
                    }
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
                    metered: interface.metered,
                    last_resort: interface.last_resort,
                });
            }
        }
        self.open_inner(inner);
        wans
    }

    /// Makes the main sockets' twins on the LAN. Without one, peers there are reached by a relay.
    fn open_inner(&mut self, mut old: Vec<Bound>) {
        let lan = WanKey {
            // The LAN's interface may be a new one of the old name; zero if there is none now.
            index: index_of(&self.lan.interface),
            name: self.lan.interface.clone(),
        };
        let mains: Vec<SocketAddr> = self.addresses();
        for main in mains.into_iter().filter(SocketAddr::is_ipv4) {
            let fits = |bound: &Bound| bound.wan == lan && bound.local == main;
            if let Some(at) = old.iter().position(fits) {
                self.bound.push(old.swap_remove(at));
                continue;
            }
            match open(&lan, main, Role::Inner, self.options) {
                Ok(bound) if bound.local == main => self.bound.push(bound),
                Ok(_) => {}
                Err(error) => debug!(%error, %main, "no socket on the LAN"),
            }
        }
    }

    /// Whether an address of the last list has no socket, as it was gone or not ready: the same list again may work.
    pub(crate) fn is_incomplete(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Where the sockets for peers are bound, best WAN first.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let main = self.bound.iter().filter(|bound| bound.role == Role::Main);
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

    /// A train of datagrams from the socket `at`, if there is one.
    pub(crate) fn try_recv(&self, at: usize, buffer: &mut [u8]) -> io::Result<(Received, Path)> {
        let bound = self.bound.get(at).ok_or(io::ErrorKind::WouldBlock)?;
        let socket = SockRef::from(&bound.socket);
        let receive = || udp_trains::receive(&socket, buffer);
        let train = bound.socket.try_io(Interest::READABLE, receive)?;
        let path = Path {
            local: bound.local,
            remote: train.remote,
        };
        Ok((train, path))
    }

    fn bound_to(&self, path: Path) -> Option<&Bound> {
        // A WAN within the LAN's range is a muddle in which only the WAN can be meant.
        let inner = self.lan.holds(path.remote) && !self.lan.holds(path.local);
        let fits = |bound: &&Bound| match path.local.ip().is_unspecified() {
            true => bound.role == Role::Main && bound.local.is_ipv4() == path.remote.is_ipv4(),
            false => bound.local == path.local && (bound.role == Role::Inner) == inner,
        };
        let found = self.bound.iter().find(fits);
        if found.is_none() {
            debug!(local = %path.local, remote = %path.remote, "no such socket");
        }
        found
    }

    /// Sends a datagram that nobody may cut on its way. One that does not fit is lost; that is what it is for.
    pub(crate) fn send_whole(&self, path: Path, datagram: &[u8]) {
        let Some(bound) = self.bound_to(path) else {
            return;
        };
        let (socket, is_v4) = (SockRef::from(&bound.socket), path.remote.is_ipv4());
        if !udp_trains::may_be_cut(SockRef::from(&bound.socket), is_v4, false) {
            return;
        }
        let sent = socket.send_to(datagram, &path.remote.into());
        udp_trains::may_be_cut(socket, is_v4, true);
        if let Err(error) = sent {
            trace!(%error, remote = %path.remote, length = datagram.len(), "not sent whole");
        }
    }

    /// Sends a datagram, see [`Self::send_train`].
    pub(crate) fn send(&self, path: Path, datagram: &[u8]) {
        self.send_train(path, datagram, datagram.len());
    }

    /// Sends datagrams, `each` bytes long but the last, from the socket `path.local`, or from the best WAN's if that is
    /// unspecified. What the kernel does not take is lost, as on any network: waiting for one WAN would hold up the others.
    /// Whether they left as they should, many at a time.
    pub(crate) fn send_train(&self, path: Path, train: &[u8], each: usize) -> bool {
        let Some(bound) = self.bound_to(path) else {
            return true;
        };
        // Past tokio's readiness, which is not known for a new socket: the first datagram on a new WAN is the one
        // that must not be lost.
        let socket = SockRef::from(&bound.socket);
        match udp_trains::send(&socket, path.remote, train, each, bound.cuts) {
            Ok(Left::Whole) => {}
            Ok(Left::OneByOne) => {
                trace!(remote = %path.remote, each, "a train left one by one");
                return false;
            }
            Err(Refused { error, count }) => {
                debug!(%error, local = %bound.local, remote = %path.remote, each, count, "not sent");
                if is_about_the_wan(&error) {
                    // Full means that somebody will look anyway.
                    let _ = self.hint.try_send(());
                }
            }
        }
        true
    }
}

/// Whether an interface, address or route that was there seems to be gone; the others are about the datagram.
fn is_about_the_wan(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ENETUNREACH
                | libc::EHOSTUNREACH
                | libc::ENETDOWN
                | libc::EADDRNOTAVAIL
                | libc::ENODEV
                | libc::ENXIO
                // What IPv4 says when the source address is not ours any more.
                | libc::EINVAL
        )
    )
}

fn index_of(interface: &str) -> u32 {
    let path = format!("/sys/class/net/{interface}/ifindex");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// What all sockets have in common.
#[derive(Clone, Copy, Default)]
pub(crate) struct SocketOptions {
    pub(crate) offload: Offloads,
    /// The mark of what they send (`SO_MARK`).
    pub(crate) mark: u32,
}

/// Where a socket that sends from anywhere is bound.
pub(crate) const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

#[cfg(test)]
mod tests {
    use super::*;

    /// A LAN on the loopback interface, with the range `net`.
    fn lan(net: &str) -> LanSide {
        LanSide {
            interface: "lo".into(),
            net: net.parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn a_peer_on_the_lan_is_heard_and_answered_by_the_lan() {
        let net = "127.0.5.0/24";
        let mut sockets = Sockets::new(0, lan(net), SocketOptions::default(), mpsc::channel(1).0);
        // Nothing of the loopback's own traffic gets to a socket that is tied to another interface.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let lo = WanKey {
            index: 0,
            name: "lo".into(),
        };
        sockets
            .bound
            .push(open(&lo, address, Role::Inner, SocketOptions::default()).unwrap());
        let local = sockets.bound[0].local;
        let peer = std::net::UdpSocket::bind("127.0.5.1:0").unwrap();
        peer.set_nonblocking(true).unwrap();
        let path = |remote| Path { local, remote };
        sockets.send(path(peer.local_addr().unwrap()), b"inside");
        assert_eq!(peer.recv(&mut [0; 16]).unwrap(), 6);
        let stranger = std::net::UdpSocket::bind("127.0.6.1:0").unwrap();
        stranger.set_nonblocking(true).unwrap();
        sockets.send(path(stranger.local_addr().unwrap()), b"outside");
        assert!(stranger.recv(&mut [0; 16]).is_err(), "not by the LAN");
    }

    #[tokio::test]
    async fn an_address_that_is_not_there_leaves_the_sockets_incomplete() {
        let mut sockets = Sockets::new(
            0,
            lan("192.168.1.0/24"),
            SocketOptions::default(),
            mpsc::channel(1).0,
        );
        let mut list = [WanInterface {
            index: 1,
            name: "lo".into(),
            v4: Some(Ipv4Addr::new(203, 0, 113, 7)),
            v6: None,
            metered: true,
            last_resort: false,
        }];
        assert!(sockets.rebuild(&list).is_empty());
        assert!(sockets.is_incomplete());
        list[0].v4 = Some(Ipv4Addr::LOCALHOST);
        let wans = sockets.rebuild(&list);
        assert!(wans.len() == 1 && wans[0].metered);
        assert!(!sockets.is_incomplete());
        let bound = sockets.addresses();
        sockets.rebuild(&list);
        assert_eq!(sockets.addresses(), bound, "what fits stays");
    }

    #[tokio::test]
    async fn another_order_keeps_sockets_and_numbers() {
        let mut sockets = Sockets::new(
            0,
            lan("192.168.1.0/24"),
            SocketOptions::default(),
            mpsc::channel(1).0,
        );
        let wan = |index, name: &str, last| WanInterface {
            index,
            name: name.into(),
            v4: Some(Ipv4Addr::new(127, 0, 0, last)),
            v6: None,
            metered: false,
            last_resort: false,
        };
        // One interface cannot be two, but an index of its own makes it another one for us.
        let mut list = [wan(1, "lo", 1), wan(2, "lo", 2)];
        let mut before = sockets.rebuild(&list);
        list.reverse();
        let after = sockets.rebuild(&list);
        assert_ne!(before, after, "the machine is told");
        before.reverse();
        assert_eq!(before, after);
        assert_eq!(sockets.addresses()[0].ip(), IpAddr::from([127, 0, 0, 2]));
    }

    #[tokio::test]
    async fn a_wan_that_does_not_take_a_datagram_is_looked_at() {
        let (hint, mut hints) = mpsc::channel(1);
        let mut sockets = Sockets::new(0, lan("192.168.1.0/24"), SocketOptions::default(), hint);
        // Not tied to an interface: what is tied to the loopback reaches everything by it.
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let local = socket.local_addr().unwrap();
        sockets.bound.push(Bound {
            wan: WanKey {
                index: 0,
                name: "lo".into(),
            },
            local,
            role: Role::Main,
            cuts: true,
            socket: UdpSocket::from_std(socket).unwrap(),
        });
        let send = |to: &str, datagram: &[u8]| {
            let remote = to.parse().unwrap();
            sockets.send(Path { local, remote }, datagram);
        };
        send("127.0.0.1:9", b"fine");
        send("127.0.0.1:9", &[0; 65_535]);
        assert!(hints.try_recv().is_err(), "too long is no fault of the WAN");
        // A source of this host's inside is refused for a destination elsewhere.
        send("192.0.2.1:9", b"nowhere");
        send("192.0.2.1:9", b"nowhere");
        assert!(hints.try_recv().is_ok());
        assert!(hints.try_recv().is_err(), "one hint is enough");
    }
}
