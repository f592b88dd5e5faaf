//! Lines of the files: those of other servers' leases, and of our own list.

use super::Followed;
use crate::config::{Mac, is_device};
use crate::hostname::from_hostname;

/// Longest line that can be a lease: its client id may have 255 bytes in hexadecimal digits.
const LONGEST: usize = 1200;

/// A lease of dnsmasq's or odhcpd's.
pub(super) fn parse_lease(line: &str) -> Option<Followed> {
    if line.len() > LONGEST {
        return None;
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (mac, address, name) = match words[..] {
        ["#", _, mac, "ipv4", name, _, _, "32", address] => {
            (mac, address.strip_suffix("/32")?, name)
        }
        ["#", ..] => return None,
        [until, mac, address, name, _] if until.parse::<u64>().is_ok() => (mac, address, name),
        _ => return None,
    };
    parse(mac, address, name)
}

/// A device of our own list.
pub(super) fn parse_own(line: &str) -> Option<Followed> {
    let mut words = line.split_ascii_whitespace();
    let (mac, address, name) = (words.next()?, words.next()?, words.next()?);
    parse(mac, address, name)
}

/// What [`parse_own`] reads.
pub(super) fn to_own(device: &Followed) -> String {
    let mac = device.mac.map(|byte| format!("{byte:02x}")).join(":");
    let name = device.hostname.as_ref().map_or("*", |name| name.as_str());
    format!("{mac} {} {name}\n", device.address)
}

fn parse(mac: &str, address: &str, name: &str) -> Option<Followed> {
    Some(Followed {
        mac: parse_mac(mac)?,
        address: address.parse().ok()?,
        hostname: from_hostname(name.as_bytes()),
    })
}

/// With colons, as dnsmasq writes Ethernet's, or without.
fn parse_mac(text: &str) -> Option<Mac> {
    let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b':').collect();
    let are_digits = digits.iter().all(u8::is_ascii_hexdigit);
    let is_mac = are_digits && digits.len() == 12 && (text.len() == 12 || text.len() == 17);
    let mut mac = [0; 6];
    for (byte, pair) in mac.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    (is_mac && is_device(mac)).then_some(mac)
}
