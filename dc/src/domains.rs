//! Which domains are trusted: taken over from the store at run time, told to the gateways, shown to the operator.

use crate::peers::Peer;
use crate::push::About;
use crate::record::DomainRecord;
use crate::{Coordinator, Event, Output};
use ntm_proto::id::NodeId;
use ntm_proto::message::{Domains, Message};
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Instant;

/// One trusted domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DomainStatus {
    /// Its name.
    pub domain: String,
    /// The pinned key's text.
    pub key: String,
    /// Where its coordinator was last found.
    pub address: Option<SocketAddr>,
    /// Whether either side's link is up.
    pub linked: bool,
    /// Gateways of it that have tunnels made here.
    pub guests: usize,
}

impl Coordinator {
    /// The trusted domains, by name.
    pub fn domains(&self, now: Instant) -> Vec<DomainStatus> {
        let status = |peer: &Peer| DomainStatus {
            domain: peer.record.domain.to_string(),
            key: peer.record.key.to_string(),
            address: peer.address.or(peer.record.address),
            linked: peer.link.is_up(now) || peer.incoming(now).is_some(),
            guests: self.registry.guests.of(peer.id).len(),
        };
        let mut all: Vec<_> = self.peers.iter().map(status).collect();
        all.sort_by(|one, other| one.domain.cmp(&other.domain));
        all
    }

    /// Takes over who is trusted. Tunnels with domains that are not any more are over, and the gateways know.
    pub(crate) fn domains_changed(&mut self, records: Vec<DomainRecord>, now: Instant) {
        let before = self.peers.domains();
        let own = self.registry.domain.clone();
        let gone = self.peers.set(records, &own, &mut self.random, now);
        for peer in gone {
            self.forget_peer(&peer, now);
        }
        if self.peers.domains() != before {
            let gateways = self.registry.nodes().filter(|node| node.live.is_some());
            let gateways = gateways.filter(|node| node.as_gateway().is_some());
            let gateways: Vec<NodeId> = gateways.map(|node| node.id).collect();
            gateways
                .into_iter()
                .for_each(|id| self.tell_domains(id, now));
        }
    }

    /// Tells a gateway which names are worth a question.
    pub(crate) fn tell_domains(&mut self, gateway: NodeId, now: Instant) {
        self.untold.remove(&gateway);
        let domains = self.peers.domains();
        let make = |sequence| Message::Domains(Domains { sequence, domains });
        self.pushes
            .start(gateway, About::Domains { gateway }, make, now);
    }

    /// A gateway did not say that it knows the domains: it is told when it is heard again.
    pub(crate) fn domains_given_up(&mut self, gateway: NodeId) {
        self.untold.insert(gateway);
    }

    /// A gateway is there.
    pub(crate) fn tell_untold(&mut self, gateway: NodeId, now: Instant) {
        if self.untold.contains(&gateway) {
            self.tell_domains(gateway, now);
        }
    }

    fn forget_peer(&mut self, peer: &Peer, now: Instant) {
        self.refuse_asked(peer.id, now);
        self.forget_visits(peer.id, now);
        for guest in self.registry.guests.of(peer.id) {
            for tunnel in self.tunnels.of(guest) {
                self.dismiss(tunnel, now);
            }
            self.registry.guests.remove(guest);
        }
        self.pushes.forget(peer.id);
        self.unheard.forget(peer.id);
        self.sessions.forget(peer.id);
        let domain = peer.record.domain.clone();
        self.output
            .push_back(Output::Event(Event::DomainForgotten { domain }));
    }
}
