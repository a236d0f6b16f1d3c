//! `demo`: what it prints is true, and a browser and an IRC client can join in.

use std::process::Stdio;

use sameroom_testkit::browser::{Browser, keys};
use sameroom_testkit::irc_client::IrcClient;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::program::PATIENCE;

struct Demo {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    printed: Vec<String>,
}

impl Demo {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sameroom"))
            .arg("demo")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("start the demo");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { child, lines, printed: Vec::new() }
    }

    /// Reads until a line holds this, and gives it.
    async fn line(&mut self, wanted: &str) -> String {
        loop {
            let next = timeout(PATIENCE, self.lines.next_line()).await;
            let line = next.unwrap_or_else(|_| panic!("no {wanted:?} in {:#?}", self.printed));
            let line = line.expect("readable").unwrap_or_else(|| panic!("ended: {:#?}", self.printed));
            self.printed.push(line.clone());
            if line.contains(wanted) {
                return line;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_talks_and_relays_between_its_page_and_an_irc_client() {
    let mut demo = Demo::start();
    // The conversation passes in all directions before anybody joins.
    for shown in ["-> Garden       mia: Hello", "-> Office       mia: Hello", "-> IRC #lobby   "] {
        demo.line(shown).await;
    }
    demo.line("between 3 rooms").await;
    let garden = demo.line("garden/garden: http://").await;
    let url = garden.split_whitespace().last().expect("an address").to_owned();
    let irc = demo.line("port ").await;
    let port = irc.split("port ").nth(1).and_then(|rest| rest.split(',').next()).expect("a port");
    let addr = format!("127.0.0.1:{port}").parse().expect("an address");

    let mut zoe = IrcClient::connect(addr, "zoe", &[]).await.expect("connect");
    zoe.join("#lobby").await.expect("join");
    let browser = Browser::start().await.expect("a browser");
    browser.show_as(1_280, 800, false).await.expect("a size");
    browser.open(&url).await.expect("the page");
    browser.wait_text("nothing to install").await.expect("the conversation is in the history");
    browser.type_into("#name", "Yann").await.expect("a name");
    browser.press(keys::ENTER).await.expect("enter");
    browser.wait("composer", "!document.querySelector('#composer').hidden").await.expect("inside");

    browser.type_into("#text", "typed in a browser").await.expect("typed");
    browser.press(keys::ENTER).await.expect("sent");
    let line = zoe.expect("typed in a browser").await.expect("shown on IRC");
    assert!(line.contains("Yann"), "{line}");
    zoe.send("PRIVMSG #lobby :typed on IRC").await.expect("said");
    browser.wait_text("typed on IRC").await.expect("shown in the browser");

    // It can change its name and leave like anywhere.
    zoe.send("NICK zora").await.expect("renamed");
    zoe.send("PRIVMSG #lobby :under another name").await.expect("said");
    browser.wait_text("under another name").await.expect("shown in the browser");
    browser.wait("the new name", "document.body.innerText.includes('zora')").await.expect("shown");
    zoe.send("PART #lobby :bye").await.expect("left");
    zoe.expect(" PART #lobby").await.expect("left");

    let id = demo.child.id().expect("running").to_string();
    Command::new("kill").args(["-INT", &id]).status().await.expect("Ctrl-C");
    demo.line("Stopping.").await;
    let status = timeout(PATIENCE, demo.child.wait()).await.expect("in time").expect("ends");
    assert!(status.success(), "{status}");
}
