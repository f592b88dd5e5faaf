//! The word that a tunnel is over, said until it is acknowledged: who misses it goes on talking to a gateway that is gone.
//!
//! It is a push like others. What nobody acknowledged is remembered, and said again when the node is heard again.

use crate::Coordinator;
use crate::push::About;
use ntm_proto::id::{NodeId, TunnelId};
use ntm_proto::message::{Message, TunnelClosed};
use std::collections::VecDeque;
use std::time::Instant;

/// Most that are remembered, of all nodes; the oldest makes room.
const LIMIT: usize = 512;

/// Who did not acknowledge the end of which tunnel, oldest first.
#[derive(Default)]
pub(crate) struct Unheard {
    all: VecDeque<(NodeId, TunnelId)>,
}

impl Unheard {
    pub(crate) fn remember(&mut self, to: NodeId, tunnel: TunnelId) {
        if self.all.len() >= LIMIT {
            self.all.pop_front();
        }
        self.all.push_back((to, tunnel));
    }

    /// A node is removed.
    pub(crate) fn forget(&mut self, to: NodeId) {
        self.all.retain(|(of, _)| *of != to);
    }

    /// What this node missed; it is not remembered any more.
    fn take(&mut self, to: NodeId) -> Vec<TunnelId> {
        let mut missed = Vec::new();
        self.all.retain(|(of, tunnel)| {
            if *of == to {
                missed.push(*tunnel);
            }
            *of != to
        });
        missed
    }
}

impl Coordinator {
    /// Tells a gateway, relay, guest or peer that a tunnel is over.
    pub(crate) fn tell_closed(&mut self, to: NodeId, tunnel: TunnelId, now: Instant) {
        // A guest may be forgotten with its last tunnel; its coordinator stays.
        let to = self.registry.guests.peer(to).unwrap_or(to);
        if !self.registry.is_own(to) && self.peers.get(to).is_none() {
            return;
        }
        let make = |sequence| Message::TunnelClosed(TunnelClosed { tunnel, sequence });
        self.pushes
            .start(to, About::Closed { tunnel, to }, make, now);
    }

    /// A node is there: what it was told in vain is told again.
    pub(crate) fn tell_closed_again(&mut self, to: NodeId, now: Instant) {
        for tunnel in self.unheard.take(to) {
            self.tell_closed(to, tunnel, now);
        }
    }

    /// A tunnel of another domain that was over is there again.
    pub(crate) fn closed_no_more(&mut self, to: NodeId, tunnel: TunnelId) {
        self.pushes.cancel(About::Closed { tunnel, to });
        self.unheard.all.retain(|missed| *missed != (to, tunnel));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_taken_once() {
        let node = |byte| NodeId::from_random([byte; 16]);
        let mut unheard = Unheard::default();
        for number in 0..=LIMIT {
            let mut tunnel = TunnelId([0; 16]);
            tunnel.0[..8].copy_from_slice(&number.to_be_bytes());
            unheard.remember(node(1 + (number % 2) as u8), tunnel);
        }
        assert_eq!(unheard.all.len(), LIMIT);
        assert_eq!(unheard.take(node(1)).len(), LIMIT / 2);
        assert!(unheard.take(node(1)).is_empty());
        unheard.forget(node(2));
        assert!(unheard.all.is_empty());
    }
}
