//! How a gateway can be reached, and how often that may change what others are told.
//!
//! Each change is said to both ends of all its tunnels. A gateway that moves does so a few times a minute; one whose
//! NAT gives it another port all the time, or that lies, must not keep its peers and relays busy. What comes too
//! fast is taken together and said a little later.

use crate::Coordinator;
use crate::rate::Bucket;
use ntm_proto::id::NodeId;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Changes of one gateway's reach that are said at once, and the time in which as many more may follow.
const CHANGES: u32 = 12;
const SPAN: Duration = Duration::from_secs(24);
/// How long changes that came too fast are gathered.
const GATHER: Duration = Duration::from_secs(1);

/// Gateways whose reach has changed too often to say so at once.
#[derive(Default)]
pub(crate) struct Restless {
    gateways: BTreeSet<NodeId>,
    due: Option<Instant>,
}

impl Restless {
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }
}

impl Coordinator {
    /// Computes a gateway's reach anew; if it differs, its tunnels may have to change.
    pub(crate) fn reach_changed(&mut self, id: NodeId, now: Instant) {
        let Some(node) = self.registry.node_mut(id) else {
            return;
        };
        if node.as_gateway().is_none() {
            return;
        }
        let reach = node.live.as_ref().map(|live| live.reach(now));
        if let Some(reach) = reach.filter(|reach| *reach != node.reach) {
            let changes = node
                .changes
                .get_or_insert_with(|| Bucket::of(CHANGES, SPAN, now));
            if changes.take(now) {
                node.reach = reach;
            } else {
                self.restless.gateways.insert(id);
                self.restless.due.get_or_insert(now + GATHER);
            }
        }
        self.reconsider_tunnels(id, now);
    }

    /// Says how the restless ones are now.
    pub(crate) fn restless_timeout(&mut self, now: Instant) {
        if self.restless.due.is_none_or(|due| due > now) {
            return;
        }
        self.restless.due = None;
        for id in std::mem::take(&mut self.restless.gateways) {
            self.reach_changed(id, now);
            self.visitor_changed(id, false, now);
        }
    }
}
