//! Control messages: decoding and encoding agree, and no message grows by more than what was appended since.

use ntm_proto::id::{DeviceKey, Fqdn, Identity, Label, NodeId, PathId, TunnelId};
use ntm_proto::key::PublicKey;
use ntm_proto::message::*;

/// What a sender from before releases were said leaves out, in bytes.
fn appended(message: &Message) -> usize {
    let has_release = matches!(
        message,
        Message::KeepAlive(_) | Message::KeepAliveResponse(_) | Message::RelayRegistration(_)
    );
    if has_release { 3 } else { 0 }
}

/// What decodes encodes to what decodes to the same; never to more bytes than came, but for what older senders leave out.
pub fn check(input: &[u8]) {
    let Ok(message) = Message::decode(input) else {
        return;
    };
    let bytes = message.encode();
    assert!(
        bytes.len() <= input.len() + appended(&message),
        "grew from {} to {}",
        input.len(),
        bytes.len()
    );
    assert_eq!(Message::decode(&bytes).as_ref(), Ok(&message));
    let longer = [&bytes[..], b"of a later version"].concat();
    assert_eq!(
        Message::decode(&longer),
        Ok(message),
        "a later version may append"
    );
    let shorter = &bytes[..bytes.len() - 1];
    assert!(
        Message::decode(shorter).is_err(),
        "no field is optional by absence"
    );
}

/// One of each kind that has no shorter way to come about.
pub fn seeds() -> Vec<Vec<u8>> {
    let address = "203.0.113.1:4750".parse().expect("an address");
    let address6 = "[2001:db8::1]:4750".parse().expect("an address");
    let name = Fqdn::parse("camera.home.ntm.test").expect("a name");
    let node = NodeId::from_random([1; 16]);
    let identity = Identity {
        node,
        name: name.clone(),
        vip4: [198, 18, 0, 5].into(),
        vip6: "fd00::5".parse().expect("an address"),
    };
    let (request, instance, key) = (7, [3; 8], DeviceKey([2; 16]));
    let addresses = vec![
        WanAddress { wan: 1, address },
        WanAddress {
            wan: 2,
            address: address6,
        },
    ];
    let label = Label::parse("camera").ok();
    let messages = [
        Message::RegistrationRequest(RegistrationRequest {
            request,
            instance,
            addresses,
        }),
        Message::RelayRegistration(RelayRegistration {
            request,
            instance,
            addresses: vec![address, address6],
            paths: 1,
            capacity: 9,
            release: ntm_proto::release::Release::OURS,
        }),
        Message::RegistrationResponse(RegistrationResponse {
            request,
            epoch: 1,
            lifetime: 60,
            observed: address,
        }),
        Message::DeviceRequest(DeviceRequest {
            request,
            key,
            label,
            online: true,
        }),
        Message::DeviceOrder(DeviceOrder {
            request,
            key,
            name: None,
        }),
        Message::DeviceResponse(DeviceResponse {
            request,
            key,
            result: Ok(identity),
        }),
        Message::DeviceResponse(DeviceResponse {
            request,
            key,
            result: Err(Refusal::Limit),
        }),
        Message::KeepAlive(KeepAlive {
            request,
            wan: 0,
            local: address6,
            primary: true,
            mapping: Mapping::Independent,
            next: 20,
            release: ntm_proto::release::Release::OURS,
        }),
        Message::KeepAliveResponse(KeepAliveResponse {
            request,
            observed: address,
            release: ntm_proto::release::Release::OURS,
        }),
        Message::DirectionRequest(DirectionRequest {
            request,
            device: node,
            target: Target::Name(name),
        }),
        Message::DirectionRefused(DirectionRefused {
            request,
            refusal: Refusal::Unknown,
        }),
        Message::DirectionAck(DirectionAck {
            sequence: 3,
            refusal: None,
        }),
        Message::TunnelClosed(TunnelClosed {
            tunnel: TunnelId([5; 16]),
            sequence: 1,
        }),
        Message::PathChallenge(PathChallenge {
            token: 99,
            standing: Standing { era: 7, rank: 1 },
            outside: vec![address],
        }),
        Message::PathResponse(PathResponse {
            token: 99,
            observed: Some(address),
            standing: Standing::default(),
        }),
        Message::RelayDirection(crate::relay::direction(1, PathId(1), PathId(2))),
        Message::RouteDirection(Box::new(crate::gateway::direction(true))),
    ];
    let messages = messages.into_iter().chain(of_domains().map(Message::Peer));
    messages
        .map(|message| message.encode())
        .chain([trusted()])
        .collect()
}

/// The DC says that `other.test` is trusted.
pub(crate) fn trusted() -> Vec<u8> {
    let domains = vec![Fqdn::parse("other.test").expect("a name")];
    Message::Domains(Domains {
        sequence: 4,
        domains,
    })
    .encode()
}

/// What the coordinator of `other.test` may say: one of each kind.
pub(crate) fn of_domains() -> [PeerMessage; 5] {
    let name = |text: &str| Fqdn::parse(text).expect("a name");
    let address = "203.0.113.41:4750".parse().ok();
    let guest = Guest {
        node: NodeId::from_random([21; 16]),
        name: name("den.other.test"),
        key: PublicKey([22; 32]),
        epoch: 1,
        v4: address,
        inside: None,
        nat: false,
        mapping: Mapping::Independent,
        v6: None,
    };
    let device = Identity {
        node: NodeId::from_random([23; 16]),
        name: name("lamp.den.other.test"),
        vip4: [198, 18, 0, 9].into(),
        vip6: "fd77::9".parse().expect("an address"),
    };
    let mut direction = crate::gateway::direction(true);
    direction.peer_name = guest.name.clone();
    direction.remote = device.clone();
    let (request, gateway) = (1, NodeId::from_random([1; 16]));
    [
        PeerMessage::Request(Box::new(GuestRequest {
            request,
            guest: guest.clone(),
            device: device.clone(),
            target: Target::Name(name("car.ntm.test")),
            relays: false,
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
            refusal: Refusal::Offline,
        }),
        PeerMessage::Update(GuestUpdate { sequence: 2, guest }),
        PeerMessage::Direction(Box::new(GuestDirection { gateway, direction })),
    ]
}
