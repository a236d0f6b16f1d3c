//! Side conversations in a target, in whatever way it has them.

use std::time::Duration;

use sameroom_markup::first_line;
use sameroom_types::action::{Action, ThreadAction};
use sameroom_types::capabilities::Threads;
use sameroom_types::event::{RoomEvent, ThreadEvent};
use sameroom_types::ids::{DeliveryId, MessageId, NativeIds, RemoteThreadId, Seq, ThreadId};
use sameroom_types::rows::{DeliveryKind, SkipReason};
use sameroom_types::text::Text;

use crate::compose::{Made, Prepared, Target, one_line, skip};
use crate::engine::{Engine, Reference};
use crate::record::{EventBody, Record};
use crate::refer::Wanted;
use crate::threads::Thread;

/// Where a post of a thread goes.
pub(crate) enum Place {
    /// Not known yet.
    Wait(Option<Duration>),
    /// The thread has to be opened first.
    Open(Box<Made>),
    /// Into this thread, or into the room itself with words that say where it belongs.
    At { thread: Option<RemoteThreadId>, lead: Option<String> },
    /// Into the room itself, as an answer to the root of its thread.
    Answer(MessageId),
}

impl Engine {
    pub(crate) fn place_in(&mut self, id: DeliveryId, target: &Target) -> Place {
        let room_itself = Place::At { thread: None, lead: None };
        let known = match self.events.get(&id.event).map(|event| event.thread) {
            Some(Reference::Known(thread)) => thread,
            Some(Reference::Loading) => return Place::Wait(None),
            Some(Reference::Awaited { until }) if until > self.now.mono => return Place::Wait(Some(until)),
            Some(Reference::Awaited { .. }) => {
                self.give_up_reference(id.event, Wanted::Thread);
                return room_itself;
            }
            Some(Reference::None | Reference::Unknown) | None => return room_itself,
        };
        let Some(thread) = self.threads.get(known).cloned() else { return room_itself };
        let fallback = match (&thread.name, thread.root) {
            (None, Some(root)) => Place::Answer(root),
            _ => Place::At { thread: None, lead: Some(format!("({}) ", self.title(&thread))) },
        };
        match thread.places.get(&id.room) {
            Some(Some(native)) => return Place::At { thread: Some(native.clone()), lead: None },
            Some(None) => return fallback,
            None => {}
        }
        if target.can.threads != Threads::None && self.is_under_way(id, known) {
            return Place::Wait(None);
        }
        match target.can.threads {
            Threads::None => fallback,
            Threads::ReplyRoot => {
                let Some(root) = thread.root else {
                    // The first post here becomes the root; see `note_root`.
                    return fallback;
                };
                if root.0 < id.event.0 && self.is_in_lane(id.room, Seq(root.0)) {
                    return Place::Wait(None);
                }
                match self.ids_here(root, id.room, target.space) {
                    Some(ids) => Place::At { thread: Some(ids.primary.as_str().into()), lead: None },
                    None => fallback,
                }
            }
            Threads::NamedTopic => {
                let native = RemoteThreadId::new(self.title(&thread));
                self.note(Record::ThreadPlaced {
                    thread: known,
                    room: id.room,
                    native: Some(native.clone()),
                });
                Place::At { thread: Some(native), lead: None }
            }
            Threads::SubRoom => {
                if thread
                    .root
                    .is_some_and(|root| root.0 < id.event.0 && self.is_in_lane(id.room, Seq(root.0)))
                {
                    return Place::Wait(None);
                }
                let root = thread.root.and_then(|root| self.ids_here(root, id.room, target.space));
                let action = Action::Thread(ThreadAction::Open { name: self.title(&thread), root });
                let (actions, makes) = (vec![action], vec![u32::MAX]);
                Place::Open(Box::new(Made { actions, makes, opens: Some(known), ..Made::default() }))
            }
        }
    }

    /// Whether an earlier post of the thread is on its way into the room, and may settle what it is there.
    fn is_under_way(&self, id: DeliveryId, thread: ThreadId) -> bool {
        self.lanes.get(&id.room).is_some_and(|lane| {
            lane.items.range(..id.event).any(|(seq, _)| {
                self.events.get(seq).is_some_and(|event| {
                    event.meta.kind == DeliveryKind::Post && event.thread == Reference::Known(thread)
                })
            })
        })
    }

    /// A post arrived: where a thread has no root yet, it is that from now on.
    pub(crate) fn note_root(&mut self, id: DeliveryId, ids: &NativeIds) {
        let Some(Reference::Known(known)) = self.events.get(&id.event).map(|event| event.thread) else {
            return;
        };
        let is_root = self
            .threads
            .get(known)
            .is_some_and(|thread| thread.root.is_none() && !thread.places.contains_key(&id.room));
        if is_root && self.capabilities(id.room).is_some_and(|can| can.threads == Threads::ReplyRoot) {
            let native = Some(ids.primary.as_str().into());
            self.note(Record::ThreadPlaced { thread: known, room: id.room, native });
        }
    }

    pub(crate) fn prepare_thread(
        &mut self,
        id: DeliveryId,
        target: &Target,
        event: &ThreadEvent,
    ) -> Prepared {
        let Some(meta) = self.events.get(&id.event).map(|open| open.meta.clone()) else {
            return skip(SkipReason::NoTarget);
        };
        let has_own = matches!(target.can.threads, Threads::NamedTopic | Threads::SubRoom);
        if !has_own {
            return skip(SkipReason::NoForm);
        }
        let native =
            meta.thread.and_then(|thread| self.threads.get(thread)?.places.get(&id.room).cloned()?);
        let action = match (event, native) {
            (ThreadEvent::Renamed { name, .. }, Some(thread)) if thread.as_str() != name => {
                ThreadAction::Rename { thread, name: short(name) }
            }
            (ThreadEvent::Closed { .. }, Some(thread)) => ThreadAction::Close { thread },
            (ThreadEvent::Moved { to, .. }, native) if to.is_none() == native.is_none() => {
                let Some(message) = meta.message else { return skip(SkipReason::NoTarget) };
                if self.is_in_lane(id.room, Seq(message.0)) {
                    return Prepared::Wait(None);
                }
                let copy = self.messages.get(message).and_then(|known| known.copies.get(&id.room));
                if copy.is_none_or(|copy| copy.account != target.account) {
                    return skip(SkipReason::NoTarget);
                }
                let Some(ids) = self.ids_here(message, id.room, target.space) else {
                    return skip(SkipReason::NoTarget);
                };
                ThreadAction::Move { target: ids, to: native }
            }
            (ThreadEvent::Renamed { .. }, Some(_)) => return skip(SkipReason::NoChange),
            _ => return skip(SkipReason::NoTarget),
        };
        Made::lines(vec![Action::Thread(action)], id.event)
    }

    /// A thread was renamed in a room where its name is its id.
    pub(crate) fn note_rename(&mut self, id: DeliveryId) {
        let Some(event) = self.events.get(&id.event) else { return };
        let name = match event.body.as_deref() {
            Some(EventBody::Inbound(inbound)) => match &inbound.event {
                RoomEvent::Thread(ThreadEvent::Renamed { name, .. }) => short(name),
                _ => return,
            },
            _ => return,
        };
        if let Some(thread) = event.meta.thread
            && self.capabilities(id.room).is_some_and(|can| can.threads == Threads::NamedTopic)
        {
            let native = Some(name.into());
            self.note(Record::ThreadPlaced { thread, room: id.room, native });
        }
    }

    /// What a thread is called where it has to be called something. Words of a message would outlive it.
    fn title(&self, thread: &Thread) -> String {
        match (&thread.name, thread.root.and_then(|root| self.messages.get(root))) {
            (Some(name), _) => short(name),
            (None, Some(root)) => format!("thread of {} UTC, {}", root.row.at.hour_minute(), thread.id),
            (None, None) => format!("thread {}", thread.id),
        }
    }
}

/// A thread's name within what platforms take, on one line.
fn short(name: &str) -> String {
    let line = first_line(&Text::plain(&one_line(name)), 60);
    if line.is_empty() { "thread".to_owned() } else { line }
}
