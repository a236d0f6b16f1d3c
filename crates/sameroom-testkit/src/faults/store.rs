//! The store of a simulated run: what it was handed survives a kill, since it is only handed what is durable.

use std::collections::BTreeMap;

use sameroom_types::ids::{MessageId, RemoteMessageId, RoomId, Seq};
use sameroom_types::rows::{CopyRow, MessageRow, Query, ReactionRow, Row, StoredMessage};
use sameroom_types::text::Emoji;

/// Rows by their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimStore {
    messages: BTreeMap<MessageId, MessageRow>,
    copies: BTreeMap<(MessageId, RoomId, u32), CopyRow>,
    reactions: BTreeMap<(MessageId, RoomId, String, Emoji, bool), ReactionRow>,
    natives: BTreeMap<(RoomId, RemoteMessageId), MessageId>,
    pub(crate) applied: Seq,
}

impl SimStore {
    pub(crate) fn apply(&mut self, seq: Seq, rows: Vec<Row>) {
        for row in rows {
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
                Row::Delivery(_) | Row::Audit(_) => {}
            }
        }
        self.applied = self.applied.max(seq);
    }

    pub(crate) fn load(&self, query: &Query) -> Option<Box<StoredMessage>> {
        let id = match query {
            Query::ByNative { room, id } => *self.natives.get(&(*room, id.clone()))?,
            Query::ByMessage(id) => *id,
        };
        let message = self.messages.get(&id)?.clone();
        let copies = self.copies.values().filter(|row| row.message == id).cloned().collect();
        let reactions = self.reactions.values().filter(|row| row.message == id && row.on).cloned().collect();
        Some(Box::new(StoredMessage { message, copies, reactions }))
    }
}
