//! What a packet says of who began: pure, from the packet alone.

use ntm_proto::ip::{Ipv4View, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP};

/// TCP's flags and where they are.
const TCP_FLAGS: usize = 13;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// Bytes of TCP's header without options.
const TCP_HEADER: usize = 20;
const ICMP_HEADER: usize = 8;

/// What a packet means for who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It begins something.
    Begins,
    /// It belongs to what was begun, or to nothing.
    GoesOn,
    /// Who sent the first of these began.
    Flow {
        protocol: u8,
        /// The sender's and the receiver's; 0 where there are none.
        ports: (u16, u16),
    },
    /// There is no telling.
    Unclear,
}

pub(super) fn of(view: &Ipv4View<'_>) -> Meaning {
    let (protocol, payload) = (view.protocol(), view.payload());
    match protocol {
        PROTOCOL_TCP => tcp(view, payload),
        PROTOCOL_UDP if view.is_first_fragment() => match payload {
            [a, b, c, d, ..] => Meaning::Flow {
                protocol,
                ports: (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])),
            },
            _ => Meaning::Unclear,
        },
        PROTOCOL_ICMP if view.is_first_fragment() => icmp(view, payload),
        PROTOCOL_UDP | PROTOCOL_ICMP => Meaning::GoesOn,
        _ => Meaning::Flow {
            protocol,
            ports: (0, 0),
        },
    }
}

fn tcp(view: &Ipv4View<'_>, payload: &[u8]) -> Meaning {
    if !view.is_first_fragment() {
        // One that overlaps the first one's header could make a SYN of it (RFC 1858 section 4, RFC 3128).
        let is_in_header = view.fragment_offset() < TCP_HEADER;
        return if is_in_header {
            Meaning::Unclear
        } else {
            Meaning::GoesOn
        };
    }
    match payload.get(TCP_FLAGS) {
        Some(flags) if payload.len() >= TCP_HEADER => match flags & (SYN | ACK) {
            SYN => Meaning::Begins,
            _ => Meaning::GoesOn,
        },
        _ => Meaning::Unclear,
    }
}

fn icmp(view: &Ipv4View<'_>, payload: &[u8]) -> Meaning {
    match payload.first() {
        // Echo, timestamp, information, mask and extended echo: the answers to these questions.
        Some(0 | 14 | 16 | 18 | 43) => Meaning::GoesOn,
        // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
        Some(3 | 4 | 5 | 11 | 12) => {
            let quoted = payload.get(ICMP_HEADER..).unwrap_or_default();
            let is_ours = Ipv4View::of_quoted(quoted).is_ok_and(|quoted| {
                (quoted.source(), quoted.destination()) == (view.destination(), view.source())
            });
            if is_ours {
                Meaning::GoesOn
            } else {
                Meaning::Unclear
            }
        }
        Some(_) => Meaning::Begins,
        None => Meaning::Unclear,
    }
}
