//! What happened in a world, for pictures.

use crate::net::Fate;
use crate::world::Node;
use std::net::SocketAddr;
use std::time::Duration;

/// Everything that happened.
pub struct Trace {
    /// The nodes, in the order of their columns.
    pub columns: Vec<String>,
    /// What happened, in order.
    pub entries: Vec<Entry>,
}

/// One thing that happened.
pub struct Entry {
    /// When, from the world's start.
    pub at: Duration,
    /// At which node.
    pub node: usize,
    /// What.
    pub what: What,
}

/// What happened.
pub enum What {
    /// It sent a datagram.
    Datagram {
        /// To whom, if it gets there.
        to: Option<usize>,
        /// What becomes of it.
        fate: Fate,
        /// Its kind.
        kind: &'static str,
        /// Its bytes.
        length: usize,
        /// The address it was sent to.
        remote: SocketAddr,
    },
    /// Something worth a word.
    Note(String),
}

impl Trace {
    pub(crate) fn new(nodes: &[Node]) -> Self {
        let name = |node: &Node| match node {
            Node::Dc(_) => "DC".to_owned(),
            Node::Relay(number) => format!("RS{number}"),
            Node::Site(number) => format!("GW{number}"),
            Node::Stranger => "stranger".to_owned(),
        };
        Self {
            columns: nodes.iter().map(name).collect(),
            entries: Vec::new(),
        }
    }

    pub(crate) fn datagram(
        &mut self,
        at: Duration,
        node: usize,
        to: Option<usize>,
        fate: Fate,
        (kind, length): (u8, usize),
        remote: SocketAddr,
    ) {
        let kind = kind_name(kind);
        let what = What::Datagram {
            to,
            fate,
            kind,
            length,
            remote,
        };
        self.entries.push(Entry { at, node, what });
    }

    pub(crate) fn note(&mut self, at: Duration, node: usize, text: String) {
        let what = What::Note(text);
        self.entries.push(Entry { at, node, what });
    }
}

fn kind_name(kind: u8) -> &'static str {
    match kind {
        1 => "Init",
        2 => "Response",
        3 => "Cookie",
        4 => "Control",
        5 => "Data",
        6 => "Notice",
        16 => "Bind",
        17 => "Challenge",
        18 => "Confirm",
        19 => "Bound",
        _ => "?",
    }
}
