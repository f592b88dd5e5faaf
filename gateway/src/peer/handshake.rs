//! Tunnel Request and Response: how a tunnel gets its keys.

use super::Peer;
use super::recent::Recent;
use crate::handover::Cause;
use crate::peers::Env;
use crate::{Output, Reject, Setup};
use ntm_proto::Path;
use ntm_proto::aead::Cipher;
use ntm_proto::cookie::SECRET_LIFE;
use ntm_proto::handshake::{Context, Initiator, Purpose, Request, TunnelOffer};
use ntm_proto::id::NodeId;
use ntm_proto::session::Session;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long one Tunnel Request is repeated before a new one is made.
const ATTEMPT: Duration = Duration::from_secs(8);
/// How long our own request wins over the other side's when both start at once and our id is the smaller.
const OURS_WINS: Duration = Duration::from_secs(1);

/// Most ways an answer's proof counts for.
const ANSWERED_PATHS: usize = 8;

/// No group secret yet: the place is there, the value is none.
const NO_GROUP_SECRET: [u8; 32] = [0; 32];

/// A Tunnel Request under way.
pub(super) struct Outgoing {
    initiator: Initiator,
    pub(super) datagram: Vec<u8>,
    generation: u8,
    started: Instant,
    pub(super) again: Instant,
    pause: Duration,
}

/// A Tunnel Request we answered.
pub(super) struct Answered {
    ephemeral: [u8; 32],
    response: Vec<u8>,
    /// Where the answer went, and when first.
    pub(super) paths: Vec<Path>,
    pub(super) at: Instant,
}

impl Peer {
    /// Starts to get keys, if that is ours to do.
    pub(super) fn begin(&mut self, env: &mut Env<'_>, now: Instant) {
        if self.initiator && self.outgoing.is_none() {
            self.request(env, now);
        }
    }

    /// The peer has none of our keys: all over again.
    pub(super) fn restart(&mut self, env: &mut Env<'_>, now: Instant) {
        self.hand_over(Cause::PeerRestarted, env, now);
        self.keys.clear();
        self.recent = Recent::new(env.resend);
        self.waiting.recall_all();
        self.paths.forget_proofs();
        self.outgoing = None;
        self.answered = None;
        self.note_lost(now);
        self.begin(env, now);
    }

    /// Makes a Tunnel Request and sends it by every way.
    pub(super) fn request(&mut self, env: &mut Env<'_>, now: Instant) {
        self.paths.forget_stale(now);
        *env.offers += 1;
        let cookie = self
            .cookie
            .filter(|(_, at)| now.duration_since(*at) < SECRET_LIFE);
        let cookie = cookie.as_ref().map(|(cookie, _)| cookie);
        let fallback = env.random.number() as u8;
        let generation = self.keys.next_generation(fallback);
        let offer = TunnelOffer {
            epoch: env.epoch,
            counter: *env.offers,
            generation,
            aes: env.setup.aes,
        };
        let purpose = self.purpose(env.setup.node, self.node);
        let context = Context {
            local: &env.setup.key,
            purpose,
            psk: &NO_GROUP_SECRET,
        };
        let (initiator, datagram) = Initiator::start(
            context,
            &self.key,
            self.peer_path,
            self.local_path,
            &offer.encode(),
            cookie,
            env.random,
        );
        let (again, pause) = (now + FIRST_PAUSE, FIRST_PAUSE);
        self.outgoing = Some(Box::new(Outgoing {
            initiator,
            datagram,
            generation,
            started: now,
            again,
            pause,
        }));
        self.repeat_request(env);
    }

    /// Repeats the request that is under way, or makes a new one when it is old. Called when due.
    pub(super) fn handshake_timeout(&mut self, env: &mut Env<'_>, now: Instant) {
        let longest = LONGEST_PAUSE.max(self.search_pause(now));
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        if outgoing.again > now {
            return;
        }
        outgoing.pause = (outgoing.pause * 2).min(longest);
        outgoing.again = now + outgoing.pause;
        if now.duration_since(outgoing.started) >= ATTEMPT {
            // Nobody answers where we look. The DC may know better by now.
            self.watch.wants_direction = true;
            self.request(env, now);
        } else {
            self.repeat_request(env);
        }
    }

    /// Takes a Tunnel Request that proved to know our key.
    pub(crate) fn handle_init(
        &mut self,
        path: Path,
        datagram: &[u8],
        env: &mut Env<'_>,
        now: Instant,
    ) -> Result<(), Reject> {
        let purpose = self.purpose(self.node, env.setup.node);
        let context = Context {
            local: &env.setup.key,
            purpose,
            psk: &NO_GROUP_SECRET,
        };
        let request = Request::read(context, datagram, env.random).map_err(|_| Reject::Forged)?;
        if request.remote != self.key {
            return Err(Reject::WrongKey);
        }
        if let Some(answered) = &mut self.answered
            && answered.ephemeral == request.ephemeral
        {
            if answered.paths.len() < ANSWERED_PATHS && !answered.paths.contains(&path) {
                answered.paths.push(path);
            }
            let datagram = answered.response.clone();
            env.output.push_back(Output::Send { path, datagram });
            return Ok(());
        }
        let offer = TunnelOffer::decode(&request.payload).map_err(|_| Reject::MalformedDatagram)?;
        let stamp = (offer.epoch, offer.counter);
        if self.newest_offer.is_some_and(|newest| stamp <= newest) {
            return Err(Reject::StaleHandshake);
        }
        if self.ours_wins(env.setup, now) {
            return Err(Reject::StaleHandshake);
        }
        let ephemeral = request.ephemeral;
        let cipher = match env.setup.aes && offer.aes {
            true => Cipher::Aes256Gcm,
            false => Cipher::ChaCha20Poly1305,
        };
        let (keys, response) = request
            .accept_with(self.local_path, cipher)
            .map_err(|_| Reject::Forged)?;
        self.newest_offer = Some(stamp);
        self.paths.forget_stale(now);
        // Where an answer takes longer than ours may win, one of the two must go on, or both would give theirs up for
        // the other's again and again.
        if !self.goes_first(env.setup) {
            self.outgoing = None;
        }
        self.keys
            .unconfirmed(Session::new(&keys, offer.generation, false, now));
        self.answered = Some(Answered {
            ephemeral,
            response: response.clone(),
            paths: vec![path],
            at: now,
        });
        env.output.push_back(Output::Send {
            path,
            datagram: response,
        });
        Ok(())
    }

    /// Takes a Tunnel Response.
    pub(crate) fn handle_response(
        &mut self,
        path: Path,
        datagram: &[u8],
        env: &mut Env<'_>,
        now: Instant,
    ) -> Result<(), Reject> {
        let outgoing = self.outgoing.as_mut().ok_or(Reject::UnexpectedMessage)?;
        let (keys, _) = outgoing
            .initiator
            .finish(datagram)
            .map_err(|_| Reject::Forged)?;
        self.keys
            .confirmed(Session::new(&keys, outgoing.generation, true, now));
        let asked = outgoing.started;
        self.outgoing = None;
        let is_vouched_for = self.paths.is_vouched_for(path);
        self.paths.heard(path, false, now);
        self.watch.heard(now);
        // The answer to our fresh ephemeral key came by this way: that is its proof, unless it may be a copy. The
        // challenge that follows tells the peer that we have the keys, and measures the round trip.
        if is_vouched_for {
            self.way_proven(path, asked, env, now);
        }
        // By all ways: the others may be better.
        self.challenge_all(env, now);
        self.trial.begin(now);
        Ok(())
    }

    /// Takes a Cookie Reply: the peer is under load and wants proof of our address. Whoever knows the peer's public
    /// key can forge one, so it changes neither when we repeat nor when we give up, and only a cookie we did not
    /// have makes a new request.
    pub(crate) fn handle_cookie(
        &mut self,
        datagram: &[u8],
        env: &mut Env<'_>,
        now: Instant,
    ) -> Result<(), Reject> {
        let outgoing = self.outgoing.as_ref().ok_or(Reject::UnexpectedMessage)?;
        let cookie = outgoing
            .initiator
            .take_cookie(datagram)
            .ok_or(Reject::Forged)?;
        let (started, pause) = (outgoing.started, outgoing.pause);
        let recent = self
            .cookie
            .is_some_and(|(_, at)| now.duration_since(at) < FIRST_PAUSE);
        if recent {
            return Err(Reject::UnderLoad);
        }
        self.cookie = Some((cookie, now));
        self.request(env, now);
        if let Some(outgoing) = &mut self.outgoing {
            (outgoing.started, outgoing.pause) = (started, pause);
        }
        Ok(())
    }

    /// We speak from other sockets now: a request under way is said again at once.
    pub(super) fn hasten_request(&mut self, env: &mut Env<'_>, now: Instant) {
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.pause = FIRST_PAUSE;
            outgoing.again = now + FIRST_PAUSE;
            self.repeat_request(env);
        }
    }

    fn repeat_request(&self, env: &mut Env<'_>) {
        let Some(outgoing) = &self.outgoing else {
            return;
        };
        for path in self.paths.all() {
            env.output.push_back(Output::Send {
                path,
                datagram: outgoing.datagram.clone(),
            });
        }
    }

    /// When both ends start at once, the one with the smaller id goes on and the other answers: one tunnel.
    fn ours_wins(&self, setup: &Setup, now: Instant) -> bool {
        let fresh = self
            .outgoing
            .as_ref()
            .is_some_and(|outgoing| now.duration_since(outgoing.started) < OURS_WINS);
        fresh && self.goes_first(setup)
    }

    fn goes_first(&self, setup: &Setup) -> bool {
        setup.node < self.node
    }

    fn purpose(&self, initiator: NodeId, responder: NodeId) -> Purpose {
        Purpose::Tunnel {
            tunnel: self.tunnel,
            initiator,
            responder,
        }
    }
}
