//! Runs the fuzz targets for a while each.
//!
//! What they find new goes into a scratch corpus below `target`; a failing input is kept in `fuzz/artifacts`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::tools::run;

/// Runs every target of `fuzz/fuzz_targets` for so many seconds, one after the other.
///
/// # Errors
/// When a tool is missing or a target finds something.
pub(crate) fn run_all(secs: u64) -> anyhow::Result<()> {
    if !Command::new("cargo").args(["fuzz", "--version"]).output().is_ok_and(|answer| answer.status.success())
    {
        run("cargo", &["install", "cargo-fuzz", "--locked"], &[])?;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    targets.sort();
    let limit = format!("-max_total_time={secs}");
    for target in &targets {
        let scratch = format!("target/fuzz-corpus/{target}");
        fs::create_dir_all(&scratch).with_context(|| format!("make {scratch}"))?;
        let kept = format!("fuzz/corpus/{target}");
        println!("== fuzz target {target}: {secs} s");
        // libFuzzer's instrumentation needs flags that a stable compiler keeps for itself.
        run(
            "cargo",
            &["fuzz", "run", "--sanitizer", "none", target, &scratch, &kept, "--", &limit],
            &[("RUSTC_BOOTSTRAP", "1")],
        )?;
    }
    Ok(())
}
