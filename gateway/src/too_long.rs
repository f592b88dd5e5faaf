//! What a device hears whose packets must not be cut and are too long for their tunnel (RFC 1191 section 4).
//!
//! It is said in the name of the far device: the gateway's own virtual address is the kernel's, which takes nothing from
//! there out of the TUN interface.

use ntm_proto::ip::{Ipv4View, checksum};

/// "Destination unreachable", and its code "fragmentation needed and DF set" (RFC 792).
const UNREACHABLE: u8 = 3;
const CUT_NEEDED: u8 = 4;
const ICMP: u8 = 1;
/// Bytes of the packet's payload that are quoted: ports and TCP's number.
const QUOTED: usize = 8;
/// In the flags: it must not be cut.
const DONT_CUT: u8 = 0x40;

/// Whether the sender of a packet is to be told when it is too long: it must not be cut.
pub(crate) fn concerns(packet: &[u8]) -> bool {
    Ipv4View::new(packet).is_ok_and(|view| {
        let is_whole = view.is_first_fragment();
        let is_error = view.protocol() == ICMP && is_error(view.payload());
        is_whole && !is_error && view.bytes()[6] & DONT_CUT != 0
    })
}

/// The sender of `packet` is told that `mtu` bytes would do.
pub(crate) fn answer(packet: &[u8], mtu: u16) -> Option<Vec<u8>> {
    let view = Ipv4View::new(packet).ok()?;
    let bytes = view.bytes();
    let quoted = &bytes[..bytes.len().min(view.header_len() + QUOTED)];
    let length = (20 + 8 + quoted.len()) as u16;
    let mut answer = vec![0x45, 0xc0];
    answer.extend(length.to_be_bytes());
    answer.extend([0, 0, 0, 0, 64, ICMP, 0, 0]);
    answer.extend(view.destination().octets());
    answer.extend(view.source().octets());
    let sum = checksum(&answer, 0);
    answer[10..12].copy_from_slice(&sum.to_be_bytes());
    answer.extend([UNREACHABLE, CUT_NEEDED, 0, 0, 0, 0]);
    answer.extend(mtu.to_be_bytes());
    answer.extend(quoted);
    let sum = checksum(&answer[20..], 0);
    answer[22..24].copy_from_slice(&sum.to_be_bytes());
    Some(answer)
}

/// An ICMP error is not answered by another (RFC 1122 section 3.2.2).
fn is_error(icmp: &[u8]) -> bool {
    !matches!(icmp.first(), Some(0 | 8 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn packet(flags: u8, protocol: u8, first: u8) -> Vec<u8> {
        let mut packet = vec![
            0x45, 0, 0, 60, 0, 1, flags, 0, 64, protocol, 0, 0, 192, 168, 1, 10, 198, 18, 0, 7,
        ];
        packet.extend([first; 40]);
        packet
    }

    #[test]
    fn the_sender_is_told_with_what_it_sent() {
        let answer = answer(&packet(0x40, 6, 9), 1420).unwrap();
        let view = Ipv4View::new(&answer).unwrap();
        assert_eq!(checksum(&answer[..20], 0), 0);
        assert_eq!(checksum(view.payload(), 0), 0);
        let ends = (view.source(), view.destination());
        let [far, laptop] = [[198, 18, 0, 7], [192, 168, 1, 10]].map(Ipv4Addr::from);
        assert_eq!(ends, (far, laptop));
        assert_eq!(view.payload()[..2], [3, 4]);
        assert_eq!(view.payload()[6..8], 1420_u16.to_be_bytes());
        assert_eq!(view.payload()[8..], packet(0x40, 6, 9)[..28]);
    }

    #[test]
    fn what_may_be_cut_and_errors_are_not_answered() {
        assert!(!concerns(&packet(0, 6, 9)));
        assert!(!concerns(&packet(0x40, 1, 3)));
        assert!(!concerns(&[0x45, 0]));
        assert!(concerns(&packet(0x40, 1, 8)));
        assert!(concerns(&packet(0x40, 6, 9)));
        assert_eq!(answer(&[0x45, 0], 1420), None);
    }
}
