//! What the relay costs and how fast it is, seen from outside: real servers, raw-socket clients that share
//! no code with it, each row beside its control, medians of three.
//!
//! `cargo xtask bench`, or `cargo bench -p sameroom --bench figures -- [part of a name ...]`. The table goes
//! to the terminal, the figures to the file named by `SAMEROOM_BENCH_JSON`.

#![expect(clippy::print_stdout, reason = "this program talks to a person at a terminal")]

mod failures;
mod many;
mod pairs;
mod relay;
mod sheet;
mod world;

use anyhow::Context as _;

use crate::sheet::Sheet;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let mut sheet = Sheet::default();
    for (name, [from, to]) in pairs::PAIRS {
        if is_wanted(name) {
            pairs::measure(&mut sheet, name, from, to).await.with_context(|| name.to_owned())?;
        }
    }
    for rooms in [10, 50] {
        if is_wanted(&format!("fan-out {rooms}")) {
            many::fan_out(&mut sheet, rooms).await.context("fan-out")?;
        }
    }
    for tubes in [200, 2_000] {
        if is_wanted(&format!("tubes {tubes}")) {
            many::tubes(&mut sheet, tubes).await.with_context(|| format!("{tubes} tubes"))?;
        }
    }
    if is_wanted("start") {
        failures::start(&mut sheet).await.context("start")?;
    }
    if is_wanted("kill") {
        failures::kill(&mut sheet).await.context("kill")?;
    }
    if is_wanted("outage") {
        failures::outage(&mut sheet).await.context("outage")?;
    }
    println!("\n{sheet}");
    if let Some(path) = std::env::var_os("SAMEROOM_BENCH_JSON") {
        std::fs::write(&path, sheet.json()).context("write the figures")?;
    }
    Ok(())
}
