//! How long the NAT in front of us remembers a silent socket, and so how seldom we need to speak.
//!
//! Measured after RFC 5780 section 4.6, with a spare socket, so that the one in use is never at risk: the spare one
//! asks the DC for its outside address and falls silent; after a while the DC is asked, from the socket in use,
//! to answer there. If that arrives, the mapping has lived that long, and a longer silence is tried. A firewall of our
//! own on the way counts like a NAT. Each change of the WAN or of our outside address begins it anew.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The interval while nothing is known: below the 30 s after which impatient NATs forget.
const UNKNOWN: Duration = Duration::from_secs(20);
/// The interval behind a NAT that does not even keep to that.
const SHORT: Duration = Duration::from_secs(10);
/// Seconds of silence that are tried one after the other.
const STEPS: [u64; 5] = [28, 45, 65, 95, 125];
/// How much sooner than the longest proven silence we speak.
const MARGIN: Duration = Duration::from_secs(4);
/// How long after a change it begins: there is more urgent work then.
const REST: Duration = Duration::from_secs(5);
/// Pause between repetitions of a question, and how often it is said.
const PAUSE: Duration = Duration::from_secs(1);
const SAID: u32 = 3;
/// A silence is too long when it failed this often: a datagram may also be lost.
const FAILURES: u32 = 2;

pub(super) struct MappingLife {
    stage: Stage,
    step: usize,
    failures: u32,
    interval: Duration,
    /// How often our outside address has changed since a silence was last proven.
    renumbered: u32,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Nothing until then.
    Rest(Instant),
    /// The spare socket asks for its outside address.
    Opening { again: Instant, said: u32 },
    /// It is silent until then.
    Silent { outside: SocketAddr, until: Instant },
    /// The DC is asked to answer there.
    Asking {
        outside: SocketAddr,
        again: Instant,
        said: u32,
        reached: bool,
    },
    /// The longest silence is known.
    Done,
}

/// What is to be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// From the spare socket.
    Open,
    /// From the socket in use, with this address to answer to besides.
    Ask(SocketAddr),
}

impl MappingLife {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            stage: Stage::Rest(now + REST),
            step: 0,
            failures: 0,
            interval: UNKNOWN,
            renumbered: 0,
        }
    }

    /// Our outside address is another, though our WAN is not: all begins anew. If that goes on, our own silence makes
    /// the NAT forget us, and no measurement would ever come to its end.
    pub(super) fn renumbered(&mut self, now: Instant) {
        let renumbered = self.renumbered.saturating_add(1);
        *self = Self::new(now);
        self.renumbered = renumbered;
        if renumbered >= FAILURES {
            self.interval = SHORT;
        }
    }

    /// How long we may be silent.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Rest(until) | Stage::Silent { until, .. } => Some(until),
            Stage::Opening { again, .. } | Stage::Asking { again, .. } => Some(again),
            Stage::Done => None,
        }
    }

    /// What is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<Probe> {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return None;
        }
        let again = now + PAUSE;
        match self.stage {
            Stage::Rest(_) => self.stage = Stage::Opening { again, said: 1 },
            Stage::Opening { said, .. } if said < SAID => {
                let said = said + 1;
                self.stage = Stage::Opening { again, said };
            }
            Stage::Silent { outside, .. } => {
                let (said, reached) = (1, false);
                self.stage = Stage::Asking {
                    outside,
                    again,
                    said,
                    reached,
                };
            }
            Stage::Asking {
                outside,
                said,
                reached,
                ..
            } if said < SAID => {
                let said = said + 1;
                self.stage = Stage::Asking {
                    outside,
                    again,
                    said,
                    reached,
                };
            }
            Stage::Asking { reached: true, .. } => {
                self.failed(now);
                return None;
            }
            // The DC is silent altogether: that says nothing of the NAT.
            Stage::Opening { .. } | Stage::Asking { .. } => {
                self.stage = Stage::Rest(now + UNKNOWN);
                return None;
            }
            Stage::Done => return None,
        }
        Some(match self.stage {
            Stage::Asking { outside, .. } => Probe::Ask(outside),
            Stage::Rest(_) | Stage::Opening { .. } | Stage::Silent { .. } | Stage::Done => {
                Probe::Open
            }
        })
    }

    /// The DC answered, to the spare socket or to the one in use.
    pub(super) fn answered(&mut self, at_spare: bool, observed: SocketAddr, now: Instant) {
        match &mut self.stage {
            Stage::Opening { .. } if at_spare => {
                let until = now + Duration::from_secs(STEPS[self.step]);
                let outside = observed;
                self.stage = Stage::Silent { outside, until };
            }
            Stage::Asking { .. } if at_spare => {
                self.interval = Duration::from_secs(STEPS[self.step]) - MARGIN;
                self.failures = 0;
                self.renumbered = 0;
                self.step += 1;
                let more = self.step < STEPS.len();
                self.stage = if more { Stage::Rest(now) } else { Stage::Done };
            }
            Stage::Asking { reached, .. } => *reached = true,
            Stage::Rest(_) | Stage::Opening { .. } | Stage::Silent { .. } | Stage::Done => {}
        }
    }

    fn failed(&mut self, now: Instant) {
        self.failures += 1;
        self.stage = if self.failures < FAILURES {
            Stage::Rest(now)
        } else {
            Stage::Done
        };
        if self.step == 0 && matches!(self.stage, Stage::Done) {
            self.interval = SHORT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the measurement against a NAT that forgets after `life` seconds; the interval, and how long it took.
    fn measure(life: u64) -> (Duration, Duration) {
        let start = Instant::now();
        let outside = "198.51.100.2:40001".parse().unwrap();
        let (mut machine, mut spoke) = (MappingLife::new(start), start);
        while let Some(now) = machine.poll_timeout() {
            match machine.due(now) {
                Some(Probe::Open) => {
                    spoke = now;
                    machine.answered(true, outside, now);
                }
                Some(Probe::Ask(_)) => {
                    machine.answered(false, outside, now);
                    if now - spoke <= Duration::from_secs(life) {
                        machine.answered(true, outside, now);
                    }
                }
                None => {}
            }
            if matches!(machine.stage, Stage::Done) {
                return (machine.interval(), now - start);
            }
        }
        (machine.interval(), Duration::ZERO)
    }

    #[test]
    fn the_interval_comes_close_to_what_the_nat_keeps_and_never_beyond() {
        for (life, interval) in [(15, 10), (30, 24), (60, 41), (120, 91), (600, 121)] {
            let (found, took) = measure(life);
            assert_eq!(found.as_secs(), interval, "{life} s");
            assert!(took < Duration::from_secs(600), "{took:?}");
        }
    }

    #[test]
    fn a_nat_that_forgets_before_each_keep_alive_is_spoken_to_more_often() {
        let start = Instant::now();
        let mut machine = MappingLife::new(start);
        machine.renumbered(start);
        assert_eq!(machine.interval(), UNKNOWN, "it may have been restarted");
        machine.renumbered(start + UNKNOWN);
        assert_eq!(machine.interval(), SHORT);
    }

    #[test]
    fn a_silent_coordinator_says_nothing_of_the_nat() {
        let start = Instant::now();
        let mut machine = MappingLife::new(start);
        for _ in 0..100 {
            let now = machine.poll_timeout().unwrap();
            let _ = machine.due(now);
        }
        assert_eq!(machine.interval(), UNKNOWN);
    }
}
