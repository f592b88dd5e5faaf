//! The coordinators of the domains that this one trusts: their pinned keys, and the link with each.
//!
//! A peer is a principal of its own in the sessions table, as nodes are; its id is drawn here and means nothing
//! elsewhere. Each side says its own through its own link, made when there is something to say and dropped when it
//! was idle for long; answers go back the way their question came. As long as the other side's link is fresh, what
//! we say on our own may use that, too, and saves a handshake.

use crate::rate::Bucket;
use crate::record::DomainRecord;
use crate::save::ReplyTo;
use ntm_proto::id::{Fqdn, NodeId};
use ntm_proto::key::{PublicKey, SecretKey};
use ntm_proto::link::Link;
use ntm_proto::message::{MAX_DOMAINS, Message};
use ntm_proto::random::Random;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A question asked over the other side's link proves for this long that it is there.
pub(crate) const FRESH: Duration = Duration::from_secs(60);
/// First pause after a link could not be made; doubles up to [`LONGEST_PAUSE`].
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Messages that wait for a link.
const OUTBOX: usize = 64;
/// Addresses of one coordinator that are tried.
pub(crate) const ADDRESSES: usize = 4;

/// The coordinator of one trusted domain.
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) record: DomainRecord,
    pub(crate) link: Link,
    pub(crate) dialing: Dialing,
    /// Where the link is up, or was.
    pub(crate) address: Option<SocketAddr>,
    /// What DNS said, and until when that holds.
    pub(crate) found: Option<(Vec<SocketAddr>, Instant)>,
    /// The last message over the other side's own link.
    pub(crate) incoming: Option<(ReplyTo, Instant)>,
    /// The last message at all.
    pub(crate) heard: Option<Instant>,
    /// When we last said something.
    pub(crate) used: Instant,
    /// Which run of it we heard of.
    pub(crate) instance: Option<[u8; 8]>,
    /// When it is told of its gateways' tunnels again, and when it last was.
    pub(crate) tell_again: Option<Instant>,
    pub(crate) told_again: Option<Instant>,
    /// When it is told of ours once more: nobody acknowledges that.
    pub(crate) hello_again: Option<Instant>,
    /// Whether it heard of ours.
    pub(crate) greeted: bool,
    pub(crate) outbox: VecDeque<Message>,
    pub(crate) pause: Duration,
    /// No attempt before.
    pub(crate) not_before: Option<Instant>,
    pub(crate) messages: Bucket,
}

/// How far the making of a link is; with the moment when it has failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialing {
    /// Nobody tries.
    No,
    /// DNS is asked.
    Finding(Instant),
    /// The handshake is under way.
    Connecting(Instant),
}

impl Dialing {
    pub(crate) fn deadline(self) -> Option<Instant> {
        match self {
            Self::No => None,
            Self::Finding(at) | Self::Connecting(at) => Some(at),
        }
    }
}

impl Peer {
    fn new(
        record: DomainRecord,
        key: &SecretKey,
        per_second: u32,
        random: &mut Random,
        now: Instant,
    ) -> Self {
        let seed = Random::from_seed(random.bytes());
        Self {
            id: NodeId::from_random(random.bytes()),
            link: Link::new(key.clone(), record.key, seed),
            record,
            dialing: Dialing::No,
            address: None,
            found: None,
            incoming: None,
            heard: None,
            used: now,
            instance: None,
            tell_again: None,
            told_again: None,
            hello_again: None,
            greeted: false,
            outbox: VecDeque::new(),
            pause: FIRST_PAUSE,
            not_before: None,
            messages: Bucket::new(per_second, now),
        }
    }

    /// Where it may be, best first: as the operator said, else where it was heard from and what DNS says.
    pub(crate) fn candidates(&self, now: Instant) -> Vec<SocketAddr> {
        if let Some(fixed) = self.record.address {
            return vec![fixed];
        }
        let incoming = self.incoming(now).map(|reply| reply.path.remote);
        let found = self.found.iter().filter(|(_, until)| *until > now);
        let found = found.flat_map(|(addresses, _)| addresses.iter().copied());
        let mut all = Vec::new();
        for address in self.address.into_iter().chain(incoming).chain(found) {
            if all.len() < ADDRESSES && !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }

    /// The operator says where it is. What was known of that is worth nothing if it is news.
    fn move_to(&mut self, address: Option<SocketAddr>) {
        if self.record.address != address {
            self.record.address = address;
            self.link.disconnect();
            self.dialing = Dialing::No;
            self.address = None;
            self.found = None;
            self.not_before = None;
            self.pause = FIRST_PAUSE;
        }
    }

    /// The other side's link, while it is fresh.
    pub(crate) fn incoming(&self, now: Instant) -> Option<ReplyTo> {
        let (reply, at) = self.incoming?;
        (now.saturating_duration_since(at) < FRESH).then_some(reply)
    }

    /// Keeps a message until the link is up; the oldest makes room.
    pub(crate) fn keep(&mut self, message: Message) {
        if self.outbox.len() >= OUTBOX {
            self.outbox.pop_front();
        }
        self.outbox.push_back(message);
    }
}

/// All of them, by their ids.
pub(crate) struct Peers {
    key: SecretKey,
    per_second: u32,
    by_id: BTreeMap<NodeId, Peer>,
}

impl Peers {
    pub(crate) fn new(key: SecretKey, per_second: u32) -> Self {
        Self {
            key,
            per_second,
            by_id: BTreeMap::new(),
        }
    }

    /// Takes over who is trusted; says who is not any more, or under another key. At most [`MAX_DOMAINS`] are; none
    /// that holds `own` or is in it, so that each name belongs to one domain.
    pub(crate) fn set(
        &mut self,
        records: Vec<DomainRecord>,
        own: &Fqdn,
        random: &mut Random,
        now: Instant,
    ) -> Vec<Peer> {
        let mut wanted: Vec<DomainRecord> = Vec::new();
        for record in records {
            let apart =
                |other: &Fqdn| !record.domain.is_within(other) && !other.is_within(&record.domain);
            let is_new = wanted
                .iter()
                .all(|other| apart(&other.domain) && other.key != record.key);
            if is_new && apart(own) && record.key != self.key.public() && wanted.len() < MAX_DOMAINS
            {
                wanted.push(record);
            }
        }
        // Where a coordinator is says nothing of who it is: its tunnels go on.
        for record in &wanted {
            let is_it = |peer: &&mut Peer| {
                (&peer.record.domain, &peer.record.key) == (&record.domain, &record.key)
            };
            if let Some(peer) = self.iter_mut().find(is_it) {
                peer.move_to(record.address);
            }
        }
        let is_gone = |peer: &Peer| !wanted.contains(&peer.record);
        let gone: Vec<NodeId> = self.iter().filter(|p| is_gone(p)).map(|p| p.id).collect();
        let gone = gone
            .into_iter()
            .filter_map(|id| self.by_id.remove(&id))
            .collect();
        for record in wanted {
            if self.iter().all(|peer| peer.record != record) {
                let peer = Peer::new(record, &self.key, self.per_second, random, now);
                self.by_id.insert(peer.id, peer);
            }
        }
        gone
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<&Peer> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: NodeId) -> Option<&mut Peer> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.by_id.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.by_id.values_mut()
    }

    pub(crate) fn owner_of(&self, key: &PublicKey) -> Option<NodeId> {
        let mut peers = self.iter();
        peers
            .find(|peer| peer.record.key == *key)
            .map(|peer| peer.id)
    }

    /// In whose domain a name is.
    pub(crate) fn in_charge_of(&self, name: &Fqdn) -> Option<&Peer> {
        self.iter().find(|peer| name.is_within(&peer.record.domain))
    }

    pub(crate) fn by_domain_mut(&mut self, domain: &Fqdn) -> Option<&mut Peer> {
        self.iter_mut().find(|peer| peer.record.domain == *domain)
    }

    /// Whose link a datagram from this address may belong to.
    pub(crate) fn at(&self, remote: SocketAddr, now: Instant) -> Vec<NodeId> {
        let fits = |peer: &&Peer| {
            peer.address == Some(remote)
                || (peer.dialing != Dialing::No && peer.candidates(now).contains(&remote))
        };
        self.iter().filter(fits).map(|peer| peer.id).collect()
    }

    /// The trusted domains.
    pub(crate) fn domains(&self) -> Vec<Fqdn> {
        let mut domains: Vec<Fqdn> = self.iter().map(|peer| peer.record.domain.clone()).collect();
        domains.sort();
        domains
    }
}
