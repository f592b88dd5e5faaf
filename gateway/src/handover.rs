//! What every change of a tunnel's way was like: why, from where to where, how long each step took, what it cost.
//!
//! A record begins when the way in use is gone or another takes its place. It is done when the new way is proven and
//! a packet of the other end has come by it; what happens until then belongs to the same handover. The steps are those
//! of paper 001 (figure 11). There one follows the other; here they run side by side, so each one's time counts from
//! the beginning.

use ntm_proto::Path;
use ntm_proto::id::Fqdn;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most records kept beside the tunnels' latest.
const MOST: usize = 128;
/// Silence after the new way is sure that ends a handover: nobody has anything to say.
const SETTLED: Duration = Duration::from_secs(3);
/// Steps that traffic need not wait for are noted for this long.
const LATE_STEPS: Duration = Duration::from_secs(10);
/// Packets that came so shortly before were a stream: its silence is the gap.
const STREAM: Duration = Duration::from_secs(1);

/// Why a tunnel took another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The way in use loses too much or takes too long, and another does not.
    Quality,
    /// Our socket is gone: another address, another WAN, or none.
    OwnMove,
    /// We like another of our WANs better now.
    Preferred,
    /// The other end speaks from elsewhere, or the DC says that it is elsewhere.
    PeerMoved,
    /// The other end likes another way better now.
    PeerPrefers,
    /// Nothing came back.
    Silence,
    /// The relay does not know us any more, or is gone.
    RelayLost,
    /// The other end has started anew.
    PeerRestarted,
    /// A way that is better than one that works.
    Better,
}

impl Cause {
    /// For people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::OwnMove => "own address changed",
            Self::Preferred => "own WANs reordered",
            Self::PeerMoved => "peer moved",
            Self::PeerPrefers => "peer prefers another",
            Self::Quality => "poor quality",
            Self::Silence => "silence",
            Self::RelayLost => "relay lost",
            Self::PeerRestarted => "peer restarted",
            Self::Better => "better path found",
        }
    }
}

/// One way, as far as it matters afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) path: Path,
    pub(crate) relayed: bool,
}

/// When each step was done, counted from the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steps {
    /// We had a socket again; only of a move of our own.
    pub(crate) address: Option<Duration>,
    /// The DC had answered our registration; only of a move of our own.
    pub(crate) register: Option<Duration>,
    /// The DC had sent a Route Direction.
    pub(crate) direct: Option<Duration>,
    /// The new way was proven.
    pub(crate) tunnel: Option<Duration>,
    /// The other end's first packet had come by it.
    pub(crate) packet: Option<Duration>,
}

/// One handover.
#[derive(Clone, Debug)]
pub(crate) struct Handover {
    pub(crate) peer: Fqdn,
    pub(crate) cause: Cause,
    pub(crate) from: Option<Hop>,
    pub(crate) to: Option<Hop>,
    pub(crate) began: Instant,
    /// Whether a move of our own is part of it.
    is_own: bool,
    /// How long nothing had come back when silence was taken for an end.
    pub(crate) detect: Option<Duration>,
    pub(crate) steps: Steps,
    /// The longest time between two packets of a stream.
    pub(crate) gap: Option<Duration>,
    /// Datagrams sent again by the new way.
    pub(crate) again: u32,
    /// Packets dropped because too many waited for a way.
    pub(crate) lost: u32,
}

impl Handover {
    /// One that begins now. `arrived`: when the other end's last packet came.
    pub(crate) fn new(
        peer: Fqdn,
        cause: Cause,
        from: Option<Hop>,
        detect: Option<Duration>,
        arrived: Option<Instant>,
        now: Instant,
    ) -> Self {
        let was_stream = |at| now.duration_since(at) < STREAM + detect.unwrap_or_default();
        Self {
            peer,
            cause,
            from,
            to: None,
            began: now,
            is_own: cause == Cause::OwnMove,
            detect,
            steps: Steps::default(),
            gap: arrived.is_some_and(was_stream).then_some(Duration::ZERO),
            again: 0,
            lost: 0,
        }
    }

    /// A stream from the other end paused for so `long` before it began, in doubt about the way.
    pub(crate) fn paused(&mut self, long: Duration) {
        if let Some(gap) = self.gap.as_mut().filter(|_| long < STREAM) {
            *gap = (*gap).max(long);
        }
    }

    /// Whether the new way is proven, and the other end has been heard by it.
    pub(crate) fn is_done(&self) -> bool {
        self.steps.tunnel.is_some() && self.steps.packet.is_some()
    }

    /// Whether a further cause belongs to this handover.
    pub(crate) fn goes_on(&self, now: Instant) -> bool {
        let settled = |tunnel| {
            let works = self.cause == Cause::Better;
            works || now.duration_since(self.began) >= tunnel + SETTLED
        };
        !self.is_done() && !self.steps.tunnel.is_some_and(settled)
    }

    /// A further cause, before this handover is done.
    pub(crate) fn join(&mut self, cause: Cause) {
        self.is_own |= cause == Cause::OwnMove;
        (self.steps.tunnel, self.steps.packet) = (None, None);
    }

    /// We have a socket (again).
    pub(crate) fn addressed(&mut self, now: Instant) {
        if self.is_own {
            self.steps.address.get_or_insert(now - self.began);
        }
    }

    /// The DC answered our registration.
    pub(crate) fn registered(&mut self, now: Instant) {
        if self.steps.address.is_some() && self.notes(now) {
            self.steps.register.get_or_insert(now - self.began);
        }
    }

    /// The DC sent a Route Direction for this tunnel.
    pub(crate) fn directed(&mut self, now: Instant) {
        if self.notes(now) {
            self.steps.direct.get_or_insert(now - self.began);
        }
    }

    fn notes(&self, now: Instant) -> bool {
        self.goes_on(now) || now.duration_since(self.began) < LATE_STEPS
    }

    /// The way in use is proven, or another one is.
    pub(crate) fn proven(&mut self, to: Hop, now: Instant) {
        self.to = Some(to);
        self.steps.tunnel = Some(now - self.began);
    }

    /// A packet came by `path`; the one before it at `last`.
    pub(crate) fn arrived(&mut self, path: Path, last: Option<Instant>, now: Instant) {
        if self.steps.packet.is_some() {
            return;
        }
        if let (Some(gap), Some(last)) = (&mut self.gap, last) {
            *gap = (*gap).max(now.duration_since(last));
        }
        let is_new = self.from.is_none_or(|from| from.path != path);
        if is_new || self.steps.tunnel.is_some() {
            self.steps.packet = Some(now - self.began);
        }
    }
}

/// The handovers that are over, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Handovers(VecDeque<Handover>);

impl Handovers {
    /// Keeps one; the oldest makes room.
    pub(crate) fn file(&mut self, handover: Handover) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(handover);
    }

    /// Keeps the latest of a tunnel that is over.
    pub(crate) fn file_last(&mut self, handover: Option<&Handover>) {
        handover.into_iter().for_each(|it| self.file(it.clone()));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Handover> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn hop(last: u8) -> Hop {
        let socket = |last| ([192, 0, 2, last], 4750).into();
        let (local, remote) = (socket(last), socket(200));
        let path = Path { local, remote };
        let relayed = false;
        Hop { path, relayed }
    }

    fn begun(cause: Cause, arrived: Option<Instant>, now: Instant) -> Handover {
        let peer = Fqdn::parse("home.ntm.test").unwrap();
        Handover::new(peer, cause, Some(hop(1)), None, arrived, now)
    }

    #[test]
    fn what_devices_missed_before_copies_came_is_in_the_gap() {
        let start = Instant::now();
        let mut stream = begun(Cause::Silence, Some(start - MS * 10), start);
        stream.paused(MS * 180);
        stream.proven(hop(2), start);
        stream.arrived(hop(2).path, Some(start - MS * 10), start + MS * 5);
        assert_eq!(stream.gap, Some(MS * 180));
        // So long a pause is no stream's, and without one there is no gap.
        let mut pausing = begun(Cause::Silence, Some(start - MS * 10), start);
        pausing.paused(STREAM);
        assert_eq!(pausing.gap, Some(Duration::ZERO));
        let mut idle = begun(Cause::Silence, None, start);
        idle.paused(MS * 180);
        assert_eq!(idle.gap, None);
    }

    #[test]
    fn the_gap_is_the_longest_silence_of_a_stream_and_ends_with_the_new_way() {
        let start = Instant::now();
        let last = start - MS * 10;
        let mut handover = begun(Cause::OwnMove, Some(last), start);
        handover.addressed(start + MS * 5);
        // One that was under way when the old way ended.
        handover.arrived(hop(1).path, Some(last), start + MS * 8);
        assert!(!handover.is_done());
        handover.proven(hop(2), start + MS * 60);
        handover.arrived(hop(2).path, Some(start + MS * 8), start + MS * 70);
        handover.registered(start + MS * 90);
        assert!(handover.is_done() && !handover.goes_on(start + MS * 71));
        assert_eq!(handover.gap, Some(MS * 62));
        let steps = handover.steps;
        assert_eq!((steps.address, steps.tunnel), (Some(MS * 5), Some(MS * 60)));
        assert_eq!(
            (steps.packet, steps.register),
            (Some(MS * 70), Some(MS * 90))
        );
    }

    #[test]
    fn without_a_stream_there_is_no_gap_and_without_a_word_it_settles() {
        let start = Instant::now();
        let mut handover = begun(Cause::PeerMoved, Some(start - STREAM), start);
        handover.addressed(start);
        handover.registered(start);
        handover.directed(start + LATE_STEPS * 2);
        handover.proven(hop(2), start + LATE_STEPS * 3);
        assert!(handover.goes_on(start + LATE_STEPS * 3));
        assert!(!handover.goes_on(start + LATE_STEPS * 3 + SETTLED));
        assert_eq!((handover.gap, handover.steps.address), (None, None));
        assert_eq!(handover.steps.register, None);
        assert_eq!(handover.steps.direct, Some(LATE_STEPS * 2));
    }

    #[test]
    fn only_the_latest_are_kept() {
        let (start, mut log) = (Instant::now(), Handovers::default());
        for number in 0..300 {
            log.file(begun(Cause::Silence, None, start + MS * number));
        }
        assert_eq!(log.iter().count(), MOST);
        assert_eq!(
            log.iter().next().unwrap().began,
            start + MS * (300 - MOST as u32)
        );
    }
}
