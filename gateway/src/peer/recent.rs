//! The last moments of what was sent, to be sent again when a way turns out to have died.
//!
//! Datagrams are kept as they left, sealed; the other end's replay window drops those it has. One block of memory
//! for each tunnel with traffic, smaller where there are many, none for the others; what is new takes the place of what is
//! oldest. What is a few seconds old is not worth sending again: who waits for it has asked again or given up. Of TCP, which
//! may take minutes to say it again by itself, the last words are, if nothing newer waits. More would do harm: a sender
//! takes the time until its answer for the round trip (RFC 7323 section 4), and from then on waits as long for what it misses.

use super::waiting::SMALL;
use crate::allowance::{Allowance, Share};
use ntm_proto::session::REJECT_AFTER;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

/// How long a datagram is worth sending again.
const LONGEST: Duration = Duration::from_secs(3);
/// The same for the last of a TCP connection: until its keys are gone.
const LONGEST_TCP: Duration = REJECT_AFTER;

/// Datagrams kept at most: half of what the other end's replay window holds.
const MOST: usize = 4096;

/// A block that is smaller is of no use: what it has is gone within a moment.
const LEAST: usize = 4 << 10;
/// Room for a datagram's place is there for so many bytes of the block.
const EACH: usize = 64;

/// One datagram in the block.
struct Kept {
    at: Instant,
    start: usize,
    length: u16,
    /// The tag of its TCP connection, if it is TCP's.
    tcp: Option<u32>,
}

impl Kept {
    fn range(&self) -> Range<usize> {
        self.start..self.start + usize::from(self.length)
    }
}

/// The block and what is in it, oldest first.
pub(crate) struct Recent {
    block: Vec<u8>,
    kept: VecDeque<Kept>,
    /// Where the next one goes.
    next: usize,
    share: Share,
}

impl Recent {
    pub(crate) fn new(allowance: &Allowance) -> Self {
        Self {
            block: Vec::new(),
            kept: VecDeque::new(),
            next: 0,
            share: Share::new(allowance),
        }
    }

    /// Keeps a datagram in a block of at most `room` bytes; 0 keeps nothing.
    pub(crate) fn keep(&mut self, datagram: &[u8], tcp: Option<u32>, room: usize, now: Instant) {
        if self.block.is_empty() {
            self.begin(room);
        }
        let (length, room) = (datagram.len(), self.block.len());
        let Some(short) = u16::try_from(length).ok().filter(|_| length <= room) else {
            return;
        };
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
        let overlaps = |kept: &Kept| kept.start < end && start < kept.range().end;
        while self.kept.front().is_some_and(overlaps) || self.kept.len() >= places(room) {
            self.kept.pop_front();
        }
        self.block[start..end].copy_from_slice(datagram);
        self.kept.push_back(Kept {
            at: now,
            start,
            length: short,
            tcp,
        });
        self.next = end;
    }

    /// Takes memory, as much of it as the other tunnels leave.
    fn begin(&mut self, room: usize) {
        let most = self.share.room(cost(room));
        // What a place costs is part of what there is.
        let room = if cost(room) <= most {
            room
        } else {
            most / (EACH + size_of::<Kept>()) * EACH
        };
        if room >= LEAST {
            self.block = vec![0; room];
            self.kept = VecDeque::with_capacity(places(room));
            self.share.set(cost(room));
        }
    }

    /// What left at `from` or later, and not too long ago, oldest first; of old TCP the last of each connection, unless
    /// something of it `waits`.
    pub(crate) fn since(
        &self,
        from: Instant,
        now: Instant,
        waits: impl Fn(u32) -> bool,
    ) -> Vec<&[u8]> {
        let mut newer: BTreeMap<u32, usize> = BTreeMap::new();
        let mut wanted = |kept: &&Kept| {
            let is_last = kept.tcp.is_some_and(|tag| {
                let bytes = newer.entry(tag).or_default();
                *bytes += usize::from(kept.length);
                *bytes <= SMALL && !waits(tag)
            });
            let longest = if is_last { LONGEST_TCP } else { LONGEST };
            now.duration_since(kept.at) <= longest
        };
        let mut again = Vec::new();
        for kept in self.kept.iter().rev().take_while(|kept| kept.at >= from) {
            if wanted(&kept) {
                again.push(&self.block[kept.range()]);
            }
        }
        again.reverse();
        again
    }

    /// Gives the memory back when there has been nothing to keep for a while, and all that left before `arrived` is there.
    pub(crate) fn tidy(&mut self, arrived: Instant, now: Instant) {
        let newest = self.kept.back().map(|kept| kept.at);
        let is_old = |at| now.duration_since(at) > LONGEST && at < arrived;
        let is_too_old = |at| now.duration_since(at) > LONGEST_TCP;
        if newest.is_some_and(|at| is_old(at) || is_too_old(at)) {
            *self = Self::new(self.share.allowance());
        }
    }
}

/// How many datagrams a block of that many bytes holds at most.
fn places(room: usize) -> usize {
    MOST.min(room / EACH)
}

/// The memory that a block of that many bytes takes, with its places.
fn cost(room: usize) -> usize {
    room.saturating_add(places(room) * size_of::<Kept>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(recent: &Recent, from: Instant, now: Instant) -> Vec<u8> {
        recent
            .since(from, now, |_| false)
            .iter()
            .map(|datagram| datagram[0])
            .collect()
    }

    #[test]
    fn the_newest_stay_in_order_and_never_overlap() {
        let now = Instant::now();
        let mut recent = Recent::new(&Allowance::new(usize::MAX));
        for number in 0..200u8 {
            let length = 400 + usize::from(number) * 28 % 360;
            recent.keep(&vec![number; length], None, 4096, now);
            let kept = recent.since(now, now, |_| false);
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
        let mut recent = Recent::new(&Allowance::new(usize::MAX));
        for number in 0..5u8 {
            let at = start + second * u32::from(number);
            recent.keep(&[number; 64], (number == 1).then_some(7), 4096, at);
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
        recent.keep(&[1; 64], None, 0, start);
        assert_eq!(firsts(&recent, start, start).len(), 0);
    }

    #[test]
    fn of_old_tcp_the_last_words_are_given_back_unless_newer_ones_wait() {
        let start = Instant::now();
        let mut recent = Recent::new(&Allowance::new(usize::MAX));
        for number in 0..6u8 {
            let at = start + Duration::from_millis(u64::from(number));
            recent.keep(&[number; 3000], Some(u32::from(number % 2)), 65_536, at);
        }
        let young = start + Duration::from_secs(1);
        assert_eq!(firsts(&recent, start, young), [0, 1, 2, 3, 4, 5]);
        let old = start + Duration::from_secs(60);
        assert_eq!(firsts(&recent, start, old), [2, 3, 4, 5]);
        let again = recent.since(start, old, |tag| tag == 0);
        assert_eq!(again, [&[3; 3000], &[5; 3000]]);
    }
}
