//! A person in a browser room, by the same requests that the page makes.

use anyhow::{Context, ensure};
use sameroom_http::{Answer, Call, Client, Download, Method, Rules};
use serde_json::{Value, json};

/// The most that a live stream of the demo may bring, in bytes.
const MOST: u64 = 64 << 20;

/// What stands in a room.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) author: String,
    pub(crate) text: String,
    pub(crate) emoji: Vec<String>,
}

/// Somebody who entered by a room's link.
pub(crate) struct Visitor {
    http: Client,
    base: String,
    cookie: String,
    posts: u32,
    stream: Download,
    read: Vec<u8>,
}

impl Visitor {
    /// Enters the room at this address under this name.
    pub(crate) async fn enter(base: &str, name: &str) -> anyhow::Result<Self> {
        let http = Client::new(Rules { allow_private: true, ..Rules::default() });
        let stream = http.get(&format!("{base}/events"), MOST).await.context("follow the room")?;
        let mut visitor =
            Self { http, base: base.to_owned(), cookie: String::new(), posts: 0, stream, read: Vec::new() };
        let answer = visitor.write(Method::POST, "/name", &json!({ "name": name })).await?;
        let cookie = answer.header("set-cookie").unwrap_or_default();
        visitor.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(visitor)
    }

    /// Says something, as an answer to a message where `reply` names one; gives the message's id.
    pub(crate) async fn say(&mut self, text: &str, reply: Option<&str>) -> anyhow::Result<String> {
        self.posts += 1;
        let mut body = json!({ "id": format!("demo-{}", self.posts), "text": text });
        if let Some(reply) = reply {
            body["reply"] = reply.into();
        }
        let answer = self.write(Method::POST, "/messages", &body).await?;
        let answer: Value = serde_json::from_slice(&answer.body).context("read the room's answer")?;
        Ok(answer["message"]["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Changes what was said.
    pub(crate) async fn edit(&mut self, id: &str, text: &str) -> anyhow::Result<()> {
        self.write(Method::PUT, &format!("/messages/{id}"), &json!({ "text": text })).await.map(drop)
    }

    /// Puts an emoji on a message.
    pub(crate) async fn react(&mut self, id: &str, emoji: &str) -> anyhow::Result<()> {
        let emoji: String = emoji.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.write(Method::POST, &format!("/messages/{id}/reactions/{emoji}"), &Value::Null).await.map(drop)
    }

    /// Waits for something to be shown in the room.
    pub(crate) async fn wait(&mut self, wanted: impl Fn(&Shown) -> bool) -> anyhow::Result<Shown> {
        loop {
            while let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.read.drain(..end + 2).collect();
                if let Some(shown) = read_event(&String::from_utf8_lossy(&event))
                    && wanted(&shown)
                {
                    return Ok(shown);
                }
            }
            let piece = self.stream.piece().await.context("follow the room")?;
            self.read.extend_from_slice(&piece.context("the room's live stream ended")?);
        }
    }

    async fn write(&self, method: Method, below: &str, body: &Value) -> anyhow::Result<Answer> {
        let call = Call::new(method).header("x-sameroom", "1").header("cookie", &self.cookie);
        let call = if body.is_null() { call } else { call.body("application/json", body.to_string()) };
        let answer = self.http.call(&format!("{}{below}", self.base), call).await?;
        ensure!(answer.is_success(), "the browser room answered {}", answer.status);
        Ok(answer)
    }
}

/// The message that an event of the live stream is about.
fn read_event(event: &str) -> Option<Shown> {
    let data = event.lines().find_map(|line| line.strip_prefix("data:"))?;
    let data: Value = serde_json::from_str(data.trim()).ok()?;
    let message = data.get("message")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(Shown {
        id: text(&message["id"]),
        author: text(&message["author"]["name"]),
        text: text(&message["text"]),
        emoji: message["reactions"].as_array()?.iter().map(|reaction| text(&reaction["emoji"])).collect(),
    })
}
