//! The DHCP server on a small LAN: no address twice, none outside, bounded tables, well-formed answers.

use crate::steps::{Step, read, span, step};
use dhcproto::v4::{Message, MessageType};
use dhcproto::{Decodable, Decoder};
use lan_dhcp::{Config, DhcpServer, MAX_OFFERS, Mac, Output, StaticLease};
use ntm_proto::id::Fqdn;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

pub(crate) const MAX_LEASES: usize = 6;
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
const FIRST: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);
const LAST: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 109);
pub(crate) const STATIC: StaticLease = StaticLease {
    mac: [2, 0, 0x5e, 0, 0, 200],
    address: Ipv4Addr::new(192, 168, 1, 10),
    hostname: None,
};
const DISCOVER: u8 = 1;
const REQUEST: u8 = 3;

/// Messages, probe answers, failing disks and time, in any order.
pub fn check(input: &[u8]) {
    let now = Instant::now();
    let server = DhcpServer::new(config()).expect("checked");
    let mut lan = Lan {
        server,
        now,
        probed: Vec::new(),
        disk_full: false,
    };
    read(input).for_each(|step| lan.step(step));
}

struct Lan {
    server: DhcpServer,
    now: Instant,
    probed: Vec<Ipv4Addr>,
    disk_full: bool,
}

impl Lan {
    fn step(&mut self, step: Step<'_>) {
        match step.what % 5 {
            0 => self.message(step.bytes),
            1 => self.message(&Ask::new(step).bytes()),
            2 => self.wait(step.which),
            3 => {
                let probed = self
                    .probed
                    .get(usize::from(step.which) % self.probed.len().max(1));
                let address = probed.copied().unwrap_or(FIRST);
                self.server.handle_probe_reply(address, self.now);
            }
            _ => self.disk_full = step.which & 1 == 1,
        }
        self.drain();
        self.check();
    }

    fn message(&mut self, datagram: &[u8]) {
        if self.server.handle_datagram(datagram, self.now).is_err() {
            let sent = self.drain();
            assert_eq!(sent, 0, "a refused message has no answer");
        } else {
            assert!(self.drain() <= 1, "one answer at most");
        }
    }

    fn wait(&mut self, which: u8) {
        // Leases live for minutes.
        let until = self.now + span(which) * if which & 0x80 == 0 { 1 } else { 60 };
        let mut wakes = 0;
        while let Some(at) = self.server.poll_timeout().filter(|at| *at <= until) {
            wakes += 1;
            assert!(wakes < 2000, "wakes up for nothing");
            self.now = self.now.max(at);
            self.server.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    /// Does what the server wants done; how many messages it sent.
    fn drain(&mut self) -> usize {
        let mut sent = 0;
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { datagram, to } => {
                    sent += 1;
                    answer(&datagram);
                    assert!(
                        to.port() == 68
                            && (to.ip().is_broadcast()
                                || *to.ip() == SERVER
                                || on_this_lan(*to.ip()))
                    );
                }
                Output::Probe(address) => {
                    assert!(on_this_lan(address));
                    self.probed.truncate(15);
                    self.probed.insert(0, address);
                }
                Output::Save if self.disk_full => self.server.save_failed(self.now),
                Output::Save => self.saved(),
                Output::LeaseChanged(lease) | Output::LeaseEnded(lease) => {
                    assert!(on_this_lan(lease.address));
                }
            }
        }
        sent
    }

    /// The file that is written now would bring everything back.
    fn saved(&self) {
        let mut again = DhcpServer::new(config()).expect("checked");
        let imported = again.import(&self.server.export(self.now), self.now);
        assert_eq!(
            imported.accepted + imported.skipped,
            self.server.remembered()
        );
        // A static lease's device may have another address for a while, which the file need not remember.
        assert!(imported.skipped <= 1);
    }

    fn check(&self) {
        assert!(self.server.remembered() <= MAX_LEASES + 1);
        assert!(self.server.pending_offers() <= MAX_OFFERS);
        let mut addresses = BTreeSet::new();
        for lease in self.server.leases() {
            assert!(
                addresses.insert(lease.address),
                "{} is leased twice",
                lease.address
            );
            assert!(on_this_lan(lease.address) && lease.address != SERVER);
            assert!(lease.address != STATIC.address || lease.mac == STATIC.mac);
            let found = self.server.lease_by_address(lease.address);
            assert_eq!(found.map(|lease| lease.mac), Some(lease.mac));
        }
    }
}

fn answer(datagram: &[u8]) {
    assert!((300..=1472).contains(&datagram.len()));
    let message = Message::decode(&mut Decoder::new(datagram)).expect("well-formed");
    let kind = message.opts().msg_type().expect("a type");
    let given = message.yiaddr();
    let right = match (kind == MessageType::Offer, kind == MessageType::Ack) {
        (true, _) => on_this_lan(given),
        (_, true) => given.is_unspecified() || on_this_lan(given),
        _ => kind == MessageType::Nak && given.is_unspecified(),
    };
    assert!(right, "{kind:?} of {given}");
}

/// Whether `address` is one that this server may give: of its range, or the static lease's. INFORM may come from
/// any other host.
pub(crate) fn on_this_lan(address: Ipv4Addr) -> bool {
    address.octets()[..3] == [192, 168, 1] && !matches!(address.octets()[3], 0 | 1 | 255)
}

pub(crate) fn config() -> Config {
    Config {
        server: SERVER,
        prefix_len: 24,
        first: FIRST,
        last: LAST,
        router: SERVER,
        dns: vec![SERVER],
        domain: Fqdn::parse("car.ntm.test").ok(),
        search: Fqdn::parse("ntm.test").into_iter().collect(),
        lease_time: Duration::from_secs(600),
        static_leases: vec![STATIC],
        max_leases: MAX_LEASES,
    }
}

/// A client's message that is nearly one: the fuzzer chooses who, what, and the options.
struct Ask(Vec<u8>);

impl Ask {
    fn new(step: Step<'_>) -> Self {
        const KINDS: [u8; 8] = [DISCOVER, REQUEST, REQUEST, 4, 7, 8, REQUEST, 2];
        let [kind, ciaddr, options @ ..] = step.bytes else {
            return Self::of(DISCOVER, mac(step.which));
        };
        let mut ask = Self::of(KINDS[usize::from(kind & 7)], mac(step.which));
        if *ciaddr != 0 {
            ask.0[12..16].copy_from_slice(&[192, 168, 1, *ciaddr]);
        }
        ask.0.extend(options);
        ask
    }

    fn of(kind: u8, mac: Mac) -> Self {
        let mut bytes = vec![0; 240];
        bytes[..4].copy_from_slice(&[1, 1, 6, 0]);
        bytes[28..34].copy_from_slice(&mac);
        bytes[236..].copy_from_slice(&[99, 130, 83, 99]);
        bytes.extend([53, 1, kind]);
        Self(bytes)
    }

    fn bytes(mut self) -> Vec<u8> {
        self.0.push(255);
        self.0
    }
}

fn mac(which: u8) -> Mac {
    [2, 0, 0x5e, 0, 0, which]
}

/// Clients that come, stay, move, leave, lie.
pub fn seeds() -> Vec<Vec<u8>> {
    let discover = |who: u8| step(1, who, &[0, 0]);
    let requested = |address: u8| [50, 4, 192, 168, 1, address];
    let select = |who: u8, address: u8| {
        let options = [&[1, 0][..], &requested(address), &[54, 4, 192, 168, 1, 1]].concat();
        step(1, who, &options)
    };
    let reboot = |who: u8, address: u8| step(1, who, &[&[1, 0][..], &requested(address)].concat());
    let renew = |who: u8, address: u8| step(1, who, &[1, address]);
    let named = step(
        1,
        5,
        &[
            &[1, 0][..],
            &requested(104),
            &[12, 6],
            b"laptop",
            &[61, 2, 1, 9],
        ]
        .concat(),
    );
    let fqdn = step(
        1,
        6,
        &[
            &[1, 0][..],
            &requested(105),
            &[81, 9, 4, 0, 0, 5],
            b"phone",
            &[55, 1, 119],
        ]
        .concat(),
    );
    let raw = [
        Ask::of(DISCOVER, mac(9)).bytes(),
        Ask::of(REQUEST, mac(9)).bytes(),
    ];
    let many: Vec<u8> = (1..12).flat_map(|who| reboot(who, 99 + who)).collect();
    vec![
        [
            discover(1),
            step(2, 6, &[]),
            select(1, 101),
            renew(1, 101),
            step(2, 0xff, &[]),
        ]
        .concat(),
        [
            discover(1),
            step(3, 0, &[]),
            step(2, 6, &[]),
            discover(2),
            step(3, 0, &[]),
            step(2, 7, &[]),
        ]
        .concat(),
        [
            reboot(1, 100),
            reboot(2, 100),
            reboot(2, 101),
            step(1, 2, &[4, 101]),
            reboot(3, 101),
        ]
        .concat(),
        [
            reboot(1, 100),
            step(1, 1, &[&[3, 0][..], &requested(100)].concat()),
            discover(1),
        ]
        .concat(),
        [named, fqdn, step(1, 7, &[5, 77])].concat(),
        [
            step(4, 1, &[]),
            reboot(1, 100),
            step(2, 0xff, &[]),
            step(4, 0, &[]),
            reboot(1, 100),
        ]
        .concat(),
        [
            &many[..],
            &step(2, 0xff, &[]),
            &step(2, 0xff, &[]),
            &many[..],
        ]
        .concat(),
        raw.iter().flat_map(|bytes| step(0, 0, bytes)).collect(),
        [reboot(200, 10), discover(200), reboot(201, 10)].concat(),
    ]
}
