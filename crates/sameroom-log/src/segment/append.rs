//! Appending: keys first, then the records with one write; all of it or nothing.

use std::sync::Arc;

use super::{
    Segment, SegmentLog,
    frame::encode,
    header::{self, Header},
    keys::BLOCK_SLOTS,
    live::LiveKey,
    read::Waypoints,
    slots::{SLOT_BYTES, Slot},
};
use crate::{
    KeyId, LogError, NewRecord, Seq,
    disk::{Disk, DiskError, DiskFile as _},
    memory::check_batch,
};
use sameroom_seal::Key;

/// What a failed append left on the disk. It is cleaned up at once if the disk lets us, else before the next append: nothing is
/// appended while any of it is there.
#[derive(Debug, Default)]
pub(super) struct Undo {
    /// The segment may be longer than its records.
    tail: bool,
    /// A new segment may exist.
    file: Option<String>,
    /// Slots may hold keys that are not in use.
    slots: Vec<u32>,
}

/// Where a batch goes and what it makes of the log.
struct Placed<F> {
    checksum: u32,
    waypoints: Waypoints,
    /// A segment that begins with this batch.
    rolled: Option<Segment<F>>,
}

impl<D: Disk> SegmentLog<D> {
    pub(super) fn append_batch(&mut self, batch: &[NewRecord<'_>]) -> Result<(), LogError> {
        self.shared.check_broken()?;
        check_batch(self.next, batch)?;
        let Some(last) = batch.last() else { return Ok(()) };
        self.undo()?;
        let fresh = self.reserve_keys(batch)?;
        let placed = match self.write_keys(&fresh).and_then(|()| self.write_records(batch)) {
            Ok(placed) => placed,
            Err(error) => {
                self.undo.slots =
                    fresh.into_iter().filter_map(|name| self.live.remove(name)).map(|key| key.slot).collect();
                // If the disk does not even let us clean up, the next append tries again: the first error tells more.
                self.undo().ok();
                return Err(error.into());
            }
        };
        self.commit(batch, last.seq, placed, !fresh.is_empty());
        Ok(())
    }

    /// Makes the keys that the batch needs and that do not exist, without writing them.
    fn reserve_keys(&mut self, batch: &[NewRecord<'_>]) -> Result<Vec<KeyId>, LogError> {
        let mut fresh = Vec::new();
        for record in batch {
            let Some((name, _)) = record.body else { continue };
            if self.live.find(name).is_some() {
                continue;
            }
            match self.take_slot() {
                Ok(slot) => {
                    let key = Key::random(self.entropy.as_mut());
                    self.live.insert(name, LiveKey { key, slot, born: record.seq, last_use: record.seq });
                    fresh.push(name);
                }
                Err(error) => {
                    let slots =
                        fresh.into_iter().filter_map(|name| self.live.remove(name)).map(|key| key.slot);
                    let slots: Vec<u32> = slots.collect();
                    self.shared.pending().free.extend(slots);
                    return Err(error.into());
                }
            }
        }
        Ok(fresh)
    }

    fn take_slot(&mut self) -> Result<u32, DiskError> {
        if let Some(slot) = self.shared.pending().free.pop_first() {
            return Ok(slot);
        }
        self.shared.keys.grow(self.slots)?;
        let first = self.slots;
        self.slots += BLOCK_SLOTS;
        self.shared.pending().free.extend(first + 1..self.slots);
        Ok(first)
    }

    /// Writes the slots of new keys, neighbours with one write.
    fn write_keys(&mut self, fresh: &[KeyId]) -> Result<(), DiskError> {
        let mut keys: Vec<(KeyId, &LiveKey)> =
            fresh.iter().filter_map(|name| self.live.find(*name).map(|key| (*name, key))).collect();
        keys.sort_unstable_by_key(|(_, key)| key.slot);
        for run in keys.chunk_by(|(_, one), (_, two)| one.slot + 1 == two.slot) {
            let mut bytes = Vec::with_capacity(run.len() * SLOT_BYTES);
            for (name, key) in run {
                Slot::encode(
                    &mut bytes,
                    *name,
                    key.born,
                    &key.key,
                    &self.shared.keys.wrap,
                    self.entropy.as_mut(),
                );
            }
            self.shared.keys.write_slots(run[0].1.slot, &bytes)?;
        }
        Ok(())
    }

    fn write_records(&mut self, batch: &[NewRecord<'_>]) -> Result<Placed<D::File>, DiskError> {
        let active = self.segments.last().expect("there is always a segment");
        let roll = active.len >= self.options.segment_bytes && active.first < self.next;
        self.buffer.clear();
        let mut checksum = self.checksum;
        if roll {
            let header =
                Header { installation: self.options.installation, first: self.next, previous: checksum };
            let (bytes, sum) = header.encode();
            self.buffer.extend_from_slice(&bytes);
            checksum = sum;
        }
        let start = if roll { 0 } else { active.len };
        let mut waypoints = Waypoints::default();
        for record in batch {
            waypoints.note(record.seq, start + self.buffer.len() as u64, checksum);
            let key = record.body.and_then(|(name, _)| self.live.find(name)).map(|key| &key.key);
            checksum = encode(&mut self.buffer, checksum, record, key, self.entropy.as_mut());
        }
        if !roll {
            self.undo.tail = true;
            let file = active.file.as_ref().expect("the last segment is open");
            file.write_at(&self.buffer, start)?;
            self.undo.tail = false;
            return Ok(Placed { checksum, waypoints, rolled: None });
        }
        let name = header::name(self.next);
        self.undo.file = Some(name.clone());
        let file = self.shared.disk.create(&name)?;
        file.write_at(&self.buffer, 0)?;
        self.undo.file = None;
        let segment = Segment {
            first: self.next,
            name,
            waypoints: Some(Waypoints::default()),
            file: Some(Arc::new(file)),
            len: 0,
        };
        Ok(Placed { checksum, waypoints, rolled: Some(segment) })
    }

    /// Takes over what was written. Nothing here can fail.
    fn commit(&mut self, batch: &[NewRecord<'_>], last: Seq, placed: Placed<D::File>, new_keys: bool) {
        for record in batch {
            if let Some(key) = record.body.and_then(|(name, _)| self.live.find_mut(name)) {
                key.last_use = record.seq;
            }
        }
        let rolled = placed.rolled.is_some();
        if let Some(segment) = placed.rolled {
            if let Some(full) = self.segments.last_mut() {
                full.file = None;
            }
            self.segments.push(segment);
        }
        let active = self.segments.last_mut().expect("there is always a segment");
        if let Some(waypoints) = &mut active.waypoints {
            waypoints.append(placed.waypoints);
        }
        active.len += self.buffer.len() as u64;
        self.checksum = placed.checksum;
        self.next = last.next();
        let mut pending = self.shared.pending();
        pending.written = last;
        pending.keys_changed |= new_keys;
        pending.names_changed |= rolled;
        if let Some(file) = &active.file
            && !pending.segments.iter().any(|other| Arc::ptr_eq(other, file))
        {
            pending.segments.push(Arc::clone(file));
        }
    }

    /// Cleans up after a failed append.
    fn undo(&mut self) -> Result<(), DiskError> {
        if self.undo.tail {
            let active = self.segments.last().expect("there is always a segment");
            active.file.as_ref().expect("the last segment is open").set_len(active.len)?;
            self.undo.tail = false;
        }
        if let Some(name) = &self.undo.file {
            match self.shared.disk.remove(name) {
                Err(error) if error.source.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => self.undo.file = None,
            }
        }
        if !self.undo.slots.is_empty() {
            self.shared.keys.zero(&self.undo.slots)?;
            let mut pending = self.shared.pending();
            pending.keys_changed = true;
            pending.free.extend(self.undo.slots.drain(..));
        }
        Ok(())
    }
}
