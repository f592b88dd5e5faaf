//! What DNS, the pages and the command line ask the one task that owns the machine, and who waits for the answer.

use crate::owner::{Wanted, Wish};
use crate::shell::Ways;
use ntm_gateway::status::PingReport;
use ntm_gateway::{Gateway, Unresolved};
use ntm_proto::id::{Fqdn, Identity};
use ntm_webui::Part;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;
use tokio::sync::oneshot;

/// How many questions may wait for the machine's turn: as many as there can be. The name server answers 256 at a time, the
/// command line 16, the page 32; all of a LAN may ask in the same moment.
pub(crate) const CHANNEL: usize = 320;
/// How many answers may be waited for: more than the machine itself keeps open.
const MAX_WAITING: usize = 1024;

/// One question.
pub(crate) enum Question {
    /// Who has this name? Asked for the device at `asker`.
    Name {
        asker: Ipv4Addr,
        name: Fqdn,
        reply: oneshot::Sender<Result<Identity, Unresolved>>,
    },
    /// Who has this virtual address?
    Address {
        asker: Ipv4Addr,
        address: IpAddr,
        reply: oneshot::Sender<Result<Identity, Unresolved>>,
    },
    /// How far is it to this device?
    Ping {
        name: Fqdn,
        reply: oneshot::Sender<Result<PingReport, Unresolved>>,
    },
    /// What does the gateway know?
    Show {
        what: Part,
        reply: oneshot::Sender<Value>,
    },
    /// What concerns more than the machine.
    Shell(ForShell),
}

/// What is for the shell to do.
pub(crate) enum ForShell {
    /// Which WAN shall go first?
    Prefer(Preference),
    /// The owner knows why the gateway of this name has another key; the tunnels then, or why not.
    Accept {
        name: String,
        reply: oneshot::Sender<Result<Value, String>>,
    },
    /// Something is to be different about a device; which, or why not.
    Device {
        wish: Wish,
        reply: oneshot::Sender<Result<Wanted, String>>,
    },
    /// The file says this now: do it. `is_handed`: who writes it for us has us read it later. The devices as they are then.
    DeviceSaid {
        wanted: Wanted,
        is_handed: bool,
        reply: oneshot::Sender<Result<Value, String>>,
    },
    /// What of the configuration has changed? The policies in force then, or why not all of it could be taken up.
    Reload(oneshot::Sender<Result<Value, String>>),
    /// End, and start anew.
    Restart,
}

/// A person's choice among the WANs.
pub(crate) struct Preference {
    /// The WAN's name; `None`: none of them.
    pub(crate) name: Option<String>,
    /// The WANs as they are then, or why not.
    pub(crate) reply: oneshot::Sender<Result<Value, String>>,
}

enum Waiter {
    Identity(oneshot::Sender<Result<Identity, Unresolved>>),
    Ping(oneshot::Sender<Result<PingReport, Unresolved>>),
}

/// Who waits for which of the machine's answers.
#[derive(Default)]
pub(crate) struct Waiting {
    next: u64,
    waiters: HashMap<u64, Waiter>,
}

impl Waiting {
    /// Puts a question to the machine. Who asks when too many wait is told nothing, and asks again. Returns what is for
    /// the shell to do.
    pub(crate) fn ask(
        &mut self,
        question: Question,
        gateway: &mut Gateway,
        ways: &mut Ways,
        now: Instant,
    ) -> Option<ForShell> {
        match question {
            Question::Name { asker, name, reply } => {
                if let Some(query) = self.enter(Waiter::Identity(reply)) {
                    gateway.resolve(query, asker, name, now);
                }
            }
            Question::Address {
                asker,
                address,
                reply,
            } => {
                if let Some(query) = self.enter(Waiter::Identity(reply)) {
                    gateway.resolve_address(query, asker, address, now);
                }
            }
            Question::Ping { name, reply } => {
                if let Some(query) = self.enter(Waiter::Ping(reply)) {
                    gateway.ping(query, name, now);
                }
            }
            // Nobody listens any more: fine.
            Question::Show { what, reply } => drop(reply.send(show(gateway, ways, what, now))),
            Question::Shell(for_shell) => return Some(for_shell),
        }
        None
    }

    /// Gives the answer to who waits for it.
    pub(crate) fn answer(&mut self, query: u64, result: Result<Identity, Unresolved>) {
        if let Some(Waiter::Identity(reply)) = self.waiters.remove(&query) {
            drop(reply.send(result));
        }
    }

    /// Gives the answer to who waits for it.
    pub(crate) fn pong(&mut self, query: u64, result: Result<PingReport, Unresolved>) {
        if let Some(Waiter::Ping(reply)) = self.waiters.remove(&query) {
            drop(reply.send(result));
        }
    }

    fn enter(&mut self, waiter: Waiter) -> Option<u64> {
        if self.waiters.len() >= MAX_WAITING {
            self.waiters.retain(|_, waiter| match waiter {
                Waiter::Identity(reply) => !reply.is_closed(),
                Waiter::Ping(reply) => !reply.is_closed(),
            });
            if self.waiters.len() >= MAX_WAITING {
                return None;
            }
        }
        self.next += 1;
        self.waiters.insert(self.next, waiter);
        Some(self.next)
    }
}

fn show(gateway: &Gateway, ways: &mut Ways, what: Part, now: Instant) -> Value {
    match what {
        Part::Status => json!(gateway.status(now)),
        Part::Devices => json!(gateway.devices()),
        Part::Tunnels => json!(gateway.tunnels(now)),
        Part::Wans => ways.report(gateway, now),
        Part::Handovers => json!(gateway.handovers(now)),
        Part::Policies => json!(gateway.policies()),
    }
}
