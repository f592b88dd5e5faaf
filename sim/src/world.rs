//! A whole NTM world in one thread: a DC, relays and gateways, joined by [`Net`], under a clock that only jumps.
//!
//! The same rule as in the shells holds: after every call the machine's outputs are drained to the end. How time goes
//! by is in `drive.rs`, what is done to a world in [`crate::act`], what must hold in [`crate::watch`].

use crate::net::{Delivery, Net};
use crate::nodes::{coordinator, gateway_setup, relay};
use crate::spec::{Dice, WanSpec, WorldSpec};
use crate::trace::Trace;
use crate::watch::Watch;
use ntm_dc::{Coordinator, GatewayRecord, Record, RelayRecord};
use ntm_gateway::{Gateway, LanDevice, Setup, Wan};
use ntm_proto::id::{Label, NodeId};
use ntm_proto::key::SecretKey;
use ntm_proto::random::Random;
use ntm_relay::Relay;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

/// The port of everybody's socket.
pub const PORT: u16 = 4750;

/// The port of gateways' spare sockets.
pub(crate) const SPARE_PORT: u16 = 4799;

/// Somebody with a line to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// The coordinator of a domain.
    Dc(usize),
    /// A relay.
    Relay(usize),
    /// A gateway.
    Site(usize),
    /// Somebody who is nobody here.
    Stranger,
}

/// Whether a node's process gets to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Up,
    /// It was killed.
    Down,
    /// It was stopped, and goes on later as if nothing were.
    Frozen,
}

/// A coordinator and its store.
pub struct Dc {
    /// The machine.
    pub machine: Coordinator,
    pub(crate) key: SecretKey,
    /// What the store holds.
    pub saved: BTreeMap<NodeId, Record>,
    /// Virtual addresses of removed nodes.
    pub(crate) retired: Vec<(Ipv4Addr, std::net::Ipv6Addr)>,
    /// Who is in which group.
    pub groups: Vec<(String, i64)>,
    /// Whether the store works.
    pub store_works: bool,
    /// Counts starts, so that the store's answers to an earlier process find nobody.
    pub(crate) life: u64,
}

/// A relay.
pub struct RelayNode {
    /// The machine.
    pub machine: Relay,
    pub(crate) key: SecretKey,
    /// Where it is.
    pub addresses: Vec<SocketAddr>,
}

/// A device on a LAN.
#[derive(Clone, Debug)]
pub struct Device {
    /// What DHCP knows of it.
    pub lan: LanDevice,
    /// Whether it is there.
    pub present: bool,
    /// Its virtual address, once it had one.
    pub vip: Option<Ipv4Addr>,
    /// Its name.
    pub name: String,
}

/// A gateway, its network and its devices.
pub struct Site {
    /// The machine.
    pub machine: Gateway,
    pub(crate) setup: Setup,
    /// Whose it is.
    pub account: i64,
    /// The WANs it has now.
    pub specs: Vec<WanSpec>,
    pub(crate) wans: Vec<Wan>,
    /// Its devices.
    pub devices: Vec<Device>,
    /// Since when its owner has removed it.
    pub removed: Option<Instant>,
    /// The gateways that may have missed it.
    pub(crate) missed_by: BTreeSet<usize>,
}

/// Something that will happen.
pub(crate) enum Later {
    Plug(usize, Vec<WanSpec>),
    Start(Node),
    Thaw(Node),
    StoreWorks(usize),
    Saved {
        dc: usize,
        life: u64,
        ticket: u64,
        record: Record,
    },
}

/// The world.
pub struct World {
    /// Where it came from.
    pub spec: WorldSpec,
    /// Its start.
    pub born: Instant,
    /// Its clock.
    pub now: Instant,
    /// The network.
    pub net: Net,
    /// Coordinators, one for each domain.
    pub dcs: Vec<Dc>,
    /// Relays.
    pub relays: Vec<RelayNode>,
    /// Gateways.
    pub sites: Vec<Site>,
    /// What must hold.
    pub watch: Watch,
    /// What happened, if somebody wants to know.
    pub trace: Option<Trace>,
    pub(crate) dice: Dice,
    pub(crate) random: Random,
    pub(crate) nodes: Vec<Node>,
    pub(crate) process: Vec<Process>,
    pub(crate) due: Vec<Option<Instant>>,
    pub(crate) later: BTreeMap<(Instant, u64), Later>,
    pub(crate) sequence: u64,
    /// The number of the inside network that each gateway's newest WAN is in.
    pub(crate) places: Vec<usize>,
    pub(crate) out: Vec<u8>,
    /// Whether a stopped process keeps what comes meanwhile, and what it has.
    pub(crate) buffers: bool,
    pub(crate) buffered: Vec<Vec<Delivery>>,
    /// How all LAN addresses begin.
    pub(crate) lan: [u8; 3],
}

impl World {
    /// The world of `spec`, its gateways plugged in and their devices there, at the moment zero.
    pub fn new(spec: WorldSpec, seed: u64, traced: bool) -> Self {
        Self::with_lan(spec, seed, traced, [192, 168, 1])
    }

    /// The same with LAN addresses that begin with `lan`: nothing on any wire may differ.
    pub fn with_lan(spec: WorldSpec, seed: u64, traced: bool, lan: [u8; 3]) -> Self {
        let mut dice = Dice::new(seed, 2);
        let mut random = dice.fork();
        let now = origin();
        let mut net = Net::new(spec.core_ms, &spec.shared, Dice::new(seed, 3));
        let dc_key = SecretKey::generate(&mut random);
        let (nodes, mut saved) = (numbered(&spec), BTreeMap::new());
        for ip in dc_addresses() {
            net.host(0, ip.ip());
        }
        let stranger = nodes.len() - 1;
        for ip in stranger_addresses() {
            net.host(stranger, ip);
        }
        let mut relays = Vec::new();
        for (number, relay_spec) in spec.relays.iter().enumerate() {
            let key = SecretKey::generate(&mut random);
            let record = relay_record(number, &key, &mut random);
            saved.insert(record.node, Record::Relay(record));
            let addresses = relay_addresses(number, relay_spec.families);
            addresses
                .iter()
                .for_each(|address| net.host(1 + number, address.ip()));
            let machine = relay(&key, &dc_key, &addresses, &mut random, now);
            relays.push(RelayNode {
                machine,
                key,
                addresses,
            });
        }
        let mut sites = Vec::new();
        for (number, site) in spec.sites.iter().enumerate() {
            let setup = gateway_setup(number, &dc_key, &mut random);
            let record = gateway_record(number, &setup, site.account);
            saved.insert(setup.node, Record::Gateway(record));
            sites.push(Site {
                machine: Gateway::new(setup.clone(), random.bytes(), now),
                setup,
                account: site.account,
                specs: Vec::new(),
                wans: Vec::new(),
                devices: Vec::new(),
                removed: None,
                missed_by: BTreeSet::new(),
            });
        }
        let groups = if spec.common_group {
            common_group()
        } else {
            Vec::new()
        };
        let machine = coordinator(&dc_key, &saved, &groups, &[], &mut random, now);
        let dc = Dc {
            machine,
            key: dc_key,
            saved,
            retired: Vec::new(),
            groups,
            store_works: true,
            life: 0,
        };
        let count = nodes.len();
        let mut world = Self {
            born: now,
            now,
            net,
            dcs: vec![dc],
            relays,
            sites,
            watch: Watch::new(count, now),
            trace: traced.then(|| Trace::new(&nodes)),
            dice,
            random,
            nodes,
            process: vec![Process::Up; count],
            due: vec![None; count],
            later: BTreeMap::new(),
            sequence: 0,
            places: vec![0; spec.sites.len()],
            out: Vec::new(),
            buffers: Dice::new(seed, 8).chance(20),
            buffered: (0..count).map(|_| Vec::new()).collect(),
            lan,
            spec,
        };
        for node in world.nodes.clone() {
            world.settle(node);
        }
        for site in 0..world.sites.len() {
            world.plug(site, &world.spec.sites[site].wans.clone());
            for device in 0..world.spec.sites[site].devices {
                world.join(site, device);
            }
        }
        world
    }

    /// The node's number: its place in the network and in pictures.
    pub fn number(&self, node: Node) -> usize {
        let (dcs, relays) = (self.dcs.len(), self.relays.len());
        match node {
            Node::Dc(number) => number,
            Node::Relay(number) => dcs + number,
            Node::Site(number) => dcs + relays + number,
            Node::Stranger => self.nodes.len() - 1,
        }
    }

    /// Whether the node's process runs.
    pub fn is_running(&self, node: Node) -> bool {
        self.process[self.number(node)] == Process::Up
    }

    /// The gateway's WANs are now these.
    pub fn plug(&mut self, number: usize, wans: &[WanSpec]) {
        let node = self.number(Node::Site(number));
        self.net.unplug(node);
        let site = &mut self.sites[number];
        site.specs = wans.to_vec();
        site.wans.clear();
        for (index, spec) in wans.iter().enumerate() {
            let addresses = self.net.plug(node, index, spec);
            let on = |port| addresses.iter().map(move |ip| SocketAddr::new(*ip, port));
            site.wans.push(Wan {
                id: index as u8,
                name: format!("wan{index}"),
                sockets: on(PORT).collect(),
                spares: on(SPARE_PORT).collect(),
                metered: false,
                last_resort: false,
            });
        }
        if self.process[node] == Process::Up {
            site.machine.wans_changed(site.wans.clone(), self.now);
            self.settle(Node::Site(number));
        }
    }

    /// A device joins the gateway's LAN for the first time.
    fn join(&mut self, number: usize, device: usize) {
        let lan = LanDevice {
            mac: [2, 0, 0, 0, number as u8, device as u8],
            address: self.lan_address(10 + device as u8),
            hostname: Label::parse(&format!("d{device}")).ok(),
        };
        let site = &mut self.sites[number];
        site.devices.push(Device {
            lan: lan.clone(),
            present: true,
            vip: None,
            name: String::new(),
        });
        site.machine.device_seen(lan, self.now);
        self.settle(Node::Site(number));
    }

    pub(crate) fn lan_address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.lan;
        Ipv4Addr::new(a, b, c, last)
    }

    pub(crate) fn after(&mut self, ms: u64, later: Later) {
        self.sequence += 1;
        let at = self.now + std::time::Duration::from_millis(ms);
        self.later.insert((at, self.sequence), later);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the world's clock starts somewhere; nothing depends on where"
)]
fn origin() -> Instant {
    Instant::now()
}

fn numbered(spec: &WorldSpec) -> Vec<Node> {
    let relays = (0..spec.relays.len()).map(Node::Relay);
    let sites = (0..spec.sites.len()).map(Node::Site);
    std::iter::once(Node::Dc(0))
        .chain(relays)
        .chain(sites)
        .chain([Node::Stranger])
        .collect()
}

/// Where the coordinator is.
pub(crate) fn dc_addresses() -> Vec<SocketAddr> {
    let texts = ["203.0.113.10:4750", "[2001:db8:1::10]:4750"];
    texts
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect()
}

/// Where the stranger is.
pub(crate) fn stranger_addresses() -> [IpAddr; 2] {
    [
        Ipv4Addr::new(198, 51, 100, 66).into(),
        std::net::Ipv6Addr::new(0x2001, 0xdb8, 0x66, 0, 0, 0, 0, 0x66).into(),
    ]
}

/// The group of both accounts.
pub(crate) fn common_group() -> Vec<(String, i64)> {
    vec![("family".to_owned(), 1), ("family".to_owned(), 2)]
}

fn relay_addresses(number: usize, families: (bool, bool)) -> Vec<SocketAddr> {
    let last = 20 + number as u8;
    let v4 = IpAddr::from(Ipv4Addr::new(203, 0, 113, last));
    let v6 = IpAddr::from(std::net::Ipv6Addr::new(
        0x2001,
        0xdb8,
        1,
        0,
        0,
        0,
        0,
        u16::from(last),
    ));
    let both = [(families.0, v4), (families.1, v6)];
    both.into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, ip)| SocketAddr::new(ip, PORT))
        .collect()
}

fn relay_record(number: usize, key: &SecretKey, random: &mut Random) -> RelayRecord {
    RelayRecord {
        node: NodeId::from_random(random.bytes()),
        name: Label::parse(&format!("rs{number}")).expect("a label"),
        key: key.public(),
        epoch: 0,
        instance: None,
        last_address: None,
    }
}

fn gateway_record(number: usize, setup: &Setup, account: i64) -> GatewayRecord {
    GatewayRecord {
        node: setup.node,
        account,
        name: Label::parse(&format!("gw{number}")).expect("a label"),
        key: setup.key.public(),
        epoch: 0,
        instance: None,
        vip4: setup.vip4,
        vip6: setup.vip6,
        last_address: None,
    }
}
