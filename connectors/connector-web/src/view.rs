//! What pages are told, as JSON: the README documents it.

use sameroom_markup::{Dialect as _, first_line};
use sameroom_types::text::Text;
use serde_json::{Value, json};

use crate::stored::{Act, Body, By, Message, Posted, Source, What};
use crate::{DIALECT, html};

/// The tree of a text.
pub(crate) fn tree(source: &Source) -> Text {
    if source.styled { DIALECT.parse(&source.text) } else { Text::plain(&source.text) }
}

/// An act, as the live stream tells it: what happened and how its message is now.
pub(crate) fn act(act: &Act, message: &Message) -> String {
    let name = match act.what {
        What::Posted(_) => "posted",
        What::Edited { .. } => "edited",
        What::Deleted { .. } => "deleted",
        What::Reacted { .. } => "reacted",
        What::Unreacted { .. } => "unreacted",
        What::Entered => "entered",
        What::Renamed { .. } => "renamed",
    };
    json!({ "act": name, "message": self::message(message) }).to_string()
}

/// A message as it is now.
pub(crate) fn message(message: &Message) -> Value {
    let mut value = json!({
        "id": message.seq.to_string(),
        "at": message.at,
        "author": author(&message.by),
        "kind": kind(&message.body),
        "edited": message.edited,
        "deleted": message.deleted.map(|by_moderator| if by_moderator { "moderator" } else { "author" }),
        "reactions": message.reactions.iter().map(|reacted| json!({
            "emoji": reacted.emoji,
            "by": reacted.by.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    if let Some(fields) = value.as_object_mut() {
        match &message.body {
            Body::Post(posted) => add_post(fields, posted),
            Body::Entered => {}
            Body::Renamed { from } => {
                fields.insert("from".to_owned(), json!(from));
            }
        }
    }
    value
}

fn add_post(fields: &mut serde_json::Map<String, Value>, posted: &Posted) {
    let source = posted.text.clone().unwrap_or_default();
    fields.insert("html".to_owned(), json!(html::render(&tree(&source))));
    fields.insert("text".to_owned(), json!(source.text));
    fields.insert("client".to_owned(), json!(posted.client));
    let reply = posted.reply.as_ref().map(
        |reply| json!({ "id": reply.message.to_string(), "author": reply.author, "excerpt": reply.excerpt }),
    );
    fields.insert("reply".to_owned(), json!(reply));
    let file = posted.file.as_ref().map(|file| {
        json!({
            "name": file.name,
            "size": file.size_bytes,
            "picture": file.picture.is_some(),
            "path": format!("files/{}/{}", file.id, encoded(&file.name)),
        })
    });
    fields.insert("file".to_owned(), json!(file));
}

fn author(by: &By) -> Value {
    match by {
        By::Person(person) => {
            json!({ "id": person.id, "name": person.name, "remote": false, "owner": person.is_owner })
        }
        By::Remote { name, is_bot } => json!({ "id": "", "name": name, "remote": true, "bot": is_bot }),
        By::Sameroom => json!({ "id": "", "name": by.name(), "remote": true, "bot": true }),
    }
}

fn kind(body: &Body) -> &'static str {
    match body {
        Body::Post(posted) if posted.is_notice => "notice",
        Body::Post(_) => "message",
        Body::Entered => "entered",
        Body::Renamed { .. } => "renamed",
    }
}

/// The beginning of a message, in plain words.
pub(crate) fn excerpt(message: &Message, max_graphemes: usize) -> String {
    let Body::Post(posted) = &message.body else { return String::new() };
    let text =
        posted.text.as_ref().map(|source| first_line(&tree(source), max_graphemes)).unwrap_or_default();
    match &posted.file {
        Some(file) if text.is_empty() => file.name.clone(),
        _ => text,
    }
}

/// One segment of a path (RFC 3986 section 2.3: all but unreserved characters are escaped).
pub(crate) fn encoded(segment: &str) -> String {
    let mut out = String::new();
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
