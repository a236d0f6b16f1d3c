//! The data folder: whose it is, which format it has, and that one process at a time uses it.
//!
//! Its `FORMAT` file is text, so that a person who finds the folder knows what it is. Everything else in the folder has a
//! format of its own; this version says which of them to expect, and changes when what an older program would find there
//! would mislead it.

use std::{
    fmt, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use sameroom_seal::Entropy;

use crate::disk::{Disk as _, DiskAction, DiskError, DiskFile as _, RealDisk, RealLock};

/// The version that this program makes, and the newest that it takes.
pub const FORMAT_VERSION: u32 = 1;

const FORMAT_NAME: &str = "FORMAT";
const FORMAT_DRAFT: &str = "FORMAT.new";
const TITLE: &str = "Sameroom data folder";

/// A random name for an installation, made with its data folder.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InstallationId(pub [u8; 16]);

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The disk failed, or another process has the folder (the source says which).
    #[error("data folder")]
    Disk(#[from] DiskError),
    /// A newer program made it.
    #[error("data folder {} has format {found}, this program knows up to {FORMAT_VERSION}; run the newer program again", path.display())]
    Newer {
        /// Which folder.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// An older program made it, and there is no way to bring it up to date.
    #[error("data folder {} has format {found}, which this program can't bring up to date", path.display())]
    Older {
        /// Which folder.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// There are files, but none that says that they are ours.
    #[error("{} is not empty and not a data folder; name another folder, or an empty one", path.display())]
    NotOurs {
        /// Which folder.
        path: PathBuf,
    },
    /// The format file makes no sense.
    #[error("{} is damaged; restore the data folder from a backup", path.display())]
    Damaged {
        /// The format file.
        path: PathBuf,
    },
    /// Others than the owner may look into it.
    #[error("data folder {} is open to other users (mode {mode:03o}); run: chmod 700 {}", path.display(), path.display())]
    Exposed {
        /// Which folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// A data folder, taken for this process until it is dropped.
#[derive(Debug)]
pub struct DataFolder {
    disk: RealDisk,
    installation: InstallationId,
    _lock: RealLock,
}

impl DataFolder {
    /// Takes a data folder; makes it, for its owner alone, when it does not exist or is empty. `entropy` is for the name
    /// of a new installation.
    ///
    /// # Errors
    /// Each says what to do about it. Nothing in the folder is changed then.
    pub fn open(path: impl AsRef<Path>, entropy: &mut dyn Entropy) -> Result<Self, FolderError> {
        let path = path.as_ref();
        let disk = RealDisk::open(path)?;
        refuse_exposed(path)?;
        let known = disk.list()?.iter().any(|name| name == FORMAT_NAME);
        if !known && !is_unused(path)? {
            return Err(FolderError::NotOurs { path: path.to_owned() });
        }
        let lock = disk.lock()?;
        let installation = match read_format(&disk)? {
            Some(text) => parse_format(path, &text)?,
            None => create_format(&disk, entropy)?,
        };
        Ok(Self { disk, installation, _lock: lock })
    }

    /// Whose folder it is.
    #[must_use]
    pub fn installation(&self) -> InstallationId {
        self.installation
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.disk.folder()
    }

    /// A folder in it, made when it does not exist: the log's, for example.
    ///
    /// # Errors
    /// What the system says.
    pub fn subfolder(&self, name: &str) -> Result<RealDisk, FolderError> {
        Ok(RealDisk::open(self.disk.path(name))?)
    }
}

#[cfg(unix)]
fn refuse_exposed(path: &Path) -> Result<(), FolderError> {
    let metadata = fs::metadata(path).map_err(failed(DiskAction::Open, path))?;
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(FolderError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path) -> Result<(), FolderError> {
    Ok(())
}

/// Whether there is nothing in the folder but what a start that was cut short leaves.
fn is_unused(path: &Path) -> Result<bool, FolderError> {
    let error = failed(DiskAction::List, path);
    for entry in fs::read_dir(path).map_err(&error)? {
        let name = entry.map_err(&error)?.file_name();
        if ![FORMAT_DRAFT, "lock"].iter().any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_format(disk: &RealDisk) -> Result<Option<String>, FolderError> {
    let path = disk.path(FORMAT_NAME);
    match fs::read(&path) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| FolderError::Damaged { path }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(DiskAction::Read, &path)(error).into()),
    }
}

fn parse_format(folder: &Path, text: &str) -> Result<InstallationId, FolderError> {
    let path = folder.to_owned();
    let damaged = || FolderError::Damaged { path: folder.join(FORMAT_NAME) };
    let mut lines = text.lines();
    let version = lines.next().filter(|line| *line == TITLE).and(lines.next());
    let version =
        version.and_then(|line| line.strip_prefix("format ")).and_then(|digits| digits.parse::<u32>().ok());
    // A newer program may say other things in the lines that follow, but not in these two.
    match version.ok_or_else(damaged)? {
        FORMAT_VERSION => {}
        found if found > FORMAT_VERSION => return Err(FolderError::Newer { path, found }),
        found => return Err(FolderError::Older { path, found }),
    }
    let digits = lines.next().and_then(|line| line.strip_prefix("installation ")).ok_or_else(damaged)?;
    let valid = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = valid.then(|| u128::from_str_radix(digits, 16).ok()).flatten().ok_or_else(damaged)?;
    Ok(InstallationId(number.to_be_bytes()))
}

fn create_format(disk: &RealDisk, entropy: &mut dyn Entropy) -> Result<InstallationId, FolderError> {
    let mut installation = InstallationId([0; 16]);
    entropy.fill(&mut installation.0);
    let mut text = Vec::new();
    writeln!(text, "{TITLE}\nformat {FORMAT_VERSION}\ninstallation {installation}")
        .map_err(failed(DiskAction::Write, &disk.path(FORMAT_DRAFT)))?;
    if disk.list()?.iter().any(|name| name == FORMAT_DRAFT) {
        disk.remove(FORMAT_DRAFT)?;
    }
    let file = disk.create(FORMAT_DRAFT)?;
    file.write_at(&text, 0)?;
    file.sync()?;
    disk.rename(FORMAT_DRAFT, FORMAT_NAME)?;
    disk.sync()?;
    Ok(installation)
}

fn failed(action: DiskAction, path: &Path) -> impl Fn(std::io::Error) -> DiskError {
    move |source| DiskError { action, path: path.to_owned(), source }
}
