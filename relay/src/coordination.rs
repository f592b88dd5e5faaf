//! Our half of the control protocol: find the DC, register, stay registered, take its directions.
//!
//! Down -> (the link comes up) -> registering -> registered, and registering again every [`REFRESH`] so that the DC
//! knows our load. A registration is repeated with growing pauses; when [`MAX_TRIES`] stay unanswered the link is
//! built anew. Every handshake attempt goes to the next of the DC's addresses, until one answers; that one is kept.

use crate::{Event, Output, Setup, plain};
use ntm_proto::Path;
use ntm_proto::link::{Link, LinkReject, Received};
use ntm_proto::message::{
    DirectionAck, Message, Refusal, RegistrationResponse, RelayDirection, RelayRegistration,
    TunnelClosed,
};
use ntm_proto::random::Random;
use ntm_proto::release::Release;
use ntm_proto::wire::{Kind, Opening};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// How often a registered relay registers again.
pub const REFRESH: Duration = Duration::from_secs(20);
/// Unanswered registrations after which the link is built anew.
pub const MAX_TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What the DC wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Expect these two ends; acknowledge it.
    Carry(RelayDirection),
    /// A tunnel is over; acknowledge it.
    Forget(TunnelClosed),
}

/// The relay's membership in its domain.
pub struct Coordination {
    link: Link,
    addresses: Vec<SocketAddr>,
    /// Which address we use, and handshakes sent since the last answer.
    at: usize,
    attempts: u32,
    template: RelayRegistration,
    asking: Option<Asking>,
    refresh: Option<Instant>,
    registered: Option<RegistrationResponse>,
    output: VecDeque<Output>,
}

struct Asking {
    request: u32,
    again: Instant,
    pause: Duration,
    tries: u32,
}

impl Coordination {
    /// Starts to look for the DC.
    pub fn new(setup: Setup, random: Random, now: Instant) -> Self {
        let reachable = |dc: &SocketAddr| {
            let same_family = |own: &SocketAddr| own.is_ipv4() == dc.is_ipv4();
            setup.addresses.iter().any(same_family)
        };
        let addresses = setup.dc_addresses.iter().copied().map(plain);
        let mut this = Self {
            link: Link::new(setup.key, setup.dc_key, random),
            addresses: addresses.filter(reachable).collect(),
            at: 0,
            attempts: 0,
            template: RelayRegistration {
                request: 0,
                instance: setup.instance,
                addresses: setup.addresses,
                paths: 0,
                capacity: u32::try_from(setup.limits.paths).unwrap_or(u32::MAX),
                release: Release::OURS,
            },
            asking: None,
            refresh: None,
            registered: None,
            output: VecDeque::new(),
        };
        this.link.connect(now);
        this.drain_link();
        this
    }

    /// Whether the DC may be at `address`.
    pub fn is_dc(&self, address: SocketAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// The DC's address in use.
    pub fn dc(&self) -> Option<SocketAddr> {
        self.addresses.get(self.at).copied()
    }

    /// Whether messages can be sent.
    pub fn is_up(&self, now: Instant) -> bool {
        self.link.is_up(now)
    }

    /// What the DC answered to the last registration; `None` while it is silent.
    pub fn registered(&self) -> Option<&RegistrationResponse> {
        self.registered.as_ref()
    }

    /// Takes a datagram from one of the DC's addresses. `load` is how many paths we carry.
    pub fn handle_datagram(
        &mut self,
        source: SocketAddr,
        datagram: &[u8],
        load: usize,
        now: Instant,
    ) -> Result<Option<Order>, LinkReject> {
        let received = self.link.handle_datagram(datagram, now)?;
        // A cookie is good for the address that gave it: the next attempt goes there again.
        let answers = matches!(
            Opening::decode(datagram)?.kind,
            Kind::HandshakeResponse | Kind::CookieReply
        );
        if answers {
            self.at = self
                .addresses
                .iter()
                .position(|a| *a == source)
                .unwrap_or(0);
            self.attempts = 0;
        }
        let order = match received {
            Received::Up { renewed } => {
                if !renewed {
                    self.tell(Event::Connected(source));
                }
                // Also when it was up before: a DC that lost its memory shows in no other way.
                self.register(load, FIRST_PAUSE, 1, now);
                None
            }
            Received::Message(message) => self.take(*message, now),
            Received::Nothing => None,
        };
        self.drain_link();
        Ok(order)
    }

    /// Repeats, refreshes and reconnects when due.
    pub fn handle_timeout(&mut self, load: usize, now: Instant) {
        self.link.handle_timeout(now);
        let due = self.asking.as_ref().filter(|asking| asking.again <= now);
        let due = due.map(|asking| (asking.tries, asking.pause));
        match due {
            Some((tries, _)) if tries >= MAX_TRIES => self.reconnect(now),
            Some((tries, pause)) => {
                self.register(load, (pause * 2).min(LONGEST_PAUSE), tries + 1, now);
            }
            None if self.refresh.is_some_and(|at| at <= now) => {
                self.register(load, FIRST_PAUSE, 1, now);
            }
            None => {}
        }
        self.drain_link();
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let asking = self.asking.as_ref().map(|asking| asking.again);
        let timeouts = [self.link.poll_timeout(), asking, self.refresh];
        timeouts.into_iter().flatten().min()
    }

    /// Something for the shell.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// Says that a direction arrived, and whether we carry it.
    pub fn acknowledge(&mut self, sequence: u32, refusal: Option<Refusal>, now: Instant) {
        let ack = DirectionAck { sequence, refusal };
        self.say(&Message::DirectionAck(ack), now);
    }

    fn take(&mut self, message: Message, now: Instant) -> Option<Order> {
        match message {
            Message::RegistrationResponse(response) => {
                let asked = self.asking.as_ref().map(|asking| asking.request);
                if asked == Some(response.request) {
                    self.asking = None;
                    self.refresh = Some(now + refresh_after(response.lifetime));
                    if self.registered.is_none() {
                        let observed = response.observed;
                        self.tell(Event::Registered { observed });
                    }
                    self.registered = Some(response);
                }
                None
            }
            Message::RelayDirection(direction) => Some(Order::Carry(direction)),
            Message::TunnelClosed(closed) => Some(Order::Forget(closed)),
            Message::RegistrationRequest(_)
            | Message::RelayRegistration(_)
            | Message::DeviceRequest(_)
            | Message::DeviceOrder(_)
            | Message::DeviceResponse(_)
            | Message::KeepAlive(_)
            | Message::KeepAliveResponse(_)
            | Message::DirectionRequest(_)
            | Message::RouteDirection(_)
            | Message::DirectionRefused(_)
            | Message::DirectionAck(_)
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

    /// Registers. Tries of one registration share its number, so that a late answer counts.
    fn register(&mut self, load: usize, pause: Duration, tries: u32, now: Instant) {
        if tries == 1 {
            self.template.request = self.template.request.wrapping_add(1);
        }
        self.template.paths = u32::try_from(load).unwrap_or(u32::MAX);
        self.refresh = None;
        self.asking = Some(Asking {
            request: self.template.request,
            again: now + pause,
            pause,
            tries,
        });
        let message = Message::RelayRegistration(self.template.clone());
        self.say(&message, now);
    }

    fn reconnect(&mut self, now: Instant) {
        self.asking = None;
        self.refresh = None;
        if self.registered.take().is_some() {
            self.tell(Event::Disconnected);
        }
        self.link.disconnect();
        self.link.connect(now);
        // The address in use has been silent: begin with the next one.
        self.attempts = 1;
    }

    fn say(&mut self, message: &Message, now: Instant) {
        if let (Some(datagram), Some(dc)) = (self.link.seal(message, now), self.dc()) {
            self.send(dc, datagram);
        }
    }

    fn drain_link(&mut self) {
        while let Some(datagram) = self.link.poll_output() {
            if self.attempts > 0 && !self.addresses.is_empty() {
                self.at = (self.at + 1) % self.addresses.len();
            }
            self.attempts = self.attempts.saturating_add(1);
            if let Some(dc) = self.dc() {
                self.send(dc, datagram);
            }
        }
    }

    fn send(&mut self, dc: SocketAddr, datagram: Vec<u8>) {
        let local = if dc.is_ipv4() {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        };
        let path = Path { local, remote: dc };
        self.output.push_back(Output::Send { path, datagram });
    }

    fn tell(&mut self, event: Event) {
        self.output.push_back(Output::Event(event));
    }
}

/// A third of the lifetime the DC grants, so that two losses in a row do no harm; never more often than a second.
fn refresh_after(lifetime: u16) -> Duration {
    let third = Duration::from_secs(u64::from(lifetime) / 3);
    REFRESH.min(third).max(Duration::from_secs(1))
}
