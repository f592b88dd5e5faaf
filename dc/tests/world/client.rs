//! A node of a coordinator, as it sees itself.

use ntm_proto::id::NodeId;
use ntm_proto::key::SecretKey;
use ntm_proto::link::Link;
use ntm_proto::message::*;
use std::net::SocketAddr;

/// A gateway or relay.
pub struct Client {
    pub id: NodeId,
    pub key: SecretKey,
    pub link: Link,
    pub instance: [u8; 8],
    /// Its sockets, first the one it uses.
    pub addresses: Vec<SocketAddr>,
    /// What the DC sees of the one it uses.
    pub outside: SocketAddr,
    pub is_relay: bool,
    /// Acknowledges directions.
    pub acks: bool,
    /// So many directions are refused because their path is taken.
    pub taken: usize,
    /// Refuses to carry tunnels.
    pub unwilling: bool,
    pub inbox: Vec<Message>,
    pub notices: usize,
    pub request: u32,
}

impl Client {
    pub fn registered(&self) -> Option<&RegistrationResponse> {
        self.inbox.iter().rev().find_map(|message| match message {
            Message::RegistrationResponse(response) => Some(response),
            _ => None,
        })
    }

    /// All Route Directions that came, oldest first.
    pub fn routes(&self) -> Vec<&RouteDirection> {
        let routes = self.inbox.iter().filter_map(|message| match message {
            Message::RouteDirection(direction) => Some(&**direction),
            _ => None,
        });
        routes.collect()
    }

    /// The tunnels that were said to be over, each as often as it was said.
    pub fn closed(&self) -> Vec<ntm_proto::id::TunnelId> {
        let closed = self.inbox.iter().filter_map(|message| match message {
            Message::TunnelClosed(closed) => Some(closed.tunnel),
            _ => None,
        });
        closed.collect()
    }

    pub fn relayed(&self) -> Vec<&RelayDirection> {
        let directions = self.inbox.iter().filter_map(|message| match message {
            Message::RelayDirection(direction) => Some(direction),
            _ => None,
        });
        directions.collect()
    }

    /// What the last refusal said.
    pub fn refused(&self) -> Option<(u32, Refusal)> {
        self.inbox.iter().rev().find_map(|message| match message {
            Message::DirectionRefused(refused) => Some((refused.request, refused.refusal)),
            _ => None,
        })
    }
}
