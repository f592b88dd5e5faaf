//! How the coordinator of another domain is found: the SRV records of `_ntm._udp.DOMAIN` (RFC 2782), then the
//! addresses of their targets. Questions and answers as bytes; whoever sends them owns the sockets.
//!
//! What DNS says is a hint where to look. Who is there, the pinned key proves.

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use ntm_proto::id::Fqdn;
use std::net::IpAddr;

/// One place where a coordinator may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub target: Name,
    /// Its UDP port.
    pub port: u16,
}

/// The name under which a domain says where its coordinator is.
pub fn service_name(domain: &Fqdn) -> Option<Name> {
    let mut name = Name::from_ascii(format!("_ntm._udp.{domain}")).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// A question with a number of the caller's; `None` when the name cannot be asked for.
pub fn question(name: &Name, kind: RecordType, id: u16) -> Option<Vec<u8>> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    message.to_vec().ok()
}

/// The records of a resolver's answer to [`question`], with the shortest of their lives in seconds. `None`: this is no
/// answer to that question, or the resolver could not find out.
pub fn records(bytes: &[u8], name: &Name, kind: RecordType, id: u16) -> Option<(Vec<RData>, u32)> {
    let message = Message::from_vec(bytes).ok()?;
    let asked = message.queries.first()?;
    let fits = message.metadata.id == id
        && message.metadata.message_type == MessageType::Response
        && asked.name() == name
        && asked.query_type() == kind;
    let code = message.metadata.response_code;
    if !fits || !(code == ResponseCode::NoError || code == ResponseCode::NXDomain) {
        return None;
    }
    let records = message.answers.into_iter();
    let records: Vec<_> = records
        .filter(|record| record.record_type() == kind)
        .collect();
    let life = records.iter().map(|record| record.ttl).min().unwrap_or(0);
    Some((
        records.into_iter().map(|record| record.data).collect(),
        life,
    ))
}

/// Where the coordinator is, best first.
pub fn services(records: Vec<RData>) -> Vec<Service> {
    let mut found = Vec::new();
    for data in records {
        if let RData::SRV(srv) = data
            && !srv.target.is_root()
            && srv.port != 0
        {
            let (order, weight) = (srv.priority, u16::MAX - srv.weight);
            let (target, port) = (srv.target, srv.port);
            found.push(((order, weight), Service { target, port }));
        }
    }
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, service)| service).collect()
}

/// The addresses among records.
pub fn addresses(records: Vec<RData>) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for data in records {
        if let RData::A(v4) = &data {
            found.push(IpAddr::V4(v4.0));
        }
        if let RData::AAAA(v6) = &data {
            found.push(IpAddr::V6(v6.0));
        }
    }
    found
}

/// The name servers that a `resolv.conf` names, at most three, as libc takes them.
pub fn resolvers(text: &str) -> Vec<IpAddr> {
    let words = text.lines().map(str::split_whitespace);
    let servers = words.filter_map(|mut words| match words.next() {
        Some("nameserver") => words.next()?.parse().ok(),
        Some(_) | None => None,
    });
    servers.take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, SRV};

    #[test]
    fn an_answer_is_read_only_if_it_answers_the_question() {
        let name = service_name(&Fqdn::parse("b.test").unwrap()).unwrap();
        let target = Name::from_ascii("dc.b.test.").unwrap();
        let bytes = question(&name, RecordType::SRV, 7).unwrap();
        let mut message = Message::from_vec(&bytes).unwrap();
        message.metadata.message_type = MessageType::Response;
        for (priority, port) in [(20, 1), (10, 4750), (10, 0)] {
            let data = RData::SRV(SRV::new(priority, 0, port, target.clone()));
            message
                .answers
                .push(Record::from_rdata(name.clone(), 60, data));
        }
        let bytes = message.to_vec().unwrap();
        let (data, life) = records(&bytes, &name, RecordType::SRV, 7).unwrap();
        let ports: Vec<u16> = services(data).iter().map(|service| service.port).collect();
        assert_eq!((ports, life), (vec![4750, 1], 60));
        assert!(records(&bytes, &name, RecordType::SRV, 8).is_none());
        assert!(records(&bytes, &target, RecordType::SRV, 7).is_none());
        assert!(records(&bytes, &name, RecordType::A, 7).is_none());
        assert!(records(&bytes[..20], &name, RecordType::SRV, 7).is_none());
        let data = vec![RData::A(A([192, 0, 2, 1].into()))];
        assert_eq!(addresses(data), [IpAddr::from([192, 0, 2, 1])]);
    }

    #[test]
    fn resolv_conf_names_the_servers() {
        let text =
            "# a\nsearch x\nnameserver 192.0.2.53\nnameserver  ::1 \nnameserver fe80::1%eth0\n";
        let expected: Vec<IpAddr> = vec!["192.0.2.53".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(resolvers(text), expected);
    }
}
