//! A session with storage in memory, and a server on a free port.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use connector_web::WebConnector;
use sameroom_connector::contract::{self, Peer, Problem, Rig, Stage};
use sameroom_connector::{Connector, Kit, Settings, SpoolReader};
use sameroom_types::ids::RemoteRoomId;
use sameroom_web::{Backend, LinkView, PortalView};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::visitor::Visitor;

/// A relay with nothing in it.
struct Nothing;

#[async_trait]
impl Backend for Nothing {
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
    async fn metrics(&self) -> String {
        String::new()
    }
    async fn file(&self, _token: &str) -> Option<(String, Box<dyn SpoolReader>)> {
        None
    }
    async fn link(&self, _token: &str) -> Option<LinkView> {
        None
    }
    async fn portal(&self, _token: &str) -> Option<PortalView> {
        None
    }
}

/// A server of browser rooms. Its storage outlives its sessions.
pub(crate) struct Place {
    pub(crate) connector: Arc<WebConnector>,
    pub(crate) kit: Kit,
    pub(crate) settings: Settings,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    _server: JoinSet<()>,
}

impl Place {
    pub(crate) async fn start() -> Self {
        Self::start_with(contract::kit(), Settings::new()).await
    }

    pub(crate) async fn start_with(kit: Kit, settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::start_on(listener, kit, settings)
    }

    /// Comes back where an earlier one was, with what it kept.
    pub(crate) async fn start_at(address: SocketAddr, kit: Kit) -> Self {
        let listener = TcpListener::bind(address).await.expect("the port is free again");
        Self::start_on(listener, kit, Settings::new())
    }

    fn start_on(listener: TcpListener, kit: Kit, settings: Settings) -> Self {
        let connector = Arc::new(WebConnector::new());
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let mut server = JoinSet::new();
        let mounts = connector.mount().into_iter().collect();
        let stopped = stop.clone();
        server.spawn(async move {
            sameroom_web::serve(listener, Arc::new(Nothing), mounts, stopped).await.expect("serves");
        });
        Self { connector, kit, settings, address, stop, _server: server }
    }

    /// Ends the server and waits for it.
    pub(crate) async fn end(mut self) {
        self.stop.cancel();
        while self._server.join_next().await.is_some() {}
    }

    /// A running session in the room `lobby`.
    pub(crate) async fn session(&self) -> (Rig, RemoteRoomId) {
        let mut rig = Rig::start(self, Vec::new()).expect("settings");
        let room = rig.join("Lobby").await.expect("joined");
        (rig, room.id)
    }

    /// The path of the room `lobby`.
    pub(crate) fn path(&self) -> String {
        self.connector.room_link(&"contract".into(), "lobby").expect("the room is there")
    }

    /// Somebody with the link of `lobby`, without a name yet.
    pub(crate) fn stranger(&self) -> Visitor {
        Visitor::new(self.address, &self.path())
    }

    /// Somebody in `lobby`.
    pub(crate) async fn visitor(&self, name: &str) -> Visitor {
        let mut visitor = self.stranger();
        visitor.enter(name).await;
        visitor
    }
}

#[async_trait]
impl Stage for Place {
    fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    fn settings(&self) -> Settings {
        self.settings.clone()
    }

    fn kit(&self) -> Kit {
        self.kit.clone()
    }

    fn room(&self) -> String {
        "Lobby".to_owned()
    }

    async fn peer(&mut self, name: &str) -> Result<Box<dyn Peer>, Problem> {
        Ok(Box::new(self.visitor(name).await))
    }

    async fn cut_at_next_post(&mut self) -> Result<bool, Problem> {
        // There is no connection between the session and the room.
        Ok(false)
    }
}
