//! One ping to an address that the DHCP server is about to give away: does anybody have it already?

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::task::{self, Poll};
use tokio::net::UdpSocket;
use tracing::debug;

const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;
/// Tells our echoes from other programs'.
const MARK: [u8; 8] = *b"ntm-dhcp";

/// A raw ICMP socket on the LAN.
pub(crate) struct Pinger {
    socket: UdpSocket,
    id: [u8; 2],
}

impl Pinger {
    pub(crate) fn open(interface: &str) -> Result<Self> {
        let socket = Socket::new(
            Domain::IPV4,
            Type::RAW.nonblocking(),
            Some(Protocol::ICMPV4),
        )
        .context("cannot open a socket for pings: run as root")?;
        socket.bind_device(Some(interface.as_bytes()))?;
        // recvfrom and sendto are all it is used for, and those are the same for raw sockets.
        let socket = UdpSocket::from_std(socket.into())?;
        let process = std::process::id().to_be_bytes();
        Ok(Self {
            socket,
            id: [process[2], process[3]],
        })
    }

    pub(crate) fn poll_readable(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        self.socket.poll_recv_ready(cx).map(drop)
    }

    pub(crate) fn ping(&self, address: Ipv4Addr) {
        let to = SocketAddr::new(address.into(), 0);
        if let Err(error) = SockRef::from(&self.socket).send_to(&request(self.id), &to.into()) {
            debug!(%error, %address, "no ping");
        }
    }

    /// Who answered a ping of ours; `None`: nobody else for now.
    pub(crate) fn try_recv(&self) -> Option<Ipv4Addr> {
        let mut packet = [0; 256];
        // A raw socket sees every ICMP message of the LAN; most are not for us.
        while let Ok((length, from)) = self.socket.try_recv_from(&mut packet) {
            match from.ip() {
                IpAddr::V4(address) if is_reply(&packet[..length], self.id) => {
                    return Some(address);
                }
                IpAddr::V4(_) | IpAddr::V6(_) => {}
            }
        }
        None
    }
}

/// An echo request (RFC 792).
fn request(id: [u8; 2]) -> [u8; 16] {
    let mut message = [0; 16];
    message[0] = ECHO_REQUEST;
    message[4..6].copy_from_slice(&id);
    message[8..].copy_from_slice(&MARK);
    let sum: u32 = message
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    message
}

/// Whether an IPv4 packet is an answer to [`request`].
fn is_reply(packet: &[u8], id: [u8; 2]) -> bool {
    let Some(first) = packet.first() else {
        return false;
    };
    let Some(message) = packet.get(usize::from(first & 0xf) * 4..) else {
        return false;
    };
    message.first() == Some(&ECHO_REPLY)
        && message.get(4..6) == Some(&id)
        && message.get(8..16) == Some(&MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_sound_checksum() {
        let sum: u32 = request([1, 2])
            .chunks(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
            .sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
    }

    #[test]
    fn only_answers_to_us_count() {
        let mut packet = vec![0; 20];
        packet[0] = 0x45;
        packet.extend(request([1, 2]));
        assert!(!is_reply(&packet, [1, 2]), "that is the request itself");
        packet[20] = ECHO_REPLY;
        assert!(is_reply(&packet, [1, 2]));
        assert!(!is_reply(&packet, [1, 3]));
        for length in 0..packet.len() {
            assert!(!is_reply(&packet[..length], [1, 2]), "{length}");
        }
    }
}
