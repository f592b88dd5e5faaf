//! A token bucket: so much per second, with a bounded burst.

use std::time::{Duration, Instant};

/// Tokens that flow in at a rate and are taken out by use.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: u64,
    burst: u64,
    tokens: u64,
    filled: Instant,
}

impl Bucket {
    /// A full bucket: `rate` tokens a second (0: no limit), `burst` of them at most.
    pub fn new(rate: u64, burst: u64, now: Instant) -> Self {
        Self {
            rate,
            burst,
            tokens: burst,
            filled: now,
        }
    }

    /// Takes `count` tokens if `reserve` of them are left after that.
    pub fn take(&mut self, count: u64, reserve: u64, now: Instant) -> bool {
        if self.rate == 0 {
            return true;
        }
        self.fill(now);
        let enough = self.tokens >= count.saturating_add(reserve);
        if enough {
            self.tokens -= count;
        }
        enough
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled);
        let gain = if elapsed >= Duration::from_secs(1) {
            self.rate
                .saturating_mul(elapsed.as_secs().saturating_add(1))
        } else {
            self.rate.saturating_mul(elapsed.as_micros() as u64) / 1_000_000
        };
        // Time that brought no whole token yet is not lost.
        if gain > 0 {
            self.tokens = self.tokens.saturating_add(gain).min(self.burst);
            self.filled = now;
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests own their clock")]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_rate_and_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1000, 200, start);
        let mut passed = 0;
        for step in 0..10_000 {
            let now = start + Duration::from_micros(step * 100);
            passed += u64::from(bucket.take(1, 0, now));
        }
        assert!((1150..=1200).contains(&passed), "{passed}");
    }

    #[test]
    fn a_reserve_is_kept_for_those_who_may_use_it() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1, 100, now);
        assert!(bucket.take(60, 40, now) && !bucket.take(1, 40, now));
        assert!(bucket.take(40, 0, now) && !bucket.take(1, 0, now));
        assert!(Bucket::new(0, 0, now).take(u64::MAX, 9, now), "no limit");
    }
}
