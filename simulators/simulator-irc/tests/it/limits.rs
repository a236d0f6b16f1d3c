//! Sizes: lines, tags, queues; and bytes that make no sense.

use crate::{client::Client, has, server};
use proptest::{collection::vec, prelude::*};
use simulator_irc::{Flood, Options, Server};
use std::time::Duration;

#[tokio::test]
async fn long_lines_are_cut() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "echo-message").await;
    ana.join("#den").await;
    let echo = ana.ask(&format!("PRIVMSG #den :{}", "é".repeat(400))).await;
    // A cut at a byte may leave half a letter, which the reading test shows as a replacement of three bytes.
    let head = ":ana!~ana@127.0.0.1 PRIVMSG #den :";
    assert!(
        echo[0].trim_end_matches('\u{fffd}').len() >= 509 && echo[0].starts_with(head),
        "{}",
        echo[0].len()
    );
    let seen = server.wait_for("#den", |entry| entry.by == "ana" && entry.text().is_some()).await.unwrap();
    assert!(
        seen.text().unwrap().trim_end_matches('\u{fffd}').len() <= 510 - head.len(),
        "the log holds what went out"
    );
    server.stop().await;
}

#[tokio::test]
async fn too_many_tags_are_refused() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "message-tags echo-message").await;
    ana.join("#den").await;
    assert!(has(&ana.ask(&format!("@+a={} PRIVMSG #den :x", "t".repeat(4_100))).await, " 417 ana "));
    assert!(has(&ana.ask(&format!("@+a={} PRIVMSG #den :x", "t".repeat(4_000))).await, "PRIVMSG #den :x"));
    assert!(has(&ana.ask(&"x".repeat(50_000)).await, " 421 "), "an endless line is one line");
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_read_is_dropped() {
    let server = Server::start(Options { send_queue_max_bytes: 4_096, ..Options::default() }).unwrap();
    let mut slow = Client::register(server.addr(), "slow", "").await;
    slow.join("#den").await;
    let bob = server.user("bob", "#den").unwrap();
    // In one go, so that the writer has no turn in between.
    for _ in 0..100 {
        bob.says(&"x".repeat(400)).unwrap();
    }
    server.wait_for("#den", |entry| entry.to_string() == "slow quits (SendQ exceeded)").await.unwrap();
    slow.end().await;
    server.stop().await;
}

#[tokio::test]
async fn who_talks_too_fast_is_killed() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    ana.join("#den").await;
    server.throttle(Some(Flood { burst: 5, refill_every: Duration::from_secs(60) }));
    for index in 0..6 {
        ana.send(&format!("PRIVMSG #den :{index}")).await;
    }
    assert!(has(&ana.end().await, "ERROR :Closing Link: 127.0.0.1 (Excess Flood)"));
    let said = server.transcript("#den").iter().filter(|entry| entry.text().is_some()).count();
    assert_eq!(said, 5, "what the bucket held was said");
    server.stop().await;
}

#[tokio::test]
async fn connections_are_counted() {
    let server = Server::start(Options { clients_max: 1, ..Options::default() }).unwrap();
    let _ana = Client::register(server.addr(), "ana", "").await;
    let mut second = Client::connect(server.addr()).await;
    assert!(second.end().await.is_empty());
    server.stop().await;
}

const WORDS: [&str; 62] = [
    "CAP",
    "LS",
    "302",
    "REQ",
    "END",
    "AUTHENTICATE",
    "PLAIN",
    "SCRAM-SHA-256",
    "bixhPWEsbj1hLHI9YQ==",
    "+",
    "NICK",
    "USER",
    "PASS",
    "PING",
    "JOIN",
    "PART",
    "KICK",
    "INVITE",
    "TOPIC",
    "NAMES",
    "LIST",
    "MODE",
    "PRIVMSG",
    "NOTICE",
    "TAGMSG",
    "REDACT",
    "RELAYMSG",
    "CHATHISTORY",
    "LATEST",
    "BEFORE",
    "BETWEEN",
    "AROUND",
    "TARGETS",
    "msgid=x",
    "timestamp=2026-01-01T00:00:00.000Z",
    "*",
    "WHO",
    "%tcuihsnfdlaor,1",
    "WHOIS",
    "ISON",
    "USERHOST",
    "MONITOR",
    "AWAY",
    "SETNAME",
    "NS",
    "IDENTIFY",
    "REGAIN",
    "ana",
    "bob",
    "#den",
    "#two,#den",
    "0",
    "50",
    "+ob-vklimnst",
    "@#den",
    ":",
    ":some text",
    "@label=1;+reply=x",
    "@",
    ",",
    "a/b",
    "\u{1}ACTION \u{1}",
];

/// Plays lines against a server as somebody registered; panics of the server would end the connection.
fn survives(chunks: Vec<Vec<u8>>, registered: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = server();
        let caps =
            "message-tags batch labeled-response echo-message sasl draft/message-redaction server-time";
        let mut client = match registered {
            true => Client::register(server.addr(), "ana", caps).await,
            false => Client::connect(server.addr()).await,
        };
        for chunk in chunks {
            client.send_bytes(&chunk).await;
        }
        client.send_bytes(b"\r\nQUIT\r\n").await;
        assert!(has(&client.end().await, "ERROR :Closing Link"), "the server took leave");
        // The server still works.
        Client::register(server.addr(), "eve", "").await.join("#den").await;
        server.stop().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(chunks in vec(vec(any::<u8>(), 0..400), 0..12), registered in any::<bool>()) {
        survives(chunks, registered);
    }

    #[test]
    fn any_lines_are_survived(
        lines in vec(vec(proptest::sample::select(&WORDS[..]), 1..7), 0..60),
        registered in any::<bool>(),
    ) {
        survives(lines.into_iter().map(|words| format!("{}\r\n", words.join(" ")).into_bytes()).collect(), registered);
    }
}
