//! What becomes of a datagram.

use std::net::SocketAddr;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is under way to this node.
    Sent(usize),
    /// The line lost it, or it was too long for it.
    Lost,
    /// A box did not let it pass, or it had nowhere to go.
    Blocked,
}

/// A datagram that has arrived.
#[derive(Clone)]
pub struct Delivery {
    /// As its receiver sees it.
    pub from: SocketAddr,
    /// The receiver's socket.
    pub to: SocketAddr,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its number: that of all copies of one datagram.
    pub number: u64,
}

/// What comes of a datagram at the end of its way.
pub enum Arrival {
    /// It reached this node.
    At(usize, Delivery),
    /// Its receiver's side did not let it in or lost it; its sender, where it was sent to, and why.
    Dropped(usize, SocketAddr, Fate),
}

/// What became of a datagram when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Whether it is under way, and to whom as it seems: on the other side everything may change meanwhile.
    pub fate: Fate,
    /// Its number: how many were sent before.
    pub number: u64,
    /// The source it has in the core.
    pub seen: SocketAddr,
}

impl Sending {
    pub(super) fn stopped(fate: Fate, number: u64, seen: SocketAddr) -> Self {
        Self { fate, number, seen }
    }
}
