//! The one seam to the AEAD implementation of bulk traffic: ChaCha20-Poly1305 (RFC 8439) by ring.
//!
//! The handshake library brings its own, portable implementation; ring's is about three times as fast where it
//! has assembly. Another implementation of the same AEAD replaces this file and nothing else.

use crate::wire::TAG_LEN;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// A key for one direction of one session. Lives in RAM only.
pub struct BulkKey(LessSafeKey);

impl BulkKey {
    /// Takes the key that the handshake derived.
    pub fn new(key: &[u8; 32]) -> Self {
        let unbound =
            UnboundKey::new(&CHACHA20_POLY1305, key).expect("32 bytes is this AEAD's key length");
        Self(LessSafeKey::new(unbound))
    }

    /// Encrypts `text` in place and returns the tag over it and `header`. The caller never repeats `counter`.
    pub fn seal(&self, counter: u64, header: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(counter), Aad::from(header), text);
        let tag = tag.expect("an IP packet is far below the AEAD's length limit");
        let mut bytes = [0; TAG_LEN];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// Decrypts `text` (with its tag at the end) in place; the length of the plain text, or `None` if forged.
    pub fn open(&self, counter: u64, header: &[u8], text: &mut [u8]) -> Option<usize> {
        self.0
            .open_in_place(nonce(counter), Aad::from(header), text)
            .ok()
            .map(|plain| plain.len())
    }
}

/// Noise's nonce for ChaChaPoly: 32 zero bits, then the counter in little endian (Noise specification, 12.3).
fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}
