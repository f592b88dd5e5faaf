//! How journeys are drawn.

use super::{Do, Journey, Kind, Move, PATIENCE, Talk};
use crate::nat::NatSpec;
use crate::spec::{
    Dice, LinkSpec, RelaySpec, SiteSpec, V4Kind, V6Kind, WanSpec, WorldSpec, nat, wan,
};
use crate::world::Node;

/// How long a network that gives an address and nothing else does so, in milliseconds.
const DEAD_MS: u64 = 30_000;
/// How long a line that was cut silently stays dead: longer than it is listed.
const CUT_MS: u64 = 60_000;

/// Kinds during which gateways look for each other in vain for a long while.
const LONG: [Kind; 5] = [
    Kind::Outage,
    Kind::CutSilent,
    Kind::DcDown,
    Kind::RelayDown,
    Kind::DeadNetwork,
];

impl Journey {
    /// The journey of a seed.
    pub fn draw(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, 6);
        let spec = world(dice);
        let count = dice.between(50, 201) as usize;
        let talks = talks(dice, spec.sites.len());
        let moves = (0..count).map(|_| one(dice, &spec)).collect();
        Self {
            seed,
            spec,
            talks,
            moves,
            patience: PATIENCE,
        }
    }
}

fn world(dice: &mut Dice) -> WorldSpec {
    let both = RelaySpec {
        families: (true, true),
    };
    let mut relays = vec![both];
    if dice.chance(60) {
        let families = dice.pick(&[(true, true), (true, true), (true, false), (false, true)]);
        relays.push(RelaySpec { families });
    }
    let shared: Vec<NatSpec> = (0..2).map(|_| nat(dice)).collect();
    let lossy = dice.chance(20);
    let count = dice.pick(&[2, 2, 2, 2, 2, 2, 3, 4]);
    let sites = (0..count).map(|_| SiteSpec {
        account: 1,
        devices: 2,
        wans: vec![wan(dice, lossy)],
    });
    WorldSpec {
        sites: sites.collect(),
        relays,
        shared,
        common_group: false,
        core_ms: dice.pick(&[1, 5, 20, 60]),
        store_ms: dice.pick(&[0, 1, 10, 80]),
    }
}

fn talks(dice: &mut Dice, sites: usize) -> Vec<Talk> {
    let count = if sites == 2 { 1 } else { 3 };
    let talk = |number: usize| {
        let (one, other) = (number % sites, (number + 1) % sites);
        let sites = if dice.chance(50) {
            (one, other)
        } else {
            (other, one)
        };
        let streams = [[true, true], [true, true], [true, false], [false, false]];
        let streams = dice.pick(&streams);
        let tcp = dice.chance(80) || streams == [false, false];
        Talk {
            sites,
            tcp,
            streams,
        }
    };
    (0..count).map(talk).collect()
}

fn one(dice: &mut Dice, world: &WorldSpec) -> Move {
    let mut kind = dice.pick(&Kind::ALL);
    // Those that take long, and much work, are rarer.
    if LONG.contains(&kind) && dice.chance(70) {
        kind = dice.pick(&Kind::ALL);
    }
    let sites = world.sites.len();
    let first = dice.index(sites);
    let other = (first + 1 + dice.index(sites - 1)) % sites;
    let mut wans = world.sites.iter().flat_map(|site| &site.wans);
    let lossy = wans.any(|wan| wan.link.loss > 0);
    let mut movers = vec![first];
    let mut two = |second: usize, apart: u64, dice: &mut Dice| {
        movers.push(second);
        vec![
            (0, Do::Replace(first, wan(dice, lossy))),
            (apart, Do::Replace(second, wan(dice, lossy))),
        ]
    };
    let script = if kind == Kind::Both {
        let apart = dice.between(0, 201);
        two(other, apart, dice)
    } else if kind == Kind::Double {
        let second = if dice.chance(60) { first } else { other };
        let apart = dice.between(5, 1500);
        two(second, apart, dice)
    } else {
        script(dice, kind, first, lossy, world.relays.len())
    };
    Move {
        kind,
        movers,
        only_listens: dice.chance(10),
        after_ms: pause(dice),
        script,
    }
}

fn pause(dice: &mut Dice) -> u64 {
    match dice.index(40) {
        0..=35 => dice.between(200, 4000),
        36..=38 => dice.between(4000, 60_000),
        _ => dice.between(60_000, 400_000),
    }
}

/// What one gateway goes through in a move of this kind.
fn script(dice: &mut Dice, kind: Kind, site: usize, lossy: bool, relays: usize) -> Vec<(u64, Do)> {
    let any = wan(dice, lossy);
    let soon = dice.between(200, 4000);
    let later = dice.between(500, 6000);
    match kind {
        Kind::Renumbered => vec![(0, Do::Renumber(site))],
        Kind::ToNat => vec![(0, Do::Replace(site, to_nat(dice, any)))],
        Kind::ToGlobal => vec![(0, Do::Replace(site, to_global(dice, any)))],
        Kind::ToV6 => vec![(0, Do::Replace(site, to_v6(any)))],
        Kind::ToV4 => vec![(0, Do::Replace(site, to_v4(dice, any)))],
        Kind::SameInside => vec![(0, Do::ReplaceAlike(site, to_nat(dice, any)))],
        Kind::NatForgets => vec![(0, Do::Reboot(site, false))],
        Kind::NatReaddressed => vec![(0, Do::Reboot(site, true))],
        Kind::Outage => vec![
            (0, Do::Unplug(site)),
            (magnitude(dice, 100, 600_000), Do::Replace(site, any)),
        ],
        Kind::Planned => vec![
            (0, Do::Add(site, any)),
            (soon, Do::PreferLast(site)),
            (later, Do::Drop(site, 1)),
        ],
        Kind::CutTold => vec![(0, Do::Add(site, any)), (soon, Do::Drop(site, 0))],
        Kind::CutSilent => vec![
            (0, Do::Add(site, any)),
            (soon, Do::Hole(site, 0, CUT_MS)),
            (dice.between(15_000, 50_000), Do::Drop(site, 0)),
        ],
        Kind::Flapping => {
            let homes = [any, wan(dice, lossy)];
            let flap = |time: usize| {
                let pause = if time == 0 { 0 } else { 2000 };
                (pause, Do::Replace(site, homes[time % 2]))
            };
            (0..dice.between(3, 8) as usize).map(flap).collect()
        }
        Kind::DcDown => vec![
            (0, Do::Down(Node::Dc(0), magnitude(dice, 500, 120_000))),
            (dice.between(0, 2000), Do::Replace(site, any)),
        ],
        Kind::RelayDown => {
            let relay = Node::Relay(dice.index(relays));
            let mut script = vec![(0, Do::Down(relay, magnitude(dice, 500, 120_000)))];
            if dice.chance(60) {
                script.push((dice.between(0, 2000), Do::Replace(site, any)));
            }
            script
        }
        Kind::DeadNetwork => vec![(0, Do::Replace(site, any)), (0, Do::Hole(site, 0, DEAD_MS))],
        Kind::Both | Kind::Double => Vec::new(),
    }
}

/// A number of `from..=to`, each doubling as likely as another.
fn magnitude(dice: &mut Dice, from: u64, to: u64) -> u64 {
    let least = from << dice.between(0, u64::from((to / from).ilog2()) + 1);
    dice.between(least, to.min(least * 2) + 1)
}

fn to_nat(dice: &mut Dice, wan: WanSpec) -> WanSpec {
    let v4 = match dice.index(6) {
        0 => V4Kind::Carrier(nat(dice), nat(dice)),
        1 => V4Kind::Shared(dice.index(2)),
        _ => V4Kind::Nat(nat(dice)),
    };
    let v6 = V6Kind::None;
    open(WanSpec { v4, v6, ..wan })
}

fn to_global(dice: &mut Dice, wan: WanSpec) -> WanSpec {
    let v4 = V4Kind::Global;
    let v6 = dice.pick(&[V6Kind::None, V6Kind::Global]);
    open(WanSpec { v4, v6, ..wan })
}

fn to_v6(wan: WanSpec) -> WanSpec {
    let v6 = match wan.v6 {
        V6Kind::None => V6Kind::Global,
        kind @ (V6Kind::Global | V6Kind::Firewall(_)) => kind,
    };
    let v4 = V4Kind::None;
    open(WanSpec { v4, v6, ..wan })
}

fn to_v4(dice: &mut Dice, wan: WanSpec) -> WanSpec {
    let v4 = if wan.v4 == V4Kind::None {
        V4Kind::Nat(nat(dice))
    } else {
        wan.v4
    };
    let v6 = V6Kind::None;
    open(WanSpec { v4, v6, ..wan })
}

fn open(wan: WanSpec) -> WanSpec {
    let link = LinkSpec {
        blocked: (false, false),
        ..wan.link
    };
    WanSpec { link, ..wan }
}
