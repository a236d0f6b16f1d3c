//! A real server as the contract suite's stage, with a relay before it.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use connector_xmpp::XmppConnector;
use sameroom_connector::contract::{Peer, Problem, Stage};
use sameroom_connector::{Connector, Settings};
use sameroom_testkit::servers::ejabberd::Ejabberd;
use sameroom_testkit::servers::prosody::{Prosody, ProsodyOptions};
use sameroom_testkit::xmpp_client::XmppClient;
use serde_json::json;

use crate::peer::XmppPeer;
use crate::proxy::Proxy;

/// One of the servers.
pub(crate) enum Server {
    Prosody(Prosody),
    Ejabberd(Ejabberd),
}

impl Server {
    pub(crate) fn addr(&self) -> SocketAddr {
        match self {
            Self::Prosody(server) => server.addr(),
            Self::Ejabberd(server) => server.addr(),
        }
    }

    /// What the server wrote, for failures.
    pub(crate) fn log(&self) -> String {
        match self {
            Self::Prosody(server) => server.log(),
            Self::Ejabberd(_) => String::new(),
        }
    }

    async fn add_user(&self, name: &str) {
        let made = match self {
            Self::Prosody(server) => server.add_user(name),
            Self::Ejabberd(server) => server.add_user(name).await,
        };
        made.expect("an account");
    }

    pub(crate) async fn stop(&mut self) {
        let stopped = match self {
            Self::Prosody(server) => server.stop().await,
            Self::Ejabberd(server) => server.stop().await,
        };
        stopped.expect("a stopped server");
    }

    pub(crate) async fn start_again(&mut self) {
        let started = match self {
            Self::Prosody(server) => server.start_again().await,
            Self::Ejabberd(server) => server.start_again().await,
        };
        started.expect("a running server");
    }
}

/// A server with a room, its owner, and the account under test.
pub(crate) struct XmppStage {
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    pub(crate) owner: XmppClient,
    pub(crate) options: ProsodyOptions,
    pub(crate) extra: Settings,
}

impl XmppStage {
    pub(crate) async fn start(options: ProsodyOptions) -> Self {
        let server = Prosody::start(options.clone()).await.expect("prosody");
        Self::on(Server::Prosody(server), options).await
    }

    pub(crate) async fn on_ejabberd() -> Self {
        let server = Ejabberd::start().await.expect("ejabberd");
        Self::on(Server::Ejabberd(server), ProsodyOptions::default()).await
    }

    async fn on(server: Server, options: ProsodyOptions) -> Self {
        server.add_user("bridge").await;
        server.add_user("owner").await;
        let proxy = Proxy::start(server.addr(), options.tls).await;
        let jid = format!("owner@{}", options.domain);
        let mut owner = XmppClient::connect(server.addr(), &jid, options.tls).await.expect("the owner");
        let room = format!("lobby@{}", options.rooms_domain);
        owner.ask("join", json!({"room": room, "nick": "owner"})).await.expect("the room");
        owner.ask("unlock", json!({"room": room})).await.expect("the room's settings");
        Self { server, proxy, owner, options, extra: Settings::new() }
    }

    pub(crate) fn room_jid(&self) -> String {
        format!("lobby@{}", self.options.rooms_domain)
    }

    pub(crate) async fn client(&self, name: &str) -> XmppClient {
        self.server.add_user(name).await;
        let jid = format!("{name}@{}", self.options.domain);
        XmppClient::connect(self.server.addr(), &jid, self.options.tls).await.expect("a client")
    }

    pub(crate) async fn person(&self, name: &str) -> XmppPeer {
        let mut client = self.client(name).await;
        let room = self.room_jid();
        client.ask("join", json!({"room": room, "nick": name})).await.expect("the room");
        let upload = self.options.upload.then(|| format!("upload.{}", self.options.domain));
        XmppPeer { client, room, nick: name.to_owned(), upload }
    }
}

#[async_trait]
impl Stage for XmppStage {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(XmppConnector::new())
    }

    fn settings(&self) -> Settings {
        let mut settings = self.extra.clone();
        let mut set = |key: &str, value: &str| {
            settings.entry(key).or_insert_with(|| value.into());
        };
        set("jid", &format!("bridge@{}", self.options.domain));
        set("password", "pw");
        set("muc", self.options.rooms_domain);
        set("nick", "sameroom");
        set("server", &self.proxy.addr().to_string());
        if let (true, Server::Prosody(server)) = (self.options.tls, &self.server) {
            set("ca_file", &server.ca_file().display().to_string());
        } else {
            set("tls", "off");
        }
        settings
    }

    fn room(&self) -> String {
        "lobby".to_owned()
    }

    fn other_room(&self) -> Option<String> {
        Some(format!("other@{}", self.options.rooms_domain))
    }

    async fn peer(&mut self, name: &str) -> Result<Box<dyn Peer>, Problem> {
        Ok(Box::new(self.person(name).await))
    }

    async fn cut_at_next_post(&mut self) -> Result<bool, Problem> {
        self.proxy.cut_at_next_post();
        Ok(true)
    }

    async fn mend(&mut self) -> Result<(), Problem> {
        self.proxy.mend();
        Ok(())
    }

    async fn kick(&mut self) -> Result<bool, Problem> {
        let room = self.room_jid();
        self.owner.ask("kick", json!({"room": room, "nick": "sameroom", "reason": "enough"})).await?;
        Ok(true)
    }

    async fn invite(&mut self) -> Result<bool, Problem> {
        let room = self.other_room().ok_or("no other room")?;
        let jid = format!("bridge@{}", self.options.domain);
        self.owner.ask("join", json!({"room": room, "nick": "owner"})).await?;
        self.owner.ask("unlock", json!({"room": room})).await?;
        self.owner.ask("invite", json!({"room": room, "jid": jid})).await?;
        Ok(true)
    }
}
