//! Put together and cut again, packets are what they were.

use super::*;
use crate::segment::Segments;
use crate::translate::Ends;
use ntm_proto::random::Random;
use std::net::Ipv4Addr;

const FROM: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 7);
const TO: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 9);

/// A flow that sends.
struct Sender {
    is_tcp: bool,
    port: u8,
    id: u16,
    number: u32,
    options: usize,
}

impl Sender {
    fn packet(&mut self, payload: usize, flags: u8, fill: u8) -> Vec<u8> {
        let header = if self.is_tcp { 20 + self.options } else { 8 };
        let total = (20 + header + payload) as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(total.to_be_bytes());
        packet.extend(self.id.to_be_bytes());
        packet.extend([0x40, 0, 64, if self.is_tcp { 6 } else { 17 }, 0, 0]);
        packet.extend(FROM.octets());
        packet.extend(TO.octets());
        packet.extend([0, self.port, 0, 80]);
        if self.is_tcp {
            packet.extend(self.number.to_be_bytes());
            packet.extend([0, 0, 0, 9, (header as u8 / 4) << 4, flags, 1, 0, 0, 0, 0, 0]);
            packet.resize(20 + header, 1);
        } else {
            packet.extend(((header + payload) as u16).to_be_bytes());
            packet.extend([0, 0]);
        }
        packet.resize(20 + header + payload, fill);
        self.id = self.id.wrapping_add(1);
        self.number = self.number.wrapping_add(payload as u32);
        fill_checksums(&mut packet);
        packet
    }
}

fn fill_checksums(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let sum = checksum(&packet[..20], 0);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let at = if packet[9] == 6 { 36 } else { 26 };
    packet[at..at + 2].fill(0);
    let pseudo = pseudo_header(&packet[..20], packet.len() - 20);
    let sum = checksum(&packet[20..], pseudo);
    let sum = if sum == 0 && packet[9] == 17 {
        0xffff
    } else {
        sum
    };
    packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// What the kernel would make of what it is handed: whole packets, in order.
fn cut(joined: &Joined<'_>) -> Vec<Vec<u8>> {
    let whole: Vec<u8> = joined.parts().collect::<Vec<_>>().concat();
    let view = Ipv4View::new(&whole).expect("lengths agree");
    assert_eq!(view.bytes().len(), whole.len());
    assert!(whole.len() <= LONGEST && joined.parts().count() <= MOST_PARTS);
    if joined.offload.segment == 0 {
        return vec![whole];
    }
    let (start, at) = joined.offload.checksum.expect("to be made");
    let at = usize::from(start + at);
    let pseudo = !checksum(&[], pseudo_header(&whole[..20], whole.len() - 20));
    assert_eq!(whole[at..at + 2], pseudo.to_be_bytes());
    let mut segments = Segments::new(&view, joined.offload.segment).expect("can be cut");
    segments.translate(Ends {
        source: None,
        destination: None,
    });
    let cut = (0..segments.count()).map(|number| {
        let mut out = Vec::new();
        segments.write(number, &mut out);
        out
    });
    cut.collect()
}

/// The packets as the kernel sees them, and how often it was called.
fn through(packets: &[Vec<u8>], joins_udp: bool) -> (Vec<Vec<u8>>, usize) {
    let mut coalescer = Coalescer::default();
    let (mut buffer, mut places) = (Vec::new(), Vec::new());
    for packet in packets {
        // As they lie in what was received: with headers and tags between them.
        buffer.extend([0xee; 16]);
        places.push(buffer.len()..buffer.len() + packet.len());
        buffer.extend(packet);
        buffer.extend([0xee; 16]);
    }
    for place in places {
        coalescer.add(&buffer, place, joins_udp);
    }
    let (mut got, mut calls) = (Vec::new(), 0);
    coalescer.finish(&mut buffer, |joined| {
        got.extend(cut(&joined));
        calls += 1;
    });
    assert!(coalescer.is_empty());
    (got, calls)
}

fn flow(packet: &[u8]) -> [u8; 2] {
    [packet[9], packet[21]]
}

#[test]
fn a_train_goes_in_one_call_and_comes_out_as_it_went_in() {
    for is_tcp in [true, false] {
        let mut sender = Sender {
            is_tcp,
            port: 5,
            id: 65_530,
            number: u32::MAX - 5000,
            options: 12,
        };
        let mut packets: Vec<_> = (0..20).map(|n| sender.packet(1348, TCP_ACK, n)).collect();
        packets.push(sender.packet(100, TCP_ACK | TCP_PSH, 99));
        assert_eq!(through(&packets, true), (packets.clone(), 1));
        let calls = if is_tcp { 1 } else { packets.len() };
        assert_eq!(through(&packets, false), (packets, calls));
    }
}

#[test]
fn whatever_comes_each_flow_has_its_packets_in_order_and_unchanged() {
    let mut random = Random::from_seed([9; 32]);
    let mut fewer = 0;
    for _ in 0..500 {
        let mut senders: Vec<_> = (0..4u8)
            .map(|port| Sender {
                is_tcp: port % 2 == 0,
                port,
                id: 100,
                number: 7,
                options: 4 * usize::from(port % 4),
            })
            .collect();
        let mut packets = Vec::new();
        for _ in 0..120 {
            let [who, what, size, ..] = random.bytes::<8>();
            let sender = &mut senders[usize::from(who % 4)];
            let payload = if size < 16 { usize::from(size) } else { 400 };
            let flags = if what < 20 { what } else { TCP_ACK };
            let mut packet = sender.packet(payload, flags, size);
            match what {
                // Corrupt: checksum or payload, header.
                20..24 => *packet.last_mut().expect("not empty") ^= 1,
                24..28 => packet[10] ^= 1,
                // A gap, a repetition.
                28..34 => continue,
                34..38 => packets.push(packet.clone()),
                // Another service, window, identification; a fragment; without checksum.
                38..42 => {
                    packet[1] = 4;
                    fill_checksums(&mut packet);
                }
                42..46 if sender.is_tcp => {
                    packet[34] = 9;
                    fill_checksums(&mut packet);
                }
                46..50 => {
                    packet[4] ^= 1;
                    fill_checksums(&mut packet);
                }
                50..54 => {
                    packet[6] = 0x20;
                    fill_checksums(&mut packet);
                }
                54..58 if !sender.is_tcp => packet[26..28].fill(0),
                _ => {}
            }
            packets.push(packet);
        }
        let (got, calls) = through(&packets, true);
        fewer += usize::from(calls < packets.len() * 2 / 3);
        assert_eq!(got.len(), packets.len());
        for port in 0..4 {
            let of = |list: &[Vec<u8>]| -> Vec<Vec<u8>> {
                let its = list.iter().filter(|packet| flow(packet)[1] == port);
                its.cloned().collect()
            };
            assert_eq!(of(&got), of(&packets));
        }
    }
    assert!(fewer > 400, "{fewer}");
}

#[test]
fn no_super_packet_is_too_long() {
    let mut sender = Sender {
        is_tcp: true,
        port: 1,
        id: 0,
        number: 0,
        options: 0,
    };
    for payload in [1, 1000, 1400, 9000, 30_000] {
        let packets: Vec<_> = (0..150)
            .map(|n| sender.packet(payload, TCP_ACK, n))
            .collect();
        assert_eq!(through(&packets, true).0, packets);
    }
}
