//! The lease file: one line of text per lease, with the seconds it has left.
//!
//! ```text
//! # lan-dhcp leases 1: hardware address, address, seconds left, name, client id
//! 02:00:5e:00:00:01 192.168.1.117 43200 laptop 0102005e000001
//! 02:00:5e:00:00:02 192.168.1.151 0 - -
//! ```
//!
//! Seconds left and no date: routers boot in 1970. A lease with 0 seconds has ended and is remembered, so that its
//! device gets the address again. Seconds are rounded up. The file is written when a lease is new or its address
//! changed, not at each renewal, to spare the flash: what it says is left was so when it was written.

use crate::config::{Config, MAX_LEASE_TIME, Mac, is_device};
use crate::lease::{Entry, Lease, Table};
use ntm_proto::id::Label;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const HEADER: &str =
    "# lan-dhcp leases 1: hardware address, address, seconds left, name, client id\n";
/// What a live lease from the file has left at least: its client was promised more than we can know of.
pub const IMPORT_GRACE: Duration = Duration::from_secs(600);

/// What became of a lease file's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Leases taken.
    pub accepted: usize,
    /// Lines that are no lease, or one the configuration no longer allows.
    pub skipped: usize,
}

pub(crate) fn export(table: &Table, now: Instant) -> String {
    let mut text = String::from(HEADER);
    for Entry { lease, ended, .. } in table.entries() {
        let left = lease.expires.saturating_duration_since(now);
        let seconds = if *ended {
            0
        } else {
            left.as_millis().div_ceil(1000).max(1)
        };
        let name = lease.hostname.as_ref().map_or("-", Label::as_str);
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "{} {} {seconds} {name} ",
            mac_text(lease.mac),
            lease.address
        );
        match &lease.client_id {
            Some(id) => id.iter().for_each(|byte| {
                let _ = write!(text, "{byte:02x}");
            }),
            None => text.push('-'),
        }
        text.push('\n');
    }
    text
}

pub(crate) fn import(table: &mut Table, config: &Config, text: &str, now: Instant) -> Imported {
    let mut imported = Imported::default();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let taken = parse_line(line, now).is_some_and(|(mut lease, ended)| {
            let fixed = config.static_of(lease.mac);
            if let Some(name) = fixed.and_then(|fixed| fixed.hostname.clone()) {
                lease.hostname = Some(name);
            }
            let allowed = match fixed {
                Some(fixed) => fixed.address == lease.address,
                None => {
                    config.is_dynamic(lease.address)
                        && dynamic_count(table, config) < config.max_leases
                }
            };
            allowed && table.restore(lease, ended)
        });
        if taken {
            imported.accepted += 1;
        } else {
            imported.skipped += 1;
        }
    }
    imported
}

/// How many entries count against `max_leases`.
pub(crate) fn dynamic_count(table: &Table, config: &Config) -> usize {
    let fixed = config
        .static_leases
        .iter()
        .filter(|fixed| table.get(fixed.mac).is_some());
    table.len() - fixed.count()
}

fn parse_line(line: &str, now: Instant) -> Option<(Lease, bool)> {
    let mut fields = line.split(' ');
    let mac = parse_mac(fields.next()?)?;
    let address: Ipv4Addr = fields.next()?.parse().ok()?;
    let left = Duration::from_secs(fields.next()?.parse().ok()?);
    let hostname = match fields.next()? {
        "-" => None,
        name => Some(Label::parse(name).ok()?),
    };
    let client_id = match fields.next()? {
        "-" => None,
        hex => Some(parse_hex(hex)?),
    };
    if fields.next().is_some() || !is_device(mac) {
        return None;
    }
    let ended = left.is_zero();
    let expires = if ended {
        now
    } else {
        now + left.clamp(IMPORT_GRACE, MAX_LEASE_TIME)
    };
    Some((
        Lease {
            mac,
            client_id,
            address,
            hostname,
            expires,
        },
        ended,
    ))
}

/// `02:00:5e:00:00:01`
pub(crate) fn mac_text(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

fn parse_mac(text: &str) -> Option<Mac> {
    let mut mac = Mac::default();
    let mut parts = text.split(':');
    for byte in &mut mac {
        *byte = parse_byte(parts.next()?.as_bytes())?;
    }
    parts.next().is_none().then_some(mac)
}

fn parse_hex(text: &str) -> Option<Box<[u8]>> {
    let digits = text.as_bytes();
    if !(2..=510).contains(&digits.len()) || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(parse_byte).collect()
}

fn parse_byte(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    match *digits {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_and_bytes_are_read_strictly() {
        assert_eq!(parse_mac("02:00:5e:00:00:01"), Some([2, 0, 0x5e, 0, 0, 1]));
        assert_eq!(mac_text([2, 0, 0x5e, 0, 0, 1]), "02:00:5e:00:00:01");
        for bad in [
            "",
            "02:00:5e:00:00",
            "02:00:5e:00:00:01:",
            "2:0:5e:0:0:1",
            "02:00:5e:00:00:0g",
            "+2:00:5e:00:00:01",
        ] {
            assert_eq!(parse_mac(bad), None, "{bad}");
        }
        assert_eq!(parse_hex("00ff").as_deref(), Some(&[0, 255][..]));
        for bad in ["", "0", "0é", "zz", &"0".repeat(512)] {
            assert_eq!(parse_hex(bad), None, "{bad}");
        }
    }
}
