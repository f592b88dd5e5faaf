//! An input as a sequence of steps: what happens to a machine, one after another.
//!
//! ```text
//! offset size
//!      0    1  what happens
//!      1    1  to or from whom, or how long
//!      2    2  n, big endian; more than there is means the rest
//!      4    n  the bytes it happens with
//! ```

use std::time::Duration;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// What.
    pub what: u8,
    /// Its argument.
    pub which: u8,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// The steps of an input.
pub fn read(mut input: &[u8]) -> impl Iterator<Item = Step<'_>> {
    std::iter::from_fn(move || {
        let [what, which, high, low, rest @ ..] = input else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        input = rest;
        Some(Step {
            what: *what,
            which: *which,
            bytes,
        })
    })
}

/// One step as bytes.
pub fn step(what: u8, which: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("an input is shorter than 64 KiB");
    let mut step = vec![what, which];
    step.extend(length.to_be_bytes());
    step.extend(bytes);
    step
}

/// How long `which` is: nothing to a second; to half a minute if its high bits are all set, because long times are
/// full of handshakes, which are slow.
pub fn span(which: u8) -> Duration {
    const MS: [u64; 16] = [
        0, 1, 10, 50, 100, 250, 500, 1000, 1500, 2000, 5000, 8000, 10_000, 15_000, 20_000, 30_000,
    ];
    let longest = if which >= 0xf0 { 15 } else { 7 };
    Duration::from_millis(MS[usize::from(which & 15).min(longest)])
}
