//! What sessions report: events in rooms, as closed types.

use serde::{Deserialize, Serialize};

use crate::capabilities::Capabilities;
use crate::ids::{
    Cursor, Mark, NativeIds, RemoteMessageId, RemoteRoomId, RemoteThreadId, RemoteUserId, SpoolId,
};
use crate::text::{Emoji, Text};
use crate::time::Timestamp;

/// One event in one room, as a session saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inbound {
    /// The room, in its realm's canonical form.
    pub room: RemoteRoomId,
    /// When the platform says it happened: a claim, never used for order.
    pub at: Option<Timestamp>,
    /// How far the room has been read once this event is durable.
    pub cursor: Option<Cursor>,
    /// Whether it was read back from history rather than heard as it happened.
    pub history: bool,
    /// What happened.
    pub event: RoomEvent,
}

/// What can happen in a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RoomEvent {
    /// Somebody posted a message.
    Posted(Post),
    /// An author changed their message.
    Edited(Edit),
    /// Messages are gone.
    Deleted(Deletion),
    /// Somebody put one emoji on a message.
    Reacted(Reaction),
    /// Somebody took one emoji back.
    Unreacted(Reaction),
    /// Somebody's whole set of emoji on a message, for platforms that send sets.
    ReactionSet(ReactionSet),
    /// The platform sent a whole message again; the engine finds out what changed.
    Observed(Post),
    /// Something happened to a thread.
    Thread(ThreadEvent),
    /// The room has a new name.
    Renamed {
        /// The new name.
        name: String,
    },
    /// The room goes on under another id.
    Migrated {
        /// The new id.
        to: RemoteRoomId,
    },
    /// The room takes no more messages.
    Archived,
    /// Our account was removed from the room: it means stop.
    Kicked {
        /// Who did it, as far as told.
        by: Option<String>,
        /// The reason given.
        reason: Option<String>,
    },
    /// What we may do in this room is now different.
    RightsChanged(Box<Capabilities>),
    /// Something may have been said that we can't know.
    Gap {
        /// The last moment that we surely heard.
        from: Timestamp,
        /// The first moment that we surely hear again.
        to: Timestamp,
    },
    /// Somebody came, went or changed name.
    MemberChanged {
        /// Who.
        member: Author,
        /// What they did.
        change: MemberChange,
    },
    /// Somebody is typing; never logged.
    Typing {
        /// Who.
        author: Author,
    },
}

/// A message as its platform gave it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// The message's ids.
    pub ids: NativeIds,
    /// Who posted it.
    pub author: Author,
    /// What it says.
    pub content: Content,
    /// The message it answers.
    pub reply: Option<ReplyTo>,
    /// The side conversation it belongs to.
    pub thread: Option<RemoteThreadId>,
    /// Which part of an album it is, where a platform sends an album as several messages.
    pub album: Option<Box<str>>,
    /// The mark of a Sameroom that posted it.
    pub mark: Option<Mark>,
}

/// The message that another one answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// Its id in this room.
    pub message: RemoteMessageId,
    /// Who wrote it, as far as the platform says so.
    pub author: Option<String>,
    /// Its beginning, as far as the platform says so.
    pub excerpt: Option<String>,
}

/// A changed message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// Any id of the message changed.
    pub message: RemoteMessageId,
    /// Who changed it; only its author may.
    pub author: Author,
    /// What it says now.
    pub content: Content,
    /// What tells this change from another of the same message, such as the id of the correction.
    pub revision: Box<str>,
}

/// Messages that are gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    /// Any id of each message.
    pub messages: Vec<RemoteMessageId>,
    /// Who did it, as far as told.
    pub by: Option<Author>,
    /// Why they are gone.
    pub cause: DeletionCause,
}

/// Why a message is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionCause {
    /// Its author took it back.
    Author,
    /// Somebody with the right removed it.
    Moderator,
    /// The platform removed it by itself.
    Platform,
    /// It went with many others.
    Bulk,
    /// It went with its thread's root.
    ThreadRoot,
}

/// One emoji of one person on one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reaction {
    /// Any id of the message.
    pub message: RemoteMessageId,
    /// Whose reaction.
    pub author: Author,
    /// Which emoji.
    pub emoji: Emoji,
}

/// All emoji of one person on one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReactionSet {
    /// Any id of the message.
    pub message: RemoteMessageId,
    /// Whose reactions.
    pub author: Author,
    /// The whole set; empty when all were taken back.
    pub emoji: Vec<Emoji>,
}

/// Something that happened to a thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ThreadEvent {
    /// A thread was made.
    Created {
        /// Its id.
        thread: RemoteThreadId,
        /// Its name, where threads have names.
        name: Option<String>,
        /// The message it starts from.
        root: Option<RemoteMessageId>,
    },
    /// A thread has a new name.
    Renamed {
        /// Its id.
        thread: RemoteThreadId,
        /// The new name.
        name: String,
    },
    /// A thread takes no more messages.
    Closed {
        /// Its id.
        thread: RemoteThreadId,
    },
    /// A message now belongs to another thread.
    Moved {
        /// The message.
        message: RemoteMessageId,
        /// The thread it is in now; `None` for the room itself.
        to: Option<RemoteThreadId>,
    },
}

/// What somebody did to their membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberChange {
    /// Came.
    Joined,
    /// Went.
    Left {
        /// What they or the platform said about it.
        reason: Option<String>,
    },
    /// Is now called otherwise.
    Renamed {
        /// The name until now.
        from: String,
    },
}

/// A person or program that acts in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The stable id: edits and deletions are checked against it.
    pub id: RemoteUserId,
    /// The name shown at this time.
    pub name: String,
    /// The handle, where it differs from the name.
    pub username: Option<String>,
    /// A picture, as a file that the session can fetch.
    pub avatar: Option<FileRef>,
    /// Whether it is a program, as far as the platform says so.
    pub is_bot: bool,
    /// What they may do in this room.
    pub role: Role,
}

/// What somebody may do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// The platform does not tell roles.
    Unknown,
    /// Talk.
    Member,
    /// Remove others and their messages.
    Moderator,
    /// Everything.
    Owner,
}

/// What a message says and holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The text, or the readable fallback of `kind`.
    pub text: Text,
    /// Files that come with it.
    pub files: Vec<FileRef>,
    /// What kind of thing it is.
    pub kind: ContentKind,
}

impl Content {
    /// A message of text alone.
    #[must_use]
    pub fn text(text: Text) -> Self {
        Self { text, files: Vec::new(), kind: ContentKind::Text }
    }
}

/// Kinds of content; each has a readable fallback in [`Content::text`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContentKind {
    /// Text, with or without files.
    #[default]
    Text,
    /// The author as the subject of the sentence: `/me waves`.
    Action,
    /// A bot's or service's line that must not be answered automatically (IRC NOTICE).
    Notice,
    /// A sticker.
    Sticker,
    /// A recorded voice.
    Voice,
    /// A video.
    Video,
    /// A place.
    Location,
    /// An address-book entry.
    Contact,
    /// A vote.
    Poll,
    /// A card made by a program.
    Card,
    /// A call.
    Call,
    /// A line that the platform itself wrote.
    System,
    /// Something said elsewhere.
    Forwarded,
    /// Something we can't read; refused.
    Encrypted,
    /// Something that its author wants to vanish; refused by default.
    Disappearing,
    /// Anything else.
    Other(Box<str>),
}

/// A file that a session can fetch, or that waits in the spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// How the session that reported it finds it again: a URL or an id, its own business.
    pub source: String,
    /// The name without any folder.
    pub name: String,
    /// The size in bytes, when known.
    pub size_bytes: Option<u64>,
    /// The media type, such as `image/png`, when known.
    pub media_type: Option<String>,
    /// A URL that everybody can open, where the platform has one.
    pub public_url: Option<String>,
    /// Where the runtime keeps it, once fetched.
    pub spool: Option<SpoolId>,
}
