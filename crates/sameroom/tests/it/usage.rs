//! Wrong use and bad input: a clear message, the right exit status, nothing lost.

use std::time::Duration;

use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};
use tokio::process::Command;

use crate::program::{Program, irc_account, person, run_in, tube};

#[tokio::test]
async fn a_wrong_key_names_the_line_and_the_nearest_right_key() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(
        folder.path().join("sameroom.toml"),
        "[accounts.x]\nplatform = \"irc\"\nserver = \"127.0.0.1:1\"\nnikc = \"a\"\n",
    )
    .expect("write");
    let (fine, out) = run_in(folder.path(), &["serve"]).await;
    assert!(!fine);
    assert!(out.contains("line 4") && out.contains("nikc") && out.contains("nick"), "{out}");
    let (fine, out) = run_in(folder.path(), &["tubes", "list", "--config", "missing.toml"]).await;
    assert!(!fine && out.contains("missing.toml"), "{out}");
}

#[tokio::test]
async fn wrong_use_ends_with_2() {
    let status = Command::new(env!("CARGO_BIN_EXE_sameroom"))
        .arg("--no-such-flag")
        .stderr(std::process::Stdio::null())
        .status()
        .await
        .expect("run");
    assert_eq!(status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_connect_says_why_and_the_others_run() {
    let one = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let two = Ngircd::start(&NgircdOptions { password: Some("x".into()), ..NgircdOptions::default() })
        .await
        .expect("ngircd");
    let other = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let config = [
        irc_account("one", one.addr(), ""),
        irc_account("wrong", two.addr(), "server_password = \"y\""),
        irc_account("other", other.addr(), ""),
        tube("one/#a", "other/#a"),
        tube("one/#b", "wrong/#b"),
    ]
    .concat();
    let program = Program::start(&config);
    program.ready(1).await;
    let mut ann = person(one.addr(), "ann", "#a").await;
    let mut bob = person(other.addr(), "bob", "#a").await;
    ann.send("PRIVMSG #a :still works").await.expect("send");
    bob.expect("still works").await.expect("relayed");
    let (_, accounts) = program.ask(&["accounts", "list"]).await;
    let line = accounts.lines().find(|line| line.contains("wrong")).expect("listed");
    assert!(!line.contains("connected"), "{accounts}");
    let (fine, table) = run_in(program.folder.path(), &["check", "--wait-secs", "10"]).await;
    assert!(!fine && table.contains("one/#a"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_folder_is_refused() {
    let one = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let two = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let config =
        [irc_account("one", one.addr(), ""), irc_account("two", two.addr(), ""), tube("one/#a", "two/#a")]
            .concat();
    let mut program = Program::start(&config);
    program.ready(1).await;
    let path = program.folder.path().join("sameroom.toml");
    let text = std::fs::read_to_string(&path).expect("read");
    let free = sameroom_testkit::servers::free_port().expect("port");
    let other: String = text
        .lines()
        .map(|line| {
            if line.starts_with("listen") {
                format!("listen = \"127.0.0.1:{free}\"\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    std::fs::write(program.folder.path().join("second.toml"), other).expect("write");
    let (fine, out) = run_in(program.folder.path(), &["serve", "--config", "second.toml"]).await;
    assert!(!fine && out.contains("in use"), "{out}");
    assert!(program.terminate().await < Duration::from_secs(5));
}
