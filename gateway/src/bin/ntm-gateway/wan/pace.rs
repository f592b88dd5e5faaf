//! How often to look and how soon to try again: at once after quiet, bounded in a storm. Pure.

use std::time::{Duration, Instant};

/// The shortest time between two looks: one change of an interface is several messages.
const STEP: Duration = Duration::from_millis(3);
/// In the long run one look in so much time: what flaps shall not keep us busy.
const GAP: Duration = Duration::from_millis(20);
/// So many looks may come a step apart after quiet.
const BURST: u32 = 5;

/// Says when the next look may be.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    /// When a whole burst is free again.
    rested: Option<Instant>,
}

impl Pace {
    /// How long to wait from `now` on.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let until =
            |at: Option<Instant>| at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let step = until(self.last.map(|last| last + STEP));
        step.max(until(self.rested).saturating_sub(GAP * (BURST - 1)))
    }

    /// A look begins now.
    pub(super) fn looked(&mut self, now: Instant) {
        self.last = Some(now);
        self.rested = Some(self.rested.map_or(now, |at| at.max(now)) + GAP);
    }
}

/// Pauses that double from one failure to the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// From `first` to `most`.
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            next: first,
        }
    }

    /// The pause after one more failure.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        pause
    }

    /// It is another matter now.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// When the looks are if something changes every millisecond for `ms`.
    fn storm(pace: &mut Pace, start: Instant, ms: u32) -> Vec<Duration> {
        let mut looks = Vec::new();
        for at in 0..ms {
            let now = start + MS * at;
            if pace.wait(now).is_zero() {
                pace.looked(now);
                looks.push(now - start);
            }
        }
        looks
    }

    #[test]
    fn after_quiet_looks_come_at_once_and_a_few_ms_apart() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let looks = storm(&mut pace, start, 13);
        assert_eq!(looks, [0, 3, 6, 9, 12].map(|ms| MS * ms));
        let later = start + MS * 200;
        assert_eq!(storm(&mut pace, later, 13), looks, "rested");
    }

    #[test]
    fn a_storm_gets_fifty_looks_a_second() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let looks = storm(&mut pace, start, 10_000);
        assert!((495..=510).contains(&looks.len()), "{}", looks.len());
        assert!(looks.windows(2).all(|two| two[1] - two[0] <= GAP));
    }

    #[test]
    fn pauses_double_up_to_the_most() {
        let mut backoff = Backoff::new(MS * 50, MS * 1000);
        let pauses: Vec<_> = (0..7).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.pause(), MS * 50);
    }
}
