//! The reference implementation: rows by their names, in memory.

use std::collections::BTreeMap;

use sameroom_types::ids::{DeliveryId, MessageId, NativeIds, RemoteMessageId, RoomId, Seq};
use sameroom_types::rows::{
    AuditRow, CopyRow, DeliveryRow, MessageRow, Query, ReactionRow, RoomChange, Row, StoredMessage,
};
use sameroom_types::text::Emoji;

use crate::{Store, StoreError};

/// A store that ends with its process.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    applied: Seq,
    messages: BTreeMap<MessageId, MessageRow>,
    copies: BTreeMap<(MessageId, RoomId, u32), CopyRow>,
    reactions: BTreeMap<(MessageId, RoomId, String, Emoji, bool), ReactionRow>,
    natives: BTreeMap<(RoomId, RemoteMessageId), MessageId>,
    deliveries: BTreeMap<DeliveryId, DeliveryRow>,
    audit: BTreeMap<Seq, AuditRow>,
}

impl MemoryStore {
    fn put(&mut self, row: Row) {
        match row {
            Row::Message(row) => {
                for id in row.ids.iter() {
                    self.natives.insert((row.space, id.clone()), row.message);
                }
                self.messages.insert(row.message, row);
            }
            Row::Copy(row) => {
                for id in row.ids.iter().flat_map(|ids| ids.iter()) {
                    self.natives.insert((row.space, id.clone()), row.message);
                }
                self.copies.insert((row.message, row.room, row.part), row);
            }
            Row::Reaction(row) => {
                let name = (row.message, row.room, row.person.to_string(), row.emoji.clone(), row.placed);
                self.reactions.insert(name, row);
            }
            Row::Delivery(row) => {
                self.deliveries.insert(row.delivery, row);
            }
            Row::Audit(row) => {
                self.audit.insert(row.seq, row);
            }
            Row::Native(row) => {
                for id in row.ids.iter() {
                    self.natives.insert((row.space, id.clone()), row.message);
                }
            }
            Row::Room(RoomChange::Renumbered(room)) => self.renumber(room),
            Row::Room(RoomChange::Merged { from, into }) => self.merge(from, into),
        }
    }

    fn renumber(&mut self, room: RoomId) {
        self.natives.retain(|(space, _), _| *space != room);
        for row in self.copies.values_mut().filter(|row| row.space == room) {
            row.ids = None;
        }
        for row in self.messages.values_mut().filter(|row| row.space == room) {
            row.ids = NativeIds::one("");
        }
    }

    fn merge(&mut self, from: RoomId, into: RoomId) {
        for ((_, id), message) in take_room(&mut self.natives, |(space, _)| *space == from) {
            self.natives.entry((into, id)).or_insert(message);
        }
        for (_, row) in take_room(&mut self.copies, |(_, room, _)| *room == from) {
            self.copies.entry((row.message, into, row.part)).or_insert(CopyRow { room: into, ..row });
        }
        for ((message, _, person, emoji, placed), row) in
            take_room(&mut self.reactions, |(_, room, _, _, _)| *room == from)
        {
            let name = (message, into, person, emoji, placed);
            self.reactions.entry(name).or_insert(ReactionRow { room: into, ..row });
        }
        for row in self.messages.values_mut().filter(|row| row.room == from) {
            row.room = into;
        }
        for row in self.messages.values_mut().filter(|row| row.space == from) {
            row.space = into;
        }
        for row in self.copies.values_mut().filter(|row| row.space == from) {
            row.space = into;
        }
    }
}

/// Takes out what the condition names.
fn take_room<K: Ord + Clone, V>(rows: &mut BTreeMap<K, V>, is_it: impl Fn(&K) -> bool) -> Vec<(K, V)> {
    let keys: Vec<K> = rows.keys().filter(|key| is_it(key)).cloned().collect();
    keys.into_iter().filter_map(|key| rows.remove_entry(&key)).collect()
}

impl Store for MemoryStore {
    fn applied(&mut self) -> Result<Seq, StoreError> {
        Ok(self.applied)
    }

    fn apply(&mut self, batch: &[(Seq, Vec<Row>)]) -> Result<(), StoreError> {
        for (seq, rows) in batch {
            if *seq <= self.applied {
                continue;
            }
            for row in rows {
                self.put(row.clone());
            }
        }
        if let Some((last, _)) = batch.last() {
            self.applied = self.applied.max(*last);
        }
        Ok(())
    }

    fn load(&mut self, query: &Query) -> Result<Option<StoredMessage>, StoreError> {
        let id = match query {
            Query::ByNative { room, id } => self.natives.get(&(*room, id.clone())).copied(),
            Query::ByMessage(id) => Some(*id),
        };
        let Some(message) = id.and_then(|id| self.messages.get(&id)).cloned() else { return Ok(None) };
        let id = message.message;
        let copies = self.copies.values().filter(|row| row.message == id).cloned().collect();
        let reactions = self.reactions.values().filter(|row| row.message == id && row.on).cloned().collect();
        Ok(Some(StoredMessage { message, copies, reactions }))
    }

    fn trace(&mut self, message: MessageId) -> Result<Vec<DeliveryRow>, StoreError> {
        Ok(self.deliveries.values().filter(|row| row.message == Some(message)).cloned().collect())
    }

    fn audit(&mut self, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        Ok(self.audit.values().rev().take(limit as usize).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_memory_store_keeps_the_contract() {
        crate::contract::run(super::MemoryStore::default, Some);
    }
}
