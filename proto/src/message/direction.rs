//! Route Direction and Relay Direction: what the DC tells those who shall build a path.

use super::codec::{self, Field};
use super::{MAX_CANDIDATES, MAX_RELAY_ADDRESSES};
use crate::bind::LegKey;
use crate::id::{Fqdn, Identity, NodeId, PathId, TunnelId};
use crate::key::PublicKey;
use crate::wire::{DecodeError, Reader, Writer};
use std::net::SocketAddr;

/// DC to a gateway: how to reach the gateway behind which `remote` lives, on behalf of `local`.
///
/// It allows these two devices to talk, and nothing else. The other gateway gets the mirror image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteDirection {
    /// Acknowledged with a DirectionAck.
    pub sequence: u32,
    /// The Direction Request this answers; 0 when the other side asked.
    pub request: u32,
    /// The tunnel of this pair of gateways.
    pub tunnel: TunnelId,
    /// The other gateway.
    pub peer: NodeId,
    /// Its name.
    pub peer_name: Fqdn,
    /// Its static key.
    pub peer_key: PublicKey,
    /// Its boot epoch: another than before means that it restarted and holds no keys any more.
    pub peer_epoch: u32,
    /// Whether we send the Tunnel Request.
    pub initiator: bool,
    /// What the other side puts into datagrams to us.
    pub local_path: PathId,
    /// What we put into datagrams to it.
    pub peer_path: PathId,
    /// Why the route is what it is.
    pub why: Why,
    /// Where to send directly, best first; empty when only the relay will do. No more than a try: each way is used
    /// once it is proven.
    pub candidates: Vec<SocketAddr>,
    /// The relay to begin with, or to fall back to; if there is any.
    pub relay: Option<RelayLeg>,
    /// Our device.
    pub local: NodeId,
    /// The device behind the peer.
    pub remote: Identity,
}

/// Why a route is direct or relayed: the cell of the decision table (design.md section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// Both have a global IPv4 address.
    BothGlobal,
    /// One is behind a NAT and sends first to the other.
    OneNat,
    /// Both have IPv6.
    BothV6,
    /// NATs on both sides; hole punching may do.
    BothNat,
    /// One has only IPv4, the other only IPv6.
    Families,
    /// Both have the same outside address: one NAT, or one carrier's NAT, for both.
    SameNat,
    /// NATs on both sides, and one of them maps every destination to another port.
    OneSymmetric,
    /// NATs on both sides that map every destination to another port: no hole can be punched.
    BothSymmetric,
}

impl Why {
    /// A sentence for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::BothGlobal => "both gateways have a global IPv4 address",
            Self::OneNat => "one gateway is behind a NAT and sends first",
            Self::BothV6 => "both gateways have IPv6",
            Self::BothNat => "both gateways are behind NATs",
            Self::Families => "one gateway has only IPv4, the other only IPv6",
            Self::SameNat => "both gateways are behind the same NAT",
            Self::OneSymmetric => {
                "both gateways are behind NATs, and one of them gives every destination another port"
            }
            Self::BothSymmetric => {
                "both gateways are behind NATs that give every destination another port"
            }
        }
    }

    /// Whether the tunnel begins through a relay, because no direct way is sure to be there.
    pub fn needs_relay(self) -> bool {
        match self {
            Self::BothGlobal | Self::OneNat | Self::BothV6 => false,
            Self::BothNat
            | Self::Families
            | Self::SameNat
            | Self::OneSymmetric
            | Self::BothSymmetric => true,
        }
    }

    /// Whether it is worth a try when there is no relay: both ends send, and each opens its own NAT.
    pub fn may_do_without_relay(self) -> bool {
        match self {
            Self::BothGlobal | Self::OneNat | Self::BothV6 | Self::BothNat | Self::SameNat => true,
            Self::Families | Self::OneSymmetric | Self::BothSymmetric => false,
        }
    }
}

/// One end's view of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayLeg {
    /// Which relay.
    pub relay: NodeId,
    /// Its addresses, of both families where it has them.
    pub addresses: Vec<SocketAddr>,
    /// What proves us to it.
    pub key: LegKey,
}

/// DC to RS: expect these two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayDirection {
    /// Acknowledged with a DirectionAck.
    pub sequence: u32,
    /// Which tunnel; a later direction for the same tunnel replaces the earlier.
    pub tunnel: TunnelId,
    /// One end.
    pub one: Leg,
    /// The other.
    pub other: Leg,
}

/// One end as the RS knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The end's receiver path id.
    pub path: PathId,
    /// What it proves itself with.
    pub key: LegKey,
}

codec::fields!(RouteDirection {
    sequence,
    request,
    tunnel,
    peer,
    peer_name,
    peer_key,
    peer_epoch,
    initiator,
    local_path,
    peer_path,
    why,
    candidates,
    relay,
    local,
    remote
});
codec::fields!(RelayDirection {
    sequence,
    tunnel,
    one,
    other
});
codec::fields!(Leg { path, key });

impl Field for RelayLeg {
    fn put(&self, writer: &mut Writer<'_>) {
        self.relay.put(writer);
        let addresses = &self.addresses[..self.addresses.len().min(MAX_RELAY_ADDRESSES)];
        addresses.to_vec().put(writer);
        self.key.put(writer);
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let leg = Self {
            relay: Field::get(reader)?,
            addresses: Field::get(reader)?,
            key: Field::get(reader)?,
        };
        if leg.addresses.len() > MAX_RELAY_ADDRESSES {
            return Err(DecodeError::Invalid);
        }
        Ok(leg)
    }
}

impl Field for Why {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.u8(match self {
            Self::BothGlobal => 1,
            Self::OneNat => 2,
            Self::BothV6 => 3,
            Self::BothNat => 4,
            Self::Families => 5,
            Self::SameNat => 6,
            Self::OneSymmetric => 7,
            Self::BothSymmetric => 8,
        });
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => Self::BothGlobal,
            2 => Self::OneNat,
            3 => Self::BothV6,
            4 => Self::BothNat,
            5 => Self::Families,
            6 => Self::SameNat,
            7 => Self::OneSymmetric,
            8 => Self::BothSymmetric,
            _ => return Err(DecodeError::Unknown),
        })
    }
}

impl RouteDirection {
    /// Cuts the lists to what fits a datagram.
    pub fn within_limits(mut self) -> Self {
        self.candidates.truncate(MAX_CANDIDATES);
        if let Some(leg) = &mut self.relay {
            leg.addresses.truncate(MAX_RELAY_ADDRESSES);
        }
        self
    }
}
