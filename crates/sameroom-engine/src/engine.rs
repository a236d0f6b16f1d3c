//! The machine: its state, its step, and the order in which a step works.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sameroom_types::action::SendRequest;
use sameroom_types::ids::{
    AccountId, Cursor, MessageId, PortalId, RemoteMessageId, RemoteRoomId, RequestId, RoomId, Seq, SpoolId,
    Ticket,
};
use sameroom_types::policy::Configuration;
use sameroom_types::rows::DeliveryRow;
use sameroom_types::time::{Now, Timestamp};

use crate::accounts::{Account, View};
use crate::bounce::Bounces;
use crate::commands::{Code, PendingPing, PendingRequest};
use crate::figures::Figures;
use crate::ingest::StandBy;
use crate::input::{Dialects, Effect, Input};
use crate::lane::Lane;
use crate::messages::Messages;
use crate::network::Network;
use crate::notices::Notices;
use crate::policy::Policy;
use crate::record;
use crate::record::{EventBody, EventMeta, Excerpt, Frozen, Portal, Record, RecordError};
use crate::snapshot::Piece;
use crate::threads::Threads;

/// What an engine is made with.
pub struct Setup {
    /// This Sameroom among all others: eight lower-case letters and digits.
    pub installation: Box<str>,
    /// The key of the digests that tell a real edit from a re-send.
    pub digest_key: [u8; 32],
    /// The platforms' markup.
    pub dialects: Arc<dyn Dialects>,
}

/// The relay's decisions.
pub struct Engine {
    pub(crate) setup: Setup,
    pub(crate) config: Configuration,
    pub(crate) policies: HashMap<RoomId, Arc<Policy>>,

    // The fold over the log.
    pub(crate) next_seq: Seq,
    pub(crate) network: Network,
    pub(crate) messages: Messages,
    pub(crate) threads: Threads,
    pub(crate) events: BTreeMap<Seq, OpenEvent>,
    pub(crate) lanes: BTreeMap<RoomId, Lane>,
    pub(crate) portals: BTreeMap<PortalId, Portal>,
    pub(crate) excerpts: BTreeMap<MessageId, (Timestamp, Excerpt)>,

    // Learnt again after each start.
    pub(crate) now: Now,
    pub(crate) out: Vec<Effect>,
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) views: BTreeMap<(RoomId, AccountId), View>,
    pub(crate) durable: Seq,
    pub(crate) stored: Seq,
    pub(crate) sends: VecDeque<(Seq, AccountId, SendRequest)>,
    pub(crate) tickets: BTreeMap<AccountId, VecDeque<(Ticket, Seq)>>,
    pub(crate) doomed: VecDeque<(Seq, u64)>,
    pub(crate) timers: BTreeSet<(Duration, Timer)>,
    pub(crate) dirty: BTreeSet<RoomId>,
    pub(crate) loads: HashMap<u64, (RoomId, RemoteMessageId)>,
    pub(crate) asking: HashMap<u64, Seq>,
    pub(crate) awaiting: BTreeMap<(RoomId, Seq), RemoteMessageId>,
    pub(crate) next_id: u64,
    pub(crate) files: BTreeMap<SpoolId, FileState>,
    pub(crate) codes: BTreeMap<String, Code>,
    pub(crate) requests: BTreeMap<RequestId, PendingRequest>,
    pub(crate) pings: BTreeMap<u64, PendingPing>,
    pub(crate) notices: Notices,
    pub(crate) bounces: Bounces,
    pub(crate) standby: BTreeMap<RoomId, StandBy>,
    /// Room numbers that ended, and those that took their place; sessions may still answer to them.
    pub(crate) merged: BTreeMap<RoomId, RoomId>,
    pub(crate) recent: BTreeMap<RoomId, VecDeque<(String, Timestamp)>>,
    pub(crate) cursors: BTreeMap<RoomId, Cursor>,
    pub(crate) figures: Figures,
    pub(crate) ping_results: BTreeMap<u64, crate::commands::PingResults>,
    pub(crate) wrong_codes: BTreeMap<RoomId, (Duration, u32)>,
    pub(crate) traces: BTreeMap<MessageId, BTreeMap<RoomId, DeliveryRow>>,
    pub(crate) last_messages: BTreeMap<RoomId, MessageId>,
    pub(crate) tokens: HashMap<u64, Seq>,
    pub(crate) token_order: VecDeque<u64>,
    pub(crate) started: Now,
    pub(crate) next_request: u64,
    pub(crate) next_portal: u64,
    pub(crate) unannounced: BTreeSet<sameroom_types::ids::TubeId>,
    /// Rooms that we were invited into and have not greeted.
    pub(crate) ungreeted: BTreeSet<RoomId>,
    pub(crate) flush_wanted: bool,
    pub(crate) appended: u64,
    pub(crate) is_live: bool,
    pub(crate) pieces: Vec<(Seq, Piece, Sealed)>,
    pub(crate) snapshot_done: Option<(Seq, Seq)>,
    pub(crate) hour_keys: BTreeSet<u64>,
}

/// An event with deliveries that did not end.
#[derive(Debug)]
pub(crate) struct OpenEvent {
    pub(crate) meta: EventMeta,
    pub(crate) body: Option<Arc<EventBody>>,
    pub(crate) left: u32,
    pub(crate) reference: Reference,
    pub(crate) since: Duration,
    /// How old it was when this run began; later the clock on the wall no longer counts.
    pub(crate) age_before: Duration,
    pub(crate) spools: Vec<SpoolId>,
}

/// What an event refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// Nothing.
    None,
    /// This message.
    Known(MessageId),
    /// The store is being asked.
    Loading,
    /// Perhaps a send that is under way; given up at this time.
    Awaited { until: Duration },
    /// Nothing that we know.
    Unknown,
}

/// Where a file is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileState {
    Fetching { until: Duration },
    Ready { size_bytes: u64 },
    Failed { why: String },
}

/// Why the engine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A lane may go on.
    Lane(RoomId),
    /// An outage may have to be told.
    Outage(RoomId),
    /// A round trip is overdue.
    Ping(u64),
    /// Old codes, excerpts, removed tubes and standby rings are swept.
    Sweep,
}

/// What a record's body holds.
pub(crate) enum Sealed {
    None,
    Event(Arc<EventBody>),
    Frozen(Frozen),
    Excerpt(Excerpt),
}

impl OpenEvent {
    /// How long ago it was accepted. Within one run a clock that jumps changes nothing.
    pub(crate) fn age(&self, mono: Duration) -> Duration {
        self.age_before + mono.saturating_sub(self.since)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("next_seq", &self.next_seq)
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine without history.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            config: Configuration::default(),
            policies: HashMap::new(),
            next_seq: Seq(1),
            network: Network::default(),
            messages: Messages::default(),
            threads: Threads::default(),
            events: BTreeMap::new(),
            lanes: BTreeMap::new(),
            portals: BTreeMap::new(),
            excerpts: BTreeMap::new(),
            now: Now::default(),
            out: Vec::new(),
            accounts: BTreeMap::new(),
            views: BTreeMap::new(),
            durable: Seq(0),
            stored: Seq(0),
            sends: VecDeque::new(),
            tickets: BTreeMap::new(),
            doomed: VecDeque::new(),
            timers: BTreeSet::new(),
            dirty: BTreeSet::new(),
            loads: HashMap::new(),
            asking: HashMap::new(),
            awaiting: BTreeMap::new(),
            next_id: 1,
            files: BTreeMap::new(),
            codes: BTreeMap::new(),
            requests: BTreeMap::new(),
            pings: BTreeMap::new(),
            notices: Notices::default(),
            bounces: Bounces::default(),
            standby: BTreeMap::new(),
            merged: BTreeMap::new(),
            recent: BTreeMap::new(),
            cursors: BTreeMap::new(),
            figures: Figures::default(),
            ping_results: BTreeMap::new(),
            wrong_codes: BTreeMap::new(),
            traces: BTreeMap::new(),
            last_messages: BTreeMap::new(),
            tokens: HashMap::new(),
            token_order: VecDeque::new(),
            started: Now::default(),
            next_request: 0,
            next_portal: 1,
            unannounced: BTreeSet::new(),
            ungreeted: BTreeSet::new(),
            flush_wanted: false,
            appended: 0,
            is_live: false,
            pieces: Vec::new(),
            snapshot_done: None,
            hour_keys: BTreeSet::new(),
        }
    }

    /// Takes one record back from the log, in order, before the first step. `body` is `None` where
    /// there is none or its key is destroyed. Rows for the store come out as effects.
    ///
    /// # Errors
    /// When the record can't be read; the log then is newer than the program, or damaged.
    pub fn replay(
        &mut self,
        seq: Seq,
        record: &[u8],
        body: Option<&[u8]>,
    ) -> Result<Vec<Effect>, RecordError> {
        let record = Record::decode(record)?;
        let sealed = match (&record, body) {
            (_, None) => Sealed::None,
            (Record::Event(_), Some(bytes)) => Sealed::Event(Arc::new(record::decode(bytes)?)),
            (Record::Attempt { .. }, Some(bytes)) => Sealed::Frozen(record::decode(bytes)?),
            (Record::Excerpt { .. }, Some(bytes)) => Sealed::Excerpt(record::decode(bytes)?),
            (Record::SnapshotItem(item), Some(bytes)) => item.decode_body(bytes)?,
            (_, Some(_)) => return Err(RecordError::Malformed("body on a record that has none".into())),
        };
        self.next_seq = Seq(seq.0 + 1);
        self.apply(seq, record, sealed);
        self.durable = seq;
        Ok(self.out.drain(..).filter(|effect| matches!(effect, Effect::Store { .. })).collect())
    }

    /// Ends the replay: `live_keys` are the numbers of all keys that still exist; those of events
    /// that ended are destroyed, and deliveries that were under way are unknown from now on.
    pub fn start(&mut self, now: Now, live_keys: &[u64]) -> Vec<Effect> {
        self.now = now;
        self.is_live = true;
        self.pieces.clear();
        self.sends.clear();
        self.doomed.clear();
        for key in live_keys {
            if key >> 63 == 1 {
                self.hour_keys.insert(*key);
            } else if !self.events.contains_key(&Seq(*key)) {
                self.doomed.push_back((Seq(0), *key));
            }
        }
        self.refetch_files();
        self.refind_references();
        for event in self.events.values_mut() {
            event.since = now.mono;
            event.age_before = now.wall.since(event.meta.at);
        }
        self.started = now;
        for lane in self.lanes.values_mut() {
            for item in lane.items.values_mut() {
                item.suspect = true;
            }
        }
        self.wake(Duration::from_secs(30), Timer::Sweep);
        self.destroy_doomed();
        self.finish_step()
    }

    /// Takes one step and says what is to be done, in order.
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Effect> {
        self.now = now;
        match input {
            Input::Configure(config) => self.on_configure(*config),
            Input::Written(seq) => self.on_written(seq),
            Input::Durable(seq) => self.on_durable(seq),
            Input::Stored(seq) => {
                self.stored = self.stored.max(seq);
                self.messages.forget(self.stored);
                self.truncate();
            }
            Input::Loaded { id, found } => self.on_loaded(id, found.map(|found| *found)),
            Input::Health { account, health } => self.on_health(&account, health),
            Input::Connected { account, realm, me } => self.on_connected(&account, realm, *me),
            Input::Room { account, asked, id, name, kind, capabilities } => {
                self.on_room(&account, asked, id, name, kind, *capabilities);
            }
            Input::RoomFailed { account, asked, why, retrying } => {
                self.on_room_failed(&account, &asked, why, retrying);
            }
            Input::Event { account, ticket, inbound } => self.on_event(&account, ticket, *inbound),
            Input::Invited { account, room, by } => self.on_invited(&account, room, by.map(|by| *by)),
            Input::Sent { account, delivery, part, outcome } => {
                self.on_sent(&account, delivery, part, outcome);
            }
            Input::Answered { delivery, part, answer } => self.on_answered(delivery, part, answer),
            Input::Fetched { spool, result } => self.on_fetched(&spool, result),
            Input::Pong { id, result } => self.on_pong(id, result),
            Input::Operator { id, request } => self.on_request(id, request),
            Input::Tick => {}
        }
        self.run_timers();
        self.finish_step()
    }

    /// When the engine wants an [`Input::Tick`], in time since the program's start.
    #[must_use]
    pub fn next_timer(&self) -> Option<Duration> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The place of the next record.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// Where each room of an account was read to, for a session that starts.
    #[must_use]
    pub fn resume_points(
        &self,
        account: &AccountId,
    ) -> Vec<(RemoteRoomId, Option<Cursor>, Option<Timestamp>)> {
        self.network
            .rooms_of_account(account)
            .into_iter()
            .filter_map(|(id, _)| self.network.room(id))
            .filter_map(|room| Some((room.key.as_ref()?.room.clone(), room.cursor.clone(), room.last_heard)))
            .collect()
    }

    pub(crate) fn finish_step(&mut self) -> Vec<Effect> {
        while let Some(room) = self.dirty.pop_first() {
            self.pump(room);
        }
        self.maybe_snapshot();
        if std::mem::take(&mut self.flush_wanted) {
            self.out.push(Effect::Flush);
        }
        std::mem::take(&mut self.out)
    }

    pub(crate) fn run_timers(&mut self) {
        while let Some((at, timer)) = self.timers.first().copied() {
            if at > self.now.mono {
                return;
            }
            self.timers.pop_first();
            match timer {
                Timer::Lane(room) => {
                    self.dirty.insert(room);
                }
                Timer::Outage(room) => self.tell_outage(room),
                Timer::Ping(id) => self.on_pong(id, Err("no answer within 5 s".into())),
                Timer::Sweep => {
                    self.sweep();
                    self.wake(Duration::from_secs(30), Timer::Sweep);
                }
            }
        }
    }

    /// Asks to be woken after a while.
    pub(crate) fn wake(&mut self, after: Duration, timer: Timer) {
        self.timers.insert((self.now.mono + after, timer));
    }

    /// Writes a record and applies it: the only way in which lasting state changes.
    pub(crate) fn commit(&mut self, record: Record, key: Option<u64>, sealed: Sealed) -> Seq {
        let seq = self.next_seq;
        self.next_seq = Seq(seq.0 + 1);
        let body = match &sealed {
            Sealed::None => None,
            Sealed::Event(body) => Some(record::encode(&**body)),
            Sealed::Frozen(frozen) => Some(record::encode(frozen)),
            Sealed::Excerpt(excerpt) => Some(record::encode(excerpt)),
        };
        let key = key.unwrap_or(seq.0);
        let bytes = record.encode();
        self.appended += bytes.len() as u64 + body.as_ref().map_or(0, |body| body.len() as u64);
        self.out.push(Effect::Append { seq, record: bytes, body: body.map(|body| (key, body)) });
        self.flush_wanted = true;
        self.apply(seq, record, sealed);
        seq
    }

    pub(crate) fn note(&mut self, record: Record) -> Seq {
        self.commit(record, None, Sealed::None)
    }

    pub(crate) fn fresh_request(&mut self) -> u64 {
        self.next_request += 1;
        self.next_request
    }

    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}
