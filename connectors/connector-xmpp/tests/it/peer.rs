//! A slixmpp client as the contract suite's person in the room.

use async_trait::async_trait;
use sameroom_connector::contract::{Peer, Problem, Seen};
use sameroom_testkit::xmpp_client::XmppClient;
use serde_json::{Value, json};

/// One client in one room.
pub(crate) struct XmppPeer {
    pub(crate) client: XmppClient,
    pub(crate) room: String,
    pub(crate) nick: String,
    pub(crate) upload: String,
}

#[derive(Debug, Clone)]
struct Shown {
    archive: String,
    origin: String,
    author: String,
    text: String,
    reply: Option<String>,
    url: Option<String>,
}

fn text_of(came: &Value, key: &str) -> Option<String> {
    came.get(key).and_then(Value::as_str).map(str::to_owned)
}

impl XmppPeer {
    /// What a client would show: corrections and retractions applied.
    fn shown(&self) -> Vec<Shown> {
        let mut shown: Vec<Shown> = Vec::new();
        let messages =
            self.client.seen().iter().filter(|came| text_of(came, "came").as_deref() == Some("message"));
        for came in messages {
            if text_of(came, "type").as_deref() != Some("groupchat") {
                continue;
            }
            let author =
                text_of(came, "from").unwrap_or_default().split('/').nth(1).unwrap_or_default().to_owned();
            if let Some(id) = text_of(came, "retracts").or_else(|| text_of(came, "retracts_old")) {
                shown.retain(|known| known.archive != id && known.origin != id);
            } else if let Some(id) = text_of(came, "replaces") {
                let text = text_of(came, "stripped").unwrap_or_default();
                shown
                    .iter_mut()
                    .filter(|known| known.origin == id && known.author == author)
                    .for_each(|known| known.text.clone_from(&text));
            } else if let Some(text) = text_of(came, "stripped").filter(|text| !text.is_empty()) {
                shown.push(Shown {
                    archive: text_of(came, "archive").unwrap_or_default(),
                    origin: text_of(came, "stanza").unwrap_or_default(),
                    author,
                    text,
                    reply: text_of(came, "answers"),
                    url: text_of(came, "url"),
                });
            }
        }
        shown
    }

    /// Reads until the room shows what is looked for.
    async fn until<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&[Shown]) -> Option<T>,
    ) -> Result<T, Problem> {
        loop {
            if let Some(found) = pick(&self.shown()) {
                return Ok(found);
            }
            self.client.wait(what, |_| Some(())).await?;
        }
    }

    async fn archive_id(&mut self, origin: &str) -> Result<String, Problem> {
        self.until("own message", |shown| {
            shown.iter().find(|known| known.origin == origin).map(|known| known.archive.clone())
        })
        .await
    }
}

#[async_trait]
impl Peer for XmppPeer {
    fn name(&self) -> String {
        self.nick.clone()
    }

    async fn post(&mut self, text: &str) -> Result<Option<String>, Problem> {
        let id = self.client.ask_text("post", json!({"to": self.room, "body": text})).await?;
        Ok(Some(id))
    }

    async fn reply(&mut self, to: &str, text: &str) -> Result<Option<String>, Problem> {
        let target = self.archive_id(to).await?;
        let author = format!("{}/{}", self.room, self.nick);
        let arguments = json!({"to": self.room, "body": text, "target": target, "author": author, "quote": "what I said"});
        Ok(Some(self.client.ask_text("reply", arguments).await?))
    }

    async fn edit(&mut self, id: &str, text: &str) -> Result<(), Problem> {
        self.client.ask("edit", json!({"to": self.room, "body": text, "target": id})).await.map(|_| ())
    }

    async fn delete(&mut self, id: &str) -> Result<(), Problem> {
        let target = self.archive_id(id).await?;
        self.client
            .ask("retract", json!({"to": self.room, "target": target, "kind": "groupchat"}))
            .await
            .map(|_| ())
    }

    async fn react(&mut self, id: &str, emoji: &str) -> Result<(), Problem> {
        let target = self.archive_id(id).await?;
        self.client
            .ask("react", json!({"to": self.room, "target": target, "emoji": [emoji]}))
            .await
            .map(|_| ())
    }

    async fn unreact(&mut self, id: &str, _: &str) -> Result<(), Problem> {
        let target = self.archive_id(id).await?;
        self.client.ask("react", json!({"to": self.room, "target": target, "emoji": []})).await.map(|_| ())
    }

    async fn upload(&mut self, name: &str, content: &[u8]) -> Result<Option<String>, Problem> {
        let content = String::from_utf8_lossy(content).into_owned();
        let arguments = json!({"service": self.upload, "to": self.room, "name": name, "content": content});
        Ok(Some(self.client.ask_text("upload", arguments).await?))
    }

    async fn wait_for(&mut self, text: &str) -> Result<Seen, Problem> {
        self.until(text, |shown| {
            shown.iter().rev().find(|known| known.text.contains(text)).map(|known| Seen {
                id: Some(known.origin.clone()),
                author: known.author.clone(),
                text: known.text.clone(),
                reply: known.reply.clone(),
            })
        })
        .await
    }

    async fn wait_gone(&mut self, text: &str) -> Result<(), Problem> {
        self.until(&format!("end of {text:?}"), |shown| {
            shown.iter().all(|known| !known.text.contains(text)).then_some(())
        })
        .await
    }

    async fn wait_reaction(&mut self, id: &str, emoji: &str, on: bool) -> Result<(), Problem> {
        let target = self.archive_id(id).await?;
        self.client
            .message("reaction", |came| {
                let all = came.get("emoji").and_then(Value::as_array);
                let has = all.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(emoji)));
                text_of(came, "reacts").as_deref() == Some(&target) && has == on
            })
            .await
            .map(|_| ())
    }

    async fn wait_file(&mut self, name: &str) -> Result<Vec<u8>, Problem> {
        let link = self
            .until(name, |shown| {
                shown.iter().find_map(|known| known.url.clone().filter(|url| url.ends_with(name)))
            })
            .await?;
        let http =
            sameroom_http::Client::new(sameroom_http::Rules { allow_private: true, ..Default::default() });
        let mut download = http.get(&link, 1 << 20).await.map_err(|error| error.to_string())?;
        let mut content = Vec::new();
        while let Some(piece) = download.piece().await.map_err(|error| error.to_string())? {
            content.extend_from_slice(&piece);
        }
        Ok(content)
    }

    async fn seen(&mut self) -> Result<Vec<Seen>, Problem> {
        Ok(self
            .shown()
            .into_iter()
            .map(|known| Seen {
                id: Some(known.origin),
                author: known.author,
                text: known.text,
                reply: known.reply,
            })
            .collect())
    }
}
