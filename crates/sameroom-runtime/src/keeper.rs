//! The thread that owns the store.

use std::thread::JoinHandle;

use sameroom_store::{Store, StoreError};
use sameroom_types::ids::{MessageId, Seq};
use sameroom_types::rows::{AuditRow, DeliveryRow, Query, Row, StoredMessage};
use tokio::sync::{mpsc, oneshot};

/// How many jobs may wait for the store; beyond it rows wait with the core.
const QUEUE: usize = 64;

/// A batch of rows with the records they come from.
pub(crate) type Rows = Vec<(Seq, Vec<Row>)>;

pub(crate) enum Job {
    Apply(Rows),
    Load(u64, Query),
    Trace(MessageId, oneshot::Sender<Result<Vec<DeliveryRow>, StoreError>>),
    Audit(u32, oneshot::Sender<Result<Vec<AuditRow>, StoreError>>),
}

pub(crate) enum Kept {
    Applied(Seq),
    Loaded(u64, Option<Box<StoredMessage>>),
    /// The batch comes back and must be handed in again.
    Failed(Rows, StoreError),
}

pub(crate) struct StoreThread {
    pub(crate) jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl StoreThread {
    pub(crate) fn start(mut store: Box<dyn Store>, done: mpsc::Sender<Kept>) -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("store".into()).spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                let kept = match job {
                    Job::Apply(rows) => {
                        let last = rows.last().map_or(Seq(0), |(seq, _)| *seq);
                        match store.apply(&rows) {
                            Ok(()) => Kept::Applied(last),
                            Err(error) => Kept::Failed(rows, error),
                        }
                    }
                    Job::Load(id, query) => match store.load(&query) {
                        Ok(found) => Kept::Loaded(id, found.map(Box::new)),
                        Err(error) => {
                            tracing::error!(error = %error, "store can't be read");
                            Kept::Loaded(id, None)
                        }
                    },
                    Job::Trace(message, answer) => {
                        drop(answer.send(store.trace(message)));
                        continue;
                    }
                    Job::Audit(limit, answer) => {
                        drop(answer.send(store.audit(limit)));
                        continue;
                    }
                };
                if done.blocking_send(kept).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Ends the thread after the jobs that wait.
    pub(crate) fn stop(mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
