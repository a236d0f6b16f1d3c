//! A person in a browser room, by its documented HTTP API over plain sockets. It shares no code with the connector.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What went wrong, in plain words.
pub type Problem = String;

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The lines of the head, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, of an answer that is fine.
    ///
    /// # Errors
    /// When the server refused, or it is no JSON.
    pub fn json(&self) -> Result<Value, Problem> {
        if self.status != 200 {
            return Err(format!("{}: {}", self.status, self.text()));
        }
        serde_json::from_slice(&self.body).map_err(|error| format!("{error}: {}", self.text()))
    }
}

/// One request on a connection of its own.
///
/// # Errors
/// Those of the socket, and when no answer comes in time.
pub async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, Problem> {
    let exchange = async {
        let mut stream = open(address, method, path, headers, body).await?;
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.map_err(|error| error.to_string())?;
        parse(&read).ok_or_else(|| format!("{method} {path}: no whole answer in {} bytes", read.len()))
    };
    timeout(PATIENCE, exchange).await.map_err(|_| format!("{method} {path}: no answer in time"))?
}

async fn open(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<TcpStream, Problem> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let opened = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        Ok::<_, std::io::Error>(stream)
    };
    opened.await.map_err(|error| format!("{method} {path}: {error}"))
}

fn parse(read: &[u8]) -> Option<Answer> {
    let end = read.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, rest) = read.split_at_checked(end)?;
    let rest = rest.get(4..)?;
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let is = |name: &str, value: &str| headers.iter().any(|(known, said)| known == name && said == value);
    let body = if is("transfer-encoding", "chunked") { unchunk(rest)? } else { rest.to_vec() };
    Some(Answer { status, headers, body })
}

/// Puts the pieces of a chunked body together (RFC 9112 section 7.1).
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..end)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        rest = rest.get(end + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// Somebody who entered a room.
#[derive(Clone, Debug)]
pub struct WebClient {
    address: SocketAddr,
    path: String,
    cookie: String,
    posts: u32,
    /// The name in the room.
    pub name: String,
}

impl WebClient {
    /// Enters the room of a link under a name.
    ///
    /// # Errors
    /// When the link leads nowhere, or the name is taken.
    pub async fn enter(address: SocketAddr, link: &str, name: &str) -> Result<Self, Problem> {
        let path = link.split_once("//").map_or(link, |(_, rest)| rest);
        let path = path.find('/').and_then(|start| path.get(start..)).unwrap_or(path).to_owned();
        let mut client = Self { address, path, cookie: String::new(), posts: 0, name: name.to_owned() };
        let answer = client.call("POST", "/name", json!({ "name": name }).to_string().as_bytes()).await?;
        answer.json()?;
        answer.header("set-cookie").split(';').next().unwrap_or_default().clone_into(&mut client.cookie);
        Ok(client)
    }

    /// One request below the room's path.
    ///
    /// # Errors
    /// Those of the socket; what the server refuses is an answer.
    pub async fn call(&self, method: &str, below: &str, body: &[u8]) -> Result<Answer, Problem> {
        let headers = [("x-sameroom", "1"), ("cookie", self.cookie.as_str())];
        let count = if self.cookie.is_empty() { 1 } else { 2 };
        let headers = headers.get(..count).unwrap_or_default();
        request(self.address, method, &format!("{}{below}", self.path), headers, body).await
    }

    async fn write(&self, method: &str, below: &str, body: &Value) -> Result<String, Problem> {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let answer = self.call(method, below, &bytes).await?.json()?;
        Ok(answer["message"]["id"].as_str().unwrap_or_default().to_owned())
    }

    fn fresh(&mut self) -> String {
        self.posts += 1;
        format!("{}-{}", self.posts, self.name.len())
    }

    /// Says something; gives its id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn post(&mut self, text: &str) -> Result<String, Problem> {
        let id = self.fresh();
        self.write("POST", "/messages", &json!({ "id": id, "text": text })).await
    }

    /// Answers a message; gives the id of the answer.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn reply(&mut self, to: &str, text: &str) -> Result<String, Problem> {
        let id = self.fresh();
        self.write("POST", "/messages", &json!({ "id": id, "text": text, "reply": to })).await
    }

    /// Changes a message.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn edit(&self, id: &str, text: &str) -> Result<(), Problem> {
        self.write("PUT", &format!("/messages/{id}"), &json!({ "text": text })).await.map(|_| ())
    }

    /// Removes a message.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn delete(&self, id: &str) -> Result<(), Problem> {
        self.write("DELETE", &format!("/messages/{id}"), &Value::Null).await.map(|_| ())
    }

    /// Puts an emoji on a message, or takes it back.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn react(&self, id: &str, emoji: &str, on: bool) -> Result<(), Problem> {
        let method = if on { "POST" } else { "DELETE" };
        let below = format!("/messages/{id}/reactions/{}", escape(emoji));
        self.write(method, &below, &Value::Null).await.map(|_| ())
    }

    /// Posts a file; gives the message's id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn upload(&mut self, name: &str, content: &[u8]) -> Result<String, Problem> {
        let id = self.fresh();
        let below = format!("/upload?id={id}&name={}", escape(name));
        let answer = self.call("POST", &below, content).await?.json()?;
        Ok(answer["message"]["id"].as_str().unwrap_or_default().to_owned())
    }

    /// The content of a message's file.
    ///
    /// # Errors
    /// When it has none.
    pub async fn file(&self, message: &Value) -> Result<Vec<u8>, Problem> {
        let path = message["file"]["path"].as_str().ok_or("no file")?;
        let answer = self.call("GET", &format!("/{path}"), &[]).await?;
        if answer.status == 200 { Ok(answer.body) } else { Err(format!("{path}: {}", answer.status)) }
    }

    /// The last 200 messages, oldest first.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn history(&self) -> Result<Vec<Value>, Problem> {
        let answer = self.call("GET", "/history?limit=200", &[]).await?.json()?;
        answer["messages"].as_array().cloned().ok_or_else(|| answer.to_string())
    }

    /// Waits until the room holds a message of which `pick` makes something.
    ///
    /// # Errors
    /// When none comes in time; the text lists what is there.
    pub async fn wait<T>(&self, what: &str, mut pick: impl FnMut(&Value) -> Option<T>) -> Result<T, Problem> {
        // Read before the first look, so that the stream tells whatever comes between.
        let head = self.call("GET", "/state", &[]).await?.json()?["head"].clone();
        let path = format!("{}/events?after={}", self.path, head.as_u64().unwrap_or_default());
        let mut events = open(self.address, "GET", &path, &[("cookie", self.cookie.as_str())], &[]).await?;
        let deadline = Instant::now() + PATIENCE;
        let mut piece = [0; 4096];
        loop {
            let history = self.history().await?;
            if let Some(found) = history.iter().find_map(&mut pick) {
                return Ok(found);
            }
            match timeout_at(deadline, events.read(&mut piece)).await {
                Ok(Ok(read)) if read > 0 => {}
                Ok(other) => return Err(format!("the stream of events ended: {other:?}")),
                Err(_) => return Err(format!("no {what} in time; the room holds {history:#?}")),
            }
        }
    }

    /// Waits for a message with this in its text, and gives it.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn text(&self, text: &str) -> Result<Value, Problem> {
        self.wait(text, |message| {
            let said = message["text"].as_str().unwrap_or_default();
            said.contains(text).then(|| message.clone())
        })
        .await
    }

    /// Waits until message `id` fulfils a condition.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn until(&self, what: &str, id: &str, is_so: impl Fn(&Value) -> bool) -> Result<(), Problem> {
        self.wait(what, |message| (message["id"] == id && is_so(message)).then_some(())).await
    }
}

/// Who has which emoji on a message, as `emoji name` sorted.
#[must_use]
pub fn reactions(message: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for reaction in message["reactions"].as_array().into_iter().flatten() {
        for person in reaction["by"].as_array().into_iter().flatten() {
            let (emoji, name) = (reaction["emoji"].as_str(), person["name"].as_str());
            all.push(format!("{} {}", emoji.unwrap_or_default(), name.unwrap_or_default()));
        }
    }
    all.sort();
    all
}

fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
