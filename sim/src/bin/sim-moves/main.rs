//! `sim-moves COUNT [SEED [SECONDS]]`: plays journeys on two threads until so many moves were made, prints how long sessions
//! were silent, and what broke, made small: which session was away for so many seconds though a path existed, 10 unless
//! said. `sim-moves --only SEED [MOVES]` plays one journey, or its first moves.
//! `sim-moves --attacks RACES [SEED]`: so many copied datagrams of each way of attacking.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that measures and prints"
)]

use ntm_sim::attack::Attack;
use ntm_sim::moves::gaps::Gaps;
use ntm_sim::moves::{Journey, PATIENCE, is_known};
use ntm_sim::picture;
use ntm_sim::shrink::{kind, shrink};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const THREADS: u64 = 2;
/// Lines of the picture on the screen; the page has more.
const SHOWN: usize = 80;
const PAGE: usize = 1500;
/// Failures that are made small; of the others the seed is printed.
const SMALL: usize = 3;

/// A journey that broke a rule: its seed, its moves up to that, the rule.
struct Broken {
    seed: u64,
    moves: usize,
    what: String,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let numbers = arguments
        .iter()
        .skip(1)
        .all(|text| text.parse::<u64>().is_ok());
    std::panic::set_hook(Box::new(|_| {}));
    match (arguments.first().map(String::as_str), number(0)) {
        (Some("--only"), _) if numbers && (2..=3).contains(&arguments.len()) => {
            let moves = number(2).map_or(usize::MAX, |moves| moves as usize);
            ExitCode::from(u8::from(only(number(1).unwrap_or(0), moves)))
        }
        (Some("--attacks"), _) if numbers && (2..=3).contains(&arguments.len()) => {
            let first = number(2).unwrap_or_else(any_seed);
            ExitCode::from(u8::from(attacks(number(1).unwrap_or(0), first)))
        }
        (_, Some(count)) if numbers && arguments.len() <= 3 => {
            let first = number(1).unwrap_or_else(any_seed);
            let patience = number(2).map_or(PATIENCE, Duration::from_secs);
            ExitCode::from(u8::from(many(first, count, patience)))
        }
        (Some(_) | None, _) => {
            eprintln!(
                "usage: sim-moves COUNT [SEED [SECONDS]] | --only SEED [MOVES] | --attacks RACES [SEED]"
            );
            ExitCode::from(2)
        }
    }
}

fn any_seed() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed();
    since.map_or(0, |since| since.as_nanos() as u64 % 1_000_000_000)
}

/// Whether one journey breaks a rule.
fn only(seed: u64, moves: usize) -> bool {
    let journey = Journey::draw(seed).cut(moves);
    let report = journey.run(false);
    println!("{}", report.gaps);
    let Some(failure) = report.failure else {
        println!("seed {seed}: {} moves, all well", report.gaps.moves());
        return false;
    };
    println!("seed {seed}, move {}: {}", report.at_move, failure.what);
    show(&journey.cut(report.at_move + 1));
    true
}

/// Whether some attacker gets what it wants.
fn attacks(races: u64, first: u64) -> bool {
    let mut broken = false;
    for how in ways(races / WORLDS) {
        let (mut failures, mut all) = (Vec::new(), Vec::new());
        for seed in first..first + WORLDS {
            let report = Journey::quiet(seed).attacked(how, false);
            all.push((report.loot.bulk, report.loot.bytes, report.loot.most()));
            failures.extend(report.failure.map(|failure| (seed, failure)));
        }
        let bulk: u64 = all.iter().map(|one| one.0).sum();
        let bytes = all.iter().map(|one| one.1);
        let (got, sent) = bytes.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let most = all.iter().map(|one| one.2.0).max().unwrap_or(0);
        let addresses: usize = all.iter().map(|one| one.2.1).sum();
        println!(
            "  {how:?} in {WORLDS} worlds: sent {sent} bytes, got {got}, bulk datagrams {bulk}, \
             answers to {addresses} addresses, at most {most} to one; {} broken",
            failures.len()
        );
        for (seed, failure) in &failures {
            let at = failure.at.as_secs_f64();
            println!("    seed {seed} at {at:.3} s: {}", failure.what);
        }
        broken |= !failures.is_empty();
    }
    broken
}

/// Worlds for each way of attacking.
const WORLDS: u64 = 8;

fn ways(races: u64) -> Vec<Attack> {
    let way = |wins, towards, roams, forges| Attack {
        wins,
        towards,
        roams,
        forges,
        races,
    };
    let (first, second, both) = ([true, false], [false, true], [true, true]);
    vec![
        way(100, first, false, false),
        way(100, second, false, false),
        way(100, both, false, false),
        way(50, both, false, false),
        way(5, both, false, false),
        way(0, both, false, false),
        way(100, first, true, false),
        way(50, both, true, false),
        way(0, both, true, true),
    ]
}

/// Whether one of many journeys breaks a rule that is not known to be broken.
fn many(first: u64, count: u64, patience: Duration) -> bool {
    let started = Instant::now();
    let (gaps, mut broken) = play(first, count, patience);
    let seconds = started.elapsed().as_secs_f64();
    println!("{gaps}");
    let moves = gaps.moves();
    println!(
        "{moves} moves from seed {first} in {seconds:.1} s: {:.0} a second; {} journeys broken off",
        moves as f64 / seconds,
        broken.len()
    );
    let mut kinds: BTreeMap<String, Vec<&Broken>> = BTreeMap::new();
    for one in &broken {
        kinds.entry(kind(&one.what)).or_default().push(one);
    }
    for (kind, all) in &kinds {
        let seeds: Vec<String> = all
            .iter()
            .take(6)
            .map(|one| format!("{} {}", one.seed, one.moves))
            .collect();
        let is_known = |one: &&Broken| is_known(one.seed, kind);
        let mark = if all.iter().all(is_known) {
            "known, "
        } else {
            ""
        };
        println!(
            "  {:>6} times: {mark}{kind}; seed and moves: {}",
            all.len(),
            seeds.join(", ")
        );
    }
    broken.retain(|one| !is_known(one.seed, &kind(&one.what)));
    let mut shown = Vec::new();
    for one in &broken {
        let kind = kind(&one.what);
        if !shown.contains(&kind) && shown.len() < SMALL {
            shown.push(kind);
            let mut journey = Journey::draw(one.seed).cut(one.moves);
            journey.patience = patience;
            show(&journey);
        }
    }
    !broken.is_empty()
}

fn play(first: u64, count: u64, patience: Duration) -> (Gaps, Vec<Broken>) {
    let (next, made) = (AtomicU64::new(0), AtomicU64::new(0));
    let worker = || {
        let (mut gaps, mut broken) = (Gaps::default(), Vec::new());
        while made.load(Ordering::Relaxed) < count {
            let seed = first.wrapping_add(next.fetch_add(1, Ordering::Relaxed));
            let mut journey = Journey::draw(seed);
            journey.patience = patience;
            let report = journey.run(false);
            made.fetch_add(report.gaps.moves(), Ordering::Relaxed);
            if let Some(failure) = report.failure {
                let moves = report.at_move + 1;
                eprintln!("seed {seed}, move {moves}: {}", failure.what);
                let what = failure.what;
                broken.push(Broken { seed, moves, what });
            }
            gaps.merge(report.gaps);
        }
        (gaps, broken)
    };
    let (mut gaps, mut broken) = (Gaps::default(), Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        for done in workers {
            let (part, found) = done.join().expect("a journey's panic is caught inside");
            gaps.merge(part);
            broken.extend(found);
        }
    });
    broken.sort_by_key(|one| one.seed);
    (gaps, broken)
}

/// Prints a failure as small as it gets.
fn show(journey: &Journey) {
    let journey = shrink(journey);
    let seed = journey.seed;
    let report = journey.run(true);
    let (Some(failure), Some(trace)) = (report.failure, report.trace) else {
        return;
    };
    let at = failure.at.as_secs_f64();
    println!("\nseed {seed} at {at:.3} s: {}", failure.what);
    let world = &journey.spec;
    println!(
        "the world: relays {:?}, core {} ms, store {} ms",
        world.relays, world.core_ms, world.store_ms
    );
    println!("  shared NATs {:?}", world.shared);
    for (number, site) in world.sites.iter().enumerate() {
        site.wans
            .iter()
            .for_each(|wan| println!("  GW{number}: {wan:?}"));
    }
    journey.talks.iter().for_each(|talk| println!("  {talk:?}"));
    println!("the moves:");
    for step in &journey.moves {
        println!(
            "  after {} ms {:?}, only listens: {}",
            step.after_ms, step.kind, step.only_listens
        );
        for (after, what) in &step.script {
            println!("    after {after:>6} ms {what:?}");
        }
    }
    print!("{}", picture::text(&trace, failure.at, SHOWN));
    let title = format!("seed {seed}: {}", failure.what);
    let page = picture::html(&trace, failure.at, PAGE, &title);
    let folder = std::path::Path::new("target/sim");
    let file = folder.join(format!("moves-{seed}.html"));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, page));
    if written.is_ok() {
        println!("the picture: {}", file.display());
    }
}
