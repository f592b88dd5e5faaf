//! What a peer's tunnel does around a move, ours or the other end's, so that nothing is lost by it.
//!
//! What was sent since the way in use was surely alive is sent again by the next one. Around a planned change of
//! ways everything goes by both for about a round trip.

use super::{Peer, has_several, is_usable};
use crate::Output;
use crate::handover::Cause;
use crate::path::Evidence;
use crate::peers::Env;
use ntm_proto::Path;
use ntm_proto::message::Standing;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long both ways are used around a planned change, at least and at most.
const COPIES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));

/// Longest datagram that is copied only because the way in use has not proved itself: a call's, or a keystroke's.
const SHORT: usize = 512;

/// How long at most while the way in use is in doubt.
const DOUBT: Duration = Duration::from_secs(2);

/// Ways by which what may be lost was sent again that are remembered, and the pause before it goes by the same once more.
const AGAIN_BY: usize = 4;
const AGAIN_PAUSE: Duration = Duration::from_secs(2);

/// How often the peer's moves make us send again what went by a way that is sure: once in this time, and some more in a row. A
/// way that answered late looks sure, and is not there any more.
const RESENT_PAUSE: Duration = Duration::from_millis(50);
const RESENT_IN_A_ROW: u32 = 4;

/// Where a move stands.
#[derive(Default)]
pub(super) struct Moving {
    /// What left since then may be lost.
    lost_from: Option<Instant>,
    /// By which ways it was sent again, and when; the newest first.
    again_by: [Option<(Path, Instant)>; AGAIN_BY],
    /// Until then what was sent again by ways that are sure is enough, at one in a pause.
    resent: Option<Instant>,
    /// By which way that was not sure a packet left last.
    pub(super) left_by: Option<Path>,
    /// Whether traffic has leaned on the relay since the way in use was last sure, or a socket of ours was new.
    pub(super) leaned: bool,
    /// Copies go by this way, too, until then or until doubt is over.
    copies: Option<Copies>,
}

#[derive(Clone, Copy)]
struct Copies {
    path: Path,
    until: Instant,
    why: Copying,
}

/// Why copies are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copying {
    /// The way in use changes as it was meant to.
    Planned,
    /// It is in doubt.
    Doubt,
    /// It has not proved itself, and may not for long. Of what is short only: nobody waits for the rest so much that it
    /// should be in its way.
    Unsure,
}

impl Peer {
    /// Our sockets, or their order, changed: speak from those that are left, at once and by all ways.
    pub(crate) fn sockets_changed(&mut self, env: &mut Env<'_>, now: Instant) {
        let before = self.paths.evidence();
        self.paths.move_to(env.sockets);
        self.paths.direct(env.sockets, &self.candidates);
        if let Some(relay) = &mut self.relay {
            relay.sockets_changed(env.sockets, now);
            self.paths.relay_bound(relay.bound());
        }
        self.paths.rank(env.ranks, env.metered, now);
        self.moving.leaned = false;
        self.compared = has_several(env).then_some(now);
        let copies = self.moving.copies.take();
        self.moving.copies = copies.filter(|it| env.sockets.contains(&it.path.local));
        let old = before.as_ref().map(|before| before.path);
        let is_gone = old.is_some_and(|old| self.paths.all().all(|path| path != old));
        if old.is_some() && !is_gone {
            if self.paths.active_path() != old {
                self.hand_over(Cause::Preferred, env, now);
                self.copy_by(old, now);
                self.way_changed(env, now);
            }
        } else {
            if old.is_some() {
                self.hand_over(Cause::OwnMove, env, now);
            }
            self.note_loss(before, now);
        }
        if !env.sockets.is_empty() {
            self.record(|handover| handover.addressed(now));
        }
        self.bind(env, now);
        self.challenge_all(env, now);
        if is_gone && self.paths.is_sure() {
            self.way_changed(env, now);
        } else {
            self.release(env, now);
        }
        self.trial.begin(now);
        self.hasten_request(env, now);
        self.watch.sockets_changed(!env.sockets.is_empty(), now);
    }

    /// The relay sees us elsewhere than before: a NAT has forgotten us, or moved. Until it heard us there it refused what
    /// we sent, and what it sent us was lost: the peer shall know.
    pub(super) fn outside_moved(&mut self, env: &mut Env<'_>, now: Instant) {
        self.hand_over(Cause::OwnMove, env, now);
        self.note_loss(self.paths.evidence_before(now), now);
        self.paths.bump_era();
        self.way_recorded(env, now);
        self.challenge_all(env, now);
        self.release(env, now);
    }

    /// Takes what the peer says of the way it speaks by: it may have moved, or like another one better.
    pub(super) fn heed(&mut self, path: Path, standing: Standing, env: &mut Env<'_>, now: Instant) {
        let before = self.paths.evidence_before(now);
        let said = self.paths.peer_says(path, standing, now);
        let rested = |enough| enough <= now + RESENT_PAUSE * (RESENT_IN_A_ROW - 1);
        if said.moved {
            // Who moves more often is not worth it, or means us ill.
            if self.moving.resent.is_none_or(rested) {
                self.hand_over(Cause::PeerMoved, env, now);
                self.note_loss(before, now);
                self.way_recorded(env, now);
            }
        } else if said.changed {
            self.hand_over(Cause::PeerPrefers, env, now);
            self.leave(before, now);
        }
        if said.changed && self.paths.is_sure() {
            self.way_changed(env, now);
        } else if said.moved || said.changed {
            self.release(env, now);
        }
    }

    /// The peer says through the relay where it may be found: the DC may know nothing of it, or be gone.
    pub(super) fn heed_outside(
        &mut self,
        path: Path,
        outside: &[SocketAddr],
        env: &Env<'_>,
        now: Instant,
    ) {
        if !self.is_relayed(path) {
            return;
        }
        let usable = outside.iter().copied();
        let usable: Vec<SocketAddr> = usable.filter(|it| is_usable(*it, env.setup)).collect();
        if self.paths.suggest(env.sockets, &usable, now) {
            self.trial.begin(now);
        }
    }

    /// The DC has given the peer other candidates. If it is not any more where our traffic goes, the traffic goes where
    /// it is now.
    pub(super) fn heed_candidates(
        &mut self,
        before: &[SocketAddr],
        env: &mut Env<'_>,
        now: Instant,
    ) {
        let Some(active) = self.paths.active_path() else {
            return;
        };
        let is_left = before.contains(&active.remote) && !self.candidates.contains(&active.remote);
        if !is_left {
            return;
        }
        let evidence = self.paths.evidence();
        if self.paths.follow(active, &self.candidates) {
            self.hand_over(Cause::PeerMoved, env, now);
            self.note_loss(evidence, now);
        }
    }

    /// The relay does not know us any more, or we let it go: what went through it takes the next best way.
    pub(super) fn relay_is_gone(&mut self, env: &mut Env<'_>, now: Instant) {
        let before = self.paths.evidence();
        self.paths.relay_bound(None);
        let Some(old) = before.map(|before| before.path) else {
            return;
        };
        if self.paths.active_path() == Some(old) {
            return;
        }
        self.hand_over(Cause::RelayLost, env, now);
        self.note_loss(before, now);
        if self.paths.is_sure() {
            self.way_changed(env, now);
        } else {
            self.release(env, now);
        }
    }

    /// What left since the way of this `evidence` was surely alive may be lost.
    pub(super) fn note_loss(&mut self, evidence: Option<Evidence>, now: Instant) {
        let Some(evidence) = evidence else { return };
        let from = evidence.alive_until(now);
        let moving = &mut self.moving;
        moving.lost_from = Some(moving.lost_from.map_or(from, |old| old.min(from)));
        moving.again_by = [None; AGAIN_BY];
        moving.copies = None;
    }

    /// Sends again what may be lost by each way that traffic takes, until one has proved itself; seldom by the same.
    /// The last `ahead` datagrams have left just now.
    pub(super) fn send_again(&mut self, ahead: usize, env: &mut Env<'_>, now: Instant) {
        let (Some(from), Some(path)) = (self.moving.lost_from, self.paths.active_path()) else {
            return;
        };
        // What left by this way before it proved itself may not have arrived either: the peer's NAT may have let in
        // nobody yet.
        let is_sure = self.paths.is_sure();
        let rested = |(by, at)| by != path || now.duration_since(at) >= AGAIN_PAUSE;
        if is_sure || self.moving.again_by.into_iter().flatten().all(rested) {
            self.moving.again_by.rotate_right(1);
            self.moving.again_by[0] = Some((path, now));
            let mut count = 0;
            let all = self.recent.since(from, now, |tag| self.waiting.has(tag));
            for datagram in &all[..all.len().saturating_sub(ahead)] {
                if self.paths.carry(datagram.len(), now).is_none() {
                    break;
                }
                let datagram = datagram.to_vec();
                env.output.push_back(Output::Send { path, datagram });
                count += 1;
            }
            self.record(|handover| handover.again += count);
        }
        if is_sure {
            self.moving.lost_from = None;
            let enough = self.moving.resent.map_or(now, |enough| enough.max(now));
            self.moving.resent = Some(enough + RESENT_PAUSE);
        }
    }

    /// Gives memory back that nothing is to be sent again from.
    pub(super) fn tidy(&mut self, now: Instant) {
        self.keys.tidy(now);
        if self.moving.lost_from.is_none()
            && let Some(evidence) = self.paths.evidence()
            && let Some(arrived) = evidence.arrived_until()
        {
            self.recent.tidy(arrived, now);
        }
    }

    /// The way in use may be dead: until that is clear, everything goes by the next best one, too.
    pub(super) fn doubt(&mut self, env: &mut Env<'_>, now: Instant) {
        let (Some(second), Some(evidence)) = (self.paths.second(now), self.paths.evidence()) else {
            return;
        };
        // What was copied already need not go again.
        if self.copies(SHORT + 1, now) == Some(second) {
            return;
        }
        let waits = |tag| self.waiting.has(tag);
        for datagram in self.recent.since(evidence.alive_until(now), now, waits) {
            let (path, datagram) = (second, datagram.to_vec());
            env.output.push_back(Output::Send { path, datagram });
        }
        self.moving.copies = Some(Copies {
            path: second,
            until: now + DOUBT,
            why: Copying::Doubt,
        });
    }

    /// The relay is bound by `path` after a move of ours. As long as the DC has not spoken of our new address, nobody has
    /// told the peer of it, whose NAT may let in nothing from there: it hears of us by the relay.
    pub(super) fn tell_by_relay(&mut self, path: Path, env: &mut Env<'_>, now: Instant) {
        let Some(from) = self.moving.lost_from else {
            return;
        };
        let is_untold = env.unheard.contains(&path.local) && !self.paths.is_sure();
        if !is_untold || self.paths.active_path() == Some(path) {
            return;
        }
        self.send_challenge(path, env, now);
        if self.copies(0, now) == Some(path) {
            return;
        }
        let all = self.recent.since(from, now, |tag| self.waiting.has(tag));
        for datagram in all.into_iter().filter(|it| it.len() <= SHORT) {
            let datagram = datagram.to_vec();
            env.output.push_back(Output::Send { path, datagram });
        }
        self.moving.copies = Some(Copies {
            path,
            until: now + COPIES.1,
            why: Copying::Unsure,
        });
    }

    /// By which way a copy of the datagram of this length that is sent now goes, if by any.
    pub(crate) fn copies(&self, length: usize, now: Instant) -> Option<Path> {
        let copies = self.moving.copies?;
        let is_due = match copies.why {
            Copying::Planned => true,
            Copying::Doubt => self.watch.is_doubtful(),
            Copying::Unsure => length <= SHORT && !self.paths.is_sure(),
        };
        let is_other = self.paths.active_path() != Some(copies.path);
        (now < copies.until && is_due && is_other).then_some(copies.path)
    }

    /// Traffic leaves a way for a better one. It may be better because the old one has died.
    pub(super) fn leave(&mut self, old: Option<Evidence>, now: Instant) {
        let lately = now.checked_sub(self.paths.pace());
        if let (Some(old), Some(lately)) = (&old, lately)
            && old.is_silent_since(lately)
        {
            self.note_loss(Some(*old), now);
        }
        self.copy_by(old.map(|old| old.path), now);
    }

    /// What is sent in the next moments goes by `path`, too.
    fn copy_by(&mut self, path: Option<Path>, now: Instant) {
        let rtt = self.paths.active().and_then(|way| way.rtt);
        let long = rtt.unwrap_or_default().clamp(COPIES.0, COPIES.1);
        self.moving.copies = path.map(|path| Copies {
            path,
            until: now + long,
            why: Copying::Planned,
        });
    }
}
