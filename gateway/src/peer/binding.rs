//! Our end of a relayed path: prove ourselves to the relay, keep the binding fresh, notice when the relay is gone.

use crate::Reject;
use ntm_proto::bind::{Binding, is_authentic};
use ntm_proto::id::PathId;
use ntm_proto::message::RelayLeg;
use ntm_proto::random::Random;
use ntm_proto::wire::Kind;
use ntm_proto::{NOTICE_HEED_INTERVAL, Path};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Pause between refreshes of a binding: holds the NAT's mapping and shows that the relay lives.
const REFRESH: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Pause between doubts of a binding.
const DOUBT_PAUSE: Duration = Duration::from_millis(500);
/// Unanswered refreshes after which a binding counts as lost, and for how long at least.
const GIVE_UP_AFTER: u32 = 4;
const PATIENCE: Duration = Duration::from_millis(1500);

/// One end's view of a relay.
pub(crate) struct RelayEnd {
    leg: RelayLeg,
    path_id: PathId,
    /// The ways to the relay, best first, and the one in use.
    routes: Vec<Path>,
    route: usize,
    nonce: [u8; 8],
    /// Since when Binds with it have been sent.
    asked: Instant,
    bound: Option<Path>,
    /// When the relay last said that it knows us.
    bound_at: Option<Instant>,
    /// By which way it last said so, and as what it saw us.
    seen: Option<(Path, SocketAddr)>,
    /// Whether nobody needs the relay now: then it hears nothing from us and forgets us by itself.
    asleep: bool,
    again: Instant,
    pause: Duration,
    unanswered: u32,
    notice_heeded: Option<Instant>,
}

/// What came of a binding message.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// Answer the relay's challenge with this.
    Confirm(Path, Vec<u8>),
    /// The same, and what follows by the same way finds us bound.
    First(Path, Vec<u8>),
    /// The relay knows us at this way, and sees us under this address.
    Bound(Path, Option<SocketAddr>),
    /// The same, and it saw us elsewhere before: what we sent in between it has refused.
    Rebound(Path, SocketAddr),
}

impl RelayEnd {
    pub(crate) fn new(
        leg: RelayLeg,
        path_id: PathId,
        sockets: &[SocketAddr],
        random: &mut Random,
        now: Instant,
    ) -> Self {
        let mut end = Self {
            leg,
            path_id,
            routes: Vec::new(),
            route: 0,
            nonce: random.bytes(),
            asked: now,
            bound: None,
            bound_at: None,
            seen: None,
            asleep: false,
            again: now,
            pause: FIRST_PAUSE,
            unanswered: 0,
            notice_heeded: None,
        };
        end.sockets_changed(sockets, now);
        end
    }

    /// Whether this is about the same binding.
    pub(crate) fn is_for(&self, leg: &RelayLeg, path_id: PathId) -> bool {
        self.leg == *leg && self.path_id == path_id
    }

    /// The way by which the relay knows us.
    pub(crate) fn bound(&self) -> Option<Path> {
        self.bound
    }

    /// Our sockets are now these: bind again, at once, from one that is left.
    pub(crate) fn sockets_changed(&mut self, sockets: &[SocketAddr], now: Instant) {
        let relays = &self.leg.addresses;
        self.unanswered = 0;
        let ways = sockets.iter().flat_map(|local| {
            let same_family = relays
                .iter()
                .filter(|remote| remote.is_ipv4() == local.is_ipv4());
            same_family.map(|remote| Path {
                local: *local,
                remote: *remote,
            })
        });
        self.routes = ways.collect();
        if self.bound.is_none_or(|bound| !self.routes.contains(&bound)) {
            self.unbind();
            self.route = 0;
        }
        self.refresh(now);
    }

    /// Nobody needs the relay for now.
    pub(crate) fn rest(&mut self) {
        (self.asleep, self.unanswered) = (true, 0);
        self.unbind();
    }

    /// The relay is needed (again).
    pub(crate) fn wake(&mut self, now: Instant) {
        if std::mem::take(&mut self.asleep) {
            self.refresh(now);
        }
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// The binding is in doubt: refresh it now, unless that is under way or the relay said so a moment ago.
    pub(crate) fn probe(&mut self, now: Instant) {
        let rested = |at| now.duration_since(at) >= DOUBT_PAUSE;
        if self.bound.is_none() || self.bound_at.is_none_or(rested) {
            self.refresh(now);
        }
    }

    fn refresh(&mut self, now: Instant) {
        if self.unanswered == 0 {
            self.again = now;
            self.pause = FIRST_PAUSE;
        }
    }

    /// What it saw us as belongs to the binding.
    fn unbind(&mut self) {
        (self.bound, self.seen) = (None, None);
    }

    /// Whether `address` is the relay's.
    pub(crate) fn is_at(&self, address: SocketAddr) -> bool {
        self.leg.addresses.contains(&address)
    }

    /// Somebody says from the relay's address that it does not know us. Anybody can say so: it makes us ask the relay, and
    /// only if that has been asked in vain already do we believe it. Whether we do.
    pub(crate) fn disowned(&mut self, now: Instant) -> bool {
        let rested = self
            .notice_heeded
            .is_none_or(|at| now.duration_since(at) >= NOTICE_HEED_INTERVAL);
        if !rested {
            return false;
        }
        self.notice_heeded = Some(now);
        if self.unanswered == 0 {
            self.refresh(now);
            return false;
        }
        self.unbind();
        true
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        (!self.routes.is_empty() && !self.asleep).then_some(self.again)
    }

    /// The Bind that is due; without an answer there is another after `longest` at the latest. Whether the binding
    /// counts as lost now is seen by [`Self::bound`].
    pub(crate) fn due(
        &mut self,
        longest: Duration,
        random: &mut Random,
        now: Instant,
    ) -> Option<(Path, Vec<u8>)> {
        if self.again > now || self.routes.is_empty() || self.asleep {
            return None;
        }
        let old = now.duration_since(self.asked) >= PATIENCE;
        if self.unanswered >= GIVE_UP_AFTER && old && self.bound.is_some() {
            self.unbind();
            self.unanswered = 0;
        }
        let path = self.bound.unwrap_or_else(|| {
            let path = self.routes[self.route % self.routes.len()];
            self.route = (self.route + 1) % self.routes.len();
            path
        });
        // One nonce for all repetitions, so that an answer that is late still counts.
        if self.unanswered == 0 {
            self.nonce = random.bytes();
            self.asked = now;
        }
        self.again = now + self.pause;
        self.pause = (self.pause * 2).min(longest);
        self.unanswered += 1;
        let bind = Binding {
            kind: Kind::RelayBind,
            path: self.path_id,
            nonce: self.nonce,
            challenge: [0; 16],
            observed: None,
        };
        Some((path, bind.encode(&self.leg.key)))
    }

    /// Takes a message of the relay.
    pub(crate) fn handle(
        &mut self,
        path: Path,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Step, Reject> {
        let binding = Binding::decode(datagram).map_err(|_| Reject::MalformedDatagram)?;
        if !is_authentic(datagram, &self.leg.key) || binding.nonce != self.nonce {
            return Err(Reject::Forged);
        }
        if !self.routes.contains(&path) {
            return Err(Reject::UnknownPath);
        }
        match binding.kind {
            // Without a Bind under way it is a copy.
            Kind::RelayChallenge if self.unanswered > 0 => {
                let confirm = Binding {
                    kind: Kind::RelayConfirm,
                    observed: None,
                    ..binding
                };
                let confirm = confirm.encode(&self.leg.key);
                match self.bound {
                    Some(bound) if bound == path => Ok(Step::Confirm(path, confirm)),
                    // It would take us there from where we are.
                    Some(_) => Err(Reject::UnexpectedMessage),
                    None => {
                        // Unless this is lost: then the Bind is said again.
                        (self.bound, self.unanswered) = (Some(path), 1);
                        self.asked = now;
                        Ok(Step::First(path, confirm))
                    }
                }
            }
            Kind::RelayBound if self.unanswered > 0 => {
                (self.bound, self.bound_at) = (Some(path), Some(now));
                self.unanswered = 0;
                self.pause = FIRST_PAUSE;
                self.again = now + REFRESH;
                let Some(observed) = binding.observed else {
                    return Ok(Step::Bound(path, None));
                };
                let before = self.seen.replace((path, observed));
                Ok(match before {
                    Some((same, other)) if same == path && other != observed => {
                        Step::Rebound(path, observed)
                    }
                    Some(_) | None => Step::Bound(path, Some(observed)),
                })
            }
            Kind::HandshakeInit
            | Kind::HandshakeResponse
            | Kind::CookieReply
            | Kind::Control
            | Kind::Data
            | Kind::Notice
            | Kind::RelayBind
            | Kind::RelayBound
            | Kind::RelayChallenge
            | Kind::RelayConfirm => Err(Reject::UnexpectedMessage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_proto::bind::LegKey;
    use ntm_proto::id::NodeId;

    /// The relay's message in answer to the Bind that is due.
    fn answer(kind: Kind, bind: &[u8], key: &LegKey) -> Vec<u8> {
        let bind = Binding::decode(bind).expect("a Bind");
        let seen = "198.51.100.2:4750".parse().expect("an address");
        let observed = (kind == Kind::RelayBound).then_some(seen);
        let answer = Binding {
            kind,
            observed,
            ..bind
        };
        answer.encode(key)
    }

    #[test]
    fn a_binding_that_was_confirmed_waits_for_a_slow_relay() {
        let (start, mut random) = (Instant::now(), Random::from_seed([1; 32]));
        let (key, way) = (LegKey([7; 32]), "10.0.0.2:4750".parse().unwrap());
        let leg = RelayLeg {
            relay: NodeId::from_random([1; 16]),
            addresses: vec!["203.0.113.20:4750".parse().unwrap()],
            key,
        };
        let mut end = RelayEnd::new(leg, PathId(9), &[way], &mut random, start);
        let pause = Duration::from_millis(50);
        let (mut now, mut bind) = (start, Vec::new());
        // A relay that is far away, asked for long.
        while now < start + Duration::from_secs(3) {
            if let Some((_, datagram)) = end.due(pause, &mut random, now) {
                bind = datagram;
            }
            now += Duration::from_millis(10);
        }
        let path = end.routes[0];
        let challenge = answer(Kind::RelayChallenge, &bind, &key);
        assert!(matches!(
            end.handle(path, &challenge, now),
            Ok(Step::First(..))
        ));
        for _ in 0..50 {
            now += Duration::from_millis(10);
            let _ = end.due(pause, &mut random, now);
            assert_eq!(end.bound(), Some(path));
        }
        let elsewhere = Path {
            local: "10.9.0.2:4750".parse().unwrap(),
            ..path
        };
        assert!(end.handle(elsewhere, &challenge, now).is_err());
        let receipt = answer(Kind::RelayBound, &bind, &key);
        assert!(matches!(
            end.handle(path, &receipt, now),
            Ok(Step::Bound(..))
        ));
        // Its next refresh shows that the NAT has another outside now.
        now += REFRESH;
        let (_, bind) = end.due(pause, &mut random, now).expect("a refresh");
        let elsewhere = "198.51.100.3:4750".parse().expect("an address");
        let receipt = Binding::decode(&answer(Kind::RelayBound, &bind, &key)).unwrap();
        let receipt = Binding {
            observed: Some(elsewhere),
            ..receipt
        };
        let receipt = receipt.encode(&key);
        let step = end.handle(path, &receipt, now);
        assert_eq!(step, Ok(Step::Rebound(path, elsewhere)));
        let copy = end.handle(path, &receipt, now);
        assert_eq!(copy, Err(Reject::UnexpectedMessage));
        assert!(end.handle(path, &challenge, now).is_err(), "a copy, too");
    }
}
