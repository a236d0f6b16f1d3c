//! Opaque identifiers. What a platform made is text and only read by its own connector;
//! what we made is a number that the engine counts up. All are cheap to clone: they are in everything.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the platform's or the configuration's own spelling.
            #[must_use]
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The spelling, as stored.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Box::<str>::deserialize(deserializer).map(|text| Self(text.into()))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    )*};
}

text_id! {
    /// A kind of chat service, such as `irc`.
    PlatformId;
    /// An account by its name in the configuration or, made in a page, by the name given there.
    AccountId;
    /// A world in which room ids are unique; computed by the connector.
    RealmId;
    /// A room's id inside its realm, in canonical form (case folded where the platform folds).
    RemoteRoomId;
    /// A message's id as its platform gives it.
    RemoteMessageId;
    /// A person's stable id on their platform.
    RemoteUserId;
    /// A thread's id in its room: a root message, a topic or a sub-room, as the platform has it.
    RemoteThreadId;
    /// How far a room has been read; only the connector that made it understands it.
    Cursor;
    /// The stable key of one part of one delivery: the idempotency key, label or client id of a send.
    DeliveryKey;
    /// A file kept by the runtime between its origin and its targets.
    SpoolId;
}

macro_rules! number_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

number_id! {
    /// The place of a record in the log; counts from 1 without a gap.
    Seq;
    /// A room as the engine knows it, whichever accounts see it.
    RoomId;
    /// A link between two endpoints.
    TubeId;
    /// A message that a person posted: the [`Seq`] of its acceptance.
    MessageId;
    /// A side conversation of a network, whatever each room calls it.
    ThreadId;
    /// A URL that invites others to make tubes to one endpoint.
    PortalId;
    /// A request to connect that waits for somebody's answer.
    RequestId;
    /// An event that a session reported, counted per session from 1; not stored.
    Ticket;
}

/// One event on its way to one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeliveryId {
    /// Where the event stands in the log.
    pub event: Seq,
    /// The room it goes to.
    pub room: RoomId,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.event, self.room)
    }
}

/// A room in the world that makes its id unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoomKey {
    /// The world.
    pub realm: RealmId,
    /// The id in it.
    pub room: RemoteRoomId,
}

/// A room through an account, as somebody wrote it: `libera/#lobby`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoomSpec {
    /// The account that reaches it.
    pub account: AccountId,
    /// The room as its platform writes it; the connector resolves it.
    pub room: Box<str>,
}

impl RoomSpec {
    /// Splits `account/room` at the first slash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (account, room) = text.split_once('/')?;
        (!account.is_empty() && !room.is_empty()).then(|| Self { account: account.into(), room: room.into() })
    }
}

impl fmt::Display for RoomSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.room)
    }
}

/// The ids by which a platform knows one message or one part of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NativeIds {
    /// The id by which others refer to it (XMPP stanza-id, IRC `msgid`).
    pub primary: RemoteMessageId,
    /// The id that its sender chose, where that differs and matters (XMPP corrections).
    pub origin: Option<RemoteMessageId>,
}

impl NativeIds {
    /// Ids of a platform that has only one per message.
    #[must_use]
    pub fn one(primary: impl Into<RemoteMessageId>) -> Self {
        Self { primary: primary.into(), origin: None }
    }

    /// All ids, the primary first.
    pub fn iter(&self) -> impl Iterator<Item = &RemoteMessageId> {
        std::iter::once(&self.primary).chain(&self.origin)
    }
}

/// The opaque mark that a copy carries where the wire has room for one.
///
/// It is the [`DeliveryKey`] itself: `sr1-<installation>-<token>-<room>-<part>`. The token is made from
/// the event's own ids, so that an event that is accepted a second time, because a power loss took
/// the first acceptance back, is sent under the same keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The Sameroom that sent the copy; eight lower-case letters and digits.
    pub installation: Box<str>,
    /// The event copied, meaningful to that installation alone.
    pub token: u64,
    /// The room it went to.
    pub room: RoomId,
    /// Which part of the copy it is, from 0.
    pub part: u32,
}

impl Mark {
    /// Reads a mark back from an id that may be one.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let mut fields = id.strip_prefix("sr1-")?.split('-');
        let installation = fields.next().filter(|name| !name.is_empty() && name.len() <= 16)?;
        let token = fields.next().filter(|token| token.len() == 16)?;
        let token = u64::from_str_radix(token, 16).ok()?;
        let room = RoomId(fields.next()?.parse().ok()?);
        let part = fields.next()?.parse().ok()?;
        fields.next().is_none().then(|| Self { installation: installation.into(), token, room, part })
    }

    /// The key of one part of one delivery.
    #[must_use]
    pub fn key(installation: &str, token: u64, room: RoomId, part: u32) -> DeliveryKey {
        DeliveryKey::new(format!("sr1-{installation}-{token:016x}-{room}-{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_a_mark() {
        let key = Mark::key("k3j9x0ab", 17, RoomId(3), 2);
        let mark = Mark::parse(key.as_str()).expect("own key");
        assert_eq!((&*mark.installation, mark.token, mark.room, mark.part), ("k3j9x0ab", 17, RoomId(3), 2));
    }

    #[test]
    fn other_ids_are_no_marks() {
        for id in [
            "",
            "sr1-",
            "sr1-x-y-z-1",
            "sr2-abc-1-2-3",
            "sr1-abc-1-2-3",
            "sr1-abc-0000000000000011-2",
            "c-81",
        ] {
            assert_eq!(Mark::parse(id), None, "{id}");
        }
    }

    #[test]
    fn a_room_spec_splits_at_the_first_slash() {
        let spec = RoomSpec::parse("office/a/b").expect("two halves");
        assert_eq!((spec.account.as_str(), &*spec.room), ("office", "a/b"));
        assert_eq!(RoomSpec::parse("office"), None);
        assert_eq!(RoomSpec::parse("/x"), None);
    }
}
