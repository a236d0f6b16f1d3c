//! Files behind links: which token opens which file of the spool, and until when.

use std::sync::Arc;
use std::time::Duration;

use sameroom_connector::{Clock, Vault, VaultError};
use sameroom_types::ids::SpoolId;
use sameroom_types::time::Timestamp;

/// The name space in the vault.
const SPACE: &str = "shares";

/// Links to files, kept in the vault.
#[derive(Clone)]
pub struct Shares {
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    life: Duration,
}

impl Shares {
    /// Links live this long.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>, clock: Arc<dyn Clock>, life: Duration) -> Self {
        Self { vault, clock, life }
    }

    /// Makes a file reachable by a token.
    ///
    /// # Errors
    /// When the vault fails.
    pub async fn put(&self, token: &str, spool: &SpoolId, name: &str) -> Result<(), VaultError> {
        let until = self.clock.wall().plus(self.life);
        let value = format!("{}\n{spool}\n{name}", until.0);
        let by_file = format!("file/{spool}");
        self.vault
            .write(
                SPACE,
                vec![
                    (format!("token/{token}"), Some(value.into_bytes())),
                    (by_file, Some(token.as_bytes().to_vec())),
                ],
            )
            .await
    }

    /// The file behind a token and its name, while the link is good.
    ///
    /// # Errors
    /// When the vault fails.
    pub async fn find(&self, token: &str) -> Result<Option<(SpoolId, String)>, VaultError> {
        let Some(value) = self.vault.read(SPACE, &format!("token/{token}")).await? else { return Ok(None) };
        let value = String::from_utf8(value).map_err(|_| VaultError::Damaged)?;
        let mut lines = value.splitn(3, '\n');
        let (Some(until), Some(spool), Some(name)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(VaultError::Damaged);
        };
        let until = Timestamp(until.parse().map_err(|_| VaultError::Damaged)?);
        Ok((until > self.clock.wall()).then(|| (spool.into(), name.to_owned())))
    }

    /// Whether a file is behind a link.
    ///
    /// # Errors
    /// When the vault fails.
    pub async fn is_shared(&self, spool: &SpoolId) -> Result<bool, VaultError> {
        Ok(self.vault.read(SPACE, &format!("file/{spool}")).await?.is_some())
    }

    /// Forgets links that are over and returns their files.
    ///
    /// # Errors
    /// When the vault fails.
    pub async fn sweep(&self) -> Result<Vec<SpoolId>, VaultError> {
        let now = self.clock.wall();
        let mut gone = Vec::new();
        let mut changes = Vec::new();
        for (key, value) in self.vault.scan(SPACE, "token/", "token0", 10_000, false).await? {
            let text = String::from_utf8_lossy(&value).into_owned();
            let mut lines = text.splitn(3, '\n');
            let until = lines.next().and_then(|until| until.parse().ok()).map_or(Timestamp(0), Timestamp);
            if until <= now
                && let Some(spool) = lines.next()
            {
                gone.push(SpoolId::from(spool));
                changes.push((key, None));
                changes.push((format!("file/{spool}"), None));
            }
        }
        if !changes.is_empty() {
            self.vault.write(SPACE, changes).await?;
        }
        Ok(gone)
    }
}
