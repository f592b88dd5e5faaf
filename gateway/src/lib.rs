//! The gateway's machine: it stands for the devices of a LAN and keeps their sessions alive while the router moves.
//!
//! [`Gateway`] is pure: no clock, socket or ambient randomness. Its shell hands it what arrived and asks what to do:
//!
//! * an IP packet from the TUN interface goes to [`Gateway::handle_packet`], a UDP datagram to
//!   [`Gateway::handle_datagram`]; both write into the caller's `out` and return where those bytes go;
//! * everything else comes in by plain methods ([`Gateway::wans_changed`], [`Gateway::device_seen`],
//!   [`Gateway::resolve`], [`Gateway::ping`]) and leaves by [`Gateway::poll_output`], which the shell drains after
//!   every call;
//! * [`Gateway::handle_timeout`] is due at [`Gateway::poll_timeout`]; it is harmless when early, late or repeated.
//!
//! Inside: [`device`] knows who is on the LAN, `coordination` talks with the DC, `peer` holds one tunnel each, `path`
//! the ways to one peer, `translate` rewrites addresses. `pairs` says which of our devices may talk to which remote
//! address and by which peer: only what the DC directed is ever sent or accepted. [`policy`] says who of them may begin
//! anything. `alias` lends addresses to the devices of other domains.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "a test's clock starts somewhere")
)]

pub mod coalesce;
pub mod config;
pub mod device;
pub mod dns;
pub mod policy;
pub mod status;

mod alias;
mod allowance;
mod coordination;
mod datagram;
mod direction;
mod early;
mod handover;
mod known_keys;
mod limits;
mod outside;
mod packet;
mod pairs;
mod path;
mod peer;
mod peers;
mod ping;
mod segment;
mod translate;
mod unreachable;
pub mod usage;
mod wishes;

pub use device::{LanDevice, Unforgettable};
pub use known_keys::KnownKeys;
pub use limits::Limits;
pub use packet::Handled;
pub use segment::Offload;

use alias::Aliases;
use allowance::Allowance;
use coordination::Coordination;
use device::Devices;
use direction::Directions;
use early::Early;
use handover::Handovers;
use ntm_proto::Path;
use ntm_proto::id::{Fqdn, Identity, NodeId, VirtualPrefixes};
use ntm_proto::key::{PublicKey, SecretKey};
use ntm_proto::message::Refusal;
use ntm_proto::random::Random;
use pairs::Pairs;
use path::LAST_RESORT;
use peers::Peers;
use ping::Pings;
use policy::Policies;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

/// What a gateway must know to start.
#[derive(Clone)]
pub struct Setup {
    /// Its id.
    pub node: NodeId,
    /// Its full name.
    pub name: Fqdn,
    /// Its domain.
    pub domain: Fqdn,
    /// Its static key.
    pub key: SecretKey,
    /// The DC's static key, pinned by enrolment.
    pub dc_key: PublicKey,
    /// The DC's addresses, best first.
    pub dc_addresses: Vec<SocketAddr>,
    /// The domain's virtual ranges.
    pub prefixes: VirtualPrefixes,
    /// Its own virtual addresses.
    pub vip4: Ipv4Addr,
    /// Its own virtual addresses.
    pub vip6: Ipv6Addr,
    /// Random, made anew at each start of the process.
    pub instance: [u8; 8],
    /// Whether the processor has AES instructions: then traffic with a peer that has them, too, is sealed by AES-256-GCM.
    pub aes: bool,
    /// How much it holds.
    pub limits: Limits,
}

/// One WAN interface with the sockets the shell has bound on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wan {
    /// Its number; the same WAN keeps it.
    pub id: u8,
    /// The interface's name.
    pub name: String,
    /// The local address and port of each socket, at most one of a family.
    pub sockets: Vec<SocketAddr>,
    /// Further sockets, at most one of a family, on which nothing comes but what measures the NAT.
    pub spares: Vec<SocketAddr>,
    /// Whether traffic on it costs money.
    pub metered: bool,
    /// Whether it is used only if no other works; such WANs are the last of a list.
    pub last_resort: bool,
}

/// What the machine wants done.
#[derive(Debug)]
#[must_use]
pub enum Output {
    /// Send this datagram from the socket `path.local`.
    Send {
        /// The way.
        path: Path,
        /// The bytes.
        datagram: Vec<u8>,
    },
    /// The same, and nobody may cut it on its way: one that does not fit is lost.
    Probe {
        /// The way.
        path: Path,
        /// The bytes.
        datagram: Vec<u8>,
    },
    /// Write this packet to the TUN interface.
    Deliver(Vec<u8>),
    /// The answer to [`Gateway::resolve`] or [`Gateway::resolve_address`].
    Answer {
        /// The caller's number.
        query: u64,
        /// Who it is, or why nobody.
        result: Result<Identity, Unresolved>,
    },
    /// The answer to [`Gateway::ping`].
    Pong {
        /// The caller's number.
        query: u64,
        /// The round trip, or why none.
        result: Result<status::PingReport, Unresolved>,
    },
    /// Names under these other domains are to be asked of the machine, too. Replaces what was said before.
    Domains(Vec<Fqdn>),
    /// Something a person may want to read.
    Event(Event),
}

/// Why a name or address leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// The DC said so.
    #[error("{0}")]
    Refused(Refusal),
    /// A policy of this gateway says that neither may begin anything with the other.
    #[error("a policy of this gateway denies it; see `ntm-gateway policies`")]
    Denied,
    /// The DC does not answer.
    #[error("the direction coordinator does not answer")]
    NoCoordinator,
    /// The asker has no identity yet.
    #[error("the asking device has no identity yet")]
    NoIdentity,
    /// The tunnel did not come up.
    #[error("the other gateway does not answer")]
    NoTunnel,
    /// A device of another domain, and no address to lend it.
    #[error(
        "this domain's virtual IPv4 range is too small to lend addresses to other domains' devices"
    )]
    NoAlias,
    /// Too many questions at once.
    #[error("too many questions at once")]
    Busy,
}

/// Something that happened, for the log.
#[derive(Clone, Debug)]
pub enum Event {
    /// The DC knows us; where it saw us.
    Registered {
        /// Our address as the DC saw it.
        observed: SocketAddr,
        /// The count of our starts.
        epoch: u32,
    },
    /// The DC does not answer any more.
    CoordinatorLost,
    /// The DC refuses us: another machine uses our key and was there first.
    KeyInUse,
    /// A device got its identity.
    DeviceNamed(Identity),
    /// The DC knows a device no more that was to be forgotten: [`Gateway::forgetting`] has changed.
    DeviceForgotten,
    /// The DC refused a device.
    DeviceRefused(Refusal),
    /// A tunnel is up.
    TunnelUp {
        /// The other gateway's name.
        peer: Fqdn,
        /// How.
        path: String,
        /// Why so.
        why: &'static str,
    },
    /// A tunnel uses another path.
    PathChanged {
        /// The other gateway's name.
        peer: Fqdn,
        /// How.
        path: String,
    },
    /// Nothing comes back on a tunnel's path.
    PathLost {
        /// The other gateway's name.
        peer: Fqdn,
    },
    /// A tunnel was given up or has been idle.
    TunnelClosed {
        /// The other gateway's name.
        peer: Fqdn,
    },
    /// A gateway that we have met has another key now; see [`Gateway::accept_key`].
    KeyChanged {
        /// The other gateway's name.
        peer: Fqdn,
        /// The key it has now.
        key: PublicKey,
    },
}

/// Why a packet or datagram was refused. Counted, never fatal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Reject {
    /// Not an IPv4 packet, or its lengths lie.
    #[error("malformed packet")]
    MalformedPacket,
    /// Not what a super-packet may be: no TCP and no UDP, a fragment, or too many segments.
    #[error("malformed super-packet")]
    SuperPacket,
    /// IPv6 inside the tunnel is not there yet.
    #[error("inner IPv6")]
    InnerV6,
    /// From the LAN, but not to a virtual address.
    #[error("destination is not virtual")]
    NotVirtual,
    /// From an address that is no device's.
    #[error("unknown device")]
    UnknownDevice,
    /// The device has no identity yet.
    #[error("device without identity")]
    NoIdentity,
    /// To an address for other domains' devices that no device has now; only its name leads to it.
    #[error("alias of no device")]
    UnknownAlias,
    /// A device of another domain, and no address left to lend it.
    #[error("no alias left")]
    NoAlias,
    /// The DC refused this destination a moment ago.
    #[error("destination refused")]
    Refused,
    /// A policy lets this side begin nothing with the other, or neither with the other.
    #[error("denied by a policy")]
    Denied,
    /// From a side that may begin nothing, and there is no telling whether it does: a fragment that could replace TCP's
    /// flags, an error that quotes nothing of this pair, or cut short.
    #[error("denied by a policy, unless it were clear that it begins nothing")]
    Undecidable,
    /// A queue is full.
    #[error("queue full")]
    QueueFull,
    /// Not a datagram of ours.
    #[error("malformed datagram")]
    MalformedDatagram,
    /// For a path id that is not ours.
    #[error("unknown path")]
    UnknownPath,
    /// No key of ours opens it.
    #[error("not authentic")]
    Forged,
    /// Its counter was seen before.
    #[error("replayed")]
    Replayed,
    /// An inner source that the DC never said lives behind that peer, or not for that device.
    #[error("inner source not allowed")]
    Spoofed,
    /// From a peer, before the DC's word on who may send it; it waits for that.
    #[error("before the coordinator's word")]
    Early,
    /// A handshake older than one we have seen.
    #[error("stale handshake")]
    StaleHandshake,
    /// A handshake of somebody else's key.
    #[error("wrong key")]
    WrongKey,
    /// Too many handshakes; a cookie was asked for, or nothing answered.
    #[error("handshake under load")]
    UnderLoad,
    /// A control message we do not know, or not from there.
    #[error("unexpected message")]
    UnexpectedMessage,
}

/// The machine.
pub struct Gateway {
    setup: Setup,
    random: Random,
    wans: Vec<Wan>,
    /// Local addresses of all sockets, in the order of the WANs.
    sockets: Vec<SocketAddr>,
    /// The same, each with its WAN's place.
    ranks: Vec<(SocketAddr, u8)>,
    /// Those on which traffic costs money.
    metered: Vec<SocketAddr>,
    devices: Devices,
    coordination: Coordination,
    directions: Directions,
    early: Early,
    peers: Peers,
    pairs: Pairs,
    aliases: Aliases,
    known_keys: KnownKeys,
    policies: Policies,
    /// The other domains that ours trusts, and the number of the message that said so.
    domains: (Option<u32>, Vec<Fqdn>),
    pings: Pings,
    /// Tunnel Requests so far.
    offers: u32,
    /// Those that are over, but for each tunnel's latest.
    handovers: Handovers,
    output: VecDeque<Output>,
    rejects: BTreeMap<Reject, u64>,
    /// What may be kept to be sent again, and what may wait.
    resend: Allowance,
    hold: Allowance,
    started: Instant,
}

impl Gateway {
    /// A gateway that knows no WAN and no device yet.
    pub fn new(setup: Setup, seed: [u8; 32], now: Instant) -> Self {
        let mut random = Random::from_seed(seed);
        let coordination = Coordination::new(&setup, Random::from_seed(random.bytes()), now);
        let devices = Devices::new(&setup);
        let peers = Peers::new(&setup, &mut random, now);
        let hold = Allowance::new(setup.limits.memory / 3);
        Self {
            devices,
            coordination,
            peers,
            random,
            wans: Vec::new(),
            sockets: Vec::new(),
            ranks: Vec::new(),
            metered: Vec::new(),
            directions: Directions::default(),
            early: Early::new(&hold),
            pairs: Pairs::default(),
            aliases: Aliases::new(setup.prefixes, setup.limits.aliases),
            known_keys: KnownKeys::default(),
            policies: Policies::default(),
            domains: (None, Vec::new()),
            pings: Pings::default(),
            offers: 0,
            handovers: Handovers::default(),
            output: VecDeque::new(),
            rejects: BTreeMap::new(),
            resend: Allowance::new(setup.limits.memory / 3 * 2),
            hold,
            started: now,
            setup,
        }
    }

    /// The WANs and their sockets are now these. Called at start and whenever addresses change.
    pub fn wans_changed(&mut self, wans: Vec<Wan>, now: Instant) {
        if wans == self.wans {
            return;
        }
        // Among themselves they are WANs like others.
        let is_last = |wan: &Wan| wan.last_resort && !wans[0].last_resort;
        let rank = |(place, wan): (u8, &Wan)| place + if is_last(wan) { LAST_RESORT } else { 0 };
        let ranked = (0..LAST_RESORT).zip(&wans).map(|it| (rank(it), it.1));
        self.ranks = ranked
            .flat_map(|(rank, wan)| wan.sockets.iter().map(move |socket| (*socket, rank)))
            .collect();
        self.sockets = self.ranks.iter().map(|(socket, _)| *socket).collect();
        let metered = wans.iter().filter(|wan| wan.metered || wan.last_resort);
        self.metered = metered.flat_map(|wan| wan.sockets.clone()).collect();
        self.wans = wans;
        self.coordination.wans_changed(&self.wans, now);
        self.with_peers(|peers, env| peers.sockets_changed(env, now));
        self.settle(now);
    }

    /// A device is on the LAN at this address, or has another name now.
    pub fn device_seen(&mut self, device: LanDevice, now: Instant) {
        if self.devices.seen(device, now) {
            self.settle(now);
        }
    }

    /// A device left the LAN.
    pub fn device_gone(&mut self, mac: [u8; 6], now: Instant) {
        self.devices.gone(mac);
        self.settle(now);
    }

    /// Repeats, renews, gives up and forgets what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.devices.handle_timeout(now);
        self.coordination.handle_timeout(now);
        self.directions_timeout(now);
        self.with_peers(|peers, env| peers.handle_timeout(env, now));
        self.ask_for_lost_peers(now);
        self.pings_timeout(now);
        self.settle(now);
    }

    /// When [`Self::handle_timeout`] is due; `None`: not before something else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let parts = [
            self.devices.poll_timeout(),
            self.coordination.poll_timeout(),
            self.directions.poll_timeout(),
            self.peers.poll_timeout(),
            self.pings.poll_timeout(),
        ];
        parts.into_iter().flatten().min()
    }

    /// What the machine wants done next; drained to `None` after every call.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Lets the parts act on what changed: the one place where one part's doings become another's.
    fn settle(&mut self, now: Instant) {
        self.coordination
            .work(&mut self.devices, &self.wans, &mut self.output, now);
        if self.coordination.is_refused() {
            self.drop_all_peers();
        }
        self.drop_closed_peers(now);
        self.answer_pings(now);
    }

    fn with_peers<R>(&mut self, work: impl FnOnce(&mut Peers, &mut peers::Env<'_>) -> R) -> R {
        let mut env = peers::Env {
            setup: &self.setup,
            sockets: &self.sockets,
            ranks: &self.ranks,
            metered: &self.metered,
            random: &mut self.random,
            output: &mut self.output,
            epoch: self.coordination.epoch(),
            keep_warm: self.coordination.interval(),
            unheard: &self.coordination.unheard,
            outside: &mut self.coordination.outside,
            offers: &mut self.offers,
            handovers: &mut self.handovers,
            resend: &self.resend,
            hold: &self.hold,
        };
        work(&mut self.peers, &mut env)
    }

    fn count(&mut self, reject: Reject) -> Reject {
        *self.rejects.entry(reject).or_default() += 1;
        reject
    }
}
