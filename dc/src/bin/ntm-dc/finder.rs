//! Asks the system's name servers where the coordinator of another domain is.

use crate::keys;
use hickory_proto::rr::{Name, RData, RecordType};
use ntm_dc::dns::service::{self, Service};
use ntm_proto::id::Fqdn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// For one answer; each server is asked twice, and all of it fits the coordinator's patience.
const PATIENCE: Duration = Duration::from_millis(600);
const ROUNDS: usize = 2;
/// Targets of one domain that are looked at.
const TARGETS: usize = 2;
/// What the daemon's own system asks.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Addresses of the coordinator of `domain`, best first, and how long that holds. Empty: DNS does not say.
pub(crate) async fn find(domain: &Fqdn) -> (Vec<SocketAddr>, Duration) {
    let servers = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    let mut servers = service::resolvers(&servers);
    if servers.is_empty() {
        servers.push(Ipv4Addr::LOCALHOST.into());
    }
    let (mut found, mut life) = (Vec::new(), u32::MAX);
    let Some(name) = service::service_name(domain) else {
        return (found, Duration::ZERO);
    };
    let Some((records, ttl)) = ask(&servers, &name, RecordType::SRV).await else {
        return (found, Duration::ZERO);
    };
    life = life.min(ttl);
    for Service { target, port } in service::services(records).into_iter().take(TARGETS) {
        let (v4, v6) = tokio::join!(
            ask(&servers, &target, RecordType::A),
            ask(&servers, &target, RecordType::AAAA)
        );
        for (records, ttl) in v4.into_iter().chain(v6) {
            let addresses = service::addresses(records);
            life = if addresses.is_empty() {
                life
            } else {
                life.min(ttl)
            };
            found.extend(addresses.into_iter().map(|ip| SocketAddr::new(ip, port)));
        }
    }
    (found, Duration::from_secs(life.into()))
}

async fn ask(servers: &[IpAddr], name: &Name, kind: RecordType) -> Option<(Vec<RData>, u32)> {
    for _ in 0..ROUNDS {
        for server in servers {
            let answer = timeout(PATIENCE, exchange(*server, name, kind)).await;
            if let Ok(Some(records)) = answer {
                return Some(records);
            }
        }
    }
    None
}

async fn exchange(server: IpAddr, name: &Name, kind: RecordType) -> Option<(Vec<RData>, u32)> {
    let id = u16::from_be_bytes(keys::random().ok()?);
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await.ok()?;
    socket.connect((server, 53)).await.ok()?;
    socket
        .send(&service::question(name, kind, id)?)
        .await
        .ok()?;
    let mut buffer = [0; 1500];
    loop {
        let length = socket.recv(&mut buffer).await.ok()?;
        // Anything else came from somebody who guesses.
        if let Some(records) = service::records(&buffer[..length], name, kind, id) {
            return Some(records);
        }
    }
}
