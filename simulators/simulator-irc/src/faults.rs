//! What shall go wrong next. Set by the test through [`crate::Server`], used up by the commands.

use crate::message::Message;

/// Faults that wait for their moment.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Hear nothing, say nothing.
    pub(crate) silent: bool,
    /// Commands whose next answer is lost.
    pub(crate) lose_reply: Vec<String>,
    /// Commands whose next use cuts the connection before anything is done.
    pub(crate) cut_before: Vec<String>,
    /// Commands whose next use is carried out, but the connection is cut instead of an answer.
    pub(crate) cut_after: Vec<String>,
    /// Folded room name and numeric.
    pub(crate) refuse_join: Vec<(String, u16)>,
    /// Folded room name and numeric.
    pub(crate) refuse_message: Vec<(String, u16)>,
    /// How many `NICK`s are answered with `433`.
    pub(crate) refuse_nicks: u32,
}

/// Takes the first matching entry off a list.
pub(crate) fn take<T>(list: &mut Vec<T>, matches: impl FnMut(&T) -> bool) -> Option<T> {
    let index = list.iter().position(matches)?;
    Some(list.remove(index))
}

/// The usual words of a refusal.
pub(crate) fn refusal_text(numeric: u16) -> &'static str {
    match numeric {
        403 => "No such channel",
        404 => "Cannot send to channel",
        405 => "You have joined too many channels",
        437 => "Nick/channel is temporarily unavailable",
        439 => "Target change too fast",
        470 => "Forwarding to another channel",
        471 => "Cannot join channel (+l)",
        473 => "Cannot join channel (+i)",
        474 => "Cannot join channel (+b)",
        475 => "Cannot join channel (+k)",
        476 => "Bad channel mask",
        477 => "You need to be identified to a registered account to join this channel",
        480 => "Cannot join channel (throttled)",
        489 => "Cannot join channel (TLS is required)",
        _ => "Refused",
    }
}

impl Message {
    /// The last line before a connection is closed.
    pub(crate) fn default_error(host: &str, reason: &str) -> Self {
        Self::from_client("ERROR").text(format!("Closing Link: {host} ({reason})"))
    }
}
