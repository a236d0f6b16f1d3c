//! What a browser room can do: everything that the page shows.

use std::time::Duration;

use sameroom_types::capabilities::{
    Authorship, Capabilities, Files, Heard, History, IdScope, Once, Reactions, Support, Threads,
};
use sameroom_types::limit::{TextLimit, TextUnit};
use sameroom_types::platform::{Field, FieldKind, LinkStep, PlatformDescription};

use crate::config::{Config, DEFAULT_MAX_UPLOAD_BYTES, DEFAULT_RETENTION_DAYS};

/// The longest text of one message, in Unicode scalar values.
pub(crate) const MAX_TEXT: u32 = 16_000;

const FIELDS: &[Field] = &[
    Field {
        key: "retention_days",
        label: "Keep messages for (days)",
        help: "After so many days messages and files are removed. 30 unless set.",
        kind: FieldKind::Number,
        required: false,
    },
    Field {
        key: "max_upload_bytes",
        label: "Largest file (bytes)",
        help: "Files larger than this are refused. 25000000 unless set.",
        kind: FieldKind::Number,
        required: false,
    },
    Field {
        key: "owners",
        label: "Owners",
        help: "Names that own a room: whoever enters first under such a name keeps it and may remove any \
               message. Without any, the first person in a room is its owner.",
        kind: FieldKind::List,
        required: false,
    },
];

pub(crate) fn describe() -> PlatformDescription {
    PlatformDescription {
        id: "web",
        name: "Browser room",
        icon: "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\" fill=\"none\" \
               stroke=\"currentColor\" stroke-width=\"2\"><rect x=\"3\" y=\"4\" width=\"18\" height=\"16\" rx=\"2\"/>\
               <path d=\"M3 9h18M7 13h7M7 16h4\"/></svg>",
        advice: "No account is needed: Sameroom hosts these rooms itself, and whoever has a room's link can enter.",
        fields: FIELDS,
        linking: &[LinkStep::Enter {
            fields: &["retention_days", "max_upload_bytes", "owners"],
            say: "Everything may stay as it is.",
        }],
        capabilities: table(DEFAULT_RETENTION_DAYS, DEFAULT_MAX_UPLOAD_BYTES),
        preview: false,
    }
}

/// The table of a room under these settings.
pub(crate) fn of(config: &Config) -> Capabilities {
    table(config.retention_days, config.max_upload_bytes)
}

fn table(retention_days: u32, max_upload_bytes: u64) -> Capabilities {
    let kept = Duration::from_secs(u64::from(retention_days) * 24 * 60 * 60);
    Capabilities {
        heard: Heard {
            edits: true,
            deletes: true,
            reactions: true,
            replies: true,
            files: true,
            membership: true,
            typing: false,
        },
        edit: Support::Full,
        edit_window: None,
        delete: Support::Full,
        moderate: Support::Full,
        reactions: Reactions::Any,
        threads: Threads::None,
        replies: Support::Full,
        files: Files::Upload { max_bytes: max_upload_bytes, per_message: 1 },
        // Names only: the page loads nothing from other hosts, so it draws initials instead of pictures.
        author: Authorship::Name,
        history: Some(History { look_back: kept, changes: true }),
        formatting: Support::Full,
        text: TextLimit { max: MAX_TEXT, unit: TextUnit::Scalars, multiline: true },
        typing: Support::Dropped,
        room_creation: Support::Full,
        window: 64,
        // Keys are kept as long as the messages that were sent with them.
        once: Once { key: Some(kept), history: Some(Duration::ZERO), echo: false },
        ids: IdScope::Shared,
        rate: None,
    }
}
