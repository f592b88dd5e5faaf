//! What waits for the store: nothing that was promised to be kept is acknowledged before it is.

use crate::record::Record;
use crate::registration::Start;
use crate::{Coordinator, Output};
use ntm_proto::Path;
use ntm_proto::id::{NodeId, PathId};
use std::collections::BTreeMap;
use std::time::Instant;

/// Where an answer goes: by the session and path its request came.
#[derive(Clone, Copy)]
pub(crate) struct ReplyTo {
    pub(crate) session: PathId,
    pub(crate) path: Path,
}

/// What goes on when the store has answered.
pub(crate) enum Saving {
    /// A node's new start.
    Start(Start),
    /// A device, and who waits for its identity.
    Device {
        device: NodeId,
        request: u32,
        reply: ReplyTo,
    },
    /// A device that its owner wants forgotten.
    Forgotten {
        device: NodeId,
        request: u32,
        reply: ReplyTo,
    },
    /// A node's latest address: nobody waits.
    Address,
}

/// What the store was given and has not answered yet, by ticket.
#[derive(Default)]
pub(crate) struct Saves {
    last: u64,
    waiting: BTreeMap<u64, Saving>,
}

impl Saves {
    pub(crate) fn get_mut(&mut self, ticket: u64) -> Option<&mut Saving> {
        self.waiting.get_mut(&ticket)
    }

    pub(crate) fn take(&mut self, ticket: u64) -> Option<Saving> {
        self.waiting.remove(&ticket)
    }
}

impl Coordinator {
    /// Gives a record to the store; `None` when too many wait already.
    pub(crate) fn save(&mut self, saving: Saving, record: Record) -> Option<u64> {
        if self.saves.waiting.len() >= self.limits.saves {
            return None;
        }
        self.saves.last += 1;
        let ticket = self.saves.last;
        self.saves.waiting.insert(ticket, saving);
        self.output.push_back(Output::Save { ticket, record });
        Some(ticket)
    }

    /// The store answered.
    pub(crate) fn saved(&mut self, saving: Saving, saved: bool, now: Instant) {
        match saving {
            Saving::Start(start) => self.start_saved(start, saved, now),
            Saving::Device {
                device,
                request,
                reply,
            } => self.device_saved(device, saved, request, reply, now),
            Saving::Forgotten {
                device,
                request,
                reply,
            } => self.device_forgotten(device, saved, request, reply, now),
            Saving::Address => {}
        }
    }
}
