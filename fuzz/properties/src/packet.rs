//! Inner IPv4 packets: views keep to their bytes, and a packet that turns round between two devices has what it had,
//! but for its addresses and the checksums that cover them.
//!
//! What a checksum is worth is its *residue*: the one's complement sum over all it covers, itself included. A right
//! translation leaves it as it was, whether the packet was right, wrong, cut off or a fragment.

use crate::gateway::{Car, LAPTOP, udp};
use crate::lasting::World;
use ntm_proto::Forward;
use ntm_proto::ip::{Field, Ipv4View, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, replace_address};
use std::cell::RefCell;
use std::net::Ipv4Addr;

/// The virtual addresses of the two devices of [`Car`].
pub(crate) const VIPS: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 18, 1, 1), Ipv4Addr::new(198, 18, 1, 2)];
const PRINTER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 11);

thread_local! {
    static CAR: RefCell<Option<Car>> = const { RefCell::new(None) };
}

/// One packet, as a view, rewritten alone, and sent from one device to the other.
pub fn check(input: &[u8]) {
    let Some((&what, packet)) = input.split_first() else {
        return;
    };
    let quoted = Ipv4View::of_quoted(packet);
    let Ok(view) = Ipv4View::new(packet) else {
        return;
    };
    assert!(quoted.is_ok());
    assert!((20..=60).contains(&view.header_len()) && view.bytes().len() >= view.header_len());
    assert_eq!(
        view.bytes().len(),
        usize::from(u16::from_be_bytes([packet[2], packet[3]]))
    );
    assert_eq!(view.payload().len(), view.bytes().len() - view.header_len());
    let before = view.bytes().to_vec();
    for field in [Field::Source, Field::Destination] {
        let mut after = before.clone();
        replace_address(
            &mut after,
            field,
            Ipv4Addr::from([what, 1, 0xff, what ^ 0x55]),
        );
        compare(&before, &after, false);
    }
    turn_round(&before);
}

fn turn_round(packet: &[u8]) {
    let mut packet = packet.to_vec();
    packet[12..16].copy_from_slice(&LAPTOP.octets());
    packet[16..20].copy_from_slice(&VIPS[1].octets());
    CAR.with_borrow_mut(|car| {
        let car = car.get_or_insert_with(Car::new);
        let mut out = Vec::new();
        let handled = car.gateway.handle_packet(&packet, &mut out, car.now);
        assert_eq!(handled, Ok(Forward::Tun));
        let view = Ipv4View::new(&out).expect("as whole as it was");
        assert_eq!((view.source(), view.destination()), (VIPS[0], PRINTER));
        compare(&packet, &out, true);
    });
}

/// Whether `after` is `before` but for addresses and checksums, and the checksums are worth what they were.
fn compare(before: &[u8], after: &[u8], with_quoted: bool) {
    assert_eq!(before.len(), after.len());
    let parts = parts(before, with_quoted);
    for (at, (old, new)) in before.iter().zip(after).enumerate() {
        let may_change = parts
            .changing
            .iter()
            .any(|(from, to)| (*from..*to).contains(&at));
        assert!(old == new || may_change, "byte {at} changed");
    }
    for covered in parts.covered {
        assert_eq!(
            covered.residue(before),
            covered.residue(after),
            "{covered:?}"
        );
    }
    for at in parts.unset {
        assert_eq!(after[at..at + 2], [0, 0], "no checksum stays none");
    }
}

#[derive(Default)]
struct Parts {
    changing: Vec<(usize, usize)>,
    covered: Vec<Covered>,
    unset: Vec<usize>,
}

/// Bytes that a checksum covers; `addresses`: with the pseudo header from there.
#[derive(Debug)]
struct Covered {
    from: usize,
    to: usize,
    addresses: Option<usize>,
}

impl Covered {
    fn residue(&self, packet: &[u8]) -> u32 {
        let sum = |bytes: &[u8]| -> u64 {
            let pair = |pair: &[u8]| {
                u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0))
            };
            bytes.chunks(2).map(pair).sum()
        };
        let addresses = self.addresses.map_or(0, |at| sum(&packet[at..at + 8]));
        ((sum(&packet[self.from..self.to]) + addresses) % 0xffff) as u32
    }
}

fn parts(packet: &[u8], with_quoted: bool) -> Parts {
    let mut parts = Parts::default();
    add_packet(packet, 0, &mut parts);
    let header = usize::from(packet[0] & 15) * 4;
    let is_first = u16::from_be_bytes([packet[6], packet[7]]) & 0x1fff == 0;
    let is_error = packet
        .get(header)
        .is_some_and(|kind| [3, 4, 5, 11, 12].contains(kind));
    let quoted = header + 8;
    let has_quoted = packet
        .get(quoted..)
        .is_some_and(|bytes| Ipv4View::of_quoted(bytes).is_ok());
    if with_quoted && packet[9] == PROTOCOL_ICMP && is_first && is_error && has_quoted {
        parts.changing.push((header + 2, header + 4));
        parts.covered.push(Covered {
            from: header,
            to: packet.len(),
            addresses: None,
        });
        add_packet(packet, quoted, &mut parts);
    }
    parts
}

fn add_packet(packet: &[u8], at: usize, parts: &mut Parts) {
    let inner = &packet[at..];
    let header = usize::from(inner[0] & 15) * 4;
    parts.changing.push((at + 10, at + 20));
    parts.covered.push(Covered {
        from: at,
        to: at + header,
        addresses: None,
    });
    let is_first = u16::from_be_bytes([inner[6], inner[7]]) & 0x1fff == 0;
    let offset = match inner[9] {
        PROTOCOL_TCP => 16,
        PROTOCOL_UDP => 6,
        _ => return,
    };
    let checksum = header + offset;
    if !is_first || inner.len() < checksum + 2 {
        return;
    }
    if inner[9] == PROTOCOL_UDP && inner[checksum..checksum + 2] == [0, 0] {
        parts.unset.push(at + checksum);
        return;
    }
    parts.changing.push((at + checksum, at + checksum + 2));
    parts.covered.push(Covered {
        from: at + header,
        to: packet.len(),
        addresses: Some(at + 12),
    });
}

/// UDP, TCP, ICMP errors that quote them whole and cut off, fragments, options.
pub fn seeds() -> Vec<Vec<u8>> {
    let with_length = |mut packet: Vec<u8>| {
        let length = (packet.len() as u16).to_be_bytes();
        packet[2..4].copy_from_slice(&length);
        packet
    };
    let udp = udp(LAPTOP, VIPS[1]);
    let mut tcp = udp.clone();
    tcp[9] = PROTOCOL_TCP;
    tcp.extend([9; 16]);
    let tcp = with_length(tcp);
    let error = |quoted: &[u8]| {
        let mut packet = udp[..20].to_vec();
        packet[9] = PROTOCOL_ICMP;
        packet.extend([3, 3, 0xab, 0xcd, 0, 0, 0, 0]);
        packet.extend(quoted);
        with_length(packet)
    };
    let mut fragment = udp.clone();
    fragment[7] = 9;
    let mut unset = udp.clone();
    unset[26..28].fill(0);
    let mut options = udp[..20].to_vec();
    options[0] = 0x47;
    options.extend([1; 8]);
    options.extend(&udp[20..]);
    let options = with_length(options);
    let long = error(&[&tcp[..], &[5; 200]].concat());
    let packets = [
        error(&udp),
        error(&tcp),
        error(&udp[..24]),
        error(&options),
        long,
        udp,
        tcp,
        fragment,
        unset,
        options,
    ];
    packets
        .iter()
        .map(|packet| [&[7], &packet[..]].concat())
        .collect()
}
