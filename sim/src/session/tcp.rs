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
    /// What left before this one was given up when the timer last ran out, and leaves again as acknowledgements come.
    given_up: u32,
    /// When the first segment that is not acknowledged was last repeated.
    repeated_at: Option<Instant>,
    new_at: Instant,
    /// When an acknowledgement last told something new, or there was nothing to acknowledge.
    pub(crate) heard: Instant,
    /// When the newest transmission that was answered had left.
    pub(crate) left: Instant,
    /// Since when somebody looks, the longest stand since, and the wait at that moment.
    since: Instant,
    stall: Duration,
    /// From when on each transmission must get through; those since then that were not answered: the first, how many.
    sure: Option<Instant>,
    late: Option<(Instant, u32)>,
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
            given_up: 0,
            repeated_at: None,
            new_at: now,
            heard: now,
            left: now,
            since: now,
            stall: Duration::ZERO,
            sure: None,
            late: None,
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

    /// From here on somebody looks how long it stands still. What leaves at `sure` or later, if there is such a
    /// moment, must get through.
    pub(crate) fn look(&mut self, sure: Option<Instant>, now: Instant) {
        self.stall = Duration::ZERO;
        self.since = now;
        self.sure = sure;
        self.late = None;
    }

    /// Whether so many transmissions that should get through did not.
    pub(crate) fn is_stuck(&self, tries: u32, now: Instant) -> bool {
        let late = |(first, count)| count >= tries && now.duration_since(first) > ANSWERED;
        self.late.is_some_and(late)
    }

    fn repeat(&mut self, now: Instant) -> Payload {
        self.repeated_at = Some(now);
        self.transmit(self.acked, now)
    }

    fn transmit(&mut self, seq: u32, now: Instant) -> Payload {
        if self.sure.is_some_and(|sure| sure <= now) {
            self.late.get_or_insert((now, 0)).1 += 1;
        }
        Payload::Segment(seq, now)
    }

    /// The longest time without progress since somebody began to look.
    pub(crate) fn stall(&self, good: Instant) -> Option<Duration> {
        (self.heard >= good).then_some(self.stall)
    }

    /// What is due now, or for how long nothing got through when it is given up.
    pub(crate) fn due(&mut self, fast: bool, now: Instant) -> Result<Option<Payload>, Duration> {
        if self.timer.is_some_and(|at| at <= now) {
            if self.retries >= RETRIES {
                self.timer = None;
                return Err(now.duration_since(self.heard));
            }
            self.retries += 1;
            self.given_up = self.next;
            self.rto = (self.rto * 2).min(RTO_MOST);
            self.timer = Some(now + self.rto);
            return Ok(Some(self.repeat(now)));
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
        Ok(Some(self.transmit(self.next - 1, now)))
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
        // Whatever it tells, something got through, both ways.
        self.late = None;
        self.left = self.left.max(left);
        if upto <= self.acked {
            // What left later has arrived: what is missing is lost (RFC 8985).
            let lost = self.is_waiting() && self.repeated_at.is_none_or(|at| at < left);
            return (lost && upto == self.acked).then(|| self.repeat(now));
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
        self.retries = 0;
        self.repeated_at = None;
        self.acked = upto;
        let stall = now.duration_since(self.heard.max(self.since));
        self.stall = self.stall.max(stall);
        self.heard = now;
        self.timer = self.is_waiting().then(|| now + self.rto);
        (self.acked < self.given_up).then(|| self.repeat(now))
    }
}
