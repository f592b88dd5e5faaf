//! Pings of people: resolve the name, bring the tunnel up, challenge the way, report.

use crate::direction::{Sought, Waiter};
use crate::status::PingReport;
use crate::{Gateway, Output, Unresolved};
use ntm_proto::id::{Fqdn, Identity};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a ping may take, tunnel included.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause before a challenge that nobody answered is made again.
const AGAIN: Duration = Duration::from_millis(1000);

/// Pings without an answer yet.
#[derive(Default)]
pub(crate) struct Pings(BTreeMap<u64, Ping>);

struct Ping {
    deadline: Instant,
    /// Known once the name is resolved.
    target: Option<(Identity, usize)>,
    /// The challenges that left: their tokens, and when the last one did.
    tokens: Vec<u64>,
    again: Instant,
}

impl Ping {
    /// When its challenge is due again; one that waits for its tunnel is woken by that.
    fn wakes(&self) -> Instant {
        if self.tokens.is_empty() {
            self.deadline
        } else {
            self.again
        }
    }
}

impl Pings {
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.0
            .values()
            .map(|ping| ping.deadline.min(ping.wakes()))
            .min()
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
                tokens: Vec::new(),
                again: now,
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
        let pair = self.pairs.outbound(self.setup.vip4, identity.vip4);
        if let (Some(ping), Some(pair)) = (self.pings.0.get_mut(&query), pair) {
            ping.target = Some((identity, pair.slot));
        }
    }

    /// Sends the challenges of pings whose tunnel is up, and reports those that were answered.
    pub(crate) fn answer_pings(&mut self, now: Instant) {
        let queries: Vec<u64> = self.pings.0.keys().copied().collect();
        for query in queries {
            self.work_on_ping(query, now);
        }
    }

    fn work_on_ping(&mut self, query: u64, now: Instant) {
        let Some(ping) = self.pings.0.get(&query) else {
            return;
        };
        let Some((identity, slot)) = ping.target.clone() else {
            return;
        };
        let Some(peer) = self.peers.get(slot).filter(|peer| peer.is_up(now)) else {
            // Challenges that left are lost with the way; the next one goes when there is another.
            if let Some(ping) = self.pings.0.get_mut(&query) {
                ping.tokens.clear();
                ping.again = now;
            }
            return;
        };
        if let Some((token, way, rtt)) = peer.watch.answered
            && ping.tokens.contains(&token)
        {
            let status = peer.status(now);
            let report = PingReport {
                name: identity.name.to_string(),
                vip4: identity.vip4.to_string(),
                gateway: status.peer,
                rtt_ms: rtt.as_secs_f64() * 1e3,
                path: if peer.is_relayed(way) {
                    "relay"
                } else {
                    "direct"
                }
                .to_owned(),
                why: status.why,
                remote: way.remote.to_string(),
            };
            return self.pong(query, Ok(report));
        }
        if ping.again <= now {
            let token =
                self.with_peers(|peers, env| peers.get(slot).and_then(|peer| peer.ping(env, now)));
            if let Some(ping) = self.pings.0.get_mut(&query) {
                ping.tokens.extend(token);
                ping.again = now + AGAIN;
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
