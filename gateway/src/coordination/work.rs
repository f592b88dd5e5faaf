//! What coordination does on its own: everything that is due towards the DC, in one pass.

use super::mapping_life::Probe;
use super::{AGAIN, Coordination, State};
use crate::device::{Devices, Order};
use crate::{Event, Output, Wan};
use ntm_proto::Path;
use ntm_proto::id::DeviceKey;
use ntm_proto::message::{
    DeviceOrder, DeviceRequest, KeepAlive, MappingProbe, Message, Refusal, RegistrationRequest,
    WanAddress,
};
use ntm_proto::release::Release;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

/// Device Requests and Orders made in one pass; the next pass follows with the answers.
const DEVICES_AT_ONCE: usize = 16;

impl Coordination {
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.link.handle_timeout(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.routes.is_empty() {
            return None;
        }
        // What is due is sent only while there are keys; without any, the link's own next step is what counts.
        let has_keys = self.link.has_keys();
        let is_registered = has_keys && self.state == State::Registered;
        let requests = self.requests.poll_timeout().filter(|_| has_keys);
        let keep_alive = self.keep_alive.filter(|_| is_registered);
        let life = self.life.poll_timeout().filter(|_| is_registered);
        let again = self.again.map(|(at, _)| at).filter(|_| is_registered);
        let parts = [self.link.poll_timeout(), requests, keep_alive, life, again];
        let due = parts.into_iter().flatten().min();
        // Nothing is said before then, whatever is due.
        self.refused_until.or(due)
    }

    /// Sends what is due. Called after every input.
    pub(crate) fn work(
        &mut self,
        devices: &mut Devices,
        wans: &[Wan],
        output: &mut VecDeque<Output>,
        now: Instant,
    ) {
        if self.routes.is_empty() {
            return;
        }
        if let Some(told) = self.key_in_use.as_mut().filter(|told| !**told) {
            *told = true;
            output.push_back(Output::Event(Event::KeyInUse));
        }
        if let Some(until) = self.refused_until {
            if now < until {
                return;
            }
            self.refused_until = None;
            self.unregistered = true;
            self.searching = true;
            self.link.connect(now);
        }
        if self.state == State::Registered && !self.link.is_up(now) {
            self.lost(output, now);
        }
        self.send_handshakes(output);
        if !self.link.is_up(now) {
            return;
        }
        if self.unregistered {
            self.unregistered = false;
            self.register(wans, devices, now);
        }
        if self.state == State::Registered {
            self.announce_sockets(wans, devices, output, now);
            self.tell_devices(devices, now);
            self.probe_mapping(wans, output, now);
        }
        for message in self.requests.due(now) {
            self.say(&message, output, now);
        }
        if self.requests.is_doubtful() && !self.searching {
            // Once: it searches from here on.
            self.lost(output, now);
            return self.work(devices, wans, output, now);
        }
        let testing = self
            .requests
            .has(|message| matches!(message, Message::KeepAlive(_)));
        if !testing && self.requests.take_slow() {
            self.keep_alive = Some(now);
        }
    }

    /// Each attempt of a handshake goes another way, so that one dead WAN or DC address costs one pause.
    fn send_handshakes(&mut self, output: &mut VecDeque<Output>) {
        while let Some(datagram) = self.link.poll_output() {
            let path = self.routes[self.route % self.routes.len()];
            if self.searching {
                self.route = (self.route + 1) % self.routes.len();
            }
            output.push_back(Output::Send { path, datagram });
        }
    }

    fn register(&mut self, wans: &[Wan], devices: &mut Devices, now: Instant) {
        let is_ours = |message: &Message| {
            matches!(
                message,
                Message::RegistrationRequest(_) | Message::KeepAlive(_)
            )
        };
        self.requests.drop_where(is_ours);
        if std::mem::take(&mut self.tell_all) {
            devices.mark_all_stale();
        }
        let instance = self.instance;
        let sockets = wans
            .iter()
            .flat_map(|wan| wan.sockets.iter().map(|socket| (wan.id, *socket)));
        let addresses = sockets
            .map(|(wan, address)| WanAddress { wan, address })
            .collect();
        let make = |request| {
            Message::RegistrationRequest(RegistrationRequest {
                request,
                instance,
                addresses,
            })
        };
        self.requests.add(make, now);
        self.keep_alive = Some(now);
        let sockets = wans.iter().flat_map(|wan| &wan.sockets);
        self.unheard = sockets.copied().collect();
        self.again = Some((now + AGAIN, AGAIN * 2));
    }

    /// Keep Alives: the preferred way's by a repeated request, because its silence means something; the others' once.
    fn announce_sockets(
        &mut self,
        wans: &[Wan],
        devices: &mut Devices,
        output: &mut VecDeque<Output>,
        now: Instant,
    ) {
        if self.keep_alive.is_some_and(|due| due <= now) {
            self.keep_alive = Some(now + self.life.interval());
            // A device the DC could not store a moment ago may have better luck now.
            devices.mark_unnamed_stale();
            self.unannounced = wans
                .iter()
                .flat_map(|wan| wan.sockets.iter().map(|s| (wan.id, *s)))
                .collect();
        }
        self.announce_unseen(wans, now);
        // The DC shall know what a NAT is like as soon as we do.
        let changed = self.outside.take_changed();
        let sockets = wans
            .iter()
            .flat_map(|wan| wan.sockets.iter().map(|s| (wan.id, *s)));
        let news = sockets.filter(|it| changed.contains(&it.1) && !self.unannounced.contains(it));
        self.unannounced.extend(news.collect::<Vec<_>>());
        let in_use = self.routes[self.route % self.routes.len()].local;
        for (wan, local) in std::mem::take(&mut self.unannounced) {
            let mapping = self.outside.mapping(local);
            let next = self.life.interval().as_secs() as u16;
            if local == in_use {
                let make = |request| {
                    Message::KeepAlive(KeepAlive {
                        request,
                        wan,
                        local,
                        primary: true,
                        mapping,
                        next,
                        release: Release::OURS,
                    })
                };
                // One at a time: they would pile up while the DC is silent.
                let is_such = |message: &Message| matches!(message, Message::KeepAlive(old) if old.local == local);
                if !self.requests.replace(is_such, make) {
                    self.requests.add(make, now);
                }
                continue;
            }
            let message = Message::KeepAlive(KeepAlive {
                request: 0,
                wan,
                local,
                primary: false,
                mapping,
                next,
                release: Release::OURS,
            });
            let route = self
                .routes
                .iter()
                .find(|route| route.local == local)
                .copied();
            if let (Some(path), Some(datagram)) = (route, self.link.seal(&message, now)) {
                output.push_back(Output::Send { path, datagram });
            }
        }
    }

    /// Sockets of which the DC has not spoken since we registered: their announcement, or its answer, may be lost.
    fn announce_unseen(&mut self, wans: &[Wan], now: Instant) {
        let Some((_, pause)) = self.again.filter(|(at, _)| *at <= now) else {
            return;
        };
        let leads_out = |socket: &SocketAddr| self.routes.iter().any(|r| r.local == *socket);
        let sockets = wans
            .iter()
            .flat_map(|wan| wan.sockets.iter().map(|socket| (wan.id, *socket)));
        let unheard =
            sockets.filter(|(_, socket)| self.unheard.contains(socket) && leads_out(socket));
        let unheard: Vec<_> = unheard.collect();
        let goes_on = !unheard.is_empty() && pause < self.life.interval();
        let news = unheard.into_iter();
        let news: Vec<_> = news.filter(|it| !self.unannounced.contains(it)).collect();
        self.unannounced.extend(news);
        self.again = goes_on.then(|| (now + pause, pause * 2));
    }

    /// Measures how long the NAT in front of the way in use remembers.
    fn probe_mapping(&mut self, wans: &[Wan], output: &mut VecDeque<Output>, now: Instant) {
        let in_use = self.routes[self.route % self.routes.len()];
        let wan = wans.iter().find(|wan| wan.sockets.contains(&in_use.local));
        let spares = wan.into_iter().flat_map(|wan| &wan.spares);
        let same_family = |spare: &&SocketAddr| spare.is_ipv4() == in_use.local.is_ipv4();
        let spare = spares.into_iter().find(same_family).copied();
        let Some(probe) = self.life.due(now) else {
            return;
        };
        let (local, also) = match (probe, spare) {
            (_, None) => return,
            (Probe::Open, Some(spare)) => (spare, None),
            (Probe::Ask(outside), Some(_)) => (in_use.local, Some(outside)),
        };
        let message = Message::MappingProbe(MappingProbe { request: 0, also });
        if let Some(datagram) = self.link.seal(&message, now) {
            let path = Path { local, ..in_use };
            output.push_back(Output::Send { path, datagram });
        }
    }

    fn tell_devices(&mut self, devices: &mut Devices, now: Instant) {
        let mut room = DEVICES_AT_ONCE;
        for device in devices.stale().take(DEVICES_AT_ONCE) {
            room -= 1;
            device.told();
            let (key, label, online) = (device.key, device.label(), device.online);
            self.drop_words_of(key);
            self.requests.add(
                |request| {
                    Message::DeviceRequest(DeviceRequest {
                        request,
                        key,
                        label,
                        online,
                    })
                },
                now,
            );
        }
        for Order { key, name } in devices.take_orders(room) {
            self.drop_words_of(key);
            let order = |request| Message::DeviceOrder(DeviceOrder { request, key, name });
            self.requests.add(order, now);
        }
    }

    /// An older word about a device must not be repeated after a newer one.
    fn drop_words_of(&mut self, device: DeviceKey) {
        self.requests.drop_where(|message| {
            matches!(message, Message::DeviceRequest(old) if old.key == device)
                || matches!(message, Message::DeviceOrder(old) if old.key == device)
        });
    }

    /// What the DC said about a registration or a device, for the log and the table.
    pub(crate) fn note(
        message: &Message,
        devices: &mut Devices,
        output: &mut VecDeque<Output>,
    ) -> Option<u32> {
        match message {
            Message::RegistrationResponse(answer) => {
                let event = Event::Registered {
                    observed: answer.observed,
                    epoch: answer.epoch,
                };
                output.push_back(Output::Event(event));
                Some(answer.request)
            }
            Message::DeviceResponse(answer) => {
                match &answer.result {
                    Ok(identity) if devices.named(answer.key, identity.clone()) => {
                        output.push_back(Output::Event(Event::DeviceNamed(identity.clone())));
                    }
                    Ok(_) => {}
                    Err(Refusal::Unknown) => {
                        if devices.unknown(answer.key) {
                            output.push_back(Output::Event(Event::DeviceForgotten));
                        }
                    }
                    Err(refusal) => output.push_back(Output::Event(Event::DeviceRefused(*refusal))),
                }
                Some(answer.request)
            }
            Message::RegistrationRequest(_)
            | Message::RelayRegistration(_)
            | Message::DeviceRequest(_)
            | Message::DeviceOrder(_)
            | Message::KeepAlive(_)
            | Message::KeepAliveResponse(_)
            | Message::DirectionRequest(_)
            | Message::RouteDirection(_)
            | Message::DirectionRefused(_)
            | Message::RelayDirection(_)
            | Message::DirectionAck(_)
            | Message::TunnelClosed(_)
            | Message::PathChallenge(_)
            | Message::PathResponse(_)
            | Message::Domains(_)
            | Message::SizeProbe(_)
            | Message::SizeProbeResponse(_)
            | Message::MappingProbe(_)
            | Message::MappingProbeResponse(_)
            | Message::Peer(_) => None,
        }
    }
}
