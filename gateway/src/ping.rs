//! Pings of people: resolve the name, bring the tunnel up, challenge the way, report.

use crate::direction::{Sought, Waiter};
use crate::status::PingReport;
use crate::{Gateway, Output, Unresolved};
use ntm_proto::id::{Fqdn, Identity};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a ping may take, tunnel included.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pings without an answer yet.
#[derive(Default)]
pub(crate) struct Pings(BTreeMap<u64, Ping>);

struct Ping {
    deadline: Instant,
    /// Known once the name is resolved.
    target: Option<(Identity, usize)>,
    /// The peer's count of answers when our challenge left; `None`: it has not left.
    answers: Option<u64>,
}

impl Pings {
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.0.values().map(|ping| ping.deadline).min()
    }
}

impl Gateway {
    /// Measures the round trip to the gateway of the device called `name`, building the tunnel if there is none.
    /// The answer comes as [`Output::Pong`].
    pub fn ping(&mut self, query: u64, name: Fqdn, now: Instant) {
        if self.pings.0.len() >= self.setup.limits.questions {
            self.output.push_back(Output::Pong {
                query,
                result: Err(Unresolved::Busy),
            });
            return;
        }
        self.pings.0.insert(
            query,
            Ping {
                deadline: now + PATIENCE,
                target: None,
                answers: None,
            },
        );
        self.ask_for(
            Waiter::Ping(query),
            self.setup.vip4,
            Sought::Name(name),
            now,
        );
        self.settle(now);
    }

    pub(crate) fn ping_resolved(
        &mut self,
        query: u64,
        result: Result<Identity, Unresolved>,
        _now: Instant,
    ) {
        let identity = match result {
            Ok(identity) => identity,
            Err(error) => return self.pong(query, Err(error)),
        };
        if self.devices.lan_address(identity.vip4).is_some() {
            let report = PingReport {
                name: identity.name.to_string(),
                vip4: identity.vip4.to_string(),
                gateway: self.setup.name.to_string(),
                rtt_ms: 0.0,
                path: "local".to_owned(),
                why: "it is on this gateway's own LAN".to_owned(),
                remote: String::new(),
            };
            return self.pong(query, Ok(report));
        }
        let slot = self.pairs.get(&(self.setup.vip4, identity.vip4)).copied();
        if let (Some(ping), Some(slot)) = (self.pings.0.get_mut(&query), slot) {
            ping.target = Some((identity, slot));
        }
    }

    /// Sends the challenges of pings whose tunnel is up, and reports those that were answered.
    pub(crate) fn answer_pings(&mut self, now: Instant) {
        let queries: Vec<u64> = self.pings.0.keys().copied().collect();
        for query in queries {
            let Some(Ping {
                target: Some((identity, slot)),
                answers,
                ..
            }) = self.pings.0.get(&query)
            else {
                continue;
            };
            let (identity, slot, answers) = (identity.clone(), *slot, *answers);
            let Some(peer) = self.peers.get(slot).filter(|peer| peer.is_up(now)) else {
                continue;
            };
            let (count, status) = (peer.watch.answers, peer.status(now));
            match answers {
                None => {
                    if self.with_peers(|peers, env| {
                        peers.get(slot).is_some_and(|peer| peer.ping(env, now))
                    }) && let Some(ping) = self.pings.0.get_mut(&query)
                    {
                        ping.answers = Some(count);
                    }
                }
                Some(before) if count > before => {
                    let report = PingReport {
                        name: identity.name.to_string(),
                        vip4: identity.vip4.to_string(),
                        gateway: status.peer,
                        rtt_ms: status.rtt_ms.unwrap_or_default(),
                        path: status.path,
                        why: status.why,
                        remote: status.remote.unwrap_or_default(),
                    };
                    self.pong(query, Ok(report));
                }
                Some(_) => {}
            }
        }
    }

    pub(crate) fn pings_timeout(&mut self, now: Instant) {
        let late: Vec<u64> = self
            .pings
            .0
            .iter()
            .filter(|(_, p)| p.deadline <= now)
            .map(|(query, _)| *query)
            .collect();
        for query in late {
            self.pong(query, Err(Unresolved::NoTunnel));
        }
    }

    fn pong(&mut self, query: u64, result: Result<PingReport, Unresolved>) {
        if self.pings.0.remove(&query).is_some() {
            self.output.push_back(Output::Pong { query, result });
        }
    }
}

/// Completes what a person typed: `camera.home` in the domain `ntm.test` is `camera.home.ntm.test`.
pub fn complete(name: &str, domain: &Fqdn) -> Option<Fqdn> {
    let full = Fqdn::parse(name).ok()?;
    if full.is_within(domain) || name.ends_with('.') {
        Some(full)
    } else {
        Fqdn::parse(&format!("{full}.{domain}")).ok()
    }
}
