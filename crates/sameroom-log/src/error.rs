//! What can go wrong with a log, by what the caller can do about it.

use crate::Seq;

/// Why a log refused.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The caller's position is not the log's next one. Nothing was written.
    #[error("record {given} does not follow: the next is {expected}")]
    OutOfOrder {
        /// The position that the log expects.
        expected: Seq,
        /// The position that was given.
        given: Seq,
    },
    /// A record is larger than [`crate::record::MAX_RECORD_BYTES`]. Nothing was written.
    #[error("record {seq} has {bytes} bytes, more than the log takes")]
    TooLarge {
        /// Which record.
        seq: Seq,
        /// Meta and body together.
        bytes: usize,
    },
    /// The record was dropped by [`crate::Log::truncate_before`], or does not exist yet.
    #[error("record {0} is not in the log")]
    NotHere(Seq),
    /// An earlier flush failed, so that nobody knows what the disk holds.
    #[error("an earlier flush failed, the log must be opened again")]
    Broken,
}
