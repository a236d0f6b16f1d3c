//! What the store keeps, as rows derived from log records, and what it is asked.
//!
//! Rows are written again after a crash, so each is named by ids made by us and replaces its
//! predecessor. None holds a message's text or a person's name.

use serde::{Deserialize, Serialize};

use crate::event::Role;
use crate::ids::{AccountId, DeliveryId, MessageId, NativeIds, RemoteMessageId, RemoteUserId, RoomId, Seq};
use crate::text::Emoji;
use crate::time::Timestamp;

/// One change of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Row {
    /// A message was accepted.
    Message(MessageRow),
    /// A part of a copy, or of the original, has ids.
    Copy(CopyRow),
    /// Somebody's emoji on a message.
    Reaction(ReactionRow),
    /// How a delivery stands.
    Delivery(DeliveryRow),
    /// Somebody changed something.
    Audit(AuditRow),
    /// One more id of a message, in a numbering of its own.
    Native(NativeRow),
    /// What is stored of a room has to change as a whole.
    Room(RoomChange),
}

/// One more id of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeRow {
    /// The room, or the number of the numbering of ids that one account sees in it.
    pub space: RoomId,
    /// The ids.
    pub ids: NativeIds,
    /// The message.
    pub message: MessageId,
}

/// A change of everything that is stored of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomChange {
    /// Two numbers turned out to be one room: rows of the first become rows of the second, which win.
    Merged {
        /// The number that ends.
        from: RoomId,
        /// The number that stays.
        into: RoomId,
    },
    /// The room's ids begin anew: none that is stored names a message any more.
    Renumbered(RoomId),
}

/// A message, without what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRow {
    /// Its id.
    pub message: MessageId,
    /// The room where it was posted.
    pub room: RoomId,
    /// The numbering that its ids are of: the room's, or that of the account alone.
    pub space: RoomId,
    /// The account that heard it.
    pub account: AccountId,
    /// Its ids there.
    pub ids: NativeIds,
    /// Who posted it.
    pub author: RemoteUserId,
    /// What its author could do in that room.
    pub role: Role,
    /// A keyed digest of what it said last, to tell a real edit from a re-send.
    pub digest: [u8; 16],
    /// When it was accepted.
    pub at: Timestamp,
    /// Whether its author or a moderator has taken it back.
    pub deleted: bool,
}

/// One part of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRow {
    /// The message copied.
    pub message: MessageId,
    /// The room of the copy.
    pub room: RoomId,
    /// The numbering that its ids are of: the room's, or that of the account alone.
    pub space: RoomId,
    /// Which part, from 0.
    pub part: u32,
    /// The account that posted it.
    pub account: AccountId,
    /// Its ids; `None` where the platform tells none.
    pub ids: Option<NativeIds>,
    /// Whether the part is a file rather than text.
    pub is_file: bool,
    /// Whether the copy is gone.
    pub deleted: bool,
}

/// One emoji of one person on one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionRow {
    /// The message.
    pub message: MessageId,
    /// The room in which the person reacted.
    pub room: RoomId,
    /// The person; our own accounts stand for themselves with the placed sets.
    pub person: RemoteUserId,
    /// The emoji.
    pub emoji: Emoji,
    /// Whether it is on.
    pub on: bool,
    /// Whether it is what our account placed for others, rather than a person's own.
    pub placed: bool,
}

/// How a delivery stands, for traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRow {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The message concerned.
    pub message: Option<MessageId>,
    /// What it does there.
    pub what: DeliveryKind,
    /// How it stands.
    pub state: DeliveryState,
    /// How many times a send was tried.
    pub attempts: u32,
    /// How many sends were repeated after an unknown outcome that could not be cleared up.
    pub repeats: u32,
    /// Whether the platform showed it back (`shown`) or only took it (`sent`).
    pub shown: bool,
    /// When the event was accepted.
    pub accepted: Timestamp,
    /// When the state was reached.
    pub at: Timestamp,
}

/// What a delivery does in its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeliveryKind {
    /// Posts.
    Post,
    /// Changes a copy.
    Edit,
    /// Removes a copy.
    Delete,
    /// Changes reactions on a copy.
    React,
    /// Tells the room something of ours.
    Notice,
    /// Tells who came and went.
    Membership,
    /// Changes a side conversation.
    Thread,
}

/// How a delivery stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryState {
    /// In its lane.
    Waiting,
    /// Its account or room is not usable now.
    Held {
        /// Why.
        why: String,
    },
    /// Refused for good; somebody can retry or drop it.
    Parked {
        /// Why.
        why: ParkReason,
    },
    /// The platform has it.
    Delivered,
    /// Deleted, or its tube removed, before it was sent.
    Withdrawn,
    /// The room has no form for it.
    Skipped {
        /// Why.
        why: SkipReason,
    },
    /// Too late, by policy or by somebody's decision.
    Expired,
}

/// Why a delivery is parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParkReason {
    /// The platform refused the message.
    Refused {
        /// The platform's word.
        code: String,
    },
    /// More late messages than the room's policy takes.
    TooLate,
    /// It could not be made ready, such as a body that is no longer readable.
    Unreadable,
}

/// Why a delivery was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SkipReason {
    /// The platform has no form for it.
    NoForm,
    /// The room's policy leaves it out.
    Policy,
    /// What it refers to is not there.
    NoTarget,
    /// Nothing changed.
    NoChange,
    /// The actor may not do that there.
    NotAllowed,
}

/// Somebody changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Where it stands in the log.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Who: `irc:ann in #lobby`, `operator anna`, `file`.
    pub who: String,
    /// What, in the words of the command.
    pub what: String,
}

/// A question to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The message that a native id stands for, whether original or copy.
    ByNative {
        /// The room of the id.
        room: RoomId,
        /// The id.
        id: RemoteMessageId,
    },
    /// A message by its own id.
    ByMessage(MessageId),
}

/// Everything the store knows of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMessage {
    /// The message.
    pub message: MessageRow,
    /// All parts of all copies.
    pub copies: Vec<CopyRow>,
    /// All reactions that are on.
    pub reactions: Vec<ReactionRow>,
}
