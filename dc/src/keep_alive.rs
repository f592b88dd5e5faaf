//! Signs of life of registered nodes, and what is told of a NAT besides.

use crate::live::Live;
use crate::relaying::RelayChange;
use crate::save::ReplyTo;
use crate::{Coordinator, Reject};
use ntm_proto::Path;
use ntm_proto::id::NodeId;
use ntm_proto::message::{
    DirectionRefused, KeepAlive, KeepAliveResponse, MappingProbe, MappingProbeResponse, Message,
    Refusal,
};
use ntm_proto::release::Release;
use std::time::Instant;

impl Coordinator {
    pub(crate) fn handle_keep_alive(
        &mut self,
        id: NodeId,
        message: KeepAlive,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Reject> {
        let observed = reply.path.remote;
        if self.registry.live(id).is_none() && !self.assume(id, reply, now) {
            let refused = DirectionRefused {
                request: message.request,
                refusal: Refusal::NotRegistered,
            };
            self.answer(id, reply, &Message::DirectionRefused(refused), now);
            return Err(Reject::NotRegistered);
        }
        self.registry.heard(id, message.next, now);
        let is_real = self.is_real(message.local) && self.is_real(observed);
        let mut moved = None;
        if let Some(live) = self
            .registry
            .node_mut(id)
            .and_then(|node| node.live.as_mut())
        {
            if message.primary && !live.is_kept_alive(message.request) {
                return Err(Reject::Overtaken);
            }
            live.release = message.release;
            if is_real {
                live.see(message, reply.path, now);
            }
            if message.primary && live.primary != reply.path {
                moved = (live.primary.remote != observed).then_some(observed);
                live.primary = reply.path;
            }
        }
        let response = KeepAliveResponse {
            request: message.request,
            observed,
            release: Release::OURS,
        };
        self.answer(id, reply, &Message::KeepAliveResponse(response), now);
        self.tell_moved(id, moved);
        self.save_address(id, now);
        self.reach_changed(id, now);
        if message.primary {
            self.tell_rest(id, false, now);
            self.tell_untold(id, now);
            self.tell_closed_again(id, now);
        }
        self.visitor_changed(id, false, now);
        Ok(())
    }

    /// Answers to where it came from, and to another socket behind the same outside address: nobody can be aimed at
    /// anybody else.
    pub(crate) fn handle_mapping_probe(
        &mut self,
        id: NodeId,
        message: MappingProbe,
        reply: ReplyTo,
        now: Instant,
    ) -> Result<(), Reject> {
        let observed = reply.path.remote;
        let (request, response) = (message.request, Message::MappingProbeResponse);
        let response = response(MappingProbeResponse { request, observed });
        self.answer(id, reply, &response, now);
        if let Some(remote) = message.also.filter(|also| also.ip() == observed.ip()) {
            let path = Path {
                remote,
                ..reply.path
            };
            self.answer(id, ReplyTo { path, ..reply }, &response, now);
        }
        Ok(())
    }

    /// A Keep Alive of a node that we do not have online. If it registered in an earlier life of ours, or fell
    /// silent for a while, it cannot know; what it says is then enough.
    fn assume(&mut self, id: NodeId, reply: ReplyTo, now: Instant) -> bool {
        let Some(node) = self
            .registry
            .node(id)
            .filter(|node| node.instance.is_some())
        else {
            return false;
        };
        let epoch = node.epoch;
        if node
            .as_relay()
            .is_some_and(|relay| relay.addresses.is_empty())
        {
            return false;
        }
        self.registry
            .set_live(id, Live::new(reply.path, Vec::new(), true, now));
        self.tell_registered(id, reply.path.remote, epoch);
        if self.registry.relay(id).is_some() {
            let change = RelayChange {
                came: true,
                ..RelayChange::default()
            };
            self.relay_registered(id, change, now);
        } else {
            self.tell_rest(id, true, now);
            self.tell_domains(id, now);
        }
        true
    }
}
