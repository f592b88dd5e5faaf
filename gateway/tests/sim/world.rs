//! A whole NTM world in one thread: a DC, a relay and gateways, joined by [`Net`], under a clock that only jumps.
//!
//! The same rule as in the shells holds and is checked: after every call the machine's outputs are drained to the
//! end, so nothing is ever left waiting for a wake-up that does not come.

#[path = "nodes.rs"]
mod nodes;

use crate::net::{Delivery, Mapping, Nat, Net};
use nodes::{DC_V4, DC_V6, RS_V4, RS_V6, coordinator, gateway_setup, relay};
use ntm_dc::{Coordinator, GatewayRecord, Record, RelayRecord};
use ntm_gateway::{Gateway, LanDevice, Offload, Output, Reject, Setup, Unresolved, Wan};
use ntm_proto::id::{Fqdn, Identity, Label, NodeId};
use ntm_proto::key::SecretKey;
use ntm_proto::random::Random;
use ntm_proto::{Forward, Path};
use ntm_relay::Relay;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

pub const DC: usize = 0;
pub const RS: usize = 1;
pub const CAR: usize = 2;
pub const HOME: usize = 3;

/// What a gateway's WAN is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WanKind {
    Global,
    Nat(Mapping),
    V6,
}

/// A gateway and what came out of it.
pub struct Site {
    pub setup: Setup,
    pub gateway: Gateway,
    wans: Vec<Wan>,
    lan: Vec<LanDevice>,
    /// Packets for the LAN.
    pub delivered: Vec<Vec<u8>>,
    pub answers: BTreeMap<u64, Result<Identity, Unresolved>>,
    pub pongs: BTreeMap<u64, Result<ntm_gateway::status::PingReport, Unresolved>>,
    pub events: Vec<ntm_gateway::Event>,
    /// The other domains it knows.
    pub domains: Vec<Fqdn>,
}

pub struct World {
    pub now: Instant,
    pub net: Net,
    pub random: Random,
    pub dc: Coordinator,
    dc_key: SecretKey,
    pub saved: BTreeMap<NodeId, Record>,
    /// Whether the DC's store works.
    pub store_works: bool,
    pub relay: Relay,
    relay_key: SecretKey,
    /// Gateways by node number, from [`CAR`] on.
    pub sites: BTreeMap<usize, Site>,
    out: Vec<u8>,
}

impl World {
    /// A world whose two gateways have these WANs; registered nowhere yet.
    pub fn new(seed: u8, car: WanKind, home: WanKind) -> Self {
        Self::with(seed, &[("car".to_owned(), car), ("home".to_owned(), home)])
    }

    /// A world of one car and so many homes, all with public addresses.
    #[allow(dead_code, reason = "for the benchmark")]
    pub fn crowd(seed: u8, homes: usize) -> Self {
        let homes = (0..homes).map(|number| format!("home-{number}"));
        let names = ["car".to_owned()].into_iter().chain(homes);
        let gateways: Vec<_> = names.map(|name| (name, WanKind::Global)).collect();
        Self::with(seed, &gateways)
    }

    fn with(seed: u8, gateways: &[(String, WanKind)]) -> Self {
        let mut random = Random::from_seed([seed; 32]);
        let now = Instant::now();
        let mut net = Net::new(Duration::from_millis(20));
        let (dc_key, relay_key) = (
            SecretKey::generate(&mut random),
            SecretKey::generate(&mut random),
        );
        let relay_record = RelayRecord {
            node: NodeId::from_random(random.bytes()),
            name: Label::parse("rs").unwrap(),
            key: relay_key.public(),
            epoch: 0,
            instance: None,
            last_address: None,
        };
        let mut saved = BTreeMap::from([(relay_record.node, Record::Relay(relay_record))]);
        for address in [DC_V4, DC_V6] {
            net.own(DC, address.parse::<SocketAddr>().unwrap().ip());
        }
        for address in [RS_V4, RS_V6] {
            net.own(RS, address.parse::<SocketAddr>().unwrap().ip());
        }
        let mut setups = Vec::new();
        for ((name, _), host) in gateways.iter().zip(2..) {
            let setup = gateway_setup(name, host, &dc_key, &mut random);
            let record = GatewayRecord {
                node: setup.node,
                account: 1,
                name: Label::parse(name).unwrap(),
                key: setup.key.public(),
                epoch: 0,
                instance: None,
                vip4: setup.vip4,
                vip6: setup.vip6,
                last_address: None,
            };
            saved.insert(setup.node, Record::Gateway(record));
            setups.push(setup);
        }
        let dc = coordinator(&dc_key, &saved, &mut random, now);
        let relay = relay(&relay_key, &dc_key, &mut random, now);
        let mut world = Self {
            now,
            net,
            random,
            dc,
            dc_key,
            saved,
            store_works: true,
            relay,
            relay_key,
            sites: BTreeMap::new(),
            out: Vec::new(),
        };
        for (number, setup) in (CAR..).zip(setups) {
            let gateway = Gateway::new(setup.clone(), world.random.bytes(), now);
            let site = Site {
                setup,
                gateway,
                wans: Vec::new(),
                lan: Vec::new(),
                delivered: Vec::new(),
                answers: BTreeMap::new(),
                pongs: BTreeMap::new(),
                events: Vec::new(),
                domains: Vec::new(),
            };
            world.sites.insert(number, site);
        }
        for (number, (_, kind)) in (CAR..).zip(gateways) {
            world.plug(number, *kind);
        }
        world
    }

    /// The gateway's WAN is now a fresh one of this kind.
    pub fn plug(&mut self, number: usize, kind: WanKind) {
        self.net.unplug(number);
        // The inside address is the same everywhere on purpose, and so is the LAN's.
        let (address, outside) = match kind {
            WanKind::Global => (global(number), None),
            WanKind::Nat(Mapping::Firewall) => (global(number), Some(global(number))),
            WanKind::Nat(_) => (
                "10.0.0.2".to_owned(),
                Some(format!("192.0.2.{}", self.net.nats.len() + 1)),
            ),
            WanKind::V6 => (
                format!("2001:db8:{number}::{}", self.net.nats.len() + 1),
                None,
            ),
        };
        let ip = address.parse().unwrap();
        match (kind, outside) {
            (WanKind::Nat(mapping), Some(outside)) => {
                self.net.nats.push(Nat::new(&outside, mapping));
                self.net.put_behind(number, ip, self.net.nats.len() - 1);
            }
            _ => self.net.own(number, ip),
        }
        let sockets = vec![SocketAddr::new(ip, 4750)];
        let wans = vec![Wan {
            id: 0,
            name: "wan0".to_owned(),
            sockets,
            spares: vec![SocketAddr::new(ip, 4799)],
            metered: false,
            last_resort: false,
        }];
        let (site, now) = (self.sites.get_mut(&number).unwrap(), self.now);
        site.wans = wans.clone();
        site.gateway.wans_changed(wans, now);
        self.drain(number);
    }

    /// A device joins the gateway's LAN.
    pub fn join(&mut self, number: usize, host: u8, hostname: &str) {
        let device = LanDevice {
            mac: [2, 0, 0, 0, number as u8, host],
            address: Ipv4Addr::new(192, 168, 1, host),
            hostname: Label::parse(hostname).ok(),
        };
        let (site, now) = (self.sites.get_mut(&number).unwrap(), self.now);
        site.lan.push(device.clone());
        site.gateway.device_seen(device, now);
        self.drain(number);
    }

    /// The process of a gateway dies and starts again: keys, tunnels and tables are gone, its files are not.
    pub fn restart_gateway(&mut self, number: usize) {
        let seed = self.random.bytes();
        let instance = self.random.bytes();
        let (site, now) = (self.sites.get_mut(&number).unwrap(), self.now);
        site.setup.instance = instance;
        site.gateway = Gateway::new(site.setup.clone(), seed, now);
        site.gateway.wans_changed(site.wans.clone(), now);
        for device in site.lan.clone() {
            site.gateway.device_seen(device, now);
        }
        self.drain(number);
    }

    /// The DC's process dies and starts again from its store.
    pub fn restart_dc(&mut self) {
        self.dc = coordinator(&self.dc_key, &self.saved, &mut self.random, self.now);
        self.dc.greetings(self.now);
        self.drain(DC);
    }

    /// The relay's process dies and starts again.
    pub fn restart_relay(&mut self) {
        self.relay = relay(&self.relay_key, &self.dc_key, &mut self.random, self.now);
        self.drain(RS);
    }

    /// A LAN host sends an IP packet.
    pub fn send_packet(&mut self, number: usize, packet: &[u8]) {
        let (site, now) = (self.sites.get_mut(&number).unwrap(), self.now);
        let mut out = std::mem::take(&mut self.out);
        let forward = site.gateway.handle_packet(packet, &mut out, now);
        self.forward(number, forward.ok(), &out);
        self.out = out;
        self.drain(number);
    }

    /// The kernel hands over a super-packet of a LAN host.
    pub fn send_super_packet(
        &mut self,
        number: usize,
        packet: &[u8],
        offload: Offload,
    ) -> Result<(), Reject> {
        let (site, now) = (self.sites.get_mut(&number).unwrap(), self.now);
        let mut out = Vec::new();
        let handled = site
            .gateway
            .handle_super_packet(packet, offload, &mut out, now);
        if let Ok(handled) = handled {
            for piece in out.chunks(handled.length.max(1)) {
                self.forward(number, Some(handled.forward), piece);
            }
        }
        self.drain(number);
        handled.map(drop)
    }

    /// The gateway starts again on another processor.
    pub fn set_aes(&mut self, number: usize, aes: bool) {
        self.sites.get_mut(&number).unwrap().setup.aes = aes;
        self.restart_gateway(number);
    }

    /// A LAN host asks for a name.
    pub fn resolve(&mut self, number: usize, query: u64, asker: u8, name: &str) {
        let (site, now) = (self.sites.get_mut(&number).unwrap(), self.now);
        site.gateway.resolve(
            query,
            Ipv4Addr::new(192, 168, 1, asker),
            Fqdn::parse(name).unwrap(),
            now,
        );
        self.drain(number);
    }

    /// Somebody types `ntm-gateway ping`.
    pub fn ping(&mut self, number: usize, query: u64, name: &str) {
        let (site, now) = (self.sites.get_mut(&number).unwrap(), self.now);
        site.gateway.ping(query, Fqdn::parse(name).unwrap(), now);
        self.drain(number);
    }

    /// Somebody on the path sends a datagram once more, as it was seen.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.net.replay(from, to, bytes, self.now);
    }

    /// Lets `span` go by.
    pub fn run_for(&mut self, span: Duration) {
        self.run_until(span, |_| false);
    }

    /// Lets time go by until `done`, at most `limit`; whether it came to be.
    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        let mut steps = 0u64;
        while !done(self) {
            steps += 1;
            assert!(steps < 5_000_000, "the world spins without time going by");
            let Some(next) = self.next_at().filter(|next| *next <= end) else {
                self.now = end;
                return done(self);
            };
            self.now = self.now.max(next);
            self.step();
        }
        true
    }

    fn next_at(&self) -> Option<Instant> {
        let sites = self
            .sites
            .values()
            .filter_map(|site| site.gateway.poll_timeout());
        let others = [
            self.net.next_at(),
            self.dc.poll_timeout(),
            self.relay.poll_timeout(),
        ];
        others.into_iter().flatten().chain(sites).min()
    }

    fn step(&mut self) {
        while let Some((node, delivery)) = self.net.arrived(self.now) {
            self.deliver(node, delivery);
        }
        let now = self.now;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.dc.poll_timeout()) {
            self.dc.handle_timeout(now);
            self.drain(DC);
        }
        if is_due(self.relay.poll_timeout()) {
            self.relay.handle_timeout(now);
            self.drain(RS);
        }
        for number in self.sites.keys().copied().collect::<Vec<_>>() {
            let site = self.sites.get_mut(&number).unwrap();
            if is_due(site.gateway.poll_timeout()) {
                site.gateway.handle_timeout(now);
                self.drain(number);
            }
        }
    }

    fn deliver(&mut self, node: usize, delivery: Delivery) {
        let path = Path {
            local: delivery.to,
            remote: delivery.from,
        };
        match node {
            DC => {
                let _ = self.dc.handle_datagram(path, &delivery.bytes, self.now);
            }
            RS => {
                let forward = self.relay.handle_datagram(path, &delivery.bytes, self.now);
                self.forward(RS, forward.ok(), &delivery.bytes);
            }
            number => {
                let site = self.sites.get_mut(&number).unwrap();
                let mut bytes = delivery.bytes;
                let packet = site.gateway.handle_datagram(path, &mut bytes, self.now);
                if let Ok(Some(packet)) = packet {
                    site.delivered.push(bytes[packet].to_vec());
                }
            }
        }
        self.drain(node);
    }

    fn forward(&mut self, node: usize, forward: Option<Forward>, bytes: &[u8]) {
        match forward {
            Some(Forward::Udp(path)) => self.transmit(node, path, bytes.to_vec()),
            Some(Forward::Tun) => self
                .sites
                .get_mut(&node)
                .unwrap()
                .delivered
                .push(bytes.to_vec()),
            Some(Forward::Nowhere) | None => {}
        }
    }

    fn transmit(&mut self, node: usize, path: Path, bytes: Vec<u8>) {
        let local = match (
            path.local.ip().is_unspecified(),
            node,
            path.remote.is_ipv4(),
        ) {
            (false, _, _) => path.local,
            (true, DC, true) => DC_V4.parse().unwrap(),
            (true, DC, false) => DC_V6.parse().unwrap(),
            (true, _, true) => RS_V4.parse().unwrap(),
            (true, _, false) => RS_V6.parse().unwrap(),
        };
        self.net.send(node, local, path.remote, bytes, self.now);
    }

    /// Does what a machine wants done, to the end.
    fn drain(&mut self, node: usize) {
        match node {
            DC => self.drain_dc(),
            RS => {
                while let Some(output) = self.relay.poll_output() {
                    match output {
                        ntm_relay::Output::Send { path, datagram } => {
                            self.transmit(RS, path, datagram)
                        }
                        ntm_relay::Output::Event(_) => {}
                    }
                }
            }
            number => self.drain_gateway(number),
        }
    }

    fn drain_dc(&mut self) {
        while let Some(output) = self.dc.poll_output() {
            match output {
                ntm_dc::Output::Send { path, datagram } => self.transmit(DC, path, datagram),
                ntm_dc::Output::Save { ticket, record } => {
                    if self.store_works {
                        self.saved.insert(node_of(&record), record);
                    }
                    self.dc.handle_saved(ticket, self.store_works, self.now);
                }
                ntm_dc::Output::FindDomain { .. } | ntm_dc::Output::Event(_) => {}
            }
        }
    }

    fn drain_gateway(&mut self, number: usize) {
        while let Some(output) = self.sites.get_mut(&number).unwrap().gateway.poll_output() {
            let site = self.sites.get_mut(&number).unwrap();
            match output {
                Output::Send { path, datagram } | Output::Probe { path, datagram } => {
                    self.transmit(number, path, datagram)
                }
                Output::Deliver(packet) => site.delivered.push(packet),
                Output::Answer { query, result } => {
                    assert!(
                        site.answers.insert(query, result).is_none(),
                        "one answer for each question"
                    );
                }
                Output::Pong { query, result } => {
                    assert!(
                        site.pongs.insert(query, result).is_none(),
                        "one answer for each ping"
                    );
                }
                Output::Domains(domains) => site.domains = domains,
                Output::Event(event) => site.events.push(event),
            }
        }
    }
}

/// The public address of a gateway: 198.51.100.20, 198.51.100.30 and so on.
fn global(number: usize) -> String {
    let first = u32::from(Ipv4Addr::new(198, 51, 100, 0));
    Ipv4Addr::from(first + 10 * number as u32).to_string()
}

fn node_of(record: &Record) -> NodeId {
    match record {
        Record::Gateway(record) => record.node,
        Record::Relay(record) => record.node,
        Record::Device(record) | Record::Forgotten(record) => record.node,
    }
}
