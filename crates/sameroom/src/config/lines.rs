//! Where things stand in the file, and what is said when they are wrong.

use anyhow::{Context, bail};
use toml_edit::{Item, Table, TableLike};

/// The lines of a configuration text.
pub(crate) struct Lines<'t> {
    text: &'t str,
}

impl<'t> Lines<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self { text }
    }

    fn line_at(&self, offset: usize) -> u32 {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        let count = before.iter().filter(|byte| **byte == b'\n').count();
        u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The line where an item begins, from 1; 0 when it has no place.
    pub(crate) fn line_of(&self, item: &Item) -> u32 {
        item.span().map_or(0, |span| self.line_at(span.start))
    }

    pub(crate) fn line_of_table(&self, table: &Table) -> u32 {
        table.span().map_or(0, |span| self.line_at(span.start))
    }

    /// The line of a key in a table.
    pub(crate) fn line_of_key(&self, table: &dyn TableLike, key: &str) -> u32 {
        table
            .get_key_value(key)
            .and_then(|(key, item)| key.span().or_else(|| item.span()))
            .map_or(0, |span| self.line_at(span.start))
    }

    pub(crate) fn table<'i>(&self, item: &'i Item, place: &str) -> anyhow::Result<&'i dyn TableLike> {
        item.as_table_like().with_context(|| format!("line {}: {place} must be a table", self.line_of(item)))
    }

    /// Refuses keys that nobody reads, naming the line and the nearest right one.
    pub(crate) fn check_keys(
        &self,
        table: &dyn TableLike,
        known: &[&str],
        place: &str,
    ) -> anyhow::Result<()> {
        for (key, _) in table.iter() {
            if !known.contains(&key) {
                bail!(
                    "line {}: unknown key {key:?} in {place}{}",
                    self.line_of_key(table, key),
                    nearest(key, known)
                );
            }
        }
        Ok(())
    }

    pub(crate) fn string(
        &self,
        table: &dyn TableLike,
        key: &str,
        place: &str,
    ) -> anyhow::Result<Option<String>> {
        let Some(item) = table.get(key) else { return Ok(None) };
        let Some(text) = item.as_str() else {
            bail!("line {}: {key} in {place} must be a text in quotes", self.line_of_key(table, key));
        };
        Ok(Some(text.to_owned()))
    }

    pub(crate) fn bool(&self, table: &dyn TableLike, key: &str, place: &str) -> anyhow::Result<Option<bool>> {
        let Some(item) = table.get(key) else { return Ok(None) };
        let Some(value) = item.as_bool() else {
            bail!("line {}: {key} in {place} must be true or false", self.line_of_key(table, key));
        };
        Ok(Some(value))
    }

    pub(crate) fn strings(
        &self,
        table: &dyn TableLike,
        key: &str,
        place: &str,
    ) -> anyhow::Result<Vec<String>> {
        let Some(item) = table.get(key) else { return Ok(Vec::new()) };
        let wrong =
            || format!("line {}: {key} in {place} must be a list of texts", self.line_of_key(table, key));
        let array = item.as_array().with_context(wrong)?;
        array.iter().map(|value| value.as_str().map(str::to_owned).with_context(wrong)).collect()
    }
}

/// `; did you mean "nick"?`, where something is near enough.
pub(crate) fn nearest(word: &str, known: &[&str]) -> String {
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.len() / 3))
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean {candidate:?}?"))
}
