//! How fast traffic goes and how round trips went lately, from the snapshots that somebody looked at. Nobody looks,
//! nothing is measured: an idle router stays idle.

use crate::snapshot::Snapshot;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Two snapshots nearer than this say nothing of speed; further apart than that, nothing of now.
const NEAR: Duration = Duration::from_millis(800);
const FAR: Duration = Duration::from_secs(15);
/// The most tunnels that are measured, and round trips kept of each.
const MOST: usize = 64;
const KEPT: usize = 60;

/// What was measured of one tunnel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gauge {
    sent: u64,
    received: u64,
    expected: u64,
    missing: u64,
    /// Bits per second, out and in.
    pub(crate) rate: Option<(f64, f64)>,
    /// Round trips in milliseconds, the last at the end.
    pub(crate) rtts: Vec<f64>,
    /// Which part of what the other end sent did not come, each from 0 to 1, the last at the end.
    pub(crate) losses: Vec<f64>,
}

/// All tunnels, by the other gateway's name.
#[derive(Default)]
pub struct Meter {
    read: Option<Instant>,
    gauges: BTreeMap<String, Gauge>,
}

impl Meter {
    /// Reads what a snapshot says.
    pub(crate) fn read(&mut self, snapshot: &Snapshot, now: Instant) {
        let passed = self.read.map(|at| now.saturating_duration_since(at));
        if passed.is_some_and(|passed| passed < NEAR) {
            return;
        }
        self.read = Some(now);
        let passed = passed.filter(|passed| *passed <= FAR);
        let mut before = std::mem::take(&mut self.gauges);
        for tunnel in snapshot.tunnels.iter().take(MOST) {
            let known = before.remove(&tunnel.peer);
            let mut gauge = Gauge {
                sent: tunnel.sent,
                received: tunnel.received,
                expected: tunnel.expected,
                missing: tunnel.missing,
                ..Gauge::default()
            };
            if let (Some(known), Some(passed)) = (known, passed) {
                let rate = |before: u64, after: u64| {
                    let bits = after.checked_sub(before)?.saturating_mul(8);
                    Some(bits as f64 / passed.as_secs_f64())
                };
                gauge.rate =
                    rate(known.sent, tunnel.sent).zip(rate(known.received, tunnel.received));
                gauge.rtts = known.rtts;
                gauge.losses = known.losses;
                let loss = part(
                    known.expected,
                    tunnel.expected,
                    known.missing,
                    tunnel.missing,
                );
                gauge.losses.extend(loss);
            }
            gauge.rtts.extend(tunnel.rtt_ms);
            for kept in [&mut gauge.rtts, &mut gauge.losses] {
                let over = kept.len().saturating_sub(KEPT);
                kept.drain(..over);
            }
            self.gauges.insert(tunnel.peer.clone(), gauge);
        }
    }

    /// What was measured of the tunnel to `peer`.
    pub(crate) fn of(&self, peer: &str) -> Gauge {
        self.gauges.get(peer).cloned().unwrap_or_default()
    }

    /// Bits per second of all tunnels together, out and in.
    pub(crate) fn total(&self) -> Option<(f64, f64)> {
        let rates = self.gauges.values().filter_map(|gauge| gauge.rate);
        rates.reduce(|(out, into), (more_out, more_in)| (out + more_out, into + more_in))
    }
}

/// Which part of what was sealed since did not come. `None`: nothing was, or new keys count from the beginning. What was
/// only late comes to less than nothing, and counts as none.
fn part(sealed: u64, sealed_now: u64, missing: u64, missing_now: u64) -> Option<f64> {
    let sealed = sealed_now
        .checked_sub(sealed)
        .filter(|sealed| *sealed > 0)?;
    Some((missing_now.saturating_sub(missing) as f64 / sealed as f64).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn snapshot(sent: u64, received: u64) -> Snapshot {
        let tunnel = json!({"peer": "home", "sent": sent, "received": received, "rtt_ms": 12.5});
        Snapshot::read(&json!({"tunnels": [tunnel]}))
    }

    #[test]
    fn speed_is_what_two_looks_tell() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        meter.read(&snapshot(0, 1000), start);
        assert_eq!(meter.total(), None);
        meter.read(&snapshot(9000, 9000), start + Duration::from_millis(100));
        assert_eq!(meter.total(), None, "too near");
        meter.read(&snapshot(1000, 3000), start + Duration::from_secs(2));
        assert_eq!(meter.total(), Some((4000.0, 8000.0)));
        meter.read(&snapshot(0, 0), start + Duration::from_secs(3));
        assert_eq!(meter.total(), None, "a tunnel that began anew");
        meter.read(&snapshot(5000, 0), start + Duration::from_secs(30));
        assert_eq!(meter.total(), None, "too long ago");
    }

    #[test]
    fn what_does_not_come_is_lost_until_the_keys_are_new() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        let looks = [
            (0, 0),
            (100, 0),
            (200, 25),
            (300, 20),
            (300, 20),
            (10, 5),
            (20, 10),
        ];
        for (second, (expected, missing)) in (0..).zip(looks) {
            let tunnel = json!({"peer": "home", "expected": expected, "missing": missing});
            let snapshot = Snapshot::read(&json!({"tunnels": [tunnel]}));
            meter.read(&snapshot, start + Duration::from_secs(second));
        }
        assert_eq!(meter.of("home").losses, [0.0, 0.25, 0.0, 0.5]);
    }

    #[test]
    fn round_trips_are_kept_for_a_minute_of_looking() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        for second in 0..100 {
            meter.read(&snapshot(0, 0), start + Duration::from_secs(second));
        }
        assert_eq!(meter.of("home").rtts.len(), KEPT);
        meter.read(&Snapshot::default(), start + Duration::from_secs(101));
        assert_eq!(meter.of("home"), Gauge::default());
    }
}
