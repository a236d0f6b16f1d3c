//! Side conversations: one id in the whole network, mapped in each room to what that room has for it.
//!
//! The network's id of a thread is the message it starts from. A room with reply-root threads knows it
//! by that message's id there, one with named topics by a topic, one with sub-rooms by a room of its own;
//! where there is none of these, a post in a thread answers its root, or names the thread in words.

use std::collections::{BTreeMap, HashMap};

use sameroom_types::capabilities::Threads as Degree;
use sameroom_types::event::{Post, ThreadEvent};
use sameroom_types::ids::{MessageId, NativeIds, RemoteMessageId, RemoteThreadId, RoomId, Seq};
use sameroom_types::text::Text;

use crate::engine::{Engine, Reference};
use crate::record::Record;

/// How many threads are remembered; the oldest go first.
const KEEP: usize = 20_000;

/// The longest topic made of a message's words, in graphemes.
const TOPIC: usize = 50;

/// What each room has for each thread.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    rooms: BTreeMap<MessageId, BTreeMap<RoomId, RemoteThreadId>>,
    by_native: HashMap<(RoomId, RemoteThreadId), MessageId>,
    /// Names are words of people: kept in memory only.
    names: HashMap<(RoomId, RemoteThreadId), String>,
}

/// How a post takes its place in a thread of its target.
pub(crate) enum Place {
    /// In the room itself.
    Room,
    /// Natively in this thread.
    Thread(RemoteThreadId),
    /// As an answer to the thread's root.
    Answer(MessageId),
    /// With the thread's name in front.
    Named(String),
    /// The root itself is still on its way.
    Wait,
}

impl Threads {
    pub(crate) fn root_of(&self, room: RoomId, thread: &RemoteThreadId) -> Option<MessageId> {
        self.by_native.get(&(room, thread.clone())).copied()
    }

    fn in_room(&self, root: MessageId, room: RoomId) -> Option<&RemoteThreadId> {
        self.rooms.get(&root)?.get(&room)
    }

    /// Ties a room's thread to its root. A thread that two roots share stays the first one's.
    pub(crate) fn tie(&mut self, root: MessageId, room: RoomId, native: RemoteThreadId) {
        self.by_native.entry((room, native.clone())).or_insert(root);
        self.rooms.entry(root).or_default().insert(room, native);
        if self.rooms.len() > KEEP
            && let Some((root, rooms)) = self.rooms.pop_first()
        {
            for key in rooms {
                if self.by_native.get(&key) == Some(&root) {
                    self.by_native.remove(&key);
                }
                self.names.remove(&key);
            }
        }
    }

    /// Two rooms became one.
    pub(crate) fn merge_rooms(&mut self, from: RoomId, into: RoomId) {
        for (root, rooms) in &mut self.rooms {
            if let Some(native) = rooms.remove(&from) {
                self.by_native.remove(&(from, native.clone()));
                self.by_native.entry((into, native.clone())).or_insert(*root);
                rooms.entry(into).or_insert(native);
            }
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (MessageId, RoomId, &RemoteThreadId)> {
        self.rooms
            .iter()
            .flat_map(|(root, rooms)| rooms.iter().map(move |(room, native)| (*root, *room, native)))
    }
}

impl Engine {
    fn thread_degree(&self, room: RoomId) -> Degree {
        self.capabilities(room).map_or(Degree::None, |can| can.threads)
    }

    /// The message that a post in a reply-root thread hangs on, where it answers nothing else.
    pub(crate) fn thread_as_reference(&self, room: RoomId, post: &Post) -> Option<RemoteMessageId> {
        let thread = post.thread.as_ref()?;
        (self.thread_degree(room) == Degree::ReplyRoot).then(|| RemoteMessageId::new(thread.as_str()))
    }

    /// Ties the thread of a post just accepted to its root: the message it hangs on, else the first one in it.
    pub(crate) fn take_thread_of_post(&mut self, seq: Seq, room: RoomId, thread: &RemoteThreadId) {
        if self.threads.root_of(room, thread).is_some() {
            return;
        }
        let root = match self.thread_degree(room) {
            Degree::None => None,
            Degree::ReplyRoot => self.messages.find(room, &RemoteMessageId::new(thread.as_str())),
            Degree::NamedTopic | Degree::SubRoom => Some(MessageId(seq.0)),
        };
        if let Some(root) = root {
            self.tie_thread(root, room, thread.clone());
        }
    }

    pub(crate) fn take_thread_event(&mut self, room: RoomId, event: &ThreadEvent) {
        match event {
            ThreadEvent::Created { thread, name, root } => {
                if let Some(name) = name {
                    self.threads.names.insert((room, thread.clone()), name.clone());
                }
                if let Some(root) = root.as_ref().and_then(|root| self.messages.find(room, root)) {
                    self.tie_thread(root, room, thread.clone());
                }
            }
            ThreadEvent::Renamed { thread, name } => {
                self.threads.names.insert((room, thread.clone()), name.clone());
            }
            // What is still said in it goes where the thread went before.
            ThreadEvent::Closed { .. } => {}
            ThreadEvent::Moved { message, to } => {
                if let (Some(message), Some(to)) = (self.messages.find(room, message), to)
                    && self.threads.root_of(room, to).is_none()
                {
                    self.tie_thread(message, room, to.clone());
                }
            }
        }
    }

    fn tie_thread(&mut self, root: MessageId, room: RoomId, thread: RemoteThreadId) {
        if self.threads.in_room(root, room) != Some(&thread) {
            self.note(Record::ThreadKnown { root, room, thread });
        }
    }

    /// Where in `target` a post belongs that was made in a thread of `origin`.
    pub(crate) fn place_in_thread(
        &mut self,
        event: Seq,
        origin: RoomId,
        target: RoomId,
        degree: Degree,
        post: &Post,
    ) -> Place {
        let Some(thread) = &post.thread else { return Place::Room };
        let own = MessageId(event.0);
        let root = match (self.threads.root_of(origin, thread), self.reference_of(event)) {
            (Some(root), _) => root,
            // The store knew the root, or a send into the origin has brought its id meanwhile.
            (None, Reference::Known(root))
                if post.reply.is_none() && self.thread_degree(origin) == Degree::ReplyRoot =>
            {
                self.tie_thread(root, origin, thread.clone());
                root
            }
            _ => return Place::Room,
        };
        if root < own && self.lanes.get(&target).is_some_and(|lane| lane.items.contains_key(&Seq(root.0))) {
            return Place::Wait;
        }
        if degree != Degree::None
            && let Some(native) = self.threads.in_room(root, target)
        {
            return Place::Thread(native.clone());
        }
        let name = self.thread_name(origin, thread);
        match degree {
            Degree::ReplyRoot if root != own => {
                if let Some((_, NativeIds { primary, .. }, _)) =
                    self.target_of(root, target).into_iter().next()
                {
                    let native = RemoteThreadId::new(primary.as_str());
                    self.tie_thread(root, target, native.clone());
                    return Place::Thread(native);
                }
            }
            Degree::NamedTopic => {
                let words = name.or_else(|| {
                    let excerpt = self.excerpt_in(root, target)?;
                    Some(sameroom_markup::first_line(&Text::plain(&excerpt.text), TOPIC))
                });
                let topic =
                    words.filter(|words| !words.is_empty()).unwrap_or_else(|| format!("thread {root}"));
                let native = RemoteThreadId::new(topic);
                self.tie_thread(root, target, native.clone());
                return Place::Thread(native);
            }
            Degree::ReplyRoot | Degree::SubRoom | Degree::None => {}
        }
        match name {
            Some(name) => Place::Named(name),
            None if root == own => Place::Room,
            None => Place::Answer(root),
        }
    }

    /// What people call a thread, where its room names threads.
    fn thread_name(&self, room: RoomId, thread: &RemoteThreadId) -> Option<String> {
        let told = self.threads.names.get(&(room, thread.clone())).cloned();
        told.or_else(|| (self.thread_degree(room) == Degree::NamedTopic).then(|| thread.as_str().to_owned()))
    }
}
