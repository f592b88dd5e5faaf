//! A relay, a DC that does what a test says, and two ends, under one virtual clock.

use ntm_proto::bind::{Binding, LegKey};
use ntm_proto::handshake::{Context, Purpose, Request};
use ntm_proto::id::{PathId, TunnelId};
use ntm_proto::key::SecretKey;
use ntm_proto::message::{
    DirectionAck, Leg, Message, RegistrationResponse, RelayDirection, RelayRegistration,
};
use ntm_proto::random::Random;
use ntm_proto::session::Session;
use ntm_proto::wire::{Kind, Opening};
use ntm_proto::{Forward, Path};
use ntm_relay::{Event, Limits, Output, Reject, Relay, Setup};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub(crate) const RELAY4: &str = "203.0.113.30:4750";
pub(crate) const RELAY6: &str = "[2001:db8::30]:4750";
pub(crate) const DC4: &str = "203.0.113.10:4750";
pub(crate) const DC6: &str = "[2001:db8::10]:4750";
pub(crate) const ONE: PathId = PathId(0x1111_1111);
pub(crate) const OTHER: PathId = PathId(0x2222_2222);
pub(crate) const KEY_ONE: LegKey = LegKey([1; 32]);
pub(crate) const KEY_OTHER: LegKey = LegKey([2; 32]);
pub(crate) const TUNNEL: TunnelId = TunnelId([7; 16]);

pub(crate) struct World {
    pub(crate) relay: Relay,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<(Path, Vec<u8>)>,
    pub(crate) events: Vec<Event>,
    dc_key: SecretKey,
    random: Random,
    session: Option<(Session, PathId)>,
    sequence: u32,
}

/// The way from `remote` to the relay.
pub(crate) fn path(remote: &str) -> Path {
    let remote: SocketAddr = remote.parse().unwrap();
    let local = if remote.is_ipv4() { RELAY4 } else { RELAY6 };
    Path {
        local: local.parse().unwrap(),
        remote,
    }
}

pub(crate) fn data(receiver: PathId, length: usize) -> Vec<u8> {
    let opening = Opening {
        kind: Kind::Data,
        generation: 0,
        receiver,
    };
    let mut datagram = opening.encode().to_vec();
    datagram.resize(length, 0xaa);
    datagram
}

pub(crate) fn bind_message(kind: Kind, id: PathId, nonce: u8, challenge: [u8; 16]) -> Binding {
    Binding {
        kind,
        path: id,
        nonce: [nonce; 8],
        challenge,
        observed: None,
    }
}

impl World {
    /// A relay that nobody answers yet.
    pub(crate) fn new(limits: Limits) -> Self {
        let mut random = Random::from_seed([9; 32]);
        let (key, dc_key) = (
            SecretKey::generate(&mut random),
            SecretKey::generate(&mut random),
        );
        let now = Instant::now();
        let setup = Setup {
            key,
            dc_key: dc_key.public(),
            dc_addresses: vec![DC4.parse().unwrap(), DC6.parse().unwrap()],
            addresses: vec![RELAY4.parse().unwrap(), RELAY6.parse().unwrap()],
            instance: [3; 8],
            limits,
        };
        let relay = Relay::new(setup, [4; 32], now);
        let mut world = Self {
            relay,
            now,
            sent: Vec::new(),
            events: Vec::new(),
            dc_key,
            random,
            session: None,
            sequence: 0,
        };
        world.drain();
        world
    }

    /// A relay that is registered and carries [`TUNNEL`], unbound.
    pub(crate) fn ready(limits: Limits) -> Self {
        let mut world = Self::new(limits);
        world.connect();
        let registration = world.registration().expect("it registers at once");
        world.accept(&registration);
        assert_eq!(world.direct(TUNNEL, ONE, OTHER).unwrap().refusal, None);
        world
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.relay.poll_output() {
            match output {
                Output::Send { path, datagram } => self.sent.push((path, datagram)),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    pub(crate) fn handle(&mut self, path: Path, datagram: &[u8]) -> Result<Forward, Reject> {
        let outcome = self.relay.handle_datagram(path, datagram, self.now);
        self.drain();
        outcome
    }

    /// Lets time pass, with every timeout on the way.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.relay.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.relay.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// The last datagram to this address, if any; forgets all that were sent.
    pub(crate) fn last_to(&mut self, remote: &str) -> Option<Vec<u8>> {
        let remote: SocketAddr = remote.parse().unwrap();
        let all = std::mem::take(&mut self.sent);
        let mut all = all.into_iter().rev();
        all.find(|(path, _)| path.remote == remote).map(|(_, d)| d)
    }

    /// The DC answers the relay's handshake at its IPv4 address.
    pub(crate) fn connect(&mut self) {
        let init = self.last_to(DC4).expect("a handshake");
        let response = self.answer(&init);
        assert_eq!(self.handle(path(DC4), &response), Ok(Forward::Nowhere));
    }

    /// The DC's answer to a handshake message.
    pub(crate) fn answer(&mut self, init: &[u8]) -> Vec<u8> {
        let context = Context {
            local: &self.dc_key,
            purpose: Purpose::Control,
            psk: &[0; 32],
        };
        let request = Request::read(context, init, &mut self.random).unwrap();
        let peer = request.sender;
        let (keys, response) = request.accept(PathId(42)).unwrap();
        self.session = Some((Session::new(&keys, 0, false, self.now), peer));
        response
    }

    /// What the relay said last to the DC in the session.
    pub(crate) fn said(&mut self) -> Option<Message> {
        let datagram = self.last_to(DC4)?;
        let mut plain = Vec::new();
        let (session, _) = self.session.as_mut()?;
        session.open(&datagram, &mut plain, self.now).ok()?;
        Message::decode(&plain).ok()
    }

    pub(crate) fn registration(&mut self) -> Option<RelayRegistration> {
        match self.said()? {
            Message::RelayRegistration(registration) => Some(registration),
            _ => None,
        }
    }

    pub(crate) fn accept(&mut self, registration: &RelayRegistration) {
        self.tell(&Message::RegistrationResponse(RegistrationResponse {
            request: registration.request,
            epoch: 1,
            lifetime: 60,
            observed: RELAY4.parse().unwrap(),
        }));
    }

    /// The DC says something.
    pub(crate) fn tell(&mut self, message: &Message) {
        let (session, peer) = self.session.as_mut().expect("connected");
        let (plain, mut datagram) = (message.encode(), Vec::new());
        session
            .seal(Kind::Control, *peer, &plain, &mut datagram, self.now)
            .unwrap();
        assert_eq!(self.handle(path(DC4), &datagram), Ok(Forward::Nowhere));
    }

    pub(crate) fn direct(
        &mut self,
        tunnel: TunnelId,
        one: PathId,
        other: PathId,
    ) -> Option<DirectionAck> {
        self.sequence += 1;
        self.direct_as(self.sequence, tunnel, (one, KEY_ONE), (other, KEY_OTHER))
    }

    pub(crate) fn direct_as(
        &mut self,
        sequence: u32,
        tunnel: TunnelId,
        one: (PathId, LegKey),
        other: (PathId, LegKey),
    ) -> Option<DirectionAck> {
        let leg = |(path, key)| Leg { path, key };
        self.tell(&Message::RelayDirection(RelayDirection {
            sequence,
            tunnel,
            one: leg(one),
            other: leg(other),
        }));
        match self.said()? {
            Message::DirectionAck(ack) => Some(ack),
            _ => None,
        }
    }

    /// The challenge that a Bind from `from` gets.
    pub(crate) fn challenge(
        &mut self,
        id: PathId,
        key: &LegKey,
        nonce: u8,
        from: &str,
    ) -> Option<[u8; 16]> {
        let bind = bind_message(Kind::RelayBind, id, nonce, [0; 16]).encode(key);
        self.sent.clear();
        let _ = self.handle(path(from), &bind);
        let reply = self.last_to(from)?;
        assert!(reply.len() <= bind.len(), "no amplification");
        let reply = Binding::decode(&reply).ok()?;
        assert_eq!(
            (reply.kind, reply.nonce),
            (Kind::RelayChallenge, [nonce; 8])
        );
        Some(reply.challenge)
    }

    /// Binds a leg from `from` as an end does.
    pub(crate) fn bind(&mut self, id: PathId, key: &LegKey, nonce: u8, from: &str) -> Vec<u8> {
        let challenge = self.challenge(id, key, nonce, from).expect("a challenge");
        let confirm = bind_message(Kind::RelayConfirm, id, nonce, challenge).encode(key);
        assert_eq!(self.handle(path(from), &confirm), Ok(Forward::Nowhere));
        let receipt = Binding::decode(&self.last_to(from).expect("a receipt")).unwrap();
        assert_eq!(receipt.kind, Kind::RelayBound);
        assert_eq!(receipt.observed, Some(from.parse().unwrap()));
        confirm
    }

    /// Where the relay believes the two legs of the first path to be.
    pub(crate) fn bound(&self) -> Vec<Option<SocketAddr>> {
        let status = self.relay.status(self.now);
        let legs = status.paths.iter().flat_map(|path| &path.legs);
        legs.map(|leg| leg.address).collect()
    }
}
