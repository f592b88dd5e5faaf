//! How much of everything: each table and each rate has its bound here.

use std::time::Duration;

/// After this long without an authentic message a node counts as offline.
pub const LIFETIME: Duration = Duration::from_secs(75);
/// The same for one that says that it speaks seldom, since its NAT allows it.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(300);
/// How long the later of two machines that use one key at the same time is refused.
pub const QUARANTINE: Duration = Duration::from_secs(600);
/// Life of a tunnel that neither a request nor a registration of its ends touches.
pub const TUNNEL_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Bounds an operator may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Devices of one gateway.
    pub devices_per_gateway: usize,
    /// Devices of all gateways of one account.
    pub devices_per_account: usize,
    /// Tunnels of one gateway.
    pub tunnels_per_gateway: usize,
    /// Device pairs that one tunnel is refreshed for; the longest unused makes room.
    pub pairs_per_tunnel: usize,
    /// Control sessions in all.
    pub sessions: usize,
    /// Records that wait for the store at a time.
    pub saves: usize,
    /// First messages per second that get an answer without proof of address.
    pub handshakes_per_second: u32,
    /// First messages per second that get an answer with proof of address.
    pub proven_handshakes_per_second: u32,
    /// Notices per second, to all strangers together.
    pub notices_per_second: u32,
    /// Messages per second from one node.
    pub messages_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            devices_per_gateway: 256,
            devices_per_account: 1024,
            tunnels_per_gateway: 1024,
            pairs_per_tunnel: 64,
            sessions: 65_536,
            saves: 4096,
            handshakes_per_second: 64,
            proven_handshakes_per_second: 1000,
            notices_per_second: 100,
            messages_per_second: 200,
        }
    }
}
