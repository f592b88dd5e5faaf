//! What the owner answers to the Account Server, DNS and the control socket.

use super::{Shell, wall_seconds};
use crate::desk::{Control, Enrolment, Question};
use crate::rows;
use crate::store::Redeem;
use anyhow::Result;
use data_encoding::HEXLOWER;
use ntm_dc::dns::{Facts, Look};
use ntm_dc::{Found, Presence};
use ntm_proto::id::NodeId;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How old counts may be. Who looks on looks once a second.
const CENSUS: Duration = Duration::from_millis(900);
/// Accounts in the picture.
const SHOWN: usize = 5;

impl Shell {
    pub(super) fn answer(&mut self, question: Question) {
        // Nobody waits for an answer whose asker is gone.
        match question {
            Question::Enrol(redeem, reply) => drop(reply.send(self.enrol(&redeem))),
            Question::Look(look, reply) => drop(reply.send(self.look(&look))),
            Question::Control(control, reply) => drop(reply.send(self.control(control))),
            Question::Present(nodes, reply) => drop(reply.send(self.present(&nodes))),
            Question::TunnelsOf(gateway, reply) => {
                drop(reply.send(json!(self.coordinator.tunnels_of(gateway))));
            }
        }
    }

    /// All in one go: nothing comes between the store's answer and the coordinator's knowing.
    fn enrol(&mut self, redeem: &Redeem) -> Enrolment {
        let identity = || self.coordinator.reserve_identity();
        match self.store.redeem(redeem, identity, wall_seconds()) {
            Ok(Ok(enrolled)) => {
                tracing::debug!(again = !enrolled.is_new, "enrolment redeemed");
                // Also when it is an old one: the store may have kept what it reported as failed.
                self.coordinator.node_enrolled(enrolled.record.clone());
                Enrolment::Done(Box::new(enrolled.record))
            }
            Ok(Err(refused)) => Enrolment::Refused(refused),
            Err(error) => {
                tracing::error!("enrolment not stored: {error:#}");
                Enrolment::Failed
            }
        }
    }

    fn look(&self, look: &Look) -> Facts {
        let mut facts = Facts {
            serial: self.serial.wrapping_add(self.coordinator.zone_serial()),
            found: Found::Nothing,
            ntm: None,
            name: None,
        };
        match look {
            Look::Serial => {}
            Look::Name(name) => {
                facts.found = self.coordinator.lookup_name(name);
                facts.ntm = self.coordinator.ntm_record(name);
            }
            Look::Address(address) => facts.name = self.coordinator.lookup_address(*address),
        }
        facts
    }

    fn control(&mut self, control: Control) -> Value {
        let answer = match control {
            Control::Nodes => self.nodes(),
            Control::Relays => Ok(rows::relays(&self.coordinator.relays(), |address| {
                self.age(address)
            })),
            Control::Tunnels => Ok(json!(self.coordinator.tunnels())),
            Control::Domains => Ok(json!(self.coordinator.domains(Instant::now()))),
            Control::Status => Ok(self.status()),
            Control::ReloadGroups => self.reload_groups().map(|()| json!({"done": true})),
            Control::ReloadDomains => self.reload_domains().map(|()| json!({"done": true})),
            Control::NodeRemoved(node) => {
                self.removed(node);
                Ok(json!({"done": true}))
            }
            Control::Census => self.census(),
        };
        answer.unwrap_or_else(|error| json!({"error": format!("{error:#}")}))
    }

    fn reload_groups(&mut self) -> Result<()> {
        let (groups, foreign) = (self.store.groups()?, self.store.foreign()?);
        self.coordinator.groups_changed(groups, foreign);
        Ok(())
    }

    fn reload_domains(&mut self) -> Result<()> {
        let domains = self.store.domains()?;
        self.coordinator.reload_domains(domains, Instant::now());
        self.reload_groups()
    }

    fn removed(&mut self, node: [u8; 16]) {
        // A node id's text may be without hyphens.
        if let Some(node) = NodeId::parse(&HEXLOWER.encode(&node)) {
            self.coordinator.node_removed(node, Instant::now());
            self.census = None;
        }
    }

    fn present(&self, nodes: &[NodeId]) -> Vec<Option<Presence>> {
        let with_age = |node: &NodeId| {
            let mut presence = self.coordinator.presence(*node)?;
            presence.last_seen_s = presence.address.and_then(|address| self.age(address));
            Some(presence)
        };
        nodes.iter().map(with_age).collect()
    }

    /// A walk through all nodes: a few milliseconds for a hundred thousand, so not for each who looks.
    fn census(&mut self) -> Result<Value> {
        let now = Instant::now();
        if let Some((at, census)) = &self.census
            && now.saturating_duration_since(*at) < CENSUS
        {
            return Ok(census.clone());
        }
        let census = self.coordinator.census();
        let mut accounts: Vec<_> = census.accounts.iter().collect();
        accounts.sort_by_key(|(_, count)| std::cmp::Reverse(count.all));
        let names = self
            .store
            .account_names(accounts.iter().take(SHOWN).map(|(id, _)| **id))?;
        let rows = accounts.iter().zip(names).map(|((_, count), name)| {
            json!({"name": name, "gateways": count.all, "online": count.online})
        });
        let value = json!({
            "domain": self.config.domain.as_str(),
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_s": self.started.elapsed().as_secs(),
            "gateways": census.gateways,
            "devices": census.devices,
            "relays": census.relays,
            "tunnels": self.coordinator.tunnel_count(),
            "accounts": rows.collect::<Vec<_>>(),
            "accounts_in_all": accounts.len(),
            "relay_rows": rows::relays(&self.coordinator.relays(), |address| self.age(address)),
            "domains": self.coordinator.domains(now),
        });
        self.census = Some((now, value.clone()));
        Ok(value)
    }

    fn nodes(&self) -> Result<Value> {
        let accounts = self.store.accounts()?;
        Ok(rows::nodes(
            &self.coordinator.nodes(),
            &accounts,
            |address| self.age(address),
        ))
    }

    fn status(&self) -> Value {
        let (nodes, relays) = (self.coordinator.nodes(), self.coordinator.relays());
        let devices = || nodes.iter().flat_map(|node| &node.devices);
        let rejects: serde_json::Map<String, Value> = self
            .coordinator
            .rejects()
            .map(|(reject, count)| (reject.to_string(), count.into()))
            .collect();
        json!({
            "running": true,
            "version": env!("CARGO_PKG_VERSION"),
            "domain": self.config.domain.as_str(),
            "uptime_s": self.started.elapsed().as_secs(),
            "gateways": nodes.len(),
            "gateways_online": nodes.iter().filter(|node| node.online).count(),
            "devices": devices().count(),
            "devices_online": devices().filter(|device| device.online).count(),
            "relays": relays.len(),
            "relays_online": relays.iter().filter(|relay| relay.online).count(),
            "tunnels": self.coordinator.tunnels().len(),
            "domains": self.coordinator.domains(Instant::now()).len(),
            "zone_serial": self.serial.wrapping_add(self.coordinator.zone_serial()),
            "datagrams_received": self.received,
            "datagrams_sent": self.sent,
            "rejected": rejects,
        })
    }

    /// Seconds since something came from `address`.
    fn age(&self, address: SocketAddr) -> Option<u64> {
        let at = self.seen.get(&address)?;
        Some(Instant::now().saturating_duration_since(*at).as_secs())
    }
}
