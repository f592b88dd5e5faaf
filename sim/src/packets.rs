//! Inner packets: UDP or TCP over IPv4 with a marker that must never be seen on a wire, and a number that tells who sent it.

use ntm_proto::ip::{Ipv4View, checksum};
use std::net::Ipv4Addr;

/// In every payload.
pub(crate) const MARKER: &[u8] = b"inner-bytes-in-clear";

/// What a packet says it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A datagram.
    Udp,
    /// A segment of a session.
    Tcp,
}

impl Transport {
    const fn number(self) -> u8 {
        match self {
            Self::Udp => 17,
            Self::Tcp => 6,
        }
    }

    const fn header(self) -> usize {
        match self {
            Self::Udp => 8,
            Self::Tcp => 20,
        }
    }

    /// Where its header has the checksum.
    const fn checksum_at(self) -> usize {
        match self {
            Self::Udp => 6,
            Self::Tcp => 16,
        }
    }
}

/// A packet with right checksums, `number` in its payload, at least `length` bytes long.
pub(crate) fn inner(
    transport: Transport,
    from: Ipv4Addr,
    to: Ipv4Addr,
    number: u32,
    length: usize,
) -> Vec<u8> {
    let shortest = 20 + transport.header() + MARKER.len() + 4;
    let total = length.max(shortest) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 7, 0x40, 0, 63, transport.number(), 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let header = checksum(&packet, 0);
    packet[10..12].copy_from_slice(&header.to_be_bytes());
    packet.extend([0x13, 0x88, 0x13, 0x89]);
    match transport {
        Transport::Udp => packet.extend((total - 20).to_be_bytes()),
        // Header length and flags: ACK and PSH.
        Transport::Tcp => packet.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0xff, 0xff]),
    }
    packet.resize(20 + transport.header(), 0);
    packet.extend(MARKER);
    packet.extend(number.to_be_bytes());
    packet.resize(usize::from(total), 0x5a);
    // In UDP zero would say that there is no checksum (RFC 768).
    let sum = match transport_sum(transport, &packet) {
        0 => 0xffff,
        sum => sum,
    };
    let at = 20 + transport.checksum_at();
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// Whether a packet is of a session.
pub(crate) fn is_tcp(packet: &[u8]) -> bool {
    packet.get(9) == Some(&Transport::Tcp.number())
}

/// Source, destination and number of a packet that [`inner`] made; what is wrong with it otherwise.
pub(crate) fn read(packet: &[u8]) -> Result<(Ipv4Addr, Ipv4Addr, u32), &'static str> {
    let view = Ipv4View::new(packet).map_err(|_| "not a whole IPv4 packet")?;
    if checksum(&packet[..20], 0) != 0 {
        return Err("wrong header checksum");
    }
    let transports = [Transport::Udp, Transport::Tcp];
    let transport = transports
        .into_iter()
        .find(|it| it.number() == view.protocol());
    let transport = transport.ok_or("neither UDP nor TCP")?;
    if transport_sum(transport, packet) != 0 {
        return Err("wrong transport checksum");
    }
    let payload = view.payload();
    let number = payload
        .get(transport.header()..)
        .and_then(|data| data.strip_prefix(MARKER));
    let number = number.and_then(|rest| rest.first_chunk::<4>());
    let number = number.ok_or("not the payload that was sent")?;
    Ok((
        view.source(),
        view.destination(),
        u32::from_be_bytes(*number),
    ))
}

fn transport_sum(transport: Transport, packet: &[u8]) -> u16 {
    let pseudo = u32::from(transport.number()) + (packet.len() - 20) as u32;
    let pseudo = u32::from(!checksum(&packet[12..20], 0)) + pseudo;
    checksum(&packet[20..], pseudo)
}
