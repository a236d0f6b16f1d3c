//! Side conversations: one number for the network, and what each room calls it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use sameroom_types::ids::{MessageId, RemoteThreadId, RoomId, ThreadId};
use serde::{Deserialize, Serialize};

/// How many threads are remembered; one that is forgotten is taken for a new one.
const KEEP: usize = 20_000;

/// A side conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Thread {
    pub(crate) id: ThreadId,
    /// The message that it starts from.
    pub(crate) root: Option<MessageId>,
    pub(crate) name: Option<String>,
    /// What it is in each room; `None` where it can't be had.
    pub(crate) places: BTreeMap<RoomId, Option<RemoteThreadId>>,
}

/// All threads in memory.
#[derive(Debug, Default)]
pub(crate) struct ThreadMap {
    by_id: BTreeMap<ThreadId, Thread>,
    by_native: HashMap<(RoomId, RemoteThreadId), ThreadId>,
    by_root: HashMap<MessageId, ThreadId>,
    order: VecDeque<ThreadId>,
    last: u64,
}

impl ThreadMap {
    pub(crate) fn next(&self) -> ThreadId {
        ThreadId(self.last + 1)
    }

    pub(crate) fn get(&self, id: ThreadId) -> Option<&Thread> {
        self.by_id.get(&id)
    }

    pub(crate) fn find(&self, room: RoomId, native: &RemoteThreadId) -> Option<ThreadId> {
        self.by_native.get(&(room, native.clone())).copied()
    }

    pub(crate) fn of_root(&self, root: MessageId) -> Option<ThreadId> {
        self.by_root.get(&root).copied()
    }

    pub(crate) fn insert(&mut self, thread: Thread) {
        self.last = self.last.max(thread.id.0);
        for (room, native) in &thread.places {
            if let Some(native) = native {
                self.by_native.insert((*room, native.clone()), thread.id);
            }
        }
        if let Some(root) = thread.root {
            self.by_root.insert(root, thread.id);
        }
        self.order.push_back(thread.id);
        self.by_id.insert(thread.id, thread);
        if self.order.len() > KEEP
            && let Some(oldest) = self.order.pop_front()
        {
            self.remove(oldest);
        }
    }

    pub(crate) fn place(&mut self, id: ThreadId, room: RoomId, native: Option<RemoteThreadId>) {
        let Some(thread) = self.by_id.get_mut(&id) else { return };
        if let Some(native) = &native {
            // The old name still leads here: what was said under it is not said elsewhere.
            self.by_native.insert((room, native.clone()), id);
        }
        thread.places.insert(room, native);
    }

    pub(crate) fn rename(&mut self, id: ThreadId, name: String) {
        if let Some(thread) = self.by_id.get_mut(&id) {
            thread.name = Some(name);
        }
    }

    /// The ids of a room begin anew.
    pub(crate) fn renumber(&mut self, room: RoomId) {
        self.by_native.retain(|(at, _), _| *at != room);
        for thread in self.by_id.values_mut() {
            thread.places.remove(&room);
        }
    }

    /// Two rooms became one.
    pub(crate) fn merge_rooms(&mut self, from: RoomId, into: RoomId) {
        for thread in self.by_id.values_mut() {
            if let Some(place) = thread.places.remove(&from) {
                thread.places.entry(into).or_insert(place);
            }
        }
        let moved: Vec<_> = self.by_native.keys().filter(|(room, _)| *room == from).cloned().collect();
        for key in moved {
            if let Some(id) = self.by_native.remove(&key) {
                self.by_native.entry((into, key.1)).or_insert(id);
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<Thread> {
        self.by_id.values().cloned().collect()
    }

    pub(crate) fn restore(threads: Vec<Thread>) -> Self {
        let mut restored = Self::default();
        for thread in threads {
            restored.insert(thread);
        }
        restored
    }

    fn remove(&mut self, id: ThreadId) {
        let Some(thread) = self.by_id.remove(&id) else { return };
        self.by_native.retain(|_, known| *known != id);
        if let Some(root) = thread.root
            && self.by_root.get(&root) == Some(&id)
        {
            self.by_root.remove(&root);
        }
    }
}
