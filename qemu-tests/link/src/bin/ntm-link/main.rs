//! ntm-link: an emulated cable between two network namespaces, and the command that changes it.
//!
//! `ntm-link run SOCKET NETNS IFACE NETNS IFACE [WORD...]` makes both interfaces, moves them to their namespaces and
//! carries frames between them until one is gone. Run it in a namespace that lives longer than those. `ntm-link ctl
//! SOCKET [WORD...]` changes its settings and prints its state.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the shell owns clock and sockets"
)]

mod control;
mod shell;
mod tap;
mod wait;

use anyhow::{Context, Result, bail};
use control::Control;
use ntm_link::Cable;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use tap::Tap;

const USAGE: &str = "usage: ntm-link run SOCKET NETNS IFACE NETNS IFACE [WORD...]
       ntm-link ctl SOCKET [WORD...]
WORD: delay=20ms jitter=3ms rate=50mbit queue=100ms|256KiB loss=1% duplicate=1% reorder=1% reorder_by=10ms
      blackhole=4|6|both|all|none mtu=1280, all also with ab. or ba. before them for one direction;
      carrier=up|down offload=auto|on|off seed=N at TIME reset cancel";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [
            "run",
            socket,
            netns_a,
            iface_a,
            netns_b,
            iface_b,
            words @ ..,
        ] => run(
            Path::new(socket),
            [(netns_a, iface_a), (netns_b, iface_b)],
            &words.join(" "),
        ),
        ["ctl", socket, words @ ..] => ctl(Path::new(socket), &words.join(" ")),
        _ => {
            let _ = writeln!(io::stderr(), "{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "ntm-link: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(socket: &Path, ends: [(&str, &str); 2], words: &str) -> Result<()> {
    let mut cable = Cable::new();
    cable.handle_command(words, Instant::now())?;
    let [(netns_a, iface_a), (netns_b, iface_b)] = ends;
    let a = Tap::new(netns_a, iface_a)?;
    let b = Tap::new(netns_b, iface_b)?;
    // Last: who waits for the socket finds the interfaces in place.
    let control = Control::open(socket)?;
    wait::be_precise();
    shell::carry(&mut cable, [&a, &b], &control)
}

fn ctl(socket: &Path, words: &str) -> Result<()> {
    let answer = control::ask(socket, words)?;
    if let Some(error) = answer.strip_prefix(control::ERROR) {
        bail!("{error}");
    }
    writeln!(io::stdout(), "{answer}").context("cannot print the answer")
}
