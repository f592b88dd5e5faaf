//! One key pair's life: sealing, opening, replay window, age.
//!
//! A session is the outcome of one handshake. It has two bulk keys, a send counter that starts at 0 and only
//! grows, and a window that accepts each received counter once. Its keys are never stored: after a restart there
//! is a new handshake, so a counter cannot repeat under one key. It asks for renewal after [`REKEY_AFTER`] or
//! [`REKEY_AFTER_MESSAGES`] and refuses to work past [`REJECT_AFTER`] or [`REJECT_AFTER_MESSAGES`]
//! (the figures are WireGuard's; [`REKEY_AFTER_MESSAGES_AES`] is RFC 8446's).
//!
//! The window is checked before and marked after authentication, so a forged packet changes nothing.

use crate::aead::{BulkKey, Cipher};
use crate::handshake::Keys;
use crate::id::PathId;
use crate::wire::{HEADER_LEN, Kind, Opening, TAG_LEN};
use std::ops::Range;
use std::time::{Duration, Instant};

/// Age at which the initiator of a session starts the next handshake.
pub const REKEY_AFTER: Duration = Duration::from_secs(120);
/// Age at which a session seals and opens nothing any more.
pub const REJECT_AFTER: Duration = Duration::from_secs(180);
/// As [`REKEY_AFTER`], for control sessions: little is said in them, and an idle gateway shall cost little.
pub const CONTROL_REKEY_AFTER: Duration = Duration::from_secs(3600);
/// As [`REJECT_AFTER`], for control sessions.
pub const CONTROL_REJECT_AFTER: Duration = Duration::from_secs(4200);
/// Sealed messages after which the next handshake starts.
pub const REKEY_AFTER_MESSAGES: u64 = 1 << 60;
/// The same with AES-256-GCM: RFC 8446, 5.5 allows 2^24.5 records of 16 KiB, which are 2^28 packets of 1,400 bytes.
pub const REKEY_AFTER_MESSAGES_AES: u64 = 1 << 27;
/// Sealed messages after which a session seals nothing any more.
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

/// Counters the window remembers behind the newest.
const WINDOW: u64 = 8192;
const WORDS: usize = (WINDOW / 64) as usize;

/// Why a session did not seal or open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum SessionError {
    /// Shorter than header and tag.
    #[error("truncated")]
    Truncated,
    /// Its counter was seen, or is older than the window.
    #[error("replayed or too old")]
    Replayed,
    /// The tag is wrong: another key, or a forgery.
    #[error("not authentic")]
    Forged,
    /// The session is past its life.
    #[error("session expired")]
    Expired,
}

/// Keys, counter and window of one handshake's outcome.
pub struct Session {
    seal: BulkKey,
    open: BulkKey,
    /// Which keys: the generation byte in the header.
    pub generation: u8,
    /// Whether this end started the handshake; it is the one that renews.
    pub initiator: bool,
    born: Instant,
    /// After how long it is renewed, and refused.
    life: (Duration, Duration),
    /// What seals its traffic.
    pub cipher: Cipher,
    sent: u64,
    /// Datagrams of the other end's that were opened.
    opened: u64,
    window: ReplayWindow,
}

impl Session {
    /// A session from what the handshake gave.
    pub fn new(keys: &Keys, generation: u8, initiator: bool, now: Instant) -> Self {
        Self {
            seal: BulkKey::new(keys.cipher, &keys.send),
            open: BulkKey::new(keys.cipher, &keys.receive),
            cipher: keys.cipher,
            generation,
            initiator,
            born: now,
            life: (REKEY_AFTER, REJECT_AFTER),
            sent: 0,
            opened: 0,
            window: ReplayWindow::new(),
        }
    }

    /// A session with a DC, which lives longer.
    pub fn control(keys: &Keys, initiator: bool, now: Instant) -> Self {
        Self {
            life: (CONTROL_REKEY_AFTER, CONTROL_REJECT_AFTER),
            ..Self::new(keys, 0, initiator, now)
        }
    }

    /// Puts a whole datagram into `out` (which is cleared): header, `plain` sealed, tag.
    pub fn seal(
        &mut self,
        kind: Kind,
        path: PathId,
        plain: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<(), SessionError> {
        out.clear();
        out.resize(HEADER_LEN, 0);
        out.extend_from_slice(plain);
        self.seal_in_place(kind, path, out, 0, now)
    }

    /// Seals what lies in `buffer` 16 bytes after `start`, fills those 16 with the header and appends the tag.
    pub fn seal_in_place(
        &mut self,
        kind: Kind,
        path: PathId,
        buffer: &mut Vec<u8>,
        start: usize,
        now: Instant,
    ) -> Result<(), SessionError> {
        if self.is_expired(now) || self.sent >= REJECT_AFTER_MESSAGES {
            return Err(SessionError::Expired);
        }
        let counter = self.sent;
        let parts = buffer.get_mut(start..);
        let Some((header, text)) =
            parts.and_then(|bytes| bytes.split_first_chunk_mut::<HEADER_LEN>())
        else {
            return Err(SessionError::Truncated);
        };
        let opening = Opening {
            kind,
            generation: self.generation,
            receiver: path,
        };
        header[..8].copy_from_slice(&opening.encode());
        header[8..].copy_from_slice(&counter.to_be_bytes());
        self.sent += 1;
        let tag = self.seal.seal(counter, header, text);
        buffer.extend_from_slice(&tag);
        Ok(())
    }

    /// Puts the plain text of `datagram` (a Control or Data datagram, from its first byte) into `out`.
    pub fn open(
        &mut self,
        datagram: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<(), SessionError> {
        out.clear();
        out.extend_from_slice(datagram);
        let plain = self.open_in_place(out, now)?;
        out.truncate(plain.end);
        out.drain(..plain.start);
        Ok(())
    }

    /// Opens `datagram` where it lies; where its plain text is. After [`SessionError::Forged`] its bytes are worth
    /// nothing any more, after any other error they are as they were.
    pub fn open_in_place(
        &mut self,
        datagram: &mut [u8],
        now: Instant,
    ) -> Result<Range<usize>, SessionError> {
        let (header, text) = datagram
            .split_first_chunk_mut::<HEADER_LEN>()
            .ok_or(SessionError::Truncated)?;
        if text.len() < TAG_LEN {
            return Err(SessionError::Truncated);
        }
        if self.is_expired(now) {
            return Err(SessionError::Expired);
        }
        let counter = u64::from_be_bytes([
            header[8], header[9], header[10], header[11], header[12], header[13], header[14],
            header[15],
        ]);
        if !self.window.accepts(counter) {
            return Err(SessionError::Replayed);
        }
        let length = self
            .open
            .open(counter, header, text)
            .ok_or(SessionError::Forged)?;
        self.window.mark(counter);
        self.opened += 1;
        Ok(HEADER_LEN..HEADER_LEN + length)
    }

    /// How many datagrams the other end has sealed as far as is known, and how many of them have not come: lost, or on
    /// their way yet.
    pub fn missing(&self) -> (u64, u64) {
        (self.window.next, self.window.next - self.opened)
    }

    /// Whether it is time for the next handshake.
    pub fn wants_renewal(&self, now: Instant) -> bool {
        let most = match self.cipher {
            Cipher::ChaCha20Poly1305 => REKEY_AFTER_MESSAGES,
            Cipher::Aes256Gcm => REKEY_AFTER_MESSAGES_AES,
        };
        // Only one end renews, and it may be the other that sends.
        now >= self.renew_at() || self.sent.max(self.window.next) >= most
    }

    /// When renewal is due by age.
    pub fn renew_at(&self) -> Instant {
        self.born + self.life.0
    }

    /// When it ends by age.
    pub fn expires_at(&self) -> Instant {
        self.born + self.life.1
    }

    /// Whether its life is over.
    pub fn is_expired(&self, now: Instant) -> bool {
        now >= self.expires_at()
    }
}

/// Which of the last 8,192 counters were received, as a ring of 64-bit words.
struct ReplayWindow {
    /// One past the highest counter seen; 0 before the first.
    next: u64,
    words: Box<[u64; WORDS]>,
}

impl ReplayWindow {
    fn new() -> Self {
        Self {
            next: 0,
            words: Box::new([0; WORDS]),
        }
    }

    fn accepts(&self, counter: u64) -> bool {
        // One word of the ring is always being filled, so 64 fewer than its size can be told apart.
        if counter >= REJECT_AFTER_MESSAGES || counter.saturating_add(WINDOW - 64) < self.next {
            return false;
        }
        counter >= self.next || self.words[Self::word(counter)] & Self::bit(counter) == 0
    }

    fn mark(&mut self, counter: u64) {
        if counter >= self.next {
            let (from, to) = (self.next.div_ceil(64), counter / 64);
            // A jump past the whole ring clears every word once.
            for word in from.max(to.saturating_sub(WORDS as u64 - 1))..=to {
                self.words[(word % WORDS as u64) as usize] = 0;
            }
            self.next = counter + 1;
        }
        self.words[Self::word(counter)] |= Self::bit(counter);
    }

    fn word(counter: u64) -> usize {
        (counter / 64 % WORDS as u64) as usize
    }

    fn bit(counter: u64) -> u64 {
        1 << (counter % 64)
    }
}

#[cfg(test)]
mod tests;
