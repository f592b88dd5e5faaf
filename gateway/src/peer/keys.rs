//! The sessions of one tunnel: the one in use, the one before, and one that the peer has not confirmed yet.
//!
//! Both ends keep the last session for packets still on their way. The responder of a handshake does not send under
//! new keys before it has received under them: until then the initiator may not have them. So a renewal loses
//! nothing, and a replayed Tunnel Request, which can never be confirmed, changes nothing.

use crate::Reject;
use ntm_proto::id::PathId;
use ntm_proto::session::{REKEY_AFTER, Session, SessionError};
use ntm_proto::wire::Kind;
use std::time::{Duration, Instant};

/// How much later than the initiator the other end takes renewal into its own hands.
const OTHER_RENEWS_LATER: Duration = Duration::from_secs(15);

#[derive(Default)]
pub(crate) struct SessionKeys {
    current: Option<Session>,
    previous: Option<Session>,
    next: Option<Session>,
}

impl SessionKeys {
    /// Keys that the peer is known to have.
    pub(crate) fn confirmed(&mut self, session: Session) {
        self.previous = self.current.replace(session);
        self.next = None;
    }

    /// Keys that the peer will have when our answer reaches it.
    pub(crate) fn unconfirmed(&mut self, session: Session) {
        self.next = Some(session);
    }

    /// Whether there are keys to send with.
    pub(crate) fn is_up(&self, now: Instant) -> bool {
        self.current
            .as_ref()
            .is_some_and(|session| !session.is_expired(now))
    }

    /// A generation byte that no session here has.
    pub(crate) fn next_generation(&self, fallback: u8) -> u8 {
        let newest = self.next.as_ref().or(self.current.as_ref());
        newest.map_or(fallback, |session| session.generation.wrapping_add(1))
    }

    /// Seals `out[16..]` in place, see [`Session::seal_in_place`].
    pub(crate) fn seal(
        &mut self,
        kind: Kind,
        path: PathId,
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<(), Reject> {
        let session = self.current.as_mut().ok_or(Reject::NoIdentity)?;
        session
            .seal_in_place(kind, path, out, now)
            .map_err(|_| Reject::QueueFull)
    }

    /// Opens a datagram into `out`. Whether it confirmed new keys.
    pub(crate) fn open(
        &mut self,
        generation: u8,
        datagram: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<bool, Reject> {
        let mut result = Err(Reject::Forged);
        for session in [&mut self.current, &mut self.previous]
            .into_iter()
            .flatten()
        {
            if session.generation == generation {
                result = session.open(datagram, out, now).map_err(reject);
                if result.is_ok() {
                    return Ok(false);
                }
            }
        }
        if let Some(session) = self
            .next
            .as_mut()
            .filter(|session| session.generation == generation)
        {
            session.open(datagram, out, now).map_err(reject)?;
            self.previous = std::mem::replace(&mut self.current, self.next.take());
            return Ok(true);
        }
        result.map(|()| false)
    }

    /// Whether this end should start a handshake to renew the keys.
    pub(crate) fn wants_renewal(&self, now: Instant) -> bool {
        self.current.as_ref().is_some_and(|session| {
            session.wants_renewal(now)
                && (session.initiator || now >= session.renew_at() + OTHER_RENEWS_LATER)
        })
    }

    /// When renewal is due.
    pub(crate) fn renew_at(&self) -> Option<Instant> {
        let session = self.current.as_ref()?;
        Some(
            session.renew_at()
                + if session.initiator {
                    Duration::ZERO
                } else {
                    OTHER_RENEWS_LATER
                },
        )
    }

    /// Seconds since the keys in use were made.
    pub(crate) fn age(&self, now: Instant) -> u64 {
        let born = self
            .current
            .as_ref()
            .map(|session| session.renew_at() - REKEY_AFTER);
        born.map_or(0, |born| now.duration_since(born).as_secs())
    }

    /// Forgets all: the peer has none of them any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn reject(error: SessionError) -> Reject {
    match error {
        SessionError::Replayed => Reject::Replayed,
        SessionError::Truncated => Reject::MalformedDatagram,
        SessionError::Forged | SessionError::Expired => Reject::Forged,
    }
}
