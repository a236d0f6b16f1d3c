//! What can go wrong with a log, by what the caller can do about it.

use std::path::PathBuf;

use crate::{Seq, disk::DiskError};

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
    /// There is no room on the disk. Nothing was appended; the same works once there is room.
    #[error("the disk is full")]
    Full(#[source] DiskError),
    /// The disk failed. Nothing was appended; trying again may work.
    #[error("the disk failed")]
    Disk(#[source] DiskError),
    /// A flush failed, now or earlier, so that nobody knows what the disk holds.
    #[error("a flush failed, the log must be opened again")]
    Broken,
    /// Something that was durable is not as it was written.
    #[error(
        "{} is damaged at byte {offset}: {why}; restore the data folder from a backup, or move it away to start empty",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        why: &'static str,
    },
    /// A file was written by a newer version of this program.
    #[error("{} has format {found}, this program reads up to {known}; run the newer program again", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that is known here.
        known: u32,
    },
    /// A file belongs to another installation.
    #[error("{} belongs to another installation; restore the whole data folder from one backup", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// The keys are sealed with another master key.
    #[error("{} is sealed with another master key; give the one that this data folder was made with", path.display())]
    WrongKey {
        /// The key file.
        path: PathBuf,
    },
}

impl From<DiskError> for LogError {
    fn from(error: DiskError) -> Self {
        if error.is_full() { Self::Full(error) } else { Self::Disk(error) }
    }
}
