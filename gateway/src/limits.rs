//! How much a gateway holds.

use std::time::Duration;

/// Bounds of every table and queue a stranger, a device or a peer could fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the longest inner packet: the TUN interface's MTU.
    pub mtu: u16,
    /// LAN devices.
    pub devices: usize,
    /// Peers, each with one tunnel.
    pub peers: usize,
    /// Pairs of a device of ours and a remote device.
    pub pairs: usize,
    /// Devices of other domains that have an address here.
    pub aliases: usize,
    /// Direction Requests without an answer yet.
    pub directions: usize,
    /// Packets that wait for one direction.
    pub waiting_packets: usize,
    /// Bytes that all tunnels and questions together keep for later: a third for what waits, the rest for what may have to
    /// be sent again.
    pub memory: usize,
    /// Bytes of packets that wait for a way of one tunnel.
    pub hold: usize,
    /// DNS questions and pings without an answer yet.
    pub questions: usize,
    /// Bytes of what was sent last that each tunnel with traffic keeps, to send them again when a way dies; 0: none.
    pub resend: usize,
    /// How long a tunnel without traffic is kept.
    pub idle: Duration,
    /// How long a tunnel whose other end cannot be reached is kept: sessions survive an outage of that length.
    pub outage: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // What Ethernet takes over IPv4.
            mtu: 1440,
            devices: 512,
            peers: 1024,
            pairs: 16_384,
            aliases: 4096,
            directions: 256,
            waiting_packets: 32,
            memory: 6 << 20,
            hold: 64 << 10,
            questions: 256,
            resend: 256 << 10,
            idle: Duration::from_secs(900),
            outage: Duration::from_secs(900),
        }
    }
}
