//! What the owner answers to the Account Server, DNS and the control socket.

use super::{Shell, wall_seconds};
use crate::desk::{Control, Enrolment, Question};
use crate::rows;
use crate::store::Redeem;
use anyhow::Result;
use ntm_dc::Found;
use ntm_dc::dns::{Facts, Look};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Instant;

impl Shell {
    pub(super) fn answer(&mut self, question: Question) {
        // Nobody waits for an answer whose asker is gone.
        match question {
            Question::Enrol(redeem, reply) => drop(reply.send(self.enrol(&redeem))),
            Question::Look(look, reply) => drop(reply.send(self.look(&look))),
            Question::Control(control, reply) => drop(reply.send(self.control(control))),
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
            Control::ReloadNodes => self.reload().map(|()| json!({"done": true})),
        };
        answer.unwrap_or_else(|error| json!({"error": format!("{error:#}")}))
    }

    fn reload_groups(&mut self) -> Result<()> {
        let (groups, foreign) = (self.store.groups()?, self.store.foreign()?);
        self.coordinator.groups_changed(groups, foreign);
        Ok(())
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
