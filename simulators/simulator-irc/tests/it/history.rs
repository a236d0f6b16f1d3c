//! `CHATHISTORY`.

use crate::{client::Client, has, tag};
use simulator_irc::{Clock, Options, Server};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, UNIX_EPOCH},
};

const CAPS: &str = "batch message-tags server-time draft/chathistory";

/// A server whose clock moves a second with every look.
fn ticking() -> Server {
    let ticks = AtomicU64::new(1_000_000_000);
    let clock = Clock::new(move || UNIX_EPOCH + Duration::from_secs(ticks.fetch_add(1, Ordering::SeqCst)));
    Server::start(Options { clock, history_max: 8, history_batch_max: 5, ..Options::default() }).unwrap()
}

/// The texts of an answer, and proof that it is one batch.
async fn ask(client: &mut Client, question: &str) -> Vec<String> {
    let lines = client.ask(&format!("CHATHISTORY {question}")).await;
    let name = lines[0].split(" BATCH +").nth(1).unwrap_or_else(|| panic!("{lines:#?}"));
    let name = name.strip_suffix(" chathistory #den").expect("the batch names its kind and room");
    assert!(lines.last().unwrap().ends_with(&format!(" BATCH -{name}")));
    let inner = &lines[1..lines.len() - 1];
    assert!(inner.iter().all(|line| tag(line, "batch") == Some(name)));
    inner.iter().map(|line| line.split(" :").last().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_direction() {
    let server = ticking();
    let bob = server.user("bob", "#den").unwrap();
    let ids: Vec<String> = (0..6).map(|index| bob.says(&format!("m{index}")).unwrap()).collect();
    let mut ana = Client::register(server.addr(), "ana", CAPS).await;
    assert!(has(
        &ana.ask("CHATHISTORY LATEST #den * 5").await,
        "FAIL CHATHISTORY INVALID_TARGET LATEST #den "
    ));
    ana.join("#den").await;
    assert_eq!(ask(&mut ana, "LATEST #den * 3").await, ["m3", "m4", "m5"]);
    assert_eq!(
        ask(&mut ana, "LATEST #den * 50").await,
        ["m1", "m2", "m3", "m4", "m5"],
        "no more than allowed"
    );
    assert_eq!(ask(&mut ana, &format!("LATEST #den msgid={} 50", ids[3])).await, ["m4", "m5"]);
    assert_eq!(ask(&mut ana, &format!("BEFORE #den msgid={} 2", ids[3])).await, ["m1", "m2"]);
    assert_eq!(ask(&mut ana, &format!("AFTER #den msgid={} 2", ids[1])).await, ["m2", "m3"]);
    assert_eq!(ask(&mut ana, &format!("AROUND #den msgid={} 3", ids[2])).await, ["m1", "m2", "m3"]);
    let between =
        |a: usize, b: usize, n: usize| format!("BETWEEN #den msgid={} msgid={} {n}", ids[a], ids[b]);
    assert_eq!(ask(&mut ana, &between(1, 5, 2)).await, ["m2", "m3"]);
    assert_eq!(ask(&mut ana, &between(5, 1, 2)).await, ["m3", "m4"]);
    assert_eq!(ask(&mut ana, "AFTER #den msgid=unknown 2").await, Vec::<String>::new());
    let lines = ana.ask("CHATHISTORY LATEST #den * 2").await;
    let time = tag(&lines[1], "time").unwrap();
    assert_eq!(ask(&mut ana, &format!("AFTER #den timestamp={time} 5")).await, ["m5"]);
    assert_eq!(ask(&mut ana, &format!("BEFORE #den timestamp={time} 1")).await, ["m3"]);
    for wrong in [
        "LATEST #den",
        "SIDEWAYS #den * 3",
        "BEFORE #den * 3",
        "AFTER #den when=ever 3",
        "AFTER #den msgid=x many",
    ] {
        assert!(
            has(&ana.ask(&format!("CHATHISTORY {wrong}")).await, "FAIL CHATHISTORY INVALID_PARAMS"),
            "{wrong}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn bounded_and_without_what_was_taken_back() {
    let server = ticking();
    let bob = server.user("bob", "#den").unwrap();
    let first = bob.says("first").unwrap();
    for index in 0..7 {
        bob.says(&format!("m{index}")).unwrap();
    }
    assert_eq!(server.transcript("#den").len(), 8);
    let last = bob.says("last").unwrap();
    let mut ana = Client::register(server.addr(), "ana", CAPS).await;
    ana.join("#den").await;
    assert_eq!(
        ask(&mut ana, &format!("AFTER #den msgid={first} 5")).await,
        Vec::<String>::new(),
        "forgotten"
    );
    bob.deletes(&last).unwrap();
    assert_eq!(ask(&mut ana, "LATEST #den * 1").await, ["m6"]);
    let mut full = Client::register(server.addr(), "full", &format!("{CAPS} draft/event-playback")).await;
    full.join("#den").await;
    let lines = full.ask("CHATHISTORY LATEST #den * 2").await;
    assert!(has(&lines, ":full!~full@127.0.0.1 JOIN #den") && has(&lines, ":ana!~ana@127.0.0.1 JOIN #den"));
    let targets = full
        .ask("CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00Z timestamp=2030-01-01T00:00:00.000Z 9")
        .await;
    assert!(has(&targets, "draft/chathistory-targets") && has(&targets, "CHATHISTORY TARGETS #den 2001-"));
    server.stop().await;
}
