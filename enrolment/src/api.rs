//! The Account Server's two questions and answers, as JSON over TLS.
//!
//! `GET /v1/domain` gives [`Domain`]; `POST /v1/enrol` takes [`EnrolRequest`] and gives [`Membership`], or
//! [`ApiError`] with a status of 4xx (the code is at fault) or 5xx (try again). The same request again, with the
//! same key, gets the same answer: a node that lost the answer repeats its question.

use serde::{Deserialize, Serialize};

/// What a node must know before it can prove its key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Domain {
    /// The domain, such as `ntm.test`.
    pub domain: String,
    /// The DC's static public key, base64.
    pub dc_key: String,
}

/// A node wants to join.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// The code's token, base64.
    pub token: String,
    /// `gateway` or `relay`.
    pub role: String,
    /// The node's static public key, base64.
    pub public_key: String,
    /// `ntm_proto::enrol::possession_proof`, base64.
    pub proof: String,
}

/// What a node is from now on; kept in its state directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The node's id.
    pub node: String,
    /// Its full name, such as `home.ntm.test`.
    pub name: String,
    /// The domain.
    pub domain: String,
    /// The DC's static public key, base64.
    pub dc_key: String,
    /// The DC's socket addresses, best first.
    pub dc_addresses: Vec<String>,
    /// The domain's virtual IPv4 range, such as `198.18.0.0/15`.
    pub virtual4: String,
    /// The domain's virtual IPv6 range.
    pub virtual6: String,
    /// A gateway's own virtual IPv4 address; empty for a relay.
    #[serde(default)]
    pub vip4: String,
    /// A gateway's own virtual IPv6 address; empty for a relay.
    #[serde(default)]
    pub vip6: String,
}

/// Why not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiError {
    /// One word for programs: `unknown`, `used`, `expired`, `role`, `proof`, `malformed`, `storage`.
    pub error: String,
    /// A sentence for people, with what to do next.
    pub message: String,
}
