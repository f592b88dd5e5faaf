//! Flows that a side began which may: a table of fixed size, so that nothing is allocated for a packet.
//!
//! Who was silent for longest makes room. A packet of either side counts: what answers one question for an hour goes on.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// Most flows.
pub(super) const LIMIT: usize = 512;
/// How long after its last packet a flow is over; NATs take two minutes at least (RFC 4787 section 4.3).
pub(super) const SILENCE: Duration = Duration::from_secs(180);
/// No place.
const NONE: usize = usize::MAX;

/// What tells one flow from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    /// Our device, and the remote one as the LAN sees it.
    pub(super) pair: (Ipv4Addr, Ipv4Addr),
    pub(super) protocol: u8,
    /// In the same order; 0 where the protocol has none.
    pub(super) ports: (u16, u16),
}

/// A flow and its neighbours in the order of their last packets.
struct Place {
    flow: Flow,
    last: Instant,
    newer: usize,
    older: usize,
}

pub(super) struct Flows {
    by_flow: HashMap<Flow, usize>,
    places: Vec<Place>,
    newest: usize,
    oldest: usize,
}

impl Flows {
    pub(super) fn new() -> Self {
        Self {
            // Twice as many as there will be: then it is put in order again where it lies, and never grows.
            by_flow: HashMap::with_capacity(2 * LIMIT),
            places: Vec::with_capacity(LIMIT),
            newest: NONE,
            oldest: NONE,
        }
    }

    /// A packet of the side that may begin; whether something begins with it.
    pub(super) fn begin(&mut self, flow: Flow, now: Instant) -> bool {
        if let Some(&at) = self.by_flow.get(&flow) {
            let is_over = self.is_over(at, now);
            self.renew(at, now);
            return is_over;
        }
        let place = Place {
            flow,
            last: now,
            newer: NONE,
            older: NONE,
        };
        let at = if self.places.len() < LIMIT {
            self.places.push(place);
            self.places.len() - 1
        } else {
            let at = self.oldest;
            self.unlink(at);
            self.by_flow.remove(&self.places[at].flow);
            self.places[at] = place;
            at
        };
        self.by_flow.insert(flow, at);
        self.link(at);
        true
    }

    /// A packet of the other side: whether it belongs to what was begun.
    pub(super) fn goes_on(&mut self, flow: Flow, now: Instant) -> bool {
        let Some(&at) = self.by_flow.get(&flow) else {
            return false;
        };
        let goes_on = !self.is_over(at, now);
        if goes_on {
            self.renew(at, now);
        }
        goes_on
    }

    fn is_over(&self, at: usize, now: Instant) -> bool {
        now.duration_since(self.places[at].last) > SILENCE
    }

    fn renew(&mut self, at: usize, now: Instant) {
        self.places[at].last = now;
        if self.newest != at {
            self.unlink(at);
            self.link(at);
        }
    }

    /// Takes a place out of the order.
    fn unlink(&mut self, at: usize) {
        let Place { newer, older, .. } = self.places[at];
        match self.places.get_mut(newer) {
            Some(place) => place.older = older,
            None => self.newest = older,
        }
        match self.places.get_mut(older) {
            Some(place) => place.newer = newer,
            None => self.oldest = newer,
        }
    }

    /// Puts it in front.
    fn link(&mut self, at: usize) {
        let older = self.newest;
        (self.places[at].newer, self.places[at].older) = (NONE, older);
        match self.places.get_mut(older) {
            Some(place) => place.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(number: usize) -> Flow {
        Flow {
            pair: (Ipv4Addr::new(198, 18, 0, 17), Ipv4Addr::new(198, 18, 0, 18)),
            protocol: 17,
            ports: (number as u16, 53),
        }
    }

    #[test]
    fn a_flow_is_over_after_three_minutes_of_silence_of_both_sides() {
        let (mut flows, start) = (Flows::new(), Instant::now());
        assert!(flows.begin(flow(1), start) && !flows.begin(flow(1), start));
        assert!(!flows.goes_on(flow(2), start));
        let answered = start + SILENCE;
        assert!(flows.goes_on(flow(1), answered));
        assert!(flows.goes_on(flow(1), answered + SILENCE));
        let late = answered + SILENCE * 2 + Duration::from_millis(1);
        assert!(!flows.goes_on(flow(1), late), "an answer brings none back");
        assert!(flows.begin(flow(1), late), "but who began it does");
        assert!(flows.goes_on(flow(1), late));
    }

    #[test]
    fn the_one_that_was_silent_for_longest_makes_room_and_nothing_grows() {
        let (mut flows, now) = (Flows::new(), Instant::now());
        let (places, known) = (flows.places.capacity(), flows.by_flow.capacity());
        for number in 0..LIMIT {
            flows.begin(flow(number), now);
        }
        assert!(flows.goes_on(flow(0), now), "the first has spoken again");
        for number in LIMIT..20 * LIMIT {
            assert!(flows.begin(flow(number), now));
            assert!(flows.goes_on(flow(0), now), "{number}");
        }
        let newest = 20 * LIMIT - 1;
        assert!(flows.goes_on(flow(newest), now));
        assert!(flows.goes_on(flow(newest - LIMIT + 2), now));
        assert!(!flows.goes_on(flow(newest - LIMIT + 1), now));
        assert_eq!(flows.by_flow.len(), LIMIT);
        assert_eq!(flows.places.capacity(), places);
        // A map counts a place that was left as none until it puts itself in order: where flows lie is drawn anew in each run,
        // and with it how many those are. One that had grown would have twice as many.
        assert!(flows.by_flow.capacity() <= known);
    }
}
