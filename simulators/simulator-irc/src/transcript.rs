//! What a person looking at a room would have seen.

use crate::message::Message;
use std::{fmt, time::SystemTime};

/// One event of a room, or one private message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When the server took it.
    pub at: SystemTime,
    /// The nick of who did it.
    pub by: String,
    /// `nick!user@host` of who did it.
    pub mask: String,
    /// What was done.
    pub what: What,
    /// The message id, whether or not anybody asked for ids.
    pub msgid: Option<String>,
    /// The account of who did it, if logged in.
    pub account: Option<String>,
    /// The nick behind a `RELAYMSG`.
    pub relayed_by: Option<String>,
    /// Client-only tags (`+typing`, `+reply` ...), with their `+`.
    pub tags: Vec<(String, String)>,
}

/// What happened. Text that is not UTF-8 shows replacement letters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants and their fields say it")]
pub enum What {
    Said(String),
    Acted(String),
    Noticed(String),
    Tagged,
    Redacted { msgid: String, reason: String },
    Joined,
    Parted { reason: String },
    Quit { reason: String },
    Kicked { nick: String, reason: String },
    Renamed { to: String },
    Topic(String),
    Mode(String),
}

impl Entry {
    /// The text that was said, acted or noticed.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.what {
            What::Said(text) | What::Acted(text) | What::Noticed(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a client-only tag.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// `None` for commands that are not shown to a room.
    pub(crate) fn from_message(message: &Message, at: SystemTime) -> Option<Self> {
        let param = |index| message.word(index).unwrap_or_default();
        let what = match message.command.as_str() {
            "PRIVMSG" => said(param(1)),
            "NOTICE" => What::Noticed(param(1)),
            "TAGMSG" => What::Tagged,
            "REDACT" => What::Redacted { msgid: param(1), reason: param(2) },
            "JOIN" => What::Joined,
            "PART" => What::Parted { reason: param(1) },
            "QUIT" => What::Quit { reason: param(0) },
            "KICK" => What::Kicked { nick: param(1), reason: param(2) },
            "NICK" => What::Renamed { to: param(0) },
            "TOPIC" => What::Topic(param(1)),
            "MODE" => What::Mode(
                (1..message.params.len()).filter_map(|i| message.word(i)).collect::<Vec<_>>().join(" "),
            ),
            _ => return None,
        };
        let mask = message.source.clone().unwrap_or_default();
        Some(Self {
            at,
            by: mask.split('!').next().unwrap_or_default().to_owned(),
            what,
            msgid: message.tag_value("msgid").map(str::to_owned),
            account: message.tag_value("account").map(str::to_owned),
            relayed_by: message.tag_value("draft/relaymsg").map(str::to_owned),
            tags: message.tags.iter().filter(|(key, _)| key.starts_with('+')).cloned().collect(),
            mask,
        })
    }
}

fn said(text: String) -> What {
    match text.strip_prefix("\u{1}ACTION ") {
        Some(action) => What::Acted(action.trim_end_matches('\u{1}').to_owned()),
        None => What::Said(text),
    }
}

/// Like a line in a client's window: `<ana> hi`, `* ana waves`, `ana joins`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = &self.by;
        match &self.what {
            What::Said(text) => write!(f, "<{by}> {text}"),
            What::Acted(text) => write!(f, "* {by} {text}"),
            What::Noticed(text) => write!(f, "-{by}- {text}"),
            What::Tagged => {
                write!(f, "{by} tags")?;
                self.tags.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
            }
            What::Redacted { msgid, .. } => write!(f, "{by} redacts {msgid}"),
            What::Joined => write!(f, "{by} joins"),
            What::Parted { reason } => write!(f, "{by} parts ({reason})"),
            What::Quit { reason } => write!(f, "{by} quits ({reason})"),
            What::Kicked { nick, reason } => write!(f, "{by} kicks {nick} ({reason})"),
            What::Renamed { to } => write!(f, "{by} is now {to}"),
            What::Topic(text) => write!(f, "{by} sets the topic: {text}"),
            What::Mode(change) => write!(f, "{by} sets mode {change}"),
        }
    }
}
