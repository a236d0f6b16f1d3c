//! What the program lends to connectors: clock, chance, file spool, small durable storage.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sameroom_types::ids::SpoolId;
use sameroom_types::time::Timestamp;

/// Everything lent to a connector.
#[derive(Clone)]
pub struct Kit {
    /// The wall clock and the source of chance.
    pub clock: Arc<dyn Clock>,
    /// Files on their way between platforms.
    pub spool: Arc<dyn Spool>,
    /// Small durable storage, sealed, for platforms that Sameroom itself hosts.
    pub vault: Arc<dyn Vault>,
    /// Where people reach the pages, such as `http://127.0.0.1:8420`, without a final slash.
    pub public_url: Arc<str>,
    /// Whether connections to private addresses are allowed for what users give (files, pictures).
    pub allow_private_addresses: bool,
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit").field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

/// Time of day and chance, injectable so that runs can be replayed.
///
/// Waiting is done with `tokio::time`, which tests can pause.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn wall(&self) -> Timestamp;
    /// Fresh random bits, good enough for keys.
    fn random(&self) -> u128;
}

/// Files on their way: written once by the session that fetches, read by those that deliver. Sealed on disk.
#[async_trait]
pub trait Spool: Send + Sync {
    /// Starts a file; it exists for readers once [`SpoolWriter::finish`] returned.
    async fn create(&self, id: &SpoolId) -> Result<Box<dyn SpoolWriter>, SpoolError>;
    /// Opens a finished file from its start.
    async fn open(&self, id: &SpoolId) -> Result<Box<dyn SpoolReader>, SpoolError>;
}

/// A file being written.
#[async_trait]
pub trait SpoolWriter: Send {
    /// Appends a piece.
    async fn write(&mut self, piece: &[u8]) -> Result<(), SpoolError>;
    /// Makes the file readable and returns its size in bytes. Dropped without it, nothing remains.
    async fn finish(self: Box<Self>) -> Result<u64, SpoolError>;
}

/// A file being read.
#[async_trait]
pub trait SpoolReader: Send {
    /// The size in bytes.
    fn size_bytes(&self) -> u64;
    /// The next piece, at most 64 KiB; `None` at the end.
    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError>;
}

/// What can go wrong with the spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There is no such file, or no longer.
    #[error("no such file in the spool")]
    Missing,
    /// The quota or the disk is full.
    #[error("no room for the file")]
    Full,
    /// The file is not what was written.
    #[error("the file in the spool is damaged")]
    Damaged,
    /// The disk failed.
    #[error("spool: {0}")]
    Io(#[from] std::io::Error),
}

/// Small durable storage: ordered keys, sealed values, one name space for each account.
#[async_trait]
pub trait Vault: Send + Sync {
    /// Writes values and removes keys (`None`) in one step, durable when it returns. Calls that wait together share one flush.
    async fn write(&self, space: &str, changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), VaultError>;
    /// Reads one value.
    async fn read(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, VaultError>;
    /// Reads up to `limit` entries with `from <= key < to`, ascending, or descending from the end when `reverse`.
    async fn scan(
        &self,
        space: &str,
        from: &str,
        to: &str,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(String, Vec<u8>)>, VaultError>;
}

/// What can go wrong with the vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The quota or the disk is full.
    #[error("no room left")]
    Full,
    /// A value is not what was written.
    #[error("a stored value is damaged")]
    Damaged,
    /// The storage failed.
    #[error("storage: {0}")]
    Storage(String),
}

/// Delays between tries: doubling from `first` to `most`, each spread by up to half so that many accounts don't return at once.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    tries: u32,
}

impl Backoff {
    /// Starts before the first try.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, tries: 0 }
    }

    /// The next delay; `random` is fresh chance.
    pub fn next_delay(&mut self, random: u128) -> Duration {
        let doubled = self.first.saturating_mul(1_u32 << self.tries.min(20));
        self.tries = self.tries.saturating_add(1);
        let whole = doubled.min(self.most);
        let half = whole / 2;
        let millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_millis(u64::try_from(random % u128::from(millis)).unwrap_or(0))
    }

    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

/// Delays between tries to reach a server that is away.
///
/// A try that finds nobody costs nobody anything, so they come often at first; later they come in
/// proportion to how long the server has been away: its return is noticed within a sixth of that time.
/// Spread by up to half, so that many accounts don't return at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Absence {
    waited: Duration,
}

impl Absence {
    /// The longest delay at the beginning, and the longest of all.
    const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

    /// The next delay; `random` is fresh chance.
    pub fn next_delay(&mut self, random: u128) -> Duration {
        let whole = (self.waited / 6).clamp(Self::DELAYS.0, Self::DELAYS.1);
        let half = whole / 2;
        let millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
        let delay = half + Duration::from_millis(u64::try_from(random % u128::from(millis)).unwrap_or(0));
        self.waited += delay;
        delay
    }

    /// The server is there.
    pub fn end(&mut self) {
        self.waited = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_returns_is_found_within_a_sixth_of_its_absence() {
        for random in [0, 499, u128::MAX] {
            let mut absence = Absence::default();
            let mut away = Duration::ZERO;
            while away < Duration::from_secs(36_000) {
                let delay = absence.next_delay(random);
                assert!(delay >= Duration::from_millis(500) && delay <= Duration::from_secs(300));
                assert!(delay <= Duration::from_secs(1).max(away / 6), "{delay:?} after {away:?}");
                away += delay;
            }
            absence.end();
            assert!(absence.next_delay(random) <= Duration::from_secs(1));
        }
    }
}
