//! The embedded log: segment files with the records, beside them one file with the keys.
//!
//! Each record is framed, checksummed and chained to the one before; a batch is one write, and never straddles two segments.
//! Each body is sealed with a random key of its own; the key stands, sealed with a key derived from the master key, in a slot of the
//! key file. Zeroing the slot shreds the body, without touching the segment.
//!
//! What makes this safe against crashes and power losses is written down in `flush.rs`, what is done about what a crash left behind in
//! `recover.rs`; the layouts are in `frame.rs`, `header.rs` and `slots.rs`.

mod append;
mod flush;
mod frame;
pub(crate) mod fuzzing;
mod header;
mod keys;
mod live;
mod read;
mod recover;
mod scan;
mod slots;

use std::{path::PathBuf, sync::Arc};

use sameroom_seal::{Entropy, Key};

use crate::{Flusher, KeyId, Log, LogError, NewRecord, Record, Seq, disk::Disk, folder::InstallationId};
use append::Undo;
use flush::{Doomed, SegmentFlusher, Shared};
use live::LiveKeys;
use read::Waypoints;

/// How a segment log is opened.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Whose log this is: files of another installation are refused.
    pub installation: InstallationId,
    /// From which length on a segment takes no further batch. Default: 16 MiB.
    pub segment_bytes: u64,
    /// Whether the slots of destroyed keys are zeroed. **Only a test turns this off**, to show that shredding depends on it: without
    /// it destroyed bodies can be read again after a restart. Default: true.
    pub zero_slots: bool,
}

impl LogOptions {
    /// The usual options.
    #[must_use]
    pub const fn new(installation: InstallationId) -> Self {
        Self { installation, segment_bytes: 16 * 1024 * 1024, zero_slots: true }
    }
}

/// What was found, and put in order, when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Whether the log was made just now.
    pub created: bool,
    /// Where the tail was cut off, and how many bytes of how many files were lost with it. They were never durable.
    pub cut: Option<Cut>,
    /// Keys without a record: the process ended between writing the one and the other.
    pub orphan_keys: usize,
    /// Slots that a power loss had torn.
    pub torn_slots: usize,
}

/// A torn tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The file that was cut.
    pub path: PathBuf,
    /// Its new length.
    pub offset: u64,
    /// How many bytes were dropped, of this file and of those behind it.
    pub bytes: u64,
    /// Why it ends there.
    pub why: &'static str,
}

/// The embedded log. One process has it at a time.
pub struct SegmentLog<D: Disk> {
    shared: Arc<Shared<D>>,
    options: LogOptions,
    entropy: Box<dyn Entropy>,
    /// Oldest first; the last one is written to. Never empty.
    segments: Vec<Segment<D::File>>,
    next: Seq,
    /// Checksum of the last record.
    checksum: u32,
    live: LiveKeys,
    /// How many slots the key file has.
    slots: u32,
    /// What a failed append left behind, to be cleaned up before the next one.
    undo: Undo,
    buffer: Vec<u8>,
}

/// One segment file.
struct Segment<F> {
    first: Seq,
    name: String,
    /// Where to start reading; `None` until it was read for the first time.
    waypoints: Option<Waypoints>,
    /// Open while it is written to.
    file: Option<Arc<F>>,
    /// Its length, while it is written to.
    len: u64,
}

impl<D: Disk> SegmentLog<D> {
    /// Opens the log in a folder, makes it when there is none, and puts in order what a crash left behind.
    /// `key` seals the keys of the bodies: derive it from the master key for the log alone.
    ///
    /// # Errors
    /// [`LogError::Damaged`], [`LogError::Newer`], [`LogError::Foreign`] and [`LogError::WrongKey`] change nothing on the
    /// disk; [`LogError::Disk`] also says which process has the log in use.
    pub fn open(
        disk: D,
        key: Key,
        options: LogOptions,
        entropy: Box<dyn Entropy>,
    ) -> Result<(Self, Recovery), LogError> {
        recover::open(disk, key, options, entropy)
    }
}

impl<D: Disk> Log for SegmentLog<D> {
    fn append(&mut self, batch: &[NewRecord<'_>]) -> Result<(), LogError> {
        self.append_batch(batch)
    }

    fn flusher(&self) -> Box<dyn Flusher> {
        Box::new(SegmentFlusher(Arc::clone(&self.shared)))
    }

    fn destroy(&mut self, keys: &[KeyId]) -> Result<(), LogError> {
        self.shared.check_broken()?;
        let gone = keys.iter().filter_map(|name| self.live.remove(*name));
        let doomed: Vec<Doomed> = gone.map(|key| Doomed { slot: key.slot, last_use: key.last_use }).collect();
        self.shared.pending().doomed.extend(doomed);
        Ok(())
    }

    fn body(&mut self, seq: Seq) -> Result<Option<Vec<u8>>, LogError> {
        self.read_body(seq)
    }

    fn replay(&mut self, from: Seq, visit: &mut dyn FnMut(Record)) -> Result<(), LogError> {
        self.read_all(from, visit)
    }

    fn truncate_before(&mut self, seq: Seq) -> Result<(), LogError> {
        self.shared.check_broken()?;
        let mut pending = self.shared.pending();
        let limit = seq.min(pending.durable.next());
        let dropped = self.segments.iter().skip(1).take_while(|segment| segment.first <= limit).count();
        pending.leftover.extend(self.segments.drain(..dropped).map(|segment| segment.name));
        pending.first = self.segments[0].first;
        Ok(())
    }

    fn first(&self) -> Seq {
        self.segments[0].first
    }

    fn next(&self) -> Seq {
        self.next
    }

    fn durable(&self) -> Seq {
        self.shared.pending().durable
    }

    fn live_keys(&self) -> Vec<KeyId> {
        self.live.names()
    }
}
