//! The contract of a log.

use crate::{KeyId, LogError, NewRecord, Record, Seq};

/// An ordered run of records, owned by one writer.
///
/// No method waits for the disk to flush: that is the [`Flusher`]'s work, on a thread of its own.
pub trait Log: Send {
    /// Appends a batch. When it returns, the batch is *written*: it survives the death of this process, in order and whole.
    ///
    /// After an error nothing of the batch is in the log and the same batch may be tried again. Some of its first records may be
    /// there all the same after a crash, behind all that is safe, until a later batch was appended and flushed.
    ///
    /// # Errors
    /// [`LogError::Full`] while there is no room; [`LogError::OutOfOrder`] and [`LogError::TooLarge`] for what the caller got wrong;
    /// [`LogError::Broken`] after a flush that failed.
    fn append(&mut self, batch: &[NewRecord<'_>]) -> Result<(), LogError>;

    /// What makes records durable, to be run on another thread. All flushers of a log work on the same watermark.
    fn flusher(&self) -> Box<dyn Flusher>;

    /// Destroys keys. Their bodies are unreadable from now on, and for ever once a flush that began after this call has
    /// returned; after a crash before that, a key may be alive again (see [`Log::live_keys`]). Unknown names are ignored.
    ///
    /// The caller calls it only once the record that makes the bodies needless is durable.
    ///
    /// # Errors
    /// [`LogError::Broken`] after a flush that failed.
    fn destroy(&mut self, keys: &[KeyId]) -> Result<(), LogError>;

    /// Reads one body back; `None` where there is none or its key was destroyed.
    ///
    /// # Errors
    /// [`LogError::NotHere`] outside `first()..next()`; [`LogError::Damaged`], [`LogError::Disk`].
    fn body(&mut self, seq: Seq) -> Result<Option<Vec<u8>>, LogError>;

    /// Shows every record from `from` (or the first that is left, if that is later) to the last, in order.
    ///
    /// # Errors
    /// [`LogError::Damaged`] names the file and the place; [`LogError::Disk`].
    fn replay(&mut self, from: Seq, visit: &mut dyn FnMut(Record)) -> Result<(), LogError>;

    /// Gives back the room of records before `seq`, in whole pieces: some of them may stay. The freed room may come
    /// only with the next flush. The caller destroys the keys of what it drops.
    ///
    /// # Errors
    /// [`LogError::Broken`] after a flush that failed.
    fn truncate_before(&mut self, seq: Seq) -> Result<(), LogError>;

    /// The first record that is left; equal to [`Log::next`] when there is none.
    fn first(&self) -> Seq;

    /// The position that the next record must have.
    fn next(&self) -> Seq;

    /// The last durable record; 0 when none is.
    fn durable(&self) -> Seq;

    /// The keys that are not destroyed, ascending. After a restart the caller destroys those that it needs no more.
    fn live_keys(&self) -> Vec<KeyId>;
}

/// Makes what was written durable. Blocks for as long as the disk takes; appending goes on meanwhile.
pub trait Flusher: Send {
    /// Flushes all that was written, and all keys that were destroyed, before the call. Returns the last durable record.
    ///
    /// # Errors
    /// After an error nobody knows what the disk holds: the log is broken until it is opened again.
    fn flush(&mut self) -> Result<Seq, LogError>;
}

impl<L: Log + ?Sized> Log for Box<L> {
    fn append(&mut self, batch: &[NewRecord<'_>]) -> Result<(), LogError> {
        (**self).append(batch)
    }
    fn flusher(&self) -> Box<dyn Flusher> {
        (**self).flusher()
    }
    fn destroy(&mut self, keys: &[KeyId]) -> Result<(), LogError> {
        (**self).destroy(keys)
    }
    fn body(&mut self, seq: Seq) -> Result<Option<Vec<u8>>, LogError> {
        (**self).body(seq)
    }
    fn replay(&mut self, from: Seq, visit: &mut dyn FnMut(Record)) -> Result<(), LogError> {
        (**self).replay(from, visit)
    }
    fn truncate_before(&mut self, seq: Seq) -> Result<(), LogError> {
        (**self).truncate_before(seq)
    }
    fn first(&self) -> Seq {
        (**self).first()
    }
    fn next(&self) -> Seq {
        (**self).next()
    }
    fn durable(&self) -> Seq {
        (**self).durable()
    }
    fn live_keys(&self) -> Vec<KeyId> {
        (**self).live_keys()
    }
}
