//! The last moments of what was sent, to be sent again when a way turns out to have died.
//!
//! Datagrams are kept as they left, sealed; the other end's replay window drops those it has. One block of memory
//! for each tunnel with traffic, none for the others; what is new takes the place of what is oldest. Most of what is a
//! few seconds old is not worth sending again: who waits for it has asked again or given up. TCP may take minutes to say
//! it again by itself, and says the first of what it misses only.

use ntm_proto::session::REJECT_AFTER;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a datagram is worth sending again.
const LONGEST: Duration = Duration::from_secs(3);
/// The same if it is TCP's: until its keys are gone.
const LONGEST_TCP: Duration = REJECT_AFTER;

/// Datagrams kept at most: half of what the other end's replay window holds.
const MOST: usize = 4096;

/// One datagram in the block.
struct Kept {
    at: Instant,
    start: usize,
    length: usize,
    is_tcp: bool,
}

/// The block and what is in it, oldest first.
#[derive(Default)]
pub(crate) struct Recent {
    block: Vec<u8>,
    kept: VecDeque<Kept>,
    /// Where the next one goes.
    next: usize,
}

impl Recent {
    /// Keeps a datagram in a block of `room` bytes; 0 keeps nothing.
    pub(crate) fn keep(&mut self, datagram: &[u8], is_tcp: bool, room: usize, now: Instant) {
        let length = datagram.len();
        if length > room {
            return;
        }
        if self.block.len() != room {
            self.block = vec![0; room];
            self.kept = VecDeque::with_capacity(MOST.min(room / 64));
            self.next = 0;
        }
        if self.next + length > room {
            // What lies behind is older than what lies at the front.
            while self
                .kept
                .front()
                .is_some_and(|kept| kept.start >= self.next)
            {
                self.kept.pop_front();
            }
            self.next = 0;
        }
        let (start, end) = (self.next, self.next + length);
        let overlaps = |kept: &Kept| kept.start < end && start < kept.start + kept.length;
        while self.kept.front().is_some_and(overlaps) || self.kept.len() >= MOST.min(room / 64) {
            self.kept.pop_front();
        }
        self.block[start..end].copy_from_slice(datagram);
        self.kept.push_back(Kept {
            at: now,
            start,
            length,
            is_tcp,
        });
        self.next = end;
    }

    /// What left at `from` or later, and not too long ago; oldest first.
    pub(crate) fn since(&self, from: Instant, now: Instant) -> impl Iterator<Item = &[u8]> {
        let young = move |kept: &&Kept| {
            let longest = if kept.is_tcp { LONGEST_TCP } else { LONGEST };
            kept.at >= from && now.duration_since(kept.at) <= longest
        };
        let kept = self.kept.iter().filter(young);
        kept.map(|kept| &self.block[kept.start..kept.start + kept.length])
    }

    /// Gives the memory back when there has been nothing to keep for a while, and all that left before `arrived` is there.
    pub(crate) fn tidy(&mut self, arrived: Instant, now: Instant) {
        let newest = self.kept.back().map(|kept| kept.at);
        let is_old = |at| now.duration_since(at) > LONGEST && at < arrived;
        let is_too_old = |at| now.duration_since(at) > LONGEST_TCP;
        if newest.is_some_and(|at| is_old(at) || is_too_old(at)) {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(recent: &Recent, from: Instant, now: Instant) -> Vec<u8> {
        recent
            .since(from, now)
            .map(|datagram| datagram[0])
            .collect()
    }

    #[test]
    fn the_newest_stay_in_order_and_never_overlap() {
        let now = Instant::now();
        let mut recent = Recent::default();
        for number in 0..200u8 {
            let length = 100 + usize::from(number) * 7 % 90;
            recent.keep(&vec![number; length], false, 1000, now);
            let kept: Vec<&[u8]> = recent.since(now, now).collect();
            assert!(kept.iter().all(|it| it.iter().all(|byte| *byte == it[0])));
            let newest: Vec<u8> = firsts(&recent, now, now);
            let expected: Vec<u8> = (0..=number)
                .skip(usize::from(number) + 1 - newest.len())
                .collect();
            assert_eq!(newest, expected);
            assert!(number < 10 || newest.len() >= 4, "{newest:?}");
        }
    }

    #[test]
    fn only_what_left_since_and_not_long_ago_is_given_back() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut recent = Recent::default();
        for number in 0..5u8 {
            let at = start + second * u32::from(number);
            recent.keep(&[number; 64], number == 1, 4096, at);
        }
        assert_eq!(
            firsts(&recent, start + second * 2, start + second * 4),
            [2, 3, 4]
        );
        assert_eq!(firsts(&recent, start, start + second * 6), [1, 3, 4]);
        let long = start + second + LONGEST_TCP;
        assert_eq!(firsts(&recent, start, long), [1]);
        assert_eq!(firsts(&recent, start, long + second).len(), 0);
        recent.tidy(start + second * 3, start + second * 8);
        assert!(!recent.block.is_empty(), "the last may not have arrived");
        recent.tidy(start + second * 5, start + second * 8);
        assert!(recent.block.is_empty());
        recent.keep(&[1; 64], false, 0, start);
        assert_eq!(firsts(&recent, start, start).len(), 0);
    }
}
