//! The platform as data: what it can do and how an account is described.

use std::time::Duration;

use sameroom_types::action::Action;
use sameroom_types::capabilities::{
    Authorship, Capabilities, Files, Heard, History, IdScope, Once, Reactions, Support, Threads,
};
use sameroom_types::limit::{TextLimit, TextUnit};
use sameroom_types::platform::{Field, FieldKind, LinkStep, PlatformDescription};

use crate::muc::Features;

/// A body of this many characters stays far under the smallest stanza limit met (ejabberd: 64 KiB).
const TEXT: TextLimit = TextLimit { max: 10_000, unit: TextUnit::Scalars, multiline: true };

/// A room of a present-day server.
pub(crate) const ROOM: Capabilities = Capabilities {
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
    edit_window: None,
    delete: Support::Full,
    moderate: Support::Full,
    reactions: Reactions::FullSet,
    threads: Threads::None,
    replies: Support::Full,
    // Prosody takes 10 MB unless told otherwise; the service's own word replaces this at run time.
    files: Files::Upload { max_bytes: 10 * 1024 * 1024, per_message: 1 },
    author: Authorship::Prefix,
    // Prosody keeps a room's archive for a week unless told otherwise.
    history: Some(History { look_back: Duration::from_secs(7 * 86_400), changes: true }),
    formatting: Support::Full,
    text: TEXT,
    typing: Support::Dropped,
    room_creation: Support::Full,
    window: 64,
    once: Once { key: None, history: Some(Duration::from_secs(2)), echo: true },
    ids: IdScope::Shared,
    rate: None,
};

/// A HipChat room.
pub(crate) const HIPCHAT: Capabilities = Capabilities {
    heard: Heard {
        edits: false,
        deletes: false,
        reactions: false,
        replies: false,
        files: false,
        membership: true,
        typing: false,
    },
    edit: Support::Fallback,
    delete: Support::Fallback,
    moderate: Support::Dropped,
    reactions: Reactions::None,
    replies: Support::Fallback,
    files: Files::Link,
    history: None,
    formatting: Support::Fallback,
    once: Once { key: None, history: None, echo: true },
    ..ROOM
};

/// What can be done in a room that has these features, on a server whose uploads take this many bytes.
pub(crate) fn of_room(
    features: &Features,
    upload: Option<u64>,
    is_moderator: bool,
    hipchat: bool,
) -> Capabilities {
    if hipchat {
        return HIPCHAT;
    }
    let mut room = ROOM;
    room.files = match upload {
        Some(max_bytes) => Files::Upload { max_bytes, per_message: 1 },
        None => Files::Link,
    };
    if !features.mam {
        room.history = None;
        room.once.history = None;
    }
    if !features.stanza_ids {
        // Without the room's own ids nothing there can be referred to by all.
        room.reactions = Reactions::None;
        room.delete = Support::Fallback;
        room.replies = Support::Fallback;
        room.heard = Heard { reactions: false, deletes: false, replies: false, ..room.heard };
    }
    if !is_moderator || features.moderation.is_none() {
        room.moderate = Support::Dropped;
    }
    room
}

/// What can be done in a talk with one person.
pub(crate) fn of_direct(hipchat: bool) -> Capabilities {
    Capabilities {
        moderate: Support::Dropped,
        reactions: Reactions::None,
        files: Files::Link,
        history: None,
        once: Once { key: None, history: None, echo: false },
        heard: Heard { membership: false, ..ROOM.heard },
        edit: if hipchat { Support::Fallback } else { Support::Full },
        delete: Support::Fallback,
        replies: Support::Fallback,
        formatting: if hipchat { Support::Fallback } else { Support::Full },
        ..ROOM
    }
}

/// Whether the table says that an action can be done.
pub(crate) fn can(table: &Capabilities, action: &Action) -> bool {
    match action {
        Action::Post(_) => true,
        Action::File(_) => matches!(table.files, Files::Upload { .. }),
        Action::Edit { .. } => table.edit.is_full(),
        Action::Delete { moderate: false, .. } => table.delete.is_full(),
        Action::Delete { moderate: true, .. } => table.moderate.is_full(),
        Action::SetReactions { .. } => table.reactions == Reactions::FullSet,
        Action::React { .. } | Action::Unreact { .. } | Action::Thread(_) => false,
    }
}

const fn field(key: &'static str, label: &'static str, help: &'static str, kind: FieldKind) -> Field {
    Field { key, label, help, kind, required: false }
}

const FIELDS: &[Field] = &[
    Field {
        key: "jid",
        label: "Address",
        help: "The account's address, such as bridge@example.org.",
        kind: FieldKind::Text,
        required: true,
    },
    Field {
        key: "password",
        label: "Password",
        help: "The account's password.",
        kind: FieldKind::Secret,
        required: true,
    },
    field(
        "muc",
        "Room service",
        "The domain of the server's rooms, such as conference.example.org. Found by asking the server where it is not given.",
        FieldKind::Text,
    ),
    field(
        "nick",
        "Nick",
        "The name shown in rooms; by default the first part of the address. On HipChat it must be the account's full name, which is taken from the account where it is not given.",
        FieldKind::Text,
    ),
    field(
        "server",
        "Server",
        "host:port to connect to; by default the domain of the address, port 5222 (5223 for direct TLS).",
        FieldKind::Text,
    ),
    field(
        "tls",
        "TLS",
        "\"starttls\" (the default), \"direct\", or \"off\" for a server on this machine.",
        FieldKind::Text,
    ),
    field("ca_file", "CA file", "A PEM file of certificates to trust beside the system's.", FieldKind::Text),
    field(
        "tls_fingerprint",
        "Certificate fingerprint",
        "The SHA-256 of the one certificate to trust, in hexadecimal; nothing else is trusted then.",
        FieldKind::Text,
    ),
    field("preset", "Preset", "\"hipchat\" for a HipChat Server or Data Center.", FieldKind::Text),
    field(
        "resource",
        "Resource",
        "What the connection is called on the server; by default made from this installation's name.",
        FieldKind::Text,
    ),
    field(
        "room_passwords",
        "Room passwords",
        "A table from room to password, for rooms that ask for one.",
        FieldKind::Table,
    ),
    field(
        "max_stanza_bytes",
        "Largest stanza",
        "The most bytes taken in one piece from the server; 1048576 by default.",
        FieldKind::Number,
    ),
    field(
        "self_ping_secs",
        "Check after silence",
        "After how many seconds of silence a room is asked whether the account is still in it; 900 by default.",
        FieldKind::Number,
    ),
];

/// The platform as data.
pub(crate) fn description() -> PlatformDescription {
    PlatformDescription {
        id: "xmpp",
        name: "XMPP",
        icon: concat!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" ",
            "stroke-width=\"2\"><path d=\"M3 4c2 8 7 13 13 16M21 4c-2 8-7 13-13 16\"/></svg>"
        ),
        advice: "Use an account of its own, made for Sameroom, which joins rooms under one nick.",
        fields: FIELDS,
        linking: &[LinkStep::Enter {
            fields: &["jid", "password", "muc", "nick"],
            say: "Make an account on your server for Sameroom and enter its address and password.",
        }],
        capabilities: ROOM,
        preview: false,
    }
}
