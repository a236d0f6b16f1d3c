//! Messages, echoes, tags, reactions, redactions, relayed names.

use crate::{client::Client, has, server, tag, untagged};
use simulator_irc::What;

const MODERN: &str = "message-tags server-time echo-message batch labeled-response account-tag draft/message-redaction draft/relaymsg";

#[tokio::test]
async fn errors_of_speaking() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    assert!(has(&ana.ask("PRIVMSG").await, " 411 "));
    assert!(has(&ana.ask("PRIVMSG #a").await, " 412 "));
    assert!(has(&ana.ask("PRIVMSG #a :x").await, " 403 "));
    assert!(has(&ana.ask("PRIVMSG ghost :x").await, " 401 "));
    assert!(has(&ana.ask("TAGMSG #a").await, " 421 "), "TAGMSG needs message-tags");
    assert!(ana.ask("NOTICE ghost :x").await.is_empty(), "a notice is never answered");
    assert!(has(&ana.ask("PRIVMSG ana,ana,ana,ana,ana :x").await, " 407 "));
    let bob = server.user("bob", "#den").unwrap();
    assert!(has(&ana.ask("PRIVMSG #den :from outside").await, " 404 ana #den :Cannot send to channel (+n)"));
    bob.goes_away(Some("lunch")).unwrap();
    assert!(has(&ana.ask("PRIVMSG bob :psst").await, " 301 ana bob :lunch"));
    assert_eq!(bob.wait_for(|entry| entry.by == "ana").await.unwrap().text(), Some("psst"));
    server.stop().await;
}

#[tokio::test]
async fn echo_with_id_time_and_label() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", MODERN).await;
    let mut old = Client::register(server.addr(), "old", "").await;
    ana.join("#den").await;
    old.join("#den").await;
    ana.rest().await;
    ana.send("@label=q1;+reply=abc;evil=1 PRIVMSG #den :hello there").await;
    let echo = ana.expect("PRIVMSG").await;
    assert_eq!(untagged(&echo), ":ana!~ana@127.0.0.1 PRIVMSG #den :hello there");
    assert_eq!(tag(&echo, "label"), Some("q1"));
    assert_eq!(tag(&echo, "+reply"), Some("abc"));
    assert_eq!(tag(&echo, "evil"), None, "only client-only tags pass");
    assert!(tag(&echo, "time").is_some_and(|time| time.len() == 24 && time.ends_with('Z')));
    assert_eq!(old.expect("PRIVMSG").await, ":ana!~ana@127.0.0.1 PRIVMSG #den :hello there");
    let seen = server.wait_for("#den", |entry| entry.text() == Some("hello there")).await.unwrap();
    assert_eq!(seen.msgid.as_deref(), tag(&echo, "msgid"));
    // Nothing to say, and much to say.
    let pong = ana.ask("@label=q2 PONG x").await;
    assert_eq!(pong, ["@label=q2 :irc.simulator.example ACK"]);
    let whois = ana.ask("@label=q3 WHOIS old").await;
    assert!(whois[0].starts_with("@label=q3 :irc.simulator.example BATCH +"), "{whois:#?}");
    let batch = whois[0].split(" BATCH +").nth(1).unwrap().split(' ').next().unwrap();
    assert!(whois.iter().filter(|line| tag(line, "batch") == Some(batch)).count() >= 4);
    assert!(whois.last().unwrap().ends_with(&format!("BATCH -{batch}")));
    server.stop().await;
}

#[tokio::test]
async fn reactions_typing_and_deletion() {
    let server = server();
    let mut bot = Client::register(server.addr(), "bot", MODERN).await;
    let mut old = Client::register(server.addr(), "old", "").await;
    bot.join("#den").await;
    old.join("#den").await;
    let bob = server.user("bob", "#den").unwrap();
    let hello = bob.says("hello").unwrap();
    assert_eq!(tag(&bot.expect("hello").await, "msgid"), Some(hello.as_str()));
    bob.types().unwrap();
    assert_eq!(tag(&bot.expect("TAGMSG #den").await, "+typing"), Some("active"));
    bob.reacts(&hello, "👍").unwrap();
    let reaction = bot.expect("TAGMSG #den").await;
    assert_eq!(
        (tag(&reaction, "+draft/react"), tag(&reaction, "+reply")),
        (Some("👍"), Some(hello.as_str()))
    );
    bob.replies(&hello, "indeed").unwrap();
    assert_eq!(tag(&bot.expect("indeed").await, "+reply"), Some(hello.as_str()));
    bob.acts("waves").unwrap();
    assert!(bot.expect("ACTION").await.ends_with("PRIVMSG #den :\u{1}ACTION waves\u{1}"));
    bob.deletes(&hello).unwrap();
    let gone = bot.expect("REDACT").await;
    assert!(untagged(&gone).ends_with(&format!("REDACT #den {hello}")));
    assert_eq!(bob.deletes(&hello).unwrap_err().code, "UNKNOWN_MSGID");
    let own = tag(&bot.ask("PRIVMSG #den :from bot").await[0], "msgid").unwrap().to_owned();
    assert_eq!(bob.deletes(&own).unwrap_err().code, "REDACT_FORBIDDEN");
    assert!(has(&bot.ask("REDACT #nowhere x").await, "FAIL REDACT INVALID_TARGET"));
    assert!(has(&bot.ask(&format!("REDACT #den {own} :oops")).await, "REDACT #den"), "echoed");
    let old_saw = old.rest().await;
    assert!(!has(&old_saw, "TAGMSG") && !has(&old_saw, "REDACT") && has(&old_saw, "hello"));
    server.stop().await;
}

#[tokio::test]
async fn relayed_names() {
    let server = server();
    let mut bot = Client::register(server.addr(), "bot", MODERN).await;
    let mut old = Client::register(server.addr(), "old", "").await;
    old.join("#den").await;
    bot.join("#den").await;
    assert!(has(&bot.ask("RELAYMSG #den ann/s :hi").await, "FAIL RELAYMSG PRIVS_NEEDED"));
    server.set_mode("#den", "+o bot");
    bot.rest().await;
    assert!(has(&bot.ask("RELAYMSG #den ann :hi").await, "FAIL RELAYMSG INVALID_NICK"));
    assert!(has(&bot.ask("RELAYMSG #den a!b/s :hi").await, "FAIL RELAYMSG INVALID_NICK"));
    assert!(has(&bot.ask("RELAYMSG #den ann/s : ").await, "FAIL RELAYMSG BLANK_MSG"));
    let echo = bot.ask("@label=r1 RELAYMSG #den ann/s :hi").await;
    assert_eq!(untagged(&echo[0]), ":ann/s!~relay@irc.simulator.example PRIVMSG #den :hi");
    assert_eq!((tag(&echo[0], "draft/relaymsg"), tag(&echo[0], "label")), (Some("bot"), Some("r1")));
    assert_eq!(old.expect("hi").await, ":ann/s!~relay@irc.simulator.example PRIVMSG #den :hi");
    let seen = server.wait_for("#den", |entry| entry.by == "ann/s").await.unwrap();
    assert_eq!((seen.what, seen.relayed_by.as_deref()), (What::Said("hi".to_owned()), Some("bot")));
    // The relay may take back what it relayed.
    let msgid = tag(&echo[0], "msgid").unwrap();
    server.set_mode("#den", "-o bot");
    assert!(has(&bot.ask(&format!("REDACT #den {msgid}")).await, "REDACT #den"));
    server.stop().await;
}

#[tokio::test]
async fn bytes_pass_unchanged() {
    let server = server();
    let mut ana = Client::register(server.addr(), "ana", "").await;
    ana.join("#den").await;
    server.user("bob", "#den").unwrap().says_bytes(b"caf\xe9").unwrap();
    ana.expect("JOIN").await;
    assert_eq!(ana.next_bytes().await.unwrap(), b":bob!~bob@in.process.example PRIVMSG #den :caf\xe9");
    server.stop().await;
}

#[tokio::test]
async fn messages_to_a_rank() {
    let server = server();
    let mut op = Client::register(server.addr(), "op", "").await;
    let mut bob = Client::register(server.addr(), "bob", "").await;
    let mut eve = Client::register(server.addr(), "eve", "").await;
    for client in [&mut op, &mut bob, &mut eve] {
        client.join("#den").await;
    }
    op.ask("MODE #den +v bob").await;
    eve.send("PRIVMSG @#den :help").await;
    op.expect("PRIVMSG @#den :help").await;
    op.send("NOTICE +#den :meeting").await;
    bob.expect("NOTICE +#den :meeting").await;
    assert!(!has(&bob.rest().await, "help") && !has(&eve.rest().await, "meeting"));
    server.stop().await;
}
