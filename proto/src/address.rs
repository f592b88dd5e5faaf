//! Real addresses: which of them a peer may be looked for at, and their form on the wire.

use crate::wire::{DecodeError, Reader, Writer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An IPv4 address in IPv6 clothes (RFC 4291 section 2.5.5.2) as the IPv4 address it is. Every check below runs on
/// this form: filters fail by encoding.
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

/// Whether datagrams may be sent to `address` because somebody else named it: no loopback, unspecified,
/// multicast, broadcast, link-local or otherwise reserved address (RFC 6890), and no port 0. Private addresses
/// pass: two gateways may share a NAT.
pub fn is_candidate(address: SocketAddr) -> bool {
    address.port() != 0
        && match canonical(address.ip()) {
            IpAddr::V4(v4) => is_candidate_v4(v4),
            IpAddr::V6(v6) => is_candidate_v6(v6),
        }
}

fn is_candidate_v4(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    !(first == 0 || first >= 224 || address.is_loopback() || address.is_link_local())
}

fn is_candidate_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // ::/96 holds unspecified, loopback and the retired IPv4-compatible form; 64:ff9b::/96 may be a NAT64's, which
    // only the network that owns it can judge.
    let embedded = segments[..6] == [0; 6];
    !(embedded || address.is_multicast() || address.is_unicast_link_local())
}

/// Whether `address` means the same node everywhere: not private (RFC 1918), a carrier's (RFC 6598) or unique local
/// (RFC 4193). An address that equals what a server sees is global only if it is one of these; a server in a home
/// sees its neighbours' private addresses unchanged.
pub fn is_global(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let is_carriers = first == 100 && second & 0xc0 == 64;
            !(v4.is_private() || is_carriers)
        }
        IpAddr::V6(v6) => v6.segments()[0] & 0xfe00 != 0xfc00,
    }
}

/// Appends `address`: family byte (4 or 6), 4 or 16 bytes, port.
pub fn encode(writer: &mut Writer<'_>, address: SocketAddr) {
    match canonical(address.ip()) {
        IpAddr::V4(v4) => {
            writer.u8(4);
            writer.bytes(&v4.octets());
        }
        IpAddr::V6(v6) => {
            writer.u8(6);
            writer.bytes(&v6.octets());
        }
    }
    writer.u16(address.port());
}

/// Reads what [`encode`] wrote.
pub fn decode(reader: &mut Reader<'_>) -> Result<SocketAddr, DecodeError> {
    let ip = match reader.u8()? {
        4 => IpAddr::from(reader.array::<4>()?),
        6 => canonical(IpAddr::from(reader.array::<16>()?)),
        _ => return Err(DecodeError::Unknown),
    };
    Ok(SocketAddr::new(ip, reader.u16()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_no_candidates_in_any_encoding() {
        for bad in [
            "0.0.0.0:1",
            "127.0.0.1:1",
            "224.0.0.1:1",
            "255.255.255.255:1",
            "169.254.169.254:1",
            "[::]:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
            "[::127.0.0.1]:1",
            "[ff02::1]:1",
            "[fe80::1]:1",
            "203.0.113.1:0",
            "240.0.0.1:9",
        ] {
            assert!(!is_candidate(bad.parse().unwrap()), "{bad}");
        }
        for good in [
            "203.0.113.1:1",
            "10.0.0.2:4750",
            "192.168.1.9:4750",
            "[2001:db8::1]:4750",
            "[fd00::1]:5",
        ] {
            assert!(is_candidate(good.parse().unwrap()), "{good}");
        }
    }

    #[test]
    fn private_addresses_are_not_global() {
        for private in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "100.127.0.1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!is_global(private.parse().unwrap()), "{private}");
        }
        for global in ["203.0.113.1", "100.128.0.1", "172.32.0.1", "2001:db8::1"] {
            assert!(is_global(global.parse().unwrap()), "{global}");
        }
    }

    #[test]
    fn addresses_survive_the_wire() {
        for text in ["203.0.113.1:4750", "[2001:db8::1]:1"] {
            let address: SocketAddr = text.parse().unwrap();
            let mut bytes = Vec::new();
            encode(&mut Writer::new(&mut bytes), address);
            assert_eq!(decode(&mut Reader::new(&bytes)), Ok(address));
        }
        assert_eq!(decode(&mut Reader::new(&[5, 0])), Err(DecodeError::Unknown));
    }
}
