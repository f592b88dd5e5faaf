//! Handshake messages: nobody but the owner of a key makes one that opens, and a bad answer spoils nothing.
//!
//! A stranger can make mac1 right, so one in sixteen inputs is given a right one and reaches the curve.

use crate::party::Party;
use ntm_proto::cookie::{Cookie, MAC_LEN, REPLY_LEN, mac, mac1_key};
use ntm_proto::handshake::{
    Context, HandshakeError, Initiator, MIN_INIT_LEN, Purpose, Request, TunnelOffer,
    is_addressed_to,
};
use ntm_proto::id::{NodeId, PathId, TunnelId};
use ntm_proto::random::Random;
use ntm_proto::wire::{DecodeError, HEADER_LEN, Kind, Opening};
use std::cell::RefCell;
use std::time::Instant;

/// Answers that one initiator is offered before the true one must still do; few of them when a corpus is replayed.
const BAD_ANSWERS: u32 = if cfg!(fuzzing) { 4096 } else { 8 };

thread_local! {
    static ENDS: RefCell<Option<Ends>> = const { RefCell::new(None) };
}

struct Ends {
    initiator: Party,
    responder: Party,
    mac1_key: [u8; 32],
    reply_key: [u8; 32],
    pending: Initiator,
    init: Vec<u8>,
    response: Vec<u8>,
    bad: u32,
}

/// The first byte says what the rest is offered as.
pub fn check(input: &[u8]) {
    let Some((&what, datagram)) = input.split_first() else {
        return;
    };
    ENDS.with_borrow_mut(|ends| {
        let ends = ends.get_or_insert_with(Ends::new);
        match what % 4 {
            0 => ends.first_message(datagram, what & 0xf0 == 0),
            1 => ends.second_message(datagram, what & 0xf0 == 0),
            2 => ends.cookie(datagram, what & 0x10 == 0),
            _ => offer(datagram),
        }
    });
}

impl Ends {
    fn new() -> Self {
        let (mut initiator, mut responder) = (Party::new(1), Party::new(2));
        let public = responder.public();
        let (purpose, now) = (purpose(), Instant::now());
        let offer = TunnelOffer {
            aes: false,
            epoch: 1,
            counter: 2,
            generation: 3,
        }
        .encode();
        let (pending, init) = initiator.start(purpose, &public, PathId(8), PathId(9), &offer);
        let response = responder
            .answer(purpose, &init, PathId(8), now)
            .expect("a true request");
        Self {
            mac1_key: mac1_key(&public),
            reply_key: mac1_key(&initiator.public()),
            initiator,
            responder,
            pending,
            init,
            response,
            bad: 0,
        }
    }

    fn first_message(&self, datagram: &[u8], mend: bool) {
        let mut datagram = datagram.to_vec();
        if mend && let Some(to_mac1) = datagram.len().checked_sub(2 * MAC_LEN) {
            let mac1 = mac(&self.mac1_key, &[&datagram[..to_mac1]]);
            datagram[to_mac1..to_mac1 + MAC_LEN].copy_from_slice(&mac1);
        }
        match is_addressed_to(&datagram, &self.mac1_key) {
            Ok((before, mac1, mac2)) => {
                assert!(datagram.len() >= MIN_INIT_LEN);
                assert_eq!([before, mac2].concat(), datagram);
                assert_eq!(mac1, &before[before.len() - MAC_LEN..]);
            }
            Err(error) => {
                assert!(!mend || datagram.len() < MIN_INIT_LEN, "{error}");
                return;
            }
        }
        let context = Context {
            local: &self.responder.key,
            purpose: purpose(),
            psk: &[0; 32],
        };
        let mut random = Random::from_seed([5; 32]);
        let noise = |bytes: &[u8]| bytes[HEADER_LEN..bytes.len() - 2 * MAC_LEN].to_vec();
        // The Noise message is the one true one, or it is refused; what stands before it is not part of it.
        let same = noise(&datagram) == noise(&self.init);
        match Request::read(context, &datagram, &mut random) {
            Ok(request) => {
                assert!(same && request.remote == self.initiator.public());
                assert_eq!(request.payload.len(), 12);
            }
            Err(error) => {
                assert_ne!(error, HandshakeError::NotAddressed, "checked before");
                let opening = Opening::decode(&datagram);
                let opening = opening.map(|opening| (opening.kind, opening.generation));
                assert!(!same || opening != Ok((Kind::HandshakeInit, 1)), "{error}");
            }
        }
    }

    fn second_message(&mut self, datagram: &[u8], mend: bool) {
        let mut datagram = datagram.to_vec();
        if mend && let Some(to_mac1) = datagram.len().checked_sub(MAC_LEN) {
            let mac1 = mac(&self.reply_key, &[&datagram[..to_mac1]]);
            datagram[to_mac1..].copy_from_slice(&mac1);
        }
        if datagram.get(HEADER_LEN..) == self.response.get(HEADER_LEN..) {
            return;
        }
        match self.pending.finish(&datagram) {
            Err(error) => assert!(!mend || error != HandshakeError::NotAddressed),
            // The header before the Noise message is covered by mac1 alone, which everybody can make.
            Ok(_) => {
                let noise = HEADER_LEN..self.response.len() - MAC_LEN;
                assert_eq!(
                    datagram[HEADER_LEN..datagram.len() - MAC_LEN],
                    self.response[noise]
                );
                *self = Self::new();
                return;
            }
        }
        self.bad += 1;
        if self.bad == BAD_ANSWERS {
            let true_answer = self.pending.finish(&self.response);
            assert!(true_answer.is_ok(), "a bad answer spoils nothing");
            *self = Self::new();
        }
    }

    fn cookie(&self, datagram: &[u8], mend: bool) {
        let mut datagram = datagram.to_vec();
        if mend && datagram.len() == REPLY_LEN {
            // What any owner of the responder's public key, and of the request, can do.
            let public = self.responder.public();
            let mac1 = &self.init[self.init.len() - 2 * MAC_LEN..self.init.len() - MAC_LEN];
            let taken = Cookie::from_reply(&datagram, &public, mac1);
            assert_eq!(taken, self.pending.take_cookie(&datagram));
        }
        if self.pending.take_cookie(&datagram).is_some() {
            assert_eq!(datagram.len(), REPLY_LEN);
            datagram.push(0);
            assert!(self.pending.take_cookie(&datagram).is_none());
        }
    }
}

fn offer(bytes: &[u8]) {
    match TunnelOffer::decode(bytes) {
        Ok(offer) => {
            assert_eq!(TunnelOffer::decode(&offer.encode()), Ok(offer));
            assert_eq!(offer.encode()[..9], bytes[..9]);
        }
        Err(error) => {
            assert_eq!(error, DecodeError::Truncated);
            assert!(bytes.len() < 9);
        }
    }
}

fn purpose() -> Purpose {
    Purpose::Tunnel {
        tunnel: TunnelId([7; 16]),
        initiator: NodeId::from_random([1; 16]),
        responder: NodeId::from_random([2; 16]),
    }
}

/// The true messages, as each of the things they can be offered as.
pub fn seeds() -> Vec<Vec<u8>> {
    let ends = Ends::new();
    let first = |what: u8, bytes: &[u8]| [&[what], bytes].concat();
    // As many as it takes for the true answer to be tried after them, in each way of telling a byte wrong.
    let bad = (0..16_usize).map(|at| {
        let mut response = ends.response.clone();
        let places = response.len() - HEADER_LEN;
        response[HEADER_LEN + at * 31 % places] ^= 1;
        first(if at % 2 == 0 { 1 } else { 0x11 }, &response)
    });
    let mut seeds = vec![
        first(0, &ends.init),
        first(0x10, &ends.init),
        first(1, &ends.response),
        first(0x11, &ends.response),
        first(2, &[3; REPLY_LEN]),
        first(3, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0]),
    ];
    seeds.extend(bad);
    seeds
}
