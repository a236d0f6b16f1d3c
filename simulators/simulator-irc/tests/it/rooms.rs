//! Rooms: entering, leaving, ranks, modes, topics, lists.

use crate::{client::Client, has, server};

#[tokio::test]
async fn the_first_one_in_is_operator_and_the_modes_hold() {
    let server = server();
    let mut op = Client::register(server.addr(), "op", "").await;
    let mut bob = Client::register(server.addr(), "bob", "").await;
    op.join("#den").await;
    assert!(has(&op.ask("MODE #den").await, " 324 op #den +nt"));
    for (mode, refusal, undo) in [
        ("+i", " 473 bob #den ", "-i"),
        ("+k key", " 475 bob #den ", "-k key"),
        ("+l 1", " 471 bob #den ", "-l"),
        ("+b bob!*@*", " 474 bob #den ", "-b bob!*@*"),
        ("+r", " 477 bob #den ", "-r"),
    ] {
        assert!(has(&op.ask(&format!("MODE #den {mode}")).await, &format!("MODE #den {mode}")), "{mode}");
        assert!(has(&bob.ask("JOIN #den").await, refusal), "{mode}");
        assert!(has(&op.ask(&format!("MODE #den {undo}")).await, " MODE #den -"), "{undo}");
    }
    op.ask("MODE #den +k key").await;
    assert!(has(&bob.ask("JOIN #other,#den x,key").await, " 366 bob #den "));
    assert!(has(&bob.ask("MODE #den +m").await, " 482 bob #den "));
    assert!(has(&bob.ask("KICK #den op").await, " 482 "));
    assert!(has(&bob.ask("TOPIC #den :mine").await, " 482 "));
    op.ask("MODE #den +m").await;
    assert!(has(&bob.ask("PRIVMSG #den :may I?").await, " 404 bob #den :Cannot send to channel (+m)"));
    assert!(has(&op.ask("MODE #den +v bob").await, "MODE #den +v bob"));
    assert!(!has(&bob.ask("PRIVMSG #den :may I?").await, " 404 "));
    assert!(has(&op.ask("MODE #den +c-m").await, "MODE #den +c-m"));
    assert!(has(&bob.ask("PRIVMSG #den :\u{3}04red").await, " 404 bob #den :Cannot send to channel (+c)"));
    assert!(has(&op.ask("MODE #den +o ghost").await, " 401 "));
    assert!(has(&op.ask("MODE #den +Z").await, " 472 op Z "));
    op.ask("MODE #den +b *!*@evil").await;
    assert!(has(&bob.ask("MODE #den b").await, " 367 bob #den *!*@evil op!~op@127.0.0.1 "));
    server.stop().await;
}

#[tokio::test]
async fn kick_invite_part_and_leave_all() {
    let server = server();
    let mut op = Client::register(server.addr(), "op", "").await;
    let mut bob = Client::register(server.addr(), "bob", "").await;
    op.join("#den").await;
    bob.join("#den").await;
    op.send("KICK #den bob :go away").await;
    assert_eq!(bob.expect("KICK").await, ":op!~op@127.0.0.1 KICK #den bob :go away");
    assert!(has(&op.ask("KICK #den bob").await, " 441 op bob #den "));
    assert!(has(&bob.ask("PART #den").await, " 442 bob #den "));
    assert!(has(&bob.ask("PART #nowhere").await, " 403 bob #nowhere "));
    op.ask("MODE #den +i").await;
    assert!(has(&op.ask("INVITE bob #den").await, " 341 op bob #den"));
    bob.expect(":op!~op@127.0.0.1 INVITE bob #den").await;
    bob.join("#den").await;
    assert!(has(&op.ask("INVITE bob #den").await, " 443 op bob #den "));
    bob.join("#two").await;
    let left = bob.ask("JOIN 0").await;
    assert!(has(&left, "PART #den") && has(&left, "PART #two"));
    assert_eq!(server.members("#den"), ["@op"]);
    assert!(server.members("#two").is_empty());
    assert!(has(&bob.ask("JOIN den").await, " 403 bob den "));
    assert!(has(&bob.ask("JOIN").await, " 461 bob JOIN "));
    server.stop().await;
}

#[tokio::test]
async fn topics_names_and_lists() {
    let server = server();
    let mut op = Client::register(server.addr(), "op", "").await;
    op.join("#den").await;
    assert!(has(&op.ask("TOPIC #den").await, " 331 op #den "));
    assert!(has(&op.ask("TOPIC #den :about: bears").await, " TOPIC #den :about: bears"));
    assert_eq!(server.topic("#den").as_deref(), Some("about: bears"));
    let mut bob = Client::register(server.addr(), "bob", "multi-prefix userhost-in-names").await;
    let joined = bob.ask("JOIN #den").await;
    assert!(has(&joined, " 332 bob #den :about: bears") && has(&joined, " 333 bob #den op!~op@127.0.0.1 "));
    op.ask("MODE #den +v op").await;
    assert!(has(&bob.ask("NAMES #den").await, " 353 bob = #den :@+op!~op@127.0.0.1 bob!~bob@127.0.0.1"));
    assert!(has(&op.ask("NAMES #den").await, " 353 op = #den :@op bob"));
    op.ask("JOIN #secret").await;
    op.ask("MODE #secret +s").await;
    let list = bob.ask("LIST").await;
    assert!(has(&list, " 322 bob #den 2 :about: bears") && has(&list, " 323 ") && !has(&list, "#secret"));
    assert!(!has(&bob.ask("LIST >2").await, " 322 "));
    assert!(has(&op.ask("LIST #sec*").await, " 322 op #secret 1 :"));
    assert!(!has(&bob.ask("NAMES #secret").await, " 353 "));
    server.stop().await;
}

#[tokio::test]
async fn many_names_take_many_lines() {
    let server = server();
    for index in 0..100 {
        server.user(&format!("person{index}"), "#crowd").unwrap();
    }
    let mut ana = Client::register(server.addr(), "ana", "userhost-in-names").await;
    let joined = ana.ask("JOIN #crowd").await;
    let names: Vec<&String> = joined.iter().filter(|line| line.contains(" 353 ")).collect();
    assert!(names.len() > 5 && names.iter().all(|line| line.len() <= 510));
    let all: usize = names.iter().map(|line| line.split(" :").nth(1).unwrap().split(' ').count()).sum();
    assert_eq!(all, 101);
    server.stop().await;
}
