//! One room on each of two servers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use sameroom_testkit::load::{Book, Flow};
use tokio::time::Instant;

use crate::relay::{Relay, Usage};
use crate::sheet::{Sheet, median, millis, percentile};
use crate::world::{Kind, SILENCE, Server, flow, tube};

/// What is measured, from where to where.
pub(crate) const PAIRS: [(&str, [Kind; 2]); 3] = [
    ("IRC to IRC", [Kind::Ngircd, Kind::Inspircd]),
    ("IRC to XMPP", [Kind::Ngircd, Kind::Prosody]),
    ("XMPP to IRC", [Kind::Prosody, Kind::Ngircd]),
];

/// How often each figure is taken.
const ROUNDS: u32 = 3;

/// Messages at 20 in a second.
const PACED: u32 = 200;
const PACE: Duration = Duration::from_millis(50);

/// Messages one at a time; with this many under way; at once.
const SINGLE: u32 = 500;
const WINDOWED: u32 = 10_000;
const WINDOW: usize = 64;
const BURST: u32 = 5_000;

/// What one round brings.
#[derive(Debug, Default)]
struct Round {
    p50: Vec<f64>,
    p99: Vec<f64>,
    single: Vec<f64>,
    windowed: Vec<f64>,
    burst: Vec<f64>,
    disordered: usize,
    /// Of the relay, per delivery: microseconds and bytes; flushes in a second. When slow and when fast.
    costs: [Vec<Cost>; 2],
}

#[derive(Clone, Copy, Debug)]
struct Cost {
    cpu_micros: f64,
    bytes: f64,
    flushes: f64,
}

impl Cost {
    fn between(before: Usage, after: Usage, deliveries: u32) -> Self {
        let deliveries = f64::from(deliveries);
        Self {
            cpu_micros: (after.cpu.saturating_sub(before.cpu)).as_secs_f64() * 1e6 / deliveries,
            bytes: (after.written_bytes - before.written_bytes) / deliveries,
            flushes: (after.flushes - before.flushes) / (after.at - before.at).as_secs_f64(),
        }
    }
}

/// Measures one pair and the two servers without the relay.
pub(crate) async fn measure(sheet: &mut Sheet, name: &str, from: Kind, to: Kind) -> anyhow::Result<()> {
    let (source, target) = (Server::start(from).await?, Server::start(to).await?);
    let book = Arc::new(Book::default());
    let (here, there) = (source.room("lobby"), target.room("lobby"));
    let ann = source.person("ann", std::slice::from_ref(&here), &book).await?;
    let _near = source.person("bob", std::slice::from_ref(&here), &book).await?;
    let far = target.person("cleo", std::slice::from_ref(&there), &book).await?;
    let _beside = target.person("bob", std::slice::from_ref(&there), &book).await?;

    // Without the relay: both servers by themselves, and the slower of them counts.
    let near_place = format!("bob {here}");
    let first = rounds(&flow(&ann, &here, "N", &[near_place], &book), None).await?;
    let beside_place = format!("bob {there}");
    let second = rounds(&flow(&far, &there, "F", &[beside_place], &book), None).await?;

    let accounts = [source.account("a", source.addr()), target.account("b", target.addr())].concat();
    let relay =
        Relay::start(&[accounts, tube(&source.spec("a", "lobby"), &target.spec("b", "lobby"))].concat())?;
    relay.ready(1).await?;
    let place = format!("cleo {there}");
    let ours = rounds(&flow(&ann, &here, "A", &[place], &book), Some(&relay)).await?;
    ensure!(ours.disordered == 0, "{} messages came out of order", ours.disordered);

    let sum = |pick: fn(&Round) -> &Vec<f64>| -> Vec<f64> {
        pick(&first).iter().zip(pick(&second)).map(|(one, two)| one + two).collect()
    };
    let least = |pick: fn(&Round) -> &Vec<f64>| -> Vec<f64> {
        pick(&first).iter().zip(pick(&second)).map(|(one, two)| one.min(*two)).collect()
    };
    sheet.add(name, "delay at 20/s, p50", "ms", &ours.p50, Some(&sum(|round| &round.p50)));
    sheet.add(name, "delay at 20/s, p99", "ms", &ours.p99, Some(&sum(|round| &round.p99)));
    sheet.add(name, "1 in flight", "/s", &ours.single, Some(&least(|round| &round.single)));
    sheet.add(name, "64 in flight", "/s", &ours.windowed, Some(&least(|round| &round.windowed)));
    sheet.add(name, "burst of 5,000", "/s", &ours.burst, Some(&least(|round| &round.burst)));
    let of = |costs: &[Cost], pick: fn(&Cost) -> f64| costs.iter().map(pick).collect::<Vec<_>>();
    let [slow, fast] = &ours.costs;
    sheet.add(name, "CPU per delivery, 20/s", "us", &of(slow, |cost| cost.cpu_micros), None);
    sheet.add(name, "CPU per delivery, 64 in flight", "us", &of(fast, |cost| cost.cpu_micros), None);
    sheet.add(name, "written per delivery, 20/s", "B", &of(slow, |cost| cost.bytes), None);
    sheet.add(name, "written per delivery, 64 in flight", "B", &of(fast, |cost| cost.bytes), None);
    sheet.add(name, "flushes, 20/s", "/s", &of(slow, |cost| cost.flushes), None);
    sheet.add(name, "flushes, 64 in flight", "/s", &of(fast, |cost| cost.flushes), None);
    Ok(())
}

/// Takes all figures of one stream several times over; messages are numbered on.
async fn rounds(flow: &Flow, relay: Option<&Relay>) -> anyhow::Result<Round> {
    let mut all = Round::default();
    let mut next = 0;
    let mut numbers = |count: u32| {
        next += count;
        next - count..next
    };
    let usage = async || match relay {
        Some(relay) => relay.usage().await.map(Some),
        None => Ok(None),
    };
    // Warm: rooms entered, caches filled.
    flow.windowed(numbers(200), 8, SILENCE).await?;
    flow.wait(200, SILENCE).await?;
    for _ in 0..ROUNDS {
        let paced = numbers(PACED);
        let before = usage().await?;
        flow.paced(paced.clone(), PACE).await?;
        flow.wait(paced.end as usize, SILENCE).await?;
        let delays = millis(&flow.book.delays(&flow.places[0], &flow.tag, paced));
        all.p50.push(median(&delays));
        all.p99.push(percentile(&delays, 99));
        if let (Some(before), Some(after)) = (before, usage().await?) {
            all.costs[0].push(Cost::between(before, after, PACED));
        }
        all.single.push(rate(flow, numbers(SINGLE), 1).await?);
        let before = usage().await?;
        all.windowed.push(rate(flow, numbers(WINDOWED), WINDOW).await?);
        if let (Some(before), Some(after)) = (before, usage().await?) {
            all.costs[1].push(Cost::between(before, after, WINDOWED));
        }
        all.burst.push(rate(flow, numbers(BURST), usize::MAX).await?);
    }
    let verdict = flow.book.verdict(&flow.places[0], &flow.tag, 0..next);
    ensure!(verdict.lost == 0 && verdict.doubled == 0, "{verdict:?}");
    all.disordered = verdict.disordered;
    Ok(all)
}

/// Messages in a second, from the first that is said to the last that is heard.
async fn rate(flow: &Flow, numbers: std::ops::Range<u32>, window: usize) -> anyhow::Result<f64> {
    let began = Instant::now();
    let count = f64::from(numbers.end - numbers.start);
    flow.windowed(numbers.clone(), window, SILENCE).await?;
    flow.wait(numbers.end as usize, SILENCE).await?;
    Ok(count / began.elapsed().as_secs_f64())
}
