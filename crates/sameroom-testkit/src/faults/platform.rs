//! A simulated platform: one room, its transcript, and the connection of our account to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sameroom_types::action::{Action, Outcome, SendRequest};
use sameroom_types::ids::{DeliveryId, DeliveryKey, NativeIds, Ticket};

use super::scenario::RoomSketch;

/// A message in a room's transcript.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    /// The number of the person's message, for those that persons post.
    pub(crate) number: Option<u32>,
    pub(crate) text: String,
    pub(crate) deleted: bool,
    pub(crate) is_ours: bool,
}

/// What persons did, in order: what history shows.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Posted { id: u64 },
    Edited { id: u64, revision: u32 },
    Deleted { id: u64 },
}

/// A room on a platform of its own.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) sketch: RoomSketch,
    pub(crate) entries: Vec<Entry>,
    pub(crate) acts: Vec<Act>,
    keys: BTreeMap<DeliveryKey, u64>,
    next_id: u64,

    /// Counts connections, so that answers to an older one are told apart.
    pub(crate) connection: u64,
    pub(crate) connected: bool,
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

impl Platform {
    pub(crate) fn new(sketch: RoomSketch) -> Self {
        Self {
            sketch,
            entries: Vec::new(),
            acts: Vec::new(),
            keys: BTreeMap::new(),
            next_id: 1,
            connection: 0,
            connected: false,
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

    fn push(&mut self, text: String, number: Option<u32>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let is_ours = number.is_none();
        self.entries.push(Entry { id, number, text, deleted: false, is_ours });
        id
    }

    pub(crate) fn person_posts(&mut self, number: u32) {
        let id = self.push(format!("m{number} v0"), Some(number));
        self.acts.push(Act::Posted { id });
    }

    fn entry_of(&mut self, number: u32) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.number == Some(number) && !entry.deleted)
    }

    pub(crate) fn person_edits(&mut self, number: u32) -> bool {
        let Some(entry) = self.entry_of(number) else { return false };
        let revision = entry.text.rsplit('v').next().and_then(|v| v.parse::<u32>().ok()).unwrap_or(0) + 1;
        entry.text = format!("m{number} v{revision}");
        let id = entry.id;
        self.acts.push(Act::Edited { id, revision });
        true
    }

    pub(crate) fn person_deletes(&mut self, number: u32) -> bool {
        let Some(entry) = self.entry_of(number) else { return false };
        entry.deleted = true;
        let id = entry.id;
        self.acts.push(Act::Deleted { id });
        true
    }

    /// A send reaches the platform.
    pub(crate) fn take(&mut self, request: &SendRequest) -> Outcome {
        let done = |id: u64| Outcome::Done { ids: Some(NativeIds::one(id.to_string())), shown: true };
        match &request.action {
            Action::Post(post) => {
                if self.sketch.key
                    && let Some(id) = self.keys.get(&request.key)
                {
                    return done(*id);
                }
                let id = self.push(post.text.text.clone(), None);
                self.keys.insert(request.key.clone(), id);
                done(id)
            }
            Action::Edit { target, text, .. } => {
                let id = target.primary.as_str().parse().unwrap_or(0);
                if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
                    entry.text.clone_from(&text.text);
                }
                done(id)
            }
            Action::Delete { target, .. } => {
                let id = target.primary.as_str().parse().unwrap_or(0);
                if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
                    entry.deleted = true;
                }
                done(id)
            }
            _ => done(0),
        }
    }

    /// Whether a send with this key is in the transcript.
    pub(crate) fn find_key(&self, key: &DeliveryKey) -> Option<u64> {
        self.keys.get(key).copied()
    }
}
