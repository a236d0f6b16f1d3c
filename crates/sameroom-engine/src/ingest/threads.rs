//! Side conversations on their way in.

use sameroom_types::capabilities::Threads;
use sameroom_types::event::{Inbound, Post, RoomEvent, ThreadEvent};
use sameroom_types::ids::{AccountId, MessageId, RemoteThreadId, RoomId, Seq, ThreadId};
use sameroom_types::policy::Relay;
use sameroom_types::rows::DeliveryKind;

use crate::engine::Engine;
use crate::record::{EventBody, Record};

impl Engine {
    /// The thread that a post belongs to, if that is known or can be known at once. A root that is not
    /// known is looked for after the post is accepted.
    pub(crate) fn thread_of(&mut self, account: &AccountId, room: RoomId, post: &Post) -> Option<ThreadId> {
        let native = post.thread.as_ref()?;
        if let Some(known) = self.threads.find(room, native) {
            return Some(known);
        }
        match self.capabilities(room).map_or(Threads::None, |can| can.threads) {
            Threads::None => None,
            Threads::ReplyRoot => {
                let root = self.find(account, room, &native.as_str().into())?;
                Some(self.thread_from(room, native.clone(), root))
            }
            Threads::NamedTopic => {
                let name = Some(native.as_str().to_owned());
                Some(self.make_thread(room, native.clone(), None, name))
            }
            Threads::SubRoom => Some(self.make_thread(room, native.clone(), None, None)),
        }
    }

    /// Whether the thread of a post is still to be found by its root.
    pub(crate) fn seeks_root(&self, room: RoomId, post: &Post) -> bool {
        let style = self.capabilities(room).map_or(Threads::None, |can| can.threads);
        // Where a root names itself as its own thread, it is the beginning of one.
        let own = post.thread.as_ref().is_some_and(|thread| thread.as_str() == post.ids.primary.as_str());
        style == Threads::ReplyRoot && post.thread.is_some() && !own
    }

    pub(crate) fn resolve_thread(&mut self, seq: Seq, root: MessageId) {
        let Some(event) = self.events.get(&seq) else { return };
        let room = event.meta.room;
        let native = match event.body.as_deref() {
            Some(EventBody::Inbound(inbound)) => match &inbound.event {
                RoomEvent::Posted(post) | RoomEvent::Observed(post) => post.thread.clone(),
                _ => None,
            },
            _ => None,
        };
        let Some(native) = native else { return };
        let thread = self.thread_from(room, native, root);
        self.note(Record::ThreadResolved { event: seq, thread });
    }

    /// The thread that starts from a message, whatever the room calls it.
    fn thread_from(&mut self, room: RoomId, native: RemoteThreadId, root: MessageId) -> ThreadId {
        match self.threads.of_root(root) {
            Some(thread) => {
                self.note(Record::ThreadPlaced { thread, room, native: Some(native) });
                thread
            }
            None => self.make_thread(room, native, Some(root), None),
        }
    }

    fn make_thread(
        &mut self,
        room: RoomId,
        native: RemoteThreadId,
        root: Option<MessageId>,
        name: Option<String>,
    ) -> ThreadId {
        let thread = self.threads.next();
        self.note(Record::ThreadMade { thread, room, native, root, name });
        thread
    }

    pub(crate) fn take_thread(
        &mut self,
        account: &AccountId,
        room: RoomId,
        inbound: Inbound,
        event: &ThreadEvent,
    ) {
        if self.policy(room).room.relay == Relay::In {
            return;
        }
        let (thread, message) = match event {
            ThreadEvent::Created { thread, name, root } => {
                let root = root.as_ref().and_then(|root| self.find(account, room, root));
                match (self.threads.find(room, thread), root.and_then(|root| self.threads.of_root(root))) {
                    (Some(_), _) => {}
                    (None, Some(known)) => {
                        self.note(Record::ThreadPlaced { thread: known, room, native: Some(thread.clone()) });
                    }
                    (None, None) => {
                        self.make_thread(room, thread.clone(), root, name.clone());
                    }
                }
                // It is made elsewhere when something is said in it.
                return;
            }
            ThreadEvent::Renamed { thread, name } => {
                let Some(known) = self.threads.find(room, thread) else { return };
                if self.threads.get(known).is_some_and(|known| known.name.as_ref() == Some(name)) {
                    return;
                }
                self.note(Record::ThreadRenamed { thread: known, name: name.clone() });
                if self.capabilities(room).is_some_and(|can| can.threads == Threads::NamedTopic) {
                    let native = Some(name.as_str().into());
                    self.note(Record::ThreadPlaced { thread: known, room, native });
                }
                (Some(known), None)
            }
            ThreadEvent::Closed { thread } => match self.threads.find(room, thread) {
                Some(known) => (Some(known), None),
                None => return,
            },
            ThreadEvent::Moved { message, to } => {
                let Some(message) = self.find(account, room, message) else { return };
                let to = to.as_ref().map(|native| match self.threads.find(room, native) {
                    Some(known) => known,
                    // What is moved first is what the others belong to.
                    None => {
                        let name = Some(native.as_str().to_owned());
                        self.make_thread(room, native.clone(), Some(message), name)
                    }
                });
                (to, Some(message))
            }
        };
        let targets = self.targets(room);
        if targets.is_empty() {
            return;
        }
        let mut meta = self.change_meta(account, room, targets, DeliveryKind::Thread, &"".into());
        meta.thread = thread;
        meta.message = message;
        self.accept(meta, EventBody::Inbound(Box::new(inbound)));
    }
}
