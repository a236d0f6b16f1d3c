//! The store in SQLite.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use sameroom_store::{Store, StoreError};
use sameroom_types::event::Role;
use sameroom_types::ids::{MessageId, NativeIds, RoomId, Seq};
use sameroom_types::rows::{
    AuditRow, CopyRow, DeliveryRow, MessageRow, Query, ReactionRow, RoomChange, Row, StoredMessage,
};
use sameroom_types::time::Timestamp;

use crate::schema;

/// A store in one file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    applied: Seq,
}

impl SqliteStore {
    /// Opens the store, or makes it when there is none.
    ///
    /// # Errors
    /// [`StoreError::Newer`] and [`StoreError::Damaged`] say what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let connection = schema::open(&path, schema::STORE, false)?;
        let applied = connection
            .query_row("SELECT seq FROM applied", [], |row| row.get::<_, i64>(0))
            .map_err(|error| schema::describe(&error, &path))?;
        Ok(Self { connection, path, applied: Seq(applied.cast_unsigned()) })
    }

    fn wrap<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|error| schema::describe(&error, &self.path))
    }
}

impl Store for SqliteStore {
    fn applied(&mut self) -> Result<Seq, StoreError> {
        Ok(self.applied)
    }

    fn apply(&mut self, batch: &[(Seq, Vec<Row>)]) -> Result<(), StoreError> {
        let Some((last, _)) = batch.last() else { return Ok(()) };
        let applied = self.applied;
        let result = (|| {
            let transaction = self.connection.transaction()?;
            for (_, rows) in batch.iter().filter(|(seq, _)| *seq > applied) {
                for row in rows {
                    put(&transaction, row)?;
                }
            }
            transaction
                .prepare_cached("UPDATE applied SET seq = max(seq, ?1)")?
                .execute([last.0.cast_signed()])?;
            transaction.commit()
        })();
        self.wrap(result)?;
        self.applied = self.applied.max(*last);
        Ok(())
    }

    fn load(&mut self, query: &Query) -> Result<Option<StoredMessage>, StoreError> {
        let result = load(&self.connection, query);
        self.wrap(result)
    }

    fn trace(&mut self, message: MessageId) -> Result<Vec<DeliveryRow>, StoreError> {
        let result = (|| {
            let mut statement = self
                .connection
                .prepare_cached("SELECT row FROM delivery WHERE message = ?1 ORDER BY event, room")?;
            let rows = statement.query_map([message.0.cast_signed()], |row| row.get::<_, Vec<u8>>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })();
        let blobs = self.wrap(result)?;
        blobs
            .iter()
            .map(|blob| {
                postcard::from_bytes(blob).map_err(|error| StoreError::Damaged {
                    place: self.path.display().to_string(),
                    why: error.to_string(),
                })
            })
            .collect()
    }

    fn audit(&mut self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let result = (|| {
            let mut statement = self
                .connection
                .prepare_cached("SELECT seq, at, who, what FROM audit ORDER BY seq DESC LIMIT ?1")?;
            let rows = statement.query_map([limit], |row| {
                Ok(AuditRow {
                    seq: Seq(number(row, 0)?),
                    at: Timestamp(row.get(1)?),
                    who: row.get(2)?,
                    what: row.get(3)?,
                })
            })?;
            rows.collect()
        })();
        self.wrap(result)
    }
}

fn number(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("rows hold nothing that can't be encoded")
}

fn put(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    match row {
        Row::Message(row) => {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                )?
                .execute(params![
                    row.message.0.cast_signed(),
                    row.room.0.cast_signed(),
                    row.space.0.cast_signed(),
                    row.account.as_str(),
                    row.ids.primary.as_str(),
                    row.ids.origin.as_ref().map(|id| id.as_str()),
                    row.author.as_str(),
                    role_number(row.role),
                    row.digest,
                    row.at.0,
                    row.deleted,
                ])?;
            put_natives(connection, row.space, &row.ids, row.message)
        }
        Row::Copy(row) => {
            let ids = row.ids.as_ref();
            connection
                .prepare_cached("INSERT OR REPLACE INTO copy VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
                .execute(params![
                    row.message.0.cast_signed(),
                    row.room.0.cast_signed(),
                    row.part,
                    row.space.0.cast_signed(),
                    row.account.as_str(),
                    ids.map(|ids| ids.primary.as_str()),
                    ids.and_then(|ids| ids.origin.as_ref()).map(|id| id.as_str()),
                    row.is_file,
                    row.deleted,
                ])?;
            match ids {
                Some(ids) => put_natives(connection, row.space, ids, row.message),
                None => Ok(()),
            }
        }
        Row::Reaction(row) => {
            let sql = if row.on {
                "INSERT OR REPLACE INTO reaction VALUES (?1, ?2, ?3, ?4, ?5)"
            } else {
                "DELETE FROM reaction WHERE message = ?1 AND room = ?2 AND person = ?3 AND emoji = ?4 AND placed = ?5"
            };
            connection
                .prepare_cached(sql)?
                .execute(params![
                    row.message.0.cast_signed(),
                    row.room.0.cast_signed(),
                    row.person.as_str(),
                    encode(&row.emoji),
                    row.placed,
                ])
                .map(drop)
        }
        Row::Delivery(row) => connection
            .prepare_cached("INSERT OR REPLACE INTO delivery VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                row.delivery.event.0.cast_signed(),
                row.delivery.room.0.cast_signed(),
                row.message.map(|message| message.0.cast_signed()),
                encode(row),
            ])
            .map(drop),
        Row::Audit(row) => connection
            .prepare_cached("INSERT OR REPLACE INTO audit VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![row.seq.0.cast_signed(), row.at.0, row.who, row.what])
            .map(drop),
        Row::Native(row) => put_natives(connection, row.space, &row.ids, row.message),
        Row::Room(change) => change_room(connection, *change),
    }
}

fn change_room(connection: &Connection, change: RoomChange) -> rusqlite::Result<()> {
    let (room, into, statements) = match change {
        RoomChange::Renumbered(room) => (
            room,
            room,
            &[
                "DELETE FROM native WHERE room = ?1 AND ?2 = ?1",
                "UPDATE copy SET primary_id = NULL, origin_id = NULL WHERE space = ?1 AND ?2 = ?1",
                "UPDATE message SET primary_id = '', origin_id = NULL WHERE space = ?1 AND ?2 = ?1",
            ][..],
        ),
        // What stands under the number that stays is kept.
        RoomChange::Merged { from, into } => (
            from,
            into,
            &[
                "UPDATE OR IGNORE native SET room = ?2 WHERE room = ?1",
                "UPDATE OR IGNORE copy SET room = ?2 WHERE room = ?1",
                "UPDATE OR IGNORE reaction SET room = ?2 WHERE room = ?1",
                "UPDATE message SET room = ?2 WHERE room = ?1",
                "UPDATE message SET space = ?2 WHERE space = ?1",
                "UPDATE copy SET space = ?2 WHERE space = ?1",
                "DELETE FROM native WHERE room = ?1 AND ?2 <> ?1",
                "DELETE FROM copy WHERE room = ?1 AND ?2 <> ?1",
                "DELETE FROM reaction WHERE room = ?1 AND ?2 <> ?1",
            ][..],
        ),
    };
    for statement in statements {
        connection.prepare_cached(statement)?.execute(params![room.0.cast_signed(), into.0.cast_signed()])?;
    }
    Ok(())
}

fn put_natives(
    connection: &Connection,
    room: RoomId,
    ids: &NativeIds,
    message: MessageId,
) -> rusqlite::Result<()> {
    for id in ids.iter() {
        connection.prepare_cached("INSERT OR REPLACE INTO native VALUES (?1, ?2, ?3)")?.execute(params![
            room.0.cast_signed(),
            id.as_str(),
            message.0.cast_signed()
        ])?;
    }
    Ok(())
}

fn load(connection: &Connection, query: &Query) -> rusqlite::Result<Option<StoredMessage>> {
    let id = match query {
        Query::ByNative { room, id } => connection
            .prepare_cached("SELECT message FROM native WHERE room = ?1 AND id = ?2")?
            .query_row(params![room.0.cast_signed(), id.as_str()], |row| number(row, 0))
            .optional()?,
        Query::ByMessage(id) => Some(id.0),
    };
    let Some(id) = id else { return Ok(None) };
    let message = connection
        .prepare_cached("SELECT * FROM message WHERE id = ?1")?
        .query_row([id.cast_signed()], message_row)
        .optional()?;
    let Some(message) = message else { return Ok(None) };
    let mut statement =
        connection.prepare_cached("SELECT * FROM copy WHERE message = ?1 ORDER BY room, part")?;
    let copies = statement.query_map([id.cast_signed()], copy_row)?.collect::<rusqlite::Result<_>>()?;
    let mut statement = connection.prepare_cached("SELECT * FROM reaction WHERE message = ?1")?;
    let reactions =
        statement.query_map([id.cast_signed()], reaction_row)?.collect::<rusqlite::Result<_>>()?;
    Ok(Some(StoredMessage { message, copies, reactions }))
}

fn ids(row: &SqlRow<'_>, primary: usize) -> rusqlite::Result<Option<NativeIds>> {
    let Some(first) = row.get::<_, Option<String>>(primary)? else { return Ok(None) };
    let origin = row.get::<_, Option<String>>(primary + 1)?.map(Into::into);
    Ok(Some(NativeIds { primary: first.into(), origin }))
}

fn message_row(row: &SqlRow<'_>) -> rusqlite::Result<MessageRow> {
    Ok(MessageRow {
        message: MessageId(number(row, 0)?),
        room: RoomId(number(row, 1)?),
        space: RoomId(number(row, 2)?),
        account: row.get::<_, String>(3)?.into(),
        ids: ids(row, 4)?.unwrap_or_else(|| NativeIds::one("")),
        author: row.get::<_, String>(6)?.into(),
        role: role_of(row.get(7)?),
        digest: row.get(8)?,
        at: Timestamp(row.get(9)?),
        deleted: row.get(10)?,
    })
}

fn copy_row(row: &SqlRow<'_>) -> rusqlite::Result<CopyRow> {
    Ok(CopyRow {
        message: MessageId(number(row, 0)?),
        room: RoomId(number(row, 1)?),
        part: row.get(2)?,
        space: RoomId(number(row, 3)?),
        account: row.get::<_, String>(4)?.into(),
        ids: ids(row, 5)?,
        is_file: row.get(7)?,
        deleted: row.get(8)?,
    })
}

fn reaction_row(row: &SqlRow<'_>) -> rusqlite::Result<ReactionRow> {
    let emoji: Vec<u8> = row.get(3)?;
    let emoji = postcard::from_bytes(&emoji).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Blob, Box::new(error))
    })?;
    Ok(ReactionRow {
        message: MessageId(number(row, 0)?),
        room: RoomId(number(row, 1)?),
        person: row.get::<_, String>(2)?.into(),
        emoji,
        on: true,
        placed: row.get(4)?,
    })
}

const fn role_number(role: Role) -> u8 {
    match role {
        Role::Unknown => 0,
        Role::Member => 1,
        Role::Moderator => 2,
        Role::Owner => 3,
    }
}

const fn role_of(number: u8) -> Role {
    match number {
        1 => Role::Member,
        2 => Role::Moderator,
        3 => Role::Owner,
        _ => Role::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sqlite_store_keeps_the_contract() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("store.sqlite");
        sameroom_store::contract::run(
            || SqliteStore::open(&path).expect("open"),
            |store| {
                drop(store);
                Some(SqliteStore::open(&path).expect("reopen"))
            },
        );
    }

    #[test]
    fn a_damaged_file_says_what_to_do() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("store.sqlite");
        std::fs::write(&path, b"this is no database, but it is long enough to be read as one".repeat(200))
            .expect("write");
        let error = SqliteStore::open(&path).expect_err("refused");
        assert!(matches!(&error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("made again from the log"), "{error}");
    }

    #[test]
    fn a_newer_file_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("store.sqlite");
        drop(SqliteStore::open(&path).expect("open"));
        Connection::open(&path)
            .and_then(|connection| connection.pragma_update(None, "user_version", 99))
            .expect("change");
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Newer { found: 99, .. })));
    }

    #[test]
    fn an_older_file_is_refused_and_says_what_to_do() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("store.sqlite");
        drop(SqliteStore::open(&path).expect("open"));
        Connection::open(&path)
            .and_then(|connection| connection.pragma_update(None, "user_version", 1))
            .expect("change");
        let error = SqliteStore::open(&path).expect_err("refused");
        assert!(matches!(&error, StoreError::Older { found: 1 }), "{error}");
        assert!(error.to_string().contains("new data folder"), "{error}");
    }
}
