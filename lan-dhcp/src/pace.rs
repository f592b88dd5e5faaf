//! How often a list is written to flash for what can wait: flash wears out, and who comes and goes all day, or says so, shall not
//! decide how fast.

use std::time::{Duration, Instant};

/// So often in the long run.
pub(crate) const BETWEEN: Duration = Duration::from_secs(3 * 3600);
/// And so many of them may come early, as when a router is set up.
pub(crate) const EARLY: u32 = 4;

/// When the next writing would come if none came early.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// When to write a change of now: `soon`, or later if there was much to write.
    pub(crate) fn due(&self, soon: Duration, now: Instant) -> Instant {
        let next = self.next.unwrap_or(now);
        now + next
            .saturating_duration_since(now + BETWEEN * (EARLY - 1))
            .max(soon)
    }

    /// The list is written, for whatever reason. However often, what can wait does not wait for longer than [`BETWEEN`].
    pub(crate) fn writes(&mut self, now: Instant) {
        let next = self.next.unwrap_or(now).max(now) + BETWEEN;
        self.next = Some(next.min(now + BETWEEN * EARLY));
    }

    /// It was not: that one does not count.
    pub(crate) fn failed(&mut self) {
        self.next = self.next.and_then(|next| next.checked_sub(BETWEEN));
    }
}
