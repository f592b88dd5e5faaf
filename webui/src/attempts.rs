//! How often a password may be tried, so that guessing takes years and the owner is not kept out by somebody who guesses.
//!
//! Each address has five tries and then waits: 1 s, 2 s, up to a minute, which is the longest that anybody waits for
//! their own mistakes. All addresses together have a try every two seconds, since one host can take many addresses. That
//! alone would let such a host use up everybody's tries; so a browser that has been logged in before has a mark, and
//! with it tries of its own. `ntm-gateway password` on the router needs no try at all.

use crate::secret::{Key, Secret, digest, hex};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Tries before the first wait.
const FREE: u32 = 5;
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// An address that has been quiet for this long begins anew.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);
/// The most addresses that are remembered. One that is forgotten too early gains nothing: there is the limit for all.
const MOST: usize = 64;
/// What all unknown browsers have together: so many at once, and one more each time.
const BURST: u32 = 20;
const PACE: Duration = Duration::from_secs(2);
/// The most browsers that are known again, until the gateway restarts.
const MOST_KNOWN: usize = 16;

/// Who tries: an address, or a browser that has been logged in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// Nobody we know.
    Address(IpAddr),
    /// By the digest of its mark.
    Known(Key),
}

#[derive(Debug)]
struct Tries {
    failed: u32,
    last: Instant,
}

/// All tries.
pub(crate) struct Attempts {
    by: BTreeMap<Who, Tries>,
    known: Vec<Key>,
    /// When the limit for all has all its tries again.
    full_at: Option<Instant>,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self {
            by: BTreeMap::new(),
            known: Vec::new(),
            full_at: None,
        }
    }

    /// Who it is that comes from `address` with this mark.
    pub(crate) fn who(&self, address: IpAddr, mark: Option<&str>) -> Who {
        let known = mark.map(digest).filter(|mark| self.known.contains(mark));
        known.map_or(Who::Address(address), Who::Known)
    }

    /// Takes a try, or says how long to wait for one.
    pub(crate) fn take(&mut self, who: Who, now: Instant) -> Result<(), Duration> {
        self.by
            .retain(|_, tries| now.saturating_duration_since(tries.last) < FORGOTTEN);
        if let Some(tries) = self.by.get(&who) {
            let wait = pause(tries.failed);
            let left = (tries.last + wait).saturating_duration_since(now);
            if !left.is_zero() {
                return Err(left);
            }
        }
        if matches!(who, Who::Address(_)) {
            self.take_of_all(now)?;
        }
        if self.by.len() >= MOST && !self.by.contains_key(&who) {
            let oldest = self.by.iter().min_by_key(|(_, tries)| tries.last);
            if let Some(oldest) = oldest.map(|(who, _)| *who) {
                self.by.remove(&oldest);
            }
        }
        let tries = self.by.entry(who).or_insert(Tries {
            failed: 0,
            last: now,
        });
        // A try has failed until it is known to have succeeded.
        tries.failed += 1;
        tries.last = now;
        Ok(())
    }

    fn take_of_all(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.filter(|at| *at > now).unwrap_or(now) + PACE;
        let over = full_at.saturating_duration_since(now + PACE * BURST);
        if !over.is_zero() {
            return Err(over);
        }
        self.full_at = Some(full_at);
        Ok(())
    }

    /// The password was right: the mark by which this browser is known again.
    pub(crate) fn succeeded(&mut self, who: Who, secret: &mut Secret) -> String {
        self.by.remove(&who);
        if let Who::Known(mark) = who {
            self.known.retain(|known| *known != mark);
        }
        if self.known.len() >= MOST_KNOWN {
            self.known.remove(0);
        }
        let mark = hex(&secret.draw());
        self.known.push(digest(&mark));
        mark
    }
}

fn pause(failed: u32) -> Duration {
    match failed.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(over) => LONGEST.min(Duration::from_secs(1 << over.min(6))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUESSER: Who = Who::Address(IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 66)));
    const OWNER: Who = Who::Address(IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 10)));

    fn secret() -> Secret {
        Secret::new([1; 32])
    }

    #[test]
    fn who_guesses_waits_ever_longer_up_to_a_minute() {
        let (mut attempts, mut now) = (Attempts::new(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..14 {
            if let Err(wait) = attempts.take(GUESSER, now) {
                waits.push(wait.as_secs());
                now += wait;
                attempts.take(GUESSER, now).unwrap();
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(attempts.take(OWNER, now), Ok(()), "nobody else waits");
        now += FORGOTTEN;
        for _ in 0..FREE {
            assert_eq!(attempts.take(GUESSER, now), Ok(()));
        }
    }

    #[test]
    fn a_day_of_guessing_from_many_addresses_stays_slow_and_keeps_out_no_known_browser() {
        let (mut attempts, mut secret, start) = (Attempts::new(), secret(), Instant::now());
        attempts.take(OWNER, start).unwrap();
        let mark = attempts.succeeded(OWNER, &mut secret);
        let mut guesses = 0;
        for second in 0..3600 {
            let now = start + Duration::from_secs(second);
            for host in 0..=255 {
                let who = Who::Address([192, 168, 1, host].into());
                guesses += u32::from(attempts.take(who, now).is_ok());
            }
            assert!(attempts.by.len() <= MOST);
            if second % 60 == 0 {
                let known = attempts.who([192, 168, 1, 10].into(), Some(&mark));
                assert_eq!(attempts.take(known, now), Ok(()), "{second}");
                // The owner mistypes it, and then does not.
                assert_eq!(attempts.take(known, now), Ok(()), "{second}");
                attempts.by.remove(&known);
            }
        }
        assert!((1700..=1825).contains(&guesses), "{guesses} in an hour");
    }

    #[test]
    fn a_known_browser_that_guesses_waits_as_well() {
        let (mut attempts, mut secret, now) = (Attempts::new(), secret(), Instant::now());
        let mark = attempts.succeeded(OWNER, &mut secret);
        let known = attempts.who([192, 168, 1, 66].into(), Some(&mark));
        assert!(matches!(known, Who::Known(_)));
        let taken = (0..10).filter(|_| attempts.take(known, now).is_ok());
        assert_eq!(taken.count(), 5);
        let forged = attempts.who([192, 168, 1, 66].into(), Some("0000"));
        assert_eq!(forged, Who::Address([192, 168, 1, 66].into()));
    }

    #[test]
    fn only_so_many_browsers_are_known() {
        let (mut attempts, mut secret) = (Attempts::new(), secret());
        let first = attempts.succeeded(OWNER, &mut secret);
        for _ in 0..MOST_KNOWN {
            attempts.succeeded(OWNER, &mut secret);
        }
        assert_eq!(attempts.known.len(), MOST_KNOWN);
        assert_eq!(attempts.who([192, 168, 1, 10].into(), Some(&first)), OWNER);
    }
}
