//! One way to a peer: what was asked on it, what was heard, how far it is to be trusted.

use super::quality::Quality;
use ntm_proto::Path;
use std::time::{Duration, Instant};

/// Challenges under way at once: an answer may take longer than the pause between them.
const UNDER_WAY: usize = 8;
/// What an answer may be late by at least, and be none the worse for it.
const JITTER: Duration = Duration::from_millis(20);
/// A challenge without an answer for so long at least counts as lost.
const LATE: Duration = Duration::from_secs(1);
/// A pause in what is heard that may be one in the line.
const SILENCE: Duration = Duration::from_millis(50);
/// How long a way is barred after its first failure; each further one doubles it.
const FIRST_BAR: Duration = Duration::from_secs(3);
const LONGEST_BAR: Duration = Duration::from_secs(120);
/// A way that has carried the traffic for this long is trusted as if it had never failed.
const FORGIVEN_AFTER: Duration = Duration::from_secs(120);
/// By how much another way must be quicker to be worth the change.
const MARGIN: Duration = Duration::from_millis(3);

/// A challenge under way.
#[derive(Clone, Copy, Debug)]
struct Asked {
    token: u64,
    /// When it left first.
    at: Instant,
    /// Whether it counts as lost already.
    lost: bool,
    /// Whether it left again: then its answer does not tell the round trip (Karn's algorithm, RFC 6298 section 3).
    repeated: bool,
}

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
    /// The challenges under way, oldest first.
    challenges: [Option<Asked>; UNDER_WAY],
    /// When the last challenge left, answered or not.
    challenged: Option<Instant>,
    /// Challenges sent since the last answer, but for the first.
    pub(super) unanswered: u32,
    /// Smoothed over the last few answers.
    pub(crate) rtt: Option<Duration>,
    /// How much the round trip varies (RFC 6298 section 2).
    pub(super) varies: Duration,
    pub(crate) heard: Option<Instant>,
    /// When it was heard last before a silence, and when that ended: of the silences of a moment the longest, and of those
    /// after that the longest.
    silences: [Option<(Instant, Instant)>; 2],
    pub(super) failures: u32,
    /// The place of our WAN that it leads over.
    pub(super) wan: u8,
    pub(super) quality: Quality,
    /// Whether that is in its rank.
    pub(super) counts_poor: bool,
    /// Its place among all for us, and for the peer as far as we were told.
    pub(super) own_rank: u8,
    pub(super) peer_rank: u8,
    /// The newest era of the peer that was heard by it.
    pub(super) peer_era: u64,
    /// Bytes it may carry without proof, and since when it has.
    pub(super) credit: usize,
    pub(super) used_since: Option<Instant>,
    /// When it last got that credit.
    pub(super) leaned_on: Option<Instant>,
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
            silences: [None; 2],
            failures: 0,
            wan: 0,
            quality: Quality::default(),
            counts_poor: false,
            own_rank: 0,
            peer_rank: 0,
            peer_era: 0,
            credit: 0,
            used_since: None,
            leaned_on: None,
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
        if !self.proven {
            // What was lost before there was a way says nothing of the way.
            let sent = self.challenges.iter_mut().flatten();
            sent.for_each(|asked| asked.lost = true);
        }
        self.proven = true;
        self.since.get_or_insert(now);
        self.unanswered = 0;
        self.hear(now);
    }

    /// Something authentic came by it.
    pub(super) fn hear(&mut self, now: Instant) {
        let Some(last) = self.heard.replace(now) else {
            return;
        };
        let long = now.duration_since(last);
        if long < SILENCE {
            return;
        }
        let gives_way = |(from, end): (Instant, Instant)| {
            now.duration_since(end) >= LATE || long > end.duration_since(from)
        };
        let [longest, later] = &mut self.silences;
        if longest.is_none_or(gives_way) {
            (*longest, *later) = (Some((last, now)), None);
        } else if later.is_none_or(gives_way) {
            *later = Some((last, now));
        }
    }

    /// When it was heard last, not counting what came in the last moments after a silence.
    pub(super) fn heard_before(&self, now: Instant) -> Option<Instant> {
        let just_ended = |(_, end): &(Instant, Instant)| now.duration_since(*end) < LATE;
        let mut silences = self.silences.iter().flatten();
        let before = silences.find(|silence| just_ended(silence));
        before.map(|(last, _)| *last).or(self.heard)
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
        self.quality = Quality::default();
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
        let late = self.rtt.unwrap_or_default() * 4;
        self.count_lost(|asked| now.duration_since(asked.at) >= late.max(LATE));
        let free = self.challenges.iter().position(Option::is_none);
        if free.is_none() {
            self.challenges.rotate_left(1);
        }
        self.challenges[free.unwrap_or(UNDER_WAY - 1)] = Some(Asked {
            token,
            at: now,
            lost: false,
            repeated: false,
        });
    }

    /// The token of the last challenge, which leaves once more, if that left within `pause` and is not answered: who asks
    /// faster than answers can come asks the same again, or would have forgotten its questions by then.
    pub(super) fn repeat_challenge(&mut self, pause: Duration, now: Instant) -> Option<u64> {
        let young = |asked: &&mut Asked| now.duration_since(asked.at) < pause;
        let last = self.challenges.iter_mut().flatten().last().filter(young)?;
        last.repeated = true;
        self.challenged = Some(now);
        Some(last.token)
    }

    /// When the challenge with this token left, if there is one; that answers all before it, too.
    pub(super) fn take_answer(&mut self, token: u64, now: Instant) -> Option<Instant> {
        let is_it = |slot: &Option<Asked>| slot.is_some_and(|asked| asked.token == token);
        let place = self.challenges.iter().position(is_it)?;
        let Asked {
            at, repeated, lost, ..
        } = self.challenges[place]?;
        self.count_lost(|asked| asked.at < at);
        if !lost && self.proven {
            self.quality.note(false);
        }
        self.challenges.copy_within(place + 1.., 0);
        self.challenges[UNDER_WAY - 1 - place..].fill(None);
        if !repeated || self.rtt.is_none() {
            self.measured(now.duration_since(at));
        }
        Some(at)
    }

    /// Those that are under way no more count as lost, once.
    fn count_lost(&mut self, is_lost: impl Fn(&Asked) -> bool) {
        let sent = self.challenges.iter_mut().flatten();
        for asked in sent.filter(|asked| !asked.lost && is_lost(asked)) {
            asked.lost = true;
            if self.proven {
                self.quality.note(true);
            }
        }
    }

    fn measured(&mut self, sample: Duration) {
        if let Some(old) = self.rtt {
            self.varies = (self.varies * 3 + old.abs_diff(sample)) / 4;
        } else {
            self.varies = sample / 8;
        }
        self.rtt = Some(self.rtt.map_or(sample, |old| (old * 3 + sample) / 4));
    }

    /// How long after a challenge its answer is clearly missing (RFC 6298 section 2).
    pub(super) fn pace(&self) -> Option<Duration> {
        Some(self.rtt? + (self.varies * 4).max(JITTER))
    }

    /// Whether a challenge should have been answered by now, and nothing at all was heard since it left.
    pub(super) fn owes_answer(&self, now: Instant) -> bool {
        let late = self.pace().unwrap_or(LATE);
        let unheard = |at| self.heard.is_none_or(|heard| heard < at);
        let mut asked = self.challenges.iter().flatten();
        asked.any(|asked| now.duration_since(asked.at) >= late && unheard(asked.at))
    }

    /// Whether a challenge with this token is under way.
    pub(super) fn has_asked(&self, token: u64) -> bool {
        let mut sent = self.challenges.iter().flatten();
        sent.any(|asked| asked.token == token)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_before_a_silence_counts_for_a_moment() {
        let path = Path {
            local: "10.0.0.2:4750".parse().unwrap(),
            remote: "203.0.113.20:4750".parse().unwrap(),
        };
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut way = Way::new(path, true, true);
        assert_eq!(way.heard_before(start), None);
        // Every 20 ms, then nothing for half a second, then a pause that is shorter.
        let steps = [0, 20, 40, 540, 560, 640, 660];
        steps.into_iter().for_each(|ms| way.hear(at(ms)));
        assert_eq!(way.heard_before(at(660)), Some(at(40)));
        assert_eq!(way.heard_before(at(1600)), Some(at(560)), "a shorter one");
        assert_eq!(way.heard_before(at(1640)), Some(at(660)), "long over");
        way.hear(at(1700));
        assert_eq!(way.heard_before(at(1700)), Some(at(660)), "a new one");
        // A shorter one follows at once, and the longer one is soon over.
        way.hear(at(2600));
        assert_eq!(way.heard_before(at(2600)), Some(at(660)));
        assert_eq!(way.heard_before(at(2800)), Some(at(1700)));
        assert_eq!(way.heard_before(at(3600)), Some(at(2600)));
    }
}
