//! The key file as a file: writes marks and slots, zeroes slots.

use sameroom_seal::Key;

use super::slots::{Mark, SLOT_BYTES, SLOTS_START};
use crate::{
    disk::{DiskError, DiskFile},
    folder::InstallationId,
};

/// Its name in the log's folder.
pub(super) const NAME: &str = "keys";
/// Its name until it is complete.
pub(super) const DRAFT_NAME: &str = "keys.new";
/// By how many slots it grows, so that its length seldom changes: 64 KiB.
pub(super) const BLOCK_SLOTS: u32 = 512;

/// The key file. Slots are written by whoever owns them, the mark by the flusher alone.
pub(super) struct KeyFile<F> {
    pub(super) file: F,
    pub(super) installation: InstallationId,
    /// Seals the keys in the slots.
    pub(super) wrap: Key,
}

impl<F: DiskFile> KeyFile<F> {
    pub(super) fn write_mark(&self, mark: &Mark) -> Result<(), DiskError> {
        self.file.write_at(&mark.encode(self.installation, &self.wrap), mark.offset())
    }

    /// Writes slots that lie side by side.
    pub(super) fn write_slots(&self, first: u32, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_at(bytes, slot_offset(first))
    }

    /// Zeroes slots, neighbours with one write.
    pub(super) fn zero(&self, slots: &[u32]) -> Result<(), DiskError> {
        let mut slots = slots.to_vec();
        slots.sort_unstable();
        for run in slots.chunk_by(|one, two| one + 1 == *two) {
            self.write_slots(run[0], &vec![0; run.len() * SLOT_BYTES])?;
        }
        Ok(())
    }

    /// Adds a block of free slots behind so many. The zeros are written, not skipped, so that a full disk is noticed here and
    /// not when a slot must be zeroed.
    pub(super) fn grow(&self, slots: u32) -> Result<(), DiskError> {
        self.write_slots(slots, &vec![0; BLOCK_SLOTS as usize * SLOT_BYTES])
    }
}

fn slot_offset(slot: u32) -> u64 {
    SLOTS_START + u64::from(slot) * SLOT_BYTES as u64
}
