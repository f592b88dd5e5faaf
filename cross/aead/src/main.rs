//! Seals packets with ChaCha20-Poly1305 and prints the nanoseconds for each: 1,400 and 64 bytes, the best of nine rounds.
//! Without a feature nothing is sealed: what the program takes then is the size to take off.

use std::time::Instant;

/// Packets of a round: under emulation one takes 50 microseconds.
const BATCH: u32 = 400;

#[cfg(feature = "ring")]
fn sealer() -> impl FnMut(&mut [u8]) -> u8 {
    use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).expect("32 bytes"));
    move |text| {
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from([0; 16]), text);
        tag.expect("short enough").as_ref()[0]
    }
}

#[cfg(feature = "aws-lc-rs")]
fn sealer() -> impl FnMut(&mut [u8]) -> u8 {
    use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).expect("32 bytes"));
    move |text| {
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from([0; 16]), text);
        tag.expect("short enough").as_ref()[0]
    }
}

#[cfg(feature = "rustcrypto")]
fn sealer() -> impl FnMut(&mut [u8]) -> u8 {
    use chacha20poly1305::{AeadInPlace, ChaCha20Poly1305, KeyInit};
    let cipher = ChaCha20Poly1305::new(&[7; 32].into());
    move |text| {
        let tag = cipher.encrypt_in_place_detached(&[0; 12].into(), &[0; 16], text);
        tag.expect("short enough")[0]
    }
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs", feature = "rustcrypto")))]
fn sealer() -> impl FnMut(&mut [u8]) -> u8 {
    |text| text[0]
}

fn main() {
    let mut seal = sealer();
    let mut best = |length: usize| {
        let mut text = vec![0x5a; length];
        let rounds = (0..9).map(|_| {
            let start = Instant::now();
            for _ in 0..BATCH {
                std::hint::black_box(seal(std::hint::black_box(&mut text)));
            }
            start.elapsed().as_nanos() / u128::from(BATCH)
        });
        rounds.min().unwrap_or_default()
    };
    let (long, short) = (best(1400), best(64));
    println!("{long} {short}");
}
