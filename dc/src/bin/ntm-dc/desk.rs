//! How other tasks ask the one task that owns the coordinator and the store.
//!
//! The queue is bounded and a full queue is an answer at once: busy. Nobody waits behind a flood.

use crate::store::{Redeem, Refused};
use ntm_dc::dns::{Facts, Look};
use ntm_dc::{Presence, Record};
use ntm_proto::id::NodeId;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// Questions that may wait.
const QUEUE: usize = 256;

/// One question with the way back.
pub(crate) enum Question {
    /// From the Account Server: may this node in?
    Enrol(Redeem, oneshot::Sender<Enrolment>),
    /// From DNS.
    Look(Look, oneshot::Sender<Facts>),
    /// From the control socket.
    Control(Control, oneshot::Sender<Value>),
    /// From the operator's pages: what is known of these nodes and devices now, in their order.
    Present(Vec<NodeId>, oneshot::Sender<Vec<Option<Presence>>>),
    /// From there: the tunnels of one gateway.
    TunnelsOf(NodeId, oneshot::Sender<Value>),
}

/// How an enrolment went.
#[derive(Debug)]
pub(crate) enum Enrolment {
    /// It is in.
    Done(Box<Record>),
    /// It is not.
    Refused(Refused),
    /// The store cannot take it now.
    Failed,
}

/// What the control socket may ask, by the word in its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Control {
    /// Gateways and devices.
    Nodes,
    /// Relays.
    Relays,
    /// Tunnels.
    Tunnels,
    /// Trusted domains.
    Domains,
    /// Counts.
    Status,
    /// Read groups from the store again.
    ReloadGroups,
    /// Read the trusted domains, and the groups that have names of theirs, from the store again.
    ReloadDomains,
    /// This node was removed from the store.
    NodeRemoved([u8; 16]),
    /// Counts of what is there, and how it is spread, for the operator's page; not anew each time.
    Census,
}

/// Where to ask.
#[derive(Clone)]
pub(crate) struct Desk(mpsc::Sender<Question>);

impl Desk {
    /// A desk, and the owner's end of it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Question>) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self(sender), receiver)
    }

    /// Asks to let a node in. `None`: busy.
    pub(crate) async fn enrol(&self, redeem: Redeem) -> Option<Enrolment> {
        self.ask(|reply| Question::Enrol(redeem, reply)).await
    }

    /// Asks about the zone. `None`: busy.
    pub(crate) async fn look(&self, look: Look) -> Option<Facts> {
        self.ask(|reply| Question::Look(look, reply)).await
    }

    /// Asks for the control socket. `None`: busy.
    pub(crate) async fn control(&self, control: Control) -> Option<Value> {
        self.ask(|reply| Question::Control(control, reply)).await
    }

    /// Asks who of these is there. `None`: busy.
    pub(crate) async fn present(&self, nodes: Vec<NodeId>) -> Option<Vec<Option<Presence>>> {
        self.ask(|reply| Question::Present(nodes, reply)).await
    }

    /// Asks for one gateway's tunnels. `None`: busy.
    pub(crate) async fn tunnels_of(&self, gateway: NodeId) -> Option<Value> {
        self.ask(|reply| Question::TunnelsOf(gateway, reply)).await
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(question(reply)).ok()?;
        answer.await.ok()
    }
}
