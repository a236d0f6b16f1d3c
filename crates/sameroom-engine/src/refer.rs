//! What an event refers to: resolved from memory, from the store, or from a send that is under way.

use std::time::Duration;

use sameroom_types::event::{DeletionCause, RoomEvent};
use sameroom_types::ids::{DeliveryId, MessageId, RemoteMessageId, RoomId, Seq};
use sameroom_types::rows::{DeliveryKind, Query, SkipReason, StoredMessage};

use crate::engine::{Engine, Reference};
use crate::input::Effect;
use crate::record::{End, EventBody, Record};

/// How long a reference may wait for a send into its room to be confirmed.
const PATIENCE: Duration = Duration::from_secs(30);

impl Engine {
    /// Finds what `native` stands for in `room`, now or later.
    pub(crate) fn find_reference(&mut self, seq: Seq, room: RoomId, native: RemoteMessageId) {
        if let Some(message) = self.messages.find(room, &native) {
            self.resolve(seq, message);
            return;
        }
        let id = self.fresh_id();
        self.loads.insert(id, (room, native.clone()));
        self.asking.insert(id, seq);
        self.set_reference(seq, Reference::Loading);
        self.out.push(Effect::Load { id, query: Query::ByNative { room, id: native } });
    }

    pub(crate) fn on_loaded(&mut self, id: u64, found: Option<StoredMessage>) {
        let Some((room, native)) = self.loads.remove(&id) else { return };
        let Some(seq) = self.asking.remove(&id) else { return };
        if let Some(stored) = found
            && self.messages.get(stored.message.message).is_none()
        {
            self.note(Record::MessageLoaded(Box::new(stored)));
        }
        if !self.events.contains_key(&seq) {
            return;
        }
        if let Some(message) = self.messages.find(room, &native) {
            self.resolve(seq, message);
        } else if self.has_unfinished_sends(room) {
            self.awaiting.insert((room, seq), native);
            self.set_reference(seq, Reference::Awaited { until: self.now.mono + PATIENCE });
            for target in self.events.get(&seq).map(|event| event.meta.targets.clone()).unwrap_or_default() {
                self.wake(PATIENCE, crate::engine::Timer::Lane(target));
            }
        } else {
            self.give_up_reference(seq);
        }
    }

    /// A send into `room` was confirmed: something that waited for its ids may now be known.
    pub(crate) fn retry_references(&mut self, room: RoomId) {
        let waiting: Vec<_> = self
            .awaiting
            .range((room, Seq(0))..=(room, Seq(u64::MAX)))
            .map(|(key, native)| (key.1, native.clone()))
            .collect();
        for (seq, native) in waiting {
            if let Some(message) = self.messages.find(room, &native) {
                self.awaiting.remove(&(room, seq));
                self.resolve(seq, message);
            } else if !self.has_unfinished_sends(room) {
                self.awaiting.remove(&(room, seq));
                self.give_up_reference(seq);
            }
        }
    }

    fn has_unfinished_sends(&self, room: RoomId) -> bool {
        self.lanes.get(&room).is_some_and(|lane| lane.items.values().any(|item| item.attempt.is_some()))
    }

    fn set_reference(&mut self, seq: Seq, reference: Reference) {
        if let Some(event) = self.events.get_mut(&seq) {
            event.reference = reference;
        }
    }

    fn resolve(&mut self, seq: Seq, message: MessageId) {
        let Some(event) = self.events.get(&seq) else { return };
        if event.meta.kind == DeliveryKind::Post {
            self.set_reference(seq, Reference::Known(message));
        } else if event.meta.message.is_none() {
            if !self.may_change(seq, message) {
                self.end_all(seq, &End::Skipped(SkipReason::NotAllowed));
                return;
            }
            self.note(Record::Resolved { event: seq, message });
        }
        self.touch_targets(seq);
    }

    /// Whether the actor of an event may do to a message what the event says.
    fn may_change(&self, seq: Seq, message: MessageId) -> bool {
        let (Some(event), Some(message)) = (self.events.get(&seq), self.messages.get(message)) else {
            return false;
        };
        let theirs = message.row.room == event.meta.room && message.row.author == event.meta.author;
        match event.meta.kind {
            DeliveryKind::Edit => theirs,
            DeliveryKind::Delete => match event.body.as_deref() {
                Some(EventBody::Inbound(inbound)) => match &inbound.event {
                    RoomEvent::Deleted(deletion) if deletion.cause == DeletionCause::Author => {
                        message.row.room == event.meta.room
                            && deletion.by.as_ref().is_none_or(|by| by.id == message.row.author)
                    }
                    _ => true,
                },
                _ => false,
            },
            DeliveryKind::React | DeliveryKind::Post => true,
            DeliveryKind::Notice | DeliveryKind::Membership => false,
        }
    }

    /// Nothing known is meant: a change makes nothing, a reply falls back to a plain post.
    pub(crate) fn give_up_reference(&mut self, seq: Seq) {
        self.set_reference(seq, Reference::Unknown);
        let kind = self.events.get(&seq).map(|event| event.meta.kind);
        if kind.is_some_and(|kind| kind != DeliveryKind::Post) {
            self.end_all(seq, &End::Skipped(SkipReason::NoTarget));
        }
        self.touch_targets(seq);
    }

    fn touch_targets(&mut self, seq: Seq) {
        if let Some(event) = self.events.get(&seq) {
            self.dirty.extend(event.meta.targets.iter().copied());
        }
    }

    /// Ends every delivery of an event in the same way.
    pub(crate) fn end_all(&mut self, seq: Seq, end: &End) {
        let Some(event) = self.events.get(&seq) else { return };
        let at = self.now.wall;
        for room in event.meta.targets.clone() {
            let delivery = DeliveryId { event: seq, room };
            if self.delivery_mut(delivery).is_some() {
                self.note(Record::Ended { delivery, end: end.clone(), at });
            }
        }
        // An event without targets, or whose last delivery ended above, is already closed.
    }

    /// After a start: looks up again what the open events refer to.
    pub(crate) fn refind_references(&mut self) {
        let open: Vec<(Seq, RoomId, RemoteMessageId)> = self
            .events
            .iter()
            .filter(|(_, event)| event.reference == Reference::Unknown)
            .filter_map(|(seq, event)| {
                let EventBody::Inbound(inbound) = event.body.as_deref()? else { return None };
                let native = match &inbound.event {
                    RoomEvent::Edited(edit) => edit.message.clone(),
                    RoomEvent::Deleted(deletion) => deletion.messages.first()?.clone(),
                    RoomEvent::Reacted(reaction) | RoomEvent::Unreacted(reaction) => reaction.message.clone(),
                    RoomEvent::ReactionSet(set) => set.message.clone(),
                    _ => return None,
                };
                Some((*seq, event.meta.room, native))
            })
            .collect();
        for (seq, room, native) in open {
            self.find_reference(seq, room, native);
        }
    }
}
