//! What is asked of a world once all is quiet: every pair that must be able to talk resolves and exchanges.

use crate::act::DeviceAt;
use crate::run::{is_lossy, reason};
use crate::world::World;
use std::time::Duration;

/// Within this each pair exchanges packets.
const WHOLE: Duration = Duration::from_secs(15);
/// The same where lines lose datagrams.
const WHOLE_LOSSY: Duration = Duration::from_secs(45);
/// Pause between the packets of a pair.
const BEAT: Duration = Duration::from_millis(400);
/// Longest packet that fits every line: the smallest MTU without the headers of IPv6, UDP and our own.
const FITS: usize = 1280 - 40 - 8 - 32;
/// A short packet.
const SHORT: usize = 60;
/// How often a question is asked again: the answer may be no while a gateway looks for its DC, or if lines lose.
const ASKED: usize = 3;
const ASKED_LOSSY: usize = 9;
/// How often it is looked whether a question is answered.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is looked whether tunnels that need no relay are direct, and the pause: that of the gateways' trials.
const TRIALS: usize = 4;
const TRIAL: Duration = Duration::from_secs(26);

/// A direction between two devices, and the packets that went.
struct OneWay {
    from: DeviceAt,
    to: DeviceAt,
    /// Numbers of the short packets, and of the long ones.
    sent: [Vec<u32>; 2],
}

impl World {
    /// Each pair resolves the other's name and exchanges packets; `when` is for the failure.
    pub(crate) fn prove(&mut self, pairs: &[(DeviceAt, DeviceAt)], when: &str) {
        let both = |(one, other): &(DeviceAt, DeviceAt)| [(*one, *other), (*other, *one)];
        let ways: Vec<(DeviceAt, DeviceAt)> = pairs.iter().flat_map(both).collect();
        let rounds = if is_lossy(self) { ASKED_LOSSY } else { ASKED };
        self.ask(&ways, rounds, false, when);
        if self.watch.failure.is_none() {
            self.exchange(&ways, when);
        }
    }

    /// Whether packets from this device to that one must get through.
    fn must_reach(&self, from: DeviceAt, to: DeviceAt) -> bool {
        if from.0 == to.0 {
            self.sites[from.0].removed.is_none()
        } else {
            self.must_talk(from.0, to.0)
        }
    }

    /// Everybody who must be able to asks for the other's name, or pings it, and is told the right address.
    fn ask(&mut self, ways: &[(DeviceAt, DeviceAt)], rounds: usize, is_ping: bool, when: &str) {
        let must = |(from, to): &&(DeviceAt, DeviceAt)| self.must_reach(*from, *to);
        let mut open: Vec<(DeviceAt, DeviceAt)> = ways.iter().filter(must).copied().collect();
        for _ in 0..rounds {
            let ask = |(from, to): &(DeviceAt, DeviceAt)| {
                if is_ping {
                    self.ping(from.0, *to)
                } else {
                    self.resolve(*from, *to)
                }
            };
            let queries: Vec<Option<u64>> = open.iter().map(ask).collect();
            while self.watch.failure.is_none()
                && queries
                    .iter()
                    .flatten()
                    .any(|query| self.watch.is_open(*query))
            {
                self.run_for(LOOK);
            }
            let mut queries = queries.into_iter();
            open.retain(|_| {
                let query = queries.next().flatten();
                !query.is_some_and(|query| self.watch.was_told(query))
            });
            if open.is_empty() || self.watch.failure.is_some() {
                return;
            }
            self.run_for(BEAT);
        }
        let (from, to) = open[0];
        let kind = if is_ping { "ping" } else { "resolve" };
        let reason = reason(self, from, to);
        self.fail(format!(
            "{when} {from:?} cannot {kind} {to:?} in {rounds} tries: {reason}"
        ));
    }

    /// Each sends until a short and a long packet arrived. Those who must not talk send as well.
    fn exchange(&mut self, ways: &[(DeviceAt, DeviceAt)], when: &str) {
        let limit = if is_lossy(self) { WHOLE_LOSSY } else { WHOLE };
        let open = |(from, to): &(DeviceAt, DeviceAt)| OneWay {
            from: *from,
            to: *to,
            sent: [Vec::new(), Vec::new()],
        };
        let mut open: Vec<OneWay> = ways.iter().map(open).collect();
        let end = self.now + limit;
        let mut beats = 0;
        while self.now < end && self.watch.failure.is_none() {
            for way in &mut open {
                // Who must not talk need not try all the time.
                if self.must_reach(way.from, way.to) || beats % 8 < 2 {
                    let length = [SHORT, FITS][beats % 2];
                    way.sent[beats % 2].extend(self.send_packet(way.from, way.to, length));
                }
            }
            beats += 1;
            self.run_for(BEAT);
            open.retain(|way| !way.sent.iter().all(|sent| self.has_arrived(sent)));
            if !open.iter().any(|way| self.must_reach(way.from, way.to)) {
                return;
            }
        }
        let stuck = open.iter().find(|way| self.must_reach(way.from, way.to));
        if let Some(way) = stuck {
            let (from, to) = (way.from, way.to);
            let [short, long] = way.sent.each_ref().map(Vec::len);
            let which = match way.sent.each_ref().map(|sent| self.has_arrived(sent)) {
                [true, _] => "with long packets ",
                [_, true] => "with short packets ",
                [false, false] => "",
            };
            let reason = reason(self, from, to);
            self.fail(format!(
                "{when} {from:?} does not reach {to:?} {which}within {limit:?}, {short} and {long} packets: {reason}"
            ));
        }
    }

    fn has_arrived(&self, sent: &[u32]) -> bool {
        sent.iter().any(|number| self.watch.has_arrived(*number))
    }

    /// Gateways whose boxes let them reach each other do so without a relay, soon after there is traffic.
    pub(crate) fn prove_direct(&mut self, pairs: &[(DeviceAt, DeviceAt)]) {
        if is_lossy(self) {
            return;
        }
        let must = |(one, other): &&(DeviceAt, DeviceAt)| {
            one.0 != other.0 && self.must_talk(one.0, other.0) && self.can_be_direct(one.0, other.0)
        };
        let mut open: Vec<(DeviceAt, DeviceAt)> = pairs.iter().filter(must).copied().collect();
        for _ in 0..TRIALS {
            open.retain(|(one, other)| {
                !(self.is_direct(one.0, other.0) && self.is_direct(other.0, one.0))
            });
            if open.is_empty() || self.watch.failure.is_some() {
                return;
            }
            for (one, other) in &open {
                let _ = self.send_packet(*one, *other, SHORT);
                let _ = self.send_packet(*other, *one, SHORT);
            }
            self.run_for(TRIAL);
        }
        let (one, other) = open[0];
        let reason = reason(self, one, other);
        self.fail(format!(
            "GW{} and GW{} need no relay and use one: {reason}",
            one.0, other.0
        ));
    }

    fn is_direct(&self, site: usize, other: usize) -> bool {
        let peer = self.sites[other].setup.name.to_string();
        let tunnels = self.sites[site].machine.tunnels(self.now);
        let mut its = tunnels.iter().filter(|tunnel| tunnel.peer == peer);
        its.any(|tunnel| tunnel.path == "direct")
    }
}
