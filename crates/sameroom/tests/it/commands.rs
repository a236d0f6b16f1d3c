//! Commands in an IRC channel: answered there, never relayed, changing ones for moderators alone.

use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};

use crate::program::{Program, irc_account, numbers, person};

#[tokio::test(flavor = "multi_thread")]
async fn two_bridgebots_only_invited_are_tied_by_open_and_connect() {
    let one = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let two = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let mut ann = person(one.addr(), "ann", "#garden").await;
    let mut bob = person(two.addr(), "bob", "#office").await;
    let config = [
        irc_account("one", one.addr(), "bridgebot = true"),
        irc_account("two", two.addr(), "bridgebot = true"),
    ]
    .concat();
    let program = Program::start(&config);
    for (client, room) in [(&mut ann, "#garden"), (&mut bob, "#office")] {
        // The bot may not be there yet; an invitation to nobody is answered with 401.
        let mut tries = 0;
        loop {
            client.send(&format!("INVITE sameroom {room}")).await.expect("invite");
            let line = client.expect_any(&[" 341 ", " 401 "]).await.expect("answer");
            if line.contains(" 341 ") {
                break;
            }
            tries += 1;
            assert!(tries < 200, "{}", program.log());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        client.expect("Hello, I am Sameroom").await.expect("greeting");
    }
    ann.send("PRIVMSG #garden :-sameroom open").await.expect("open");
    let answer = ann.expect("connect ").await.expect("a code");
    let code = answer.rsplit(' ').next().expect("code").to_owned();
    // A passer-by can't use it here.
    let mut eve = person(two.addr(), "eve", "#office").await;
    eve.send(&format!("PRIVMSG #office :-sameroom connect {code}")).await.expect("connect");
    eve.expect("only this room's moderators").await.expect("refused");
    bob.send(&format!("PRIVMSG #office :\u{2014}SameRoom connect {code}")).await.expect("connect");
    bob.expect("Connected to").await.expect("connected");
    ann.expect("Connected to").await.expect("connected");
    ann.send("PRIVMSG #garden :hello A-1").await.expect("send");
    assert_eq!(numbers(&mut bob, "A", 1).await, [1]);

    for (command, answer) in [
        ("help", "these lines"),
        ("map", "1 tube between 2 rooms"),
        ("ping", " ms"),
        ("who", "(here)"),
        ("format", "Messages appear here as"),
        ("trace last", "accepted from"),
        ("portal", "public_url"),
        ("manage", "public_url"),
        ("conect", "Did you mean"),
        ("version", "Sameroom 0"),
    ] {
        ann.send(&format!("PRIVMSG #garden :-sameroom {command}")).await.expect("command");
        ann.expect(answer).await.unwrap_or_else(|error| panic!("{command}: {error}"));
    }
    ann.send("PRIVMSG #garden :^^^ secret A-2").await.expect("send");
    eve.send("PRIVMSG #office :-sameroom disable").await.expect("disable");
    eve.expect("only this room's moderators").await.expect("refused");
    bob.send("PRIVMSG #office :-sameroom disable").await.expect("disable");
    bob.expect("Removed 1").await.expect("removed");
    ann.send("PRIVMSG #garden :gone A-3").await.expect("send");
    // An answer in the same room says that what was said before it was taken.
    ann.send("PRIVMSG #garden :-sameroom version").await.expect("send");
    ann.expect("Sameroom 0").await.expect("answer");
    bob.send("PRIVMSG #office :-sameroom undo").await.expect("undo");
    bob.expect("Brought back 1").await.expect("restored");
    ann.expect("Connected to").await.expect("announced again");
    ann.send("PRIVMSG #garden :back A-4").await.expect("send");
    assert_eq!(numbers(&mut bob, "A", 1).await, [4]);
    let relayed: Vec<_> = bob
        .passed
        .iter()
        .filter(|line| line.contains("PRIVMSG") && line.contains("<a") && line.contains("-sameroom"))
        .collect();
    assert!(relayed.is_empty(), "commands are never relayed: {relayed:?}");
    assert!(!bob.passed.iter().any(|line| line.contains("secret")));
}
