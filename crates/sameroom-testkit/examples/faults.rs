//! Runs seeds of the fault simulator: `faults SEEDS FIRST`. Used by `cargo xtask faults`.

#![expect(clippy::print_stdout, reason = "this program talks to a person at a terminal")]

use std::process::ExitCode;

use sameroom_testkit::faults::{self, Scenario};

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>().unwrap_or(0));
    let (seeds, first) = (numbers.next().unwrap_or(2_000), numbers.next().unwrap_or(0));
    let (mut posts, mut copies, mut repeats, mut crashes, mut failures) = (0, 0, 0, 0, 0);
    for seed in first..first.saturating_add(seeds) {
        let verdict = faults::run(seed);
        posts += verdict.posts;
        copies += verdict.copies;
        repeats += verdict.repeats;
        crashes += verdict.crashes;
        if verdict.is_failure() {
            failures += 1;
            let small = faults::shrink(&Scenario::draw(seed));
            println!("{small}\n{:#?}\n", faults::run_scenario(&small, None));
        }
        if (seed - first + 1).is_multiple_of(1_000) {
            println!("{} seeds, {failures} failures", seed - first + 1);
        }
    }
    println!(
        "{seeds} seeds from {first}: {posts} posts, {copies} copies, {crashes} crashes, {repeats} allowed repeats, {failures} failures"
    );
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
