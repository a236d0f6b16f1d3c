//! What a server's refusals mean. Numerics: <https://modern.ircdocs.horse/#numerics>.

use std::time::Duration;

use sameroom_types::action::{Outcome, Refusal, RefusalKind, Wait};

/// Words of a 404 that concern the text of one message rather than us.
const ABOUT_THE_TEXT: &[&str] =
    &["colo", "spam", "filter", "caps", "repeat", "censor", "ctcp", "content", "blocked"];

/// Whether a numeric may be the answer to something said.
pub(crate) fn is_about_speaking(numeric: &str) -> bool {
    matches!(
        numeric,
        "401"
            | "403"
            | "404"
            | "407"
            | "408"
            | "412"
            | "417"
            | "439"
            | "442"
            | "477"
            | "486"
            | "489"
            | "531"
            | "573"
            | "716"
    )
}

/// What a refused message becomes.
pub(crate) fn of_message(numeric: &str, words: &str, moderated: bool) -> Outcome {
    let lower = words.to_lowercase();
    let later = |secs, scope| Outcome::Later {
        after: Some(Duration::from_secs(secs)),
        scope,
        why: format!("{numeric} {words}"),
    };
    let refused = |kind, remedy: &str| {
        let code = if remedy.is_empty() {
            format!("{numeric} {words}")
        } else {
            format!("{numeric} {words} ({remedy})")
        };
        Outcome::Refused(Refusal { kind, code })
    };
    match numeric {
        "404" if moderated => refused(RefusalKind::Room, "the room is moderated: give the bot voice, +v"),
        "404" | "408" if ABOUT_THE_TEXT.iter().any(|word| lower.contains(word)) => {
            refused(RefusalKind::Message, "")
        }
        "404" if lower.contains("(+m)") || lower.contains("moderated") => {
            refused(RefusalKind::Room, "the room is moderated: give the bot voice, +v")
        }
        "404" | "477" | "489"
            if lower.contains("regist") || lower.contains("identif") || lower.contains("(+r)") =>
        {
            refused(RefusalKind::Room, "log the account in to services")
        }
        "404" => refused(RefusalKind::Room, "ask an operator of the room for voice, or to lift a ban"),
        "477" | "489" => refused(RefusalKind::Room, "ask an operator of the room"),
        "403" | "442" => later(5, Wait::Room),
        "439" => later(60, Wait::Message),
        _ => refused(RefusalKind::Message, ""),
    }
}

/// What a refused join means: the reason in plain words, and whether trying again makes sense.
pub(crate) fn of_join(numeric: &str, words: &str) -> Option<(String, bool)> {
    let (why, retrying) = match numeric {
        "403" => ("there is no such room", false),
        "405" => ("the account is in too many rooms", false),
        "437" => ("the room is not available at the moment", true),
        "470" => ("the room forwards to another one; ask for that one instead", false),
        "471" => ("the room is full (+l)", true),
        "473" => ("the room is for invited people only (+i); invite the bot", true),
        "474" => ("the bot is banned from the room (+b); ask an operator", false),
        "475" => ("the room has a key (+k); set it in channel_keys", true),
        "476" => ("this is not a room's name", false),
        "477" => ("the room is for registered nicks only (+r); log the account in to services", true),
        "480" | "439" | "407" => ("joined too fast; trying again later", true),
        "489" => ("the room is for TLS connections only; set tls = true", false),
        "520" => ("the room is for operators of the network only", false),
        _ => return None,
    };
    Some((format!("{why} ({numeric} {words})"), retrying))
}

/// What a closed connection calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Nothing special.
    Usual,
    /// Connecting less often.
    Throttled,
    /// Writing more slowly.
    Flood,
    /// Somebody acting: we are not wanted.
    Banned,
}

impl Closing {
    /// Reads the words of an `ERROR` or 465.
    pub(crate) fn of(words: &str) -> Self {
        let lower = words.to_lowercase();
        let has = |word: &&str| lower.contains(*word);
        if ["flood", "recvq", "sendq"].iter().any(has) {
            Self::Flood
        } else if ["throttl", "too fast", "too many", "try again later"].iter().any(has) {
            Self::Throttled
        } else if ["-lined", "banned", "akill", "k:line", "g:line", "z:line", "autokill"].iter().any(has) {
            Self::Banned
        } else {
            Self::Usual
        }
    }

    /// The least time until the next try.
    pub(crate) fn least_wait(self) -> Duration {
        match self {
            Self::Usual => Duration::ZERO,
            Self::Flood => Duration::from_secs(5),
            Self::Throttled => Duration::from_secs(60),
            Self::Banned => Duration::from_secs(30 * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(outcome: &Outcome) -> Option<RefusalKind> {
        match outcome {
            Outcome::Refused(refusal) => Some(refusal.kind),
            _ => None,
        }
    }

    #[test]
    fn what_concerns_the_text_and_what_the_room() {
        let check = |numeric, words, moderated, expected| {
            assert_eq!(kind(&of_message(numeric, words, moderated)), expected, "{numeric} {words}");
        };
        check("404", "Cannot send to channel", false, Some(RefusalKind::Room));
        check("404", "Cannot send to channel", true, Some(RefusalKind::Room));
        check("404", "Can't send colors to channel (+c is set)", false, Some(RefusalKind::Message));
        check(
            "404",
            "You cannot send messages to this channel whilst the +m (moderated) mode is set.",
            false,
            Some(RefusalKind::Room),
        );
        check("401", "No such nick", false, Some(RefusalKind::Message));
        check("442", "You're not on that channel", false, None);
    }

    #[test]
    fn how_a_connection_was_closed() {
        let check = |words, expected| assert_eq!(Closing::of(words), expected, "{words}");
        check("Closing Link: a (Excess Flood)", Closing::Flood);
        check("Closing Link: a (Throttled: Reconnecting too fast)", Closing::Throttled);
        check("Closing Link: a (K-Lined: bots)", Closing::Banned);
        check("Closing Link: a (Quit: bye)", Closing::Usual);
    }
}
