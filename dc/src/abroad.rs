//! Questions of our gateways about names in other domains, from the question to its answer.
//!
//! The coordinator of the other domain is asked each time: it knows whether the target is there, and whether its own
//! groups allow it. Ours are checked before. What it answers is believed only as far as it concerns its own domain
//! and a question that waits.

use crate::guests::{self, is_behind, is_of};
use crate::linking::Via;
use crate::save::ReplyTo;
use crate::{Coordinator, Reject};
use ntm_proto::id::{Fqdn, Identity, NodeId};
use ntm_proto::message::{
    DirectionRefused, DirectionRequest, Guest, GuestAnswer, GuestRefused, GuestRequest, Message,
    PeerMessage, Refusal, Target,
};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long the other coordinator has: a little less than the gateway waits.
const PATIENCE: Duration = Duration::from_millis(3500);
/// Questions of one gateway at a time.
const PER_GATEWAY: usize = 64;

/// A question that was passed on.
pub(crate) struct Asked {
    pub(crate) peer: NodeId,
    pub(crate) device: NodeId,
    pub(crate) name: Fqdn,
    reply: ReplyTo,
    at: Instant,
}

/// By gateway and its number.
pub(crate) type AllAsked = BTreeMap<(NodeId, u32), Asked>;

impl Coordinator {
    /// Whether a target is a name outside our domain.
    pub(crate) fn abroad(&self, target: &Target) -> Option<Fqdn> {
        match target {
            Target::Name(name) if !name.is_within(&self.registry.domain) => Some(name.clone()),
            Target::Name(_) | Target::V4(_) | Target::V6(_) => None,
        }
    }

    /// Passes a gateway's question on to the coordinator in charge of `name`.
    pub(crate) fn ask_abroad(
        &mut self,
        gateway: NodeId,
        message: &DirectionRequest,
        name: Fqdn,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Refusal> {
        let asks = self.registry.gateway_of(message.device);
        if asks != Some(gateway) || self.registry.live(gateway).is_none() {
            return Err(Refusal::NotRegistered);
        }
        let peer = self
            .peers
            .in_charge_of(&name)
            .ok_or(Refusal::DomainUnknown)?;
        let (id, domain) = (peer.id, peer.record.domain.clone());
        let waits = peer.dialing.deadline().is_some();
        let theirs = gateway_name(&name, &domain).ok_or(Refusal::Unknown)?;
        if !self.registry.may_talk_abroad(gateway, &theirs) {
            return Err(Refusal::NotAllowed);
        }
        let key = (gateway, message.request);
        let all = (gateway, 0)..=(gateway, u32::MAX);
        if !self.asked.contains_key(&key) && self.asked.range(all).count() >= PER_GATEWAY {
            return Err(Refusal::Limit);
        }
        let guest = self.describe(gateway).ok_or(Refusal::NotRegistered)?;
        let device = self.registry.identity(message.device);
        let request = GuestRequest {
            request: message.request,
            device: device.ok_or(Refusal::NotRegistered)?,
            target: Target::Name(name.clone()),
            relays: self.has_relay(),
            guest,
        };
        self.told.insert((gateway, id), request.guest.clone());
        let (device, at) = (message.device, now);
        let fresh = Asked {
            peer: id,
            device,
            name,
            reply,
            at,
        };
        let known = self.asked.entry(key);
        let is_repeated = matches!(&known, std::collections::btree_map::Entry::Occupied(_));
        known
            .and_modify(|asked| asked.reply = reply)
            .or_insert(fresh);
        // A repetition of what waits for the link already says nothing new.
        if !(is_repeated && waits) {
            let message = PeerMessage::Request(Box::new(request));
            self.say_peer(id, Message::Peer(message), now);
        }
        Ok(())
    }

    /// The tunnel is ours to make, and here is its other end.
    pub(crate) fn handle_guest_answer(
        &mut self,
        peer: NodeId,
        answer: GuestAnswer,
        now: Instant,
    ) -> Result<(), Reject> {
        let key = (answer.gateway, answer.request);
        let asked = self.asked.get(&key).filter(|asked| asked.peer == peer);
        let asked = asked.ok_or(Reject::NotYours)?;
        let (guest, remote) = (&answer.guest, &answer.device);
        self.check_guest(peer, guest, remote)?;
        if remote.name != asked.name || !self.registry.may_talk_abroad(key.0, &guest.name) {
            return Err(Reject::NotYours);
        }
        let (device, reply) = (asked.device, asked.reply);
        self.asked.remove(&key);
        let devices = [device, remote.node];
        let directed = self
            .admit(peer, guest, Some(remote), now)
            .and_then(|()| self.direct(key.0, guest.node, devices, key.1, now));
        if let Err(refusal) = directed {
            self.refuse(key, refusal, reply, now);
        }
        Ok(())
    }

    /// The other coordinator says no.
    pub(crate) fn handle_guest_refused(
        &mut self,
        peer: NodeId,
        refused: GuestRefused,
        now: Instant,
    ) -> Result<(), Reject> {
        let key = (refused.gateway, refused.request);
        let asked = self.asked.get(&key).filter(|asked| asked.peer == peer);
        let reply = asked.ok_or(Reject::NotYours)?.reply;
        self.asked.remove(&key);
        // The rest would mean something else at our gateway than at the other coordinator.
        let refusal = match refused.refusal {
            Refusal::Unknown
            | Refusal::Offline
            | Refusal::NoRelay
            | Refusal::Limit
            | Refusal::DomainNotAllowing => refused.refusal,
            Refusal::NotAllowed => Refusal::DomainNotAllowing,
            Refusal::NotRegistered
            | Refusal::Storage
            | Refusal::KeyInUse
            | Refusal::Local
            | Refusal::DomainUnknown
            | Refusal::DomainUnreachable
            | Refusal::PathTaken => Refusal::Offline,
        };
        self.refuse(key, refusal, reply, now);
        Ok(())
    }

    /// Refuses everything that waits for a peer that does not answer.
    pub(crate) fn refuse_asked(&mut self, peer: NodeId, now: Instant) {
        let of = self.asked.iter().filter(|(_, asked)| asked.peer == peer);
        let of: Vec<_> = of.map(|(key, asked)| (*key, asked.reply)).collect();
        for (key, reply) in of {
            self.asked.remove(&key);
            self.refuse(key, Refusal::DomainUnreachable, reply, now);
        }
    }

    /// Forgets questions that waited too long. If nothing at all came from the peer meanwhile, it is not there.
    pub(crate) fn asked_timeout(&mut self, now: Instant) {
        let late = self
            .asked
            .iter()
            .filter(|(_, asked)| asked.at + PATIENCE <= now);
        let late: Vec<_> = late
            .map(|(key, asked)| (*key, asked.peer, asked.at))
            .collect();
        for (key, peer, at) in late {
            let Some(asked) = self.asked.remove(&key) else {
                continue;
            };
            let heard = self.peers.get(peer).and_then(|peer| peer.heard);
            if heard.is_none_or(|heard| heard < at) {
                self.suspect(peer);
                self.refuse(key, Refusal::DomainUnreachable, asked.reply, now);
            }
        }
    }

    pub(crate) fn asked_due(&self) -> Option<Instant> {
        self.asked.values().map(|asked| asked.at + PATIENCE).min()
    }

    /// Whether a peer may say this of a gateway and a device: names of its domain, ids and keys that are not ours.
    pub(crate) fn check_guest(
        &self,
        peer: NodeId,
        guest: &Guest,
        device: &Identity,
    ) -> Result<(), Reject> {
        let peer = self.peers.get(peer).ok_or(Reject::UnknownKey)?;
        let is_ours = self.registry.is_own(guest.node)
            || self.registry.is_own(device.node)
            || self.registry.owner_of(&guest.key).is_some()
            || guest.key == self.public;
        if is_ours || !is_of(guest, &peer.record.domain) || !is_behind(&device.name, &guest.name) {
            return Err(Reject::NotTheirs);
        }
        Ok(())
    }

    /// Takes a guest in, or over; its tunnels follow when it is not as it was.
    pub(crate) fn admit(
        &mut self,
        peer: NodeId,
        guest: &Guest,
        device: Option<&Identity>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let mut guest = guest.clone();
        guest.v4 = guest.v4.filter(|address| self.is_real(*address));
        guest.v6 = guest.v6.filter(|address| self.is_real(*address));
        let tunnels = &self.tunnels;
        let is_used = |id| tunnels.count(id) > 0;
        let changed = self.registry.guests.admit(peer, &guest, is_used)?;
        if let Some(device) = device {
            self.registry
                .guests
                .admit_device(guest.node, device.clone())?;
        }
        if changed {
            self.reconsider_tunnels(guest.node, now);
        }
        Ok(())
    }

    /// What other domains are told of a gateway of ours.
    pub(crate) fn describe(&self, gateway: NodeId) -> Option<Guest> {
        let name = self.registry.node_name(gateway)?;
        Some(guests::describe(
            gateway,
            name,
            &self.registry.party(gateway)?,
        ))
    }

    /// Whether any relay is registered.
    pub(crate) fn has_relay(&self) -> bool {
        let mut nodes = self.registry.nodes();
        nodes.any(|node| node.as_relay().is_some() && node.live.is_some())
    }

    fn refuse(&mut self, key: (NodeId, u32), refusal: Refusal, reply: ReplyTo, now: Instant) {
        let (gateway, request) = key;
        let refused = DirectionRefused { request, refusal };
        self.answer(gateway, reply, &Message::DirectionRefused(refused), now);
        self.tell_refused(gateway, refusal);
    }

    /// What the coordinator of another domain said, over either link.
    pub(crate) fn take_peer_message(
        &mut self,
        peer: NodeId,
        message: Message,
        via: Via,
        now: Instant,
    ) -> Result<(), Reject> {
        if let Some(peer) = self.peers.get_mut(peer) {
            // Acknowledgements answer what we said, at the rate we said it.
            let is_free = matches!(message, Message::DirectionAck(_));
            if !is_free && !peer.messages.take(now) {
                return Err(Reject::Busy);
            }
            peer.heard = Some(now);
            if let Via::Session(reply) = via {
                peer.incoming = Some((reply, now));
            }
        }
        match message {
            Message::Peer(PeerMessage::Hello(hello)) => {
                self.handle_hello(peer, hello, now);
                Ok(())
            }
            Message::Peer(PeerMessage::Request(request)) => {
                self.handle_guest_request(peer, &request, via, now)
            }
            Message::Peer(PeerMessage::Answer(answer)) => {
                self.handle_guest_answer(peer, *answer, now)
            }
            Message::Peer(PeerMessage::Refused(refused)) => {
                self.handle_guest_refused(peer, refused, now)
            }
            Message::Peer(PeerMessage::Update(update)) => {
                self.handle_guest_update(peer, &update, via, now)
            }
            Message::Peer(PeerMessage::Direction(direction)) => {
                self.handle_guest_direction(peer, *direction, now)
            }
            Message::DirectionAck(ack) => self.handle_peer_ack(peer, ack, now),
            Message::TunnelClosed(closed) => self.handle_peer_closed(peer, closed, via, now),
            Message::RegistrationRequest(_)
            | Message::RelayRegistration(_)
            | Message::RegistrationResponse(_)
            | Message::DeviceRequest(_)
            | Message::DeviceOrder(_)
            | Message::DeviceResponse(_)
            | Message::KeepAlive(_)
            | Message::KeepAliveResponse(_)
            | Message::DirectionRequest(_)
            | Message::RouteDirection(_)
            | Message::DirectionRefused(_)
            | Message::RelayDirection(_)
            | Message::PathChallenge(_)
            | Message::PathResponse(_)
            | Message::SizeProbe(_)
            | Message::SizeProbeResponse(_)
            | Message::MappingProbe(_)
            | Message::MappingProbeResponse(_)
            | Message::Domains(_) => Err(Reject::WrongRole),
        }
    }
}

/// The gateway that a name in `domain` is of: the name says it itself.
fn gateway_name(name: &Fqdn, domain: &Fqdn) -> Option<Fqdn> {
    let parent = name.parent()?;
    if parent == *domain {
        return Some(name.clone());
    }
    (parent.parent().as_ref() == Some(domain)).then_some(parent)
}
