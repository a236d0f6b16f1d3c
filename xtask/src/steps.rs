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
    })?;
    // One after the other: each of them is meant to have the machine for itself.
    timed("rings, kills and outages at full size", || {
        let tests = ["ring::", "kills::", "outages::", "--test-threads", "1"];
        let arguments = [&["test", "--release", "-p", "sameroom", "--test", "it", "--"][..], &tests].concat();
        run("cargo", &arguments, &[&variables[..], &[("SAMEROOM_SCALE", "full")]].concat())
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

/// Figures that another machine can repeat as ratios: the table on the terminal, the figures in
/// `target/bench.json`. `only` are parts of the names of what to measure; none stands for all.
pub(crate) fn bench(only: &[String]) -> anyhow::Result<()> {
    timed("what the servers need", install)?;
    let json = crate::tools::root().join("target/bench.json");
    let json = json.to_string_lossy();
    let mut arguments = vec!["bench", "-p", "sameroom", "--bench", "figures", "--"];
    arguments.extend(only.iter().map(String::as_str));
    run("cargo", &arguments, &[("SAMEROOM_BENCH_JSON", &json)])?;
    if only.is_empty() {
        run("cargo", &["run", "--release", "-p", "sameroom-log", "--example", "throughput"], &[])?;
    }
    Ok(())
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
