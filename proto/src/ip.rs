//! Inner IPv4 headers: a checked view, and address rewriting with incremental checksums (RFC 1624).

use crate::wire::DecodeError;
use std::net::Ipv4Addr;

/// ICMP.
pub const PROTOCOL_ICMP: u8 = 1;
/// TCP.
pub const PROTOCOL_TCP: u8 = 6;
/// UDP.
pub const PROTOCOL_UDP: u8 = 17;

/// An IPv4 packet whose header is whole and whose lengths agree with the bytes there are.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4View<'a>(&'a [u8]);

impl<'a> Ipv4View<'a> {
    /// Checks version, header length and total length. Bytes past the total length are cut off.
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let view = Self::of_quoted(bytes)?;
        let total = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        if total < view.header_len() {
            return Err(DecodeError::Invalid);
        }
        bytes.get(..total).map(Self).ok_or(DecodeError::Truncated)
    }

    /// As [`Self::new`], but for a packet quoted in an ICMP error, whose payload may be cut short (RFC 792).
    pub fn of_quoted(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let first = *bytes.first().ok_or(DecodeError::Truncated)?;
        if first >> 4 != 4 {
            return Err(DecodeError::Unknown);
        }
        let header = usize::from(first & 15) * 4;
        if header < 20 {
            return Err(DecodeError::Invalid);
        }
        if bytes.len() < header {
            return Err(DecodeError::Truncated);
        }
        Ok(Self(bytes))
    }

    /// The packet, from the first header byte to the end of its total length.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Bytes of the header: 20 to 60.
    pub fn header_len(&self) -> usize {
        usize::from(self.0[0] & 15) * 4
    }

    /// The sender.
    pub fn source(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.0[12], self.0[13], self.0[14], self.0[15])
    }

    /// The receiver.
    pub fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.0[16], self.0[17], self.0[18], self.0[19])
    }

    /// The protocol of the payload.
    pub fn protocol(&self) -> u8 {
        self.0[9]
    }

    /// Whether the transport header is in this packet: no fragment, or the first one.
    pub fn is_first_fragment(&self) -> bool {
        u16::from_be_bytes([self.0[6], self.0[7]]) & 0x1fff == 0
    }

    /// How many bytes of the whole packet's payload come before this fragment's; 0 where there is none.
    pub fn fragment_offset(&self) -> usize {
        usize::from(u16::from_be_bytes([self.0[6], self.0[7]]) & 0x1fff) * 8
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        &self.0[self.header_len()..]
    }
}

/// Which address of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The sender's.
    Source,
    /// The receiver's.
    Destination,
}

impl Field {
    fn offset(self) -> usize {
        match self {
            Self::Source => 12,
            Self::Destination => 16,
        }
    }
}

/// A checksum after the bytes it covers changed from `old` to `new` at an even offset (RFC 1624 equation 3).
pub fn adjust(checksum: u16, old: &[u8], new: &[u8]) -> u16 {
    let mut sum = u32::from(!checksum);
    for pair in old.chunks_exact(2) {
        sum += u32::from(!u16::from_be_bytes([pair[0], pair[1]]));
    }
    for pair in new.chunks_exact(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Puts `address` into a packet and mends the header's and the transport's checksums.
///
/// `packet` must have passed [`Ipv4View::new`] or [`Ipv4View::of_quoted`]. A UDP checksum of 0 ("none") stays 0, a
/// transport header that is cut off or in another fragment is left alone.
pub fn replace_address(packet: &mut [u8], field: Field, address: Ipv4Addr) {
    let Ok(view) = Ipv4View::of_quoted(packet) else {
        return;
    };
    let (header, protocol, has_transport) =
        (view.header_len(), view.protocol(), view.is_first_fragment());
    let at = field.offset();
    let old = [packet[at], packet[at + 1], packet[at + 2], packet[at + 3]];
    let new = address.octets();
    packet[at..at + 4].copy_from_slice(&new);
    adjust_at(packet, 10, &old, &new);
    if !has_transport {
        return;
    }
    match protocol {
        PROTOCOL_TCP => adjust_at(packet, header + 16, &old, &new),
        PROTOCOL_UDP => adjust_udp(packet, header + 6, &old, &new),
        _ => {}
    }
}

/// Mends the checksum at `at`, where there is room for one.
pub fn adjust_at(packet: &mut [u8], at: usize, old: &[u8], new: &[u8]) {
    if let Some(field) = packet.get_mut(at..at + 2) {
        let sum = adjust(u16::from_be_bytes([field[0], field[1]]), old, new);
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

fn adjust_udp(packet: &mut [u8], at: usize, old: &[u8], new: &[u8]) {
    let Some(field) = packet.get_mut(at..at + 2) else {
        return;
    };
    let before = u16::from_be_bytes([field[0], field[1]]);
    if before != 0 {
        // 0 would mean "no checksum" (RFC 768); its one's complement twin says the same sum.
        let sum = adjust(before, old, new);
        field.copy_from_slice(&if sum == 0 { 0xffff } else { sum }.to_be_bytes());
    }
}

/// The Internet checksum (RFC 1071) of `bytes`, starting from `sum`.
///
/// The sum is the same in whatever byte order it is made (RFC 1071, 2B), and of words of any width: so it is made of
/// native 32-bit words, several at a time, and turned round once.
pub fn checksum(bytes: &[u8], sum: u32) -> u16 {
    let mut total = 0u64;
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        let (words, _) = block.as_chunks::<4>();
        for word in words {
            total += u64::from(u32::from_ne_bytes(*word));
        }
    }
    let (pairs, last) = rest.as_chunks::<2>();
    for pair in pairs {
        total += u64::from(u16::from_ne_bytes(*pair));
    }
    if let [last] = last {
        total += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    !fold(u64::from(u16::from_be(fold(total))) + u64::from(sum))
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn udp_packet(random: &mut Random, payload: usize) -> Vec<u8> {
        let total = 28 + payload;
        let mut packet = vec![
            0x45,
            0,
            (total >> 8) as u8,
            total as u8,
            0,
            1,
            0,
            0,
            64,
            PROTOCOL_UDP,
            0,
            0,
        ];
        packet.extend(random.bytes::<8>());
        packet.extend([
            4,
            0,
            5,
            0,
            ((8 + payload) >> 8) as u8,
            (8 + payload) as u8,
            0,
            0,
        ]);
        packet.extend((0..payload).map(|i| i as u8));
        fill_checksums(&mut packet);
        packet
    }

    fn fill_checksums(packet: &mut [u8]) {
        packet[10..12].fill(0);
        let header = checksum(&packet[..20], 0);
        packet[10..12].copy_from_slice(&header.to_be_bytes());
        packet[26..28].fill(0);
        let pseudo = u32::from(!checksum(&packet[12..20], 0))
            + u32::from(PROTOCOL_UDP)
            + (packet.len() - 20) as u32;
        let sum = checksum(&packet[20..], pseudo);
        packet[26..28].copy_from_slice(&if sum == 0 { 0xffff } else { sum }.to_be_bytes());
    }

    #[test]
    fn incremental_checksums_equal_recomputed_ones() {
        let mut random = Random::from_seed([3; 32]);
        for payload in 0..200 {
            let mut packet = udp_packet(&mut random, payload);
            replace_address(
                &mut packet,
                Field::Source,
                Ipv4Addr::from(random.bytes::<4>()),
            );
            replace_address(
                &mut packet,
                Field::Destination,
                Ipv4Addr::from(random.bytes::<4>()),
            );
            let mut fresh = packet.clone();
            fill_checksums(&mut fresh);
            assert_eq!(packet, fresh);
        }
    }

    #[test]
    fn no_udp_checksum_stays_none_and_later_fragments_keep_their_bytes() {
        let mut random = Random::from_seed([4; 32]);
        let mut packet = udp_packet(&mut random, 10);
        packet[26..28].fill(0);
        replace_address(&mut packet, Field::Source, Ipv4Addr::new(1, 2, 3, 4));
        assert_eq!(packet[26..28], [0, 0]);
        packet[7] = 1;
        let payload = packet[20..].to_vec();
        replace_address(&mut packet, Field::Source, Ipv4Addr::new(4, 3, 2, 1));
        assert_eq!(packet[20..], payload);
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let mut random = Random::from_seed([5; 32]);
        let packet = udp_packet(&mut random, 4);
        assert_eq!(Ipv4View::new(&packet).unwrap().payload().len(), 12);
        for end in 0..packet.len() {
            assert!(Ipv4View::new(&packet[..end]).is_err());
        }
        let mut bad = packet;
        bad[0] = 0x44;
        assert_eq!(Ipv4View::new(&bad).map(|_| ()), Err(DecodeError::Invalid));
        bad[0] = 0x65;
        assert_eq!(Ipv4View::new(&bad).map(|_| ()), Err(DecodeError::Unknown));
        bad[0] = 0x45;
        bad[3] = 19;
        bad[2] = 0;
        assert_eq!(Ipv4View::new(&bad).map(|_| ()), Err(DecodeError::Invalid));
    }
}
