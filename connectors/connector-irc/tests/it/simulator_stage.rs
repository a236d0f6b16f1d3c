//! The simulator as a stage of the contract suite; people act through its verbs.

use std::sync::Arc;

use async_trait::async_trait;
use connector_irc::IrcConnector;
use sameroom_connector::contract::{Peer, Problem, Seen, Stage};
use sameroom_connector::{Connector, Settings};
use sameroom_testkit::irc_client::IrcClient;
use simulator_irc::{Entry, Options, Server, User, What};

/// A simulated server with an account called `same` on it.
pub(crate) struct SimulatorStage {
    pub(crate) server: Arc<Server>,
    pub(crate) settings: Settings,
}

impl SimulatorStage {
    /// Starts a server; `extra` are further settings of the account.
    pub(crate) fn start(options: Options, extra: serde_json::Value) -> Self {
        let server = Server::start(options).unwrap();
        let mut settings = serde_json::json!({
            "server": server.addr().to_string(), "tls": false, "nick": "same", "pace": "off",
        });
        for (key, value) in extra.as_object().unwrap() {
            settings[key] = value.clone();
        }
        Self { server: Arc::new(server), settings: settings.as_object().unwrap().clone() }
    }
}

#[async_trait]
impl Stage for SimulatorStage {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(IrcConnector)
    }

    fn settings(&self) -> Settings {
        self.settings.clone()
    }

    fn room(&self) -> String {
        "#Lobby".to_owned()
    }

    fn other_room(&self) -> Option<String> {
        Some("#other".to_owned())
    }

    async fn peer(&mut self, name: &str) -> Result<Box<dyn Peer>, Problem> {
        let user = self.server.user(name, "#lobby").map_err(|refused| refused.to_string())?;
        let start = self.server.transcript("#lobby").len();
        Ok(Box::new(SimulatorPeer { server: Arc::clone(&self.server), user, start }))
    }

    async fn cut_at_next_post(&mut self) -> Result<bool, Problem> {
        self.server.cut_after_next("PRIVMSG");
        Ok(true)
    }

    async fn kick(&mut self) -> Result<bool, Problem> {
        self.server.kick("same", "#lobby");
        Ok(true)
    }

    async fn invite(&mut self) -> Result<bool, Problem> {
        let mut host =
            IrcClient::connect(self.server.addr(), "host", &[]).await.map_err(|error| error.to_string())?;
        host.join("#other").await.map_err(|error| error.to_string())?;
        host.send("INVITE same #other").await.map_err(|error| error.to_string())?;
        host.expect(" 341 ").await.map_err(|error| error.to_string())?;
        Ok(true)
    }
}

struct SimulatorPeer {
    server: Arc<Server>,
    user: User,
    start: usize,
}

impl SimulatorPeer {
    fn entries(&self) -> Vec<Entry> {
        self.server.transcript("#lobby").into_iter().skip(self.start).collect()
    }
}

fn seen(entry: &Entry) -> Option<Seen> {
    let text = entry.text()?.to_owned();
    let reply = entry.tag("+reply").map(str::to_owned);
    Some(Seen { id: entry.msgid.clone(), author: entry.by.clone(), text, reply })
}

fn said(result: Result<String, simulator_irc::Refused>) -> Result<Option<String>, Problem> {
    result.map(Some).map_err(|refused| refused.to_string())
}

#[async_trait]
impl Peer for SimulatorPeer {
    fn name(&self) -> String {
        self.user.nick()
    }

    async fn post(&mut self, text: &str) -> Result<Option<String>, Problem> {
        said(self.user.says(text))
    }

    async fn reply(&mut self, to: &str, text: &str) -> Result<Option<String>, Problem> {
        said(self.user.replies(to, text))
    }

    async fn delete(&mut self, id: &str) -> Result<(), Problem> {
        said(self.user.deletes(id)).map(|_| ())
    }

    async fn react(&mut self, id: &str, emoji: &str) -> Result<(), Problem> {
        said(self.user.reacts(id, emoji)).map(|_| ())
    }

    async fn unreact(&mut self, id: &str, emoji: &str) -> Result<(), Problem> {
        said(self.user.unreacts(id, emoji)).map(|_| ())
    }

    async fn wait_for(&mut self, text: &str) -> Result<Seen, Problem> {
        let is_it = |entry: &Entry| entry.text().is_some_and(|said| said.contains(text));
        let entry = self.server.wait_for("#lobby", is_it).await.map_err(|error| error.to_string())?;
        seen(&entry).ok_or_else(|| "no text".to_owned())
    }

    async fn wait_gone(&mut self, text: &str) -> Result<(), Problem> {
        let gone: Vec<String> = self
            .entries()
            .into_iter()
            .filter(|entry| entry.text().is_some_and(|said| said.contains(text)))
            .filter_map(|entry| entry.msgid)
            .collect();
        for id in gone {
            let is_it = |entry: &Entry| matches!(&entry.what, What::Redacted { msgid, .. } if *msgid == id);
            self.server.wait_for("#lobby", is_it).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn wait_reaction(&mut self, id: &str, emoji: &str, on: bool) -> Result<(), Problem> {
        let key = if on { "+draft/react" } else { "+draft/unreact" };
        let is_it = |entry: &Entry| entry.tag("+reply") == Some(id) && entry.tag(key) == Some(emoji);
        self.server.wait_for("#lobby", is_it).await.map(|_| ()).map_err(|error| error.to_string())
    }

    async fn seen(&mut self) -> Result<Vec<Seen>, Problem> {
        Ok(self.entries().iter().filter_map(seen).collect())
    }
}
