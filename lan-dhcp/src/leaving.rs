//! Leases that somebody gave back in their device's name, until it is clear that the device is gone.
//!
//! A RELEASE proves nothing: any host on the LAN can send one for any other. So the address is pinged a moment later,
//! and who still answers there keeps the lease as it was. Many devices answer no ping: who does not answer keeps it, too,
//! until it expires or somebody new finds no other.

use crate::config::Mac;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How long a device may take to be gone after it gave its lease back.
pub const LINGER: Duration = Duration::from_secs(1);
/// The most leases on their way out at a time.
const MAX_LEAVING: usize = 32;

#[derive(Debug)]
struct Leaver {
    address: Ipv4Addr,
    until: Instant,
    asked: bool,
}

/// What is due for one lease.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Ping the address, and call again.
    Ask(Ipv4Addr),
    /// Nobody answered.
    Gone(Mac),
}

#[derive(Debug, Default)]
pub(crate) struct Leaving {
    by_mac: BTreeMap<Mac, Leaver>,
}

impl Leaving {
    /// Notes a RELEASE. False when there are too many.
    pub(crate) fn add(&mut self, mac: Mac, address: Ipv4Addr, now: Instant) -> bool {
        if self.by_mac.contains_key(&mac) {
            return true;
        }
        if self.by_mac.len() >= MAX_LEAVING {
            return false;
        }
        let (until, asked) = (now + LINGER, false);
        let leaver = Leaver {
            address,
            until,
            asked,
        };
        self.by_mac.insert(mac, leaver);
        true
    }

    /// The device is there after all.
    pub(crate) fn stays(&mut self, mac: Mac) {
        self.by_mac.remove(&mac);
    }

    /// Somebody answered at `address`; true when that keeps a lease.
    pub(crate) fn answered(&mut self, address: Ipv4Addr) -> bool {
        let before = self.by_mac.len();
        self.by_mac
            .retain(|_, leaver| leaver.address != address || !leaver.asked);
        self.by_mac.len() < before
    }

    /// What is due, one after the other; a ping is given `wait` for its answer.
    pub(crate) fn take_due(&mut self, wait: Duration, now: Instant) -> Option<Due> {
        let (mac, leaver) = self
            .by_mac
            .iter_mut()
            .find(|(_, leaver)| leaver.until <= now)?;
        if leaver.asked {
            let mac = *mac;
            self.by_mac.remove(&mac);
            return Some(Due::Gone(mac));
        }
        leaver.asked = true;
        leaver.until = now + wait;
        Some(Due::Ask(leaver.address))
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.by_mac.values().map(|leaver| leaver.until).min()
    }
}
