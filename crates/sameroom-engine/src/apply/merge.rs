//! Two numbers turn out to be one room: maps, lanes and tubes join, and one copy is sent.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use sameroom_types::ids::{DeliveryId, RoomId, Seq};
use sameroom_types::rows::{DeliveryKind, DeliveryRow, DeliveryState, RoomChange, Row, SkipReason};

use crate::engine::{Engine, OpenEvent};
use crate::lane::Attempt;

impl Engine {
    pub(crate) fn apply_merge(&mut self, seq: Seq, from: RoomId, into: RoomId) {
        self.network.merge(from, into);
        self.messages.merge_rooms(from, into);
        self.threads.merge_rooms(from, into);
        let was_for =
            |event: &OpenEvent| event.meta.targets.contains(&from) && event.meta.targets.contains(&into);
        let for_both: BTreeSet<Seq> =
            self.events.iter().filter(|(_, event)| was_for(event)).map(|(seq, _)| *seq).collect();
        for event in self.events.values_mut() {
            if event.meta.room == from {
                event.meta.room = into;
            }
            for target in &mut event.meta.targets {
                if *target == from {
                    *target = into;
                }
            }
            event.meta.targets.sort_unstable();
            event.meta.targets.dedup();
        }
        let mut gone = self.join_lanes(from, into, &for_both);
        gone.extend(self.drop_own(into));
        for event in gone {
            self.end_surplus(seq, DeliveryId { event, room: into });
        }
        for portal in self.portals.values_mut().filter(|portal| portal.room == from) {
            portal.room = into;
        }
        self.policies.clear();
        self.store(seq, vec![Row::Room(RoomChange::Merged { from, into })]);
    }

    /// Ends a delivery that the room does not need any more, now that it is one.
    fn end_surplus(&mut self, seq: Seq, delivery: DeliveryId) {
        let still_there =
            self.lanes.get(&delivery.room).is_some_and(|lane| lane.delivery(delivery.event).is_some());
        if let Some(open) = self.events.get(&delivery.event)
            && open.meta.kind != DeliveryKind::Notice
            && !still_there
        {
            let row = DeliveryRow {
                delivery,
                message: self.message_of(delivery.event, &open.meta),
                what: open.meta.kind,
                state: DeliveryState::Skipped { why: SkipReason::NoChange },
                attempts: 0,
                repeats: 0,
                shown: false,
                accepted: open.meta.at,
                at: self.now.wall,
            };
            self.store(seq, vec![Row::Delivery(row)]);
        }
        self.count_down(seq, delivery.event);
    }

    /// Moves what waits under one number behind the other. Returns the events that had both as targets.
    fn join_lanes(&mut self, from: RoomId, into: RoomId, for_both: &BTreeSet<Seq>) -> Vec<Seq> {
        let Some(lane) = self.lanes.remove(&from) else { return Vec::new() };
        let mut gone = Vec::new();
        let target = self.lanes.entry(into).or_default();
        for (event, mut item) in lane.items {
            let parts = item.attempt.as_mut().and_then(|attempt| attempt.frozen.as_mut());
            for request in parts.into_iter().flatten() {
                request.delivery.room = into;
            }
            if target.parked.contains_key(&event) {
                gone.push(event);
                continue;
            }
            match target.items.entry(event) {
                // The number that stays has got it already.
                Entry::Vacant(_) if for_both.contains(&event) => gone.push(event),
                Entry::Vacant(entry) => {
                    entry.insert(item);
                }
                Entry::Occupied(mut entry) => {
                    // One copy is sent: the one that may be on its way already.
                    if entry.get().attempt.is_none() {
                        entry.insert(item);
                    }
                    gone.push(event);
                }
            }
        }
        for (event, why) in lane.parked {
            if target.items.contains_key(&event) || target.parked.contains_key(&event) {
                gone.push(event);
            } else {
                target.parked.insert(event, why);
            }
        }
        gone
    }

    /// Takes out what a room would now tell itself. Returns the events.
    fn drop_own(&mut self, room: RoomId) -> Vec<Seq> {
        let events = &self.events;
        let is_own = |event: &Seq| {
            events.get(event).is_some_and(|open| {
                open.meta.room == room
                    && !matches!(open.meta.kind, DeliveryKind::Notice | DeliveryKind::Delete)
            })
        };
        let Some(lane) = self.lanes.get_mut(&room) else { return Vec::new() };
        let gone: Vec<Seq> = lane
            .items
            .iter()
            .filter(|(event, item)| is_own(event) && item.attempt.as_ref().is_none_or(Attempt::is_untried))
            .map(|(event, _)| *event)
            .collect();
        for event in &gone {
            lane.items.remove(event);
        }
        gone
    }
}
