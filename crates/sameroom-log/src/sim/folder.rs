//! The two images of files and names.

use std::{collections::BTreeMap, io};

use sameroom_seal::Entropy;

use crate::disk::SECTOR_BYTES;

/// Names and files, written and durable.
#[derive(Debug, Default)]
pub(super) struct Folder {
    written: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
    unsynced: Vec<NameChange>,
    files: BTreeMap<u64, Image>,
    next_id: u64,
}

#[derive(Debug, Clone)]
enum NameChange {
    Create(String, u64),
    Rename(String, String),
    Remove(String),
}

/// One file's two images.
#[derive(Debug, Default)]
pub(super) struct Image {
    pub(super) written: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

impl Folder {
    /// A folder with these files, all of it flushed.
    pub(super) fn of(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let mut folder = Self::default();
        for (name, content) in files {
            folder.next_id += 1;
            folder.written.insert(name.clone(), folder.next_id);
            let image = Image { written: content.clone(), durable: content.clone(), unsynced: Vec::new() };
            folder.files.insert(folder.next_id, image);
        }
        folder.durable = folder.written.clone();
        folder
    }

    pub(super) fn id(&self, name: &str) -> io::Result<u64> {
        self.written.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn written(&self, name: &str) -> Option<&Image> {
        self.files.get(self.written.get(name)?)
    }

    pub(super) fn image(&mut self, id: u64) -> io::Result<&mut Image> {
        self.files.get_mut(&id).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.written.keys().cloned().collect()
    }

    pub(super) fn create(&mut self, name: &str) -> io::Result<u64> {
        if self.written.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.next_id += 1;
        self.files.insert(self.next_id, Image::default());
        self.change(NameChange::Create(name.to_owned(), self.next_id));
        Ok(self.next_id)
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.id(from)?;
        self.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.id(name)?;
        self.change(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.written.clone();
        self.unsynced.clear();
        self.drop_nameless();
    }

    pub(super) fn damage(&mut self, name: &str, content: Option<Vec<u8>>) {
        let Some(content) = content else {
            self.written.remove(name);
            self.durable.remove(name);
            return;
        };
        if let Some(image) = self.written.get(name).and_then(|id| self.files.get_mut(id)) {
            *image = Image { written: content.clone(), durable: content, unsynced: Vec::new() };
        }
    }

    pub(super) fn power_loss(&mut self, entropy: &mut dyn Entropy) {
        let keep = pick_keep(entropy);
        for change in std::mem::take(&mut self.unsynced) {
            if draw(entropy, 100) < keep {
                change.apply(&mut self.durable);
            }
        }
        self.written = self.durable.clone();
        for image in self.files.values_mut() {
            image.power_loss(entropy);
        }
        self.drop_nameless();
    }

    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.written);
        self.unsynced.push(change);
    }

    /// Forgets files that have no name in either image and none on the way. (Files that are still open are not needed: the log
    /// never uses a file that it has removed.)
    fn drop_nameless(&mut self) {
        let Self { written, durable, files, unsynced, .. } = self;
        if unsynced.is_empty() {
            files.retain(|id, _| written.values().chain(durable.values()).any(|used| used == id));
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Create(name, id) => {
                names.insert(name.clone(), *id);
            }
            Self::Rename(from, to) => {
                if let Some(id) = names.remove(from) {
                    names.insert(to.clone(), id);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Image {
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        write(&mut self.written, offset, bytes);
        self.unsynced.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub(super) fn resize(&mut self, len: usize) {
        self.written.resize(len, 0);
        self.unsynced.push(Change::Resize(len));
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            match change {
                Change::Write { offset, bytes } => write(&mut self.durable, offset, &bytes),
                Change::Resize(len) => self.durable.resize(len, 0),
            }
        }
    }

    fn power_loss(&mut self, entropy: &mut dyn Entropy) {
        let keep = pick_keep(entropy);
        let flushed = self.durable.len();
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Write { offset, bytes } => tear(&mut self.durable, offset, &bytes, keep, entropy),
                Change::Resize(len) if draw(entropy, 100) < keep => self.durable.resize(len, 0),
                Change::Resize(_) => {}
            }
        }
        // The length is flushed apart from the content: a file may have grown without it, or not have grown with it.
        match draw(entropy, 4) {
            0 if self.durable.len() > flushed => {
                let extra = draw(entropy, self.durable.len() - flushed);
                self.durable.truncate(flushed + extra);
            }
            1 if self.written.len() > self.durable.len() => self.durable.resize(self.written.len(), 0),
            _ => {}
        }
        self.written = self.durable.clone();
    }
}

/// Applies a write sector by sector, each kept (with the given chance in percent), lost or torn.
fn tear(image: &mut Vec<u8>, mut offset: usize, mut bytes: &[u8], keep: usize, entropy: &mut dyn Entropy) {
    while !bytes.is_empty() {
        let room = SECTOR_BYTES - offset % SECTOR_BYTES;
        let (sector, rest) = bytes.split_at(room.min(bytes.len()));
        if draw(entropy, 100) < keep {
            write(image, offset, sector);
        } else if draw(entropy, 3) == 0 {
            let torn = draw(entropy, sector.len());
            write(image, offset, &sector[..torn]);
        }
        offset += sector.len();
        bytes = rest;
    }
}

fn write(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = offset + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(bytes);
}

/// Losses come in kinds: nothing came through, some, nearly all, all.
fn pick_keep(entropy: &mut dyn Entropy) -> usize {
    [0, 50, 90, 100][draw(entropy, 4)]
}

/// A number below `bound`, which is not 0.
fn draw(entropy: &mut dyn Entropy, bound: usize) -> usize {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    u32::from_le_bytes(bytes) as usize % bound
}
