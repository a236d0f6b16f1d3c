//! Files in the vault, cut into entries of at most 64 KiB.

use bytes::{Bytes, BytesMut};
use sameroom_connector::{FetchError, Kit, SpoolError, VaultError};
use sameroom_types::event::FileRef;
use sameroom_types::ids::SpoolId;

use crate::house::House;
use crate::ids::{self, key};
use crate::stored::{File, encode};

/// The size of an entry in bytes.
const CHUNK: usize = 64 * 1024;
/// How many entries are written in one step, and so held in memory.
const AT_ONCE: usize = 8;
/// The most characters of a file's name.
const MAX_NAME: usize = 150;

/// Why a file could not be kept.
#[derive(Debug)]
pub(crate) enum KeepError {
    /// It is larger than allowed.
    TooLarge,
    /// Its sender or the spool failed.
    Source(String),
    /// The file is gone from the spool.
    Gone,
    /// The vault failed.
    Vault(VaultError),
}

/// A file being written; it has no readers until a message names it.
pub(crate) struct Keeping<'h> {
    house: &'h House,
    file: File,
    max_bytes: u64,
    rest: BytesMut,
    waiting: Vec<(String, Option<Vec<u8>>)>,
}

impl<'h> Keeping<'h> {
    /// Starts a file; the mark that it is under way goes with the message that names it, or by age.
    pub(crate) async fn start(
        house: &'h House,
        name: &str,
        media_type: Option<String>,
        max_bytes: u64,
    ) -> Result<Self, KeepError> {
        let id = ids::secret(house.kit.clock.random());
        let began = house.kit.clock.wall().0;
        let mark = vec![(key::upload(&id), Some(encode(&began)))];
        house.vault().write(&house.space, mark).await.map_err(KeepError::Vault)?;
        let file = File { id, name: file_name(name), size_bytes: 0, media_type, picture: None, chunks: 0 };
        Ok(Self { house, file, max_bytes, rest: BytesMut::new(), waiting: Vec::new() })
    }

    pub(crate) async fn write(&mut self, piece: &[u8]) -> Result<(), KeepError> {
        self.file.size_bytes += piece.len() as u64;
        if self.file.size_bytes > self.max_bytes {
            return Err(KeepError::TooLarge);
        }
        for part in piece.chunks(CHUNK) {
            self.rest.extend_from_slice(part);
            while self.rest.len() >= CHUNK {
                let chunk = self.rest.split_to(CHUNK).freeze();
                self.push(&chunk).await?;
            }
        }
        Ok(())
    }

    async fn push(&mut self, chunk: &Bytes) -> Result<(), KeepError> {
        if self.file.chunks == 0 {
            self.file.picture = picture(chunk).map(str::to_owned);
        }
        self.waiting.push((key::chunk(&self.file.id, self.file.chunks), Some(chunk.to_vec())));
        self.file.chunks += 1;
        if self.waiting.len() >= AT_ONCE { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), KeepError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.house.vault().write(&self.house.space, waiting).await.map_err(KeepError::Vault)
    }

    /// The whole file is in the vault.
    pub(crate) async fn finish(mut self) -> Result<File, KeepError> {
        let last = self.rest.split().freeze();
        if !last.is_empty() {
            self.push(&last).await?;
        }
        self.flush().await?;
        Ok(self.file)
    }
}

/// Copies a file from the spool into the vault.
pub(crate) async fn take(house: &House, outbound: &FileRef, max_bytes: u64) -> Result<File, KeepError> {
    let spool_error = |error: SpoolError| match error {
        SpoolError::Missing => KeepError::Gone,
        other => KeepError::Source(other.to_string()),
    };
    let id = outbound.spool.as_ref().ok_or(KeepError::Gone)?;
    let mut reader = house.kit.spool.open(id).await.map_err(spool_error)?;
    if reader.size_bytes() > max_bytes {
        return Err(KeepError::TooLarge);
    }
    let mut keeping = Keeping::start(house, &outbound.name, outbound.media_type.clone(), max_bytes).await?;
    while let Some(piece) = reader.read().await.map_err(spool_error)? {
        keeping.write(&piece).await?;
    }
    keeping.finish().await
}

/// Copies a file of a browser room into the spool.
pub(crate) async fn fetch(
    house: &House,
    kit: &Kit,
    spool: &SpoolId,
    file: &FileRef,
    max_bytes: u64,
) -> Result<u64, FetchError> {
    let size_bytes = file.size_bytes.unwrap_or(u64::MAX);
    if size_bytes > max_bytes {
        return Err(FetchError::TooLarge { max_bytes });
    }
    let kept = |error: SpoolError| FetchError::Spool(error.to_string());
    let mut writer = kit.spool.create(spool).await.map_err(kept)?;
    let (mut index, mut written) = (0, 0);
    while written < size_bytes {
        let chunk = house.vault().read(&house.space, &key::chunk(&file.source, index)).await;
        let chunk = chunk.map_err(|error| FetchError::Network(error.to_string()))?;
        let chunk = chunk.ok_or_else(|| FetchError::Gone("it was deleted".to_owned()))?;
        written += chunk.len() as u64;
        index += 1;
        writer.write(&chunk).await.map_err(kept)?;
    }
    writer.finish().await.map_err(kept)
}

/// A name without folders or signs that would disturb a header.
pub(crate) fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    match clean.trim() {
        "" | "." | ".." => "file".to_owned(),
        name => name.to_owned(),
    }
}

/// The pictures that a page may draw, told by their first bytes: no format that can hold a program.
fn picture(start: &[u8]) -> Option<&'static str> {
    match start {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_folder() {
        assert_eq!(file_name("../../etc/passwd"), "passwd");
        assert_eq!(file_name("C:\\x\\a.txt"), "a.txt");
        assert_eq!(file_name(".."), "file");
        assert_eq!(file_name("a\r\nb"), "ab");
    }

    #[test]
    fn pictures_are_told_by_their_bytes() {
        assert_eq!(picture(b"\x89PNG\r\n\x1a\nrest"), Some("image/png"));
        assert_eq!(picture(b"RIFF....WEBPVP8 "), Some("image/webp"));
        assert_eq!(picture(b"<svg onload=alert(1)>"), None);
        assert_eq!(picture(b""), None);
    }
}
