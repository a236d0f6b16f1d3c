//! An open file of a simulated disk.

use std::io;

use super::{SimDisk, State, failed};
use crate::disk::{DiskAction, DiskError, DiskFile};

/// An open file of a simulated disk.
#[derive(Debug, Clone)]
pub struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) id: u64,
    pub(super) life: u64,
    pub(super) name: String,
}

impl SimFile {
    fn with<T>(
        &self,
        action: DiskAction,
        work: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T, DiskError> {
        let mut state = self.disk.lock_state();
        let result = if state.life == self.life {
            work(&mut state)
        } else {
            Err(io::Error::other("opened in an earlier life"))
        };
        result.map_err(failed(action, &self.name))
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        self.with(DiskAction::Read, |state| {
            let image = state.folder.image(self.id)?;
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(image.written.len());
            let available = &image.written[start..];
            let bytes = available.len().min(buffer.len());
            buffer[..bytes].copy_from_slice(&available[..bytes]);
            Ok(bytes)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), DiskError> {
        self.with(DiskAction::Write, |state| {
            let was_dead = state.faults.is_dead();
            let checked = state.faults.check();
            state.counters.writes += 1;
            state.counters.written_bytes += bytes.len() as u64;
            let offset = usize::try_from(offset).map_err(io::Error::other)?;
            let image = state.folder.image(self.id)?;
            if let Err(error) = checked {
                if !was_dead && state.faults.is_dead() {
                    image.write(offset, &bytes[..bytes.len() / 2]);
                }
                return Err(error);
            }
            let growth = (offset + bytes.len()).saturating_sub(image.written.len());
            let missing = growth - state.faults.take_room(growth);
            image.write(offset, &bytes[..bytes.len().saturating_sub(missing)]);
            if missing > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        })
    }

    fn set_len(&self, len: u64) -> Result<(), DiskError> {
        self.with(DiskAction::Resize, |state| {
            state.faults.check()?;
            let len = usize::try_from(len).map_err(io::Error::other)?;
            let image = state.folder.image(self.id)?;
            let (growth, shrink) =
                (len.saturating_sub(image.written.len()), image.written.len().saturating_sub(len));
            if state.faults.take_room(growth) < growth {
                return Err(io::ErrorKind::StorageFull.into());
            }
            if let Some(left) = state.faults.bytes_left.as_mut() {
                *left += shrink as u64;
            }
            image.resize(len);
            Ok(())
        })
    }

    fn len(&self) -> Result<u64, DiskError> {
        self.with(DiskAction::Read, |state| Ok(state.folder.image(self.id)?.written.len() as u64))
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.with(DiskAction::Sync, |state| {
            state.counters.syncs += 1;
            state.faults.check()?;
            state.folder.image(self.id)?.sync();
            Ok(())
        })
    }
}
