//! After delivery nobody can read what was said: not with the whole data folder and the master key.

use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};

use crate::forensics::{files, search};
use crate::program::{Program, irc_account, person, tube};

/// A word that people say and nobody else does.
const SAID: &str = "xyzzyplugh";

#[tokio::test(flavor = "multi_thread")]
async fn delivered_bodies_open_with_no_key_and_secrets_stand_nowhere() {
    let one = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let three =
        Ngircd::start(&NgircdOptions { password: Some("geheimnis".into()), ..NgircdOptions::default() })
            .await
            .expect("ngircd");
    let mut two = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let folder = tempfile::tempdir().expect("folder");
    let secret = folder.path().join("pw");
    std::fs::write(&secret, "geheimnis").expect("write");
    let config = [
        irc_account("one", one.addr(), ""),
        irc_account("two", two.addr(), ""),
        irc_account("three", three.addr(), &format!("server_password_file = \"{}\"", secret.display())),
        tube("one/#lobby", "two/#lobby"),
        tube("one/#else", "three/#else"),
    ]
    .concat();
    let mut program = Program::start(&config);
    program.ready(2).await;
    let mut ann = person(one.addr(), "ann", "#lobby").await;

    // While the target is away what was said waits, and can be read: so the search finds what there is to find.
    two.stop().await.expect("stop");
    for index in 0..20 {
        ann.send(&format!("PRIVMSG #lobby :{SAID} A-{index}")).await.expect("send");
        ann.catch_up().await.expect("the server keeps up");
    }
    // A command is answered behind them: by then they were taken.
    ann.send("PRIVMSG #lobby :-sameroom version").await.expect("send");
    ann.expect("Sameroom 0").await.expect("answer");
    program.terminate().await;
    let waiting = search(&program.data());
    let readable = waiting.opened.iter().filter(|body| holds(body, SAID)).count();
    assert!(readable >= 20, "what waits is readable with the master key: {waiting:?}");

    // Delivered, nothing of it is.
    two.start_again().await.expect("start");
    let mut bob = person(two.addr(), "bob", "#lobby").await;
    program.start_again();
    for index in 0..20 {
        bob.expect(&format!("A-{index}")).await.expect("delivered");
    }
    program.ready(2).await;
    for (client, name) in [(&mut ann, "A"), (&mut bob, "B")] {
        client.send(&format!("PRIVMSG #lobby :{SAID} {name}-live")).await.expect("send");
        client.send("PRIVMSG #lobby :-sameroom version").await.expect("send");
        client.expect("Sameroom 0").await.expect("answer");
    }
    bob.expect("A-live").await.expect("delivered");
    ann.expect("B-live").await.expect("delivered");
    program.terminate().await;
    let after = search(&program.data());
    assert!(after.bodies >= 44, "bodies and frozen parts are sealed: {}", after.bodies);
    assert!(after.keys > 10, "{}", after.keys);
    let opened: Vec<_> = after.opened.iter().map(|body| String::from_utf8_lossy(body)).collect();
    assert!(opened.is_empty(), "{} of {} bodies open: {opened:?}", opened.len(), after.bodies);

    // In the clear it stands nowhere, nor does the password.
    for file in files(program.folder.path()) {
        let bytes = std::fs::read(&file).expect("read");
        for word in [SAID, "geheimnis"] {
            assert!(!holds(&bytes, word), "{} holds {word:?}", file.display());
        }
    }
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}
