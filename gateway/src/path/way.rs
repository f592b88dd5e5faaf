//! One way to a peer: what was asked on it, what was heard, how far it is to be trusted.

use ntm_proto::Path;
use std::time::{Duration, Instant};

/// Challenges under way at once: an answer may take longer than the pause between them.
const UNDER_WAY: usize = 8;
/// How long a way is barred after its first failure; each further one doubles it.
const FIRST_BAR: Duration = Duration::from_secs(3);
const LONGEST_BAR: Duration = Duration::from_secs(120);
/// A way that has carried the traffic for this long is trusted as if it had never failed.
const FORGIVEN_AFTER: Duration = Duration::from_secs(120);
/// By how much another way must be quicker to be worth the change.
const MARGIN: Duration = Duration::from_millis(3);

/// One way.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) path: Path,
    pub(crate) relayed: bool,
    /// The DC's candidate, as against learned from a datagram.
    pub(super) directed: bool,
    pub(super) proven: bool,
    /// When it was proven first since it last failed.
    since: Option<Instant>,
    /// The challenges under way, oldest first: their tokens and when they left.
    challenges: [Option<(u64, Instant)>; UNDER_WAY],
    /// When the last challenge left, answered or not.
    challenged: Option<Instant>,
    /// Challenges sent since the last answer, but for the first.
    pub(super) unanswered: u32,
    /// Smoothed over the last few answers.
    pub(crate) rtt: Option<Duration>,
    /// How much the round trip varies (RFC 6298 section 2).
    pub(super) varies: Duration,
    pub(crate) heard: Option<Instant>,
    pub(super) failures: u32,
    /// The place of our WAN that it leads over, and of the peer's, as far as we were told.
    pub(super) own_rank: u8,
    pub(super) peer_rank: u8,
    /// The newest era of the peer that was heard by it.
    pub(super) peer_era: u64,
    /// Bytes it may carry without proof, and since when it has.
    pub(super) credit: usize,
    pub(super) used_since: Option<Instant>,
    barred_until: Option<Instant>,
}

impl Way {
    pub(super) fn new(path: Path, relayed: bool, directed: bool) -> Self {
        Self {
            path,
            relayed,
            directed,
            proven: false,
            since: None,
            challenges: [None; UNDER_WAY],
            challenged: None,
            unanswered: 0,
            rtt: None,
            varies: Duration::ZERO,
            heard: None,
            failures: 0,
            own_rank: 0,
            peer_rank: 0,
            peer_era: 0,
            credit: 0,
            used_since: None,
            barred_until: None,
        }
    }

    /// The way to where `old` led, from another socket of ours: about as long, we suppose.
    pub(super) fn instead_of(old: &Self, path: Path) -> Self {
        Self {
            rtt: old.rtt,
            varies: old.varies,
            ..Self::new(path, false, old.directed)
        }
    }

    /// What the WANs that it leads over cost: 0 when both ends like theirs best.
    pub(super) fn cost(&self) -> u16 {
        u16::from(self.own_rank) + u16::from(self.peer_rank)
    }

    /// Whether more than datagrams speaks for it: the DC, the relay, or a proof.
    pub(super) fn is_vouched_for(&self) -> bool {
        self.relayed || self.directed || self.proven
    }

    /// The peer receives by this way.
    pub(super) fn prove(&mut self, now: Instant) {
        self.proven = true;
        self.since.get_or_insert(now);
        self.unanswered = 0;
        self.heard = Some(now);
    }

    /// It is not proven any more; an answer that is only late proves it again.
    pub(super) fn lose_proof(&mut self) {
        self.proven = false;
        self.since = None;
        self.challenged = None;
        self.unanswered = 0;
    }

    /// The peer has other keys: what it was asked under the old ones does not count.
    pub(super) fn forget_proof(&mut self) {
        self.lose_proof();
        self.challenges = [None; UNDER_WAY];
    }

    /// Whether the last challenge is so old that another may follow.
    pub(super) fn has_rested(&self, pause: Duration, now: Instant) -> bool {
        self.challenged
            .is_none_or(|at| now.duration_since(at) >= pause)
    }

    /// A challenge with this token leaves.
    pub(super) fn challenge(&mut self, token: u64, now: Instant) {
        self.challenged = Some(now);
        if self.challenges.iter().any(Option::is_some) {
            self.unanswered += 1;
        }
        let free = self.challenges.iter().position(Option::is_none);
        if free.is_none() {
            self.challenges.rotate_left(1);
        }
        self.challenges[free.unwrap_or(UNDER_WAY - 1)] = Some((token, now));
    }

    /// When the challenge with this token left, if there is one; that answers all before it, too.
    pub(super) fn take_answer(&mut self, token: u64, now: Instant) -> Option<Instant> {
        let sent = self.challenges.iter().flatten();
        let (_, asked) = *sent.into_iter().find(|(sent, _)| *sent == token)?;
        for slot in &mut self.challenges {
            if slot.is_some_and(|(sent, at)| sent == token || at < asked) {
                *slot = None;
            }
        }
        let sample = now.duration_since(asked);
        if let Some(old) = self.rtt {
            self.varies = (self.varies * 3 + old.abs_diff(sample)) / 4;
        } else {
            self.varies = sample / 8;
        }
        self.rtt = Some(self.rtt.map_or(sample, |old| (old * 3 + sample) / 4));
        Some(asked)
    }

    /// Whether a challenge with this token is under way.
    pub(super) fn has_asked(&self, token: u64) -> bool {
        self.challenges
            .iter()
            .flatten()
            .any(|(sent, _)| *sent == token)
    }

    /// It has failed while traffic was on it.
    pub(super) fn bar(&mut self, now: Instant) {
        let steady = self
            .since
            .is_some_and(|since| now.duration_since(since) >= FORGIVEN_AFTER);
        if steady {
            self.failures = 0;
        }
        let bar = FIRST_BAR * 2_u32.saturating_pow(self.failures.min(8));
        self.failures = self.failures.saturating_add(1);
        self.barred_until = Some(now + bar.min(LONGEST_BAR));
    }

    pub(super) fn is_barred(&self, now: Instant) -> bool {
        self.barred_until.is_some_and(|until| now < until)
    }

    /// Whether it is quicker by more than chance.
    pub(super) fn is_quicker_than(&self, other: &Self) -> bool {
        match (self.rtt, other.rtt) {
            (Some(new), Some(old)) => new + MARGIN + old / 8 < old,
            (Some(_), None) | (None, _) => false,
        }
    }
}
