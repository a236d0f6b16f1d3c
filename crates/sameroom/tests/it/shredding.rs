//! After delivery nobody can read what was said: not with the whole data folder and the master key.

use std::path::Path;

use sameroom_log::{DataFolder, Log, LogOptions, SegmentLog};
use sameroom_seal::{KeySource, OsEntropy};
use sameroom_testkit::servers::ngircd::{Ngircd, NgircdOptions};

use crate::program::{Program, irc_account, numbers, person, tube};

/// How many bodies the log of a folder still opens, by its own keys; `zero_slots` as the log was run.
fn readable(data: &Path) -> (usize, usize) {
    let folder = DataFolder::open(data, &mut OsEntropy).expect("folder");
    let master = KeySource::File(data.join("master.key")).load(&mut OsEntropy).expect("key");
    let options = LogOptions::new(folder.installation());
    let disk = folder.subfolder("log").expect("log folder");
    let (mut log, _) =
        SegmentLog::open(disk, master.derive("log"), options, Box::new(OsEntropy)).expect("log");
    let (mut sealed, mut open) = (0, 0);
    let first = log.first();
    log.replay(first, &mut |record| {
        sealed += usize::from(record.key.is_some());
        open += usize::from(record.body.is_some());
    })
    .expect("replay");
    (sealed, open)
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).expect("list") {
        let path = entry.expect("entry").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn delivered_bodies_open_with_no_key_and_secrets_stand_nowhere() {
    let one =
        Ngircd::start(&NgircdOptions { password: Some("geheimnis".into()), ..NgircdOptions::default() })
            .await
            .expect("ngircd");
    let two = Ngircd::start(&NgircdOptions::default()).await.expect("ngircd");
    let mut bob = person(two.addr(), "bob", "#lobby").await;
    let folder = tempfile::tempdir().expect("folder");
    let secret = folder.path().join("pw");
    std::fs::write(&secret, "geheimnis").expect("write");
    let config = [
        irc_account("one", one.addr(), &format!("server_password_file = \"{}\"", secret.display())),
        irc_account("two", two.addr(), ""),
        tube("one/#lobby", "two/#lobby"),
    ]
    .concat();
    let mut program = Program::start(&config);
    program.ready(1).await;
    for index in 0..20 {
        bob.send(&format!("PRIVMSG #lobby :xyzzyplugh B-{index}")).await.expect("send");
        if index % 5 == 4 {
            bob.catch_up().await.expect("the server keeps up");
        }
    }
    // A command is answered behind them: by then they were taken, and the end of the run flushes the rest.
    bob.send("PRIVMSG #lobby :-sameroom version").await.expect("send");
    bob.expect("Sameroom 0").await.expect("answer");
    program.terminate().await;

    for file in files(program.folder.path()) {
        let bytes = std::fs::read(&file).expect("read");
        for word in [&b"xyzzyplugh"[..], b"geheimnis"] {
            let found = bytes.windows(word.len()).any(|window| window == word);
            assert!(!found, "{} holds {:?}", file.display(), String::from_utf8_lossy(word));
        }
    }
    // A second start destroys what the end of the first came too early for.
    program.start_again();
    program.ready(1).await;
    bob.send("PRIVMSG #lobby :one more B-99").await.expect("send");
    bob.send("PRIVMSG #lobby :-sameroom version").await.expect("send");
    bob.expect("Sameroom 0").await.expect("answer");
    program.terminate().await;
    let (sealed, open) = readable(&program.data());
    assert!(sealed >= 40, "bodies and frozen parts are sealed: {sealed}");
    // Only what the last moments held can still be open; none of the first run is.
    assert!(open <= 8, "{open} of {sealed} bodies still open");
    drop(numbers(&mut bob, "none", 0).await);
}
