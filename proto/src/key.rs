//! X25519 keys of nodes, and the text form in which people and files hold them.

use crate::random::Random;
use data_encoding::BASE64;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A node's static public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

/// A node's static secret key. Wiped when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

/// A key in text form was not 44 characters of base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 32 bytes in base64 (44 characters)")]
pub struct KeyError;

impl SecretKey {
    /// Makes a new key.
    pub fn generate(random: &mut Random) -> Self {
        Self(random.bytes())
    }

    /// Takes the 32 bytes of a key.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the base64 form.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        parse(text).map(Self)
    }

    /// The base64 form, for the key file alone.
    pub fn to_text(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// The key's bytes, for the Noise library.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(x25519_dalek::x25519(
            self.0,
            x25519_dalek::X25519_BASEPOINT_BYTES,
        ))
    }

    /// The secret shared with the owner of `peer` (RFC 7748 section 6.1); `None` when `peer` is of low order.
    pub fn agree(&self, peer: &PublicKey) -> Option<[u8; 32]> {
        let shared = x25519_dalek::x25519(self.0, peer.0);
        (shared != [0; 32]).then_some(shared)
    }
}

impl PublicKey {
    /// Reads the base64 form.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        parse(text).map(Self)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

fn parse(text: &str) -> Result<[u8; 32], KeyError> {
    let text = text.trim();
    let bytes = BASE64.decode(text.as_bytes()).map_err(|_| KeyError)?;
    // The decoder takes padding in the middle, too; a key has one form alone.
    if BASE64.encode(&bytes) != text {
        return Err(KeyError);
    }
    bytes.try_into().map_err(|_| KeyError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ends_agree_and_text_survives() {
        let mut random = Random::from_seed([1; 32]);
        let (left, right) = (
            SecretKey::generate(&mut random),
            SecretKey::generate(&mut random),
        );
        assert_eq!(left.agree(&right.public()), right.agree(&left.public()));
        assert_eq!(left.agree(&PublicKey([0; 32])), None);
        let text = left.public().to_string();
        assert_eq!(PublicKey::parse(&text), Ok(left.public()));
        assert_eq!(PublicKey::parse("short"), Err(KeyError));
        let two = "xnTzf3/pe20=QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ";
        assert_eq!(
            PublicKey::parse(two),
            Err(KeyError),
            "padding in the middle"
        );
        assert_eq!(format!("{left:?}"), "SecretKey(..)");
    }
}
