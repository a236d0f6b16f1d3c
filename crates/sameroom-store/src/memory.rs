//! The reference implementation: rows by their names, in memory.

use std::collections::BTreeMap;

use sameroom_types::ids::{DeliveryId, MessageId, RemoteMessageId, RoomId, Seq};
use sameroom_types::rows::{
    AuditRow, CopyRow, DeliveryRow, MessageRow, Query, ReactionRow, Row, StoredMessage,
};
use sameroom_types::text::Emoji;

use crate::{Store, StoreError};

/// A store that ends with its process.
#[derive(Debug, Default)]
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
                    self.natives.insert((row.room, id.clone()), row.message);
                }
                self.messages.insert(row.message, row);
            }
            Row::Copy(row) => {
                for id in row.ids.iter().flat_map(|ids| ids.iter()) {
                    self.natives.insert((row.room, id.clone()), row.message);
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
        }
    }
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
