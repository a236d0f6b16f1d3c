//! How long a text may be, and in which unit a platform counts.

use serde::{Deserialize, Serialize};

/// The most that one message may hold on a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TextLimit {
    /// The largest length that the platform takes, in `unit`.
    pub max: u32,
    /// What the platform counts.
    pub unit: TextUnit,
    /// Whether a message may have several lines; where not, each line is a message of its own.
    pub multiline: bool,
}

/// What a platform counts when it limits a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TextUnit {
    /// Bytes of UTF-8.
    Bytes,
    /// UTF-16 code units.
    Utf16Units,
    /// Unicode scalar values.
    Scalars,
}

impl TextUnit {
    /// The length of `text` in this unit.
    #[must_use]
    pub fn measure(self, text: &str) -> usize {
        match self {
            Self::Bytes => text.len(),
            Self::Utf16Units => text.encode_utf16().count(),
            Self::Scalars => text.chars().count(),
        }
    }
}
