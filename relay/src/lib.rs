//! The relay: forwards sealed datagrams between two ends that proved themselves, and learns nothing of them.
//!
//! # Model
//! A path joins two legs. The DC announces it ([`table`]: the two path ids and the key of each leg); each end binds
//! its leg to the address it sends from ([`binding`]: bind, challenge, confirm); from then on a datagram that names
//! one leg's path id and comes from the *other* leg's bound address goes, byte for byte, to the bound address of the
//! named leg. A path id is a label: neither it nor a copied bind brings anybody a byte. IPv4 and IPv6 meet here
//! because each leg is simply an address.
//!
//! What else arrives is for the link with the DC ([`coordination`]), or is counted and dropped. Nothing answered to
//! a stranger is longer than what he sent. A frame that was captured is forwarded again when it is sent again from
//! the same address: the ends drop it by their replay windows, and the path's [`bucket`] bounds how much it can be.
//!
//! Per datagram: one look-up, no copy, no allocation.

pub mod binding;
pub mod bucket;
pub mod config;
pub mod coordination;
mod status;
pub mod table;

pub use status::{LegStatus, PathStatus, Status};

use binding::Challenger;
use bucket::Bucket;
use coordination::{Coordination, Order};
use ntm_proto::address::{canonical, is_candidate};
use ntm_proto::bind::LegKey;
use ntm_proto::id::{PathId, TunnelId};
use ntm_proto::key::{PublicKey, SecretKey};
use ntm_proto::link::LinkReject;
use ntm_proto::message::Refusal;
use ntm_proto::random::Random;
use ntm_proto::wire::{Kind, Opening, notice};
use ntm_proto::{Forward, Path};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use table::Table;

/// Notices per second and reason, to all strangers together.
const NOTICE_RATE: u64 = 50;
/// Most outputs that wait for the shell; it drains them after each call, so this is never met.
const MAX_OUTPUT: usize = 1024;

/// What a relay is told at its start.
pub struct Setup {
    /// Its static key.
    pub key: SecretKey,
    /// The DC's.
    pub dc_key: PublicKey,
    /// The DC's addresses, best first.
    pub dc_addresses: Vec<SocketAddr>,
    /// Its own public addresses, as registered with the DC.
    pub addresses: Vec<SocketAddr>,
    /// Random, new at each start of the process.
    pub instance: [u8; 8],
    /// What it is willing to carry.
    pub limits: Limits,
}

/// What a relay is willing to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Paths at a time.
    pub paths: usize,
    /// Bytes per second in each direction of a path; 0: no limit.
    pub rate: u64,
    /// How long a path lives without data and without a bind.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            paths: 4096,
            rate: 100_000_000 / 8,
            idle: Duration::from_secs(300),
        }
    }
}

/// What the shell does for the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Output {
    /// Send a datagram.
    Send {
        /// From where (unspecified: any socket of that family), to where.
        path: Path,
        /// Its bytes.
        datagram: Vec<u8>,
    },
    /// Tell people.
    Event(Event),
}

/// What people may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The DC at this address answered.
    Connected(SocketAddr),
    /// The DC took us into its table; `observed` is where it sees us.
    Registered {
        /// Our address as the DC sees it.
        observed: SocketAddr,
    },
    /// The DC is silent; we look for it.
    Disconnected,
    /// The DC announced a path, or announced it anew.
    Announced(TunnelId),
    /// The DC announced a path that we will not carry.
    Refused(TunnelId),
    /// A leg is bound, or moved, to this address.
    Bound {
        /// Which leg.
        path: PathId,
        /// Where it was before.
        before: Option<SocketAddr>,
        /// Where it is.
        address: SocketAddr,
    },
    /// A path is gone.
    Removed(TunnelId, Removal),
}

/// Why a path is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The DC said so.
    Closed,
    /// One of its ends never came.
    NeverBound,
    /// Nothing came for long.
    Idle,
    /// Another path got one of its ids.
    Displaced,
}

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Reject {
    /// No datagram of ours.
    #[error("malformed")]
    Malformed,
    /// Of a kind that nobody sends to a relay.
    #[error("not for a relay")]
    NotForUs,
    /// Names no path of ours.
    #[error("unknown path")]
    UnknownPath,
    /// Not from the bound address of the other leg.
    #[error("not from the path's other end")]
    UnknownSource,
    /// The leg it is for is not bound yet.
    #[error("the other end is not bound")]
    Unbound,
    /// The path's rate is used up.
    #[error("over the path's rate")]
    Rate,
    /// A binding message with a wrong mac.
    #[error("binding not authentic")]
    Forged,
    /// A confirm with a challenge that is not, or no longer, good for its source.
    #[error("stale or foreign challenge")]
    Challenge,
    /// From an address to which a relay sends nothing.
    #[error("source is no public or private unicast address")]
    Source,
    /// Said to come from the DC and was refused by the link.
    #[error("coordinator: {0}")]
    Link(LinkReject),
}

/// A relay server.
pub struct Relay {
    coordination: Coordination,
    table: Table,
    challenger: Challenger,
    random: Random,
    notices: Bucket,
    /// The same for those who may be bound elsewhere: a flood of theirs shall not use up what the others get.
    unbound: Bucket,
    addresses: Vec<SocketAddr>,
    rejects: BTreeMap<Reject, u64>,
    output: VecDeque<Output>,
}

impl Relay {
    /// A relay that starts to look for its DC.
    pub fn new(setup: Setup, seed: [u8; 32], now: Instant) -> Self {
        let mut random = Random::from_seed(seed);
        let mut relay = Self {
            challenger: Challenger::new(&mut random, now),
            table: Table::new(setup.limits, now),
            notices: Bucket::new(NOTICE_RATE, NOTICE_RATE, now),
            unbound: Bucket::new(NOTICE_RATE, NOTICE_RATE, now),
            addresses: setup.addresses.iter().copied().map(plain).collect(),
            coordination: Coordination::new(setup, Random::from_seed(random.bytes()), now),
            random,
            rejects: BTreeMap::new(),
            output: VecDeque::new(),
        };
        relay.drain_coordination();
        relay
    }

    /// Takes a datagram. On [`Forward::Udp`] the caller sends the same bytes on by that path.
    pub fn handle_datagram(
        &mut self,
        path: Path,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Forward, Reject> {
        let path = Path {
            local: plain(path.local),
            remote: plain(path.remote),
        };
        let outcome = self.dispatch(path, datagram, now);
        if let Err(reject) = outcome {
            *self.rejects.entry(reject).or_default() += 1;
        }
        outcome
    }

    /// Does what is due: questions to the DC, expiry.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.coordination.handle_timeout(self.table.len(), now);
        self.drain_coordination();
        self.table.handle_timeout(now);
        self.drain_table();
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timeouts = [self.coordination.poll_timeout(), self.table.poll_timeout()];
        timeouts.into_iter().flatten().min()
    }

    /// Something for the shell to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Everything a person may ask about.
    pub fn status(&self, now: Instant) -> Status {
        Status::new(&self.coordination, &self.table, &self.rejects, now)
    }

    fn dispatch(&mut self, path: Path, datagram: &[u8], now: Instant) -> Result<Forward, Reject> {
        let opening = Opening::decode(datagram).map_err(|_| Reject::Malformed)?;
        match opening.kind {
            Kind::Data
            | Kind::Control
            | Kind::HandshakeInit
            | Kind::HandshakeResponse
            | Kind::CookieReply => self.forward(path, opening, datagram, now),
            Kind::Notice => self.ask_link(path, datagram, now),
            Kind::RelayBind => self.bind(path, opening.receiver, datagram, now),
            Kind::RelayConfirm => self.confirm(path, opening.receiver, datagram, now),
            Kind::RelayChallenge | Kind::RelayBound => Err(Reject::NotForUs),
        }
    }

    fn forward(
        &mut self,
        path: Path,
        opening: Opening,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Forward, Reject> {
        let found = self
            .table
            .forward(path.remote, opening, datagram.len(), now);
        match found {
            // The ids of our link are our own choice and may equal an id the DC allotted: then the source decides.
            Err(Reject::UnknownPath | Reject::UnknownSource | Reject::Unbound)
                if opening.kind != Kind::Data && self.coordination.is_dc(path.remote) =>
            {
                self.ask_link(path, datagram, now)
            }
            Err(Reject::UnknownSource) => {
                self.say_unbound(path, opening.receiver, now);
                Err(Reject::UnknownSource)
            }
            found => found.map(Forward::Udp),
        }
    }

    /// Whoever speaks to `receiver` from elsewhere than where it is bound may be the other end, and its NAT has a new
    /// mapping for it that it knows nothing of. It is told in as few bytes as that takes, and binds again.
    fn say_unbound(&mut self, path: Path, receiver: PathId, now: Instant) {
        let sender = self.table.sender(receiver).map(|leg| leg.path);
        if let Some(sender) = sender.filter(|_| self.answerable(path).is_ok())
            && self.unbound.take(1, 0, now)
        {
            self.send(path, notice(sender).to_vec());
        }
    }

    fn ask_link(&mut self, path: Path, datagram: &[u8], now: Instant) -> Result<Forward, Reject> {
        if !self.coordination.is_dc(path.remote) {
            return Err(Reject::UnknownSource);
        }
        let load = self.table.len();
        let outcome = self
            .coordination
            .handle_datagram(path.remote, datagram, load, now);
        let outcome = outcome.map_err(Reject::Link).map(|order| {
            if let Some(order) = order {
                self.obey(order, now);
            }
            Forward::Nowhere
        });
        self.drain_coordination();
        outcome
    }

    fn obey(&mut self, order: Order, now: Instant) {
        match order {
            Order::Carry(direction) => {
                let refusal = self.table.install(&direction, now).err();
                self.coordination
                    .acknowledge(direction.sequence, refusal, now);
                self.tell(match refusal {
                    None => Event::Announced(direction.tunnel),
                    Some(_) => Event::Refused(direction.tunnel),
                });
            }
            Order::Forget(closed) => {
                self.table.remove(closed.tunnel);
                self.coordination.acknowledge(closed.sequence, None, now);
            }
        }
        self.drain_table();
    }

    fn bind(
        &mut self,
        path: Path,
        id: PathId,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Forward, Reject> {
        let request = binding::decode(datagram)?;
        self.answerable(path)?;
        let Some(leg) = self.table.leg(id) else {
            // An end that was bound before we restarted learns it here, and asks the DC.
            if self.notices.take(1, 0, now) {
                self.send(path, notice(id).to_vec());
            }
            return Err(Reject::UnknownPath);
        };
        binding::authenticate(datagram, &leg.key)?;
        let (key, generation): (LegKey, u32) = (leg.key, leg.generation);
        let random = &mut self.random;
        let reply = self
            .challenger
            .challenge(&request, generation, path.remote, random, now);
        self.send(path, reply.encode(&key));
        Ok(Forward::Nowhere)
    }

    fn confirm(
        &mut self,
        path: Path,
        id: PathId,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Forward, Reject> {
        let request = binding::decode(datagram)?;
        self.answerable(path)?;
        let leg = self.table.leg(id).ok_or(Reject::UnknownPath)?;
        binding::authenticate(datagram, &leg.key)?;
        let challenger = &mut self.challenger;
        challenger.rotate(&mut self.random, now);
        let is_good = |generation| challenger.is_good(&request, generation, path.remote);
        let (key, before) = (leg.key, leg.bound);
        if is_good(leg.generation) {
            self.table.bind(id, path, now);
        } else if before == Some(path) && is_good(leg.generation.wrapping_sub(1)) {
            // A confirm said twice: our receipt was lost, or two binds were under way. Nothing moves.
            self.table.refresh(id, now);
        } else {
            return Err(Reject::Challenge);
        }
        if before != Some(path) {
            self.tell(Event::Bound {
                path: id,
                before: before.map(|path| path.remote),
                address: path.remote,
            });
        }
        self.send(path, binding::receipt(&request, path.remote).encode(&key));
        Ok(Forward::Nowhere)
    }

    /// We send only where a node can be, and never to ourselves.
    fn answerable(&self, path: Path) -> Result<(), Reject> {
        let own = path.remote == path.local || self.addresses.contains(&path.remote);
        if own || !is_candidate(path.remote) {
            Err(Reject::Source)
        } else {
            Ok(())
        }
    }

    fn send(&mut self, path: Path, datagram: Vec<u8>) {
        self.push(Output::Send { path, datagram });
    }

    fn tell(&mut self, event: Event) {
        self.push(Output::Event(event));
    }

    fn push(&mut self, output: Output) {
        if self.output.len() < MAX_OUTPUT {
            self.output.push_back(output);
        }
    }

    fn drain_coordination(&mut self) {
        while let Some(output) = self.coordination.poll_output() {
            self.push(output);
        }
    }

    fn drain_table(&mut self) {
        while let Some((tunnel, why)) = self.table.poll_removed() {
            self.tell(Event::Removed(tunnel, why));
        }
    }
}

/// The address without IPv6 clothes, flow label and scope: two of them are equal when they mean the same.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(canonical(address.ip()), address.port())
}

/// What the DC hears when we will not carry a path.
const FULL: Refusal = Refusal::Limit;
