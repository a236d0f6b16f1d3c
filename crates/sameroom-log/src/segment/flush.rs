//! What the log and its flusher share, and the order in which a flush happens.
//!
//! A flush reports a record only when the record, its segment's name and its key are durable. It goes:
//!
//! 1. zero the slots of destroyed keys that no record behind the mark on disk uses;
//! 2. write the mark (what earlier flushes made durable), flush the key file;
//! 3. flush the segments that were written to, then the names;
//! 4. only if a destroyed key was used behind the mark of step 2: write the new mark, flush, zero its slot, flush;
//! 5. delete segments that the mark has left behind.
//!
//! Why this holds after a power loss at any point, where each unflushed sector may be kept, lost or torn:
//!
//! - *A reported record has its key.* Step 2 comes after the slots of all records that the flush reports, since they were written
//!   before it began; step 3 before the report.
//! - *A record without its key is never shown as shredded by mistake.* A slot is zeroed only when a **durable** mark covers every record
//!   that used the key (steps 1 and 4). So a record behind the mark whose key is missing was never reported durable: its slot was still in
//!   flight when the power went, and recovery cuts the log there. A record up to the mark whose key is missing was shredded.
//! - *A destroyed key that was reported never comes back.* Its zeros are flushed in step 2 or 4 of the flush that reports it, and its slot is given
//!   to another key only afterwards. A torn zeroing leaves a slot that does not parse; recovery zeroes it.
//! - *The mark itself* is in two copies written in turn, each in a sector of its own: a torn one leaves the one before, which was flushed before
//!   anything relied on it.
//! - *Damage is told from a torn tail by the mark:* what does not parse up to it is damage and refused, what does not parse behind it was in flight.
//!
//! No lock is held while the disk flushes but the flushers' own.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{keys::KeyFile, slots::Mark};
use crate::{
    Flusher, LogError, Seq,
    disk::{Disk, DiskError, DiskFile as _},
};

/// What the log and its flushers share.
pub(super) struct Shared<D: Disk> {
    pub(super) disk: D,
    pub(super) keys: KeyFile<D::File>,
    /// Never held during a flush.
    pub(super) pending: Mutex<Pending<D::File>>,
    /// The mark on disk; held for the whole of a flush.
    pub(super) mark: Mutex<Mark>,
    pub(super) broken: AtomicBool,
    pub(super) zero_slots: bool,
    /// Keeps other processes out for as long as anything of the log is in use.
    pub(super) _lock: D::Lock,
}

/// What the next flush has to do.
pub(super) struct Pending<F> {
    pub(super) written: Seq,
    pub(super) durable: Seq,
    pub(super) first: Seq,
    /// Segments written to since the last flush, oldest first.
    pub(super) segments: Vec<Arc<F>>,
    pub(super) names_changed: bool,
    pub(super) keys_changed: bool,
    pub(super) doomed: Vec<Doomed>,
    /// Slots to give to new keys.
    pub(super) free: BTreeSet<u32>,
    /// Files that the log no longer uses.
    pub(super) leftover: Vec<String>,
}

/// A destroyed key's slot, to be zeroed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doomed {
    pub(super) slot: u32,
    /// The last record that used the key.
    pub(super) last_use: Seq,
}

/// What one flush has to do.
struct Plan<F> {
    written: Seq,
    durable: Seq,
    first: Seq,
    segments: Vec<Arc<F>>,
    names_changed: bool,
    keys_changed: bool,
    /// Slots that may be zeroed at once, and those that must wait for the new mark.
    zero_now: Vec<u32>,
    zero_late: Vec<u32>,
    leftover: Vec<String>,
}

impl<D: Disk> Shared<D> {
    pub(super) fn pending(&self) -> MutexGuard<'_, Pending<D::File>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_broken(&self) -> Result<(), LogError> {
        if self.broken.load(Ordering::Acquire) { Err(LogError::Broken) } else { Ok(()) }
    }

    fn flush(&self) -> Result<Seq, LogError> {
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_broken()?;
        let mut plan = self.plan(&mark);
        if let Err(error) = self.run(&mut mark, &plan) {
            self.broken.store(true, Ordering::Release);
            return Err(error.into());
        }
        self.delete(&mut plan.leftover);
        let mut pending = self.pending();
        pending.durable = plan.written;
        if self.zero_slots {
            pending.free.extend(plan.zero_now.into_iter().chain(plan.zero_late));
        }
        pending.leftover.append(&mut plan.leftover);
        Ok(plan.written)
    }

    fn plan(&self, mark: &Mark) -> Plan<D::File> {
        let mut pending = self.pending();
        let doomed = std::mem::take(&mut pending.doomed);
        let (now, late): (Vec<_>, Vec<_>) = doomed.into_iter().partition(|key| key.last_use <= mark.durable);
        let slots = |doomed: Vec<Doomed>| doomed.into_iter().map(|key| key.slot).collect();
        Plan {
            written: pending.written,
            durable: pending.durable,
            first: pending.first,
            segments: std::mem::take(&mut pending.segments),
            names_changed: std::mem::take(&mut pending.names_changed),
            keys_changed: std::mem::take(&mut pending.keys_changed),
            zero_now: slots(now),
            zero_late: slots(late),
            leftover: std::mem::take(&mut pending.leftover),
        }
    }

    fn run(&self, mark: &mut Mark, plan: &Plan<D::File>) -> Result<(), DiskError> {
        if plan.keys_changed || !plan.zero_now.is_empty() || plan.first > mark.first {
            self.zero(&plan.zero_now)?;
            self.write_mark(mark, plan.durable, plan.first)?;
            self.keys.file.sync()?;
        }
        for segment in &plan.segments {
            segment.sync()?;
        }
        if plan.names_changed {
            self.disk.sync()?;
        }
        if !plan.zero_late.is_empty() {
            self.write_mark(mark, plan.written, plan.first)?;
            self.keys.file.sync()?;
            self.zero(&plan.zero_late)?;
            self.keys.file.sync()?;
        }
        Ok(())
    }

    fn write_mark(&self, mark: &mut Mark, durable: Seq, first: Seq) -> Result<(), DiskError> {
        *mark = Mark { counter: mark.counter + 1, durable, first };
        self.keys.write_mark(mark)
    }

    fn zero(&self, slots: &[u32]) -> Result<(), DiskError> {
        if self.zero_slots { self.keys.zero(slots) } else { Ok(()) }
    }

    /// Deletes what can be deleted; the rest is tried again at the next flush, and when the log is opened.
    fn delete(&self, leftover: &mut Vec<String>) {
        leftover.retain(|name| match self.disk.remove(name) {
            Ok(()) => false,
            Err(error) => error.source.kind() != std::io::ErrorKind::NotFound,
        });
    }
}

/// Flushes a segment log.
pub(super) struct SegmentFlusher<D: Disk>(pub(super) Arc<Shared<D>>);

impl<D: Disk> Flusher for SegmentFlusher<D> {
    fn flush(&mut self) -> Result<Seq, LogError> {
        self.0.flush()
    }
}
