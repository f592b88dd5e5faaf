//! What must hold in every world at every moment, whatever happens in it.

mod questions;

use crate::act::DeviceAt;
use crate::attack::Loot;
use crate::net::{Delivery, Sending};
use crate::packets::{MARKER, is_tcp, read};
use crate::spec::Dice;
use crate::world::{Node, World, stranger_addresses};
use ntm_gateway::Unresolved;
use ntm_gateway::status::PingReport;
use ntm_proto::id::Identity;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A question or a ping is answered within this.
const PATIENCE: Duration = Duration::from_millis(5100);
/// Datagrams kept for the stranger.
const CAPTURED: usize = 48;
/// Calls at one moment after which a machine spins.
const SPIN: u32 = 12;
/// Timeouts of one machine in one minute after which it hardly sleeps.
const RESTLESS: u32 = 6000;
/// Datagrams of a whole world in one minute that are a storm.
const STORM: u64 = 8000;
/// How long after its removal a gateway's last datagrams may still arrive.
const REMOVED_FOR: Duration = Duration::from_secs(30);

/// How long one end has new keys before both use them, at most: a relay may be dead meanwhile.
const ADOPTED_WITHIN: Duration = Duration::from_secs(15);

/// The stranger's first port.
const BAITS: u16 = 20_000;
/// What is said of a node on whose wire bytes look like a device's LAN address. Sealed bytes do that by chance.
pub(crate) const LEAKS: &str = "sends a LAN address in clear to";

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When, from the world's start.
    pub at: Duration,
    /// Which.
    pub what: String,
}

/// Why a machine was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Its timeout was due.
    Due,
}

/// A datagram as the stranger may have seen it.
#[derive(Clone)]
pub(crate) struct Captured {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    /// Its source as it is seen in the core.
    pub(crate) seen: SocketAddr,
    number: u64,
    /// Whether a running process has had it.
    pub(crate) arrived: bool,
}

/// What the stranger sent from one of its ports, and what came back to that.
struct Bait {
    length: usize,
    got: usize,
    /// Whether it is a copy that may come before its original: then its receiver takes the stranger for somebody who
    /// has moved, until it does not answer.
    raced: bool,
    receiver: Option<Node>,
}

struct Sent {
    from: DeviceAt,
    to: DeviceAt,
    /// When it was sent.
    at: Instant,
    /// How often it arrived.
    arrived: u8,
}

struct Question {
    site: usize,
    about: Option<DeviceAt>,
    deadline: Instant,
    is_ping: bool,
}

/// What is remembered in order to judge.
pub struct Watch {
    /// The first rule that was broken.
    pub failure: Option<Failure>,
    /// Things that machines did.
    pub outputs: u64,
    /// What the stranger sent, each from a port of its own.
    baits: Vec<Bait>,
    packets: Vec<Sent>,
    questions: BTreeMap<u64, Question>,
    next_question: u64,
    /// Questions that were answered with an address.
    told: BTreeSet<u64>,
    captured: VecDeque<Captured>,
    /// For each node: calls at one moment, calls in one minute.
    spinning: Vec<(Instant, u32)>,
    restless: Vec<(Instant, u32)>,
    /// The minute that is counted; the datagrams and the devices' packets before it.
    minute: (Instant, u64, usize),
    /// Answers: good, and not.
    pub answers: (u64, u64),
    /// Packets that arrived.
    pub arrived: u64,
    /// The numbers of those since somebody last looked, if somebody wants to know.
    pub inbox: Option<Vec<u32>>,
    /// What attackers got, if there are any.
    pub loot: Option<Loot>,
}

impl Watch {
    pub(crate) fn new(nodes: usize, now: Instant) -> Self {
        Self {
            failure: None,
            outputs: 0,
            baits: Vec::new(),
            packets: Vec::new(),
            questions: BTreeMap::new(),
            next_question: 1,
            told: BTreeSet::new(),
            captured: VecDeque::new(),
            spinning: vec![(now, 0); nodes],
            restless: vec![(now, 0); nodes],
            minute: (now, 0, 0),
            answers: (0, 0),
            arrived: 0,
            inbox: None,
            loot: None,
        }
    }

    pub(crate) fn sent(&mut self, from: DeviceAt, to: DeviceAt, at: Instant) -> u32 {
        let arrived = 0;
        self.packets.push(Sent {
            from,
            to,
            at,
            arrived,
        });
        self.packets.len() as u32 - 1
    }

    /// Whether packet `number` arrived.
    pub fn has_arrived(&self, number: u32) -> bool {
        self.packets
            .get(number as usize)
            .is_some_and(|sent| sent.arrived > 0)
    }

    pub(crate) fn asked(&mut self, site: usize, about: Option<DeviceAt>, now: Instant) -> u64 {
        self.question(site, about, false, now)
    }

    pub(crate) fn pinged(&mut self, site: usize, about: Option<DeviceAt>, now: Instant) -> u64 {
        self.question(site, about, true, now)
    }

    fn question(
        &mut self,
        site: usize,
        about: Option<DeviceAt>,
        is_ping: bool,
        now: Instant,
    ) -> u64 {
        let number = self.next_question;
        self.next_question += 1;
        let deadline = now + PATIENCE;
        self.questions.insert(
            number,
            Question {
                site,
                about,
                deadline,
                is_ping,
            },
        );
        number
    }

    /// Whether this question has no answer yet.
    pub(crate) fn is_open(&self, query: u64) -> bool {
        self.questions.contains_key(&query)
    }

    /// Whether this question was answered with an address; that it is the right one is checked where it arrives.
    pub(crate) fn was_told(&self, query: u64) -> bool {
        self.told.contains(&query)
    }

    /// The process that was asked is gone.
    pub(crate) fn forget_questions(&mut self, site: usize) {
        self.questions.retain(|_, question| question.site != site);
    }

    /// The process that was asked is stopped.
    pub(crate) fn put_off(&mut self, site: usize, by: Duration) {
        let of_it = self
            .questions
            .values_mut()
            .filter(|question| question.site == site);
        of_it.for_each(|question| question.deadline += by);
    }

    pub(crate) fn some_captured(&self, dice: &mut Dice) -> Option<Captured> {
        if self.captured.is_empty() {
            return None;
        }
        // The newest are the ones whose originals may still be under way.
        let length = self.captured.len();
        let at = if dice.chance(60) {
            length - 1 - dice.index(length.min(4))
        } else {
            dice.index(length)
        };
        self.captured.get(at).cloned()
    }

    /// The stranger sends so many bytes; the port from which it does.
    pub(crate) fn bait(&mut self, length: usize, raced: bool) -> u16 {
        let port = BAITS + self.baits.len() as u16;
        self.baits.push(Bait {
            length,
            got: 0,
            raced,
            receiver: None,
        });
        port
    }

    /// A running process has a datagram.
    pub(crate) fn delivered(&mut self, node: Node, delivery: &Delivery) {
        if let Some(bait) = bait_of(&mut self.baits, delivery.from) {
            // What the network doubles counts twice.
            let again = bait.receiver.replace(node).is_some();
            bait.length += if again { delivery.bytes.len() } else { 0 };
        }
        let number = delivery.number;
        let same = self.captured.iter_mut().find(|it| it.number == number);
        if let Some(captured) = same {
            captured.arrived = true;
        }
    }

    /// Notes that a machine was called, and that it is due next at `due`.
    pub(crate) fn called(&mut self, _: Call, node: usize, due: Option<Instant>, now: Instant) {
        let spinning = &mut self.spinning[node];
        if spinning.0 != now {
            *spinning = (now, 0);
        }
        spinning.1 += u32::from(due.is_some_and(|due| due <= now));
        let restless = &mut self.restless[node];
        if now.duration_since(restless.0) >= Duration::from_secs(60) {
            *restless = (now, 0);
        }
        restless.1 += 1;
    }
}

impl World {
    /// Notes that a rule is broken.
    pub fn fail(&mut self, what: String) {
        let at = self.now - self.born;
        self.watch.failure.get_or_insert(Failure { at, what });
    }

    /// Whether the keys between these two gateways may have come into use after `then`.
    fn has_new_keys(&self, one: usize, other: usize, then: Instant) -> bool {
        let name = self.sites[other].setup.name.to_string();
        let tunnels = self.sites[one].machine.tunnels(self.now);
        let born = |age_s| self.now.checked_sub(Duration::from_secs(age_s));
        let mut ages = tunnels
            .iter()
            .filter(|it| it.peer == name)
            .map(|it| it.age_s);
        ages.any(|age_s| born(age_s).is_none_or(|born| born + ADOPTED_WITHIN >= then))
    }

    /// Whether the groups let devices of these gateways talk, now or a moment ago.
    pub fn is_allowed(&self, one: usize, other: usize) -> bool {
        let friends = self.sites[one].account == self.sites[other].account;
        let friends = friends || !self.dcs[0].groups.is_empty();
        friends && !self.is_parted(one, other) && !self.is_parted(other, one)
    }

    /// Whether `gone` has been removed, and `other` knows: it is told once, and not again if that is lost. While the DC
    /// stands still it tells nobody.
    fn is_parted(&self, gone: usize, other: usize) -> bool {
        let site = &self.sites[gone];
        let long = |at: Instant| self.now.duration_since(at) > REMOVED_FOR;
        let told = site.removed.is_some_and(long) && self.is_running(Node::Dc(0));
        told && !site.missed_by.contains(&other)
    }

    /// Gateways that may not hear that another is removed just now. A DC that has started anew does not remember
    /// who has tunnels with whom, so then nobody does.
    pub(crate) fn hard_of_hearing(&self) -> BTreeSet<usize> {
        let hears = |number: &usize| {
            let site = &self.sites[*number];
            let lossless = site.specs.iter().all(|wan| wan.link.loss == 0);
            let state = site.machine.status(self.now).dc.state;
            let up = self.dcs[0].life == 0
                && self.is_running(Node::Dc(0))
                && self.is_running(Node::Site(*number));
            up && lossless && self.net.bursts.is_empty() && state == "registered"
        };
        (0..self.sites.len())
            .filter(|number| !hears(number))
            .collect()
    }

    /// What people call it.
    pub fn name(&self, node: Node) -> String {
        match node {
            Node::Dc(_) => "DC".to_owned(),
            Node::Relay(number) => format!("RS{number}"),
            Node::Site(number) => format!("GW{number}"),
            Node::Stranger => "stranger".to_owned(),
        }
    }

    pub(crate) fn check_wire(
        &mut self,
        node: Node,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) {
        if let Node::Site(number) = node {
            let site = &self.sites[number];
            let mut own = site
                .wans
                .iter()
                .flat_map(|wan| wan.sockets.iter().chain(&wan.spares));
            let owns = own.any(|socket| *socket == from);
            if !owns || from.is_ipv4() != to.is_ipv4() {
                self.fail(format!(
                    "GW{number} sends from {from}, which it does not have, to {to}"
                ));
            }
        }
        if node == Node::Stranger {
            return;
        }
        if let Some(loot) = &mut self.watch.loot {
            loot.note(to, bytes);
        }
        if bytes.windows(MARKER.len()).any(|window| window == MARKER) {
            let node = self.name(node);
            self.fail(format!("{node} sends inner bytes in clear to {to}"));
        }
        let [a, b, c] = self.lan;
        let lan = |window: &[u8]| window[..3] == [a, b, c] && (10..16).contains(&window[3]);
        if let Some(at) = bytes.windows(4).position(lan) {
            let node = self.name(node);
            self.fail(format!("{node} {LEAKS} {to}, at byte {at}"));
        }
        if let Some(bait) = bait_of(&mut self.watch.baits, to) {
            bait.got += bytes.len();
            // A coordinator tells others where it saw the gateway.
            let is_told = matches!(bait.receiver, Some(Node::Dc(_)));
            let is_excused = bait.raced && (bait.receiver == Some(node) || is_told);
            if bait.got > bait.length && !is_excused {
                let (got, sent) = (bait.got, bait.length);
                let node = self.name(node);
                self.fail(format!("{node} answers a stranger: {got} bytes for {sent}"));
            }
        }
    }

    /// The stranger has seen a datagram on a wire.
    pub(crate) fn capture(&mut self, to: SocketAddr, bytes: Vec<u8>, sending: Sending) {
        if self.watch.captured.len() == CAPTURED {
            self.watch.captured.pop_front();
        }
        self.watch.captured.push_back(Captured {
            to,
            bytes,
            seen: sending.seen,
            number: sending.number,
            arrived: false,
        });
    }

    /// Whether this tells a device that its packets are too long: only one that sent such a packet may hear it, and no
    /// network is as narrow as to ask for less than RFC 8200 section 5.
    fn is_word_of_length(&mut self, number: usize, packet: &[u8]) -> bool {
        if packet.get(9) != Some(&1) || packet.get(20..22) != Some(&[3, 4]) || packet.len() < 56 {
            return false;
        }
        let mtu = u16::from_be_bytes([packet[26], packet[27]]);
        let quoted = &packet[28..];
        let mut devices = self.sites[number].devices.iter();
        let is_its = devices.any(|device| device.lan.address.octets() == quoted[12..16]);
        let length = u16::from_be_bytes([quoted[2], quoted[3]]);
        if !is_its || packet[16..20] != quoted[12..16] || length <= mtu || mtu < 1200 {
            self.fail(format!(
                "GW{number} tells somebody of {mtu} bytes for {length}"
            ));
        }
        true
    }

    pub(crate) fn arrived_on_lan(&mut self, number: usize, packet: &[u8]) {
        self.watch.outputs += 1;
        if self.is_word_of_length(number, packet) {
            return;
        }
        let (source, target, serial) = match read(packet) {
            Ok(read) => read,
            Err(what) => return self.fail(format!("GW{number} delivers a packet that is {what}")),
        };
        let Some(sent) = self.watch.packets.get_mut(serial as usize) else {
            return self.fail(format!(
                "GW{number} delivers packet {serial}, which nobody sent"
            ));
        };
        sent.arrived = sent.arrived.saturating_add(1);
        let (from, to, times, at) = (sent.from, sent.to, sent.arrived, sent.at);
        self.watch.arrived += 1;
        if let Some(inbox) = &mut self.watch.inbox {
            inbox.push(serial);
        }
        self.note(Node::Site(number), || {
            format!("packet {serial} of {from:?} arrives")
        });
        let device = &self.sites[to.0].devices[to.1];
        let meant = to.0 == number && device.present && device.lan.address == target;
        if !meant {
            self.fail(format!(
                "packet {serial} from {from:?} for {to:?} is delivered at GW{number} to {target}"
            ));
        }
        if self.sites[from.0].devices[from.1].vip != Some(source) {
            self.fail(format!(
                "packet {serial} from {from:?} says it is from {source}"
            ));
        }
        // Of what left before new keys nobody knows whether it arrived, and TCP, which would wait for long, drops what it has.
        let may_again = is_tcp(packet) && self.has_new_keys(number, from.0, at);
        if times > 1 && !may_again {
            self.fail(format!(
                "packet {serial} from {from:?} to {to:?} is delivered {times} times"
            ));
        }
        // Two that were both removed have nobody left to tell them.
        let is_gone = |site: usize| self.sites[site].removed.is_some();
        let told = !(is_gone(from.0) && is_gone(to.0));
        if from.0 != to.0 && told && !self.is_allowed(from.0, to.0) {
            self.fail(format!(
                "packet {serial} from {from:?} to {to:?} is delivered, and they may not talk"
            ));
        }
    }
}

fn bait_of(baits: &mut [Bait], address: SocketAddr) -> Option<&mut Bait> {
    let number = address.port().checked_sub(BAITS)?;
    let is_stranger = stranger_addresses().contains(&address.ip());
    baits.get_mut(usize::from(number)).filter(|_| is_stranger)
}

fn device_mac([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}
