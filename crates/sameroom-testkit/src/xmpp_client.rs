//! A person in XMPP rooms: a slixmpp client in a process of its own, so that no line of the connector's judges itself.
//!
//! Needs Python with slixmpp, by default from `.tools/venv` of the workspace; `SAMEROOM_TEST_PYTHON` names another.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What went wrong, in plain words.
pub type Problem = String;

/// One client. Its process ends when it is dropped.
#[derive(Debug)]
pub struct XmppClient {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// What came and was not waited for yet.
    came: VecDeque<Value>,
    /// All that came.
    seen: Vec<Value>,
    next: u64,
    _child: Child,
}

impl XmppClient {
    /// Logs in with the password `pw`.
    ///
    /// # Errors
    /// When Python or slixmpp is missing, or the server refuses.
    pub async fn connect(addr: SocketAddr, jid: &str, tls: bool) -> Result<Self, Problem> {
        let workspace = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let python = std::env::var_os("SAMEROOM_TEST_PYTHON")
            .map_or_else(|| workspace.join(".tools/venv/bin/python"), PathBuf::from);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/xmpp_client.py");
        let mut child = Command::new(&python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                format!(
                    "{} can't be started ({error}): `cargo xtask test` makes it, or set SAMEROOM_TEST_PYTHON to a Python that has slixmpp",
                    python.display()
                )
            })?;
        let input = child.stdin.take().ok_or("the client has no input")?;
        let output = child.stdout.take().ok_or("the client has no output")?;
        let mut client = Self {
            input,
            output: BufReader::new(output).lines(),
            came: VecDeque::new(),
            seen: Vec::new(),
            next: 0,
            _child: child,
        };
        let (host, port) = (addr.ip().to_string(), addr.port());
        client
            .ask("connect", json!({"jid": jid, "password": "pw", "host": host, "port": port, "tls": tls}))
            .await?;
        Ok(client)
    }

    /// Has the client do something; see the script for what there is.
    ///
    /// # Errors
    /// When the server or the client refuses.
    pub async fn ask(&mut self, what: &str, mut arguments: Value) -> Result<Value, Problem> {
        self.next += 1;
        let id = self.next;
        let object = arguments.as_object_mut().ok_or("arguments must be an object")?;
        object.insert("id".into(), id.into());
        object.insert("do".into(), what.into());
        let line = format!("{arguments}\n");
        self.input.write_all(line.as_bytes()).await.map_err(|error| error.to_string())?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let value = self.read(deadline, what).await?;
            if value.get("id").and_then(Value::as_u64) == Some(id) {
                if let Some(error) = value.get("error") {
                    return Err(format!("{what}: {error}"));
                }
                return Ok(value.get("ok").cloned().unwrap_or(Value::Null));
            }
        }
    }

    /// As [`Self::ask`], for what answers with a text such as an id.
    ///
    /// # Errors
    /// When the server or the client refuses.
    pub async fn ask_text(&mut self, what: &str, arguments: Value) -> Result<String, Problem> {
        let answer = self.ask(what, arguments).await?;
        answer.as_str().map(str::to_owned).ok_or_else(|| format!("{what}: no text but {answer}"))
    }

    /// Waits for the first thing that came, not waited for before, of which `pick` makes something.
    ///
    /// # Errors
    /// When none comes in time; the text lists what came instead.
    pub async fn wait<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, Problem> {
        for index in 0..self.came.len() {
            if let Some(found) = self.came.get(index).and_then(&mut pick) {
                self.came.remove(index);
                return Ok(found);
            }
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            self.read(deadline, what).await?;
            if let Some(found) = self.came.back().and_then(&mut pick) {
                self.came.pop_back();
                return Ok(found);
            }
        }
    }

    /// Waits for a message that fulfils a condition.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn message(
        &mut self,
        what: &str,
        mut is_it: impl FnMut(&Value) -> bool,
    ) -> Result<Value, Problem> {
        self.wait(what, |came| {
            (came.get("came").and_then(Value::as_str) == Some("message") && is_it(came)).then(|| came.clone())
        })
        .await
    }

    /// Waits for a message with this text.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn text(&mut self, text: &str) -> Result<Value, Problem> {
        self.message(text, |came| came.get("stripped").and_then(Value::as_str) == Some(text)).await
    }

    /// All messages that came so far, oldest first.
    #[must_use]
    pub fn seen(&self) -> &[Value] {
        &self.seen
    }

    async fn read(&mut self, deadline: tokio::time::Instant, what: &str) -> Result<Value, Problem> {
        let line = tokio::time::timeout_at(deadline, self.output.next_line())
            .await
            .map_err(|_| format!("no {what} in time; came instead: {:#?}", self.came))?
            .map_err(|error| error.to_string())?
            .ok_or_else(|| format!("the client ended while waiting for {what}"))?;
        let value: Value = serde_json::from_str(&line).map_err(|error| format!("{error} in {line}"))?;
        if value.get("came").is_some() {
            self.came.push_back(value.clone());
            self.seen.push(value.clone());
        }
        Ok(value)
    }
}
