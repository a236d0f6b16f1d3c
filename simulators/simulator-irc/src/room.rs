//! One room: who is in it, its modes, and what happened in it.

use crate::{client::ClientId, message::Message, transcript::Entry};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::SystemTime,
};

/// What a member may do.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rank {
    pub(crate) operator: bool,
    pub(crate) voice: bool,
}

impl Rank {
    /// The letters before a nick; only the highest without `multi-prefix`.
    pub(crate) fn prefix(self, all: bool) -> &'static str {
        match (self.operator, self.voice, all) {
            (true, true, true) => "@+",
            (true, _, _) => "@",
            (false, true, _) => "+",
            (false, false, _) => "",
        }
    }
}

/// A mask on the ban list.
#[derive(Debug)]
pub(crate) struct Ban {
    pub(crate) mask: String,
    pub(crate) by: String,
    pub(crate) at: SystemTime,
}

/// The topic and who set it.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) text: Vec<u8>,
    pub(crate) by: String,
    pub(crate) at: SystemTime,
}

/// A room with at least one member.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) created: SystemTime,
    pub(crate) topic: Option<Topic>,
    pub(crate) members: BTreeMap<ClientId, Rank>,
    pub(crate) key: Option<String>,
    pub(crate) limit: Option<usize>,
    /// Those of the modes `c i m n r s t` that are on.
    pub(crate) flags: BTreeSet<char>,
    pub(crate) bans: Vec<Ban>,
}

impl Room {
    pub(crate) fn new(name: &str, created: SystemTime) -> Self {
        Self {
            name: name.to_owned(),
            created,
            topic: None,
            members: BTreeMap::new(),
            key: None,
            limit: None,
            flags: BTreeSet::from(['n', 't']),
            bans: Vec::new(),
        }
    }

    pub(crate) fn is(&self, flag: char) -> bool {
        self.flags.contains(&flag)
    }

    pub(crate) fn rank(&self, id: ClientId) -> Option<Rank> {
        self.members.get(&id).copied()
    }
}

/// One thing that happened, as it went over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) message: Message,
    pub(crate) entry: Entry,
    /// Taken back; no longer in the history.
    pub(crate) redacted: bool,
}

/// What happened in a room, newest last; outlives the room's members.
#[derive(Debug, Default)]
pub(crate) struct RoomLog {
    pub(crate) events: VecDeque<Event>,
}

impl RoomLog {
    pub(crate) fn push(&mut self, event: Event, max: usize) {
        while self.events.len() >= max.max(1) {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    pub(crate) fn find(&mut self, msgid: &str) -> Option<&mut Event> {
        self.events.iter_mut().rev().find(|event| event.entry.msgid.as_deref() == Some(msgid))
    }
}
