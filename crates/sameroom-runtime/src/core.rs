//! The core: one task that owns the engine and the log.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sameroom_connector::{Command, Connector, Kit, Report, Resume};
use sameroom_engine::{Effect, Engine, Input, Reply, Setup};
use sameroom_log::{KeyId, Log, LogError, NewRecord};
use sameroom_store::{Store, StoreError};
use sameroom_types::action::Outcome;
use sameroom_types::ids::{AccountId, Seq, SpoolId};
use sameroom_types::policy::Configuration;
use sameroom_types::room::Health;
use sameroom_types::time::Now;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dialects::ConnectorDialects;
use crate::flusher::FlushThread;
use crate::handle::{Control, Handle, Link, Links, STARTING, lock};
use crate::keeper::{Job, Kept, StoreThread};
use crate::sessions::{SessionSpec, Sessions};
use crate::shares::Shares;
use crate::spool::FolderSpool;

/// Reports under way to the core from all sessions; a session beyond that waits.
const REPORTS: usize = 4_096;

/// Reports taken in one round: their records share one write.
const ROUND: usize = 512;

/// Rows that wait for durability or the store; beyond it no more events are taken.
const MOST_ROWS: usize = 200_000;

/// How long a flush gathers what it makes durable. Sends don't wait for it, only acknowledgements do; it
/// bounds what a power loss takes from a platform that repeats nothing, and what it leaves in doubt.
const GATHER: Duration = Duration::from_millis(50);

/// How long keys that are needed no more may stay until something is flushed.
const SHRED_WITHIN: Duration = Duration::from_secs(1);

/// Rows are handed to the store once so many wait, or after so long: each hand-over is a transaction, and
/// many small ones would cost more than all else.
const ROWS_AT_ONCE: usize = 2_000;
const ROWS_WITHIN: Duration = Duration::from_millis(500);

/// The largest file that is fetched, in bytes.
const MAX_FILE: u64 = 100 << 20;

/// For how long a link of `map` or `manage` is good.
const LINK_LIFE: Duration = Duration::from_secs(24 * 3600);

/// What a relay is started with.
pub struct Start {
    /// This Sameroom among all others: eight lower-case letters and digits.
    pub installation: Box<str>,
    /// The key of digests.
    pub digest_key: [u8; 32],
    /// The log, opened.
    pub log: Box<dyn Log>,
    /// The store, opened.
    pub store: Box<dyn Store>,
    /// What connectors are lent.
    pub kit: Kit,
    /// The spool, for what the relay itself does with it.
    pub spool: FolderSpool,
    /// The links to files.
    pub shares: Shares,
    /// The connectors that the program knows.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// The configuration.
    pub config: Configuration,
    /// The accounts to run.
    pub sessions: Vec<SessionSpec>,
    /// Whether messages are only shown in the log instead of sent.
    pub dry_run: bool,
}

/// Why a relay can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log can't be read.
    #[error("log")]
    Log(#[from] LogError),
    /// A record in the log can't be understood.
    #[error("record {seq}: {why}")]
    Record {
        /// Which.
        seq: u64,
        /// Why.
        why: String,
    },
    /// The store can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread could not be started.
    #[error("thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running relay.
#[derive(Debug)]
pub struct Relay {
    handle: Handle,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Relay {
    /// Reads the log back, starts the sessions and runs until [`Relay::stop`].
    ///
    /// # Errors
    /// When the log or the store can't be used.
    pub fn start(start: Start) -> Result<Self, StartError> {
        let stop = CancellationToken::new();
        let (control, controls) = mpsc::channel(256);
        let (ready_tx, ready) = watch::channel(Some(STARTING.to_owned()));
        let links: Links = Arc::new(Mutex::new(HashMap::new()));
        let flushes = Arc::new(AtomicU64::new(0));
        let handle = Handle { control, links: Arc::clone(&links), ready, flushes: Arc::clone(&flushes) };
        let core = Core::open(start, stop.clone(), links, ready_tx, flushes)?;
        let tracker = TaskTracker::new();
        let task = tracker.spawn(core.run(controls));
        tracker.close();
        Ok(Self { handle, stop, task })
    }

    /// What the rest of the program asks with.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends sessions, flushes the log, closes the store.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(error = %error, "the core ended badly");
        }
    }

    /// Ends when the relay has ended by itself, which it only does after a failure of the disk.
    pub async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::error!(error = %error, "the core ended badly");
        }
    }
}

/// A record, its plain part, and its body with the number of the key.
type Appended = (Seq, Vec<u8>, Option<(u64, Vec<u8>)>);

struct Core {
    engine: Engine,
    log: Box<dyn Log>,
    flush: FlushThread,
    flushed: mpsc::Receiver<Result<sameroom_log::Seq, LogError>>,
    store: StoreThread,
    kept: mpsc::Receiver<Kept>,
    /// Rows in the order of their records, until those are durable.
    rows: VecDeque<(Seq, Vec<sameroom_types::rows::Row>)>,
    /// When the oldest of them have waited long enough.
    rows_due: Option<Instant>,
    applying: bool,
    durable: Seq,
    flush_at: Option<Instant>,
    /// Keys of bodies that are needed no more, until one more flush is over: the log then need not flush
    /// twice to be rid of them.
    doomed: Vec<KeyId>,
    reports: mpsc::Receiver<(AccountId, Report)>,
    own_reports: mpsc::Sender<(AccountId, Report)>,
    ended: mpsc::Receiver<AccountId>,
    sessions: Sessions,
    kit: Kit,
    spool: FolderSpool,
    shares: Shares,
    config: Configuration,
    specs: Vec<SessionSpec>,
    began: Instant,
    links: Links,
    ready: watch::Sender<Option<String>>,
    flushes: Arc<AtomicU64>,
    replies: HashMap<u64, oneshot::Sender<Reply>>,
    next_reply: u64,
    loads: VecDeque<Job>,
    tasks: TaskTracker,
    stop: CancellationToken,
    dry_run: bool,
    failed: Option<LogError>,
}

impl Core {
    fn open(
        start: Start,
        stop: CancellationToken,
        links: Links,
        ready: watch::Sender<Option<String>>,
        flushes: Arc<AtomicU64>,
    ) -> Result<Self, StartError> {
        let Start { mut log, mut store, .. } = start;
        let setup = Setup {
            installation: start.installation.clone(),
            digest_key: start.digest_key,
            dialects: Arc::new(ConnectorDialects::new(&start.connectors)),
        };
        let mut engine = Engine::new(setup);
        let applied = store.applied()?;
        let mut rows = VecDeque::new();
        let mut bad = None;
        let first = log.first();
        log.replay(first, &mut |record| {
            if bad.is_some() {
                return;
            }
            match engine.replay(Seq(record.seq.0), &record.meta, record.body.as_deref()) {
                Ok(effects) => rows.extend(effects.into_iter().filter_map(|effect| match effect {
                    Effect::Store { seq, rows } if seq > applied => Some((seq, rows)),
                    _ => None,
                })),
                Err(error) => {
                    bad = Some(StartError::Record { seq: record.seq.0, why: error.to_string() });
                }
            }
        })?;
        if let Some(error) = bad {
            return Err(error);
        }
        let (flush_tx, flushed) = mpsc::channel(16);
        let flush = FlushThread::start(log.flusher(), flush_tx)?;
        let (kept_tx, kept) = mpsc::channel(64);
        let store = StoreThread::start(store, kept_tx)?;
        let (own_reports, reports) = mpsc::channel(REPORTS);
        let (ended_tx, ended) = mpsc::channel(64);
        let sessions = Sessions::new(start.installation, own_reports.clone(), ended_tx, stop.child_token());
        Ok(Self {
            engine,
            durable: Seq(log.durable().0),
            log,
            flush,
            flushed,
            store,
            kept,
            rows,
            rows_due: None,
            applying: false,
            flush_at: None,
            doomed: Vec::new(),
            reports,
            own_reports,
            ended,
            sessions,
            kit: start.kit,
            spool: start.spool,
            shares: start.shares,
            config: start.config,
            specs: start.sessions,
            began: Instant::now(),
            links,
            ready,
            flushes,
            replies: HashMap::new(),
            next_reply: 1,
            loads: VecDeque::new(),
            tasks: TaskTracker::new(),
            stop,
            dry_run: start.dry_run,
            failed: None,
        })
    }

    fn now(&self) -> Now {
        Now { mono: self.began.elapsed(), wall: self.kit.clock.wall(), random: self.kit.clock.random() }
    }

    async fn run(mut self, mut controls: mpsc::Receiver<Control>) {
        let keys: Vec<u64> = self.log.live_keys().into_iter().map(|key| key.0).collect();
        let now = self.now();
        let mut effects = self.engine.start(now, &keys);
        let config = Box::new(self.config.clone());
        effects.extend(self.engine.step(now, Input::Configure(config)));
        self.execute(effects).await;
        let specs = std::mem::take(&mut self.specs);
        self.set_sessions(&specs).await;
        self.flush_within(Duration::ZERO);
        self.ready.send_replace(None);
        let mut batch = Vec::with_capacity(ROUND);
        let mut sweep = tokio::time::interval(Duration::from_secs(3600));
        while self.failed.is_none() {
            let timer = self.engine.next_timer().map(|at| self.began + at);
            let (flush_at, rows_due) = (self.flush_at, self.rows_due.filter(|_| !self.applying));
            let takes_events = self.rows.len() < MOST_ROWS;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(result) = self.flushed.recv() => self.on_flushed(result).await,
                Some(kept) = self.kept.recv() => self.on_kept(kept).await,
                Some(control) = controls.recv() => self.on_control(control).await,
                Some(account) = self.ended.recv() => self.on_session_ended(&account).await,
                count = self.reports.recv_many(&mut batch, ROUND), if takes_events => {
                    if count > 0 {
                        self.on_reports(&mut batch).await;
                    }
                }
                () = sleep_until(flush_at) => {
                    self.flush_at = None;
                    self.flush.flush();
                }
                () = sleep_until(timer) => self.feed(vec![Input::Tick]).await,
                () = sleep_until(rows_due) => {}
                _ = sweep.tick() => self.sweep_files(),
            }
            self.hand_to_store();
            if self.sessions.drain_backlogs() {
                tokio::task::yield_now().await;
            }
        }
        self.close().await;
    }

    async fn close(mut self) {
        self.ready.send_replace(Some("stopping".into()));
        self.sessions.stop().await;
        // What sessions said while they ended still counts: outcomes save repeats after the start.
        let mut batch = Vec::new();
        while let Ok(report) = self.reports.try_recv() {
            batch.push(report);
        }
        if self.failed.is_none() {
            self.on_reports(&mut batch).await;
        }
        self.tasks.close();
        self.flush.stop();
        if let Some(error) = &self.failed {
            tracing::error!(error = %error, "the log failed; the program must be started again");
        } else {
            self.flush_last().await;
            if let Some(jobs) = &self.store.jobs {
                let durable = self.durable;
                let rows: Vec<_> = self.rows.drain(..).take_while(|(at, _)| *at <= durable).collect();
                drop(jobs.send(Job::Apply(rows)).await);
            }
        }
        self.kept.close();
        let store = self.store;
        drop(tokio::task::spawn_blocking(move || store.stop()).await);
    }

    /// Makes all durable, and then the end of the keys that nothing durable needs any more.
    async fn flush_last(&mut self) {
        for _ in 0..2 {
            match self.log.flusher().flush() {
                Ok(seq) => self.durable = Seq(seq.0),
                Err(error) => {
                    tracing::error!(error = %error, "last flush failed");
                    return;
                }
            }
            self.feed(vec![Input::Durable(self.durable)]).await;
            let keys = std::mem::take(&mut self.doomed);
            self.destroy(&keys);
        }
    }

    async fn set_sessions(&mut self, specs: &[SessionSpec]) {
        let engine = &self.engine;
        let resume = |account: &AccountId| {
            engine
                .resume_points(account)
                .into_iter()
                .map(|(room, cursor, last_heard)| Resume { room, cursor, last_heard })
                .collect()
        };
        let failed = self.sessions.set(specs, &self.kit, resume);
        let inputs = failed.into_iter().map(|(account, health)| Input::Health { account, health }).collect();
        self.feed(inputs).await;
        // Joins that the engine asked for before the sessions were there.
        let config = Box::new(self.config.clone());
        self.feed(vec![Input::Configure(config)]).await;
    }

    async fn on_control(&mut self, control: Control) {
        match control {
            Control::Request(request, answer) => {
                let id = self.next_reply;
                self.next_reply += 1;
                self.replies.insert(id, answer);
                self.feed(vec![Input::Operator { id, request }]).await;
            }
            Control::Configure(config, specs, answer) => {
                self.config = *config;
                self.set_sessions(&specs).await;
                // Whoever asked may have gone away meanwhile.
                if answer.send(()).is_err() {
                    tracing::debug!("nobody waits for the configuration");
                }
            }
            Control::Trace(message, answer) => self.loads.push_back(Job::Trace(message, answer)),
            Control::Audit(limit, answer) => self.loads.push_back(Job::Audit(limit, answer)),
        }
    }

    async fn on_flushed(&mut self, result: Result<sameroom_log::Seq, LogError>) {
        match result {
            Ok(seq) => {
                self.flushes.fetch_add(1, Ordering::Relaxed);
                self.durable = Seq(seq.0);
                let ripe = std::mem::take(&mut self.doomed);
                self.destroy(&ripe);
                self.feed(vec![Input::Durable(self.durable)]).await;
            }
            Err(error) => self.failed = Some(error),
        }
    }

    /// Sees to it that what is written now is durable after a while at the latest.
    fn flush_within(&mut self, wait: Duration) {
        let at = Instant::now() + wait;
        self.flush_at = Some(self.flush_at.map_or(at, |planned| planned.min(at)));
    }

    fn destroy(&mut self, keys: &[KeyId]) {
        if keys.is_empty() {
            return;
        }
        if let Err(error) = self.log.destroy(keys) {
            self.failed = Some(error);
        }
        self.flush_within(SHRED_WITHIN);
    }

    async fn on_kept(&mut self, kept: Kept) {
        match kept {
            Kept::Applied(seq) => {
                self.applying = false;
                self.feed(vec![Input::Stored(seq)]).await;
            }
            Kept::Loaded(id, found) => self.feed(vec![Input::Loaded { id, found }]).await,
            Kept::Failed(rows, error) => {
                tracing::error!(error = %error, "store can't be written; trying again in 5 s");
                for row in rows.into_iter().rev() {
                    self.rows.push_front(row);
                }
                let ready = self.ready.clone();
                ready.send_replace(Some(error.to_string()));
                // The store is asked again by the next round after this pause; the log keeps everything.
                self.tasks.spawn(async move {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    ready.send_replace(None);
                });
                self.applying = false;
            }
        }
    }

    async fn on_session_ended(&mut self, account: &AccountId) {
        let Some(owed) = self.sessions.ended(account) else { return };
        let health = Health::Stopped { why: "the session ended; see the log".into() };
        let mut inputs = vec![Input::Health { account: account.clone(), health }];
        inputs.extend(owed.into_iter().map(|(delivery, part)| Input::Sent {
            account: account.clone(),
            delivery,
            part,
            outcome: Outcome::Unknown { why: "the session ended".into() },
        }));
        self.feed(inputs).await;
    }

    async fn on_reports(&mut self, batch: &mut Vec<(AccountId, Report)>) {
        let inputs = batch.drain(..).map(|(account, report)| self.input_of(account, report)).collect();
        self.feed(inputs).await;
    }

    fn input_of(&mut self, account: AccountId, report: Report) -> Input {
        match report {
            Report::Health(health) => {
                note_health(&account, &health);
                Input::Health { account, health }
            }
            Report::Connected { realm, me } => Input::Connected { account, realm, me: Box::new(me) },
            Report::Room(room) => Input::Room {
                account,
                asked: room.asked,
                id: room.id,
                name: room.name,
                kind: room.kind,
                capabilities: Box::new(room.capabilities),
            },
            Report::RoomFailed(failure) => {
                tracing::warn!(account = %account, why = %failure.why, "room can't be used");
                Input::RoomFailed {
                    account,
                    asked: failure.asked,
                    why: failure.why,
                    retrying: failure.retrying,
                }
            }
            Report::Event { ticket, inbound } => Input::Event { account, ticket, inbound },
            Report::Invited { room, by } => Input::Invited { account, room, by: by.map(Box::new) },
            Report::Outcome { delivery, part, outcome } => {
                self.sessions.answered(&account, delivery, part);
                Input::Sent { account, delivery, part, outcome }
            }
            Report::Answer { delivery, part, answer } => Input::Answered { delivery, part, answer },
            Report::Fetched { spool, result } => {
                Input::Fetched { spool, result: result.map_err(|error| error.to_string()) }
            }
            Report::Pong { id, result } => Input::Pong { id, result },
            Report::Rooms(_) => Input::Tick,
        }
    }

    /// Lets the engine take these steps, in order, as one round: one write for all their records.
    async fn feed(&mut self, inputs: Vec<Input>) {
        let mut effects = Vec::new();
        for input in inputs {
            let now = self.now();
            effects.append(&mut self.engine.step(now, input));
        }
        self.execute(effects).await;
    }

    async fn execute(&mut self, mut effects: Vec<Effect>) {
        while !effects.is_empty() {
            let mut records: Vec<Appended> = Vec::new();
            let mut rest = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Append { seq, record, body } => records.push((seq, record, body)),
                    other => rest.push(other),
                }
            }
            let written = records.last().map(|(seq, _, _)| *seq);
            if !records.is_empty() && !self.append(&records).await {
                return;
            }
            for effect in rest {
                self.perform(effect);
            }
            effects = match written {
                Some(seq) => {
                    let now = self.now();
                    self.engine.step(now, Input::Written(seq))
                }
                None => Vec::new(),
            };
        }
    }

    /// Writes records. While the disk is full nothing else happens: nothing is taken, nothing is sent.
    async fn append(&mut self, records: &[Appended]) -> bool {
        let batch: Vec<NewRecord<'_>> = records
            .iter()
            .map(|(seq, meta, body)| NewRecord {
                seq: sameroom_log::Seq(seq.0),
                meta,
                body: body.as_ref().map(|(key, body)| (KeyId(*key), body.as_slice())),
            })
            .collect();
        let mut said = false;
        loop {
            match self.log.append(&batch) {
                Ok(()) => {
                    if said {
                        tracing::info!("the disk has room again");
                        self.ready.send_replace(None);
                    }
                    return true;
                }
                Err(LogError::Full(error)) => {
                    if !said {
                        tracing::error!(error = %error, "disk full: nothing is accepted until there is room");
                        self.ready.send_replace(Some("the disk is full".into()));
                        said = true;
                    }
                    tokio::select! {
                        () = self.stop.cancelled() => {
                            self.failed = Some(LogError::Full(error));
                            return false;
                        }
                        () = tokio::time::sleep(Duration::from_millis(500)) => {}
                    }
                }
                Err(error) => {
                    self.ready.send_replace(Some(error.to_string()));
                    self.failed = Some(error);
                    return false;
                }
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Append { .. } => {}
            Effect::Flush => self.flush_within(GATHER),
            Effect::Send { account, request } => {
                if self.dry_run {
                    show(&account, &request);
                    let outcome = Outcome::Done { ids: None, shown: false };
                    let (delivery, part) = (request.delivery, request.part);
                    self.answer(account, Report::Outcome { delivery, part, outcome });
                } else {
                    self.command(&account, Command::Send(*request));
                }
            }
            Effect::Ask { account, delivery, part, room, key, since } => {
                self.command(&account, Command::Ask { delivery, part, room, key, since });
            }
            Effect::Acknowledge { account, ticket } => self.sessions.acknowledge(&account, ticket),
            Effect::Join { account, room } => self.command(&account, Command::Join { room }),
            Effect::Leave { account, room } => self.command(&account, Command::Leave { room }),
            Effect::Fetch { account, spool, file } => self.fetch(account, spool, file),
            Effect::Unspool(spool) => self.unspool(spool),
            Effect::Share { spool, token, name } => {
                let shares = self.shares.clone();
                self.tasks.spawn(async move {
                    if let Err(error) = shares.put(&token, &spool, &name).await {
                        tracing::error!(error = %error, "file can't be shared");
                    }
                });
            }
            Effect::Ping { account, room, id } => self.command(&account, Command::Ping { room, id }),
            Effect::Whisper { account, room, to, text } => {
                self.command(&account, Command::Whisper { room, to, text });
            }
            Effect::Load { id, query } => self.loads.push_back(Job::Load(id, query)),
            Effect::Store { seq, rows } => {
                self.rows_due.get_or_insert_with(|| Instant::now() + ROWS_WITHIN);
                self.rows.push_back((seq, rows));
            }
            Effect::DestroyKeys(keys) => {
                self.doomed.extend(keys.into_iter().map(KeyId));
                self.flush_within(SHRED_WITHIN);
            }
            Effect::Truncate(seq) => {
                if let Err(error) = self.log.truncate_before(sameroom_log::Seq(seq.0)) {
                    self.failed = Some(error);
                }
            }
            Effect::Reply { id, reply } => {
                if let Some(answer) = self.replies.remove(&id) {
                    drop(answer.send(reply));
                }
            }
            Effect::ManageLink { token, room, page } => {
                let now = self.kit.clock.wall();
                let mut links = lock(&self.links);
                links.retain(|_, link| link.until > now);
                links.insert(token, Link { room, page, until: now.plus(LINK_LIFE) });
            }
        }
    }

    fn command(&mut self, account: &AccountId, command: Command) {
        if let Some(report) = self.sessions.command(account, command) {
            self.answer(account.clone(), report);
        }
    }

    /// Says something in a session's stead, in a later round.
    fn answer(&self, account: AccountId, report: Report) {
        let reports = self.own_reports.clone();
        self.tasks.spawn(async move {
            drop(reports.send((account, report)).await);
        });
    }

    fn fetch(&mut self, account: AccountId, spool: SpoolId, file: sameroom_types::event::FileRef) {
        let folder = self.spool.clone();
        let present = spool.clone();
        let command = Command::Fetch { spool, file, max_bytes: MAX_FILE };
        // After a restart the file may still be there; that is seen without asking the platform.
        if folder.contains(&present) {
            let reports = self.own_reports.clone();
            self.tasks.spawn(async move {
                let size = folder.size(&present).await.unwrap_or(0);
                drop(reports.send((account, Report::Fetched { spool: present, result: Ok(size) })).await);
            });
        } else {
            self.command(&account, command);
        }
    }

    fn unspool(&self, spool: SpoolId) {
        let (folder, shares) = (self.spool.clone(), self.shares.clone());
        self.tasks.spawn(async move {
            match shares.is_shared(&spool).await {
                Ok(false) => folder.remove(&spool).await,
                Ok(true) => {}
                Err(error) => tracing::warn!(error = %error, "spool file is kept"),
            }
        });
    }

    fn sweep_files(&self) {
        let (folder, shares) = (self.spool.clone(), self.shares.clone());
        self.tasks.spawn(async move {
            match shares.sweep().await {
                Ok(gone) => {
                    for spool in gone {
                        folder.remove(&spool).await;
                    }
                }
                Err(error) => tracing::warn!(error = %error, "old links are kept"),
            }
        });
    }

    /// Hands durable rows and waiting questions to the store, as far as it takes them. Questions are asked
    /// behind all rows that can be handed over.
    fn hand_to_store(&mut self) {
        let is_due = self.rows.len() >= ROWS_AT_ONCE
            || !self.loads.is_empty()
            || self.rows_due.is_some_and(|due| due <= Instant::now());
        if is_due {
            self.hand_rows();
        }
        let Some(jobs) = &self.store.jobs else { return };
        while let Some(job) = self.loads.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(job)) = jobs.try_send(job) {
                self.loads.push_front(job);
                break;
            }
        }
    }

    fn hand_rows(&mut self) {
        let Some(jobs) = &self.store.jobs else { return };
        let healthy = self.ready.borrow().is_none();
        if self.applying || !healthy || self.rows.front().is_none_or(|(seq, _)| *seq > self.durable) {
            // Whatever this waits for comes with an event of its own; a flush at the latest.
            self.rows_due = self.rows_due.map(|due| due.max(Instant::now() + GATHER));
            return;
        }
        let Ok(permit) = jobs.try_reserve() else { return };
        let mut batch = Vec::new();
        while self.rows.front().is_some_and(|(seq, _)| *seq <= self.durable) && batch.len() < 20_000 {
            batch.extend(self.rows.pop_front());
        }
        // Rows of one record stay together: its place is what the store remembers.
        while let (Some((next, _)), Some((last, _))) = (self.rows.front(), batch.last()) {
            if next != last {
                break;
            }
            batch.extend(self.rows.pop_front());
        }
        self.applying = true;
        self.rows_due = (!self.rows.is_empty()).then(|| Instant::now() + ROWS_WITHIN);
        permit.send(Job::Apply(batch));
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn note_health(account: &AccountId, health: &Health) {
    match health {
        Health::Connecting => tracing::debug!(account = %account, "connecting"),
        Health::Connected => tracing::info!(account = %account, "connected"),
        Health::Retrying { after, why } => {
            let retry_after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(account = %account, retry_after_ms, why, "not connected");
        }
        Health::NeedsRelink { why } => {
            tracing::error!(account = %account, why, "account must be linked again");
        }
        Health::Stopped { why } => tracing::info!(account = %account, why, "session stopped"),
    }
}

/// What a dry run shows instead of sending.
fn show(account: &AccountId, request: &sameroom_types::action::SendRequest) {
    tracing::info!(account = %account, room = %request.room, action = ?request.action, "would send");
}
