//! Handshakes that succeed, and every way they must not.

use super::*;

struct Ends {
    left: SecretKey,
    right: SecretKey,
    random: Random,
}

fn ends() -> Ends {
    let mut random = Random::from_seed([2; 32]);
    Ends {
        left: SecretKey::generate(&mut random),
        right: SecretKey::generate(&mut random),
        random,
    }
}

fn tunnel() -> Purpose {
    Purpose::Tunnel {
        tunnel: TunnelId([1; 16]),
        initiator: NodeId::from_random([2; 16]),
        responder: NodeId::from_random([3; 16]),
    }
}

fn start(
    ends: &mut Ends,
    purpose: Purpose,
    psk: &[u8; 32],
    payload: &[u8],
) -> (Initiator, Vec<u8>) {
    let context = Context {
        local: &ends.left,
        purpose,
        psk,
    };
    Initiator::start(
        context,
        &ends.right.public(),
        PathId(8),
        PathId(9),
        payload,
        None,
        &mut ends.random,
    )
}

#[test]
fn both_ends_derive_the_same_keys() {
    for purpose in [Purpose::Control, tunnel()] {
        let mut ends = ends();
        let offer = TunnelOffer {
            epoch: 3,
            counter: 4,
            generation: 5,
            aes: false,
        }
        .encode();
        let (mut initiator, init) = start(&mut ends, purpose, &[0; 32], &offer);
        is_addressed_to(&init, &mac1_key(&ends.right.public())).unwrap();
        let context = Context {
            local: &ends.right,
            purpose,
            psk: &[0; 32],
        };
        let request = Request::read(context, &init, &mut ends.random).unwrap();
        assert_eq!(
            (request.remote, request.sender),
            (ends.left.public(), PathId(9))
        );
        assert_eq!(TunnelOffer::decode(&request.payload).unwrap().counter, 4);
        let (right, response) = request.accept(PathId(10)).unwrap();
        assert!(
            response.len() <= init.len(),
            "a reply to a stranger is never larger than its cause"
        );
        let (left, path) = initiator.finish(&response).unwrap();
        assert_eq!(
            (left.send, left.receive, path),
            (right.receive, right.send, PathId(10))
        );
    }
}

#[test]
fn the_answer_says_what_seals_the_traffic_and_nobody_else_does() {
    for cipher in [Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm] {
        let mut ends = ends();
        let offer = TunnelOffer {
            epoch: 1,
            counter: 1,
            generation: 1,
            aes: cipher == Cipher::Aes256Gcm,
        };
        let (mut initiator, init) = start(&mut ends, tunnel(), &[0; 32], &offer.encode());
        let context = Context {
            local: &ends.right,
            purpose: tunnel(),
            psk: &[0; 32],
        };
        // Every bit of the wish is sealed.
        for at in PREFIX..init.len() - 2 * MAC_LEN {
            let mut forged = init.clone();
            forged[at] ^= 1;
            assert!(Request::read(context, &forged, &mut ends.random).is_err());
        }
        let request = Request::read(context, &init, &mut ends.random).unwrap();
        assert_eq!(TunnelOffer::decode(&request.payload), Ok(offer));
        let (right, response) = request.accept_with(PathId(10), cipher).unwrap();
        assert!(response.len() <= init.len());
        for at in PREFIX..response.len() {
            let mut forged = response.clone();
            forged[at] ^= 1;
            assert!(initiator.finish(&forged).is_err(), "byte {at}");
            // Nor is the answer cut short taken for one without the word.
            assert!(initiator.finish(&response[..at]).is_err(), "length {at}");
        }
        let (left, _) = initiator.finish(&response).unwrap();
        assert_eq!((left.cipher, right.cipher), (cipher, cipher));
    }
}

#[test]
fn who_did_not_ask_for_aes_does_not_get_it() {
    for purpose in [Purpose::Control, tunnel()] {
        let mut ends = ends();
        let (mut initiator, init) = start(&mut ends, purpose, &[0; 32], &[]);
        let context = Context {
            local: &ends.right,
            purpose,
            psk: &[0; 32],
        };
        let request = Request::read(context, &init, &mut ends.random).unwrap();
        let (_, response) = request.accept_with(PathId(10), Cipher::Aes256Gcm).unwrap();
        assert_eq!(
            initiator.finish(&response).map(drop),
            Err(HandshakeError::Forged)
        );
    }
}

#[test]
fn a_wrong_answer_is_refused_and_the_right_one_still_taken() {
    let mut ends = ends();
    let (mut initiator, init) = start(&mut ends, tunnel(), &[0; 32], &[]);
    let context = Context {
        local: &ends.right,
        purpose: tunnel(),
        psk: &[0; 32],
    };
    let (_, response) = Request::read(context, &init, &mut ends.random)
        .unwrap()
        .accept(PathId(1))
        .unwrap();
    for at in 0..response.len() {
        let mut forged = response.clone();
        forged[at] ^= 0x40;
        assert!(initiator.finish(&forged).is_err(), "byte {at}");
    }
    initiator.finish(&response).unwrap();
}

#[test]
fn another_tunnel_or_group_secret_fails() {
    let mut ends = ends();
    let (mut initiator, init) = start(&mut ends, tunnel(), &[7; 32], &[]);
    let context = Context {
        local: &ends.right,
        purpose: Purpose::Control,
        psk: &[7; 32],
    };
    assert!(matches!(
        Request::read(context, &init, &mut ends.random),
        Err(HandshakeError::Forged)
    ));
    let context = Context {
        local: &ends.right,
        purpose: tunnel(),
        psk: &[8; 32],
    };
    let (_, response) = Request::read(context, &init, &mut ends.random)
        .unwrap()
        .accept(PathId(1))
        .unwrap();
    assert_eq!(
        initiator.finish(&response).map(drop),
        Err(HandshakeError::Forged)
    );
}

#[test]
fn a_stranger_to_our_key_is_not_answered() {
    let mut ends = ends();
    let (_, init) = start(&mut ends, Purpose::Control, &[0; 32], &[]);
    let other = mac1_key(&ends.left.public());
    assert_eq!(
        is_addressed_to(&init, &other).map(drop),
        Err(HandshakeError::NotAddressed)
    );
    for end in 0..init.len() {
        assert!(is_addressed_to(&init[..end], &mac1_key(&ends.right.public())).is_err());
    }
}
