//! Our half of the control protocol with the DC: register, name devices, keep alive, ask for directions.
//!
//! A [`Link`] carries it. As long as there is no link, the handshake goes to one pair of (our socket, DC address)
//! after another, preferred WAN first. Once up we register; once registered we tell the DC of each device, and send a
//! Keep Alive from every socket, so that the DC (and we) know how each WAN looks from outside. Requests are
//! repeated until answered; two Keep Alives without an answer, or a request nobody answers, start a new handshake.

mod mapping_life;
mod request;
mod work;

use crate::outside::Outside;
use crate::status::{DcStatus, WanStatus};
use crate::{Event, Output, Reject, Setup, Wan};
use mapping_life::MappingLife;
use ntm_proto::Path;
use ntm_proto::address::canonical;
use ntm_proto::link::{Link, LinkReject, Received};
use ntm_proto::message::{Message, Refusal, RegistrationResponse};
use ntm_proto::random::Random;
use ntm_proto::release::Release;
use ntm_proto::session::SessionError;
use request::Requests;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Pause before a socket of which the DC has not spoken is announced again; it doubles up to the interval.
const AGAIN: Duration = Duration::from_millis(250);
/// Pause after the DC refused us for another machine with our key.
const REFUSED: Duration = Duration::from_secs(30);

pub(crate) struct Coordination {
    link: Link,
    dc_addresses: Vec<SocketAddr>,
    instance: [u8; 8],
    /// The ways to the DC, best first, and which of them is in use.
    routes: Vec<Path>,
    route: usize,
    requests: Requests,
    state: State,
    /// Whether registration must be said (again).
    unregistered: bool,
    /// Whether the DC may have forgotten our devices.
    tell_all: bool,
    /// Whether the way in use is in doubt, so that each handshake message tries another.
    searching: bool,
    epoch: u32,
    /// Another machine uses our key, says the DC; and whether that was told.
    key_in_use: Option<bool>,
    refused_until: Option<Instant>,
    keep_alive: Option<Instant>,
    /// Sockets that have not been announced since the WANs changed or the time came.
    unannounced: Vec<(u8, SocketAddr)>,
    /// Sockets of which the DC has not spoken since we registered, or had others.
    pub(crate) unheard: Vec<SocketAddr>,
    /// When those are announced again, and the pause after that.
    again: Option<(Instant, Duration)>,
    /// How seldom we may speak.
    life: MappingLife,
    /// How the DC and relays see our sockets.
    pub(crate) outside: Outside,
    rtt: Option<Duration>,
    /// What the DC runs.
    release: Release,
    /// By which way the last of those in `inbox` came.
    heard_by: Option<Path>,
    /// Messages for others than this part.
    inbox: VecDeque<Message>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NoWan,
    Connecting,
    Registered,
}

impl Coordination {
    pub(crate) fn new(setup: &Setup, random: Random, now: Instant) -> Self {
        Self {
            link: Link::new(setup.key.clone(), setup.dc_key, random),
            dc_addresses: setup.dc_addresses.clone(),
            instance: setup.instance,
            routes: Vec::new(),
            route: 0,
            requests: Requests::default(),
            state: State::NoWan,
            unregistered: true,
            tell_all: true,
            searching: true,
            epoch: 0,
            key_in_use: None,
            refused_until: None,
            keep_alive: None,
            unannounced: Vec::new(),
            unheard: Vec::new(),
            again: None,
            life: MappingLife::new(now),
            outside: Outside::default(),
            rtt: None,
            release: Release::default(),
            heard_by: None,
            inbox: VecDeque::new(),
        }
    }

    /// The count of our starts, as the DC keeps it; 0 before the first registration.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether the DC refused us a moment ago, because another machine has our key.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused_until.is_some()
    }

    /// Whether the DC knows us now.
    pub(crate) fn is_registered(&self) -> bool {
        self.state == State::Registered
    }

    /// Whether `address` is the DC's.
    pub(crate) fn is_dc(&self, address: SocketAddr) -> bool {
        let ip = canonical(address.ip());
        self.dc_addresses
            .iter()
            .any(|dc| dc.ip() == ip && dc.port() == address.port())
    }

    /// Our sockets changed: say so by whatever way is left, at once.
    pub(crate) fn wans_changed(&mut self, wans: &[Wan], now: Instant) {
        let sockets = wans
            .iter()
            .flat_map(|wan| wan.sockets.iter().map(|socket| (wan.id, *socket)));
        let in_use = self.routes.get(self.route).copied();
        let mut routes = Vec::new();
        for (_, local) in sockets.clone() {
            let same_family = |dc: &&SocketAddr| dc.is_ipv4() == local.is_ipv4();
            routes.extend(
                self.dc_addresses
                    .iter()
                    .filter(same_family)
                    .map(|remote| Path {
                        local,
                        remote: *remote,
                    }),
            );
        }
        self.routes = routes;
        self.outside
            .retain(|local| sockets.clone().any(|(_, socket)| socket == local));
        self.unheard = sockets.clone().map(|(_, socket)| socket).collect();
        self.unannounced = sockets.collect();
        self.unregistered = true;
        self.life = MappingLife::new(now);
        if self.routes.is_empty() {
            self.state = State::NoWan;
            return;
        }
        // The way in use stays if it is still there: the session moves by itself, by the source of what we send. But what is
        // for the last resort is left as soon as there is another.
        let last = wans.iter().filter(|wan| wan.last_resort);
        let last: Vec<SocketAddr> = last.flat_map(|wan| wan.sockets.clone()).collect();
        let is_last = |route: &Path| last.contains(&route.local);
        let only_last = is_last(&self.routes[0]);
        self.route = self
            .routes
            .iter()
            .position(|route| Some(*route) == in_use && (only_last || !is_last(route)))
            .unwrap_or(0);
        if self.state == State::NoWan {
            self.state = State::Connecting;
        }
        if !self.link.is_up(now) {
            self.searching = true;
            self.link.connect(now);
        }
    }

    /// Takes a datagram of the control session.
    pub(crate) fn handle_datagram(
        &mut self,
        path: Path,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(), Reject> {
        match self.link.handle_datagram(datagram, now).map_err(reject)? {
            Received::Nothing => {}
            Received::Up { renewed } => {
                self.route = self
                    .routes
                    .iter()
                    .position(|route| *route == path)
                    .unwrap_or(self.route);
                // A renewed link is one more Keep Alive; a fresh one may be to a DC that has forgotten us. Both
                // need a word from us before the DC may use the new keys.
                self.unregistered |= !renewed;
                self.tell_all |= !renewed;
                self.searching = false;
                self.keep_alive = Some(now);
                self.requests.connected(now);
            }
            Received::Message(message) => self.handle_message(path, *message, now)?,
        }
        Ok(())
    }

    /// A message for another part of the gateway.
    pub(crate) fn poll_message(&mut self) -> Option<Message> {
        self.inbox.pop_front()
    }

    /// Asks the DC for a direction; repeated until [`Self::forget`].
    pub(crate) fn send_request(&mut self, make: impl FnOnce(u32) -> Message, now: Instant) -> u32 {
        self.requests.add(make, now)
    }

    /// The DC does not know us: tell it all again.
    pub(crate) fn register_again(&mut self) {
        self.unregistered = true;
        self.tell_all = true;
    }

    /// Nobody waits for this request any more.
    pub(crate) fn forget(&mut self, request: u32) {
        self.requests.answered(request);
    }

    /// Answers by the way the DC's last word came: it may have tried another because ours is dead.
    pub(crate) fn say_back(
        &mut self,
        message: &Message,
        output: &mut VecDeque<Output>,
        now: Instant,
    ) {
        let Some(path) = self.heard_by.filter(|path| self.routes.contains(path)) else {
            return self.say(message, output, now);
        };
        if let Some(datagram) = self.link.seal(message, now) {
            output.push_back(Output::Send { path, datagram });
        }
    }

    /// Says something once.
    pub(crate) fn say(&mut self, message: &Message, output: &mut VecDeque<Output>, now: Instant) {
        let (Some(path), Some(datagram)) = (
            self.routes.get(self.route).copied(),
            self.link.seal(message, now),
        ) else {
            return;
        };
        output.push_back(Output::Send { path, datagram });
    }

    fn handle_message(&mut self, path: Path, message: Message, now: Instant) -> Result<(), Reject> {
        match message {
            Message::RegistrationResponse(answer) => self.registered(path, &answer, now),
            Message::KeepAliveResponse(answer) => {
                self.unheard.retain(|socket| *socket != path.local);
                self.rtt = self
                    .requests
                    .answered(answer.request)
                    .map(|sent| now.duration_since(sent))
                    .or(self.rtt);
                self.release = answer.release;
                self.noted(path, answer.observed, now);
            }
            Message::DirectionRefused(answer) if answer.refusal == Refusal::KeyInUse => {
                self.requests.answered(answer.request);
                self.link.disconnect();
                self.state = State::Connecting;
                self.key_in_use.get_or_insert(false);
                self.refused_until = Some(now + REFUSED);
            }
            Message::MappingProbeResponse(answer) => {
                let at_spare = !self.routes.iter().any(|route| route.local == path.local);
                self.life.answered(at_spare, answer.observed, now);
            }
            Message::DeviceResponse(_)
            | Message::RouteDirection(_)
            | Message::DirectionRefused(_)
            | Message::TunnelClosed(_)
            | Message::Domains(_) => {
                self.heard_by = Some(path);
                self.inbox.push_back(message);
            }
            Message::RegistrationRequest(_)
            | Message::RelayRegistration(_)
            | Message::DeviceRequest(_)
            | Message::DeviceOrder(_)
            | Message::KeepAlive(_)
            | Message::DirectionRequest(_)
            | Message::RelayDirection(_)
            | Message::DirectionAck(_)
            | Message::PathChallenge(_)
            | Message::PathResponse(_)
            | Message::SizeProbe(_)
            | Message::SizeProbeResponse(_)
            | Message::MappingProbe(_)
            | Message::Peer(_) => return Err(Reject::UnexpectedMessage),
        }
        Ok(())
    }

    /// How long we may be silent without being forgotten by a NAT.
    pub(crate) fn interval(&self) -> Duration {
        self.life.interval()
    }

    /// The DC sees us as `observed`.
    fn noted(&mut self, path: Path, observed: SocketAddr, now: Instant) {
        if self.outside.note(path.local, path.remote, observed) {
            self.life.renumbered(now);
            let soon = now + self.life.interval();
            self.keep_alive = self.keep_alive.map(|due| due.min(soon));
        }
    }

    fn registered(&mut self, path: Path, answer: &RegistrationResponse, now: Instant) {
        if let Some(sent) = self.requests.answered(answer.request) {
            self.rtt = Some(now.duration_since(sent));
            self.epoch = answer.epoch;
            self.noted(path, answer.observed, now);
            self.inbox
                .push_back(Message::RegistrationResponse(answer.clone()));
            self.state = State::Registered;
            self.key_in_use = None;
        }
    }

    /// What is said of the link to people.
    pub(crate) fn status(&self, now: Instant) -> DcStatus {
        let route = self.routes.get(self.route);
        let state = match self.state {
            State::NoWan => "no WAN",
            State::Registered | State::Connecting if self.key_in_use.is_some() => {
                "refused: another machine uses this gateway's key"
            }
            State::Registered if self.link.is_up(now) => "registered",
            State::Registered | State::Connecting => "connecting",
        };
        DcStatus {
            state: state.to_owned(),
            address: route.map(|route| route.remote.to_string()),
            observed: route
                .and_then(|route| self.outside.observed(route.local))
                .map(|address| address.to_string()),
            rtt_ms: self.rtt.map(|rtt| rtt.as_secs_f64() * 1e3),
            release: self.release.known().map(|it| it.to_string()),
        }
    }

    /// The release to update to: a DC of a newer one knows something that this gateway does not.
    pub(crate) fn update(&self) -> Option<Release> {
        Some(self.release).filter(|release| *release > Release::OURS)
    }

    /// What is said of the WANs to people.
    pub(crate) fn wan_status(&self, wans: &[Wan]) -> Vec<WanStatus> {
        let in_use = self.routes.get(self.route).map(|route| route.local);
        wans.iter()
            .map(|wan| {
                let seen = |socket: &SocketAddr| self.outside.observed(*socket);
                let v4 = wan.sockets.iter().find(|socket| socket.is_ipv4());
                WanStatus {
                    name: wan.name.clone(),
                    addresses: wan.sockets.iter().map(SocketAddr::to_string).collect(),
                    observed: wan
                        .sockets
                        .iter()
                        .filter_map(seen)
                        .map(|address| address.to_string())
                        .collect(),
                    nat: v4.and_then(|socket| seen(socket).map(|observed| observed != *socket)),
                    mapping: v4.map(|socket| self.outside.mapping(*socket).text().to_owned()),
                    active: in_use.is_some_and(|socket| wan.sockets.contains(&socket)),
                }
            })
            .collect()
    }

    fn lost(&mut self, output: &mut VecDeque<Output>, now: Instant) {
        if self.state == State::Registered {
            self.state = State::Connecting;
            output.push_back(Output::Event(Event::CoordinatorLost));
        }
        self.unregistered = true;
        self.tell_all = true;
        self.searching = true;
        self.link.connect(now);
    }
}

fn reject(error: LinkReject) -> Reject {
    match error {
        LinkReject::Decode(_) => Reject::MalformedDatagram,
        LinkReject::UnknownSession => Reject::UnknownPath,
        LinkReject::Session(SessionError::Replayed) => Reject::Replayed,
        LinkReject::Session(
            SessionError::Truncated | SessionError::Forged | SessionError::Expired,
        )
        | LinkReject::Handshake(_) => Reject::Forged,
    }
}
