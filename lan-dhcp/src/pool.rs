//! Which addresses a client without one may try, in which order, and which are out of use for a while.

use crate::config::{Config, Mac};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How long an address stays out of use after somebody answered a probe for it or a client declined it.
pub const QUARANTINE: Duration = Duration::from_secs(600);
/// The most addresses out of use at a time; the one that comes back first makes room.
const MAX_QUARANTINED: usize = 64;

/// The addresses of the range, each once, from a place that depends on `mac` alone: a device gets the same address
/// again also after all memory of it was lost, as long as nobody else took it.
pub(crate) fn candidates(config: &Config, mac: Mac) -> impl Iterator<Item = Ipv4Addr> {
    let first = u64::from(config.first.to_bits());
    let size = u64::from(config.last.to_bits()) - first + 1;
    let start = u64::from(hash(mac)) % size;
    (0..size)
        .map(move |step| first + (start + step) % size)
        .filter_map(|bits| u32::try_from(bits).ok())
        .map(Ipv4Addr::from_bits)
        .filter(|&address| config.is_dynamic(address))
}

/// FNV-1a (32 bit): spreads neighbouring hardware addresses; nothing depends on it being unpredictable.
fn hash(mac: Mac) -> u32 {
    mac.iter().fold(0x811c_9dc5, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Addresses in use by somebody we did not give them to.
#[derive(Debug, Default)]
pub(crate) struct Quarantine {
    until: BTreeMap<Ipv4Addr, Instant>,
}

impl Quarantine {
    pub(crate) fn add(&mut self, address: Ipv4Addr, now: Instant) {
        self.until.retain(|_, until| *until > now);
        if self.until.len() >= MAX_QUARANTINED {
            let soonest = self
                .until
                .iter()
                .min_by_key(|(_, until)| **until)
                .map(|(&address, _)| address);
            soonest.map(|address| self.until.remove(&address));
        }
        self.until.insert(address, now + QUARANTINE);
    }

    pub(crate) fn contains(&self, address: Ipv4Addr, now: Instant) -> bool {
        self.until.get(&address).is_some_and(|&until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "a test starts its virtual clock somewhere"
    )]
    fn quarantine_is_bounded_and_ends() {
        let now = Instant::now();
        let mut quarantine = Quarantine::default();
        for bits in 0..200 {
            quarantine.add(
                Ipv4Addr::from_bits(bits),
                now + Duration::from_secs(u64::from(bits)),
            );
        }
        assert_eq!(quarantine.until.len(), MAX_QUARANTINED);
        let newest = Ipv4Addr::from_bits(199);
        let end = now + Duration::from_secs(199) + QUARANTINE;
        assert!(quarantine.contains(newest, end - Duration::from_millis(1)));
        assert!(!quarantine.contains(newest, end));
    }
}
