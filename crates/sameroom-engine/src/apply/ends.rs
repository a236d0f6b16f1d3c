//! How deliveries and events end.

use sameroom_types::ids::{DeliveryId, MessageId, Seq};
use sameroom_types::rows::{DeliveryKind, DeliveryRow, DeliveryState, Row};
use sameroom_types::time::Timestamp;

use crate::engine::Engine;
use crate::input::Effect;
use crate::lane::Delivery;
use crate::record::End;

impl Engine {
    pub(crate) fn apply_end(&mut self, seq: Seq, id: DeliveryId, end: End, at: Timestamp) {
        let state = match &end {
            End::Withdrawn => DeliveryState::Withdrawn,
            End::Skipped(why) => DeliveryState::Skipped { why: *why },
            End::Expired => DeliveryState::Expired,
            End::Parked(why) => DeliveryState::Parked { why: why.clone() },
            End::Retried => DeliveryState::Waiting,
        };
        let Some(lane) = self.lanes.get_mut(&id.room) else { return };
        let (attempts, repeats) =
            lane.items.get(&id.event).map_or((0, 0), |item| (item.attempts, item.repeats));
        if let Some(event) = self.events.get(&id.event)
            && event.meta.kind != DeliveryKind::Notice
        {
            let row = DeliveryRow {
                delivery: id,
                message: self.message_of(id.event, &event.meta),
                what: event.meta.kind,
                state,
                attempts,
                repeats,
                shown: false,
                accepted: event.meta.at,
                at,
            };
            self.store(seq, vec![Row::Delivery(row)]);
        }
        // Whatever stood behind it may go on.
        self.dirty.insert(id.room);
        let Some(lane) = self.lanes.get_mut(&id.room) else { return };
        match end {
            End::Parked(why) => {
                if lane.items.remove(&id.event).is_some() {
                    lane.parked.insert(id.event, why);
                }
            }
            End::Retried => {
                if lane.parked.remove(&id.event).is_some() {
                    let mut item = Delivery::new();
                    item.late = true;
                    lane.items.insert(id.event, item);
                }
            }
            End::Withdrawn | End::Skipped(_) | End::Expired => self.remove_delivery(seq, id),
        }
    }

    /// Takes an ended delivery out of its lane; with the last one the event ends.
    pub(crate) fn remove_delivery(&mut self, seq: Seq, id: DeliveryId) {
        let Some(lane) = self.lanes.get_mut(&id.room) else { return };
        let was = lane.items.remove(&id.event).is_some() | lane.parked.remove(&id.event).is_some();
        if !was {
            return;
        }
        if let Some(event) = self.events.get_mut(&id.event) {
            event.left = event.left.saturating_sub(1);
            if event.left == 0 {
                self.close_event(id.event, seq);
            }
        }
    }

    /// Ends an event: its key is destroyed once `seq` is durable.
    pub(crate) fn close_event(&mut self, event: Seq, seq: Seq) {
        let Some(open) = self.events.remove(&event) else { return };
        if open.meta.kind == DeliveryKind::Post {
            self.messages.close(MessageId(event.0), seq);
        }
        if let Some(message) = open.meta.message {
            if let Some(known) = self.messages.get_mut(message) {
                known.changes.retain(|(at, _)| *at != event);
            }
            self.messages.close(message, seq);
        }
        for spool in open.spools {
            self.files.remove(&spool);
            self.out.push(Effect::Unspool(spool));
        }
        self.doomed.push_back((seq, event.0));
    }
}
