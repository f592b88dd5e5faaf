//! A node's request to join, as the Account Server reads it: its shape, and the proof that its sender holds the key.

use data_encoding::BASE64;
use ntm_enrolment::api::EnrolRequest;
use ntm_proto::cookie;
use ntm_proto::enrol::{Role, possession_proof};
use ntm_proto::key::{PublicKey, SecretKey};

/// A request that proves its key. Whether its token is good, the store knows.
#[derive(Clone, Copy, Debug)]
pub struct Joining {
    /// The enrolment code's secret.
    pub token: [u8; 16],
    /// What the node wants to be.
    pub role: Role,
    /// Its static key, proven.
    pub key: PublicKey,
}

/// Why a request is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No JSON of the known form.
    #[error("this is no enrolment request")]
    Form,
    /// Another role.
    #[error("role is \"gateway\" or \"relay\"")]
    Role,
    /// The token has another length or form.
    #[error("token is 16 bytes in base64")]
    Token,
    /// The proof has another length or form.
    #[error("proof is 16 bytes in base64")]
    Proof,
    /// The key has another length or form.
    #[error("a key is 32 bytes in base64 (44 characters)")]
    Key,
    /// The proof is not by the owner of the key.
    #[error("the node does not prove that it holds its key; update it, or make it a new key")]
    Unproven,
}

impl Joining {
    /// Reads a request's JSON. `key` is the DC's own.
    pub fn read(body: &[u8], key: &SecretKey) -> Result<Self, Fault> {
        let request: EnrolRequest = serde_json::from_slice(body).map_err(|_| Fault::Form)?;
        let role = match request.role.as_str() {
            "gateway" => Role::Gateway,
            "relay" => Role::Relay,
            _ => return Err(Fault::Role),
        };
        let token = bytes(&request.token).ok_or(Fault::Token)?;
        let proof = bytes(&request.proof).ok_or(Fault::Proof)?;
        let public = PublicKey::parse(&request.public_key).map_err(|_| Fault::Key)?;
        let shared = key.agree(&public);
        let proven =
            shared.is_some_and(|shared| cookie::same(&possession_proof(&shared, &token), &proof));
        if !proven {
            return Err(Fault::Unproven);
        }
        Ok(Self {
            token,
            role,
            key: public,
        })
    }
}

fn bytes(text: &str) -> Option<[u8; 16]> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    // The decoder takes padding in the middle, too.
    let canonical = BASE64.encode(&bytes) == text;
    bytes.try_into().ok().filter(|_| canonical)
}
