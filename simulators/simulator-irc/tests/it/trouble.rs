//! Faults on demand.

use crate::{client::Client, has, server, tag, untagged};
use std::time::Duration;

#[tokio::test]
async fn connections_are_cut() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    ana.join("#den").await;
    server.user("bob", "#den").unwrap();
    ana.rest().await;
    server.cut_connections();
    assert!(ana.end().await.is_empty(), "no word before the end");
    assert_eq!(server.members("#den"), ["bob"]);
    server
        .wait_for("#den", |entry| entry.to_string() == "ana quits (Connection reset by peer)")
        .await
        .unwrap();
    Client::register(server.addr(), "ana", "").await.join("#den").await;
    server.stop().await;
}

#[tokio::test]
async fn replies_are_lost_and_connections_cut_around_a_command() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "echo-message").await;
    ana.join("#den").await;
    server.drop_next_reply("privmsg");
    assert!(ana.ask("PRIVMSG #den :one").await.is_empty(), "the echo is lost");
    assert!(has(&ana.ask("PRIVMSG #den :two").await, "two"));
    server.cut_before_next("PRIVMSG");
    ana.send("PRIVMSG #den :three").await;
    assert!(ana.end().await.is_empty());
    let mut ana = Client::register(server.addr(), "ana", "echo-message").await;
    ana.join("#den").await;
    server.cut_after_next("PRIVMSG");
    ana.send("PRIVMSG #den :four").await;
    assert!(ana.end().await.is_empty());
    let said: Vec<String> =
        server.transcript("#den").iter().filter_map(|entry| entry.text().map(str::to_owned)).collect();
    assert_eq!(said, ["one", "two", "four"]);
    server.stop().await;
}

#[tokio::test]
async fn refusals() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    for numeric in [403, 405, 437, 471, 473, 474, 475, 477, 480, 489] {
        server.refuse_next_join("#Den", numeric);
        assert!(has(&ana.ask("JOIN #den").await, &format!(" {numeric} ana #den ")));
    }
    ana.join("#den").await;
    server.refuse_next_message("#den", 404);
    assert!(has(&ana.ask("PRIVMSG #den :x").await, " 404 ana #den "));
    server.refuse_next_nick();
    assert!(has(&ana.ask("NICK anna").await, " 433 ana anna "));
    server.user("anna", "#den").unwrap();
    assert!(has(&ana.ask("NICK anna").await, " 433 ana anna "));
    assert_eq!(server.user("ana", "#den").unwrap_err().code, "433");
    server.stop().await;
}

#[tokio::test]
async fn kicks_renames_and_collisions() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    ana.join("#den").await;
    server.kick("ana", "#den");
    assert_eq!(ana.expect("KICK").await, ":irc.simulator.example KICK #den ana :Thrown out");
    server.rename("ana", "Guest1");
    assert_eq!(ana.expect("NICK").await, ":ana!~ana@127.0.0.1 NICK :Guest1");
    server.collide("Guest1");
    ana.expect(" 436 Guest1 Guest1 ").await;
    assert!(has(&ana.end().await, "Nick collision"));
    server.stop().await;
}

#[tokio::test]
async fn silence() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    server.silence();
    let mut bob = Client::connect(server.addr()).await;
    bob.send("NICK bob\r\nUSER bob 0 * :Bob").await;
    ana.send("PING lost").await;
    let waited = tokio::time::timeout(Duration::from_millis(100), bob.next()).await;
    assert!(waited.is_err(), "a word was said: {waited:?}");
    server.speak();
    assert!(ana.rest().await.is_empty(), "what came in silence is lost");
    server.stop().await;
}

#[tokio::test]
async fn netsplit_and_back() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "batch").await;
    let mut old = Client::register(server.addr(), "old", "").await;
    let mut lost = Client::register(server.addr(), "lost", "").await;
    for client in [&mut ana, &mut old, &mut lost] {
        client.join("#den").await;
    }
    let bob = server.user("bob", "#den").unwrap();
    server.user("cat", "#den").unwrap();
    for client in [&mut ana, &mut old, &mut lost] {
        client.rest().await;
    }
    server.netsplit(&["bob", "cat", "lost"]);
    let lines = ana.rest().await;
    assert!(lines[0].contains(" BATCH +") && lines[0].contains(" netsplit "), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| tag(line, "batch").is_some()).count(), 3);
    assert_eq!(untagged(&lines[1]), ":bob!~bob@in.process.example QUIT :*.net *.split");
    assert_eq!(old.rest().await.len(), 3);
    assert!(lost.end().await.is_empty());
    assert_eq!(bob.says("anybody?").unwrap_err().code, "ERROR");
    server.netjoin();
    let lines = ana.rest().await;
    assert!(has(&lines, " netjoin ") && has(&lines, ":bob!~bob@in.process.example JOIN #den"), "{lines:#?}");
    bob.says("back").unwrap();
    ana.expect(":back").await;
    server.stop().await;
}

#[tokio::test]
async fn waiting_gives_up() {
    let options = simulator_irc::Options { wait_max: Duration::from_millis(20), ..Default::default() };
    let server = simulator_irc::Server::start(options).unwrap();
    server.user("bob", "#den").unwrap().says("hello").unwrap();
    let error = server.wait_for("#den", |entry| entry.by == "ana").await.unwrap_err();
    assert_eq!(error.seen, ["bob joins", "<bob> hello"]);
    assert!(server.wait_for_members("#den", |members| members.len() == 2).await.is_err());
    server.wait_for_members("#den", |members| members == ["@bob"]).await.unwrap();
    server.stop().await;
}
