//! What people say, take back and put on messages.

use sameroom_connector::Report;
use sameroom_markup::{Dialect, Irc};
use sameroom_types::event::{
    Author, Content, ContentKind, Deletion, DeletionCause, Inbound, Post, Reaction, ReplyTo, Role, RoomEvent,
};
use sameroom_types::ids::{Mark, NativeIds, RemoteMessageId, RemoteRoomId};
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;
use tokio::time::{Duration, Instant};

use super::BatchKind;
use crate::client::Client;
use crate::ids::Position;
use crate::outbound::MARK_TAG;
use crate::wire::{Line, LineBuilder};

/// The least time between two answers to CTCP requests.
const CTCP_EVERY: Duration = Duration::from_secs(2);

/// What a line's batch says about it.
#[derive(Clone, Copy, Debug, Default)]
struct Place<'a> {
    label: Option<u64>,
    history: Option<&'a str>,
}

impl Client {
    pub(super) fn on_message(&mut self, line: &Line<'_>, now: Instant) {
        let reference = line.tag("batch");
        let batch = reference.as_deref().and_then(|name| self.batches.get(name));
        let history = batch.and_then(|batch| match &batch.kind {
            BatchKind::History(room) => Some(room.clone()),
            _ => None,
        });
        let label = self.own_label(line).or(batch.and_then(|batch| batch.label));
        self.on_message_in(line, Place { label, history: history.as_deref() }, now);
    }

    fn on_message_in(&mut self, line: &Line<'_>, place: Place<'_>, now: Instant) {
        let at = self.at(line);
        if let Some(room) = place.history {
            let mark = line.tag(MARK_TAG);
            self.note_history_line(room, place.label, at, line, mark.as_deref());
        } else if self.is_own(line) {
            return self.on_echo(line, place.label);
        }
        let target = line.param(0);
        if line.user_host().is_none() && !self.is_service(line) {
            // Servers talk to us too, but not as people.
            return;
        }
        if self.server.is_room(target) {
            let folded = self.fold(target);
            let Some(room) = self.rooms.get(&folded) else { return };
            let is_old = at.zip(room.joined_at).is_some_and(|(at, joined)| at < joined);
            let is_history = place.history.is_some() || is_old;
            if is_history && self.is_own(line) {
                return;
            }
            self.on_room_message(line, &folded, at, is_history, now);
        } else if self.is_me(target) && place.history.is_none() {
            self.on_direct(line, at, now);
        }
        // What is left goes to operators only (STATUSMSG) and is not for other rooms.
    }

    fn is_service(&self, line: &Line<'_>) -> bool {
        self.server.casemapping.same(line.nick(), "NickServ")
    }

    /// Whether a line comes from us: under our nick, or relayed by us.
    fn is_own(&self, line: &Line<'_>) -> bool {
        self.is_me(line.nick())
            || self.caps.on.relaymsg
                && ["draft/relaymsg", "relaymsg"]
                    .iter()
                    .any(|tag| line.tag(tag).is_some_and(|nick| self.is_me(&nick)))
    }

    fn on_echo(&mut self, line: &Line<'_>, label: Option<u64>) {
        if let Some(mask) = line.user_host().filter(|_| self.is_me(line.nick())) {
            self.learn_own_mask(mask);
        }
        let is_said = matches!(line.command, "PRIVMSG" | "NOTICE");
        let track = match label {
            Some(label) => self.confirm.by_label(label),
            None if is_said && self.caps.on.echo && !self.caps.on.labels => {
                let folded = self.fold(line.param(0));
                self.confirm.oldest(Some(&folded), true)
            }
            None => None,
        };
        let Some(track) = track else { return };
        let ids = line.tag("msgid").filter(|_| track.echoes).map(|msgid| NativeIds::one(&*msgid));
        if let Some(ids) = &ids
            && let Some(at) = self.at(line)
        {
            let read = self.memory.read.entry(track.room.to_string()).or_default();
            read.position = Some(Position { at, msgid: Some(ids.primary.as_str().into()) });
        }
        self.done(&track, ids, true);
    }

    fn on_room_message(
        &mut self,
        line: &Line<'_>,
        folded: &str,
        at: Option<Timestamp>,
        history: bool,
        now: Instant,
    ) {
        let msgid = line.tag("msgid");
        let author = self.author(line, Some(folded));
        if history
            && let Some(msgid) = &msgid
            && self.memory.read.get(folded).is_some_and(|read| read.author_of(msgid).is_some())
        {
            return;
        }
        let event = match line.command {
            "PRIVMSG" | "NOTICE" => match self.post(line, author, msgid.as_deref(), now) {
                Some(post) => RoomEvent::Posted(post),
                None => return,
            },
            "TAGMSG" => match tagged(line, author) {
                Some(RoomEvent::Typing { .. }) if history => return,
                Some(event) => event,
                None => return,
            },
            _ => self.deletion(line, folded, author),
        };
        let read = self.memory.read.entry(folded.to_owned()).or_default();
        if let RoomEvent::Posted(post) = &event
            && let Some(msgid) = &msgid
        {
            read.note(msgid, &post.author.id);
        }
        let is_transient = matches!(event, RoomEvent::Typing { .. });
        let cursor = at.filter(|_| !is_transient).map(|at| {
            let position = Position { at, msgid: msgid.as_deref().map(Into::into) };
            let cursor = position.to_cursor();
            read.position = Some(position);
            cursor
        });
        let at = at.or_else(|| Some(self.clock.wall()));
        self.emit(Inbound { room: RemoteRoomId::new(folded), at, cursor, history, event });
    }

    fn on_direct(&mut self, line: &Line<'_>, at: Option<Timestamp>, now: Instant) {
        let nick = line.nick();
        if line.command == "NOTICE" {
            // A notice must never be answered, so nobody talks to us by notices but services.
            if self.is_service(line) {
                self.on_nickserv(line.param(1));
            }
            return;
        }
        if line.command != "PRIVMSG" || !self.is_online() || nick.is_empty() {
            return;
        }
        let msgid = line.tag("msgid");
        let author = self.author(line, None);
        let folded = self.fold(nick);
        let Some(post) = self.post(line, author, msgid.as_deref(), now) else { return };
        self.report_direct(nick, None);
        let at = at.or_else(|| Some(self.clock.wall()));
        self.happened(&folded, at, RoomEvent::Posted(post));
    }

    /// A message, or nothing where it was a request of a program to ours.
    fn post(&mut self, line: &Line<'_>, author: Author, msgid: Option<&str>, now: Instant) -> Option<Post> {
        let text = line.param(1);
        let (text, kind) = match text.strip_prefix('\u{1}') {
            None if line.command == "NOTICE" => (text, ContentKind::Notice),
            None => (text, ContentKind::Text),
            Some(ctcp) => {
                let ctcp = ctcp.strip_suffix('\u{1}').unwrap_or(ctcp);
                let (word, rest) = ctcp.split_once(' ').unwrap_or((ctcp, ""));
                if word.eq_ignore_ascii_case("ACTION") {
                    (rest, ContentKind::Action)
                } else {
                    if line.command == "PRIVMSG" {
                        self.answer_ctcp(line.nick(), word, rest, now);
                    }
                    return None;
                }
            }
        };
        let text = Irc::default().parse(text);
        if text.is_empty() {
            return None;
        }
        let primary = msgid.map_or_else(|| self.memory.message_ids.next_id(), RemoteMessageId::from);
        Some(Post {
            ids: NativeIds { primary, origin: None },
            author,
            content: Content { text, files: Vec::new(), kind },
            reply: reply(line).map(|message| ReplyTo { message, author: None, excerpt: None }),
            thread: None,
            album: None,
            mark: line.tag(MARK_TAG).and_then(|mark| Mark::parse(&mark)),
        })
    }

    fn answer_ctcp(&mut self, nick: &str, word: &str, rest: &str, now: Instant) {
        let answer = match word.to_ascii_uppercase().as_str() {
            "VERSION" => format!("VERSION {}", sameroom_types::PRODUCT),
            "PING" => format!("PING {}", rest.chars().take(64).collect::<String>()),
            _ => return,
        };
        if self.ctcp_at.is_some_and(|at| now.saturating_duration_since(at) < CTCP_EVERY) {
            return;
        }
        self.ctcp_at = Some(now);
        self.urgent(LineBuilder::new().command("NOTICE").arg(nick).ctcp(&answer));
    }

    fn deletion(&self, line: &Line<'_>, folded: &str, author: Author) -> RoomEvent {
        let msgid = line.param(1);
        let wrote = self.memory.read.get(folded).and_then(|read| read.author_of(msgid));
        let is_own = match wrote {
            Some(wrote) => *wrote == author.id,
            None => author.role < Role::Moderator,
        };
        let cause = if is_own { DeletionCause::Author } else { DeletionCause::Moderator };
        RoomEvent::Deleted(Deletion { messages: vec![RemoteMessageId::from(msgid)], by: Some(author), cause })
    }

    pub(super) fn on_invite(&mut self, line: &Line<'_>) {
        let room = line.param(1);
        if !self.is_me(line.param(0)) || !self.server.is_room(room) {
            return;
        }
        let folded = self.fold(room);
        if self.rooms.contains_key(&folded) {
            return;
        }
        if self.memory.wanted.contains_key(&folded) {
            return self.join_some(&[folded]);
        }
        let by = Some(self.author(line, None));
        self.report(Report::Invited { room: room.into(), by });
    }
}

/// The message that a line answers.
fn reply(line: &Line<'_>) -> Option<RemoteMessageId> {
    let tag = line.tag("+reply").or_else(|| line.tag("+draft/reply"))?;
    (!tag.is_empty()).then(|| RemoteMessageId::from(&*tag))
}

/// What tags alone say.
fn tagged(line: &Line<'_>, author: Author) -> Option<RoomEvent> {
    if line.tag("+typing").is_some_and(|state| state == "active") {
        return Some(RoomEvent::Typing { author });
    }
    let message = reply(line)?;
    let emoji = |tag: &str| {
        let emoji = line.tag(tag).filter(|emoji| !emoji.is_empty() && emoji.len() <= 64)?;
        let custom =
            emoji.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).filter(|name| !name.is_empty());
        Some(match custom {
            Some(name) => Emoji::Custom { name: name.to_owned(), url: None },
            None => Emoji::Unicode(emoji.to_string()),
        })
    };
    if let Some(emoji) = emoji("+draft/react") {
        return Some(RoomEvent::Reacted(Reaction { message, author, emoji }));
    }
    emoji("+draft/unreact").map(|emoji| RoomEvent::Unreacted(Reaction { message, author, emoji }))
}
