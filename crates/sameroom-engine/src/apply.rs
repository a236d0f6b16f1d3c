//! The fold: how each record changes the lasting state. Decides nothing.

mod ends;
mod events;
mod merge;
mod pieces;
mod sends;

use std::collections::BTreeMap;

use sameroom_types::ids::{DeliveryId, RoomSpec, Seq};
use sameroom_types::room::Tube;
use sameroom_types::rows::{AuditRow, NativeRow, RoomChange, Row};
use sameroom_types::time::Timestamp;

use crate::engine::{Engine, Reference, Sealed};
use crate::lane::Delivery;
use crate::record::Record;
use crate::threads::Thread;

/// How many recent events can be found by the mark of their copies.
pub(crate) const TOKENS: usize = 50_000;

impl Engine {
    pub(crate) fn apply(&mut self, seq: Seq, record: Record, sealed: Sealed) {
        match record {
            Record::RoomNumbered { room, spec } => self.network.number(room, spec),
            Record::RoomIdentified { room, key, name, kind } => {
                self.network.identify(room, key, name, kind);
            }
            Record::RoomsMerged { from, into } => self.apply_merge(seq, from, into),
            Record::RoomMigrated { room, key, spec } => {
                self.network.migrate(room, key, spec);
                self.messages.renumber(room);
                self.threads.renumber(room);
                self.store(seq, vec![Row::Room(RoomChange::Renumbered(room))]);
            }
            Record::SpaceNumbered { room, account, space } => {
                self.network.number_space(room, account, space);
            }
            Record::IdsAlso { message, space, ids } => {
                self.messages.learn_also(message, space, &ids);
                self.store(seq, vec![Row::Native(NativeRow { space, ids, message })]);
            }
            Record::ThreadMade { thread, room, native, root, name } => {
                let places = BTreeMap::from([(room, Some(native))]);
                self.threads.insert(Thread { id: thread, root, name, places });
            }
            Record::ThreadPlaced { thread, room, native } => {
                self.threads.place(thread, room, native);
                // Whatever was to open it there has done its work; the post itself comes next.
                for item in self.lanes.get_mut(&room).into_iter().flat_map(|lane| lane.items.values_mut()) {
                    if item.attempt.as_ref().is_some_and(|attempt| attempt.opens == Some(thread)) {
                        item.attempt = None;
                    }
                }
            }
            Record::ThreadRenamed { thread, name } => self.threads.rename(thread, name),
            Record::ThreadResolved { event, thread } => {
                if let Some(open) = self.events.get_mut(&event) {
                    open.meta.thread = Some(thread);
                    open.thread = Reference::Known(thread);
                }
            }
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
            Record::Attempt(meta) => {
                let delivery = meta.delivery;
                let done = vec![false; meta.parts as usize];
                self.apply_attempt(*meta, &done, sealed);
                if let Some(item) = self.delivery_mut(delivery) {
                    item.attempts += 1;
                }
            }
            Record::Done { delivery, part, account, ids, shown, at } => {
                self.apply_done(seq, delivery, part, account, ids, shown, at);
            }
            Record::IdsLearnt { delivery, part, ids } => self.apply_ids(seq, delivery, part, &ids),
            Record::Ended { delivery, end, at } => self.apply_end(seq, delivery, end, at),
            Record::Resolved { event, message } => self.apply_reference(seq, event, message),
            Record::MessageLoaded(stored) => self.messages.insert_stored(*stored),
            Record::CursorMoved { room, account, cursor } => {
                if let Some(known) = self.network.room_mut(room) {
                    known.cursors.insert(account, cursor);
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

    /// A delivery that waits, or is parked: what was under way with it still comes to its end.
    pub(crate) fn delivery_mut(&mut self, id: DeliveryId) -> Option<&mut Delivery> {
        let lane = self.lanes.get_mut(&id.room)?;
        match lane.items.get_mut(&id.event) {
            Some(item) => Some(item),
            None => lane.parked.get_mut(&id.event).map(|parked| &mut parked.delivery),
        }
    }
}
