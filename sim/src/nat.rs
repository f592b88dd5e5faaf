//! A NAT or a stateful firewall as RFC 4787 sorts them: mapping, filtering, expiry, hairpin, ports.

use ntm_proto::random::Random;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// On what a mapping (RFC 4787 section 4.1) or a filter (section 5) depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// Nothing.
    Endpoint,
    /// The remote address.
    Address,
    /// The remote address and port.
    AddressAndPort,
}

/// How a NAT behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatSpec {
    /// Which outside port an inside socket gets.
    pub mapping: By,
    /// Who may answer.
    pub filtering: By,
    /// Without traffic a mapping is forgotten after this many seconds.
    pub life_s: u64,
    /// Whether what comes in keeps a mapping alive too.
    pub inbound_refreshes: bool,
    /// Whether an inside host reaches another by the outside address.
    pub hairpin: bool,
    /// Whether the inside port is kept where it is free.
    pub keeps_port: bool,
}

impl NatSpec {
    /// The cell of the table of kinds, for the tally.
    pub fn cell(&self) -> String {
        let letter = |by| match by {
            By::Endpoint => "EI",
            By::Address => "AD",
            By::AddressAndPort => "APD",
        };
        format!("{}/{}", letter(self.mapping), letter(self.filtering))
    }
}

/// One box between an inside and an outside network.
pub struct Nat {
    spec: NatSpec,
    /// The outside address; `None`: a firewall, which translates nothing.
    pub outside: Option<IpAddr>,
    /// (inside socket, the part of the remote that matters) to outside port.
    ports: BTreeMap<(SocketAddr, Option<(IpAddr, u16)>), u16>,
    mappings: BTreeMap<u16, Mapped>,
    random: Random,
}

struct Mapped {
    inside: SocketAddr,
    key: (SocketAddr, Option<(IpAddr, u16)>),
    /// Remotes that were sent to, and when the flow was last refreshed.
    flows: BTreeMap<SocketAddr, Instant>,
    /// When something last kept the mapping itself alive.
    refreshed: Instant,
}

impl Nat {
    /// A NAT with this outside address, or a firewall.
    pub fn new(spec: NatSpec, outside: Option<IpAddr>, random: Random) -> Self {
        Self {
            spec,
            outside,
            ports: BTreeMap::new(),
            mappings: BTreeMap::new(),
            random,
        }
    }

    /// A datagram leaves: its source as the outside sees it.
    pub fn out(&mut self, from: SocketAddr, to: SocketAddr, now: Instant) -> SocketAddr {
        self.expire(now);
        let key = match (self.outside, self.spec.mapping) {
            (None, _) | (_, By::Endpoint) => (from, None),
            (_, By::Address) => (from, Some((to.ip(), 0))),
            (_, By::AddressAndPort) => (from, Some((to.ip(), to.port()))),
        };
        let port = match self.ports.get(&key) {
            Some(port) => *port,
            None => self.allot(key, from, now),
        };
        let mapped = self
            .mappings
            .get_mut(&port)
            .expect("ports and mappings agree");
        mapped.flows.insert(to, now);
        mapped.refreshed = now;
        match self.outside {
            Some(outside) => SocketAddr::new(outside, port),
            None => from,
        }
    }

    /// A datagram arrives from `from` for `to`: the inside socket, if it may pass.
    pub fn back(&mut self, from: SocketAddr, to: SocketAddr, now: Instant) -> Option<SocketAddr> {
        self.expire(now);
        let mapped = match self.outside {
            Some(_) => self.mappings.get_mut(&to.port())?,
            None => self
                .mappings
                .values_mut()
                .find(|mapped| mapped.inside == to)?,
        };
        let passes = match self.spec.filtering {
            By::Endpoint => true,
            By::Address => mapped.flows.keys().any(|remote| remote.ip() == from.ip()),
            By::AddressAndPort => mapped.flows.contains_key(&from),
        };
        if !passes {
            return None;
        }
        if self.spec.inbound_refreshes {
            // Whatever passes keeps the mapping (RFC 4787 REQ-6), and the filter's entry that let it pass.
            mapped.refreshed = now;
            let filtering = self.spec.filtering;
            let entry = |remote: &SocketAddr| match filtering {
                By::Endpoint | By::AddressAndPort => *remote == from,
                By::Address => remote.ip() == from.ip(),
            };
            let entries = mapped.flows.iter_mut().filter(|(remote, _)| entry(remote));
            entries.for_each(|(_, at)| *at = now);
        }
        Some(mapped.inside)
    }

    /// Whether inside hosts may reach each other by the outside address.
    pub fn hairpins(&self) -> bool {
        self.spec.hairpin
    }

    /// Forgets all, as after a reboot.
    pub fn forget(&mut self) {
        self.ports.clear();
        self.mappings.clear();
    }

    /// Where a datagram to the outside socket `to` would go if nothing filtered it.
    pub fn leads_to(&self, to: SocketAddr) -> Option<SocketAddr> {
        match self.outside {
            Some(_) => self.mappings.get(&to.port()).map(|mapped| mapped.inside),
            None => Some(to),
        }
    }

    fn allot(
        &mut self,
        key: (SocketAddr, Option<(IpAddr, u16)>),
        from: SocketAddr,
        now: Instant,
    ) -> u16 {
        let mut port = from.port();
        if self.outside.is_none() {
            // A firewall keeps addresses and ports; its state is found by a number of its own.
            while self.mappings.contains_key(&port) && self.mappings[&port].inside != from {
                port = port.wrapping_add(1);
            }
        } else if !self.spec.keeps_port || self.mappings.contains_key(&port) {
            while {
                port = 1024 + self.random.below(64_000) as u16;
                self.mappings.contains_key(&port)
            } {}
        }
        self.ports.insert(key, port);
        let flows = BTreeMap::new();
        self.mappings.insert(
            port,
            Mapped {
                inside: from,
                key,
                flows,
                refreshed: now,
            },
        );
        port
    }

    fn expire(&mut self, now: Instant) {
        let life = Duration::from_secs(self.spec.life_s);
        let ports = &mut self.ports;
        self.mappings.retain(|_, mapped| {
            mapped.flows.retain(|_, at| now.duration_since(*at) <= life);
            let lives = now.duration_since(mapped.refreshed) <= life;
            if !lives {
                ports.remove(&mapped.key);
            }
            lives
        });
    }
}
