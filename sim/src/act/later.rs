//! What happens later: stopped processes start again, what waited for them is read.

use super::*;

impl World {
    pub(crate) fn happen(&mut self, later: Later) {
        match later {
            Later::Plug(site, wans) => {
                self.note(Node::Site(site), || "*** plugged in".to_owned());
                self.plug(site, &wans);
            }
            Later::Start(node) => self.start(node),
            Later::Thaw(node) => {
                let number = self.number(node);
                self.process[number] = Process::Up;
                self.note(node, || "*** goes on".to_owned());
                match node {
                    Node::Site(site) => self.catch_up(site),
                    Node::Dc(dc) => {
                        self.reload(dc);
                        // Only now does it tell of those.
                        let now = self.now;
                        let gone = self.sites.iter_mut();
                        gone.filter_map(|site| site.removed.as_mut())
                            .for_each(|at| *at = now);
                    }
                    Node::Relay(_) | Node::Stranger => {}
                }
                self.read_buffer(node);
            }
            Later::StoreWorks(dc) => self.dcs[dc].store_works = true,
            Later::Saved {
                dc,
                life,
                ticket,
                record,
            } => {
                let process = self.process[self.number(Node::Dc(dc))];
                if self.dcs[dc].life != life || process == Process::Down {
                    return;
                }
                if process == Process::Frozen {
                    // The store's thread waits with its answer until somebody reads it.
                    let again = Later::Saved {
                        dc,
                        life,
                        ticket,
                        record,
                    };
                    self.after(FROZEN_STORE_MS, again);
                    return;
                }
                let works = self.dcs[dc].store_works;
                let store = &mut self.dcs[dc];
                // What was removed meanwhile stays removed.
                let gone = match &record {
                    Record::Device(device) | Record::Forgotten(device) => {
                        !store.saved.contains_key(&device.gateway)
                    }
                    Record::Gateway(gateway) => !store.saved.contains_key(&gateway.node),
                    Record::Relay(relay) => !store.saved.contains_key(&relay.node),
                };
                if works && !gone {
                    store.saved.insert(node_of(&record), record);
                }
                store.machine.handle_saved(ticket, works && !gone, self.now);
                self.settle(Node::Dc(dc));
            }
        }
    }

    /// A datagram for a stopped process waits in its socket's buffer, if this world has such.
    pub(crate) fn buffer(&mut self, node: Node, delivery: Delivery) {
        let number = self.number(node);
        if self.buffers && self.buffered[number].len() < BUFFERED {
            self.buffered[number].push(delivery);
        }
    }

    /// The process goes on and finds what has come meanwhile, by those sockets that it still has.
    pub(super) fn read_buffer(&mut self, node: Node) {
        let number = self.number(node);
        for delivery in std::mem::take(&mut self.buffered[number]) {
            let is_open = match node {
                Node::Site(site) => {
                    let mut wans = self.sites[site].wans.iter();
                    wans.any(|wan| {
                        wan.sockets
                            .iter()
                            .chain(&wan.spares)
                            .any(|own| *own == delivery.to)
                    })
                }
                Node::Dc(_) | Node::Relay(_) | Node::Stranger => true,
            };
            if is_open {
                self.deliver(node, delivery);
            }
        }
    }

    pub(super) fn start(&mut self, node: Node) {
        let (number, now) = (self.number(node), self.now);
        self.process[number] = Process::Up;
        self.note(node, || "*** starts again".to_owned());
        match node {
            Node::Dc(dc) => {
                let random = &mut self.random;
                let dc = &mut self.dcs[dc];
                dc.life += 1;
                dc.machine = coordinator(&dc.key, &dc.saved, &dc.groups, &dc.retired, random, now);
                dc.machine.greetings(now);
            }
            Node::Relay(at) => {
                let dc_key = &self.dcs[0].key;
                let own = &mut self.relays[at];
                own.machine = relay(&own.key, dc_key, &own.addresses, &mut self.random, now);
            }
            Node::Site(at) => {
                let site = &mut self.sites[at];
                site.setup.instance = self.random.bytes();
                site.machine = Gateway::new(site.setup.clone(), self.random.bytes(), now);
                self.catch_up(at);
            }
            Node::Stranger => {}
        }
        self.settle(node);
    }

    /// Tells a gateway what its shell would find on the system.
    pub(super) fn catch_up(&mut self, number: usize) {
        let (site, now) = (&mut self.sites[number], self.now);
        site.machine.wans_changed(site.wans.clone(), now);
        for device in &site.devices {
            if device.present {
                site.machine.device_seen(device.lan.clone(), now);
            } else {
                site.machine.device_gone(device.lan.mac, now);
            }
        }
        self.settle(Node::Site(number));
    }
}
