//! From a datagram to whoever handles its message: handshakes, sessions of nodes and peers, our own links.

use crate::linking::Via;
use crate::rate::Bucket;
use crate::save::ReplyTo;
use crate::sessions::Answer;
use crate::{Coordinator, Output, Reject};
use ntm_proto::Path;
use ntm_proto::id::{NodeId, PathId};
use ntm_proto::key::PublicKey;
use ntm_proto::message::Message;
use ntm_proto::wire::{Kind, Opening, notice};
use std::time::Instant;

/// Registrations and Keep Alives of one node per second, beyond its other messages.
const RESERVE: u32 = 8;

impl Coordinator {
    pub(crate) fn take_datagram(
        &mut self,
        path: Path,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), Reject> {
        if path.local == path.remote {
            return Err(Reject::Loop);
        }
        let opening = Opening::decode(datagram)?;
        match opening.kind {
            Kind::HandshakeInit => self.take_init(path, datagram, now),
            Kind::Control => self.take_control(path, opening.receiver, datagram, now),
            Kind::HandshakeResponse | Kind::CookieReply | Kind::Notice
                if self.peers.iter().next().is_some() =>
            {
                self.take_from_link(path, opening.kind, datagram, now)
            }
            Kind::HandshakeResponse
            | Kind::CookieReply
            | Kind::Notice
            | Kind::Data
            | Kind::RelayBind
            | Kind::RelayChallenge
            | Kind::RelayConfirm
            | Kind::RelayBound => Err(Reject::Unexpected),
        }
    }

    fn take_init(&mut self, path: Path, datagram: &[u8], now: Instant) -> Result<(), Reject> {
        let (registry, peers) = (&self.registry, &self.peers);
        let find = |key: &PublicKey| registry.owner_of(key).or_else(|| peers.owner_of(key));
        match self
            .sessions
            .handle_init(path.remote, datagram, find, &mut self.random, now)?
        {
            Answer::Response(response) => {
                self.output.push_back(Output::Send {
                    path,
                    datagram: response,
                });
                Ok(())
            }
            Answer::Cookie(reply) => {
                self.output.push_back(Output::Send {
                    path,
                    datagram: reply.to_vec(),
                });
                Err(Reject::CookieWanted)
            }
        }
    }

    fn take_control(
        &mut self,
        path: Path,
        id: PathId,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), Reject> {
        if !self.sessions.has(id) && !self.peers.at(path.remote, now).is_empty() {
            let taken = self.take_from_link(path, Kind::Control, datagram, now);
            return taken.inspect_err(|&reject| self.notify(path, id, datagram, reject, now));
        }
        let mut plain = std::mem::take(&mut self.plain);
        let opened = self.sessions.open(id, datagram, &mut plain, now);
        let message = opened.and_then(|node| Ok((node, Message::decode(&plain)?)));
        self.plain = plain;
        let (node, message) =
            message.inspect_err(|&reject| self.notify(path, id, datagram, reject, now))?;
        let reply = ReplyTo { session: id, path };
        if self.peers.get(node).is_some() {
            return self.take_peer_message(node, message, Via::Session(reply), now);
        }
        // Acknowledgements answer what we said, at the rate we said it.
        let is_free = matches!(message, Message::DirectionAck(_));
        let per_second = self.limits.messages_per_second;
        if let Some(node) = self.registry.node_mut(node).filter(|_| !is_free) {
            let new = || Bucket::new(per_second, now);
            let mut taken = node.messages.get_or_insert_with(new).take(now);
            let reserve = || Bucket::new(RESERVE, now);
            if !taken && is_vital(&message) {
                taken = node.reserve.get_or_insert_with(reserve).take(now);
            }
            if !taken {
                return Err(Reject::Busy);
            }
        }
        self.registry.heard(node, 0, now);
        self.take_message(node, message, reply, now)
    }

    fn take_message(
        &mut self,
        node: NodeId,
        message: Message,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Reject> {
        match message {
            Message::RegistrationRequest(message) => {
                self.handle_registration(node, message, reply, now)
            }
            Message::RelayRegistration(message) => {
                self.handle_relay_registration(node, message, reply, now)
            }
            Message::DeviceRequest(message) => {
                self.handle_device_request(node, message, reply, now)
            }
            Message::DeviceOrder(message) => self.handle_device_order(node, message, reply, now),
            Message::KeepAlive(message) => self.handle_keep_alive(node, message, reply, now),
            Message::MappingProbe(message) => self.handle_mapping_probe(node, message, reply, now),
            Message::DirectionRequest(message) => {
                self.handle_direction_request(node, &message, reply, now)
            }
            Message::DirectionAck(message) => self.handle_ack(node, message, now),
            Message::TunnelClosed(message) => self.handle_closed(node, message, now),
            Message::RegistrationResponse(_)
            | Message::DeviceResponse(_)
            | Message::KeepAliveResponse(_)
            | Message::RouteDirection(_)
            | Message::DirectionRefused(_)
            | Message::RelayDirection(_)
            | Message::PathChallenge(_)
            | Message::PathResponse(_)
            | Message::SizeProbe(_)
            | Message::SizeProbeResponse(_)
            | Message::Domains(_)
            | Message::MappingProbeResponse(_)
            | Message::Peer(_) => Err(Reject::WrongRole),
        }
    }

    /// Tells the sender of a message for a session we do not have that we do not: eight bytes, never more than it
    /// sent, at a bounded rate, and of a kind that nobody answers.
    fn notify(&mut self, path: Path, id: PathId, datagram: &[u8], reject: Reject, now: Instant) {
        let notice = notice(id);
        if reject == Reject::UnknownSession
            && datagram.len() > notice.len()
            && self.sessions.may_notice(now)
        {
            self.output.push_back(Output::Send {
                path,
                datagram: notice.to_vec(),
            });
        }
    }
}

/// Whether a node that cannot say this is soon taken for offline.
fn is_vital(message: &Message) -> bool {
    matches!(
        message,
        Message::RegistrationRequest(_) | Message::RelayRegistration(_) | Message::KeepAlive(_)
    )
}
