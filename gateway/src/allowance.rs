//! What all tunnels together may keep in memory for later: one allowance of bytes, of which each holder has a share.
//!
//! A tunnel has limits of its own; with a thousand tunnels in an outage they would be no limit at all on a router with
//! 64 MiB. Nobody gets more than a part of what is left, so that something is left for who comes later.

use std::cell::Cell;
use std::rc::Rc;

/// The part of what the others leave that one holder may have.
const PART: usize = 8;

/// The allowance. Its copies are the same one.
#[derive(Clone)]
pub(crate) struct Allowance {
    limit: usize,
    taken: Rc<Cell<usize>>,
}

impl Allowance {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            taken: Rc::default(),
        }
    }

    /// All shares together, in bytes.
    pub(crate) fn taken(&self) -> usize {
        self.taken.get()
    }
}

/// What one holder has of an allowance. Dropped, it goes back.
pub(crate) struct Share {
    of: Allowance,
    bytes: usize,
}

impl Share {
    /// Nothing as yet.
    pub(crate) fn new(of: &Allowance) -> Self {
        Self {
            of: of.clone(),
            bytes: 0,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn allowance(&self) -> &Allowance {
        &self.of
    }

    /// How many bytes it may be at present, at most `limit`.
    pub(crate) fn room(&self, limit: usize) -> usize {
        let left = self.of.limit.saturating_sub(self.of.taken.get());
        limit.min(self.bytes.saturating_add(left) / PART)
    }

    /// It is `bytes` now.
    pub(crate) fn set(&mut self, bytes: usize) {
        let others = self.of.taken.get() - self.bytes;
        self.of.taken.set(others.saturating_add(bytes));
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_late_finds_something_and_all_together_stay_within() {
        let all = Allowance::new(1 << 20);
        let mut shares: Vec<Share> = Vec::new();
        for _ in 0..1000 {
            let mut share = Share::new(&all);
            share.set(share.room(256 << 10));
            shares.push(share);
        }
        assert_eq!(shares[0].bytes(), 128 << 10);
        assert!(shares[20].bytes() > 8 << 10);
        assert!(all.taken() <= 1 << 20);
        let sum: usize = shares.iter().map(Share::bytes).sum();
        assert_eq!(all.taken(), sum);
        shares.truncate(1);
        assert_eq!(all.taken(), 128 << 10);
        assert_eq!(shares[0].room(1 << 10), 1 << 10);
        shares.clear();
        assert_eq!(all.taken(), 0);
    }

    #[test]
    fn nobody_takes_more_little_by_little() {
        let all = Allowance::new(1 << 20);
        let mut shares: Vec<Share> = (0..100).map(|_| Share::new(&all)).collect();
        for _ in 0..1000 {
            for share in &mut shares {
                let more = share.bytes() + 1000;
                if more <= share.room(usize::MAX) {
                    share.set(more);
                }
            }
        }
        let (first, last) = (shares[0].bytes(), shares[99].bytes());
        assert!(last >= 8000 && first <= 2 * last, "{first} {last}");
    }
}
