//! What the commands do, step by step.

use std::time::Instant;

use crate::tools::{install, python, run};

/// Seeds of the fault simulator on every change, and in a soak.
const SEEDS: (&str, &str) = ("2000", "10000");

fn timed(what: &str, step: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let began = Instant::now();
    let result = step();
    println!("== {what}: {} s", began.elapsed().as_secs());
    result
}

/// All that must hold on every change.
pub(crate) fn test() -> anyhow::Result<()> {
    timed("what tests need", install)?;
    let python = python().to_string_lossy().into_owned();
    let variables = [("SAMEROOM_TEST_PYTHON", python.as_str()), ("SAMEROOM_SEEDS", SEEDS.0)];
    timed("tests", || run("cargo", &["test", "--workspace", "--no-fail-fast"], &variables))
}

/// The long things.
pub(crate) fn soak() -> anyhow::Result<()> {
    timed("what tests need", install)?;
    let python = python().to_string_lossy().into_owned();
    let variables =
        [("SAMEROOM_TEST_PYTHON", python.as_str()), ("SAMEROOM_SEEDS", SEEDS.1), ("PROPTEST_CASES", "4000")];
    timed("seeds", || faults(10_000, 0))?;
    timed("properties", || {
        let packages =
            ["test", "--release", "-p", "sameroom-markup", "-p", "sameroom-log", "-p", "simulator-irc"];
        run("cargo", &packages, &variables)
    })
}

/// All of CI.
pub(crate) fn ci() -> anyhow::Result<()> {
    timed("format", || run("cargo", &["fmt", "--all", "--check"], &[]))?;
    timed("lints", || {
        run("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])
    })?;
    timed("docs of the code", || {
        run("cargo", &["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])
    })?;
    timed("docs made from the code", || docs(true))?;
    test()
}

/// Figures that another machine can repeat as ratios.
pub(crate) fn bench() -> anyhow::Result<()> {
    run("cargo", &["run", "--release", "-p", "sameroom-log", "--example", "throughput"], &[])
}

/// Seeds of the fault simulator.
pub(crate) fn faults(seeds: u64, seed: u64) -> anyhow::Result<()> {
    let (seeds, seed) = (seeds.to_string(), seed.to_string());
    let arguments =
        ["run", "--release", "--quiet", "-p", "sameroom-testkit", "--example", "faults", "--", &seeds, &seed];
    run("cargo", &arguments, &[])
}

/// The docs that are made from the code.
pub(crate) fn docs(check: bool) -> anyhow::Result<()> {
    let mut arguments = vec!["run", "--quiet", "-p", "sameroom", "--", "docs"];
    if check {
        arguments.push("--check");
    }
    run("cargo", &arguments, &[])
}
