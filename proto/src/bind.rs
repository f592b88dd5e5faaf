//! How an end proves itself to a relay: three messages with the key from the Relay Direction, and a fourth as receipt.
//!
//! All four are 72 bytes, so a relay amplifies nothing:
//! ```text
//! offset size
//!      0    8  opening (wire::Opening); receiver path id: the *end's own*, by which the relay knows the leg
//!      8    8  nonce: chosen by the end for this binding, echoed in each message
//!     16   16  challenge: zero in Bind; else the relay's, a MAC of path id, nonce and the end's source address
//!     32   24  in Bound: the end's address as the relay sees it (address::encode, then zeros); else zero
//!     56   16  mac under the leg's key over bytes 0..56
//! ```
//! Only an end that holds the key *and* receives at the address it sends from can confirm, so neither a path id
//! nor a copied Bind moves a leg. Binding again refreshes the NAT's mapping and shows that the relay lives.

use crate::address;
use crate::cookie::{MAC_LEN, mac, same};
use crate::id::PathId;
use crate::wire::{DecodeError, Kind, Opening, Reader, VERSION, Writer};
use std::net::SocketAddr;

/// Bytes of each binding message.
pub const BIND_LEN: usize = 72;

/// The secret that the DC gave one end of a relayed path and the relay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LegKey(pub [u8; 32]);

impl std::fmt::Debug for LegKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LegKey(..)")
    }
}

/// One of the four binding messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Which of the four.
    pub kind: Kind,
    /// The end's own path id.
    pub path: PathId,
    /// The end's choice.
    pub nonce: [u8; 8],
    /// The relay's.
    pub challenge: [u8; 16],
    /// In Bound: where the relay sees the end.
    pub observed: Option<SocketAddr>,
}

impl Binding {
    /// The message as a datagram, authenticated with `key`.
    pub fn encode(&self, key: &LegKey) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BIND_LEN);
        let mut writer = Writer::new(&mut bytes);
        writer.bytes(
            &Opening {
                kind: self.kind,
                generation: VERSION,
                receiver: self.path,
            }
            .encode(),
        );
        writer.bytes(&self.nonce);
        writer.bytes(&self.challenge);
        if let Some(observed) = self.observed {
            address::encode(&mut writer, observed);
        }
        bytes.resize(BIND_LEN - MAC_LEN, 0);
        let tag = mac(&key.0, &[&bytes]);
        bytes.extend_from_slice(&tag);
        bytes
    }

    /// Reads a message without checking its mac; then look up the key by `path` and ask [`is_authentic`].
    pub fn decode(datagram: &[u8]) -> Result<Self, DecodeError> {
        if datagram.len() < BIND_LEN {
            return Err(DecodeError::Truncated);
        }
        let opening = Opening::decode(datagram)?;
        let is_binding = matches!(
            opening.kind,
            Kind::RelayBind | Kind::RelayChallenge | Kind::RelayConfirm | Kind::RelayBound
        );
        if !is_binding || opening.generation != VERSION {
            return Err(DecodeError::Unknown);
        }
        let mut reader = Reader::new(&datagram[8..]);
        let (nonce, challenge) = (reader.array()?, reader.array()?);
        let observed = if opening.kind == Kind::RelayBound {
            Some(address::decode(&mut reader)?)
        } else {
            None
        };
        Ok(Self {
            kind: opening.kind,
            path: opening.receiver,
            nonce,
            challenge,
            observed,
        })
    }
}

/// Whether a binding message was made with `key`.
pub fn is_authentic(datagram: &[u8], key: &LegKey) -> bool {
    datagram.len() == BIND_LEN
        && same(
            &mac(&key.0, &[&datagram[..BIND_LEN - MAC_LEN]]),
            &datagram[BIND_LEN - MAC_LEN..],
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_survive_the_wire_and_forgeries_do_not() {
        let key = LegKey([4; 32]);
        let binding = Binding {
            kind: Kind::RelayBound,
            path: PathId(77),
            nonce: [1; 8],
            challenge: [2; 16],
            observed: Some("[2001:db8::9]:4750".parse().unwrap()),
        };
        let datagram = binding.encode(&key);
        assert_eq!(datagram.len(), BIND_LEN);
        assert_eq!(Binding::decode(&datagram), Ok(binding));
        assert!(is_authentic(&datagram, &key) && !is_authentic(&datagram, &LegKey([5; 32])));
        for at in 0..BIND_LEN {
            let mut forged = datagram.clone();
            forged[at] ^= 1;
            assert!(!is_authentic(&forged, &key));
            let _ = Binding::decode(&forged);
            assert!(Binding::decode(&datagram[..at]).is_err());
        }
    }
}
