//! Packets for the TUN interface, put together: what arrives of one flow in one go enters the kernel as one super-packet.
//!
//! The counterpart of `segment.rs`, and only what that can take apart again byte for byte is joined: packets of one
//! TCP or UDP flow that follow each other and differ in nothing but number, payload and checksum. Their bytes stay where
//! they are; a super-packet is a list of places. The checksum of each is looked at first, because the kernel makes
//! them anew: a packet that came with a wrong one goes by itself, wrong as it is.

use crate::segment::{Offload, pseudo_header};
use ntm_proto::ip::{Ipv4View, PROTOCOL_TCP, PROTOCOL_UDP, checksum};
use std::ops::Range;

/// Most packets in one super-packet: what Linux takes of UDP (`UDP_MAX_SEGMENTS`).
pub const MOST_PARTS: usize = 64;
/// Longest super-packet.
const LONGEST: usize = 65_535;
/// Most of what is put together at a time: each packet is compared with all.
const MOST_RUNS: usize = 64;

const TCP_ACK: u8 = 0x10;
const TCP_PSH: u8 = 0x08;

/// What is being put together. Its memory is used again.
#[derive(Default)]
pub struct Coalescer {
    runs: Vec<Run>,
    /// How many of them are in use.
    used: usize,
}

/// Packets that go to the kernel together, or one by itself.
#[derive(Default)]
struct Run {
    /// The first packet, whole, then the payloads of those that follow it.
    parts: Vec<Range<usize>>,
    flow: Flow,
    /// The newest packet's; `None`: it is one that goes by itself.
    joint: Option<Joint>,
    /// Bytes of payload in each but the last.
    segment: usize,
    length: usize,
    is_open: bool,
}

/// Whose packets they are: protocol, addresses, ports; `ports` is `None` where there are none to see.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Flow {
    protocol: u8,
    ends: [u8; 8],
    ports: Option<[u8; 4]>,
}

impl Flow {
    fn of(view: &Ipv4View<'_>) -> Self {
        let protocol = view.protocol();
        let bytes = view.bytes();
        let has_ports = matches!(protocol, PROTOCOL_TCP | PROTOCOL_UDP)
            && view.is_first_fragment()
            && bytes[6] & 0x20 == 0;
        let ports = view.payload().first_chunk().filter(|_| has_ports);
        let mut ends = [0; 8];
        ends.copy_from_slice(&bytes[12..20]);
        Self {
            protocol,
            ends,
            ports: ports.copied(),
        }
    }

    /// Whether the order of the two's packets matters. A fragment may belong to anything between its ends.
    fn touches(&self, other: &Self) -> bool {
        let is_unclear = self.ports.is_none() || other.ports.is_none();
        self.ends == other.ends && (is_unclear || self == other)
    }
}

/// A packet as far as joining is about it.
#[derive(Clone, Copy)]
struct Joint {
    /// IPv4 and transport header.
    header: usize,
    payload: usize,
    /// What the next one must have: its IPv4 identification and TCP sequence number.
    next: (u16, u32),
    is_tcp: bool,
    /// Whether the sender asks for delivery (PSH): nothing may follow.
    is_end: bool,
}

impl Joint {
    /// `None` if the packet goes by itself.
    fn of(view: &Ipv4View<'_>) -> Option<Self> {
        let bytes = view.bytes();
        let (ip, transport) = bytes.split_at_checked(20)?;
        // Options are for every packet; a fragment is none of ours to put together.
        let is_plain = bytes[0] == 0x45 && ip[6] & 0x20 == 0 && view.is_first_fragment();
        let is_tcp = view.protocol() == PROTOCOL_TCP;
        let header = match view.protocol() {
            PROTOCOL_TCP => usize::from(*transport.get(12)? >> 4) * 4,
            PROTOCOL_UDP => 8,
            _ => return None,
        };
        let payload = transport.len().checked_sub(header)?;
        if !is_plain || payload == 0 || (is_tcp && header < 20) {
            return None;
        }
        let (mut number, mut is_end) = (0, false);
        if is_tcp {
            number = u32::from_be_bytes([transport[4], transport[5], transport[6], transport[7]]);
            is_end = transport[13] & TCP_PSH != 0;
            let is_odd = transport[13] & !TCP_PSH != TCP_ACK || transport[18..20] != [0, 0];
            // 0 in the other way to write it would come out as 0.
            if is_odd || transport[16..18] == [0xff, 0xff] {
                return None;
            }
        } else if transport[6..8] == [0, 0]
            || usize::from(u16::from_be_bytes([transport[4], transport[5]])) != transport.len()
        {
            return None;
        }
        let is_right = ip[10..12] != [0xff, 0xff]
            && checksum(ip, 0) == 0
            && checksum(transport, pseudo_header(ip, transport.len())) == 0;
        let id = u16::from_be_bytes([ip[4], ip[5]]);
        is_right.then_some(Self {
            header: 20 + header,
            payload,
            next: (id.wrapping_add(1), number.wrapping_add(payload as u32)),
            is_tcp,
            is_end,
        })
    }

    /// Whether `self`, the packet `bytes`, may follow a run's newest one; its first begins with `first`.
    fn follows(&self, newest: &Self, bytes: &[u8], first: &[u8]) -> bool {
        let same = |range: Range<usize>| first.get(range.clone()) == bytes.get(range);
        // Service; fragmentation, time to live; of TCP acknowledgement and header length, window, options.
        let is_alike = same(1..2)
            && same(6..9)
            && (!self.is_tcp || same(28..33) && same(34..36) && same(40..self.header));
        let (id, number) = self.next;
        let begins = (id.wrapping_sub(1), number.wrapping_sub(self.payload as u32));
        let is_next = begins.0 == newest.next.0 && (!self.is_tcp || begins.1 == newest.next.1);
        is_next && is_alike && self.header == newest.header
    }
}

impl Coalescer {
    /// Takes the packet that lies at this place of `buffer`. `joins_udp`: whether the kernel takes super-packets of UDP.
    pub fn add(&mut self, buffer: &[u8], packet: Range<usize>, joins_udp: bool) {
        let Some(Ok(view)) = buffer.get(packet.clone()).map(Ipv4View::new) else {
            return;
        };
        let packet = packet.start..packet.start + view.bytes().len();
        let flow = Flow::of(&view);
        let joint = Joint::of(&view).filter(|joint| joint.is_tcp || joins_udp);
        let mut runs = self.runs[..self.used].iter_mut().rev();
        if let Some(run) = runs.find(|run| run.flow.touches(&flow)) {
            if run.join(buffer, &packet, joint) {
                return;
            }
            // Whatever comes later stays behind this one.
            run.is_open = false;
        }
        if self.used == self.runs.len() {
            self.runs.push(Run::default());
        }
        self.runs[self.used].begin(flow, joint, packet);
        self.used += 1;
    }

    /// Whether it is time for [`Self::finish`].
    pub fn is_full(&self) -> bool {
        self.used >= MOST_RUNS
    }

    /// Whether there is nothing to hand over.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Hands everything over, in the order of arrival within each flow, and is empty again.
    pub fn finish(&mut self, buffer: &mut [u8], mut write: impl FnMut(Joined<'_>)) {
        for run in &self.runs[..self.used] {
            let offload = run.finish(buffer);
            write(Joined {
                offload,
                header: run.joint.map_or(0, |joint| joint.header),
                is_tcp: run.joint.is_some_and(|joint| joint.is_tcp),
                buffer,
                parts: &run.parts,
            });
        }
        self.used = 0;
    }
}

impl Run {
    fn begin(&mut self, flow: Flow, joint: Option<Joint>, packet: Range<usize>) {
        self.flow = flow;
        self.joint = joint;
        self.segment = joint.map_or(0, |joint| joint.payload);
        self.is_open = joint.is_some_and(|joint| !joint.is_end);
        self.length = packet.len();
        self.parts.clear();
        self.parts.push(packet);
    }

    /// Takes a packet that is next. Whether it is.
    fn join(&mut self, buffer: &[u8], packet: &Range<usize>, joint: Option<Joint>) -> bool {
        let (Some(newest), Some(joint), true) = (self.joint, joint, self.is_open) else {
            return false;
        };
        let first = &buffer[self.parts[0].clone()];
        let fits = joint.payload <= self.segment
            && self.parts.len() < MOST_PARTS
            && self.length + joint.payload <= LONGEST;
        if !fits || !joint.follows(&newest, &buffer[packet.clone()], first) {
            return false;
        }
        self.is_open = joint.payload == self.segment && !joint.is_end;
        self.length += joint.payload;
        self.parts.push(packet.start + joint.header..packet.end);
        self.joint = Some(joint);
        true
    }

    /// Makes one header of the first packet's, if there is more than one; what the kernel has to do then.
    fn finish(&self, buffer: &mut [u8]) -> Offload {
        let (Some(joint), true) = (self.joint, self.parts.len() > 1) else {
            return Offload::default();
        };
        let (ip, transport) = buffer[self.parts[0].clone()].split_at_mut(20);
        // Checked when the packets were taken.
        let length = self.length as u16;
        ip[2..4].copy_from_slice(&length.to_be_bytes());
        ip[10..12].fill(0);
        let sum = checksum(ip, 0);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let at = if joint.is_tcp {
            transport[13] |= if joint.is_end { TCP_PSH } else { 0 };
            16
        } else {
            transport[4..6].copy_from_slice(&(length - 20).to_be_bytes());
            6
        };
        // The kernel adds the rest.
        let pseudo = !checksum(&[], pseudo_header(ip, usize::from(length) - 20));
        transport[at..at + 2].copy_from_slice(&pseudo.to_be_bytes());
        Offload {
            segment: self.segment as u16,
            checksum: Some((20, at as u16)),
        }
    }
}

/// One thing for the kernel to take: a packet, or a super-packet.
pub struct Joined<'a> {
    /// What the kernel has to do to it.
    pub offload: Offload,
    /// How long its headers are; 0 if that does not matter.
    pub header: usize,
    /// Whether it is TCP.
    pub is_tcp: bool,
    buffer: &'a [u8],
    parts: &'a [Range<usize>],
}

impl<'a> Joined<'a> {
    /// Its bytes: at most [`MOST_PARTS`] pieces.
    pub fn parts(&self) -> impl Iterator<Item = &'a [u8]> {
        let buffer = self.buffer;
        self.parts.iter().map(move |part| &buffer[part.clone()])
    }
}

#[cfg(test)]
mod tests;
