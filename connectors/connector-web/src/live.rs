//! A room while the program runs: its latest acts in memory, and who waits for more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sameroom_types::ids::RemoteRoomId;
use tokio::sync::{broadcast, watch};

use crate::stored::Act;

/// How many acts are kept in memory; who is further behind reads the vault.
const RING: usize = 256;
/// How many whispers may wait for a page that reads slowly.
const WHISPERS: usize = 16;

/// An act that is durable.
#[derive(Debug)]
pub(crate) struct Published {
    /// Its place in the room's log.
    pub(crate) seq: u64,
    /// The act.
    pub(crate) act: Act,
    /// What pages are told, as JSON.
    pub(crate) view: String,
}

/// Something for one person alone.
#[derive(Clone, Debug)]
pub(crate) struct Whisper {
    /// Whom.
    pub(crate) to: String,
    /// What pages are told, as JSON.
    pub(crate) view: String,
}

#[derive(Debug)]
struct Ring {
    /// All acts after this one are in the ring.
    floor: u64,
    acts: VecDeque<Arc<Published>>,
}

/// A room that pages and the session share.
#[derive(Debug)]
pub(crate) struct LiveRoom {
    /// Its random name in keys.
    pub(crate) rid: String,
    /// Its id for the engine.
    pub(crate) id: RemoteRoomId,
    /// Its name for people.
    pub(crate) name: String,
    /// The secret of its link.
    pub(crate) token: String,
    /// The digest of the secret, by which it is looked up.
    pub(crate) token_digest: String,
    ring: Mutex<Ring>,
    head: watch::Sender<u64>,
    whispers: broadcast::Sender<Whisper>,
}

impl LiveRoom {
    pub(crate) fn new(rid: &str, id: RemoteRoomId, name: &str, token: &str, head: u64) -> Self {
        Self {
            rid: rid.to_owned(),
            id,
            name: name.to_owned(),
            token: token.to_owned(),
            token_digest: crate::ids::digest(&[token]),
            ring: Mutex::new(Ring { floor: head, acts: VecDeque::new() }),
            head: watch::Sender::new(head),
            whispers: broadcast::Sender::new(WHISPERS),
        }
    }

    /// The last durable act.
    pub(crate) fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// Tells each new head.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Hands a durable act to everybody who waits.
    pub(crate) fn publish(&self, act: Published) {
        let seq = act.seq;
        {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            ring.acts.push_back(Arc::new(act));
            if ring.acts.len() > RING
                && let Some(oldest) = ring.acts.pop_front()
            {
                ring.floor = oldest.seq;
            }
        }
        self.head.send_replace(seq);
    }

    /// Acts up to this one may have been written without being told: whoever wants them reads the vault.
    pub(crate) fn forget_until(&self, seq: u64) {
        {
            let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
            ring.acts.clear();
            ring.floor = ring.floor.max(seq);
        }
        self.head.send_replace(seq);
    }

    /// The acts after `seq`, oldest first; `None` when they must be read from the vault.
    pub(crate) fn after(&self, seq: u64) -> Option<Vec<Arc<Published>>> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        (seq >= ring.floor).then(|| ring.acts.iter().filter(|act| act.seq > seq).cloned().collect())
    }

    /// Says something to one person's pages.
    pub(crate) fn whisper(&self, whisper: Whisper) {
        // Nobody there is nothing to worry about: a whisper is best effort.
        drop(self.whispers.send(whisper));
    }

    /// Hears whispers.
    pub(crate) fn whispers(&self) -> broadcast::Receiver<Whisper> {
        self.whispers.subscribe()
    }
}
