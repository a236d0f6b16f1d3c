//! What the server says, as events and changes of what we know. One function for each kind of line.

use std::borrow::Cow;

use sameroom_connector::{Report, RoomReport};
use sameroom_markup::{Dialect, Irc};
use sameroom_types::action::{Outcome, Refusal, RefusalKind};
use sameroom_types::event::{
    Author, Content, ContentKind, Deletion, DeletionCause, Inbound, MemberChange, Post, Reaction, ReplyTo,
    Role, RoomEvent,
};
use sameroom_types::ids::{Mark, NativeIds, RemoteMessageId, RemoteRoomId};
use sameroom_types::room::RoomKind;
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;
use tokio::time::{Duration, Instant};

use crate::client::{Client, End, LIST_MAX};
use crate::ids::{self, Position};
use crate::outbound::MARK_TAG;
use crate::refusal::{self, Closing};
use crate::rooms::Room;
use crate::stamp;
use crate::wire::{Line, LineBuilder};

/// The most batches open at a time.
const BATCHES_MAX: usize = 64;

/// The most people remembered as gone in a netsplit.
const SPLIT_MAX: usize = 20_000;

/// How long to wait before a refused join is tried again.
const JOIN_RETRY: Duration = Duration::from_secs(5 * 60);

/// The least time between two answers to CTCP requests.
const CTCP_EVERY: Duration = Duration::from_secs(2);

/// Lines that belong together.
#[derive(Debug)]
pub(crate) struct Batch {
    kind: BatchKind,
    label: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum BatchKind {
    /// The answer to one labelled line.
    Answer,
    /// Said before, in this room (folded).
    History(String),
    /// Servers part or find each other.
    Split,
    /// Anything else.
    Other,
}

/// What a line's batch says about it.
#[derive(Clone, Copy, Debug, Default)]
struct Place<'a> {
    label: Option<u64>,
    history: Option<&'a str>,
}

impl Client {
    /// Takes one line without its CR and LF.
    pub(crate) fn line(&mut self, text: &str, now: Instant) {
        let Some(line) = Line::parse(text) else { return };
        match line.command {
            "PRIVMSG" | "NOTICE" | "TAGMSG" | "REDACT" => self.on_message(&line, now),
            "PING" => self.write(LineBuilder::new().command("PONG").text(line.last())),
            "PONG" => self.on_pong(line.last(), now),
            "BATCH" => self.on_batch(&line),
            "JOIN" | "PART" | "KICK" | "QUIT" | "NICK" => self.on_movement(&line),
            "MODE" => self.on_mode(&line),
            "CAP" => self.on_cap(&line),
            "AUTHENTICATE" => self.on_authenticate(line.param(0)),
            "ERROR" => self.on_error(line.last()),
            "INVITE" => self.on_invite(&line),
            "ACCOUNT" => self.on_account(&line),
            "CHGHOST" => self.on_new_host(&line),
            "ACK" => self.on_ack(&line),
            "FAIL" => self.on_fail(&line),
            "KILL" => self.last_words = Some(format!("killed: {}", line.last())),
            numeric if numeric.len() == 3 => self.on_numeric(&line, now),
            _ => {}
        }
    }

    fn own_label(&self, line: &Line<'_>) -> Option<u64> {
        line.tag("label")?.strip_prefix("sr")?.parse().ok()
    }

    /// The label of a line or of the batch it is in.
    fn label_of(&self, line: &Line<'_>) -> Option<u64> {
        let batch = || self.batches.get(&*line.tag("batch")?)?.label;
        self.own_label(line).or_else(batch)
    }

    fn at(&self, line: &Line<'_>) -> Option<Timestamp> {
        line.tag("time").and_then(|time| stamp::parse(&time))
    }

    fn on_batch(&mut self, line: &Line<'_>) {
        let reference = line.param(0);
        if let Some(name) = reference.strip_prefix('+') {
            if self.batches.len() >= BATCHES_MAX {
                self.batches.clear();
            }
            let kind = match line.param(1) {
                "labeled-response" => BatchKind::Answer,
                "chathistory" => BatchKind::History(self.fold(line.param(2))),
                "netsplit" | "netjoin" => BatchKind::Split,
                _ => BatchKind::Other,
            };
            let label = self.label_of(line);
            self.batches.insert(name.to_owned(), Batch { kind, label });
        } else if let Some(name) = reference.strip_prefix('-')
            && let Some(batch) = self.batches.remove(name)
        {
            match batch.kind {
                BatchKind::History(room) => self.end_history(&room, batch.label),
                // An answer without an echo of the line in it.
                BatchKind::Answer => {
                    if let Some(track) = batch.label.and_then(|label| self.confirm.by_label(label)) {
                        self.done(&track, None, false);
                    }
                }
                _ => {}
            }
        }
    }

    fn on_message(&mut self, line: &Line<'_>, now: Instant) {
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

    /// Who sent a line, with what is known of them.
    pub(crate) fn author(&self, line: &Line<'_>, room: Option<&str>) -> Author {
        let nick = line.nick();
        let folded = self.fold(nick);
        let known = self.users.find(&folded);
        let tagged = line.tag("account");
        let account = match (&tagged, self.caps.on.account_tag) {
            (Some(account), _) => Some(account.as_ref()),
            (None, true) => None,
            (None, false) => known.and_then(|user| user.account.as_deref()),
        };
        let user_host = line.user_host().or_else(|| known.and_then(|user| user.user_host.as_deref()));
        let role = room.and_then(|room| self.rooms.get(room)).map(|room| room.role(&folded, &self.server));
        Author {
            id: ids::user(account, &folded, user_host),
            name: nick.to_owned(),
            username: account.filter(|account| *account != nick).map(str::to_owned),
            avatar: None,
            is_bot: ["bot", "draft/bot", "inspircd.org/bot"].iter().any(|tag| line.tag(tag).is_some()),
            role: role.unwrap_or(Role::Unknown),
        }
    }

    fn learn_own_mask(&mut self, mask: &str) {
        if self.user_host.as_deref() != Some(mask) {
            self.user_host = Some(mask.into());
            self.report_rooms();
        }
    }

    fn on_pong(&mut self, token: &str, now: Instant) {
        let Some(token) = token.strip_prefix("sr-") else { return };
        let number = |text: &str| text.parse::<u64>().ok();
        if let Some(barrier) = token.strip_prefix('b').and_then(number) {
            for track in self.confirm.passed(barrier) {
                self.done(&track, None, false);
            }
        } else if let Some(probe) =
            token.strip_prefix('p').and_then(number).and_then(|token| self.probes.remove(&token))
        {
            let result = Ok(now.saturating_duration_since(probe.since));
            self.report(Report::Pong { id: probe.id, result });
        } else if let Some(token) = token.strip_prefix('h').and_then(number) {
            self.end_playback(token);
        } else if token == "identified" {
            self.identification_is_over();
        }
    }

    fn on_ack(&mut self, line: &Line<'_>) {
        let Some(track) = self.own_label(line).and_then(|label| self.confirm.by_label(label)) else { return };
        if track.echoes && self.caps.on.echo {
            let code = "the server took the line but showed it to nobody".to_owned();
            self.outcome(&track, Outcome::Refused(Refusal { kind: RefusalKind::Message, code }));
        } else {
            self.done(&track, None, true);
        }
    }

    fn on_fail(&mut self, line: &Line<'_>) {
        let (command, code) = (line.param(0), line.param(1));
        if command == "CHATHISTORY" {
            let label = self.label_of(line);
            let room = line
                .params()
                .iter()
                .skip(2)
                .find(|param| self.server.is_room(param))
                .map(|room| self.fold(room));
            if let Some(room) = room {
                self.fail_history(&room, label);
            } else if let Some(label) = label {
                let rooms: Vec<String> = self.rooms.keys().cloned().collect();
                for room in rooms {
                    self.fail_history(&room, Some(label));
                }
            }
            return;
        }
        let track = match self.label_of(line) {
            Some(label) => self.confirm.by_label(label),
            None if matches!(command, "PRIVMSG" | "NOTICE" | "TAGMSG" | "REDACT" | "RELAYMSG") => {
                let room = line
                    .params()
                    .iter()
                    .skip(2)
                    .find(|param| self.server.is_room(param))
                    .map(|room| self.fold(room));
                self.confirm.oldest(room.as_deref(), false)
            }
            None => None,
        };
        let Some(track) = track else { return };
        let kind = match code {
            "UNKNOWN_MSGID" | "REDACT_WINDOW_EXPIRED" => RefusalKind::TargetGone,
            _ => RefusalKind::Message,
        };
        self.outcome(
            &track,
            Outcome::Refused(Refusal { kind, code: format!("{command} {code} {}", line.last()) }),
        );
    }

    fn on_error(&mut self, words: &str) {
        let closing = Closing::of(words);
        if closing == Closing::Flood {
            self.memory.pace_factor = (self.memory.pace_factor / 2.0).max(0.05);
        }
        self.close(End::Lost { why: format!("the server closed the connection: {words}"), closing });
    }

    fn on_numeric(&mut self, line: &Line<'_>, now: Instant) {
        if self.on_registration_numeric(line, now) {
            return;
        }
        match line.command {
            "353" => self.on_names(line),
            "366" => {
                let folded = self.fold(line.param(1));
                if self.rooms.get(&folded).is_some_and(|room| room.reported.is_none()) {
                    self.report_room(&folded);
                    self.continue_fill(&folded, now);
                }
            }
            "324" => {
                let folded = self.fold(line.param(1));
                let modes = line.param(2).chars().filter(|mode| *mode != '+').collect();
                if let Some(room) = self.rooms.get_mut(&folded) {
                    room.modes = modes;
                    if room.reported.is_some() {
                        self.report_room(&folded);
                    }
                }
            }
            "322" => self.on_list(line),
            "323" => self.end_listing(),
            "731" => self.regain(),
            numeric => {
                if !self.on_refused_message(line, numeric) {
                    self.on_refused_join(line, numeric, now);
                }
            }
        }
    }

    fn on_refused_message(&mut self, line: &Line<'_>, numeric: &str) -> bool {
        if !refusal::is_about_speaking(numeric) {
            return false;
        }
        let folded = self.fold(line.param(1));
        let track = match self.label_of(line) {
            Some(label) => self.confirm.by_label(label),
            None => self.confirm.oldest(Some(&folded), false),
        };
        let Some(track) = track else { return false };
        let me = self.fold(&self.nick);
        let moderated =
            self.rooms.get(&folded).is_some_and(|room| room.modes.contains(&'m') && !room.has_rank(&me));
        self.outcome(&track, refusal::of_message(numeric, line.last(), moderated));
        true
    }

    fn on_refused_join(&mut self, line: &Line<'_>, numeric: &str, now: Instant) {
        let Some((why, retrying)) = refusal::of_join(numeric, line.last()) else { return };
        let folded = self.fold(line.param(1));
        if self.rooms.contains_key(&folded) {
            return;
        }
        if retrying && let Some(wanted) = self.memory.wanted.get_mut(&folded) {
            wanted.retry_at = Some(now + JOIN_RETRY);
        }
        self.report_failure(&folded, &why, retrying);
    }

    fn on_names(&mut self, line: &Line<'_>) {
        let folded = self.fold(line.param(2));
        let (server, casemapping) = (&self.server, self.server.casemapping);
        let Some(room) = self.rooms.get_mut(&folded) else { return };
        for name in line.last().split_ascii_whitespace() {
            let ranks =
                name.chars().map_while(|sign| server.rank_of_sign(sign)).fold(0, |all, rank| all | rank);
            let nick = name.trim_start_matches(|sign| server.rank_of_sign(sign).is_some());
            let nick = nick.split('!').next().unwrap_or(nick);
            room.add(casemapping.fold(nick), ranks);
        }
    }

    fn on_list(&mut self, line: &Line<'_>) {
        let name = line.param(1);
        let Some(listing) = &self.listing else { return };
        if listing.rooms.len() >= LIST_MAX || !self.server.is_room(name) {
            return;
        }
        let report = RoomReport {
            asked: None,
            id: RemoteRoomId::new(self.fold(name)),
            name: name.to_owned(),
            kind: RoomKind::Public,
            capabilities: self.capabilities(name, None),
        };
        if let Some(listing) = &mut self.listing {
            listing.rooms.push(report);
        }
    }

    fn on_invite(&mut self, line: &Line<'_>) {
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

    fn on_account(&mut self, line: &Line<'_>) {
        let folded = self.fold(line.nick());
        let account = Some(line.param(0)).filter(|account| *account != "*" && !account.is_empty());
        if self.is_me(line.nick()) {
            self.account = account.map(Into::into);
        }
        if let Some(user) = self.users.note(&folded) {
            user.account = account.map(Into::into);
        }
    }

    fn on_new_host(&mut self, line: &Line<'_>) {
        let mask = format!("{}@{}", line.param(0), line.param(1));
        let folded = self.fold(line.nick());
        if let Some(user) = self.users.note(&folded) {
            user.user_host = Some(mask.as_str().into());
        }
        if self.is_me(line.nick()) {
            self.learn_own_mask(&mask);
        }
    }

    fn on_mode(&mut self, line: &Line<'_>) {
        let target = line.param(0);
        if self.is_me(target) {
            if line.param(1).contains('r') && line.param(1).starts_with('+') {
                self.identified();
            }
            return;
        }
        let folded = self.fold(target);
        let (server, casemapping) = (&self.server, self.server.casemapping);
        let Some(room) = self.rooms.get_mut(&folded) else { return };
        let mut params = line.params().iter().skip(2);
        let mut adding = true;
        for mode in line.param(1).chars() {
            match mode {
                '+' => adding = true,
                '-' => adding = false,
                _ => {
                    let param = if server.takes_param(mode, adding) { params.next() } else { None };
                    if let (Some(rank), Some(nick)) = (server.rank_of_mode(mode), param) {
                        room.set_rank(&casemapping.fold(nick), rank, adding);
                    } else if adding {
                        room.modes.insert(mode);
                    } else {
                        room.modes.remove(&mode);
                    }
                }
            }
        }
        if room.reported.is_some() {
            self.report_room(&folded);
        }
    }

    /// Who comes, goes and changes name.
    fn on_movement(&mut self, line: &Line<'_>) {
        let reference = line.tag("batch");
        let batch = reference.as_deref().and_then(|name| self.batches.get(name));
        if batch.is_some_and(|batch| matches!(batch.kind, BatchKind::History(_))) {
            return self.note_movement_in_history(line, reference);
        }
        let is_split = batch.is_some_and(|batch| batch.kind == BatchKind::Split);
        match line.command {
            "JOIN" => self.on_join(line, is_split),
            "PART" => {
                self.on_leave(line, line.nick(), line.params().get(1).map(|reason| (*reason).to_owned()))
            }
            "KICK" => self.on_kick(line),
            "QUIT" => self.on_quit(line, is_split),
            _ => self.on_nick(line),
        }
    }

    fn note_movement_in_history(&mut self, line: &Line<'_>, reference: Option<Cow<'_, str>>) {
        let Some(batch) = reference.and_then(|name| self.batches.get(&*name)) else { return };
        let BatchKind::History(room) = batch.kind.clone() else { return };
        let label = batch.label;
        let at = self.at(line);
        self.note_history_line(&room, label, at, line, None);
    }

    fn on_join(&mut self, line: &Line<'_>, is_split: bool) {
        let name = line.param(0);
        let folded = self.fold(name);
        if self.is_me(line.nick()) {
            return self.on_own_join(line, name, folded);
        }
        let nick = self.fold(line.nick());
        if let Some(user) = self.users.note(&nick) {
            user.user_host = line.user_host().map(Into::into);
            if self.caps.on.extended_join {
                let account = line.params().get(1).filter(|account| **account != "*");
                user.account = account.map(|account| (*account).into());
            }
        }
        let Some(room) = self.rooms.get_mut(&folded) else { return };
        let is_back = self.split_off.contains(&nick);
        room.add(nick, 0);
        if !is_split && !is_back {
            let member = self.author(line, Some(&folded));
            self.moved(&folded, line, member, MemberChange::Joined);
        }
    }

    fn on_own_join(&mut self, line: &Line<'_>, name: &str, folded: String) {
        if let Some(mask) = line.user_host() {
            self.user_host = Some(mask.into());
        }
        if !self.memory.wanted.contains_key(&folded) {
            // Forwarded, or joined by services: nobody asked for this room.
            return self.urgent(LineBuilder::new().command("PART").arg(name));
        }
        let joined_at = self.at(line);
        self.rooms.insert(folded.clone(), Room::new(name, joined_at));
        self.start_fill(&folded);
        self.urgent(LineBuilder::new().command("MODE").arg(name));
    }

    fn moved(&mut self, folded: &str, line: &Line<'_>, member: Author, change: MemberChange) {
        let at = self.at(line).or_else(|| Some(self.clock.wall()));
        let event = RoomEvent::MemberChanged { member, change };
        self.emit(Inbound { room: RemoteRoomId::new(folded), at, cursor: None, history: false, event });
    }

    fn on_kick(&mut self, line: &Line<'_>) {
        let who = line.param(1);
        let reason = line.params().get(2).map(|reason| (*reason).to_owned());
        if self.is_me(who) {
            return self.thrown_out(line, Some(line.nick().to_owned()), reason);
        }
        let by = line.nick();
        let words = reason.map_or(String::new(), |reason| format!(": {reason}"));
        self.on_leave(line, who, Some(format!("kicked by {by}{words}")));
    }

    /// A kick means stop: nobody gets us back but by asking again.
    fn thrown_out(&mut self, line: &Line<'_>, by: Option<String>, reason: Option<String>) {
        let folded = self.fold(line.param(0));
        let Some(room) = self.rooms.remove(&folded) else { return };
        self.memory.wanted.remove(&folded);
        self.memory.read.remove(&folded);
        drop(room);
        let at = self.at(line).or_else(|| Some(self.clock.wall()));
        self.happened(&folded, at, RoomEvent::Kicked { by, reason });
    }

    fn on_leave(&mut self, line: &Line<'_>, who: &str, reason: Option<String>) {
        if self.is_me(who) {
            // We only part after forgetting the room, so this was somebody else's will.
            return self.thrown_out(line, None, reason);
        }
        let folded = self.fold(line.param(0));
        let nick = self.fold(who);
        let member = self.member(line, who, &folded);
        let Some(room) = self.rooms.get_mut(&folded) else { return };
        if room.remove(&nick) {
            self.moved(&folded, line, member, MemberChange::Left { reason });
            if !self.rooms.values().any(|room| room.has(&nick)) {
                self.users.forget(&nick);
            }
        }
    }

    /// Somebody a line is about, who need not be who sent it.
    fn member(&self, line: &Line<'_>, who: &str, room: &str) -> Author {
        if self.server.casemapping.same(line.nick(), who) {
            return self.author(line, Some(room));
        }
        let nick = self.fold(who);
        let known = self.users.find(&nick);
        let account = known.and_then(|user| user.account.as_deref());
        let user_host = known.and_then(|user| user.user_host.as_deref());
        Author {
            id: ids::user(account, &nick, user_host),
            name: who.to_owned(),
            username: None,
            avatar: None,
            is_bot: false,
            role: self.rooms.get(room).map_or(Role::Unknown, |room| room.role(&nick, &self.server)),
        }
    }

    fn on_quit(&mut self, line: &Line<'_>, is_split: bool) {
        let nick = self.fold(line.nick());
        let reason = line.last();
        let is_split = is_split || is_split_reason(reason);
        if is_split && self.split_off.len() < SPLIT_MAX {
            self.split_off.insert(nick.clone());
        }
        let there: Vec<String> =
            self.rooms.iter().filter(|(_, room)| room.has(&nick)).map(|(folded, _)| folded.clone()).collect();
        for folded in there {
            let member = self.author(line, Some(&folded));
            if let Some(room) = self.rooms.get_mut(&folded) {
                room.remove(&nick);
            }
            if !is_split {
                let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
                self.moved(&folded, line, member, MemberChange::Left { reason });
            }
        }
        self.users.forget(&nick);
        if self.server.casemapping.same(line.nick(), &self.config.nick) {
            self.regain();
        }
    }

    fn on_nick(&mut self, line: &Line<'_>) {
        let (from, to) = (self.fold(line.nick()), self.fold(line.param(0)));
        let name = line.param(0);
        if name.is_empty() {
            return;
        }
        let is_own = self.is_me(line.nick());
        let freed = self.server.casemapping.same(line.nick(), &self.config.nick);
        let there: Vec<String> = self
            .rooms
            .iter_mut()
            .filter_map(|(folded, room)| room.rename(&from, &to).then(|| folded.clone()))
            .collect();
        self.users.rename(&from, &to);
        if is_own {
            self.nick = name.to_owned();
            return self.report_rooms();
        }
        let old = line.nick().to_owned();
        for folded in there {
            let role = self.rooms.get(&folded).map_or(Role::Unknown, |room| room.role(&to, &self.server));
            let author = self.author(line, Some(&folded));
            let id = if author.id.as_str().starts_with("account:") {
                author.id
            } else {
                ids::user(None, &to, line.user_host())
            };
            let member = Author { id, name: name.to_owned(), role, ..author };
            self.moved(&folded, line, member, MemberChange::Renamed { from: old.clone() });
        }
        if freed {
            self.regain();
        }
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

/// Whether somebody's last words are two server names, which is how a netsplit looks.
fn is_split_reason(reason: &str) -> bool {
    let is_host = |name: &str| {
        name.contains('.')
            && !name.starts_with('.')
            && !name.ends_with('.')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*'))
    };
    reason.split_once(' ').is_some_and(|(a, b)| is_host(a) && is_host(b))
}

#[cfg(test)]
mod tests {
    use super::is_split_reason;

    #[test]
    fn two_server_names_are_a_netsplit() {
        assert!(is_split_reason("*.net *.split"));
        assert!(is_split_reason("a.example.org b.example.org"));
        for reason in ["Quit: bye", "see you.", "Ping timeout", "a.b c d.e", ""] {
            assert!(!is_split_reason(reason), "{reason}");
        }
    }
}
