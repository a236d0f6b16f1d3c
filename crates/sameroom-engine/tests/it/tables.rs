//! Tables of abilities that tests start from.

use std::time::Duration;

use sameroom_types::capabilities::{
    Authorship, Capabilities, Files, Heard, Once, Reactions, Support, Threads,
};
use sameroom_types::limit::{TextLimit, TextUnit};

/// A platform with everything but threads; unknown sends are asked about in its history.
pub(crate) fn full() -> Capabilities {
    Capabilities {
        heard: Heard {
            edits: true,
            deletes: true,
            reactions: true,
            replies: true,
            files: true,
            membership: true,
            typing: true,
        },
        edit: Support::Full,
        delete: Support::Full,
        moderate: Support::Full,
        reactions: Reactions::Any,
        threads: Threads::None,
        replies: Support::Full,
        files: Files::Upload { max_bytes: 10_000_000, per_message: 1 },
        author: Authorship::Prefix,
        formatting: Support::Full,
        text: TextLimit { max: 4_000, unit: TextUnit::Scalars, multiline: true },
        window: 16,
        once: Once { key: None, history: Some(Duration::from_secs(2)), echo: false },
        ..Capabilities::TEXT_ONLY
    }
}

/// A platform with short single lines and nothing else.
pub(crate) fn lines() -> Capabilities {
    Capabilities { window: 16, ..Capabilities::TEXT_ONLY }
}

/// The full table with threads of a degree.
pub(crate) fn threaded(threads: Threads) -> Capabilities {
    Capabilities { threads, ..full() }
}
