//! The Direction Coordinator of one domain, as a machine: datagrams, the store's answers and time go in,
//! [`Output`]s come out. The shell owns sockets, the store, DNS and the clock, and drains
//! [`Coordinator::poll_output`] after each call.
//!
//! # Model
//!
//! * A *node* (gateway or relay) is enrolled by the Account Server and owns a key. Only the owner of an enrolled
//!   key gets a session; a stranger gets silence, or a cookie under load, or a Notice.
//! * A node is *registered* from its registration until it is silent for [`limits::LIFETIME`]. Each start of a node
//!   has its own epoch.
//! * A *device* belongs to one gateway and has an identity for ever: id, name, two virtual addresses.
//! * A *tunnel* joins two gateways. It exists from the first Direction Request; both ends are told how to reach
//!   each other, and told again when that changes. What an end must not miss is said until acknowledged.
//!
//! * A *peer* is the coordinator of another domain that the operator trusts, by its pinned key. A *guest* is a gateway
//!   of such a domain that is an end of a tunnel made here; a *visit* is a tunnel made there with a gateway of ours.
//!
//! # Saved before acknowledged
//!
//! A new start and a new or renamed device give [`Output::Save`] first, and their answer only after
//! [`Coordinator::handle_saved`]. Sessions, presence and tunnels are not stored: after a restart nodes are told to
//! come again ([`Coordinator::greetings`]) and all of it grows back within seconds, under the same identities.
//!
//! # Bounds
//!
//! All tables grow with enrolled nodes and trusted domains alone, each with a limit ([`Limits`]). Nothing is kept for a stranger, and
//! no answer to one is longer than its datagram.

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "a test starts its virtual clock somewhere"
    )
)]

mod abroad;
pub mod account;
mod allot;
mod closing;
pub mod config;
pub mod direction;
pub mod dns;
mod domains;
pub mod event;
mod guests;
mod guidance;
mod hosting;
pub mod joining;
mod keep_alive;
mod label;
pub mod limits;
mod linking;
mod live;
mod naming;
mod node;
mod order;
mod peers;
mod push;
mod rate;
mod reaching;
mod receiving;
pub mod record;
mod registration;
mod registry;
pub mod reject;
mod relaying;
mod save;
mod sessions;
pub mod status;
mod telling;
mod tunnel;
mod visits;
mod zone;

pub use domains::DomainStatus;
pub use event::Event;
pub use limits::Limits;
pub use record::{
    Account, DeviceRecord, DomainRecord, GatewayRecord, Record, RelayRecord, Snapshot,
};
pub use reject::Reject;
pub use status::{Census, Count, DeviceStatus, NodeStatus, Presence, RelayStatus, TunnelStatus};

use ntm_proto::Path;
use ntm_proto::id::{Fqdn, Identity, Label, NodeId, PathId, VirtualPrefixes};
use ntm_proto::key::{PublicKey, SecretKey};
use ntm_proto::message::{Guest, Message, Refusal};
use ntm_proto::random::Random;
use ntm_proto::wire::notice;
use registry::Registry;
use reject::Counts;
use save::{ReplyTo, Saves};
use sessions::Sessions;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Nodes greeted at a time after a start, and the pause between.
const GREETED: usize = 50;
const GREET_PAUSE: Duration = Duration::from_millis(100);

/// Who this coordinator is.
pub struct Setup {
    /// Its domain; at most 125 characters, so that every name below it fits.
    pub domain: Fqdn,
    /// Its static key.
    pub key: SecretKey,
    /// Where virtual addresses come from.
    pub prefixes: VirtualPrefixes,
    /// Bounds.
    pub limits: Limits,
}

/// What the shell has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this.
    Send {
        /// From where to where. An unspecified `local` is any socket of that family.
        path: Path,
        /// The datagram.
        datagram: Vec<u8>,
    },
    /// Write this record (insert, or replace the one with the same node id), durably, then call
    /// [`Coordinator::handle_saved`] with the ticket. In the order of tickets.
    Save {
        /// What the answer names.
        ticket: u64,
        /// What to write.
        record: Record,
    },
    /// Ask DNS where the coordinator of this domain is (SRV of `_ntm._udp.DOMAIN`, then addresses), and call
    /// [`Coordinator::handle_domain_found`].
    FindDomain {
        /// Which.
        domain: Fqdn,
    },
    /// For the log.
    Event(Event),
}

/// What a name of the zone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A device's or gateway's name.
    Identity(Identity),
    /// A name that exists without addresses of its own: the domain itself, or a relay.
    Exists,
    /// No such name in the domain, or not of the domain.
    Nothing,
}

/// The coordinator of one domain.
pub struct Coordinator {
    public: PublicKey,
    prefixes: VirtualPrefixes,
    limits: Limits,
    random: Random,
    sessions: Sessions,
    registry: Registry,
    tunnels: tunnel::Tunnels,
    peers: peers::Peers,
    /// Which run of ours this is, for peers.
    instance: [u8; 8],
    /// Questions to other domains.
    asked: abroad::AllAsked,
    /// Tunnels of other domains with gateways of ours.
    visits: visits::Visits,
    /// What each other domain was last told of each gateway.
    told: BTreeMap<(NodeId, NodeId), Guest>,
    /// Gateways that may not know the trusted domains.
    untold: BTreeSet<NodeId>,
    /// Gateways that change too fast.
    restless: reaching::Restless,
    pushes: push::Pushes,
    /// Ends of tunnels that did not acknowledge the end.
    unheard: closing::Unheard,
    saves: Saves,
    rejects: Counts,
    output: VecDeque<Output>,
    /// Who is still to be greeted, and when the next go.
    to_greet: VecDeque<SocketAddr>,
    greet_at: Instant,
    /// When tunnels are looked through next.
    sweep: Instant,
    born: Instant,
    plain: Vec<u8>,
}

impl Coordinator {
    /// A coordinator that knows what the store held. `seed` comes from the kernel, new at each start.
    pub fn new(setup: Setup, snapshot: Snapshot, seed: [u8; 32], now: Instant) -> Self {
        let Setup {
            domain,
            key,
            prefixes,
            limits,
        } = setup;
        let mut random = Random::from_seed(seed);
        let mut peers = peers::Peers::new(key.clone(), limits.messages_per_second);
        let _ = peers.set(snapshot.domains.clone(), &domain, &mut random, now);
        let instance = random.bytes();
        Self {
            public: key.public(),
            prefixes,
            limits,
            sessions: Sessions::new(key, &limits, &mut random, now),
            random,
            registry: Registry::new(domain, prefixes, snapshot),
            tunnels: tunnel::Tunnels::default(),
            peers,
            instance,
            asked: BTreeMap::new(),
            visits: visits::Visits::default(),
            told: BTreeMap::new(),
            untold: BTreeSet::new(),
            restless: reaching::Restless::default(),
            pushes: push::Pushes::default(),
            unheard: closing::Unheard::default(),
            saves: Saves::default(),
            rejects: Counts::default(),
            output: VecDeque::new(),
            to_greet: VecDeque::new(),
            greet_at: now,
            sweep: now + guidance::SWEEP,
            born: now,
            plain: Vec::new(),
        }
    }

    /// Takes a datagram from one of the shell's sockets. An error says why it had no effect; it is counted, and
    /// nothing else needs to be done.
    pub fn handle_datagram(
        &mut self,
        path: Path,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), Reject> {
        self.handle_timeout(now);
        let handled = self.take_datagram(path, datagram, now);
        self.finish(now);
        handled.inspect_err(|&reject| self.rejects.add(reject))
    }

    /// The store's answer to [`Output::Save`]: whether the record is there for good.
    pub fn handle_saved(&mut self, ticket: u64, saved: bool, now: Instant) {
        if let Some(saving) = self.saves.take(ticket) {
            self.saved(saving, saved, now);
            self.finish(now);
        }
    }

    /// Does what is due. Harmless when early, late or repeated.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.sessions.handle_timeout(now);
        self.expire_nodes(now);
        self.restless_timeout(now);
        self.asked_timeout(now);
        self.links_timeout(now);
        self.sweep_tunnels(now);
        self.push(now);
        self.greet(now);
        self.flush_links(now);
    }

    /// Says what came up.
    fn finish(&mut self, now: Instant) {
        self.push(now);
        self.flush_links(now);
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let greet = (!self.to_greet.is_empty()).then_some(self.greet_at);
        let is_empty = self.tunnels.iter().next().is_none() && self.visits.is_empty();
        let sweep = (!is_empty).then_some(self.sweep);
        let parts = [
            self.sessions.poll_timeout(),
            self.registry.poll_timeout(),
            self.pushes.poll_timeout(),
            self.asked_due(),
            self.links_due(),
            self.restless.poll_timeout(),
        ];
        parts.into_iter().chain([greet, sweep]).flatten().min()
    }

    /// The next thing to do.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// The Account Server enrolled a gateway or relay and stored it. One that is known already stays as it is.
    pub fn node_enrolled(&mut self, record: Record) {
        self.registry.enrol(record);
    }

    /// The store has changed under us: takes over its groups and new nodes, and forgets the nodes it has no more.
    /// Tunnels of those are over: their relays and the other ends are told.
    pub fn reload(&mut self, snapshot: Snapshot, now: Instant) {
        let gateways = snapshot.gateways.iter().map(|gateway| gateway.node);
        let relays = snapshot.relays.iter().map(|relay| relay.node);
        let stored: BTreeSet<NodeId> = gateways.chain(relays).collect();
        let known = self.registry.nodes().map(|node| node.id);
        let gone: Vec<NodeId> = known.filter(|id| !stored.contains(id)).collect();
        for id in gone {
            self.forget_node(id, now);
        }
        let gateways = snapshot.gateways.into_iter().map(Record::Gateway);
        let relays = snapshot.relays.into_iter().map(Record::Relay);
        gateways
            .chain(relays)
            .for_each(|record| self.registry.enrol(record));
        self.groups_changed(snapshot.groups, snapshot.foreign);
        self.domains_changed(snapshot.domains, now);
        self.finish(now);
    }

    /// A node was removed from the store: forgets it, and all that hangs on it.
    pub fn node_removed(&mut self, id: NodeId, now: Instant) {
        self.forget_node(id, now);
        self.finish(now);
    }

    /// Takes over which domains are trusted.
    pub fn reload_domains(&mut self, domains: Vec<DomainRecord>, now: Instant) {
        self.domains_changed(domains, now);
        self.finish(now);
    }

    fn forget_node(&mut self, id: NodeId, now: Instant) {
        for tunnel in self.tunnels.of(id) {
            let ends = self.tunnels.get(tunnel).map(|tunnel| tunnel.ends);
            let others = ends.into_iter().flatten().filter(|end| end.gateway != id);
            let others: Vec<NodeId> = others.map(|end| end.gateway).collect();
            self.close(tunnel, now);
            others
                .into_iter()
                .for_each(|other| self.tell_closed(other, tunnel, now));
        }
        self.forget_visitor(id, now);
        self.pushes.forget(id);
        self.unheard.forget(id);
        self.untold.remove(&id);
        let is_relay = self.registry.relay(id).is_some();
        self.sessions.forget(id);
        self.registry.remove(id);
        if is_relay {
            self.relay_lost(id, now);
        }
    }

    /// Who is in which group from now on: group, account; and of other domains: group, gateway or domain. Gateways and
    /// relays are told which tunnels are over at the next [`Self::handle_timeout`], which is due at once.
    pub fn groups_changed(&mut self, groups: Vec<(String, i64)>, foreign: Vec<(String, Fqdn)>) {
        self.registry.set_groups(groups, foreign);
        self.sweep = self.born;
    }

    /// An id and virtual addresses for a gateway about to enrol (a relay needs the id alone). Given once, also when
    /// the enrolment then fails. `None`: the range is used up.
    pub fn reserve_identity(&mut self) -> Option<(NodeId, Ipv4Addr, Ipv6Addr)> {
        self.registry.allotment.next(&mut self.random)
    }

    /// Whether no gateway or relay has this name.
    pub fn is_free(&self, name: &Label) -> bool {
        self.registry.is_free(name)
    }

    /// Starts to tell all nodes where they were last seen that their sessions are gone, a few at a time: they
    /// connect at once instead of when they next miss an answer; other domains are greeted, too. For the start of the
    /// process.
    pub fn greetings(&mut self, now: Instant) {
        self.to_greet = self
            .registry
            .nodes()
            .filter_map(|node| node.last_address)
            .collect();
        self.greet_at = now;
        self.greet(now);
        self.greet_peers(now);
    }

    /// Answers a request the way it came.
    fn answer(&mut self, node: NodeId, reply: ReplyTo, message: &Message, now: Instant) {
        if let Some(datagram) = self.sessions.seal(node, Some(reply.session), message, now) {
            self.output.push_back(Output::Send {
                path: reply.path,
                datagram,
            });
        }
    }

    /// Says something to a registered node, a guest or a peer, once.
    fn say(&mut self, node: NodeId, message: &Message, now: Instant) {
        if self.registry.guests.peer(node).is_some() {
            return self.say_guest(node, message, now);
        }
        if self.peers.get(node).is_some() {
            return self.say_peer(node, message.clone(), now);
        }
        let Some(path) = self.registry.live(node).map(|live| live.primary) else {
            return;
        };
        if let Some(datagram) = self.sessions.seal(node, None, message, now) {
            self.output.push_back(Output::Send { path, datagram });
        }
    }

    /// Says it by the other ways a node was seen by: its primary one may have died since it last spoke.
    fn say_by_other_ways(&mut self, node: NodeId, message: &Message, now: Instant) {
        let live = self.registry.live(node);
        for path in live.map_or_else(Vec::new, |live| live.other_ways(now)) {
            if let Some(datagram) = self.sessions.seal(node, None, message, now) {
                self.output.push_back(Output::Send { path, datagram });
            }
        }
    }

    fn tell_refused(&mut self, gateway: NodeId, refusal: Refusal) {
        if let Some(gateway) = self.registry.node_name(gateway) {
            self.output
                .push_back(Output::Event(Event::Refused { gateway, refusal }));
        }
    }

    fn greet(&mut self, now: Instant) {
        if self.to_greet.is_empty() || self.greet_at > now {
            return;
        }
        for remote in self.to_greet.drain(..GREETED.min(self.to_greet.len())) {
            let unspecified = match remote {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let path = Path {
                local: SocketAddr::new(unspecified, 0),
                remote,
            };
            self.output.push_back(Output::Send {
                path,
                datagram: notice(PathId::NONE).to_vec(),
            });
        }
        self.greet_at = now + GREET_PAUSE;
    }
}
