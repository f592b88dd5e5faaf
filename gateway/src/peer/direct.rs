//! From the relay to a direct way, and back.
//!
//! Once there are keys, both ends challenge each other on every way. What the one sends opens its own NAT for what
//! the other sends (RFC 5128 section 3.3): sooner or later a challenge comes through, and its answer proves the way in
//! both directions. These *trials* come quickly at first and then ever more rarely, as long as there is traffic that
//! goes through a relay. A tunnel that is direct keeps its place at the relay while it has traffic, so that
//! there is somewhere to go when the direct way turns bad; an idle one lets it go.

use super::Peer;
use crate::peers::Env;
use ntm_proto::Path;
use std::time::{Duration, Instant};

/// Pauses between trials, in milliseconds; the last one goes on.
const PAUSES: [u64; 10] = [50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_000];
/// Trials after which a direct way that is there has been compared with all others.
const COMPARED: usize = 3;
/// The pause with which trials go on after the direct way in use has failed.
const AFTER_FAILURE: usize = 5;
/// Trials after such a failure that go on though another direct way is in use: the one that failed may have been better.
const REGRETTED: usize = 4;
/// The trial in vain after which the DC is asked again: it may have forgotten the tunnel, and with it to tell us where the
/// peer is now.
const ASK_AGAIN: usize = 6;
/// How long a direct route may take to come up before the relay is asked for.
const HEAD_START: Duration = Duration::from_millis(200);
/// Traffic for this long makes the relay worth keeping warm; none for the longer time lets it go.
const STANDBY_AFTER: Duration = Duration::from_secs(2);
const STANDBY_FOR: Duration = Duration::from_secs(60);

/// Where the search for a better way stands.
#[derive(Default)]
pub(super) struct Trial {
    /// When the next one is due.
    again: Option<Instant>,
    made: usize,
    /// How many are made although a direct way is in use.
    compare: usize,
    /// Since when the relay has not been needed.
    relay_rests: Option<Instant>,
    /// When it was last asked for by something else than traffic: a doubt, the DC, or the peer who uses it.
    relay_wanted: Option<Instant>,
}

impl Trial {
    /// Something is new: try at once.
    pub(super) fn begin(&mut self, now: Instant) {
        (self.again, self.made) = (Some(now + pause(0)), 0);
        self.compare = COMPARED;
    }

    /// The way in use has failed: do not try too soon.
    pub(super) fn failed(&mut self, now: Instant) {
        (self.again, self.made) = (Some(now + pause(AFTER_FAILURE)), AFTER_FAILURE);
        self.compare = AFTER_FAILURE + REGRETTED;
    }

    /// Nothing can be tried without keys; new ones begin anew.
    pub(super) fn rest(&mut self) {
        self.again = None;
    }

    pub(super) fn relay_rests(&mut self, now: Instant) {
        self.relay_rests = Some(now);
    }
}

fn pause(made: usize) -> Duration {
    Duration::from_millis(PAUSES[made.min(PAUSES.len() - 1)])
}

impl Peer {
    /// When the next trial is due: there is something to win, and traffic that would.
    pub(super) fn trial_due(&self) -> Option<Instant> {
        let again = self.trial.again?;
        let settled = self.paths.is_direct() && self.trial.made >= self.trial.compare;
        // A trial that was due while there was no traffic is made up for when there is some.
        let in_use = self.traffic.last + STANDBY_FOR > again;
        (!settled && in_use).then_some(again)
    }

    /// Makes the trial that is due.
    pub(super) fn try_direct(&mut self, env: &mut Env<'_>, now: Instant) {
        if self.trial_due().is_none_or(|due| due > now) {
            return;
        }
        self.trial.made += 1;
        self.trial.again = Some(now + pause(self.trial.made));
        if self.trial.made == ASK_AGAIN && !self.paths.is_direct() {
            self.watch.wants_direction = true;
        }
        let active = self.paths.active_path();
        let ways: Vec<Path> = self.paths.worth_a_trial().collect();
        if ways.iter().any(|way| Some(*way) != active) {
            ways.into_iter()
                .for_each(|path| self.send_challenge(path, env, now));
        }
    }

    /// The way in use was given up, and there is another.
    pub(super) fn way_fell_back(&mut self, env: &mut Env<'_>, now: Instant) {
        self.challenge_all(env, now);
        self.way_changed(env, now);
    }

    /// When to look whether the relay that rests is needed.
    pub(super) fn relay_due(&self) -> Option<Instant> {
        self.relay.as_ref().filter(|relay| relay.is_asleep())?;
        let rests = self.trial.relay_rests?;
        if !self.paths.is_direct() {
            return Some(rests + HEAD_START);
        }
        (self.traffic.last > rests).then_some(rests + STANDBY_AFTER)
    }

    /// Lets the relay go when the tunnel is direct and idle; asks for it when it is not.
    pub(super) fn rest_or_wake_relay(&mut self, now: Instant) {
        let wanted = self.relay_due().is_some_and(|due| due <= now);
        let old = |at: Instant| now.duration_since(at) >= STANDBY_FOR;
        let idle = self.paths.is_direct()
            && old(self.traffic.last)
            && self.trial.relay_wanted.is_none_or(old);
        let Some(relay) = &mut self.relay else { return };
        if wanted {
            relay.wake(now);
        } else if idle && !relay.is_asleep() {
            relay.rest();
            self.trial.relay_rests(now);
        }
    }

    /// The way in use may be lost, or the other end goes by the relay: be there, and stay for a while.
    pub(super) fn want_relay(&mut self, now: Instant) {
        self.trial.relay_wanted = Some(now);
        if let Some(relay) = &mut self.relay {
            relay.wake(now);
            relay.probe(now);
        }
    }

    /// Why the traffic goes where it goes, for people.
    pub(super) fn explanation(&self) -> String {
        let why = self.why.text();
        let (direct, made) = (self.paths.is_direct(), self.trial.made);
        if self.paths.active_path().is_none() {
            return why.to_owned();
        }
        match (direct, self.why.needs_relay()) {
            (true, false) => why.to_owned(),
            (true, true) => format!("{why}, and let the two reach each other"),
            (false, _) if self.candidates.is_empty() => why.to_owned(),
            (false, _) => format!("{why}; tried {made} times to go direct, without an answer"),
        }
    }
}
