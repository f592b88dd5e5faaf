//! Handshakes and control sessions with all nodes.
//!
//! A stranger gets silence unless its first message carries the right mac1; then, under load, a cookie, and
//! nothing is kept. Only the owner of an enrolled key gets a session.
//!
//! A session is *unconfirmed* until the first authentic message on it; a replayed first message never gets
//! further, because its sender cannot make one. A node has at most [`UNCONFIRMED`] of those, oldest out first, one
//! *current* session (the one confirmed last: pushes use it) and the *previous* one, for what was still on its
//! way. A repeated first message gets the same answer again and no new session. All end by age.

use crate::limits::Limits;
use crate::rate::Bucket;
use crate::reject::Reject;
use ntm_proto::cookie::{CookieJar, REPLY_LEN, mac1_key};
use ntm_proto::handshake::{Context, Purpose, Request, is_addressed_to};
use ntm_proto::id::{NodeId, PathId};
use ntm_proto::key::{PublicKey, SecretKey};
use ntm_proto::message::Message;
use ntm_proto::random::Random;
use ntm_proto::session::Session;
use ntm_proto::wire::Kind;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Most sessions of one node that have not proved themselves.
const UNCONFIRMED: usize = 4;
/// Draws of a free session id: with 2^32 of them, one is nearly always enough.
const DRAWS: usize = 64;

/// First messages per second from one proven address, under load.
const SOURCE_RATE: u32 = 20;
/// Most proven addresses remembered at a time.
const SOURCES: usize = 4096;

/// The answer to a first message.
pub(crate) enum Answer {
    Response(Vec<u8>),
    Cookie([u8; REPLY_LEN]),
}

pub(crate) struct Sessions {
    key: SecretKey,
    mac1_key: [u8; 32],
    jar: CookieJar,
    unproven: Bucket,
    proven: Bucket,
    by_source: BTreeMap<IpAddr, Bucket>,
    notices: Bucket,
    limit: usize,
    entries: BTreeMap<PathId, Entry>,
    nodes: BTreeMap<NodeId, Held>,
    ends: BTreeSet<(Instant, PathId)>,
}

struct Entry {
    node: NodeId,
    session: Session,
    peer: PathId,
    ephemeral: [u8; 32],
    response: Vec<u8>,
}

#[derive(Default)]
struct Held {
    unconfirmed: VecDeque<PathId>,
    current: Option<PathId>,
    previous: Option<PathId>,
}

impl Held {
    fn all(&self) -> impl Iterator<Item = PathId> {
        self.unconfirmed
            .iter()
            .copied()
            .chain(self.current)
            .chain(self.previous)
    }
}

impl Sessions {
    pub(crate) fn new(key: SecretKey, limits: &Limits, random: &mut Random, now: Instant) -> Self {
        let public = key.public();
        Self {
            key,
            mac1_key: mac1_key(&public),
            jar: CookieJar::new(&public, random, now),
            unproven: Bucket::new(limits.handshakes_per_second, now),
            proven: Bucket::new(limits.proven_handshakes_per_second, now),
            by_source: BTreeMap::new(),
            notices: Bucket::new(limits.notices_per_second, now),
            limit: limits.sessions,
            entries: BTreeMap::new(),
            nodes: BTreeMap::new(),
            ends: BTreeSet::new(),
        }
    }

    /// Takes a first message. `find` says which node owns a key.
    pub(crate) fn handle_init(
        &mut self,
        source: SocketAddr,
        datagram: &[u8],
        find: impl FnOnce(&PublicKey) -> Option<NodeId>,
        random: &mut Random,
        now: Instant,
    ) -> Result<Answer, Reject> {
        let (before, mac1, mac2) = is_addressed_to(datagram, &self.mac1_key)?;
        if !self.unproven.take(now) {
            if !self.jar.is_proven(source, before, mac2, random, now) {
                let sender = PathId(u32::from_be_bytes([
                    before[8], before[9], before[10], before[11],
                ]));
                let reply = self.jar.reply(source, sender, mac1, random, now);
                return Ok(Answer::Cookie(reply));
            }
            if !self.take_from(source.ip(), now) || !self.proven.take(now) {
                return Err(Reject::Busy);
            }
        }
        let context = Context {
            local: &self.key,
            purpose: Purpose::Control,
            psk: &[0; 32],
        };
        let request = Request::read(context, datagram, random)?;
        let node = find(&request.remote).ok_or(Reject::UnknownKey)?;
        match self.repeated(node, &request.ephemeral) {
            Some(response) => Ok(Answer::Response(response)),
            None => self
                .accept(node, request, random, now)
                .map(Answer::Response),
        }
    }

    /// Whether there is such a session.
    pub(crate) fn has(&self, id: PathId) -> bool {
        self.entries.contains_key(&id)
    }

    /// Opens a message: puts it into `plain`, says on whose behalf. Confirms its session.
    pub(crate) fn open(
        &mut self,
        id: PathId,
        datagram: &[u8],
        plain: &mut Vec<u8>,
        now: Instant,
    ) -> Result<NodeId, Reject> {
        let entry = self.entries.get_mut(&id).ok_or(Reject::UnknownSession)?;
        entry.session.open(datagram, plain, now)?;
        let node = entry.node;
        self.confirm(node, id);
        Ok(node)
    }

    /// `message` sealed for the other end of session `id`, or of the node's current one if that is over.
    pub(crate) fn seal(
        &mut self,
        node: NodeId,
        id: Option<PathId>,
        message: &Message,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let held = self.nodes.get(&node)?;
        let id = id
            .filter(|id| self.entries.contains_key(id))
            .or(held.current)
            .or(held.previous)?;
        let entry = self
            .entries
            .get_mut(&id)
            .filter(|entry| entry.node == node)?;
        let mut datagram = Vec::new();
        let plain = message.encode();
        entry
            .session
            .seal(Kind::Control, entry.peer, &plain, &mut datagram, now)
            .ok()?;
        Some(datagram)
    }

    /// Forgets one session; the node's previous one takes its place.
    pub(crate) fn discard(&mut self, id: PathId) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        self.ends.remove(&(entry.session.expires_at(), id));
        let Some(held) = self.nodes.get_mut(&entry.node) else {
            return;
        };
        held.unconfirmed.retain(|other| *other != id);
        held.previous = held.previous.filter(|other| *other != id);
        if held.current == Some(id) {
            held.current = held.previous.take();
        }
        if held.all().next().is_none() {
            self.nodes.remove(&entry.node);
        }
    }

    /// Forgets all sessions of a node but one.
    pub(crate) fn keep_only(&mut self, node: NodeId, kept: PathId) {
        let others = self.nodes.get(&node).map(Held::all).into_iter().flatten();
        let others: Vec<_> = others.filter(|id| *id != kept).collect();
        others.into_iter().for_each(|id| self.discard(id));
    }

    /// Forgets all sessions of a node.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.keep_only(node, PathId::NONE);
    }

    /// Whether a stranger may be told now that we do not know its session.
    pub(crate) fn may_notice(&mut self, now: Instant) -> bool {
        self.notices.take(now)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(end, id)) = self.ends.first() {
            if end > now {
                break;
            }
            self.ends.pop_first();
            self.discard(id);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// A share for each proven address, so that one of them cannot use up what is there for all.
    fn take_from(&mut self, source: IpAddr, now: Instant) -> bool {
        if self.by_source.len() >= SOURCES && !self.by_source.contains_key(&source) {
            self.by_source.clear();
        }
        let share = self.by_source.entry(source);
        share
            .or_insert_with(|| Bucket::new(SOURCE_RATE, now))
            .take(now)
    }

    fn repeated(&self, node: NodeId, ephemeral: &[u8; 32]) -> Option<Vec<u8>> {
        let mut held = self
            .nodes
            .get(&node)?
            .all()
            .filter_map(|id| self.entries.get(&id));
        held.find(|entry| entry.ephemeral == *ephemeral)
            .map(|entry| entry.response.clone())
    }

    fn accept(
        &mut self,
        node: NodeId,
        request: Request,
        random: &mut Random,
        now: Instant,
    ) -> Result<Vec<u8>, Reject> {
        let full = self
            .nodes
            .get(&node)
            .filter(|held| held.unconfirmed.len() >= UNCONFIRMED);
        if let Some(oldest) = full.and_then(|held| held.unconfirmed.front().copied()) {
            self.discard(oldest);
        }
        if self.entries.len() >= self.limit {
            return Err(Reject::Busy);
        }
        let mut drawn = (0..DRAWS).map(|_| PathId(random.number()));
        let id = drawn
            .find(|id| *id != PathId::NONE && !self.entries.contains_key(id))
            .ok_or(Reject::Busy)?;
        let (peer, ephemeral) = (request.sender, request.ephemeral);
        let (keys, response) = request.accept(id)?;
        let session = Session::control(&keys, false, now);
        self.ends.insert((session.expires_at(), id));
        self.entries.insert(
            id,
            Entry {
                node,
                session,
                peer,
                ephemeral,
                response: response.clone(),
            },
        );
        self.nodes
            .entry(node)
            .or_default()
            .unconfirmed
            .push_back(id);
        Ok(response)
    }

    fn confirm(&mut self, node: NodeId, id: PathId) {
        let held = self.nodes.entry(node).or_default();
        let Some(at) = held.unconfirmed.iter().position(|other| *other == id) else {
            return;
        };
        held.unconfirmed.remove(at);
        let old = std::mem::replace(&mut held.previous, held.current.replace(id));
        if let Some(old) = old {
            self.discard(old);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests;
