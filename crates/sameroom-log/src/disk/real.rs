//! A folder of the file system.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use super::{Disk, DiskAction, DiskError, DiskFile};

/// The file whose lock stands for the folder, and which names the process that holds it.
const LOCK_NAME: &str = "lock";

/// A folder of the file system.
#[derive(Debug, Clone)]
pub struct RealDisk {
    folder: PathBuf,
}

impl RealDisk {
    /// Takes a folder; makes it, for its owner alone, when it does not exist. Its parent must exist.
    ///
    /// # Errors
    /// What the system says; a path that is not a folder is refused.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, DiskError> {
        let disk = Self { folder: folder.into() };
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&disk.folder) {
            Ok(()) => {
                let parent = disk.folder.parent().filter(|parent| !parent.as_os_str().is_empty());
                sync_folder(parent.unwrap_or(Path::new(".")))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && disk.folder.is_dir() => {}
            Err(error) => return Err(failed(DiskAction::Create, &disk.folder)(error)),
        }
        Ok(disk)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Disk for RealDisk {
    type File = RealFile;
    type Lock = RealLock;

    fn create(&self, name: &str) -> Result<RealFile, DiskError> {
        let path = self.path(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed(DiskAction::Create, &path))?;
        Ok(RealFile { file, path })
    }

    fn open(&self, name: &str) -> Result<RealFile, DiskError> {
        let path = self.path(name);
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let file = opened.map_err(failed(DiskAction::Open, &path))?;
        Ok(RealFile { file, path })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let path = self.path(from);
        fs::rename(&path, self.path(to)).map_err(failed(DiskAction::Rename, &path))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(failed(DiskAction::Remove, &path))
    }

    fn list(&self) -> Result<Vec<String>, DiskError> {
        let error = failed(DiskAction::List, &self.folder);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(&error)? {
            let entry = entry.map_err(&error)?;
            if entry.file_type().map_err(&error)?.is_file() {
                // A name that is not text is none of ours.
                names.extend(entry.file_name().into_string().ok());
            }
        }
        names.sort();
        Ok(names)
    }

    fn sync(&self) -> Result<(), DiskError> {
        sync_folder(&self.folder)
    }

    fn lock(&self) -> Result<RealLock, DiskError> {
        let path = self.path(LOCK_NAME);
        let error = failed(DiskAction::Lock, &self.folder);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(&error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder writes its number after it took the lock: it may not stand there yet.
                let known = (&file).take(20).read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                let holder =
                    if known { format!("pid {}", holder.trim()) } else { "another process".to_owned() };
                let text = format!("in use by {holder}; stop it first");
                return Err(error(io::Error::new(io::ErrorKind::ResourceBusy, text)));
            }
            Err(TryLockError::Error(cause)) => return Err(error(cause)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        // The number is only for people: a full disk must not keep us from starting.
        match written {
            Err(cause) if cause.kind() != io::ErrorKind::StorageFull => Err(error(cause)),
            _ => Ok(RealLock { _file: file }),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// A folder taken for this process. The system gives it back when the process ends, however it ends.
#[derive(Debug)]
pub struct RealLock {
    _file: File,
}

/// An open file of the file system.
#[derive(Debug)]
pub struct RealFile {
    file: File,
    path: PathBuf,
}

impl RealFile {
    fn failed(&self, action: DiskAction) -> impl Fn(io::Error) -> DiskError {
        failed(action, &self.path)
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        let mut read = 0;
        while read < buffer.len() {
            match read_some(&self.file, &mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(bytes) => read += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(DiskAction::Read)(error)),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), DiskError> {
        write_all(&self.file, bytes, offset).map_err(self.failed(DiskAction::Write))
    }

    fn set_len(&self, len: u64) -> Result<(), DiskError> {
        self.file.set_len(len).map_err(self.failed(DiskAction::Resize))
    }

    fn len(&self) -> Result<u64, DiskError> {
        Ok(self.file.metadata().map_err(self.failed(DiskAction::Read))?.len())
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(self.failed(DiskAction::Sync))
    }
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(unix)]
fn write_all(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(windows)]
fn write_all(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), DiskError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(failed(DiskAction::Sync, folder))
}

/// Windows makes names durable by itself and does not open folders as files.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<(), DiskError> {
    Ok(())
}

fn failed(action: DiskAction, path: &Path) -> impl Fn(io::Error) -> DiskError {
    move |source| DiskError { action, path: path.to_owned(), source }
}
