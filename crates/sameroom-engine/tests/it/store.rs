//! The store of a rig: rows by their names, as a derived store keeps them.

use std::collections::BTreeMap;

use sameroom_types::ids::{DeliveryId, MessageId, RemoteMessageId, RoomId};
use sameroom_types::rows::{
    CopyRow, DeliveryRow, DeliveryState, MessageRow, Query, ReactionRow, Row, StoredMessage,
};
use sameroom_types::text::Emoji;

/// Rows by their names.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) messages: BTreeMap<MessageId, MessageRow>,
    pub(crate) copies: BTreeMap<(MessageId, RoomId, u32), CopyRow>,
    pub(crate) reactions: BTreeMap<(MessageId, RoomId, String, Emoji, bool), ReactionRow>,
    pub(crate) deliveries: BTreeMap<DeliveryId, DeliveryRow>,
    /// Every state that a delivery went through.
    pub(crate) history: Vec<(DeliveryId, DeliveryState)>,
    natives: BTreeMap<(RoomId, RemoteMessageId), MessageId>,
}

impl Store {
    pub(crate) fn apply(&mut self, rows: Vec<Row>) {
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
                Row::Delivery(row) => {
                    self.history.push((row.delivery, row.state.clone()));
                    self.deliveries.insert(row.delivery, row);
                }
                Row::Audit(_) => {}
            }
        }
    }

    pub(crate) fn find(&self, query: &Query) -> Option<StoredMessage> {
        let id = match query {
            Query::ByNative { room, id } => *self.natives.get(&(*room, id.clone()))?,
            Query::ByMessage(id) => *id,
        };
        let message = self.messages.get(&id)?.clone();
        let copies = self.copies.values().filter(|row| row.message == id).cloned().collect();
        let reactions = self.reactions.values().filter(|row| row.message == id && row.on).cloned().collect();
        Some(StoredMessage { message, copies, reactions })
    }
}
