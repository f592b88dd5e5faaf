//! What a world is made of, as plain values, and how they are drawn from a seed.

use crate::nat::{By, NatSpec};
use ntm_proto::random::Random;

/// A whole world before anything happens in it.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    /// Its relays.
    pub relays: Vec<RelaySpec>,
    /// NATs that several gateways may stand behind.
    pub shared: Vec<NatSpec>,
    /// Its gateways.
    pub sites: Vec<SiteSpec>,
    /// Whether the two accounts have a group in common.
    pub common_group: bool,
    /// One way through the core, in milliseconds.
    pub core_ms: u64,
    /// How long the DC's store takes, in milliseconds.
    pub store_ms: u64,
}

/// The first seed whose world may lack a relay.
const SCARCE_FROM: u64 = 1 << 20;

/// A relay.
#[derive(Clone, Copy, Debug)]
pub struct RelaySpec {
    /// Whether it has IPv4, IPv6.
    pub families: (bool, bool),
}

/// A gateway.
#[derive(Clone, Debug)]
pub struct SiteSpec {
    /// Whose it is: 1 or 2.
    pub account: i64,
    /// Devices on its LAN.
    pub devices: usize,
    /// Its WANs at the start.
    pub wans: Vec<WanSpec>,
}

/// A WAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WanSpec {
    /// Its IPv4 side.
    pub v4: V4Kind,
    /// Its IPv6 side.
    pub v6: V6Kind,
    /// What the line is like.
    pub link: LinkSpec,
}

/// What stands between a WAN and the IPv4 Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum V4Kind {
    /// There is no IPv4.
    None,
    /// Nothing.
    Global,
    /// A firewall that lets in answers only.
    Firewall(NatSpec),
    /// A NAT.
    Nat(NatSpec),
    /// A NAT behind a carrier's NAT.
    Carrier(NatSpec, NatSpec),
    /// The world's shared NAT with this number.
    Shared(usize),
    /// An own NAT behind the world's shared one.
    BehindShared(NatSpec, usize),
}

/// What stands between a WAN and the IPv6 Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum V6Kind {
    /// There is no IPv6.
    None,
    /// Nothing.
    Global,
    /// A firewall that lets in answers only.
    Firewall(NatSpec),
}

/// A line, seen from its gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Milliseconds from the gateway to the core.
    pub up_ms: u64,
    /// Milliseconds from the core to the gateway.
    pub down_ms: u64,
    /// Milliseconds by which a datagram may be late: reorders.
    pub jitter_ms: u64,
    /// Datagrams of a thousand that are lost.
    pub loss: u64,
    /// Datagrams of a thousand that arrive twice.
    pub twice: u64,
    /// Longest IP packet.
    pub mtu: usize,
    /// Whether UDP over IPv4, IPv6 vanishes.
    pub blocked: (bool, bool),
}

impl LinkSpec {
    /// A good line.
    pub const GOOD: Self = Self {
        up_ms: 10,
        down_ms: 10,
        jitter_ms: 0,
        loss: 0,
        twice: 0,
        mtu: 1500,
        blocked: (false, false),
    };
}

impl WanSpec {
    /// Whether UDP gets through over IPv4, IPv6.
    pub fn families(&self) -> (bool, bool) {
        (
            self.v4 != V4Kind::None && !self.link.blocked.0,
            self.v6 != V6Kind::None && !self.link.blocked.1,
        )
    }

    /// Its NATs from the gateway outward.
    pub fn nats<'a>(&'a self, shared: &'a [NatSpec]) -> Vec<&'a NatSpec> {
        match &self.v4 {
            V4Kind::None | V4Kind::Global | V4Kind::Firewall(_) => Vec::new(),
            V4Kind::Nat(nat) => vec![nat],
            V4Kind::Carrier(own, carrier) => vec![own, carrier],
            V4Kind::Shared(number) => vec![&shared[*number]],
            V4Kind::BehindShared(own, number) => vec![own, &shared[*number]],
        }
    }
}

/// Draws choices from a seed.
pub struct Dice(Random);

impl Dice {
    /// The dice of a purpose: each purpose has its own stream, so that one's throws do not move another's.
    pub fn new(seed: u64, purpose: u8) -> Self {
        let mut bytes = [purpose; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        Self(Random::from_seed(bytes))
    }

    /// A stream for somebody else.
    pub fn fork(&mut self) -> Random {
        Random::from_seed(self.0.bytes())
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.0.bytes()
    }

    /// A number of `from..to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.0.below(to - from)
    }

    /// A place in a list of this length.
    pub fn index(&mut self, length: usize) -> usize {
        self.0.below(length as u64) as usize
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.0.below(100) < percent
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }
}

impl WorldSpec {
    /// The world of this seed.
    pub fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, 1);
        let mut relays = vec![RelaySpec {
            families: (true, true),
        }];
        if dice.chance(35) {
            let families = dice.pick(&[(true, true), (true, false), (false, true)]);
            relays.push(RelaySpec { families });
        }
        scarce_relays(seed, &mut relays);
        let shared: Vec<NatSpec> = (0..2).map(|_| nat(dice)).collect();
        let lossy = dice.chance(30);
        let sites = dice.pick(&[2, 2, 2, 3, 3, 4, 5]);
        let two_accounts = dice.chance(40);
        let site = |number: i64, dice: &mut Dice| {
            let account = if two_accounts { 1 + number % 2 } else { 1 };
            let devices = dice.pick(&[1, 1, 2, 2, 3, 4]);
            SiteSpec {
                account,
                devices,
                wans: wans(dice, lossy),
            }
        };
        Self {
            relays,
            shared,
            sites: (0..sites).map(|number| site(number, dice)).collect(),
            common_group: dice.chance(50),
            core_ms: dice.pick(&[1, 5, 20, 60]),
            store_ms: dice.pick(&[0, 1, 10, 80]),
        }
    }
}

/// Some worlds have no relay, and in some the first has one family only. Worlds of small seeds are as they were before
/// there were such, since seeds are kept for what they found.
fn scarce_relays(seed: u64, relays: &mut Vec<RelaySpec>) {
    let dice = &mut Dice::new(seed, 6);
    if seed < SCARCE_FROM {
        return;
    }
    match dice.index(20) {
        0..=2 => relays.clear(),
        3..=4 => relays[0].families = (true, false),
        5..=6 => relays[0].families = (false, true),
        _ => {}
    }
}

/// One WAN, seldom two.
pub fn wans(dice: &mut Dice, lossy: bool) -> Vec<WanSpec> {
    let count = if dice.chance(12) { 2 } else { 1 };
    (0..count).map(|_| wan(dice, lossy)).collect()
}

pub(crate) fn wan(dice: &mut Dice, lossy: bool) -> WanSpec {
    let mut v4 = match dice.index(20) {
        0..=2 => V4Kind::Global,
        3 => V4Kind::Firewall(nat(dice)),
        4..=10 => V4Kind::Nat(nat(dice)),
        11..=12 => V4Kind::Carrier(nat(dice), nat(dice)),
        13..=15 => V4Kind::Shared(dice.index(2)),
        16 => V4Kind::BehindShared(nat(dice), dice.index(2)),
        _ => V4Kind::None,
    };
    let v6 = match dice.index(10) {
        0..=1 => V6Kind::Global,
        2..=3 => V6Kind::Firewall(nat(dice)),
        _ if v4 == V4Kind::None && dice.chance(50) => V6Kind::Global,
        _ if v4 == V4Kind::None => V6Kind::Firewall(nat(dice)),
        _ => V6Kind::None,
    };
    let mut link = link(dice, lossy);
    let both = v4 != V4Kind::None && v6 != V6Kind::None;
    if both && dice.chance(15) {
        link.blocked = dice.pick(&[(true, false), (false, true)]);
    }
    if let V4Kind::Firewall(spec) = &mut v4 {
        spec.hairpin = false;
    }
    WanSpec { v4, v6, link }
}

pub(crate) fn nat(dice: &mut Dice) -> NatSpec {
    let by = [By::Endpoint, By::Address, By::AddressAndPort];
    NatSpec {
        mapping: dice.pick(&by),
        filtering: dice.pick(&by),
        life_s: dice.pick(&[30, 40, 60, 120, 300]),
        inbound_refreshes: dice.chance(50),
        hairpin: dice.chance(50),
        keeps_port: dice.chance(50),
    }
}

fn link(dice: &mut Dice, lossy: bool) -> LinkSpec {
    LinkSpec {
        up_ms: dice.pick(&[1, 5, 20, 80, 300]),
        down_ms: dice.pick(&[1, 5, 20, 60, 250]),
        jitter_ms: dice.pick(&[0, 0, 2, 30]),
        loss: if lossy { dice.pick(&[5, 20, 50]) } else { 0 },
        twice: dice.pick(&[0, 0, 0, 10, 100]),
        mtu: dice.pick(&[1500, 1492, 1420, 1280]),
        blocked: (false, false),
    }
}
