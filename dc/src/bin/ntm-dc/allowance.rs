//! How much one source may do: a bucket of tokens per network prefix, in a table that never grows past its size.
//!
//! A prefix is an IPv4 /24 or an IPv6 /56, what one customer usually holds. A full bucket is the same as no
//! bucket, so full ones are dropped first; when the table is full of busy prefixes, strangers share one bucket.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets per source prefix.
pub(crate) struct Allowance {
    burst: f64,
    per_second: f64,
    size: usize,
    buckets: HashMap<Ipv6Addr, Bucket>,
    shared: Option<Bucket>,
    swept: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Allowance {
    /// `burst` at once, refilled over `period`; at most `size` prefixes at a time.
    pub(crate) fn new(burst: u32, period: Duration, size: usize) -> Self {
        Self {
            burst: f64::from(burst),
            per_second: f64::from(burst) / period.as_secs_f64(),
            size,
            buckets: HashMap::new(),
            shared: None,
            swept: None,
        }
    }

    /// Takes one token of `source`'s; false when none is left.
    pub(crate) fn take(&mut self, source: IpAddr, now: Instant) -> bool {
        let left = self.left(source, now);
        let tokens = if left >= 1.0 { left - 1.0 } else { left };
        let bucket = Bucket { tokens, at: now };
        let prefix = prefix(source);
        if self.has_room_for(&prefix, now) {
            self.buckets.insert(prefix, bucket);
        } else {
            self.shared = Some(bucket);
        }
        left >= 1.0
    }

    /// Whether `source` has a token left.
    pub(crate) fn is_open(&self, source: IpAddr, now: Instant) -> bool {
        self.left(source, now) >= 1.0
    }

    fn left(&self, source: IpAddr, now: Instant) -> f64 {
        let stranger = || self.shared.filter(|_| self.buckets.len() >= self.size);
        let bucket = self.buckets.get(&prefix(source)).copied();
        bucket
            .or_else(stranger)
            .map_or(self.burst, |bucket| self.refilled(bucket, now))
    }

    fn refilled(&self, bucket: Bucket, now: Instant) -> f64 {
        let waited = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + waited * self.per_second).min(self.burst)
    }

    fn has_room_for(&mut self, prefix: &Ipv6Addr, now: Instant) -> bool {
        if self.buckets.contains_key(prefix) || self.buckets.len() < self.size {
            return true;
        }
        let due = |swept: Instant| now.saturating_duration_since(swept) >= Duration::from_secs(1);
        if self.swept.is_none_or(due) {
            self.swept = Some(now);
            let (burst, rate) = (self.burst, self.per_second);
            self.buckets.retain(|_, bucket| {
                let waited = now.saturating_duration_since(bucket.at).as_secs_f64();
                bucket.tokens + waited * rate < burst
            });
        }
        self.buckets.len() < self.size
    }
}

/// How many connections each network prefix has open: none may hold all places.
#[derive(Clone)]
pub(crate) struct Crowd {
    most: usize,
    present: Arc<Mutex<HashMap<Ipv6Addr, usize>>>,
}

/// One connection's place in its network's share; free again when it is dropped.
pub(crate) struct Present {
    crowd: Crowd,
    prefix: Ipv6Addr,
}

impl Crowd {
    /// At most `most` at a time of each prefix.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            present: Arc::default(),
        }
    }

    /// A place for one more of `source`'s network, if it has one left.
    pub(crate) fn enter(&self, source: IpAddr) -> Option<Present> {
        let prefix = prefix(source);
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let count = present.entry(prefix).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        let crowd = self.clone();
        Some(Present { crowd, prefix })
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let present = &self.crowd.present;
        let mut present = present.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = present.get_mut(&self.prefix) {
            *count -= 1;
            if *count == 0 {
                present.remove(&self.prefix);
            }
        }
    }
}

fn prefix(source: IpAddr) -> Ipv6Addr {
    match ntm_proto::address::canonical(source) {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            std::net::Ipv4Addr::new(a, b, c, 0).to_ipv6_mapped()
        }
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !((1 << 72) - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_prefix_shares_its_burst_and_gets_it_back() {
        let now = Instant::now();
        let mut allowance = Allowance::new(5, Duration::from_secs(60), 100);
        for host in 1..=5 {
            assert!(allowance.take(ip(&format!("192.0.2.{host}")), now));
        }
        assert!(!allowance.take(ip("192.0.2.200"), now));
        assert!(!allowance.is_open(ip("192.0.2.7"), now));
        assert!(allowance.take(ip("192.0.3.1"), now), "another network");
        assert!(allowance.take(ip("192.0.2.1"), now + Duration::from_secs(13)));
        assert!(!allowance.take(ip("192.0.2.1"), now + Duration::from_secs(13)));
    }

    #[test]
    fn the_table_is_bounded_and_known_sources_keep_theirs() {
        let now = Instant::now();
        let mut allowance = Allowance::new(2, Duration::from_secs(10), 8);
        for net in 0..1000u32 {
            allowance.take(ip(&format!("10.{}.{}.1", net >> 8, net & 255)), now);
        }
        assert_eq!(allowance.buckets.len(), 8);
        assert!(allowance.take(ip("10.0.0.1"), now), "it came early");
        assert!(!allowance.take(ip("172.16.0.1"), now), "strangers share");
        let later = now + Duration::from_secs(20);
        assert!(allowance.take(ip("172.16.0.1"), later));
    }

    #[test]
    fn one_network_cannot_hold_all_places() {
        let crowd = Crowd::new(2);
        let first = crowd.enter(ip("192.0.2.1"));
        let second = crowd.enter(ip("192.0.2.2"));
        assert!(first.is_some() && second.is_some());
        assert!(crowd.enter(ip("192.0.2.3")).is_none());
        assert!(crowd.enter(ip("192.0.3.3")).is_some());
        drop(first);
        assert!(crowd.enter(ip("192.0.2.3")).is_some());
        drop(second);
        assert!(crowd.present.lock().unwrap().is_empty());
    }

    #[test]
    fn one_ipv6_site_is_one_source() {
        let now = Instant::now();
        let mut allowance = Allowance::new(1, Duration::from_secs(10), 8);
        assert!(allowance.take(ip("2001:db8:0:1::1"), now));
        assert!(!allowance.take(ip("2001:db8:0:ff::9"), now));
        assert!(allowance.take(ip("2001:db8:0:100::1"), now));
    }
}
