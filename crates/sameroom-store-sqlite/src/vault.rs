//! The vault in SQLite: sealed values under ordered keys, on a thread of its own.
//!
//! All writes that wait together go into one transaction, so that they share a flush.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use sameroom_connector::{Vault, VaultError};
use sameroom_seal::{Key, OsEntropy};
use sameroom_store::StoreError;
use tokio::sync::{mpsc, oneshot};

use crate::schema;

/// How many requests may wait; a caller beyond that waits itself.
const QUEUE: usize = 1_024;

type Changes = Vec<(String, Option<Vec<u8>>)>;

/// Keys with their values, in order.
type Entries = Vec<(String, Vec<u8>)>;

/// Where an answer goes.
type Answer<T> = oneshot::Sender<Result<T, VaultError>>;

enum Request {
    Write(String, Changes, Answer<()>),
    Read(String, String, Answer<Option<Vec<u8>>>),
    Scan(Scan, Answer<Entries>),
}

struct Scan {
    space: String,
    from: String,
    to: String,
    limit: usize,
    reverse: bool,
}

/// A vault in one file; its thread ends when it is dropped.
#[derive(Debug)]
pub struct SqliteVault {
    requests: mpsc::Sender<Request>,
}

struct Keeper {
    connection: Connection,
    key: Key,
    path: PathBuf,
}

impl SqliteVault {
    /// Opens the vault, or makes it when there is none. `key` seals the values.
    ///
    /// # Errors
    /// When the file can't be used; the text says what to do.
    pub fn open(path: impl AsRef<Path>, key: Key) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let connection = schema::open(&path, schema::VAULT, true)?;
        let (requests, queue) = mpsc::channel(QUEUE);
        let keeper = Keeper { connection, key, path };
        std::thread::Builder::new()
            .name("vault".into())
            .spawn(move || keeper.run(queue))
            .map_err(|error| StoreError::Storage(error.to_string()))?;
        Ok(Self { requests })
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, VaultError>>) -> Request,
    ) -> Result<T, VaultError> {
        let (answer, wait) = oneshot::channel();
        let gone = || VaultError::Storage("the vault is closed".into());
        self.requests.send(request(answer)).await.map_err(|_| gone())?;
        wait.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl Vault for SqliteVault {
    async fn write(&self, space: &str, changes: Changes) -> Result<(), VaultError> {
        let space = space.to_owned();
        self.ask(|answer| Request::Write(space, changes, answer)).await
    }

    async fn read(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
        let (space, key) = (space.to_owned(), key.to_owned());
        self.ask(|answer| Request::Read(space, key, answer)).await
    }

    async fn scan(
        &self,
        space: &str,
        from: &str,
        to: &str,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(String, Vec<u8>)>, VaultError> {
        let scan = Scan { space: space.to_owned(), from: from.to_owned(), to: to.to_owned(), limit, reverse };
        self.ask(|answer| Request::Scan(scan, answer)).await
    }
}

impl Keeper {
    fn run(self, mut queue: mpsc::Receiver<Request>) {
        while let Some(first) = queue.blocking_recv() {
            let mut writes = Vec::new();
            let mut next = Some(first);
            // Everything that waits now; reads are answered in between, writes share one transaction.
            while let Some(request) = next {
                match request {
                    Request::Write(space, changes, answer) => writes.push((space, changes, answer)),
                    other => {
                        // A read sees every write that was asked for before it.
                        self.write_all(std::mem::take(&mut writes));
                        self.answer(other);
                    }
                }
                next = queue.try_recv().ok();
            }
            self.write_all(writes);
        }
    }

    fn write_all(&self, writes: Vec<(String, Changes, Answer<()>)>) {
        if writes.is_empty() {
            return;
        }
        let result = (|| {
            let transaction = self.connection.unchecked_transaction()?;
            for (space, changes, _) in &writes {
                for (key, value) in changes {
                    match value {
                        Some(value) => transaction
                            .prepare_cached("INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3)")?
                            .execute(params![space, key, self.seal(space, key, value)])?,
                        None => transaction
                            .prepare_cached("DELETE FROM entry WHERE space = ?1 AND key = ?2")?
                            .execute(params![space, key])?,
                    };
                }
            }
            transaction.commit()
        })();
        for (_, _, answer) in writes {
            let outcome = match &result {
                Ok(()) => Ok(()),
                Err(error) => Err(self.describe(error)),
            };
            // A caller that went away no longer wants the answer.
            drop(answer.send(outcome));
        }
    }

    fn answer(&self, request: Request) {
        match request {
            Request::Write(..) => {}
            Request::Read(space, key, answer) => {
                let found = self
                    .connection
                    .prepare_cached("SELECT value FROM entry WHERE space = ?1 AND key = ?2")
                    .and_then(|mut statement| {
                        statement.query_row(params![space, key], |row| row.get::<_, Vec<u8>>(0)).optional()
                    })
                    .map_err(|error| self.describe(&error))
                    .and_then(|found| found.map(|value| self.open(&space, &key, &value)).transpose());
                drop(answer.send(found));
            }
            Request::Scan(scan, answer) => drop(answer.send(self.scan(&scan))),
        }
    }

    fn scan(&self, scan: &Scan) -> Result<Vec<(String, Vec<u8>)>, VaultError> {
        let sql = if scan.reverse {
            "SELECT key, value FROM entry WHERE space = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC LIMIT ?4"
        } else {
            "SELECT key, value FROM entry WHERE space = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4"
        };
        let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX);
        let rows = (|| {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![scan.space, scan.from, scan.to, limit], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })()
        .map_err(|error| self.describe(&error))?;
        rows.into_iter()
            .map(|(key, value)| self.open(&scan.space, &key, &value).map(|value| (key, value)))
            .collect()
    }

    fn seal(&self, space: &str, key: &str, value: &[u8]) -> Vec<u8> {
        self.key.seal(&mut OsEntropy, aad(space, key).as_bytes(), value)
    }

    fn open(&self, space: &str, key: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.key.open(aad(space, key).as_bytes(), sealed).map_err(|_| VaultError::Damaged)
    }

    fn describe(&self, error: &rusqlite::Error) -> VaultError {
        match schema::describe(error, &self.path) {
            StoreError::Full => VaultError::Full,
            other => VaultError::Storage(other.to_string()),
        }
    }
}

/// Ties a value to its place, so that values can't be swapped.
fn aad(space: &str, key: &str) -> String {
    format!("{}:{space}:{key}", space.len())
}

#[cfg(test)]
mod tests {
    use sameroom_seal::MasterKey;

    use super::*;

    fn key() -> Key {
        MasterKey::random(&mut sameroom_seal::SeededEntropy::new(1)).derive("vault")
    }

    #[tokio::test]
    async fn values_come_back_in_order_after_a_restart_and_are_sealed() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("vault.sqlite");
        let vault = SqliteVault::open(&path, key()).expect("open");
        let changes = (0..5).map(|n| (format!("k{n}"), Some(format!("secret {n}").into_bytes()))).collect();
        vault.write("a", changes).await.expect("write");
        vault.write("b", vec![("k1".into(), Some(b"other".to_vec()))]).await.expect("write");
        vault.write("a", vec![("k3".into(), None)]).await.expect("remove");
        drop(vault);
        let vault = SqliteVault::open(&path, key()).expect("reopen");
        let found = vault.scan("a", "k1", "k9", 10, false).await.expect("scan");
        let keys: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["k1", "k2", "k4"]);
        let last = vault.scan("a", "", "z", 1, true).await.expect("scan");
        assert_eq!(last, [("k4".to_owned(), b"secret 4".to_vec())]);
        assert_eq!(vault.read("b", "k1").await.expect("read"), Some(b"other".to_vec()));
        assert_eq!(vault.read("b", "k2").await.expect("read"), None);
        for file in std::fs::read_dir(folder.path()).expect("list") {
            let bytes = std::fs::read(file.expect("entry").path()).expect("read");
            assert!(!bytes.windows(6).any(|window| window == b"secret"), "values are sealed");
        }
    }

    #[tokio::test]
    async fn a_wrong_key_opens_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("vault.sqlite");
        let vault = SqliteVault::open(&path, key()).expect("open");
        vault.write("a", vec![("k".into(), Some(b"x".to_vec()))]).await.expect("write");
        drop(vault);
        let other = MasterKey::random(&mut sameroom_seal::SeededEntropy::new(2)).derive("vault");
        let vault = SqliteVault::open(&path, other).expect("reopen");
        assert!(matches!(vault.read("a", "k").await, Err(VaultError::Damaged)));
    }
}
