//! What an IRC room can do, from what the server offers and the room allows.

use std::time::Duration;

use sameroom_types::capabilities::{
    Authorship, Capabilities, Heard, History, IdScope, Once, Reactions, Support,
};
use sameroom_types::limit::{TextLimit, TextUnit};

use crate::caps::On;

/// Sends of one room that may be unconfirmed, when we pace ourselves and when we don't.
const WINDOWS: (u16, u16) = (64, 256);

/// Bytes left free of each line, for host changes and a sign before the room's name.
const MARGIN_BYTES: usize = 10;

/// The budget while our own mask is not known.
const UNKNOWN_MASK_MAX_BYTES: usize = 350;

/// What `RELAYMSG`'s shown mask may take beyond our own: a nick, its network and a made-up host.
const RELAY_MASK_BYTES: usize = 60;

/// How long after a send its history answers for it.
const IN_DOUBT_WAIT: Duration = Duration::from_secs(2);

/// A plain server: the table of the platform's description.
pub(crate) const PLAIN: Capabilities = Capabilities {
    heard: Heard {
        edits: false,
        deletes: false,
        reactions: false,
        replies: false,
        files: false,
        membership: true,
        typing: false,
    },
    formatting: Support::Full,
    text: TextLimit { max: 350, unit: TextUnit::Bytes, multiline: false },
    window: WINDOWS.0,
    ids: IdScope::PerAccount,
    ..Capabilities::TEXT_ONLY
};

/// What decides about a room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// Capabilities that are on.
    pub(crate) on: On,
    /// Whether client-only tags for replies are let through.
    pub(crate) may_reply: bool,
    /// Whether client-only tags for reactions are let through.
    pub(crate) may_react: bool,
    /// Whether the room takes control codes.
    pub(crate) may_colour: bool,
    /// Whether we are operator there.
    pub(crate) is_operator: bool,
    /// Whether the room is a conversation with one person.
    pub(crate) is_direct: bool,
    /// Whether we pace ourselves.
    pub(crate) is_paced: bool,
    /// The longest line.
    pub(crate) line_len: usize,
    /// Our own nick.
    pub(crate) nick: &'a str,
    /// Our own `user@host`, once known.
    pub(crate) user_host: Option<&'a str>,
    /// The room's name.
    pub(crate) room: &'a str,
}

/// The table of one room.
pub(crate) fn of_room(facts: Facts<'_>) -> Capabilities {
    let on = facts.on;
    let relays = on.relaymsg && facts.is_operator && !facts.is_direct;
    let history = on.chathistory && !facts.is_direct;
    let redaction = on.redacts();
    Capabilities {
        heard: Heard {
            deletes: on.redaction,
            reactions: on.tags,
            replies: on.tags,
            typing: on.tags,
            membership: !facts.is_direct,
            ..PLAIN.heard
        },
        delete: if redaction { Support::Full } else { Support::Fallback },
        moderate: if redaction && facts.is_operator { Support::Full } else { Support::Dropped },
        reactions: if on.tags && facts.may_react { Reactions::Any } else { Reactions::None },
        replies: if on.tags && facts.may_reply { Support::Full } else { Support::Fallback },
        author: if relays { Authorship::Name } else { Authorship::Prefix },
        history: history
            .then_some(History { look_back: Duration::from_secs(24 * 3600), changes: on.redaction }),
        formatting: if facts.may_colour { Support::Full } else { Support::Fallback },
        text: TextLimit { max: budget(facts, relays), unit: TextUnit::Bytes, multiline: false },
        window: if facts.is_paced { WINDOWS.0 } else { WINDOWS.1 },
        once: Once { key: None, history: (history && on.tags).then_some(IN_DOUBT_WAIT), echo: on.echo },
        ids: if on.tags { IdScope::Shared } else { IdScope::PerAccount },
        ..PLAIN
    }
}

/// The bytes of text that reach everybody: a server cuts what does not fit without a word.
fn budget(facts: Facts<'_>, relays: bool) -> u32 {
    let user_host = facts.user_host.map_or(0, str::len);
    let frame = ":! PRIVMSG  :\r\n".len() + facts.nick.len() + user_host + facts.room.len() + MARGIN_BYTES;
    let relay = if relays { RELAY_MASK_BYTES } else { 0 };
    let mut max = facts.line_len.saturating_sub(frame + relay);
    if facts.user_host.is_none() {
        max = max.min(UNKNOWN_MASK_MAX_BYTES);
    }
    u32::try_from(max.max(100)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> = Facts {
        on: On::NONE,
        may_reply: true,
        may_react: true,
        may_colour: true,
        is_operator: false,
        is_direct: false,
        is_paced: true,
        line_len: 512,
        nick: "same",
        user_host: Some("~s@host.example"),
        room: "#lobby",
    };

    #[test]
    fn a_whole_line_fits_exactly() {
        let max = of_room(FACTS).text.max;
        let line = format!(":same!~s@host.example PRIVMSG #lobby :{}\r\n", "x".repeat(max as usize));
        assert_eq!(line.len(), 512 - MARGIN_BYTES);
        assert_eq!(of_room(Facts { user_host: None, ..FACTS }).text.max, 350);
    }

    #[test]
    fn abilities_follow_the_server_and_the_room() {
        let plain = of_room(FACTS);
        assert_eq!(
            (plain.reactions, plain.replies, plain.ids),
            (Reactions::None, Support::Fallback, IdScope::PerAccount)
        );
        let on =
            On { tags: true, echo: true, redaction: true, chathistory: true, relaymsg: true, ..On::NONE };
        let modern = of_room(Facts { on, is_operator: true, may_colour: false, ..FACTS });
        assert_eq!(
            (modern.delete, modern.moderate, modern.author),
            (Support::Full, Support::Full, Authorship::Name)
        );
        assert_eq!(modern.formatting, Support::Fallback);
        assert!(modern.can_verify() && modern.once.echo);
        assert_eq!(of_room(Facts { on, may_react: false, ..FACTS }).reactions, Reactions::None);
    }
}
