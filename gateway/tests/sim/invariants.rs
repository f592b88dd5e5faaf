//! What must hold in every world, whatever happened in it.

use crate::packets::{MARKER, ends, number};
use crate::world::World;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// No inner byte in clear and no LAN address on any wire; nothing delivered twice, or with an untrue source, or to
/// an address that is no device's.
pub fn check(world: &World) {
    for seen in &world.net.wire {
        let shown = |needle: &[u8]| {
            seen.bytes
                .windows(needle.len())
                .any(|window| window == needle)
        };
        assert!(
            !shown(MARKER),
            "plaintext on the wire from {} to {}",
            seen.from,
            seen.to
        );
        for host in [10, 11, 20, 21] {
            let lan = Ipv4Addr::new(192, 168, 1, host).octets();
            assert!(
                !shown(&lan),
                "LAN address on the wire from {} to {}",
                seen.from,
                seen.to
            );
        }
    }
    for site in world.sites.values() {
        let mut numbers = BTreeSet::new();
        for packet in &site.delivered {
            let (from, to) = ends(packet);
            assert!(
                from.octets()[..2] == [198, 18],
                "source {from} is not virtual"
            );
            assert_eq!(
                to.octets()[..3],
                [192, 168, 1],
                "destination {to} is not on the LAN"
            );
            assert!(
                numbers.insert((from, number(packet))),
                "packet {} delivered twice",
                number(packet)
            );
        }
    }
}
