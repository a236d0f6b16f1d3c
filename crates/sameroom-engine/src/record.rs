//! What stands in the log: the records of which the engine's state is a fold.
//!
//! A record's plain part holds ids, times, author ids and a keyed digest; whatever people wrote or
//! are called stands in its body, which the log seals with the event's own key.

use sameroom_types::action::SendRequest;
use sameroom_types::event::{Inbound, Role};
use sameroom_types::ids::{
    AccountId, Cursor, DeliveryId, MessageId, NativeIds, PortalId, RemoteThreadId, RemoteUserId, RoomId,
    RoomKey, RoomSpec, Seq, TubeId,
};
use sameroom_types::room::{RoomKind, Tube};
use sameroom_types::rows::{DeliveryKind, ParkReason, SkipReason, StoredMessage};
use sameroom_types::text::{Emoji, Text};
use sameroom_types::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of the encoding below; the first byte of every record.
pub const VERSION: u8 = 1;

/// One step of the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A room got its number.
    RoomNumbered {
        /// The number.
        room: RoomId,
        /// The room through an account.
        spec: RoomSpec,
    },
    /// A room's place in its world became known or changed.
    RoomIdentified {
        /// The room.
        room: RoomId,
        /// Its key.
        key: RoomKey,
        /// Its name.
        name: String,
        /// Who can see it.
        kind: RoomKind,
    },
    /// Two numbers turned out to be one room.
    RoomsMerged {
        /// The number that ends.
        from: RoomId,
        /// The number that stays.
        into: RoomId,
    },
    /// An account was invited into a room and stays there without a tube.
    RoomInvited {
        /// The room.
        room: RoomId,
        /// Who invited, as a stable id.
        by: Option<RemoteUserId>,
    },
    /// An account left a room, or was made to.
    RoomLeft {
        /// The room.
        room: RoomId,
    },
    /// How messages appear in a room was set by a command.
    FormatSet {
        /// The room.
        room: RoomId,
        /// A word or template; `None` returns to the configuration's.
        format: Option<String>,
    },
    /// A tube was made.
    TubeAdded {
        /// The tube.
        tube: Tube,
        /// When.
        at: Timestamp,
    },
    /// A tube's state was changed by somebody or by an event.
    TubeChanged {
        /// The tube.
        tube: TubeId,
        /// What it is now.
        change: TubeChange,
        /// When.
        at: Timestamp,
    },
    /// A portal was made.
    PortalAdded {
        /// The portal.
        portal: Portal,
    },
    /// A portal ended; its tubes stay.
    PortalRevoked {
        /// The portal.
        portal: PortalId,
    },
    /// An event was accepted; the body is an [`EventBody`].
    Event(EventMeta),
    /// A delivery is about to be tried; the body is the frozen `Vec<SendRequest>`.
    Attempt {
        /// The delivery.
        delivery: DeliveryId,
        /// The account that sends.
        account: AccountId,
        /// How many parts it has.
        parts: u32,
        /// Which of them are files.
        files: u32,
        /// Emoji that will stand on the copy from now on, for reactions.
        placed: Option<Vec<Emoji>>,
        /// The last change of the message that these parts already hold, for posts and edits.
        as_of: Seq,
        /// For a change of a copy: the part of the copy that each of these parts makes.
        makes: Vec<u32>,
    },
    /// A part arrived; with the last one the delivery ends as delivered.
    Done {
        /// The delivery.
        delivery: DeliveryId,
        /// The part.
        part: u32,
        /// Its ids.
        ids: Option<NativeIds>,
        /// Whether it was shown back.
        shown: bool,
        /// When.
        at: Timestamp,
    },
    /// Ids of a part that was already done became known.
    IdsLearnt {
        /// The delivery.
        delivery: DeliveryId,
        /// The part.
        part: u32,
        /// Its ids.
        ids: NativeIds,
    },
    /// A delivery ended otherwise, or was parked, or is waiting again.
    Ended {
        /// The delivery.
        delivery: DeliveryId,
        /// How.
        end: End,
        /// When.
        at: Timestamp,
    },
    /// What an event refers to became known only after it was accepted.
    Resolved {
        /// The event.
        event: Seq,
        /// The message.
        message: MessageId,
    },
    /// An old message was read back from the store.
    MessageLoaded(Box<StoredMessage>),
    /// A room has been read this far although the last event was not kept.
    CursorMoved {
        /// The room.
        room: RoomId,
        /// How far.
        cursor: Cursor,
    },
    /// Somebody changed something; for the audit log.
    Audit {
        /// Who.
        who: String,
        /// What.
        what: String,
        /// When.
        at: Timestamp,
    },
    /// What is kept for corrections and quotes, sealed with the key of its hour; the body is an [`Excerpt`].
    Excerpt {
        /// The message, or the number of the edit that made it say this.
        message: MessageId,
        /// When it was said.
        at: Timestamp,
    },
    /// A snapshot begins: the items up to the matching end replace everything before.
    SnapshotBegin,
    /// A piece of state in a snapshot.
    SnapshotItem(Box<crate::snapshot::Item>),
    /// The snapshot is whole.
    SnapshotEnd {
        /// Where it began.
        begin: Seq,
    },
    /// A room's own thread stands for the side conversation that starts from a message.
    ThreadKnown {
        /// The message it starts from.
        root: MessageId,
        /// The room.
        room: RoomId,
        /// What that room has for it.
        thread: RemoteThreadId,
    },
}

/// What happened to a tube.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TubeChange {
    /// Stopped for a while.
    Paused,
    /// Going on.
    Resumed,
    /// Can't carry until somebody acts.
    Failed {
        /// Why and what to do.
        why: String,
    },
    /// Removed; can be brought back for 7 days.
    Removed,
    /// Brought back.
    Restored,
}

/// How a delivery ended without being delivered, or why it waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Taken back, or its tube removed, before it was sent.
    Withdrawn,
    /// No form for it.
    Skipped(SkipReason),
    /// Too late, or dropped by somebody.
    Expired,
    /// Refused; waits for somebody.
    Parked(ParkReason),
    /// Back in its lane by somebody's decision.
    Retried,
}

/// A URL that invites others to make tubes to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portal {
    /// Its number.
    pub id: PortalId,
    /// The room it leads to.
    pub room: RoomId,
    /// The unguessable last segment of its URL: 128 bits and more.
    pub token: String,
    /// Whether each use waits for somebody in the room.
    pub approval: bool,
    /// Who made it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The plain part of an accepted event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventMeta {
    /// The room where it happened, or where a notice goes.
    pub room: RoomId,
    /// The account that heard it.
    pub account: AccountId,
    /// When it was accepted.
    pub at: Timestamp,
    /// The version of the network by which it was routed.
    pub version: u64,
    /// The rooms it goes to.
    pub targets: Vec<RoomId>,
    /// How far the room has been read with it.
    pub cursor: Option<Cursor>,
    /// What it is.
    pub kind: DeliveryKind,
    /// For a post: its ids.
    pub ids: Option<NativeIds>,
    /// Who did it; empty for our own notices.
    pub author: RemoteUserId,
    /// For an edit, a deletion or reactions: the message concerned, where already known.
    pub message: Option<MessageId>,
    /// What the author could do in the room.
    pub role: Role,
    /// For reactions: what changed.
    pub reactions: Option<ReactionChange>,
    /// Made from the event's own ids: the same if the event has to be accepted a second time.
    pub token: u64,
    /// A keyed digest of the content.
    pub digest: [u8; 16],
}

/// How somebody's reactions on a message changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReactionChange {
    /// One was added.
    Add(Emoji),
    /// One was taken back.
    Remove(Emoji),
    /// These are all.
    Set(Vec<Emoji>),
}

/// The sealed part of an accepted event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventBody {
    /// Something that a session reported.
    Inbound(Box<Inbound>),
    /// Something that we tell the room.
    Notice(Text),
}

/// What is remembered of a message for corrections and quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The author's name at that time.
    pub author: String,
    /// The beginning of the text, plain.
    pub text: String,
}

/// The frozen parts of an attempt, as its body holds them.
pub type Frozen = Vec<SendRequest>;

/// A record that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A newer program wrote it.
    #[error("record version {0} is newer than this program understands")]
    Newer(u8),
    /// Not what any version wrote.
    #[error("record can't be read: {0}")]
    Malformed(String),
}

impl Record {
    /// The bytes for the log.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads bytes from the log.
    ///
    /// # Errors
    /// When they are of a newer version or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        decode(bytes)
    }
}

/// Encodes anything that stands in a record or body, with the version in front.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("records hold nothing that can't be encoded")
}

/// The reverse of [`encode`].
///
/// # Errors
/// When the bytes are of a newer version or damaged.
pub fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, RecordError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => {
            postcard::from_bytes(rest).map_err(|error| RecordError::Malformed(error.to_string()))
        }
        Some((&version, _)) if version > VERSION => Err(RecordError::Newer(version)),
        _ => Err(RecordError::Malformed("empty or of an unknown version".into())),
    }
}
