//! A coordinator, its store, and nodes that talk to it through real links, on a virtual clock.

mod client;
pub mod pair;
pub mod two;

pub use client::Client;
use ntm_dc::{
    Coordinator, DomainRecord, Event, GatewayRecord, Limits, Output, Record, Reject, RelayRecord,
    Setup, Snapshot,
};
use ntm_proto::Path;
use ntm_proto::id::{DeviceKey, Fqdn, Identity, Label, NodeId, VirtualPrefixes};
use ntm_proto::key::SecretKey;
use ntm_proto::link::{Link, Received};
use ntm_proto::message::*;
use ntm_proto::random::Random;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub const DC: &str = "192.0.2.1:4750";

pub struct World {
    /// What gateways say of their NATs in Keep Alives.
    pub mapping: Mapping,
    pub domain: Fqdn,
    /// Where its DC is.
    pub address: SocketAddr,
    /// Datagrams for nobody of this world: from where, to where.
    pub strays: Vec<(Path, Vec<u8>)>,
    /// Domains that the DC asked DNS for.
    pub sought: Vec<Fqdn>,
    pub foreign: Vec<(String, Fqdn)>,
    pub domains: Vec<DomainRecord>,
    pub dc: Coordinator,
    pub now: Instant,
    pub clients: Vec<Client>,
    pub store: BTreeMap<NodeId, Record>,
    pub groups: Vec<(String, i64)>,
    pub events: Vec<Event>,
    /// Whether the store fails.
    pub broken: bool,
    /// Whether the store answers nothing.
    pub slow: bool,
    pub tickets: Vec<u64>,
    pub key: SecretKey,
    random: Random,
    starts: u8,
}

impl World {
    pub fn new() -> Self {
        Self::with_limits(Limits {
            messages_per_second: 100_000,
            ..Limits::default()
        })
    }

    pub fn with_limits(limits: Limits) -> Self {
        Self::of("ntm.test", DC, 9, limits)
    }

    pub fn of(domain: &str, address: &str, seed: u8, limits: Limits) -> Self {
        let domain = Fqdn::parse(domain).unwrap();
        let mut random = Random::from_seed([seed; 32]);
        let (key, now) = (SecretKey::generate(&mut random), Instant::now());
        let dc = Coordinator::new(
            setup(&domain, &key, limits),
            Snapshot::default(),
            [seed; 32],
            now,
        );
        Self {
            mapping: Mapping::Unknown,
            domain,
            address: address.parse().unwrap(),
            strays: Vec::new(),
            sought: Vec::new(),
            foreign: Vec::new(),
            domains: Vec::new(),
            dc,
            now,
            clients: Vec::new(),
            store: BTreeMap::new(),
            groups: Vec::new(),
            events: Vec::new(),
            broken: false,
            slow: false,
            tickets: Vec::new(),
            key,
            random,
            starts: 1,
        }
    }

    /// Enrols a gateway of `account`, seen at `outside`, with these sockets.
    pub fn gateway(&mut self, name: &str, account: i64, outside: &str, sockets: &[&str]) -> usize {
        let (node, vip4, vip6) = self.dc.reserve_identity().unwrap();
        let key = SecretKey::generate(&mut self.random);
        let record = Record::Gateway(GatewayRecord {
            node,
            account,
            name: Label::parse(name).unwrap(),
            key: key.public(),
            epoch: 0,
            instance: None,
            vip4,
            vip6,
            last_address: None,
        });
        self.enrol(node, key, record, outside, sockets, false)
    }

    pub fn relay(&mut self, name: &str, addresses: &[&str]) -> usize {
        let node = NodeId::from_random(self.random.bytes());
        let key = SecretKey::generate(&mut self.random);
        let record = Record::Relay(RelayRecord {
            node,
            name: Label::parse(name).unwrap(),
            key: key.public(),
            epoch: 0,
            instance: None,
            last_address: None,
        });
        self.enrol(node, key, record, addresses[0], addresses, true)
    }

    fn enrol(
        &mut self,
        id: NodeId,
        key: SecretKey,
        record: Record,
        outside: &str,
        sockets: &[&str],
        is_relay: bool,
    ) -> usize {
        self.store.insert(id, record.clone());
        self.dc.node_enrolled(record);
        let link = Link::new(
            key.clone(),
            self.key.public(),
            Random::from_seed(self.random.bytes()),
        );
        self.clients.push(Client {
            id,
            key,
            link,
            instance: self.random.bytes(),
            addresses: sockets.iter().map(|text| text.parse().unwrap()).collect(),
            outside: outside.parse().unwrap(),
            is_relay,
            acks: true,
            taken: 0,
            unwilling: false,
            inbox: Vec::new(),
            notices: 0,
            request: 0,
        });
        self.clients.len() - 1
    }

    /// What the store holds.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            groups: self.groups.clone(),
            foreign: self.foreign.clone(),
            domains: self.domains.clone(),
            ..Snapshot::default()
        };
        for record in self.store.values().cloned() {
            match record {
                Record::Gateway(record) => snapshot.gateways.push(record),
                Record::Relay(record) => snapshot.relays.push(record),
                Record::Device(record) => snapshot.devices.push(record),
                Record::Forgotten(record) => snapshot.retired.push((record.vip4, record.vip6)),
            }
        }
        snapshot
    }

    /// The DC dies and starts again from its store.
    pub fn restart_dc(&mut self) {
        let snapshot = self.snapshot();
        self.starts += 1;
        let limits = Limits {
            messages_per_second: 100_000,
            ..Limits::default()
        };
        self.dc = Coordinator::new(
            setup(&self.domain, &self.key, limits),
            snapshot,
            [self.starts; 32],
            self.now,
        );
    }

    /// A node's process starts again: new keys of session, new instance.
    pub fn restart(&mut self, at: usize) {
        let instance = self.random.bytes();
        let random = Random::from_seed(self.random.bytes());
        let client = &mut self.clients[at];
        client.instance = instance;
        client.link = Link::new(client.key.clone(), self.key.public(), random);
        client.inbox.clear();
        self.connect(at);
    }

    /// Brings the link up and registers.
    pub fn connect(&mut self, at: usize) {
        self.clients[at].link.connect(self.now);
        self.run();
        self.register(at);
    }

    pub fn register(&mut self, at: usize) -> u32 {
        let client = &mut self.clients[at];
        client.request += 1;
        let (request, instance, addresses) =
            (client.request, client.instance, client.addresses.clone());
        let message = if client.is_relay {
            Message::RelayRegistration(RelayRegistration {
                request,
                instance,
                addresses,
                paths: 0,
                capacity: 100,
                release: ntm_proto::release::Release::OURS,
            })
        } else {
            let addresses = addresses
                .into_iter()
                .map(|address| WanAddress { wan: 0, address })
                .collect();
            Message::RegistrationRequest(RegistrationRequest {
                request,
                instance,
                addresses,
            })
        };
        let _ = self.say(at, &message);
        request
    }

    pub fn keep_alive(
        &mut self,
        at: usize,
        local: &str,
        outside: &str,
        primary: bool,
    ) -> Result<(), Reject> {
        let client = &mut self.clients[at];
        client.request += 1;
        let local = local.parse().unwrap();
        let message = Message::KeepAlive(KeepAlive {
            request: client.request,
            wan: 0,
            local,
            primary,
            mapping: self.mapping,
            next: 0,
            release: ntm_proto::release::Release::OURS,
        });
        self.say_from(at, outside.parse().unwrap(), &message)
    }

    /// Asks for a device's identity.
    pub fn device(&mut self, at: usize, key: u8, label: &str) -> Option<Result<Identity, Refusal>> {
        self.device_by_key(at, DeviceKey([key; 16]), Label::parse(label).ok())
    }

    /// Says what a device's owner wants: a name, or `None` to have it forgotten.
    pub fn order(
        &mut self,
        at: usize,
        key: u8,
        name: Option<&str>,
    ) -> Option<Result<Identity, Refusal>> {
        let client = &mut self.clients[at];
        client.request += 1;
        let request = client.request;
        let order = DeviceOrder {
            request,
            key: DeviceKey([key; 16]),
            name: name.map(|name| Label::parse(name).unwrap()),
        };
        let _ = self.say(at, &Message::DeviceOrder(order));
        self.answer(at, request)
    }

    /// What the DC has answered to a request about a device.
    pub fn answer(&self, at: usize, request: u32) -> Option<Result<Identity, Refusal>> {
        let mut inbox = self.clients[at].inbox.iter();
        inbox.find_map(|message| match message {
            Message::DeviceResponse(response) if response.request == request => {
                Some(response.result.clone())
            }
            _ => None,
        })
    }

    pub fn device_by_key(
        &mut self,
        at: usize,
        key: DeviceKey,
        label: Option<Label>,
    ) -> Option<Result<Identity, Refusal>> {
        let client = &mut self.clients[at];
        client.request += 1;
        let request = client.request;
        let _ = self.say(
            at,
            &Message::DeviceRequest(DeviceRequest {
                request,
                key,
                label,
                online: true,
            }),
        );
        self.answer(at, request)
    }

    /// Asks for a direction by name; its request number.
    pub fn ask(&mut self, at: usize, device: NodeId, name: &str) -> u32 {
        self.ask_for(at, device, Target::Name(Fqdn::parse(name).unwrap()))
    }

    pub fn ask_for(&mut self, at: usize, device: NodeId, target: Target) -> u32 {
        let client = &mut self.clients[at];
        client.request += 1;
        let request = client.request;
        let _ = self.say(
            at,
            &Message::DirectionRequest(DirectionRequest {
                request,
                device,
                target,
            }),
        );
        request
    }

    /// Sends from where the node is, and lets everybody finish.
    pub fn say(&mut self, at: usize, message: &Message) -> Result<(), Reject> {
        self.say_from(at, self.clients[at].outside, message)
    }

    pub fn say_from(
        &mut self,
        at: usize,
        outside: SocketAddr,
        message: &Message,
    ) -> Result<(), Reject> {
        let datagram = self.clients[at]
            .link
            .seal(message, self.now)
            .expect("the link is up");
        let handled = self.dc.handle_datagram(path(outside), &datagram, self.now);
        self.run();
        handled
    }

    /// Lets messages flow until nobody has anything to say at this moment.
    pub fn run(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(output) = self.dc.poll_output() {
                quiet = false;
                self.obey(output);
            }
            for at in 0..self.clients.len() {
                while let Some(datagram) = self.clients[at].link.poll_output() {
                    quiet = false;
                    let outside = self.clients[at].outside;
                    let _ = self.dc.handle_datagram(path(outside), &datagram, self.now);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets time pass for the DC.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.dc.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.dc.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    fn obey(&mut self, output: Output) {
        match output {
            Output::Event(event) => self.events.push(event),
            Output::Save { ticket, .. } if self.slow => self.tickets.push(ticket),
            Output::Save { ticket, record } => {
                let saved = !self.broken;
                if saved {
                    self.store.insert(id_of(&record), record);
                }
                self.dc.handle_saved(ticket, saved, self.now);
            }
            Output::FindDomain { domain } => self.sought.push(domain),
            Output::Send { path, datagram } => self.deliver(path, datagram),
        }
    }

    fn deliver(&mut self, to: Path, datagram: Vec<u8>) {
        let mut clients = self.clients.iter();
        let Some(at) = clients.position(|client| client.outside == to.remote) else {
            self.strays.push((to, datagram));
            return;
        };
        self.clients[at].notices += usize::from(datagram.len() == 8);
        let Ok(Received::Message(message)) =
            self.clients[at].link.handle_datagram(&datagram, self.now)
        else {
            return;
        };
        let unwilling = self.clients[at].unwilling;
        let sequence = match &*message {
            Message::RouteDirection(direction) => {
                let taken = self.clients[at].taken;
                self.clients[at].taken = taken.saturating_sub(1);
                Some((
                    direction.sequence,
                    (taken > 0).then_some(Refusal::PathTaken),
                ))
            }
            Message::RelayDirection(direction) => {
                Some((direction.sequence, unwilling.then_some(Refusal::Limit)))
            }
            Message::Domains(domains) => Some((domains.sequence, None)),
            Message::TunnelClosed(closed) => Some((closed.sequence, None)),
            _ => None,
        };
        self.clients[at].inbox.push(*message);
        if let Some((sequence, refusal)) = sequence.filter(|_| self.clients[at].acks) {
            let ack = Message::DirectionAck(DirectionAck { sequence, refusal });
            let outside = self.clients[at].outside;
            let datagram = self.clients[at].link.seal(&ack, self.now).unwrap();
            let _ = self.dc.handle_datagram(path(outside), &datagram, self.now);
        }
    }

    pub fn reject_count(&self, reject: Reject) -> u64 {
        self.dc
            .rejects()
            .find(|(other, _)| *other == reject)
            .map_or(0, |(_, count)| count)
    }
}

pub fn path(remote: SocketAddr) -> Path {
    Path {
        local: DC.parse().unwrap(),
        remote,
    }
}

pub fn id_of(record: &Record) -> NodeId {
    match record {
        Record::Gateway(record) => record.node,
        Record::Relay(record) => record.node,
        Record::Device(record) | Record::Forgotten(record) => record.node,
    }
}

fn setup(domain: &Fqdn, key: &SecretKey, limits: Limits) -> Setup {
    Setup {
        domain: domain.clone(),
        key: key.clone(),
        prefixes: VirtualPrefixes {
            v4: "198.18.0.0/15".parse().unwrap(),
            v6: "fd12:3456:789a::/48".parse().unwrap(),
        },
        limits,
    }
}
