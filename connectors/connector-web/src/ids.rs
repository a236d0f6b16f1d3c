//! How rooms, people, messages and stored entries are named.
//!
//! Keys of the vault are not sealed, so they hold random names and digests, never words of people or secrets.

use std::fmt::Write as _;

use sameroom_types::ids::{RealmId, RemoteMessageId, RemoteRoomId};
use sha2::{Digest as _, Sha256};

/// The first segment of the path of every room.
pub(crate) const PREFIX: &str = "room";
/// The most characters of a person's name.
const MAX_NAME: usize = 50;
/// The most characters of a room's name.
const MAX_ROOM_NAME: usize = 80;

/// A hundred and twenty-eight fresh bits as 32 hexadecimal digits.
pub(crate) fn secret(random: u128) -> String {
    format!("{random:032x}")
}

/// The first 16 bytes of a digest, which stand in keys for a secret or a client's own words.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).fold(String::new(), |mut out, byte| {
        // Writing to a string can't fail.
        write!(out, "{byte:02x}").unwrap_or_default();
        out
    })
}

/// The id of a room as somebody wrote its name; `None` where that can't be a name.
pub(crate) fn room_id(name: &str) -> Option<RemoteRoomId> {
    room_name(name).map(|name| RemoteRoomId::new(name.to_lowercase()))
}

/// The name of a room for people, as somebody wrote it.
pub(crate) fn room_name(name: &str) -> Option<String> {
    cleaned(name, MAX_ROOM_NAME)
}

/// A person's name as they typed it, without what would disturb a line; `None` where nothing is left or it is too long.
pub(crate) fn person_name(name: &str) -> Option<String> {
    cleaned(name, MAX_NAME)
}

fn cleaned(name: &str, most: usize) -> Option<String> {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
    };
    let visible: String = name.chars().filter(|c| !is_hidden(*c) || c.is_whitespace()).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let name = words.join(" ");
    (!name.is_empty() && name.chars().count() <= most).then_some(name)
}

/// Names that differ only in case are the same name.
pub(crate) fn fold_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The world of one account's rooms: two accounts of one installation may both have a room called `lobby`.
pub(crate) fn realm(installation: &str, account: &str) -> RealmId {
    RealmId::new(format!("web:{installation}:{account}"))
}

/// The id of a message: its place in the room's log.
pub(crate) fn message_id(seq: u64) -> RemoteMessageId {
    RemoteMessageId::new(seq.to_string())
}

/// The place that an id stands for.
pub(crate) fn message_seq(id: &str) -> Option<u64> {
    let seq: u64 = id.parse().ok()?;
    (seq.to_string() == id).then_some(seq)
}

/// Keys of the vault, all below the random name of their room.
pub(crate) mod key {
    pub(crate) const ROOMS: (&str, &str) = ("room/", "room0");
    pub(crate) const UPLOADS: (&str, &str) = ("upload/", "upload0");

    pub(crate) fn room(rid: &str) -> String {
        format!("room/{rid}")
    }
    pub(crate) fn act(rid: &str, seq: u64) -> String {
        format!("act/{rid}/{seq:016x}")
    }
    pub(crate) fn message(rid: &str, seq: u64) -> String {
        format!("message/{rid}/{seq:016x}")
    }
    pub(crate) fn person(rid: &str, person: &str) -> String {
        format!("person/{rid}/{person}")
    }
    pub(crate) fn cookie(rid: &str, digest: &str) -> String {
        format!("cookie/{rid}/{digest}")
    }
    pub(crate) fn name(rid: &str, digest: &str) -> String {
        format!("name/{rid}/{digest}")
    }
    pub(crate) fn once(rid: &str, digest: &str) -> String {
        format!("once/{rid}/{digest}")
    }
    pub(crate) fn file(rid: &str, file: &str) -> String {
        format!("file/{rid}/{file}")
    }
    pub(crate) fn chunk(file: &str, index: u32) -> String {
        format!("chunk/{file}/{index:08x}")
    }
    pub(crate) fn upload(file: &str) -> String {
        format!("upload/{file}")
    }
    /// The number at the end of an act's or message's key.
    pub(crate) fn seq_of(key: &str) -> Option<u64> {
        u64::from_str_radix(key.rsplit('/').next()?, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_the_same_in_any_case() {
        assert_eq!(room_id(" Lobby "), Some("lobby".into()));
        assert_eq!(room_id("a\u{200b}\n"), Some("a".into()));
        assert_eq!(room_id(" \u{200b} "), None);
        assert_eq!(room_id(&"x".repeat(81)), None);
    }

    #[test]
    fn names_lose_what_would_disturb_a_line() {
        assert_eq!(person_name("  Ana\u{202e}\tMaria\n "), Some("Ana Maria".to_owned()));
        assert_eq!(person_name(&"é".repeat(50)), Some("é".repeat(50)));
        assert_eq!(person_name(&"é".repeat(51)), None);
    }

    #[test]
    fn message_ids_have_one_spelling() {
        assert_eq!(message_seq(message_id(17).as_str()), Some(17));
        for other in ["017", "+17", "", "x", "-1", "99999999999999999999999"] {
            assert_eq!(message_seq(other), None, "{other}");
        }
    }

    #[test]
    fn digests_tell_parts_apart() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_eq!(digest(&["a"]).len(), 32);
    }

    #[test]
    fn keys_sort_as_their_numbers() {
        assert!(key::act("r", 9) < key::act("r", 10) && key::act("r", 255) < key::act("r", 256));
        assert_eq!(key::seq_of(&key::act("r", 4_096)), Some(4_096));
    }
}
