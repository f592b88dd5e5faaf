//! How regularly the peer's traffic comes, so that its sudden end is noticed before anybody misses it.

use std::time::{Duration, Instant};

/// Packets in a row that make a rhythm.
const BEATS: u32 = 8;
/// A pause after which a new one begins.
const REST: Duration = Duration::from_millis(500);
/// The shortest silence that means anything.
const LEAST: Duration = Duration::from_millis(30);

/// The pauses between the last packets.
#[derive(Default)]
pub(crate) struct Rhythm {
    last: Option<Instant>,
    /// The longest of late; shorter ones wear it down.
    gap: Duration,
    beats: u32,
}

impl Rhythm {
    /// A packet came.
    pub(crate) fn beat(&mut self, now: Instant) {
        let gap = self.last.map(|last| now.duration_since(last));
        self.last = Some(now);
        match gap {
            Some(gap) if gap < REST => {
                self.gap = gap.max(self.gap - self.gap / 8);
                self.beats = self.beats.saturating_add(1);
            }
            Some(_) | None => self.stop(),
        }
    }

    /// What comes next begins anew.
    pub(crate) fn stop(&mut self) {
        (self.gap, self.beats) = (Duration::ZERO, 0);
    }

    /// Whether the last packet made it one.
    pub(super) fn has_just_begun(&self) -> bool {
        self.beats == BEATS
    }

    /// When the next packet is clearly missing, if there is a rhythm.
    pub(crate) fn missed_at(&self) -> Option<Instant> {
        let last = self.last.filter(|_| self.beats >= BEATS)?;
        Some(last + (self.gap * 2).max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_steady_stream_can_be_missed() {
        let (start, step) = (Instant::now(), Duration::from_millis(20));
        let mut rhythm = Rhythm::default();
        for beat in 0..=8 {
            assert_eq!(rhythm.missed_at(), None);
            rhythm.beat(start + step * beat);
        }
        assert_eq!(rhythm.missed_at(), Some(start + step * 8 + step * 2));
        rhythm.beat(start + step * 8 + REST);
        assert_eq!(rhythm.missed_at(), None, "it begins anew");
    }
}
