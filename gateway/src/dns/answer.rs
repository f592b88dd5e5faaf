//! What is asked, and what is answered for names of ours: pure.

use super::Zone;
use crate::Unresolved;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, PTR, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use ntm_proto::id::Fqdn;
use ntm_proto::message::Refusal;
use std::net::{IpAddr, Ipv4Addr};

/// How long a device may keep a virtual address. They never change, but a device can be renamed.
const TTL: u32 = 60;
/// How long "no such name" may be kept: a device that has just joined must be found soon.
const NEGATIVE_TTL: u32 = 5;

/// What a question is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// The domain itself.
    Apex,
    /// The gateway's own name.
    Own,
    /// A name in the domain.
    Name(Fqdn),
    /// In the domain, but nothing that can be a name of ours.
    NoName,
    /// Under another domain that ours trusts; no `name`: nothing that can be one of its names.
    Trusted { domain: Fqdn, name: Option<Fqdn> },
    /// The name of a virtual address.
    Address(IpAddr),
    /// Anything else.
    Foreign,
}

/// What a question for `name` is about. `trusted`: the other domains whose names lead to devices; such a domain's own
/// name is left to the public DNS.
pub fn classify(name: &Name, zone: &Zone, trusted: &[Fqdn]) -> Asked {
    let text = name.to_ascii().to_ascii_lowercase();
    let text = text.strip_suffix('.').unwrap_or(&text);
    let domain = zone.domain.as_str();
    if text == domain {
        return Asked::Apex;
    }
    if is_below(text, domain) {
        return match Fqdn::parse(text) {
            Ok(fqdn) if fqdn == zone.own => Asked::Own,
            Ok(fqdn) => Asked::Name(fqdn),
            Err(_) => Asked::NoName,
        };
    }
    let others = trusted
        .iter()
        .filter(|other| is_below(text, other.as_str()));
    // One may lie within another.
    if let Some(domain) = others.max_by_key(|other| other.as_str().len()) {
        return Asked::Trusted {
            domain: domain.clone(),
            name: Fqdn::parse(text).ok(),
        };
    }
    if !text.ends_with(".arpa") {
        return Asked::Foreign;
    }
    match name.parse_arpa_name() {
        Ok(net)
            if net.prefix_len() == net.max_prefix_len() && zone.prefixes.contains(net.addr()) =>
        {
            Asked::Address(net.addr())
        }
        Ok(_) | Err(_) => Asked::Foreign,
    }
}

fn is_below(text: &str, domain: &str) -> bool {
    text.strip_suffix(domain)
        .is_some_and(|head| head.ends_with('.'))
}

/// A refusal in the language of DNS.
pub fn code_of(error: Unresolved) -> ResponseCode {
    match error {
        Unresolved::Refused(refusal) => match refusal {
            Refusal::Unknown => ResponseCode::NXDomain,
            Refusal::NotAllowed | Refusal::DomainNotAllowing | Refusal::DomainUnknown => {
                ResponseCode::Refused
            }
            Refusal::Offline
            | Refusal::NoRelay
            | Refusal::Limit
            | Refusal::NotRegistered
            | Refusal::Storage
            | Refusal::Local
            | Refusal::DomainUnreachable
            | Refusal::PathTaken
            | Refusal::KeyInUse => ResponseCode::ServFail,
        },
        Unresolved::Denied => ResponseCode::Refused,
        Unresolved::NoCoordinator
        | Unresolved::NoIdentity
        | Unresolved::NoTunnel
        | Unresolved::NoAlias
        | Unresolved::Busy => ResponseCode::ServFail,
    }
}

/// An answer before it is put into bytes.
#[derive(Debug)]
pub struct Answer {
    pub code: ResponseCode,
    /// Whether we say it, and not somebody we asked.
    pub ours: bool,
    /// Whether the asker shall ask again by TCP.
    pub truncated: bool,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
}

impl Answer {
    /// A code and nothing else.
    pub fn code(code: ResponseCode) -> Self {
        Self {
            code,
            ours: false,
            truncated: false,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
        }
    }

    /// `name` is there and has this address.
    pub fn of_name(name: &Name, kind: RecordType, vip4: Ipv4Addr, zone: &Zone) -> Self {
        if matches!(kind, RecordType::A | RecordType::ANY) {
            return Self::record(name, RData::A(A(vip4)));
        }
        Self::nothing_here(zone)
    }

    /// `name` is the reverse name of an address, which is `owner`'s.
    pub fn of_address(name: &Name, kind: RecordType, owner: &Fqdn, zone: &Zone) -> Self {
        match (kind, to_name(owner)) {
            (RecordType::PTR | RecordType::ANY, Some(owner)) => {
                Self::record(name, RData::PTR(PTR(owner)))
            }
            _ => Self::nothing_here(zone),
        }
    }

    /// There is such a name, but nothing of the kind (RFC 2308 section 2.2).
    pub fn nothing_here(zone: &Zone) -> Self {
        Self {
            ours: true,
            authorities: soa(zone).into_iter().collect(),
            ..Self::code(ResponseCode::NoError)
        }
    }

    /// There is no such name (RFC 2308 section 2.1).
    pub fn no_such_name(zone: &Zone) -> Self {
        Self {
            code: ResponseCode::NXDomain,
            ..Self::nothing_here(zone)
        }
    }

    fn record(name: &Name, data: RData) -> Self {
        let record = Record::from_rdata(name.clone(), TTL, data);
        Self {
            ours: true,
            answers: vec![record],
            ..Self::code(ResponseCode::NoError)
        }
    }
}

fn soa(zone: &Zone) -> Option<Record> {
    let (domain, own) = (to_name(&zone.domain)?, to_name(&zone.own)?);
    let person = Name::from_ascii("hostmaster")
        .ok()?
        .append_domain(&domain)
        .ok()?;
    let data = SOA::new(own, person, 1, 3600, 600, 86_400, NEGATIVE_TTL);
    Some(Record::from_rdata(domain, NEGATIVE_TTL, RData::SOA(data)))
}

fn to_name(name: &Fqdn) -> Option<Name> {
    Name::from_ascii(format!("{name}.")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ntm_proto::id::VirtualPrefixes;

    fn zone() -> Zone {
        Zone {
            domain: Fqdn::parse("ntm.test").unwrap(),
            own: Fqdn::parse("car.ntm.test").unwrap(),
            vip4: Ipv4Addr::new(198, 18, 0, 1),
            prefixes: VirtualPrefixes {
                v4: "198.18.0.0/15".parse().unwrap(),
                v6: "fd00:1::/48".parse().unwrap(),
            },
        }
    }

    fn asked(name: &str) -> Asked {
        let trusted = ["b.test", "deep.b.test"].map(|name| Fqdn::parse(name).unwrap());
        classify(&Name::from_ascii(name).unwrap(), &zone(), &trusted)
    }

    #[test]
    fn our_names_are_told_from_all_others() {
        assert_eq!(asked("NTM.test."), Asked::Apex);
        assert_eq!(asked("Car.ntm.TEST."), Asked::Own);
        assert_eq!(
            asked("camera.home.ntm.test."),
            Asked::Name(Fqdn::parse("camera.home.ntm.test").unwrap())
        );
        assert_eq!(asked("_http._tcp.ntm.test."), Asked::NoName);
        assert_eq!(asked("evilntm.test."), Asked::Foreign);
        assert_eq!(asked("example.org."), Asked::Foreign);
        assert_eq!(asked("."), Asked::Foreign);
    }

    #[test]
    fn names_under_a_trusted_domain_are_asked_of_the_machine_and_its_own_is_not() {
        let fqdn = |text| Fqdn::parse(text).unwrap();
        let trusted = |domain, name: Option<&'static str>| Asked::Trusted {
            domain: fqdn(domain),
            name: name.map(fqdn),
        };
        assert_eq!(
            asked("Camera.home.B.test."),
            trusted("b.test", Some("camera.home.b.test"))
        );
        assert_eq!(
            asked("camera.home.deep.b.test."),
            trusted("deep.b.test", Some("camera.home.deep.b.test"))
        );
        assert_eq!(asked("_http._tcp.b.test."), trusted("b.test", None));
        assert_eq!(asked("b.test."), Asked::Foreign);
        assert_eq!(asked("evilb.test."), Asked::Foreign);
        assert_eq!(asked("camera.home.c.test."), Asked::Foreign);
    }

    #[test]
    fn a_domain_around_ours_does_not_take_our_names() {
        let around = [Fqdn::parse("test").unwrap()];
        let name = Name::from_ascii("camera.home.ntm.test.").unwrap();
        let own = Asked::Name(Fqdn::parse("camera.home.ntm.test").unwrap());
        assert_eq!(classify(&name, &zone(), &around), own);
    }

    #[test]
    fn reverse_names_of_virtual_addresses_are_ours() {
        assert_eq!(
            asked("9.2.19.198.in-addr.arpa."),
            Asked::Address("198.19.2.9".parse().unwrap())
        );
        assert_eq!(asked("9.2.20.198.in-addr.arpa."), Asked::Foreign);
        assert_eq!(asked("19.198.in-addr.arpa."), Asked::Foreign);
        assert_eq!(asked("1.1.168.192.in-addr.arpa."), Asked::Foreign);
        let v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa.";
        assert_eq!(asked(v6), Asked::Address("fd00:1::1".parse().unwrap()));
    }

    #[test]
    fn a_known_name_has_an_address_and_no_other_record() {
        let name = Name::from_ascii("camera.home.ntm.test.").unwrap();
        let vip4 = Ipv4Addr::new(198, 18, 0, 5);
        let answer = Answer::of_name(&name, RecordType::A, vip4, &zone());
        assert_eq!(answer.answers.len(), 1);
        assert_eq!(
            (answer.answers[0].ttl, &answer.answers[0].data),
            (60, &RData::A(A(vip4)))
        );
        assert!(answer.ours);
        let answer = Answer::of_name(&name, RecordType::AAAA, vip4, &zone());
        assert_eq!(
            (answer.code, answer.answers.len()),
            (ResponseCode::NoError, 0)
        );
        assert_eq!(answer.authorities[0].record_type(), RecordType::SOA);
    }

    #[test]
    fn an_unknown_name_does_not_exist_and_that_is_soon_forgotten() {
        let answer = Answer::no_such_name(&zone());
        assert_eq!(answer.code, ResponseCode::NXDomain);
        assert_eq!(answer.authorities[0].ttl, 5);
        assert_eq!(answer.authorities[0].name.to_ascii(), "ntm.test.");
    }

    #[test]
    fn a_virtual_address_has_a_name() {
        let name = Name::from_ascii("5.0.18.198.in-addr.arpa.").unwrap();
        let owner = Fqdn::parse("camera.home.ntm.test").unwrap();
        let answer = Answer::of_address(&name, RecordType::PTR, &owner, &zone());
        assert_eq!(answer.answers[0].data.to_string(), "camera.home.ntm.test.");
    }

    #[test]
    fn what_may_go_well_later_is_no_lasting_answer() {
        assert_eq!(
            code_of(Unresolved::Refused(Refusal::Unknown)),
            ResponseCode::NXDomain
        );
        assert_eq!(
            code_of(Unresolved::Refused(Refusal::NotAllowed)),
            ResponseCode::Refused
        );
        assert_eq!(
            code_of(Unresolved::Refused(Refusal::Offline)),
            ResponseCode::ServFail
        );
        assert_eq!(code_of(Unresolved::NoCoordinator), ResponseCode::ServFail);
    }
}
