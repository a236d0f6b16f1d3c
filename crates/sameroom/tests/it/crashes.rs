//! Killed under load, and a target that is away: nothing that was accepted is lost, order is kept.

use std::time::Duration;

use sameroom_testkit::irc_client;
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use tokio::time::Instant;

use crate::program::{Program, irc_account, number, numbers, person, tube};

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_that_was_relayed_200_ms_before() {
    let source = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let target = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let mut ann = person(source.addr(), "ann", "#lobby").await;
    let mut watcher = person(source.addr(), "watcher", "#lobby").await;
    let mut bob = person(target.addr(), "bob", "#lobby").await;
    let config = [
        irc_account("one", source.addr(), ""),
        irc_account("two", target.addr(), ""),
        tube("one/#lobby", "two/#lobby"),
    ]
    .concat();
    let mut program = Program::start(&config);
    program.ready(1).await;

    let mut must = Vec::new();
    let mut next = 0;
    for _ in 0..3 {
        // A message every 5 ms for a second; the kill comes in the middle of it.
        let mut seen = Vec::new();
        let began = Instant::now();
        let mut killed = None;
        for step in 0..200_u32 {
            ann.send(&format!("PRIVMSG #lobby :load A-{next}")).await.expect("send");
            let line = watcher.wait(|line| line.contains(&format!("A-{next}"))).await.expect("relayed");
            seen.push((next, began.elapsed()));
            assert!(line.contains("PRIVMSG"));
            next += 1;
            if step == 120 {
                program.kill().await;
                killed = Some(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let killed = killed.expect("killed");
        let safe = seen.iter().filter(|(_, at)| *at + Duration::from_millis(200) < killed);
        must.extend(safe.map(|(number, _)| *number));
        program.start_again();
        program.ready(1).await;
    }
    ann.send("PRIVMSG #lobby :the end A-999999").await.expect("send");
    let mut came = Vec::new();
    loop {
        let line =
            bob.wait(|line| line.contains("PRIVMSG") && line.contains("A-")).await.expect("the end comes");
        let (_, _, text) = irc_client::said(&line).expect("a message");
        let found = number(text, "A").expect("number");
        if found == 999_999 {
            break;
        }
        came.push(found);
    }
    let lost: Vec<_> = must.iter().filter(|number| !came.contains(number)).collect();
    assert!(lost.is_empty(), "lost {lost:?} of {}\n{}", must.len(), program.log());
    let mut firsts = Vec::new();
    for number in &came {
        if !firsts.contains(number) {
            firsts.push(*number);
        }
    }
    assert!(firsts.is_sorted(), "out of order: {firsts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_the_target_is_away_arrives_in_order_and_marked() {
    let source = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let mut target = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let other = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let mut ann = person(source.addr(), "ann", "#lobby").await;
    let mut eve = person(other.addr(), "eve", "#else").await;
    ann.join("#else").await.expect("join");
    let config = [
        irc_account("one", source.addr(), ""),
        irc_account("two", target.addr(), ""),
        irc_account("three", other.addr(), ""),
        tube("one/#lobby", "two/#lobby"),
        tube("one/#else", "three/#else"),
    ]
    .concat();
    let program = Program::start(&config);
    program.ready(2).await;
    target.stop().await.expect("stop");
    for index in 0..240 {
        ann.send(&format!("PRIVMSG #lobby :away A-{index}")).await.expect("send");
        ann.send(&format!("PRIVMSG #else :other E-{index}")).await.expect("send");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The other tube is undisturbed meanwhile.
    assert_eq!(numbers(&mut eve, "E", 240).await, (0..240).collect::<Vec<_>>());
    target.start_again().await.expect("start");
    let mut bob = person(target.addr(), "bob", "#lobby").await;
    let mut came = Vec::new();
    let mut marked = 0;
    while came.len() < 240 {
        let line =
            bob.wait(|line| line.contains("PRIVMSG") && line.contains("A-")).await.expect("comes late");
        let (_, _, text) = irc_client::said(&line).expect("a message");
        marked += usize::from(text.contains("UTC)"));
        came.extend(number(text, "A"));
    }
    assert_eq!(came, (0..240).collect::<Vec<_>>(), "{}", program.log());
    assert!(marked >= 200, "late messages carry their time: {marked}");
}
