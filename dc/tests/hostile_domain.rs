//! A trusted domain whose coordinator lies: it can do nothing but what its own names and our groups allow.
#![cfg(test)]
#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    dead_code,
    unreachable_pub,
    reason = "tests own their clock"
)]

mod world;

use ntm_dc::{DomainRecord, Limits, Reject};
use ntm_proto::bind::LegKey;
use ntm_proto::id::{Fqdn, Identity, NodeId, PathId, TunnelId};
use ntm_proto::key::{PublicKey, SecretKey};
use ntm_proto::message::*;
use ntm_proto::random::Random;
use world::two::Two;

fn name(text: &str) -> Fqdn {
    Fqdn::parse(text).unwrap()
}

fn id(byte: u8) -> NodeId {
    NodeId::from_random([byte; 16])
}

fn guest() -> Guest {
    Guest {
        node: id(1),
        name: name("home.b.test"),
        key: PublicKey([9; 32]),
        epoch: 1,
        v4: Some("203.0.113.2:4750".parse().unwrap()),
        inside: None,
        nat: false,
        mapping: Mapping::Unknown,
        v6: None,
    }
}

fn camera() -> Identity {
    Identity {
        node: id(2),
        name: name("camera.home.b.test"),
        vip4: [198, 18, 0, 17].into(),
        vip6: "fd00::1".parse().unwrap(),
    }
}

fn request(guest: Guest, device: Identity) -> Message {
    Message::Peer(PeerMessage::Request(Box::new(GuestRequest {
        request: 1,
        guest,
        device,
        target: Target::Name(name("laptop.car.a.test")),
        relays: false,
    })))
}

fn direction(two: &Two) -> GuestDirection {
    GuestDirection {
        gateway: two.a.clients[two.car].id,
        direction: RouteDirection {
            sequence: 5,
            request: 0,
            tunnel: TunnelId([7; 16]),
            peer: id(1),
            peer_name: name("home.b.test"),
            peer_key: PublicKey([9; 32]),
            peer_epoch: 1,
            initiator: false,
            local_path: PathId(70),
            peer_path: PathId(71),
            why: Why::BothGlobal,
            candidates: vec!["203.0.113.2:4750".parse().unwrap()],
            relay: None,
            local: two.laptop.node,
            remote: camera(),
        },
    }
}

fn said(direction: GuestDirection) -> Message {
    Message::Peer(PeerMessage::Direction(Box::new(direction)))
}

#[test]
fn it_speaks_of_its_own_names_ids_and_keys_only() {
    let mut two = Two::allowed();
    let mut link = two.impostor();
    let (car, laptop) = (two.a.clients[two.car].id, two.laptop.clone());
    let key = two.a.clients[two.car].key.public();
    let own = two.a.key.public();
    type Change = fn(&mut Guest, (NodeId, PublicKey, PublicKey));
    let guests: [(&str, Change); 6] = [
        ("another domain", |guest, _| {
            guest.name = name("home.c.test")
        }),
        ("our domain", |guest, _| guest.name = name("home.a.test")),
        ("no gateway's name", |guest, _| {
            guest.name = name("x.home.b.test")
        }),
        ("our gateway's id", |guest, ours| guest.node = ours.0),
        ("our gateway's key", |guest, ours| guest.key = ours.1),
        ("our own key", |guest, ours| guest.key = ours.2),
    ];
    for (what, change) in guests {
        let mut guest = guest();
        change(&mut guest, (car, key, own));
        let heard = two.hear(&mut link, &request(guest, camera()));
        assert_eq!(heard, Err(Reject::NotTheirs), "{what}");
    }
    for device in [
        laptop.clone(),
        Identity {
            node: laptop.node,
            ..camera()
        },
        Identity {
            name: name("camera.away.b.test"),
            ..camera()
        },
        Identity {
            name: name("b.test"),
            ..camera()
        },
    ] {
        let heard = two.hear(&mut link, &request(guest(), device));
        assert_eq!(heard, Err(Reject::NotTheirs));
    }
    assert_eq!(two.told(), [0, 0]);
    two.hear(&mut link, &request(guest(), camera())).unwrap();
    assert_eq!(two.told()[0], 1, "the truth is heard");
}

#[test]
fn it_directs_our_gateways_to_its_own_that_our_groups_allow() {
    let mut two = Two::allowed();
    two.a.foreign = vec![("friends".into(), name("home.b.test"))];
    two.reload();
    let mut link = two.impostor();
    let other = two
        .a
        .gateway("other", 2, "203.0.113.9:4750", &["203.0.113.9:4750"]);
    two.a.connect(other);
    let tv = two.a.device(other, 1, "tv").unwrap().unwrap();
    let car = two.a.clients[two.car].id;
    let ours = (car, tv.node, two.a.clients[other].id);
    let key = two.a.clients[two.car].key.public();
    type Change = Box<dyn Fn(&mut GuestDirection)>;
    let changes: Vec<(&str, Reject, Change)> = vec![
        (
            "another domain",
            Reject::NotTheirs,
            Box::new(|d| d.direction.peer_name = name("home.c.test")),
        ),
        (
            "our domain",
            Reject::NotTheirs,
            Box::new(|d| d.direction.peer_name = name("other.a.test")),
        ),
        (
            "a device elsewhere",
            Reject::NotTheirs,
            Box::new(|d| d.direction.remote.name = name("www.example.org")),
        ),
        (
            "our gateway as its own",
            Reject::NotTheirs,
            Box::new(move |d| d.direction.peer = ours.2),
        ),
        (
            "our device as its own",
            Reject::NotTheirs,
            Box::new(move |d| d.direction.remote.node = ours.1),
        ),
        (
            "our gateway's key",
            Reject::NotTheirs,
            Box::new(move |d| d.direction.peer_key = key),
        ),
        (
            "a path without a number",
            Reject::NotTheirs,
            Box::new(|d| d.direction.local_path = PathId::NONE),
        ),
        (
            "a path without a number there",
            Reject::NotTheirs,
            Box::new(|d| d.direction.peer_path = PathId::NONE),
        ),
        (
            "a gateway that is not there",
            Reject::NotYours,
            Box::new(|d| d.gateway = id(99)),
        ),
        (
            "another gateway's device",
            Reject::NotYours,
            Box::new(move |d| d.direction.local = ours.1),
        ),
        (
            "one that no group allows",
            Reject::NotYours,
            Box::new(|d| {
                d.direction.peer_name = name("away.b.test");
                d.direction.remote.name = name("camera.away.b.test");
            }),
        ),
        (
            "a gateway without groups",
            Reject::NotYours,
            Box::new(move |d| {
                d.gateway = ours.2;
                d.direction.local = ours.1;
            }),
        ),
    ];
    for (what, reject, change) in changes {
        let mut lie = direction(&two);
        change(&mut lie);
        assert_eq!(two.hear(&mut link, &said(lie)), Err(reject), "{what}");
    }
    assert_eq!(two.told(), [0, 0]);
    assert!(two.a.clients[other].routes().is_empty());
}

#[test]
fn it_answers_no_question_that_was_not_asked_and_aims_at_nobody() {
    let mut two = Two::allowed();
    let mut link = two.impostor();
    let gateway = two.a.clients[two.car].id;
    let answer = PeerMessage::Answer(Box::new(GuestAnswer {
        request: 1,
        gateway,
        guest: guest(),
        device: camera(),
    }));
    let refused = PeerMessage::Refused(GuestRefused {
        request: 1,
        gateway,
        refusal: Refusal::NotRegistered,
    });
    for message in [answer, refused] {
        let heard = two.hear(&mut link, &Message::Peer(message));
        assert_eq!(heard, Err(Reject::NotYours));
    }
    let mut aimed = direction(&two);
    aimed.direction.request = 1;
    aimed.direction.candidates = [
        "127.0.0.1:53",
        "198.18.0.1:4750",
        "192.168.1.1:53",
        "[fd00::1]:53",
        "203.0.113.2:4750",
    ]
    .map(|text| text.parse().unwrap())
    .to_vec();
    aimed.direction.relay = Some(RelayLeg {
        relay: id(3),
        addresses: ["127.0.0.1:53", "10.0.0.1:53"]
            .map(|text| text.parse().unwrap())
            .to_vec(),
        key: LegKey([1; 32]),
    });
    two.hear(&mut link, &said(aimed)).unwrap();
    let told = two.car();
    assert_eq!(told.request, 0);
    assert_eq!(told.candidates, ["203.0.113.2:4750".parse().unwrap()]);
    assert!(told.relay.as_ref().unwrap().addresses.is_empty());
    let mut other = direction(&two);
    other.direction.peer = id(50);
    let heard = two.hear(&mut link, &said(other));
    assert_eq!(
        heard,
        Err(Reject::NotYours),
        "the tunnel is another gateway's"
    );
}

#[test]
fn it_is_no_node_and_may_say_only_so_much() {
    let mut two = Two::with_limits(Limits::default());
    let (a, b) = (two.a.key.public(), two.b.key.public());
    two.trust(a, b);
    two.allow(true, true);
    let mut link = two.impostor();
    let registration = Message::RegistrationRequest(RegistrationRequest {
        request: 1,
        instance: [1; 8],
        addresses: Vec::new(),
    });
    assert_eq!(two.hear(&mut link, &registration), Err(Reject::WrongRole));
    let closed = Message::TunnelClosed(TunnelClosed {
        tunnel: TunnelId([1; 16]),
        sequence: 1,
    });
    let heard: Vec<_> = (0..300).map(|_| two.hear(&mut link, &closed)).collect();
    assert_eq!(heard[0], Err(Reject::NotYours));
    assert_eq!(heard[299], Err(Reject::Busy));
    let answers = two.a.strays.len();
    for byte in 0..200 {
        let ask = request(
            Guest {
                node: id(byte),
                ..guest()
            },
            camera(),
        );
        let _ = two.hear(&mut link, &ask);
    }
    assert_eq!(two.a.strays.len(), answers, "no answer when it is too much");
}

#[test]
fn many_guests_and_tunnels_stay_within_their_bounds() {
    let mut two = Two::with_limits(Limits {
        messages_per_second: 100_000,
        tunnels_per_gateway: 8,
        ..Limits::default()
    });
    let (a, b) = (two.a.key.public(), two.b.key.public());
    two.trust(a, b);
    two.allow(true, true);
    let mut link = two.impostor();
    for number in 0..2000u32 {
        let mut bytes = [3; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let node = NodeId::from_random(bytes);
        let gateway = name(&format!("g{number}.b.test"));
        let mut key = [8; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        let device = Identity {
            node: NodeId::from_random([
                bytes[3], bytes[2], 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
            ]),
            name: gateway.clone(),
            ..camera()
        };
        let guest = Guest {
            node,
            name: gateway.clone(),
            key: PublicKey(key),
            ..guest()
        };
        let _ = two.hear(&mut link, &request(guest, device));
        let mut visit = direction(&two);
        visit.direction.tunnel.0[..4].copy_from_slice(&number.to_be_bytes());
        visit.direction.peer_name = gateway.clone();
        visit.direction.remote.name = gateway;
        visit.direction.peer = numbered(number);
        visit.direction.remote.node = numbered(number + 100_000);
        let _ = two.hear(&mut link, &said(visit));
        two.a.strays.clear();
    }
    assert!(two.a.dc.tunnels().len() <= 8);
    assert!(two.a.dc.domains(two.a.now)[0].guests <= 1024);
    assert!(two.told()[0] <= 16, "{:?}", two.told());
    let away = two
        .a
        .gateway("away", 1, "203.0.113.9:4750", &["203.0.113.9:4750"]);
    two.a.connect(away);
    two.a.device(away, 1, "tv").unwrap().unwrap();
    let request = two.a.ask(two.car, two.laptop.node, "tv.away.a.test");
    assert_eq!(two.car().request, request, "our own have room left");
}

#[test]
fn a_neighbour_behind_the_same_nat_may_be_aimed_at() {
    let mut two = Two::allowed();
    two.a.clients[two.car].addresses = vec!["192.168.1.2:4750".parse().unwrap()];
    two.a.register(two.car);
    let mut link = two.impostor();
    let candidates = ["192.168.1.3:4750", "203.0.113.1:61000"].map(|text| text.parse().unwrap());
    let mut near = direction(&two);
    near.direction.candidates = candidates.to_vec();
    two.hear(&mut link, &said(near)).unwrap();
    assert_eq!(two.car().candidates, candidates);
    let mut far = direction(&two);
    far.direction.sequence = 6;
    far.direction.candidates = vec![candidates[0], "203.0.113.2:4750".parse().unwrap()];
    two.hear(&mut link, &said(far)).unwrap();
    assert_eq!(two.car().candidates, ["203.0.113.2:4750".parse().unwrap()]);
}

#[test]
fn what_is_over_is_not_said_again() {
    let mut two = Two::allowed();
    let mut link = two.impostor();
    two.a.clients[two.car].acks = false;
    two.hear(&mut link, &said(direction(&two))).unwrap();
    let tunnel = two.car().tunnel;
    two.hear(
        &mut link,
        &Message::TunnelClosed(TunnelClosed {
            tunnel,
            sequence: 0,
        }),
    )
    .unwrap();
    let told = two.told();
    two.a.pass(std::time::Duration::from_secs(20));
    assert_eq!(two.told(), told, "the gateway would build it again");
    // Nor is what a newer tunnel of the pair has replaced.
    two.a.connect(two.car);
    for byte in [8, 9] {
        let mut next = direction(&two);
        next.direction.tunnel = TunnelId([byte; 16]);
        two.hear(&mut link, &said(next)).unwrap();
    }
    two.a.clients[two.car].inbox.clear();
    two.a.pass(std::time::Duration::from_secs(1));
    let again = two.a.clients[two.car].routes();
    assert!(!again.is_empty());
    assert!(again.iter().all(|it| it.tunnel == TunnelId([9; 16])));
}

#[test]
fn it_ends_no_tunnel_of_a_third_domain() {
    let mut two = Two::allowed();
    let key = SecretKey::generate(&mut Random::from_seed([78; 32]));
    two.a.domains.push(DomainRecord {
        domain: name("c.test"),
        key: key.public(),
        address: Some("192.0.2.3:4750".parse().unwrap()),
    });
    two.a.foreign.push(("friends".into(), name("c.test")));
    two.reload();
    let mut honest = two.impostor();
    two.hear(&mut honest, &said(direction(&two))).unwrap();
    let mut hostile = two.impostor_with(&key);
    // The ids of gateways and devices are no secret among friends of friends.
    let mut lie = direction(&two);
    lie.direction.tunnel = TunnelId([8; 16]);
    lie.direction.peer_name = name("home.c.test");
    lie.direction.remote.name = name("camera.home.c.test");
    let _ = two.hear(&mut hostile, &said(lie));
    let closed = Message::TunnelClosed(TunnelClosed {
        tunnel: TunnelId([7; 16]),
        sequence: 1,
    });
    assert_eq!(two.hear(&mut hostile, &closed), Err(Reject::NotYours));
    assert_eq!(two.hear(&mut honest, &closed), Ok(()), "it is still there");
}

#[test]
fn starts_that_follow_each_other_fast_cost_one_repetition() {
    let mut two = Two::allowed();
    let mut link = two.impostor();
    let hello = |byte| {
        Message::Peer(PeerMessage::Hello(Hello {
            instance: [byte; 8],
        }))
    };
    two.hear(&mut link, &request(guest(), camera())).unwrap();
    let tunnel = two.a.dc.tunnels();
    assert_eq!(tunnel.len(), 1);
    two.a.pass(std::time::Duration::from_secs(30));
    two.a.strays.clear();
    for byte in 0..100 {
        two.hear(&mut link, &hello(byte)).unwrap();
    }
    let said = two.a.strays.len();
    assert!((1..=2).contains(&said), "{said}");
    two.a.strays.clear();
    two.a.pass(std::time::Duration::from_secs(6));
    assert!(!two.a.strays.is_empty(), "the last start is not forgotten");
}

fn numbered(number: u32) -> NodeId {
    let mut bytes = [6; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    NodeId::from_random(bytes)
}
