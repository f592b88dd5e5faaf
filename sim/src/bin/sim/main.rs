//! `sim COUNT [SEED]`: plays so many worlds on two threads, prints what was seen, and what broke, made small.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that measures and prints"
)]

use ntm_sim::shrink::{kind, shrink};
use ntm_sim::tally::Tally;
use ntm_sim::{Plan, picture};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const THREADS: u64 = 2;
/// Lines of the picture on the screen; the page has more.
const SHOWN: usize = 60;
const PAGE: usize = 400;
/// Failures that are made small; of the others the seed is printed.
const SMALL: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let (Some(count), 1..=2) = (number(0), arguments.len()) else {
        eprintln!("usage: sim COUNT [SEED]: how many worlds, and the first one's seed");
        return ExitCode::from(2);
    };
    let first = match (number(1), arguments.get(1)) {
        (Some(first), _) => first,
        (None, Some(text)) => {
            eprintln!("{text:?} is no seed; write a number");
            return ExitCode::from(2);
        }
        (None, None) => std::time::UNIX_EPOCH
            .elapsed()
            .map_or(0, |since| since.as_nanos() as u64 % 1_000_000_000),
    };
    std::panic::set_hook(Box::new(|_| {}));
    let started = Instant::now();
    let (tally, failures) = play(first, count);
    let seconds = started.elapsed().as_secs_f64();
    println!("{tally}");
    println!(
        "{count} worlds from seed {first} in {seconds:.1} s: {:.0} a second; {} failed",
        count as f64 / seconds,
        failures.len()
    );
    let mut kinds: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (seed, what) in &failures {
        kinds.entry(kind(what)).or_default().push(*seed);
    }
    for (kind, seeds) in &kinds {
        println!(
            "  {:>6} times: {kind}; seeds {:?}",
            seeds.len(),
            &seeds[..seeds.len().min(8)]
        );
    }
    for seeds in kinds.values().take(SMALL) {
        show(seeds[0]);
    }
    ExitCode::from(u8::from(!failures.is_empty()))
}

fn play(first: u64, count: u64) -> (Tally, Vec<(u64, String)>) {
    let next = AtomicU64::new(0);
    let worker = || {
        let (mut tally, mut failures) = (Tally::default(), Vec::new());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return (tally, failures);
            }
            let seed = first.wrapping_add(at);
            let outcome = Plan::draw(seed).run(false);
            tally.merge(&outcome.tally);
            if let Some(failure) = outcome.failure {
                eprintln!("seed {seed}: {}", failure.what);
                failures.push((seed, failure.what));
            }
        }
    };
    let (mut tally, mut failures) = (Tally::default(), Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(worker)).collect();
        for done in workers {
            let (part, found) = done.join().expect("a world's panic is caught inside");
            tally.merge(&part);
            failures.extend(found);
        }
    });
    failures.sort();
    (tally, failures)
}

/// Prints a failure as small as it gets.
fn show(seed: u64) {
    let plan = shrink(&Plan::draw(seed));
    let outcome = plan.run(true);
    let (Some(failure), Some(trace)) = (outcome.failure, outcome.trace) else {
        return;
    };
    println!(
        "\nseed {seed} at {:.3} s: {}",
        failure.at.as_secs_f64(),
        failure.what
    );
    let (world, sites) = (&plan.spec, &plan.spec.sites);
    println!(
        "the world: relays {:?}, core {} ms, store {} ms, common group: {}",
        world.relays, world.core_ms, world.store_ms, world.common_group
    );
    println!("  shared NATs {:?}", world.shared);
    for (number, site) in sites.iter().enumerate() {
        println!(
            "  GW{number}: account {}, {} devices",
            site.account, site.devices
        );
        site.wans.iter().for_each(|wan| println!("    {wan:?}"));
    }
    println!("what happened:");
    plan.steps
        .iter()
        .for_each(|step| println!("  after {:>6} ms {:?}", step.after_ms, step.act));
    print!("{}", picture::text(&trace, failure.at, SHOWN));
    let page = picture::html(
        &trace,
        failure.at,
        PAGE,
        &format!("seed {seed}: {}", failure.what),
    );
    let folder = std::path::Path::new("target/sim");
    let file = folder.join(format!("{seed}.html"));
    if std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, page))
        .is_ok()
    {
        println!("the picture: {}", file.display());
    }
}
