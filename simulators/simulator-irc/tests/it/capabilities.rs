//! `CAP`, and the capabilities that change how news is told.

use crate::{client::Client, has, server, untagged};
use simulator_irc::{Capability, Options, Server};

#[tokio::test]
async fn negotiation() {
    let server = server();
    let mut ana = Client::connect(server.addr()).await;
    let offered = ana.ask("CAP LS 302").await;
    assert!(offered.len() > 1 && offered[0].contains(" CAP * LS * :"), "{offered:#?}");
    assert!(offered.last().unwrap().contains(" CAP * LS :"));
    assert!(has(&offered, "sasl=PLAIN,SCRAM-SHA-256,EXTERNAL") && has(&offered, "draft/relaymsg=/"));
    ana.send("NICK ana\r\nUSER ana 0 * :Ana").await;
    assert_eq!(ana.rest().await, Vec::<String>::new(), "registration waits for CAP END");
    assert!(ana.ask("CAP REQ :server-time nonsense").await[0].ends_with("CAP ana NAK :server-time nonsense"));
    assert!(ana.ask("CAP REQ :server-time batch").await[0].ends_with("CAP ana ACK :server-time batch"));
    assert!(ana.ask("CAP REQ :-batch").await[0].ends_with("CAP ana ACK :-batch"));
    assert!(ana.ask("CAP LIST").await[0].ends_with("CAP ana LIST :cap-notify server-time"));
    assert!(ana.ask("CAP REQ :-cap-notify").await[0].contains(" NAK "), "302 implies cap-notify");
    assert!(ana.ask("CAP DANCE").await[0].contains(" 410 ana DANCE "));
    ana.send("CAP END").await;
    ana.expect(" 001 ").await;
    server.stop().await;
}

#[tokio::test]
async fn old_version_sees_no_values() {
    let server = server();
    let mut ana = Client::connect(server.addr()).await;
    let offered = ana.ask("CAP LS").await;
    assert!(has(&offered, "sasl") && !has(&offered, "="));
    server.stop().await;
}

#[tokio::test]
async fn offers_come_and_go() {
    let server = Server::start(Options::default().without(Capability::ChatHistory)).unwrap();
    let mut ana = Client::register(server.addr(), "ana", "cap-notify echo-message").await;
    assert!(has(&ana.ask("CHATHISTORY LATEST #a * 1").await, " 421 "));
    server.offer(Capability::ChatHistory);
    ana.expect("CAP ana NEW :draft/chathistory").await;
    server.withdraw(Capability::EchoMessage);
    ana.expect("CAP ana DEL :echo-message").await;
    ana.join("#den").await;
    assert!(!has(&ana.ask("PRIVMSG #den :x").await, "PRIVMSG"), "no echo any more");
    server.stop().await;
}

#[tokio::test]
async fn news_of_others() {
    let caps = "extended-join away-notify account-notify chghost setname invite-notify account-tag";
    let server = server();
    let mut ana = Client::register(server.addr(), "watcher", caps).await;
    let mut old = Client::register(server.addr(), "old", "").await;
    ana.join("#den").await;
    old.join("#den").await;
    ana.rest().await;
    let mut bob = Client::register(server.addr(), "bob", "setname chghost account-notify").await;
    bob.ask("AWAY :asleep").await;
    server.log_in("bob", "robert");
    bob.join("#den").await;
    let bob_mask = ":bob!~bob@127.0.0.1";
    assert_eq!(
        ana.next().await.unwrap(),
        format!("@account=robert {bob_mask} JOIN #den robert :bob of the tests")
    );
    assert_eq!(untagged(&ana.next().await.unwrap()), format!("{bob_mask} AWAY :asleep"));
    bob.send("AWAY").await;
    assert_eq!(untagged(&ana.next().await.unwrap()), format!("{bob_mask} AWAY"));
    bob.send("SETNAME :Robert B").await;
    assert_eq!(untagged(&ana.next().await.unwrap()), format!("{bob_mask} SETNAME :Robert B"));
    bob.expect("SETNAME :Robert B").await;
    server.change_host("bob", "cloak.example");
    assert_eq!(untagged(&ana.next().await.unwrap()), format!("{bob_mask} CHGHOST ~bob cloak.example"));
    bob.expect(" 396 bob cloak.example ").await;
    server.log_in("bob", "other");
    assert_eq!(untagged(&ana.next().await.unwrap()), ":bob!~bob@cloak.example ACCOUNT other");
    let _cat = server.user("cat", "#elsewhere").unwrap();
    old.send("INVITE cat #den").await;
    assert_eq!(ana.next().await.unwrap(), ":old!~old@127.0.0.1 INVITE cat #den");
    let old_saw = old.rest().await;
    assert!(has(&old_saw, &format!("{bob_mask} JOIN #den")));
    for word in ["AWAY", "SETNAME", "CHGHOST", "ACCOUNT"] {
        assert!(!has(&old_saw, word), "{word}");
    }
    server.stop().await;
}
