//! Finding out about people: `WHO`, `WHOIS`, `MONITOR` and the like.

use crate::{client::Client, has, server};

#[tokio::test]
async fn who_and_whois() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    ana.join("#den").await;
    let bob = server.user("bob", "#den").unwrap();
    bob.goes_away(Some("lunch")).unwrap();
    server.log_in("bob", "robert");
    let who = ana.ask("WHO #den").await;
    assert!(
        has(&who, " 352 ana #den ~ana 127.0.0.1 irc.simulator.example ana H@ :0 ana of the tests"),
        "{who:#?}"
    );
    assert!(has(&who, " 352 ana #den ~bob in.process.example irc.simulator.example bob G :0 bob"));
    assert!(has(&who, " 315 ana #den "));
    let whox = ana.ask("WHO #den %tcuhnaf,42").await;
    assert!(has(&whox, " 354 ana 42 #den ~bob in.process.example bob G robert"), "{whox:#?}");
    assert!(has(&ana.ask("WHO b*").await, " bob "));
    assert!(has(&ana.ask("MODE ana +B").await, "MODE ana +B"));
    let whois = ana.ask("WHOIS ana").await;
    assert!(
        has(&whois, " 311 ana ana ~ana 127.0.0.1 * :ana of the tests") && has(&whois, " 319 ana ana :@#den")
    );
    assert!(has(&whois, " 335 ana ana ") && has(&whois, " 317 ana ana ") && has(&whois, " 318 ana ana "));
    let whois = ana.ask("WHOIS bob bob").await;
    assert!(has(&whois, " 330 ana bob robert ") && has(&whois, " 301 ana bob :lunch"));
    assert!(has(&ana.ask("WHOIS ghost").await, " 401 ana ghost "));
    assert!(has(&ana.ask("WHOWAS ghost").await, " 406 ana ghost "));
    server.stop().await;
}

#[tokio::test]
async fn small_questions() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    server.user("bob", "#den").unwrap();
    assert!(has(&ana.ask("ISON ana ghost bob").await, " 303 ana :ana bob"));
    assert!(has(&ana.ask("USERHOST bob").await, " 302 ana :bob=+~bob@in.process.example"));
    assert!(has(&ana.ask("AWAY :gone").await, " 306 "));
    assert!(has(&ana.ask("AWAY").await, " 305 "));
    assert!(has(&ana.ask("LUSERS").await, " 251 ana :There are 2 users"));
    assert!(has(&ana.ask("VERSION").await, " 351 ana simulator-irc-"));
    assert!(has(&ana.ask("MOTD").await, " 376 "));
    assert!(has(&ana.ask("MODE ana +i").await, "MODE ana +i"));
    assert!(has(&ana.ask("MODE ana").await, " 221 ana +i"));
    assert!(has(&ana.ask("MODE bob +i").await, " 502 "));
    assert!(has(&ana.ask("MODE ana +Q").await, " 501 "));
    server.stop().await;
}

#[tokio::test]
async fn monitor() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    let bob = server.user("bob", "#den").unwrap();
    let first = ana.ask("MONITOR + bob,Cat").await;
    assert!(has(&first, " 730 ana :bob!~bob@in.process.example") && has(&first, " 731 ana :Cat"));
    server.user("cat", "#den").unwrap();
    ana.expect(" 730 ana :cat!~cat@in.process.example").await;
    bob.renames("rob").unwrap();
    ana.expect(" 731 ana :bob").await;
    assert!(has(&ana.ask("MONITOR L").await, " 732 ana :bob,Cat"));
    assert!(has(&ana.ask("MONITOR S").await, " 731 ana :bob"));
    ana.ask("MONITOR - cat").await;
    assert!(has(&ana.ask("MONITOR L").await, " 732 ana :bob"));
    ana.ask("MONITOR C").await;
    assert!(!has(&ana.ask("MONITOR L").await, " 732 "));
    let many = (0..101).map(|index| format!("n{index}")).collect::<Vec<_>>();
    for some in many.chunks(50) {
        ana.send(&format!("MONITOR + {}", some.join(","))).await;
    }
    ana.expect(" 734 ana 100 n100 ").await;
    server.stop().await;
}
