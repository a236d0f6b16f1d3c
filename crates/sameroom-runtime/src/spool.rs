//! The sealed spool: files on their way between platforms, in pieces of 64 KiB, each sealed.

use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use sameroom_connector::{Spool, SpoolError, SpoolReader, SpoolWriter};
use sameroom_seal::{Key, OsEntropy};
use sameroom_types::ids::SpoolId;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};

/// The plain length of every piece but the last.
const PIECE: usize = 64 * 1024;

/// A spool in a folder.
#[derive(Clone, Debug)]
pub struct FolderSpool {
    folder: PathBuf,
    key: Key,
}

struct Writer {
    file: Option<BufWriter<File>>,
    draft: PathBuf,
    path: PathBuf,
    id: SpoolId,
    key: Key,
    piece: Vec<u8>,
    count: u64,
    size: u64,
}

struct Reader {
    file: BufReader<File>,
    id: SpoolId,
    key: Key,
    size: u64,
    count: u64,
    left: u64,
}

impl FolderSpool {
    /// Uses a folder that exists; drafts of an earlier run are removed.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn open(folder: PathBuf, key: Key) -> Result<Self, SpoolError> {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "draft") {
                std::fs::remove_file(path)?;
            }
        }
        Ok(Self { folder, key })
    }

    fn path(&self, id: &SpoolId) -> PathBuf {
        // Ids are ours: letters, digits and dashes.
        self.folder.join(id.as_str())
    }

    /// Whether a finished file is there.
    pub(crate) fn contains(&self, id: &SpoolId) -> bool {
        self.path(id).exists()
    }

    /// The size of a file that is there.
    pub async fn size(&self, id: &SpoolId) -> Option<u64> {
        self.open(id).await.ok().map(|reader| reader.size_bytes())
    }

    /// Removes a file, if it is there.
    pub async fn remove(&self, id: &SpoolId) {
        match tokio::fs::remove_file(self.path(id)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(error = %error, "spool file can't be removed");
            }
            _ => {}
        }
    }
}

fn aad(id: &SpoolId, count: u64) -> Vec<u8> {
    format!("spool:{id}:{count}").into_bytes()
}

#[async_trait]
impl Spool for FolderSpool {
    async fn create(&self, id: &SpoolId) -> Result<Box<dyn SpoolWriter>, SpoolError> {
        let path = self.path(id);
        let draft = path.with_extension("draft");
        let file = File::create(&draft).await?;
        Ok(Box::new(Writer {
            file: Some(BufWriter::new(file)),
            draft,
            path,
            id: id.clone(),
            key: self.key.clone(),
            piece: Vec::with_capacity(PIECE),
            count: 0,
            size: 0,
        }))
    }

    async fn open(&self, id: &SpoolId) -> Result<Box<dyn SpoolReader>, SpoolError> {
        let file = match File::open(self.path(id)).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(SpoolError::Missing),
            Err(error) => return Err(error.into()),
        };
        let sealed = file.metadata().await?.len();
        let whole = (PIECE + sameroom_seal::key::OVERHEAD_BYTES) as u64;
        let (pieces, rest) = (sealed / whole, sealed % whole);
        let last = rest.checked_sub(sameroom_seal::key::OVERHEAD_BYTES as u64);
        let size = pieces * PIECE as u64 + last.unwrap_or(0);
        if rest != 0 && last.is_none() {
            return Err(SpoolError::Damaged);
        }
        let file = BufReader::new(file);
        Ok(Box::new(Reader { file, id: id.clone(), key: self.key.clone(), size, count: 0, left: sealed }))
    }
}

impl Writer {
    async fn put_piece(&mut self) -> Result<(), SpoolError> {
        let sealed = self.key.seal(&mut OsEntropy, &aad(&self.id, self.count), &self.piece);
        self.count += 1;
        self.piece.clear();
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(&sealed).await.map_err(full)
    }
}

fn full(error: std::io::Error) -> SpoolError {
    if error.kind() == std::io::ErrorKind::StorageFull { SpoolError::Full } else { SpoolError::Io(error) }
}

#[async_trait]
impl SpoolWriter for Writer {
    async fn write(&mut self, mut piece: &[u8]) -> Result<(), SpoolError> {
        self.size += piece.len() as u64;
        while !piece.is_empty() {
            let room = PIECE - self.piece.len();
            let (now, rest) = piece.split_at(room.min(piece.len()));
            self.piece.extend_from_slice(now);
            piece = rest;
            if self.piece.len() == PIECE {
                self.put_piece().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, SpoolError> {
        if !self.piece.is_empty() {
            self.put_piece().await?;
        }
        if let Some(mut file) = self.file.take() {
            file.flush().await.map_err(full)?;
            file.get_ref().sync_all().await.map_err(full)?;
        }
        tokio::fs::rename(&self.draft, &self.path).await?;
        Ok(self.size)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Unfinished: nothing remains. What can't be removed now goes at the next start.
            drop(std::fs::remove_file(&self.draft));
        }
    }
}

#[async_trait]
impl SpoolReader for Reader {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    async fn read(&mut self) -> Result<Option<Bytes>, SpoolError> {
        if self.left == 0 {
            return Ok(None);
        }
        let whole = (PIECE + sameroom_seal::key::OVERHEAD_BYTES) as u64;
        let length = usize::try_from(self.left.min(whole)).unwrap_or(PIECE);
        let mut sealed = vec![0; length];
        self.file.read_exact(&mut sealed).await?;
        self.left -= length as u64;
        let plain = self.key.open(&aad(&self.id, self.count), &sealed).map_err(|_| SpoolError::Damaged)?;
        self.count += 1;
        Ok(Some(plain.into()))
    }
}

#[cfg(test)]
mod tests {
    use sameroom_seal::{MasterKey, SeededEntropy};

    use super::*;

    #[tokio::test]
    async fn files_of_every_size_come_back_and_are_sealed() {
        let folder = tempfile::tempdir().expect("folder");
        let key = MasterKey::random(&mut SeededEntropy::new(1)).derive("spool");
        let spool = FolderSpool::open(folder.path().to_owned(), key).expect("open");
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let id = SpoolId::new(format!("f{size}-0"));
            let bytes: Vec<u8> = b"findme ".iter().copied().cycle().take(size).collect();
            let mut writer = spool.create(&id).await.expect("create");
            for piece in bytes.chunks(10_000) {
                writer.write(piece).await.expect("write");
            }
            assert_eq!(writer.finish().await.expect("finish"), size as u64);
            let mut reader = spool.open(&id).await.expect("open");
            assert_eq!(reader.size_bytes(), size as u64);
            let mut back = Vec::new();
            while let Some(piece) = reader.read().await.expect("read") {
                back.extend_from_slice(&piece);
            }
            assert_eq!(back, bytes);
            let raw = std::fs::read(folder.path().join(id.as_str())).expect("raw");
            assert!(!raw.windows(6).any(|window| window == b"findme"));
        }
    }

    #[tokio::test]
    async fn an_unfinished_file_does_not_exist() {
        let folder = tempfile::tempdir().expect("folder");
        let key = MasterKey::random(&mut SeededEntropy::new(1)).derive("spool");
        let spool = FolderSpool::open(folder.path().to_owned(), key).expect("open");
        let id = SpoolId::from("f1-0");
        let mut writer = spool.create(&id).await.expect("create");
        writer.write(b"half").await.expect("write");
        drop(writer);
        assert!(matches!(spool.open(&id).await, Err(SpoolError::Missing)));
        assert_eq!(std::fs::read_dir(folder.path()).expect("list").count(), 0);
    }
}
