//! State written into the log as a whole, so that older segments can go.

use std::sync::Arc;

use sameroom_types::ids::{AccountId, DeliveryId, MessageId, RemoteThreadId, RoomId, Seq};
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Sealed};
use crate::input::Effect;
use crate::lane::Part;
use crate::messages::Message;
use crate::network::StoredNetwork;
use crate::record::{self, EventMeta, Portal, Record, RecordError};

/// A piece of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item(pub(crate) Piece);

/// What a piece holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Piece {
    /// Rooms and tubes.
    Network(StoredNetwork),
    /// Portals.
    Portals(Vec<Portal>),
    /// A message in memory.
    Message(Message),
    /// An event with deliveries that did not end; the body is its [`crate::record::EventBody`].
    Event { seq: Seq, meta: EventMeta, waiting: Vec<(RoomId, bool)> },
    /// An attempt that did not end; the body is its frozen parts.
    Attempt {
        delivery: DeliveryId,
        account: AccountId,
        files: u32,
        placed: Option<Vec<Emoji>>,
        as_of: Seq,
        makes: Vec<u32>,
        done: Vec<bool>,
    },
    /// An excerpt; the body is the [`crate::record::Excerpt`].
    Excerpt { message: MessageId, at: Timestamp },
    /// What a room has for a side conversation.
    Thread { root: MessageId, room: RoomId, thread: RemoteThreadId },
}

/// How much is appended between two snapshots, in bytes of records and bodies.
const INTERVAL: u64 = 64 << 20;

impl Item {
    /// Reads the body of a piece back.
    pub(crate) fn decode_body(&self, bytes: &[u8]) -> Result<Sealed, RecordError> {
        Ok(match &self.0 {
            Piece::Event { .. } => Sealed::Event(Arc::new(record::decode(bytes)?)),
            Piece::Attempt { .. } => Sealed::Frozen(record::decode(bytes)?),
            Piece::Excerpt { .. } => Sealed::Excerpt(record::decode(bytes)?),
            Piece::Network(_) | Piece::Portals(_) | Piece::Message(_) | Piece::Thread { .. } => {
                return Err(RecordError::Malformed("body on a piece that has none".into()));
            }
        })
    }
}

impl Engine {
    pub(crate) fn maybe_snapshot(&mut self) {
        if self.is_live && self.appended > INTERVAL {
            self.write_snapshot();
        }
    }

    /// Writes the whole lasting state behind what is in the log, so that all before can go.
    pub fn write_snapshot(&mut self) {
        let begin = self.note(Record::SnapshotBegin);
        self.piece(Piece::Network(self.network.stored()), None, Sealed::None);
        self.piece(Piece::Portals(self.portals.values().cloned().collect()), None, Sealed::None);
        let messages: Vec<Message> = self.messages.iter_sorted().into_iter().cloned().collect();
        for message in messages {
            self.piece(Piece::Message(message), None, Sealed::None);
        }
        for seq in self.events.keys().copied().collect::<Vec<_>>() {
            let Some(event) = self.events.get(&seq) else { continue };
            let (meta, body) = (event.meta.clone(), event.body.clone());
            let mut waiting = Vec::new();
            let mut attempts = Vec::new();
            for (room, lane) in &self.lanes {
                if lane.parked.contains_key(&seq) {
                    waiting.push((*room, true));
                }
                let Some(item) = lane.items.get(&seq) else { continue };
                waiting.push((*room, false));
                if let Some(attempt) = &item.attempt {
                    let piece = Piece::Attempt {
                        delivery: DeliveryId { event: seq, room: *room },
                        account: attempt.account.clone(),
                        files: attempt.files,
                        placed: attempt.placed.clone(),
                        as_of: attempt.as_of,
                        makes: attempt.makes.clone(),
                        done: attempt.parts.iter().map(|part| matches!(part, Part::Done(_))).collect(),
                    };
                    attempts.push((piece, attempt.frozen.clone()));
                }
            }
            let sealed = body.map_or(Sealed::None, Sealed::Event);
            self.piece(Piece::Event { seq, meta, waiting }, Some(seq.0), sealed);
            for (piece, frozen) in attempts {
                self.piece(piece, Some(seq.0), frozen.map_or(Sealed::None, Sealed::Frozen));
            }
        }
        for (message, (at, excerpt)) in self.excerpts.clone() {
            let hour = u64::try_from(at.0 / 3_600_000).unwrap_or(0);
            let key = (1 << 63) | hour;
            self.piece(Piece::Excerpt { message, at }, Some(key), Sealed::Excerpt(excerpt));
        }
        let threads: Vec<_> =
            self.threads.all().map(|(root, room, thread)| (root, room, thread.clone())).collect();
        for (root, room, thread) in threads {
            self.piece(Piece::Thread { root, room, thread }, None, Sealed::None);
        }
        self.note(Record::SnapshotEnd { begin });
        self.appended = 0;
    }

    fn piece(&mut self, piece: Piece, key: Option<u64>, sealed: Sealed) {
        self.commit(Record::SnapshotItem(Box::new(Item(piece))), key, sealed);
    }

    /// Lets the log drop what a durable snapshot replaces, once the store has it too.
    pub(crate) fn truncate(&mut self) {
        if let Some((begin, end)) = self.snapshot_done
            && end <= self.durable
            && begin <= self.stored
            && self.is_live
        {
            self.snapshot_done = None;
            self.out.push(Effect::Truncate(begin));
        }
    }
}
