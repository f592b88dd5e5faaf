//! Which of the ways carries the traffic.
//!
//! Ranked by what both ends think of the WANs they lead over, then direct before relayed, then quick before slow. When
//! the way in use vanishes, under us or under the peer, the traffic takes the most likely way at once, in a bounded
//! measure, and proof follows (after RFC 9000 section 9.3).

use super::quality::BEHIND;
use super::way::Way;
use super::{GIVE_UP_AFTER, PROOF_LIFE, Paths};
use ntm_proto::Path;
use ntm_proto::message::Standing;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Bytes that an unproven way may carry after a move, until it has proved itself.
const ON_CREDIT: usize = 128 << 10;

/// How long it may: what does not answer by then leads nowhere, and what would be sent there is better kept.
const ON_CREDIT_FOR: Duration = Duration::from_secs(2);

/// Pause before an unproven way gets such credit again only because the peer was heard there.
const LEAN_PAUSE: Duration = Duration::from_secs(5);

/// What was heard since then counts as heard now.
const JUST_NOW: Duration = Duration::from_secs(1);
/// A round trip that was never measured.
const SLOW: Duration = Duration::from_secs(1);

/// Bytes that unproven ways may carry in all, whatever the peer says of where it is: a burst, and what is added each second.
const ALLOWANCE: (usize, usize) = (2 * ON_CREDIT, ON_CREDIT / 2);

/// What unproven ways have carried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    spent: usize,
    at: Option<Instant>,
}

impl Allowance {
    fn spend(&mut self, length: usize, now: Instant) -> Option<()> {
        let since = *self.at.get_or_insert(now);
        let regained = now.duration_since(since).as_secs_f32() * ALLOWANCE.1 as f32;
        // Not for so short a time that nothing comes of it.
        if regained >= 1.0 {
            self.spent = self.spent.saturating_sub(regained as usize);
            self.at = Some(now);
        }
        if self.spent + length > ALLOWANCE.0 {
            return None;
        }
        self.spent += length;
        Some(())
    }
}

/// What the peer's word of a way changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The peer has left the way it used: what was sent to it there lately is lost.
    pub(crate) moved: bool,
    /// Bulk traffic takes another way now.
    pub(crate) changed: bool,
}

/// What was known of the way in use at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    pub(crate) path: Path,
    heard: Option<Instant>,
    rtt: Option<Duration>,
}

impl Evidence {
    /// What left before that moment has arrived: what was heard last left the other end half a round trip earlier,
    /// and what had arrived there by then left here half a round trip before that.
    pub(crate) fn alive_until(&self, now: Instant) -> Instant {
        let long_ago = now.checked_sub(SLOW * 2).unwrap_or(now);
        self.arrived_until().unwrap_or(long_ago)
    }

    /// The same, if anything was heard.
    pub(crate) fn arrived_until(&self) -> Option<Instant> {
        self.heard?.checked_sub(self.rtt.unwrap_or(SLOW))
    }

    /// Whether nothing was heard by it since then.
    pub(crate) fn is_silent_since(&self, then: Instant) -> bool {
        self.heard.is_none_or(|heard| heard < then)
    }
}

impl Paths {
    /// What is known of the way in use now.
    pub(crate) fn evidence(&self) -> Option<Evidence> {
        self.active().map(|way| Evidence {
            path: way.path,
            heard: way.heard,
            rtt: way.rtt,
        })
    }

    /// What was known of it before one end moved, which shows only now: by a relay's way, which stays the same, the peer
    /// may have been heard since.
    pub(crate) fn evidence_before(&self, now: Instant) -> Option<Evidence> {
        self.active().map(|way| Evidence {
            path: way.path,
            heard: way.heard_before(now),
            rtt: way.rtt,
        })
    }

    /// What the ways are to us: `sockets` in the order of the WANs, each with its WAN's place, and on which of them traffic
    /// costs money. Whether bulk traffic takes another way now.
    pub(crate) fn rank(
        &mut self,
        sockets: &[(SocketAddr, u8)],
        metered: &[SocketAddr],
        now: Instant,
    ) -> bool {
        self.ranks = sockets.to_vec();
        self.metered = metered.to_vec();
        self.rank_ways();
        self.prefer(now)
    }

    /// Gives each way the place of its WAN.
    pub(super) fn rank_ways(&mut self) {
        let several = self.ranks.iter().any(|(_, place)| *place > 0);
        for way in &mut self.ways {
            let own = self
                .ranks
                .iter()
                .find(|(socket, _)| *socket == way.path.local);
            way.wan = own.map_or(0, |(_, place)| *place);
            way.counts_poor &= several;
            way.own_rank = way
                .wan
                .saturating_add(if way.counts_poor { BEHIND } else { 0 });
        }
    }

    /// What the peer sent us in the last moments is lost, though the ways stay the same: it hears so by challenges.
    pub(crate) fn bump_era(&mut self) {
        self.era = self.era.wrapping_add(1);
    }

    /// What we say of `path` to the peer. `epoch` counts our starts, so that eras grow over them.
    pub(crate) fn standing(&self, path: Path, epoch: u32) -> Standing {
        let way = self.ways.iter().find(|way| way.path == path);
        Standing {
            era: u64::from(epoch) << 32 | u64::from(self.era),
            rank: way.map_or(0, |way| way.own_rank),
        }
    }

    /// The peer said, by `path`, what that way is to it.
    pub(crate) fn peer_says(&mut self, path: Path, standing: Standing, now: Instant) -> Said {
        let Some(way) = self.ways.iter_mut().find(|way| way.path == path) else {
            return Said::default();
        };
        // An older word may come late, or from somebody who kept a copy.
        if standing.era < way.peer_era {
            return Said::default();
        }
        (way.peer_era, way.peer_rank) = (standing.era, standing.rank);
        let moved = standing.era > self.peer_era;
        let first = self.peer_era == 0;
        self.peer_era = self.peer_era.max(standing.era);
        if standing.era < self.peer_era {
            return Said::default();
        }
        let left = self.active().is_none_or(|old| old.peer_era < self.peer_era);
        let changed = if left && !first && self.active != Some(path) {
            self.lean_on(path);
            true
        } else {
            self.prefer(now)
        };
        let moved = moved && !first;
        Said { moved, changed }
    }

    /// Nothing the peer said of its ways holds any more: it started anew.
    pub(super) fn forget_standings(&mut self) {
        self.peer_era = 0;
        self.ways
            .iter_mut()
            .for_each(|way| (way.peer_era, way.peer_rank) = (0, 0));
    }

    /// Where `length` bytes of bulk traffic go: a proven way, or one that has credit and time left. Whether it is proven.
    pub(crate) fn carry(&mut self, length: usize, now: Instant) -> Option<(Path, bool)> {
        let active = self.active?;
        let way = self.ways.iter_mut().find(|way| way.path == active)?;
        if way.proven {
            return Some((active, true));
        }
        let since = *way.used_since.get_or_insert(now);
        if now.duration_since(since) >= ON_CREDIT_FOR {
            return None;
        }
        let credit = way.credit.checked_sub(length)?;
        self.allowance.spend(length, now)?;
        way.credit = credit;
        Some((active, false))
    }

    /// Whether the way in use has proved itself.
    pub(crate) fn is_sure(&self) -> bool {
        self.active().is_some_and(|way| way.proven)
    }

    /// Whether the way in use was challenged with this token.
    pub(crate) fn is_asked_of_active(&self, token: u64) -> bool {
        self.active().is_some_and(|way| way.has_asked(token))
    }

    /// The best way beside the one in use, if it is proven: to send copies by.
    pub(crate) fn second(&self, now: Instant) -> Option<Path> {
        let others = self.ways.iter().filter(|way| {
            let fresh = way
                .heard
                .is_some_and(|at| now.duration_since(at) < PROOF_LIFE);
            let answers = way.proven && way.unanswered < 2;
            answers && fresh && Some(way.path) != self.active && !self.is_left(way)
        });
        // One that shares no WAN with the way in use is likelier to live.
        let used = self.active().map(|way| (way.wan, way.peer_rank));
        others
            .min_by_key(|way| {
                let shares = Some((way.wan, way.peer_rank)) == used;
                (shares, way.cost(), way.relayed, way.rtt)
            })
            .map(|way| way.path)
    }

    /// The peer has left where `old` leads: traffic goes to one of its new `candidates`, from the same socket. Whether
    /// there is one.
    pub(crate) fn follow(&mut self, old: Path, candidates: &[SocketAddr]) -> bool {
        let fits = |way: &&Way| {
            way.path.local == old.local && candidates.contains(&way.path.remote) && !way.relayed
        };
        let next = self.ways.iter().find(fits).map(|way| way.path);
        let rtt = self.active().map(|way| (way.rtt, way.varies));
        if let (Some(next), Some((rtt, varies))) = (next, rtt) {
            self.lean_on(next);
            if let Some(way) = self.ways.iter_mut().find(|way| way.path == next) {
                (way.rtt, way.varies) = (way.rtt.or(rtt), varies);
            }
        }
        next.is_some()
    }

    /// Traffic goes by `path` from now on, though it is not proven.
    fn lean_on(&mut self, path: Path) {
        if let Some(way) = self.ways.iter_mut().find(|way| way.path == path) {
            (way.credit, way.used_since) = (ON_CREDIT, None);
            self.active = Some(path);
        }
    }

    /// The peer was heard by `path` just now, or a relay that has not failed us lately knows us there. If nothing else
    /// carries traffic, it goes there, in a bounded measure, and need not wait until a challenge has been answered, too.
    /// Not again soon: a line may work in one direction only. Whether that is new.
    pub(crate) fn lean_if_lost(&mut self, path: Path, now: Instant) -> bool {
        let Some(way) = self.ways.iter().find(|way| way.path == path) else {
            return false;
        };
        let is_heard = way.heard == Some(now) && way.is_vouched_for() && !self.is_left(way);
        let is_likely = is_heard || (way.relayed && !way.is_barred(now));
        let is_idle = self.active().is_none_or(|old| {
            let late = |since| now.duration_since(since) >= ON_CREDIT_FOR;
            let unheard = |since| old.heard.is_none_or(|at| at < since);
            let beaten = |since| is_heard && old.path != path && unheard(since);
            let used = old.used_since.filter(|_| !old.proven);
            used.is_some_and(|since| late(since) || beaten(since))
        });
        let rested = |at| now.duration_since(at) >= LEAN_PAUSE;
        let leans = is_likely && is_idle && way.leaned_on.is_none_or(rested);
        if leans {
            self.lean_on(path);
            let mut ways = self.ways.iter_mut();
            if let Some(way) = ways.find(|way| way.path == path) {
                way.leaned_on = Some(now);
            }
        }
        leans
    }

    /// Whether the peer has left `way`: it has spoken of a newer era, and not by this one.
    fn is_left(&self, way: &Way) -> bool {
        way.peer_era < self.peer_era
    }

    /// Takes a proven way over WANs that both ends like better. Whether bulk traffic takes another way now.
    pub(super) fn prefer(&mut self, now: Instant) -> bool {
        let Some(old) = self.active() else {
            return false;
        };
        let cost = old.cost();
        let better = self.ways.iter().filter(|way| {
            // What failed with the WAN in use may not be known to have failed yet.
            let answers = way.proven && !way.owes_answer(now);
            answers && way.cost() < cost && !way.is_barred(now) && !self.is_left(way)
        });
        let best = better.min_by_key(|way| (way.cost(), way.relayed, way.rtt));
        let best = best.map(|way| way.path);
        if best.is_some() {
            self.active = best;
        }
        best.is_some()
    }

    /// Whether `newcomer`, whose challenge left at `asked`, shall carry the traffic from now on.
    pub(super) fn choose(&mut self, newcomer: Path, asked: Instant, now: Instant) -> bool {
        let before = self.active;
        let new = self.ways.iter().find(|way| way.path == newcomer);
        let better = match (self.active(), new) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(old), Some(new)) => new.path != old.path && self.is_better(new, old, asked, now),
        };
        if better {
            let dead = |way: &&mut Way| Some(way.path) == before && way.unanswered >= GIVE_UP_AFTER;
            if let Some(old) = self.ways.iter_mut().find(dead) {
                old.bar(now);
                old.lose_proof();
            }
            self.active = Some(newcomer);
        }
        self.active != before
    }

    fn is_better(&self, new: &Way, old: &Way, asked: Instant, now: Instant) -> bool {
        if !old.proven || (self.is_left(old) && !self.is_left(new)) {
            return true;
        }
        let silent = old.heard.is_none_or(|heard| heard < asked);
        if silent && old.unanswered >= GIVE_UP_AFTER {
            return true;
        }
        if new.is_barred(now) || self.is_left(new) || new.cost() > old.cost() {
            return false;
        }
        if new.cost() < old.cost() {
            return true;
        }
        if new.relayed && !old.relayed {
            return false;
        }
        if old.relayed != new.relayed {
            return true;
        }
        // The peer has left the old way if it speaks by the new one only. The end that leads waits a little longer
        // for the old one, so that the two do not swap places.
        let long = |heard: Instant| now.duration_since(heard) >= self.haste();
        let left = silent && (!self.leads || old.heard.is_none_or(long));
        left || (self.leads && new.is_quicker_than(old))
    }

    /// How long the end that leads listens for the old way when the peer speaks by a new one.
    fn haste(&self) -> Duration {
        let (least, most) = (Duration::from_millis(100), Duration::from_millis(600));
        let rtt = self.active().and_then(|way| way.rtt);
        rtt.map_or(most, |rtt| (rtt * 2).clamp(least, most))
    }

    pub(super) fn best(&self, now: Instant) -> Option<Path> {
        let proven = self.ways.iter().filter(|way| way.proven);
        proven
            .min_by_key(|way| {
                // Before a way is given up all were asked: one that answered is worth more than one that did not.
                let recent = way
                    .heard
                    .is_some_and(|at| now.duration_since(at) < JUST_NOW);
                let (left, barred) = (self.is_left(way), way.is_barred(now));
                let owes = way.owes_answer(now);
                (
                    left,
                    owes,
                    !recent,
                    barred,
                    way.cost(),
                    way.relayed,
                    way.rtt,
                )
            })
            .map(|way| way.path)
    }

    /// The way in use may have vanished with its socket, or with the relay: the next best takes over.
    pub(super) fn drop_lost_active(&mut self) {
        let Some(path) = self.active else { return };
        if self.ways.iter().any(|way| way.path == path) {
            return;
        }
        self.era = self.era.wrapping_add(1);
        let proven = self.ways.iter().filter(|way| way.proven);
        let best = proven.min_by_key(|way| {
            let failed = way.failures > 0;
            (self.is_left(way), failed, way.cost(), way.relayed, way.rtt)
        });
        self.active = best.map(|way| way.path);
        if self.active.is_none() {
            // The peer has not moved: it hears us where it heard us, unless its NAT lets in only whom it knows.
            let same = self
                .ways
                .iter()
                .filter(|way| way.path.remote == path.remote);
            let same = same.min_by_key(|way| way.own_rank).map(|way| way.path);
            same.into_iter().for_each(|path| self.lean_on(path));
        }
    }
}
