//! All rooms of one account, and the one order in which everything in them happens.
//!
//! Nobody owns a task here: whoever wants something done puts it into the queue and then takes the keeper, or
//! waits for the one who has it. The holder does all that waits and writes it in one step, so that many
//! people share one flush. A holder that is dropped half-way leaves callers without an answer; they repeat
//! themselves, and repetitions are recognised.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use sameroom_connector::{Kit, Vault, VaultError};
use sameroom_types::ids::{AccountId, RemoteRoomId};
use tokio::sync::{oneshot, watch};

use crate::RoomLink;
use crate::config::Config;
use crate::ids;
use crate::keeper::{Done, Fault, Keeper, Op};
use crate::live::LiveRoom;

/// How many requests may wait; more are turned away for a moment.
const QUEUE: usize = 2_048;
/// How many requests share one write.
const BATCH: usize = 256;

/// Something to be done, and who waits for it.
pub(crate) struct Job {
    pub(crate) op: Op,
    pub(crate) answer: oneshot::Sender<Result<Done, Fault>>,
}

/// The rooms of one account.
pub(crate) struct House {
    /// The account.
    pub(crate) account: AccountId,
    /// What the program lends.
    pub(crate) kit: Kit,
    /// The name space in the vault.
    pub(crate) space: String,
    config: RwLock<Config>,
    queue: Mutex<VecDeque<Job>>,
    keeper: tokio::sync::Mutex<Keeper>,
    rooms: Mutex<Option<BTreeMap<String, Arc<LiveRoom>>>>,
    /// Counts changes of any room.
    changed: watch::Sender<u64>,
    /// Whether a session reports what happens here.
    relayed: watch::Sender<bool>,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").field("account", &self.account).finish_non_exhaustive()
    }
}

impl House {
    pub(crate) fn new(account: AccountId, config: Config, kit: Kit) -> Self {
        Self {
            space: format!("web/{account}"),
            account,
            kit,
            config: RwLock::new(config),
            queue: Mutex::default(),
            keeper: tokio::sync::Mutex::new(Keeper::default()),
            rooms: Mutex::default(),
            changed: watch::Sender::new(0),
            relayed: watch::Sender::new(false),
        }
    }

    pub(crate) fn is_in(&self, vault: &Arc<dyn Vault>) -> bool {
        Arc::ptr_eq(&self.kit.vault, vault)
    }

    pub(crate) fn configure(&self, config: Config) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    pub(crate) fn config(&self) -> Config {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The storage.
    pub(crate) fn vault(&self) -> &dyn Vault {
        &*self.kit.vault
    }

    /// Whether a session reports what happens here.
    pub(crate) fn relayed(&self) -> &watch::Sender<bool> {
        &self.relayed
    }

    /// Fires when a room has a new head.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn note_change(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn rooms(&self) -> MutexGuard<'_, Option<BTreeMap<String, Arc<LiveRoom>>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.rooms().is_some()
    }

    pub(crate) fn fill(&self, rooms: BTreeMap<String, Arc<LiveRoom>>) {
        *self.rooms() = Some(rooms);
    }

    pub(crate) fn add(&self, room: Arc<LiveRoom>) {
        self.rooms().get_or_insert_default().insert(room.rid.clone(), room);
    }

    /// All rooms that are loaded.
    pub(crate) fn all(&self) -> Vec<Arc<LiveRoom>> {
        self.rooms().iter().flat_map(BTreeMap::values).cloned().collect()
    }

    pub(crate) fn by_rid(&self, rid: &str) -> Option<Arc<LiveRoom>> {
        self.rooms().as_ref()?.get(rid).cloned()
    }

    pub(crate) fn by_id(&self, id: &RemoteRoomId) -> Option<Arc<LiveRoom>> {
        self.rooms().as_ref()?.values().find(|room| room.id == *id).cloned()
    }

    pub(crate) fn by_token_digest(&self, digest: &str) -> Option<Arc<LiveRoom>> {
        self.rooms().as_ref()?.values().find(|room| room.token_digest == digest).cloned()
    }

    pub(crate) fn links(&self) -> Vec<RoomLink> {
        let link = |room: Arc<LiveRoom>| RoomLink {
            account: self.account.clone(),
            room: room.id.clone(),
            name: room.name.clone(),
            path: format!("/{}/{}", ids::PREFIX, room.token),
        };
        self.all().into_iter().map(link).collect()
    }

    /// Reads the rooms from the vault, once.
    pub(crate) async fn load(&self) -> Result<(), VaultError> {
        if self.is_loaded() {
            return Ok(());
        }
        self.keeper.lock().await.load(self).await
    }

    /// Puts something into the queue, in the order of calls; the answer comes when somebody holds the keeper.
    ///
    /// # Errors
    /// When too much waits.
    pub(crate) fn queue(&self, op: Op) -> Result<oneshot::Receiver<Result<Done, Fault>>, Fault> {
        let (answer, wait) = oneshot::channel();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= QUEUE {
            return Err(Fault::Busy);
        }
        queue.push_back(Job { op, answer });
        Ok(wait)
    }

    /// Waits for an answer, doing what waits in the meantime.
    pub(crate) async fn finish(
        &self,
        mut wait: oneshot::Receiver<Result<Done, Fault>>,
    ) -> Result<Done, Fault> {
        loop {
            tokio::select! {
                biased;
                answer = &mut wait => return answer.unwrap_or(Err(Fault::Unsure)),
                mut keeper = self.keeper.lock() => {
                    let jobs = self.take();
                    keeper.work(self, jobs).await;
                }
            }
        }
    }

    /// Does one thing.
    pub(crate) async fn act(&self, op: Op) -> Result<Done, Fault> {
        let wait = self.queue(op)?;
        self.finish(wait).await
    }

    fn take(&self) -> Vec<Job> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let count = queue.len().min(BATCH);
        queue.drain(..count).collect()
    }
}
