//! A simulated platform: one room, its transcript, and the connection of our account to it.

mod take;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sameroom_types::action::SendRequest;
use sameroom_types::ids::{DeliveryId, DeliveryKey, Ticket};

pub(crate) use self::take::emoji;
use super::scenario::{ReactionSketch, RoomSketch};

/// A message in a room's transcript.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    /// The number of the person's message, for those that persons post.
    pub(crate) number: Option<u32>,
    pub(crate) text: String,
    pub(crate) is_ours: bool,
    pub(crate) gone: Option<Gone>,
    /// The entry that it answers.
    pub(crate) reply: Option<u64>,
    /// The name of its file.
    pub(crate) file: Option<String>,
    /// Who put which emoji on it.
    pub(crate) reactions: BTreeSet<(u8, u8)>,
    /// What our account put on it.
    pub(crate) placed: BTreeSet<u8>,
    /// Whether our account was told its id: only then can what people do to it be understood.
    pub(crate) told: bool,
}

/// Why an entry no longer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// Its author, or our account in the author's stead.
    ByAuthor,
    /// A moderator of this room.
    ByModerator,
}

/// What persons did, in order: what history shows.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Posted {
        id: u64,
    },
    Edited {
        id: u64,
        revision: u32,
    },
    Deleted {
        id: u64,
    },
    Moderated {
        ids: Vec<u64>,
    },
    /// All emoji of this person afterwards are given too, for platforms that report sets.
    Reacted {
        id: u64,
        person: u8,
        emoji: u8,
        on: bool,
        all: Vec<u8>,
    },
    Kicked,
    Renamed {
        name: String,
    },
    /// Our own message comes back.
    Echo {
        id: u64,
        key: DeliveryKey,
    },
}

/// A room on a platform of its own.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) sketch: RoomSketch,
    pub(crate) entries: Vec<Entry>,
    pub(crate) acts: Vec<Act>,
    keys: BTreeMap<DeliveryKey, u64>,
    next_id: u64,
    renames: u32,

    /// Counts connections, so that answers to an older one are told apart.
    pub(crate) connection: u64,
    pub(crate) connected: bool,
    pub(crate) kicked: bool,
    /// The account is refused until this time.
    pub(crate) revoked_until: Duration,
    /// So many of the next posts are refused for good.
    pub(crate) refusals: u32,
    /// The next send is asked to wait; with a time or without.
    pub(crate) throttle: Option<bool>,
    /// Numbers of messages whose copy was refused here once.
    pub(crate) refused: BTreeSet<u32>,
    /// The next act that the session reports.
    pub(crate) heard: usize,
    /// Events reported in this connection wait for their turn on the wire until this time.
    pub(crate) inbound_free: Duration,
    pub(crate) outbound_free: Duration,
    /// Sends on the wire, in order.
    pub(crate) wire: Vec<(u64, SendRequest)>,
    /// Sends that the session was given and has not answered.
    pub(crate) unanswered: Vec<(DeliveryId, u32)>,
    pub(crate) tickets: BTreeMap<Ticket, usize>,
    pub(crate) last_ticket: u64,
    /// Acts that were acknowledged to the platform: durable.
    pub(crate) acknowledged: BTreeSet<usize>,
    /// Acts whose record was written before the program died, if it did.
    pub(crate) written: BTreeSet<usize>,
}

/// The text of a message at a revision.
pub(crate) fn text_of(number: u32, revision: u32) -> String {
    format!("m{number} v{revision}")
}

/// The name of a message's file.
pub(crate) fn file_of(number: u32) -> String {
    format!("f{number}.bin")
}

/// The message number and revision that a line of the transcript carries; behind a quote, those of the answer.
pub(crate) fn read(text: &str) -> Option<(u32, u32)> {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    words.windows(2).rev().find_map(|pair| {
        let number = pair[0].strip_prefix('m')?.parse().ok()?;
        Some((number, pair[1].strip_prefix('v')?.parse().ok()?))
    })
}

/// The line that goes before a message's text where it has two.
pub(crate) fn line_before(number: u32) -> String {
    format!("before n{number}")
}

impl Entry {
    /// The message of which this is all or any part.
    pub(crate) fn part_of(&self) -> Option<u32> {
        let behind = |word: &str| {
            let digits = self.text.rsplit_once(word)?.1;
            digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        self.stands_for().or_else(|| behind("before n")).or_else(|| behind("] f").or_else(|| behind("> f")))
    }

    /// The message of which this is the original, a copy, or the copy's file.
    pub(crate) fn stands_for(&self) -> Option<u32> {
        if let Some(number) = self.number {
            return Some(number);
        }
        if let Some(file) = &self.file {
            return file.strip_prefix('f')?.strip_suffix(".bin")?.parse().ok();
        }
        // A line that tells of a change is no copy.
        let tells = ["(edited)", "* ", "deleted", "reacted"].iter().any(|word| self.text.contains(word));
        // Nor is what is quoted.
        let said = self.text.rsplit_once("”)").map_or(self.text.as_str(), |(_, said)| said);
        if tells { None } else { read(said).map(|(number, _)| number) }
    }
}

impl Platform {
    pub(crate) fn new(sketch: RoomSketch) -> Self {
        Self {
            sketch,
            entries: Vec::new(),
            acts: Vec::new(),
            keys: BTreeMap::new(),
            next_id: 1,
            renames: 0,
            connection: 0,
            connected: false,
            kicked: false,
            revoked_until: Duration::ZERO,
            refusals: 0,
            throttle: None,
            refused: BTreeSet::new(),
            heard: 0,
            inbound_free: Duration::ZERO,
            outbound_free: Duration::ZERO,
            wire: Vec::new(),
            unanswered: Vec::new(),
            tickets: BTreeMap::new(),
            last_ticket: 0,
            acknowledged: BTreeSet::new(),
            written: BTreeSet::new(),
        }
    }

    pub(crate) fn entry(&self, id: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    fn entry_mut(&mut self, id: u64) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    fn push(&mut self, entry: Entry) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push(Entry { id, ..entry });
        id
    }

    /// What stands of a message here, first part first.
    fn image(&self, number: u32) -> Option<u64> {
        let found = |entry: &&Entry| entry.gone.is_none() && entry.stands_for() == Some(number);
        self.entries.iter().find(found).map(|entry| entry.id)
    }

    pub(crate) fn person_posts(&mut self, number: u32, reply: Option<u32>, file: bool) {
        let reply = reply.filter(|_| self.sketch.replies).and_then(|number| self.image(number));
        let file = file.then(|| file_of(number));
        let entry = Entry { number: Some(number), text: text_of(number, 0), reply, file, ..Entry::default() };
        let id = self.push(entry);
        self.acts.push(Act::Posted { id });
    }

    fn original(&mut self, number: u32) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.number == Some(number) && entry.gone.is_none())
    }

    pub(crate) fn person_edits(&mut self, number: u32) -> bool {
        let Some(entry) = self.original(number) else { return false };
        let revision = read(&entry.text).map_or(0, |(_, revision)| revision) + 1;
        entry.text = text_of(number, revision);
        let id = entry.id;
        self.acts.push(Act::Edited { id, revision });
        true
    }

    pub(crate) fn person_deletes(&mut self, number: u32) -> bool {
        let Some(entry) = self.original(number) else { return false };
        entry.gone = Some(Gone::ByAuthor);
        let id = entry.id;
        self.acts.push(Act::Deleted { id });
        true
    }

    pub(crate) fn moderator_removes(&mut self, ids: Vec<u64>) -> bool {
        if ids.is_empty() {
            return false;
        }
        for id in &ids {
            if let Some(entry) = self.entry_mut(*id) {
                entry.gone = Some(Gone::ByModerator);
            }
        }
        self.acts.push(Act::Moderated { ids });
        true
    }

    /// Everything that stands of a message.
    pub(crate) fn images(&self, number: u32) -> Vec<u64> {
        let standing = self.entries.iter().filter(|entry| entry.gone.is_none());
        standing.filter(|entry| entry.stands_for() == Some(number)).map(|entry| entry.id).collect()
    }

    /// The last entries that stand.
    pub(crate) fn last(&self, count: usize) -> Vec<u64> {
        let standing = self.entries.iter().rev().filter(|entry| entry.gone.is_none());
        standing.take(count).map(|entry| entry.id).collect()
    }

    pub(crate) fn person_reacts(&mut self, person: u8, number: u32, emoji: u8, on: bool) -> bool {
        if self.sketch.reactions == ReactionSketch::None {
            return false;
        }
        let Some(id) = self.image(number) else { return false };
        let Some(entry) = self.entry_mut(id) else { return false };
        let changed = if on {
            entry.reactions.insert((person, emoji))
        } else {
            entry.reactions.remove(&(person, emoji))
        };
        if changed {
            let all = entry.reactions.iter().filter(|(who, _)| *who == person).map(|(_, emoji)| *emoji);
            let all = all.collect();
            self.acts.push(Act::Reacted { id, person, emoji, on, all });
        }
        changed
    }

    pub(crate) fn kicks_us(&mut self) {
        self.kicked = true;
        self.acts.push(Act::Kicked);
    }

    pub(crate) fn is_renamed(&mut self) {
        self.renames += 1;
        let name = format!("name{}", self.renames);
        self.acts.push(Act::Renamed { name });
    }

    /// Whether a send with this key is in the transcript.
    pub(crate) fn find_key(&self, key: &DeliveryKey) -> Option<u64> {
        self.keys.get(key).copied()
    }

    /// Notes that our account knows an entry's id.
    pub(crate) fn tell(&mut self, id: u64) {
        if let Some(entry) = self.entry_mut(id) {
            entry.told = true;
        }
    }
}
