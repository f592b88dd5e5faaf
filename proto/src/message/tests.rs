//! Every message survives the wire; nothing else decodes to a panic.

use super::*;
use crate::bind::LegKey;
use crate::id::PathId;
use crate::key::PublicKey;
use crate::random::Random;

fn identity() -> Identity {
    Identity {
        node: NodeId::from_random([1; 16]),
        name: Fqdn::parse("camera.home.ntm.test").unwrap(),
        vip4: Ipv4Addr::new(198, 18, 0, 7),
        vip6: "fd00::7".parse().unwrap(),
    }
}

fn samples() -> Vec<Message> {
    let address: SocketAddr = "[2001:db8::1]:4750".parse().unwrap();
    let leg = Leg {
        path: PathId(5),
        key: LegKey([6; 32]),
    };
    let (request, sequence) = (7, 8);
    let route = RouteDirection {
        sequence,
        request,
        tunnel: TunnelId([1; 16]),
        peer: NodeId::from_random([2; 16]),
        peer_name: Fqdn::parse("home.ntm.test").unwrap(),
        peer_key: PublicKey([3; 32]),
        peer_epoch: 4,
        initiator: true,
        local_path: PathId(1),
        peer_path: PathId(2),
        why: Why::BothNat,
        candidates: vec![address; MAX_CANDIDATES],
        relay: Some(RelayLeg {
            relay: NodeId::from_random([2; 16]),
            addresses: vec![address],
            key: LegKey([1; 32]),
        }),
        local: NodeId::from_random([2; 16]),
        remote: identity(),
    };
    let wan = WanAddress { wan: 1, address };
    let (gateway, device) = (NodeId::from_random([4; 16]), identity());
    let guest = Guest {
        node: gateway,
        name: Fqdn::parse("car.a.test").unwrap(),
        key: PublicKey([5; 32]),
        epoch: 3,
        v4: Some(address),
        inside: Some(address),
        nat: true,
        mapping: Mapping::Dependent,
        v6: None,
    };
    let peer = [
        PeerMessage::Hello(Hello { instance: [7; 8] }),
        PeerMessage::Request(Box::new(GuestRequest {
            request,
            guest: guest.clone(),
            device: device.clone(),
            target: Target::Name(device.name.clone()),
            relays: true,
        })),
        PeerMessage::Answer(Box::new(GuestAnswer {
            request,
            gateway,
            guest: guest.clone(),
            device,
        })),
        PeerMessage::Refused(GuestRefused {
            request,
            gateway,
            refusal: Refusal::DomainNotAllowing,
        }),
        PeerMessage::Update(GuestUpdate { sequence, guest }),
        PeerMessage::Direction(Box::new(GuestDirection {
            gateway,
            direction: route.clone(),
        })),
    ];
    let own = [
        Message::RegistrationRequest(RegistrationRequest {
            request,
            instance: [1; 8],
            addresses: vec![wan; 3],
        }),
        Message::RelayRegistration(RelayRegistration {
            request,
            instance: [1; 8],
            addresses: vec![address],
            paths: 1,
            capacity: 2,
            release: Release::OURS,
        }),
        Message::RegistrationResponse(RegistrationResponse {
            request,
            epoch: 1,
            lifetime: 60,
            observed: address,
        }),
        Message::DeviceRequest(DeviceRequest {
            request,
            key: DeviceKey([1; 16]),
            label: Some(Label::parse("camera").unwrap()),
            online: true,
        }),
        Message::DeviceOrder(DeviceOrder {
            request,
            key: DeviceKey([1; 16]),
            name: Some(Label::parse("camera").unwrap()),
        }),
        Message::DeviceResponse(DeviceResponse {
            request,
            key: DeviceKey([1; 16]),
            result: Ok(identity()),
        }),
        Message::DeviceResponse(DeviceResponse {
            request,
            key: DeviceKey([1; 16]),
            result: Err(Refusal::Limit),
        }),
        Message::KeepAlive(KeepAlive {
            request,
            wan: 2,
            local: address,
            primary: true,
            mapping: Mapping::Dependent,
            next: 100,
            release: Release::OURS,
        }),
        Message::SizeProbe(SizeProbe { token: 7 }),
        Message::SizeProbeResponse(SizeProbe { token: 8 }),
        Message::MappingProbe(MappingProbe {
            request,
            also: Some(address),
        }),
        Message::MappingProbeResponse(MappingProbeResponse {
            request,
            observed: address,
        }),
        Message::KeepAliveResponse(KeepAliveResponse {
            request,
            observed: address,
            release: Release::OURS,
        }),
        Message::DirectionRequest(DirectionRequest {
            request,
            device: NodeId::from_random([2; 16]),
            target: Target::Name(identity().name),
        }),
        Message::RouteDirection(Box::new(route)),
        Message::DirectionRefused(DirectionRefused {
            request,
            refusal: Refusal::Offline,
        }),
        Message::RelayDirection(RelayDirection {
            sequence,
            tunnel: TunnelId([1; 16]),
            one: leg,
            other: leg,
        }),
        Message::DirectionAck(DirectionAck {
            sequence,
            refusal: Some(Refusal::Limit),
        }),
        Message::TunnelClosed(TunnelClosed {
            tunnel: TunnelId([1; 16]),
            sequence: 1,
        }),
        Message::PathChallenge(PathChallenge {
            token: 9,
            standing: Standing {
                era: 1 << 40,
                rank: 2,
            },
            outside: vec![address],
        }),
        Message::PathResponse(PathResponse {
            token: 9,
            observed: Some(address),
            standing: Standing::default(),
        }),
        Message::Domains(Domains {
            sequence,
            domains: vec![Fqdn::parse("b.test").unwrap()],
        }),
    ];
    own.into_iter().chain(peer.map(Message::Peer)).collect()
}

#[test]
fn messages_survive_the_wire_and_fit_a_datagram() {
    for message in samples() {
        let mut bytes = message.encode();
        assert!(
            bytes.len() + 32 <= crate::MAX_CONTROL_DATAGRAM,
            "{message:?}"
        );
        assert_eq!(Message::decode(&bytes).as_ref(), Ok(&message));
        bytes.extend([1, 2, 3]);
        assert_eq!(
            Message::decode(&bytes),
            Ok(message),
            "later versions may append"
        );
    }
}

#[test]
fn truncated_and_mutated_messages_are_errors_or_messages_never_panics() {
    let mut random = Random::from_seed([1; 32]);
    for message in samples() {
        let bytes = message.encode();
        // What is said of a release came later: a message may end before it.
        let said = matches!(
            message,
            Message::KeepAlive(_) | Message::KeepAliveResponse(_) | Message::RelayRegistration(_)
        );
        let whole = bytes.len() - if said { 3 } else { 0 };
        for end in 0..bytes.len() {
            let is_whole = said && end == whole;
            assert_eq!(Message::decode(&bytes[..end]).is_ok(), is_whole, "{end}");
        }
        for _ in 0..2000 {
            let mut mutated = bytes.clone();
            let at = random.below(mutated.len() as u64) as usize;
            mutated[at] = random.number() as u8;
            if let Ok(message) = Message::decode(&mutated) {
                assert_eq!(Message::decode(&message.encode()), Ok(message));
            }
        }
    }
}

#[test]
fn names_that_are_none_do_not_decode() {
    let message = DeviceRequest {
        request: 1,
        key: DeviceKey([0; 16]),
        label: Some(Label::parse("camera").unwrap()),
        online: true,
    };
    let mut bytes = Message::DeviceRequest(message).encode();
    let at = bytes.windows(6).position(|w| w == b"camera").unwrap();
    bytes[at] = b'<';
    assert_eq!(Message::decode(&bytes), Err(DecodeError::Invalid));
}
