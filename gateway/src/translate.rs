//! Addresses of packets between the LAN and the virtual world.
//!
//! Out: the source becomes the device's virtual address. In: the destination becomes its LAN address. If the remote
//! device is another domain's, its address changes as well: out from the alias to its own, in from its own to the
//! alias. An ICMP error quotes the packet it complains about, seen from the other side, so the quoted packet's opposite
//! addresses are rewritten, too: a device must recognise its own packet, and no LAN address may leave the LAN.

use ntm_proto::ip::{Field, Ipv4View, PROTOCOL_ICMP, adjust_at, checksum, replace_address};
use std::net::Ipv4Addr;

/// The addresses a packet gets; `None`: the one it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) source: Option<Ipv4Addr>,
    pub(crate) destination: Option<Ipv4Addr>,
}

/// Gives a packet these addresses. `packet` passed [`Ipv4View::new`].
pub(crate) fn rewrite(packet: &mut [u8], ends: Ends) {
    replace(packet, ends);
    rewrite_quoted(
        packet,
        Ends {
            source: ends.destination,
            destination: ends.source,
        },
    );
}

/// Gives a header these addresses, without a look at what it carries.
pub(crate) fn replace(packet: &mut [u8], ends: Ends) {
    if let Some(source) = ends.source {
        replace_address(packet, Field::Source, source);
    }
    if let Some(destination) = ends.destination {
        replace_address(packet, Field::Destination, destination);
    }
}

/// Rewrites the packet quoted in an ICMP error (RFC 792), and mends the ICMP checksum over it.
fn rewrite_quoted(packet: &mut [u8], ends: Ends) {
    let Ok(view) = Ipv4View::of_quoted(packet) else {
        return;
    };
    if view.protocol() != PROTOCOL_ICMP || !view.is_first_fragment() {
        return;
    }
    let icmp = view.header_len();
    // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
    let is_error = packet
        .get(icmp)
        .is_some_and(|kind| matches!(kind, 3 | 4 | 5 | 11 | 12));
    let quoted = icmp + 8;
    if !is_error
        || packet
            .get(quoted..)
            .is_none_or(|bytes| Ipv4View::of_quoted(bytes).is_err())
    {
        return;
    }
    // The quoted header and its transport checksum change in up to four places; adding up the part that can
    // change before and after keeps the rest of the payload out of it.
    let end = packet.len().min(quoted + 80);
    let before = checksum(&packet[quoted..end], 0);
    replace(&mut packet[quoted..], ends);
    let after = checksum(&packet[quoted..end], 0);
    // The ICMP checksum covers the complement of what `checksum` returns.
    adjust_at(
        packet,
        icmp + 2,
        &(!before).to_be_bytes(),
        &(!after).to_be_bytes(),
    );
}

#[cfg(test)]
mod tests;
