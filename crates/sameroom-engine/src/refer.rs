//! What an event refers to: resolved from memory, from the store, or from a send that is under way.

use std::time::Duration;

use sameroom_types::event::{DeletionCause, Inbound, RoomEvent};
use sameroom_types::ids::{AccountId, DeliveryId, MessageId, RemoteMessageId, RoomId, Seq, Ticket};
use sameroom_types::rows::{DeliveryKind, Query, SkipReason, StoredMessage};

use crate::engine::{Engine, Reference, Timer};
use crate::input::Effect;
use crate::record::{End, EventBody, Record};

/// How long a reference may wait for a send into its room to be confirmed.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a reaction that was read back after a start waits for its message to be read back elsewhere, and how
/// long after the start.
const CATCH_UP: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wanted {
    /// The message that a reply answers, or that a change changes.
    Message,
    /// The root of the thread that a post belongs to.
    Thread,
}

/// An id that may become known with a send that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Sought {
    space: RoomId,
    native: RemoteMessageId,
}

/// What the store is being asked, and who wants to know.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) room: RoomId,
    pub(crate) space: RoomId,
    pub(crate) native: RemoteMessageId,
    pub(crate) asker: Asker,
}

/// Who wants to know.
#[derive(Debug)]
pub(crate) enum Asker {
    /// An accepted event.
    Event(Seq, Wanted),
    /// A report that is not accepted yet.
    Report(AccountId, Ticket, Box<Inbound>),
}

impl Engine {
    /// The message that an account calls by an id.
    pub(crate) fn find(
        &self,
        account: &AccountId,
        room: RoomId,
        native: &RemoteMessageId,
    ) -> Option<MessageId> {
        self.messages.find(self.network.space(room, account), native)
    }

    /// Finds what `native` stands for in `room`, now or later.
    pub(crate) fn find_reference(&mut self, seq: Seq, room: RoomId, native: RemoteMessageId, wanted: Wanted) {
        let Some(event) = self.events.get(&seq) else { return };
        let space = self.network.space(room, &event.meta.account);
        if let Some(message) = self.messages.find(space, &native) {
            self.resolve(seq, message, wanted);
            return;
        }
        self.set_reference(seq, wanted, Reference::Loading);
        self.ask_store(Question { room, space, native, asker: Asker::Event(seq, wanted) });
    }

    pub(crate) fn ask_store(&mut self, question: Question) {
        let id = self.fresh_id();
        let query = Query::ByNative { room: question.space, id: question.native.clone() };
        self.loads.insert(id, question);
        self.out.push(Effect::Load { id, query });
    }

    pub(crate) fn on_loaded(&mut self, id: u64, found: Option<StoredMessage>) {
        let Some(question) = self.loads.remove(&id) else { return };
        if let Some(stored) = found
            && self.messages.get(stored.message.message).is_none()
        {
            self.note(Record::MessageLoaded(Box::new(stored)));
        }
        let Question { room, space, native, asker } = question;
        let room = self.network.current(room);
        let (seq, wanted) = match asker {
            Asker::Event(seq, wanted) => (seq, wanted),
            Asker::Report(account, ticket, inbound) => {
                self.on_report_looked_up(&account, room, ticket, *inbound);
                return;
            }
        };
        if !self.events.contains_key(&seq) {
            return;
        }
        if let Some(message) = self.messages.find(space, &native) {
            self.resolve(seq, message, wanted);
        } else if let Some(patience) = self.patience_for(room, seq) {
            self.awaiting.insert((room, seq, wanted), Sought { space, native });
            self.set_reference(seq, wanted, Reference::Awaited { until: self.now.mono + patience });
            for target in self.events.get(&seq).map(|event| event.meta.targets.clone()).unwrap_or_default() {
                self.wake(patience, Timer::Lane(target));
            }
        } else {
            self.give_up_reference(seq, wanted);
        }
    }

    /// A send into `room` was confirmed: something that waited for its ids may now be known.
    pub(crate) fn retry_references(&mut self, room: RoomId) {
        let first = (room, Seq(0), Wanted::Message);
        let last = (room, Seq(u64::MAX), Wanted::Thread);
        let waiting: Vec<_> =
            self.awaiting.range(first..=last).map(|(key, sought)| (key.1, key.2, sought.clone())).collect();
        for (seq, wanted, sought) in waiting {
            if let Some(message) = self.messages.find(sought.space, &sought.native) {
                self.awaiting.remove(&(room, seq, wanted));
                self.resolve(seq, message, wanted);
            } else if self.patience_for(room, seq).is_none() {
                self.awaiting.remove(&(room, seq, wanted));
                self.give_up_reference(seq, wanted);
            }
        }
    }

    /// How long it is worth waiting for an unknown id to become known, if at all.
    fn patience_for(&self, room: RoomId, seq: Seq) -> Option<Duration> {
        if self.has_unfinished_sends(room) {
            return Some(PATIENCE);
        }
        // A power loss may have taken the record of a copy that stands; it is found again when the original's room
        // has been read back.
        let event = self.events.get(&seq)?;
        let is_read_back =
            matches!(event.body.as_deref(), Some(EventBody::Inbound(inbound)) if inbound.history);
        let is_early = self.now.mono.saturating_sub(self.started.mono) < CATCH_UP.1;
        (event.meta.kind == DeliveryKind::React && is_read_back && is_early).then_some(CATCH_UP.0)
    }

    fn has_unfinished_sends(&self, room: RoomId) -> bool {
        self.lanes.get(&room).is_some_and(|lane| lane.items.values().any(|item| item.attempt.is_some()))
    }

    fn set_reference(&mut self, seq: Seq, wanted: Wanted, reference: Reference) {
        let Some(event) = self.events.get_mut(&seq) else { return };
        match wanted {
            Wanted::Message => event.reference = reference,
            Wanted::Thread => {
                event.thread = match reference {
                    Reference::None | Reference::Known(_) => Reference::None,
                    Reference::Loading => Reference::Loading,
                    Reference::Awaited { until } => Reference::Awaited { until },
                    Reference::Unknown => Reference::Unknown,
                }
            }
        }
    }

    fn resolve(&mut self, seq: Seq, message: MessageId, wanted: Wanted) {
        let Some(event) = self.events.get(&seq) else { return };
        if wanted == Wanted::Thread {
            self.resolve_thread(seq, message);
        } else if matches!(event.meta.kind, DeliveryKind::Post) {
            self.set_reference(seq, wanted, Reference::Known(message));
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
            DeliveryKind::React | DeliveryKind::Post | DeliveryKind::Thread => true,
            DeliveryKind::Notice | DeliveryKind::Membership => false,
        }
    }

    /// Nothing known is meant: a change makes nothing, a reply or a thread falls back to a plain post.
    pub(crate) fn give_up_reference(&mut self, seq: Seq, wanted: Wanted) {
        self.set_reference(seq, wanted, Reference::Unknown);
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
        let mut open = Vec::new();
        for (seq, event) in &self.events {
            let Some(EventBody::Inbound(inbound)) = event.body.as_deref() else { continue };
            let native = match &inbound.event {
                RoomEvent::Edited(edit) => Some(edit.message.clone()),
                RoomEvent::Deleted(deletion) => deletion.messages.first().cloned(),
                RoomEvent::Reacted(reaction) | RoomEvent::Unreacted(reaction) => {
                    Some(reaction.message.clone())
                }
                RoomEvent::ReactionSet(set) => Some(set.message.clone()),
                RoomEvent::Posted(post) | RoomEvent::Observed(post) => {
                    if let (None, Some(thread)) = (event.meta.thread, &post.thread) {
                        open.push((*seq, event.meta.room, thread.as_str().into(), Wanted::Thread));
                    }
                    None
                }
                _ => None,
            };
            if event.reference == Reference::Unknown {
                open.extend(native.map(|native| (*seq, event.meta.room, native, Wanted::Message)));
            }
        }
        for (seq, room, native, wanted) in open {
            self.find_reference(seq, room, native, wanted);
        }
    }
}
