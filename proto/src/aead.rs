//! The one seam to the AEAD implementation of bulk traffic, which is ring's.
//!
//! ChaCha20-Poly1305 (RFC 8439) everywhere; AES-256-GCM (NIST SP 800-38D) between two gateways whose processors have
//! instructions for it, where it is three to four times as fast. The handshake library brings its own, portable
//! implementation; ring's is about three times as fast where it has assembly. Another implementation of the same
//! AEADs replaces this file and nothing else.

use crate::wire::TAG_LEN;
use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// Which AEAD seals a session's bulk traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// What every end has.
    #[default]
    ChaCha20Poly1305,
    /// If both ends have instructions for it.
    Aes256Gcm,
}

impl Cipher {
    /// Its name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChaCha20Poly1305 => "ChaCha20-Poly1305",
            Self::Aes256Gcm => "AES-256-GCM",
        }
    }
}

/// A key for one direction of one session. Lives in RAM only.
pub struct BulkKey {
    key: LessSafeKey,
    cipher: Cipher,
}

impl BulkKey {
    /// Takes the key that the handshake derived.
    pub fn new(cipher: Cipher, key: &[u8; 32]) -> Self {
        let algorithm = match cipher {
            Cipher::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            Cipher::Aes256Gcm => &AES_256_GCM,
        };
        let unbound =
            UnboundKey::new(algorithm, key).expect("32 bytes is the key length of both AEADs");
        let key = LessSafeKey::new(unbound);
        Self { key, cipher }
    }

    /// Encrypts `text` in place and returns the tag over it and `header`. The caller never repeats `counter`.
    pub fn seal(&self, counter: u64, header: &[u8], text: &mut [u8]) -> [u8; TAG_LEN] {
        let nonce = self.nonce(counter);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(header), text);
        let tag = tag.expect("an IP packet is far below the AEAD's length limit");
        let mut bytes = [0; TAG_LEN];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// Decrypts `text` (with its tag at the end) in place; the length of the plain text, or `None` if forged, and then
    /// `text` is worth nothing any more.
    pub fn open(&self, counter: u64, header: &[u8], text: &mut [u8]) -> Option<usize> {
        self.key
            .open_in_place(self.nonce(counter), Aad::from(header), text)
            .ok()
            .map(|plain| plain.len())
    }

    /// Noise's nonces: 32 zero bits, then the counter, in little endian for ChaChaPoly and big endian for AESGCM
    /// (Noise specification, 12.3 and 12.4).
    fn nonce(&self, counter: u64) -> Nonce {
        let mut bytes = [0; 12];
        bytes[4..].copy_from_slice(&match self.cipher {
            Cipher::ChaCha20Poly1305 => counter.to_le_bytes(),
            Cipher::Aes256Gcm => counter.to_be_bytes(),
        });
        Nonce::assume_unique_for_key(bytes)
    }
}
