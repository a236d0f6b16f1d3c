//! Changes that are written to the vault in one step, seen by reads before that.

use std::collections::BTreeMap;

use sameroom_connector::{Vault, VaultError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::stored::{decode, encode};

/// Changes under way.
pub(crate) struct Batch<'v> {
    vault: &'v dyn Vault,
    space: &'v str,
    changes: BTreeMap<String, Option<Vec<u8>>>,
}

impl<'v> Batch<'v> {
    pub(crate) fn new(vault: &'v dyn Vault, space: &'v str) -> Self {
        Self { vault, space, changes: BTreeMap::new() }
    }

    /// A value as it will be after this batch.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, VaultError> {
        let bytes = match self.changes.get(key) {
            Some(change) => change.clone(),
            None => self.vault.read(self.space, key).await?,
        };
        bytes.map(|bytes| decode(&bytes).ok_or(VaultError::Damaged)).transpose()
    }

    pub(crate) fn put<T: Serialize>(&mut self, key: String, value: &T) {
        self.changes.insert(key, Some(encode(value)));
    }

    pub(crate) fn remove(&mut self, key: String) {
        self.changes.insert(key, None);
    }

    /// How many entries will change.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    /// Writes everything, durable when it returns.
    pub(crate) async fn write(self) -> Result<(), VaultError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        self.vault.write(self.space, self.changes.into_iter().collect()).await
    }
}
