//! Sessions against replay, forgery and age.

use super::*;
use crate::random::Random;
use std::collections::BTreeSet;

fn pair(now: Instant) -> (Session, Session) {
    pair_with(Cipher::default(), now)
}

fn pair_with(cipher: Cipher, now: Instant) -> (Session, Session) {
    let (left, right) = ([1; 32], [2; 32]);
    let forth = Session::new(
        &Keys {
            cipher,
            send: left,
            receive: right,
        },
        5,
        true,
        now,
    );
    let back = Session::new(
        &Keys {
            cipher,
            send: right,
            receive: left,
        },
        5,
        false,
        now,
    );
    (forth, back)
}

#[test]
fn what_one_seals_the_other_opens_once() {
    let now = Instant::now();
    let (mut left, mut right) = pair(now);
    let (mut datagram, mut plain) = (Vec::new(), Vec::new());
    left.seal(Kind::Data, PathId(7), b"hello", &mut datagram, now)
        .unwrap();
    assert_eq!(datagram.len(), 5 + 32);
    right.open(&datagram, &mut plain, now).unwrap();
    assert_eq!(plain, b"hello");
    assert_eq!(
        right.open(&datagram, &mut plain, now),
        Err(SessionError::Replayed)
    );
}

#[test]
fn what_does_not_come_is_missing_until_it_comes_late() {
    let now = Instant::now();
    let (mut left, mut right) = pair(now);
    let mut plain = Vec::new();
    let mut sealed = || {
        let mut datagram = Vec::new();
        left.seal(Kind::Data, PathId(7), b"x", &mut datagram, now)
            .unwrap();
        datagram
    };
    let datagrams: Vec<_> = (0..10).map(|_| sealed()).collect();
    assert_eq!(right.missing(), (0, 0));
    for (number, expected) in [(0, (1, 0)), (4, (5, 3)), (9, (10, 7)), (2, (10, 6))] {
        right.open(&datagrams[number], &mut plain, now).unwrap();
        assert_eq!(right.missing(), expected);
    }
    assert!(right.open(&datagrams[2], &mut plain, now).is_err());
    assert_eq!(right.missing(), (10, 6), "a copy is none of those");
}

#[test]
fn what_lies_in_a_buffer_is_sealed_and_opened_there() {
    let now = Instant::now();
    for cipher in [Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm] {
        let (mut left, mut right) = pair_with(cipher, now);
        let mut train = Vec::new();
        let texts: Vec<Vec<u8>> = (0..50).map(|n| vec![n; usize::from(n) * 29]).collect();
        let mut starts = Vec::new();
        for text in &texts {
            let start = train.len();
            starts.push(start);
            train.extend([0; HEADER_LEN]);
            train.extend(text);
            left.seal_in_place(Kind::Data, PathId(7), &mut train, start, now)
                .unwrap();
        }
        starts.push(train.len());
        // One forged datagram among them spoils no other.
        train[starts[20] + 17] ^= 1;
        for (n, ends) in starts.windows(2).enumerate() {
            let opened = right.open_in_place(&mut train[ends[0]..ends[1]], now);
            if n == 20 {
                assert_eq!(opened, Err(SessionError::Forged));
                continue;
            }
            let plain = opened.unwrap();
            assert_eq!(train[ends[0] + plain.start..ends[0] + plain.end], texts[n]);
        }
    }
    let (mut left, _) = pair_with(Cipher::Aes256Gcm, now);
    let (_, mut right) = pair_with(Cipher::ChaCha20Poly1305, now);
    let (mut datagram, mut plain) = (Vec::new(), Vec::new());
    left.seal(Kind::Data, PathId(7), b"hello", &mut datagram, now)
        .unwrap();
    assert_eq!(
        right.open(&datagram, &mut plain, now),
        Err(SessionError::Forged)
    );
}

#[test]
fn a_session_with_aes_is_renewed_before_its_bound() {
    let now = Instant::now();
    let (mut left, _) = pair_with(Cipher::Aes256Gcm, now);
    left.sent = REKEY_AFTER_MESSAGES_AES - 1;
    assert!(!left.wants_renewal(now));
    left.sent += 1;
    assert!(left.wants_renewal(now));
}

#[test]
fn a_forged_byte_anywhere_is_refused_and_changes_nothing() {
    let now = Instant::now();
    let (mut left, mut right) = pair(now);
    let (mut datagram, mut plain) = (Vec::new(), Vec::new());
    left.seal(Kind::Control, PathId(7), b"hello", &mut datagram, now)
        .unwrap();
    for at in 0..datagram.len() {
        let mut forged = datagram.clone();
        forged[at] ^= 1;
        assert!(right.open(&forged, &mut plain, now).is_err(), "byte {at}");
    }
    for end in 0..datagram.len() {
        assert!(right.open(&datagram[..end], &mut plain, now).is_err());
    }
    right.open(&datagram, &mut plain, now).unwrap();
}

#[test]
fn an_old_session_seals_and_opens_nothing() {
    let now = Instant::now();
    let (mut left, mut right) = pair(now);
    let (mut datagram, mut plain) = (Vec::new(), Vec::new());
    left.seal(Kind::Data, PathId(7), b"", &mut datagram, now)
        .unwrap();
    assert!(left.wants_renewal(now + REKEY_AFTER));
    let late = now + REJECT_AFTER;
    assert_eq!(
        right.open(&datagram, &mut plain, late),
        Err(SessionError::Expired)
    );
    assert_eq!(
        left.seal(Kind::Data, PathId(7), b"", &mut datagram, late),
        Err(SessionError::Expired)
    );
}

/// The sequences WireGuard's own window is tested with, in spirit: ends of the range, jumps, and the far edge.
#[test]
fn window_handles_its_edges() {
    let mut window = ReplayWindow::new();
    let take = |window: &mut ReplayWindow, counter| {
        let fresh = window.accepts(counter);
        if fresh {
            window.mark(counter);
        }
        fresh
    };
    let usable = WINDOW - 64;
    assert!(take(&mut window, 0) && !take(&mut window, 0));
    assert!(
        take(&mut window, 1)
            && take(&mut window, 9)
            && take(&mut window, 8)
            && !take(&mut window, 9)
    );
    assert!(take(&mut window, usable) && take(&mut window, usable + 1));
    assert!(take(&mut window, 2));
    assert!(take(&mut window, 3 * WINDOW));
    assert!(!take(&mut window, 3 * WINDOW - usable) && take(&mut window, 3 * WINDOW - usable + 1));
    assert!(take(&mut window, REJECT_AFTER_MESSAGES - 1));
    assert!(
        !take(&mut window, REJECT_AFTER_MESSAGES)
            && !take(&mut window, u64::MAX)
            && !take(&mut window, 5)
    );
}

#[test]
fn window_agrees_with_a_set() {
    let mut random = Random::from_seed([9; 32]);
    for _ in 0..50 {
        let (mut window, mut seen, mut top) = (ReplayWindow::new(), BTreeSet::new(), 0u64);
        for _ in 0..5000 {
            let reach = if random.below(50) == 0 { 20_000 } else { 300 };
            let counter = (top + random.below(reach)).saturating_sub(random.below(9000));
            let expected =
                counter + (WINDOW - 64) > top.saturating_sub(1) && !seen.contains(&counter);
            let expected = expected || seen.is_empty();
            let fresh = window.accepts(counter);
            assert_eq!(fresh, expected, "counter {counter}, next {top}");
            if fresh {
                window.mark(counter);
                seen.insert(counter);
                top = top.max(counter + 1);
            }
        }
    }
}
