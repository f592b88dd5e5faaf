//! Seeds that once found something never find it again, and some others find nothing. New ones are `make sim`'s.
#![cfg(test)]

use ntm_sim::Plan;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Worlds of each sort: with a relay for everybody, and with few.
const WORLDS: u64 = 100;
const FIRST: [u64; 2] = [1, 2_000_000];
/// No further world is begun after this.
const LONGEST: Duration = Duration::from_secs(20);
/// So many worlds are played even on a machine that is slow or busy.
const LEAST: usize = 20;

/// Plays these seeds on two threads, at least `least` of them; what failed, one line each.
fn play(seeds: &[u64], least: usize) -> Vec<String> {
    let (next, started) = (AtomicU64::new(0), now());
    let worker = || {
        let mut failures = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed) as usize;
            let Some(&seed) = seeds.get(number) else {
                break;
            };
            if number >= least && now() - started > LONGEST {
                break;
            }
            if let Some(failure) = Plan::draw(seed).run(false).failure {
                failures.push(format!(
                    "{seed}  {} (make sim N=1 SEED={seed})",
                    failure.what
                ));
            }
        }
        failures
    };
    std::thread::scope(|scope| {
        let workers = [scope.spawn(worker), scope.spawn(worker)];
        let done = workers.into_iter().map(|worker| worker.join().unwrap());
        done.flatten().collect()
    })
}

#[expect(clippy::disallowed_methods, reason = "the tests have a time limit")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn seeds_that_found_something_once_find_nothing_now() {
    let lines = include_str!("../seeds.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let number = |line: &str| line.split_whitespace().next().unwrap().parse().unwrap();
    let seeds: Vec<u64> = lines.map(number).collect();
    assert!(!seeds.is_empty());
    // All of them, however long it takes.
    let failures = play(&seeds, seeds.len());
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn worlds_keep_every_promise() {
    let seeds = (0..WORLDS).flat_map(|number| FIRST.map(|first| first + number));
    let seeds: Vec<u64> = seeds.collect();
    let failures = play(&seeds, LEAST);
    assert!(failures.is_empty(), "for sim/seeds.txt: {failures:#?}");
}

#[test]
fn one_seed_is_one_world_to_the_last_byte() {
    for seed in 0..5 {
        let plan = Plan::draw(seed);
        let (one, other) = (plan.run(false), plan.run(true));
        assert_eq!(one.fingerprint, other.fingerprint, "seed {seed}");
    }
}
