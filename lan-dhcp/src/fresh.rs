//! How many devices may become known in a while: each of them is a write to the flash, and one more identity.

use std::time::{Duration, Instant};

/// New devices at once: more than a house has.
pub const BURST: u32 = 64;
/// After those, one more after each of these.
pub const PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Fresh {
    left: u32,
    since: Option<Instant>,
}

impl Default for Fresh {
    fn default() -> Self {
        Self {
            left: BURST,
            since: None,
        }
    }
}

impl Fresh {
    /// Gives back what was taken for devices that could not be saved.
    pub(crate) fn give_back(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(BURST);
    }

    /// Takes one, if there is one left.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let earned = now.saturating_duration_since(since).as_secs() / PAUSE.as_secs();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(earned).min(BURST);
        self.since = Some(if self.left == BURST {
            now
        } else {
            since + PAUSE * earned
        });
        let taken = self.left > 0;
        self.left -= u32::from(taken);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "a test starts its virtual clock somewhere"
    )]
    fn new_devices_come_in_a_burst_and_then_one_by_one() {
        let start = Instant::now();
        let mut fresh = Fresh::default();
        let mut taken = |now| (0..1000).filter(|_| fresh.take(now)).count();
        assert_eq!(taken(start), 64);
        assert_eq!(taken(start + PAUSE - Duration::from_millis(1)), 0);
        assert_eq!(taken(start + PAUSE), 1);
        assert_eq!(taken(start + PAUSE * 3), 2);
        assert_eq!(taken(start + PAUSE * 1000), 64);
    }
}
