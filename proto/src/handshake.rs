//! Noise handshakes: IK towards a DC, IKpsk2 between gateways, unchanged as their published proofs know them.
//!
//! [`Initiator::start`] makes the first message, [`Initiator::finish`] takes the answer. The responder first
//! checks mac1 with [`is_addressed_to`] (and cookies, with [`crate::cookie`], under load), then [`Request::read`]
//! opens the first message and tells who sent it; the caller decides whether it wants that sender and calls
//! [`Request::accept`], or drops the request and stays silent.
//!
//! Error contract: after an error from [`Initiator::finish`] the handshake is alive and waits for a better answer;
//! the datagram alone is refused. After an error from [`Request::read`] nothing has happened.
//!
//! The prologue binds each handshake to its use: the protocol version, and between gateways both node ids and
//! the tunnel id, so that mixing contexts fails by itself.

use crate::aead::Cipher;
use crate::cookie::{Cookie, MAC_LEN, mac, mac1_key, same};
use crate::id::{NodeId, PathId, TunnelId};
use crate::key::{PublicKey, SecretKey};
use crate::random::Random;
use crate::wire::{DecodeError, Kind, Opening, Reader, TAG_LEN, VERSION, Writer};
use snow::params::{CipherChoice, DHChoice, HashChoice, NoiseParams};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Dh, Hash};
use snow::{Builder, HandshakeState};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a handshake datagram before the Noise message.
const PREFIX: usize = 16;
/// Ephemeral key, sealed static key, tag of the payload.
const INIT_NOISE: usize = 32 + 48 + TAG_LEN;
/// Ephemeral key, tag of the payload.
const RESPONSE_NOISE: usize = 32 + TAG_LEN;
/// In a Tunnel Request: the sender's processor has AES instructions. In the answer: the session's traffic is sealed by AES-256-GCM.
const AES: u8 = 1;
/// Most bytes a payload may have.
const MAX_PAYLOAD: usize = 128;
/// Bytes of a Handshake Init without payload: the shortest there is.
pub const MIN_INIT_LEN: usize = PREFIX + INIT_NOISE + 2 * MAC_LEN;

/// The two keys a handshake ends with, and what they are for.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    /// The AEAD of the session's traffic.
    #[zeroize(skip)]
    pub cipher: Cipher,
    /// Seals what we send.
    pub send: [u8; 32],
    /// Opens what we receive.
    pub receive: [u8; 32],
}

/// Why a handshake message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum HandshakeError {
    /// Not a handshake message of this version.
    #[error("malformed handshake message")]
    Malformed,
    /// mac1 is wrong: the sender does not know our key, or the bytes changed on the way.
    #[error("not addressed to us")]
    NotAddressed,
    /// The Noise message does not open: another key, prologue or pre-shared key.
    #[error("not authentic")]
    Forged,
}

/// What both ends must agree on before a handshake.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Our static key.
    pub local: &'a SecretKey,
    /// What the handshake is for.
    pub purpose: Purpose,
    /// A secret of the group, mixed in at message two of a tunnel's handshake; zeros when there is none.
    pub psk: &'a [u8; 32],
}

/// What a handshake is for: its Noise pattern and prologue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A control session of a gateway or relay with its DC.
    Control,
    /// A tunnel of two gateways.
    Tunnel {
        /// Whose tunnel.
        tunnel: TunnelId,
        /// The gateway that sends the first message.
        initiator: NodeId,
        /// The other.
        responder: NodeId,
    },
}

impl Purpose {
    fn pattern(self) -> NoiseParams {
        let name = match self {
            Self::Control => "Noise_IK_25519_ChaChaPoly_BLAKE2s",
            Self::Tunnel { .. } => "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s",
        };
        name.parse().expect("a pattern name that the library knows")
    }

    fn prologue(self) -> Vec<u8> {
        match self {
            Self::Control => b"ntm control 1".to_vec(),
            Self::Tunnel {
                tunnel,
                initiator,
                responder,
            } => [
                b"ntm tunnel 1".as_slice(),
                &tunnel.0,
                initiator.0.as_bytes(),
                responder.0.as_bytes(),
            ]
            .concat(),
        }
    }
}

/// The payload of a Tunnel Request: makes each request newer than those before it without any clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TunnelOffer {
    /// The initiator's boot epoch, counted by its DC.
    pub epoch: u32,
    /// The initiator's requests in this epoch.
    pub counter: u32,
    /// The generation byte of the keys to be.
    pub generation: u8,
    /// Whether the initiator would rather have its traffic sealed by AES-256-GCM.
    pub aes: bool,
}

impl TunnelOffer {
    /// Its bytes: epoch, counter, generation, the wish for AES, two zeros.
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(12);
        let mut writer = Writer::new(&mut bytes);
        writer.u32(self.epoch);
        writer.u32(self.counter);
        writer.bytes(&[self.generation, if self.aes { AES } else { 0 }, 0, 0]);
        bytes
    }

    /// Reads them; bytes after them belong to later versions.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            epoch: reader.u32()?,
            counter: reader.u32()?,
            generation: reader.u8()?,
            aes: reader.u8()? & AES != 0,
        })
    }
}

/// The side that sent the first message and waits for the second.
pub struct Initiator {
    state: HandshakeState,
    local: PublicKey,
    remote: PublicKey,
    mac1: [u8; MAC_LEN],
    /// Whether we asked for AES.
    wants_aes: bool,
}

impl Initiator {
    /// Makes the first message to the owner of `remote`. `receiver` and `sender` are the path ids of the header.
    pub fn start(
        context: Context<'_>,
        remote: &PublicKey,
        receiver: PathId,
        sender: PathId,
        payload: &[u8],
        cookie: Option<&Cookie>,
        random: &mut Random,
    ) -> (Self, Vec<u8>) {
        let prologue = context.purpose.prologue();
        let builder = builder(context, &prologue, random);
        let builder = builder.remote_public_key(&remote.0).expect("set once");
        let mut state = builder
            .build_initiator()
            .expect("all inputs of the pattern are set");
        let mut datagram = prefix(Kind::HandshakeInit, receiver, sender);
        datagram.resize(PREFIX + INIT_NOISE + payload.len(), 0);
        let written = state.write_message(payload, &mut datagram[PREFIX..]);
        debug_assert!(
            written.is_ok_and(|n| n == INIT_NOISE + payload.len()),
            "the buffer was sized for it"
        );
        let mac1 = mac(&mac1_key(remote), &[&datagram]);
        datagram.extend_from_slice(&mac1);
        let mac2 = cookie.map_or([0; MAC_LEN], |cookie| cookie.mac2(&datagram));
        datagram.extend_from_slice(&mac2);
        (
            Self {
                state,
                local: context.local.public(),
                remote: *remote,
                mac1,
                wants_aes: matches!(context.purpose, Purpose::Tunnel { .. })
                    && TunnelOffer::decode(payload).is_ok_and(|offer| offer.aes),
            },
            datagram,
        )
    }

    /// Takes the second message: the session's keys and the responder's path id.
    pub fn finish(&mut self, datagram: &[u8]) -> Result<(Keys, PathId), HandshakeError> {
        let (before, mac1) = datagram
            .split_last_chunk::<MAC_LEN>()
            .ok_or(HandshakeError::Malformed)?;
        let (sender, noise) = split(before, Kind::HandshakeResponse)?;
        if !(RESPONSE_NOISE..=RESPONSE_NOISE + MAX_PAYLOAD).contains(&noise.len()) {
            return Err(HandshakeError::Malformed);
        }
        if !same(&mac(&mac1_key(&self.local), &[before]), mac1) {
            return Err(HandshakeError::NotAddressed);
        }
        let mut payload = [0; MAX_PAYLOAD + TAG_LEN];
        let length = self
            .state
            .read_message(noise, &mut payload)
            .map_err(|_| HandshakeError::Forged)?;
        let cipher = match payload[..length].first() {
            Some(chosen) if chosen & AES != 0 && self.wants_aes => Cipher::Aes256Gcm,
            Some(chosen) if chosen & AES != 0 => return Err(HandshakeError::Forged),
            Some(_) | None => Cipher::ChaCha20Poly1305,
        };
        let (send, receive) = self.state.dangerously_get_raw_split();
        let keys = Keys {
            cipher,
            send,
            receive,
        };
        Ok((keys, sender))
    }

    /// Takes a Cookie Reply to our first message; start again with the cookie.
    pub fn take_cookie(&self, datagram: &[u8]) -> Option<Cookie> {
        Cookie::from_reply(datagram, &self.remote, &self.mac1)
    }
}

/// A Handshake Init's bytes up to mac2, its mac1, its mac2.
pub type Macs<'a> = (&'a [u8], &'a [u8; MAC_LEN], &'a [u8; MAC_LEN]);

/// Whether `datagram` is a Handshake Init whose mac1 proves that its sender knows the key `mac1_key` is made of.
/// Cheap: one hash, nothing kept.
pub fn is_addressed_to<'a>(datagram: &'a [u8], key: &[u8; 32]) -> Result<Macs<'a>, HandshakeError> {
    if datagram.len() < MIN_INIT_LEN {
        return Err(HandshakeError::Malformed);
    }
    let (to_mac2, mac2) = datagram
        .split_last_chunk::<MAC_LEN>()
        .ok_or(HandshakeError::Malformed)?;
    let (to_mac1, mac1) = to_mac2
        .split_last_chunk::<MAC_LEN>()
        .ok_or(HandshakeError::Malformed)?;
    if same(&mac(key, &[to_mac1]), mac1) {
        Ok((to_mac2, mac1, mac2))
    } else {
        Err(HandshakeError::NotAddressed)
    }
}

/// A first message that opened: somebody who owns `remote` wants a session.
pub struct Request {
    state: HandshakeState,
    /// The sender's static key, proven.
    pub remote: PublicKey,
    /// The sender's path id: where the answer goes.
    pub sender: PathId,
    /// What the sender says.
    pub payload: Vec<u8>,
    /// The sender's ephemeral key: the same in a repeated copy of one message.
    pub ephemeral: [u8; 32],
}

impl Request {
    /// Opens a Handshake Init that [`is_addressed_to`] us.
    pub fn read(
        context: Context<'_>,
        datagram: &[u8],
        random: &mut Random,
    ) -> Result<Self, HandshakeError> {
        let end = datagram
            .len()
            .checked_sub(2 * MAC_LEN)
            .ok_or(HandshakeError::Malformed)?;
        let (sender, noise) = split(&datagram[..end], Kind::HandshakeInit)?;
        if !(INIT_NOISE..=INIT_NOISE + MAX_PAYLOAD).contains(&noise.len()) {
            return Err(HandshakeError::Malformed);
        }
        let prologue = context.purpose.prologue();
        let mut state = builder(context, &prologue, random)
            .build_responder()
            .expect("all inputs are set");
        let mut payload = vec![0; MAX_PAYLOAD + TAG_LEN];
        let length = state
            .read_message(noise, &mut payload)
            .map_err(|_| HandshakeError::Forged)?;
        payload.truncate(length);
        let remote = state
            .get_remote_static()
            .and_then(|key| key.try_into().ok())
            .map(PublicKey);
        let remote = remote.ok_or(HandshakeError::Forged)?;
        let ephemeral = *noise.first_chunk().ok_or(HandshakeError::Malformed)?;
        Ok(Self {
            state,
            remote,
            sender,
            payload,
            ephemeral,
        })
    }

    /// Makes the second message, with `local` as our path id, and the session's keys.
    pub fn accept(self, local: PathId) -> Result<(Keys, Vec<u8>), HandshakeError> {
        self.accept_with(local, Cipher::ChaCha20Poly1305)
    }

    /// As [`Self::accept`], with traffic sealed by `cipher`. Both the wish for it and this answer are inside the
    /// handshake's authenticated payloads: who is in between can take neither away without breaking it.
    pub fn accept_with(
        mut self,
        local: PathId,
        cipher: Cipher,
    ) -> Result<(Keys, Vec<u8>), HandshakeError> {
        let payload: &[u8] = match cipher {
            Cipher::ChaCha20Poly1305 => &[],
            Cipher::Aes256Gcm => &[AES],
        };
        let mut datagram = prefix(Kind::HandshakeResponse, self.sender, local);
        datagram.resize(PREFIX + RESPONSE_NOISE + payload.len(), 0);
        self.state
            .write_message(payload, &mut datagram[PREFIX..])
            .map_err(|_| HandshakeError::Forged)?;
        let mac1 = mac(&mac1_key(&self.remote), &[&datagram]);
        datagram.extend_from_slice(&mac1);
        let (receive, send) = self.state.dangerously_get_raw_split();
        let keys = Keys {
            cipher,
            send,
            receive,
        };
        Ok((keys, datagram))
    }
}

fn prefix(kind: Kind, receiver: PathId, sender: PathId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    let mut writer = Writer::new(&mut bytes);
    writer.bytes(
        &Opening {
            kind,
            generation: VERSION,
            receiver,
        }
        .encode(),
    );
    writer.u32(sender.0);
    writer.u32(0);
    bytes
}

fn split(before: &[u8], kind: Kind) -> Result<(PathId, &[u8]), HandshakeError> {
    let opening = Opening::decode(before).map_err(|_| HandshakeError::Malformed)?;
    if opening.kind != kind || opening.generation != VERSION || before.len() < PREFIX {
        return Err(HandshakeError::Malformed);
    }
    let sender = u32::from_be_bytes([before[8], before[9], before[10], before[11]]);
    Ok((PathId(sender), &before[PREFIX..]))
}

fn builder<'a>(context: Context<'a>, prologue: &'a [u8], random: &mut Random) -> Builder<'a> {
    let resolver = Box::new(Seeded {
        inner: DefaultResolver,
        seed: random.bytes(),
    });
    let builder = Builder::with_resolver(context.purpose.pattern(), resolver);
    let builder = builder
        .local_private_key(context.local.as_bytes())
        .expect("set once");
    let builder = builder.prologue(prologue).expect("set once");
    match context.purpose {
        Purpose::Control => builder,
        Purpose::Tunnel { .. } => builder
            .psk(2, context.psk)
            .expect("set once, at the pattern's place"),
    }
}

/// The library's own primitives with our randomness, so that a machine stays deterministic.
struct Seeded {
    inner: DefaultResolver,
    seed: [u8; 32],
}

impl CryptoResolver for Seeded {
    fn resolve_rng(&self) -> Option<Box<dyn snow::types::Random>> {
        Some(Box::new(Stream(Random::from_seed(self.seed))))
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        self.inner.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        self.inner.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn snow::types::Cipher>> {
        self.inner.resolve_cipher(choice)
    }
}

struct Stream(Random);

impl snow::types::Random for Stream {
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
