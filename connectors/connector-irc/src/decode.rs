//! Bytes to text: UTF-8 where the whole line is UTF-8, else the single-byte set of the account's `encoding`.
//!
//! Never guesses by statistics, which mangles short lines.

use std::borrow::Cow;

/// What a line that is not UTF-8 is read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Windows code page 1252, which holds Latin-1's letters and more.
    #[default]
    Cp1252,
    /// ISO 8859-1.
    Latin1,
    /// UTF-8 with replacement characters.
    Utf8,
}

/// What code page 1252 has at 0x80 to 0x9f; unassigned places keep their control character.
/// Source: <https://encoding.spec.whatwg.org/index-windows-1252.txt>.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Reads a line.
pub(crate) fn decode(bytes: &[u8], fallback: Fallback) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) if fallback == Fallback::Utf8 => String::from_utf8_lossy(bytes),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| single(*byte, fallback)).collect()),
    }
}

fn single(byte: u8, fallback: Fallback) -> char {
    match byte.checked_sub(0x80).map(usize::from) {
        Some(index) if fallback == Fallback::Cp1252 => HIGH.get(index).copied().unwrap_or(char::from(byte)),
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_first_then_one_byte_a_letter() {
        assert_eq!(decode("grüße €".as_bytes(), Fallback::Cp1252), "grüße €");
        assert_eq!(decode(b"gr\xfc\xdfe \x80", Fallback::Cp1252), "grüße €");
        assert_eq!(decode(b"gr\xfc \x80", Fallback::Latin1), "grü \u{80}");
        assert_eq!(decode(b"gr\xfc", Fallback::Utf8), "gr\u{fffd}");
    }
}
