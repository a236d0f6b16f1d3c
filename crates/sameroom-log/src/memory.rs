//! A log in memory: the reference that other logs are compared with, and the one to simulate the engine on.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Flusher, KeyId, Log, LogError, NewRecord, Record, Seq, record::MAX_RECORD_BYTES};

/// A log in memory. Clones are the same log, so that a simulated restart can open it again.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    shared: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<Record>,
    /// How many records were dropped from the front: the first one left has this position plus 1.
    dropped: u64,
    durable: Seq,
    live: BTreeSet<KeyId>,
}

impl Inner {
    fn first(&self) -> Seq {
        Seq(self.dropped + 1)
    }

    fn next(&self) -> Seq {
        Seq(self.dropped + self.records.len() as u64 + 1)
    }
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what is not durable, as a power loss would at worst.
    pub fn power_loss(&self) {
        let mut inner = self.lock();
        let durable = inner.durable;
        inner.records.retain(|record| record.seq <= durable);
        let used: BTreeSet<KeyId> = inner.records.iter().filter_map(|record| record.key).collect();
        inner.live.retain(|key| used.contains(key));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for MemoryLog {
    fn append(&mut self, batch: &[NewRecord<'_>]) -> Result<(), LogError> {
        let mut inner = self.lock();
        check_batch(inner.next(), batch)?;
        for new in batch {
            let record = Record {
                seq: new.seq,
                meta: new.meta.to_vec(),
                key: new.body.map(|(key, _)| key),
                body: new.body.map(|(_, body)| body.to_vec()),
            };
            inner.live.extend(record.key);
            inner.records.push_back(record);
        }
        Ok(())
    }

    fn flusher(&self) -> Box<dyn Flusher> {
        Box::new(self.clone())
    }

    fn destroy(&mut self, keys: &[KeyId]) -> Result<(), LogError> {
        let mut inner = self.lock();
        let gone: BTreeSet<KeyId> = keys.iter().copied().filter(|key| inner.live.remove(key)).collect();
        for record in inner.records.iter_mut().filter(|r| r.key.is_some_and(|key| gone.contains(&key))) {
            record.body = None;
        }
        Ok(())
    }

    fn body(&mut self, seq: Seq) -> Result<Option<Vec<u8>>, LogError> {
        let inner = self.lock();
        let index = seq.0.checked_sub(inner.first().0).and_then(|index| usize::try_from(index).ok());
        let record = index.and_then(|index| inner.records.get(index)).ok_or(LogError::NotHere(seq))?;
        Ok(record.body.clone())
    }

    fn replay(&mut self, from: Seq, visit: &mut dyn FnMut(Record)) -> Result<(), LogError> {
        let records: Vec<Record> = self.lock().records.iter().filter(|r| r.seq >= from).cloned().collect();
        records.into_iter().for_each(visit);
        Ok(())
    }

    fn truncate_before(&mut self, seq: Seq) -> Result<(), LogError> {
        let mut inner = self.lock();
        while inner.records.front().is_some_and(|record| record.seq < seq) {
            inner.records.pop_front();
            inner.dropped += 1;
        }
        Ok(())
    }

    fn first(&self) -> Seq {
        self.lock().first()
    }

    fn next(&self) -> Seq {
        self.lock().next()
    }

    fn durable(&self) -> Seq {
        self.lock().durable
    }

    fn live_keys(&self) -> Vec<KeyId> {
        self.lock().live.iter().copied().collect()
    }
}

impl Flusher for MemoryLog {
    fn flush(&mut self) -> Result<Seq, LogError> {
        let mut inner = self.lock();
        inner.durable = inner.next().previous();
        Ok(inner.durable)
    }
}

/// Checks what every log refuses before it writes anything.
pub(crate) fn check_batch(next: Seq, batch: &[NewRecord<'_>]) -> Result<(), LogError> {
    let mut expected = next;
    for new in batch {
        if new.seq != expected {
            return Err(LogError::OutOfOrder { expected, given: new.seq });
        }
        let bytes = new.meta.len().saturating_add(new.body.map_or(0, |(_, body)| body.len()));
        if bytes > MAX_RECORD_BYTES {
            return Err(LogError::TooLarge { seq: new.seq, bytes });
        }
        expected = expected.next();
    }
    Ok(())
}
