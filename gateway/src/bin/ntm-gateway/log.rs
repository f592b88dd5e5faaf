//! Where the log goes, and how much of it.

use anyhow::{Result, bail};
use ntm_gateway::config::LogLevel;
use std::io::IsTerminal;
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

/// Starts logging to standard error.
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
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
    Ok(())
}
