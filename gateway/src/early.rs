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
/// Most of one tunnel: a peer that sends what nobody lets it send shall not push out what others may.
const SHARE: usize = 16;
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
    /// Packets that left without the DC's word, and have not been counted.
    unclaimed: usize,
}

impl Early {
    /// Keeps a packet with these ends (source, destination); the oldest of its tunnel, else of all, makes room.
    pub(crate) fn hold(
        &mut self,
        tunnel: PathId,
        ends: (Ipv4Addr, Ipv4Addr),
        packet: &[u8],
        now: Instant,
    ) {
        self.forget_old(now);
        if packet.len() > LONGEST {
            self.unclaimed += 1;
            return;
        }
        let of_it = |packet: &&Packet| packet.tunnel == tunnel;
        if self.packets.iter().filter(of_it).count() >= SHARE {
            let oldest = self.packets.iter().position(|packet| of_it(&packet));
            self.forget(oldest);
        } else if self.packets.len() >= LIMIT {
            self.forget(Some(0));
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

    /// How many packets have left since the last call without that anybody let them in.
    pub(crate) fn take_unclaimed(&mut self) -> usize {
        std::mem::take(&mut self.unclaimed)
    }

    fn forget_old(&mut self, now: Instant) {
        while self
            .packets
            .front()
            .is_some_and(|packet| packet.until <= now)
        {
            self.forget(Some(0));
        }
    }

    fn forget(&mut self, at: Option<usize>) {
        let gone = at.and_then(|at| self.packets.remove(at));
        self.unclaimed += usize::from(gone.is_some());
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
            let tunnel = PathId((n / SHARE) as u32);
            early.hold(tunnel, ENDS, &n.to_be_bytes(), now);
        }
        early.hold(PathId(1), ENDS, &[0; LONGEST + 1], now);
        let taken = early.take(PathId(0), |_| true, now);
        assert_eq!((taken.len(), early.packets.len()), (SHARE - 1, 49));
        assert_eq!(taken[0], 1_usize.to_be_bytes());
        assert_eq!(early.take_unclaimed(), 2);
    }

    #[test]
    fn a_tunnel_makes_room_among_its_own_and_what_nobody_claims_is_counted() {
        let (mut early, now) = (Early::default(), Instant::now());
        early.hold(PathId(2), ENDS, b"patient", now);
        for n in 0..1000_usize {
            early.hold(PathId(1), ENDS, &n.to_be_bytes(), now);
        }
        assert_eq!(early.packets.len(), SHARE + 1);
        assert_eq!(early.take_unclaimed(), 1000 - SHARE);
        assert_eq!(early.take(PathId(2), |_| true, now), [b"patient"]);
        assert!(early.take(PathId(2), |_| true, now + PATIENCE).is_empty());
        assert_eq!(early.take_unclaimed(), SHARE);
    }
}
