//! What the server hands out: the subnet, the range, the options and the static leases, checked before use.

use ntm_proto::id::{Fqdn, Label};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

/// An Ethernet hardware address.
pub type Mac = [u8; 6];

/// The shortest lease given, also to a client that asks for less.
pub const MIN_LEASE_TIME: Duration = Duration::from_secs(120);
/// The longest lease given; there are no leases without end.
pub const MAX_LEASE_TIME: Duration = Duration::from_secs(365 * 24 * 3600);
/// The most leases one server can be told to keep.
pub const MAX_LEASES: usize = 10_000;
/// The most DNS servers: more than any client uses.
pub(crate) const MAX_DNS: usize = 8;
/// The most domains in a search list: as many as common resolvers read.
pub(crate) const MAX_SEARCH: usize = 6;

/// One LAN and what its clients are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Our address on the LAN; the server identifier (option 54).
    pub server: Ipv4Addr,
    /// Length of the LAN's prefix, 8 to 30.
    pub prefix_len: u8,
    /// First address of the range for clients without a static lease.
    pub first: Ipv4Addr,
    /// Last address of that range, inclusive.
    pub last: Ipv4Addr,
    /// The default router (option 3), mostly `server`.
    pub router: Ipv4Addr,
    /// DNS servers (option 6), best first, mostly only `server`.
    pub dns: Vec<Ipv4Addr>,
    /// The domain the clients are in (option 15).
    pub domain: Option<Fqdn>,
    /// The search list (option 119), sent to clients that ask for it.
    pub search: Vec<Fqdn>,
    /// How long a lease lasts; a client may ask for less.
    pub lease_time: Duration,
    /// Addresses kept for known devices.
    pub static_leases: Vec<StaticLease>,
    /// How many other leases are kept, those that ended and are remembered included.
    pub max_leases: usize,
}

/// An address kept for one device, inside or outside the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticLease {
    /// The device.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its name, whatever it calls itself.
    pub hostname: Option<Label>,
}

/// A configuration that cannot work: which key, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `prefix_len` leaves no room, or is no LAN.
    #[error("prefix_len is {0}; a LAN has a prefix length from 8 to 30, such as 24")]
    PrefixLen(u8),
    /// An address that must be on the LAN is not, or is its network or broadcast address.
    #[error("{key} is {address}; it must be a host address of {network}/{prefix_len}")]
    OutsideSubnet {
        /// The key at fault.
        key: &'static str,
        /// Its value.
        address: Ipv4Addr,
        /// The LAN's network address.
        network: Ipv4Addr,
        /// The LAN's prefix length.
        prefix_len: u8,
    },
    /// `first` is after `last`.
    #[error("the range starts at {first} and ends at {last}; swap first and last")]
    EmptyRange {
        /// The first address.
        first: Ipv4Addr,
        /// The last address.
        last: Ipv4Addr,
    },
    /// The router or the server itself is in the range.
    #[error("{key} {address} is inside the range; choose a range without it")]
    InsideRange {
        /// The key at fault.
        key: &'static str,
        /// Its value.
        address: Ipv4Addr,
    },
    /// A static lease has an address that is ours or the router's.
    #[error("static lease {0} is the address of the server or the router; choose another one")]
    StaticIsOurs(Ipv4Addr),
    /// Two static leases with one address.
    #[error("static lease {0} is given twice; each address belongs to one device")]
    DuplicateAddress(Ipv4Addr),
    /// Two static leases for one device.
    #[error("two static leases for the device {0}; remove one")]
    DuplicateMac(String),
    /// A static lease for what cannot be a device's hardware address.
    #[error("static lease for {0}: not a device's hardware address (zero or multicast)")]
    BadMac(String),
    /// `lease_time` out of bounds.
    #[error("lease_time is {} s; it must be from 120 s to 31536000 s, such as 43200", .0.as_secs())]
    LeaseTime(Duration),
    /// `max_leases` out of bounds.
    #[error("max_leases is {0}; it must be from 1 to {MAX_LEASES}")]
    MaxLeases(usize),
    /// Too many DNS servers.
    #[error("dns has {0} servers; at most {MAX_DNS}")]
    TooManyDns(usize),
    /// Too many search domains.
    #[error("search has {0} domains; at most {MAX_SEARCH}")]
    TooManySearch(usize),
}

impl Config {
    /// Checks every rule. [`crate::DhcpServer::new`] does it, too.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !(8..=30).contains(&self.prefix_len) {
            return Err(ConfigError::PrefixLen(self.prefix_len));
        }
        self.require_host("server", self.server)?;
        self.require_host("router", self.router)?;
        self.validate_range()?;
        self.validate_static_leases()?;
        if !(MIN_LEASE_TIME..=MAX_LEASE_TIME).contains(&self.lease_time) {
            return Err(ConfigError::LeaseTime(self.lease_time));
        }
        if !(1..=MAX_LEASES).contains(&self.max_leases) {
            return Err(ConfigError::MaxLeases(self.max_leases));
        }
        if self.dns.len() > MAX_DNS {
            return Err(ConfigError::TooManyDns(self.dns.len()));
        }
        if self.search.len() > MAX_SEARCH {
            return Err(ConfigError::TooManySearch(self.search.len()));
        }
        Ok(())
    }

    fn validate_range(&self) -> Result<(), ConfigError> {
        self.require_host("first", self.first)?;
        self.require_host("last", self.last)?;
        if self.first > self.last {
            return Err(ConfigError::EmptyRange {
                first: self.first,
                last: self.last,
            });
        }
        for (key, address) in [("server", self.server), ("router", self.router)] {
            if self.in_range(address) {
                return Err(ConfigError::InsideRange { key, address });
            }
        }
        Ok(())
    }

    fn validate_static_leases(&self) -> Result<(), ConfigError> {
        let mut macs = BTreeSet::new();
        let mut addresses = BTreeSet::new();
        for lease in &self.static_leases {
            self.require_host("static lease", lease.address)?;
            if lease.address == self.server || lease.address == self.router {
                return Err(ConfigError::StaticIsOurs(lease.address));
            }
            if !is_device(lease.mac) {
                return Err(ConfigError::BadMac(crate::file::mac_text(lease.mac)));
            }
            if !addresses.insert(lease.address) {
                return Err(ConfigError::DuplicateAddress(lease.address));
            }
            if !macs.insert(lease.mac) {
                return Err(ConfigError::DuplicateMac(crate::file::mac_text(lease.mac)));
            }
        }
        Ok(())
    }

    fn require_host(&self, key: &'static str, address: Ipv4Addr) -> Result<(), ConfigError> {
        if self.is_host(address) {
            return Ok(());
        }
        Err(ConfigError::OutsideSubnet {
            key,
            address,
            network: self.network(),
            prefix_len: self.prefix_len,
        })
    }

    /// The subnet mask (option 1).
    pub(crate) fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(u32::MAX << (32 - u32::from(self.prefix_len)))
    }

    fn network(&self) -> Ipv4Addr {
        self.server & self.mask()
    }

    /// The broadcast address (option 28).
    pub(crate) fn broadcast(&self) -> Ipv4Addr {
        self.server | !self.mask()
    }

    /// Whether `address` can be a host's on this LAN.
    pub(crate) fn is_host(&self, address: Ipv4Addr) -> bool {
        address & self.mask() == self.network()
            && address != self.network()
            && address != self.broadcast()
    }

    /// Whether `address` is in the range.
    pub(crate) fn in_range(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }

    /// The static lease of `mac`.
    pub(crate) fn static_of(&self, mac: Mac) -> Option<&StaticLease> {
        self.static_leases.iter().find(|lease| lease.mac == mac)
    }

    /// Whether `address` may go to any client: in the range, nobody's static lease, no DNS server's.
    pub(crate) fn is_dynamic(&self, address: Ipv4Addr) -> bool {
        self.in_range(address)
            && !self.dns.contains(&address)
            && !self
                .static_leases
                .iter()
                .any(|lease| lease.address == address)
    }
}

/// Whether `mac` can be one device's: neither zero nor a group address.
pub(crate) fn is_device(mac: Mac) -> bool {
    mac != [0; 6] && mac[0] & 1 == 0
}

#[cfg(test)]
mod tests;
