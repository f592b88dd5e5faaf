//! What a relay tells people about itself: numbers and addresses, no keys.

use crate::Reject;
use crate::coordination::Coordination;
use crate::table::{Allocation, LegState, Table};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

/// A relay at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether the DC knows us.
    pub registered: bool,
    /// Whether there is a session with the DC.
    pub connected: bool,
    /// The DC's address in use.
    pub dc: Option<SocketAddr>,
    /// Our address as the DC sees it.
    pub observed: Option<SocketAddr>,
    /// Paths it carries.
    pub paths: Vec<PathStatus>,
    /// Datagrams dropped, by reason.
    pub rejects: BTreeMap<String, u64>,
}

/// One path at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStatus {
    /// The tunnel it serves.
    pub tunnel: String,
    /// Whether both ends were bound.
    pub complete: bool,
    /// Seconds without data or bind.
    pub idle: u64,
    /// Its two ends.
    pub legs: [LegStatus; 2],
}

/// One end at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegStatus {
    /// The end's path id.
    pub path: String,
    /// Where it is bound.
    pub address: Option<SocketAddr>,
    /// Times it bound.
    pub binds: u32,
    /// Datagrams forwarded to it.
    pub packets: u64,
    /// Bytes forwarded to it.
    pub bytes: u64,
}

impl Status {
    pub(crate) fn new(
        coordination: &Coordination,
        table: &Table,
        rejects: &BTreeMap<Reject, u64>,
        now: Instant,
    ) -> Self {
        Self {
            registered: coordination.registered().is_some(),
            connected: coordination.is_up(now),
            dc: coordination.dc(),
            observed: coordination.registered().map(|response| response.observed),
            paths: table
                .iter()
                .map(|path| PathStatus::new(path, now))
                .collect(),
            rejects: rejects
                .iter()
                .map(|(why, count)| (why.to_string(), *count))
                .collect(),
        }
    }
}

impl PathStatus {
    fn new(path: &Allocation, now: Instant) -> Self {
        Self {
            tunnel: path
                .tunnel
                .0
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            complete: path.is_complete(),
            idle: now.saturating_duration_since(path.active).as_secs(),
            legs: [0, 1].map(|leg| LegStatus::new(&path.legs[leg])),
        }
    }
}

impl LegStatus {
    fn new(leg: &LegState) -> Self {
        Self {
            path: leg.path.to_string(),
            address: leg.bound.map(|path| path.remote),
            binds: leg.generation,
            packets: leg.packets,
            bytes: leg.bytes,
        }
    }
}
