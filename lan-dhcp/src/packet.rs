//! DHCP messages (RFC 2131 section 2): a datagram becomes a checked [`Request`], a [`Reply`] becomes a datagram.
//!
//! Requests are read through dhcproto's borrowed view. Its owned decoder stops at the first option it dislikes (a
//! name that is no UTF-8 would hide the server identifier behind it) and has assertions a client could trip.

use crate::config::{Config, Mac, is_device};
use crate::{Reject, hostname};
use dhcproto::v4::{
    DhcpOption, DhcpOptions, Flags, HType, MessageType, Opcode, OptionCode, borrowed,
};
use dhcproto::v4::{MAGIC, MIN_PACKET_SIZE, Message};
use dhcproto::{Decodable, Decoder, Encodable, Name};
use ntm_proto::id::Label;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The longest datagram looked at: what Ethernet carries.
pub const MAX_REQUEST: usize = 1500;
/// The fixed fields and the magic cookie.
const HEADER: usize = 240;
/// The IP and UDP headers that "maximum message size" (option 57) counts in.
const IP_UDP: u16 = 28;
/// Every host takes IP packets of this size.
const MIN_MTU: u16 = 576;
/// And no LAN of ours takes larger ones.
const MAX_MTU: u16 = 1500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Discover,
    Request,
    Decline,
    Release,
    Inform,
}

/// What a client wants, checked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) mac: Mac,
    /// The client's address; unspecified while it has none.
    pub(crate) ciaddr: Ipv4Addr,
    /// Option 50.
    pub(crate) requested: Option<Ipv4Addr>,
    /// Option 54.
    pub(crate) server_id: Option<Ipv4Addr>,
    /// Option 51.
    pub(crate) lease_time: Option<Duration>,
    /// Option 61, 1 to 255 bytes.
    pub(crate) client_id: Option<Box<[u8]>>,
    /// Option 12, or else 81.
    pub(crate) hostname: Option<Label>,
    xid: u32,
    flags: Flags,
    /// The parameter request list names option 119.
    wants_search: bool,
    /// The longest DHCP message the client takes.
    max_reply: usize,
}

/// What the client is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    Offer {
        address: Ipv4Addr,
        lease_time: Duration,
    },
    Ack {
        address: Ipv4Addr,
        lease_time: Duration,
    },
    /// The answer to INFORM: options, no address.
    Parameters,
    Nak,
}

/// Reads and checks a datagram that came in on port 67.
pub(crate) fn decode(datagram: &[u8]) -> Result<Request, Reject> {
    if datagram.len() > MAX_REQUEST {
        return Err(Reject::TooLong);
    }
    let message = borrowed::Message::new(datagram).map_err(|_| Reject::TooShort)?;
    if message.opcode() != Opcode::BootRequest {
        return Err(Reject::NotRequest);
    }
    // Also what makes `chaddr` safe to call: it trusts the length.
    if message.htype() != HType::Eth || message.hlen() != 6 {
        return Err(Reject::NotEthernet);
    }
    let mac = Mac::try_from(message.chaddr()).map_err(|_| Reject::NotEthernet)?;
    if !is_device(mac) {
        return Err(Reject::BadHardwareAddress);
    }
    if datagram.get(HEADER - MAGIC.len()..HEADER) != Some(&MAGIC[..]) {
        return Err(Reject::BadCookie);
    }
    if message.giaddr() != Ipv4Addr::UNSPECIFIED {
        return Err(Reject::Relayed);
    }
    decode_options(&message, mac)
}

fn decode_options(message: &borrowed::Message<'_>, mac: Mac) -> Result<Request, Reject> {
    let mut kind = None;
    let mut fqdn = None;
    let mut request = Request {
        kind: Kind::Discover,
        mac,
        ciaddr: message.ciaddr(),
        requested: None,
        server_id: None,
        lease_time: None,
        client_id: None,
        hostname: None,
        xid: message.xid(),
        flags: message.flags(),
        wants_search: false,
        max_reply: usize::from(MIN_MTU - IP_UDP),
    };
    for option in message.opts() {
        let data = option.data();
        match u8::from(option.code()) {
            53 => kind = Some(message_kind(data)?),
            50 => request.requested = Some(address(data)?),
            54 => request.server_id = Some(address(data)?),
            51 => request.lease_time = seconds(data),
            61 => request.client_id = (1..=255).contains(&data.len()).then(|| data.into()),
            12 => request.hostname = hostname::from_hostname(data),
            81 => fqdn = hostname::from_fqdn(data),
            55 => request.wants_search = data.contains(&OptionCode::DomainSearch.into()),
            57 => request.max_reply = max_reply(data),
            _ => {}
        }
    }
    request.kind = kind.ok_or(Reject::NoType)?;
    request.hostname = request.hostname.or(fqdn);
    Ok(request)
}

fn message_kind(data: &[u8]) -> Result<Kind, Reject> {
    match data {
        [1] => Ok(Kind::Discover),
        [3] => Ok(Kind::Request),
        [4] => Ok(Kind::Decline),
        [7] => Ok(Kind::Release),
        [8] => Ok(Kind::Inform),
        _ => Err(Reject::UnexpectedType),
    }
}

fn address(data: &[u8]) -> Result<Ipv4Addr, Reject> {
    <[u8; 4]>::try_from(data)
        .map(Ipv4Addr::from)
        .map_err(|_| Reject::BadAddress)
}

fn seconds(data: &[u8]) -> Option<Duration> {
    let bytes = <[u8; 4]>::try_from(data).ok()?;
    Some(Duration::from_secs(u32::from_be_bytes(bytes).into()))
}

fn max_reply(data: &[u8]) -> usize {
    let size = <[u8; 2]>::try_from(data).map_or(MIN_MTU, u16::from_be_bytes);
    usize::from(size.clamp(MIN_MTU, MAX_MTU) - IP_UDP)
}

/// The datagram that answers `request` (RFC 2131 section 4.3.1, table 3).
pub(crate) fn encode(request: &Request, config: &Config, reply: Reply) -> Vec<u8> {
    let mut message = blank();
    message
        .set_opcode(Opcode::BootReply)
        .set_htype(HType::Eth)
        .set_xid(request.xid)
        .set_flags(request.flags)
        .set_chaddr(&request.mac);
    match reply {
        Reply::Offer { address, .. } => message.set_yiaddr(address),
        Reply::Ack { address, .. } => message.set_ciaddr(request.ciaddr).set_yiaddr(address),
        Reply::Parameters => message.set_ciaddr(request.ciaddr),
        Reply::Nak => &mut message,
    };
    message.set_opts(options(request, config, reply));
    // Of what is too long for the client, it misses this first.
    for code in [
        OptionCode::DomainSearch,
        OptionCode::DomainName,
        OptionCode::ClientIdentifier,
    ] {
        let bytes = to_bytes(&message);
        if bytes.len() <= request.max_reply {
            return bytes;
        }
        message.opts_mut().remove(code);
    }
    to_bytes(&message)
}

fn options(request: &Request, config: &Config, reply: Reply) -> DhcpOptions {
    let mut options = DhcpOptions::new();
    let (kind, lease_time) = match reply {
        Reply::Offer { lease_time, .. } => (MessageType::Offer, Some(lease_time)),
        Reply::Ack { lease_time, .. } => (MessageType::Ack, Some(lease_time)),
        Reply::Parameters => (MessageType::Ack, None),
        Reply::Nak => (MessageType::Nak, None),
    };
    options.insert(DhcpOption::MessageType(kind));
    options.insert(DhcpOption::ServerIdentifier(config.server));
    if let Some(id) = &request.client_id {
        // RFC 6842: a client that shares its hardware address knows its answers by it.
        options.insert(DhcpOption::ClientIdentifier(id.to_vec()));
    }
    if kind == MessageType::Nak {
        options.insert(DhcpOption::Message("this address is not yours here".into()));
        return options;
    }
    if let Some(time) = lease_time {
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX - 1);
        options.insert(DhcpOption::AddressLeaseTime(seconds));
        // T1 and T2, the defaults of RFC 2131 section 4.4.5, said aloud.
        options.insert(DhcpOption::Renewal(seconds / 2));
        options.insert(DhcpOption::Rebinding(seconds - seconds / 8));
    }
    options.insert(DhcpOption::SubnetMask(config.mask()));
    options.insert(DhcpOption::BroadcastAddr(config.broadcast()));
    options.insert(DhcpOption::Router(vec![config.router]));
    if !config.dns.is_empty() {
        options.insert(DhcpOption::DomainNameServer(config.dns.clone()));
    }
    if let Some(domain) = &config.domain {
        options.insert(DhcpOption::DomainName(domain.to_string()));
    }
    if request.wants_search && !config.search.is_empty() {
        let names = config
            .search
            .iter()
            .filter_map(|name| Name::from_ascii(format!("{name}.")).ok());
        options.insert(DhcpOption::DomainSearch(names.collect()));
    }
    options
}

/// A message of zeros. Decoded, because the library's constructors draw a random transaction id.
fn blank() -> Message {
    let mut header = [0; HEADER];
    header[HEADER - MAGIC.len()..].copy_from_slice(&MAGIC);
    Message::decode(&mut Decoder::new(&header)).expect("the header has all fixed fields")
}

fn to_bytes(message: &Message) -> Vec<u8> {
    let mut bytes = message
        .to_vec()
        .expect("checked configuration and bounded options encode");
    if bytes.len() < MIN_PACKET_SIZE {
        // Old BOOTP relays and clients drop shorter ones (RFC 1542 section 2.1).
        bytes.resize(MIN_PACKET_SIZE, 0);
    }
    bytes
}
