//! What lies in the vault, as JSON so that old entries stay readable when fields are added.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Room {
    /// Its random name in keys.
    pub(crate) rid: String,
    /// Its name for people, as first written.
    pub(crate) name: String,
    /// The secret of its link.
    pub(crate) token: String,
    /// When it was made, in milliseconds since 1970.
    pub(crate) created: i64,
    /// Whether Sameroom is in it.
    pub(crate) joined: bool,
    /// Acts up to this one came before Sameroom was in it and are never reported.
    pub(crate) from: u64,
    /// Whether its first owner has come.
    pub(crate) is_owned: bool,
}

/// A person in one room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    /// Their stable id, which is no secret.
    pub(crate) id: String,
    /// Their name now.
    pub(crate) name: String,
    /// Whether they own the room.
    pub(crate) is_owner: bool,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum By {
    /// Somebody in the page.
    Person(Person),
    /// Somebody in another room, whose words Sameroom brings.
    Remote {
        /// The name that the engine gives them here.
        name: String,
        /// Whether they are a program.
        is_bot: bool,
    },
    /// Sameroom itself.
    Sameroom,
}

impl By {
    /// The name shown.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Person(person) => &person.name,
            Self::Remote { name, .. } => name,
            Self::Sameroom => "Sameroom",
        }
    }

    /// The id of somebody in the page.
    pub(crate) fn person(&self) -> Option<&str> {
        match self {
            Self::Person(person) => Some(&person.id),
            Self::Remote { .. } | Self::Sameroom => None,
        }
    }
}

/// One entry of a room's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Act {
    /// When it was written, in milliseconds since 1970.
    pub(crate) at: i64,
    /// Who did it.
    pub(crate) by: By,
    /// What they did.
    pub(crate) what: What,
    /// The digest under which a repetition of it is known.
    pub(crate) once: Option<String>,
}

/// What can be done in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// A message; its id is this act's place.
    Posted(Box<Posted>),
    /// A message says something else now.
    Edited {
        /// Which.
        message: u64,
        /// What it says; `None` once the message is deleted.
        text: Option<Source>,
    },
    /// A message is gone.
    Deleted {
        /// Which.
        message: u64,
        /// Whether somebody else than its author removed it.
        by_moderator: bool,
    },
    /// An emoji was put on a message.
    Reacted {
        /// Which.
        message: u64,
        /// The emoji.
        emoji: String,
    },
    /// An emoji was taken back.
    Unreacted {
        /// Which.
        message: u64,
        /// The emoji.
        emoji: String,
    },
    /// Somebody came into the room for the first time.
    Entered,
    /// Somebody is now called otherwise.
    Renamed {
        /// The name until now.
        from: String,
    },
}

/// A text as it was typed or delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    /// The characters.
    pub(crate) text: String,
    /// Whether they are Markdown.
    pub(crate) styled: bool,
}

/// A message when it was posted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// What it says; `None` once it is deleted.
    pub(crate) text: Option<Source>,
    /// What it answers.
    pub(crate) reply: Option<Reply>,
    /// The file that comes with it.
    pub(crate) file: Option<File>,
    /// The id that the page chose for it.
    pub(crate) client: Option<String>,
    /// Whether it is a notice rather than somebody's words.
    pub(crate) is_notice: bool,
}

/// The message that another one answers, as it was then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// Its place.
    pub(crate) message: u64,
    /// Who wrote it.
    pub(crate) author: String,
    /// Its beginning.
    pub(crate) excerpt: String,
}

/// A file in the vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct File {
    /// Its random name in keys and addresses.
    pub(crate) id: String,
    /// Its name for people, without any folder.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size_bytes: u64,
    /// What its sender says it is.
    pub(crate) media_type: Option<String>,
    /// The type of picture that its first bytes show, which the page may draw.
    pub(crate) picture: Option<String>,
    /// Into how many entries it is cut.
    pub(crate) chunks: u32,
}

/// A message as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// Its place in the log, which is its id.
    pub(crate) seq: u64,
    /// When it was posted, in milliseconds since 1970.
    pub(crate) at: i64,
    /// Who posted it.
    pub(crate) by: By,
    /// What it is.
    pub(crate) body: Body,
    /// When it was last changed.
    pub(crate) edited: Option<i64>,
    /// The acts that changed it.
    pub(crate) edits: Vec<u64>,
    /// Set once it is gone: whether somebody else than its author removed it.
    pub(crate) deleted: Option<bool>,
    /// Messages that answer it and so hold its beginning.
    #[serde(default)]
    pub(crate) answers: Vec<u64>,
    /// The emoji on it in the order in which they came.
    pub(crate) reactions: Vec<Reacted>,
}

/// What a line of the page is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Body {
    /// A message.
    Post(Box<Posted>),
    /// Somebody came.
    Entered,
    /// Somebody is now called otherwise.
    Renamed {
        /// The name until then.
        from: String,
    },
}

/// One emoji on a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reacted {
    /// The emoji.
    pub(crate) emoji: String,
    /// Whose: id and name. The id is empty for the connected rooms together.
    pub(crate) by: Vec<(String, String)>,
}

/// An entry's bytes.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // These types have no maps with other keys than text and no floats, so this cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}

/// The entry in these bytes.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
