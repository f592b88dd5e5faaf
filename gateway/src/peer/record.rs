//! Keeps the record of the tunnel's latest handover. What is over is filed when the next one begins.

use super::Peer;
use crate::handover::{Cause, Handover, Hop};
use crate::peers::Env;
use ntm_proto::Path;
use std::time::Instant;

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
        let (peer, arrived) = (self.name.clone(), self.traffic.arrived);
        let new = Handover::new(peer, cause, self.used, detect, arrived, now);
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
            self.hand_over(Cause::Better, env, now);
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
        let last = self.traffic.arrived.replace(now);
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
