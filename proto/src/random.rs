//! Randomness as a machine may use it: a ChaCha20 stream from a seed that the shell drew from the kernel.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A deterministic source of cryptographic randomness. Two machines with one seed make the same choices.
pub struct Random(ChaCha20Rng);

impl Random {
    /// A stream that depends on nothing but `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// `N` fresh bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number from all of `u32`.
    pub fn number(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number from `0..bound`, or 0 when `bound` is 0. The bias is below 2^-32 of `bound`: for jitter and
    /// choices, not for keys.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream() {
        let mut left = Random::from_seed([7; 32]);
        let mut right = Random::from_seed([7; 32]);
        assert_eq!(left.bytes::<40>(), right.bytes::<40>());
        assert!(left.below(10) < 10);
        assert_eq!(left.below(0), 0);
    }
}
