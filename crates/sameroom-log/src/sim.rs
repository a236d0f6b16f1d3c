//! A disk for the fault simulator: keeps what was written apart from what was flushed, and fails on request.
//!
//! Per file there is a *written* image, which everybody reads, and a *durable* one plus the list of writes since the last
//! flush. The names have the same two images. [`SimDisk::kill`] is the death of the process: the written image stays.
//! [`SimDisk::power_loss`] goes back to the durable images plus a random part of the rest: of each unflushed write each sector of
//! [`SECTOR_BYTES`](crate::disk::SECTOR_BYTES) is kept, lost or torn (its beginning new, its end old), lengths and names each come or do not.
//! A flushed file whose name was not flushed may be gone, as the file-system standard allows.

mod faults;
mod file;
mod folder;

pub use file::SimFile;

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sameroom_seal::Entropy;

use crate::disk::{Disk, DiskAction, DiskError};
use faults::Faults;
use folder::Folder;

/// A simulated disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    folder: Folder,
    faults: Faults,
    counters: Counters,
    /// Counts restarts: files and locks of an earlier life do nothing any more.
    life: u64,
    locked: bool,
}

/// The files of a disk at some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backup(BTreeMap<String, Vec<u8>>);

/// What was asked of a disk so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Writes to files.
    pub writes: u64,
    /// Bytes in these writes.
    pub written_bytes: u64,
    /// Flushes of files and of the folder.
    pub syncs: u64,
}

impl SimDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The process dies: what it wrote stays, what it opened is closed, requested faults are over (a full disk stays full).
    pub fn kill(&self) {
        let mut state = self.lock_state();
        state.life += 1;
        state.locked = false;
        state.faults.restart();
    }

    /// The machine loses power: what was flushed stays, and a random part of what was not.
    pub fn power_loss(&self, entropy: &mut dyn Entropy) {
        self.kill();
        self.lock_state().folder.power_loss(entropy);
    }

    /// The next change to the disk fails with this error.
    pub fn fail_next(&self, kind: io::ErrorKind) {
        self.fail_after(0, kind);
    }

    /// As [`SimDisk::fail_next`], after so many changes that still work. Changes are: create, write, resize, flush, rename, remove.
    pub fn fail_after(&self, changes: u64, kind: io::ErrorKind) {
        self.lock_state().faults.fail_after(changes, kind);
    }

    /// The process dies in the middle of a change, after so many that still work: that change happens in part
    /// and all later ones fail, until [`SimDisk::kill`] or [`SimDisk::power_loss`] makes it official.
    pub fn die_after(&self, changes: u64) {
        self.lock_state().faults.die_after(changes);
    }

    /// Whether the death requested with [`SimDisk::die_after`] has come.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.lock_state().faults.is_dead()
    }

    /// From now on files may grow by so many bytes together; a write that needs more is cut and fails.
    pub fn full(&self, bytes_left: u64) {
        self.lock_state().faults.bytes_left = Some(bytes_left);
    }

    /// Ends [`SimDisk::full`].
    pub fn space_back(&self) {
        self.lock_state().faults.bytes_left = None;
    }

    /// A copy of all that is written, as a backup makes it.
    #[must_use]
    pub fn backup(&self) -> Backup {
        let state = self.lock_state();
        let folder = &state.folder;
        let content = |name: String| Some((folder.written(&name)?.written.clone(), name));
        Backup(folder.names().into_iter().filter_map(content).map(|(bytes, name)| (name, bytes)).collect())
    }

    /// The machine is gone; another one is set up from a backup.
    pub fn restore(&self, backup: &Backup) {
        self.kill();
        let mut state = self.lock_state();
        state.folder = Folder::of(&backup.0);
    }

    /// What was asked of the disk so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.lock_state().counters
    }

    /// A file's written content, to look for what must not be there.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.lock_state().folder.written(name).map(|image| image.written.clone())
    }

    /// Changes a file's content behind everybody's back, in both images: damage. `None` deletes the file.
    pub fn damage(&self, name: &str, content: Option<Vec<u8>>) {
        self.lock_state().folder.damage(name, content);
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, name: &str, id: u64, life: u64) -> SimFile {
        SimFile { disk: self.clone(), id, life, name: name.to_owned() }
    }
}

impl Disk for SimDisk {
    type File = SimFile;
    type Lock = SimLock;

    fn create(&self, name: &str) -> Result<SimFile, DiskError> {
        let mut state = self.lock_state();
        let failed = failed(DiskAction::Create, name);
        state.faults.check().map_err(&failed)?;
        let id = state.folder.create(name).map_err(failed)?;
        Ok(self.file(name, id, state.life))
    }

    fn open(&self, name: &str) -> Result<SimFile, DiskError> {
        let state = self.lock_state();
        let id = state.folder.id(name).map_err(failed(DiskAction::Open, name))?;
        Ok(self.file(name, id, state.life))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut state = self.lock_state();
        let failed = failed(DiskAction::Rename, from);
        state.faults.check().map_err(&failed)?;
        state.folder.rename(from, to).map_err(failed)
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        let mut state = self.lock_state();
        let failed = failed(DiskAction::Remove, name);
        state.faults.check().map_err(&failed)?;
        state.folder.remove(name).map_err(failed)
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.lock_state().folder.names())
    }

    fn sync(&self) -> Result<(), DiskError> {
        let mut state = self.lock_state();
        state.counters.syncs += 1;
        state.faults.check().map_err(failed(DiskAction::Sync, ""))?;
        state.folder.sync();
        Ok(())
    }

    fn lock(&self) -> Result<SimLock, DiskError> {
        let mut state = self.lock_state();
        if state.locked {
            return Err(failed(DiskAction::Lock, "")(io::ErrorKind::ResourceBusy.into()));
        }
        state.locked = true;
        Ok(SimLock { disk: self.clone(), life: state.life })
    }

    fn path(&self, name: &str) -> PathBuf {
        path(name)
    }
}

/// A simulated disk taken for one process, which [`SimDisk::kill`] ends too.
#[derive(Debug)]
pub struct SimLock {
    disk: SimDisk,
    life: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.lock_state();
        if state.life == self.life {
            state.locked = false;
        }
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from("sim").join(name)
}

fn failed(action: DiskAction, name: &str) -> impl Fn(io::Error) -> DiskError {
    let path = path(name);
    move |source| DiskError { action, path: path.clone(), source }
}
