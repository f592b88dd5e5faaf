//! The client's half of a control session: how a gateway or relay stays connected with its DC.
//!
//! A link starts a handshake when told to ([`Link::connect`]) and repeats its first message with growing pauses
//! until the DC answers. It renews the session by age and keeps the last one until the next has proved itself,
//! so there is no moment without keys. It knows nothing of addresses: its owner sends what [`Link::poll_output`]
//! gives to whichever address of the DC it thinks best, and hands it what came back.
//!
//! A Notice ("unknown session") makes it start a handshake beside the session it has, at most once in
//! [`crate::NOTICE_HEED_INTERVAL`]; a forged one costs one datagram.

use crate::cookie::Cookie;
use crate::handshake::{Context, HandshakeError, Initiator, Purpose};
use crate::id::PathId;
use crate::key::{PublicKey, SecretKey};
use crate::message::Message;
use crate::random::Random;
use crate::session::{Session, SessionError};
use crate::wire::{DecodeError, Kind, Opening};
use crate::{NOTICE_HEED_INTERVAL, cookie};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Pause before the first repetition of a handshake message; doubles up to [`LONGEST_PAUSE`].
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between repetitions: what a user waits at most after the network is back.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What a datagram from the DC was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Received {
    /// The link is up; the owner says something at once, so that the DC knows its answer arrived.
    /// `renewed`: it was up before, and the DC has no reason to have forgotten us.
    Up {
        /// Whether this replaces, by age alone, a session that still lived.
        renewed: bool,
    },
    /// A message.
    Message(Box<Message>),
    /// Something between the two ends of the link alone.
    Nothing,
}

/// Why a datagram was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum LinkReject {
    /// Not a datagram we know.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// For a session or handshake we do not have.
    #[error("unknown session")]
    UnknownSession,
    /// It did not open.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A handshake answer that is none.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

/// The link of one node with its DC.
pub struct Link {
    local: SecretKey,
    remote: PublicKey,
    random: Random,
    pending: Option<Pending>,
    current: Option<Established>,
    previous: Option<Established>,
    cookie: Option<(Cookie, Instant)>,
    notice_heeded: Option<Instant>,
    output: VecDeque<Vec<u8>>,
    plain: Vec<u8>,
}

struct Pending {
    initiator: Initiator,
    path: PathId,
    again: Instant,
    pause: Duration,
    /// Whether age alone is the reason.
    renewal: bool,
}

struct Established {
    session: Session,
    local: PathId,
    peer: PathId,
}

impl Link {
    /// A link of the owner of `local` with the DC that owns `remote`. Idle until [`Self::connect`].
    pub fn new(local: SecretKey, remote: PublicKey, random: Random) -> Self {
        Self {
            local,
            remote,
            random,
            pending: None,
            current: None,
            previous: None,
            cookie: None,
            notice_heeded: None,
            output: VecDeque::new(),
            plain: Vec::new(),
        }
    }

    /// Starts a handshake now, in place of one that is under way.
    pub fn connect(&mut self, now: Instant) {
        self.start(FIRST_PAUSE, false, now);
    }

    /// Forgets all keys, as after a change that makes them worthless.
    pub fn disconnect(&mut self) {
        self.pending = None;
        self.current = None;
        self.previous = None;
    }

    /// Whether messages can be sent.
    pub fn is_up(&self, now: Instant) -> bool {
        self.current
            .as_ref()
            .is_some_and(|established| !established.session.is_expired(now))
    }

    /// Whether there is a session, expired or not: an expired one ends at the next [`Self::handle_timeout`].
    pub fn has_keys(&self) -> bool {
        self.current.is_some()
    }

    /// Whether a handshake is under way.
    pub fn is_connecting(&self) -> bool {
        self.pending.is_some()
    }

    /// `message` as a sealed datagram; `None` while the link is down.
    pub fn seal(&mut self, message: &Message, now: Instant) -> Option<Vec<u8>> {
        let established = self.current.as_mut()?;
        let mut datagram = Vec::new();
        let plain = message.encode();
        established
            .session
            .seal(Kind::Control, established.peer, &plain, &mut datagram, now)
            .ok()?;
        Some(datagram)
    }

    /// Takes a datagram that came from the DC, or says it did.
    pub fn handle_datagram(
        &mut self,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Received, LinkReject> {
        let opening = Opening::decode(datagram)?;
        match opening.kind {
            Kind::HandshakeResponse => self.finish(opening.receiver, datagram, now),
            Kind::CookieReply => self.take_cookie(opening.receiver, datagram, now),
            Kind::Control => self.open(opening.receiver, datagram, now),
            Kind::Notice => self.heed_notice(opening.receiver, now),
            Kind::HandshakeInit
            | Kind::Data
            | Kind::RelayBind
            | Kind::RelayChallenge
            | Kind::RelayConfirm
            | Kind::RelayBound => Err(LinkReject::Decode(DecodeError::Unknown)),
        }
    }

    /// Repeats, renews and forgets what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(pending) = &self.pending {
            if pending.again <= now {
                let pause = (pending.pause * 2).min(LONGEST_PAUSE);
                // No answer: the DC may have restarted meanwhile, so age is not the only reason any more.
                self.start(pause, false, now);
            }
        } else if self
            .current
            .as_ref()
            .is_some_and(|established| established.session.wants_renewal(now))
        {
            self.start(FIRST_PAUSE, true, now);
        }
        let expired = |e: &Established| e.session.is_expired(now);
        if self.previous.as_ref().is_some_and(expired) {
            self.previous = None;
        }
        if self.current.as_ref().is_some_and(expired) {
            self.current = None;
        }
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let established = [&self.current, &self.previous];
        let ends = established
            .into_iter()
            .flatten()
            .map(|e| e.session.expires_at());
        let renewal = match (&self.pending, &self.current) {
            (Some(pending), _) => Some(pending.again),
            (None, Some(established)) => Some(established.session.renew_at()),
            (None, None) => None,
        };
        ends.chain(renewal).min()
    }

    /// A datagram for the DC.
    pub fn poll_output(&mut self) -> Option<Vec<u8>> {
        self.output.pop_front()
    }

    fn start(&mut self, pause: Duration, renewal: bool, now: Instant) {
        let path = loop {
            let path = PathId(self.random.number());
            let taken = [&self.current, &self.previous]
                .into_iter()
                .flatten()
                .any(|e| e.local == path);
            if path != PathId::NONE && !taken {
                break path;
            }
        };
        let cookie = self
            .cookie
            .filter(|(_, at)| now.duration_since(*at) < cookie::SECRET_LIFE);
        let context = Context {
            local: &self.local,
            purpose: Purpose::Control,
            psk: &[0; 32],
        };
        let (initiator, datagram) = Initiator::start(
            context,
            &self.remote,
            PathId::NONE,
            path,
            &[],
            cookie.as_ref().map(|(cookie, _)| cookie),
            &mut self.random,
        );
        let jitter = Duration::from_millis(self.random.below(pause.as_millis() as u64 / 4));
        self.pending = Some(Pending {
            initiator,
            path,
            again: now + pause + jitter,
            pause,
            renewal,
        });
        self.output.clear();
        self.output.push_back(datagram);
    }

    fn finish(
        &mut self,
        receiver: PathId,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Received, LinkReject> {
        let pending = self
            .pending
            .as_mut()
            .filter(|p| p.path == receiver)
            .ok_or(LinkReject::UnknownSession)?;
        let (keys, peer) = pending.initiator.finish(datagram)?;
        let session = Session::control(&keys, true, now);
        let renewed = pending.renewal && self.is_up(now);
        self.previous = self.current.take();
        self.current = Some(Established {
            session,
            local: receiver,
            peer,
        });
        self.pending = None;
        Ok(Received::Up { renewed })
    }

    fn take_cookie(
        &mut self,
        receiver: PathId,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Received, LinkReject> {
        let pending = self
            .pending
            .as_ref()
            .filter(|p| p.path == receiver)
            .ok_or(LinkReject::UnknownSession)?;
        let cookie = pending
            .initiator
            .take_cookie(datagram)
            .ok_or(HandshakeError::Forged)?;
        let (pause, renewal) = (pending.pause, pending.renewal);
        let known = self.cookie.map(|(known, _)| known);
        self.cookie = Some((cookie, now));
        // The same cookie again would mean that it does not help; then the usual pause applies.
        if known != Some(cookie) {
            self.start(pause, renewal, now);
        }
        Ok(Received::Nothing)
    }

    fn open(
        &mut self,
        receiver: PathId,
        datagram: &[u8],
        now: Instant,
    ) -> Result<Received, LinkReject> {
        let sessions = [&mut self.current, &mut self.previous]
            .into_iter()
            .flatten();
        let established = sessions
            .into_iter()
            .find(|e| e.local == receiver)
            .ok_or(LinkReject::UnknownSession)?;
        established.session.open(datagram, &mut self.plain, now)?;
        Ok(Received::Message(Box::new(Message::decode(&self.plain)?)))
    }

    fn heed_notice(&mut self, path: PathId, now: Instant) -> Result<Received, LinkReject> {
        // A Notice names the session as the DC was addressed: by the DC's own path id. 0 is a DC that has just
        // started and tells everybody it knew.
        let ours = path == PathId::NONE || self.current.as_ref().is_some_and(|e| e.peer == path);
        let recent = self
            .notice_heeded
            .is_some_and(|at| now.duration_since(at) < NOTICE_HEED_INTERVAL);
        if ours && let Some(pending) = &mut self.pending {
            pending.renewal = false;
        } else if ours && !recent {
            self.notice_heeded = Some(now);
            self.start(FIRST_PAUSE, false, now);
        }
        Ok(Received::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::{Request, is_addressed_to};
    use crate::message::{KeepAlive, KeepAliveResponse};

    const HERE: &str = "192.0.2.1:4750";

    struct Dc {
        key: SecretKey,
        random: Random,
        session: Option<(Session, PathId)>,
    }

    impl Dc {
        fn answer(&mut self, init: &[u8], now: Instant) -> Vec<u8> {
            is_addressed_to(init, &cookie::mac1_key(&self.key.public())).unwrap();
            let context = Context {
                local: &self.key,
                purpose: Purpose::Control,
                psk: &[0; 32],
            };
            let request = Request::read(context, init, &mut self.random).unwrap();
            let peer = request.sender;
            let (keys, response) = request.accept(PathId(42)).unwrap();
            self.session = Some((Session::control(&keys, false, now), peer));
            response
        }
    }

    fn ends() -> (Link, Dc, Instant) {
        let mut random = Random::from_seed([6; 32]);
        let (local, key) = (
            SecretKey::generate(&mut random),
            SecretKey::generate(&mut random),
        );
        let link = Link::new(local, key.public(), Random::from_seed([7; 32]));
        (
            link,
            Dc {
                key,
                random,
                session: None,
            },
            Instant::now(),
        )
    }

    #[test]
    fn link_comes_up_talks_and_renews() {
        let (mut link, mut dc, now) = ends();
        link.connect(now);
        let response = dc.answer(&link.poll_output().unwrap(), now);
        assert_eq!(
            link.handle_datagram(&response, now),
            Ok(Received::Up { renewed: false })
        );
        let local = HERE.parse().unwrap();
        let message = Message::KeepAlive(KeepAlive {
            request: 1,
            wan: 0,
            local,
            primary: true,
            mapping: crate::message::Mapping::Unknown,
            next: 0,
            release: crate::release::Release::OURS,
        });
        let sealed = link.seal(&message, now).unwrap();
        let (session, peer) = dc.session.as_mut().unwrap();
        let mut plain = Vec::new();
        session.open(&sealed, &mut plain, now).unwrap();
        assert_eq!(Message::decode(&plain), Ok(message));
        let answer = Message::KeepAliveResponse(KeepAliveResponse {
            request: 1,
            observed: local,
            release: crate::release::Release::OURS,
        });
        let mut datagram = Vec::new();
        session
            .seal(Kind::Control, *peer, &answer.encode(), &mut datagram, now)
            .unwrap();
        assert_eq!(
            link.handle_datagram(&datagram, now),
            Ok(Received::Message(Box::new(answer)))
        );

        let later = link.poll_timeout().unwrap();
        link.handle_timeout(later);
        let response = dc.answer(&link.poll_output().unwrap(), later);
        assert_eq!(
            link.handle_datagram(&response, later),
            Ok(Received::Up { renewed: true })
        );
    }

    #[test]
    fn an_unanswered_link_tries_for_ever_with_bounded_pauses() {
        let (mut link, _, start) = ends();
        link.connect(start);
        let (mut now, mut sent) = (start, 0);
        while now < start + Duration::from_secs(600) {
            let next = link.poll_timeout().unwrap();
            assert!(next - now <= LONGEST_PAUSE + LONGEST_PAUSE / 4);
            now = next;
            link.handle_timeout(now);
            sent += usize::from(link.poll_output().is_some());
        }
        assert!((60..120).contains(&sent), "{sent}");
    }

    #[test]
    fn a_notice_starts_one_handshake_and_keeps_the_session() {
        let (mut link, mut dc, now) = ends();
        link.connect(now);
        let response = dc.answer(&link.poll_output().unwrap(), now);
        let _ = link.handle_datagram(&response, now).unwrap();
        let _ = link
            .handle_datagram(&crate::wire::notice(PathId(41)), now)
            .unwrap();
        assert!(link.poll_output().is_none(), "not our session");
        for _ in 0..100 {
            let _ = link
                .handle_datagram(&crate::wire::notice(PathId(42)), now)
                .unwrap();
        }
        assert!(link.poll_output().is_some() && link.poll_output().is_none());
        assert!(link.is_up(now));
    }
}
