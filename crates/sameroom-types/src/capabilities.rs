//! What a platform, an account or a room can do, as data.
//!
//! The engine, the pages, the docs table and the contract tests read this one table; a session may
//! narrow it for one room while it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limit::{TextLimit, TextUnit};

/// How well something can be done, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Support {
    /// The platform refuses it.
    Rejected,
    /// It is left out without harm.
    Dropped,
    /// It is shown in another, readable form.
    Fallback,
    /// It is native.
    Full,
}

impl Support {
    /// Whether it is native.
    #[must_use]
    pub fn is_full(self) -> bool {
        self == Self::Full
    }
}

/// Which events the platform tells us of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Edits by authors.
    pub edits: bool,
    /// Deletions.
    pub deletes: bool,
    /// Reactions.
    pub reactions: bool,
    /// Replies that name the message they answer.
    pub replies: bool,
    /// Files.
    pub files: bool,
    /// Who comes and goes.
    pub membership: bool,
    /// Who is typing.
    pub typing: bool,
}

/// Which reactions can be put on a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reactions {
    /// None; the room's policy chooses a line of text or nothing.
    None,
    /// Any emoji, one call for each.
    Any,
    /// Any emoji, but a call gives the sender's whole set.
    FullSet,
    /// Only those named.
    Allowed(Vec<String>),
}

/// How side conversations are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Threads {
    /// There are none.
    None,
    /// Messages that answer one root; the thread's id is the root's primary id.
    ReplyRoot,
    /// Every post names a topic; the thread's id is that name, and naming a new one makes it.
    NamedTopic,
    /// A room inside the room, which has to be opened before anything is posted in it.
    SubRoom,
}

/// What becomes of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Files {
    /// The platform takes uploads.
    Upload {
        /// The largest file in bytes.
        max_bytes: u64,
        /// How many one message can hold.
        per_message: u8,
    },
    /// A link in the text is all there is.
    Link,
}

/// How the author of a copy can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authorship {
    /// Name and picture on every message.
    NamePicture,
    /// Name on every message.
    Name,
    /// An account of the platform for each author.
    Puppet,
    /// A prefix in the text.
    Prefix,
}

/// How a send whose outcome is unknown is cleared up; any of them, none if all are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    /// The platform drops a second send with the same key for this long.
    pub key: Option<Duration>,
    /// The room's history can be asked, this long after the send at the earliest.
    pub history: Option<Duration>,
    /// The platform shows us our own messages; confirms, but can't be asked.
    pub echo: bool,
}

/// Whose ids message ids are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdScope {
    /// Every account in the room sees the same id.
    Shared,
    /// Each account sees its own.
    PerAccount,
}

/// How far back a room can be read after downtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// How long the platform keeps messages, as far as known.
    pub look_back: Duration,
    /// Whether edits and deletions are found too.
    pub changes: bool,
}

/// How often one may post into a room.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PostingRate {
    /// How many posts may go at once.
    pub burst: u32,
    /// How many posts a second after that.
    pub per_second: f64,
}

/// The table of abilities of one room through one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capabilities {
    /// What we hear of.
    pub heard: Heard,
    /// Changing our own messages.
    pub edit: Support,
    /// For how long after posting a message can be changed; `None` for ever.
    pub edit_window: Option<Duration>,
    /// Taking back our own messages.
    pub delete: Support,
    /// Removing other people's messages, given the right.
    pub moderate: Support,
    /// Reactions on any message.
    pub reactions: Reactions,
    /// Side conversations.
    pub threads: Threads,
    /// Answers that name the message answered.
    pub replies: Support,
    /// Files.
    pub files: Files,
    /// Who a copy seems to come from.
    pub author: Authorship,
    /// Reading back; `None` where there is no history.
    pub history: Option<History>,
    /// Formatting; `Fallback` means that marks are shown as plain characters.
    pub formatting: Support,
    /// The longest text and its unit.
    pub text: TextLimit,
    /// Showing that somebody is typing.
    pub typing: Support,
    /// Making rooms.
    pub room_creation: Support,
    /// How many sends into one room may be unconfirmed at a time, on one ordered stream.
    pub window: u16,
    /// How unknown outcomes are cleared up.
    pub once: Once,
    /// Whose ids message ids are.
    pub ids: IdScope,
    /// How often one may post; `None` leaves the pace to the session.
    pub rate: Option<PostingRate>,
}

impl Capabilities {
    /// A platform that can do nothing but post short lines: the base to build a table on.
    pub const TEXT_ONLY: Self = Self {
        heard: Heard {
            edits: false,
            deletes: false,
            reactions: false,
            replies: false,
            files: false,
            membership: false,
            typing: false,
        },
        edit: Support::Fallback,
        edit_window: None,
        delete: Support::Fallback,
        moderate: Support::Dropped,
        reactions: Reactions::None,
        threads: Threads::None,
        replies: Support::Fallback,
        files: Files::Link,
        author: Authorship::Prefix,
        history: None,
        formatting: Support::Fallback,
        text: TextLimit { max: 400, unit: TextUnit::Bytes, multiline: false },
        typing: Support::Dropped,
        room_creation: Support::Rejected,
        window: 1,
        once: Once { key: None, history: None, echo: false },
        ids: IdScope::Shared,
        rate: None,
    };

    /// Whether a send whose outcome is unknown can be cleared up without the risk of a second copy.
    #[must_use]
    pub fn can_verify(&self) -> bool {
        self.once.key.is_some() || self.once.history.is_some()
    }
}
