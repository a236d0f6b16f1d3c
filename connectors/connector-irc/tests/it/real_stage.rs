//! A real server as a stage of the contract suite; people act through a raw socket.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use connector_irc::IrcConnector;
use sameroom_connector::contract::{Peer, Problem, Seen, Stage};
use sameroom_connector::{Connector, Settings};
use sameroom_testkit::irc_client::{IrcClient, body, said, tag};

const CAPS: &[&str] = &["message-tags", "server-time", "echo-message", "account-tag"];

/// A room on a server that runs, kept open by somebody who is operator there.
pub(crate) struct RealStage {
    addr: SocketAddr,
    nick: &'static str,
    room: &'static str,
    keeper: IrcClient,
    extra: Settings,
}

impl RealStage {
    /// Lets the operator of the room send a raw line.
    pub(crate) async fn keeper_sends(&mut self, line: &str) {
        self.keeper.send(line).await.unwrap();
    }

    /// Opens a room of its own for this test.
    pub(crate) async fn open(
        addr: SocketAddr,
        nick: &'static str,
        room: &'static str,
        extra: serde_json::Value,
    ) -> Self {
        let mut keeper = IrcClient::connect(addr, &format!("{nick}op"), CAPS).await.unwrap();
        keeper.join(room).await.unwrap();
        Self { addr, nick, room, keeper, extra: extra.as_object().unwrap().clone() }
    }
}

fn problem(error: std::io::Error) -> Problem {
    error.to_string()
}

#[async_trait]
impl Stage for RealStage {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(IrcConnector)
    }

    fn settings(&self) -> Settings {
        let mut settings = self.extra.clone();
        settings.insert("server".to_owned(), self.addr.to_string().into());
        settings.insert("tls".to_owned(), false.into());
        settings.insert("nick".to_owned(), self.nick.into());
        settings.entry("pace").or_insert_with(|| "off".into());
        settings
    }

    fn room(&self) -> String {
        self.room.to_owned()
    }

    fn other_room(&self) -> Option<String> {
        Some(format!("{}-other", self.room))
    }

    async fn peer(&mut self, name: &str) -> Result<Box<dyn Peer>, Problem> {
        let name = format!("{}{name}", self.nick);
        let mut client = IrcClient::connect(self.addr, &name, CAPS).await.map_err(problem)?;
        client.join(self.room).await.map_err(problem)?;
        Ok(Box::new(RealPeer { client, room: self.room.to_owned() }))
    }

    async fn cut_at_next_post(&mut self) -> Result<bool, Problem> {
        // The simulator does this; a real server can't be cut at a chosen line.
        Ok(false)
    }

    async fn kick(&mut self) -> Result<bool, Problem> {
        let line = format!("KICK {} {} :enough", self.room, self.nick);
        self.keeper.send(&line).await.map_err(problem)?;
        Ok(true)
    }

    async fn invite(&mut self) -> Result<bool, Problem> {
        let other = format!("{}-other", self.room);
        self.keeper.join(&other).await.map_err(problem)?;
        let line = format!("INVITE {} {other}", self.nick);
        self.keeper.send(&line).await.map_err(problem)?;
        Ok(true)
    }
}

pub(crate) struct RealPeer {
    pub(crate) client: IrcClient,
    pub(crate) room: String,
}

fn seen(line: &str) -> Option<Seen> {
    let (author, _, text) = said(line)?;
    Some(Seen {
        id: tag(line, "msgid").map(str::to_owned),
        author: author.to_owned(),
        text: text.to_owned(),
        reply: tag(line, "+reply").or_else(|| tag(line, "+draft/reply")).map(str::to_owned),
    })
}

#[async_trait]
impl Peer for RealPeer {
    fn name(&self) -> String {
        self.client.nick.clone()
    }

    async fn post(&mut self, text: &str) -> Result<Option<String>, Problem> {
        let room = self.room.clone();
        self.client.say(&room, text).await.map_err(problem)
    }

    async fn reply(&mut self, to: &str, text: &str) -> Result<Option<String>, Problem> {
        let room = self.room.clone();
        self.client.say_with(&format!("+reply={to}"), &room, text).await.map_err(problem)
    }

    async fn react(&mut self, id: &str, emoji: &str) -> Result<(), Problem> {
        let line = format!("@+reply={id};+draft/react={emoji} TAGMSG {}", self.room);
        self.client.send(&line).await.map_err(problem)
    }

    async fn unreact(&mut self, id: &str, emoji: &str) -> Result<(), Problem> {
        let line = format!("@+reply={id};+draft/unreact={emoji} TAGMSG {}", self.room);
        self.client.send(&line).await.map_err(problem)
    }

    async fn wait_for(&mut self, text: &str) -> Result<Seen, Problem> {
        let is_it = |line: &str| said(line).is_some_and(|(_, _, said)| said.contains(text));
        let line = self.client.wait(is_it).await.map_err(problem)?;
        let found = seen(&line).ok_or_else(|| "no text".to_owned())?;
        self.client.passed.push_back(line);
        Ok(found)
    }

    async fn wait_reaction(&mut self, id: &str, emoji: &str, on: bool) -> Result<(), Problem> {
        let key = if on { "+draft/react" } else { "+draft/unreact" };
        let is_it = |line: &str| {
            body(line).contains(" TAGMSG ")
                && tag(line, "+reply") == Some(id)
                && tag(line, key) == Some(emoji)
        };
        self.client.wait(is_it).await.map(|_| ()).map_err(problem)
    }

    async fn seen(&mut self) -> Result<Vec<Seen>, Problem> {
        self.client.catch_up().await.map_err(problem)?;
        Ok(self.client.passed.iter().filter_map(|line| seen(line)).collect())
    }
}
