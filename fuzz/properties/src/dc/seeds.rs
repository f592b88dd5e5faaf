//! Inputs to begin with.

use super::*;

/// Devices named, directions asked and taken, nodes that move and go, strangers, a store that fails.
pub fn seeds() -> Vec<Vec<u8>> {
    let says = |at: u8, message: Message| step(2, at, &message.encode());
    let device = |at: u8, key: u8, label: &str, online| {
        let (key, label) = (DeviceKey([key; 16]), Label::parse(label).ok());
        says(
            at,
            Message::DeviceRequest(DeviceRequest {
                request: 5,
                key,
                label,
                online,
            }),
        )
    };
    let gateway = |at: u8| {
        // The first four identities of a world are those of its nodes, always the same.
        let mut world = Domain::new();
        world.says(usize::from(at), 0, &[]);
        world.dc.reserve_identity();
        let name = Fqdn::parse(&format!("{}.ntm.test", NODES[usize::from(at)].0)).expect("a name");
        match world.dc.lookup_name(&name) {
            ntm_dc::Found::Identity(identity) => identity.node,
            ntm_dc::Found::Exists | ntm_dc::Found::Nothing => NodeId::from_random([0; 16]),
        }
    };
    let asks = |at: u8, target: Target| {
        let device = gateway(at);
        says(
            at,
            Message::DirectionRequest(DirectionRequest {
                request: 6,
                device,
                target,
            }),
        )
    };
    let name = |text: &str| Target::Name(Fqdn::parse(text).expect("a name"));
    let local = "10.0.0.1:4750".parse().expect("an address");
    let alive = |at: u8| {
        says(
            at,
            Message::KeepAlive(KeepAlive {
                request: 8,
                wan: 0,
                local,
                primary: true,
                mapping: Mapping::Unknown,
                next: 20,
                release: ntm_proto::release::Release::OURS,
            }),
        )
    };
    let init = Party::new(77)
        .start(
            Purpose::Control,
            &Party::new(1).public(),
            PathId(0),
            PathId(5),
            &[],
        )
        .1;
    vec![
        [
            device(0, 1, "laptop", true),
            device(0, 1, "laptop", false),
            device(0, 2, "laptop", true),
        ]
        .concat(),
        [
            device(1, 3, "camera", true),
            asks(0, name("camera.home.ntm.test")),
            step(3, 0xf9, &[]),
        ]
        .concat(),
        [
            asks(0, name("home.ntm.test")),
            asks(1, name("car.ntm.test")),
            asks(0, name("office.ntm.test")),
        ]
        .concat(),
        [
            step(6, 8, &[]),
            step(6, 9, &[]),
            asks(0, name("home.ntm.test")),
            step(3, 0xff, &[]),
        ]
        .concat(),
        [
            alive(0),
            alive(0x80),
            step(3, 0xff, &[]),
            alive(1),
            step(3, 0xff, &[]),
            step(3, 0xff, &[]),
        ]
        .concat(),
        [
            step(4, 1, &[]),
            device(0, 4, "phone", true),
            step(4, 0, &[]),
            device(0, 4, "phone", true),
        ]
        .concat(),
        [
            step(0, 0, &init),
            step(1, 0, &init),
            step(1, 1, &init),
            step(0, 5, &init),
        ]
        .concat(),
        step(1, 0, &init).repeat(8),
        [
            step(0, 1, &[4; 60]),
            step(5, 0, &[4; 60]),
            step(7, 0, b"car.ntm.test"),
        ]
        .concat(),
        crate::message::seeds()
            .iter()
            .flat_map(|plain| step(2, 0, plain))
            .collect(),
        crate::message::seeds()
            .iter()
            .flat_map(|plain| step(2, 3, plain))
            .collect(),
        (0..12).flat_map(|n| device(0, 20 + n, "", true)).collect(),
        [
            asks(0, name("lamp.den.other.test")),
            step(3, 7, &[]),
            asks(0, name("den.other.test")),
        ]
        .concat(),
        crate::message::of_domains()
            .map(|message| says(4, Message::Peer(message)))
            .concat(),
    ]
}
