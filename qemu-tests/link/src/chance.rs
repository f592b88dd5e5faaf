//! The dice of one direction: the same seed throws the same again.

use crate::settings::Share;

/// A small generator (SplitMix64, Steele and others, 2014): good enough to pick packets, and of one word.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Whether this one is among the share that is picked.
    pub(crate) fn picks(&mut self, share: Share) -> bool {
        share.ppm() > 0 && self.below(1_000_000) < u64::from(share.ppm())
    }

    /// Evenly from 0 to `bound` - 1; 0 if `bound` is 0. The bias below 2^40 is beyond notice.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let drawn = u128::from(self.next()) * u128::from(bound);
        u64::try_from(drawn >> 64).unwrap_or(0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
