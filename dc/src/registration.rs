//! How nodes register, move and fall silent.
//!
//! A start with a new instance number gets the next epoch, and its answer only after the store has that epoch. An
//! instance that comes back soon after a newer one replaced it shows that the key is in use twice at the same time: a
//! machine that really restarted has forgotten the old number. Who was there first gets its place back, and the copy
//! is refused for [`crate::limits::QUARANTINE`], so that the two do not take turns; so is, for that time, any further
//! start of either while the other is online. Another address under the same instance is a move, never a clone.

use crate::limits::LIFETIME;
use crate::live::{Live, is_older};
use crate::node::RelayRole;
use crate::rate::Bucket;
use crate::relaying::RelayChange;
use crate::save::{ReplyTo, Saving};
use crate::{Coordinator, Event, Output, Reject};
use ntm_proto::address::{canonical, is_candidate};
use ntm_proto::id::NodeId;
use ntm_proto::message::{
    DirectionRefused, Message, Refusal, RegistrationRequest, RegistrationResponse,
    RelayRegistration, WanAddress,
};
use ntm_proto::release::Release;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How often the same clone is worth a line in the log, and a new address of a node a write to the store.
const SELDOM: Duration = Duration::from_secs(60);

/// Starts of one node per second.
const STARTS: u32 = 4;

/// What a registration says beside its instance.
#[derive(Clone)]
pub(crate) enum Claim {
    Gateway(Vec<WanAddress>),
    Relay {
        addresses: Vec<SocketAddr>,
        paths: u32,
        capacity: u32,
        release: Release,
    },
}

/// A registration on its way through the store.
pub(crate) struct Start {
    pub(crate) node: NodeId,
    pub(crate) instance: [u8; 8],
    pub(crate) epoch: u32,
    pub(crate) claim: Claim,
    pub(crate) request: u32,
    pub(crate) reply: ReplyTo,
}

impl Coordinator {
    pub(crate) fn handle_registration(
        &mut self,
        node: NodeId,
        message: RegistrationRequest,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Reject> {
        self.registry.gateway(node).ok_or(Reject::WrongRole)?;
        let addresses = message
            .addresses
            .into_iter()
            .filter(|a| self.is_real(a.address))
            .collect();
        self.register(
            node,
            message.instance,
            Claim::Gateway(addresses),
            message.request,
            reply,
            now,
        )
    }

    pub(crate) fn handle_relay_registration(
        &mut self,
        node: NodeId,
        message: RelayRegistration,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Reject> {
        self.registry.relay(node).ok_or(Reject::WrongRole)?;
        let RelayRegistration {
            request,
            instance,
            addresses,
            paths,
            capacity,
            release,
        } = message;
        let addresses = addresses.into_iter().filter(|a| self.is_real(*a)).collect();
        self.register(
            node,
            instance,
            Claim::Relay {
                addresses,
                paths,
                capacity,
                release,
            },
            request,
            reply,
            now,
        )
    }

    /// The store has (or has not) the start.
    pub(crate) fn start_saved(&mut self, start: Start, saved: bool, now: Instant) {
        let Some(node) = self.registry.node_mut(start.node) else {
            return;
        };
        node.saving = None;
        if !saved {
            self.rejects.add(Reject::NotSaved);
            self.output
                .push_back(Output::Event(Event::NotSaved { node: start.node }));
            return;
        }
        let returns = node.started(start.epoch, start.instance, now);
        let here = start.reply.path.remote;
        let before = node.last_address.filter(|_| node.live.is_some());
        let other = before.filter(|address| address.ip() != here.ip());
        // Sessions of an earlier start, or of a copy of the key, say nothing for this one any more.
        self.sessions.keep_only(start.node, start.reply.session);
        let Some(node) = self.registry.node_mut(start.node) else {
            return;
        };
        node.last_address = Some(start.reply.path.remote);
        node.address_saved = Some(now);
        self.ask_for_sign_of_life(start.node, other, returns, now);
        self.registered(start, true, now);
    }

    /// Somebody at `other` had this node's place a moment ago. A machine that is still there comes at once, instead
    /// of when it next misses an answer, and shows that its key is in use twice.
    fn ask_for_sign_of_life(
        &mut self,
        id: NodeId,
        other: Option<SocketAddr>,
        returns: bool,
        now: Instant,
    ) {
        let Some(address) = other else {
            return;
        };
        self.to_greet.push_front(address);
        self.greet(now);
        if returns {
            self.tell_clone(id, address, now);
        }
    }

    /// Nodes silent for too long are offline.
    pub(crate) fn expire_nodes(&mut self, now: Instant) {
        while let Some(id) = self.registry.expire(now) {
            if let Some(name) = self.registry.node_name(id) {
                self.output
                    .push_back(Output::Event(Event::Offline { name }));
            }
            if self.registry.relay(id).is_some() {
                self.relay_lost(id, now);
            }
        }
    }

    fn register(
        &mut self,
        id: NodeId,
        instance: [u8; 8],
        claim: Claim,
        request: u32,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Reject> {
        let node = self.registry.node_mut(id).ok_or(Reject::UnknownKey)?;
        let epoch = node.epoch;
        let mut start = Start {
            node: id,
            instance,
            epoch,
            claim,
            request,
            reply,
        };
        if node.instance == Some(instance) {
            let live = node.live.as_ref();
            if live.is_some_and(|live| live.is_overtaken(request)) {
                return Err(Reject::Overtaken);
            }
            self.registered(start, false, now);
            return Ok(());
        }
        if node.is_clone(instance, now) {
            self.refuse_clone(id, request, reply, now);
            return Err(Reject::Cloned);
        }
        if let Some(ticket) = node.saving {
            // A repetition while the store works: the answer goes where the latest came from.
            return match self.saves.get_mut(ticket) {
                Some(Saving::Start(waiting)) if waiting.instance == instance => {
                    if is_older(request, waiting.request) {
                        return Err(Reject::Overtaken);
                    }
                    start.epoch = waiting.epoch;
                    *waiting = start;
                    Ok(())
                }
                _ => Err(Reject::Busy),
            };
        }
        // Each start is a write to the disk; one too many waits for its repetition.
        let starts = node.starts.get_or_insert_with(|| Bucket::new(STARTS, now));
        if !starts.take(now) {
            return Err(Reject::Busy);
        }
        start.epoch = epoch.max(node.tried).saturating_add(1);
        node.tried = start.epoch;
        let record = node.record(start.epoch, Some(instance), Some(reply.path.remote));
        let ticket = self
            .save(Saving::Start(start), record)
            .ok_or(Reject::Busy)?;
        if let Some(node) = self.registry.node_mut(id) {
            node.saving = Some(ticket);
        }
        Ok(())
    }

    /// A registration is in force: `fresh` when it is of a new instance.
    fn registered(&mut self, start: Start, fresh: bool, now: Instant) {
        let Start {
            node: id,
            epoch,
            claim,
            request,
            reply,
            ..
        } = start;
        let observed = reply.path.remote;
        let is_real = self.is_real(observed);
        let old = self.registry.take_live(id);
        let was_online = old.is_some();
        let moved = old
            .as_ref()
            .is_some_and(|live| live.primary.remote != observed)
            .then_some(observed);
        let addresses = match &claim {
            Claim::Gateway(addresses) => addresses.clone(),
            Claim::Relay { .. } => Vec::new(),
        };
        let mut live = match old {
            Some(mut live) if !fresh => {
                live.readdress(reply.path, addresses, now);
                live
            }
            _ => Live::new(reply.path, addresses, false, now),
        };
        live.registered(request);
        if let Claim::Relay { release, .. } = claim {
            live.release = release;
        }
        self.registry.set_live(id, live);
        self.registry.heard(id, 0, now);
        if let Some(live) = self
            .registry
            .node_mut(id)
            .and_then(|node| node.live.as_mut())
            && is_real
        {
            live.see_registration(reply.path, now);
        }
        let (lifetime, registration) = (LIFETIME.as_secs() as u16, Message::RegistrationResponse);
        let response = registration(RegistrationResponse {
            request,
            epoch,
            lifetime,
            observed,
        });
        self.answer(id, reply, &response, now);
        if fresh || !was_online {
            self.tell_registered(id, observed, epoch);
        } else {
            self.tell_moved(id, moved);
        }
        self.save_address(id, now);
        self.tell_closed_again(id, now);
        match claim {
            Claim::Gateway(_) => {
                self.reach_changed(id, now);
                self.tell_rest(id, true, now);
                self.visitor_changed(id, true, now);
                self.tell_domains(id, now);
            }
            Claim::Relay {
                addresses,
                paths,
                capacity,
                release: _,
            } => {
                let mut readdressed = false;
                if let Some(role) = self
                    .registry
                    .node_mut(id)
                    .and_then(|node| node.as_relay_mut())
                {
                    readdressed = !role.addresses.is_empty() && role.addresses != addresses;
                    *role = RelayRole {
                        addresses,
                        paths,
                        capacity,
                        assigned: 0,
                    };
                }
                let change = RelayChange {
                    fresh,
                    came: !was_online,
                    readdressed,
                };
                self.relay_registered(id, change, now);
            }
        }
    }

    fn refuse_clone(&mut self, id: NodeId, request: u32, reply: ReplyTo, now: Instant) {
        let refusal = Refusal::KeyInUse;
        let refused = DirectionRefused { request, refusal };
        self.answer(id, reply, &Message::DirectionRefused(refused), now);
        // Without its session the copy cannot draw the pushes of the other one.
        self.sessions.discard(reply.session);
        self.tell_clone(id, reply.path.remote, now);
    }

    fn tell_clone(&mut self, id: NodeId, address: SocketAddr, now: Instant) {
        let name = self.registry.node_name(id);
        let Some(node) = self.registry.node_mut(id) else {
            return;
        };
        let recent = node
            .clone_told
            .is_some_and(|at| now.saturating_duration_since(at) < SELDOM);
        if let Some(name) = name.filter(|_| !recent) {
            node.clone_told = Some(now);
            self.output
                .push_back(Output::Event(Event::Clone { name, address }));
        }
    }

    /// Whether a peer may be sent to this address at all.
    pub(crate) fn is_real(&self, address: SocketAddr) -> bool {
        is_candidate(address) && !self.prefixes.contains(canonical(address.ip()))
    }

    pub(crate) fn tell_registered(&mut self, id: NodeId, address: SocketAddr, epoch: u32) {
        if let Some(name) = self.registry.node_name(id) {
            self.output.push_back(Output::Event(Event::Registered {
                name,
                address,
                epoch,
            }));
        }
    }

    pub(crate) fn tell_moved(&mut self, id: NodeId, moved: Option<SocketAddr>) {
        if let (Some(address), Some(name)) = (moved, self.registry.node_name(id)) {
            self.output
                .push_back(Output::Event(Event::Moved { name, address }));
        }
    }

    /// Gives a node's new address to the store, seldom: it only serves to greet it after a restart.
    pub(crate) fn save_address(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.registry.node_mut(id) else {
            return;
        };
        let Some(address) = node.live.as_ref().map(|live| live.primary.remote) else {
            return;
        };
        let recent = node
            .address_saved
            .is_some_and(|at| now.saturating_duration_since(at) < SELDOM);
        // A start that is being saved carries an address, and must not be overtaken by an older epoch.
        if node.last_address == Some(address) || recent || node.saving.is_some() {
            return;
        }
        node.last_address = Some(address);
        node.address_saved = Some(now);
        let record = node.record(node.epoch, node.instance, Some(address));
        // When it cannot be saved now, the next move will.
        let _ = self.save(Saving::Address, record);
    }
}
