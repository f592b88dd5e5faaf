//! Where the log goes, how much of it, and the end of it kept for the page.

use anyhow::{Result, bail};
use ntm_gateway::config::LogLevel;
use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable that goes before the configuration.
const VARIABLE: &str = "NTM_LOG";
/// Crates whose word below a warning is about their own doings.
const QUIET: [&str; 4] = [
    "hickory_server",
    "hickory_net",
    "hickory_proto",
    "netlink_proto",
];
/// How much of it is kept, in bytes. It grows to that only as there is something to say.
const KEPT: usize = 64 << 10;

static LAST: Mutex<Lines> = Mutex::new(Lines(VecDeque::new()));

/// Starts logging to standard error. Once: what is configured later has to wait for the next start.
pub(crate) fn start(configured: LogLevel) -> Result<()> {
    let level = match std::env::var(VARIABLE) {
        Ok(text) => match LogLevel::parse(&text) {
            Some(level) => level,
            None => bail!(
                "{VARIABLE}={text:?} is no level; set it to error, warn, info, debug or trace"
            ),
        },
        Err(_) => configured,
    };
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let quiet = QUIET.map(|target| (target, level.min(LevelFilter::ERROR)));
    let filter = Targets::new().with_default(level).with_targets(quiet);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Both)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    // It may run already: a gateway that was enrolled by its page goes on in the same process.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
    Ok(())
}

/// The last lines, the oldest first.
pub(crate) fn last() -> Vec<String> {
    let lines = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes: Vec<u8> = lines.0.iter().copied().collect();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().map(str::to_owned).collect()
}

/// Standard error, and what is kept.
struct Both;

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        lines.add(bytes);
        drop(lines);
        // Who ran us may have closed it: what is kept can still be read.
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whole lines, but for the oldest of one that was too long.
struct Lines(VecDeque<u8>);

impl Lines {
    fn add(&mut self, bytes: &[u8]) {
        let mut is_colour = false;
        for &byte in bytes {
            match byte {
                // A terminal's colours end with a letter (ECMA-48).
                0x1b => is_colour = true,
                byte if is_colour => is_colour = !byte.is_ascii_alphabetic(),
                byte => self.0.push_back(byte),
            }
        }
        if self.0.len() > KEPT {
            self.0.drain(..self.0.len() - KEPT);
            let end = self.0.iter().position(|byte| *byte == b'\n');
            self.0.drain(..end.map_or(0, |end| end + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_whole_and_without_colours() {
        let mut lines = Lines(VecDeque::new());
        for number in 0..10_000 {
            lines.add(format!("\x1b[32m INFO\x1b[0m line {number}\n").as_bytes());
        }
        let bytes: Vec<u8> = lines.0.iter().copied().collect();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.len() <= KEPT && text.len() > KEPT - 64);
        assert!(text.starts_with(" INFO line ") && text.ends_with(" INFO line 9999\n"));
        lines.add(&[b'x'; 3 * KEPT]);
        assert!(lines.0.len() <= KEPT);
    }
}
