//! What a log needs from a disk: one folder of plainly named files.
//!
//! The border exists so that faults can be tried out: [`RealDisk`] is a folder of the file system, [`crate::sim::SimDisk`]
//! keeps what was written apart from what was flushed. Names hold no separators; there are no sub-folders.

mod real;

pub use real::{RealDisk, RealFile, RealLock};

use std::{fmt, io, path::PathBuf};

/// What a disk writes as a whole, or tears when the power goes: no record of ours that must be whole straddles two.
pub const SECTOR_BYTES: usize = 512;

/// What was being done to the disk when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskAction {
    /// Making a file or folder.
    Create,
    /// Opening a file that exists.
    Open,
    /// Reading from a file.
    Read,
    /// Writing to a file.
    Write,
    /// Changing a file's length.
    Resize,
    /// Flushing a file or folder.
    Sync,
    /// Giving a file another name.
    Rename,
    /// Deleting a file.
    Remove,
    /// Listing a folder.
    List,
    /// Taking a folder for this process.
    Lock,
}

impl fmt::Display for DiskAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Resize => "resize",
            Self::Sync => "flush",
            Self::Rename => "rename",
            Self::Remove => "delete",
            Self::List => "list",
            Self::Lock => "lock",
        })
    }
}

/// A disk that failed: what was tried, where, and what the system said.
#[derive(Debug, thiserror::Error)]
#[error("can't {action} {}", path.display())]
pub struct DiskError {
    /// What was tried.
    pub action: DiskAction,
    /// On which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl DiskError {
    /// Whether there is no room left, so that the same may work later.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// A folder. Clones are the same folder.
pub trait Disk: Clone + Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;
    /// Holds the folder for this process until it is dropped.
    type Lock: Send + Sync + fmt::Debug;

    /// Makes a file that must not exist, readable by its owner alone. Its name is durable after [`Disk::sync`].
    ///
    /// # Errors
    /// `AlreadyExists`, `StorageFull` and what else the system says.
    fn create(&self, name: &str) -> Result<Self::File, DiskError>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// `NotFound` and what else the system says.
    fn open(&self, name: &str) -> Result<Self::File, DiskError>;

    /// Gives a file another name, in place of the file that had it. Durable after [`Disk::sync`].
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;

    /// Deletes a file. Durable after [`Disk::sync`].
    ///
    /// # Errors
    /// `NotFound` and what else the system says.
    fn remove(&self, name: &str) -> Result<(), DiskError>;

    /// The names of all files, sorted.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self) -> Result<Vec<String>, DiskError>;

    /// Makes created, renamed and deleted names durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> Result<(), DiskError>;

    /// Takes the folder for this process alone.
    ///
    /// # Errors
    /// `ResourceBusy`, naming the process that has it.
    fn lock(&self) -> Result<Self::Lock, DiskError>;

    /// Where a file is, for messages to people.
    fn path(&self, name: &str) -> PathBuf;
}

/// An open file. All methods may be called from several threads at once.
pub trait DiskFile: Send + Sync + 'static {
    /// Reads as much as there is, up to the buffer's length; fewer bytes mean the end of the file.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError>;

    /// Writes all bytes, beyond the end too. After an error any part of them may be written.
    ///
    /// # Errors
    /// `StorageFull` and what else the system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), DiskError>;

    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&self, len: u64) -> Result<(), DiskError>;

    /// The length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn len(&self) -> Result<u64, DiskError>;

    /// Makes content and length durable. The name is [`Disk::sync`]'s.
    ///
    /// # Errors
    /// What the system says; afterwards nobody knows what is durable.
    fn sync(&self) -> Result<(), DiskError>;

    /// Whether the file is empty.
    ///
    /// # Errors
    /// What the system says.
    fn is_empty(&self) -> Result<bool, DiskError> {
        Ok(self.len()? == 0)
    }
}
