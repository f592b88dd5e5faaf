//! What the cable must know of a frame: family, length on the wire, and the longest packet in it.
//!
//! Before each frame stands the kernel's `struct virtio_net_hdr`, in the machine's byte order: flags u8, `gso_type` u8,
//! `hdr_len` u16, `gso_size` u16, `csum_start` u16, `csum_offset` u16. It goes through the cable unchanged, so that
//! whoever receives the frame knows as well as the sender's kernel that it is still to be cut and summed.

/// Bytes of the offload header before each frame.
pub(crate) const OFFLOAD_HEADER: usize = 10;
const ETHERNET_HEADER: usize = 14;

const GSO_ECN: u8 = 0x80;
const GSO_NONE: u8 = 0;
const GSO_UDP_L4: u8 = 5;

/// Which black hole swallows a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    /// ARP and IPv6 neighbour discovery: the talk of the two ends with each other.
    Neighbour,
    Other,
}

/// What one frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) family: Family,
    /// How many packets it is on the wire.
    pub(crate) packets: u64,
    /// Bytes on the wire, Ethernet headers included, of all its packets.
    pub(crate) wire: u64,
    /// The longest of its packets, without Ethernet header.
    pub(crate) longest: usize,
}

impl Frame {
    /// Looks at a frame behind its offload header; `None` if it is no Ethernet frame.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (offload, ethernet) = bytes.split_at_checked(OFFLOAD_HEADER)?;
        let packet = ethernet.get(ETHERNET_HEADER..)?;
        let family = family(ethernet);
        let (packets, wire, longest) = match segments(offload, ethernet) {
            Some((headers, size)) => {
                let payload = ethernet.len() - headers;
                let packets = payload.div_ceil(size).max(1);
                let longest = headers - ETHERNET_HEADER + size.min(payload);
                (packets, ethernet.len() + (packets - 1) * headers, longest)
            }
            None => (1, ethernet.len(), packet.len()),
        };
        Some(Self {
            family,
            packets: packets as u64,
            wire: wire as u64,
            longest,
        })
    }
}

fn family(ethernet: &[u8]) -> Family {
    const NEXT_HEADER: usize = ETHERNET_HEADER + 6;
    const ICMP6_TYPE: usize = ETHERNET_HEADER + 40;
    match ethernet.get(12..14) {
        Some([0x08, 0x00]) => Family::V4,
        Some([0x08, 0x06]) => Family::Neighbour,
        Some([0x86, 0xdd]) => {
            let icmp6 = ethernet.get(NEXT_HEADER) == Some(&58);
            // Router solicitation to redirect, RFC 4861 section 4.
            match ethernet.get(ICMP6_TYPE) {
                Some(133..=137) if icmp6 => Family::Neighbour,
                _ => Family::V6,
            }
        }
        _ => Family::Other,
    }
}

/// Of a super-packet: bytes of headers that each of its packets has, and most bytes of payload in one.
fn segments(offload: &[u8], ethernet: &[u8]) -> Option<(usize, usize)> {
    let u16_at = |at: usize| {
        Some(usize::from(u16::from_ne_bytes([
            *offload.get(at)?,
            *offload.get(at + 1)?,
        ])))
    };
    let kind = offload.get(1)? & !GSO_ECN;
    let size = u16_at(4)?;
    if kind == GSO_NONE || size == 0 {
        return None;
    }
    let transport = u16_at(6)?;
    let header = if kind == GSO_UDP_L4 {
        8
    } else {
        usize::from(ethernet.get(transport + 12)? >> 4) * 4
    };
    let headers = transport + header;
    (headers >= ETHERNET_HEADER && headers <= ethernet.len()).then_some((headers, size))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A frame of an Ethernet type, `length` bytes long behind the Ethernet header.
    pub(crate) fn plain(ethertype: u16, length: usize) -> Vec<u8> {
        let mut frame = vec![0; OFFLOAD_HEADER + ETHERNET_HEADER + length];
        frame[OFFLOAD_HEADER + 12..][..2].copy_from_slice(&ethertype.to_be_bytes());
        frame
    }

    fn super_packet(kind: u8, size: u16, payload: usize) -> Vec<u8> {
        let header = if kind == GSO_UDP_L4 { 8 } else { 20 };
        let mut frame = plain(0x0800, 20 + header + payload);
        frame[1] = kind;
        frame[4..6].copy_from_slice(&size.to_ne_bytes());
        frame[6..8].copy_from_slice(&34u16.to_ne_bytes());
        frame[OFFLOAD_HEADER + 34 + 12] = 0x50;
        frame
    }

    #[test]
    fn a_super_packet_counts_as_the_packets_it_is_on_the_wire() {
        let tcp = Frame::parse(&super_packet(1, 1460, 14_600)).unwrap();
        assert_eq!((tcp.packets, tcp.wire, tcp.longest), (10, 15_140, 1500));
        let odd = Frame::parse(&super_packet(1 | GSO_ECN, 1460, 1461)).unwrap();
        assert_eq!((odd.packets, odd.wire), (2, 1461 + 2 * 54));
        let udp = Frame::parse(&super_packet(GSO_UDP_L4, 1000, 2500)).unwrap();
        assert_eq!(
            (udp.packets, udp.wire, udp.longest),
            (3, 2500 + 3 * 42, 1028)
        );
    }

    #[test]
    fn neighbour_discovery_is_not_the_familys_traffic() {
        let mut v6 = plain(0x86dd, 60);
        v6[OFFLOAD_HEADER + ETHERNET_HEADER + 6] = 58;
        v6[OFFLOAD_HEADER + ETHERNET_HEADER + 40] = 128;
        assert_eq!(Frame::parse(&v6).unwrap().family, Family::V6);
        v6[OFFLOAD_HEADER + ETHERNET_HEADER + 40] = 135;
        assert_eq!(Frame::parse(&v6).unwrap().family, Family::Neighbour);
        assert_eq!(
            Frame::parse(&plain(0x0806, 28)).unwrap().family,
            Family::Neighbour
        );
        assert_eq!(
            Frame::parse(&plain(0x88cc, 28)).unwrap().family,
            Family::Other
        );
    }

    #[test]
    fn lengths_that_cannot_be_are_survived() {
        assert_eq!(Frame::parse(&[0; OFFLOAD_HEADER + 13]), None);
        for at in 0..OFFLOAD_HEADER {
            for value in [0, 1, 5, 0x7f, 0xff] {
                for length in [0, 1, 20, 40, 1500] {
                    let mut frame = plain(0x0800, length);
                    frame[1] = 1;
                    frame[4] = 1;
                    frame[at] = value;
                    assert!(Frame::parse(&frame).unwrap().packets >= 1);
                }
            }
        }
    }
}
