//! What the rest of the program holds of a running relay.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sameroom_engine::{Reply, Request};
use sameroom_store::StoreError;
use sameroom_types::ids::{MessageId, RoomId};
use sameroom_types::policy::Configuration;
use sameroom_types::rows::{AuditRow, DeliveryRow};
use sameroom_types::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use crate::sessions::SessionSpec;

/// What a relay says of itself until it has started.
pub(crate) const STARTING: &str = "starting";

/// The relay has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the relay has stopped")]
pub struct Stopped;

/// A private link to a page about one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The room.
    pub room: RoomId,
    /// Which page: `map` or `manage`.
    pub page: &'static str,
    /// Until when it is good.
    pub until: Timestamp,
}

/// What the core is asked besides what sessions report.
pub(crate) enum Control {
    Request(Request, oneshot::Sender<Reply>),
    Configure(Box<Configuration>, Vec<SessionSpec>, oneshot::Sender<()>),
    Trace(MessageId, oneshot::Sender<Result<Vec<DeliveryRow>, StoreError>>),
    Audit(u32, oneshot::Sender<Result<Vec<AuditRow>, StoreError>>),
}

pub(crate) type Links = Arc<Mutex<HashMap<String, Link>>>;

/// Asks a running relay; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(crate) control: mpsc::Sender<Control>,
    pub(crate) links: Links,
    pub(crate) ready: watch::Receiver<Option<String>>,
    pub(crate) flushes: Arc<AtomicU64>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

pub(crate) fn lock(links: &Links) -> MutexGuard<'_, HashMap<String, Link>> {
    links.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    /// Asks the engine.
    ///
    /// # Errors
    /// When the relay has stopped.
    pub async fn request(&self, request: Request) -> Result<Reply, Stopped> {
        let (answer, wait) = oneshot::channel();
        self.control.send(Control::Request(request, answer)).await.map_err(|_| Stopped)?;
        wait.await.map_err(|_| Stopped)
    }

    /// Puts a new configuration into force: accounts that are new or changed are started anew.
    ///
    /// # Errors
    /// When the relay has stopped.
    pub async fn configure(&self, config: Configuration, sessions: Vec<SessionSpec>) -> Result<(), Stopped> {
        let (answer, wait) = oneshot::channel();
        let control = Control::Configure(Box::new(config), sessions, answer);
        self.control.send(control).await.map_err(|_| Stopped)?;
        wait.await.map_err(|_| Stopped)
    }

    /// The way of a message, by its number.
    ///
    /// # Errors
    /// When the relay has stopped, or the store's own error.
    pub async fn trace(&self, message: MessageId) -> Result<Result<Vec<DeliveryRow>, StoreError>, Stopped> {
        let (answer, wait) = oneshot::channel();
        self.control.send(Control::Trace(message, answer)).await.map_err(|_| Stopped)?;
        wait.await.map_err(|_| Stopped)
    }

    /// The newest entries of the audit log.
    ///
    /// # Errors
    /// When the relay has stopped, or the store's own error.
    pub async fn audit(&self, limit: u32) -> Result<Result<Vec<AuditRow>, StoreError>, Stopped> {
        let (answer, wait) = oneshot::channel();
        self.control.send(Control::Audit(limit, answer)).await.map_err(|_| Stopped)?;
        wait.await.map_err(|_| Stopped)
    }

    /// What a private link leads to, while it is good.
    #[must_use]
    pub fn link(&self, token: &str, now: Timestamp) -> Option<Link> {
        lock(&self.links).get(token).filter(|link| link.until > now).cloned()
    }

    /// Ends a link that is good for one use.
    pub fn use_up(&self, token: &str) {
        lock(&self.links).remove(token);
    }

    /// How often the log has been flushed since the start.
    #[must_use]
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    /// Waits until every account's session exists: before that, rooms that we host ourselves look as if
    /// they did not. Also ends when that is held up by trouble, which [`Self::ready`] then tells.
    pub async fn started(&self) {
        let mut ready = self.ready.clone();
        // Fails when the relay has ended; then nothing is to be waited for either.
        drop(ready.wait_for(|state| state.as_deref() != Some(STARTING)).await);
    }

    /// Whether the relay can take messages.
    ///
    /// # Errors
    /// Why it can't.
    pub fn ready(&self) -> Result<(), String> {
        self.ready.borrow().clone().map_or(Ok(()), Err)
    }
}
