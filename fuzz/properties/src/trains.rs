//! Super-packets from the kernel and to it: nothing is lost, made up or changed when they are cut and put together.

use crate::gateway::{Car, LAPTOP, udp};
use crate::lasting::World;
use crate::packet::VIPS;
use ntm_gateway::coalesce::{Coalescer, MOST_PARTS};
use ntm_gateway::{Offload, Reject};
use ntm_proto::Forward;
use ntm_proto::ip::{Ipv4View, PROTOCOL_TCP, PROTOCOL_UDP, checksum};
use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static CAR: RefCell<Option<Car>> = const { RefCell::new(None) };
}

/// Two bytes of segment length and a packet to cut; or, if the first byte is odd, operations on packets to put together.
pub fn check(input: &[u8]) {
    let Some(([what, low], rest)) = input.split_first_chunk() else {
        return;
    };
    if what & 1 == 0 {
        cut(u16::from_be_bytes([what >> 1, *low]), rest);
    } else {
        join(*low, rest);
    }
}

fn cut(segment: u16, packet: &[u8]) {
    if Ipv4View::new(packet).is_err() {
        return;
    }
    let mut packet = packet.to_vec();
    packet[12..16].copy_from_slice(&LAPTOP.octets());
    packet[16..20].copy_from_slice(&VIPS[1].octets());
    let offload = Offload {
        segment,
        checksum: Some((u16::from(packet[0] & 15) * 4, 16)),
    };
    CAR.with_borrow_mut(|car| {
        let car = car.get_or_insert_with(Car::new);
        let mut out = vec![7; 3];
        let handled = car
            .gateway
            .handle_super_packet(&packet, offload, &mut out, car.now);
        assert_eq!(out[..3], [7; 3], "what was there stays");
        let out = &out[3..];
        let handled = match handled {
            Ok(handled) => handled,
            Err(reject) => {
                assert!(reject == Reject::SuperPacket && out.is_empty());
                return;
            }
        };
        assert_eq!(handled.forward, Forward::Tun);
        if segment == 0 {
            return;
        }
        let view = Ipv4View::new(&packet).expect("as before");
        let header = view.header_len()
            + match view.protocol() {
                PROTOCOL_TCP => usize::from(packet[view.header_len() + 12] >> 4) * 4,
                protocol => {
                    assert_eq!(protocol, PROTOCOL_UDP, "others are refused");
                    8
                }
            };
        let mut payload = Vec::new();
        for piece in out.chunks(handled.length) {
            let view = Ipv4View::new(piece).expect("a whole packet");
            assert_eq!(view.bytes().len(), piece.len());
            assert!(piece.len() <= header + usize::from(segment));
            assert!(is_right(&view), "checksums are made anew");
            payload.extend_from_slice(&piece[header..]);
        }
        assert_eq!(payload, view.bytes()[header..]);
    });
}

fn is_right(view: &Ipv4View<'_>) -> bool {
    let (bytes, payload) = (view.bytes(), view.payload());
    let pseudo =
        u32::from(!checksum(&bytes[12..20], 0)) + u32::from(view.protocol()) + payload.len() as u32;
    checksum(&bytes[..view.header_len()], 0) == 0 && checksum(payload, pseudo) == 0
}

/// Each operation: which flow, how many bytes, a byte to change and what to.
fn join(first: u8, operations: &[u8]) {
    let (mut buffer, mut packets) = (Vec::new(), Vec::new());
    let mut ids = [1u16; 4];
    for operation in operations.chunks_exact(4).take(200) {
        let [who, size, at, value] = [0, 1, 2, 3].map(|n| operation[n]);
        let flow = usize::from(who & 3);
        let mut packet = udp(LAPTOP, VIPS[1]);
        packet.truncate(28);
        packet[21] = who & 3;
        packet.resize(28 + usize::from(size), value);
        let lengths = (packet.len() as u16, packet.len() as u16 - 20);
        packet[2..4].copy_from_slice(&lengths.0.to_be_bytes());
        packet[24..26].copy_from_slice(&lengths.1.to_be_bytes());
        packet[4..6].copy_from_slice(&ids[flow].to_be_bytes());
        ids[flow] = ids[flow].wrapping_add(1);
        packet[6] = first & 0x40;
        packet[10..12].fill(0);
        packet[26..28].fill(0);
        let sum = checksum(&packet[..20], 0);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        let view = Ipv4View::new(&packet).expect("its lengths agree");
        let pseudo = u32::from(!checksum(&packet[12..20], 0)) + 17 + view.payload().len() as u32;
        let sum = checksum(view.payload(), pseudo);
        packet[26..28].copy_from_slice(&if sum == 0 { 0xffff } else { sum }.to_be_bytes());
        if who & 0x80 != 0
            && let Some(byte) = packet.get_mut(usize::from(at))
        {
            *byte = value;
        }
        packets.push(buffer.len()..buffer.len() + packet.len());
        buffer.extend(packet);
    }
    let before = buffer.clone();
    let mut coalescer = Coalescer::default();
    let whole = packets
        .iter()
        .filter_map(|place| Ipv4View::new(&before[place.clone()]).ok());
    let lengths: Vec<usize> = whole.map(|view| view.bytes().len()).collect();
    let (expected, count): (usize, _) = (lengths.iter().sum(), lengths.len());
    let mut said: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for place in &packets {
        if let Ok(view) = Ipv4View::new(&before[place.clone()]) {
            let (flow, payload) = parts_of(view.bytes(), 28);
            said.entry(flow).or_default().extend(payload);
        }
    }
    for place in packets {
        coalescer.add(&before, place, who_joins(first));
    }
    let (mut bytes, mut parts) = (0, 0);
    coalescer.finish(&mut buffer, |joined| {
        let all: Vec<u8> = joined.parts().collect::<Vec<_>>().concat();
        let number = joined.parts().count();
        assert!(number <= MOST_PARTS && all.len() <= 65_535);
        parts += number;
        // Each packet but the first has left its header.
        bytes += all.len() + (number - 1) * joined.header;
        let (flow, payload) = parts_of(&all, 28);
        let rest = said.get_mut(&flow).expect("a flow that was there");
        assert!(rest.starts_with(payload), "in order and unchanged");
        rest.drain(..payload.len());
        if number == 1 {
            assert_eq!(joined.offload, Offload::default());
            return;
        }
        let view = Ipv4View::new(&all).expect("one packet");
        assert_eq!(view.bytes().len(), all.len());
        assert_eq!(checksum(&all[..20], 0), 0);
        let payload = all.len() - joined.header;
        assert_eq!(
            payload.div_ceil(usize::from(joined.offload.segment)),
            number
        );
    });
    assert_eq!((bytes, parts), (expected, count), "nothing is lost");
    assert!(said.values().all(Vec::is_empty));
}

/// Addresses, protocol and what would be ports; what follows a header of this length.
fn parts_of(packet: &[u8], header: usize) -> (Vec<u8>, &[u8]) {
    let ports = packet.get(20..24).unwrap_or_default();
    let flow = [&packet[9..10], &packet[12..20], ports].concat();
    (flow, packet.get(header..).unwrap_or_default())
}

fn who_joins(first: u8) -> bool {
    first & 1 == 0
}

/// Packets to cut, trains to put together, and some that do not fit in between.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut udp = udp(LAPTOP, VIPS[1]);
    udp.resize(1000, 9);
    udp[2..4].copy_from_slice(&1000u16.to_be_bytes());
    let mut tcp = udp.clone();
    tcp[9] = PROTOCOL_TCP;
    tcp[32] = 0x50;
    let mut options = tcp.clone();
    options[32] = 0x80;
    let mut seeds = Vec::new();
    for packet in [&udp, &tcp, &options] {
        for length in [[0, 0], [0, 1], [0, 100], [2, 0], [10, 0]] {
            seeds.push([&length[..], packet].concat());
        }
    }
    let same = [1, 200, 0, 5].repeat(70);
    let mixed: Vec<u8> = (0..100u8).flat_map(|n| [n & 3, 100, 0, n]).collect();
    let changed: Vec<u8> = (0..100u8)
        .flat_map(|n| [if n % 5 == 0 { 0x81 } else { 1 }, 60, n % 40, n])
        .collect();
    for operations in [&same, &mixed, &changed] {
        seeds.push([&[1, 0x40], &operations[..]].concat());
        seeds.push([&[1, 0x01], &operations[..]].concat());
    }
    seeds
}
