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
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Unanswered refreshes after which a binding counts as lost.
const GIVE_UP_AFTER: u32 = 4;

/// One end's view of a relay.
pub(crate) struct RelayEnd {
    leg: RelayLeg,
    path_id: PathId,
    /// The ways to the relay, best first, and the one in use.
    routes: Vec<Path>,
    route: usize,
    nonce: [u8; 8],
    bound: Option<Path>,
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
    /// Answer the relay's challenge.
    Send(Path, Vec<u8>),
    /// The relay knows us at this way, and sees us under this address.
    Bound(Path, Option<SocketAddr>),
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
            bound: None,
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
            self.bound = None;
            self.route = 0;
        }
        self.probe(now);
    }

    /// Nobody needs the relay for now.
    pub(crate) fn rest(&mut self) {
        (self.asleep, self.bound, self.unanswered) = (true, None, 0);
    }

    /// The relay is needed (again).
    pub(crate) fn wake(&mut self, now: Instant) {
        if std::mem::take(&mut self.asleep) {
            self.probe(now);
        }
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// The binding is in doubt: refresh it now, unless that is under way.
    pub(crate) fn probe(&mut self, now: Instant) {
        if self.unanswered == 0 {
            self.again = now;
            self.pause = FIRST_PAUSE;
        }
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
            self.probe(now);
            return false;
        }
        self.bound = None;
        true
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        (!self.routes.is_empty() && !self.asleep).then_some(self.again)
    }

    /// The Bind that is due. Whether the binding counts as lost now is seen by [`Self::bound`].
    pub(crate) fn due(&mut self, random: &mut Random, now: Instant) -> Option<(Path, Vec<u8>)> {
        if self.again > now || self.routes.is_empty() || self.asleep {
            return None;
        }
        if self.unanswered >= GIVE_UP_AFTER && self.bound.take().is_some() {
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
        }
        self.again = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
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
            Kind::RelayChallenge => {
                let confirm = Binding {
                    kind: Kind::RelayConfirm,
                    observed: None,
                    ..binding
                };
                Ok(Step::Send(path, confirm.encode(&self.leg.key)))
            }
            Kind::RelayBound => {
                self.bound = Some(path);
                self.unanswered = 0;
                self.pause = FIRST_PAUSE;
                self.again = now + REFRESH;
                Ok(Step::Bound(path, binding.observed))
            }
            Kind::HandshakeInit
            | Kind::HandshakeResponse
            | Kind::CookieReply
            | Kind::Control
            | Kind::Data
            | Kind::Notice
            | Kind::RelayBind
            | Kind::RelayConfirm => Err(Reject::UnexpectedMessage),
        }
    }
}
