//! Control messages: what gateways, relays and DCs say to each other inside sealed sessions.
//!
//! One byte names the message, its fields follow in the order of the struct, numbers big endian, texts with a
//! length byte, lists with a count byte and a limit. Requests carry a number that the answer repeats; what the DC
//! says on its own carries a sequence number and is said again until acknowledged. Every request may be repeated:
//! the same question gets the same answer.

mod codec;
mod direction;
mod path;
mod peer;

pub use direction::{Leg, RelayDirection, RelayLeg, RouteDirection, Why};
pub use path::{PathChallenge, PathResponse, SizeProbe, Standing};
pub use peer::{
    Guest, GuestAnswer, GuestDirection, GuestRefused, GuestRequest, GuestUpdate, Hello, PeerMessage,
};

use crate::id::{DeviceKey, Fqdn, Identity, Label, NodeId, TunnelId};
use crate::release::Release;
use crate::wire::{DecodeError, Reader, Writer};
use codec::Field;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Most real addresses in one registration.
pub const MAX_ADDRESSES: usize = 16;
/// Most candidate addresses in one Route Direction.
pub const MAX_CANDIDATES: usize = 8;
/// Most domains that one trusts: what fits a datagram when their names are of common length.
pub const MAX_DOMAINS: usize = 16;
/// Most addresses of one relay.
pub const MAX_RELAY_ADDRESSES: usize = 4;

/// One control message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Gateway to DC: here I am.
    RegistrationRequest(RegistrationRequest),
    /// Relay to DC: here I am.
    RelayRegistration(RelayRegistration),
    /// DC to both: you are in the node table.
    RegistrationResponse(RegistrationResponse),
    /// Gateway to DC: this device is here (or gone).
    DeviceRequest(DeviceRequest),
    /// DC to gateway: the device's identity.
    DeviceResponse(DeviceResponse),
    /// Gateway or relay to DC: I am still here, and seen from which address on this WAN?
    KeepAlive(KeepAlive),
    /// DC to both: the sender's address as seen.
    KeepAliveResponse(KeepAliveResponse),
    /// Gateway to DC: what its owner says of a device.
    DeviceOrder(DeviceOrder),
    /// Gateway to DC: how do I reach this?
    DirectionRequest(DirectionRequest),
    /// DC to both gateways: reach each other like this.
    RouteDirection(Box<RouteDirection>),
    /// DC to gateway: the request cannot be met.
    DirectionRefused(DirectionRefused),
    /// DC to RS: expect these two ends.
    RelayDirection(RelayDirection),
    /// Gateway to DC, RS to DC: the direction with this sequence number arrived.
    DirectionAck(DirectionAck),
    /// Gateway to DC: this tunnel is torn down; DC to RS or gateway: forget it.
    TunnelClosed(TunnelClosed),
    /// Gateway to gateway: answer this on the path it came by.
    PathChallenge(PathChallenge),
    /// Gateway to gateway: the challenge arrived, from this address.
    PathResponse(PathResponse),
    /// Gateway to DC: answer here, or there.
    MappingProbe(MappingProbe),
    /// DC to gateway: here.
    MappingProbeResponse(MappingProbeResponse),
    /// Gateway to gateway: say if this arrives, long as it is: it is padded, and nobody may cut it.
    SizeProbe(SizeProbe),
    /// Gateway to gateway: it did.
    SizeProbeResponse(SizeProbe),
    /// DC to gateway: names in these domains are worth a Direction Request.
    Domains(Domains),
    /// DC to the DC of another domain.
    Peer(PeerMessage),
}

/// Gateway to DC: its real addresses on every WAN. Replaces the addresses registered before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationRequest {
    /// The request's number.
    pub request: u32,
    /// Random, made when the gateway's process starts: tells a restart, and a clone, from a move.
    pub instance: [u8; 8],
    /// Addresses of its sockets as its own interfaces have them.
    pub addresses: Vec<WanAddress>,
}

/// A socket address on one WAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WanAddress {
    /// Which WAN, as the gateway numbers them.
    pub wan: u8,
    /// Interface address and UDP port.
    pub address: SocketAddr,
}

/// Relay to DC: where ends can reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayRegistration {
    /// The request's number.
    pub request: u32,
    /// As in [`RegistrationRequest`].
    pub instance: [u8; 8],
    /// Its public socket addresses.
    pub addresses: Vec<SocketAddr>,
    /// Paths it carries now.
    pub paths: u32,
    /// Paths it is willing to carry.
    pub capacity: u32,
    /// What it runs.
    pub release: Release,
}

/// DC's answer to both registrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationResponse {
    /// The request's number.
    pub request: u32,
    /// Counts the starts of this node; grows with each new instance and is never given twice.
    pub epoch: u32,
    /// Seconds after which the DC takes the node for gone if it hears nothing.
    pub lifetime: u16,
    /// The sender's address as the DC saw it.
    pub observed: SocketAddr,
}

/// Gateway to DC: a device of its LAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRequest {
    /// The request's number.
    pub request: u32,
    /// Which device.
    pub key: DeviceKey,
    /// The name it wants; `None`: any. A device keeps the name it got, unless its owner gives it another one.
    pub label: Option<Label>,
    /// Whether it is on the LAN now.
    pub online: bool,
}

/// Gateway to DC: what its owner says of a device, whatever that says of itself. The answer is a [`DeviceResponse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceOrder {
    /// The request's number.
    pub request: u32,
    /// Which device.
    pub key: DeviceKey,
    /// What it is called from now on. `None`: it is to be forgotten; its name is free then, its addresses are given to
    /// nobody again, and the answer is [`Refusal::Unknown`].
    pub name: Option<Label>,
}

/// DC to gateway: the device's identity, or why it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceResponse {
    /// The request's number.
    pub request: u32,
    /// Which device.
    pub key: DeviceKey,
    /// Its identity.
    pub result: Result<Identity, Refusal>,
}

/// Gateway or relay to DC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// The request's number.
    pub request: u32,
    /// On which WAN it left.
    pub wan: u8,
    /// The address of the socket it left from, as the sender's interface has it.
    pub local: SocketAddr,
    /// Whether pushes shall come to this address: the sender's preferred WAN.
    pub primary: bool,
    /// How the NAT in front of this socket maps, as far as the sender knows.
    pub mapping: Mapping,
    /// Seconds until the next one, at most: the DC does not take the sender for gone before two of them are missed.
    pub next: u16,
    /// What the sender runs.
    pub release: Release,
}

/// Gateway to DC: is the NAT's mapping for another socket of mine still there (RFC 5780 section 4.6)?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingProbe {
    /// The request's number.
    pub request: u32,
    /// Where to answer besides; only at the IP address that this request comes from.
    pub also: Option<SocketAddr>,
}

/// DC's answer: to where the probe came from, and to where it asked for besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingProbeResponse {
    /// The request's number.
    pub request: u32,
    /// The sender's address as the DC saw it.
    pub observed: SocketAddr,
}

/// How a NAT maps one inside socket (RFC 4787 section 4.1), told from how two servers see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mapping {
    /// Only one server has said so far how it sees the socket.
    #[default]
    Unknown,
    /// The same outside port for all destinations, so that a peer can be told it.
    Independent,
    /// Another outside port for each destination: what is called a symmetric NAT.
    Dependent,
}

/// DC's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAliveResponse {
    /// The request's number.
    pub request: u32,
    /// The sender's address as the DC saw it.
    pub observed: SocketAddr,
    /// What the DC runs.
    pub release: Release,
}

/// What a Direction Request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The device with this name.
    Name(Fqdn),
    /// The device with this virtual IPv4 address.
    V4(Ipv4Addr),
    /// The device with this virtual IPv6 address.
    V6(Ipv6Addr),
}

/// Gateway to DC: `device` wants to talk to `target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectionRequest {
    /// The request's number.
    pub request: u32,
    /// Our device that asks.
    pub device: NodeId,
    /// Whom it wants.
    pub target: Target,
}

/// DC to gateway: no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectionRefused {
    /// The request's number.
    pub request: u32,
    /// Why.
    pub refusal: Refusal,
}

/// The direction with this sequence number arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectionAck {
    /// Of the direction.
    pub sequence: u32,
    /// Set by a relay that will not carry it.
    pub refusal: Option<Refusal>,
}

/// A tunnel is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelClosed {
    /// Which.
    pub tunnel: TunnelId,
    /// What a DC says is acknowledged with a DirectionAck of this number; 0 from a gateway, which says it once.
    pub sequence: u32,
}

/// The other domains this one trusts. Replaces what was said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domains {
    /// Acknowledged with a DirectionAck.
    pub sequence: u32,
    /// At most [`MAX_DOMAINS`].
    pub domains: Vec<Fqdn>,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// No device has this name or address.
    #[error("no such name or address")]
    Unknown,
    /// The groups of both accounts do not allow it.
    #[error("not allowed: the two accounts share no group")]
    NotAllowed,
    /// The device's gateway is not registered now.
    #[error("its gateway is offline")]
    Offline,
    /// The route needs a relay, and none is registered or willing.
    #[error("the route needs a relay and none is available")]
    NoRelay,
    /// A quota is used up.
    #[error("limit reached")]
    Limit,
    /// The asking device or gateway is not registered; register first.
    #[error("not registered")]
    NotRegistered,
    /// The DC cannot store it now; try again later.
    #[error("the coordinator cannot store it now")]
    Storage,
    /// The name is the asking gateway's own device.
    #[error("it is on your own network")]
    Local,
    /// Its domain is neither this one nor one that this one trusts.
    #[error("that domain is not trusted: its operator and yours have to run `ntm-dc domain trust`")]
    DomainUnknown,
    /// The coordinator of that domain was not found or does not answer.
    #[error(
        "that domain's coordinator does not answer: it is down, or one side has the wrong address or key of the other"
    )]
    DomainUnreachable,
    /// The groups of the other domain do not allow it.
    #[error("the other domain does not allow it: its operator has to put both into one group")]
    DomainNotAllowing,
    /// A gateway has another tunnel with the same path id or tunnel id: it needs a fresh one.
    #[error("the path's number is in use")]
    PathTaken,
    /// Another machine that was there first uses the asking node's key.
    #[error("another machine uses this key and was there first")]
    KeyInUse,
}

impl Message {
    /// The message's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        let mut writer = Writer::new(&mut bytes);
        let w = &mut writer;
        match self {
            Self::RegistrationRequest(m) => m.put_as(1, w),
            Self::RelayRegistration(m) => m.put_as(2, w),
            Self::RegistrationResponse(m) => m.put_as(3, w),
            Self::DeviceRequest(m) => m.put_as(4, w),
            Self::DeviceResponse(m) => m.put_as(5, w),
            Self::KeepAlive(m) => m.put_as(6, w),
            Self::KeepAliveResponse(m) => m.put_as(7, w),
            Self::DirectionRequest(m) => m.put_as(8, w),
            Self::RouteDirection(m) => m.put_as(9, w),
            Self::DirectionRefused(m) => m.put_as(10, w),
            Self::RelayDirection(m) => m.put_as(11, w),
            Self::DirectionAck(m) => m.put_as(12, w),
            Self::TunnelClosed(m) => m.put_as(13, w),
            Self::PathChallenge(m) => m.put_as(14, w),
            Self::PathResponse(m) => m.put_as(15, w),
            Self::Domains(m) => m.put_as(16, w),
            Self::Peer(m) => m.put_as(17, w),
            Self::MappingProbe(m) => m.put_as(18, w),
            Self::MappingProbeResponse(m) => m.put_as(19, w),
            Self::SizeProbe(m) => m.put_as(20, w),
            Self::SizeProbeResponse(m) => m.put_as(21, w),
            Self::DeviceOrder(m) => m.put_as(22, w),
        }
        bytes
    }

    /// Reads a message. Bytes after its known fields are ignored.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let r = &mut reader;
        Ok(match r.u8()? {
            1 => Self::RegistrationRequest(Field::get(r)?),
            2 => Self::RelayRegistration(Field::get(r)?),
            3 => Self::RegistrationResponse(Field::get(r)?),
            4 => Self::DeviceRequest(Field::get(r)?),
            5 => Self::DeviceResponse(Field::get(r)?),
            6 => Self::KeepAlive(Field::get(r)?),
            7 => Self::KeepAliveResponse(Field::get(r)?),
            8 => Self::DirectionRequest(Field::get(r)?),
            9 => Self::RouteDirection(Box::new(Field::get(r)?)),
            10 => Self::DirectionRefused(Field::get(r)?),
            11 => Self::RelayDirection(Field::get(r)?),
            12 => Self::DirectionAck(Field::get(r)?),
            13 => Self::TunnelClosed(Field::get(r)?),
            14 => Self::PathChallenge(Field::get(r)?),
            15 => Self::PathResponse(Field::get(r)?),
            16 => Self::Domains(Field::get(r)?),
            17 => Self::Peer(Field::get(r)?),
            18 => Self::MappingProbe(Field::get(r)?),
            19 => Self::MappingProbeResponse(Field::get(r)?),
            20 => Self::SizeProbe(Field::get(r)?),
            21 => Self::SizeProbeResponse(Field::get(r)?),
            22 => Self::DeviceOrder(Field::get(r)?),
            _ => return Err(DecodeError::Unknown),
        })
    }
}

codec::fields!(RegistrationRequest {
    request,
    instance,
    addresses
});
codec::fields!(WanAddress { wan, address });
codec::fields!(RelayRegistration {
    request,
    instance,
    addresses,
    paths,
    capacity,
    release
});
codec::fields!(RegistrationResponse {
    request,
    epoch,
    lifetime,
    observed
});
codec::fields!(DeviceRequest {
    request,
    key,
    label,
    online
});
codec::fields!(DeviceOrder { request, key, name });
codec::fields!(DeviceResponse {
    request,
    key,
    result
});
codec::fields!(KeepAlive {
    request,
    wan,
    local,
    primary,
    mapping,
    next,
    release
});
codec::fields!(MappingProbe { request, also });
codec::fields!(MappingProbeResponse { request, observed });
impl Mapping {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Independent => "same port for all",
            Self::Dependent => "another port for each destination",
        }
    }
}

impl Field for Mapping {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.u8(match self {
            Self::Unknown => 0,
            Self::Independent => 1,
            Self::Dependent => 2,
        });
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => Self::Independent,
            2 => Self::Dependent,
            _ => Self::Unknown,
        })
    }
}
codec::fields!(KeepAliveResponse {
    request,
    observed,
    release
});
codec::fields!(DirectionRequest {
    request,
    device,
    target
});
codec::fields!(DirectionRefused { request, refusal });
codec::fields!(DirectionAck { sequence, refusal });
codec::fields!(TunnelClosed { tunnel, sequence });
codec::fields!(Identity {
    node,
    name,
    vip4,
    vip6
});
codec::fields!(Domains { sequence, domains });
codec::list_limits!(WanAddress: MAX_ADDRESSES, SocketAddr: MAX_ADDRESSES, Fqdn: MAX_DOMAINS);

#[cfg(test)]
mod tests;
