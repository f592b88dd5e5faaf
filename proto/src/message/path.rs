//! What the two gateways of a tunnel say to each other about their paths.

use super::codec;
use std::net::SocketAddr;

/// Proves that the other end receives on a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChallenge {
    /// Unpredictable.
    pub token: u64,
    /// What this way is to its sender.
    pub standing: Standing,
    /// Under which addresses the sender is seen from outside, as far as it knows; said through a relay only, where
    /// the packet itself does not show any. At most [`super::MAX_ADDRESSES`].
    pub outside: Vec<SocketAddr>,
}

/// What a way is to the end that speaks by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Grows each time the way in use vanished under its sender. Ways that are not said to be of the newest era are
    /// gone.
    pub era: u64,
    /// 0: by the WAN its sender likes best; more: by one it likes less.
    pub rank: u8,
}

/// The answer, sent by the path the challenge came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathResponse {
    /// From the challenge.
    pub token: u64,
    /// Where the challenge came from, as its receiver saw it; `None` through a relay.
    pub observed: Option<SocketAddr>,
    /// What this way is to the end that answers.
    pub standing: Standing,
}

/// A probe of how long a datagram may be (RFC 8899), and the answer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeProbe {
    /// Random; the answer has the same.
    pub token: u64,
}

codec::fields!(PathChallenge {
    token,
    standing,
    outside
});
codec::fields!(PathResponse {
    token,
    observed,
    standing
});
codec::fields!(SizeProbe { token });
codec::fields!(Standing { era, rank });
