//! What the name server says: authoritative for the domain and for the reverse names of its virtual addresses.
//!
//! A query goes through [`Zone::plan`], which finds what to ask the coordinator, and [`Zone::answer`], which makes
//! records of what it knows. Outside our zones everything is refused, zone transfers too.

use super::reverse::{self, Kind};
use super::service::service_name;
use super::{Facts, Look, is_readable};
use crate::Found;
use crate::config::Config;
use hickory_proto::op::{OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, NS, NULL, PTR, SOA, SRV};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_server::server::Request;
use ntm_proto::id::{Fqdn, Label, NameError, VirtualPrefixes};
use std::net::IpAddr;

/// The NTM record's type: the first number for private use (RFC 6895 section 3.1).
const NTM: u16 = 65_280;
/// The coordinator's own name below the domain.
const DC: &str = "dc";
/// Seconds that others may keep an answer, also one that says no.
const TTL: u32 = 60;

/// What never changes while the daemon runs.
pub struct Zone {
    origin: Name,
    ns: Name,
    ns_name: Fqdn,
    domain: Fqdn,
    /// Where others find the coordinator: its SRV record's name, and its own name.
    service: Name,
    dc: Name,
    dc_name: Fqdn,
    port: u16,
    addresses: Vec<IpAddr>,
    prefixes: VirtualPrefixes,
}

/// What to do with a query.
pub enum Plan {
    /// Answer at once.
    Say(ResponseCode),
    /// Ask the coordinator.
    Look(Query, Look),
}

/// A query in one of our zones.
pub struct Query {
    name: Name,
    kind: RecordType,
    apex: Name,
    place: Place,
}

/// Where in the zone a name is.
enum Place {
    Apex,
    NameServer,
    Service,
    Node,
    Address,
    Between,
    Nowhere,
}

/// An answer before it has a header.
#[derive(Debug)]
pub struct Reply {
    pub code: ResponseCode,
    pub authoritative: bool,
    pub truncated: bool,
    pub answers: Vec<Record>,
    pub authority: Vec<Record>,
    pub additional: Vec<Record>,
}

impl Reply {
    /// Nothing but a code.
    pub fn code(code: ResponseCode) -> Self {
        Self {
            code,
            authoritative: false,
            truncated: false,
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
        }
    }

    /// Come again by TCP.
    pub fn truncated() -> Self {
        Self {
            truncated: true,
            ..Self::code(ResponseCode::NoError)
        }
    }
}

impl Zone {
    /// The zone that `config` describes.
    pub fn new(config: &Config) -> Result<Self, NameError> {
        let ns_name = config.domain.child(&config.ns)?;
        let dc_name = config.domain.child(&Label::parse(DC)?)?;
        let origin = name(&config.domain)?;
        Ok(Self {
            service: service_name(&config.domain).unwrap_or_else(|| origin.clone()),
            dc: name(&dc_name)?,
            dc_name,
            port: config.udp_port,
            origin,
            ns: name(&ns_name)?,
            ns_name,
            domain: config.domain.clone(),
            addresses: config.advertise.clone(),
            prefixes: config.prefixes,
        })
    }

    /// What a query is about.
    pub fn plan(&self, request: &Request) -> Plan {
        if request.metadata.op_code != OpCode::Query {
            return Plan::Say(ResponseCode::NotImp);
        }
        if request.version() > 0 {
            return Plan::Say(ResponseCode::BADVERS);
        }
        let [query] = request.queries.queries() else {
            return Plan::Say(ResponseCode::FormErr);
        };
        if !is_readable(request) {
            return Plan::Say(ResponseCode::FormErr);
        }
        let kind = query.query_type();
        let transfer = matches!(kind, RecordType::AXFR | RecordType::IXFR);
        if transfer || query.query_class() != DNSClass::IN {
            return Plan::Say(ResponseCode::Refused);
        }
        // As asked, so that the asker's letter case comes back.
        let name = query.original().name().clone();
        let Some((apex, place, look)) = self.place(&name) else {
            return Plan::Say(ResponseCode::Refused);
        };
        let query = Query {
            name,
            kind,
            apex,
            place,
        };
        Plan::Look(query, look)
    }

    fn place(&self, name: &Name) -> Option<(Name, Place, Look)> {
        if let Some(reverse) = reverse::parse(name, &self.prefixes) {
            let (place, look) = match reverse.kind {
                Kind::Apex => (Place::Apex, Look::Serial),
                Kind::Between => (Place::Between, Look::Serial),
                Kind::Address(address) => (Place::Address, Look::Address(address)),
                Kind::Nonsense => (Place::Nowhere, Look::Serial),
            };
            return Some((reverse.apex, place, look));
        }
        if !self.origin.zone_of(name) {
            return None;
        }
        if *name == self.service {
            return Some((self.origin.clone(), Place::Service, Look::Serial));
        }
        if *name == self.service.base_name() {
            return Some((self.origin.clone(), Place::Between, Look::Serial));
        }
        let fqdn = Fqdn::parse(&name.to_ascii()).ok();
        let (place, look) = match fqdn {
            Some(fqdn) if fqdn == self.domain => (Place::Apex, Look::Name(fqdn)),
            Some(fqdn) if fqdn == self.ns_name || fqdn == self.dc_name => {
                (Place::NameServer, Look::Serial)
            }
            Some(fqdn) => (Place::Node, Look::Name(fqdn)),
            // No name of ours has such letters.
            None => (Place::Nowhere, Look::Serial),
        };
        Some((self.origin.clone(), place, look))
    }

    /// The answer, from what the coordinator knows.
    pub fn answer(&self, query: &Query, facts: &Facts) -> Reply {
        let (exists, mut records) = match query.place {
            Place::Apex => (true, self.apex(query, facts)),
            Place::NameServer => (true, self.server_addresses()),
            Place::Service => (true, self.service()),
            Place::Node => node(facts),
            Place::Address => pointer(facts),
            Place::Between => (true, Vec::new()),
            Place::Nowhere => (false, Vec::new()),
        };
        // One set of records is answer enough to "any" (RFC 8482 section 4.1).
        let wanted = match records.first() {
            Some(first) if query.kind == RecordType::ANY => first.record_type(),
            Some(_) | None => query.kind,
        };
        records.retain(|data| data.record_type() == wanted);
        let mut reply = Reply::code(match exists {
            true => ResponseCode::NoError,
            false => ResponseCode::NXDomain,
        });
        reply.authoritative = true;
        if records.is_empty() {
            let soa = self.soa(facts.serial);
            reply.authority = vec![Record::from_rdata(query.apex.clone(), TTL, soa)];
        }
        let named = match records.first().map(RData::record_type) {
            Some(RecordType::NS) => Some(&self.ns),
            Some(RecordType::SRV) => Some(&self.dc),
            Some(_) | None => None,
        };
        if let Some(named) = named {
            let glue = |data| Record::from_rdata(named.clone(), TTL, data);
            reply.additional = self.server_addresses().into_iter().map(glue).collect();
        }
        let own = |data| Record::from_rdata(query.name.clone(), TTL, data);
        reply.answers = records.into_iter().map(own).collect();
        reply
    }

    fn apex(&self, query: &Query, facts: &Facts) -> Vec<RData> {
        let mut records = vec![self.soa(facts.serial), RData::NS(NS(self.ns.clone()))];
        if query.apex == self.origin {
            records.extend(ntm(facts));
        }
        records
    }

    /// Where the coordinators of other domains find this one (RFC 2782).
    fn service(&self) -> Vec<RData> {
        let srv = SRV::new(0, 0, self.port, self.dc.clone());
        let is_known = !self.addresses.is_empty();
        is_known.then_some(RData::SRV(srv)).into_iter().collect()
    }

    fn server_addresses(&self) -> Vec<RData> {
        self.addresses
            .iter()
            .map(|&address| data(address))
            .collect()
    }

    fn soa(&self, serial: u32) -> RData {
        let mailbox = self
            .origin
            .prepend_label("hostmaster")
            .unwrap_or_else(|_| self.origin.clone());
        // The last number is how long a "no" may be kept (RFC 2308 section 4).
        let minimum = TTL;
        RData::SOA(SOA::new(
            self.ns.clone(),
            mailbox,
            serial,
            3600,
            600,
            86_400,
            minimum,
        ))
    }
}

fn node(facts: &Facts) -> (bool, Vec<RData>) {
    match &facts.found {
        Found::Identity(identity) => {
            let mut records = vec![data(identity.vip4.into()), data(identity.vip6.into())];
            records.extend(ntm(facts));
            (true, records)
        }
        Found::Exists => (true, ntm(facts).into_iter().collect()),
        Found::Nothing => (false, Vec::new()),
    }
}

fn pointer(facts: &Facts) -> (bool, Vec<RData>) {
    let found = facts.name.as_ref().and_then(|fqdn| name(fqdn).ok());
    (
        found.is_some(),
        found
            .map(|name| RData::PTR(PTR(name)))
            .into_iter()
            .collect(),
    )
}

fn ntm(facts: &Facts) -> Option<RData> {
    facts.ntm.clone().map(|bytes| RData::Unknown {
        code: RecordType::Unknown(NTM),
        rdata: NULL::with(bytes),
    })
}

fn data(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(v4) => RData::A(A(v4)),
        IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
    }
}

fn name(fqdn: &Fqdn) -> Result<Name, NameError> {
    let mut name = Name::from_ascii(fqdn.as_str()).map_err(|_| NameError::Label)?;
    name.set_fqdn(true);
    Ok(name)
}

#[cfg(test)]
mod tests;
