//! Who is on the LAN where dnsmasq or odhcpd gives the addresses, as OpenWrt has it: from the files they keep.
//!
//! ```text
//! dnsmasq   1763812345 02:00:5e:00:00:01 192.168.1.117 laptop 01:02:00:5e:00:00:01
//! odhcpd    # br-lan 02005e000001 ipv4 laptop 1763812345 c0a80175 32 192.168.1.117/32
//! ```
//!
//! Both drop a lease from their file when it ends, so the times in it, which are the wall clock's, are not looked at: a
//! router boots in 1970. What a line says is a device's own word, and a name that is no label is none.

use crate::config::{Mac, is_device};
use crate::hostname::from_hostname;
use ntm_proto::id::Label;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Longest line that can be a lease: its client id may have 255 bytes in hexadecimal digits.
const LONGEST: usize = 1200;

/// A device with a lease of another server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Its hardware address.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its name.
    pub hostname: Option<Label>,
}

/// What became of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there, or its address or name is another one.
    Seen(Followed),
    /// It has no lease any more.
    Gone(Mac),
}

/// Who had a lease when the files were last read.
#[derive(Debug)]
pub struct Follower {
    own: Ipv4Addr,
    prefix_len: u8,
    most: usize,
    devices: BTreeMap<Mac, Followed>,
}

impl Follower {
    /// Of the LAN on which `own` is the router's address, up to `most` devices.
    pub fn new(own: Ipv4Addr, prefix_len: u8, most: usize) -> Self {
        Self {
            own,
            prefix_len,
            most,
            devices: BTreeMap::new(),
        }
    }

    /// What changed since the last time, now that the files have these texts: who left first, since another may have its
    /// address.
    pub fn update<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Vec<Change> {
        let mut devices: BTreeMap<Mac, Followed> = BTreeMap::new();
        let lines = texts.into_iter().flat_map(str::lines);
        for found in lines.filter_map(parse).filter(|it| self.is_here(it)) {
            // The newest line of an address is at the end.
            devices.retain(|_, other| other.address != found.address);
            if devices.len() < self.most || devices.contains_key(&found.mac) {
                devices.insert(found.mac, found);
            }
        }
        let gone = self
            .devices
            .keys()
            .filter(|mac| !devices.contains_key(*mac));
        let mut changes: Vec<Change> = gone.map(|mac| Change::Gone(*mac)).collect();
        let news = devices
            .values()
            .filter(|it| self.devices.get(&it.mac) != Some(it));
        changes.extend(news.cloned().map(Change::Seen));
        self.devices = devices;
        changes
    }

    fn is_here(&self, found: &Followed) -> bool {
        let hosts = u32::MAX.checked_shr(self.prefix_len.into()).unwrap_or(0);
        let (address, own) = (u32::from(found.address), u32::from(self.own));
        let host = address & hosts;
        address & !hosts == own & !hosts && address != own && host != 0 && host != hosts
    }
}

/// A line of either file.
fn parse(line: &str) -> Option<Followed> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn follower() -> Follower {
        Follower::new(Ipv4Addr::new(192, 168, 1, 1), 24, 4)
    }

    fn line(last: u8, address: &str, name: &str) -> String {
        format!(
            "1763812345 02:00:5e:00:00:{last:02x} {address} {name} 01:02:00:5e:00:00:{last:02x}\n"
        )
    }

    fn seen(last: u8, address: &str, name: Option<&str>) -> Change {
        Change::Seen(Followed {
            mac: [2, 0, 0x5e, 0, 0, last],
            address: address.parse().unwrap(),
            hostname: name.map(|name| Label::parse(name).unwrap()),
        })
    }

    #[test]
    fn leases_come_change_and_go() {
        let mut follower = follower();
        let both = line(1, "192.168.1.10", "Laptop") + &line(2, "192.168.1.11", "*");
        assert_eq!(
            follower.update([both.as_str()]),
            [
                seen(1, "192.168.1.10", Some("laptop")),
                seen(2, "192.168.1.11", None)
            ]
        );
        assert_eq!(follower.update([both.as_str()]), []);
        // The first left, and the second has its address.
        let one = line(2, "192.168.1.10", "phone");
        assert_eq!(
            follower.update([one.as_str()]),
            [
                Change::Gone([2, 0, 0x5e, 0, 0, 1]),
                seen(2, "192.168.1.10", Some("phone"))
            ]
        );
        assert_eq!(follower.update([]), [Change::Gone([2, 0, 0x5e, 0, 0, 2])]);
    }

    #[test]
    fn both_servers_files_are_read() {
        let odhcpd = "# br-lan 02005e000003 ipv4 tv 1763812345 c0a80114 32 192.168.1.20/32\n\
                      # br-lan 00010001deadbeef 1234 tv 1763812345 64 64 2001:db8::1/64\n192.168.1.20 tv.lan\n";
        let mut follower = follower();
        let dnsmasq = line(1, "192.168.1.10", "laptop");
        assert_eq!(
            follower.update([dnsmasq.as_str(), odhcpd]),
            [
                seen(1, "192.168.1.10", Some("laptop")),
                seen(3, "192.168.1.20", Some("tv"))
            ]
        );
    }

    #[test]
    fn what_is_no_lease_of_this_lan_is_passed_over() {
        let lines = [
            "duid 00:01:00:01:de:ad:be:ef",
            "1763812345 6 2001:db8::5 laptop 00:01",
            "1763812345 02:00:5e:00:00:01 192.168.2.10 laptop *",
            "1763812345 02:00:5e:00:00:01 192.168.1.1 laptop *",
            "1763812345 02:00:5e:00:00:01 192.168.1.0 laptop *",
            "1763812345 02:00:5e:00:00:01 192.168.1.255 laptop *",
            "1763812345 01:00:5e:00:00:01 192.168.1.10 multicast *",
            "1763812345 00:00:00:00:00:00 192.168.1.10 nobody *",
            "1763812345 02:00:5e:00:00:+1 192.168.1.10 sign *",
            "1763812345 02005e00000 192.168.1.10 short *",
            "soon 02:00:5e:00:00:01 192.168.1.10 laptop *",
            "# br-lan 02005e000003 ipv4 tv 1763812345 c0a80114 32 192.168.1.20/24",
            "#",
            "",
        ];
        assert_eq!(follower().update(lines), []);
        let long = format!("1 02:00:5e:00:00:01 192.168.1.10 a {}", "f".repeat(LONGEST));
        assert_eq!(follower().update([long.as_str()]), []);
        let odd = line(1, "192.168.1.10", "<script>") + &line(2, "192.168.1.11", "localhost");
        assert_eq!(
            follower().update([odd.as_str()]),
            [seen(1, "192.168.1.10", None), seen(2, "192.168.1.11", None)]
        );
    }

    #[test]
    fn an_address_has_one_device_and_there_are_so_many_at_most() {
        let twice = line(1, "192.168.1.10", "old") + &line(2, "192.168.1.10", "new");
        assert_eq!(
            follower().update([twice.as_str()]),
            [seen(2, "192.168.1.10", Some("new"))]
        );
        let many: String = (1..200)
            .map(|n| line(n, &format!("192.168.1.{}", n + 1), "x"))
            .collect();
        assert_eq!(follower().update([many.as_str()]).len(), 4);
    }
}
