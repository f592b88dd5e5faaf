//! Packets that came out of a tunnel before the DC's word on their pair.
//!
//! The DC tells both ends of a new pair. The one that asked may hear it first, and where there is a tunnel already its
//! first packets overtake the direction on its way to us. They wait here for a moment: they came from a peer with
//! keys, but whether they are its to send, and ours to take, only the direction tells.

use crate::allowance::{Allowance, Share};
use ntm_proto::id::PathId;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Most bytes that wait, of all peers: when many devices begin at once, after a restart for one, there are hundreds of first
/// packets.
const LIMIT: usize = 256 << 10;
/// The part of that which one tunnel has at most: a peer that sends what nobody lets it send shall not push out what others
/// may.
const PART: usize = 4;
/// Longest packet worth holding.
const LONGEST: usize = 2048;
/// What holding a packet costs besides its bytes.
const SLOT: usize = 128;
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

impl Packet {
    fn cost(&self) -> usize {
        self.bytes.len() + SLOT
    }
}

/// All that wait, oldest first.
pub(crate) struct Early {
    packets: VecDeque<Packet>,
    /// What they cost.
    share: Share,
    /// Packets that left without the DC's word, and have not been counted.
    unclaimed: usize,
}

impl Early {
    pub(crate) fn new(allowance: &Allowance) -> Self {
        Self {
            packets: VecDeque::new(),
            share: Share::new(allowance),
            unclaimed: 0,
        }
    }

    /// Keeps a packet with these ends (source, destination); the oldest of its tunnel, else of all, makes room.
    pub(crate) fn hold(
        &mut self,
        tunnel: PathId,
        ends: (Ipv4Addr, Ipv4Addr),
        packet: &[u8],
        now: Instant,
    ) {
        self.forget_old(now);
        let cost = packet.len() + SLOT;
        let room = self.share.room(LIMIT);
        if packet.len() > LONGEST || cost > room / PART {
            self.unclaimed += 1;
            return;
        }
        while self.cost_of(tunnel) + cost > room / PART {
            let oldest = self.packets.iter().position(|it| it.tunnel == tunnel);
            self.forget(oldest);
        }
        while self.share.bytes() + cost > room {
            self.forget(Some(0));
        }
        self.share.set(self.share.bytes() + cost);
        self.packets.push_back(Packet {
            tunnel,
            ends,
            bytes: packet.to_vec(),
            until: now + PATIENCE,
        });
    }

    fn cost_of(&self, tunnel: PathId) -> usize {
        let its = self.packets.iter().filter(|it| it.tunnel == tunnel);
        its.map(Packet::cost).sum()
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
        let mut freed = 0;
        self.packets.retain_mut(|packet| {
            let take = packet.tunnel == tunnel && is_known(packet.ends);
            if take {
                freed += packet.cost();
                taken.push(std::mem::take(&mut packet.bytes));
            }
            !take
        });
        self.share.set(self.share.bytes() - freed);
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
        if let Some(gone) = at.and_then(|at| self.packets.remove(at)) {
            self.share.set(self.share.bytes() - gone.cost());
            self.unclaimed += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: (Ipv4Addr, Ipv4Addr) =
        (Ipv4Addr::new(198, 18, 0, 17), Ipv4Addr::new(198, 18, 0, 18));

    fn early() -> Early {
        Early::new(&Allowance::new(usize::MAX))
    }

    #[test]
    fn a_packet_waits_for_its_own_tunnels_direction_and_not_for_long() {
        let (mut early, now) = (early(), Instant::now());
        let (one, other) = (PathId(1), PathId(2));
        early.hold(one, ENDS, b"first", now);
        assert!(early.take(other, |_| true, now).is_empty());
        assert!(early.take(one, |ends| ends != ENDS, now).is_empty());
        assert_eq!(early.take(one, |ends| ends == ENDS, now), [b"first"]);
        assert!(early.take(one, |_| true, now).is_empty());
        early.hold(one, ENDS, b"late", now);
        assert!(early.take(one, |_| true, now + PATIENCE).is_empty());
        assert_eq!(early.share.bytes(), 0);
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut early, now) = (early(), Instant::now());
        // A cost that divides the limit.
        let packet = |n: usize| [n as u8; 1024 - SLOT];
        let most = LIMIT / 1024;
        for n in 0..=most {
            let tunnel = PathId((n * PART / most) as u32);
            early.hold(tunnel, ENDS, &packet(n), now);
        }
        early.hold(PathId(1), ENDS, &[0; LONGEST + 1], now);
        assert_eq!(early.share.bytes(), LIMIT);
        let taken = early.take(PathId(0), |_| true, now);
        assert_eq!(taken.len(), most / PART - 1);
        assert_eq!(taken[0], packet(1));
        assert_eq!(early.share.bytes(), LIMIT - taken.len() * 1024);
        assert_eq!(early.take_unclaimed(), 2);
    }

    #[test]
    fn a_crowd_that_begins_at_once_finds_room() {
        let (mut early, now) = (early(), Instant::now());
        for n in 0..200_usize {
            early.hold(PathId(1), ENDS, &n.to_be_bytes(), now);
        }
        assert_eq!(early.take(PathId(1), |_| true, now).len(), 200);
    }

    #[test]
    fn a_tunnel_makes_room_among_its_own_and_what_nobody_claims_is_counted() {
        let (mut early, now) = (early(), Instant::now());
        early.hold(PathId(2), ENDS, b"patient", now);
        for n in 0..1000_usize {
            early.hold(PathId(1), ENDS, &n.to_be_bytes(), now);
        }
        let kept = early.packets.len() - 1;
        assert_eq!(kept, LIMIT / PART / (8 + SLOT));
        assert_eq!(early.take_unclaimed(), 1000 - kept);
        assert_eq!(early.take(PathId(2), |_| true, now), [b"patient"]);
        assert!(early.take(PathId(2), |_| true, now + PATIENCE).is_empty());
        assert_eq!(early.take_unclaimed(), kept);
    }

    #[test]
    fn it_is_part_of_what_all_tunnels_may_keep() {
        let all = Allowance::new(32 << 10);
        let (mut early, now) = (Early::new(&all), Instant::now());
        for n in 0..1000_usize {
            early.hold(PathId(n as u32), ENDS, &n.to_be_bytes(), now);
        }
        assert!(early.packets.len() > 20 && all.taken() <= 4 << 10);
    }
}
