//! The promises, held against seeds.

use sameroom_testkit::faults::{self, Sabotage, Scenario};

/// How many seeds run with every change; `SAMEROOM_SEEDS` overrides it.
fn seeds() -> u64 {
    std::env::var("SAMEROOM_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

fn fail(seed: u64) -> ! {
    let small = faults::shrink(&Scenario::draw(seed));
    panic!("seed {seed} fails; the smallest story:\n{small}\n{:#?}", faults::run_scenario(&small, None));
}

#[test]
fn nothing_is_lost_doubled_disordered_looped_or_stuck() {
    let (mut posts, mut copies, mut repeats, mut crashes) = (0, 0, 0, 0);
    for seed in 0..seeds() {
        let verdict = faults::run(seed);
        if verdict.is_failure() {
            fail(seed);
        }
        posts += verdict.posts;
        copies += verdict.copies;
        repeats += verdict.repeats;
        crashes += verdict.crashes;
    }
    println!("{posts} posts, {copies} copies, {crashes} crashes, {repeats} allowed repeats");
    assert!(posts > 0 && copies > posts / 2 && crashes > 0, "the runs must exercise something");
}

#[test]
fn a_seed_runs_the_same_way_twice() {
    for seed in 0..50 {
        assert_eq!(faults::run(seed), faults::run(seed), "seed {seed}");
    }
}

#[test]
fn a_program_that_keeps_one_promise_less_is_found_out() {
    let missed: Vec<_> = Sabotage::ALL
        .into_iter()
        .filter(|how| {
            let found =
                (0..1_000).find(|seed| faults::run_scenario(&Scenario::draw(*seed), Some(*how)).is_failure());
            println!("{how:?}: found out by seed {found:?}");
            found.is_none()
        })
        .collect();
    assert!(missed.is_empty(), "the oracle does not notice {missed:?}");
}
