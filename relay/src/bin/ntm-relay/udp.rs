//! The relay's UDP sockets, one per address.

use anyhow::{Context, Result, ensure};
use ntm_proto::Path;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use tokio::net::UdpSocket;

/// What we ask the kernel to hold for us while we are busy; it gives what its limits allow.
const BUFFER: usize = 4 << 20;
/// Datagrams taken from one socket before the others and the timers have their turn.
const BATCH: usize = 64;

/// All sockets, and what they could not send.
pub(crate) struct Sockets {
    all: Vec<(SocketAddr, UdpSocket)>,
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
            Ok((address, socket?))
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
            let ready = |(_, socket): &(_, UdpSocket)| socket.poll_recv_ready(context).is_ready();
            let count = self.all.iter().map(ready).filter(|ready| *ready).count();
            if count > 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Takes what is there from each socket, up to a batch.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(&mut Self, Path, &[u8]),
    ) {
        for at in 0..self.all.len() {
            for _ in 0..BATCH {
                let (local, socket) = &self.all[at];
                // An error other than "nothing there" is of one datagram; the next call clears it.
                let Ok((length, remote)) = socket.try_recv_from(buffer) else {
                    break;
                };
                let path = Path {
                    local: *local,
                    remote,
                };
                take(self, path, &buffer[..length]);
            }
        }
    }

    /// Sends, or drops and counts: a relay queues nothing.
    pub(crate) fn send(&mut self, path: Path, datagram: &[u8]) {
        let fits = |local: &SocketAddr| {
            if path.local.ip().is_unspecified() {
                local.is_ipv4() == path.remote.is_ipv4()
            } else {
                *local == path.local
            }
        };
        let found = self.all.iter().find(|(local, _)| fits(local));
        let Some((_, socket)) = found else {
            self.refused += 1;
            return;
        };
        // Past the runtime's own idea of readiness: it lags behind, and knows nothing before the first wake-up.
        match SockRef::from(socket).send_to(datagram, &path.remote.into()) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.full += 1,
            Err(error) => {
                self.refused += 1;
                tracing::debug!(to = %path.remote, length = datagram.len(), %error, "not sent");
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
    // Smaller buffers lose datagrams in bursts; nothing worse.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}
