//! Journeys that once found something never find it again; attackers who lose their races get nothing.
#![cfg(test)]

use ntm_sim::attack::Attack;
use ntm_sim::moves::{Journey, found, is_listed};

#[test]
fn journeys_that_found_something_once_find_nothing_now() {
    let plays = found().into_iter();
    let failures: Vec<String> = plays
        .filter_map(|(seed, moves)| {
            let failure = Journey::draw(seed).cut(moves).run(false).failure?;
            Some(format!("{seed} {moves}  {}", failure.what))
        })
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn one_seed_is_one_journey_to_the_last_byte() {
    let journey = Journey::draw(3).cut(4);
    let (one, other) = (journey.run(false), journey.run(true));
    assert_eq!(one.fingerprint, other.fingerprint);
    assert_eq!(one.gaps.moves(), other.gaps.moves());
}

#[test]
fn late_copies_and_forged_ones_move_no_session() {
    for seed in 1..4 {
        let attack = Attack {
            wins: 0,
            towards: [true, true],
            roams: true,
            forges: true,
            races: 1000,
        };
        let report = Journey::quiet(seed).attacked(attack, false);
        assert_eq!(report.failure, None, "seed {seed}");
        assert_eq!(report.loot.bulk, 0, "seed {seed}");
    }
}

#[test]
fn what_is_known_is_known_of_one_journey_by_the_beginning_of_its_name() {
    let list = "# seed\n44 126     | a stream is silent (RelayDown, | as 45\n7 1 | x | y\n";
    let is_known = |seed, kind| is_listed(list, seed, kind);
    assert!(is_known(44, "a stream is silent (RelayDown, relay down)"));
    assert!(!is_known(45, "a stream is silent (RelayDown, relay down)"));
    assert!(!is_known(44, "a stream is silent (Renumbered)"));
    assert!(!is_known(44, "panic") && !is_known(126, "a stream is silent (RelayDown,"));
}
