//! Handshakes by strangers, copies and floods.

use super::*;
use ntm_proto::handshake::Initiator;
use ntm_proto::message::{KeepAlive, Mapping};

const SOURCE: &str = "198.51.100.7:4750";

struct Node {
    key: SecretKey,
    random: Random,
    dc: PublicKey,
}

impl Node {
    fn init(&mut self, cookie: Option<&ntm_proto::cookie::Cookie>) -> (Initiator, Vec<u8>) {
        let context = Context {
            local: &self.key,
            purpose: Purpose::Control,
            psk: &[0; 32],
        };
        Initiator::start(
            context,
            &self.dc,
            PathId::NONE,
            PathId(9),
            &[],
            cookie,
            &mut self.random,
        )
    }
}

fn ends(limits: &Limits) -> (Sessions, Node, Random, Instant) {
    let (mut random, now) = (Random::from_seed([1; 32]), Instant::now());
    let key = SecretKey::generate(&mut random);
    let node = Node {
        key: SecretKey::generate(&mut random),
        random: Random::from_seed([2; 32]),
        dc: key.public(),
    };
    (
        Sessions::new(key, limits, &mut random, now),
        node,
        random,
        now,
    )
}

fn id() -> NodeId {
    NodeId::from_random([7; 16])
}

fn response(answer: Result<Answer, Reject>) -> Vec<u8> {
    match answer {
        Ok(Answer::Response(response)) => response,
        Ok(Answer::Cookie(_)) => panic!("a cookie"),
        Err(reject) => panic!("{reject}"),
    }
}

fn message() -> Message {
    let local = SOURCE.parse().unwrap();
    Message::KeepAlive(KeepAlive {
        request: 1,
        wan: 0,
        local,
        primary: true,
        mapping: Mapping::Unknown,
        next: 0,
        release: ntm_proto::release::Release::OURS,
    })
}

#[test]
fn a_repeated_init_gets_the_same_answer_and_no_second_session() {
    let (mut sessions, mut node, mut random, now) = ends(&Limits::default());
    let source = SOURCE.parse().unwrap();
    let (_, init) = node.init(None);
    let first = response(sessions.handle_init(source, &init, |_| Some(id()), &mut random, now));
    let again = response(sessions.handle_init(source, &init, |_| Some(id()), &mut random, now));
    assert_eq!((first, sessions.len()), (again, 1));
}

#[test]
fn strangers_get_silence() {
    let (mut sessions, mut node, mut random, now) = ends(&Limits::default());
    let source = SOURCE.parse().unwrap();
    let (_, mut init) = node.init(None);
    let mut take = |datagram: &[u8]| {
        sessions
            .handle_init(source, datagram, |_| None, &mut random, now)
            .err()
    };
    assert_eq!(take(&init), Some(Reject::UnknownKey));
    assert_eq!(take(&init[..100]), Some(Reject::Malformed));
    init[60] ^= 1;
    assert_eq!(take(&init), Some(Reject::NotAddressed));
    assert_eq!(sessions.len(), 0);
}

#[test]
fn sessions_of_one_node_are_few_however_often_it_asks() {
    let (mut sessions, mut node, mut random, now) = ends(&Limits::default());
    let source = SOURCE.parse().unwrap();
    let mut plain = Vec::new();
    for round in 0..20 {
        let (mut initiator, init) = node.init(None);
        let answer =
            response(sessions.handle_init(source, &init, |_| Some(id()), &mut random, now));
        if round % 3 == 0 {
            let (keys, dc_path) = initiator.finish(&answer).unwrap();
            let mut session = Session::new(&keys, 0, true, now);
            let mut datagram = Vec::new();
            session
                .seal(
                    Kind::Control,
                    dc_path,
                    &message().encode(),
                    &mut datagram,
                    now,
                )
                .unwrap();
            assert_eq!(sessions.open(dc_path, &datagram, &mut plain, now), Ok(id()));
            assert_eq!(
                sessions.open(dc_path, &datagram, &mut plain, now),
                Err(Reject::Replayed)
            );
        }
        assert!(sessions.len() <= UNCONFIRMED + 2, "{}", sessions.len());
    }
    assert!(sessions.seal(id(), None, &message(), now).is_some());
    sessions.handle_timeout(sessions.poll_timeout().unwrap());
    assert_eq!(
        (sessions.len(), sessions.nodes.len(), sessions.ends.len()),
        (0, 0, 0)
    );
}

#[test]
fn an_unconfirmed_session_carries_no_pushes() {
    let (mut sessions, mut node, mut random, now) = ends(&Limits::default());
    let (_, init) = node.init(None);
    let _ = response(sessions.handle_init(
        SOURCE.parse().unwrap(),
        &init,
        |_| Some(id()),
        &mut random,
        now,
    ));
    assert!(sessions.seal(id(), None, &message(), now).is_none());
}

#[test]
fn under_load_only_a_returned_cookie_helps() {
    let limits = Limits {
        handshakes_per_second: 3,
        ..Limits::default()
    };
    let (mut sessions, mut node, mut random, now) = ends(&limits);
    let (source, other) = (SOURCE.parse().unwrap(), "192.0.2.9:1".parse().unwrap());
    let mut cookies = Vec::new();
    for _ in 0..10 {
        let (initiator, init) = node.init(None);
        match sessions.handle_init(source, &init, |_| Some(id()), &mut random, now) {
            Ok(Answer::Cookie(reply)) => {
                assert!(reply.len() < init.len());
                cookies.extend(initiator.take_cookie(&reply));
            }
            answer => drop(response(answer)),
        }
    }
    assert_eq!((cookies.len(), sessions.len()), (7, 3));
    let (_, init) = node.init(cookies.first());
    let elsewhere = sessions.handle_init(other, &init, |_| Some(id()), &mut random, now);
    assert!(matches!(elsewhere, Ok(Answer::Cookie(_))));
    let _ = response(sessions.handle_init(source, &init, |_| Some(id()), &mut random, now));
}
