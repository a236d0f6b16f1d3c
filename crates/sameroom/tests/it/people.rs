//! People in XMPP and browser rooms, and what they see: asserted on the wire or in the API's fields.

use std::net::SocketAddr;

use sameroom_testkit::web_client::{self, WebClient};
use sameroom_testkit::xmpp_client::XmppClient;
use serde_json::{Value, json};

/// An account on an XMPP server without TLS.
pub(crate) fn xmpp_account(name: &str, addr: SocketAddr, domain: &str, more: &str) -> String {
    format!(
        "[accounts.{name}]\nplatform = \"xmpp\"\njid = \"bridge@{domain}\"\npassword = \"pw\"\nmuc = \"rooms.{domain}\"\nnick = \"sameroom\"\nserver = \"{addr}\"\ntls = \"off\"\n{more}\n"
    )
}

/// Somebody in an XMPP room.
pub(crate) struct Occupant {
    pub(crate) client: XmppClient,
    pub(crate) room: String,
    pub(crate) nick: String,
}

/// A message as an XMPP client got it.
#[derive(Clone, Debug)]
pub(crate) struct Stanza(pub(crate) Value);

impl Stanza {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// The room's own id.
    pub(crate) fn archive(&self) -> &str {
        self.field("archive")
    }

    /// Its sender's id.
    pub(crate) fn sender(&self) -> &str {
        self.field("stanza")
    }

    /// Whether the room says that a moderator removed a message.
    pub(crate) fn is_removal_of(&self, id: &str) -> bool {
        let xml = self.field("xml");
        !self.field("from").contains('/') && xml.contains("moderated") && xml.contains(id)
    }

    /// What a person reads, without the quoted fallback of a reply.
    pub(crate) fn text(&self) -> &str {
        self.field("stripped")
    }
}

impl Occupant {
    /// Logs in and enters a room under the account's name.
    pub(crate) async fn enter(addr: SocketAddr, user: &str, domain: &str, room: &str) -> Self {
        Self::enter_as(addr, user, domain, room, user).await
    }

    pub(crate) async fn enter_as(addr: SocketAddr, user: &str, domain: &str, room: &str, nick: &str) -> Self {
        let mut client =
            XmppClient::connect(addr, &format!("{user}@{domain}"), false).await.expect("logged in");
        let room = format!("{room}@rooms.{domain}");
        client.ask("join", json!({ "room": room, "nick": nick })).await.expect("entered");
        Self { client, room, nick: nick.to_owned() }
    }

    pub(crate) async fn ask(&mut self, what: &str, arguments: Value) {
        self.client.ask(what, arguments).await.unwrap_or_else(|problem| panic!("{}: {problem}", self.nick));
    }

    /// Waits for a message.
    pub(crate) async fn stanza(&mut self, what: &str, is_it: impl Fn(&Stanza) -> bool) -> Stanza {
        let found = self.client.message(what, |came| is_it(&Stanza(came.clone()))).await;
        Stanza(found.unwrap_or_else(|problem| panic!("{} in {}: {problem}", self.nick, self.room)))
    }

    /// Says something and waits until the room shows it.
    pub(crate) async fn say(&mut self, text: &str) -> Stanza {
        let room = self.room.clone();
        let id = self.client.ask_text("post", json!({ "to": room, "body": text })).await.expect("said");
        self.stanza("reflection", |came| came.sender() == id).await
    }

    /// Waits for a new message that ends in a text.
    pub(crate) async fn hear(&mut self, text: &str) -> Stanza {
        self.stanza(text, |came| came.text().trim_end().ends_with(text) && came.0["replaces"].is_null()).await
    }

    /// Waits for a line of ours with a text in it.
    pub(crate) async fn told(&mut self, text: &str) -> Stanza {
        self.stanza(text, |came| came.text().contains(text)).await
    }

    pub(crate) async fn edit(&mut self, target: &Stanza, text: &str) {
        let arguments = json!({ "to": self.room, "body": text, "target": target.sender() });
        self.ask("edit", arguments).await;
    }

    pub(crate) async fn retract(&mut self, target: &Stanza) {
        self.ask("retract", json!({ "to": self.room, "target": target.archive() })).await;
    }

    pub(crate) async fn react(&mut self, target: &Stanza, emoji: &[&str]) {
        self.ask("react", json!({ "to": self.room, "target": target.archive(), "emoji": emoji })).await;
    }

    pub(crate) async fn reply(&mut self, target: &Stanza, text: &str) -> Stanza {
        let room = self.room.clone();
        let arguments = json!({
            "to": room, "body": text, "target": target.archive(), "author": target.field("from"),
            "quote": target.text(),
        });
        let id = self.client.ask_text("reply", arguments).await.expect("replied");
        self.stanza("reflection", |came| came.sender() == id).await
    }

    /// Removes somebody's message as a moderator.
    pub(crate) async fn moderate(&mut self, target: &Stanza) {
        let (room, id) = (self.room.clone(), target.archive().to_owned());
        // Prosody's module of this age speaks the old form only, the library the new one: written out.
        let xml = format!(
            "<iq type='set' id='m-{id}' to='{room}'><apply-to xmlns='urn:xmpp:fasten:0' id='{id}'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/></moderate></apply-to></iq>"
        );
        self.ask("raw", json!({ "xml": xml })).await;
        self.stanza("moderation by the room", |came| came.is_removal_of(&id)).await;
    }

    /// Uploads a file to the server and shares it.
    pub(crate) async fn upload(&mut self, name: &str, content: &str) {
        let service = self.room.split_once("@rooms.").expect("a room").1;
        let arguments = json!({
            "service": format!("upload.{service}"), "to": self.room, "name": name, "content": content,
        });
        self.ask("upload", arguments).await;
    }

    /// Waits for the correction of a message.
    pub(crate) async fn corrected(&mut self, target: &Stanza, text: &str) {
        let is_it = |came: &Stanza| {
            came.field("replaces") == target.sender() && came.field("from") == target.field("from")
        };
        let came = self.stanza("correction by who sent it", is_it).await;
        assert!(came.field("body").ends_with(text), "{came:?}");
    }

    /// Waits for the retraction of a message by who sent it.
    pub(crate) async fn retracted(&mut self, target: &Stanza) {
        let is_it = |came: &Stanza| {
            came.field("retracts") == target.archive() && came.field("from") == target.field("from")
        };
        self.stanza("retraction by who sent it", is_it).await;
    }

    /// Waits until our account shows just these reactions on a message.
    pub(crate) async fn reacted(&mut self, target: &Stanza, emoji: &[&str]) {
        self.shows("sameroom", target, emoji).await;
    }

    /// Waits until somebody's next reactions to a message are shown, which must be just these.
    pub(crate) async fn shows(&mut self, nick: &str, target: &Stanza, emoji: &[&str]) {
        let own = format!("{}/{nick}", self.room);
        let came = self
            .stanza("reactions", |came| came.field("reacts") == target.archive() && came.field("from") == own)
            .await;
        assert_eq!(came.0["emoji"], json!(emoji), "{came:?}");
    }

    /// Waits for an answer to a message, with a fallback for clients that don't know replies.
    pub(crate) async fn answered(&mut self, target: &Stanza, text: &str) -> Stanza {
        let came = self.stanza(text, |came| came.text().ends_with(text)).await;
        assert_eq!(came.field("answers"), target.archive(), "{came:?}");
        assert!(came.field("body").starts_with("> "), "the answered words are quoted: {came:?}");
        assert!(!came.text().starts_with('>'), "and marked as a fallback: {came:?}");
        came
    }

    /// Waits for a file and gives its content.
    pub(crate) async fn file(&mut self, name: &str) -> Vec<u8> {
        let came = self.stanza(name, |came| came.field("url").ends_with(name)).await;
        assert_eq!(came.field("body"), came.field("url"), "the link alone, so that clients show the file");
        download(came.field("url")).await
    }

    /// All that was ever said in the room while we were in it, as raw stanzas.
    pub(crate) fn everything(&self) -> Vec<String> {
        self.client.seen().iter().map(|came| came["xml"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Fetches a file from a server on this machine.
pub(crate) async fn download(url: &str) -> Vec<u8> {
    let rest = url.strip_prefix("http://").expect("plain HTTP");
    let (host, path) = rest.split_once('/').expect("a path");
    let address = host.parse().expect("an address of this machine");
    let answer = web_client::request(address, "GET", &format!("/{path}"), &[], &[]).await.expect("fetched");
    assert_eq!(answer.status, 200, "{url}");
    answer.body
}

/// Waits for words of ours in a browser room.
pub(crate) async fn web_notice(client: &WebClient, text: &str) -> Value {
    client
        .wait(text, |message| {
            let said = message["text"].as_str().unwrap_or_default();
            (message["kind"] == "notice" && said.contains(text)).then(|| message.clone())
        })
        .await
        .expect("told")
}

/// All that a browser room holds, as text.
pub(crate) async fn web_everything(client: &WebClient) -> String {
    Value::Array(client.history().await.expect("history")).to_string()
}

/// Somebody somewhere, so that the same story can be told in rooms of different kinds.
pub(crate) enum Seat {
    Xmpp(Occupant),
    Web(WebClient),
}

/// A message as somebody knows it in their room.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    Xmpp(Stanza),
    Web(String),
}

impl Seat {
    pub(crate) async fn say(&mut self, text: &str) -> Known {
        match self {
            Self::Xmpp(occupant) => Known::Xmpp(occupant.say(text).await),
            Self::Web(client) => Known::Web(client.post(text).await.expect("said")),
        }
    }

    /// Waits for a copy of somebody's message.
    pub(crate) async fn hear(&mut self, text: &str) -> Known {
        match self {
            Self::Xmpp(occupant) => Known::Xmpp(occupant.hear(text).await),
            Self::Web(client) => {
                let message = client.text(text).await.expect("heard");
                assert_eq!(message["author"]["remote"], true, "{message}");
                Known::Web(message["id"].as_str().expect("an id").to_owned())
            }
        }
    }

    pub(crate) async fn edit(&mut self, target: &Known, text: &str) {
        match (self, target) {
            (Self::Xmpp(occupant), Known::Xmpp(stanza)) => occupant.edit(stanza, text).await,
            (Self::Web(client), Known::Web(id)) => client.edit(id, text).await.expect("edited"),
            _ => unreachable!("a message of another room"),
        }
    }

    pub(crate) async fn corrected(&mut self, target: &Known, text: &str) {
        match (self, target) {
            (Self::Xmpp(occupant), Known::Xmpp(stanza)) => occupant.corrected(stanza, text).await,
            (Self::Web(client), Known::Web(id)) => client
                .until("edit", id, |message| message["text"] == text && message["edited"].is_number())
                .await
                .expect("edited"),
            _ => unreachable!("a message of another room"),
        }
    }

    pub(crate) async fn delete(&mut self, target: &Known) {
        match (self, target) {
            (Self::Xmpp(occupant), Known::Xmpp(stanza)) => occupant.retract(stanza).await,
            (Self::Web(client), Known::Web(id)) => client.delete(id).await.expect("deleted"),
            _ => unreachable!("a message of another room"),
        }
    }

    pub(crate) async fn gone(&mut self, target: &Known) {
        match (self, target) {
            (Self::Xmpp(occupant), Known::Xmpp(stanza)) => occupant.retracted(stanza).await,
            (Self::Web(client), Known::Web(id)) => client
                .until("deletion", id, |message| message["deleted"] == "author" && message["text"] == "")
                .await
                .expect("deleted"),
            _ => unreachable!("a message of another room"),
        }
    }

    /// Makes these, and no others, the person's own reactions on a message.
    pub(crate) async fn react(&mut self, target: &Known, before: &[&str], emoji: &[&str]) {
        match (self, target) {
            (Self::Xmpp(occupant), Known::Xmpp(stanza)) => occupant.react(stanza, emoji).await,
            (Self::Web(client), Known::Web(id)) => {
                for (list, other, on) in [(emoji, before, true), (before, emoji, false)] {
                    for one in list.iter().filter(|one| !other.contains(one)) {
                        client.react(id, one, on).await.expect("reacted");
                    }
                }
            }
            _ => unreachable!("a message of another room"),
        }
    }

    /// Waits until people elsewhere are shown to have just these emoji on a message.
    pub(crate) async fn reacted(&mut self, target: &Known, emoji: &[&str]) {
        match (self, target) {
            (Self::Xmpp(occupant), Known::Xmpp(stanza)) => occupant.reacted(stanza, emoji).await,
            (Self::Web(client), Known::Web(id)) => {
                let own = client.name.clone();
                client
                    .until(&format!("{emoji:?}"), id, |message| {
                        let shown: Vec<String> = web_client::reactions(message)
                            .into_iter()
                            .filter(|one| !one.ends_with(&own))
                            .map(|one| one.split(' ').next().unwrap_or_default().to_owned())
                            .collect();
                        shown == emoji
                    })
                    .await
                    .expect("reacted");
            }
            _ => unreachable!("a message of another room"),
        }
    }

    pub(crate) async fn reply(&mut self, target: &Known, text: &str) -> Known {
        match (self, target) {
            (Self::Xmpp(occupant), Known::Xmpp(stanza)) => Known::Xmpp(occupant.reply(stanza, text).await),
            (Self::Web(client), Known::Web(id)) => Known::Web(client.reply(id, text).await.expect("replied")),
            _ => unreachable!("a message of another room"),
        }
    }

    pub(crate) async fn answered(&mut self, target: &Known, text: &str) -> Known {
        match (self, target) {
            (Self::Xmpp(occupant), Known::Xmpp(stanza)) => Known::Xmpp(occupant.answered(stanza, text).await),
            (Self::Web(client), Known::Web(id)) => {
                let message = client.text(text).await.expect("heard");
                assert_eq!(message["text"], text, "no quote beside the reply: {message}");
                assert_eq!(message["reply"]["id"], id.as_str(), "{message}");
                Known::Web(message["id"].as_str().expect("an id").to_owned())
            }
            _ => unreachable!("a message of another room"),
        }
    }

    pub(crate) async fn upload(&mut self, name: &str, content: &str) {
        match self {
            Self::Xmpp(occupant) => occupant.upload(name, content).await,
            Self::Web(client) => {
                client.upload(name, content.as_bytes()).await.expect("uploaded");
            }
        }
    }

    pub(crate) async fn file(&mut self, name: &str) -> Vec<u8> {
        match self {
            Self::Xmpp(occupant) => occupant.file(name).await,
            Self::Web(client) => {
                let message = client
                    .wait(name, |message| (message["file"]["name"] == name).then(|| message.clone()))
                    .await
                    .expect("shared");
                client.file(&message).await.expect("fetched")
            }
        }
    }
}
