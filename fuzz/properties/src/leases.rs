//! The lease file: what is read back is what was kept, and nothing that the configuration does not allow.

use crate::dhcp::{MAX_LEASES, STATIC, config, on_this_lan};
use lan_dhcp::{DhcpServer, HostLabel};
use std::collections::BTreeSet;
use std::time::Instant;

/// A file's text goes in; what comes out goes in again and comes out the same.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let now = Instant::now();
    let mut server = DhcpServer::new(config()).expect("checked");
    let imported = server.import(&text, now);
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(imported.accepted + imported.skipped, lines.count());
    assert!(server.remembered() <= imported.accepted && server.remembered() <= MAX_LEASES + 1);
    let mut addresses = BTreeSet::new();
    for lease in server.leases() {
        assert!(on_this_lan(lease.address) && addresses.insert(lease.address));
        assert!(lease.expires > now && lease.mac[0] & 1 == 0);
        assert!(
            lease
                .hostname
                .as_ref()
                .is_none_or(|name| HostLabel::parse(name.as_str()).is_ok())
        );
        assert!(lease.mac != STATIC.mac || lease.address == STATIC.address);
    }
    let exported = server.export(now);
    let mut again = DhcpServer::new(config()).expect("checked");
    let second = again.import(&exported, now);
    assert_eq!((second.accepted, second.skipped), (server.remembered(), 0));
    assert_eq!(again.export(now), exported);
}

/// A file with each form of line.
pub fn seeds() -> Vec<Vec<u8>> {
    let header = "# lan-dhcp leases 1: hardware address, address, seconds left, name, client id\n";
    let lines = [
        "02:00:5e:00:00:01 192.168.1.101 43200 laptop 0102005e000001\n",
        "02:00:5e:00:00:02 192.168.1.102 0 - -\n",
        "02:00:5e:00:00:c8 192.168.1.10 600 other ff\n",
        "02:00:5e:00:00:03 192.168.1.101 18446744073709551615 x -\n",
        "03:00:5e:00:00:03 192.168.2.101 1 - - -\n",
    ];
    let mut seeds: Vec<Vec<u8>> = lines
        .iter()
        .map(|line| format!("{header}{line}").into_bytes())
        .collect();
    seeds.push(lines.concat().into_bytes());
    seeds
}
