//! Whether a way is good enough: what it loses of its challenges, and how long they take.
//!
//! It becomes poor sooner than it becomes good again, so that traffic does not swing between two WANs of which one is
//! bad now and then. A poor way counts as one over a WAN far behind all others: it carries traffic if there is no other.

use super::{Paths, way::Way};
use std::time::{Duration, Instant};

/// Challenges that are remembered, and how many are needed for a verdict.
const REMEMBERED: u32 = 16;
const ENOUGH: u32 = 6;
/// Lost ones that make a way poor: a quarter, and so many at least. It is good again with one at most of all remembered.
const FEWEST: u32 = 3;
/// How long a WAN that was left because it was slow is not compared again.
const DWELL: Duration = Duration::from_secs(120);
/// How much behind the others a poor way's WAN counts.
pub(super) const BEHIND: u8 = 64;
/// How much a WAN that is for the last resort counts behind the others, poor ones too.
pub(crate) const LAST_RESORT: u8 = 128;

/// What became of the last challenges of a way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quality {
    /// A bit for each that was lost, the newest lowest.
    lost: u16,
    seen: u32,
    pub(super) lossy: bool,
    pub(super) slow: bool,
}

impl Quality {
    pub(super) fn note(&mut self, lost: bool) {
        self.lost = self.lost << 1 | u16::from(lost);
        self.seen = (self.seen + 1).min(REMEMBERED);
        let lost = self.lost.count_ones();
        if self.lossy {
            self.lossy = self.seen < REMEMBERED || lost > 1;
        } else {
            self.lossy = self.seen >= ENOUGH && lost >= FEWEST && lost * 4 >= self.seen;
            if self.lossy {
                // It takes all of that many to be good again.
                self.seen = 0;
            }
        }
    }

    fn lost_lately(self) -> bool {
        self.lost & 0b1111 != 0
    }

    /// Whether enough is known of it to say that it is not poor.
    fn is_known_good(self) -> bool {
        self.seen >= ENOUGH && !self.is_poor()
    }

    pub(super) fn is_poor(self) -> bool {
        self.lossy || self.slow
    }
}

/// How long a round trip of `rtt` is beside the best other WAN's: clearly too long, clearly not, or in between.
fn compared(rtt: Duration, best: Duration) -> Option<bool> {
    let (limit, back) = (
        best * 3 + Duration::from_millis(200),
        best * 2 + Duration::from_millis(100),
    );
    match rtt {
        _ if rtt > limit => Some(true),
        _ if rtt < back => Some(false),
        _ => None,
    }
}

/// What a look at the ways' quality came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing new.
    Same,
    /// Some way counts more or less than before.
    Other,
    /// And the traffic takes another way for it.
    Moved,
}

impl Paths {
    /// Compares the ways over our several WANs. A way of which little is known is as good as its WAN's others.
    pub(crate) fn judge(&mut self, now: Instant) -> Verdict {
        // To be quick alone is not worth money.
        let free = |way: &&Way| !self.metered.contains(&way.path.local);
        let free = self.ways.iter().filter(free);
        let all: Vec<(u8, Duration)> = free.filter_map(measured).collect();
        // Much traffic makes its own way slow; where it goes instead will be no better for it.
        let settled = |at| now.duration_since(at) >= DWELL;
        let may_compare = self.left_slow.is_none_or(settled);
        for way in self.ways.iter_mut().filter(|_| may_compare) {
            let others = all.iter().filter(|(wan, _)| *wan != way.wan);
            let best = others.map(|(_, rtt)| *rtt).min();
            let slow = best
                .zip(way.rtt)
                .and_then(|(best, rtt)| compared(rtt, best));
            // With no other to compare with it is as good as any.
            let alone = best.is_none().then_some(false);
            way.quality.slow = slow.or(alone).unwrap_or(way.quality.slow);
        }
        // A bit for each WAN, which has the same place whether or not it is for the last resort.
        let place = |way: &Way| Some(way.wan % LAST_RESORT).filter(|place| *place < 64);
        let (mut poor, mut good) = (0_u64, 0_u64);
        for way in &self.ways {
            let bit = place(way).map_or(0, |place| 1 << place);
            poor |= if way.quality.is_poor() { bit } else { 0 };
            good |= if way.quality.is_known_good() { bit } else { 0 };
        }
        let mut changed = false;
        for way in &mut self.ways {
            let like_others = place(way).is_some_and(|place| (poor & !good) >> place & 1 == 1);
            let counts = way.quality.is_poor() || (like_others && !way.quality.is_known_good());
            changed |= counts != way.counts_poor;
            way.counts_poor = counts;
        }
        if !changed {
            return Verdict::Same;
        }
        let was_slow = self.active().is_some_and(|way| way.quality.slow);
        self.rank_ways();
        if !self.prefer(now) {
            return Verdict::Other;
        }
        if was_slow {
            self.left_slow = Some(now);
        }
        Verdict::Moved
    }

    /// The best way over each of our WANs but that in use: where to go if that fails.
    pub(crate) fn standbys(&self) -> Vec<ntm_proto::Path> {
        let used = self.active().map(|way| way.wan);
        let mut wans: Vec<u8> = self.ways.iter().map(|way| way.wan).collect();
        wans.sort_unstable();
        wans.dedup();
        let best = |wan: &u8| {
            let ways = self.ways.iter().filter(|way| way.wan == *wan);
            let likely = ways.filter(|way| way.is_vouched_for());
            let best = likely.min_by_key(|way| (!way.proven, way.cost(), way.relayed, way.rtt));
            best.map(|way| way.path)
        };
        let others = wans.iter().filter(|wan| Some(**wan) != used);
        others.filter_map(best).collect()
    }

    /// Whether the way in use has lost one of its last challenges.
    pub(crate) fn is_suspected(&self) -> bool {
        self.active().is_some_and(|way| way.quality.lost_lately())
    }

    /// Whether `path` was challenged within `pause`.
    pub(crate) fn was_challenged(
        &self,
        path: ntm_proto::Path,
        pause: Duration,
        now: Instant,
    ) -> bool {
        let way = self.ways.iter().find(|way| way.path == path);
        way.is_some_and(|way| !way.has_rested(pause, now))
    }
}

fn measured(way: &Way) -> Option<(u8, Duration)> {
    Some((
        way.wan,
        way.rtt
            .filter(|_| way.proven && way.unanswered < 2 && !way.quality.lossy)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(quality: &mut Quality, fates: &str) -> bool {
        fates.chars().for_each(|fate| quality.note(fate == 'x'));
        quality.lossy
    }

    #[test]
    fn a_lossy_way_is_noticed_soon_and_trusted_again_late() {
        let mut quality = Quality::default();
        assert!(!noted(&mut quality, ".x.x"), "too few to tell");
        assert!(noted(&mut quality, ".x"), "three of six");
        assert!(noted(&mut quality, "..............."), "fifteen good ones");
        assert!(!noted(&mut quality, "."), "and one more");
        assert!(
            !noted(&mut quality, "x...........x.."),
            "a loss now and then"
        );
    }

    #[test]
    fn a_slow_way_is_one_that_is_clearly_slower() {
        let ms = Duration::from_millis;
        assert_eq!(compared(ms(400), ms(50)), Some(true));
        assert_eq!(compared(ms(250), ms(50)), None);
        assert_eq!(compared(ms(150), ms(50)), Some(false));
    }
}
