//! From acts to events for the engine.

use sameroom_types::event::{
    Author, Content, ContentKind, Deletion, DeletionCause, Edit, FileRef, Inbound, MemberChange, Post,
    Reaction, ReplyTo, Role, RoomEvent,
};
use sameroom_types::ids::{Cursor, NativeIds, RemoteRoomId, RemoteUserId};
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;

use crate::ids::message_id;
use crate::stored::{Act, By, File, Person, Posted, Source, What};
use crate::view;

/// The id of Sameroom's own person in every room.
pub(crate) const OWN_ID: &str = "sameroom";

/// The event of an act; `None` for what Sameroom did itself, and for what was deleted before it could be reported.
pub(crate) fn event(room: &RemoteRoomId, seq: u64, act: &Act, history: bool) -> Option<Inbound> {
    let By::Person(person) = &act.by else { return None };
    let author = author(person);
    let event = match &act.what {
        What::Posted(posted) => {
            posted.text.as_ref()?;
            RoomEvent::Posted(post(seq, author, posted))
        }
        What::Edited { message, text } => RoomEvent::Edited(Edit {
            message: message_id(*message),
            author,
            content: content(text.as_ref()?, None),
            revision: seq.to_string().into(),
        }),
        What::Deleted { message, by_moderator } => RoomEvent::Deleted(Deletion {
            messages: vec![message_id(*message)],
            by: Some(author),
            cause: if *by_moderator { DeletionCause::Moderator } else { DeletionCause::Author },
        }),
        What::Reacted { message, emoji } => RoomEvent::Reacted(reaction(*message, author, emoji)),
        What::Unreacted { message, emoji } => RoomEvent::Unreacted(reaction(*message, author, emoji)),
        What::Entered => RoomEvent::MemberChanged { member: author, change: MemberChange::Joined },
        What::Renamed { from } => {
            RoomEvent::MemberChanged { member: author, change: MemberChange::Renamed { from: from.clone() } }
        }
    };
    Some(Inbound {
        room: room.clone(),
        at: Some(Timestamp(act.at)),
        cursor: Some(Cursor::new(seq.to_string())),
        history,
        event,
    })
}

fn post(seq: u64, author: Author, posted: &Posted) -> Post {
    Post {
        ids: NativeIds::one(message_id(seq)),
        author,
        content: content(&posted.text.clone().unwrap_or_default(), posted.file.as_ref()),
        reply: posted.reply.as_ref().map(|reply| ReplyTo {
            message: message_id(reply.message),
            author: Some(reply.author.clone()),
            excerpt: Some(reply.excerpt.clone()).filter(|excerpt| !excerpt.is_empty()),
        }),
        thread: None,
        album: None,
        mark: None,
    }
}

fn content(source: &Source, file: Option<&File>) -> Content {
    Content {
        text: view::tree(source),
        files: file.map(file_ref).into_iter().collect(),
        kind: ContentKind::Text,
    }
}

fn file_ref(file: &File) -> FileRef {
    FileRef {
        source: file.id.clone(),
        name: file.name.clone(),
        size_bytes: Some(file.size_bytes),
        media_type: file.picture.clone().or_else(|| file.media_type.clone()),
        public_url: None,
        spool: None,
    }
}

fn reaction(message: u64, author: Author, emoji: &str) -> Reaction {
    let name = emoji.strip_prefix(':').and_then(|emoji| emoji.strip_suffix(':'));
    let emoji = match name {
        Some(name) => Emoji::Custom { name: name.to_owned(), url: None },
        None => Emoji::Unicode(emoji.to_owned()),
    };
    Reaction { message: message_id(message), author, emoji }
}

fn author(person: &Person) -> Author {
    Author {
        id: RemoteUserId::new(person.id.as_str()),
        name: person.name.clone(),
        username: None,
        avatar: None,
        is_bot: false,
        role: if person.is_owner { Role::Owner } else { Role::Member },
    }
}

/// Sameroom's own person.
pub(crate) fn me() -> Author {
    Author {
        id: OWN_ID.into(),
        name: By::Sameroom.name().to_owned(),
        username: None,
        avatar: None,
        is_bot: true,
        role: Role::Moderator,
    }
}
