//! Two numbers that turned out to be one room: maps, lanes and tubes join, and one copy is sent.

use sameroom_types::ids::{DeliveryId, RoomId, Seq};
use sameroom_types::rows::{DeliveryKind, DeliveryRow, DeliveryState, Row, SkipReason};

use crate::engine::Engine;
use crate::lane::Delivery;

impl Engine {
    pub(crate) fn apply_merge(&mut self, seq: Seq, from: RoomId, into: RoomId) {
        self.network.merge(from, into);
        self.messages.merge_rooms(from, into);
        self.threads.merge_rooms(from, into);
        self.merged.insert(from, into);
        for event in self.events.values_mut() {
            if event.meta.room == from {
                event.meta.room = into;
            }
        }
        self.policies.clear();
        self.dirty.insert(into);
        // What one number said to the other is now said in the room itself.
        let echoes: Vec<Seq> = self.lanes.get(&into).map_or_else(Vec::new, |lane| {
            let own = |event: &&Seq| self.events.get(event).is_some_and(|open| open.meta.room == into);
            let notice = |event: &&Seq| {
                self.events.get(event).is_some_and(|open| open.meta.kind == DeliveryKind::Notice)
            };
            lane.items.keys().filter(own).filter(|event| !notice(event)).copied().collect()
        });
        for event in echoes {
            self.lanes.entry(into).or_default().items.remove(&event);
            self.drop_surplus(seq, DeliveryId { event, room: into });
        }
        let Some(lane) = self.lanes.remove(&from) else { return };
        for (event, item) in lane.items {
            self.merge_delivery(seq, event, from, into, item);
        }
        let mut surplus = Vec::new();
        let target = self.lanes.entry(into).or_default();
        for (event, why) in lane.parked {
            // Parked under one number and alive or parked under the other: the other counts.
            if target.items.contains_key(&event) || target.parked.contains_key(&event) {
                surplus.push(event);
            } else {
                target.parked.insert(event, why);
            }
        }
        for event in surplus {
            self.drop_surplus(seq, DeliveryId { event, room: from });
        }
        for event in self.events.values_mut() {
            if event.meta.targets.contains(&from) {
                event.meta.targets.retain(|target| *target != from && *target != into);
                event.meta.targets.push(into);
                event.meta.targets.sort();
            }
        }
        for (_, _, request) in &mut self.sends {
            if request.delivery.room == from {
                request.delivery.room = into;
            }
        }
    }

    /// Moves a waiting delivery to the number that stays, unless the room gets or got the event there.
    fn merge_delivery(&mut self, seq: Seq, event: Seq, from: RoomId, into: RoomId, mut item: Delivery) {
        let surplus = DeliveryId { event, room: from };
        let Some(meta) = self.events.get(&event).map(|open| &open.meta) else { return };
        let was_for_both = meta.targets.contains(&into);
        let is_origin = meta.room == into && meta.kind != DeliveryKind::Notice;
        let started = item.attempt.is_some();
        if let Some(frozen) = item.attempt.as_mut().and_then(|attempt| attempt.frozen.as_mut()) {
            for request in frozen {
                // The key stays: under it the platform may know the part already.
                request.delivery.room = into;
            }
        }
        let target = self.lanes.entry(into).or_default();
        if is_origin || target.parked.contains_key(&event) {
            self.drop_surplus(seq, surplus);
            return;
        }
        match target.items.get_mut(&event) {
            Some(other) => {
                if started && other.attempt.is_none() {
                    *other = item;
                }
                self.drop_surplus(seq, surplus);
            }
            None if was_for_both => self.drop_surplus(seq, surplus),
            None => {
                target.items.insert(event, item);
            }
        }
    }

    /// Ends a delivery under the number that is gone.
    fn drop_surplus(&mut self, seq: Seq, delivery: DeliveryId) {
        let Some(open) = self.events.get_mut(&delivery.event) else { return };
        open.left = open.left.saturating_sub(1);
        let (left, meta) = (open.left, open.meta.clone());
        if meta.kind != DeliveryKind::Notice {
            let row = DeliveryRow {
                delivery,
                message: self.message_of(delivery.event, &meta),
                what: meta.kind,
                state: DeliveryState::Skipped { why: SkipReason::NoChange },
                attempts: 0,
                repeats: 0,
                shown: false,
                accepted: meta.at,
                at: self.now.wall,
            };
            self.store(seq, vec![Row::Delivery(row)]);
        }
        if left == 0 {
            self.close_event(delivery.event, seq);
        }
    }

    /// A delivery by the number under which its room is known now.
    pub(crate) fn current(&self, delivery: DeliveryId) -> DeliveryId {
        let mut room = delivery.room;
        while let Some(into) = self.merged.get(&room) {
            room = *into;
        }
        DeliveryId { room, ..delivery }
    }
}
