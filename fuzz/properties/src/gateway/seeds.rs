//! Inputs to begin with.

use super::*;

/// A tunnel in use, moved, closed and renewed; devices that come and go; questions; strangers.
pub fn seeds() -> Vec<Vec<u8>> {
    let out = step(5, 0, &udp(LAPTOP, CAMERA));
    let back = step(4, 1, &udp(CAMERA, OWN));
    let says = |message: &Message| step(2, 0, &message.encode());
    let route = |change: fn(&mut RouteDirection)| {
        let mut direction = direction(true);
        change(&mut direction);
        says(&Message::RouteDirection(Box::new(direction)))
    };
    let closed = says(&Message::TunnelClosed(TunnelClosed {
        tunnel: TUNNEL,
        sequence: 1,
    }));
    let challenge = Message::PathChallenge(PathChallenge {
        token: 5,
        standing: Standing { era: 1, rank: 0 },
        outside: vec![parse(WAN4)],
    })
    .encode();
    let opening = |kind, receiver| {
        Opening {
            kind,
            generation: 1,
            receiver,
        }
        .encode()
        .to_vec()
    };
    let init = Party::new(77).start(
        Purpose::Tunnel {
            tunnel: TUNNEL,
            initiator: node(2),
            responder: node(1),
        },
        &Party::new(1).public(),
        LOCAL_PATH,
        PEER_PATH,
        &[0; 12],
    );
    vec![
        [&out[..], &back, &out].concat(),
        [
            &out[..],
            &step(10, 4, &[]),
            &out,
            &step(6, 0xf9, &[]),
            &back,
            &step(10, 0, &[]),
            &out,
        ]
        .concat(),
        [&closed[..], &out, &step(6, 5, &[]), &out].concat(),
        [
            route(|d| d.peer_epoch = 2),
            out.clone(),
            route(|d| d.relay = None),
            out.clone(),
        ]
        .concat(),
        [
            route(|d| d.candidates.clear()),
            step(9, 0, &[0, 0]),
            step(9, 0, &[1, 0]),
            out.clone(),
        ]
        .concat(),
        [
            route(|d| d.tunnel = TunnelId([8; 16])),
            route(|d| d.local_path = PathId(5)),
            out.clone(),
        ]
        .concat(),
        [
            step(3, 0, &challenge),
            step(3, 0x81, &challenge),
            step(6, 0xf9, &[]),
            back.clone(),
        ]
        .concat(),
        [
            step(11, 9, &[]),
            back.clone(),
            out.clone(),
            step(0, 0, &init.1),
            step(11, 0, &init.1),
        ]
        .concat(),
        [
            step(8, 10, b"camera.home.ntm.test"),
            step(8, 10, b"x.ntm.test"),
            step(8, 138, b"home.ntm.test"),
        ]
        .concat(),
        [
            step(8, 10, &[198, 18, 0, 77]),
            step(6, 0xfc, &[]),
            step(5, 0, &udp(LAPTOP, [198, 18, 0, 78].into())),
        ]
        .concat(),
        [
            step(7, 3, b"phone"),
            step(7, 0x83, b""),
            step(13, 10, &[]),
            out.clone(),
            step(7, 10, b"laptop"),
        ]
        .concat(),
        [
            step(5, 0, &udp(LAPTOP, [198, 18, 1, 2].into())),
            step(4, 0, &udp(LAPTOP, CAMERA)),
        ]
        .concat(),
        [
            step(0, 0, &opening(Kind::Notice, LOCAL_PATH)),
            step(0, 5, &opening(Kind::Notice, LOCAL_PATH)),
        ]
        .concat(),
        [
            step(1, 0, &opening(Kind::Notice, DC_PATH)),
            step(12, 0, &opening(Kind::Data, LOCAL_PATH)),
        ]
        .concat(),
        [
            step(2, 0, &crate::message::trusted()),
            route(|d| {
                (d.tunnel, d.peer, d.peer_path) = (TunnelId([9; 16]), node(7), PathId(9));
                d.local_path = PathId(0x3333);
                d.peer_name = Fqdn::parse("den.other.test").expect("a name");
                d.remote.name = Fqdn::parse("lamp.den.other.test").expect("a name");
            }),
            step(8, 10, b"lamp.den.other.test"),
            step(5, 0, &udp(LAPTOP, [198, 19, 225, 1].into())),
        ]
        .concat(),
        // No WAN: whoever asks is told in time all the same.
        [
            step(10, 0, &[]),
            step(8, 10, b"lamp.home.ntm.test"),
            step(8, 138, b"lamp.home.ntm.test"),
            step(6, 0xfb, &[]),
        ]
        .concat(),
        step(6, 0xff, &[]).repeat(7),
        crate::message::seeds()
            .iter()
            .flat_map(|plain| step(2, 0, plain))
            .collect(),
        crate::message::seeds()
            .iter()
            .flat_map(|plain| step(3, 0, plain))
            .collect(),
    ]
}
