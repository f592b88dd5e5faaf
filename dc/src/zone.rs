//! What the domain's DNS zone holds. Only what the store has: a name once given in an answer stays given.

use crate::{Coordinator, Found};
use ntm_proto::id::Fqdn;
use ntm_proto::message::Target;
use std::net::IpAddr;

/// Version of the NTM record's data.
const VERSION: u8 = 1;

impl Coordinator {
    /// What the zone says about a name.
    pub fn lookup_name(&self, name: &Fqdn) -> Found {
        if *name == self.registry.domain {
            return Found::Exists;
        }
        match self.registry.find_name(name) {
            Some(node) => self
                .registry
                .identity(node)
                .map_or(Found::Exists, Found::Identity),
            None => Found::Nothing,
        }
    }

    /// The name of a virtual address.
    pub fn lookup_address(&self, address: IpAddr) -> Option<Fqdn> {
        let target = match address {
            IpAddr::V4(v4) => Target::V4(v4),
            IpAddr::V6(v6) => Target::V6(v6),
        };
        let identity = self.registry.identity(self.registry.find(&target)?)?;
        Some(identity.name)
    }

    /// The data of a name's NTM record, 65 bytes: version 1, node id (16), its gateway's node id (16), the DC's
    /// public key (32). A gateway is its own gateway.
    pub fn ntm_record(&self, name: &Fqdn) -> Option<Vec<u8>> {
        let node = self.registry.find_name(name)?;
        let gateway = self.registry.gateway_of(node)?;
        let mut data = Vec::with_capacity(65);
        data.push(VERSION);
        data.extend_from_slice(node.0.as_bytes());
        data.extend_from_slice(gateway.0.as_bytes());
        data.extend_from_slice(&self.public.0);
        Some(data)
    }

    /// Grows by one with each change of the zone; 0 at start. The shell adds where it left off, or the time.
    pub fn zone_serial(&self) -> u32 {
        self.registry.serial
    }
}
