//! The enrolment code: what a person copies or scans once to bring a gateway or relay into a domain.
//!
//! `ntm1-` and base32 (RFC 4648 section 6, no padding, any case, hyphens and spaces ignored) of:
//! ```text
//! offset size
//!      0    1  who may use it: 1 gateway, 2 relay
//!      1   16  token: good once
//!     17   32  SHA-256 of the Account Server's certificate (DER)
//!     49    2  TCP port of the Account Server
//!     51    n  its addresses or names, separated by commas, in ASCII
//!   51+n    4  check: the first bytes of BLAKE2s of all before it
//! ```

use blake2::{Blake2s256, Digest};
use data_encoding::BASE32_NOPAD;

const PREFIX: &str = "ntm1";
const MAX_HOSTS: usize = 512;

/// Who may enrol with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A gateway.
    Gateway,
    /// A relay server.
    Relay,
}

/// What the code holds.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentCode {
    /// Who may use it.
    pub role: Role,
    /// The one-time secret.
    pub token: [u8; 16],
    /// SHA-256 of the certificate that the Account Server must show.
    pub fingerprint: [u8; 32],
    /// TCP port of the Account Server.
    pub port: u16,
    /// IP addresses or DNS names of the Account Server, best first.
    pub hosts: Vec<String>,
}

/// What is wrong with a code somebody pasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It does not start like a code.
    #[error(
        "an enrolment code starts with \"ntm1-\"; copy it again, whole, from `ntm-dc gateway-code` or `relay-code`"
    )]
    NoCode,
    /// It has a character that no code has, or its check fails.
    #[error("the enrolment code is incomplete or has a typing error; copy it again, whole")]
    Damaged,
    /// Made by a newer version.
    #[error("the enrolment code is of a kind this version does not know; update this program")]
    Unknown,
}

impl EnrolmentCode {
    /// The text people copy.
    pub fn to_text(&self) -> String {
        let role = match self.role {
            Role::Gateway => 1,
            Role::Relay => 2,
        };
        let mut bytes = vec![role];
        bytes.extend_from_slice(&self.token);
        bytes.extend_from_slice(&self.fingerprint);
        bytes.extend_from_slice(&self.port.to_be_bytes());
        bytes.extend_from_slice(self.hosts.join(",").as_bytes());
        let check = Blake2s256::digest(&bytes);
        bytes.extend_from_slice(&check[..4]);
        format!("{PREFIX}-{}", BASE32_NOPAD.encode(&bytes))
    }

    /// Reads what a person pasted.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let kept = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-' && *c != '=');
        let upper: String = kept
            .map(|c| c.to_ascii_uppercase())
            .take(2 * MAX_HOSTS)
            .collect();
        let body = upper.strip_prefix("NTM1").ok_or(CodeError::NoCode)?;
        let bytes = BASE32_NOPAD
            .decode(body.as_bytes())
            .map_err(|_| CodeError::Damaged)?;
        let (bytes, check) = bytes.split_last_chunk::<4>().ok_or(CodeError::Damaged)?;
        if Blake2s256::digest(bytes)[..4] != *check {
            return Err(CodeError::Damaged);
        }
        Self::from_bytes(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, CodeError> {
        let mut reader = crate::wire::Reader::new(bytes);
        let role = match reader.u8().map_err(|_| CodeError::Damaged)? {
            1 => Role::Gateway,
            2 => Role::Relay,
            _ => return Err(CodeError::Unknown),
        };
        let mut fields =
            || Ok::<_, crate::wire::DecodeError>((reader.array()?, reader.array()?, reader.u16()?));
        let (token, fingerprint, port) = fields().map_err(|_| CodeError::Damaged)?;
        let hosts = std::str::from_utf8(reader.rest()).map_err(|_| CodeError::Damaged)?;
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
        let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
        if port == 0
            || hosts
                .iter()
                .any(|host| host.is_empty() || !host.chars().all(is_host))
        {
            return Err(CodeError::Damaged);
        }
        Ok(Self {
            role,
            token,
            fingerprint,
            port,
            hosts,
        })
    }
}

/// What a node proves when it enrols: that it holds the secret key of the public key it brings. Keyed by what
/// its key and the DC's agree on; covers the token, so that it is good for this enrolment alone.
pub fn possession_proof(shared: &[u8; 32], token: &[u8; 16]) -> [u8; 16] {
    crate::cookie::mac(shared, &[b"ntm enrol 1", token])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> EnrolmentCode {
        EnrolmentCode {
            role: Role::Gateway,
            token: [3; 16],
            fingerprint: [9; 32],
            port: 4751,
            hosts: vec!["203.0.113.10".into(), "2001:db8::10".into()],
        }
    }

    #[test]
    fn codes_survive_people() {
        let text = code().to_text();
        assert!(EnrolmentCode::parse(&text).unwrap() == code());
        let (head, tail) = text.split_at(40);
        let retyped = format!("  {}\n {}", head.to_lowercase(), tail.to_lowercase());
        assert!(EnrolmentCode::parse(&retyped).unwrap() == code());
    }

    #[test]
    fn damage_is_told_apart_from_nonsense() {
        let text = code().to_text();
        let error = |text: &str| EnrolmentCode::parse(text).err();
        assert_eq!(error("hello"), Some(CodeError::NoCode));
        assert_eq!(error(&text[..text.len() - 2]), Some(CodeError::Damaged));
        assert_eq!(error(&text.replacen('A', "B", 1)), Some(CodeError::Damaged));
        assert_eq!(error("ntm1-"), Some(CodeError::Damaged));
        assert_eq!(error("ntm1-<script>"), Some(CodeError::Damaged));
    }
}
