//! What the runtime asks for, as lines.

use sameroom_connector::{Command, Report, RoomFailure};
use sameroom_types::action::{
    Action, Answer, OutboundPost, Outcome, Refusal, RefusalKind, SendRequest, Wait,
};
use sameroom_types::ids::{NativeIds, RemoteMessageId, RemoteRoomId, RemoteUserId};
use tokio::time::Instant;

use crate::client::{Client, Listing, Probe, Queued, not_now};
use crate::confirm::Track;
use crate::fill::Purpose;
use crate::ids::{is_native, nick_of};
use crate::memory::Wanted;
use crate::wire::LineBuilder;

/// The tag in which copies carry their mark; client-only, so that servers pass it on.
pub(crate) const MARK_TAG: &str = "+sameroom.io/mark";

/// Letters of one `JOIN`'s list.
const JOIN_LIST_MAX_BYTES: usize = 300;

/// The most measurements under way.
const PROBES_MAX: usize = 256;

/// The most lines of one whisper, and the bytes of each.
const WHISPER_LINES_MAX: usize = 12;
const WHISPER_LINE_BYTES: usize = 380;

impl Client {
    /// Carries out one command.
    pub(crate) fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Join { room } => self.join(room),
            Command::Leave { room } => self.leave(&room),
            Command::Send(request) => self.send(request),
            Command::Ask { delivery, part, room, key, since } => {
                if !self.is_online() {
                    return self.report(Report::Answer { delivery, part, answer: Answer::Later });
                }
                let is_asked = self.caps.on.chathistory
                    && self.caps.on.tags
                    && self.server.is_room(room.as_str())
                    && self.ask_history(
                        room.as_str(),
                        since,
                        Purpose::Ask { delivery, part, key, found: None },
                    );
                if !is_asked {
                    self.report(Report::Answer { delivery, part, answer: Answer::CannotTell });
                }
            }
            Command::Fetch { spool, file, .. } => {
                let result =
                    Err(sameroom_connector::FetchError::Gone(format!("IRC has no file {}", file.name)));
                self.report(Report::Fetched { spool, result });
            }
            Command::Ping { id, .. } => {
                if !self.is_online() || self.probes.len() >= PROBES_MAX {
                    let result = Err("not connected".to_owned());
                    return self.report(Report::Pong { id, result });
                }
                let token = self.confirm.next_label();
                self.probes.insert(token, Probe { id, since: now });
                self.write(LineBuilder::new().command("PING").text(&format!("sr-p{token}")));
            }
            Command::Whisper { room, to, text } => self.whisper(&room, &to, &text),
            Command::ListRooms => {
                if !self.is_online() {
                    return self.report(Report::Rooms(Vec::new()));
                }
                if self.listing.is_none() {
                    self.listing = Some(Listing { since: now, rooms: Vec::new() });
                    self.urgent(LineBuilder::new().command("LIST"));
                }
            }
        }
    }

    fn join(&mut self, asked: Box<str>) {
        let name = asked.trim();
        let is_sound = !name.is_empty()
            && name.len() <= 200
            && !name.chars().any(|c| c.is_control() || matches!(c, ' ' | ',' | ':'));
        if !is_sound {
            let why = "not a room's name: it starts with # and has no blank or comma".to_owned();
            return self.report(Report::RoomFailed(RoomFailure { asked, why, retrying: false }));
        }
        let folded = self.fold(name);
        let name = name.to_owned();
        let wanted = self.memory.wanted.entry(folded.clone()).or_insert_with(|| Wanted {
            name: name.clone(),
            asked: Vec::new(),
            retry_at: None,
        });
        if !wanted.asked.contains(&asked) {
            wanted.asked.push(asked);
        }
        wanted.retry_at = None;
        if !self.is_online() {
            return;
        }
        if self.rooms.get(&folded).is_some_and(|room| room.reported.is_some()) {
            self.report_room(&folded);
        } else if !self.rooms.contains_key(&folded) {
            self.join_some(&[folded]);
        }
    }

    /// Enters every room that was asked for.
    pub(crate) fn join_all(&mut self) {
        let all: Vec<String> = self.memory.wanted.keys().cloned().collect();
        self.join_some(&all);
    }

    /// Enters rooms whose time to try again has come.
    pub(crate) fn retry_joins(&mut self, now: Instant) {
        let due: Vec<String> = self
            .memory
            .wanted
            .iter_mut()
            .filter_map(|(folded, wanted)| wanted.retry_at.take_if(|at| *at <= now).map(|_| folded.clone()))
            .collect();
        self.join_some(&due);
    }

    /// Enters rooms, several with one line; those with a key by themselves.
    pub(crate) fn join_some(&mut self, folded: &[String]) {
        let mut list = String::new();
        for folded in folded {
            let Some(wanted) = self.memory.wanted.get_mut(folded) else { continue };
            let name = wanted.name.clone();
            if !self.server.is_room(&name) {
                let asked = std::mem::take(&mut wanted.asked);
                for asked in asked {
                    self.report_direct(&name, Some(asked));
                }
                continue;
            }
            if let Some(key) = self.key_of(folded) {
                self.urgent(LineBuilder::new().command("JOIN").arg(&name).arg(&key));
                continue;
            }
            if !list.is_empty() && list.len() + name.len() > JOIN_LIST_MAX_BYTES {
                self.urgent(LineBuilder::new().command("JOIN").arg(&list));
                list.clear();
            }
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(&name);
        }
        if !list.is_empty() {
            self.urgent(LineBuilder::new().command("JOIN").arg(&list));
        }
    }

    fn key_of(&self, folded: &str) -> Option<String> {
        let is_it = |name: &String| self.fold(name) == folded;
        self.config.channel_keys.iter().find(|(name, _)| is_it(name)).map(|(_, key)| key.clone())
    }

    fn leave(&mut self, room: &RemoteRoomId) {
        self.memory.wanted.remove(room.as_str());
        self.memory.read.remove(room.as_str());
        self.directs.remove(room.as_str());
        if let Some(room) = self.rooms.remove(room.as_str()) {
            self.urgent(LineBuilder::new().command("PART").arg(&room.name));
        }
    }

    fn send(&mut self, request: SendRequest) {
        let SendRequest { delivery, part, room, key, action } = request;
        let answer = |outcome| Report::Outcome { delivery, part, outcome };
        if !self.is_online() {
            return self.report(answer(not_now("not connected")));
        }
        let folded = room.as_str();
        let is_room = self.server.is_room(folded);
        let Some(target) = (if is_room {
            self.rooms.get(folded).map(|room| room.name.clone())
        } else {
            Some(folded.to_owned())
        }) else {
            let why = "not in the room at the moment".to_owned();
            return self.report(answer(Outcome::Later { after: None, scope: Wait::Room, why }));
        };
        let label = self.confirm.next_label();
        let line = match self.line_for(&target, &action, key.as_str(), label) {
            Ok(line) => line,
            Err(refusal) => return self.report(answer(Outcome::Refused(refusal))),
        };
        let echoes = matches!(action, Action::Post(_));
        let track = Track { delivery, part, room: folded.into(), label, echoes };
        let bytes = line.finish();
        if bytes.len() > self.server.line_len + crate::wire::TAGS_MAX_BYTES {
            let refusal = Refusal { kind: RefusalKind::Message, code: "417 line too long".to_owned() };
            return self.report(answer(Outcome::Refused(refusal)));
        }
        if self.queue.push(folded, Queued { bytes, track: Some(track) }).is_err() {
            let why = "too many lines wait for their turn".to_owned();
            self.report(answer(Outcome::Later { after: None, scope: Wait::Room, why }));
        }
    }

    fn line_for(&self, target: &str, action: &Action, key: &str, label: u64) -> Result<LineBuilder, Refusal> {
        let on = self.caps.on;
        let unsupported =
            |what: &str| Refusal { kind: RefusalKind::Unsupported, code: format!("no {what} here") };
        let mut line = LineBuilder::new();
        if on.labels {
            line = line.tag("label", &format!("sr{label}"));
        }
        match action {
            Action::Post(post) => Ok(self.line_of_post(line, target, post, key)),
            Action::Delete { target: message, .. } => {
                if !on.redacts() || !is_native(&message.primary) {
                    return Err(unsupported("deletion"));
                }
                Ok(line.command("REDACT").arg(target).arg(message.primary.as_str()))
            }
            Action::React { target: message, emoji } | Action::Unreact { target: message, emoji } => {
                if !on.tags || !self.server.allows_tag("draft/react") || !is_native(&message.primary) {
                    return Err(unsupported("reaction"));
                }
                let tag =
                    if matches!(action, Action::React { .. }) { "+draft/react" } else { "+draft/unreact" };
                let line = self.reply_tags(line, &message.primary).tag(tag, &emoji.fallback());
                Ok(line.command("TAGMSG").arg(target))
            }
            Action::SetReactions { .. } => Err(unsupported("set of reactions")),
            Action::Edit { .. } => Err(unsupported("edit")),
            Action::File(_) => Err(unsupported("file")),
            Action::Thread(_) => Err(unsupported("thread")),
        }
    }

    fn line_of_post(
        &self,
        mut line: LineBuilder,
        target: &str,
        post: &OutboundPost,
        key: &str,
    ) -> LineBuilder {
        let on = self.caps.on;
        if let Some(NativeIds { primary, .. }) = &post.reply
            && on.tags
            && is_native(primary)
        {
            line = self.reply_tags(line, primary);
        }
        if on.tags && self.server.allows_tag(MARK_TAG.trim_start_matches('+')) {
            line = line.tag(MARK_TAG, key);
        }
        if let Some(author) = &post.author
            && on.relaymsg
            && !post.notice
            && self.server.is_room(target)
        {
            let separators = self.caps.offered.get("draft/relaymsg").map(String::as_str).unwrap_or_default();
            let nick =
                relay_nick(&author.name, separators.chars().next().unwrap_or('/'), self.server.nick_len);
            return line.command("RELAYMSG").arg(target).arg(&nick).text(&post.text.text);
        }
        let command = if post.notice { "NOTICE" } else { "PRIVMSG" };
        line.command(command).arg(target).text(&post.text.text)
    }

    /// Both spellings of the reply tag that are in use.
    fn reply_tags(&self, mut line: LineBuilder, message: &RemoteMessageId) -> LineBuilder {
        for tag in ["reply", "draft/reply"] {
            if self.server.allows_tag(tag) {
                line = line.tag(&format!("+{tag}"), message.as_str());
            }
        }
        line
    }

    fn whisper(&mut self, room: &RemoteRoomId, to: &RemoteUserId, text: &str) {
        if !self.is_online() {
            return;
        }
        let account = to.as_str().strip_prefix("account:");
        let by_account = || account.and_then(|account| self.users.by_account(account));
        let Some(nick) = nick_of(to).or_else(by_account).map(str::to_owned) else { return };
        let lines = text.lines().filter(|line| !line.trim().is_empty()).take(WHISPER_LINES_MAX);
        for line in lines.flat_map(cut) {
            let bytes = LineBuilder::new().command("NOTICE").arg(&nick).text(line).finish();
            if self.queue.push(room.as_str(), Queued { bytes, track: None }).is_err() {
                return;
            }
        }
    }
}

/// Pieces of a line that fit, cut between letters.
fn cut(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = WHISPER_LINE_BYTES.min(rest.len());
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(piece)
    })
}

/// A nick for `RELAYMSG`, which must hold a separator so that it is nobody's own.
fn relay_nick(name: &str, separator: char, max: usize) -> String {
    let suffix = format!("{separator}sr");
    let mut nick = String::new();
    for c in name.chars() {
        let c = if c.is_alphanumeric() || "[]\\`_^{|}-".contains(c) { c } else { '-' };
        if nick.len() + c.len_utf8() + suffix.len() > max.max(9) {
            break;
        }
        nick.push(c);
    }
    if nick.is_empty() {
        nick.push_str("someone");
    }
    nick + &suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whispers_are_cut_between_letters() {
        let text = "ü".repeat(500);
        let pieces: Vec<_> = cut(&text).collect();
        assert!(pieces.iter().all(|piece| piece.len() <= WHISPER_LINE_BYTES));
        assert_eq!(pieces.concat(), text);
    }

    #[test]
    fn relayed_nicks_are_nobodys_own() {
        assert_eq!(relay_nick("Ann B!@", '/', 30), "Ann-B--/sr");
        assert_eq!(relay_nick("", '/', 30), "someone/sr");
        assert_eq!(relay_nick("abcdefghijkl", '/', 9), "abcdef/sr");
    }
}
