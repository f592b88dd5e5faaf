//! What may happen to a world, as data: drawn from a seed, done, and dropped again when a failure is made small.

mod later;

use crate::net::Delivery;
use crate::nodes::{coordinator, relay, snapshot};
use crate::packets::{Transport, inner};
use crate::spec::{Dice, WanSpec, WorldSpec, wans};
use crate::world::{Later, Node, Process, World, common_group, stranger_addresses};
use ntm_dc::Record;
use ntm_gateway::Gateway;
use ntm_proto::Path;
use ntm_proto::address::is_global;
use ntm_proto::id::{Fqdn, Label};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Datagrams that a stopped process finds when it goes on.
const BUFFERED: usize = 200;
/// How long until a store's answer to a frozen coordinator is offered again, in milliseconds.
const FROZEN_STORE_MS: u64 = 50;

/// A device: its gateway and its place there.
pub type DeviceAt = (usize, usize);

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A device sends so many packets, each so long, to another's virtual address.
    Send(DeviceAt, DeviceAt, u32, usize),
    /// A device asks for another's name.
    Resolve(DeviceAt, DeviceAt),
    /// Somebody pings a device's name at a gateway.
    Ping(usize, DeviceAt),
    /// A gateway is without WAN for so many milliseconds, then it has these.
    Move(usize, u64, Vec<WanSpec>),
    /// A process dies and starts again after so many milliseconds.
    Restart(Node, u64),
    /// A process is stopped for so many milliseconds, and goes on.
    Freeze(Node, u64),
    /// The NATs of a gateway reboot; if true they get new outside addresses.
    Reboot(usize, bool),
    /// One's line (or all) loses so many of a hundred datagrams for so many milliseconds.
    Burst(Option<Node>, u64, u64),
    /// A device leaves the LAN.
    Leave(DeviceAt),
    /// A device comes back, at a LAN address that ends in this.
    Return(DeviceAt, u8),
    /// A device calls itself something else.
    Rename(DeviceAt, u8),
    /// Its owner removes a gateway.
    Remove(usize),
    /// The two accounts get a group in common.
    Befriend,
    /// The DC's store fails for so many milliseconds.
    StoreFails(u64),
    /// A stranger sends random bytes, or what was on a wire a moment ago, whole, cut or with a bit flipped.
    Inject(Forgery, u64),
}

/// What a stranger sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// Random bytes of some kind.
    Random,
    /// A copy.
    Copy,
    /// A cut copy.
    Cut,
    /// A copy with one bit flipped.
    Flipped,
}

/// An act and the milliseconds before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// How long nothing happens before.
    pub after_ms: u64,
    /// What happens then.
    pub act: Act,
}

/// What happens in the world of this seed.
pub fn draw(seed: u64, spec: &WorldSpec) -> Vec<Step> {
    let dice = &mut Dice::new(seed, 4);
    let count = dice.between(3, 26);
    let mut steps: Vec<Step> = (0..count)
        .map(|_| Step {
            after_ms: pause(dice),
            act: act(dice, spec),
        })
        .collect();
    // Most worlds get a moment to start.
    steps[0].after_ms = if dice.chance(80) {
        4000
    } else {
        dice.between(0, 1000)
    };
    steps
}

fn pause(dice: &mut Dice) -> u64 {
    match dice.index(40) {
        0..=11 => dice.between(0, 60),
        12..=24 => dice.between(0, 2000),
        25..=37 => dice.between(500, 20_000),
        38 => dice.between(20_000, 200_000),
        _ => dice.between(100_000, 800_000),
    }
}

fn act(dice: &mut Dice, spec: &WorldSpec) -> Act {
    let site = dice.index(spec.sites.len());
    let (from, to) = (device(dice, spec), device(dice, spec));
    let lossy = spec
        .sites
        .iter()
        .flat_map(|site| &site.wans)
        .any(|wan| wan.link.loss > 0);
    match dice.index(100) {
        0..=29 => Act::Send(
            from,
            to,
            dice.between(1, 8) as u32,
            dice.pick(&[60, 200, 1280, 1400]),
        ),
        30..=37 => Act::Resolve(from, to),
        38..=43 => Act::Ping(site, to),
        44..=56 => {
            let outage = if dice.chance(50) {
                0
            } else {
                dice.between(10, 30_000)
            };
            Act::Move(site, outage, wans(dice, lossy))
        }
        57..=64 => Act::Restart(process(dice, spec, site), down(dice)),
        65..=67 => Act::Freeze(process(dice, spec, site), dice.between(100, 240_000)),
        68..=73 => Act::Reboot(site, dice.chance(50)),
        74..=79 => {
            let whose = dice.chance(70).then(|| process(dice, spec, site));
            Act::Burst(
                whose,
                dice.pick(&[10, 30, 60, 100]),
                dice.between(100, 20_000),
            )
        }
        80..=83 => Act::Leave(from),
        84..=87 => Act::Return(from, dice.between(10, 16) as u8),
        88..=89 => Act::Rename(from, dice.between(0, 5) as u8),
        90 => Act::Remove(site),
        91 => Act::Befriend,
        92 => Act::StoreFails(dice.between(100, 10_000)),
        _ => {
            let kinds = [
                Forgery::Random,
                Forgery::Copy,
                Forgery::Copy,
                Forgery::Cut,
                Forgery::Flipped,
            ];
            Act::Inject(dice.pick(&kinds), dice.between(0, u64::MAX))
        }
    }
}

fn device(dice: &mut Dice, spec: &WorldSpec) -> DeviceAt {
    let site = dice.index(spec.sites.len());
    (site, dice.index(spec.sites[site].devices))
}

fn process(dice: &mut Dice, spec: &WorldSpec, site: usize) -> Node {
    match dice.index(10) {
        0..=2 => Node::Dc(0),
        3..=5 if !spec.relays.is_empty() => Node::Relay(dice.index(spec.relays.len())),
        3..=5 => Node::Dc(0),
        _ => Node::Site(site),
    }
}

fn down(dice: &mut Dice) -> u64 {
    if dice.chance(70) {
        dice.between(0, 3000)
    } else {
        dice.between(3000, 120_000)
    }
}

impl World {
    /// Lets the pause go by and does the act.
    pub fn take(&mut self, step: &Step) {
        self.run_for(Duration::from_millis(step.after_ms));
        if self.watch.failure.is_some() {
            return;
        }
        let who = match &step.act {
            Act::Restart(node, _) | Act::Freeze(node, _) => *node,
            Act::Move(site, ..) | Act::Reboot(site, _) | Act::Ping(site, _) | Act::Remove(site) => {
                Node::Site(*site)
            }
            Act::Send((site, _), ..) | Act::Resolve((site, _), _) => Node::Site(*site),
            Act::Leave((site, _)) | Act::Return((site, _), _) | Act::Rename((site, _), _) => {
                Node::Site(*site)
            }
            Act::Burst(..) | Act::Inject(..) => Node::Stranger,
            Act::Befriend | Act::StoreFails(_) => Node::Dc(0),
        };
        self.note(who, || format!("*** {:?}", step.act));
        self.act(&step.act);
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Send(from, to, count, length) => (0..*count).for_each(|_| {
                let _ = self.send_packet(*from, *to, *length);
            }),
            Act::Resolve(from, to) => {
                let _ = self.resolve(*from, *to);
            }
            Act::Ping(site, to) => {
                let _ = self.ping(*site, *to);
            }
            Act::Move(site, 0, wans) => self.plug(*site, wans),
            Act::Move(site, outage, wans) => {
                self.plug(*site, &[]);
                self.after(*outage, Later::Plug(*site, wans.clone()));
            }
            Act::Restart(node, ms) => self.stop(*node, Process::Down, *ms),
            Act::Freeze(node, ms) => self.stop(*node, Process::Frozen, *ms),
            Act::Reboot(site, readdress) => {
                let number = self.number(Node::Site(*site));
                self.net.reboot_boxes(number, *readdress);
            }
            Act::Burst(whose, percent, ms) => {
                let until = self.now + Duration::from_millis(*ms);
                let whose = whose.map(|node| self.number(node));
                self.net.bursts.push((whose, *percent, until));
            }
            Act::Leave(device) => self.leave(*device),
            Act::Return(device, last) => self.come_back(*device, Some(*last), None),
            Act::Rename(device, name) => {
                let label = Label::parse(&format!("name{name}")).ok();
                self.come_back(*device, None, label);
            }
            Act::Remove(site) => self.remove(*site),
            Act::Befriend => {
                self.dcs[0].groups = common_group();
                self.reload(0);
            }
            Act::StoreFails(ms) => {
                self.dcs[0].store_works = false;
                self.after(*ms, Later::StoreWorks(0));
            }
            Act::Inject(forgery, luck) => self.inject(*forgery, *luck),
        }
    }

    /// A device sends a packet to another's virtual address; its number, if both have one.
    pub fn send_packet(&mut self, from: DeviceAt, to: DeviceAt, length: usize) -> Option<u32> {
        self.send_inner(Transport::Udp, from, to, length)
    }

    /// The same, of either transport.
    pub(crate) fn send_inner(
        &mut self,
        transport: Transport,
        from: DeviceAt,
        to: DeviceAt,
        length: usize,
    ) -> Option<u32> {
        let sender = &self.sites[from.0].devices[from.1];
        let vip = self.sites[to.0].devices[to.1].vip?;
        if !sender.present || from == to || !self.is_running(Node::Site(from.0)) {
            return None;
        }
        let source = sender.lan.address;
        let number = self.watch.sent(from, to, self.now);
        let packet = inner(transport, source, vip, number, length);
        let mut out = std::mem::take(&mut self.out);
        let forward = self.sites[from.0]
            .machine
            .handle_packet(&packet, &mut out, self.now);
        self.forward(Node::Site(from.0), forward.ok(), &out);
        self.out = out;
        self.settle(Node::Site(from.0));
        Some(number)
    }

    /// A device asks for another's name; the question's number, if it can.
    pub(crate) fn resolve(&mut self, from: DeviceAt, to: DeviceAt) -> Option<u64> {
        let name = Fqdn::parse(&self.sites[to.0].devices[to.1].name);
        let asker = &self.sites[from.0].devices[from.1];
        let (Ok(name), true) = (name, asker.present && self.is_running(Node::Site(from.0))) else {
            return None;
        };
        let address = asker.lan.address;
        let query = self.watch.asked(from.0, Some(to), self.now);
        self.sites[from.0]
            .machine
            .resolve(query, address, name, self.now);
        self.settle(Node::Site(from.0));
        Some(query)
    }

    /// Somebody pings a device at a gateway; the question's number, if that is possible.
    pub(crate) fn ping(&mut self, site: usize, to: DeviceAt) -> Option<u64> {
        let name = Fqdn::parse(&self.sites[to.0].devices[to.1].name);
        let (Ok(name), true) = (name, self.is_running(Node::Site(site))) else {
            return None;
        };
        let query = self.watch.pinged(site, Some(to), self.now);
        self.sites[site].machine.ping(query, name, self.now);
        self.settle(Node::Site(site));
        Some(query)
    }

    pub(crate) fn stop(&mut self, node: Node, how: Process, ms: u64) {
        let number = self.number(node);
        if self.process[number] != Process::Up {
            return;
        }
        self.process[number] = how;
        if let Node::Site(site) = node {
            match how {
                Process::Down => self.watch.forget_questions(site),
                Process::Frozen => self.watch.put_off(site, Duration::from_millis(ms)),
                Process::Up => {}
            }
        }
        self.after(
            ms,
            if how == Process::Down {
                Later::Start(node)
            } else {
                Later::Thaw(node)
            },
        );
    }

    fn leave(&mut self, (site, device): DeviceAt) {
        let running = self.is_running(Node::Site(site));
        let gone = &mut self.sites[site].devices[device];
        gone.present = false;
        let mac = gone.lan.mac;
        if running {
            self.sites[site].machine.device_gone(mac, self.now);
            self.settle(Node::Site(site));
        }
    }

    fn come_back(&mut self, (site, device): DeviceAt, last: Option<u8>, name: Option<Label>) {
        let running = self.is_running(Node::Site(site));
        let address = last.map(|last| self.lan_address(last));
        let devices = &mut self.sites[site].devices;
        let is_taken = |wanted: Ipv4Addr| {
            let mut others = devices
                .iter()
                .enumerate()
                .filter(|(at, other)| *at != device && other.present);
            others.any(|(_, other)| other.lan.address == wanted)
        };
        let wanted = address.unwrap_or(devices[device].lan.address);
        if is_taken(wanted) {
            return;
        }
        let back = &mut devices[device];
        back.present = true;
        back.lan.address = wanted;
        if name.is_some() {
            back.lan.hostname = name;
        }
        let lan = back.lan.clone();
        if running {
            self.sites[site].machine.device_seen(lan, self.now);
            self.settle(Node::Site(site));
        }
    }

    fn remove(&mut self, number: usize) {
        let missed_by = self.hard_of_hearing();
        let site = &mut self.sites[number];
        if site.removed.is_some() {
            return;
        }
        site.missed_by = missed_by;
        site.removed = Some(self.now);
        let gone = site.setup.node;
        let dc = &mut self.dcs[0];
        for record in dc.saved.values() {
            match record {
                Record::Gateway(gateway) if gateway.node == gone => {
                    dc.retired.push((gateway.vip4, gateway.vip6))
                }
                Record::Device(device) if device.gateway == gone => {
                    dc.retired.push((device.vip4, device.vip6))
                }
                Record::Gateway(_)
                | Record::Device(_)
                | Record::Forgotten(_)
                | Record::Relay(_) => {}
            }
        }
        dc.saved.retain(|node, record| {
            let of_it = matches!(record, Record::Device(device) if device.gateway == gone);
            *node != gone && !of_it
        });
        self.reload(0);
    }

    /// The DC looks at its store again, if it runs; else it will.
    fn reload(&mut self, dc: usize) {
        if self.is_running(Node::Dc(dc)) {
            let store = &mut self.dcs[dc];
            let stored = snapshot(&store.saved, &store.groups, &store.retired);
            store.machine.reload(stored, self.now);
            self.settle(Node::Dc(dc));
        }
    }

    fn inject(&mut self, forgery: Forgery, luck: u64) {
        let dice = &mut Dice::new(luck, 5);
        let Some(captured) = self.watch.some_captured(dice) else {
            return;
        };
        let (to, mut bytes) = (captured.to, captured.bytes);
        match forgery {
            Forgery::Copy => {}
            Forgery::Cut => bytes.truncate(dice.index(bytes.len())),
            Forgery::Flipped => {
                let at = dice.index(bytes.len());
                bytes[at] ^= 1 << dice.index(8);
            }
            Forgery::Random => {
                let opening = bytes[..bytes.len().min(8)].to_vec();
                bytes = (0..dice.index(300))
                    .map(|_| dice.index(256) as u8)
                    .collect();
                if dice.chance(50) && bytes.len() >= opening.len() {
                    bytes[..opening.len()].copy_from_slice(&opening);
                }
            }
        }
        // Half of them claim to be from where the captured one was. A stream of its own: old seeds stay as they are.
        if Dice::new(luck, 7).chance(50) && is_global(captured.seen.ip()) {
            return self.spoof(captured.seen, to, bytes);
        }
        let [v4, v6] = stranger_addresses();
        let ip = if to.is_ipv4() { v4 } else { v6 };
        let raced = forgery == Forgery::Copy && !captured.arrived;
        let port = self.watch.bait(bytes.len(), raced);
        let local = SocketAddr::new(ip, port);
        self.transmit(Node::Stranger, Path { local, remote: to }, bytes);
    }

    /// The stranger sends with somebody else's address.
    fn spoof(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let stranger = self.number(Node::Stranger);
        let what = (bytes.first().copied().unwrap_or(0), bytes.len());
        self.note(Node::Stranger, || format!("as {from}"));
        let sending = self.net.spoof(stranger, from, to, bytes, self.now);
        self.trace_datagram(Node::Stranger, sending.fate, what, to);
    }
}

fn node_of(record: &Record) -> ntm_proto::id::NodeId {
    match record {
        Record::Gateway(record) => record.node,
        Record::Relay(record) => record.node,
        Record::Device(record) | Record::Forgotten(record) => record.node,
    }
}
