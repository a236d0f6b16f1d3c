//! State written into the log as a whole, so that older segments can go.

use std::sync::Arc;

use sameroom_types::ids::{DeliveryId, MessageId, RoomId, Seq};
use sameroom_types::rows::ParkReason;
use sameroom_types::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Sealed};
use crate::input::Effect;
use crate::lane::Part;
use crate::messages::Message;
use crate::network::StoredNetwork;
use crate::record;
use crate::record::{AttemptMeta, EventMeta, Portal, Record, RecordError};
use crate::threads::Thread;

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
    Event { seq: Seq, meta: EventMeta, waiting: Vec<(RoomId, Option<ParkReason>)> },
    /// An attempt that did not end; the body is its frozen parts.
    Attempt { meta: Box<AttemptMeta>, done: Vec<bool> },
    /// Side conversations.
    Threads(Vec<Thread>),
    /// An excerpt; the body is the [`crate::record::Excerpt`].
    Excerpt { message: MessageId, at: Timestamp },
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
            Piece::Network(_) | Piece::Portals(_) | Piece::Message(_) | Piece::Threads(_) => {
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
        self.piece(Piece::Threads(self.threads.all()), None, Sealed::None);
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
                let Some(item) = lane.delivery(seq) else { continue };
                waiting.push((*room, lane.parked.get(&seq).map(|parked| parked.why.clone())));
                if let Some(attempt) = &item.attempt {
                    let meta = Box::new(AttemptMeta {
                        delivery: DeliveryId { event: seq, room: *room },
                        account: attempt.account.clone(),
                        parts: u32::try_from(attempt.parts.len()).unwrap_or(u32::MAX),
                        files: attempt.files,
                        placed: attempt.placed.clone(),
                        as_of: attempt.as_of,
                        makes: attempt.makes.clone(),
                        shares: attempt.shares.clone(),
                        opens: attempt.opens,
                    });
                    let done = attempt.parts.iter().map(|part| matches!(part, Part::Done(_))).collect();
                    let piece = Piece::Attempt { meta, done };
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
