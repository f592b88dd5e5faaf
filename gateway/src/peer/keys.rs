//! The sessions of one tunnel: the one in use, two before, and one that the peer has not confirmed yet.
//!
//! Both ends keep the last sessions for packets still on their way: two, because two handshakes may cross. The
//! responder of a handshake does not send under new keys before it has received under them: until then the initiator
//! may not have them. So a renewal loses nothing, and a replayed Tunnel Request, which can never be confirmed, changes
//! nothing.

use crate::Reject;
use ntm_proto::aead::Cipher;
use ntm_proto::id::PathId;
use ntm_proto::session::{REKEY_AFTER, Session, SessionError};
use ntm_proto::wire::Kind;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How much later than the initiator the other end takes renewal into its own hands.
const OTHER_RENEWS_LATER: Duration = Duration::from_secs(15);

#[derive(Default)]
pub(crate) struct SessionKeys {
    current: Option<Session>,
    /// What packets under way may be sealed with, the newest first. These three are there for minutes at most.
    previous: [Option<Box<Session>>; 2],
    next: Option<Box<Session>>,
}

impl SessionKeys {
    /// Keys that the peer is known to have.
    pub(crate) fn confirmed(&mut self, session: Session) {
        let old = self.current.replace(session).map(Box::new);
        // Our answer to the peer's own request may have reached it: then it speaks under those keys until it has
        // heard from us under these.
        self.previous = match self.next.take() {
            Some(next) => [Some(next), old],
            None => [old, self.previous[0].take()],
        };
    }

    /// Keys that the peer will have when our answer reaches it.
    pub(crate) fn unconfirmed(&mut self, session: Session) {
        self.next = Some(Box::new(session));
    }

    /// Drops those that nothing may be opened with any more.
    pub(crate) fn tidy(&mut self, now: Instant) {
        for spare in self.previous.iter_mut().chain([&mut self.next]) {
            spare.take_if(|session| session.is_expired(now));
        }
    }

    /// Whether there are keys to send with.
    pub(crate) fn is_up(&self, now: Instant) -> bool {
        self.current
            .as_ref()
            .is_some_and(|session| !session.is_expired(now))
    }

    /// Whether this datagram of ours was sealed with the keys in use, which last: a peer that started anew has no others.
    pub(crate) fn is_of_now(&self, sealed: &[u8], now: Instant) -> bool {
        let is_its = |session: &&Session| sealed.get(1) == Some(&session.generation);
        let current = self.current.as_ref().filter(is_its);
        current.is_some_and(|session| !session.is_expired(now))
    }

    /// A generation byte that no session here has.
    pub(crate) fn next_generation(&self, fallback: u8) -> u8 {
        let newest = self.next.as_deref().or(self.current.as_ref());
        newest.map_or(fallback, |session| session.generation.wrapping_add(1))
    }

    /// Seals what `out` holds from `start` on, see [`Session::seal_in_place`].
    pub(crate) fn seal(
        &mut self,
        kind: Kind,
        path: PathId,
        out: &mut Vec<u8>,
        start: usize,
        now: Instant,
    ) -> Result<(), Reject> {
        let session = self.current.as_mut().ok_or(Reject::NoIdentity)?;
        session
            .seal_in_place(kind, path, out, start, now)
            .map_err(|_| Reject::QueueFull)
    }

    /// Opens a datagram where it lies. Where its plain text is, and whether it confirmed new keys.
    pub(crate) fn open(
        &mut self,
        generation: u8,
        datagram: &mut [u8],
        now: Instant,
    ) -> Result<(Range<usize>, bool), Reject> {
        let is_its = |session: &&mut Session| session.generation == generation;
        let previous = self.previous.iter_mut().flatten().map(Box::as_mut);
        let known = self.current.as_mut().into_iter().chain(previous);
        let mut known = known.filter(is_its).peekable();
        let mut next = self.next.as_deref_mut().filter(is_its);
        let mut result = Err(Reject::Forged);
        while let Some(session) = known.next() {
            // Two handshakes that crossed may have given their keys one number, and an attempt spoils the datagram.
            let is_last = known.peek().is_none() && next.is_none();
            let spare = (!is_last).then(|| datagram.to_vec());
            result = session.open_in_place(datagram, now).map_err(reject);
            match (&result, spare) {
                (Ok(_), _) => break,
                (Err(_), Some(spare)) => datagram.copy_from_slice(&spare),
                (Err(_), None) => {}
            }
        }
        if let (Err(_), Some(session)) = (&result, &mut next) {
            let plain = session.open_in_place(datagram, now).map_err(reject)?;
            let new = self.next.take().map(|new| *new);
            let old = std::mem::replace(&mut self.current, new).map(Box::new);
            self.previous = [old, self.previous[0].take()];
            return Ok((plain, true));
        }
        result.map(|plain| (plain, false))
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

    /// Of the keys in use: how many datagrams the peer has sealed as far as is known, and how many of them have not come.
    pub(crate) fn missing(&self) -> (u64, u64) {
        self.current.as_ref().map_or((0, 0), Session::missing)
    }

    /// What seals the traffic now.
    pub(crate) fn cipher(&self) -> Option<Cipher> {
        self.current.as_ref().map(|session| session.cipher)
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

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_proto::handshake::Keys;
    use ntm_proto::session::REJECT_AFTER;
    use ntm_proto::wire::HEADER_LEN;

    /// Both ends' view of one handshake's outcome.
    fn sessions(number: u8, first_began: bool, now: Instant) -> [Session; 2] {
        let (one, other) = ([number; 32], [number + 100; 32]);
        let keys = |send, receive| Keys {
            cipher: Cipher::default(),
            send,
            receive,
        };
        [
            Session::new(&keys(one, other), number, first_began, now),
            Session::new(&keys(other, one), number, !first_began, now),
        ]
    }

    fn sealed(keys: &mut SessionKeys, now: Instant) -> (u8, Vec<u8>) {
        let mut datagram = vec![0; HEADER_LEN];
        datagram.extend(*b"inner");
        keys.seal(Kind::Data, PathId(7), &mut datagram, 0, now)
            .unwrap();
        (keys.current.as_ref().unwrap().generation, datagram)
    }

    fn opens(keys: &mut SessionKeys, (generation, datagram): &(u8, Vec<u8>), now: Instant) -> bool {
        keys.open(*generation, &mut datagram.clone(), now).is_ok()
    }

    #[test]
    fn keys_of_one_number_do_not_spoil_each_others_datagrams() {
        let now = Instant::now();
        let [mut one, mut other] = [SessionKeys::default(), SessionKeys::default()];
        let [mine, theirs] = sessions(7, true, now);
        one.confirmed(mine);
        other.confirmed(theirs);
        let old = sealed(&mut one, now);
        let ([new, new_theirs], mut ahead) = (sessions(8, true, now), SessionKeys::default());
        // By chance of the same number.
        let renumbered = |mut session: Session| {
            session.generation = 7;
            session
        };
        ahead.confirmed(renumbered(new));
        other.unconfirmed(renumbered(new_theirs));
        let young = sealed(&mut ahead, now);
        let open = |keys: &mut SessionKeys, (generation, datagram): &(u8, Vec<u8>)| {
            let mut bytes = datagram.clone();
            let opened = keys.open(*generation, &mut bytes, now);
            opened.map(|(plain, confirmed)| (bytes[plain].to_vec(), confirmed))
        };
        assert_eq!(open(&mut other, &young), Ok((b"inner".to_vec(), true)));
        assert_eq!(open(&mut other, &old), Ok((b"inner".to_vec(), false)));
        assert!(open(&mut other, &old).is_err(), "once");
    }

    #[test]
    fn two_handshakes_that_cross_lose_nothing_in_either_order() {
        for second_answers_last in [false, true] {
            let now = Instant::now();
            let [mut one, mut other] = [SessionKeys::default(), SessionKeys::default()];
            let [mine, theirs] = sessions(1, true, now);
            one.confirmed(mine);
            other.confirmed(theirs);
            let old = (sealed(&mut one, now), sealed(&mut other, now));
            // Each has answered the other's request, then gets the answer to its own.
            let [first, first_theirs] = sessions(2, true, now);
            let [second, second_theirs] = sessions(3, false, now);
            other.unconfirmed(first_theirs);
            one.unconfirmed(second);
            one.confirmed(first);
            if second_answers_last {
                other.confirmed(second_theirs);
            }
            for _ in 0..2 {
                let (from_one, from_other) = (sealed(&mut one, now), sealed(&mut other, now));
                assert!(opens(&mut other, &from_one, now), "{second_answers_last}");
                assert!(opens(&mut one, &from_other, now), "{second_answers_last}");
            }
            assert!(opens(&mut one, &old.1, now) && opens(&mut other, &old.0, now));
            let (_, datagram) = &sealed(&mut one, now);
            assert!(!one.is_of_now(&old.0.1, now));
            assert!(one.is_of_now(datagram, now));
            assert!(!one.is_of_now(datagram, now + REJECT_AFTER));
            assert!(!one.is_of_now(&[], now));
        }
    }
}
