//! What the DC says: who may talk to whom and how, which tunnels are over, which other domains there are.

use super::Sought;
use crate::coordination::Coordination;
use crate::{Event, Gateway, Offload, Output, Reject, Unresolved};
use ntm_proto::Forward;
use ntm_proto::id::{Fqdn, Identity, PathId, TunnelId};
use ntm_proto::message::{DirectionAck, Domains, Message, Refusal, RouteDirection};
use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::time::Instant;

impl Gateway {
    /// Takes what the DC said to the gateway: registrations, names, directions, domains.
    pub(crate) fn handle_coordinator(&mut self, now: Instant) {
        while let Some(message) = self.coordination.poll_message() {
            match &message {
                Message::RouteDirection(direction) => self.handle_direction(direction, now),
                Message::DirectionRefused(refused) => self.handle_refused(*refused, now),
                Message::TunnelClosed(closed) => {
                    self.handle_closed(closed.tunnel);
                    self.acknowledge(closed.sequence, None, now);
                }
                Message::Domains(domains) => self.handle_domains(domains, now),
                Message::RegistrationRequest(_)
                | Message::RelayRegistration(_)
                | Message::RegistrationResponse(_)
                | Message::DeviceRequest(_)
                | Message::DeviceOrder(_)
                | Message::DeviceResponse(_)
                | Message::KeepAlive(_)
                | Message::KeepAliveResponse(_)
                | Message::DirectionRequest(_)
                | Message::RelayDirection(_)
                | Message::DirectionAck(_)
                | Message::PathChallenge(_)
                | Message::PathResponse(_)
                | Message::SizeProbe(_)
                | Message::SizeProbeResponse(_)
                | Message::MappingProbe(_)
                | Message::MappingProbeResponse(_)
                | Message::Peer(_) => self.note(&message, now),
            }
        }
    }

    fn note(&mut self, message: &Message, now: Instant) {
        if matches!(message, Message::RegistrationResponse(_)) {
            // The DC may have restarted, and counts from the beginning.
            self.domains.0 = None;
            self.peers.iter_mut().for_each(|peer| peer.registered(now));
        }
        if let Some(request) = Coordination::note(message, &mut self.devices, &mut self.output) {
            self.coordination.forget(request);
        }
        // A device of ours may have got another name.
        if matches!(message, Message::DeviceResponse(_)) && !self.policies.is_empty() {
            self.judge_pairs();
        }
    }

    pub(crate) fn handle_direction(&mut self, direction: &RouteDirection, now: Instant) {
        let Some(local) = self.devices.by_node(direction.local).cloned() else {
            // A device that has not registered with us since we started: the DC says it again when it has.
            self.count(Reject::NoIdentity);
            return;
        };
        let taken = self.take_direction(direction, &local, now);
        if taken == Err(Reject::QueueFull) && self.peers.is_taken(direction) {
            // Whoever waits goes on waiting: the direction comes again with other ids.
            self.count(Reject::QueueFull);
            return self.acknowledge(direction.sequence, Some(Refusal::PathTaken), now);
        }
        let refusal = taken.err().map(refusal);
        self.acknowledge(direction.sequence, refusal, now);
        if let (Err(reject), Some(refusal)) = (taken, refusal) {
            self.count(reject);
            let error = if reject == Reject::Denied {
                Unresolved::Denied
            } else {
                Unresolved::Refused(refusal)
            };
            self.refuse_asked(direction, error, now);
        }
    }

    /// Everybody who waited for the device that a direction is about waited in vain.
    fn refuse_asked(&mut self, direction: &RouteDirection, error: Unresolved, now: Instant) {
        for sought in self.names_of(&direction.remote) {
            let key = (direction.local, sought);
            if let Some(asked) = self.directions.asked.get(&key) {
                self.coordination.forget(asked.request);
            }
            self.give_up(&key, error, now);
        }
    }

    /// The questions that are about this device.
    fn names_of(&self, remote: &Identity) -> Vec<Sought> {
        let mut names = vec![Sought::Name(remote.name.clone())];
        // What another domain says of addresses answers no question about ours.
        if !self.is_foreign(&remote.name) {
            names.push(Sought::Address(remote.vip4.into()));
            names.push(Sought::Address(remote.vip6.into()));
        }
        names
    }

    fn acknowledge(&mut self, sequence: u32, refusal: Option<Refusal>, now: Instant) {
        let ack = Message::DirectionAck(DirectionAck { sequence, refusal });
        self.coordination.say_back(&ack, &mut self.output, now);
    }

    fn take_direction(
        &mut self,
        direction: &RouteDirection,
        local: &Identity,
        now: Instant,
    ) -> Result<(), Reject> {
        // What comes without a path's number is the DC's.
        let nameless = [direction.local_path, direction.peer_path].contains(&PathId::NONE);
        if direction.peer == self.setup.node || nameless {
            return Err(Reject::UnexpectedMessage);
        }
        let (seen, real) = self.seen_from_here(direction)?;
        let pair = (local.vip4, seen.remote.vip4);
        let verdict = self.policies.verdict(&local.name, &seen.remote.name);
        // A tunnel in which nothing may begin is not built for a device of ours. One that theirs asked for, or that is there
        // already, knows the pair all the same: the policies may change, and the other gateway would not ask again.
        if verdict.is_closed() && direction.request != 0 && !self.peers.has(&seen) {
            self.policies.count_refused(verdict);
            return Err(Reject::Denied);
        }
        let limit = self.setup.limits.pairs;
        // Other domains get half of the places: they shall not keep ours from its own.
        let is_full = self.pairs.len() >= limit
            || (real.is_some() && self.pairs.aliased() >= limit.div_ceil(2));
        if is_full && !self.pairs.contains(pair.0, pair.1) {
            return Err(Reject::QueueFull);
        }
        let slot = self
            .with_peers(|peers, env| peers.directed(&seen, env, now))
            .ok_or(Reject::QueueFull)?;
        self.note_key(&direction.peer_name, direction.peer_key);
        self.pairs.insert(pair, slot, real, verdict);
        self.directions.refused.remove(&pair);
        if verdict.is_closed() {
            self.refuse_asked(&seen, Unresolved::Denied, now);
        } else {
            self.release_asked(&seen, now);
        }
        self.deliver_early(slot, now);
        Ok(())
    }

    /// The direction with the remote device's address as the LAN sees it, and its address in the tunnel if that is
    /// another.
    fn seen_from_here<'a>(
        &mut self,
        direction: &'a RouteDirection,
    ) -> Result<(Cow<'a, RouteDirection>, Option<Ipv4Addr>), Reject> {
        let remote = &direction.remote;
        let foreign = self.is_foreign(&remote.name);
        if foreign != self.is_foreign(&direction.peer_name) {
            return Err(Reject::UnexpectedMessage);
        }
        if !foreign {
            let prefixes = &self.setup.prefixes;
            if !prefixes.v4.contains(&remote.vip4) || self.aliases.contains(remote.vip4) {
                return Err(Reject::UnexpectedMessage);
            }
            return Ok((Cow::Borrowed(direction), None));
        }
        // A gateway's name is its label in its domain; its devices have their names in the same one.
        let domain = direction
            .peer_name
            .parent()
            .filter(|domain| remote.name.is_within(domain))
            .ok_or(Reject::UnexpectedMessage)?;
        let seen = self
            .aliases
            .assign(&domain, remote, &self.pairs)
            .ok_or(Reject::NoAlias)?;
        let mut direction = direction.clone();
        let real = std::mem::replace(&mut direction.remote, seen).vip4;
        Ok((Cow::Owned(direction), Some(real)))
    }

    /// The DC says that a tunnel's other end does not belong any more.
    pub(crate) fn handle_closed(&mut self, tunnel: TunnelId) {
        if let Some((slot, peer)) = self.peers.take_tunnel(tunnel) {
            self.pairs.remove_slot(slot);
            self.forget_question(peer.example);
            self.handovers.file_last(peer.handover());
            let event = Event::TunnelClosed { peer: peer.name };
            self.output.push_back(Output::Event(event));
        }
    }

    /// The DC says which other domains there are.
    pub(crate) fn handle_domains(&mut self, message: &Domains, now: Instant) {
        // One that another has overtaken on the way is old. Unless the DC has restarted, counts anew, and its answer to
        // our registration is still on the way: so it goes without an acknowledgement, and comes again.
        let last = self.domains.0;
        if last.is_some_and(|last| message.sequence.wrapping_sub(last) > u32::MAX / 2) {
            return;
        }
        self.acknowledge(message.sequence, None, now);
        let (last, known) = &mut self.domains;
        *last = Some(message.sequence);
        let mut domains = message.domains.clone();
        // Our own names are ours, whoever else claims them, and reverse names belong to no domain.
        let reverse = |domain: &Fqdn| domain.as_str().rsplit('.').next() == Some("arpa");
        domains.retain(|domain| !domain.is_within(&self.setup.domain) && !reverse(domain));
        domains.sort();
        domains.dedup();
        if domains != *known {
            known.clone_from(&domains);
            self.output.push_back(Output::Domains(domains));
        }
    }

    /// Answers everybody who waited for the device that a direction is about.
    fn release_asked(&mut self, direction: &RouteDirection, now: Instant) {
        let remote = &direction.remote;
        for sought in self.names_of(remote) {
            let Some(asked) = self.directions.asked.remove(&(direction.local, sought)) else {
                continue;
            };
            self.coordination.forget(asked.request);
            for waiter in asked.waiters {
                self.tell(waiter, Ok(remote.clone()), now);
            }
            for packet in asked.packets {
                self.release_packet(&packet, now);
            }
        }
    }

    /// Its peer exists now, so it is sent or waits there; unless its destination has come home meanwhile.
    fn release_packet(&mut self, packet: &[u8], now: Instant) {
        let mut bytes = Vec::new();
        let routed = self.route_packet(packet, Offload::default(), &mut bytes, now);
        match routed.map(|handled| handled.forward) {
            Ok(Forward::Udp(path)) => self.output.push_back(Output::Send {
                path,
                datagram: bytes,
            }),
            Ok(Forward::Tun) => self.output.push_back(Output::Deliver(bytes)),
            Ok(Forward::Nowhere) => {}
            Err(reject) => {
                self.count(reject);
            }
        }
    }
}

/// What the DC is told of a direction that was not taken.
fn refusal(reject: Reject) -> Refusal {
    if matches!(reject, Reject::QueueFull | Reject::NoAlias) {
        Refusal::Limit
    } else {
        Refusal::NotAllowed
    }
}
