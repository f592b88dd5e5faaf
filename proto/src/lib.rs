//! What two NTM daemons must agree on: identities, wire format, messages, handshake, session, IP headers.
//!
//! # One datagram
//!
//! DC, RS and gateways speak over one UDP port each. All numbers are big endian. Every datagram opens with the
//! same eight bytes, so that a relay can forward any of them by one field:
//!
//! ```text
//! offset size
//!      0    1  type (wire::Kind)
//!      1    1  Data, Control: key generation; handshakes and relay binding: version (1)
//!      2    2  zero when sent, ignored when received
//!      4    4  receiver path id: the receiver's index for this tunnel or control session
//! ```
//!
//! ## Handshake Init (type 1): Noise IK (to a DC) or IKpsk2 (Tunnel Request), first message
//! ```text
//!      8    4  sender path id: what the answer puts at offset 4
//!     12    4  zero
//!     16   32  ephemeral public key
//!     48   48  static public key, sealed
//!     96  n+16 payload, sealed (n = 0 to a DC, 12 between gateways: TunnelOffer)
//!  end-32   16  mac1: BLAKE2s keyed with H("ntm mac1" | responder's public key) over all before it
//!  end-16   16  mac2: BLAKE2s keyed with the cookie over all before it, or zero
//! ```
//! ## Handshake Response (type 2)
//! ```text
//!      8    4  sender path id     12  4  zero
//!     16   32  ephemeral public key
//!     48  n+16 payload, sealed (n = 0, or 1 between gateways: the AEAD of Data and Control, see handshake)
//!  end-16   16  mac1, keyed by the initiator's public key
//! ```
//! ## Cookie Reply (type 3), 40 bytes
//! ```text
//!      8   16  cookie: MAC of the sender's address under a secret that lives two minutes
//!     24   16  MAC, keyed with H("ntm cookie" | responder's public key), over bytes 4..24 and the request's mac1
//! ```
//! ## Control (type 4) and Data (type 5)
//! ```text
//!      8    8  counter: the nonce, never repeated under one key
//!     16    n  Control: message::Message; Data: one inner IP packet; ChaCha20-Poly1305, or AES-256-GCM if the
//!              handshake said so; the 16 bytes before it are authenticated too
//!   16+n   16  tag
//! ```
//! Data costs 32 bytes a packet, as WireGuard's does, and is the same direct and relayed.
//!
//! ## Notice (type 6), 8 bytes
//! The sender of the Notice knows no session or path with that id (it restarted), or, an RS, not from where the
//! datagram came (a NAT between has a new mapping). Sent by DC and RS only, never in answer to a Notice, always
//! shorter than its cause. It proves nothing: a gateway takes it as a hint to ask, at most once in
//! [`NOTICE_HEED_INTERVAL`].
//!
//! ## Relay binding (types 16 to 19), 72 bytes each: see [`bind`]
//!
//! # Growth
//! Unknown types and unknown messages are counted and dropped. Bytes after the fields a message is known to have
//! are ignored, so a later version may append.
//!
//! # Where we differ from the papers
//! * The papers' DC makes the session key and hands it to both ends. Here the DC introduces the two public keys
//!   and the ends agree on a key by Noise: neither DC nor RS ever holds it.
//! * The papers' Tunnel Request and Response are these two handshake messages.
//! * The DC allots the receiver path ids of both ends of a tunnel; they stay the same direct and relayed. Ids of
//!   control sessions are chosen by their receiver.
//! * Which keys opened a Data packet is told by the key generation byte, not by the path id.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "a test's clock starts somewhere")
)]

pub mod address;
pub mod aead;
pub mod bind;
pub mod cookie;
pub mod enrol;
pub mod handshake;
pub mod id;
pub mod ip;
pub mod key;
pub mod link;
pub mod message;
pub mod random;
pub mod release;
pub mod session;
pub mod wire;

use std::net::SocketAddr;
use std::time::Duration;

/// The UDP port of control and data, at DC, RS and gateway alike.
pub const UDP_PORT: u16 = 4750;
/// The TCP port where the Account Server speaks TLS.
pub const AS_PORT: u16 = 4751;
/// The longest datagram any daemon sends: fits an IPv6 path of 1,280 bytes with room for IP and UDP headers, for
/// control; data may be longer when the path allows it.
pub const MAX_CONTROL_DATAGRAM: usize = 1200;
/// The longest datagram any daemon accepts.
pub const MAX_DATAGRAM: usize = 65_535;
/// How often at most a Notice makes its receiver start a handshake or ask the DC.
pub const NOTICE_HEED_INTERVAL: Duration = Duration::from_secs(2);

/// One way of a datagram: our socket address and the other end's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The address of the socket it came in on, or shall leave from. Unspecified: any socket of that family.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

/// Where the bytes in the caller's `out` buffer go after a packet or datagram was handled; they may be several, one after
/// the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Forward {
    /// Nothing to send: it was consumed, or waits for a tunnel.
    Nowhere,
    /// Write it to the TUN interface.
    Tun,
    /// Send it by UDP.
    Udp(Path),
}
