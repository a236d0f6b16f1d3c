//! Opening a database file: format, settings, tables.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};
use sameroom_store::StoreError;

/// The newest format of either file.
pub(crate) const FORMAT: u32 = 2;

/// The tables of the store.
pub(crate) const STORE: &str = "
CREATE TABLE applied (only INTEGER PRIMARY KEY CHECK (only = 0), seq INTEGER NOT NULL) STRICT;
INSERT INTO applied VALUES (0, 0);
CREATE TABLE message (
  id INTEGER PRIMARY KEY, room INTEGER NOT NULL, space INTEGER NOT NULL, account TEXT NOT NULL, primary_id TEXT NOT NULL,
  origin_id TEXT, author TEXT NOT NULL, role INTEGER NOT NULL, digest BLOB NOT NULL,
  at INTEGER NOT NULL, deleted INTEGER NOT NULL) STRICT;
CREATE TABLE native (
  room INTEGER NOT NULL, id TEXT NOT NULL, message INTEGER NOT NULL,
  PRIMARY KEY (room, id)) STRICT, WITHOUT ROWID;
CREATE TABLE copy (
  message INTEGER NOT NULL, room INTEGER NOT NULL, part INTEGER NOT NULL, space INTEGER NOT NULL, account TEXT NOT NULL,
  primary_id TEXT, origin_id TEXT, is_file INTEGER NOT NULL, deleted INTEGER NOT NULL,
  PRIMARY KEY (message, room, part)) STRICT, WITHOUT ROWID;
CREATE TABLE reaction (
  message INTEGER NOT NULL, room INTEGER NOT NULL, person TEXT NOT NULL, emoji BLOB NOT NULL,
  placed INTEGER NOT NULL, PRIMARY KEY (message, room, person, emoji, placed)) STRICT, WITHOUT ROWID;
CREATE TABLE delivery (
  event INTEGER NOT NULL, room INTEGER NOT NULL, message INTEGER, row BLOB NOT NULL,
  PRIMARY KEY (event, room)) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_of_message ON delivery (message);
CREATE TABLE audit (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL) STRICT;
";

/// The table of the vault.
pub(crate) const VAULT: &str = "
CREATE TABLE entry (
  space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (space, key)) STRICT, WITHOUT ROWID;
";

/// Opens or makes a database file. `durable` says whether a commit must survive power loss.
pub(crate) fn open(path: &Path, tables: &str, durable: bool) -> Result<Connection, StoreError> {
    let wrap = |error: rusqlite::Error| describe(&error, path);
    let connection = Connection::open(path).map_err(wrap)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(wrap)?;
    // The store is derived and is handed only what is durable in the log: losing its last
    // transactions to a power loss costs nothing, they are applied again.
    connection.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" }).map_err(wrap)?;
    connection.pragma_update(None, "secure_delete", "ON").map_err(wrap)?;
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(wrap)?;
    match found {
        0 => {
            connection
                .execute_batch(&format!("BEGIN; {tables} PRAGMA user_version = {FORMAT}; COMMIT;"))
                .map_err(wrap)?;
        }
        FORMAT => {}
        found if found < FORMAT => return Err(StoreError::Older { found }),
        found => return Err(StoreError::Newer { found, known: FORMAT }),
    }
    Ok(connection)
}

/// What an error of the database means to the caller.
pub(crate) fn describe(error: &rusqlite::Error, path: &Path) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged { place: path.display().to_string(), why: error.to_string() }
        }
        _ => StoreError::Storage(error.to_string()),
    }
}
