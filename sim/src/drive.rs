//! How time goes by: datagrams arrive, timers fire, and each machine is drained after every call.

use crate::net::{Arrival, Delivery, Fate};
use crate::watch::Call;
use crate::world::{Later, Node, Process, World, dc_addresses};
use ntm_gateway::Output;
use ntm_proto::{Forward, Path};
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One in so many steps a machine is called before it is due.
const EARLY: u64 = 40;

impl World {
    /// Lets `span` go by, or less if something is found wrong.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self.watch.failure.is_none() {
            let Some(next) = self.next_at().filter(|next| *next <= end) else {
                self.now = end;
                break;
            };
            self.now = self.now.max(next);
            self.step();
        }
        self.check_questions();
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        let running = self.process.iter().zip(&self.due);
        let due = running.filter_map(|(process, due)| due.filter(|_| *process == Process::Up));
        let later = self.later.first_key_value().map(|((at, _), _)| *at);
        due.chain(later).chain(self.net.next_at()).min()
    }

    pub(crate) fn step(&mut self) {
        while let Some(entry) = self
            .later
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now)
        {
            let later = entry.remove();
            self.happen(later);
        }
        while let Some(arrival) = self.net.arrived(self.now) {
            match arrival {
                Arrival::At(number, delivery) => self.deliver(self.nodes[number], delivery),
                Arrival::Dropped(sender, to, fate) => self.note(self.nodes[sender], || {
                    format!("its datagram to {to} ends before its receiver: {fate:?}")
                }),
            }
        }
        for number in 0..self.nodes.len() {
            let is_due = self.due[number].is_some_and(|due| due <= self.now);
            if is_due && self.process[number] == Process::Up {
                self.time_out(self.nodes[number]);
                self.watch
                    .called(Call::Due, number, self.due[number], self.now);
            }
        }
        if self.dice.between(0, EARLY) == 0 {
            self.call_early();
        }
        self.check_questions();
    }

    /// A call before the machine is due must do nothing that its `poll_timeout` did not announce.
    fn call_early(&mut self) {
        let number = self.dice.index(self.nodes.len() - 1);
        let is_early = self.due[number].is_none_or(|due| due > self.now);
        if self.process[number] == Process::Up && is_early {
            let before = self.watch.outputs;
            self.time_out(self.nodes[number]);
            if self.watch.outputs != before {
                let node = self.name(self.nodes[number]);
                self.fail(format!(
                    "{node} had something to do that its poll_timeout did not tell"
                ));
            }
        }
    }

    fn time_out(&mut self, node: Node) {
        let now = self.now;
        match node {
            Node::Dc(number) => self.dcs[number].machine.handle_timeout(now),
            Node::Relay(number) => self.relays[number].machine.handle_timeout(now),
            Node::Site(number) => self.sites[number].machine.handle_timeout(now),
            Node::Stranger => {}
        }
        self.settle(node);
    }

    pub(crate) fn deliver(&mut self, node: Node, mut delivery: Delivery) {
        match self.process[self.number(node)] {
            Process::Up => self.watch.delivered(node, &delivery),
            Process::Frozen => return self.buffer(node, delivery),
            Process::Down => return,
        }
        let path = Path {
            local: delivery.to,
            remote: delivery.from,
        };
        let bytes = &mut delivery.bytes;
        match node {
            Node::Dc(number) => {
                let dc = &mut self.dcs[number].machine;
                let result = dc.handle_datagram(path, bytes, self.now);
                self.note_refusal(node, path, result.err());
            }
            Node::Relay(number) => {
                let relay = &mut self.relays[number].machine;
                let result = relay.handle_datagram(path, bytes, self.now);
                self.forward(node, result.ok(), bytes);
                self.note_refusal(node, path, result.err());
            }
            Node::Site(number) => {
                let machine = &mut self.sites[number].machine;
                let result = machine.handle_datagram(path, bytes, self.now);
                if let Ok(Some(packet)) = &result {
                    self.arrived_on_lan(number, &bytes[packet.clone()]);
                }
                self.note_refusal(node, path, result.err());
            }
            Node::Stranger => {}
        }
        self.settle(node);
    }

    fn note_refusal(&mut self, node: Node, path: Path, reject: Option<impl Debug>) {
        if let Some(reject) = reject {
            self.note(node, || format!("refused from {}: {reject:?}", path.remote));
        }
    }

    pub(crate) fn forward(&mut self, node: Node, forward: Option<Forward>, bytes: &[u8]) {
        match (forward, node) {
            (Some(Forward::Udp(path)), _) => self.transmit(node, path, bytes.to_vec()),
            (Some(Forward::Tun), Node::Site(number)) => self.arrived_on_lan(number, bytes),
            (Some(Forward::Tun), _) => self.fail("only gateways have a LAN".to_owned()),
            (Some(Forward::Nowhere) | None, _) => {}
        }
    }

    /// A node sends a datagram.
    pub(crate) fn transmit(&mut self, node: Node, path: Path, bytes: Vec<u8>) {
        let number = self.number(node);
        let local = self.local_of(node, path);
        self.watch.outputs += 1;
        self.check_wire(node, local, path.remote, &bytes);
        let kind = bytes.first().copied().unwrap_or(0);
        let length = bytes.len();
        let seen = (node != Node::Stranger).then(|| bytes.clone());
        let sending = self.net.send(number, local, path.remote, bytes, self.now);
        if let Some(bytes) = seen {
            self.capture(path.remote, bytes, sending);
        }
        self.trace_datagram(node, sending.fate, (kind, length), path.remote);
    }

    pub(crate) fn trace_datagram(
        &mut self,
        node: Node,
        fate: Fate,
        what: (u8, usize),
        remote: SocketAddr,
    ) {
        let number = self.number(node);
        if let Some(trace) = &mut self.trace {
            let to = match fate {
                Fate::Sent(to) => Some(to),
                Fate::Lost | Fate::Blocked => None,
            };
            trace.datagram(self.now - self.born, number, to, fate, what, remote);
        }
    }

    fn local_of(&self, node: Node, path: Path) -> SocketAddr {
        if !path.local.ip().is_unspecified() {
            return path.local;
        }
        let own = match node {
            Node::Dc(_) => dc_addresses(),
            Node::Relay(number) => self.relays[number].addresses.clone(),
            Node::Site(_) | Node::Stranger => Vec::new(),
        };
        let mut same = own
            .into_iter()
            .filter(|own| own.is_ipv4() == path.remote.is_ipv4());
        same.next().unwrap_or(path.local)
    }

    /// Does what a machine wants done, to the end, and asks when it is due next.
    pub(crate) fn settle(&mut self, node: Node) {
        let due = match node {
            Node::Dc(number) => {
                self.drain_dc(number);
                self.dcs[number].machine.poll_timeout()
            }
            Node::Relay(number) => {
                while let Some(output) = self.relays[number].machine.poll_output() {
                    self.watch.outputs += 1;
                    match output {
                        ntm_relay::Output::Send { path, datagram } => {
                            self.transmit(node, path, datagram)
                        }
                        ntm_relay::Output::Event(event) => self.note(node, || format!("{event:?}")),
                    }
                }
                self.relays[number].machine.poll_timeout()
            }
            Node::Site(number) => {
                self.drain_gateway(number);
                self.sites[number].machine.poll_timeout()
            }
            Node::Stranger => None,
        };
        let number = self.number(node);
        self.due[number] = due;
    }

    fn drain_dc(&mut self, number: usize) {
        let node = Node::Dc(number);
        while let Some(output) = self.dcs[number].machine.poll_output() {
            self.watch.outputs += 1;
            match output {
                ntm_dc::Output::Send { path, datagram } => self.transmit(node, path, datagram),
                ntm_dc::Output::Save { ticket, record } => {
                    let life = self.dcs[number].life;
                    let ms = self.spec.store_ms;
                    self.after(
                        ms,
                        Later::Saved {
                            dc: number,
                            life,
                            ticket,
                            record,
                        },
                    );
                }
                ntm_dc::Output::FindDomain { domain } => {
                    self.fail(format!(
                        "the DC looks for {domain}, and there is one domain"
                    ));
                }
                ntm_dc::Output::Event(event) => self.note(node, || event.to_string()),
            }
        }
    }

    fn drain_gateway(&mut self, number: usize) {
        let node = Node::Site(number);
        while let Some(output) = self.sites[number].machine.poll_output() {
            self.watch.outputs += 1;
            match output {
                Output::Send { path, datagram } | Output::Probe { path, datagram } => {
                    self.transmit(node, path, datagram)
                }
                Output::Deliver(packet) => self.arrived_on_lan(number, &packet),
                Output::Domains(_) => {}
                Output::Answer { query, result } => self.answered(number, query, result),
                Output::Pong { query, result } => self.pong(number, query, result),
                Output::Event(event) => {
                    if let ntm_gateway::Event::DeviceNamed(identity) = &event {
                        self.named(number, identity);
                    }
                    self.note(node, || format!("{event:?}"));
                }
            }
        }
    }

    /// Writes into the trace, if there is one.
    pub(crate) fn note(&mut self, node: Node, text: impl FnOnce() -> String) {
        let number = self.number(node);
        if let Some(trace) = &mut self.trace {
            trace.note(self.now - self.born, number, text());
        }
    }
}
