//! What the pages need from the running relay.

use async_trait::async_trait;
use sameroom_connector::SpoolReader;

/// The running relay, as far as pages see it.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Whether everything that must work does.
    ///
    /// # Errors
    /// What does not work, in one line without secrets.
    async fn ready(&self) -> Result<(), String>;

    /// All figures in the Prometheus text format, version 0.0.4.
    async fn metrics(&self) -> String;

    /// The file behind a link, with its name; `None` where there is none or no longer.
    async fn file(&self, token: &str) -> Option<(String, Box<dyn SpoolReader>)>;

    /// What a link from a chat shows; `None` where there is none or no longer.
    async fn link(&self, token: &str) -> Option<LinkView>;

    /// What the visitor of a portal sees; `None` where there is none or it was revoked.
    async fn portal(&self, token: &str) -> Option<PortalView>;
}

/// Which page a link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPage {
    /// The rooms of a network.
    Map,
    /// The tubes and portals of a room.
    Manage,
}

/// What a link from a chat shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// Which page it is for; it opens no other.
    pub page: LinkPage,
    /// The room's name for people.
    pub room: String,
    /// One line for each room or tube.
    pub rows: Vec<LinkRow>,
}

/// A line about a room or a tube.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRow {
    /// What it is about, such as `#lobby on Libera`.
    pub title: String,
    /// How it is doing.
    pub state: RowState,
    /// More in plain words, such as the last error; may be empty.
    pub detail: String,
}

/// How a room or a tube is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowState {
    /// It works.
    Good,
    /// It waits or was paused.
    Waiting,
    /// Somebody must act.
    Bad,
}

/// What the visitor of a portal sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalView {
    /// The room that it leads to, as far as it may be named.
    pub room: String,
    /// The name of the room's platform.
    pub platform: String,
    /// What to type in one's own room, such as `-sameroom connect https://...`.
    pub command: String,
    /// Whether somebody there must agree first.
    pub approval: bool,
}
