//! The keys that are not destroyed.

use std::collections::HashMap;

use sameroom_seal::Key;

use crate::{KeyId, Seq};

/// The keys that are not destroyed, by name.
#[derive(Debug, Default)]
pub(super) struct LiveKeys(HashMap<KeyId, LiveKey>);

/// A key and where it stands.
#[derive(Debug, Clone)]
pub(super) struct LiveKey {
    pub(super) key: Key,
    pub(super) slot: u32,
    /// The record that it was made for: earlier ones were sealed with another key of that name.
    pub(super) born: Seq,
    /// The last record that used it.
    pub(super) last_use: Seq,
}

impl LiveKeys {
    pub(super) fn find(&self, name: KeyId) -> Option<&LiveKey> {
        self.0.get(&name)
    }

    pub(super) fn find_mut(&mut self, name: KeyId) -> Option<&mut LiveKey> {
        self.0.get_mut(&name)
    }

    pub(super) fn insert(&mut self, name: KeyId, key: LiveKey) -> Option<LiveKey> {
        self.0.insert(name, key)
    }

    pub(super) fn remove(&mut self, name: KeyId) -> Option<LiveKey> {
        self.0.remove(&name)
    }

    pub(super) fn names(&self) -> Vec<KeyId> {
        let mut names: Vec<KeyId> = self.0.keys().copied().collect();
        names.sort_unstable();
        names
    }

    /// Takes out the keys that were made for records behind this one.
    pub(super) fn remove_born_after(&mut self, last: Seq) -> Vec<LiveKey> {
        self.0.extract_if(|_, key| key.born > last).map(|(_, key)| key).collect()
    }

    /// Says of all keys that this record may have used them.
    pub(super) fn assume_used_until(&mut self, last: Seq) {
        self.0.values_mut().for_each(|key| key.last_use = last);
    }
}
