//! What lies before each packet of a TUN interface with offload: `struct virtio_net_hdr` of `linux/virtio_net.h`, in the
//! processor's byte order.

use ntm_gateway::Offload;
use ntm_gateway::coalesce::Joined;

/// Its bytes: flags, kind of super-packet; length of the headers, of a segment's payload; start and offset of the checksum.
pub(crate) const LENGTH: usize = 10;

/// Flag: the checksum is to be made.
const NEEDS_CHECKSUM: u8 = 1;
/// Kinds, and a flag among them that says nothing we need: of a flow with explicit congestion notification.
const PACKET: u8 = 0;
const TCP_V4: u8 = 1;
const TCP_V6: u8 = 4;
const UDP: u8 = 5;
const ECN: u8 = 0x80;

/// Reads what the kernel left to be done; `None` if it is nothing that can be.
pub(super) fn decode(bytes: &[u8; LENGTH]) -> Option<Offload> {
    let [flags, kind, _, _, numbers @ ..] = bytes;
    let number = |at: usize| u16::from_ne_bytes([numbers[at], numbers[at + 1]]);
    let segment = match (*kind & !ECN, number(0)) {
        (PACKET, _) => 0,
        (TCP_V4 | TCP_V6 | UDP, size @ 1..) => size,
        _ => return None,
    };
    Some(Offload {
        segment,
        checksum: (flags & NEEDS_CHECKSUM != 0).then(|| (number(2), number(4))),
    })
}

/// Tells the kernel what is left to be done.
pub(super) fn encode(joined: &Joined<'_>) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    if let Some((start, offset)) = joined.offload.checksum {
        let kind = if joined.is_tcp { TCP_V4 } else { UDP };
        // At most 80 bytes of headers.
        let numbers = [joined.header as u16, joined.offload.segment, start, offset];
        bytes[..2].copy_from_slice(&[NEEDS_CHECKSUM, kind]);
        for (place, number) in bytes[2..].chunks_exact_mut(2).zip(numbers) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_gateway::coalesce::Coalescer;
    use ntm_proto::ip::checksum;

    #[test]
    fn a_header_says_what_is_left_to_be_done() {
        let header = |flags, kind, numbers: [u16; 4]| {
            let mut bytes = [flags, kind].to_vec();
            numbers
                .iter()
                .for_each(|number| bytes.extend(number.to_ne_bytes()));
            decode(bytes[..].try_into().expect("its length"))
        };
        let whole = header(0, PACKET, [0, 1400, 20, 16]);
        assert_eq!(whole, Some(Offload::default()));
        for kind in [TCP_V4, TCP_V4 | ECN, UDP] {
            let cut = header(NEEDS_CHECKSUM, kind, [52, 1348, 20, 16]).expect("a kind we take");
            assert_eq!((cut.segment, cut.checksum), (1348, Some((20, 16))));
        }
        // Without a size; fragments (UFO); a kind of the future.
        for (kind, size) in [(UDP, 0), (3, 1400), (6, 1400)] {
            assert_eq!(header(NEEDS_CHECKSUM, kind, [28, size, 20, 6]), None);
        }
    }

    #[test]
    fn what_the_kernel_is_told_it_could_have_told_us() {
        let packet = |id: u8| {
            let mut packet = vec![0x45, 0, 0, 32, 0, id, 0, 0, 64, 17, 0, 0];
            packet.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, 7, 0, 7, 0, 12, 0, 0]);
            packet.extend([id; 4]);
            let sum = checksum(&packet[..20], 0);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
            let pseudo = u32::from(!checksum(&packet[12..20], 0)) + 17 + 12;
            let sum = checksum(&packet[20..], pseudo);
            packet[26..28].copy_from_slice(&sum.to_be_bytes());
            packet
        };
        for (count, expected) in [(1u8, (0, None)), (3, (4, Some((20, 6))))] {
            let mut buffer: Vec<u8> = (0..count).flat_map(packet).collect();
            let mut coalescer = Coalescer::default();
            for at in 0..usize::from(count) {
                coalescer.add(&buffer, at * 32..at * 32 + 32, true);
            }
            let mut told = Vec::new();
            coalescer.finish(&mut buffer, |joined| told.push(encode(&joined)));
            assert_eq!(told.len(), 1);
            let read = decode(&told[0]).expect("a kind we take");
            assert_eq!((read.segment, read.checksum), expected);
            if count > 1 {
                assert_eq!(told[0][2..4], 28u16.to_ne_bytes());
            }
        }
    }
}
