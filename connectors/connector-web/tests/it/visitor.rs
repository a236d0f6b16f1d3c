//! A person who uses the documented API with an HTTP library, not the page.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sameroom_connector::contract::{PATIENCE, Peer, Problem, Seen};
use serde_json::{Value, json};

/// Somebody with a room's link.
pub(crate) struct Visitor {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) cookie: Option<String>,
    pub(crate) name: String,
    http: Client<HttpConnector, Full<Bytes>>,
    posts: u32,
    /// The last message when they came.
    since: u64,
}

/// What the server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn message_id(&self) -> String {
        assert_eq!(self.status, 200, "{:?}", self.body);
        self.json()["message"]["id"].as_str().expect("an id").to_owned()
    }
}

impl Visitor {
    pub(crate) fn new(address: SocketAddr, path: &str) -> Self {
        let http = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { address, path: path.to_owned(), cookie: None, name: String::new(), http, posts: 0, since: 0 }
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        tokio::time::timeout(PATIENCE, self.http.request(request)).await.expect("in time").expect("an answer")
    }

    /// A request with the room's cookie and the header of writes.
    pub(crate) fn request(&self, method: &str, below: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
        let uri = format!("http://{}{}{below}", self.address, self.path);
        let mut builder = Request::builder().method(method).uri(uri).header("x-sameroom", "1");
        if let Some(cookie) = &self.cookie {
            builder = builder.header("cookie", cookie);
        }
        builder.body(Full::new(body.into())).expect("a request")
    }

    pub(crate) async fn call(&self, method: &str, below: &str, body: Vec<u8>) -> Answer {
        self.answer(self.request(method, below, body)).await
    }

    pub(crate) async fn answer(&self, request: Request<Full<Bytes>>) -> Answer {
        let response = self.send(request).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = tokio::time::timeout(PATIENCE, response.into_body().collect()).await.expect("in time");
        Answer { status, headers, body: body.expect("a body").to_bytes() }
    }

    pub(crate) async fn get(&self, below: &str) -> Answer {
        self.call("GET", below, Vec::new()).await
    }

    pub(crate) async fn write(&self, method: &str, below: &str, body: &Value) -> Answer {
        self.call(method, below, body.to_string().into_bytes()).await
    }

    pub(crate) async fn enter(&mut self, name: &str) -> Value {
        let answer = self.write("POST", "/name", &json!({ "name": name })).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        if let Some((cookie, _)) = answer.header("set-cookie").split_once(';') {
            self.cookie = Some(cookie.to_owned());
        }
        self.name = name.to_owned();
        self.since = self.get("/state").await.json()["head"].as_u64().expect("a head");
        answer.json()
    }

    /// Posts under a given client id.
    pub(crate) async fn post_as(&self, id: &str, text: &str) -> Answer {
        self.write("POST", "/messages", &json!({ "id": id, "text": text })).await
    }

    pub(crate) async fn history(&self) -> Vec<Value> {
        let answer = self.get("/history?limit=200").await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.json()["messages"].as_array().expect("messages").clone()
    }

    /// The live stream after a place.
    pub(crate) async fn events(&self, after: Option<&str>) -> Events {
        let mut request = self.request("GET", "/events", Vec::new());
        if let Some(after) = after {
            request.headers_mut().insert("last-event-id", after.parse().expect("a header"));
        }
        let response = self.send(request).await;
        assert_eq!(response.status(), 200);
        Events { body: response.into_body(), read: String::new() }
    }

    /// Waits until the history as it is now holds what is looked for.
    async fn wait<T>(&self, what: &str, mut pick: impl FnMut(&Value) -> Option<T>) -> Result<T, Problem> {
        let mut events = self.events(None).await;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let history = self.history().await;
            if let Some(found) = history.iter().find_map(&mut pick) {
                return Ok(found);
            }
            match tokio::time::timeout_at(deadline, events.next("act")).await {
                Ok(_) => {}
                Err(_) => return Err(format!("no {what} in {history:#?}")),
            }
        }
    }
}

/// A live stream.
pub(crate) struct Events {
    body: Incoming,
    read: String,
}

impl Events {
    /// The next event of this name: its id and data.
    pub(crate) async fn next(&mut self, name: &str) -> (Option<String>, Value) {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let field = |key: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
                    line.map(str::to_owned)
                };
                let (found, id, data) = (field("event"), field("id"), field("data"));
                self.read = rest.to_owned();
                if found.as_deref() == Some(name) {
                    return (id, serde_json::from_str(&data.expect("data")).expect("JSON"));
                }
                continue;
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("in time");
            let frame = frame.expect("the stream goes on").expect("a frame");
            let piece = frame.into_data().expect("data");
            self.read.push_str(std::str::from_utf8(&piece).expect("text"));
        }
    }
}

fn text_of(message: &Value) -> &str {
    message["text"].as_str().unwrap_or_default()
}

fn seen(message: &Value) -> Seen {
    Seen {
        id: message["id"].as_str().map(str::to_owned),
        author: message["author"]["name"].as_str().unwrap_or_default().to_owned(),
        text: text_of(message).to_owned(),
        reply: message["reply"]["id"].as_str().map(str::to_owned),
    }
}

#[async_trait]
impl Peer for Visitor {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn post(&mut self, text: &str) -> Result<Option<String>, Problem> {
        self.posts += 1;
        Ok(Some(self.post_as(&format!("peer-{}", self.posts), text).await.message_id()))
    }

    async fn reply(&mut self, to: &str, text: &str) -> Result<Option<String>, Problem> {
        self.posts += 1;
        let body = json!({ "id": format!("peer-{}", self.posts), "text": text, "reply": to });
        Ok(Some(self.write("POST", "/messages", &body).await.message_id()))
    }

    async fn edit(&mut self, id: &str, text: &str) -> Result<(), Problem> {
        self.write("PUT", &format!("/messages/{id}"), &json!({ "text": text })).await.message_id();
        Ok(())
    }

    async fn delete(&mut self, id: &str) -> Result<(), Problem> {
        self.call("DELETE", &format!("/messages/{id}"), Vec::new()).await.message_id();
        Ok(())
    }

    async fn react(&mut self, id: &str, emoji: &str) -> Result<(), Problem> {
        self.call("POST", &format!("/messages/{id}/reactions/{}", escape(emoji)), Vec::new())
            .await
            .message_id();
        Ok(())
    }

    async fn unreact(&mut self, id: &str, emoji: &str) -> Result<(), Problem> {
        self.call("DELETE", &format!("/messages/{id}/reactions/{}", escape(emoji)), Vec::new())
            .await
            .message_id();
        Ok(())
    }

    async fn upload(&mut self, name: &str, content: &[u8]) -> Result<Option<String>, Problem> {
        self.posts += 1;
        let below = format!("/upload?id=peer-{}&name={}", self.posts, escape(name));
        Ok(Some(self.call("POST", &below, content.to_vec()).await.message_id()))
    }

    async fn wait_for(&mut self, text: &str) -> Result<Seen, Problem> {
        self.wait(text, |message| text_of(message).contains(text).then(|| seen(message))).await
    }

    async fn wait_gone(&mut self, text: &str) -> Result<(), Problem> {
        let mut events = self.events(None).await;
        let gone = async {
            while self.history().await.iter().any(|message| text_of(message).contains(text)) {
                events.next("act").await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.map_err(|_| format!("{text:?} does not go"))
    }

    async fn wait_reaction(&mut self, id: &str, emoji: &str, on: bool) -> Result<(), Problem> {
        self.wait("reaction", |message| {
            let reactions = message["reactions"].as_array().expect("a list");
            let is_on = reactions.iter().any(|reaction| reaction["emoji"] == emoji);
            (message["id"] == id && is_on == on).then_some(())
        })
        .await
    }

    async fn wait_file(&mut self, name: &str) -> Result<Vec<u8>, Problem> {
        let path = self.wait(name, |message| {
            (message["file"]["name"] == name)
                .then(|| message["file"]["path"].as_str().unwrap_or_default().to_owned())
        });
        let path = path.await?;
        Ok(self.get(&format!("/{path}")).await.body.to_vec())
    }

    async fn seen(&mut self) -> Result<Vec<Seen>, Problem> {
        let is_new = |message: &&Value| {
            message["kind"] == "message"
                && message["id"]
                    .as_str()
                    .and_then(|id| id.parse::<u64>().ok())
                    .is_some_and(|id| id > self.since)
        };
        Ok(self.history().await.iter().filter(is_new).map(seen).collect())
    }
}

/// One segment of a path.
pub(crate) fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
