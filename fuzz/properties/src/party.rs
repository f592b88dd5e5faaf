//! The other end of a machine's handshakes: keys, sessions, and plain text sealed as the machine expects it.

use ntm_proto::handshake::{Context, Initiator, Purpose, Request};
use ntm_proto::id::PathId;
use ntm_proto::key::{PublicKey, SecretKey};
use ntm_proto::random::Random;
use ntm_proto::session::Session;
use ntm_proto::wire::Kind;
use std::time::Instant;

const NO_SECRET: [u8; 32] = [0; 32];

/// Somebody with a key and at most one session.
pub struct Party {
    /// Its static key.
    pub key: SecretKey,
    /// Its randomness.
    pub random: Random,
    /// What it seals and opens with, and the other end's path id.
    pub session: Option<(Session, PathId)>,
}

impl Party {
    /// A party whose key is made from `seed`.
    pub fn new(seed: u8) -> Self {
        let mut random = Random::from_seed([seed; 32]);
        Self {
            key: SecretKey::generate(&mut random),
            random,
            session: None,
        }
    }

    /// Its public key.
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Answers a first message that is for it; keeps the session.
    pub fn answer(
        &mut self,
        purpose: Purpose,
        init: &[u8],
        local: PathId,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let context = context(&self.key, purpose);
        let request = Request::read(context, init, &mut self.random).ok()?;
        let generation = match purpose {
            Purpose::Control => 0,
            Purpose::Tunnel { .. } => request.payload.get(8).copied().unwrap_or_default(),
        };
        let peer = request.sender;
        let (keys, response) = request.accept(local).ok()?;
        self.session = Some((Session::new(&keys, generation, false, now), peer));
        Some(response)
    }

    /// Starts a handshake with the owner of `remote`.
    pub fn start(
        &mut self,
        purpose: Purpose,
        remote: &PublicKey,
        receiver: PathId,
        local: PathId,
        payload: &[u8],
    ) -> (Initiator, Vec<u8>) {
        let context = context(&self.key, purpose);
        Initiator::start(
            context,
            remote,
            receiver,
            local,
            payload,
            None,
            &mut self.random,
        )
    }

    /// Takes the answer to [`Self::start`]; keeps the session.
    pub fn finish(
        &mut self,
        initiator: &mut Initiator,
        response: &[u8],
        generation: u8,
        now: Instant,
    ) {
        if let Ok((keys, peer)) = initiator.finish(response) {
            self.session = Some((Session::new(&keys, generation, true, now), peer));
        }
    }

    /// `plain` as a datagram of its session.
    pub fn seal(&mut self, kind: Kind, plain: &[u8], now: Instant) -> Option<Vec<u8>> {
        let (session, peer) = self.session.as_mut()?;
        let mut datagram = Vec::new();
        session.seal(kind, *peer, plain, &mut datagram, now).ok()?;
        Some(datagram)
    }

    /// The plain text of a datagram of its session.
    pub fn open(&mut self, datagram: &[u8], now: Instant) -> Option<Vec<u8>> {
        let (session, _) = self.session.as_mut()?;
        let mut plain = Vec::new();
        session.open(datagram, &mut plain, now).ok()?;
        Some(plain)
    }
}

fn context(local: &SecretKey, purpose: Purpose) -> Context<'_> {
    Context {
        local,
        purpose,
        psk: &NO_SECRET,
    }
}
