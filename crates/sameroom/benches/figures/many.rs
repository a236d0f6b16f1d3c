//! One room to many, and many pairs of rooms.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use sameroom_testkit::load::{Book, Flow};
use tokio::time::{Instant, sleep};

use crate::relay::Relay;
use crate::sheet::{Sheet, median, millis, percentile};
use crate::world::{Kind, SILENCE, Server, flow, tube};

/// How often each figure is taken.
const ROUNDS: u32 = 3;

/// One room tied to `count` rooms on another server.
pub(crate) async fn fan_out(sheet: &mut Sheet, count: usize) -> anyhow::Result<()> {
    let name = format!("1 to {count} rooms");
    let (source, target) = (Server::start(Kind::Ngircd).await?, Server::start(Kind::Inspircd).await?);
    let book = Arc::new(Book::default());
    let here = source.room("hub");
    let rooms: Vec<String> = (0..count).map(|index| format!("r{index}")).collect();
    let there: Vec<String> = rooms.iter().map(|room| target.room(room)).collect();
    let ann = source.person("ann", std::slice::from_ref(&here), &book).await?;
    let _bob = target.person("bob", &there, &book).await?;
    let mut config = [source.account("a", source.addr()), target.account("b", target.addr())].concat();
    for room in &rooms {
        config.push_str(&tube(&source.spec("a", "hub"), &target.spec("b", room)));
    }
    let relay = Relay::start(&config)?;
    relay.ready(count).await?;
    let places: Vec<String> = there.iter().map(|room| format!("bob {room}")).collect();
    let flow = flow(&ann, &here, "A", &places, &book);
    let mut next = 50;
    flow.windowed(0..next, 8, SILENCE).await?;
    let (mut delay, mut last, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let paced = next..next + 100;
        next = paced.end;
        flow.paced(paced.clone(), Duration::from_millis(50)).await?;
        flow.wait(next as usize, SILENCE).await?;
        let all: Vec<Vec<f64>> =
            places.iter().map(|place| millis(&book.delays(place, "A", paced.clone()))).collect();
        delay.push(median(&all.concat()));
        last.push(all.iter().map(|one| median(one)).fold(0.0, f64::max));
        let fast = next..next + 1_000;
        next = fast.end;
        let began = Instant::now();
        flow.windowed(fast, 8, SILENCE).await?;
        flow.wait(next as usize, SILENCE).await?;
        rates.push(1_000.0 / began.elapsed().as_secs_f64());
    }
    for place in &places {
        let verdict = book.verdict(place, "A", 0..next);
        ensure!((verdict.lost, verdict.doubled, verdict.disordered) == (0, 0, 0), "{place}: {verdict:?}");
    }
    sheet.add(&name, "delay at 20/s, p50", "ms", &delay, None);
    sheet.add(&name, "delay at 20/s of the last room, p50", "ms", &last, None);
    sheet.add(&name, "messages, 8 in flight", "/s", &rates, None);
    Ok(())
}

/// Many pairs of rooms on one pair of accounts.
pub(crate) async fn tubes(sheet: &mut Sheet, count: usize) -> anyhow::Result<()> {
    let name = format!("{count} tubes");
    let (source, target) = (Server::start(Kind::Ngircd).await?, Server::start(Kind::Inspircd).await?);
    let book = Arc::new(Book::default());
    let rooms: Vec<String> = (0..count).map(|index| format!("r{index}")).collect();
    let here: Vec<String> = rooms.iter().map(|room| source.room(room)).collect();
    let ann = source.person("ann", &here, &book).await?;
    let bob = target.person("bob", &here, &book).await?;
    let mut config = [source.account("a", source.addr()), target.account("b", target.addr())].concat();
    for room in &rooms {
        config.push_str(&tube(&source.spec("a", room), &target.spec("b", room)));
    }
    let began = Instant::now();
    let relay = Relay::start(&config)?;
    relay.ready(count).await?;
    let started = began.elapsed().as_secs_f64();
    // What is told to the rooms about their tubes is over when nothing more comes.
    settle(&book).await;
    sheet.add(&name, "until every tube carries", "s", &[started], None);
    sheet.add(&name, "memory when idle", "MiB", &[relay.memory("VmRSS")?], None);
    let before = relay.usage().await?;
    sleep(Duration::from_secs(10)).await;
    let after = relay.usage().await?;
    let busy = (after.cpu.saturating_sub(before.cpu)).as_secs_f64() / (after.at - before.at).as_secs_f64();
    sheet.add(&name, "CPU when idle", "%", &[busy * 100.0], None);

    let flows: Vec<Flow> = (0..count)
        .map(|index| {
            let (room, tag) = (&here[index], format!("A{index}"));
            flow(&ann, room, &tag, &[format!("bob {room}")], &book)
        })
        .collect();
    // 100 in a second, spread over all.
    let (mut p50, mut p99, mut cpu, mut fast) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut numbers = vec![0_u32; count];
    for round in 0..ROUNDS {
        let before = relay.usage().await?;
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        let mut said = Vec::new();
        for index in 0..1_000 {
            ticks.tick().await;
            let which = (index * 7 + round as usize) % count;
            let number = numbers[which];
            numbers[which] += 1;
            flows[which].paced(number..number + 1, Duration::from_millis(1)).await?;
            said.push((which, number));
        }
        for (which, flow) in flows.iter().enumerate() {
            flow.wait(numbers[which] as usize, SILENCE).await?;
        }
        let after = relay.usage().await?;
        let delays: Vec<Duration> = said
            .iter()
            .flat_map(|(which, number)| {
                let flow = &flows[*which];
                book.delays(&flow.places[0], &flow.tag, *number..number + 1)
            })
            .collect();
        let delays = millis(&delays);
        p50.push(median(&delays));
        p99.push(percentile(&delays, 99));
        cpu.push((after.cpu.saturating_sub(before.cpu)).as_secs_f64() * 1e6 / 1_000.0);
        fast.push(in_flight(&flows, &mut numbers, 10_000).await?);
    }
    for (index, flow) in flows.iter().enumerate() {
        let verdict = book.verdict(&flow.places[0], &flow.tag, 0..numbers[index]);
        ensure!((verdict.lost, verdict.doubled, verdict.disordered) == (0, 0, 0), "{index}: {verdict:?}");
    }
    sheet.add(&name, "delay at 100/s over all, p50", "ms", &p50, None);
    sheet.add(&name, "delay at 100/s over all, p99", "ms", &p99, None);
    sheet.add(&name, "CPU per delivery at 100/s", "us", &cpu, None);
    sheet.add(&name, "64 in flight over all", "/s", &fast, None);
    sheet.add(&name, "peak memory", "MiB", &[relay.memory("VmHWM")?], None);
    drop(bob);
    Ok(())
}

/// Messages in a second with 64 under way, one after the other in all rooms.
async fn in_flight(flows: &[Flow], numbers: &mut [u32], count: usize) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut flying = std::collections::VecDeque::new();
    for index in 0..count {
        let which = index % flows.len();
        if flying.len() >= 64
            && let Some((which, number)) = flying.pop_front()
        {
            let flow: &Flow = &flows[which];
            flow.wait(number, SILENCE).await?;
        }
        let number = numbers[which];
        numbers[which] += 1;
        flows[which].windowed(number..number + 1, usize::MAX, SILENCE).await?;
        flying.push_back((which, numbers[which] as usize));
    }
    for (which, number) in flying {
        flows[which].wait(number, SILENCE).await?;
    }
    #[expect(clippy::cast_precision_loss, reason = "few enough")]
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// Waits until nothing has been heard for a second.
async fn settle(book: &Book) {
    while tokio::time::timeout(Duration::from_secs(1), book.changed()).await.is_ok() {}
}
