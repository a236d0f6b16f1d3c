//! One person on the server: behind a socket, or a puppet of the test.

use crate::{
    capability::Capability, commands::sasl::Exchange, message::Message, transcript::Entry, verbs::Refused,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

/// Names a client as long as the server runs; never used twice.
pub(crate) type ClientId = u64;

/// Private messages kept for a user without socket.
const INBOX_MAX: usize = 256;

/// How lines reach a client.
#[derive(Debug)]
pub(crate) enum Link {
    Socket(Outbox),
    /// A user made by [`crate::Server::user`]; `refusal` is what its last command was answered, if it failed.
    InProcess {
        refusal: Option<Refused>,
        inbox: VecDeque<Entry>,
    },
}

impl Link {
    pub(crate) fn in_process() -> Self {
        Self::InProcess { refusal: None, inbox: VecDeque::new() }
    }

    pub(crate) fn keep(&mut self, entry: Entry) {
        if let Self::InProcess { inbox, .. } = self {
            if inbox.len() == INBOX_MAX {
                inbox.pop_front();
            }
            inbox.push_back(entry);
        }
    }
}

/// The bounded queue in front of a socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) queue: mpsc::Sender<Vec<u8>>,
    /// Bytes queued and not yet written.
    pub(crate) waiting: Arc<AtomicUsize>,
    pub(crate) waiting_max: usize,
    /// Drops the connection at once, whatever is queued.
    pub(crate) cut: CancellationToken,
}

impl Outbox {
    /// Queues a line; `false` if the queue is full.
    pub(crate) fn push(&self, line: Vec<u8>) -> bool {
        let length = line.len();
        if self.cut.is_cancelled() {
            return true;
        }
        if self.waiting.load(Ordering::Acquire) + length > self.waiting_max {
            return false;
        }
        self.waiting.fetch_add(length, Ordering::AcqRel);
        // A closed queue belongs to a connection that is ending anyway.
        !matches!(self.queue.try_send(line), Err(mpsc::error::TrySendError::Full(_)))
    }
}

/// What the server knows of one client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) link: Link,
    pub(crate) nick: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) real_name: String,
    pub(crate) host: String,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) registered: bool,
    /// Set between `CAP LS` or `CAP REQ` and `CAP END`; holds registration back.
    pub(crate) negotiating: bool,
    /// Version given to `CAP LS`; from 302 on values are shown.
    pub(crate) cap_version: u32,
    pub(crate) caps: BTreeSet<Capability>,
    pub(crate) account: Option<String>,
    pub(crate) exchange: Option<Exchange>,
    pub(crate) away: Option<String>,
    pub(crate) invisible: bool,
    pub(crate) bot: bool,
    /// Folded names.
    pub(crate) rooms: BTreeSet<String>,
    /// Folded names of rooms to which a `+i` does not apply, once.
    pub(crate) invited: BTreeSet<String>,
    /// Folded nick to the spelling the client used.
    pub(crate) monitored: BTreeMap<String, String>,
    pub(crate) signed_on: SystemTime,
    pub(crate) last_spoke: SystemTime,
    /// Lines left in the flood bucket, and when it was last filled.
    pub(crate) bucket: Option<(u32, Instant)>,
}

impl Client {
    pub(crate) fn new(link: Link, host: String, now: SystemTime) -> Self {
        Self {
            link,
            nick: None,
            user: None,
            real_name: String::new(),
            host,
            password: None,
            registered: false,
            negotiating: false,
            cap_version: 0,
            caps: BTreeSet::new(),
            account: None,
            exchange: None,
            away: None,
            invisible: false,
            bot: false,
            rooms: BTreeSet::new(),
            invited: BTreeSet::new(),
            monitored: BTreeMap::new(),
            signed_on: now,
            last_spoke: now,
            bucket: None,
        }
    }

    pub(crate) fn has(&self, capability: Capability) -> bool {
        self.caps.contains(&capability)
    }

    /// The nick, or `*` before there is one.
    pub(crate) fn nick(&self) -> &str {
        self.nick.as_deref().unwrap_or("*")
    }

    pub(crate) fn user(&self) -> &str {
        self.user.as_deref().unwrap_or("*")
    }

    /// `nick!user@host`.
    pub(crate) fn mask(&self) -> String {
        format!("{}!{}@{}", self.nick(), self.user(), self.host)
    }

    /// Writes a line with the tags this client has asked for.
    pub(crate) fn write(&self, message: &Message) -> Vec<u8> {
        message.write(|key| match key {
            "time" => self.has(Capability::ServerTime),
            "account" => self.has(Capability::AccountTag),
            "batch" => self.has(Capability::Batch),
            "label" => self.has(Capability::LabeledResponse),
            "draft/relaymsg" => self.has(Capability::RelayMsg) || self.has(Capability::MessageTags),
            _ => self.has(Capability::MessageTags),
        })
    }
}
