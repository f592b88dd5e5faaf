//! The sender and the receiver of a probe like TCP (RFC 6298), with the times that Linux takes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The shortest and the longest wait before a repetition.
const RTO_LEAST: Duration = Duration::from_millis(200);
const RTO_MOST: Duration = Duration::from_secs(120);
/// The wait before anything was measured.
const RTO_FIRST: Duration = Duration::from_secs(1);
/// Repetitions of one segment after which the session is given up: 924 s and more (`tcp_retries2`).
const RETRIES: u32 = 15;
/// Within this an answer comes where a path is in use.
const ANSWERED: Duration = Duration::from_secs(3);
/// Segments under way.
const WINDOW: u32 = 4;
/// Pause between new segments.
const BEAT: Duration = Duration::from_millis(200);
const SLOW_BEAT: Duration = Duration::from_millis(3000);

/// What a packet of a session says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload {
    /// This segment, and when it left.
    Segment(u32, Instant),
    /// All segments before this one are there; when the one that is answered had left.
    Ack(u32, Instant),
    /// A packet of the stream on this side, and when it left.
    Stream(usize, Instant),
}

/// Both ends of a probe.
pub(crate) struct Tcp {
    /// No new segments for now.
    pub(crate) paused: bool,
    /// The first segment not sent yet, and the first not acknowledged.
    next: u32,
    acked: u32,
    /// The receiver's: the first segment that is not there, and those after it that are.
    expected: u32,
    early: BTreeSet<u32>,
    smooth: Option<(Duration, Duration)>,
    /// The wait before the next repetition.
    pub(crate) rto: Duration,
    retries: u32,
    timer: Option<Instant>,
    new_at: Instant,
    /// When an acknowledgement last told something new, or there was nothing to acknowledge.
    pub(crate) heard: Instant,
    /// When the newest transmission that was answered had left.
    pub(crate) left: Instant,
    /// Since when somebody looks, the longest stand since, and the wait at that moment.
    since: Instant,
    stall: Duration,
    rto_then: Duration,
}

impl Tcp {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            paused: false,
            next: 0,
            acked: 0,
            expected: 0,
            early: BTreeSet::new(),
            smooth: None,
            rto: RTO_FIRST,
            retries: 0,
            timer: None,
            new_at: now,
            heard: now,
            left: now,
            since: now,
            stall: Duration::ZERO,
            rto_then: RTO_FIRST,
        }
    }

    /// Whether something waits for its acknowledgement.
    pub(crate) fn is_waiting(&self) -> bool {
        self.acked < self.next
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        let room = self.next - self.acked < WINDOW && !self.paused;
        self.timer
            .into_iter()
            .chain(room.then_some(self.new_at))
            .min()
    }

    /// New segments come quicker or slower from now on.
    pub(crate) fn hurry(&mut self, fast: bool, now: Instant) {
        if fast {
            self.new_at = self.new_at.min(now + BEAT);
        }
    }

    /// From here on somebody looks how long it stands still.
    pub(crate) fn look(&mut self, now: Instant) {
        self.stall = Duration::ZERO;
        self.rto_then = self.rto;
        self.since = now;
    }

    /// The longest time without progress since somebody began to look.
    pub(crate) fn stall(&self, good: Instant) -> Option<Duration> {
        (self.heard >= good).then_some(self.stall)
    }

    /// Until when the first repetition that begins after `bound` is answered, from when somebody began to look: the
    /// waits double, so the last one within the bound may be followed by one twice as long as the bound.
    pub(crate) fn patience(&self, bound: Duration) -> Duration {
        bound + (bound.max(self.rto_then) * 2).min(RTO_MOST) + ANSWERED
    }

    /// What is due now, or for how long nothing got through when it is given up.
    pub(crate) fn due(&mut self, fast: bool, now: Instant) -> Result<Option<Payload>, Duration> {
        if self.timer.is_some_and(|at| at <= now) {
            if self.retries >= RETRIES {
                self.timer = None;
                return Err(now.duration_since(self.heard));
            }
            self.retries += 1;
            self.rto = (self.rto * 2).min(RTO_MOST);
            self.timer = Some(now + self.rto);
            return Ok(Some(Payload::Segment(self.acked, now)));
        }
        let room = self.next - self.acked < WINDOW && !self.paused;
        if !room || self.new_at > now {
            return Ok(None);
        }
        self.new_at = now + if fast { BEAT } else { SLOW_BEAT };
        if !self.is_waiting() {
            self.heard = now;
            self.timer = Some(now + self.rto);
        }
        self.next += 1;
        Ok(Some(Payload::Segment(self.next - 1, now)))
    }

    /// A segment arrives: what the receiver answers.
    pub(crate) fn segment(&mut self, seq: u32, left: Instant) -> Payload {
        if seq >= self.expected {
            self.early.insert(seq);
        }
        while self.early.remove(&self.expected) {
            self.expected += 1;
        }
        Payload::Ack(self.expected, left)
    }

    /// An acknowledgement arrives: what to send for it at once, if anything.
    pub(crate) fn ack(&mut self, upto: u32, left: Instant, now: Instant) -> Option<Payload> {
        if upto <= self.acked {
            return None;
        }
        let sample = now.duration_since(left);
        let (rtt, varies) = match self.smooth {
            Some((rtt, varies)) => (
                (rtt * 7 + sample) / 8,
                (varies * 3 + rtt.abs_diff(sample)) / 4,
            ),
            None => (sample, sample / 2),
        };
        self.smooth = Some((rtt, varies));
        self.rto = (rtt + varies * 4).clamp(RTO_LEAST, RTO_MOST);
        let repeated = self.retries > 0;
        self.retries = 0;
        self.acked = upto;
        let stall = now.duration_since(self.heard.max(self.since));
        self.stall = self.stall.max(stall);
        self.heard = now;
        self.left = self.left.max(left);
        self.timer = self.is_waiting().then(|| now + self.rto);
        (repeated && self.is_waiting()).then_some(Payload::Segment(self.acked, now))
    }
}
