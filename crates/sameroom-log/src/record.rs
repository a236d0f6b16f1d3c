//! What goes into a log and what comes out of it.

use std::fmt;

/// The position of a record. The first record ever has 1; positions have no holes. 0 means "before the first".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first record.
    pub const ZERO: Self = Self(0);
    /// The position of the first record ever.
    pub const FIRST: Self = Self(1);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The position before this one; 0 stays 0.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names the key that seals bodies. The caller chooses it and never gives the same name to two keys: it uses the
/// position of the event that the bodies belong to. Several records may share a key; they are shredded together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u64);

impl From<Seq> for KeyId {
    fn from(seq: Seq) -> Self {
        Self(seq.0)
    }
}

/// A record to append.
#[derive(Clone, Copy)]
pub struct NewRecord<'a> {
    /// Its position, which must be the log's next one.
    pub seq: Seq,
    /// Stays readable for as long as the record exists.
    pub meta: &'a [u8],
    /// Is sealed with the named key, which is made if it does not exist; unreadable once that key is destroyed.
    pub body: Option<(KeyId, &'a [u8])>,
}

impl fmt::Debug for NewRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRecord")
            .field("seq", &self.seq)
            .field("meta_bytes", &self.meta.len())
            .field("key", &self.body.map(|(key, _)| key))
            .finish_non_exhaustive()
    }
}

/// A record as it is read back.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position.
    pub seq: Seq,
    /// The readable part.
    pub meta: Vec<u8>,
    /// The key that sealed its body; `None` where it was appended without one.
    pub key: Option<KeyId>,
    /// The body; `None` where there never was one and where its key was destroyed.
    pub body: Option<Vec<u8>>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("seq", &self.seq)
            .field("meta_bytes", &self.meta.len())
            .field("key", &self.key)
            .field("body_bytes", &self.body.as_ref().map(Vec::len))
            .finish()
    }
}

/// Most bytes that meta and body of one record may have together: 8 MiB. Files never go into the log.
pub const MAX_RECORD_BYTES: usize = 8 * 1024 * 1024;
