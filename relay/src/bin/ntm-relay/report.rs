//! What `status` shows: the relay's own numbers and the sockets'.

use anyhow::{Context, Result};
use ntm_relay::{PathStatus, Status};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// A running relay at one moment.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) version: String,
    /// Seconds since the start.
    pub(crate) uptime: u64,
    /// Datagrams dropped because a socket was full.
    pub(crate) dropped_full: u64,
    /// Datagrams that the kernel would not send.
    pub(crate) dropped_refused: u64,
    #[serde(flatten)]
    pub(crate) status: Status,
}

impl Report {
    /// As one line of JSON.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts are JSON")
    }
}

/// A report in JSON, for people.
pub(crate) fn text(json: &str) -> Result<String> {
    let report: Report = serde_json::from_str(json)
        .context("the running relay is of another version: restart it")?;
    let status = &report.status;
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "ntm-relay {}, up {} s\ncoordinator: {}",
        report.version,
        report.uptime,
        coordinator(status)
    );
    let _ = write!(text, "\npaths: {}", status.paths.len());
    for path in &status.paths {
        let _ = write!(text, "\n  {}", line(path));
    }
    let dropped = [
        ("socket full", report.dropped_full),
        ("not sendable", report.dropped_refused),
    ];
    let own = dropped.into_iter().filter(|(_, count)| *count > 0);
    let rejects = status
        .rejects
        .iter()
        .map(|(why, count)| (why.as_str(), *count));
    for (why, count) in own.chain(rejects) {
        let _ = write!(text, "\ndropped, {why}: {count}");
    }
    Ok(text)
}

fn coordinator(status: &Status) -> String {
    let dc = status
        .dc
        .map_or_else(|| "nowhere".to_owned(), |dc| dc.to_string());
    match (status.registered, status.observed) {
        (true, Some(observed)) => format!("{dc}, registered, sees us at {observed}"),
        _ if status.connected => format!("{dc}, connected, not registered yet"),
        _ => format!("{dc}, no answer"),
    }
}

fn line(path: &PathStatus) -> String {
    let ends = path.legs.each_ref().map(|leg| {
        let at = leg
            .address
            .map_or_else(|| "not bound".to_owned(), |at| at.to_string());
        format!("{} at {at} ({} bytes to it)", leg.path, leg.bytes)
    });
    format!("{}: idle {} s", ends.join(" <-> "), path.idle)
}
