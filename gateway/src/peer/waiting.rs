//! Packets that wait for a way: the newest of each flow.
//!
//! A tunnel may be without a way for minutes. What gets a session going again is what its sender said last: TCP
//! repeats its oldest segment ever more rarely, and would take up to two minutes to say it once more by itself. So
//! a flow that sends much takes no room from one that sends little, and the older packets of a flow make room for its
//! newer ones. Where a way has not proved itself, of each TCP flow what left by it last stays here until one has: it may
//! have led nowhere, and under keys that nobody has any more.

use crate::allowance::{Allowance, Share};
use ntm_proto::ip::Ipv4View;
use ntm_proto::wire::HEADER_LEN;
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Longest packet worth holding: the longest the TUN interface gives.
const LONGEST: usize = 2048;
/// What holding a packet costs besides its bytes: more packets than that allows would be slow to look through.
const SLOT: usize = 128;
/// What waited longer is of no use to anybody, unless it is TCP's.
const FRESH_FOR: Duration = Duration::from_secs(10);

/// What a flow that somebody sits before has at most: little, and its user waits for it.
pub(super) const SMALL: usize = 8 << 10;

/// Who leaves before what was lost is sent again, and who after it. On a slow link that may take seconds; TCP puts in order
/// what comes too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// TCP that has little to say.
    First,
    /// All others.
    Last,
}

/// Its protocol number.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Packets that belong together: protocol, addresses, and ports where there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    protocol: u8,
    ends: (Ipv4Addr, Ipv4Addr),
    ports: [u8; 4],
}

impl Flow {
    /// A number that two flows hardly have in common.
    fn tag(&self) -> u32 {
        let (from, to) = self.ends;
        let ports = u32::from_be_bytes(self.ports);
        // Odd numbers with many bits (Knuth, volume 3, section 6.4).
        let ends = u32::from(from).rotate_left(16) ^ u32::from(to);
        ends.wrapping_mul(0x9e37_79b1) ^ ports.wrapping_mul(0x85eb_ca6b)
    }
}

/// The tag of the TCP connection that a packet is of.
pub(super) fn tcp_tag(packet: &[u8]) -> Option<u32> {
    let flow = flow(packet).filter(|flow| flow.protocol == TCP)?;
    Some(flow.tag())
}

struct Held {
    flow: Flow,
    at: Instant,
    /// As it has left by a way that was not sure; nothing if it has not.
    sealed: Vec<u8>,
    /// Room for the header, then the packet as it is in the tunnel.
    datagram: Vec<u8>,
}

impl Held {
    fn cost(&self) -> usize {
        self.datagram.len() + self.sealed.len() + SLOT
    }

    fn has_left(&self) -> bool {
        !self.sealed.is_empty()
    }

    fn is_stale(&self, now: Instant) -> bool {
        self.flow.protocol != TCP && now.duration_since(self.at) >= FRESH_FOR
    }
}

/// What waits for one tunnel, the oldest first.
pub(crate) struct Waiting {
    packets: VecDeque<Held>,
    /// What each flow's packets cost together.
    costs: BTreeMap<Flow, usize>,
    /// What all cost.
    share: Share,
    /// How many of them have left.
    left: usize,
}

impl Waiting {
    pub(crate) fn new(allowance: &Allowance) -> Self {
        Self {
            packets: VecDeque::new(),
            costs: BTreeMap::new(),
            share: Share::new(allowance),
            left: 0,
        }
    }

    /// All of it; nothing waits here then.
    pub(crate) fn take_all(&mut self) -> Self {
        let empty = Self::new(self.share.allowance());
        std::mem::replace(self, empty)
    }

    /// Whether there is any, counting what has left or not.
    pub(crate) fn has_any(&self, count_left: bool) -> bool {
        self.packets.len() > if count_left { 0 } else { self.left }
    }

    /// Whether a packet of the TCP connection with this tag waits that has not left.
    pub(crate) fn has(&self, tag: u32) -> bool {
        let is_its = |flow: &Flow| flow.protocol == TCP && flow.tag() == tag;
        let mut held = self.packets.iter();
        held.any(|held| !held.has_left() && is_its(&held.flow))
    }

    /// How many there are that have not left.
    pub(crate) fn len(&self) -> usize {
        self.packets.len() - self.left
    }

    /// Keeps a copy, if that fits into `limit` bytes and what all tunnels may keep at all. How many others made room for it.
    pub(crate) fn keep(&mut self, datagram: &[u8], limit: usize, now: Instant) -> Option<u32> {
        self.put(datagram, self.share.room(limit), now)
    }

    fn put(&mut self, datagram: &[u8], room: usize, now: Instant) -> Option<u32> {
        let packet = datagram.get(HEADER_LEN..)?;
        let flow = flow(packet)?;
        if packet.len() > LONGEST || datagram.len() + SLOT > room {
            return None;
        }
        // What is newer says what the older did.
        self.forget_left(flow);
        let held = Held {
            flow,
            at: now,
            sealed: Vec::new(),
            datagram: datagram.to_vec(),
        };
        let mut dropped = 0;
        while self.share.bytes() + held.cost() > room && self.drop_one() {
            dropped += 1;
        }
        self.share.set(self.share.bytes() + held.cost());
        *self.costs.entry(flow).or_default() += held.cost();
        self.packets.push_back(held);
        Some(dropped)
    }

    /// Keeps a copy of what is about to leave by a way that is not sure. Only what has left itself makes room for it.
    pub(crate) fn keep_leaving(&mut self, datagram: &[u8], limit: usize, now: Instant) -> bool {
        let room = self.share.room(limit);
        // It is kept sealed, too.
        let cost = datagram.len() * 2 + SLOT * 2;
        while self.share.bytes() + cost > room {
            let left = self.packets.iter().position(Held::has_left);
            if left.and_then(|at| self.remove(at)).is_none() {
                return false;
            }
        }
        self.put(datagram, room, now).is_some()
    }

    /// The newest has left by a way that is not sure, as `sealed`.
    pub(crate) fn note_left(&mut self, sealed: &[u8]) {
        if let Some(held) = self.packets.back_mut() {
            let cost = held.cost();
            self.left += usize::from(!held.has_left());
            held.sealed = sealed.to_vec();
            let more = held.cost() - cost;
            *self.costs.entry(held.flow).or_default() += more;
            self.share.set(self.share.bytes() + more);
        }
    }

    /// Traffic goes by another way: what has left is given back as it was sealed, if the peer `can_open` that; the rest waits
    /// again. If the way `is_sure` that is done with.
    pub(crate) fn recall(
        &mut self,
        is_sure: bool,
        can_open: impl Fn(&[u8]) -> bool,
    ) -> Vec<Vec<u8>> {
        let mut again = Vec::new();
        let mut at = 0;
        while self.left > 0
            && let Some(held) = self.packets.get_mut(at)
        {
            at += 1;
            if !held.has_left() {
                continue;
            }
            if !can_open(&held.sealed) {
                self.wait_again(at - 1);
            } else if is_sure {
                at -= 1;
                again.extend(self.remove(at).map(|held| held.sealed));
            } else {
                again.push(held.sealed.clone());
            }
        }
        again
    }

    /// All that has left waits again: another tunnel takes it.
    pub(crate) fn recall_all(&mut self) {
        (0..self.packets.len()).for_each(|at| self.wait_again(at));
    }

    fn wait_again(&mut self, at: usize) {
        let Some(held) = self.packets.get_mut(at) else {
            return;
        };
        let sealed = std::mem::take(&mut held.sealed);
        self.left -= usize::from(!sealed.is_empty());
        self.share.set(self.share.bytes() - sealed.len());
        if let Some(cost) = self.costs.get_mut(&held.flow) {
            *cost -= sealed.len();
        }
    }

    /// How many bytes the next one to leave has.
    pub(crate) fn next_len(&self, turn: Turn) -> Option<usize> {
        let at = self.next(turn)?;
        self.packets.get(at).map(|held| held.datagram.len())
    }

    /// Takes the oldest out of those whose turn it is.
    pub(crate) fn take(&mut self, turn: Turn) -> Option<Vec<u8>> {
        self.remove(self.next(turn)?).map(|held| held.datagram)
    }

    fn next(&self, turn: Turn) -> Option<usize> {
        let is_small = |held: &Held| {
            let cost = self.costs.get(&held.flow);
            held.flow.protocol == TCP && cost.is_some_and(|cost| *cost <= SMALL)
        };
        let is_next = |held: &Held| !held.has_left() && (turn == Turn::Last || is_small(held));
        self.packets.iter().position(is_next)
    }

    /// Drops what is of no use any more; how many that were.
    pub(crate) fn drop_stale(&mut self, now: Instant) -> u32 {
        let mut dropped = 0;
        while let Some(at) = self.packets.iter().position(|held| held.is_stale(now)) {
            self.remove(at);
            dropped += 1;
        }
        dropped
    }

    /// Drops the packet of this flow that has left.
    fn forget_left(&mut self, flow: Flow) {
        let is_it = |held: &Held| held.has_left() && held.flow == flow;
        if self.left > 0
            && let Some(at) = self.packets.iter().position(is_it)
        {
            self.remove(at);
        }
    }

    /// Drops the oldest packet of the flow that has the most. Whether there was one.
    fn drop_one(&mut self) -> bool {
        let most = self.costs.iter().max_by_key(|(_, cost)| **cost);
        let Some(flow) = most.map(|(flow, _)| *flow) else {
            return false;
        };
        let oldest = self.packets.iter().position(|held| held.flow == flow);
        oldest.and_then(|at| self.remove(at)).is_some()
    }

    fn remove(&mut self, at: usize) -> Option<Held> {
        let held = self.packets.remove(at)?;
        self.share.set(self.share.bytes() - held.cost());
        self.left -= usize::from(held.has_left());
        if let Some(cost) = self.costs.get_mut(&held.flow) {
            *cost -= held.cost();
            if *cost == 0 {
                self.costs.remove(&held.flow);
            }
        }
        Some(held)
    }
}

/// A later fragment counts to the flow of its two ends.
fn flow(packet: &[u8]) -> Option<Flow> {
    let view = Ipv4View::new(packet).ok()?;
    let protocol = view.protocol();
    let has_ports = matches!(protocol, TCP | UDP) && view.is_first_fragment();
    let ports = view.payload().first_chunk().filter(|_| has_ports);
    Some(Flow {
        protocol,
        ends: (view.source(), view.destination()),
        ports: ports.copied().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A datagram to be with a packet of this protocol, source port, payload and number.
    fn datagram(protocol: u8, port: u8, payload: usize, number: u8) -> Vec<u8> {
        let total = 20 + 4 + payload;
        let mut datagram = vec![0; HEADER_LEN];
        datagram.extend([
            0x45,
            0,
            (total >> 8) as u8,
            total as u8,
            0,
            0,
            0,
            0,
            64,
            protocol,
            0,
            0,
        ]);
        datagram.extend([10, 0, 0, 1, 10, 0, 0, 2, 0, port, 0, 80]);
        datagram.extend(vec![number; payload]);
        datagram
    }

    fn numbers(waiting: &mut Waiting) -> Vec<u8> {
        let taken = std::iter::from_fn(|| waiting.take(Turn::Last));
        taken
            .filter_map(|datagram| datagram.last().copied())
            .collect()
    }

    #[test]
    fn a_stream_takes_no_room_from_who_says_little() {
        let (now, mut waiting) = (Instant::now(), Waiting::new(&Allowance::new(usize::MAX)));
        let room = 20 * (SLOT + HEADER_LEN + 124);
        assert_eq!(waiting.keep(&datagram(TCP, 1, 100, 1), room, now), Some(0));
        for number in 100..200 {
            assert!(
                waiting
                    .keep(&datagram(UDP, 2, 100, number), room, now)
                    .is_some()
            );
        }
        assert_eq!(waiting.keep(&datagram(TCP, 1, 100, 2), room, now), Some(1));
        assert_eq!(waiting.len(), 20);
        let expected: Vec<u8> = [1].into_iter().chain(182..200).chain([2]).collect();
        assert_eq!(numbers(&mut waiting), expected);
        assert_eq!(
            (waiting.share.bytes(), waiting.costs.len(), waiting.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn of_one_flow_the_newest_stay() {
        let (now, mut waiting) = (Instant::now(), Waiting::new(&Allowance::new(usize::MAX)));
        let room = 3 * (SLOT + HEADER_LEN + 1224);
        for number in 1..10 {
            waiting.keep(&datagram(TCP, 1, 1200, number), room, now);
        }
        assert_eq!(numbers(&mut waiting), [7, 8, 9]);
        assert_eq!(
            waiting.keep(&datagram(TCP, 1, 2100, 1), usize::MAX, now),
            None
        );
        assert_eq!(waiting.keep(&datagram(TCP, 1, 1200, 1), 100, now), None);
        assert_eq!(waiting.keep(&[0; 40], room, now), None);
    }

    #[test]
    fn only_tcp_outlives_a_long_outage() {
        let (start, mut waiting) = (Instant::now(), Waiting::new(&Allowance::new(usize::MAX)));
        let second = Duration::from_secs(1);
        waiting.keep(&datagram(TCP, 1, 10, 1), 4096, start);
        waiting.keep(&datagram(UDP, 2, 10, 2), 4096, start);
        waiting.keep(&datagram(UDP, 2, 10, 3), 4096, start + second * 5);
        assert_eq!(waiting.drop_stale(start + FRESH_FOR), 1);
        assert_eq!(numbers(&mut waiting), [1, 3]);
    }

    #[test]
    fn of_tcp_the_last_word_stays_until_a_way_is_sure() {
        let (now, room) = (Instant::now(), 4096);
        let mut waiting = Waiting::new(&Allowance::new(usize::MAX));
        for number in 1..=3 {
            assert!(
                waiting
                    .keep(&datagram(TCP, 1, 40, number), room, now)
                    .is_some()
            );
            waiting.note_left(&[number; 90]);
        }
        assert!(waiting.keep(&datagram(TCP, 2, 40, 9), room, now).is_some());
        assert_eq!((waiting.len(), waiting.has_any(false)), (1, true));
        assert_eq!(waiting.next_len(Turn::Last), Some(HEADER_LEN + 64));

        // By another way that is not sure either it goes again, and stays.
        let opens = |_: &[u8]| true;
        assert_eq!(waiting.recall(false, opens), [vec![3; 90]]);
        assert_eq!(waiting.recall(true, opens), [vec![3; 90]]);
        assert!(waiting.recall(true, opens).is_empty());
        assert_eq!(numbers(&mut waiting), [9]);
        assert_eq!((waiting.share.bytes(), waiting.costs.len()), (0, 0));

        // Under keys that the peer has no more it waits like any other.
        assert!(waiting.keep(&datagram(TCP, 1, 40, 4), room, now).is_some());
        waiting.note_left(&[4; 90]);
        assert_eq!((waiting.len(), waiting.has_any(true)), (0, true));
        assert!(waiting.recall(true, |_| false).is_empty());
        assert_eq!(numbers(&mut waiting), [4]);
        assert!(waiting.keep(&datagram(TCP, 1, 40, 5), room, now).is_some());
        waiting.note_left(&[5; 90]);
        waiting.recall_all();
        assert_eq!(numbers(&mut waiting), [5]);
        assert_eq!(
            (waiting.share.bytes(), waiting.costs.len(), waiting.left),
            (0, 0, 0)
        );
    }

    #[test]
    fn what_a_person_waits_for_goes_before_what_is_much() {
        let now = Instant::now();
        let mut waiting = Waiting::new(&Allowance::new(usize::MAX));
        for number in 1..=10 {
            assert!(
                waiting
                    .keep(&datagram(TCP, 1, 1400, number), 65536, now)
                    .is_some()
            );
        }
        assert!(
            waiting
                .keep(&datagram(UDP, 2, 10, 11), 65536, now)
                .is_some()
        );
        assert!(
            waiting
                .keep(&datagram(TCP, 3, 10, 12), 65536, now)
                .is_some()
        );
        let first = std::iter::from_fn(|| waiting.take(Turn::First));
        let first: Vec<u8> = first.filter_map(|it| it.last().copied()).collect();
        assert_eq!(first, [12]);
        assert_eq!(waiting.next_len(Turn::First), None);
        assert_eq!(numbers(&mut waiting).len(), 11);
    }
}
