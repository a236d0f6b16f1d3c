//! The fold: how each record changes the lasting state. Decides nothing.

mod ends;
mod events;
mod merge;
mod pieces;
mod sends;

use sameroom_types::ids::{DeliveryId, RoomSpec, Seq};
use sameroom_types::room::Tube;
use sameroom_types::rows::{AuditRow, Row};
use sameroom_types::time::Timestamp;

use crate::engine::{Engine, Sealed};
use crate::lane::Delivery;
use crate::record::Record;

/// How many recent events can be found by the mark of their copies.
pub(crate) const TOKENS: usize = 50_000;

impl Engine {
    pub(crate) fn apply(&mut self, seq: Seq, record: Record, sealed: Sealed) {
        match record {
            Record::RoomNumbered { room, spec } => self.network.number(room, spec),
            Record::RoomIdentified { room, key, name, kind } => {
                self.network.identify(seq, room, key, name, kind);
            }
            Record::RoomsMerged { from, into } => self.apply_merge(seq, from, into),
            Record::RoomInvited { room, by } => {
                if let Some(known) = self.network.room_mut(room) {
                    known.invited = true;
                    known.inviter = by;
                }
            }
            Record::RoomLeft { room } => {
                if let Some(known) = self.network.room_mut(room) {
                    known.invited = false;
                }
            }
            Record::FormatSet { room, format } => {
                if let Some(known) = self.network.room_mut(room) {
                    known.format = format;
                }
            }
            Record::TubeAdded { tube, at } => self.apply_tube(tube, at),
            Record::TubeChanged { tube, change, at } => self.network.change_tube(tube, &change, at),
            Record::PortalAdded { portal } => {
                self.portals.insert(portal.id, portal);
            }
            Record::PortalRevoked { portal } => {
                self.portals.remove(&portal);
            }
            Record::Event(meta) => self.apply_event(seq, meta, sealed),
            Record::Attempt { delivery, account, parts, files, placed, as_of, makes } => {
                let done = vec![false; parts as usize];
                self.apply_attempt(delivery, account, files, placed, as_of, makes, &done, sealed);
                if let Some(item) = self.delivery_mut(delivery) {
                    item.attempts += 1;
                }
            }
            Record::Done { delivery, part, ids, shown, at } => {
                self.apply_done(seq, delivery, part, ids, shown, at);
            }
            Record::IdsLearnt { delivery, part, ids } => self.apply_ids(seq, delivery, part, &ids),
            Record::Ended { delivery, end, at } => self.apply_end(seq, delivery, end, at),
            Record::Resolved { event, message } => self.apply_reference(seq, event, message),
            Record::MessageLoaded(stored) => self.messages.insert_stored(*stored),
            Record::CursorMoved { room, cursor } => {
                if let Some(known) = self.network.room_mut(room) {
                    known.cursor = Some(cursor);
                }
            }
            Record::Audit { who, what, at } => {
                self.store(seq, vec![Row::Audit(AuditRow { seq, at, who, what })]);
            }
            Record::Excerpt { message, at } => {
                if let Sealed::Excerpt(excerpt) = sealed {
                    self.excerpts.insert(message, (at, excerpt));
                }
            }
            Record::ThreadKnown { root, room, thread } => self.threads.tie(root, room, thread),
            Record::SnapshotBegin => self.pieces.clear(),
            // While the program runs, its own snapshot says nothing new; only a replay reads it, and
            // only once it is whole: one cut short by a crash is as if it had not been begun.
            Record::SnapshotItem(item) => {
                if !self.is_live {
                    self.pieces.push((seq, item.0, sealed));
                }
            }
            Record::SnapshotEnd { begin } => {
                for (seq, piece, sealed) in std::mem::take(&mut self.pieces) {
                    self.apply_piece(seq, piece, sealed);
                }
                self.snapshot_done = Some((begin, seq));
            }
        }
    }

    pub(crate) fn apply_tube(&mut self, tube: Tube, at: Timestamp) {
        let end = |spec: &RoomSpec| self.network.room_of_spec(spec);
        if let (Some(a), Some(b)) = (end(&tube.a), end(&tube.b)) {
            self.network.add_tube(tube, a, b, at);
        }
    }

    pub(crate) fn delivery_mut(&mut self, id: DeliveryId) -> Option<&mut Delivery> {
        self.lanes.get_mut(&id.room)?.items.get_mut(&id.event)
    }
}
