//! What the peer says and shows: new keys, a new way, challenges and their answers.

use super::{Opened, Peer};
use crate::peers::Env;
use ntm_proto::Path;
use ntm_proto::message::{Message, PathResponse};
use std::time::Instant;

impl Peer {
    /// Acts on what a datagram showed: new keys, a new way.
    pub(crate) fn opened(&mut self, opened: Opened, path: Path, env: &mut Env<'_>, now: Instant) {
        if opened.confirmed {
            // The peer has the keys that we sent to where its request came from. If it speaks from there, it
            // received there; from anywhere else it has to prove itself first.
            let answered = self.answered.take();
            let asked = answered
                .filter(|answered| answered.paths.len() == 1 && answered.paths.contains(&path));
            match asked {
                Some(answered) => self.way_proven(path, answered.at, env, now),
                None => {
                    self.paths.heard(path, false, now);
                }
            }
        }
        if opened.confirmed {
            self.outgoing = None;
            // Everything else that may work is tried now that there are keys to try it with.
            self.challenge_all(env, now);
            self.trial.begin(now);
            self.release(env, now);
        } else if opened.wants_challenge && self.paths.is_relay(path) && !self.is_relayed(path) {
            // The other end has gone to the relay, where we are not bound any more.
            self.want_relay(now);
            self.bind(env, now);
        } else if opened.wants_challenge {
            self.send_challenge(path, env, now);
        }
        if opened.goes_on {
            self.release(env, now);
        }
    }

    /// Takes a control message that was opened.
    pub(crate) fn handle_message(
        &mut self,
        path: Path,
        message: &Message,
        env: &mut Env<'_>,
        now: Instant,
    ) -> bool {
        match message {
            Message::PathChallenge(challenge) => {
                let observed = (!self.is_relayed(path)).then_some(path.remote);
                let response = PathResponse {
                    token: challenge.token,
                    observed,
                    standing: self.paths.standing(path, env.epoch),
                };
                self.heed(path, challenge.standing, env, now);
                self.heed_outside(path, &challenge.outside, env, now);
                let response = Message::PathResponse(response);
                for way in self.paths.answer_by(path) {
                    self.send(&response, way, env, now);
                }
            }
            Message::PathResponse(response) => {
                let of_active = self.paths.is_asked_of_active(response.token);
                let before = self.paths.evidence().filter(|_| self.paths.is_direct());
                let (rtt, changed) = self.paths.answered(path, response.token, now);
                if let (Some(rtt), Some(before)) = (rtt, before)
                    && changed
                    && before.is_silent_since(now - rtt)
                {
                    // It has left where it was without a word: what went there lately may not have arrived.
                    self.note_loss(Some(before), now);
                }
                self.heed(path, response.standing, env, now);
                if let Some(rtt) = rtt {
                    if of_active {
                        self.watch.heard(now);
                        self.watch.asks = 0;
                    }
                    self.watch.answered = Some((response.token, path, rtt));
                }
                if rtt.is_some() && !of_active && self.watch.is_doubtful() {
                    self.doubt(env, now);
                }
                if changed || (rtt.is_some() && self.watch.lost_since.is_some()) {
                    self.way_changed(env, now);
                }
                if self.compared.is_some() {
                    self.compare(env, now);
                }
            }
            Message::SizeProbe(probe) => {
                self.send(&Message::SizeProbeResponse(*probe), path, env, now);
            }
            Message::SizeProbeResponse(probe) => self.size_answered(probe.token, env, now),
            Message::RegistrationRequest(_)
            | Message::RelayRegistration(_)
            | Message::RegistrationResponse(_)
            | Message::DeviceRequest(_)
            | Message::DeviceOrder(_)
            | Message::DeviceResponse(_)
            | Message::KeepAlive(_)
            | Message::KeepAliveResponse(_)
            | Message::DirectionRequest(_)
            | Message::RouteDirection(_)
            | Message::DirectionRefused(_)
            | Message::RelayDirection(_)
            | Message::DirectionAck(_)
            | Message::TunnelClosed(_)
            | Message::Domains(_)
            | Message::MappingProbe(_)
            | Message::MappingProbeResponse(_)
            | Message::Peer(_) => return false,
        }
        true
    }
}
