//! How long a datagram may be on the way in use, so that no router has to cut it (RFC 8899).
//!
//! Probes of several lengths that nobody may cut are sent where long packets go; the longest that is answered tells. A device
//! whose packets are too long is told while they go on: over IPv4 our other datagrams may be cut on their way, and arrive
//! also where ICMP is filtered; over IPv6 our kernel cuts what it knows to be too long. Until the probes are answered
//! Ethernet's length is supposed. Of a relayed way the leg to the relay is measured; the relay's kernel may cut what goes on.

use super::Peer;
use crate::Output;
use crate::peers::Env;
use ntm_proto::Path;
use ntm_proto::message::{Message, SizeProbe};
use ntm_proto::wire::{HEADER_LEN, Kind, TAG_LEN};
use std::time::{Duration, Instant};

/// Lengths of IP packets that networks take, longest first: Ethernet's, PPPoE's (RFC 2516), those of tunnels and mobile
/// networks, and what every link of IPv6 must take (RFC 8200 section 5).
const LENGTHS: [u16; 10] = [1500, 1492, 1480, 1460, 1440, 1420, 1400, 1360, 1320, 1280];
/// What is supposed of a way that is not known.
const SUPPOSED: u16 = LENGTHS[0];
/// An inner packet of more bytes makes it worth knowing.
pub(crate) const LONG: usize = 1200;
/// Probes of the first round: most ways take the longest or the second.
const FIRST: usize = 2;
/// A probe may be lost for other reasons.
const ROUNDS: u32 = 3;
/// Rounds in which only what is known is tried, and what would be more.
const CONFIRMING: u32 = 2;
/// When it is looked at again, if long packets go on. RFC 8899 section 5.1.1 has ten minutes, for those who only want to know
/// whether more has become possible; where ours are cut nobody would tell us.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// When it is looked at again at the earliest because a train did not leave whole.
const SOON: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(600);
/// Pause between two words to devices that their packets are too long.
const TELL_PAUSE: Duration = Duration::from_millis(5);

/// What is known of the way in use.
#[derive(Debug, Default)]
pub(super) struct Size {
    /// The way.
    path: Option<Path>,
    /// Whether long packets go by it, and it is worth knowing.
    pub(super) is_wanted: bool,
    /// Bytes of the longest IP packet that goes through whole.
    known: Option<u16>,
    /// The same, as the search shows so far.
    found: Option<u16>,
    /// Tokens and lengths of the search's probes: an answer may take longer than a round.
    asked: Vec<(u64, u16)>,
    /// The longest that is looked for.
    most: u16,
    rounds: u32,
    /// When the next round is due.
    next: Option<Instant>,
    /// When the last search was over, and how long it is not doubted then.
    over: Option<Instant>,
    rest: Duration,
    /// When a device was last told.
    told: Option<Instant>,
}

impl Size {
    fn of(path: Path, now: Instant) -> Self {
        Self {
            path: Some(path),
            next: Some(now),
            ..Self::default()
        }
    }

    /// The lengths that the next round tries, if there is one: at most `most`.
    fn next_round(&mut self, most: u16, pace: Duration, now: Instant) -> Vec<u16> {
        self.most = most;
        let is_confirmed =
            self.rounds >= CONFIRMING && self.found.is_some_and(|it| Some(it) == self.known);
        if self.found == Some(most) || is_confirmed || self.rounds >= ROUNDS {
            let found = self.found.take().or(self.known);
            // What is doubted over and over without reason is doubted ever more seldom.
            self.rest = if found == self.known {
                (self.rest * 2).clamp(SOON, LONGEST_REST)
            } else {
                SOON
            };
            self.known = found;
            self.asked.clear();
            self.rounds = 0;
            self.is_wanted = false;
            self.over = Some(now);
            self.next = Some(now + AGAIN_AFTER);
            return Vec::new();
        }
        let shorter = LENGTHS.into_iter().filter(|length| *length < most);
        let longer = |length: &u16| self.found.is_none_or(|found| *length > found);
        let all: Vec<u16> = [most].into_iter().chain(shorter).collect();
        let next = self
            .known
            .filter(|_| self.rounds < CONFIRMING)
            .map(|known| {
                let more = all.iter().copied().filter(|length| *length > known).min();
                [Some(most), more, Some(known)]
            });
        let count = if self.rounds == 0 && next.is_none() {
            FIRST
        } else {
            usize::MAX
        };
        let is_next = |length: &u16| next.is_none_or(|next| next.contains(&Some(*length)));
        self.rounds += 1;
        self.next = Some(now + pace);
        all.into_iter()
            .filter(longer)
            .filter(is_next)
            .take(count)
            .collect()
    }

    /// A probe arrived. Whether the search may be over with it.
    fn answered(&mut self, token: u64) -> bool {
        let mut asked = self.asked.iter();
        let Some((_, length)) = asked.find(|(asked, _)| *asked == token) else {
            return false;
        };
        self.found = self.found.max(Some(*length));
        *length == self.most
    }

    /// Something speaks against what is known: it is looked at again, unless that is being done.
    fn doubt(&mut self, now: Instant) {
        let is_old = |over| now.duration_since(over) >= self.rest;
        if self.over.is_some_and(is_old) {
            self.over = None;
            self.is_wanted = true;
            self.next = Some(now);
        }
    }

    fn longest(&self, path: Path) -> u16 {
        let known = self.known.filter(|_| self.path == Some(path));
        known.unwrap_or(SUPPOSED)
    }
}

/// Bytes of a datagram around an inner packet.
const WITHIN: u16 = (HEADER_LEN + TAG_LEN) as u16;

impl Peer {
    /// Bytes of an IP packet around a datagram: IP without options, and UDP. A relay may go on with IPv6.
    fn around(&self, path: Path) -> u16 {
        if path.remote.is_ipv4() && !self.paths.is_relay(path) {
            28
        } else {
            48
        }
    }

    /// When the next probes are due, if long packets go by a way that is sure.
    pub(super) fn size_due(&self) -> Option<Instant> {
        let is_lost = self.watch.lost_since.is_some();
        if !self.size.is_wanted || is_lost || !self.paths.is_sure() {
            return None;
        }
        let path = self.paths.active_path()?;
        if self.size.path == Some(path) {
            self.size.next
        } else {
            Some(self.watch.checked())
        }
    }

    /// Finds out how long a datagram may be.
    pub(super) fn find_size(&mut self, env: &mut Env<'_>, now: Instant) {
        let Some(path) = self.paths.active_path().filter(|_| self.paths.is_sure()) else {
            return;
        };
        if !self.size.is_wanted {
            return;
        }
        if self.size.path != Some(path) {
            self.size = Size::of(path, now);
            self.size.is_wanted = true;
        }
        if self.size.next.is_some_and(|at| at > now) {
            return;
        }
        let around = self.around(path);
        let most = env.setup.limits.mtu.saturating_add(WITHIN + around);
        let lengths = self.size.next_round(most, self.paths.pace(), now);
        for length in lengths {
            let token = u64::from_be_bytes(env.random.bytes());
            self.size.asked.push((token, length));
            self.send_probe(token, usize::from(length - around), path, env, now);
        }
    }

    fn send_probe(
        &mut self,
        token: u64,
        length: usize,
        path: Path,
        env: &mut Env<'_>,
        now: Instant,
    ) {
        let mut datagram = vec![0; HEADER_LEN];
        datagram.extend_from_slice(&Message::SizeProbe(SizeProbe { token }).encode());
        // What follows a message's fields nobody reads.
        datagram.resize(length - TAG_LEN, 0);
        let sealed = self
            .keys
            .seal(Kind::Control, self.peer_path, &mut datagram, 0, now);
        if sealed.is_ok() {
            env.output.push_back(Output::Probe { path, datagram });
        }
    }

    /// The peer says that a probe arrived.
    pub(super) fn size_answered(&mut self, token: u64, env: &mut Env<'_>, now: Instant) {
        if self.size.answered(token) {
            self.size.next = Some(now);
            self.find_size(env, now);
        }
    }

    /// A train of datagrams with `each` so many bytes did not leave by `path` whole: its first link may have become
    /// narrower, if that is less than what is known.
    pub(crate) fn doubt_size(&mut self, path: Path, each: usize, now: Instant) {
        let length = each + usize::from(self.around(path));
        if self.size.path == Some(path) && length <= usize::from(self.size.longest(path)) {
            self.size.doubt(now);
        }
    }

    /// The longest inner packet that goes through whole, as far as known.
    pub(crate) fn longest(&self) -> Option<u16> {
        let path = self.paths.active_path()?;
        Some(self.size.longest(path) - self.around(path) - WITHIN)
    }

    /// The longest inner packet that goes through whole, if one of `length` bytes does not, and its device shall be told.
    pub(crate) fn too_long(&mut self, length: usize, now: Instant) -> Option<u16> {
        let longest = self.longest().filter(|it| length > usize::from(*it))?;
        let rested = |at| now.duration_since(at) >= TELL_PAUSE;
        if !self.size.told.is_none_or(rested) {
            return None;
        }
        self.size.told = Some(now);
        Some(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches on a way that takes `room` bytes and loses every second probe, if `lossy`.
    fn search(room: u16, most: u16, lossy: bool) -> (Option<u16>, u32) {
        search_on(&mut Size::default(), room, most, lossy)
    }

    fn search_on(size: &mut Size, room: u16, most: u16, lossy: bool) -> (Option<u16>, u32) {
        let (mut now, mut sent) = (Instant::now(), 0);
        loop {
            let lengths = size.next_round(most, Duration::from_millis(100), now);
            if lengths.is_empty() {
                return (size.known, sent);
            }
            size.asked
                .extend(lengths.iter().map(|it| (u64::from(*it), *it)));
            for length in lengths {
                sent += 1;
                if length <= room && !(lossy && sent % 2 == 1) {
                    size.answered(u64::from(length));
                }
            }
            now += Duration::from_millis(100);
        }
    }

    #[test]
    fn the_longest_that_goes_through_is_found_with_few_probes() {
        assert_eq!(search(1500, 1500, false), (Some(1500), 2));
        assert_eq!(search(1500, 1520, false), (Some(1500), 4));
        assert_eq!(search(1492, 1500, false).0, Some(1492));
        let (known, sent) = search(1400, 1500, false);
        assert_eq!(known, Some(1400));
        assert!(sent <= 20, "{sent}");
        assert_eq!(search(1430, 1500, false).0, Some(1420));
        assert_eq!(search(9000, 9000, false).0, Some(9000));
        assert_eq!(search(1500, 1500, true).0, Some(1500));
        assert_eq!(search(1000, 1500, false).0, None, "nothing is known of it");
    }

    #[test]
    fn what_is_known_is_confirmed_with_few_probes_and_a_change_is_found() {
        let mut size = Size::default();
        assert_eq!(search_on(&mut size, 1400, 1500, false).0, Some(1400));
        let (known, sent) = search_on(&mut size, 1400, 1500, false);
        assert_eq!(known, Some(1400));
        assert!(sent <= 5, "{sent}");
        assert_eq!(search_on(&mut size, 1460, 1500, false).0, Some(1460));
        assert_eq!(search_on(&mut size, 1320, 1500, false).0, Some(1320));
        assert_eq!(search_on(&mut size, 1500, 1500, false).0, Some(1500));
        assert_eq!(search_on(&mut size, 1280, 1500, false).0, Some(1280));
    }

    #[test]
    fn doubt_begins_one_search_and_an_answer_may_be_late() {
        let (mut size, mut now) = (Size::default(), Instant::now());
        let pace = Duration::from_millis(100);
        let ask = |size: &mut Size, now| {
            let lengths = size.next_round(1500, pace, now);
            size.asked
                .extend(lengths.iter().map(|it| (u64::from(*it), *it)));
            lengths.len()
        };
        assert_eq!(ask(&mut size, now), FIRST);
        assert!(size.answered(1500));
        assert_eq!(ask(&mut size, now), 0);
        assert_eq!(size.known, Some(1500));

        // A train is cut a hundred times; the answers of the first round come in the third.
        now += SOON;
        let mut rounds = 0;
        for _ in 0..100 {
            now += Duration::from_millis(10);
            size.doubt(now);
            if size.next.is_some_and(|at| at <= now) && ask(&mut size, now) > 0 {
                rounds += 1;
                if rounds == 3 {
                    assert!(!size.answered(1492));
                }
            }
        }
        assert_eq!((rounds, size.known), (3, Some(1492)));
        size.doubt(now);
        assert!(size.next.is_some_and(|at| at > now));
    }
}
