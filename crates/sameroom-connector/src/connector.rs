//! What a platform offers: a description, a dialect, and sessions.

use std::sync::Arc;

use async_trait::async_trait;
use sameroom_markup::Dialect;
use sameroom_types::capabilities::Support;
use sameroom_types::ids::AccountId;
use sameroom_types::platform::PlatformDescription;

use crate::http::Mount;
use crate::kit::Kit;
use crate::link::SessionLink;

/// The keys of one account, as the configuration gives them, secrets already resolved.
pub type Settings = serde_json::Map<String, serde_json::Value>;

/// A platform. Its methods do no I/O.
pub trait Connector: Send + Sync + 'static {
    /// The platform as data.
    fn describe(&self) -> &PlatformDescription;

    /// The markup of a room whose formatting is supported to this degree.
    fn dialect(&self, formatting: Support) -> Arc<dyn Dialect>;

    /// Checks the settings of an account and makes a session that does not run yet.
    ///
    /// # Errors
    /// When a setting is missing or can't be what it says.
    fn session(
        &self,
        account: &AccountId,
        settings: &Settings,
        kit: &Kit,
    ) -> Result<Box<dyn Session>, SettingsError>;

    /// What this platform answers over HTTP on Sameroom's own address; most answer nothing.
    fn mount(&self) -> Option<Mount> {
        None
    }
}

/// One linked login that can run.
#[async_trait]
pub trait Session: Send {
    /// Connects, receives, sends and reconnects until [`SessionLink::stop`] fires.
    ///
    /// Returns within a second of that, its connections closed and its tasks ended. It returns by
    /// itself only when trying again is useless, having reported why. Dropping the future is safe at
    /// any await: what was submitted and not confirmed is then unknown to the engine.
    async fn run(self: Box<Self>, link: SessionLink);
}

/// A setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct SettingsError {
    /// The key concerned.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl SettingsError {
    /// An error about one key.
    #[must_use]
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }
}
