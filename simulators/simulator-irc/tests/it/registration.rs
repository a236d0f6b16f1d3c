//! Coming in, staying, and going.

use crate::{client::Client, has, server};
use simulator_irc::{CaseMapping, Options, Server};
use std::time::Duration;

#[tokio::test]
async fn a_client_registers_joins_and_speaks() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    let welcome: Vec<String> = ana.passed.iter().cloned().collect();
    for numeric in [" 001 ana ", " 002 ", " 003 ", " 004 ", " 005 ", " 251 ", " 375 ", " 372 "] {
        assert!(has(&welcome, numeric), "no {numeric} in {welcome:#?}");
    }
    for token in [
        "NETWORK=Simulated",
        "CASEMAPPING=rfc1459",
        "PREFIX=(ov)@+",
        "NICKLEN=30",
        "BOT=B",
        "CHATHISTORY=100",
    ] {
        assert!(has(&welcome, token), "no {token}");
    }
    let mut bob = Client::register(server.addr(), "bob", "").await;
    let joined = ana.ask("JOIN #lobby").await;
    assert_eq!(joined[0], ":ana!~ana@127.0.0.1 JOIN #lobby");
    assert!(has(&joined, "353 ana = #lobby :@ana"));
    bob.join("#Lobby").await;
    bob.send("PRIVMSG #lobby :hello all").await;
    assert_eq!(ana.expect("PRIVMSG").await, ":bob!~bob@127.0.0.1 PRIVMSG #lobby :hello all");
    assert!(bob.ask("PING").await[0].contains(" 409 "));
    bob.send("QUIT :bye").await;
    assert_eq!(bob.end().await, ["ERROR :Closing Link: 127.0.0.1 (Quit: bye)"]);
    assert_eq!(ana.expect("QUIT").await, ":bob!~bob@127.0.0.1 QUIT :Quit: bye");
    let seen: Vec<String> = server.transcript("#LOBBY").iter().map(ToString::to_string).collect();
    assert_eq!(seen, ["ana joins", "bob joins", "<bob> hello all", "bob quits (Quit: bye)"]);
    server.stop().await;
}

#[tokio::test]
async fn errors_of_registration() {
    let server = server();
    let mut client = Client::connect(server.addr()).await;
    assert!(client.ask("JOIN #a").await[0].contains(" 451 * "));
    assert!(client.ask("NICK").await[0].contains(" 431 * "));
    assert!(client.ask("NICK 1abc").await[0].contains(" 432 * 1abc "));
    assert!(client.ask("USER a").await[0].contains(" 461 * USER "));
    client.send("USER a 0 * :A").await;
    assert!(client.ask("NICK nickserv").await[0].contains(" 433 * nickserv "));
    client.send("NICK {ana}").await;
    client.expect(" 376 ").await;
    assert!(client.ask("USER a 0 * :A").await[0].contains(" 462 "));
    assert!(client.ask("PASS a").await[0].contains(" 462 "));
    assert!(client.ask("FLY").await[0].contains(" 421 {ana} FLY "));
    let mut other = Client::connect(server.addr()).await;
    assert!(other.ask("NICK [ANA]").await[0].contains(" 433 * [ANA] "), "rfc1459 folds brackets");
    server.stop().await;
}

#[tokio::test]
async fn ascii_mapping_keeps_brackets_apart() {
    let server = Server::start(Options { case_mapping: CaseMapping::Ascii, ..Options::default() }).unwrap();
    let _one = Client::register(server.addr(), "{ana}", "").await;
    let _two = Client::register(server.addr(), "[ana]", "").await;
    let mut three = Client::connect(server.addr()).await;
    assert!(three.ask("NICK {ANA}").await[0].contains(" 433 "));
    server.stop().await;
}

#[tokio::test]
async fn server_password() {
    let server = Server::start(Options { password: Some("door".to_owned()), ..Options::default() }).unwrap();
    let mut wrong = Client::connect(server.addr()).await;
    wrong.send("PASS window\r\nNICK ana\r\nUSER a 0 * :A").await;
    wrong.expect(" 464 ").await;
    assert!(has(&wrong.end().await, "ERROR :"));
    let mut right = Client::connect(server.addr()).await;
    right.send("PASS door\r\nNICK ana\r\nUSER a 0 * :A").await;
    right.expect(" 001 ana ").await;
    assert!(server.user("bob", "#lobby").is_ok(), "users without socket need no password");
    server.stop().await;
}

#[tokio::test]
async fn nick_changes() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    let mut bob = Client::register(server.addr(), "bob", "").await;
    ana.join("#lobby").await;
    bob.join("#lobby").await;
    assert!(bob.ask("NICK ANA").await[0].contains(" 433 bob ANA "));
    bob.send("NICK rob").await;
    assert_eq!(ana.expect("NICK").await, ":bob!~bob@127.0.0.1 NICK :rob");
    assert_eq!(bob.expect("NICK").await, ":bob!~bob@127.0.0.1 NICK :rob");
    assert_eq!(bob.ask("NICK Rob").await, [":rob!~bob@127.0.0.1 NICK :Rob"]);
    assert!(has(&ana.ask("WHOIS bob").await, " 401 ana bob "));
    let long = "a".repeat(50);
    assert_eq!(
        bob.ask(&format!("NICK {long}")).await,
        [format!(":Rob!~bob@127.0.0.1 NICK :{}", "a".repeat(30))]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_dropped() {
    let options = Options { ping_every: Duration::from_millis(50), ..Options::default() };
    let server = Server::start(options).unwrap();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    ana.expect("PING :irc.simulator.example").await;
    assert!(has(&ana.end().await, "Ping timeout"));
    server.stop().await;
}

#[tokio::test]
async fn registration_takes_no_longer_than_allowed() {
    let options = Options { registration_timeout: Duration::from_millis(50), ..Options::default() };
    let server = Server::start(options).unwrap();
    let mut slow = Client::connect(server.addr()).await;
    assert!(has(&slow.end().await, "Registration timed out"));
    server.stop().await;
}

#[tokio::test]
async fn stopping_ends_every_connection() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    let addr = server.addr();
    server.stop().await;
    ana.end().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn a_plain_server_knows_no_capabilities() {
    let server = Server::start(Options::plain()).unwrap();
    let mut ana = Client::connect(server.addr()).await;
    assert!(ana.ask("CAP LS 302").await[0].contains(" 421 * CAP "));
    ana.send("NICK ana\r\nUSER a 0 * :A").await;
    ana.expect(" 376 ").await;
    assert!(ana.ask("MONITOR + bob").await[0].contains(" 421 "));
    assert!(!ana.passed.iter().any(|line| line.contains("CHATHISTORY") || line.contains("BOT=")));
    server.stop().await;
}
