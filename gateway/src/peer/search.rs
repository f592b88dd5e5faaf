//! How a peer is looked for that cannot be reached.

use super::Peer;
use super::binding::LONGEST_PAUSE;
use super::watch::ASK_PAUSE;
use crate::peers::Env;
use ntm_proto::Path;
use std::time::{Duration, Instant};

/// How long the end that does not begin waits before it helps.
const HELP_AFTER: Duration = Duration::from_millis(1000);

/// How the search for a lost peer slows down: at first, with traffic that waits, without.
pub(super) const SOON: Duration = Duration::from_secs(10);
const LATER: Duration = Duration::from_secs(120);
const BUSY: Duration = Duration::from_secs(10);
/// Pauses between looks for a peer for which traffic waits: so much later than at once is it noticed that it can be
/// reached again.
const AWAITED: Duration = Duration::from_millis(50);
const AWAITED_LATER: Duration = Duration::from_millis(100);
const AWAITED_LONG: Duration = Duration::from_millis(500);
const SLOW: Duration = Duration::from_secs(2);
const SLOWEST: Duration = Duration::from_secs(10);

impl Peer {
    /// The one that shall send first does. If nothing comes of that for a while, the other does too, where it knows
    /// an address: its own firewall may let in only answers.
    pub(super) fn begin_or_help(&mut self, env: &mut Env<'_>, now: Instant) {
        let waited = self
            .watch
            .lost_since
            .is_some_and(|since| now.duration_since(since) >= HELP_AFTER);
        if waited && self.paths.all().next().is_some() {
            self.request(env, now);
        } else {
            self.begin(env, now);
        }
    }

    /// No way is left: try all of them, new keys, and the DC.
    pub(super) fn search(&mut self, env: &mut Env<'_>, now: Instant) {
        self.note_lost(now);
        self.watch.wants_direction = true;
        if self.watch.searches_all(now) {
            self.challenge_all(env, now);
        } else {
            let likeliest: Vec<Path> = self.paths.likeliest().collect();
            let turn = self.watch.probes as usize % likeliest.len().max(1);
            if let Some(path) = likeliest.get(turn).copied()
                && let Some(token) = self.paths.repeat_challenge(path, env.random, now)
            {
                self.send_token(token, path, env, now);
            }
        }
        self.begin(env, now);
    }

    /// Pause between looks for a peer that cannot be reached: short while somebody waits for it, long when that has
    /// been in vain for long. Whoever comes back speaks first.
    pub(super) fn search_pause(&self, now: Instant) -> Duration {
        let lost = self.watch.lost_since;
        let lost = lost.map_or(Duration::ZERO, |since| now.duration_since(since));
        let is_busy = now.duration_since(self.traffic.last) < BUSY;
        let is_awaited = is_busy && self.is_awaited();
        match is_busy {
            _ if is_awaited && lost < SOON => AWAITED,
            _ if is_awaited && lost < LATER => AWAITED_LATER,
            _ if is_awaited => AWAITED_LONG,
            _ if lost < SOON => self.paths.pace(),
            true if lost < LATER => self.paths.pace(),
            true => SLOW,
            false if lost < LATER => SLOW,
            false => SLOWEST,
        }
    }

    /// The longest pause between attempts to get to the relay.
    pub(super) fn bind_pause(&self, now: Instant) -> Duration {
        let is_awaited = self.watch.lost_since.is_some() && self.is_awaited();
        if is_awaited {
            self.search_pause(now).min(LONGEST_PAUSE)
        } else {
            LONGEST_PAUSE
        }
    }

    /// Whether there is traffic for it that waits. What has left by a way that is gone has not arrived, for all we know.
    fn is_awaited(&self) -> bool {
        let is_lost = self.paths.active_path().is_none();
        self.waiting.has_any(is_lost)
    }

    /// Whether traffic waits although there is a way: that has had its credit and not proved itself.
    pub(super) fn is_stuck(&self) -> bool {
        let is_unsure = self.paths.active_path().is_some() && !self.paths.is_sure();
        is_unsure && self.waiting.has_any(false)
    }

    pub(super) fn note_lost(&mut self, now: Instant) {
        self.watch.lost_since.get_or_insert(now);
    }

    pub(super) fn is_long_lost(&self, now: Instant) -> bool {
        self.watch
            .lost_since
            .is_some_and(|since| now.duration_since(since) >= ASK_PAUSE)
    }
}
