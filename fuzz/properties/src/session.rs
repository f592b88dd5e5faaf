//! Sessions: a datagram opens once, whatever comes in whatever order, and only if the other end made it.

use crate::steps::{Step, read, step};
use ntm_proto::aead::{BulkKey, Cipher};
use ntm_proto::handshake::Keys;
use ntm_proto::id::PathId;
use ntm_proto::session::{REJECT_AFTER, REJECT_AFTER_MESSAGES, Session, SessionError};
use ntm_proto::wire::{HEADER_LEN, Kind, Opening, TAG_LEN};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Counters behind the newest that a window must tell apart (its ring less the word being filled).
const REMEMBERED: u64 = 8192 - 64;

/// The receiving session against a model of it: a set of counters seen.
pub fn check(input: &[u8]) {
    let now = Instant::now();
    let mut world = Ends {
        seal: BulkKey::new(Cipher::default(), &[1; 32]),
        session: Session::new(
            &Keys {
                cipher: Cipher::default(),
                send: [2; 32],
                receive: [1; 32],
            },
            3,
            false,
            now,
        ),
        seen: BTreeSet::new(),
        now,
        age: Duration::ZERO,
    };
    read(input).for_each(|step| world.step(step));
}

struct Ends {
    seal: BulkKey,
    session: Session,
    seen: BTreeSet<u64>,
    now: Instant,
    age: Duration,
}

impl Ends {
    fn step(&mut self, step: Step<'_>) {
        match step.what % 4 {
            0 => self.raw(step.bytes),
            1 => self.made(u64::from(step.which), step.bytes),
            2 => {
                let (counter, text) = match step.bytes.split_first_chunk::<8>() {
                    Some((counter, text)) => (u64::from_be_bytes(*counter), text),
                    None => (
                        REJECT_AFTER_MESSAGES.wrapping_sub(u64::from(step.which)),
                        step.bytes,
                    ),
                };
                self.made(counter, text);
            }
            _ => self.ours(step),
        }
    }

    /// Bytes of a stranger never open, and change nothing: the model goes on to hold.
    fn raw(&mut self, datagram: &[u8]) {
        let mut out = Vec::new();
        let error = self
            .session
            .open(datagram, &mut out, self.now + self.age)
            .expect_err("forged");
        assert_eq!(
            error == SessionError::Truncated,
            datagram.len() < HEADER_LEN + TAG_LEN
        );
    }

    fn made(&mut self, counter: u64, text: &[u8]) {
        let opening = Opening {
            kind: Kind::Data,
            generation: 3,
            receiver: PathId(9),
        };
        let mut datagram = opening.encode().to_vec();
        datagram.extend(counter.to_be_bytes());
        datagram.extend(text);
        let (header, sealed) = datagram.split_at_mut(HEADER_LEN);
        let tag = self.seal.seal(counter, header, sealed);
        datagram.extend(tag);
        let next = self.seen.last().map_or(0, |last| last + 1);
        let wanted = if self.age >= REJECT_AFTER {
            Err(SessionError::Expired)
        } else if counter >= REJECT_AFTER_MESSAGES
            || counter.saturating_add(REMEMBERED) < next
            || self.seen.contains(&counter)
        {
            Err(SessionError::Replayed)
        } else {
            Ok(())
        };
        let (mut out, now) = (Vec::new(), self.now + self.age);
        let mut forged = datagram.clone();
        forged[HEADER_LEN + counter as usize % (text.len() + TAG_LEN)] ^= 1;
        assert!(self.session.open(&forged, &mut out, now).is_err());
        assert_eq!(self.session.open(&datagram, &mut out, now), wanted);
        if wanted.is_ok() {
            assert_eq!(out, text);
            self.seen.insert(counter);
        }
        assert!(
            self.session.open(&datagram, &mut out, now).is_err(),
            "no datagram opens twice"
        );
    }

    /// What the session seals, the other end's key opens; time goes by.
    fn ours(&mut self, step: Step<'_>) {
        let mut out = Vec::new();
        let now = self.now + self.age;
        let sealed = self
            .session
            .seal(Kind::Control, PathId(5), step.bytes, &mut out, now);
        assert_eq!(sealed.is_ok(), self.age < REJECT_AFTER);
        if sealed.is_ok() {
            let opening = Opening::decode(&out).expect("sealed");
            assert_eq!((opening.kind, opening.receiver), (Kind::Control, PathId(5)));
            let (header, text) = out.split_at_mut(HEADER_LEN);
            let counter = header[8..]
                .iter()
                .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
            let length = BulkKey::new(Cipher::default(), &[2; 32])
                .open(counter, header, text)
                .expect("authentic");
            assert_eq!(&text[..length], step.bytes);
        }
        self.age += Duration::from_secs(u64::from(step.which & 63));
    }
}

/// In order, out of order, far ahead, at the end of all counters, old age.
pub fn seeds() -> Vec<Vec<u8>> {
    let far = |counter: u64| step(2, 0, &[&counter.to_be_bytes()[..], b"text"].concat());
    vec![
        (0..20).flat_map(|n| step(1, n, b"in order")).collect(),
        [20, 3, 3, 19, 0, 21]
            .into_iter()
            .flat_map(|n| step(1, n, b""))
            .collect(),
        [0, 8191, 64, 63, 128, 100_000, 91_900, 91_872, 91_871]
            .into_iter()
            .flat_map(far)
            .collect(),
        [u64::MAX, u64::MAX - 8192, u64::MAX - 8191, 1]
            .into_iter()
            .flat_map(far)
            .collect(),
        [
            step(3, 63, b"a"),
            step(3, 63, b"b"),
            step(3, 60, b"c"),
            step(1, 1, b"late"),
        ]
        .concat(),
        step(0, 0, &[5; 40]),
    ]
}
