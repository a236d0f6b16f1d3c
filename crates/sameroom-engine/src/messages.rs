//! The id map: which native ids, in every room, stand for one message.
//!
//! Holds recent messages and those with unfinished deliveries; older ones are in the store and come
//! back by a load.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use sameroom_types::event::Role;
use sameroom_types::ids::{AccountId, MessageId, NativeIds, RemoteMessageId, RemoteUserId, RoomId, Seq};
use sameroom_types::rows::{CopyRow, MessageRow, ReactionRow, StoredMessage};
use sameroom_types::text::Emoji;
use sameroom_types::time::{Now, Timestamp};
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
    /// Digests of what it said before.
    pub(crate) former: Vec<[u8; 16]>,
    /// Its ids as other accounts see them, by numbering.
    pub(crate) also: BTreeMap<RoomId, NativeIds>,
    /// When each person's reactions were last changed, by the platform: one emoji, or all.
    pub(crate) versions: BTreeMap<(RoomId, RemoteUserId, Option<Emoji>), Timestamp>,
    /// Open edits and deletions of it, in order.
    pub(crate) changes: Vec<(Seq, bool)>,
    /// Open events that refer to it, itself included.
    pub(crate) open: u32,
    /// When it was accepted, where that was since the program's start.
    #[serde(skip)]
    pub(crate) born: Option<Duration>,
}

/// The message's image in one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copy {
    pub(crate) account: AccountId,
    /// The numbering of its ids.
    pub(crate) space: RoomId,
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
            former: Vec::new(),
            also: BTreeMap::new(),
            versions: BTreeMap::new(),
            changes: Vec::new(),
            open: 0,
            born: None,
        }
    }

    /// How old it is; a wall clock that jumps counts only for what was said before the program's start.
    pub(crate) fn age(&self, now: Now) -> Duration {
        self.born.map_or_else(|| now.wall.since(self.row.at), |born| now.mono.saturating_sub(born))
    }

    /// The ids of the original in a numbering, as far as they are known and still name anything.
    pub(crate) fn ids_in(&self, space: RoomId) -> Option<&NativeIds> {
        let ids = if self.row.space == space { Some(&self.row.ids) } else { self.also.get(&space) };
        ids.filter(|ids| !ids.primary.as_str().is_empty())
    }

    /// The parts by which a room knows it, in the numbering of the account that acts: the original's own, or
    /// those of its copy there.
    pub(crate) fn parts_in(&self, room: RoomId, space: RoomId) -> Vec<(u32, NativeIds, bool)> {
        if room == self.row.room {
            let ids = self.ids_in(space).filter(|_| !self.row.deleted);
            return ids.map(|ids| (0, ids.clone(), false)).into_iter().collect();
        }
        let Some(copy) = self.copies.get(&room).filter(|copy| !copy.deleted && copy.space == space) else {
            return Vec::new();
        };
        (0..)
            .zip(&copy.parts)
            .filter(|(_, part)| !part.deleted)
            .filter_map(|(index, part)| Some((index, part.ids.clone()?, part.is_file)))
            .collect()
    }

    /// Whether a change of somebody's reactions is older than one that is known.
    pub(crate) fn is_stale(
        &self,
        room: RoomId,
        person: &RemoteUserId,
        change: &ReactionChange,
        said: Timestamp,
    ) -> bool {
        let at = |emoji: Option<Emoji>| self.versions.get(&(room, person.clone(), emoji));
        let of_all = at(None).is_some_and(|last| said < *last);
        match change {
            ReactionChange::Set(_) => of_all,
            ReactionChange::Add(emoji) | ReactionChange::Remove(emoji) => {
                of_all || at(Some(emoji.clone())).is_some_and(|last| said < *last)
            }
        }
    }

    /// Remembers when somebody's reactions were last changed.
    pub(crate) fn note_version(
        &mut self,
        room: RoomId,
        person: &RemoteUserId,
        change: &ReactionChange,
        said: Timestamp,
    ) {
        let emoji = match change {
            ReactionChange::Set(_) => None,
            ReactionChange::Add(emoji) | ReactionChange::Remove(emoji) => Some(emoji.clone()),
        };
        let last = self.versions.entry((room, person.clone(), emoji)).or_insert(said);
        *last = said.max(*last);
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
            space: row.space,
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

    /// A message of a room that has no ids in a numbering and is otherwise the same; the oldest of them.
    pub(crate) fn find_alike(
        &self,
        room: RoomId,
        space: RoomId,
        author: &RemoteUserId,
        digest: [u8; 16],
    ) -> Option<MessageId> {
        self.by_id
            .values()
            .filter(|message| {
                let row = &message.row;
                row.room == room
                    && row.author == *author
                    && row.digest == digest
                    && row.space != space
                    && !message.also.contains_key(&space)
            })
            .map(|message| message.row.message)
            .min()
    }

    pub(crate) fn insert(&mut self, message: Message) {
        let id = message.row.message;
        for native in message.row.ids.iter() {
            self.by_native.insert((message.row.space, native.clone()), id);
        }
        for (space, ids) in &message.also {
            for native in ids.iter() {
                self.by_native.insert((*space, native.clone()), id);
            }
        }
        for copy in message.copies.values() {
            for ids in copy.parts.iter().filter_map(|part| part.ids.as_ref()) {
                for native in ids.iter() {
                    self.by_native.insert((copy.space, native.clone()), id);
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
        let Some(copy) = message.copies.get_mut(&room) else { return };
        let space = copy.space;
        let Some(slot) = copy.parts.get_mut(part as usize) else { return };
        slot.ids = Some(ids.clone());
        for native in ids.iter() {
            self.by_native.insert((space, native.clone()), id);
        }
    }

    /// Ties the ids that another account sees to a message.
    pub(crate) fn learn_also(&mut self, id: MessageId, space: RoomId, ids: &NativeIds) {
        let Some(message) = self.by_id.get_mut(&id) else { return };
        message.also.insert(space, ids.clone());
        for native in ids.iter() {
            self.by_native.insert((space, native.clone()), id);
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
        drop_native(message.row.space, &message.row.ids);
        for (space, ids) in &message.also {
            drop_native(*space, ids);
        }
        for copy in message.copies.values() {
            for ids in copy.parts.iter().filter_map(|part| part.ids.as_ref()) {
                drop_native(copy.space, ids);
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
            if message.row.space == from {
                message.row.space = into;
            }
            if let Some(ids) = message.also.remove(&from) {
                message.also.entry(into).or_insert(ids);
            }
            if let Some(mut copy) = message.copies.remove(&from) {
                if copy.space == from {
                    copy.space = into;
                }
                message.copies.entry(into).or_insert(copy);
            }
            let here: Vec<_> =
                message.reactions.iter().filter(|(_, room, _)| *room == from).cloned().collect();
            for (emoji, room, person) in here {
                message.reactions.remove(&(emoji.clone(), room, person.clone()));
                message.reactions.insert((emoji, into, person));
            }
            if let Some(placed) = message.placed.remove(&from) {
                message.placed.entry(into).or_default().extend(placed);
            }
        }
    }

    /// The ids of a room begin anew: none of before names a message any more.
    pub(crate) fn renumber(&mut self, room: RoomId) {
        self.by_native.retain(|(space, _), _| *space != room);
        for message in self.by_id.values_mut() {
            if message.row.space == room {
                message.row.ids = NativeIds::one("");
            }
            for copy in message.copies.values_mut().filter(|copy| copy.space == room) {
                for part in &mut copy.parts {
                    part.ids = None;
                }
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
    space: RoomId,
    account: &AccountId,
    ids: NativeIds,
    author: RemoteUserId,
    role: Role,
    digest: [u8; 16],
    at: Timestamp,
) -> MessageRow {
    MessageRow {
        message,
        room,
        space,
        account: account.clone(),
        ids,
        author,
        role,
        digest,
        at,
        deleted: false,
    }
}
