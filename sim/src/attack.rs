//! Attackers on the path: they copy or delay authentic datagrams and send them from addresses of their own.
//!
//! What must hold: a session never moves to them, traffic goes on, they get next to no bulk traffic, and what is held
//! and sent for their sake is bounded.

use crate::moves::{Journey, PATIENCE, Talk};
use crate::net::Delivery;
use crate::spec::{Dice, RelaySpec, SiteSpec, V4Kind, V6Kind, WanSpec, WorldSpec, nat};
use crate::world::{Node, World};
use ntm_gateway::Limits;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Bulk datagrams that a whole world may send to attackers, in so many races as there are.
const MOST_BULK: u64 = 64;
/// Datagrams of any kind that one of many addresses may get.
const MOST_EACH: u64 = 48;
/// Races between looks at what the machines hold.
const LOOK: u64 = 256;

/// How an attacker goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// So many of a hundred copies come before their originals; the others come later.
    pub wins: u64,
    /// Whether datagrams to the first, to the second gateway are copied.
    pub towards: [bool; 2],
    /// Whether each copy comes from another address, as from a peer that says it moves all the time.
    pub roams: bool,
    /// Whether each copy is followed by a forged one.
    pub forges: bool,
    /// How many races there are.
    pub races: u64,
}

/// An attack under way.
pub(crate) struct Attacker {
    how: Attack,
    dice: Dice,
    made: u64,
    /// Copies that come later than their originals.
    late: BTreeMap<(Instant, u64), (usize, Delivery)>,
}

/// What machines sent to attackers.
#[derive(Clone, Debug, Default)]
pub struct Loot {
    /// Bulk datagrams.
    pub bulk: u64,
    /// Datagrams by address.
    each: BTreeMap<SocketAddr, u64>,
    /// Bytes to attackers, and from them.
    pub bytes: (u64, u64),
}

impl Loot {
    /// Notes what is sent to an attacker.
    pub(crate) fn note(&mut self, to: SocketAddr, bytes: &[u8]) {
        if is_attackers(to.ip()) {
            self.bulk += u64::from(bytes.first() == Some(&ntm_proto::wire::Kind::Data.byte()));
            self.bytes.0 += bytes.len() as u64;
            *self.each.entry(to).or_default() += 1;
        }
    }

    /// The most that one address got, and how many addresses got something.
    pub fn most(&self) -> (u64, usize) {
        let most = self.each.values().max().copied().unwrap_or(0);
        (most, self.each.len())
    }
}

fn is_attackers(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.octets()[..2] == [198, 51] && v4.octets()[2] != 100,
        IpAddr::V6(v6) => v6.segments()[..3] == [0x2001, 0xdb8, 0xbad],
    }
}

fn address(number: u64, like: IpAddr) -> SocketAddr {
    let [.., high, middle, low] = number.to_be_bytes();
    let ip = match like {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::new(198, 51, 101 + middle % 100, low)),
        IpAddr::V6(_) => {
            let last = u16::from_be_bytes([middle, low]);
            Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, last).into()
        }
    };
    let port = 10_000 + u16::from(high) * 256 + u16::from(middle / 100);
    SocketAddr::new(ip, port)
}

impl Attacker {
    pub(crate) fn new(how: Attack, seed: u64) -> Self {
        Self {
            how,
            dice: Dice::new(seed, 7),
            made: 0,
            late: BTreeMap::new(),
        }
    }

    /// Whether it has raced as often as it will.
    pub(crate) fn is_done(&self) -> bool {
        self.made >= self.how.races
    }

    /// Sends what it copied.
    pub(crate) fn strike(&mut self, world: &mut World) {
        while let Some(entry) = self.late.first_entry()
            && entry.key().0 <= world.now
        {
            let (node, copy) = entry.remove();
            world.attack_with(node, copy);
        }
        let seen = world.net.tap.as_mut().map(std::mem::take);
        for (node, copy) in seen.unwrap_or_default() {
            let Node::Site(site) = world.nodes[node] else {
                continue;
            };
            if self.how.towards[site.min(1)] && !self.is_done() {
                self.race(node, copy, world);
            }
        }
    }

    fn race(&mut self, node: usize, mut copy: Delivery, world: &mut World) {
        self.made += 1;
        let number = if self.how.roams { self.made } else { 1 };
        copy.from = address(number, copy.to.ip());
        if self.how.forges {
            let mut forged = copy.clone();
            let at = self.dice.index(forged.bytes.len());
            forged.bytes[at] ^= 1 << self.dice.index(8);
            world.attack_with(node, forged);
        }
        if self.dice.chance(self.how.wins) {
            world.attack_with(node, copy);
        } else {
            let wait = Duration::from_millis(self.dice.between(1, 2000));
            self.late
                .insert((world.now + wait, self.made), (node, copy));
        }
        if self.made.is_multiple_of(LOOK) {
            self.look(world);
        }
    }

    /// What must hold all along.
    pub(crate) fn look(&self, world: &mut World) {
        for site in 0..world.sites.len() {
            let held = world.sites[site].machine.held();
            if held.ways > crate::moves::MOST_WAYS * held.peers
                || held.peers >= world.sites.len()
                || held.bytes > Limits::default().memory
            {
                world.fail(format!("GW{site} holds too much: {held:?}"));
            }
            for tunnel in world.sites[site].machine.tunnels(world.now) {
                let remote = tunnel.remote.and_then(|text| text.parse().ok());
                let caught = remote.filter(|remote: &SocketAddr| is_attackers(remote.ip()));
                if let Some(remote) = caught {
                    world.fail(format!("GW{site} was moved to an attacker: {remote}"));
                }
            }
        }
        let Some(loot) = world.watch.loot.clone() else {
            return;
        };
        let (most, _) = loot.most();
        if loot.bulk > MOST_BULK {
            let (bulk, made) = (loot.bulk, self.made);
            world.fail(format!(
                "attackers get bulk traffic: {bulk} datagrams for {made} races"
            ));
        }
        if loot.bytes.0 > loot.bytes.1 {
            let (got, sent) = loot.bytes;
            world.fail(format!(
                "attackers get more than they send: {got} bytes for {sent}"
            ));
        }
        if self.how.roams && most > MOST_EACH {
            world.fail(format!("an address gets a flood: {most} datagrams"));
        }
    }
}

impl World {
    fn attack_with(&mut self, node: usize, copy: Delivery) {
        if let Some(loot) = &mut self.watch.loot {
            loot.bytes.1 += copy.bytes.len() as u64;
        }
        self.deliver(self.nodes[node], copy);
    }
}

impl Journey {
    /// Two gateways that talk straight or by a relay, and do not move.
    pub fn quiet(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, 8);
        let site = |v4: V4Kind| SiteSpec {
            account: 1,
            devices: 2,
            wans: vec![WanSpec {
                v4,
                v6: V6Kind::None,
                link: crate::spec::LinkSpec::GOOD,
            }],
        };
        let kinds = [
            [V4Kind::Global, V4Kind::Global],
            [V4Kind::Global, V4Kind::Nat(nat(dice))],
            [V4Kind::Nat(nat(dice)), V4Kind::Nat(nat(dice))],
        ];
        let spec = WorldSpec {
            relays: vec![RelaySpec {
                families: (true, true),
            }],
            shared: Vec::new(),
            sites: dice.pick(&kinds).into_iter().map(site).collect(),
            common_group: false,
            core_ms: 5,
            store_ms: 1,
        };
        let talk = Talk {
            sites: (0, 1),
            tcp: true,
            streams: [true, true],
        };
        Self {
            seed,
            spec,
            talks: vec![talk],
            moves: Vec::new(),
            patience: PATIENCE,
        }
    }
}
