//! Questions to the LAN who has an address (ARP, RFC 826). Devices that answer no ping answer these.

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};
use std::io;
use std::net::Ipv4Addr;
use std::task::{self, Poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::debug;

const ETHERNET: [u8; 2] = [0, 1];
const IPV4: [u8; 2] = [8, 0];
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
/// Hardware type, protocol type, their addresses' lengths, and what it is; then four addresses.
const LENGTH: usize = 28;

type Mac = [u8; 6];

/// A packet socket on the LAN that carries ARP alone.
pub(super) struct Asker {
    socket: AsyncFd<Socket>,
    index: i32,
    own: (Mac, Ipv4Addr),
}

impl Asker {
    /// As the router with this address.
    pub(super) fn open(interface: &str, address: Ipv4Addr) -> Result<Self> {
        let read = |what: &str| {
            let path = format!("/sys/class/net/{interface}/{what}");
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        let index: i32 = read("ifindex")?.trim().parse()?;
        let mac = parse_mac(read("address")?.trim()).context("the LAN is no Ethernet")?;
        let arp = Protocol::from(i32::from(u16::to_be(libc::ETH_P_ARP as u16)));
        let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking(), Some(arp))
            .context("cannot open a packet socket: run as root")?;
        socket.bind(&place(index, [0; 6]))?;
        // SAFETY: it is owned by the value, and open as long as that.
        #[expect(unsafe_code, reason = "registration trusts its descriptor")]
        let socket = unsafe { AsyncFd::register(socket) }.map_err(io::Error::from)?;
        Ok(Self {
            socket,
            index,
            own: (mac, address),
        })
    }

    pub(super) fn poll_readable(&self, cx: &mut task::Context<'_>) -> Poll<()> {
        self.socket.poll_read_ready(cx).map(drop)
    }

    /// Whether the question went out: the interface may have been made anew.
    pub(super) fn ask(&self, address: Ipv4Addr) -> bool {
        let everybody = place(self.index, [0xff; 6]);
        let sent = self
            .socket
            .get_ref()
            .send_to(&request(self.own, address), &everybody);
        if let Err(error) = &sent {
            debug!(%error, %address, "not asked for");
        }
        sent.is_ok()
    }

    /// Who says that it has which address, in the next `frames` at most.
    pub(super) fn answers(&self, frames: usize) -> impl Iterator<Item = (Mac, Ipv4Addr)> {
        let received = (0..frames).map_while(|_| {
            let mut buffer = [0; 64];
            let read = self.socket.try_io(Interest::READABLE, |socket| {
                let mut socket: &Socket = socket;
                io::Read::read(&mut socket, &mut buffer)
            });
            read.ok().map(|length| answer(&buffer[..length]))
        });
        received.flatten()
    }
}

/// Where frames of ARP go on an interface.
fn place(index: i32, mac: Mac) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is a kind of socket address, so there is room for it, and all zeros are one.
    #[expect(unsafe_code, reason = "no safe constructor for addresses of packets")]
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = u16::to_be(libc::ETH_P_ARP as u16);
    address.sll_ifindex = index;
    address.sll_halen = 6;
    address.sll_addr[..6].copy_from_slice(&mac);
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: so many bytes of it are set.
    #[expect(unsafe_code, reason = "no safe constructor for addresses of packets")]
    unsafe {
        SockAddr::new(storage, length)
    }
}

fn request((mac, own): (Mac, Ipv4Addr), address: Ipv4Addr) -> [u8; LENGTH] {
    let mut frame = [0; LENGTH];
    frame[..2].copy_from_slice(&ETHERNET);
    frame[2..4].copy_from_slice(&IPV4);
    frame[4..8].copy_from_slice(&[6, 4, 0, REQUEST]);
    frame[8..14].copy_from_slice(&mac);
    frame[14..18].copy_from_slice(&own.octets());
    frame[24..].copy_from_slice(&address.octets());
    frame
}

/// Who speaks in a reply. What follows it pads.
fn answer(frame: &[u8]) -> Option<(Mac, Ipv4Addr)> {
    let frame: &[u8; LENGTH] = frame.first_chunk()?;
    let kind = [ETHERNET[0], ETHERNET[1], IPV4[0], IPV4[1], 6, 4, 0, REPLY];
    let address: [u8; 4] = *frame[14..].first_chunk()?;
    let is_reply = frame[..8] == kind;
    is_reply.then_some((*frame[8..].first_chunk()?, address.into()))
}

fn parse_mac(text: &str) -> Option<Mac> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_tell_who_has_an_address_and_nothing_else_does() {
        let us = ([2, 0, 0, 0, 0, 1], Ipv4Addr::new(192, 168, 1, 1));
        let asked = Ipv4Addr::new(192, 168, 1, 10);
        let mut frame = request(us, asked).to_vec();
        assert_eq!(answer(&frame), None, "a question");
        frame[7] = REPLY;
        assert_eq!(answer(&frame), Some(us));
        for length in 0..frame.len() {
            assert_eq!(answer(&frame[..length]), None, "{length}");
        }
        for at in 0..8 {
            let mut odd = frame.clone();
            odd[at] ^= 0x40;
            assert_eq!(answer(&odd), None, "{at}");
        }
        frame.extend([0; 18]);
        assert_eq!(answer(&frame), Some(us), "padded to Ethernet's least");
    }

    #[test]
    fn a_loopback_has_no_address_to_ask_from() {
        assert_eq!(parse_mac("02:00:5e:00:00:01"), Some([2, 0, 0x5e, 0, 0, 1]));
        for odd in [
            "",
            "02:00:5e:00:00",
            "02:00:5e:00:00:01:02",
            "zz:00:5e:00:00:01",
        ] {
            assert_eq!(parse_mac(odd), None, "{odd}");
        }
    }
}
