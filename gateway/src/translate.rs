//! Addresses of packets between the LAN and the virtual world.
//!
//! Out: the source becomes the device's virtual address. In: the destination becomes its LAN address. An ICMP error
//! quotes the packet it complains about, seen from the other side, so the quoted packet's opposite address is
//! rewritten as well: a device must recognise its own packet, and no LAN address may leave the LAN.

use ntm_proto::ip::{Field, Ipv4View, PROTOCOL_ICMP, adjust_at, checksum, replace_address};
use std::net::Ipv4Addr;

/// Rewrites a packet that leaves the LAN. `packet` passed [`Ipv4View::new`].
pub(crate) fn outbound(packet: &mut [u8], vip: Ipv4Addr) {
    replace_address(packet, Field::Source, vip);
    rewrite_quoted(packet, Field::Destination, vip);
}

/// Rewrites a packet that enters the LAN. `packet` passed [`Ipv4View::new`].
pub(crate) fn inbound(packet: &mut [u8], lan: Ipv4Addr) {
    replace_address(packet, Field::Destination, lan);
    rewrite_quoted(packet, Field::Source, lan);
}

/// Rewrites the packet quoted in an ICMP error (RFC 792), and mends the ICMP checksum over it.
fn rewrite_quoted(packet: &mut [u8], field: Field, address: Ipv4Addr) {
    let Ok(view) = Ipv4View::of_quoted(packet) else {
        return;
    };
    if view.protocol() != PROTOCOL_ICMP || !view.is_first_fragment() {
        return;
    }
    let icmp = view.header_len();
    // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
    let is_error = packet
        .get(icmp)
        .is_some_and(|kind| matches!(kind, 3 | 4 | 5 | 11 | 12));
    let quoted = icmp + 8;
    if !is_error
        || packet
            .get(quoted..)
            .is_none_or(|bytes| Ipv4View::of_quoted(bytes).is_err())
    {
        return;
    }
    // The quoted header and its transport checksum change in up to three places; adding up the part that can
    // change before and after keeps the rest of the payload out of it.
    let end = packet.len().min(quoted + 80);
    let before = checksum(&packet[quoted..end], 0);
    replace_address(&mut packet[quoted..], field, address);
    let after = checksum(&packet[quoted..end], 0);
    // The ICMP checksum covers the complement of what `checksum` returns.
    adjust_at(
        packet,
        icmp + 2,
        &(!before).to_be_bytes(),
        &(!after).to_be_bytes(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);
    const VIP: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 20);
    const REMOTE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 30);

    fn packet(protocol: u8, from: Ipv4Addr, to: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
        let total = 20 + payload.len() as u16;
        let mut bytes = vec![
            0x45,
            0,
            (total >> 8) as u8,
            total as u8,
            0,
            0,
            0,
            0,
            64,
            protocol,
            0,
            0,
        ];
        bytes.extend(from.octets());
        bytes.extend(to.octets());
        let sum = checksum(&bytes, 0);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn icmp_error(quoted: &[u8]) -> Vec<u8> {
        let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
        icmp.extend(quoted);
        let sum = checksum(&icmp, 0);
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        icmp
    }

    #[test]
    fn an_icmp_error_is_rewritten_inside_and_its_checksums_hold() {
        for length in [8, 9, 28, 61, 200] {
            let quoted = packet(17, REMOTE, LAN, &vec![0x5a; length]);
            let mut error = packet(PROTOCOL_ICMP, LAN, REMOTE, &icmp_error(&quoted));
            outbound(&mut error, VIP);
            let view = Ipv4View::new(&error).unwrap();
            assert_eq!(view.source(), VIP);
            assert_eq!(checksum(&error[..20], 0), 0);
            assert_eq!(checksum(view.payload(), 0), 0, "length {length}");
            let quoted = Ipv4View::of_quoted(&error[28..]).unwrap();
            assert_eq!((quoted.source(), quoted.destination()), (REMOTE, VIP));
            assert_eq!(checksum(&error[28..48], 0), 0);
            assert!(
                !error.windows(4).any(|bytes| bytes == LAN.octets()),
                "no LAN address leaves"
            );
        }
    }

    #[test]
    fn out_and_in_again_gives_the_same_packet() {
        let original = packet(6, LAN, REMOTE, &[7; 60]);
        let mut bytes = original.clone();
        outbound(&mut bytes, VIP);
        assert_ne!(bytes, original);
        replace_address(&mut bytes, Field::Source, LAN);
        assert_eq!(bytes, original);
        inbound(&mut bytes, VIP);
        assert_eq!(Ipv4View::new(&bytes).unwrap().destination(), VIP);
    }

    #[test]
    fn an_echo_is_not_taken_for_an_error() {
        let mut echo = packet(
            PROTOCOL_ICMP,
            LAN,
            REMOTE,
            &[8, 0, 1, 2, 3, 4, 5, 6, 0x45, 0, 0, 0],
        );
        let payload = echo[20..].to_vec();
        outbound(&mut echo, VIP);
        assert_eq!(echo[20..], payload);
    }
}
