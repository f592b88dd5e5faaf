//! One other gateway and the tunnel to it.
//!
//! A peer comes into being with a Route Direction. If we are the initiator we send the Tunnel Request by every way there
//! is until an answer comes; else we wait for one. With keys and a proven way the tunnel is up: what waited is sent.
//! All other ways are tried then (`direct.rs`): a tunnel that began through the relay becomes direct where the NATs
//! allow it, and one that is direct keeps the relay to fall back to as long as it has traffic.
//! From then on the peer is watched by its traffic: if we send and hear nothing, or nothing happens for long, the
//! way is challenged; a way that stays silent is given up for the next best. When none is left, we shake hands anew
//! and ask the DC for a new direction.

mod binding;
mod direct;
mod handshake;
mod hearing;
mod keys;
mod moving;
mod recent;
mod record;
mod rhythm;
mod search;
mod size;
mod standby;
mod traffic;
mod waiting;
mod watch;

use crate::handover::{Handover, Hop};
use crate::path::Paths;
use crate::peers::Env;
use crate::status::TunnelStatus;
use crate::{Output, Reject, Setup};
use binding::{RelayEnd, Step};
use direct::Trial;
use handshake::{Answered, Outgoing};
use keys::SessionKeys;
use moving::Moving;
use ntm_proto::Path;
use ntm_proto::address::{canonical, is_candidate};
use ntm_proto::cookie::Cookie;
use ntm_proto::id::{Fqdn, Identity, NodeId, PathId, TunnelId};
use ntm_proto::key::PublicKey;
use ntm_proto::message::{Message, RouteDirection, Why};
use ntm_proto::wire::{HEADER_LEN, Kind};
use recent::Recent;
use size::Size;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

pub(crate) use size::LONG;
pub(crate) use traffic::{Opened, Traffic};
pub(crate) use waiting::Waiting;
pub(crate) use watch::Watch;

/// Most devices remembered behind one peer.
const REMOTE_DEVICES: usize = 1024;

pub(crate) struct Peer {
    pub(crate) node: NodeId,
    pub(crate) name: Fqdn,
    pub(crate) tunnel: TunnelId,
    pub(crate) local_path: PathId,
    pub(crate) remotes: BTreeMap<Ipv4Addr, Identity>,
    /// A pair of devices whose direction may be asked for again.
    pub(crate) example: (NodeId, Ipv4Addr),
    pub(crate) traffic: Traffic,
    pub(crate) watch: Watch,
    /// How long it is kept without traffic.
    idle: Duration,
    /// How long it is kept without a way.
    outage: Duration,
    key: PublicKey,
    epoch: u32,
    peer_path: PathId,
    initiator: bool,
    why: Why,
    candidates: Vec<SocketAddr>,
    paths: Paths,
    trial: Trial,
    relay: Option<RelayEnd>,
    keys: SessionKeys,
    outgoing: Option<Box<Outgoing>>,
    /// The newest of the peer's Tunnel Requests.
    newest_offer: Option<(u32, u32)>,
    /// The Tunnel Request we answered and that is not confirmed yet.
    answered: Option<Answered>,
    cookie: Option<(Cookie, Instant)>,
    /// Packets, translated, until there is a way.
    waiting: Waiting,
    recent: Recent,
    size: Size,
    moving: Moving,
    /// When the ways over our several WANs were last compared.
    compared: Option<Instant>,
    announced: bool,
    /// The last way in use that was sure.
    used: Option<Hop>,
    /// The latest handover.
    handover: Option<Handover>,
}

impl Peer {
    pub(crate) fn new(direction: &RouteDirection, env: &mut Env<'_>, now: Instant) -> Self {
        let mut peer = Self {
            node: direction.peer,
            name: direction.peer_name.clone(),
            tunnel: direction.tunnel,
            local_path: direction.local_path,
            remotes: BTreeMap::new(),
            example: (direction.local, direction.remote.vip4),
            traffic: Traffic::new(now),
            watch: Watch::new(env.keep_warm, !env.sockets.is_empty(), now),
            idle: env.setup.limits.idle,
            outage: env.setup.limits.outage,
            key: direction.peer_key,
            epoch: direction.peer_epoch,
            peer_path: direction.peer_path,
            initiator: direction.initiator,
            why: direction.why,
            candidates: Vec::new(),
            paths: Paths::new(env.setup.node < direction.peer),
            trial: Trial::default(),
            relay: None,
            keys: SessionKeys::default(),
            outgoing: None,
            newest_offer: None,
            answered: None,
            cookie: None,
            waiting: Waiting::new(env.hold),
            recent: Recent::new(env.resend),
            size: Size::default(),
            moving: Moving::default(),
            compared: has_several(env).then_some(now),
            announced: false,
            used: None,
            handover: None,
        };
        peer.directed(direction, env, now);
        peer
    }

    /// Takes a further direction about the same tunnel.
    pub(crate) fn directed(&mut self, direction: &RouteDirection, env: &mut Env<'_>, now: Instant) {
        if self.remotes.len() < REMOTE_DEVICES {
            self.remotes
                .insert(direction.remote.vip4, direction.remote.clone());
        }
        let restarted = self.notice_restart(direction);
        self.name = direction.peer_name.clone();
        self.peer_path = direction.peer_path;
        self.initiator = direction.initiator;
        self.why = direction.why;
        // The DC checked them; we check them again, so that not even it can aim us at ourselves.
        let usable = |address: &&SocketAddr| is_usable(**address, env.setup);
        let candidates = direction.candidates.iter().filter(usable).copied();
        let candidates: Vec<SocketAddr> = candidates.collect();
        let before = std::mem::replace(&mut self.candidates, candidates);
        if self.candidates != before {
            self.trial.begin(now);
        }
        self.paths.direct(env.sockets, &self.candidates);
        self.paths.rank(env.ranks, env.metered, now);
        self.heed_candidates(&before, env, now);
        self.use_relay(direction, env, now);
        self.watch.directed(now);
        self.record(|handover| handover.directed(now));
        if self.candidates != before {
            self.challenge_all(env, now);
            self.release(env, now);
        }
        if restarted {
            self.restart(env, now);
        } else if self.paths.active_path().is_none() || !self.keys.is_up(now) {
            self.begin(env, now);
        }
    }

    /// Whether the peer holds none of our keys any more: it restarted, and we have not shaken hands since.
    fn notice_restart(&mut self, direction: &RouteDirection) -> bool {
        let new_key = self.key != direction.peer_key;
        let new_epoch = self.epoch != direction.peer_epoch;
        let shaken = self
            .newest_offer
            .is_some_and(|(epoch, _)| epoch == direction.peer_epoch);
        if new_key || direction.peer_epoch < self.epoch {
            self.newest_offer = None;
        }
        self.key = direction.peer_key;
        self.epoch = direction.peer_epoch;
        new_key || (new_epoch && !shaken)
    }

    /// Takes a message of the relay we use.
    pub(crate) fn handle_binding(
        &mut self,
        path: Path,
        datagram: &[u8],
        env: &mut Env<'_>,
        now: Instant,
    ) -> Result<(), Reject> {
        let relay = self.relay.as_mut().ok_or(Reject::UnknownPath)?;
        match relay.handle(path, datagram, now)? {
            Step::Confirm(path, datagram) => env.output.push_back(Output::Send { path, datagram }),
            Step::First(path, datagram) => {
                env.output.push_back(Output::Send { path, datagram });
                self.relay_carries(path, env, now);
            }
            Step::Bound(path, observed) => {
                if let Some(observed) = observed {
                    let _ = env.outside.note(path.local, path.remote, observed);
                }
                self.relay_carries(path, env, now);
            }
            Step::Rebound(path, observed) => {
                let _ = env.outside.note(path.local, path.remote, observed);
                self.relay_carries(path, env, now);
                if self.paths.active_path() == Some(path) {
                    self.outside_moved(env, now);
                }
            }
        }
        Ok(())
    }

    /// What leaves by `path` from now on goes on to the peer, if that is bound, too. A handshake under way has waited for
    /// this. A tunnel without a way leans on it, once in each search: if the peer is not there, what waits is better kept.
    fn relay_carries(&mut self, path: Path, env: &mut Env<'_>, now: Instant) {
        self.paths.relay_bound(Some(path));
        if let Some(outgoing) = &self.outgoing {
            let datagram = outgoing.datagram.clone();
            env.output.push_back(Output::Send { path, datagram });
        }
        let is_wanted = self.paths.active_path().is_none() || self.watch.is_doubtful();
        if !self.keys.is_up(now) {
            return;
        }
        if !is_wanted {
            return self.tell_by_relay(path, env, now);
        }
        self.send_challenge(path, env, now);
        if !self.moving.leaned && self.paths.lean_if_lost(path, now) {
            self.moving.leaned = true;
            self.release(env, now);
        }
    }

    /// Somebody at `from` says that the relay does not know our path.
    pub(crate) fn relay_disowned(
        &mut self,
        from: SocketAddr,
        env: &mut Env<'_>,
        now: Instant,
    ) -> Result<(), Reject> {
        let relay = self.relay.as_mut().filter(|relay| relay.is_at(from));
        if relay.ok_or(Reject::UnknownPath)?.disowned(now) {
            self.relay_is_gone(env, now);
            // It is there, and has started anew: a question is worth asking again.
            self.watch.wants_direction = true;
            self.watch.asks = 0;
        }
        self.bind(env, now);
        Ok(())
    }

    /// How many ways to it there are.
    pub(crate) fn ways(&self) -> usize {
        self.paths.all().count()
    }

    /// How many packets wait for it.
    pub(crate) fn held_packets(&self) -> usize {
        self.waiting.len()
    }

    /// Whether its tunnel carries traffic.
    pub(crate) fn is_up(&self, now: Instant) -> bool {
        self.paths.active_path().is_some() && self.keys.is_up(now)
    }

    /// The socket its traffic leaves by.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.paths.active_path().map(|path| path.local)
    }

    /// The way in use, for people: how, to where, why, how long it takes.
    pub(crate) fn status(&self, now: Instant) -> TunnelStatus {
        let way = self.paths.active();
        let (expected, missing) = self.keys.missing();
        let state = match (self.is_up(now), &self.outgoing) {
            (true, _) => "up",
            (false, Some(_)) => "handshake",
            (false, None) => "waiting",
        };
        TunnelStatus {
            peer: self.name.to_string(),
            state: state.to_owned(),
            path: way
                .map_or("none", |way| if way.relayed { "relay" } else { "direct" })
                .to_owned(),
            why: self.explanation(),
            wan: None,
            remote: way.map(|way| way.path.remote.to_string()),
            rtt_ms: way
                .and_then(|way| way.rtt)
                .map(|rtt| rtt.as_secs_f64() * 1e3),
            age_s: self.keys.age(now),
            mtu: self.longest(),
            cipher: self.keys.cipher().map(|cipher| cipher.name().to_owned()),
            heard_s: self.watch.heard.map(|at| now.duration_since(at).as_secs()),
            sent: self.traffic.sent,
            received: self.traffic.received,
            expected,
            missing,
            key: self.key.to_string(),
            key_before: None,
            devices: self
                .remotes
                .values()
                .map(|remote| remote.name.to_string())
                .collect(),
            aliases: BTreeMap::new(),
        }
    }

    /// Challenges the way in use now, for a ping; the token by which its answer will be known.
    pub(crate) fn ping(&mut self, env: &mut Env<'_>, now: Instant) -> Option<u64> {
        let path = self.paths.active_path()?;
        self.challenge(path, env, now)
    }

    fn use_relay(&mut self, direction: &RouteDirection, env: &mut Env<'_>, now: Instant) {
        let path = direction.local_path;
        let mut leg = direction.relay.clone();
        if let Some(leg) = &mut leg {
            leg.addresses
                .retain(|address| is_usable(*address, env.setup));
            self.paths.know_relay(&leg.addresses);
        }
        let is_for = |relay: &RelayEnd| leg.as_ref().is_some_and(|leg| relay.is_for(leg, path));
        let is_known = self.relay.as_ref().is_some_and(is_for);
        match leg {
            // The DC says it again when the relay restarted, or when the other end has asked: bind at once.
            Some(_) if is_known => self.want_relay(now),
            Some(leg) => {
                let mut relay = RelayEnd::new(leg, path, env.sockets, env.random, now);
                if !self.why.needs_relay() && !self.candidates.is_empty() {
                    relay.rest();
                    self.trial.relay_rests(now);
                }
                self.relay = Some(relay);
                self.relay_is_gone(env, now);
            }
            // The DC may have lost sight of a relay that works: one that carries our traffic does so until it is silent.
            None if self.paths.is_relayed() => {}
            None => {
                self.relay = None;
                self.relay_is_gone(env, now);
            }
        }
        self.bind(env, now);
    }

    /// Sends the Bind that is due, and notices a binding that is lost.
    fn bind(&mut self, env: &mut Env<'_>, now: Instant) {
        self.rest_or_wake_relay(now);
        let pause = self.bind_pause(now);
        let Some(relay) = &mut self.relay else { return };
        if let Some((path, datagram)) = relay.due(pause, env.random, now) {
            env.output.push_back(Output::Send { path, datagram });
        }
        if relay.bound().is_none() {
            self.relay_is_gone(env, now);
        }
    }

    /// Seals `message` and sends it by `path`.
    fn send(&mut self, message: &Message, path: Path, env: &mut Env<'_>, now: Instant) {
        let mut datagram = vec![0; HEADER_LEN];
        datagram.extend_from_slice(&message.encode());
        if self
            .keys
            .seal(Kind::Control, self.peer_path, &mut datagram, 0, now)
            .is_ok()
        {
            // What happens on another way tells nothing of the one in use, and nobody answers an answer.
            let in_use = self.paths.active_path().is_none_or(|active| active == path);
            let is_answer = matches!(
                message,
                Message::PathResponse(_) | Message::SizeProbeResponse(_)
            );
            if in_use && is_answer {
                self.watch.replied(now);
            } else if in_use {
                self.watch.sent(now);
            }
            env.output.push_back(Output::Send { path, datagram });
        }
    }
}

/// Whether there are several WANs.
fn has_several(env: &Env<'_>) -> bool {
    env.ranks.iter().any(|(_, place)| *place > 0)
}

/// Whether datagrams may be sent there on the DC's word.
fn is_usable(address: SocketAddr, setup: &Setup) -> bool {
    is_candidate(address) && !setup.prefixes.contains(canonical(address.ip()))
}
