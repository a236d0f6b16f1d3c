//! The whole of it under load, and with a long queue.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sameroom_engine::{Reply, Request};
use sameroom_runtime::Relay;

use crate::folder::{configuration, preload, private, start};
use crate::memory::World;

/// Rooms of the source.
const NETWORKS: u64 = 100;

/// As fast as it goes for a while, three rooms per message.
pub(crate) async fn measure(copies: u64, secs: u64) -> anyhow::Result<()> {
    let folder = private()?;
    preload(folder.path(), copies)?;
    let world = World::new(NETWORKS, true);
    let running = start(folder.path(), configuration(usize::try_from(NETWORKS)?), &world)?;
    ready(&running.relay, usize::try_from(NETWORKS * 3)?).await?;
    // What rooms are told about their tubes is no part of it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = *world.arrived.borrow();
    let cpu = processor_time()?;
    let began = Instant::now();
    world.wanted.send_replace(u64::MAX);
    tokio::time::sleep(Duration::from_secs(secs)).await;
    let posted = world.posted.load(Ordering::Relaxed);
    world.wanted.send_replace(posted);
    let mut arrived = world.arrived.subscribe();
    let all = before + world.posted.load(Ordering::Relaxed) * 3;
    arrived.wait_for(|count| *count >= all).await?;
    let took = began.elapsed().as_secs_f64();
    let deliveries = per(all - before);
    println!(
        "{:.0} deliveries/s for {took:.0} s, three rooms per message, {copies} copies beforehand",
        deliveries / took
    );
    println!(
        "{:.1} us of processor time per delivery",
        (processor_time()? - cpu).as_secs_f64() * 1e6 / deliveries
    );
    println!("{:.1} MiB at the most", memory("VmHWM")?);
    let began = Instant::now();
    running.stop().await;
    println!("stopped, with everything in the map, after {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// A queue that grows while the target is away, is read back at a start, and drains.
pub(crate) async fn waiting(deliveries: u64) -> anyhow::Result<()> {
    let folder = private()?;
    let config = configuration(1);
    let world = World::new(1, false);
    let running = start(folder.path(), config.clone(), &world)?;
    let messages = deliveries / 3;
    world.wanted.send_replace(messages);
    while world.posted.load(Ordering::Relaxed) < messages {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("{:.1} MiB with {deliveries} waiting", memory("VmRSS")?);
    running.stop().await;
    let began = Instant::now();
    let world = World::new(1, false);
    let running = start(folder.path(), config, &world)?;
    println!("{deliveries} waiting deliveries read back in {:.2} s", began.elapsed().as_secs_f64());
    println!("{:.1} MiB then", memory("VmRSS")?);
    let began = Instant::now();
    world.is_open.send_replace(true);
    let mut arrived = world.arrived.subscribe();
    arrived.wait_for(|count| *count >= messages * 3).await?;
    let took = began.elapsed().as_secs_f64();
    println!("drained at {:.0}/s; {:.1} MiB at the most", per(messages * 3) / took, memory("VmHWM")?);
    running.stop().await;
    Ok(())
}

async fn ready(relay: &Relay, tubes: usize) -> anyhow::Result<()> {
    let handle = relay.handle();
    for _ in 0..600 {
        if let Reply::Tubes(views) = handle.request(Request::Tubes).await?
            && views.iter().filter(|view| view.state == sameroom_types::room::TubeState::Active).count()
                == tubes
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the tubes do not come up")
}

#[expect(clippy::cast_precision_loss, reason = "few enough")]
fn per(count: u64) -> f64 {
    count as f64
}

/// Of all threads of this process.
fn processor_time() -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanos += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

/// In MiB.
pub(crate) fn memory(which: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap_or_default();
    let kib: f64 = line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").trim().parse()?;
    Ok(kib / 1024.0)
}
