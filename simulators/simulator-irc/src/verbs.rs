//! People without sockets, who do what a test tells them to.

use crate::{
    client::{ClientId, Link},
    message::Message,
    server::{Shared, TimedOut},
    transcript::Entry,
};
use std::{fmt, sync::Arc, time::Duration};

/// The server said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused with {code}: {text}")]
pub struct Refused {
    /// The numeric, or the code of a `FAIL`.
    pub code: String,
    /// The server's words.
    pub text: String,
}

/// A person in the room they were brought into. Every verb goes through the same code as a line from a socket.
/// Those that say something give the message id.
#[derive(Clone)]
pub struct User {
    shared: Arc<Shared>,
    wait_max: Duration,
    id: ClientId,
    room: String,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("room", &self.room).finish_non_exhaustive()
    }
}

/// What all verbs give: the id of what was done, or the refusal.
type Done = Result<String, Refused>;

impl User {
    pub(crate) fn enter(
        shared: Arc<Shared>,
        wait_max: Duration,
        nick: &str,
        room: &str,
    ) -> Result<Self, Refused> {
        let id = shared.lock().in_process_client(nick);
        let user = Self { shared, wait_max, id, room: room.to_owned() };
        if user.nick() == "*" {
            user.act(Message::from_client("NICK").arg(nick))
                .and_then(|_| user.act(Message::from_client("USER").arg(nick).arg("0").arg("*").text(nick)))
                .inspect_err(|_| {
                    user.shared.lock().forget(user.id);
                })?;
        }
        user.act(Message::from_client("JOIN").arg(room))?;
        Ok(user)
    }

    /// The nick at the moment; `*` once the person has left the server.
    #[must_use]
    pub fn nick(&self) -> String {
        self.shared.lock().nick_of(self.id)
    }

    /// Says a line in the room.
    ///
    /// # Errors
    /// If the room does not let them.
    pub fn says(&self, text: &str) -> Done {
        self.act(Message::from_client("PRIVMSG").arg(&self.room).text(text))
    }

    /// Says a line of any bytes, UTF-8 or not.
    ///
    /// # Errors
    /// If the room does not let them.
    pub fn says_bytes(&self, text: &[u8]) -> Done {
        self.act(Message::from_client("PRIVMSG").arg(&self.room).text(text))
    }

    /// Says a line to somebody else, or in another room.
    ///
    /// # Errors
    /// If there is no such target.
    pub fn says_to(&self, target: &str, text: &str) -> Done {
        self.act(Message::from_client("PRIVMSG").arg(target).text(text))
    }

    /// `/me`.
    ///
    /// # Errors
    /// If the room does not let them.
    pub fn acts(&self, text: &str) -> Done {
        self.says(&format!("\u{1}ACTION {text}\u{1}"))
    }

    /// Sends a notice to the room. Refusals are silent (RFC 1459, section 4.4.2).
    ///
    /// # Errors
    /// If they have left the server.
    pub fn notices(&self, text: &str) -> Done {
        self.act(Message::from_client("NOTICE").arg(&self.room).text(text))
    }

    /// Answers a message.
    ///
    /// # Errors
    /// If the room does not let them.
    pub fn replies(&self, msgid: &str, text: &str) -> Done {
        self.act(Message::from_client("PRIVMSG").arg(&self.room).text(text).tag("+reply", msgid))
    }

    /// Puts an emoji on a message.
    ///
    /// # Errors
    /// If the room does not let them.
    pub fn reacts(&self, msgid: &str, emoji: &str) -> Done {
        self.tags(&[("+reply", msgid), ("+draft/react", emoji)])
    }

    /// Takes an emoji off a message.
    ///
    /// # Errors
    /// If the room does not let them.
    pub fn unreacts(&self, msgid: &str, emoji: &str) -> Done {
        self.tags(&[("+reply", msgid), ("+draft/unreact", emoji)])
    }

    /// Shows that they are typing.
    ///
    /// # Errors
    /// If the room does not let them.
    pub fn types(&self) -> Done {
        self.tags(&[("+typing", "active")])
    }

    /// Sends tags alone to the room.
    ///
    /// # Errors
    /// If the room does not let them.
    pub fn tags(&self, tags: &[(&str, &str)]) -> Done {
        let line = Message::from_client("TAGMSG").arg(&self.room);
        self.act(tags.iter().fold(line, |line, (key, value)| line.tag(key, value)))
    }

    /// Takes a message back.
    ///
    /// # Errors
    /// If it is not theirs or unknown.
    pub fn deletes(&self, msgid: &str) -> Done {
        self.act(Message::from_client("REDACT").arg(&self.room).arg(msgid))
    }

    /// Throws somebody out of the room.
    ///
    /// # Errors
    /// If they are no operator, or the other is not there.
    pub fn kicks(&self, nick: &str, reason: &str) -> Done {
        self.act(Message::from_client("KICK").arg(&self.room).arg(nick).text(reason))
    }

    /// Changes modes of the room: `+m`, or `+v ana`.
    ///
    /// # Errors
    /// If they are no operator.
    pub fn sets_mode(&self, change: &str) -> Done {
        let line = Message::from_client("MODE").arg(&self.room);
        self.act(change.split_whitespace().fold(line, |line, word| line.arg(word)))
    }

    /// Sets the room's topic.
    ///
    /// # Errors
    /// If they may not.
    pub fn sets_topic(&self, text: &str) -> Done {
        self.act(Message::from_client("TOPIC").arg(&self.room).text(text))
    }

    /// Takes another nick.
    ///
    /// # Errors
    /// If it is taken or invalid.
    pub fn renames(&self, nick: &str) -> Done {
        self.act(Message::from_client("NICK").arg(nick))
    }

    /// Goes away, or comes back with `None`.
    ///
    /// # Errors
    /// If they have left the server.
    pub fn goes_away(&self, reason: Option<&str>) -> Done {
        let line = Message::from_client("AWAY");
        self.act(match reason {
            Some(reason) => line.text(reason),
            None => line,
        })
    }

    /// Leaves the room.
    ///
    /// # Errors
    /// If they are not in it.
    pub fn parts(&self, reason: &str) -> Done {
        self.act(Message::from_client("PART").arg(&self.room).text(reason))
    }

    /// Comes back to the room, or into another one.
    ///
    /// # Errors
    /// If it does not let them in.
    pub fn joins(&self, room: &str) -> Done {
        self.act(Message::from_client("JOIN").arg(room))
    }

    /// Leaves the server; later verbs are refused.
    ///
    /// # Errors
    /// If they have left before.
    pub fn quits(&self, reason: &str) -> Done {
        self.act(Message::from_client("QUIT").text(reason))
    }

    /// Private messages received, oldest first; at most 256.
    #[must_use]
    pub fn inbox(&self) -> Vec<Entry> {
        match self.shared.lock().client(self.id).map(|client| &client.link) {
            Some(Link::InProcess { inbox, .. }) => inbox.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Waits for a private message.
    ///
    /// # Errors
    /// If none of this kind comes in time.
    pub async fn wait_for(&self, is_it: impl Fn(&Entry) -> bool) -> Result<Entry, TimedOut> {
        let find = || self.inbox().into_iter().find(&is_it);
        self.shared.wait(self.wait_max, find).await.ok_or_else(|| TimedOut {
            room: self.nick(),
            waited: self.wait_max,
            seen: self.inbox().iter().map(ToString::to_string).collect(),
        })
    }

    fn act(&self, line: Message) -> Done {
        self.shared.lock().act(self.id, &line)
    }
}
