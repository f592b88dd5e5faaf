//! Super-packets: what the kernel hands over in one piece because it is spared the cutting (TSO for TCP, USO for UDP),
//! and cut here into the packets it stands for.
//!
//! The headers are translated once. Each packet then gets a copy of them with its own lengths, number and checksums, as
//! the kernel would have made it: byte for byte, so that nobody can tell whether the kernel cut or we did.

use crate::Reject;
use crate::translate::{self, Ends};
use ntm_proto::ip::{Ipv4View, PROTOCOL_TCP, PROTOCOL_UDP, checksum};

/// Longest IPv4 and TCP header together.
const MAX_HEADER: usize = 120;
/// Most packets a super-packet may stand for: 65,535 bytes in segments of 32, less than any TCP has.
const MOST: usize = 2048;

/// What the kernel left to be done to a packet: its `virtio_net` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// Bytes of payload in each of the packets this stands for; 0: it is one packet.
    pub segment: u16,
    /// Where the bytes begin that the transport's checksum is to be made of, up to the end, and how far from there its
    /// place is, which holds the sum of the pseudo header. `None`: it is made.
    pub checksum: Option<(u16, u16)>,
}

impl Offload {
    /// Makes the checksum of a packet that is not cut. One whose place is not in the packet stays as it is: the
    /// receiver drops it.
    pub(crate) fn finish(self, packet: &mut [u8]) {
        let Some((start, offset)) = self.checksum else {
            return;
        };
        let (start, at) = (usize::from(start), usize::from(start) + usize::from(offset));
        if at + 2 <= packet.len() {
            let sum = checksum(&packet[start..], 0);
            let is_udp = packet.get(9) == Some(&PROTOCOL_UDP);
            let sum = if sum == 0 && is_udp { 0xffff } else { sum };
            packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
    }
}

/// A super-packet and its translated headers.
pub(crate) struct Segments<'a> {
    header: [u8; MAX_HEADER],
    length: usize,
    ip: usize,
    is_tcp: bool,
    payload: &'a [u8],
    segment: usize,
}

impl<'a> Segments<'a> {
    /// Checks that `view` can be cut into packets with `segment` bytes of payload.
    pub(crate) fn new(view: &Ipv4View<'a>, segment: u16) -> Result<Self, Reject> {
        let (ip, bytes) = (view.header_len(), view.bytes());
        let is_tcp = view.protocol() == PROTOCOL_TCP;
        let transport = match view.protocol() {
            PROTOCOL_TCP => bytes.get(ip + 12).map(|byte| usize::from(byte >> 4) * 4),
            PROTOCOL_UDP => Some(8),
            _ => None,
        };
        let is_whole = view.is_first_fragment() && bytes[6] & 0x20 == 0;
        let transport = transport.filter(|length| is_whole && (*length >= 20 || !is_tcp));
        let length = ip + transport.ok_or(Reject::SuperPacket)?;
        let (segment, payload) = (usize::from(segment), bytes.get(length..));
        let payload = payload.ok_or(Reject::SuperPacket)?;
        if segment == 0 || payload.is_empty() || payload.len().div_ceil(segment) > MOST {
            return Err(Reject::SuperPacket);
        }
        let mut header = [0; MAX_HEADER];
        header[..length].copy_from_slice(&bytes[..length]);
        Ok(Self {
            header,
            length,
            ip,
            is_tcp,
            payload,
            segment,
        })
    }

    /// Gives all its packets these addresses.
    pub(crate) fn translate(&mut self, ends: Ends) {
        translate::replace(&mut self.header[..self.length], ends);
    }

    /// How many packets it stands for.
    pub(crate) fn count(&self) -> usize {
        self.payload.len().div_ceil(self.segment)
    }

    /// How long they are together.
    pub(crate) fn bytes(&self) -> usize {
        self.payload.len() + self.count() * self.length
    }

    /// Appends the packet of this number, counted from 0.
    pub(crate) fn write(&self, number: usize, out: &mut Vec<u8>) {
        let from = number * self.segment;
        let payload = &self.payload[from..self.payload.len().min(from + self.segment)];
        let is_last = from + payload.len() == self.payload.len();
        let start = out.len();
        out.extend_from_slice(&self.header[..self.length]);
        out.extend_from_slice(payload);
        let (ip, transport) = out[start..].split_at_mut(self.ip);
        // No longer than the super-packet, whose length fits.
        let total = (self.length + payload.len()) as u16;
        ip[2..4].copy_from_slice(&total.to_be_bytes());
        let id = u16::from_be_bytes([ip[4], ip[5]]).wrapping_add(number as u16);
        ip[4..6].copy_from_slice(&id.to_be_bytes());
        ip[10..12].fill(0);
        let sum = checksum(ip, 0);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let at = if self.is_tcp {
            number_tcp(transport, from as u32, number == 0, is_last);
            16
        } else {
            let length = transport.len() as u16;
            transport[4..6].copy_from_slice(&length.to_be_bytes());
            6
        };
        transport[at..at + 2].fill(0);
        let pseudo = pseudo_header(ip, transport.len());
        let sum = match checksum(transport, pseudo) {
            // 0 would mean "no checksum" (RFC 768).
            0 if !self.is_tcp => 0xffff,
            sum => sum,
        };
        transport[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

/// TCP's sequence number, and its flags: FIN and PSH belong to the last packet, CWR to the first.
fn number_tcp(transport: &mut [u8], from: u32, is_first: bool, is_last: bool) {
    const FIN_PSH: u8 = 0x09;
    const CWR: u8 = 0x80;
    let number = u32::from_be_bytes([transport[4], transport[5], transport[6], transport[7]]);
    transport[4..8].copy_from_slice(&number.wrapping_add(from).to_be_bytes());
    if !is_last {
        transport[13] &= !FIN_PSH;
    }
    if !is_first {
        transport[13] &= !CWR;
    }
}

/// The sum over the pseudo header (RFC 793, 3.1; RFC 768) of a transport of this length.
pub(crate) fn pseudo_header(ip: &[u8], length: usize) -> u32 {
    u32::from(!checksum(&ip[12..20], 0)) + u32::from(ip[9]) + length as u32
}
