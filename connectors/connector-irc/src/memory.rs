//! What a session remembers from one connection to the next.

use std::collections::{BTreeMap, VecDeque};

use sameroom_connector::Resume;
use sameroom_types::ids::{RemoteRoomId, RemoteUserId};
use sameroom_types::time::Timestamp;
use tokio::time::Instant;

use crate::casemap::CaseMapping;
use crate::ids::{MessageIds, Position};

/// How many messages of a room are remembered to tell repeats and authors.
const RECENT_MAX: usize = 256;

/// What outlives a connection.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Rooms that somebody asked for, by folded name.
    pub(crate) wanted: BTreeMap<String, Wanted>,
    /// How far rooms were read, by folded name; also of rooms nobody has asked for yet.
    pub(crate) read: BTreeMap<String, Read>,
    /// Makes ids where the server gives none.
    pub(crate) message_ids: MessageIds,
    /// The rule by which the keys above are folded.
    pub(crate) casemapping: CaseMapping,
    /// What the pace is multiplied with, after the server complained.
    pub(crate) pace_factor: f64,
}

/// A room that somebody asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Its spelling.
    pub(crate) name: String,
    /// All spellings in which it was asked for and not yet answered on this connection.
    pub(crate) asked: Vec<Box<str>>,
    /// When to try again after a refusal.
    pub(crate) retry_at: Option<Instant>,
}

/// How far a room was read.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// The last message, where the server tells times.
    pub(crate) position: Option<Position>,
    /// The last moment in which we surely heard.
    pub(crate) last_heard: Option<Timestamp>,
    /// The last messages and their authors.
    recent: VecDeque<(Box<str>, RemoteUserId)>,
}

impl Read {
    /// Who wrote a message that came lately.
    pub(crate) fn author_of(&self, msgid: &str) -> Option<&RemoteUserId> {
        self.recent.iter().rev().find(|(id, _)| &**id == msgid).map(|(_, author)| author)
    }

    /// Notes a message.
    pub(crate) fn note(&mut self, msgid: &str, author: &RemoteUserId) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((msgid.into(), author.clone()));
    }
}

impl Memory {
    /// Starts from what an earlier run stored.
    pub(crate) fn new(resume: &[Resume], message_ids: MessageIds) -> Self {
        let read = |from: &Resume| {
            let position = from.cursor.as_ref().and_then(Position::from_cursor);
            let read = Read { position, last_heard: from.last_heard, recent: VecDeque::new() };
            (RemoteRoomId::as_str(&from.room).to_owned(), read)
        };
        Self {
            wanted: BTreeMap::new(),
            read: resume.iter().map(read).collect(),
            message_ids,
            casemapping: CaseMapping::default(),
            pace_factor: 1.0,
        }
    }

    /// Takes over another rule for names.
    pub(crate) fn refold(&mut self, casemapping: CaseMapping) {
        if self.casemapping == casemapping {
            return;
        }
        self.casemapping = casemapping;
        let wanted = std::mem::take(&mut self.wanted);
        self.wanted = wanted.into_values().map(|room| (casemapping.fold(&room.name), room)).collect();
    }
}
