//! Requests to the DC that are repeated until answered.

use ntm_proto::message::Message;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(400);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Tries after which the link itself is in doubt.
const DOUBT_AFTER: u32 = 3;
/// Most requests under way: the parts that make them keep their own limits below it.
const LIMIT: usize = 1024;

/// What is under way.
#[derive(Default)]
pub(super) struct Requests {
    next: u32,
    pending: BTreeMap<u32, Pending>,
}

struct Pending {
    message: Message,
    first_sent: Instant,
    again: Instant,
    pause: Duration,
    tries: u32,
}

impl Requests {
    /// Makes and queues a request; its number.
    pub(super) fn add(&mut self, make: impl FnOnce(u32) -> Message, now: Instant) -> u32 {
        self.next = self.next.wrapping_add(1).max(1);
        if self.pending.len() < LIMIT {
            let pending = Pending {
                message: make(self.next),
                first_sent: now,
                again: now,
                pause: FIRST_PAUSE,
                tries: 0,
            };
            self.pending.insert(self.next, pending);
        }
        self.next
    }

    /// Takes a request off the list; when it was first sent.
    pub(super) fn answered(&mut self, request: u32) -> Option<Instant> {
        self.pending
            .remove(&request)
            .map(|pending| pending.first_sent)
    }

    /// There are new keys: everything unanswered is said again at once.
    pub(super) fn connected(&mut self, now: Instant) {
        for pending in self.pending.values_mut() {
            (pending.again, pending.pause, pending.tries) = (now, FIRST_PAUSE, 0);
        }
    }

    /// Whether such a request is under way.
    pub(super) fn has(&self, is_such: impl Fn(&Message) -> bool) -> bool {
        self.pending
            .values()
            .any(|pending| is_such(&pending.message))
    }

    /// Drops requests that are made anew by whoever needs them.
    pub(super) fn drop_where(&mut self, is_old: impl Fn(&Message) -> bool) {
        self.pending.retain(|_, pending| !is_old(&pending.message));
    }

    /// The requests that are due, each with the time of its first sending noted.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Message> {
        let mut due = Vec::new();
        for pending in self
            .pending
            .values_mut()
            .filter(|pending| pending.again <= now)
        {
            if pending.tries == 0 {
                pending.first_sent = now;
            }
            pending.tries += 1;
            pending.again = now + pending.pause;
            pending.pause = (pending.pause * 2).min(LONGEST_PAUSE);
            due.push(pending.message.clone());
        }
        due
    }

    /// Whether the DC has not answered what it always answers at once, often enough to doubt the link. Other
    /// questions may take it longer.
    pub(super) fn is_doubtful(&self) -> bool {
        let plain = |message: &Message| {
            matches!(
                message,
                Message::RegistrationRequest(_) | Message::KeepAlive(_)
            )
        };
        let mut pending = self.pending.values();
        pending.any(|pending| pending.tries > DOUBT_AFTER && plain(&pending.message))
    }

    /// Whether a question has been repeated so often that the link should be tested.
    pub(super) fn is_slow(&self) -> bool {
        self.pending
            .values()
            .any(|pending| pending.tries == DOUBT_AFTER)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.again).min()
    }
}
