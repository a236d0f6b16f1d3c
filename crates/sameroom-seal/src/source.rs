//! Where the master key comes from.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use zeroize::Zeroizing;

use crate::{Entropy, Key, MasterKey};

/// Most bytes that are read from a file or a command: far more than a key has, so that a wrong file is noticed.
const READ_LIMIT_BYTES: u64 = 4096;

/// Where the master key comes from. In all three it is 64 hexadecimal digits (a file or a command may also give the
/// 32 bytes themselves); white space around the digits is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file, readable by its owner alone. Made with a new key when it does not exist.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A program (first element) and its arguments, which prints the key: a password manager, a cloud's key service.
    Command(Vec<OsString>),
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read or made.
    #[error("key file {}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the owner may read or write the file.
    #[error("key file {} is open to other users (mode {mode:03o}); run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not a key.
    #[error("{origin} holds no key: expected 64 hexadecimal digits, found {bytes} bytes of something else")]
    Malformed {
        /// Where it was read from, in words.
        origin: String,
        /// How many bytes it has.
        bytes: usize,
    },
    /// The environment variable is not set, or is not text.
    #[error("environment variable {0} is not set")]
    NotSet(String),
    /// The list with the program and its arguments is empty.
    #[error("no command to get the key from")]
    NoCommand,
    /// The program could not be run.
    #[error("key command {program}")]
    CommandIo {
        /// Which program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program ran and failed.
    #[error("key command {program} failed ({status})")]
    CommandFailed {
        /// Which program.
        program: String,
        /// How it ended.
        status: ExitStatus,
    },
}

impl KeySource {
    /// Gets the key. A command is waited for, and may ask on the terminal. `entropy` is for a new key.
    ///
    /// # Errors
    /// Each says what to do about it; none contains the key.
    pub fn load(&self, entropy: &mut dyn Entropy) -> Result<MasterKey, KeyError> {
        match self {
            Self::File(path) => load_file(path, entropy),
            Self::Env(name) => {
                let text = Zeroizing::new(env::var(name).map_err(|_| KeyError::NotSet(name.clone()))?);
                parse(text.as_bytes(), || format!("environment variable {name}"))
            }
            Self::Command(argv) => run_command(argv),
        }
    }
}

fn load_file(path: &Path, entropy: &mut dyn Entropy) -> Result<MasterKey, KeyError> {
    let io_error = |source| KeyError::Io { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_file(path, entropy).map_err(io_error)?;
            File::open(path).map_err(io_error)?
        }
        Err(error) => return Err(io_error(error)),
    };
    refuse_exposed(path, &file.metadata().map_err(io_error)?)?;
    let content = read_limited(&mut file).map_err(io_error)?;
    parse(&content, || format!("key file {}", path.display()))
}

/// Makes the file under another name first, so that a crash never leaves half a key; the link fails when another process
/// was faster, whose key then counts.
fn create_file(path: &Path, entropy: &mut dyn Entropy) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(name);
    let made = write_draft(&draft, &MasterKey::random(entropy)).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.exists() => removed,
        Err(error) => Err(error),
        Ok(()) => {
            removed?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        }
    }
}

fn write_draft(draft: &Path, key: &MasterKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    let digits = Zeroizing::new(key.expose().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    file.write_all(digits.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path, _metadata: &fs::Metadata) -> Result<(), KeyError> {
    Ok(())
}

fn run_command(argv: &[OsString]) -> Result<MasterKey, KeyError> {
    let (program, arguments) = argv.split_first().ok_or(KeyError::NoCommand)?;
    let name = program.to_string_lossy().into_owned();
    let io_error = |source| KeyError::CommandIo { program: name.clone(), source };
    let mut child = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().map_err(io_error)?;
    let content = match child.stdout.take() {
        Some(mut stdout) => read_limited(&mut stdout).map_err(io_error)?,
        None => Zeroizing::default(),
    };
    let status = child.wait().map_err(io_error)?;
    if !status.success() {
        return Err(KeyError::CommandFailed { program: name, status });
    }
    parse(&content, || format!("the output of key command {name}"))
}

fn read_limited(from: &mut dyn io::Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(128));
    io::Read::take(from, READ_LIMIT_BYTES).read_to_end(&mut content)?;
    Ok(content)
}

fn parse(content: &[u8], origin: impl FnOnce() -> String) -> Result<MasterKey, KeyError> {
    let raw = <[u8; Key::BYTES]>::try_from(content).ok();
    raw.or_else(|| parse_hex(content.trim_ascii()))
        .map(MasterKey::from_bytes)
        .ok_or_else(|| KeyError::Malformed { origin: origin(), bytes: content.len() })
}

fn parse_hex(digits: &[u8]) -> Option<[u8; Key::BYTES]> {
    if digits.len() != Key::BYTES * 2 {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut key = [0; Key::BYTES];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(key)
}
