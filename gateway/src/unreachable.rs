//! "Destination unreachable", as a device hears it (RFC 792): its packet is too long for its tunnel, or it may not send it.
//!
//! It is said in the name of the far device: the gateway's own virtual address is the kernel's, which takes nothing from
//! there out of the TUN interface.

use ntm_proto::ip::{Ipv4View, PROTOCOL_ICMP, checksum};

/// The type.
const UNREACHABLE: u8 = 3;
/// "Fragmentation needed and DF set", with the length that would do (RFC 1191 section 4).
const CUT_NEEDED: u8 = 4;
/// "Communication administratively prohibited" (RFC 1812 section 5.2.7.1).
const PROHIBITED: u8 = 13;
/// Bytes of the packet's payload that are quoted: ports and TCP's number.
const QUOTED: usize = 8;
/// In the flags: it must not be cut.
const DONT_CUT: u8 = 0x40;

/// The sender of `packet` is told that `mtu` bytes would do.
pub(crate) fn too_long(packet: &[u8], mtu: u16) -> Option<Vec<u8>> {
    answer(&Ipv4View::new(packet).ok()?, CUT_NEEDED, mtu)
}

/// The sender of `packet` is told that it may not; `None`: of that packet nobody is told.
pub(crate) fn prohibited(packet: &[u8]) -> Option<Vec<u8>> {
    let view = Ipv4View::new(packet).ok()?;
    if !may_be_answered(&view) {
        return None;
    }
    answer(&view, PROHIBITED, 0)
}

/// Whether the sender of a packet is to be told when it is too long: it must not be cut.
pub(crate) fn must_not_be_cut(packet: &[u8]) -> bool {
    let view = Ipv4View::new(packet);
    view.is_ok_and(|view| may_be_answered(&view) && view.bytes()[6] & DONT_CUT != 0)
}

/// An ICMP error is not answered by another, nor is a later fragment (RFC 1122 section 3.2.2).
fn may_be_answered(view: &Ipv4View<'_>) -> bool {
    let is_error = !matches!(view.payload().first(), Some(0 | 8 | 13 | 14));
    view.is_first_fragment() && !(view.protocol() == PROTOCOL_ICMP && is_error)
}

fn answer(view: &Ipv4View<'_>, code: u8, mtu: u16) -> Option<Vec<u8>> {
    let bytes = view.bytes();
    let quoted = &bytes[..bytes.len().min(view.header_len() + QUOTED)];
    let length = u16::try_from(20 + 8 + quoted.len()).ok()?;
    let mut answer = vec![0x45, 0xc0];
    answer.extend(length.to_be_bytes());
    answer.extend([0, 0, 0, 0, 64, PROTOCOL_ICMP, 0, 0]);
    answer.extend(view.destination().octets());
    answer.extend(view.source().octets());
    let sum = checksum(&answer, 0);
    answer[10..12].copy_from_slice(&sum.to_be_bytes());
    answer.extend([UNREACHABLE, code, 0, 0, 0, 0]);
    answer.extend(mtu.to_be_bytes());
    answer.extend(quoted);
    let sum = checksum(&answer[20..], 0);
    answer[22..24].copy_from_slice(&sum.to_be_bytes());
    Some(answer)
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
        let sent = packet(0x40, 6, 9);
        for (answer, code, mtu) in [
            (too_long(&sent, 1420), CUT_NEEDED, 1420_u16),
            (prohibited(&sent), PROHIBITED, 0),
        ] {
            let answer = answer.unwrap();
            let view = Ipv4View::new(&answer).unwrap();
            assert_eq!(checksum(&answer[..20], 0), 0);
            assert_eq!(checksum(view.payload(), 0), 0);
            let ends = (view.source(), view.destination());
            let [far, laptop] = [[198, 18, 0, 7], [192, 168, 1, 10]].map(Ipv4Addr::from);
            assert_eq!(ends, (far, laptop));
            assert_eq!(view.payload()[..2], [3, code]);
            assert_eq!(view.payload()[6..8], mtu.to_be_bytes());
            assert_eq!(view.payload()[8..], sent[..28]);
        }
    }

    #[test]
    fn what_may_be_cut_is_not_too_long_and_errors_are_not_answered() {
        assert!(!must_not_be_cut(&packet(0, 6, 9)));
        assert!(!must_not_be_cut(&packet(0x40, 1, 3)));
        assert!(!must_not_be_cut(&[0x45, 0]));
        assert!(must_not_be_cut(&packet(0x40, 1, 8)));
        assert!(must_not_be_cut(&packet(0x40, 6, 9)));
        assert_eq!(too_long(&[0x45, 0], 1420), None);
        let mut later = packet(0, 6, 9);
        later[7] = 2;
        for silent in [packet(0, 1, 3), later, vec![0x45, 0]] {
            assert_eq!(prohibited(&silent), None);
        }
        assert!(prohibited(&packet(0, 17, 9)).is_some());
    }
}
