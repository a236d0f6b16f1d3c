//! What the commands do, step by step.

use std::time::Instant;

use crate::tools::{install, python, run};

/// Seeds of the fault simulator on every change.
const SEEDS: &str = "2000";

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
    let variables = [("SAMEROOM_TEST_PYTHON", python.as_str()), ("SAMEROOM_SEEDS", SEEDS)];
    timed("tests", || run("cargo", &["test", "--workspace", "--no-fail-fast"], &variables))
}

/// Which parts of the long things to run, and for how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    /// How many seeds of the fault simulator.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// For how many seconds each fuzz target runs.
    #[arg(long, default_value_t = 600)]
    fuzz_secs: u64,
    /// One part alone.
    #[arg(long)]
    only: Option<Part>,
}

/// A part of the long things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Seeds of the fault simulator.
    Seeds,
    /// Properties of the pure parts, many cases each.
    Properties,
    /// Every fuzz target.
    Fuzz,
    /// Rings, kills and outages over real servers, at full size.
    Real,
}

/// The long things.
pub(crate) fn soak(soak: &Soak) -> anyhow::Result<()> {
    let wants = |part| soak.only.is_none_or(|only| only == part);
    if wants(Part::Seeds) {
        timed("seeds", || faults(soak.seeds, 0))?;
    }
    if wants(Part::Properties) {
        timed("properties", properties)?;
    }
    if wants(Part::Fuzz) {
        timed("fuzz targets", || crate::fuzz::run_all(soak.fuzz_secs))?;
    }
    if wants(Part::Real) {
        timed("rings, kills and outages at full size", real)?;
    }
    Ok(())
}

fn properties() -> anyhow::Result<()> {
    let packages =
        ["test", "--release", "-p", "sameroom-markup", "-p", "sameroom-log", "-p", "simulator-irc"];
    run("cargo", &packages, &[("PROPTEST_CASES", "4000")])
}

/// One after the other: each of them is meant to have the machine for itself.
fn real() -> anyhow::Result<()> {
    timed("what tests need", install)?;
    let python = python().to_string_lossy().into_owned();
    let variables = [("SAMEROOM_TEST_PYTHON", python.as_str()), ("SAMEROOM_SCALE", "full")];
    let tests = ["ring::", "kills::", "outages::", "--test-threads", "1"];
    let arguments = [&["test", "--release", "-p", "sameroom", "--test", "it", "--"][..], &tests].concat();
    run("cargo", &arguments, &variables)
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
