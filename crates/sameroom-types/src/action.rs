//! What the engine asks sessions to send, and what comes of it: the mirror of [`crate::event`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{Author, FileRef};
use crate::ids::{DeliveryId, DeliveryKey, NativeIds, RemoteRoomId, RemoteThreadId};
use crate::text::Emoji;

/// One part of one delivery, frozen: sent again, it is the same to the last byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SendRequest {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Which part of it, from 0.
    pub part: u32,
    /// The room, as the session's platform knows it.
    pub room: RemoteRoomId,
    /// The idempotency key, label or client-chosen id of this part; its text reads as a [`crate::ids::Mark`].
    pub key: DeliveryKey,
    /// What to do.
    pub action: Action,
}

/// What a session can be asked to do in a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Post a message.
    Post(OutboundPost),
    /// Post a file that waits in the spool.
    File(OutboundFile),
    /// Change a message of ours.
    Edit {
        /// The message.
        target: NativeIds,
        /// What it says from now on.
        text: Rendered,
        /// Who wrote it, where the platform shows authors natively.
        author: Option<Author>,
    },
    /// Remove a message.
    Delete {
        /// The message.
        target: NativeIds,
        /// Whether it is somebody else's, so that a moderator's right is needed.
        moderate: bool,
    },
    /// Put an emoji on a message.
    React {
        /// The message.
        target: NativeIds,
        /// The emoji.
        emoji: Emoji,
    },
    /// Take our emoji off a message.
    Unreact {
        /// The message.
        target: NativeIds,
        /// The emoji.
        emoji: Emoji,
    },
    /// Make ours exactly these, on platforms that take whole sets.
    SetReactions {
        /// The message.
        target: NativeIds,
        /// All emoji that stay.
        emoji: Vec<Emoji>,
    },
    /// Do something to a side conversation, where the platform has them as things of their own.
    Thread(ThreadAction),
}

/// What can be done to a side conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ThreadAction {
    /// Make one; the outcome's primary id is the new thread's id.
    Open {
        /// Its name, within 60 graphemes.
        name: String,
        /// The message it starts from, if any.
        root: Option<NativeIds>,
    },
    /// Give one a new name.
    Rename {
        /// The thread.
        thread: RemoteThreadId,
        /// The new name.
        name: String,
    },
    /// Let one take no more messages.
    Close {
        /// The thread.
        thread: RemoteThreadId,
    },
    /// Put a message of ours into another thread.
    Move {
        /// The message.
        target: NativeIds,
        /// The thread; `None` for the room itself.
        to: Option<RemoteThreadId>,
    },
}

/// A message to post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboundPost {
    /// The text in the platform's dialect, prefix included, within the limits.
    pub text: Rendered,
    /// Who wrote it, where the platform shows authors natively.
    pub author: Option<Author>,
    /// The message it answers, where the platform has replies.
    pub reply: Option<NativeIds>,
    /// The side conversation it belongs to.
    pub thread: Option<RemoteThreadId>,
    /// Whether it is a notice of ours rather than somebody's words.
    pub notice: bool,
}

/// A file to post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboundFile {
    /// The file; [`FileRef::spool`] is set.
    pub file: FileRef,
    /// Further files of the same message; empty unless the platform takes several in one.
    pub more: Vec<FileRef>,
    /// Who posted it, where the platform shows authors natively.
    pub author: Option<Author>,
    /// A line to go with it, prefix included; empty where the author is shown natively.
    pub caption: Rendered,
    /// The message it answers, where the platform has replies.
    pub reply: Option<NativeIds>,
    /// The side conversation it belongs to.
    pub thread: Option<RemoteThreadId>,
}

/// Text in a platform's own dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// The source as it goes on the wire.
    pub text: String,
    /// Whether it holds markup that the platform should interpret.
    pub styled: bool,
}

/// What came of one attempt to send one part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// The platform has it.
    Done {
        /// The ids under which it can be found; `None` where the platform tells none.
        ids: Option<NativeIds>,
        /// Whether the platform showed it back to us, rather than only took it.
        shown: bool,
    },
    /// Nothing was sent; try this again later.
    Later {
        /// How long to wait at least; `None` leaves it to the engine's backoff.
        after: Option<Duration>,
        /// What has to wait.
        scope: Wait,
        /// The platform's word for it.
        why: String,
    },
    /// The connection broke or time ran out before an answer; it may have arrived.
    Unknown {
        /// What broke.
        why: String,
    },
    /// Refused for good.
    Refused(Refusal),
}

/// What a temporary refusal holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wait {
    /// This message; the others of the room wait behind it.
    Message,
    /// The room.
    Room,
    /// Every room of the account.
    Account,
}

/// Why a send was refused for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What it concerns, and so what happens next.
    pub kind: RefusalKind,
    /// The platform's own word, such as `404 cannot send to channel`.
    pub code: String,
}

/// What a permanent refusal concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RefusalKind {
    /// This message only: it is parked and the lane goes on.
    Message,
    /// The platform has no form for it: skipped.
    Unsupported,
    /// The message it refers to is gone: skipped.
    TargetGone,
    /// We may not post into this room: its tubes fail.
    Room,
    /// The account is no longer accepted: its lanes are held.
    Account,
}

/// What asking about an unknown send brought to light.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It did arrive.
    Found(NativeIds),
    /// It surely did not arrive.
    Absent,
    /// The platform can't say now; ask again.
    Later,
    /// The platform can never say.
    CannotTell,
}
