//! Making and reading ids. Their formats are stored, so they do not change.

use sameroom_connector::Clock;
use sameroom_types::ids::{Cursor, RealmId, RemoteMessageId, RemoteUserId};
use sameroom_types::time::Timestamp;

/// What ids made here start with; a server's `msgid` can't start so, as it would be a reserved tag character.
const MADE: &str = "~";

/// Makes message ids where the server gives none; none of them ever repeats.
#[derive(Debug)]
pub(crate) struct MessageIds {
    start: String,
    count: u64,
}

impl MessageIds {
    /// Starts a series that no other run shares.
    pub(crate) fn new(clock: &dyn Clock) -> Self {
        let chance = clock.random() & u128::from(u32::MAX);
        Self { start: format!("{:x}.{chance:x}", clock.wall().0), count: 0 }
    }

    /// The next id.
    pub(crate) fn next_id(&mut self) -> RemoteMessageId {
        self.count += 1;
        RemoteMessageId::new(format!("{MADE}{}.{:x}", self.start, self.count))
    }
}

/// Whether the server knows this id.
pub(crate) fn is_native(id: &RemoteMessageId) -> bool {
    !id.as_str().starts_with(MADE)
}

/// The person who is logged in to an account, or else who sits behind a mask.
pub(crate) fn user(account: Option<&str>, folded_nick: &str, user_host: Option<&str>) -> RemoteUserId {
    match (account, user_host) {
        (Some(account), _) => RemoteUserId::new(format!("account:{account}")),
        (None, Some(user_host)) => RemoteUserId::new(format!("mask:{folded_nick}!{user_host}")),
        (None, None) => RemoteUserId::new(format!("nick:{folded_nick}")),
    }
}

/// The nick of a person as [`user`] made it, where the id has one.
pub(crate) fn nick_of(id: &RemoteUserId) -> Option<&str> {
    let id = id.as_str();
    if let Some(mask) = id.strip_prefix("mask:") {
        return mask.split_once('!').map(|(nick, _)| nick);
    }
    id.strip_prefix("nick:")
}

/// The world of one network.
pub(crate) fn realm(configured: Option<&str>, announced: Option<&str>, host: &str, port: u16) -> RealmId {
    match (configured, announced) {
        (Some(network), _) => RealmId::new(format!("irc/{network}")),
        (None, Some(network)) => RealmId::new(format!("irc/{network}@{host}:{port}")),
        (None, None) => RealmId::new(format!("irc/{host}:{port}")),
    }
}

/// How far a room has been read: the time of the last message and its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// When the server says it was.
    pub(crate) at: Timestamp,
    /// Its id, where there was one.
    pub(crate) msgid: Option<Box<str>>,
}

impl Position {
    /// As stored.
    pub(crate) fn to_cursor(&self) -> Cursor {
        Cursor::new(format!("{} {}", self.at.0, self.msgid.as_deref().unwrap_or_default()))
    }

    /// Reads what was stored; `None` where it is not ours.
    pub(crate) fn from_cursor(cursor: &Cursor) -> Option<Self> {
        let (at, msgid) = cursor.as_str().split_once(' ')?;
        let msgid = (!msgid.is_empty()).then(|| msgid.into());
        Some(Self { at: Timestamp(at.parse().ok()?), msgid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back() {
        for msgid in [None, Some("a b".into())] {
            let position = Position { at: Timestamp(17), msgid };
            assert_eq!(Position::from_cursor(&position.to_cursor()), Some(position));
        }
        assert_eq!(Position::from_cursor(&Cursor::new("x")), None);
    }

    #[test]
    fn people_and_networks() {
        assert_eq!(user(Some("Ann"), "ann", Some("a@h")).as_str(), "account:Ann");
        assert_eq!(nick_of(&user(None, "ann", Some("a@h"))), Some("ann"));
        assert_eq!(realm(None, Some("T"), "h", 1).as_str(), "irc/T@h:1");
        assert_eq!(realm(Some("libera"), Some("T"), "h", 1).as_str(), "irc/libera");
    }
}
