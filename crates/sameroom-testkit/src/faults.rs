//! The fault simulator: the engine on a simulated disk and simulated platforms, driven from a seed.
//!
//! One heap of (time, seeded tie-break, happening) drives everything; nothing runs by itself. A *kill*
//! lets a random prefix of a step's effects happen, drops the engine and rebuilds it from the disk; a
//! *power loss* also throws away what was not flushed. The oracle reads the platforms' transcripts and
//! the scenario, never the engine.

mod oracle;
mod platform;
mod sabotage;
mod scenario;
mod store;
mod world;

pub use oracle::Verdict;
pub use sabotage::Sabotage;
pub use scenario::Scenario;
pub use world::run_scenario;

/// Runs one seed.
#[must_use]
pub fn run(seed: u64) -> Verdict {
    run_scenario(&Scenario::draw(seed), None)
}

/// Runs a failing scenario again and again with steps left out, and returns the smallest that still fails.
#[must_use]
pub fn shrink(scenario: &Scenario) -> Scenario {
    let mut best = scenario.clone();
    let mut size = (best.steps.len() / 2).max(1);
    loop {
        let mut smaller = false;
        let mut start = 0;
        while start < best.steps.len() {
            let mut candidate = best.clone();
            let end = (start + size).min(candidate.steps.len());
            candidate.steps.drain(start..end);
            if run_scenario(&candidate, None).is_failure() {
                best = candidate;
                smaller = true;
            } else {
                start += size;
            }
        }
        if size == 1 && !smaller {
            return best;
        }
        size = (size / 2).max(1);
    }
}

/// Numbers from a seed.
#[derive(Clone, Debug)]
pub struct Rng(sameroom_seal::SeededEntropy);

impl Rng {
    /// Starts at a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(sameroom_seal::SeededEntropy::new(seed))
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 when there is none.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.bits() % end }
    }

    /// True once in `n`.
    pub const fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
