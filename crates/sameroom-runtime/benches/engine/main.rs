//! Engine, log, map, flushes and shredding as one, between platforms that live in memory and answer at
//! once; and what routing and idle tubes cost.
//!
//! `cargo bench -p sameroom-runtime --bench engine -- [part of a name ...]`. `SAMEROOM_BENCH_COPIES` says how many
//! copies the map holds beforehand (100,000 unless said), `SAMEROOM_BENCH_SECS` how long it is loaded (10).

#![expect(clippy::print_stdout, reason = "this program talks to a person at a terminal")]

mod folder;
mod load;
mod memory;
mod tubes;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    if is_wanted("routing") {
        for count in [100, 10_000, 100_000] {
            tubes::measure(count);
        }
    }
    if is_wanted("load") {
        let (copies, secs) = (number("SAMEROOM_BENCH_COPIES", 100_000), number("SAMEROOM_BENCH_SECS", 10));
        load::measure(copies, secs).await?;
    }
    if is_wanted("waiting") {
        load::waiting(number("SAMEROOM_BENCH_WAITING", 100_000)).await?;
    }
    Ok(())
}
