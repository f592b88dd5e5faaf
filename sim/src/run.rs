//! One world from its start to its verdict.

use crate::act::{DeviceAt, Step, draw};
use crate::spec::WorldSpec;
use crate::tally::Tally;
use crate::trace::Trace;
use crate::watch::{Failure, LEAKS};
use crate::world::World;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// After the last act, before anything must work again: a little more than the DC believes in what it saw.
const SETTLE: Duration = Duration::from_secs(80);
/// How long nothing is asked of the world, to see that it is quiet and that its tunnels hold.
pub(crate) const IDLE: Duration = Duration::from_secs(150);
/// Most pairs of devices that are tried.
const PAIRS: usize = 14;

/// How LAN addresses begin, in turn until a world leaks none.
pub(crate) const LANS: [[u8; 3]; 4] = [
    [192, 168, 1],
    [10, 211, 77],
    [172, 29, 163],
    [192, 168, 242],
];

/// A world and what happens in it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its seed.
    pub seed: u64,
    /// What it is made of.
    pub spec: WorldSpec,
    /// What happens.
    pub steps: Vec<Step>,
}

/// What came of it.
pub struct Outcome {
    /// The rule that was broken, if any.
    pub failure: Option<Failure>,
    /// What was seen.
    pub tally: Tally,
    /// Everything that happened, if it was wanted.
    pub trace: Option<Trace>,
    /// A number that differs when anything on the wire does.
    pub fingerprint: u64,
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64) -> Self {
        let spec = WorldSpec::draw(seed);
        let steps = draw(seed, &spec);
        Self { seed, spec, steps }
    }

    /// Plays it. A panic of a machine is a broken rule too. Bytes that look like a LAN address are believed to be one
    /// if they look so whatever the LAN: sealed bytes do it by chance, and are the same in every LAN.
    pub fn run(&self, traced: bool) -> Outcome {
        let mut outcomes = LANS.into_iter().map(|lan| self.run_on(lan, traced));
        let leaks = |outcome: &Outcome| {
            let failure = outcome.failure.as_ref();
            failure.is_some_and(|failure| failure.what.contains(LEAKS))
        };
        let first = outcomes.next().expect("there are LANs");
        if leaks(&first) {
            outcomes.find(|other| !leaks(other)).unwrap_or(first)
        } else {
            first
        }
    }

    fn run_on(&self, lan: [u8; 3], traced: bool) -> Outcome {
        let mut world = World::with_lan(self.spec.clone(), self.seed, traced, lan);
        let played = catch_unwind(AssertUnwindSafe(|| play(&mut world, &self.steps)));
        if let Err(panic) = played {
            panicked(&mut world, panic.as_ref());
        }
        Outcome {
            tally: Tally::of(&world, &self.steps),
            failure: world.watch.failure.take(),
            fingerprint: world.net.fingerprint(),
            trace: world.trace.take(),
        }
    }
}

/// A machine panicked with this: that is a broken rule before all others.
pub(crate) fn panicked(world: &mut World, panic: &(dyn std::any::Any + Send)) {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    world.watch.failure = None;
    world.fail(format!("panic: {}", text.unwrap_or_default()));
}

fn play(world: &mut World, steps: &[Step]) {
    steps.iter().for_each(|step| world.take(step));
    // Whatever is under way ends: outages, restarts, bursts.
    while let (Some(((at, _), _)), None) = (world.later.last_key_value(), &world.watch.failure) {
        let rest = at.saturating_duration_since(world.now);
        world.run_for(rest + Duration::from_millis(1));
    }
    world.net.bursts.clear();
    world.run_for(SETTLE);
    let pairs = pairs(world);
    world.prove(&pairs, "once all is quiet");
    if world.watch.failure.is_some() {
        return;
    }
    // Tunnels that direct and relayed ways compete for come to rest.
    world.run_for(IDLE / 2);
    let (before, tunnels) = (world.net.sent, tunnels(world));
    world.run_for(IDLE);
    check_quiet(world, world.net.sent - before, tunnels);
    world.prove(&pairs, "after an idle while");
    world.prove_direct(&pairs);
    check_end(world);
}

/// The pairs of devices that are tried: one of each pair of gateways at least, those who may not talk included.
fn pairs(world: &mut World) -> Vec<(DeviceAt, DeviceAt)> {
    let sites = world.sites.len();
    let mut pairs = Vec::new();
    for one in 0..sites {
        for other in one..sites {
            let from = present(world, one);
            let to = present(world, other);
            pairs.extend(from.zip(to).filter(|(from, to)| from != to));
        }
    }
    pairs.truncate(PAIRS);
    pairs
}

fn present(world: &mut World, site: usize) -> Option<DeviceAt> {
    let devices = &world.sites[site].devices;
    let there: Vec<usize> = (0..devices.len())
        .filter(|device| devices[*device].present)
        .collect();
    (!there.is_empty()).then(|| (site, there[world.dice.index(there.len())]))
}

pub(crate) fn is_lossy(world: &World) -> bool {
    world
        .sites
        .iter()
        .flat_map(|site| &site.specs)
        .any(|wan| wan.link.loss > 0)
}

pub(crate) fn reason(world: &World, from: DeviceAt, to: DeviceAt) -> String {
    let state = |site: usize| {
        let machine = &world.sites[site].machine;
        let tunnels = machine.tunnels(world.now);
        let tunnels = tunnels
            .iter()
            .map(|tunnel| format!("{} {} {}", tunnel.peer, tunnel.state, tunnel.path));
        format!(
            "GW{site} is {}, tunnels {:?}",
            machine.status(world.now).dc.state,
            tunnels.collect::<Vec<_>>()
        )
    };
    let named = |at: DeviceAt| world.sites[at.0].devices[at.1].vip.is_some();
    format!(
        "{}; {}; named {} {}",
        state(from.0),
        state(to.0),
        named(from),
        named(to)
    )
}

/// The ends of tunnels that there are.
pub(crate) fn tunnels(world: &World) -> usize {
    let sites = world.sites.iter();
    let of_each = sites.map(|site| site.machine.tunnels(world.now).len());
    of_each.sum()
}

/// In a world where nothing happens little is sent; it began with so many ends of `tunnels`.
pub(crate) fn check_quiet(world: &mut World, sent: u64, tunnels: usize) {
    let sockets: u64 = world
        .sites
        .iter()
        .flat_map(|site| &site.wans)
        .map(|wan| wan.sockets.len() as u64)
        .sum();
    let per_minute = sent * 60 / IDLE.as_secs();
    let (sites, relays) = (world.sites.len() as u64, world.relays.len() as u64);
    // Those who cannot reach each other go on trying for a while; their tunnels may be given up by now.
    let number = world.sites.len();
    let pairs = (0..number).flat_map(|one| (0..number).map(move |other| (one, other)));
    let in_vain = pairs.filter(|(one, other)| {
        one != other && world.is_allowed(*one, *other) && !world.must_talk(*one, *other)
    });
    let (tunnels, in_vain) = (tunnels as u64, in_vain.count() as u64);
    let bound = 60 * (sites + relays) + 20 * sockets + 120 * tunnels + 180 * in_vain;
    // Others look for a gateway that was removed for a while, and it for them.
    let removed = world.sites.iter().filter(|site| site.removed.is_some());
    let bound = bound + 500 * removed.count() as u64;
    if per_minute > bound {
        world.fail(format!(
            "an idle world sends {per_minute} datagrams a minute; {bound} would be plenty"
        ));
    }
}

pub(crate) fn check_end(world: &mut World) {
    let sites = world.sites.len();
    for number in 0..sites {
        let tunnels = world.sites[number].machine.tunnels(world.now);
        let mut peers: Vec<&String> = tunnels.iter().map(|tunnel| &tunnel.peer).collect();
        peers.sort();
        peers.dedup();
        if peers.len() != tunnels.len() {
            world.fail(format!(
                "GW{number} has two tunnels with one gateway: {peers:?}"
            ));
        }
    }
    let mut ends: Vec<[String; 2]> = world.dcs[0]
        .machine
        .tunnels()
        .into_iter()
        .map(|tunnel| {
            let mut ends = [tunnel.one, tunnel.other];
            ends.sort();
            ends
        })
        .collect();
    let count = ends.len();
    ends.sort();
    ends.dedup();
    if ends.len() != count {
        world.fail(format!("the DC has two tunnels for one pair: {ends:?}"));
    }
    for number in 0..world.relays.len() {
        let paths = world.relays[number].machine.status(world.now).paths.len();
        if paths > sites * sites {
            world.fail(format!(
                "RS{number} holds {paths} paths for {sites} gateways"
            ));
        }
    }
}
