//! Moves without end: worlds whose gateways change their networks again and again under sessions that must not notice.
//!
//! A [`Journey`] is a world and its moves, plain data drawn from one seed like a [`crate::Plan`]. [`Journey::run`] plays
//! it; what must hold stands in `moves/model.rs`.
//!
//! All along the model says for each pair of gateways whether a path exists, and since when nothing has changed for
//! them. Within a bound after that each stream is heard and each probe goes on; no session is ever given up; and what
//! [`crate::watch`] says holds. At the end the world is quiet and small.

use crate::spec::{WanSpec, WorldSpec};
use crate::world::Node;
use std::time::Duration;

/// Most ways to one peer, the relay's among them.
pub(crate) const MOST_WAYS: usize = 12;

mod draw;
pub mod gaps;
mod model;
mod play;

pub use play::Report;

/// A world and the moves in it.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Its seed.
    pub seed: u64,
    /// What it is made of.
    pub spec: WorldSpec,
    /// Who talks: caller, called, whether with a probe, which streams.
    pub talks: Vec<Talk>,
    /// The moves, one after another.
    pub moves: Vec<Move>,
    /// After how long a session counts as lost that is not back though a path exists; where the lines lose datagrams, or
    /// only one side speaks, longer.
    pub patience: Duration,
}

/// How long sessions may usually be away.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Two devices that talk.
#[derive(Clone, Copy, Debug)]
pub struct Talk {
    /// The gateways of the caller and of the called.
    pub sites: (usize, usize),
    /// Whether with a probe like TCP.
    pub tcp: bool,
    /// Whether there is a stream away from the caller, and towards it.
    pub streams: [bool; 2],
}

/// One move.
#[derive(Clone, Debug)]
pub struct Move {
    /// Its kind, for the tables.
    pub kind: Kind,
    /// Who moves.
    pub movers: Vec<usize>,
    /// Whether devices behind the first mover only listen meanwhile.
    pub only_listens: bool,
    /// How long nothing happens before, in milliseconds.
    pub after_ms: u64,
    /// What happens: how many milliseconds after what came before, and what.
    pub script: Vec<(u64, Do)>,
}

/// Kinds of moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Another address in the same network.
    Renumbered,
    /// To a network behind a NAT.
    ToNat,
    /// To a network with global addresses.
    ToGlobal,
    /// To a network with IPv6 only.
    ToV6,
    /// To a network with IPv4 only.
    ToV4,
    /// Another network that gives the same inside address.
    SameInside,
    /// Two gateways within 200 ms.
    Both,
    /// The NATs forget all.
    NatForgets,
    /// The NATs forget all and get other outside addresses.
    NatReaddressed,
    /// No network for 0.1 s to 10 minutes, then another.
    Outage,
    /// A second WAN, then it is preferred, then the first one goes.
    Planned,
    /// A second WAN, then the first one is cut, and the gateway sees it.
    CutTold,
    /// A second WAN, then the first one is a black hole.
    CutSilent,
    /// To and fro every two seconds.
    Flapping,
    /// A second move before the first is done.
    Double,
    /// While the coordinator is down.
    DcDown,
    /// While a relay is down.
    RelayDown,
    /// To a network that gives an address and drops everything for 30 s.
    DeadNetwork,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Renumbered,
        Self::ToNat,
        Self::ToGlobal,
        Self::ToV6,
        Self::ToV4,
        Self::SameInside,
        Self::Both,
        Self::NatForgets,
        Self::NatReaddressed,
        Self::Outage,
        Self::Planned,
        Self::CutTold,
        Self::CutSilent,
        Self::Flapping,
        Self::Double,
        Self::DcDown,
        Self::RelayDown,
        Self::DeadNetwork,
    ];
}

/// What is done to a world.
#[derive(Clone, Debug)]
pub enum Do {
    /// A gateway has this WAN only.
    Replace(usize, WanSpec),
    /// The same, and the new network gives the inside address that the old one gave.
    ReplaceAlike(usize, WanSpec),
    /// A gateway has no WAN.
    Unplug(usize),
    /// Its first WAN gets other addresses.
    Renumber(usize),
    /// One WAN more, the least liked.
    Add(usize, WanSpec),
    /// The last WAN becomes the first.
    PreferLast(usize),
    /// The WAN at this place is gone.
    Drop(usize, usize),
    /// The WAN at this place is a black hole for so many milliseconds.
    Hole(usize, usize, u64),
    /// The NATs reboot; if true they get other outside addresses.
    Reboot(usize, bool),
    /// A process is down for so many milliseconds.
    Down(Node, u64),
}

impl Journey {
    /// Only its first moves.
    pub fn cut(mut self, moves: usize) -> Self {
        self.moves.truncate(moves);
        self
    }
}

/// Whether it is known that the journey of this seed breaks this rule, as [`crate::shrink::kind`] names it, and not yet
/// put right.
pub fn is_known(seed: u64, kind: &str) -> bool {
    is_listed(include_str!("../known.txt"), seed, kind)
}

/// Whether such a list has the seed with a rule whose name begins so.
pub fn is_listed(list: &str, seed: u64, kind: &str) -> bool {
    let mut lines = list.lines().filter(|line| !line.starts_with('#'));
    lines.any(|line| {
        let mut parts = line.split('|');
        let known = parts.next().and_then(|at| at.split_whitespace().next());
        let rule = parts.next().map(str::trim);
        known == Some(&seed.to_string()) && rule.is_some_and(|rule| kind.starts_with(rule))
    })
}

/// Journeys that once found something and find nothing now: their seeds, and after how many moves it was.
pub fn found() -> Vec<(u64, usize)> {
    seeds(include_str!("../moves.txt"))
}

/// The lines of a list: a seed, a number of moves, words.
fn seeds(list: &str) -> Vec<(u64, usize)> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let (seed, moves) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((seed, moves))
    };
    lines.filter_map(parse).collect()
}
