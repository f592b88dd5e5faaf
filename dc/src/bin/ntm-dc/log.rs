//! Log lines on stderr: plain text with fields, coloured on a terminal alone.

use std::io::IsTerminal;
use std::str::FromStr;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Reads `error`, `warn`, `info`, `debug` or `trace`.
pub(crate) fn level(text: &str) -> Option<Level> {
    Level::from_str(text).ok()
}

/// Starts logging. The environment's `NTM_LOG` goes before the configuration's level.
pub(crate) fn start(configured: Level) {
    let wanted = std::env::var("NTM_LOG").ok();
    let chosen = wanted.as_deref().and_then(level).unwrap_or(configured);
    // The DNS library logs each query at info.
    let libraries = if chosen == Level::TRACE {
        chosen
    } else {
        Level::WARN
    };
    let filter = Targets::new()
        .with_default(libraries)
        .with_target("ntm_dc", chosen);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .init();
    if wanted.is_some_and(|text| level(&text).is_none()) {
        tracing::warn!("NTM_LOG is no level; one of error, warn, info, debug, trace");
    }
}
