//! A kit that keeps everything in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use sameroom_types::ids::SpoolId;
use sameroom_types::time::Timestamp;

use crate::{Clock, Kit, Spool, SpoolError, SpoolReader, SpoolWriter, Vault, VaultError};

/// A kit for tests: the machine's clock, everything else in memory, private addresses allowed.
#[must_use]
pub fn kit() -> Kit {
    Kit {
        clock: Arc::new(SystemClock::default()),
        spool: Arc::new(MemorySpool::default()),
        vault: Arc::new(MemoryVault::default()),
        public_url: "http://127.0.0.1:8420".into(),
        allow_private_addresses: true,
    }
}

/// The machine's clock, with chance good enough for tests.
#[derive(Debug, Default)]
pub struct SystemClock(AtomicU64);

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that tests inject")]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn random(&self) -> u128 {
        use std::hash::{BuildHasher, RandomState};
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        let half = || u128::from(RandomState::new().hash_one(count));
        (half() << 64) | half()
    }
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct MemorySpool(Arc<Mutex<HashMap<SpoolId, Bytes>>>);

impl MemorySpool {
    fn lock(&self) -> MutexGuard<'_, HashMap<SpoolId, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Writer {
    spool: MemorySpool,
    id: SpoolId,
    bytes: Vec<u8>,
}

struct Reader {
    size_bytes: u64,
    rest: Bytes,
}

#[async_trait]
impl Spool for MemorySpool {
    async fn create(&self, id: &SpoolId) -> Result<Box<dyn SpoolWriter>, SpoolError> {
        Ok(Box::new(Writer { spool: self.clone(), id: id.clone(), bytes: Vec::new() }))
    }

    async fn open(&self, id: &SpoolId) -> Result<Box<dyn SpoolReader>, SpoolError> {
        let rest = self.lock().get(id).cloned().ok_or(SpoolError::Missing)?;
        Ok(Box::new(Reader { size_bytes: rest.len() as u64, rest }))
    }
}

#[async_trait]
impl SpoolWriter for Writer {
    async fn write(&mut self, piece: &[u8]) -> Result<(), SpoolError> {
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<u64, SpoolError> {
        let size = self.bytes.len() as u64;
        self.spool.lock().insert(self.id, self.bytes.into());
        Ok(size)
    }
}

#[async_trait]
impl SpoolReader for Reader {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError> {
        let size = self.rest.len().min(64 * 1024);
        Ok((size > 0).then(|| self.rest.split_to(size)))
    }
}

/// Small values in memory.
#[derive(Debug, Default)]
pub struct MemoryVault(Mutex<BTreeMap<(String, String), Vec<u8>>>);

impl MemoryVault {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Vault for MemoryVault {
    async fn write(&self, space: &str, changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), VaultError> {
        let mut values = self.lock();
        for (key, value) in changes {
            let key = (space.to_owned(), key);
            match value {
                Some(value) => values.insert(key, value),
                None => values.remove(&key),
            };
        }
        Ok(())
    }

    async fn read(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(self.lock().get(&(space.to_owned(), key.to_owned())).cloned())
    }

    async fn scan(
        &self,
        space: &str,
        from: &str,
        to: &str,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(String, Vec<u8>)>, VaultError> {
        let bound = |key: &str| (space.to_owned(), key.to_owned());
        if from >= to {
            return Ok(Vec::new());
        }
        let values = self.lock();
        let range =
            values.range(bound(from)..bound(to)).map(|((_, key), value)| (key.clone(), value.clone()));
        Ok(if reverse { range.rev().take(limit).collect() } else { range.take(limit).collect() })
    }
}
