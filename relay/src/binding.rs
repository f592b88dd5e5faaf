//! The relay's side of binding: who may say where a leg is.
//!
//! A Bind is answered with a challenge, a MAC over path id, nonce, source address and the leg's generation, under a
//! secret of the relay. Nothing is remembered until the Confirm comes with it: from the same source, so the end
//! receives there, and with the leg's key, so it is the end. Each confirm raises the leg's generation, which makes
//! every challenge given out before worthless: a confirm that was recorded cannot move the leg back to where it was.
//! The secret is replaced every two minutes and the one before it still counts, so a challenge lives two to four.

use crate::Reject;
use ntm_proto::address::canonical;
use ntm_proto::bind::{Binding, LegKey, is_authentic};
use ntm_proto::cookie::{SECRET_LIFE, mac, same};
use ntm_proto::random::Random;
use ntm_proto::wire::Kind;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Makes challenges and knows them again.
pub struct Challenger {
    secrets: [[u8; 32]; 2],
    rotated: Instant,
}

impl Challenger {
    /// With secrets of its own.
    pub fn new(random: &mut Random, now: Instant) -> Self {
        Self {
            secrets: [random.bytes(), random.bytes()],
            rotated: now,
        }
    }

    /// The answer to a Bind from `source`.
    pub fn challenge(
        &mut self,
        request: &Binding,
        generation: u32,
        source: SocketAddr,
        random: &mut Random,
        now: Instant,
    ) -> Binding {
        self.rotate(random, now);
        Binding {
            kind: Kind::RelayChallenge,
            challenge: expected(&self.secrets[0], request, generation, source),
            observed: None,
            ..*request
        }
    }

    /// Whether the challenge in a Confirm from `source` is ours. Call [`Self::rotate`] before.
    pub fn is_good(&self, request: &Binding, generation: u32, source: SocketAddr) -> bool {
        self.secrets.iter().any(|secret| {
            let expected = expected(secret, request, generation, source);
            same(&expected, &request.challenge)
        })
    }

    /// Replaces the secret when it is due.
    pub fn rotate(&mut self, random: &mut Random, now: Instant) {
        let age = now.saturating_duration_since(self.rotated);
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

/// Reads a binding message whose mac is not checked yet.
pub fn decode(datagram: &[u8]) -> Result<Binding, Reject> {
    if datagram.len() != ntm_proto::bind::BIND_LEN {
        return Err(Reject::Malformed);
    }
    Binding::decode(datagram).map_err(|_| Reject::Malformed)
}

/// Checks the mac of a binding message.
pub fn authenticate(datagram: &[u8], key: &LegKey) -> Result<(), Reject> {
    is_authentic(datagram, key)
        .then_some(())
        .ok_or(Reject::Forged)
}

/// The receipt for a Confirm from `source`.
pub fn receipt(request: &Binding, source: SocketAddr) -> Binding {
    Binding {
        kind: Kind::RelayBound,
        observed: Some(source),
        ..*request
    }
}

fn expected(secret: &[u8; 32], request: &Binding, generation: u32, source: SocketAddr) -> [u8; 16] {
    let path = request.path.0.to_be_bytes();
    let (generation, port) = (generation.to_be_bytes(), source.port().to_be_bytes());
    let with = |ip: &[u8]| mac(secret, &[&path, &request.nonce, &generation, &port, ip]);
    match canonical(source.ip()) {
        IpAddr::V4(v4) => with(&v4.octets()),
        IpAddr::V6(v6) => with(&v6.octets()),
    }
}
