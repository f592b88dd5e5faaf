//! Whether the other end is there: by its traffic first, by challenges when it is silent.

use super::Peer;
use super::rhythm::Rhythm;
use super::search::SOON;
use crate::handover::Cause;
use crate::peers::Env;
use crate::{Event, Output};
use ntm_proto::Path;
use ntm_proto::message::{Message, PathChallenge};
use std::time::{Duration, Instant};

/// Pause between questions to the DC about one peer, and before the first one after it has spoken of the peer: what it
/// said may be out of date already.
pub(super) const ASK_PAUSE: Duration = Duration::from_secs(3);
const FIRST_ASK: Duration = Duration::from_millis(500);
/// Pause between looks for a lost peer by every way at first, and half of what it is later.
const SEARCH_PAUSE: Duration = Duration::from_millis(500);
/// By how many doublings the pause grows.
const SLOWER: u32 = 3;

/// Times of what was heard and sent.
pub(crate) struct Watch {
    pub(crate) heard: Option<Instant>,
    /// How the peer's traffic comes by the way in use.
    pub(super) rhythm: Rhythm,
    /// The first thing sent since something was heard.
    unanswered_since: Option<Instant>,
    last_sent: Instant,
    /// Silence after which the way is challenged to keep NAT mappings.
    keep_warm: Duration,
    probed: Option<Instant>,
    /// When a lost peer was last looked for by every way.
    searched: Option<Instant>,
    /// Challenges in a row for silence.
    pub(super) probes: u32,
    /// When what is due was last looked at.
    checked: Instant,
    /// Since when there has been no way.
    pub(super) lost_since: Option<Instant>,
    /// Whether we have a socket at all: without one a peer is not given up.
    has_wan: bool,
    asked: Option<Instant>,
    /// How often it was asked in vain.
    pub(super) asks: u32,
    /// The DC shall be asked for a new direction.
    pub(crate) wants_direction: bool,
    /// The last challenge that was answered: its token, its way and the round trip.
    pub(crate) answered: Option<(u64, Path, Duration)>,
}

impl Watch {
    pub(crate) fn new(keep_warm: Duration, has_wan: bool, now: Instant) -> Self {
        Self {
            has_wan,
            heard: None,
            rhythm: Rhythm::default(),
            asks: 0,
            unanswered_since: None,
            last_sent: now,
            keep_warm,
            probed: None,
            searched: None,
            probes: 0,
            checked: now,
            lost_since: Some(now),
            asked: None,
            wants_direction: false,
            answered: None,
        }
    }

    pub(crate) fn sent(&mut self, now: Instant) {
        self.last_sent = now;
        self.unanswered_since.get_or_insert(now);
    }

    /// When what is due was last looked at.
    pub(super) fn checked(&self) -> Instant {
        self.checked
    }

    /// Something left that nobody will answer.
    pub(crate) fn replied(&mut self, now: Instant) {
        self.last_sent = now;
    }

    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
        self.unanswered_since = None;
        self.probed = None;
        self.probes = 0;
    }

    /// Whether a challenge of the way in use has gone unanswered for a while.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.probes > 1
    }

    pub(crate) fn directed(&mut self, now: Instant) {
        self.asked = Some(now);
        self.wants_direction = false;
    }

    /// Our sockets are others now; without any, time does not count against the peer.
    pub(crate) fn sockets_changed(&mut self, has_wan: bool, now: Instant) {
        self.has_wan = has_wan;
        if has_wan && self.lost_since.is_some() {
            self.lost_since = Some(now);
        }
    }

    /// When the DC may be asked, if it should be.
    pub(crate) fn question_at(&self) -> Option<Instant> {
        let last = self.asked.filter(|_| self.wants_direction);
        last.map(|at| at + self.ask_pause())
    }

    fn ask_pause(&self) -> Duration {
        match self.asks {
            0 => FIRST_ASK,
            asks => ASK_PAUSE * (1 << (asks - 1).min(SLOWER)),
        }
    }

    /// Whether a lost peer is looked for by every way now, and not by the likeliest only; says so once per pause.
    pub(super) fn searches_all(&mut self, now: Instant) -> bool {
        let pause = match self.lost_since {
            Some(since) if now.duration_since(since) >= SOON => SEARCH_PAUSE * 2,
            Some(_) | None => SEARCH_PAUSE,
        };
        let rested = |at| now.duration_since(at) >= pause;
        let is_due = self.searched.is_none_or(rested);
        if is_due {
            self.searched = Some(now);
        }
        is_due
    }

    /// How long nothing has answered what was sent.
    pub(super) fn silence(&self, now: Instant) -> Option<Duration> {
        self.unanswered_since.map(|since| now.duration_since(since))
    }

    /// When silence becomes doubtful: after something was sent, and either long or unlike the peer's traffic so far. Who
    /// only listens owes the other end nothing, and asks a while after its stream has stopped.
    fn silent_at(&self, patience: Duration) -> Option<Instant> {
        let Some(since) = self.unanswered_since else {
            return self.rhythm.missed_at().map(|missed| missed + patience);
        };
        if self.probed.is_some() {
            return Some(since);
        }
        let missed = self.rhythm.missed_at().map(|at| at.max(since));
        let late = since + patience;
        Some(missed.map_or(late, |missed| missed.min(late)))
    }

    /// Whether the DC should be asked now; says so once per pause.
    pub(crate) fn take_question(&mut self, now: Instant) -> bool {
        let rested = self
            .asked
            .is_none_or(|asked| now.duration_since(asked) >= self.ask_pause());
        let ask = self.wants_direction && rested;
        if ask {
            self.asks = self.asks.saturating_add(1);
            self.asked = Some(now);
        }
        ask
    }
}

impl Peer {
    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, env: &mut Env<'_>, now: Instant) {
        self.watch.checked = now;
        self.tidy(now);
        self.watch.keep_warm = env.keep_warm;
        self.handshake_timeout(env, now);
        self.bind(env, now);
        if self.keys.wants_renewal(now) && self.outgoing.is_none() {
            self.request(env, now);
        }
        if !self.keys.is_up(now) {
            self.note_lost(now);
            self.trial.rest();
            if self.outgoing.is_none() {
                self.begin_or_help(env, now);
            }
            self.watch.wants_direction |= self.is_long_lost(now);
            return;
        }
        self.try_direct(env, now);
        self.watch_standby(env, now);
        self.probe(env, now);
        self.find_size(env, now);
    }

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Instant {
        let watch = &self.watch;
        let is_lost =
            watch.lost_since.is_some() || self.paths.active_path().is_none() || self.is_stuck();
        let probe = match (watch.silent_at(self.paths.patience()), watch.probed) {
            (_, probed) if is_lost => {
                let pause = self.search_pause(watch.checked);
                let next = probed.map(|probed| probed + pause);
                // When it was due and nothing came of it, there is a reason that lasts.
                let next = next.filter(|next| *next > watch.checked);
                next.unwrap_or(watch.checked + pause)
            }
            (Some(silent), None) => silent,
            (Some(silent), Some(probed)) => silent.max(probed + self.paths.pace()),
            (None, _) => watch.last_sent + watch.keep_warm,
        };
        let outgoing = self.outgoing.as_ref().map(|outgoing| outgoing.again);
        let relay = self.relay.as_ref().and_then(super::RelayEnd::poll_timeout);
        let renewal = if self.outgoing.is_none() {
            self.keys.renew_at()
        } else {
            None
        };
        let over = Some(self.traffic.last + self.idle);
        let lost = watch.lost_since.filter(|_| watch.has_wan);
        let given_up = lost.map(|since| since + self.outage);
        [
            outgoing,
            relay,
            renewal,
            over,
            given_up,
            self.trial_due(),
            self.relay_due(),
            self.standby_due(),
            self.size_due(),
        ]
        .into_iter()
        .flatten()
        .fold(probe, Instant::min)
    }

    /// Whether it can be forgotten: idle for long, or unreachable for long.
    pub(crate) fn is_over(&self, idle: Duration, has_wan: bool, now: Instant) -> bool {
        let lost = self
            .watch
            .lost_since
            .is_some_and(|since| now.duration_since(since) >= self.outage);
        now.duration_since(self.traffic.last) >= idle || (lost && has_wan)
    }

    /// Challenges every way there is, as after a move.
    pub(super) fn challenge_all(&mut self, env: &mut Env<'_>, now: Instant) {
        if self.keys.is_up(now) {
            let ways: Vec<Path> = self.paths.all().collect();
            ways.into_iter()
                .for_each(|path| self.send_challenge(path, env, now));
        }
    }

    /// Challenges every way but the one in use.
    fn challenge_others(&mut self, env: &mut Env<'_>, now: Instant) {
        let active = self.paths.active_path();
        let others: Vec<Path> = self
            .paths
            .all()
            .filter(|path| Some(*path) != active)
            .collect();
        others
            .into_iter()
            .for_each(|path| self.send_challenge(path, env, now));
    }

    pub(super) fn send_challenge(&mut self, path: Path, env: &mut Env<'_>, now: Instant) {
        let _: Option<u64> = self.challenge(path, env, now);
    }

    /// Challenges the way; the token, if it is one.
    pub(super) fn challenge(&mut self, path: Path, env: &mut Env<'_>, now: Instant) -> Option<u64> {
        let token = self.paths.challenge(path, env.random, now)?;
        self.send_token(token, path, env, now);
        Some(token)
    }

    pub(super) fn send_token(&mut self, token: u64, path: Path, env: &mut Env<'_>, now: Instant) {
        let standing = self.paths.standing(path, env.epoch);
        let outside = if self.is_relayed(path) {
            env.outside.seen_as(env.sockets)
        } else {
            Vec::new()
        };
        let challenge = PathChallenge {
            token,
            standing,
            outside,
        };
        self.send(&Message::PathChallenge(challenge), path, env, now);
    }

    /// The peer receives by `path`: it answered what left at `asked`.
    pub(super) fn way_proven(
        &mut self,
        path: Path,
        asked: Instant,
        env: &mut Env<'_>,
        now: Instant,
    ) {
        if self.paths.prove(path, asked, now) || self.watch.lost_since.is_some() {
            self.way_changed(env, now);
        } else {
            self.release(env, now);
        }
    }

    pub(super) fn way_changed(&mut self, env: &mut Env<'_>, now: Instant) {
        let Some(way) = self.paths.active() else {
            return;
        };
        self.watch.lost_since = None;
        self.moving.leaned &= !self.paths.is_sure();
        self.watch.asks = 0;
        self.watch.wants_direction = false;
        let path = format!(
            "{} {}",
            if way.relayed { "relay" } else { "direct" },
            way.path.remote
        );
        let (peer, why) = (self.name.clone(), self.why.text());
        let event = if self.announced {
            Event::PathChanged { peer, path }
        } else {
            Event::TunnelUp { peer, path, why }
        };
        self.announced = true;
        env.output.push_back(Output::Event(event));
        self.way_recorded(env, now);
        self.release(env, now);
    }

    fn probe(&mut self, env: &mut Env<'_>, now: Instant) {
        let has_way = self.paths.active_path().is_some() && !self.is_stuck();
        let is_lost = !has_way && !env.sockets.is_empty();
        if is_lost {
            self.note_lost(now);
        }
        let long = |since: Instant| now.duration_since(since) >= self.paths.patience();
        let pause = if is_lost {
            self.search_pause(now)
        } else {
            self.paths.pace()
        };
        let is_lost = is_lost && self.watch.lost_since.is_some_and(long);
        let silent = self.watch.silent_at(self.paths.patience());
        let silent = silent.is_some_and(|at| at <= now);
        let quiet = now.duration_since(self.watch.last_sent) >= self.watch.keep_warm;
        let rested = self
            .watch
            .probed
            .is_none_or(|probed| now.duration_since(probed) >= pause);
        if !(silent || quiet || is_lost) || !rested {
            return;
        }
        if silent || is_lost {
            self.watch.probed = Some(now);
            self.watch.probes = self.watch.probes.saturating_add(1);
            // One question for each time a stream ends.
            self.watch.rhythm.stop();
        }
        // Traffic that goes one way only is silent all the time: the first challenge troubles nobody else.
        if is_lost || self.watch.is_doubtful() {
            self.want_relay(now);
            self.bind(env, now);
        }
        if self.watch.probes == 2 {
            // If this way is dead, the others have proven themselves by the time that is certain.
            self.challenge_others(env, now);
            self.doubt(env, now);
            // The relay may be dead, and the DC have another one.
            self.watch.wants_direction |= self.paths.is_relayed();
        }
        let before = self.paths.evidence();
        let given_up = self.paths.give_up_silent(now);
        if given_up {
            self.hand_over(Cause::Silence, env, now);
            self.note_loss(before, now);
            env.output.push_back(Output::Event(Event::PathLost {
                peer: self.name.clone(),
            }));
        }
        if given_up {
            self.trial.failed(now);
        }
        match self.paths.active_path() {
            Some(_) if given_up => self.way_fell_back(env, now),
            Some(path) if !self.is_stuck() => self.send_challenge(path, env, now),
            Some(_) | None => self.search(env, now),
        }
    }

    pub(crate) fn is_relayed(&self, path: Path) -> bool {
        self.relay.as_ref().and_then(super::RelayEnd::bound) == Some(path)
    }
}
