//! What the coordinators of other domains ask of us: devices of ours for gateways of theirs.
//!
//! # Who owns the tunnel
//!
//! One of the two coordinators makes the tunnel of a pair of gateways, decides its route and names its path ids:
//! who has one of the pair already, else who has a relay while the other has none, else whose domain's name is the
//! smaller. So both directions of first contact, also at the same moment, end in one tunnel. Should both have made one
//! nevertheless, since one of them had forgotten, the one of the smaller name stays. To the owner the other
//! gateway is a [guest](crate::guests); to the other coordinator the tunnel is a [visit](crate::visits).

use crate::linking::Via;
use crate::tunnel::Told;
use crate::{Coordinator, Reject};
use ntm_proto::id::{NodeId, TunnelId};
use ntm_proto::message::{
    DirectionAck, GuestAnswer, GuestDirection, GuestRefused, GuestRequest, GuestUpdate, Message,
    PeerMessage, Refusal, Target,
};
use std::time::Instant;

/// How often a tunnel gets fresh ids because one of its ends has them already.
const REMAKES: u32 = 4;

impl Coordinator {
    pub(crate) fn handle_guest_request(
        &mut self,
        peer: NodeId,
        message: &GuestRequest,
        via: Via,
        now: Instant,
    ) -> Result<(), Reject> {
        self.check_guest(peer, &message.guest, &message.device)?;
        let (request, gateway) = (message.request, message.guest.node);
        let answer = match self.host(peer, message, now) {
            Ok(None) => return Ok(()),
            Ok(Some(answer)) => PeerMessage::Answer(Box::new(answer)),
            Err(refusal) => {
                let name = message.guest.name.clone();
                let event = crate::Event::Refused {
                    gateway: name,
                    refusal,
                };
                self.output.push_back(crate::Output::Event(event));
                PeerMessage::Refused(GuestRefused {
                    request,
                    gateway,
                    refusal,
                })
            }
        };
        self.answer_peer(peer, via, &Message::Peer(answer), now);
        Ok(())
    }

    /// A guest is not as it was.
    pub(crate) fn handle_guest_update(
        &mut self,
        peer: NodeId,
        update: &GuestUpdate,
        via: Via,
        now: Instant,
    ) -> Result<(), Reject> {
        let id = update.guest.node;
        // One that we do not know has no tunnel of ours; its coordinator learns no more than that we heard it.
        if self.registry.guests.peer(id) == Some(peer)
            && self.registry.owner_of(&update.guest.key).is_none()
            && self.admit(peer, &update.guest, None, now).is_ok()
        {
            self.tell_rest(id, true, now);
        }
        let ack = DirectionAck {
            sequence: update.sequence,
            refusal: None,
        };
        self.answer_peer(peer, via, &Message::DirectionAck(ack), now);
        Ok(())
    }

    /// Says to a guest, through its coordinator, what a gateway of ours would be told.
    pub(crate) fn say_guest(&mut self, guest: NodeId, message: &Message, now: Instant) {
        let Some(peer) = self.registry.guests.peer(guest) else {
            return;
        };
        let message = if let Message::RouteDirection(direction) = message {
            Message::Peer(PeerMessage::Direction(Box::new(GuestDirection {
                gateway: guest,
                direction: (**direction).clone(),
            })))
        } else if let Message::DirectionRefused(refused) = message {
            Message::Peer(PeerMessage::Refused(GuestRefused {
                request: refused.request,
                gateway: guest,
                refusal: refused.refusal,
            }))
        } else {
            message.clone()
        };
        self.say_peer(peer, message, now);
    }

    /// A tunnel with a guest is over: its ends, too, are told.
    pub(crate) fn dismiss(&mut self, id: TunnelId, now: Instant) {
        let ends = self.tunnels.get(id).map(|tunnel| tunnel.ends);
        let ends = ends.into_iter().flatten().map(|end| end.gateway);
        let ends: Vec<NodeId> = ends.collect();
        self.close(id, now);
        ends.into_iter()
            .for_each(|end| self.tell_closed(end, id, now));
    }

    /// A guest is told of all its tunnels again.
    pub(crate) fn tell_all_again(&mut self, guest: NodeId, now: Instant) {
        for id in self.tunnels.of(guest) {
            self.tell_again(id, guest, now);
        }
    }

    fn tell_again(&mut self, id: TunnelId, guest: NodeId, now: Instant) {
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        if let Some(side) = tunnel.side_of(guest) {
            let told = tunnel.pairs.iter_mut().map(|pair| &mut pair.told[side]);
            told.for_each(|told| *told = Told::Due);
        }
        self.advance(id, now);
    }

    fn is_smaller_than(&self, peer: NodeId) -> bool {
        let peer = self.peers.get(peer);
        peer.is_some_and(|peer| self.registry.domain < peer.record.domain)
    }

    /// A peer made a tunnel of a pair that has one of ours, since one of us had restarted and did not know. The one of
    /// the domain whose name is the smaller stays; whether that is the peer's.
    pub(crate) fn yields(
        &mut self,
        peer: NodeId,
        gateway: NodeId,
        guest: NodeId,
        now: Instant,
    ) -> bool {
        let Some(id) = self.tunnels.between(gateway, guest) else {
            return true;
        };
        if self.is_smaller_than(peer) {
            self.tell_again(id, guest, now);
            return false;
        }
        self.close(id, now);
        true
    }

    /// Whether the groups still allow a tunnel.
    pub(crate) fn may_stay(&self, id: TunnelId) -> bool {
        let ends = self.tunnels.get(id).map(|tunnel| tunnel.ends);
        ends.is_some_and(|[one, other]| self.registry.may_talk(one.gateway, other.gateway))
    }

    /// Whether one end of a tunnel is a guest.
    pub(crate) fn has_guest(&self, id: TunnelId) -> bool {
        let ends = self.tunnels.get(id).map(|tunnel| tunnel.ends);
        let mut ends = ends.into_iter().flatten();
        ends.any(|end| self.registry.guests.peer(end.gateway).is_some())
    }

    /// An end has the tunnel's ids for another tunnel, made by another coordinator: the tunnel gets fresh ones.
    pub(crate) fn remake(&mut self, id: TunnelId, now: Instant) {
        let Some(tunnel) = self.tunnels.get_mut(id) else {
            return;
        };
        if tunnel.remade >= REMAKES {
            tunnel
                .pairs
                .iter_mut()
                .for_each(|pair| pair.told = [Told::GaveUp; 2]);
            return;
        }
        let (mut pairs, remade) = (std::mem::take(&mut tunnel.pairs), tunnel.remade + 1);
        let asking = tunnel.ends[tunnel.initiator].gateway;
        let other = tunnel.ends[1 - tunnel.initiator].gateway;
        for pair in &mut pairs {
            self.cancel_routes(id, pair.devices);
            pair.told = [Told::Due; 2];
        }
        if self.has_guest(id) {
            self.dismiss(id, now);
        } else {
            self.close(id, now);
        }
        let Ok(fresh) = self.make_tunnel(asking, other, now) else {
            return;
        };
        if let Some(tunnel) = self.tunnels.get_mut(fresh) {
            tunnel.pairs = pairs;
            tunnel.remade = remade;
        }
        self.advance(fresh, now);
    }

    /// What becomes of a request: a tunnel of ours, or what the other coordinator needs to make its own.
    fn host(
        &mut self,
        peer: NodeId,
        message: &GuestRequest,
        now: Instant,
    ) -> Result<Option<GuestAnswer>, Refusal> {
        let guest = message.guest.node;
        let Target::Name(name) = &message.target else {
            return Err(Refusal::Unknown);
        };
        let remote = self.registry.find_name(name).ok_or(Refusal::Unknown)?;
        let gateway = self.registry.gateway_of(remote).ok_or(Refusal::Unknown)?;
        if !self.registry.may_talk_abroad(gateway, &message.guest.name) {
            return Err(Refusal::DomainNotAllowing);
        }
        self.registry.live(gateway).ok_or(Refusal::Offline)?;
        if self.is_ours(peer, gateway, message) {
            self.admit(peer, &message.guest, Some(&message.device), now)?;
            let devices = [message.device.node, remote];
            self.direct(guest, gateway, devices, message.request, now)?;
            return Ok(None);
        }
        let described = self.describe(gateway).ok_or(Refusal::Offline)?;
        self.told.insert((gateway, peer), described.clone());
        Ok(Some(GuestAnswer {
            request: message.request,
            gateway: guest,
            guest: described,
            device: self.registry.identity(remote).ok_or(Refusal::Unknown)?,
        }))
    }

    /// Whether the tunnel of this pair is, or shall be, ours.
    fn is_ours(&self, peer: NodeId, gateway: NodeId, message: &GuestRequest) -> bool {
        let guest = message.guest.node;
        if self.tunnels.between(gateway, guest).is_some() {
            return true;
        }
        if self.visits.between(gateway, (peer, guest)).is_some() {
            return false;
        }
        match (self.has_relay(), message.relays) {
            (true, false) => true,
            (false, true) => false,
            (true, true) | (false, false) => self.is_smaller_than(peer),
        }
    }
}
