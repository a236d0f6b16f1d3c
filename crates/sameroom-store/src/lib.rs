//! The store trait, its contract suite, and the reference implementation in memory.
//!
//! The store is derived from the log: it is handed rows in the order of their records, in batches,
//! only when those records are durable, and remembers how far it got. Written twice, a row is the same.

pub mod contract;
mod memory;

use sameroom_types::ids::{MessageId, Seq};
use sameroom_types::rows::{AuditRow, DeliveryRow, Query, Row, StoredMessage};

pub use memory::MemoryStore;

/// Answers what the engine's memory no longer holds, and what people ask about the past.
///
/// Calls block; the runtime makes them on a thread of their own.
pub trait Store: Send {
    /// The last record whose rows are in; 0 when none is.
    ///
    /// # Errors
    /// When the storage fails.
    fn applied(&mut self) -> Result<Seq, StoreError>;

    /// Writes a batch in one step and moves [`Store::applied`] to its last record. Rows of records
    /// that were applied before change nothing.
    ///
    /// # Errors
    /// When the storage fails; then nothing of the batch is in.
    fn apply(&mut self, batch: &[(Seq, Vec<Row>)]) -> Result<(), StoreError>;

    /// Everything known of one message.
    ///
    /// # Errors
    /// When the storage fails.
    fn load(&mut self, query: &Query) -> Result<Option<StoredMessage>, StoreError>;

    /// How the deliveries of one message went, by room.
    ///
    /// # Errors
    /// When the storage fails.
    fn trace(&mut self, message: MessageId) -> Result<Vec<DeliveryRow>, StoreError>;

    /// The newest entries of the audit log, newest first.
    ///
    /// # Errors
    /// When the storage fails.
    fn audit(&mut self, limit: u32) -> Result<Vec<AuditRow>, StoreError>;
}

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A newer program made it.
    #[error("the store has format {found}, this program understands up to {known}: run the newer program")]
    Newer {
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// An older program made it, in a form that is no longer read.
    #[error("the store has format {found}, which is no longer read: start with a new data folder")]
    Older {
        /// Its format.
        found: u32,
    },
    /// What is stored can't be read.
    #[error("the store at {place} is damaged ({why}): remove the file, it is made again from the log")]
    Damaged {
        /// Where.
        place: String,
        /// What was found.
        why: String,
    },
    /// There is no room; nothing of the batch is in.
    #[error("no room left for the store")]
    Full,
    /// The storage failed.
    #[error("store: {0}")]
    Storage(String),
}
