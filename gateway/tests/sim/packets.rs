//! Inner packets for the scenarios: UDP over IPv4 with a marker that must never be seen on a wire.

use ntm_proto::ip::{Ipv4View, checksum};
use std::net::Ipv4Addr;

/// In every payload.
pub const MARKER: &[u8] = b"inner-bytes-in-clear";

/// A UDP packet with right checksums, `number` in its payload.
pub fn udp(from: Ipv4Addr, to: Ipv4Addr, number: u32) -> Vec<u8> {
    let mut payload = MARKER.to_vec();
    payload.extend(number.to_be_bytes());
    let length = (8 + payload.len()) as u16;
    let total = 20 + length;
    let mut packet = vec![
        0x45,
        0,
        (total >> 8) as u8,
        total as u8,
        0,
        7,
        0x40,
        0,
        63,
        17,
        0,
        0,
    ];
    packet.extend(from.octets());
    packet.extend(to.octets());
    let header = checksum(&packet, 0);
    packet[10..12].copy_from_slice(&header.to_be_bytes());
    packet.extend([
        0x13,
        0x88,
        0x13,
        0x89,
        (length >> 8) as u8,
        length as u8,
        0,
        0,
    ]);
    packet.extend(payload);
    let sum = transport_sum(&packet);
    packet[26..28].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// The number in a packet that [`udp`] made; asserts that its checksums are right.
pub fn number(packet: &[u8]) -> u32 {
    let view = Ipv4View::new(packet).expect("a whole IPv4 packet");
    assert_eq!(checksum(&packet[..20], 0), 0, "header checksum");
    assert_eq!(transport_sum(packet), 0, "UDP checksum");
    let payload = &view.payload()[8..];
    assert_eq!(&payload[..MARKER.len()], MARKER);
    u32::from_be_bytes(payload[MARKER.len()..].try_into().unwrap())
}

/// Source and destination.
pub fn ends(packet: &[u8]) -> (Ipv4Addr, Ipv4Addr) {
    let view = Ipv4View::new(packet).expect("a whole IPv4 packet");
    (view.source(), view.destination())
}

fn transport_sum(packet: &[u8]) -> u16 {
    let protocol = u32::from(packet[9]);
    let pseudo = u32::from(!checksum(&packet[12..20], 0)) + protocol + (packet.len() - 20) as u32;
    checksum(&packet[20..], pseudo)
}

/// A TCP packet with right checksums.
pub fn tcp(
    from: Ipv4Addr,
    to: Ipv4Addr,
    id: u16,
    number: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let total = 40 + payload.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend([0x40, 0, 64, 6, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend([0x13, 0x88, 0, 80]);
    packet.extend(number.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    packet.extend(payload);
    fill_checksums(&mut packet);
    packet
}

/// Makes the checksums of a TCP or UDP packet anew.
pub fn fill_checksums(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let sum = checksum(&packet[..20], 0);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let at = if packet[9] == 6 { 36 } else { 26 };
    packet[at..at + 2].fill(0);
    let sum = match transport_sum(packet) {
        0 if packet[9] == 17 => 0xffff,
        sum => sum,
    };
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}
