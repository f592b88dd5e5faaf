//! What is worth a line in the log.

use ntm_proto::id::{Fqdn, NodeId};
use ntm_proto::message::{Refusal, Why};
use std::fmt;
use std::net::SocketAddr;

/// Something happened that an operator may want to know. `Display` is the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node registered: its first time, after a restart of its own, or after silence.
    Registered {
        /// Its name.
        name: Fqdn,
        /// Where it was seen.
        address: SocketAddr,
        /// Its starts.
        epoch: u32,
    },
    /// A node was silent for [`crate::limits::LIFETIME`].
    Offline {
        /// Its name.
        name: Fqdn,
    },
    /// A node's pushes go to another address from now on.
    Moved {
        /// Its name.
        name: Fqdn,
        /// The new address.
        address: SocketAddr,
    },
    /// A device got its identity or a better name.
    Named {
        /// Its name.
        name: Fqdn,
        /// Its id.
        node: NodeId,
    },
    /// A device was forgotten, as its owner wants.
    Forgotten {
        /// The name it had.
        name: Fqdn,
    },
    /// Two gateways were told how to reach each other.
    Directed {
        /// One gateway.
        one: Fqdn,
        /// The other.
        other: Fqdn,
        /// Why this route.
        why: Why,
        /// The relay's name, when it goes through one.
        relay: Option<Fqdn>,
    },
    /// A gateway's request was refused.
    Refused {
        /// The gateway's name.
        gateway: Fqdn,
        /// Why.
        refusal: Refusal,
    },
    /// Two machines use one key: its file was copied. Who came later is refused for a while.
    Clone {
        /// The node's name.
        name: Fqdn,
        /// Where the refused one sends from.
        address: SocketAddr,
    },
    /// A relay refused to carry a tunnel, or did not answer.
    RelayFailed {
        /// Its name.
        relay: Fqdn,
        /// What it said; `None`: nothing.
        refusal: Option<Refusal>,
    },
    /// The link with the coordinator of a trusted domain is up.
    DomainLinked {
        /// The domain.
        domain: Fqdn,
        /// Where it is.
        address: SocketAddr,
    },
    /// DNS does not say where the coordinator of a trusted domain is.
    DomainNotFound {
        /// The domain.
        domain: Fqdn,
    },
    /// The coordinator of a trusted domain does not answer.
    DomainSilent {
        /// The domain.
        domain: Fqdn,
        /// Where it should be.
        tried: Vec<SocketAddr>,
    },
    /// A domain is not trusted any more, or under another key.
    DomainForgotten {
        /// The domain.
        domain: Fqdn,
    },
    /// The store did not keep a record of this node; nothing was acknowledged.
    NotSaved {
        /// The node.
        node: NodeId,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered {
                name,
                address,
                epoch,
            } => write!(f, "{name} registered from {address}, start {epoch}"),
            Self::Offline { name } => write!(f, "{name} is offline"),
            Self::Moved { name, address } => write!(f, "{name} moved to {address}"),
            Self::Named { name, node } => write!(f, "device {node} is {name}"),
            Self::Forgotten { name } => write!(f, "device {name} is forgotten"),
            Self::Directed {
                one,
                other,
                why,
                relay: None,
            } => write!(f, "{one} and {other}: direct, {}", why.text()),
            Self::Directed {
                one,
                other,
                why,
                relay: Some(relay),
            } => write!(f, "{one} and {other}: through {relay}, {}", why.text()),
            Self::Refused { gateway, refusal } => write!(f, "refused {gateway}: {refusal}"),
            Self::Clone { name, address } => write!(
                f,
                "two machines use the key of {name}; refusing the one that came later, at {address}: remove the gateway or relay and enrol the rightful machine anew"
            ),
            Self::RelayFailed {
                relay,
                refusal: Some(refusal),
            } => write!(f, "relay {relay} refused a tunnel: {refusal}"),
            Self::RelayFailed {
                relay,
                refusal: None,
            } => write!(f, "relay {relay} did not answer"),
            Self::DomainLinked { domain, address } => {
                write!(f, "linked with the coordinator of {domain} at {address}")
            }
            Self::DomainNotFound { domain } => write!(
                f,
                "DNS does not say where the coordinator of {domain} is: it needs the SRV record _ntm._udp.{domain}; or name its address with `ntm-dc domain trust {domain} --key KEY --dc ADDRESS`"
            ),
            Self::DomainSilent { domain, tried } => {
                let tried: Vec<String> = tried.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "no answer from the coordinator of {domain} with the pinned key, at {}: it is down, or its key is another, or it has another key of ours; compare `ntm-dc domain show` there with `ntm-dc domain list` here, and the other way round",
                    tried.join(", ")
                )
            }
            Self::DomainForgotten { domain } => {
                write!(
                    f,
                    "the pinned key of {domain} is not trusted any more; its tunnels are over"
                )
            }
            Self::NotSaved { node } => write!(f, "the store did not keep the record of {node}"),
        }
    }
}
