//! The id map: which native ids, in every room, stand for one message.
//!
//! Holds recent messages and those with unfinished deliveries; older ones are in the store and come
//! back by a load.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use sameroom_types::event::Role;
use sameroom_types::ids::{AccountId, MessageId, NativeIds, RemoteMessageId, RemoteUserId, RoomId, Seq};
use sameroom_types::rows::{CopyRow, MessageRow, ReactionRow, StoredMessage};
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::ReactionChange;

/// How many finished messages stay in memory.
const KEEP: usize = 20_000;

/// A message and its copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) row: MessageRow,
    pub(crate) copies: BTreeMap<RoomId, Copy>,
    /// Who has which emoji on it, by the room where they put it.
    pub(crate) reactions: BTreeSet<(Emoji, RoomId, RemoteUserId)>,
    /// What our account put on it for others, by room.
    pub(crate) placed: BTreeMap<RoomId, BTreeSet<Emoji>>,
    /// Open edits and deletions of it, in order.
    pub(crate) changes: Vec<(Seq, bool)>,
    /// Open events that refer to it, itself included.
    pub(crate) open: u32,
}

/// The message's image in one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copy {
    pub(crate) account: AccountId,
    pub(crate) parts: Vec<CopyPart>,
    pub(crate) deleted: bool,
    /// The last change that it holds.
    pub(crate) as_of: Seq,
}

/// One part of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CopyPart {
    pub(crate) ids: Option<NativeIds>,
    pub(crate) is_file: bool,
    pub(crate) deleted: bool,
}

/// All messages in memory.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    by_id: HashMap<MessageId, Message>,
    by_native: HashMap<(RoomId, RemoteMessageId), MessageId>,
    finished: VecDeque<(MessageId, Seq)>,
}

impl Message {
    pub(crate) fn new(row: MessageRow) -> Self {
        Self {
            row,
            copies: BTreeMap::new(),
            reactions: BTreeSet::new(),
            placed: BTreeMap::new(),
            changes: Vec::new(),
            open: 0,
        }
    }

    /// The parts by which a room knows it: the original's own, or those of its copy there.
    pub(crate) fn parts_in(&self, room: RoomId) -> Vec<(u32, NativeIds, bool)> {
        if room == self.row.room {
            return if self.row.deleted { Vec::new() } else { vec![(0, self.row.ids.clone(), false)] };
        }
        let Some(copy) = self.copies.get(&room).filter(|copy| !copy.deleted) else { return Vec::new() };
        (0..)
            .zip(&copy.parts)
            .filter(|(_, part)| !part.deleted)
            .filter_map(|(index, part)| Some((index, part.ids.clone()?, part.is_file)))
            .collect()
    }

    pub(crate) fn react(&mut self, room: RoomId, person: &RemoteUserId, change: &ReactionChange) {
        match change {
            ReactionChange::Add(emoji) => {
                self.reactions.insert((emoji.clone(), room, person.clone()));
            }
            ReactionChange::Remove(emoji) => {
                self.reactions.remove(&(emoji.clone(), room, person.clone()));
            }
            ReactionChange::Set(all) => {
                self.reactions.retain(|(_, at, who)| !(*at == room && who == person));
                for emoji in all {
                    self.reactions.insert((emoji.clone(), room, person.clone()));
                }
            }
        }
    }

    pub(crate) fn has_reaction(&self, room: RoomId, person: &RemoteUserId, emoji: &Emoji) -> bool {
        self.reactions.contains(&(emoji.clone(), room, person.clone()))
    }

    fn from_stored(stored: StoredMessage) -> Self {
        let mut message = Self::new(stored.message);
        for row in stored.copies {
            message.put_copy(row);
        }
        for row in stored.reactions {
            if !row.on {
                continue;
            }
            if row.placed {
                message.placed.entry(row.room).or_default().insert(row.emoji);
            } else {
                message.reactions.insert((row.emoji, row.room, row.person));
            }
        }
        message
    }

    fn put_copy(&mut self, row: CopyRow) {
        let copy = self.copies.entry(row.room).or_insert_with(|| Copy {
            account: row.account.clone(),
            parts: Vec::new(),
            deleted: false,
            as_of: Seq(0),
        });
        let index = row.part as usize;
        // A part number comes from our own records; the cap only keeps a damaged row from costing memory.
        if index >= 10_000 {
            return;
        }
        while copy.parts.len() <= index {
            copy.parts.push(CopyPart { ids: None, is_file: false, deleted: false });
        }
        copy.parts[index] = CopyPart { ids: row.ids, is_file: row.is_file, deleted: row.deleted };
    }
}

impl Messages {
    pub(crate) fn get(&self, id: MessageId) -> Option<&Message> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: MessageId) -> Option<&mut Message> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn find(&self, room: RoomId, id: &RemoteMessageId) -> Option<MessageId> {
        self.by_native.get(&(room, id.clone())).copied()
    }

    pub(crate) fn insert(&mut self, message: Message) {
        let id = message.row.message;
        for native in message.row.ids.iter() {
            self.by_native.insert((message.row.room, native.clone()), id);
        }
        for (room, copy) in &message.copies {
            for ids in copy.parts.iter().filter_map(|part| part.ids.as_ref()) {
                for native in ids.iter() {
                    self.by_native.insert((*room, native.clone()), id);
                }
            }
        }
        self.by_id.insert(id, message);
    }

    pub(crate) fn insert_stored(&mut self, stored: StoredMessage) {
        if !self.by_id.contains_key(&stored.message.message) {
            self.insert(Message::from_stored(stored));
        }
    }

    /// Ties the ids of one part of a copy to the message.
    pub(crate) fn learn(&mut self, id: MessageId, room: RoomId, part: u32, ids: &NativeIds) {
        let Some(message) = self.by_id.get_mut(&id) else { return };
        let Some(slot) = message.copies.get_mut(&room).and_then(|copy| copy.parts.get_mut(part as usize))
        else {
            return;
        };
        slot.ids = Some(ids.clone());
        for native in ids.iter() {
            self.by_native.insert((room, native.clone()), id);
        }
    }

    /// Ties one more native id to a message, such as that of a correction.
    pub(crate) fn alias(&mut self, id: MessageId, room: RoomId, native: &RemoteMessageId) {
        self.by_native.entry((room, native.clone())).or_insert(id);
    }

    /// One more open event refers to the message.
    pub(crate) fn open(&mut self, id: MessageId) {
        if let Some(message) = self.by_id.get_mut(&id) {
            message.open += 1;
        }
    }

    /// One open event less refers to the message; at none it may leave the memory some time after `seq` is stored.
    pub(crate) fn close(&mut self, id: MessageId, seq: Seq) {
        if let Some(message) = self.by_id.get_mut(&id) {
            message.open = message.open.saturating_sub(1);
            if message.open == 0 {
                self.finished.push_back((id, seq));
            }
        }
    }

    /// Forgets the oldest finished messages that the store has.
    pub(crate) fn forget(&mut self, stored: Seq) {
        while self.finished.len() > KEEP {
            let Some((id, seq)) = self.finished.front().copied() else { return };
            if seq > stored {
                return;
            }
            self.finished.pop_front();
            // A message that was opened and closed again stands in the queue more than once.
            if self.by_id.get(&id).is_some_and(|message| message.open == 0)
                && !self.finished.iter().rev().take(64).any(|(later, _)| *later == id)
            {
                self.remove(id);
            }
        }
    }

    fn remove(&mut self, id: MessageId) {
        let Some(message) = self.by_id.remove(&id) else { return };
        let mut drop_native = |room: RoomId, ids: &NativeIds| {
            for native in ids.iter() {
                let key = (room, native.clone());
                if self.by_native.get(&key) == Some(&id) {
                    self.by_native.remove(&key);
                }
            }
        };
        drop_native(message.row.room, &message.row.ids);
        for (room, copy) in &message.copies {
            for ids in copy.parts.iter().filter_map(|part| part.ids.as_ref()) {
                drop_native(*room, ids);
            }
        }
    }

    /// Two rooms became one.
    pub(crate) fn merge_rooms(&mut self, from: RoomId, into: RoomId) {
        let moved: Vec<_> = self.by_native.keys().filter(|(room, _)| *room == from).cloned().collect();
        for key in moved {
            if let Some(id) = self.by_native.remove(&key) {
                self.by_native.entry((into, key.1)).or_insert(id);
            }
        }
        for message in self.by_id.values_mut() {
            if message.row.room == from {
                message.row.room = into;
            }
            if let Some(copy) = message.copies.remove(&from) {
                message.copies.entry(into).or_insert(copy);
            }
            if let Some(placed) = message.placed.remove(&from) {
                message.placed.entry(into).or_default().extend(placed);
            }
        }
    }

    /// All messages in memory in a stable order, for a snapshot.
    pub(crate) fn iter_sorted(&self) -> Vec<&Message> {
        let mut all: Vec<&Message> = self.by_id.values().collect();
        all.sort_by_key(|message| message.row.message);
        all
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn rows_of_reaction(
        &self,
        id: MessageId,
        room: RoomId,
        person: &RemoteUserId,
        change: &ReactionChange,
    ) -> Vec<ReactionRow> {
        let row = |emoji: &Emoji, on| ReactionRow {
            message: id,
            room,
            person: person.clone(),
            emoji: emoji.clone(),
            on,
            placed: false,
        };
        match change {
            ReactionChange::Add(emoji) => vec![row(emoji, true)],
            ReactionChange::Remove(emoji) => vec![row(emoji, false)],
            ReactionChange::Set(all) => {
                let mut rows: Vec<_> = self
                    .get(id)
                    .into_iter()
                    .flat_map(|message| &message.reactions)
                    .filter(|(emoji, at, who)| *at == room && who == person && !all.contains(emoji))
                    .map(|(emoji, _, _)| row(emoji, false))
                    .collect();
                rows.extend(all.iter().map(|emoji| row(emoji, true)));
                rows
            }
        }
    }
}

/// A row for a message just accepted.
#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
pub(crate) fn message_row(
    message: MessageId,
    room: RoomId,
    account: &AccountId,
    ids: NativeIds,
    author: RemoteUserId,
    role: Role,
    digest: [u8; 16],
    at: Timestamp,
) -> MessageRow {
    MessageRow { message, room, account: account.clone(), ids, author, role, digest, at, deleted: false }
}
