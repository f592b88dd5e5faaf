//! Keeps the record of the tunnel's latest handover. What is over is filed when the next one begins.

use super::Peer;
use crate::handover::{Cause, Handover, Hop};
use crate::peers::Env;
use ntm_proto::Path;
use std::time::{Duration, Instant};

/// How long the longest pause between two of the other end's packets is remembered.
const PAUSED: Duration = Duration::from_secs(1);

impl Peer {
    /// The tunnel takes another way, or looks for one.
    pub(super) fn hand_over(&mut self, cause: Cause, env: &mut Env<'_>, now: Instant) {
        if self.used.is_none() {
            return;
        }
        let latest = self.handover.as_mut();
        if let Some(latest) = latest.filter(|latest| latest.goes_on(now)) {
            return latest.join(cause);
        }
        let silence = self.watch.silence(now);
        let detect = silence.filter(|_| cause == Cause::Silence);
        let traffic = &self.traffic;
        let (peer, arrived) = (self.name.clone(), traffic.arrived);
        let mut new = Handover::new(peer, cause, self.used, detect, arrived, now);
        let began = now.checked_sub(detect.unwrap_or_default());
        // Copies may have come by another way since the way in use fell silent.
        let since = |(_, end): &(Duration, Instant)| began.is_some_and(|began| *end >= began);
        if let Some((long, _)) = traffic.paused.filter(since) {
            new.paused(long);
        }
        if let Some(old) = self.handover.replace(new) {
            env.handovers.file(old);
        }
    }

    /// The way in use is sure, or changes to one that is.
    pub(super) fn way_recorded(&mut self, env: &mut Env<'_>, now: Instant) {
        let used = self.paths.active().map(|way| Hop {
            path: way.path,
            relayed: way.relayed,
        });
        let Some(hop) = used.filter(|_| self.paths.is_sure()) else {
            return;
        };
        if self.used.is_some_and(|used| used.path != hop.path) {
            let is_fleeing = self.watch.is_doubtful();
            let cause = if is_fleeing {
                Cause::Silence
            } else {
                Cause::Better
            };
            self.hand_over(cause, env, now);
        }
        self.used = Some(hop);
        self.record(|handover| {
            if handover.goes_on(now) {
                handover.proven(hop, now);
            }
        });
    }

    /// An inner packet came by `path`.
    pub(super) fn arrived(&mut self, path: Path, now: Instant) {
        let traffic = &mut self.traffic;
        let last = traffic.arrived.replace(now);
        if let Some(long) = last.map(|last| now.duration_since(last)) {
            let is_more = |(most, end)| long >= most || now.duration_since(end) >= PAUSED;
            if traffic.paused.is_none_or(is_more) {
                traffic.paused = Some((long, now));
            }
        }
        if let Some(handover) = &mut self.handover {
            handover.arrived(path, last, now);
        }
    }

    /// The DC answered our registration.
    pub(crate) fn registered(&mut self, now: Instant) {
        self.record(|handover| handover.registered(now));
    }

    /// Notes something about the handover that is or was the latest.
    pub(super) fn record(&mut self, note: impl FnOnce(&mut Handover)) {
        if let Some(handover) = &mut self.handover {
            note(handover);
        }
    }

    /// The latest handover.
    pub(crate) fn handover(&self) -> Option<&Handover> {
        self.handover.as_ref()
    }
}
