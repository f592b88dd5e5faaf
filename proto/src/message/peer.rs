//! What the DCs of two domains say to each other, inside a control session in which each proved its pinned key.
//!
//! A gateway of one domain is a *guest* in the other. A DC speaks only of guests of its own domain, and is believed
//! only about those: names outside its domain are refused by whoever hears them.

use super::codec::{self, Field};
use super::{Mapping, Refusal, RouteDirection, Target};
use crate::id::{Fqdn, Identity, NodeId};
use crate::key::PublicKey;
use crate::wire::{DecodeError, Reader, Writer};
use std::net::SocketAddr;

/// One message from DC to DC. Acknowledgements are [`super::DirectionAck`]s, the end of a tunnel is a
/// [`super::TunnelClosed`], as in one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage {
    /// First on each link.
    Hello(Hello),
    /// My gateway asks for a device of yours.
    Request(Box<GuestRequest>),
    /// This is the device; the tunnel is yours to make.
    Answer(Box<GuestAnswer>),
    /// Tell your gateway: no.
    Refused(GuestRefused),
    /// My gateway, which has a tunnel of yours, is now like this.
    Update(GuestUpdate),
    /// Tell your gateway this.
    Direction(Box<GuestDirection>),
}

/// Tells a DC that started anew, and has forgotten its part of the tunnels, from one that renews its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Random, made when the process starts.
    pub instance: [u8; 8],
}

/// A gateway as its own DC knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Its id.
    pub node: NodeId,
    /// Its name: one label and its domain.
    pub name: Fqdn,
    /// Its static key.
    pub key: PublicKey,
    /// Its boot epoch.
    pub epoch: u32,
    /// Where its DC sees it over IPv4.
    pub v4: Option<SocketAddr>,
    /// Behind a NAT: its own IPv4 address, where it has one.
    pub inside: Option<SocketAddr>,
    /// Whether a NAT translates `v4`.
    pub nat: bool,
    /// How it does.
    pub mapping: Mapping,
    /// Where its DC sees it over IPv6.
    pub v6: Option<SocketAddr>,
}

/// A gateway's Direction Request, passed on. Repeated as often as the gateway repeats it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestRequest {
    /// The gateway's number for it.
    pub request: u32,
    /// The gateway.
    pub guest: Guest,
    /// Its device that asks.
    pub device: Identity,
    /// Whom it wants.
    pub target: Target,
    /// Whether the asking domain has a relay that could carry the tunnel.
    pub relays: bool,
}

/// The asking DC is in charge of the tunnel; here is what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestAnswer {
    /// The request's number.
    pub request: u32,
    /// The gateway that asked.
    pub gateway: NodeId,
    /// The gateway of the device that was asked for.
    pub guest: Guest,
    /// That device.
    pub device: Identity,
}

/// The request cannot be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestRefused {
    /// The request's number.
    pub request: u32,
    /// The gateway that asked.
    pub gateway: NodeId,
    /// Why.
    pub refusal: Refusal,
}

/// A guest moved or restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestUpdate {
    /// Acknowledged with a DirectionAck.
    pub sequence: u32,
    /// As it is now.
    pub guest: Guest,
}

/// A Route Direction for the other DC's gateway, which passes it on if its own groups allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestDirection {
    /// For whom.
    pub gateway: NodeId,
    /// Its sequence number is the sender's; acknowledged with a DirectionAck once the gateway has it.
    pub direction: RouteDirection,
}

codec::fields!(Hello { instance });
codec::fields!(Guest {
    node,
    name,
    key,
    epoch,
    v4,
    inside,
    nat,
    mapping,
    v6
});
codec::fields!(GuestRequest {
    request,
    guest,
    device,
    target,
    relays
});
codec::fields!(GuestAnswer {
    request,
    gateway,
    guest,
    device
});
codec::fields!(GuestRefused {
    request,
    gateway,
    refusal
});
codec::fields!(GuestUpdate { sequence, guest });
codec::fields!(GuestDirection { gateway, direction });

impl Field for PeerMessage {
    fn put(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Request(m) => m.put_as(1, writer),
            Self::Answer(m) => m.put_as(2, writer),
            Self::Refused(m) => m.put_as(3, writer),
            Self::Update(m) => m.put_as(4, writer),
            Self::Direction(m) => m.put_as(5, writer),
            Self::Hello(m) => m.put_as(6, writer),
        }
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => Self::Request(Box::new(Field::get(reader)?)),
            2 => Self::Answer(Box::new(Field::get(reader)?)),
            3 => Self::Refused(Field::get(reader)?),
            4 => Self::Update(Field::get(reader)?),
            5 => Self::Direction(Box::new(Field::get(reader)?)),
            6 => Self::Hello(Field::get(reader)?),
            _ => return Err(DecodeError::Unknown),
        })
    }
}
