//! A gateway and a coordinator of our own making: what is said on the wire about devices of other domains.

#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "a test's clock starts somewhere")]

use ntm_gateway::{Event, Gateway, KnownKeys, LanDevice, Limits, Output, Setup, Unresolved, Wan};
use ntm_proto::Path;
use ntm_proto::handshake::{Context, Purpose, Request};
use ntm_proto::id::{Fqdn, Identity, NodeId, PathId, TunnelId, VirtualPrefixes};
use ntm_proto::key::{PublicKey, SecretKey};
use ntm_proto::message::{
    DeviceResponse, DirectionAck, DirectionRefused, Domains, KeepAliveResponse, Message, Refusal,
    RegistrationResponse, RouteDirection, Target, Why,
};
use ntm_proto::random::Random;
use ntm_proto::release::Release;
use ntm_proto::session::Session;
use ntm_proto::wire::{Kind, Opening};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const GATEWAY: &str = "198.51.100.2:4750";
const DC: &str = "203.0.113.10:4750";
const LAPTOP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
/// The laptop's address in its domain, and the camera's in the other.
const VIP: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 17);

fn name(text: &str) -> Fqdn {
    Fqdn::parse(text).unwrap()
}

fn node(number: u8) -> NodeId {
    NodeId::from_random([number; 16])
}

/// The gateway, its coordinator, and what passed between them and to the shell.
struct World {
    gateway: Gateway,
    dc_key: SecretKey,
    random: Random,
    session: Option<(Session, PathId)>,
    /// What the coordinator runs.
    release: Release,
    /// What the coordinator heard and has no answer for.
    heard: Vec<Message>,
    answers: Vec<(u64, Result<Identity, Unresolved>)>,
    domains: Vec<Vec<Fqdn>>,
    /// Keys that are not those from before.
    other_keys: Vec<(Fqdn, PublicKey)>,
    now: Instant,
}

impl World {
    /// A gateway that is registered, with one device that has its identity.
    fn registered() -> Self {
        let mut random = Random::from_seed([5; 32]);
        let now = Instant::now();
        let dc_key = SecretKey::generate(&mut random);
        let setup = Setup {
            node: node(1),
            name: name("car.a.test"),
            domain: name("a.test"),
            key: SecretKey::generate(&mut random),
            dc_key: dc_key.public(),
            dc_addresses: vec![DC.parse().unwrap()],
            prefixes: VirtualPrefixes {
                v4: "198.18.0.0/15".parse().unwrap(),
                v6: "fd00::/48".parse().unwrap(),
            },
            vip4: Ipv4Addr::new(198, 18, 0, 16),
            vip6: "fd00::16".parse().unwrap(),
            instance: [1; 8],
            aes: false,
            limits: Limits::default(),
        };
        let mut world = Self {
            gateway: Gateway::new(setup, [6; 32], now),
            dc_key,
            random,
            session: None,
            release: Release::OURS,
            heard: Vec::new(),
            answers: Vec::new(),
            domains: Vec::new(),
            other_keys: Vec::new(),
            now,
        };
        let wan = Wan {
            id: 0,
            name: "wan0".to_owned(),
            sockets: vec![GATEWAY.parse().unwrap()],
            spares: Vec::new(),
            metered: false,
            last_resort: false,
        };
        world.gateway.wans_changed(vec![wan], now);
        let device = LanDevice {
            mac: [2, 0, 0, 0, 0, 1],
            address: LAPTOP,
            hostname: None,
        };
        world.gateway.device_seen(device, now);
        world.run();
        assert_eq!(world.gateway.status(now).dc.state, "registered");
        world
    }

    /// Drains the gateway; the coordinator answers.
    fn run(&mut self) {
        while let Some(output) = self.gateway.poll_output() {
            match output {
                Output::Send { path, datagram } | Output::Probe { path, datagram } => {
                    self.hear(path, &datagram)
                }
                Output::Answer { query, result } => self.answers.push((query, result)),
                Output::Domains(domains) => self.domains.push(domains),
                Output::Event(Event::KeyChanged { peer, key }) => self.other_keys.push((peer, key)),
                Output::Deliver(_) | Output::Pong { .. } | Output::Event(_) => {}
            }
        }
    }

    fn hear(&mut self, path: Path, datagram: &[u8]) {
        if path.remote != DC.parse::<SocketAddr>().unwrap() {
            return;
        }
        if Opening::decode(datagram).unwrap().kind == Kind::HandshakeInit {
            let context = Context {
                local: &self.dc_key,
                purpose: Purpose::Control,
                psk: &[0; 32],
            };
            let request = Request::read(context, datagram, &mut self.random).unwrap();
            let peer = request.sender;
            let (keys, response) = request.accept(PathId(42)).unwrap();
            self.session = Some((Session::new(&keys, 0, false, self.now), peer));
            return self.send(&response);
        }
        let mut plain = Vec::new();
        let (session, _) = self.session.as_mut().unwrap();
        session.open(datagram, &mut plain, self.now).unwrap();
        let message = Message::decode(&plain).unwrap();
        match self.answer(&message) {
            Some(answer) => self.say(&answer),
            None => self.heard.push(message),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "it answers what it must and no more"
    )]
    fn answer(&self, message: &Message) -> Option<Message> {
        let observed = GATEWAY.parse().unwrap();
        match message {
            Message::RegistrationRequest(asked) => {
                Some(Message::RegistrationResponse(RegistrationResponse {
                    request: asked.request,
                    epoch: 1,
                    lifetime: 90,
                    observed,
                }))
            }
            Message::KeepAlive(asked) => Some(Message::KeepAliveResponse(KeepAliveResponse {
                request: asked.request,
                observed,
                release: self.release,
            })),
            Message::DeviceRequest(asked) => Some(Message::DeviceResponse(DeviceResponse {
                request: asked.request,
                key: asked.key,
                result: Ok(Identity {
                    node: node(2),
                    name: name("laptop.car.a.test"),
                    vip4: VIP,
                    vip6: "fd00::17".parse().unwrap(),
                }),
            })),
            _ => None,
        }
    }

    fn say(&mut self, message: &Message) {
        let mut datagram = Vec::new();
        let (session, peer) = self.session.as_mut().unwrap();
        session
            .seal(
                Kind::Control,
                *peer,
                &message.encode(),
                &mut datagram,
                self.now,
            )
            .unwrap();
        self.send(&datagram);
    }

    fn send(&mut self, datagram: &[u8]) {
        let path = Path {
            local: GATEWAY.parse().unwrap(),
            remote: DC.parse().unwrap(),
        };
        let handled = self
            .gateway
            .handle_datagram(path, &mut datagram.to_vec(), self.now);
        assert!(handled.is_ok(), "{handled:?}");
        self.run();
    }

    fn direct(&mut self, direction: RouteDirection) {
        self.say(&Message::RouteDirection(Box::new(direction)));
    }

    /// What was acknowledged since the last time, and how.
    fn acks(&mut self) -> Vec<(u32, Option<Refusal>)> {
        let heard = std::mem::take(&mut self.heard);
        heard
            .into_iter()
            .filter_map(|message| {
                if let Message::DirectionAck(DirectionAck { sequence, refusal }) = message {
                    Some((sequence, refusal))
                } else {
                    None
                }
            })
            .collect()
    }
}

/// The camera behind the gateway `home` of the domain b.test, whose address is the laptop's.
fn camera(sequence: u32) -> RouteDirection {
    RouteDirection {
        sequence,
        request: 0,
        tunnel: TunnelId([3; 16]),
        peer: node(3),
        peer_name: name("home.b.test"),
        peer_key: PublicKey([3; 32]),
        peer_epoch: 1,
        initiator: false,
        local_path: PathId(7),
        peer_path: PathId(8),
        why: Why::BothGlobal,
        candidates: Vec::new(),
        relay: None,
        local: node(2),
        remote: Identity {
            node: node(4),
            name: name("camera.home.b.test"),
            vip4: VIP,
            vip6: "fd00::17".parse().unwrap(),
        },
    }
}

#[test]
fn a_name_of_another_domain_is_asked_of_the_dc_and_leads_to_an_alias() {
    let mut world = World::registered();
    world
        .gateway
        .resolve(1, LAPTOP, name("camera.home.b.test"), world.now);
    world.run();
    let asked = world.heard.iter().any(|message| {
        matches!(message, Message::DirectionRequest(request)
            if request.target == Target::Name(name("camera.home.b.test")) && request.device == node(2))
    });
    assert!(asked, "{:?}", world.heard);
    world.direct(camera(5));
    assert_eq!(world.acks(), [(5, None)]);
    let (query, answer) = world.answers.pop().unwrap();
    let identity = answer.unwrap();
    assert_eq!((query, identity.node), (1, node(4)));
    let aliases = "198.19.192.0/18".parse::<ipnet::Ipv4Net>().unwrap();
    assert!(aliases.contains(&identity.vip4));
}

#[test]
fn a_direction_that_cannot_be_taken_is_refused_in_its_acknowledgement() {
    let mut world = World::registered();
    world.direct(camera(5));
    // Another gateway's tunnel with the path id of the first.
    let mut second = camera(6);
    second.peer = node(9);
    second.peer_name = name("office.b.test");
    second.remote.name = name("camera.office.b.test");
    second.remote.node = node(10);
    world.direct(second);
    // A third domain's name behind it.
    let mut strange = camera(7);
    strange.remote.name = name("camera.home.c.test");
    world.direct(strange);
    // A path without a number: what comes without one is the DC's.
    let mut nameless = camera(8);
    nameless.peer = node(11);
    nameless.local_path = PathId::NONE;
    world.direct(nameless);
    let refused = [
        (5, None),
        (6, Some(Refusal::PathTaken)),
        (7, Some(Refusal::NotAllowed)),
        (8, Some(Refusal::NotAllowed)),
    ];
    assert_eq!(world.acks(), refused);
    assert_eq!(world.gateway.tunnels(world.now).len(), 1);
}

#[test]
fn a_gateway_with_another_key_is_told_of_until_the_owner_knows() {
    let mut world = World::registered();
    world.direct(camera(5));
    let shown = |world: &World| world.gateway.tunnels(world.now)[0].key_before.clone();
    assert_eq!((shown(&world), world.other_keys.len()), (None, 0));
    let kept = world.gateway.known_keys().text();

    // After a restart, the same name: by another tunnel, of another node, as it was enrolled anew.
    let mut world = World::registered();
    world.gateway.remember_keys(KnownKeys::read(&kept));
    let mut anew = camera(6);
    anew.peer = node(12);
    anew.peer_key = PublicKey([4; 32]);
    world.direct(anew.clone());
    world.direct(RouteDirection {
        sequence: 7,
        ..anew
    });
    assert_eq!(world.acks(), [(6, None), (7, None)], "it is used");
    let home = name("home.b.test");
    assert_eq!(world.other_keys, [(home.clone(), PublicKey([4; 32]))]);
    assert_eq!(shown(&world), Some(PublicKey([3; 32]).to_string()));
    assert!(!world.gateway.accept_key(&name("office.b.test")));
    assert!(world.gateway.accept_key(&home) && !world.gateway.accept_key(&home));
    assert_eq!(shown(&world), None);
}

#[test]
fn a_coordinator_of_a_newer_release_makes_it_time_to_update() {
    let mut world = World::registered();
    let now = world.now;
    let status = world.gateway.status(now);
    assert_eq!(status.dc.release, Some(status.release.clone()));
    assert_eq!(status.update, None, "the same");
    for (release, update) in [
        (
            Release {
                major: 200,
                ..Release::OURS
            },
            true,
        ),
        (
            Release {
                major: 0,
                minor: 0,
                patch: 1,
            },
            false,
        ),
        (Release::default(), false),
    ] {
        world.release = release;
        for _ in 0..35 {
            world.now += Duration::from_secs(1);
            world.gateway.handle_timeout(world.now);
            world.run();
        }
        let status = world.gateway.status(world.now);
        assert_eq!(status.dc.release, release.known().map(|it| it.to_string()));
        assert_eq!(status.update.is_some(), update, "{release}");
    }
}

#[test]
fn the_other_domains_are_acknowledged_and_told_once() {
    let mut world = World::registered();
    let domains = |sequence, domains: &[&str]| {
        let domains = domains.iter().map(|text| name(text)).collect();
        Message::Domains(Domains { sequence, domains })
    };
    world.say(&domains(3, &["b.test"]));
    world.say(&domains(3, &["b.test"]));
    assert_eq!(world.acks(), [(3, None), (3, None)], "each copy");
    assert_eq!(world.domains, [[name("b.test")]]);
    let all: Vec<String> = (0..16).map(|number| format!("d{number}.test")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    world.say(&domains(4, &all));
    assert_eq!(world.gateway.status(world.now).domains.len(), 16);
    world.say(&domains(5, &[]));
    assert!(world.gateway.status(world.now).domains.is_empty());
    // One that was overtaken on the way, or one of a DC that has restarted, before its answer to our registration.
    world.acks();
    world.say(&domains(1, &["c.test"]));
    assert!(world.gateway.status(world.now).domains.is_empty());
    assert_eq!(world.acks(), [], "it comes again");
    let refusal = Refusal::NotRegistered;
    world.say(&Message::DirectionRefused(DirectionRefused {
        request: 99,
        refusal,
    }));
    world.say(&domains(1, &["c.test"]));
    assert_eq!(world.acks(), [(1, None)]);
    assert_eq!(world.gateway.status(world.now).domains, ["c.test"]);
}

#[test]
fn a_silent_dc_is_no_word_against_a_name_of_another_domain() {
    let mut world = World::registered();
    world
        .gateway
        .resolve(1, LAPTOP, name("camera.home.b.test"), world.now);
    world.run();
    for _ in 0..50 {
        world.now += Duration::from_millis(100);
        world.gateway.handle_timeout(world.now);
        world.run();
    }
    assert_eq!(world.answers, [(1, Err(Unresolved::NoCoordinator))]);
}
