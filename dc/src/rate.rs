//! A rate with a burst: of one second's worth, unless told otherwise.

use std::time::{Duration, Instant};

const BURST: Duration = Duration::from_secs(1);

/// Counts in time: each use costs its share of the span, and time pays back up to one span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    cost: Duration,
    span: Duration,
    credit: Duration,
    at: Instant,
}

impl Bucket {
    /// A full bucket for `per_second` uses a second; 0 allows none.
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        Self::of(per_second, BURST, now)
    }

    /// A full bucket for `uses` in a `span`.
    pub(crate) fn of(uses: u32, span: Duration, now: Instant) -> Self {
        let cost = span.checked_div(uses);
        Self {
            cost: cost.unwrap_or(Duration::MAX),
            span,
            credit: span,
            at: now,
        }
    }

    /// Takes one use, if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.at);
        self.at = self.at.max(now);
        self.credit = self.credit.saturating_add(earned).min(self.span);
        match self.credit.checked_sub(self.cost) {
            Some(rest) => {
                self.credit = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_rate_and_no_more() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        let taken = |bucket: &mut Bucket, now| (0..100).filter(|_| bucket.take(now)).count();
        assert_eq!(taken(&mut bucket, start), 10);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(500)), 5);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(99)), 10);
        assert_eq!(taken(&mut bucket, start), 0, "time never runs back");
        assert_eq!(taken(&mut Bucket::new(0, start), start), 0);
    }
}
