//! With several WANs the ways over those that are not in use are kept warm while there is traffic, so that they can take it
//! over at any moment, and all are compared: traffic leaves a way that loses much or has become slow.

use super::Peer;
use crate::handover::Cause;
use crate::path::Verdict;
use crate::peers::Env;
use std::time::{Duration, Instant};

/// Pause between looks at the ways while there is traffic, and when there is reason to.
const WATCHED: Duration = Duration::from_secs(3);
const SUSPECTED: Duration = Duration::from_secs(1);
/// How long they are looked at after the last packet.
const BUSY: Duration = Duration::from_secs(10);

impl Peer {
    /// When the ways are looked at next: if there are several WANs, and traffic.
    pub(super) fn standby_due(&self) -> Option<Instant> {
        let suspected = self.paths.is_suspected();
        let again = self.compared? + if suspected { SUSPECTED } else { WATCHED };
        let in_use = self.traffic.last + BUSY > again;
        (in_use && self.watch.lost_since.is_none()).then_some(again)
    }

    /// Challenges the way in use and the best one over each other WAN; those that cost money as seldom as will do.
    pub(super) fn watch_standby(&mut self, env: &mut Env<'_>, now: Instant) {
        if self.standby_due().is_none_or(|due| due > now) {
            return;
        }
        self.compared = Some(now);
        let used = self.paths.active_path();
        let standbys = self.paths.standbys();
        if standbys.is_empty() {
            return;
        }
        for path in standbys.into_iter().chain(used) {
            let costs = Some(path) != used && env.metered.contains(&path.local);
            if !(costs && self.paths.was_challenged(path, env.keep_warm, now)) {
                self.send_challenge(path, env, now);
            }
        }
        self.compare(env, now);
    }

    /// Takes a better way if the one in use has become poor.
    pub(super) fn compare(&mut self, env: &mut Env<'_>, now: Instant) {
        let before = self.paths.evidence();
        match self.paths.judge(now) {
            Verdict::Same => {}
            // The peer must count the same.
            Verdict::Other => self.challenge_all(env, now),
            Verdict::Moved => {
                self.hand_over(Cause::Quality, env, now);
                self.leave(before, now);
                self.challenge_all(env, now);
                self.way_changed(env, now);
            }
        }
    }
}
