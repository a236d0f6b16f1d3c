//! Opening a log: makes it, or finds out what a crash left behind and puts it in order.
//!
//! The mark in the key file (see `flush.rs`) decides: up to it every byte must be as it was written, or the log is refused; behind it
//! everything was in flight, so the log ends before the first record that is torn or whose key is missing, and what follows is cut off.
//! What was kept of the tail is written again before it is flushed: after a flush that failed, the system may take pages for
//! clean that never reached the disk. Only then keys without a record and torn slots are zeroed, so that a crash in the middle of a
//! recovery leaves nothing that the next one would read otherwise.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use sameroom_seal::{Entropy, Key};

use super::{
    Cut, LogOptions, Recovery, Segment, SegmentLog,
    append::Undo,
    flush::{Pending, Shared},
    frame::{Frame, aad},
    header::{self, FORMAT_VERSION, HEADER_BYTES, Header, HeaderError},
    keys::{DRAFT_NAME, KeyFile, NAME},
    live::{LiveKey, LiveKeys},
    read::{Waypoints, read_header},
    scan::{MANY, Scanner, Step},
    slots::{Mark, MarkError, SLOT_BYTES, SLOTS_START, Slot},
};
use crate::{
    LogError, Seq,
    disk::{Disk, DiskError, DiskFile as _},
};

pub(super) fn open<D: Disk>(
    disk: D,
    key: Key,
    options: LogOptions,
    entropy: Box<dyn Entropy>,
) -> Result<(SegmentLog<D>, Recovery), LogError> {
    let lock = disk.lock()?;
    let mut recovery = Recovery::default();
    let names = disk.list()?;
    let mut firsts: Vec<Seq> = names.iter().filter_map(|name| header::parse_name(name)).collect();
    firsts.sort_unstable();
    if !names.iter().any(|name| name == NAME) {
        if !firsts.is_empty() {
            return Err(LogError::Damaged { path: disk.path(NAME), offset: 0, why: "the file is missing" });
        }
        create_keys(&disk, &key, &options, names.iter().any(|name| name == DRAFT_NAME))?;
        recovery.created = true;
    }
    let keys = KeyFile { file: disk.open(NAME)?, installation: options.installation, wrap: key };
    let slots = read_slots(&disk, &keys)?;
    let mut scan = Scan::new(&disk, &options, &slots.live, slots.mark);
    scan.run(firsts)?;
    recovery.cut = scan.settle()?;
    let Scan { segments, next, checksum, abandoned, .. } = scan;
    let last = next.previous();
    let mark = Mark { counter: slots.mark.counter + 1, durable: last, first: segments[0].first };
    let mut live = slots.live;
    let free = settle_keys(&keys, &slots.bytes, &mut live, slots.torn, &mark, &mut recovery)?;
    let written: BTreeSet<u32> =
        (0..slots.count).filter(|slot| free.contains(slot) || slots.free.contains(slot)).collect();
    let shared = Shared {
        disk,
        keys,
        pending: Mutex::new(Pending {
            written: last,
            durable: last,
            first: mark.first,
            segments: Vec::new(),
            names_changed: false,
            keys_changed: false,
            doomed: Vec::new(),
            free: written,
            leftover: abandoned,
        }),
        mark: Mutex::new(mark),
        broken: AtomicBool::new(false),
        zero_slots: options.zero_slots,
        _lock: lock,
    };
    let log = SegmentLog {
        shared: Arc::new(shared),
        options,
        entropy,
        segments,
        next,
        checksum,
        live,
        slots: slots.count,
        undo: Undo::default(),
        buffer: Vec::new(),
    };
    Ok((log, recovery))
}

/// Makes the key file under another name first, so that it is there complete or not at all.
fn create_keys<D: Disk>(disk: &D, key: &Key, options: &LogOptions, draft: bool) -> Result<(), LogError> {
    if draft {
        disk.remove(DRAFT_NAME)?;
    }
    let keys =
        KeyFile { file: disk.create(DRAFT_NAME)?, installation: options.installation, wrap: key.clone() };
    for counter in [0, 1] {
        keys.write_mark(&Mark { counter, durable: Seq::ZERO, first: Seq::FIRST })?;
    }
    keys.grow(0)?;
    keys.file.sync()?;
    disk.rename(DRAFT_NAME, NAME)?;
    Ok(disk.sync()?)
}

/// What the key file holds.
struct Slots {
    mark: Mark,
    live: LiveKeys,
    free: BTreeSet<u32>,
    /// Slots to zero: torn ones, and the older one of two keys with one name.
    torn: Vec<u32>,
    count: u32,
    /// The whole file.
    bytes: Vec<u8>,
}

fn read_slots<D: Disk>(disk: &D, keys: &KeyFile<D::File>) -> Result<Slots, LogError> {
    let path = || disk.path(NAME);
    let damaged = |why| LogError::Damaged { path: path(), offset: 0, why };
    let len = usize::try_from(keys.file.len()?).map_err(|_| damaged("the file is too long"))?;
    let mut bytes = vec![0; len];
    let read = keys.file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    let mark = Mark::choose(&bytes, keys.installation, &keys.wrap).map_err(|error| match error {
        MarkError::Invalid => damaged("neither copy of its mark is whole"),
        MarkError::Version(found) => LogError::Newer { path: path(), found, known: FORMAT_VERSION },
        MarkError::Foreign => LogError::Foreign { path: path() },
        MarkError::WrongKey => LogError::WrongKey { path: path() },
    })?;
    let area = bytes.get(usize::try_from(SLOTS_START).unwrap_or(usize::MAX)..).unwrap_or_default();
    let count =
        u32::try_from(area.len().div_ceil(SLOT_BYTES)).map_err(|_| damaged("the file is too long"))?;
    let (mut live, mut free, mut torn) = (LiveKeys::default(), BTreeSet::new(), Vec::new());
    for (slot, bytes) in (0..count).zip(area.chunks(SLOT_BYTES)) {
        match Slot::parse(bytes, &keys.wrap) {
            Slot::Free => {
                free.insert(slot);
            }
            Slot::Torn => torn.push(slot),
            Slot::Used { name, born, key } => {
                let found = LiveKey { key, slot, born, last_use: born };
                // A name is never used twice but by a caller's mistake; the younger key is the one in use then.
                if let Some(other) = live.insert(name, found) {
                    torn.push(if other.born > born { slot } else { other.slot });
                    if other.born > born {
                        live.insert(name, other);
                    }
                }
            }
        }
    }
    Ok(Slots { mark, live, free, torn, count, bytes })
}

/// Writes the mark and, in the end, zeroes what is of no use. Returns the slots that were zeroed.
fn settle_keys<F: crate::disk::DiskFile>(
    keys: &KeyFile<F>,
    bytes: &[u8],
    live: &mut LiveKeys,
    torn: Vec<u32>,
    mark: &Mark,
    recovery: &mut Recovery,
) -> Result<BTreeSet<u32>, LogError> {
    let orphans = live.remove_born_after(mark.durable);
    recovery.orphan_keys = orphans.len();
    recovery.torn_slots = torn.len();
    live.assume_used_until(mark.durable);
    // Again, so that the flush carries them even where an earlier one failed. The rest was flushed long ago.
    keys.file.write_at(bytes, 0)?;
    keys.write_mark(mark)?;
    keys.file.sync()?;
    let useless: Vec<u32> = torn.into_iter().chain(orphans.iter().map(|orphan| orphan.slot)).collect();
    if !useless.is_empty() {
        keys.zero(&useless)?;
        keys.file.sync()?;
    }
    Ok(useless.into_iter().collect())
}

/// Goes through the segments, from the one with the last record that is certainly durable on.
struct Scan<'a, D: Disk> {
    disk: &'a D,
    options: &'a LogOptions,
    keys: &'a LiveKeys,
    mark: Mark,
    segments: Vec<Segment<D::File>>,
    next: Seq,
    checksum: u32,
    /// Parts of files that hold records behind the mark: segment, from, to.
    tail: Vec<(usize, u64, u64)>,
    cut: Option<Cut>,
    /// Segments to delete now, because of the cut.
    removed: Vec<String>,
    /// Segments that were dropped before, to delete some time.
    abandoned: Vec<String>,
}

/// How reading a segment ended.
enum End {
    /// At the end of the file, behind a whole record.
    Whole,
    /// At something that is no record, or must not count as one.
    Broken(u64, &'static str),
}

impl<'a, D: Disk> Scan<'a, D> {
    fn new(disk: &'a D, options: &'a LogOptions, keys: &'a LiveKeys, mark: Mark) -> Self {
        Self {
            disk,
            options,
            keys,
            mark,
            segments: Vec::new(),
            next: mark.first,
            checksum: 0,
            tail: Vec::new(),
            cut: None,
            removed: Vec::new(),
            abandoned: Vec::new(),
        }
    }

    fn run(&mut self, firsts: Vec<Seq>) -> Result<(), LogError> {
        let (old, firsts): (Vec<Seq>, Vec<Seq>) =
            firsts.into_iter().partition(|first| *first < self.mark.first);
        self.abandoned = old.into_iter().map(header::name).collect();
        // The segment with the last durable record is read, and all behind it; those before it when they are needed.
        let durable = self.mark.durable.max(self.mark.first);
        let start = firsts.partition_point(|first| *first <= durable).saturating_sub(1);
        if start > 0 && firsts[0] != self.mark.first {
            return Err(self.missing(self.mark.first));
        }
        for first in &firsts[..start] {
            self.segments.push(closed(*first));
        }
        let mut previous = None;
        if start > 0 {
            self.next = firsts[start];
        }
        for first in &firsts[start..] {
            if self.cut.is_some() {
                self.drop_file(*first)?;
                continue;
            }
            previous = self.scan_segment(*first, previous)?;
        }
        if self.next <= self.mark.durable {
            return Err(self.missing(self.next));
        }
        Ok(())
    }

    /// Reads one segment; where it ends early, notes the cut. Returns its last checksum.
    fn scan_segment(&mut self, first: Seq, previous: Option<u32>) -> Result<Option<u32>, LogError> {
        let name = header::name(first);
        let path = self.disk.path(&name);
        let file = self.disk.open(&name)?;
        let parsed = match read_header(&file)? {
            Ok((header, _)) if header.installation != self.options.installation => {
                return Err(LogError::Foreign { path });
            }
            Err(HeaderError::Version(found)) => {
                return Err(LogError::Newer { path, found, known: FORMAT_VERSION });
            }
            Ok((header, sum))
                if header.first == first && previous.is_none_or(|previous| previous == header.previous) =>
            {
                Ok(sum)
            }
            Ok(_) => Err("does not follow the segment before"),
            Err(HeaderError::Invalid(why)) => Err(why),
        };
        let parsed = if first == self.next { parsed } else { Err("records before it are missing") };
        let checksum = match parsed {
            Ok(checksum) => checksum,
            Err(why) if self.next <= self.mark.durable => {
                return Err(LogError::Damaged { path, offset: 0, why });
            }
            Err(why) => {
                self.cut = Some(Cut { path, offset: 0, bytes: 0, why });
                self.drop_file(first)?;
                return Ok(previous);
            }
        };
        self.checksum = checksum;
        let len = file.len()?;
        let (end, waypoints) = self.scan_frames(&file)?;
        let mut valid = len;
        if let End::Broken(offset, why) = end {
            if self.next <= self.mark.durable {
                return Err(LogError::Damaged { path, offset, why });
            }
            self.cut = Some(Cut { path, offset, bytes: len.saturating_sub(offset), why });
            valid = offset;
        }
        let segment =
            Segment { first, name, waypoints: Some(waypoints), file: Some(Arc::new(file)), len: valid };
        self.segments.push(segment);
        Ok(Some(self.checksum))
    }

    fn scan_frames(&mut self, file: &D::File) -> Result<(End, Waypoints), LogError> {
        let mut waypoints = Waypoints::default();
        let mut scanner = Scanner::new(file, HEADER_BYTES as u64, self.checksum, MANY);
        let mut tail = None;
        let end = loop {
            match scanner.next()? {
                Step::End => break End::Whole,
                Step::Invalid(why) => break End::Broken(scanner.offset(), why),
                Step::Frame(frame) => {
                    if let Err(why) = self.check_frame(&frame, &scanner) {
                        break End::Broken(scanner.offset(), why);
                    }
                    waypoints.note(frame.seq, scanner.offset(), self.checksum);
                    if frame.seq > self.mark.durable {
                        tail.get_or_insert(scanner.offset());
                    }
                    self.checksum = frame.checksum;
                    self.next = frame.seq.next();
                }
            }
        };
        if let Some(from) = tail {
            self.tail.push((self.segments.len(), from, scanner.offset()));
        }
        Ok((end, waypoints))
    }

    /// Behind the mark a body must open too: a failed append may have left a key of the same name that is not the body's.
    fn check_frame(&self, frame: &Frame, scanner: &Scanner<'_, D::File>) -> Result<(), &'static str> {
        if frame.seq != self.next {
            return Err("record out of order");
        }
        let Some(name) = frame.key.filter(|_| frame.seq > self.mark.durable) else {
            return Ok(());
        };
        let live = self.keys.find(name).ok_or("its key was not flushed")?;
        let sealed = scanner.bytes(&frame.sealed);
        live.key.open(&aad(frame.seq, name), sealed).map(drop).map_err(|_| "its key was not flushed")
    }

    /// Cuts, writes the kept tail again, makes a segment when there is none, and flushes all of it. Until here nothing was changed.
    fn settle(&mut self) -> Result<Option<Cut>, LogError> {
        for name in &self.removed {
            self.disk.remove(name)?;
        }
        for (index, from, to) in &self.tail {
            if let Some(file) = &self.segments[*index].file {
                rewrite(&**file, *from, *to)?;
            }
        }
        if self.segments.is_empty() {
            self.create_segment()?;
        }
        for segment in &self.segments {
            if let Some(file) = &segment.file {
                if file.len()? != segment.len {
                    file.set_len(segment.len)?;
                }
                file.sync()?;
            }
        }
        self.disk.sync()?;
        let last = self.segments.len() - 1;
        for segment in &mut self.segments[..last] {
            segment.file = None;
        }
        Ok(self.cut.take())
    }

    fn create_segment(&mut self) -> Result<(), LogError> {
        let header =
            Header { installation: self.options.installation, first: self.next, previous: self.checksum };
        let (bytes, checksum) = header.encode();
        let name = header::name(self.next);
        let file = self.disk.create(&name)?;
        file.write_at(&bytes, 0)?;
        self.checksum = checksum;
        self.segments.push(Segment {
            first: self.next,
            name,
            waypoints: Some(Waypoints::default()),
            file: Some(Arc::new(file)),
            len: HEADER_BYTES as u64,
        });
        Ok(())
    }

    fn drop_file(&mut self, first: Seq) -> Result<(), LogError> {
        let name = header::name(first);
        let bytes = self.disk.open(&name)?.len()?;
        if let Some(cut) = &mut self.cut {
            cut.bytes += bytes;
        }
        self.removed.push(name);
        Ok(())
    }

    fn missing(&self, seq: Seq) -> LogError {
        LogError::Damaged {
            path: self.disk.path(&header::name(seq)),
            offset: 0,
            why: "records are missing from here on",
        }
    }
}

fn closed<F>(first: Seq) -> Segment<F> {
    Segment { first, name: header::name(first), waypoints: None, file: None, len: 0 }
}

fn rewrite<F: crate::disk::DiskFile>(file: &F, mut from: u64, to: u64) -> Result<(), DiskError> {
    let mut buffer = vec![0; MANY];
    while from < to {
        let want = usize::try_from(to - from).unwrap_or(MANY).min(MANY);
        let read = file.read_at(&mut buffer[..want], from)?;
        if read == 0 {
            break;
        }
        file.write_at(&buffer[..read], from)?;
        from += read as u64;
    }
    Ok(())
}
