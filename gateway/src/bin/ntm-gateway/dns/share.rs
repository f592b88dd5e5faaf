//! How much of the resolver one host may use, so that no host on the LAN can use up what is there for all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Hosts told apart at a time.
const HOSTS: usize = 1024;

/// What one host may have.
#[derive(Clone, Copy)]
pub(super) struct Share {
    /// At a time.
    pub(super) open: usize,
    /// In a second, over time.
    pub(super) per_second: f64,
    /// At once.
    pub(super) burst: f64,
}

/// What each host uses.
pub(super) struct Shares {
    share: Share,
    hosts: Mutex<HashMap<IpAddr, Host>>,
}

struct Host {
    open: usize,
    left: f64,
    at: Instant,
}

/// One use; over when it is dropped.
pub(super) struct Use<'a> {
    shares: &'a Shares,
    host: IpAddr,
}

impl Shares {
    pub(super) fn new(share: Share) -> Self {
        Self {
            share,
            hosts: Mutex::default(),
        }
    }

    /// One use for `host`; `None` when it has had its share.
    pub(super) fn take(&self, host: IpAddr, now: Instant) -> Option<Use<'_>> {
        let share = self.share;
        let refilled = |host: &Host| {
            let waited = now.saturating_duration_since(host.at).as_secs_f64();
            (host.left + waited * share.per_second).min(share.burst)
        };
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOSTS && !hosts.contains_key(&host) {
            hosts.retain(|_, host| host.open > 0 || refilled(host) < share.burst);
            if hosts.len() >= HOSTS {
                return None;
            }
        }
        let entry = hosts.entry(host).or_insert(Host {
            open: 0,
            left: share.burst,
            at: now,
        });
        (entry.left, entry.at) = (refilled(entry), now);
        if entry.open >= share.open || entry.left < 1.0 {
            return None;
        }
        entry.open += 1;
        entry.left -= 1.0;
        Some(Use { shares: self, host })
    }
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        let hosts = &self.shares.hosts;
        let mut hosts = hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get_mut(&self.host) {
            host.open -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SHARE: Share = Share {
        open: 2,
        per_second: 10.0,
        burst: 20.0,
    };

    fn host(last: u8) -> IpAddr {
        [192, 168, 1, last].into()
    }

    #[test]
    fn one_host_cannot_hold_more_than_its_share() {
        let (shares, now) = (Shares::new(SHARE), Instant::now());
        let first = shares.take(host(1), now);
        let second = shares.take(host(1), now);
        assert!(first.is_some() && second.is_some());
        assert!(shares.take(host(1), now).is_none());
        assert!(
            shares.take(host(2), now).is_some(),
            "another host has its own"
        );
        drop(first);
        assert!(shares.take(host(1), now).is_some());
    }

    #[test]
    fn one_host_cannot_ask_faster_than_its_share() {
        let (shares, now) = (Shares::new(SHARE), Instant::now());
        let taken = |now| {
            (0..100)
                .filter(|_| shares.take(host(1), now).is_some())
                .count()
        };
        assert_eq!(taken(now), 20);
        assert_eq!(taken(now + Duration::from_millis(501)), 5);
        assert_eq!(taken(now + Duration::from_secs(60)), 20);
    }

    #[test]
    fn made_up_hosts_do_not_fill_the_memory() {
        let (shares, now) = (Shares::new(SHARE), Instant::now());
        for number in 0..5000_u32 {
            let made_up = IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + number));
            drop(shares.take(made_up, now));
        }
        assert_eq!(shares.hosts.lock().unwrap().len(), HOSTS);
        assert!(shares.take(host(1), now + Duration::from_secs(1)).is_some());
    }
}
