//! What the HTTP surface asks of the running relay.

use async_trait::async_trait;
use sameroom_connector::{Clock, Spool, SpoolReader};
use sameroom_engine::{Reply, Request};
use sameroom_runtime::{FolderSpool, Handle, Shares, SystemClock};
use sameroom_types::COMMAND_WORD;
use sameroom_types::room::TubeState;
use sameroom_web::{Backend, LinkPage, LinkRow, LinkView, PortalView, RowState};

use crate::metrics;

/// The relay behind the pages.
pub(crate) struct RelayBackend {
    pub(crate) handle: Handle,
    pub(crate) spool: FolderSpool,
    pub(crate) shares: Shares,
    pub(crate) public_url: String,
}

#[async_trait]
impl Backend for RelayBackend {
    async fn ready(&self) -> Result<(), String> {
        self.handle.ready()
    }

    async fn metrics(&self) -> String {
        match self.handle.request(Request::Figures).await {
            Ok(Reply::Figures(figures)) => metrics::render(&figures, self.handle.flushes()),
            _ => String::new(),
        }
    }

    async fn file(&self, token: &str) -> Option<(String, Box<dyn SpoolReader>)> {
        let (spool, name) = match self.shares.find(token).await {
            Ok(found) => found?,
            Err(error) => {
                tracing::error!(error = %error, "links to files can't be read");
                return None;
            }
        };
        Some((name, self.spool.open(&spool).await.ok()?))
    }

    async fn link(&self, token: &str) -> Option<LinkView> {
        let link = self.handle.link(token, SystemClock.wall())?;
        let (page, request) = match link.page {
            "map" => (LinkPage::Map, Request::Map(link.room)),
            _ => (LinkPage::Manage, Request::Manage(link.room)),
        };
        let Ok(Reply::Lines { room, lines }) = self.handle.request(request).await else { return None };
        if page == LinkPage::Manage {
            self.handle.use_up(token);
        }
        let rows = lines
            .into_iter()
            .map(|(title, state)| {
                let (state, detail) = match state {
                    TubeState::Active => (RowState::Good, String::new()),
                    TubeState::Waiting { why } => (RowState::Waiting, why),
                    TubeState::Paused => (RowState::Waiting, "paused".into()),
                    TubeState::Failed { why } => (RowState::Bad, why),
                    TubeState::Archived => (RowState::Bad, "removed".into()),
                };
                LinkRow { title, state, detail }
            })
            .collect();
        Some(LinkView { page, room, rows })
    }

    async fn portal(&self, token: &str) -> Option<PortalView> {
        let Ok(Reply::Portal(Some(target))) = self.handle.request(Request::Portal(token.to_owned())).await
        else {
            return None;
        };
        Some(PortalView {
            room: target.room,
            platform: target.platform,
            command: format!("-{COMMAND_WORD} connect {}/portal/{token}", self.public_url),
            approval: target.approval,
        })
    }
}
