//! The program as a child process, and lines read from IRC.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sameroom_testkit::irc_client::{self, IrcClient};
use sameroom_testkit::servers::free_port;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A relay with a folder of its own.
pub(crate) struct Program {
    pub(crate) folder: TempDir,
    /// Where its pages are.
    pub(crate) address: SocketAddr,
    child: Option<Child>,
}

impl Program {
    /// Starts a relay; `rest` is the file without `[server]`. It keeps no excerpts.
    pub(crate) fn start(rest: &str) -> Self {
        Self::start_with("excerpt_hours = 0", rest)
    }

    /// Starts a relay with further keys of `[server]`.
    pub(crate) fn start_with(server: &str, rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let port = free_port().expect("port");
        let text = format!("[server]\nlisten = \"127.0.0.1:{port}\"\ndata_dir = \"data\"\n{server}\n{rest}");
        std::fs::write(folder.path().join("sameroom.toml"), text).expect("write");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut program = Self { folder, address, child: None };
        program.start_again();
        program
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn start_again(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("log file");
        let child = Command::new(env!("CARGO_BIN_EXE_sameroom"))
            .args(["serve", "--config", "sameroom.toml"])
            .current_dir(self.folder.path())
            .env("SAMEROOM_LOG", "info")
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("start the program");
        self.child = Some(child);
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("kill");
        }
    }

    /// SIGTERM; says how long the end took.
    pub(crate) async fn terminate(&mut self) -> Duration {
        let mut child = self.child.take().expect("running");
        let began = Instant::now();
        let id = child.id().expect("running").to_string();
        Command::new("kill").arg(&id).status().await.expect("kill");
        let status = timeout(PATIENCE, child.wait()).await.expect("ends").expect("status");
        assert!(status.success(), "{status}: {}", self.log());
        began.elapsed()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Asks the running relay on the command line.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> (bool, String) {
        run_in(self.folder.path(), arguments).await
    }

    /// The link of a browser room, once there is one.
    pub(crate) async fn link(&self, room: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, out) = self.ask(&["rooms", "list", "--json"]).await;
            let all: serde_json::Value = serde_json::from_str(&out).unwrap_or_default();
            let found = all["rooms"].as_array().into_iter().flatten().find_map(|view| {
                let names = view["rooms"].as_array()?;
                names.iter().any(|name| name == room).then(|| view["link"].as_str())?
            });
            if let Some(link) = found {
                return link.to_owned();
            }
            assert!(Instant::now() < deadline, "no link of {room}: {out}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until every tube carries.
    pub(crate) async fn ready(&self, tubes: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (fine, out) = self.ask(&["tubes", "list", "--json"]).await;
            if fine && out.matches("\"state\": \"active\"").count() == tubes {
                return;
            }
            let log = self.log();
            assert!(Instant::now() < deadline && !log.contains("sameroom: "), "not ready: {out}\n{log}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Runs a command of the program in a folder; gives whether it was fine and what it printed.
pub(crate) async fn run_in(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sameroom"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .await
        .expect("run the program");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// An account on an IRC server without flood protection.
pub(crate) fn irc_account(name: &str, addr: SocketAddr, more: &str) -> String {
    format!(
        "[accounts.{name}]\nplatform = \"irc\"\nserver = \"{addr}\"\ntls = false\nnick = \"sameroom\"\npace = \"off\"\n{more}\n"
    )
}

pub(crate) fn tube(a: &str, b: &str) -> String {
    format!("[[tubes]]\na = \"{a}\"\nb = \"{b}\"\n")
}

/// Somebody in a channel.
pub(crate) async fn person(addr: SocketAddr, nick: &str, room: &str) -> IrcClient {
    let mut client = IrcClient::connect(addr, nick, &[]).await.expect("connect");
    client.join(room).await.expect("join");
    client
}

/// Reads until `count` lines with `tag-<number>` came and returns the numbers in order.
pub(crate) async fn numbers(client: &mut IrcClient, tag: &str, count: usize) -> Vec<u64> {
    let mut found = Vec::new();
    while found.len() < count {
        let line = client
            .wait(|line| irc_client::said(line).is_some_and(|(_, _, text)| number(text, tag).is_some()))
            .await
            .unwrap_or_else(|error| panic!("{} of {count} came: {error}", found.len()));
        let (_, _, text) = irc_client::said(&line).expect("a message");
        found.extend(number(text, tag));
    }
    found
}

/// The number behind `tag-` at the end of a text.
pub(crate) fn number(text: &str, tag: &str) -> Option<u64> {
    let (_, end) = text.rsplit_once(&format!("{tag}-"))?;
    end.trim().parse().ok()
}

/// Waits for a line with a text in it and gives what it says, without what keeps names from pinging.
pub(crate) async fn heard(client: &mut IrcClient, text: &str) -> String {
    let plain =
        |line: &str| irc_client::said(line).map(|(_, _, said)| said.replace(['\u{200b}', '\u{2060}'], ""));
    let nick = client.nick.clone();
    let line = client
        .wait(|line| plain(line).is_some_and(|said| said.contains(text)))
        .await
        .unwrap_or_else(|error| panic!("{nick} waits for {text:?}: {error}"));
    plain(&line).expect("said")
}
