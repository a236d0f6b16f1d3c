//! An edit in one short line, for rooms where a message cannot be changed.

use unicode_segmentation::UnicodeSegmentation;

/// The most words that either side of a correction shows.
const MAX_WORDS: usize = 6;

/// The most graphemes that either side of a correction shows.
const MAX_GRAPHEMES: usize = 60;

/// What changed from `old` to `new`, such as `teh → the`.
///
/// `None` where that would not be short, or where only blanks changed: the caller then shows the
/// whole new text, or nothing. Pass readable texts, so that a change of format is no change.
#[must_use]
pub fn correction(old: &str, new: &str) -> Option<String> {
    let before: Vec<&str> = old.split_whitespace().collect();
    let after: Vec<&str> = new.split_whitespace().collect();
    if before == after || before.is_empty() || after.is_empty() {
        return None;
    }
    let shorter = before.len().min(after.len());
    let mut start = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let same_end = before.iter().rev().zip(after.iter().rev()).take_while(|(a, b)| a == b).count();
    let mut end = same_end.min(shorter - start);
    // Words that were only added or removed are shown with a neighbour.
    if before.len() == start + end || after.len() == start + end {
        if start > 0 {
            start -= 1;
        } else {
            end -= 1;
        }
    }
    let removed = before.get(start..before.len() - end)?;
    let added = after.get(start..after.len() - end)?;
    let is_short = |words: &[&str]| {
        words.len() <= MAX_WORDS
            && words.join(" ").graphemes(true).take(MAX_GRAPHEMES + 1).count() <= MAX_GRAPHEMES
    };
    (is_short(removed) && is_short(added)).then(|| format!("{} → {}", removed.join(" "), added.join(" ")))
}
