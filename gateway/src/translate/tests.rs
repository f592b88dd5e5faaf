//! Packets there and back, between domains whose addresses collide.

use super::*;
use ntm_proto::ip::{PROTOCOL_TCP, PROTOCOL_UDP};
use ntm_proto::random::Random;

const fn source(address: Ipv4Addr) -> Ends {
    Ends {
        source: Some(address),
        destination: None,
    }
}

const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);
const VIP: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 20);
const REMOTE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 30);

fn packet(protocol: u8, from: Ipv4Addr, to: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    let total = 20 + payload.len() as u16;
    let mut bytes = vec![
        0x45,
        0,
        (total >> 8) as u8,
        total as u8,
        0,
        0,
        0,
        0,
        64,
        protocol,
        0,
        0,
    ];
    bytes.extend(from.octets());
    bytes.extend(to.octets());
    let sum = checksum(&bytes, 0);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn icmp_error(quoted: &[u8]) -> Vec<u8> {
    let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
    icmp.extend(quoted);
    let sum = checksum(&icmp, 0);
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    icmp
}

#[test]
fn an_icmp_error_is_rewritten_inside_and_its_checksums_hold() {
    for length in [8, 9, 28, 61, 200] {
        let quoted = packet(17, REMOTE, LAN, &vec![0x5a; length]);
        let mut error = packet(PROTOCOL_ICMP, LAN, REMOTE, &icmp_error(&quoted));
        rewrite(&mut error, source(VIP));
        let view = Ipv4View::new(&error).unwrap();
        assert_eq!(view.source(), VIP);
        assert_eq!(checksum(&error[..20], 0), 0);
        assert_eq!(checksum(view.payload(), 0), 0, "length {length}");
        let quoted = Ipv4View::of_quoted(&error[28..]).unwrap();
        assert_eq!((quoted.source(), quoted.destination()), (REMOTE, VIP));
        assert_eq!(checksum(&error[28..48], 0), 0);
        assert!(
            !error.windows(4).any(|bytes| bytes == LAN.octets()),
            "no LAN address leaves"
        );
    }
}

#[test]
fn out_and_in_again_gives_the_same_packet() {
    let original = packet(6, LAN, REMOTE, &[7; 60]);
    let mut bytes = original.clone();
    rewrite(&mut bytes, source(VIP));
    assert_ne!(bytes, original);
    replace_address(&mut bytes, Field::Source, LAN);
    assert_eq!(bytes, original);
    rewrite(
        &mut bytes,
        Ends {
            source: None,
            destination: Some(VIP),
        },
    );
    assert_eq!(Ipv4View::new(&bytes).unwrap().destination(), VIP);
}

#[test]
fn an_echo_is_not_taken_for_an_error() {
    let mut echo = packet(
        PROTOCOL_ICMP,
        LAN,
        REMOTE,
        &[8, 0, 1, 2, 3, 4, 5, 6, 0x45, 0, 0, 0],
    );
    let payload = echo[20..].to_vec();
    rewrite(&mut echo, source(VIP));
    assert_eq!(echo[20..], payload);
}

/// One end of a conversation between two domains: what its gateway puts in place of what.
#[derive(Clone, Copy)]
struct Side {
    /// The device's address on its LAN.
    lan: Ipv4Addr,
    /// Its address in its domain.
    vip: Ipv4Addr,
    /// The other device's address here.
    alias: Ipv4Addr,
}

/// Both LANs, both virtual addresses and both aliases may be the same: nothing in one domain knows of the other.
fn sides(random: &mut Random) -> [Side; 2] {
    let [collides, a, b, ..] = random.bytes::<8>();
    let side = |low: u8| Side {
        lan: Ipv4Addr::new(192, 168, 1, low),
        vip: Ipv4Addr::new(198, 18, 0, low),
        alias: Ipv4Addr::new(198, 19, 200, low),
    };
    match collides % 3 {
        0 => [side(a), side(b)],
        1 => [side(a), side(a)],
        // The alias here is the other one's own address there.
        _ => {
            let (mut here, there) = (side(a), side(b));
            here.alias = there.vip;
            [here, there]
        }
    }
}

/// Out by one gateway, in by the other.
fn carry(packet: &mut [u8], from: Side, to: Side) {
    rewrite(
        packet,
        Ends {
            source: Some(from.vip),
            destination: Some(to.vip),
        },
    );
    let view = Ipv4View::new(packet).unwrap();
    assert_eq!((view.source(), view.destination()), (from.vip, to.vip));
    check(packet);
    rewrite(
        packet,
        Ends {
            source: Some(to.alias),
            destination: Some(to.lan),
        },
    );
}

/// A packet of any kind with right checksums.
fn any_packet(random: &mut Random, from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let [kind, length, options, fill, ..] = random.bytes::<8>();
    let mut payload: Vec<u8> = (0..length).map(|i| i.wrapping_mul(fill)).collect();
    let (protocol, mut transport) = match kind % 5 {
        0 => (PROTOCOL_TCP, random.bytes::<20>().to_vec()),
        1 | 2 => (PROTOCOL_UDP, random.bytes::<8>().to_vec()),
        3 => (PROTOCOL_ICMP, vec![8, 0, 0, 0, fill, fill, 0, 1]),
        _ => (47, Vec::new()),
    };
    transport.append(&mut payload);
    let header = 20 + 4 * usize::from(options % 11);
    let total = (header + transport.len()) as u16;
    let mut packet = vec![0; header];
    packet[0] = 0x40 | (header / 4) as u8;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[8..10].copy_from_slice(&[64, protocol]);
    packet[12..16].copy_from_slice(&from.octets());
    packet[16..20].copy_from_slice(&to.octets());
    packet.extend(transport);
    if fill.is_multiple_of(8) {
        // A later fragment.
        packet[7] = 1;
    }
    // UDP may do without a checksum.
    fill_checksums(&mut packet, kind % 5 != 2);
    packet
}

/// The place of the transport's checksum, and where the pseudo header counts.
fn transport_checksum(packet: &[u8]) -> Option<(usize, bool)> {
    let view = Ipv4View::of_quoted(packet).unwrap();
    if !view.is_first_fragment() {
        return None;
    }
    match view.protocol() {
        PROTOCOL_TCP => Some((view.header_len() + 16, true)),
        PROTOCOL_UDP => Some((view.header_len() + 6, true)),
        PROTOCOL_ICMP => Some((view.header_len() + 2, false)),
        _ => None,
    }
}

/// The transport's checksum as computed anew; 0 over a right one.
fn transport_sum(packet: &[u8], pseudo: bool) -> u16 {
    let view = Ipv4View::new(packet).unwrap();
    let start = if pseudo {
        u32::from(!checksum(&packet[12..20], 0))
            + u32::from(view.protocol())
            + view.payload().len() as u32
    } else {
        0
    };
    checksum(view.payload(), start)
}

fn fill_checksums(packet: &mut [u8], transport: bool) {
    if let Some((at, pseudo)) = transport_checksum(packet) {
        packet[at..at + 2].fill(0);
        if transport {
            let sum = transport_sum(packet, pseudo);
            let udp = pseudo && packet[9] == PROTOCOL_UDP;
            let sum = if udp && sum == 0 { 0xffff } else { sum };
            packet[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
    }
    let header = usize::from(packet[0] & 15) * 4;
    packet[10..12].fill(0);
    let sum = checksum(&packet[..header], 0);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// All checksums are right: computed anew, they are the same.
fn check(packet: &[u8]) {
    let header = usize::from(packet[0] & 15) * 4;
    assert_eq!(checksum(&packet[..header], 0), 0);
    if let Some((at, pseudo)) = transport_checksum(packet) {
        let none = packet[9] == PROTOCOL_UDP && packet[at..at + 2] == [0, 0];
        assert!(none || transport_sum(packet, pseudo) == 0);
    }
}

/// The packet as its receiver would send it back, payload and all.
fn turned_round(packet: &[u8]) -> Vec<u8> {
    let mut back = packet.to_vec();
    back[12..16].copy_from_slice(&packet[16..20]);
    back[16..20].copy_from_slice(&packet[12..16]);
    back
}

#[test]
fn packets_between_domains_come_back_as_they_went_whatever_collides() {
    let mut random = Random::from_seed([17; 32]);
    for _ in 0..5000 {
        let [here, there] = sides(&mut random);
        let sent = any_packet(&mut random, here.lan, here.alias);
        let mut packet = sent.clone();
        carry(&mut packet, here, there);
        check(&packet);
        let view = Ipv4View::new(&packet).unwrap();
        let ends = (view.source(), view.destination());
        assert_eq!(ends, (there.alias, there.lan));
        let mut back = turned_round(&packet);
        carry(&mut back, there, here);
        assert_eq!(back, turned_round(&sent));
    }
}

#[test]
fn an_error_between_domains_quotes_what_was_sent() {
    let mut random = Random::from_seed([18; 32]);
    for _ in 0..5000 {
        let [here, there] = sides(&mut random);
        let sent = any_packet(&mut random, here.lan, here.alias);
        let mut received = sent.clone();
        rewrite(
            &mut received,
            Ends {
                source: Some(here.vip),
                destination: Some(there.vip),
            },
        );
        rewrite(
            &mut received,
            Ends {
                source: Some(there.alias),
                destination: Some(there.lan),
            },
        );
        let header = usize::from(sent[0] & 15) * 4;
        let room = header + 8 + usize::from(random.bytes::<1>()[0]);
        let quoted = &received[..received.len().min(room)];
        let mut error = packet(PROTOCOL_ICMP, there.lan, there.alias, &icmp_error(quoted));
        carry(&mut error, there, here);
        check(&error);
        assert_eq!(error[28..], sent[..quoted.len()], "its own packet");
    }
}
