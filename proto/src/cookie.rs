//! Proof of address and of knowledge before any work is done for a stranger (after WireGuard's MAC1, MAC2, cookies).
//!
//! mac1 proves that the sender knows the responder's public key: without it there is no answer at all. Under load
//! the responder answers with a cookie, a MAC of the sender's address under a secret of its own, and works only
//! for handshakes whose mac2 shows that the cookie arrived there. Nothing is remembered per stranger.

use crate::address::canonical;
use crate::id::PathId;
use crate::key::PublicKey;
use crate::random::Random;
use crate::wire::{Kind, Opening, VERSION};
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Bytes of mac1, mac2 and a cookie.
pub const MAC_LEN: usize = 16;
/// Bytes of a Cookie Reply.
pub const REPLY_LEN: usize = 40;
/// How long a cookie secret is in use; a cookie is good for one to two of these.
pub const SECRET_LIFE: Duration = Duration::from_secs(120);

type Mac = Blake2sMac<blake2::digest::consts::U16>;

/// BLAKE2s-128 keyed with `key` over `parts`, one after another.
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; MAC_LEN] {
    let mut mac = <Mac as KeyInit>::new_from_slice(key).expect("32 bytes is a BLAKE2s key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize_fixed().into()
}

/// Equality in constant time.
pub fn same(left: &[u8; MAC_LEN], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |acc, (l, r)| acc | (l ^ r)) == 0
}

/// The key of mac1 towards the owner of `responder`.
pub fn mac1_key(responder: &PublicKey) -> [u8; 32] {
    derive(b"ntm mac1", responder)
}

fn derive(label: &[u8], key: &PublicKey) -> [u8; 32] {
    Blake2s256::new()
        .chain_update(label)
        .chain_update(key.0)
        .finalize()
        .into()
}

/// The responder's side: makes and checks cookies.
pub struct CookieJar {
    reply_key: [u8; 32],
    secrets: [[u8; 32]; 2],
    rotated: Instant,
}

impl CookieJar {
    /// A jar for the owner of `public`.
    pub fn new(public: &PublicKey, random: &mut Random, now: Instant) -> Self {
        Self {
            reply_key: derive(b"ntm cookie", public),
            secrets: [random.bytes(), random.bytes()],
            rotated: now,
        }
    }

    /// Whether `mac2` proves that the sender at `source` got a cookie of ours. `before` is the datagram up to it.
    pub fn is_proven(
        &mut self,
        source: SocketAddr,
        before: &[u8],
        mac2: &[u8],
        random: &mut Random,
        now: Instant,
    ) -> bool {
        self.rotate(random, now);
        self.secrets
            .iter()
            .any(|secret| same(&mac(&widen(&cookie(secret, source)), &[before]), mac2))
    }

    /// A Cookie Reply to the handshake with this `mac1` and sender path id.
    pub fn reply(
        &mut self,
        source: SocketAddr,
        sender: PathId,
        mac1: &[u8],
        random: &mut Random,
        now: Instant,
    ) -> [u8; REPLY_LEN] {
        self.rotate(random, now);
        let mut reply = [0; REPLY_LEN];
        let opening = Opening {
            kind: Kind::CookieReply,
            generation: VERSION,
            receiver: sender,
        };
        reply[..8].copy_from_slice(&opening.encode());
        reply[8..24].copy_from_slice(&cookie(&self.secrets[0], source));
        let tag = mac(&self.reply_key, &[&reply[4..24], mac1]);
        reply[24..].copy_from_slice(&tag);
        reply
    }

    fn rotate(&mut self, random: &mut Random, now: Instant) {
        let age = now.duration_since(self.rotated);
        if age >= SECRET_LIFE {
            let previous = if age >= 2 * SECRET_LIFE {
                random.bytes()
            } else {
                self.secrets[0]
            };
            self.secrets = [random.bytes(), previous];
            self.rotated = now;
        }
    }
}

/// A cookie that a responder gave us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie([u8; MAC_LEN]);

impl Cookie {
    /// Takes the cookie out of a reply of `responder` to the handshake with this `mac1`; `None` if it is forged.
    pub fn from_reply(reply: &[u8], responder: &PublicKey, mac1: &[u8]) -> Option<Self> {
        let reply: &[u8; REPLY_LEN] = reply.try_into().ok()?;
        let tag = mac(&derive(b"ntm cookie", responder), &[&reply[4..24], mac1]);
        same(&tag, &reply[24..])
            .then(|| reply[8..24].try_into().ok().map(Self))
            .flatten()
    }

    /// mac2 over a datagram up to it.
    pub fn mac2(&self, before: &[u8]) -> [u8; MAC_LEN] {
        mac(&widen(&self.0), &[before])
    }
}

fn cookie(secret: &[u8; 32], source: SocketAddr) -> [u8; MAC_LEN] {
    let port = source.port().to_be_bytes();
    match canonical(source.ip()) {
        IpAddr::V4(v4) => mac(secret, &[&v4.octets(), &port]),
        IpAddr::V6(v6) => mac(secret, &[&v6.octets(), &port]),
    }
}

fn widen(cookie: &[u8; MAC_LEN]) -> [u8; 32] {
    let mut key = [0; 32];
    key[..MAC_LEN].copy_from_slice(cookie);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SecretKey;

    #[test]
    fn a_cookie_proves_one_address_for_a_while() {
        let mut random = Random::from_seed([1; 32]);
        let now = Instant::now();
        let public = SecretKey::generate(&mut random).public();
        let mut jar = CookieJar::new(&public, &mut random, now);
        let (here, there) = (
            "192.0.2.1:9".parse().unwrap(),
            "192.0.2.1:10".parse().unwrap(),
        );
        let reply = jar.reply(here, PathId(3), &[5; 16], &mut random, now);
        let cookie = Cookie::from_reply(&reply, &public, &[5; 16]).unwrap();
        assert_eq!(Cookie::from_reply(&reply, &public, &[6; 16]), None);
        let mac2 = cookie.mac2(b"datagram");
        assert!(jar.is_proven(here, b"datagram", &mac2, &mut random, now));
        assert!(!jar.is_proven(there, b"datagram", &mac2, &mut random, now));
        assert!(!jar.is_proven(here, b"datagran", &mac2, &mut random, now));
        assert!(jar.is_proven(here, b"datagram", &mac2, &mut random, now + SECRET_LIFE));
        assert!(!jar.is_proven(here, b"datagram", &mac2, &mut random, now + 2 * SECRET_LIFE));
    }
}
