//! What is late, too late or refused, and what somebody decides about it.

use std::time::Duration;

use sameroom_types::ids::DeliveryId;
use sameroom_types::rows::{DeliveryKind, ParkReason};

use crate::engine::{Engine, Timer};
use crate::record::{End, Record};

/// A delivery this old, of a lane that works, is marked with its time.
const LATE: Duration = Duration::from_secs(60);

/// A delivery this old counts towards the room's limit of late messages: the whole backlog of a
/// shorter outage is always delivered.
const OVERDUE: Duration = Duration::from_secs(600);

impl Engine {
    pub(crate) fn is_overdue(&mut self, id: DeliveryId) -> bool {
        let policy = self.policy(id.room);
        let mono = self.now.mono;
        let Some(event) = self.events.get(&id.event) else { return false };
        if matches!(event.meta.kind, DeliveryKind::Notice) {
            return false;
        }
        let age = event.age(mono);
        let late = policy.room.late;
        let Some(lane) = self.lanes.get(&id.room) else { return false };
        if lane.items.get(&id.event).is_some_and(|item| item.late) || age < OVERDUE.min(late.max_age) {
            return false;
        }
        let events = &self.events;
        let overdue = lane
            .items
            .keys()
            .take_while(|seq| events.get(seq).is_some_and(|event| event.age(mono) >= OVERDUE))
            .take(usize::try_from(late.max_count).unwrap_or(usize::MAX).saturating_add(1))
            .count() as u64;
        age > late.max_age || overdue > late.max_count
    }

    /// Whether a delivery that is sent now must carry its time.
    pub(crate) fn is_late(&self, id: DeliveryId) -> bool {
        let Some(event) = self.events.get(&id.event) else { return false };
        let Some(lane) = self.lanes.get(&id.room) else { return false };
        lane.items.get(&id.event).is_some_and(|item| item.late)
            || id.event <= lane.late_through
            || event.age(self.now.mono) > LATE
    }

    pub(crate) fn park(&mut self, delivery: DeliveryId, why: ParkReason) {
        let at = self.now.wall;
        let is_late = why == ParkReason::TooLate;
        let code = match &why {
            ParkReason::Refused { code } => Some(code.clone()),
            _ => None,
        };
        let origin = self.events.get(&delivery.event).map(|event| (event.meta.room, event.meta.kind));
        self.note(Record::Ended { delivery, end: End::Parked(why), at });
        if is_late {
            if let Some(lane) = self.lanes.get_mut(&delivery.room) {
                lane.overdue += 1;
            }
            self.wake(Duration::ZERO, Timer::Outage(delivery.room));
        }
        if let (Some(code), Some((origin, kind))) = (code, origin)
            && kind != DeliveryKind::Notice
        {
            self.tell_parked(origin, delivery, &code);
        }
        self.dirty.insert(delivery.room);
    }

    /// Puts a parked delivery back into its lane, to be delivered late.
    pub(crate) fn retry_parked(&mut self, delivery: DeliveryId) -> bool {
        let parked =
            self.lanes.get(&delivery.room).is_some_and(|lane| lane.parked.contains_key(&delivery.event));
        if parked {
            let at = self.now.wall;
            self.note(Record::Ended { delivery, end: End::Retried, at });
            self.dirty.insert(delivery.room);
        }
        parked
    }

    /// Gives up a delivery that waits or is parked; one that is on its way stays.
    pub(crate) fn drop_delivery(&mut self, delivery: DeliveryId, end: End) -> bool {
        let Some(lane) = self.lanes.get(&delivery.room) else { return false };
        let parked = lane.parked.contains_key(&delivery.event);
        let untried = lane
            .items
            .get(&delivery.event)
            .is_some_and(|item| item.attempt.as_ref().is_none_or(crate::lane::Attempt::is_untried));
        if parked || untried {
            let at = self.now.wall;
            self.note(Record::Ended { delivery, end, at });
            self.dirty.insert(delivery.room);
        }
        parked || untried
    }
}
