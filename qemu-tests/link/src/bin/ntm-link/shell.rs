//! The loop: wait for a frame, the clock or a command; tell the cable; bring out what is due.

use crate::control::Control;
use crate::tap::{MAX_FRAME, Tap, Written, is_gone};
use crate::wait;
use anyhow::{Context, Result};
use ntm_link::{Cable, End, Output};
use std::os::fd::AsFd;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// Frames read from one end before what is due gets its turn.
const BATCH: usize = 32;

/// Shortest time from one look at the ends to the next, unless there is more than a batch: on a busy cable several frames
/// share a wake-up, which costs more than the frames do. A frame may be seen this much late; on average the earliness
/// of what comes out (`ntm_link::EARLY`) makes up for it.
const REST: Duration = Duration::from_micros(150);

/// Carries frames until one of the interfaces is deleted.
pub(crate) fn carry(cable: &mut Cable, [a, b]: [&Tap; 2], control: &Control) -> Result<()> {
    let mut frame = vec![0; MAX_FRAME];
    let mut askers = Vec::new();
    let mut rested = Instant::now();
    loop {
        while let Some(output) = cable.poll_output() {
            obey(output, [a, b], &mut askers)?;
        }
        thread::sleep(rested.saturating_duration_since(Instant::now()));
        let timeout = cable
            .poll_timeout()
            .map(|at| at.saturating_duration_since(Instant::now()));
        let [from_a, from_b, asked] =
            wait::readable([a.as_fd(), b.as_fd(), control.as_fd()], timeout)
                .context("cannot wait")?;
        let now = Instant::now();
        cable.handle_timeout(now);
        rested = now + REST;
        for (ready, end, tap) in [(from_a, End::A, a), (from_b, End::B, b)] {
            if !ready {
                continue;
            }
            match take(cable, end, tap, &mut frame)? {
                Taken::All => {}
                Taken::Batch => rested = now,
                Taken::Gone => return Ok(()),
            }
        }
        if !deliver(cable, [a, b]) {
            return Ok(());
        }
        if asked {
            control.serve(cable);
        }
    }
}

/// How much was there.
enum Taken {
    All,
    /// There may be more.
    Batch,
    /// The interface is no more.
    Gone,
}

/// Reads what was sent into one end.
fn take(cable: &mut Cable, end: End, tap: &Tap, frame: &mut [u8]) -> Result<Taken> {
    for _ in 0..BATCH {
        match tap.read(frame) {
            Ok(Some(length)) => {
                cable.handle_frame(end, frame.get(..length).unwrap_or_default(), Instant::now());
            }
            Ok(None) => return Ok(Taken::All),
            Err(error) if is_gone(&error) => return Ok(Taken::Gone),
            Err(error) => return Err(error).context("cannot read a frame"),
        }
    }
    Ok(Taken::Batch)
}

/// Brings out what is due; `false` once an end is gone.
fn deliver(cable: &mut Cable, [a, b]: [&Tap; 2]) -> bool {
    while let Some((end, frame)) = cable.poll_frame(Instant::now()) {
        let tap = match end {
            End::A => a,
            End::B => b,
        };
        match tap.write(&frame) {
            Written::Taken => {}
            Written::Refused => cable.handle_refusal(end),
            Written::Gone => return false,
        }
    }
    true
}

/// Changes the interfaces. `askers` are the processes it takes; those that ended go at the next change.
fn obey(output: Output, ends: [&Tap; 2], askers: &mut Vec<Child>) -> Result<()> {
    askers.retain_mut(|asker| matches!(asker.try_wait(), Ok(None)));
    for tap in ends {
        match output {
            Output::Carrier(up) => askers.push(tap.carrier(up)?),
            Output::Segment(segment) => tap.segment(segment)?,
        }
    }
    Ok(())
}
