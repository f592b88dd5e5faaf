//! Packets that came out of a tunnel before the DC's word on their pair.
//!
//! The DC tells both ends of a new pair. The one that asked may hear it first, and where there is a tunnel already its
//! first packets overtake the direction on its way to us. They wait here for a moment: they came from a peer with
//! keys, but whether they are its to send, and ours to take, only the direction tells.

use ntm_proto::id::PathId;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Most packets that wait, of all peers.
const LIMIT: usize = 64;
/// Longest packet worth holding.
const LONGEST: usize = 2048;
/// How long a direction may be late.
const PATIENCE: Duration = Duration::from_secs(2);

/// A packet as the tunnel gave it.
struct Packet {
    /// Our path id of its tunnel, which is never used again.
    tunnel: PathId,
    ends: (Ipv4Addr, Ipv4Addr),
    bytes: Vec<u8>,
    until: Instant,
}

/// All that wait, oldest first.
#[derive(Default)]
pub(crate) struct Early {
    packets: VecDeque<Packet>,
}

impl Early {
    /// Keeps a packet with these ends (source, destination); the oldest makes room.
    pub(crate) fn hold(
        &mut self,
        tunnel: PathId,
        ends: (Ipv4Addr, Ipv4Addr),
        packet: &[u8],
        now: Instant,
    ) {
        self.forget_old(now);
        if packet.len() > LONGEST {
            return;
        }
        if self.packets.len() >= LIMIT {
            self.packets.pop_front();
        }
        self.packets.push_back(Packet {
            tunnel,
            ends,
            bytes: packet.to_vec(),
            until: now + PATIENCE,
        });
    }

    /// The packets of this tunnel whose (source, destination) is known now, oldest first.
    pub(crate) fn take(
        &mut self,
        tunnel: PathId,
        is_known: impl Fn((Ipv4Addr, Ipv4Addr)) -> bool,
        now: Instant,
    ) -> Vec<Vec<u8>> {
        self.forget_old(now);
        let mut taken = Vec::new();
        self.packets.retain_mut(|packet| {
            let take = packet.tunnel == tunnel && is_known(packet.ends);
            if take {
                taken.push(std::mem::take(&mut packet.bytes));
            }
            !take
        });
        taken
    }

    fn forget_old(&mut self, now: Instant) {
        while self
            .packets
            .front()
            .is_some_and(|packet| packet.until <= now)
        {
            self.packets.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: (Ipv4Addr, Ipv4Addr) =
        (Ipv4Addr::new(198, 18, 0, 17), Ipv4Addr::new(198, 18, 0, 18));

    #[test]
    fn a_packet_waits_for_its_own_tunnels_direction_and_not_for_long() {
        let (mut early, now) = (Early::default(), Instant::now());
        let (one, other) = (PathId(1), PathId(2));
        early.hold(one, ENDS, b"first", now);
        assert!(early.take(other, |_| true, now).is_empty());
        assert!(early.take(one, |ends| ends != ENDS, now).is_empty());
        assert_eq!(early.take(one, |ends| ends == ENDS, now), [b"first"]);
        assert!(early.take(one, |_| true, now).is_empty());
        early.hold(one, ENDS, b"late", now);
        assert!(early.take(one, |_| true, now + PATIENCE).is_empty());
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut early, now) = (Early::default(), Instant::now());
        for n in 0..=LIMIT {
            early.hold(PathId(1), ENDS, &n.to_be_bytes(), now);
        }
        early.hold(PathId(1), ENDS, &[0; LONGEST + 1], now);
        let taken = early.take(PathId(1), |_| true, now);
        assert_eq!(taken.len(), LIMIT);
        assert_eq!(taken[0], 1_usize.to_be_bytes());
    }
}
