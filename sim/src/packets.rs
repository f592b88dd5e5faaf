//! Inner packets: UDP over IPv4 with a marker that must never be seen on a wire, and a number that tells who sent it.

use ntm_proto::ip::{Ipv4View, checksum};
use std::net::Ipv4Addr;

/// In every payload.
pub(crate) const MARKER: &[u8] = b"inner-bytes-in-clear";
/// The shortest packet [`udp`] makes.
pub(crate) const SHORTEST: usize = 28 + MARKER.len() + 4;

/// A UDP packet with right checksums, `number` in its payload, at least `length` bytes long.
pub(crate) fn udp(from: Ipv4Addr, to: Ipv4Addr, number: u32, length: usize) -> Vec<u8> {
    let total = length.max(SHORTEST) as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    packet.extend([0, 7, 0x40, 0, 63, 17, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let header = checksum(&packet, 0);
    packet[10..12].copy_from_slice(&header.to_be_bytes());
    packet.extend([0x13, 0x88, 0x13, 0x89]);
    packet.extend((total - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(MARKER);
    packet.extend(number.to_be_bytes());
    packet.resize(usize::from(total), 0x5a);
    // Zero would say that there is no checksum (RFC 768).
    let sum = match transport_sum(&packet) {
        0 => 0xffff,
        sum => sum,
    };
    packet[26..28].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// Source, destination and number of a packet that [`udp`] made; what is wrong with it otherwise.
pub(crate) fn read(packet: &[u8]) -> Result<(Ipv4Addr, Ipv4Addr, u32), &'static str> {
    let view = Ipv4View::new(packet).map_err(|_| "not a whole IPv4 packet")?;
    if checksum(&packet[..20], 0) != 0 {
        return Err("wrong header checksum");
    }
    if transport_sum(packet) != 0 {
        return Err("wrong UDP checksum");
    }
    let payload = view.payload();
    let number = payload.get(8..).and_then(|data| data.strip_prefix(MARKER));
    let number = number.and_then(|rest| rest.first_chunk::<4>());
    let number = number.ok_or("not the payload that was sent")?;
    Ok((
        view.source(),
        view.destination(),
        u32::from_be_bytes(*number),
    ))
}

fn transport_sum(packet: &[u8]) -> u16 {
    let pseudo = u32::from(!checksum(&packet[12..20], 0)) + 17 + (packet.len() - 20) as u32;
    checksum(&packet[20..], pseudo)
}
