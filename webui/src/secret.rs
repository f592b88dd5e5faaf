//! Secrets out of one seed: tokens that nobody can guess, each made once.

use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac256, Digest};

/// 256 bits.
pub(crate) type Key = [u8; 32];

/// What all tokens come from.
pub(crate) struct Secret {
    seed: Key,
    drawn: u64,
}

impl Secret {
    /// `seed` is 256 bits of the kernel's randomness.
    pub(crate) fn new(seed: Key) -> Self {
        Self { seed, drawn: 0 }
    }

    /// New random bytes, never the same again.
    pub(crate) fn draw(&mut self) -> Key {
        self.drawn += 1;
        self.seal("draw", &self.drawn.to_le_bytes())
    }

    /// What only we can make of `bytes`; another thing for each `purpose`.
    pub(crate) fn seal(&self, purpose: &str, bytes: &[u8]) -> Key {
        let mut mac = Blake2sMac256::new(&self.seed.into());
        // Neither can run into the other: a purpose has no zero.
        Update::update(&mut mac, purpose.as_bytes());
        Update::update(&mut mac, &[0]);
        Update::update(&mut mac, bytes);
        mac.finalize_fixed().into()
    }
}

/// What is kept of a secret that only its owner needs to know.
pub(crate) fn digest(secret: &str) -> Key {
    Blake2s256::digest(secret.as_bytes()).into()
}

/// In hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    let both = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(both).collect()
}

/// Whether both are the same. It takes as long whether the first or the last letter differs.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .fold(0, |all, (a, b)| all | (a ^ b))
            == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_drawn_comes_twice_and_purposes_are_apart() {
        let mut secret = Secret::new([7; 32]);
        let drawn: std::collections::BTreeSet<_> = (0..1000).map(|_| secret.draw()).collect();
        assert_eq!(drawn.len(), 1000);
        assert_ne!(secret.seal("form", b"x"), secret.seal("session", b"x"));
        assert_ne!(secret.seal("a", b"bc"), secret.seal("ab", b"c"));
        assert_ne!(
            secret.seal("form", b"x"),
            Secret::new([8; 32]).seal("form", b"x")
        );
    }

    #[test]
    fn digits_and_comparison() {
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
        assert!(is_same("abc", "abc") && !is_same("abc", "abd") && !is_same("abc", "ab"));
    }
}
