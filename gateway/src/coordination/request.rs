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
    /// Its slowness has made the link be tested.
    tested: bool,
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
                tested: false,
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
            pending.tested = false;
        }
    }

    /// Whether such a request is under way.
    pub(super) fn has(&self, is_such: impl Fn(&Message) -> bool) -> bool {
        self.pending
            .values()
            .any(|pending| is_such(&pending.message))
    }

    /// Replaces what such a request says, if one is under way; how often and when it is said stays. Whether one is.
    pub(super) fn replace(
        &mut self,
        is_such: impl Fn(&Message) -> bool,
        make: impl FnOnce(u32) -> Message,
    ) -> bool {
        let mut pending = self.pending.iter_mut();
        let found = pending.find(|(_, pending)| is_such(&pending.message));
        if let Some((request, pending)) = found {
            pending.message = make(*request);
            return true;
        }
        false
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

    /// Whether a question has been repeated so often that the link should be tested; says so once for each.
    pub(super) fn take_slow(&mut self) -> bool {
        let slow = |pending: &&mut Pending| pending.tries >= DOUBT_AFTER && !pending.tested;
        let slow = self.pending.values_mut().filter(slow);
        slow.map(|pending| pending.tested = true).count() > 0
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.again).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_proto::id::NodeId;
    use ntm_proto::message::{DirectionRequest, Target};

    #[test]
    fn a_slow_question_makes_the_link_be_tested_once() {
        let (mut requests, start) = (Requests::default(), Instant::now());
        let question = |request| {
            Message::DirectionRequest(DirectionRequest {
                request,
                device: NodeId::from_random([1; 16]),
                target: Target::V4([198, 18, 0, 5].into()),
            })
        };
        requests.add(question, start);
        let mut tests = 0;
        for ms in (0..20_000).step_by(10) {
            requests.due(start + Duration::from_millis(ms));
            // The test is answered at once each time.
            tests += u32::from(requests.take_slow());
        }
        assert_eq!(tests, 1);
        requests.connected(start);
        assert!(!requests.take_slow());
    }
}
