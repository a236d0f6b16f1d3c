//! How accepted events change the lasting state.

use sameroom_types::ids::{DeliveryId, MessageId, Seq};
use sameroom_types::rows::{DeliveryKind, DeliveryRow, DeliveryState, Row};

use crate::apply::TOKENS;
use crate::apply::sends::copy_rows;
use crate::engine::{Engine, OpenEvent, Reference, Sealed};
use crate::lane::Delivery;
use crate::messages::{Message, message_row};
use crate::record::EventMeta;

impl Engine {
    pub(crate) fn apply_event(&mut self, seq: Seq, meta: EventMeta, sealed: Sealed) {
        let body = match sealed {
            Sealed::Event(body) => Some(body),
            _ => None,
        };
        if let Some(room) = self.network.room_mut(meta.room) {
            if meta.cursor.is_some() {
                room.cursor.clone_from(&meta.cursor);
            }
            if meta.kind != DeliveryKind::Notice {
                room.last_heard = Some(meta.at);
            }
        }
        let mut rows = Vec::new();
        let mut reference = Reference::None;
        if meta.kind == DeliveryKind::Post
            && let Some(ids) = &meta.ids
        {
            let row = message_row(
                MessageId(seq.0),
                meta.room,
                &meta.account,
                ids.clone(),
                meta.author.clone(),
                meta.role,
                meta.digest,
                meta.at,
            );
            rows.push(Row::Message(row.clone()));
            self.messages.insert(Message::new(row));
            self.messages.open(MessageId(seq.0));
        }
        for target in &meta.targets {
            self.lanes.entry(*target).or_default().items.insert(seq, Delivery::new());
            if meta.kind != DeliveryKind::Notice {
                rows.push(Row::Delivery(DeliveryRow {
                    delivery: DeliveryId { event: seq, room: *target },
                    message: self.message_of(seq, &meta),
                    what: meta.kind,
                    state: DeliveryState::Waiting,
                    attempts: 0,
                    repeats: 0,
                    shown: false,
                    accepted: meta.at,
                    at: meta.at,
                }));
            }
        }
        if let Some(message) = meta.message {
            reference = Reference::Known(message);
        } else if matches!(meta.kind, DeliveryKind::Edit | DeliveryKind::Delete | DeliveryKind::React) {
            reference = Reference::Unknown;
        }
        self.tokens.insert(meta.token, seq);
        self.token_order.push_back(meta.token);
        if self.token_order.len() > TOKENS
            && let Some(oldest) = self.token_order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        let left = u32::try_from(meta.targets.len()).unwrap_or(u32::MAX);
        let message = meta.message;
        let since = self.now.mono;
        self.events.insert(
            seq,
            OpenEvent {
                meta,
                body,
                left,
                reference,
                since,
                age_before: std::time::Duration::ZERO,
                spools: Vec::new(),
            },
        );
        self.store(seq, rows);
        if let Some(message) = message {
            self.apply_change(seq, seq, message);
        }
        if left == 0 {
            self.close_event(seq, seq);
        }
    }

    pub(crate) fn message_of(&self, seq: Seq, meta: &EventMeta) -> Option<MessageId> {
        match meta.kind {
            DeliveryKind::Post => Some(MessageId(seq.0)),
            _ => meta.message,
        }
    }

    /// What an edit, deletion or reaction means for the message it names.
    pub(crate) fn apply_change(&mut self, seq: Seq, event: Seq, id: MessageId) {
        let Some(open) = self.events.get(&event) else { return };
        let meta = open.meta.clone();
        self.messages.open(id);
        let mut rows = Vec::new();
        if let Some(change) = &meta.reactions {
            rows.extend(
                self.messages
                    .rows_of_reaction(id, meta.room, &meta.author, change)
                    .into_iter()
                    .map(Row::Reaction),
            );
        }
        if let Some(message) = self.messages.get_mut(id) {
            match meta.kind {
                DeliveryKind::Edit => {
                    message.changes.push((event, false));
                    message.row.digest = meta.digest;
                    rows.push(Row::Message(message.row.clone()));
                    if let Some(ids) = &meta.ids {
                        let native = ids.primary.clone();
                        self.messages.alias(id, meta.room, &native);
                    }
                }
                DeliveryKind::Delete => {
                    message.changes.push((event, true));
                    if message.row.room == meta.room {
                        message.row.deleted = true;
                        rows.push(Row::Message(message.row.clone()));
                    } else if let Some(copy) = message.copies.get_mut(&meta.room) {
                        copy.deleted = true;
                        rows.extend(copy_rows(id, meta.room, copy));
                    }
                }
                DeliveryKind::React => {
                    if let Some(change) = &meta.reactions {
                        message.react(meta.room, &meta.author, change);
                    }
                }
                DeliveryKind::Post | DeliveryKind::Notice | DeliveryKind::Membership => {}
            }
        }
        self.store(seq, rows);
    }

    pub(crate) fn apply_reference(&mut self, seq: Seq, event: Seq, message: MessageId) {
        if let Some(open) = self.events.get_mut(&event) {
            open.reference = Reference::Known(message);
            open.meta.message = Some(message);
            self.apply_change(seq, event, message);
        }
    }
}
