//! The relay's UDP sockets, one per address.

use anyhow::{Context, Result, ensure};
use ntm_proto::Path;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use udp_trains::{Left, Received, Refused};

/// What we ask the kernel to hold for us while we are busy; it gives what its limits allow.
const BUFFER: usize = 4 << 20;
/// How often one socket is read before the others and the timers have their turn: a train of datagrams each time, or one.
const BATCH: usize = 64;

/// One socket.
struct Bound {
    local: SocketAddr,
    socket: UdpSocket,
    /// Whether the kernel cuts trains.
    cuts: bool,
}

/// All sockets, and what they could not send.
pub(crate) struct Sockets {
    all: Vec<Bound>,
    /// Dropped because a socket was full.
    pub(crate) full: u64,
    /// Refused by the kernel: too long, no route.
    pub(crate) refused: u64,
}

impl Sockets {
    /// Binds every address.
    pub(crate) fn open(addresses: &[SocketAddr]) -> Result<Self> {
        let open = |&address: &SocketAddr| {
            let socket = bind(address).with_context(|| {
                format!("cannot listen on {address} (UDP): is it an address of this machine, and is no other relay running?")
            });
            let socket = socket?;
            Ok(Bound {
                local: address,
                cuts: udp_trains::cuts(SockRef::from(&socket)),
                socket,
            })
        };
        let all: Vec<_> = addresses.iter().map(open).collect::<Result<_>>()?;
        ensure!(!all.is_empty(), "no address to listen on");
        Ok(Self {
            all,
            full: 0,
            refused: 0,
        })
    }

    /// Waits until a socket has something.
    pub(crate) async fn readable(&self) {
        poll_fn(|context| {
            // Every socket is asked, so that every one wakes us.
            let ready = |bound: &Bound| bound.socket.poll_recv_ready(context).is_ready();
            let count = self.all.iter().map(ready).filter(|ready| *ready).count();
            if count > 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Takes what is there from each socket, up to a batch: trains of datagrams, which are as long as said but the last.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(&mut Self, Path, &[u8], usize),
    ) {
        for at in 0..self.all.len() {
            for _ in 0..BATCH {
                let Bound { local, socket, .. } = &self.all[at];
                // An error other than "nothing there" is of one datagram; the next call clears it.
                let receive = || udp_trains::receive(&SockRef::from(socket), buffer);
                let Ok(train) = socket.try_io(Interest::READABLE, receive) else {
                    break;
                };
                let Received {
                    remote,
                    length,
                    each,
                } = train;
                let path = Path {
                    local: *local,
                    remote,
                };
                take(self, path, &buffer[..length], each);
            }
        }
    }

    /// Sends a datagram, see [`Self::send_train`].
    pub(crate) fn send(&mut self, path: Path, datagram: &[u8]) {
        self.send_train(path, datagram, datagram.len());
    }

    /// Sends datagrams, `each` bytes long but the last, or drops and counts: a relay queues nothing.
    pub(crate) fn send_train(&mut self, path: Path, train: &[u8], each: usize) {
        let fits = |local: &SocketAddr| {
            if path.local.ip().is_unspecified() {
                local.is_ipv4() == path.remote.is_ipv4()
            } else {
                *local == path.local
            }
        };
        let found = self.all.iter().find(|bound| fits(&bound.local));
        let Some(Bound { socket, cuts, .. }) = found else {
            self.refused += train.len().div_ceil(each.max(1)) as u64;
            return;
        };
        // Past the runtime's own idea of readiness: it lags behind, and knows nothing before the first wake-up.
        let socket = SockRef::from(socket);
        match udp_trains::send(&socket, path.remote, train, each, *cuts) {
            Ok(Left::Whole) => {}
            Ok(Left::OneByOne) => {
                tracing::trace!(to = %path.remote, each, "a train left one by one")
            }
            Err(Refused { count, error }) if error.kind() == io::ErrorKind::WouldBlock => {
                self.full += count as u64;
            }
            Err(Refused { count, error }) => {
                self.refused += count as u64;
                tracing::debug!(to = %path.remote, count, %error, "not sent");
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    udp_trains::reserve(SockRef::from(&socket), BUFFER);
    udp_trains::join(SockRef::from(&socket), true);
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}
