//! What the DC says on its own, said again until it is acknowledged.
//!
//! Each push has a sequence number and is about one thing; a newer push about it takes its place. Pauses double.
//! Many pushes to one node (its relay restarted, it moved) are spread out, so that they do not drown each other.
//! Sequence numbers begin with the process: they name a push to one node, they order nothing across restarts.

use ntm_proto::id::{NodeId, TunnelId};
use ntm_proto::message::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// First pause and tries of a Route Direction: 300 ms, doubled five times, in all about 19 s.
const ROUTE: (Duration, u32) = (Duration::from_millis(300), 6);
/// Of a Relay Direction: about 8 s, then the next relay is asked.
const RELAY: (Duration, u32) = (Duration::from_millis(250), 5);

/// Pushes to one node that may start at once, and how much later each further one starts.
const AT_ONCE: usize = 64;
const SPREAD: Duration = Duration::from_millis(1);

/// What a push is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    /// A Route Direction for the tunnel's end `side`, about this pair of devices.
    Route {
        tunnel: TunnelId,
        side: usize,
        pair: [NodeId; 2],
    },
    /// A tunnel's Relay Direction.
    Relay { tunnel: TunnelId },
    /// A Route Direction of another domain for a gateway of ours.
    Passed {
        tunnel: TunnelId,
        local: NodeId,
        remote: NodeId,
    },
    /// How a gateway of ours is now, for the peer that has a tunnel with it.
    Guest { gateway: NodeId, peer: NodeId },
    /// The trusted domains, for a gateway.
    Domains { gateway: NodeId },
    /// That a tunnel is over, for a gateway, a relay or the coordinator of another domain.
    Closed { tunnel: TunnelId, to: NodeId },
}

pub(crate) struct Push {
    pub(crate) to: NodeId,
    pub(crate) about: About,
    pub(crate) message: Message,
    pause: Duration,
    /// How often it may still be said.
    left: u32,
    /// How often it has been said before.
    said: u32,
    due: Instant,
}

/// What to do about a push whose time came.
pub(crate) enum Due {
    /// Say it; how often it has been said before.
    Say(NodeId, Message, u32),
    /// It was said often enough.
    GaveUp(Push),
}

#[derive(Default)]
pub(crate) struct Pushes {
    sequence: u32,
    by_sequence: BTreeMap<u32, Push>,
    by_about: BTreeMap<About, u32>,
    due: BTreeSet<(Instant, u32)>,
    /// Pushes under way to each node.
    load: BTreeMap<NodeId, usize>,
}

impl Pushes {
    /// Starts a push in place of one about the same. `make` gets its sequence number.
    pub(crate) fn start(
        &mut self,
        to: NodeId,
        about: About,
        make: impl FnOnce(u32) -> Message,
        now: Instant,
    ) {
        self.cancel(about);
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        let (pause, left) = match about {
            About::Route { .. }
            | About::Passed { .. }
            | About::Guest { .. }
            | About::Domains { .. }
            | About::Closed { .. } => ROUTE,
            About::Relay { .. } => RELAY,
        };
        let load = self.load.entry(to).or_default();
        let later = u32::try_from(load.saturating_sub(AT_ONCE)).unwrap_or(u32::MAX);
        *load += 1;
        let due = now + SPREAD.saturating_mul(later);
        let push = Push {
            to,
            about,
            message: make(sequence),
            pause,
            left,
            said: 0,
            due,
        };
        self.by_about.insert(about, sequence);
        self.due.insert((due, sequence));
        self.by_sequence.insert(sequence, push);
    }

    /// The push about this is said so often at most, in all; one that was is given up at once.
    pub(crate) fn limit(&mut self, about: About, times: u32, now: Instant) {
        let Some(&sequence) = self.by_about.get(&about) else {
            return;
        };
        let Some(push) = self.by_sequence.get_mut(&sequence) else {
            return;
        };
        let enough = push.said > 0 && push.said >= times;
        push.left = push.left.min(times.saturating_sub(push.said));
        if enough && push.due > now {
            self.due.remove(&(push.due, sequence));
            push.due = now;
            self.due.insert((now, sequence));
        }
    }

    /// Ends the push about this, if there is one.
    pub(crate) fn cancel(&mut self, about: About) {
        if let Some(sequence) = self.by_about.remove(&about) {
            self.remove(sequence);
        }
    }

    /// `from` acknowledges its push with this number: what was it about?
    pub(crate) fn acknowledge(&mut self, sequence: u32, from: NodeId) -> Option<About> {
        self.by_sequence
            .get(&sequence)
            .filter(|push| push.to == from)?;
        self.remove(sequence).map(|push| push.about)
    }

    /// To whom the push with this number goes.
    pub(crate) fn addressee(&self, sequence: u32) -> Option<NodeId> {
        self.by_sequence.get(&sequence).map(|push| push.to)
    }

    /// Ends all pushes to a node.
    pub(crate) fn forget(&mut self, to: NodeId) {
        let all = self.by_sequence.iter().filter(|(_, push)| push.to == to);
        let all: Vec<u32> = all.map(|(sequence, _)| *sequence).collect();
        for sequence in all {
            self.remove(sequence);
        }
    }

    /// The message under way about this.
    pub(crate) fn message(&self, about: About) -> Option<&Message> {
        let sequence = self.by_about.get(&about)?;
        self.by_sequence.get(sequence).map(|push| &push.message)
    }

    /// The next push whose time came.
    pub(crate) fn next_due(&mut self, now: Instant) -> Option<Due> {
        let &(due, sequence) = self.due.first()?;
        if due > now {
            return None;
        }
        if self.by_sequence.get(&sequence)?.left == 0 {
            return self.remove(sequence).map(Due::GaveUp);
        }
        self.due.pop_first();
        let push = self.by_sequence.get_mut(&sequence)?;
        push.left -= 1;
        push.due = now + push.pause;
        push.pause *= 2;
        self.due.insert((push.due, sequence));
        let before = push.said;
        push.said += 1;
        Some(Due::Say(push.to, push.message.clone(), before))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    fn remove(&mut self, sequence: u32) -> Option<Push> {
        let push = self.by_sequence.remove(&sequence)?;
        self.due.remove(&(push.due, sequence));
        if let Some(load) = self.load.get_mut(&push.to) {
            *load -= 1;
            if *load == 0 {
                self.load.remove(&push.to);
            }
        }
        if self.by_about.get(&push.about) == Some(&sequence) {
            self.by_about.remove(&push.about);
        }
        Some(push)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.by_sequence.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_proto::message::TunnelClosed;

    const ABOUT: About = About::Relay {
        tunnel: TunnelId([1; 16]),
    };

    fn node(byte: u8) -> NodeId {
        NodeId::from_random([byte; 16])
    }

    fn message(_: u32) -> Message {
        Message::TunnelClosed(TunnelClosed {
            tunnel: TunnelId([1; 16]),
            sequence: 1,
        })
    }

    #[test]
    fn a_push_is_said_with_growing_pauses_then_given_up() {
        let start = Instant::now();
        let mut pushes = Pushes::default();
        pushes.start(node(1), ABOUT, message, start);
        let mut at = Vec::new();
        while let Some(now) = pushes.poll_timeout() {
            match pushes.next_due(now) {
                Some(Due::Say(..)) => at.push((now - start).as_millis()),
                Some(Due::GaveUp(push)) => assert_eq!(push.about, ABOUT),
                None => unreachable!("it was due"),
            }
        }
        assert_eq!(at, [0, 250, 750, 1750, 3750]);
        assert_eq!(pushes.len(), 0);
    }

    #[test]
    fn a_push_with_a_limit_is_given_up_sooner() {
        let start = Instant::now();
        let mut pushes = Pushes::default();
        pushes.start(node(1), ABOUT, message, start);
        pushes.limit(ABOUT, 2, start);
        let mut now = start;
        while let Some(at) = pushes.poll_timeout() {
            now = at;
            assert!(pushes.next_due(now).is_some());
        }
        assert_eq!(now - start, Duration::from_millis(750));
    }

    #[test]
    fn a_thousand_pushes_to_one_node_are_spread_over_a_second() {
        let start = Instant::now();
        let mut pushes = Pushes::default();
        for byte in 0..1000u32 {
            let mut tunnel = TunnelId([0; 16]);
            tunnel.0[..4].copy_from_slice(&byte.to_be_bytes());
            pushes.start(node(1), About::Relay { tunnel }, message, start);
        }
        let mut said = |now| std::iter::from_fn(|| pushes.next_due(now)).count();
        assert_eq!(said(start), 65);
        assert!(said(start + Duration::from_millis(200)) <= 201);
    }

    #[test]
    fn only_the_addressee_ends_a_push_and_a_newer_one_replaces_it() {
        let now = Instant::now();
        let mut pushes = Pushes::default();
        pushes.start(node(1), ABOUT, message, now);
        pushes.start(node(1), ABOUT, message, now);
        assert_eq!(pushes.len(), 1);
        assert_eq!(pushes.acknowledge(1, node(1)), None);
        assert_eq!(pushes.acknowledge(2, node(2)), None);
        assert_eq!(pushes.acknowledge(2, node(1)), Some(ABOUT));
        assert_eq!(
            (pushes.len(), pushes.load.len(), pushes.poll_timeout()),
            (0, 0, None)
        );
        assert!(pushes.message(ABOUT).is_none());
    }
}
