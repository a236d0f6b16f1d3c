//! What the sessions of a run do: report what happens, send, break, come back.

use std::time::Duration;

use sameroom_engine::Input;
use sameroom_types::action::{Action, Outcome, Refusal, RefusalKind, SendRequest, Wait};
use sameroom_types::capabilities::{Capabilities, Files, History, IdScope, Once, Reactions, Support};
use sameroom_types::event::{
    Author, Content, Deletion, DeletionCause, Edit, FileRef, Inbound, Post, Reaction, ReactionSet, ReplyTo,
    Role, RoomEvent,
};
use sameroom_types::ids::{DeliveryKey, Mark, NativeIds, Ticket};
use sameroom_types::limit::{TextLimit, TextUnit};
use sameroom_types::room::{Health, RoomKind};
use sameroom_types::text::Text;

use super::{Happening, World, account, room_name};
use crate::faults::platform::{Act, emoji, line_before, text_of};
use crate::faults::sabotage::Sabotage;
use crate::faults::scenario::ReactionSketch;

fn author(id: String, is_bot: bool) -> Author {
    Author {
        name: if is_bot { "sameroom".into() } else { format!("person {id}") },
        id: id.into(),
        username: None,
        avatar: None,
        is_bot,
        role: Role::Member,
    }
}

/// Who wrote an entry.
fn writer(id: u64) -> Author {
    author(format!("p{}", id % 3), false)
}

impl World {
    /// The session of a room hears of new acts, in their order on the wire.
    pub(super) fn hear(&mut self, room: usize) {
        loop {
            let delay = self.millis(1, 30);
            let now = self.now;
            let platform = &mut self.platforms[room];
            if !platform.connected || self.engine.is_none() || platform.heard >= platform.acts.len() {
                return;
            }
            let was_kicked = |act: &Act| matches!(act, Act::Kicked);
            if platform.acts[..platform.heard].iter().any(was_kicked) {
                return;
            }
            let connection = platform.connection;
            let act = platform.heard;
            platform.heard += 1;
            let at = platform.inbound_free.max(now + delay) + Duration::from_micros(1);
            platform.inbound_free = at;
            let stutters = platform.sketch.stutters;
            let is_post = matches!(platform.acts[act], Act::Posted { .. });
            self.schedule_at(at, Happening::Report { room, connection, act, history: false });
            // Some platforms tell the same twice; changes at least before the next one.
            if stutters && self.rng.one_in(12) {
                let later = if is_post { Duration::from_millis(self.rng.below(50)) } else { Duration::ZERO };
                let again = at + Duration::from_micros(1) + later;
                if !is_post {
                    self.platforms[room].inbound_free = again;
                }
                self.schedule_at(again, Happening::Report { room, connection, act, history: false });
            }
        }
    }

    pub(super) fn report(&mut self, room: usize, connection: u64, act: usize, history: bool) {
        if self.platforms[room].connection != connection || self.engine.is_none() {
            return;
        }
        let Some(inbound) = self.inbound(room, act, history) else { return };
        let platform = &mut self.platforms[room];
        platform.last_ticket += 1;
        let ticket = Ticket(platform.last_ticket);
        platform.tickets.insert(ticket, act);
        if let Act::Echo { id, .. } = platform.acts[act] {
            platform.tell(id);
        }
        let input = Input::Event { account: account(room), ticket, inbound: Box::new(inbound) };
        self.step(input, Some((room, act)));
    }

    fn inbound(&self, room: usize, act: usize, history: bool) -> Option<Inbound> {
        let platform = &self.platforms[room];
        let content = |id: u64, revision: u32| -> Option<Content> {
            let number = platform.entry(id)?.number?;
            let mut text = text_of(number, revision);
            if revision == 0 && platform.sketch.lines && id.is_multiple_of(4) {
                text = format!("{}\n{text}", line_before(number));
            }
            Some(Content::text(Text::plain(&text)))
        };
        let event = match platform.acts.get(act)? {
            Act::Posted { id } => {
                let entry = platform.entry(*id)?;
                let mut content = content(*id, 0)?;
                content.files.extend(entry.file.as_ref().map(|name| FileRef {
                    source: name.clone(),
                    name: name.clone(),
                    size_bytes: Some(100),
                    media_type: None,
                    public_url: None,
                    spool: None,
                }));
                let dropped = history && self.is_sabotaged(Sabotage::DedupeDropped);
                let native = if dropped { format!("{id}h") } else { id.to_string() };
                let reply = entry.reply.map(|id| ReplyTo {
                    message: id.to_string().into(),
                    author: None,
                    excerpt: None,
                });
                let ids = NativeIds::one(native);
                RoomEvent::Posted(Post {
                    ids,
                    author: writer(*id),
                    content,
                    reply,
                    thread: None,
                    album: None,
                    mark: None,
                })
            }
            Act::Edited { id, revision } => RoomEvent::Edited(Edit {
                message: id.to_string().into(),
                author: writer(*id),
                content: content(*id, *revision)?,
                revision: format!("e{id}.{revision}").into(),
            }),
            Act::Deleted { id } => RoomEvent::Deleted(Deletion {
                messages: vec![id.to_string().into()],
                by: Some(writer(*id)),
                cause: DeletionCause::Author,
            }),
            Act::Moderated { ids } => RoomEvent::Deleted(Deletion {
                messages: ids.iter().map(|id| id.to_string().into()).collect(),
                by: Some(author("moderator".into(), false)),
                cause: if ids.len() > 1 { DeletionCause::Bulk } else { DeletionCause::Moderator },
            }),
            Act::Reacted { id, person, emoji: which, on, all } => {
                let message = id.to_string().into();
                let author = author(format!("q{person}"), false);
                if platform.sketch.reactions == ReactionSketch::FullSet {
                    let all = all.iter().copied().map(emoji).collect();
                    RoomEvent::ReactionSet(ReactionSet { message, author, emoji: all })
                } else {
                    let reaction = Reaction { message, author, emoji: emoji(*which) };
                    if *on { RoomEvent::Reacted(reaction) } else { RoomEvent::Unreacted(reaction) }
                }
            }
            Act::Kicked => RoomEvent::Kicked { by: Some("moderator".into()), reason: None },
            Act::Renamed { name } => RoomEvent::Renamed { name: name.clone() },
            Act::Echo { id, key } => {
                let entry = platform.entry(*id)?;
                let taken = self.is_sabotaged(Sabotage::EchoTaken);
                RoomEvent::Posted(Post {
                    ids: NativeIds::one(id.to_string()),
                    author: author(if taken { "p9".into() } else { format!("bot{room}") }, !taken),
                    content: Content::text(Text::plain(&entry.text)),
                    reply: None,
                    thread: None,
                    album: None,
                    mark: if taken { None } else { Mark::parse(key.as_str()) },
                })
            }
        };
        Some(Inbound {
            room: room_name(room).into(),
            at: None,
            cursor: platform.sketch.history.then(|| (act + 1).to_string().into()),
            history,
            event,
        })
    }

    /// Something that the session tells the program, unless the connection is another by then.
    pub(super) fn answer(&mut self, room: usize, input: Input) {
        let after = self.millis(0, 3);
        let connection = self.platforms[room].connection;
        self.schedule(after, Happening::Answer { room, connection, input: Box::new(input) });
    }

    /// Notes what the program learns by an answer.
    pub(super) fn note_answer(&mut self, room: usize, input: &Input) {
        let platform = &mut self.platforms[room];
        let ids = match input {
            Input::Sent { delivery, part, outcome, .. } => {
                platform.unanswered.retain(|known| known != &(*delivery, *part));
                match outcome {
                    Outcome::Done { ids, .. } => ids.as_ref(),
                    _ => None,
                }
            }
            Input::Answered { answer: sameroom_types::action::Answer::Found(ids), .. } => Some(ids),
            _ => None,
        };
        if let Some(id) = ids.and_then(|ids| ids.primary.as_str().parse().ok()) {
            platform.tell(id);
        }
    }

    pub(super) fn send(&mut self, room: usize, request: SendRequest) {
        let mut request = request;
        if self.is_sabotaged(Sabotage::KeyDropped) {
            self.nonce += 1;
            request.key = DeliveryKey::new(format!("{}-{}", request.key.as_str(), self.nonce));
        }
        if self.is_sabotaged(Sabotage::LaneOrderIgnored) {
            if self.held_back.is_none() && self.rng.one_in(6) {
                self.held_back = Some((room, request));
                return;
            }
            if let Some((other, first)) = self.held_back.take() {
                self.hand_over(room, request);
                self.hand_over(other, first);
                return;
            }
        }
        self.hand_over(room, request);
    }

    fn hand_over(&mut self, room: usize, mut request: SendRequest) {
        let delay = self.millis(1, 20);
        let now = self.now;
        let (delivery, part) = (request.delivery, request.part);
        if !self.platforms[room].connected {
            let outcome = Outcome::Later { after: None, scope: Wait::Account, why: "not connected".into() };
            self.answer(room, Input::Sent { account: account(room), delivery, part, outcome });
            return;
        }
        if self.is_sabotaged(Sabotage::DoneBeforeSent) {
            let outcome = Outcome::Done { ids: None, shown: false };
            self.answer(room, Input::Sent { account: account(room), delivery, part, outcome });
        }
        if self.is_sabotaged(Sabotage::ReactionWithoutVersion)
            && let Action::React { target, emoji } = &request.action
        {
            // Put there once, it counts as there for ever.
            let text = format!("{room} {target:?} {emoji:?}");
            if !self.reacted.insert(text) {
                let outcome = Outcome::Done { ids: None, shown: false };
                self.answer(room, Input::Sent { account: account(room), delivery, part, outcome });
                return;
            }
        }
        if self.is_sabotaged(Sabotage::FrozenChanged)
            && let Action::Post(post) = &mut request.action
            && !self.tried.insert((delivery, part))
        {
            // Split anew, the part begins elsewhere.
            post.text.text = "something else".into();
        }
        self.nonce += 1;
        let nonce = self.nonce;
        let platform = &mut self.platforms[room];
        let at = platform.outbound_free.max(now + delay) + Duration::from_micros(1);
        platform.outbound_free = at;
        platform.unanswered.push((delivery, part));
        platform.wire.push((nonce, request));
        let connection = platform.connection;
        self.schedule_at(at, Happening::Arrive { room, connection, nonce });
    }

    pub(super) fn arrive(&mut self, room: usize, connection: u64, nonce: u64) {
        let platform = &mut self.platforms[room];
        if platform.connection != connection {
            return;
        }
        let Some(index) = platform.wire.iter().position(|(known, _)| *known == nonce) else { return };
        let (_, request) = platform.wire.remove(index);
        let (delivery, part) = (request.delivery, request.part);
        let outcome = self.outcome(room, request);
        self.sent(room, delivery, part, outcome);
        self.hear(room);
    }

    /// What the platform does with a send, and what it says about it.
    fn outcome(&mut self, room: usize, request: SendRequest) -> Outcome {
        let platform = &mut self.platforms[room];
        let is_single = platform.sketch.window == 1;
        if platform.kicked {
            return refused(RefusalKind::Room);
        }
        if is_single && let Some(timed) = platform.throttle.take() {
            let after = timed.then(|| Duration::from_millis(300));
            let scope = if self.rng.one_in(2) { Wait::Account } else { Wait::Room };
            return Outcome::Later { after, scope, why: "slow down".into() };
        }
        if !self.calm && platform.refuses(&request) {
            return refused(RefusalKind::Message);
        }
        let unknown = |why: &str| Outcome::Unknown { why: why.into() };
        match if self.calm { u64::MAX } else { self.rng.below(100) } {
            // The answer is lost after the effect, or the request before it.
            0..2 if is_single => {
                self.platforms[room].take(&request);
                unknown("timed out")
            }
            2..4 if is_single => unknown("timed out"),
            // It is given up, and lands all the same: before anybody asks where there is a history.
            4..6 if is_single && matches!(request.action, Action::Post(_)) => {
                let after = self.millis(20, 400);
                self.schedule(after, Happening::Land { room, request: Box::new(request) });
                unknown("timed out")
            }
            6..8 => {
                self.platforms[room].take(&request);
                unknown("answer lost")
            }
            _ => self.platforms[room].take(&request),
        }
    }

    fn sent(&mut self, room: usize, delivery: sameroom_types::ids::DeliveryId, part: u32, outcome: Outcome) {
        // Answers of one connection come in order.
        let outcome = self.spoil(outcome);
        let input = Input::Sent { account: account(room), delivery, part, outcome };
        let connection = self.platforms[room].connection;
        let delay = if self.rng.one_in(30) { self.millis(100, 2_000) } else { self.millis(1, 10) };
        let at = self.platforms[room].inbound_free.max(self.now + delay) + Duration::from_micros(1);
        self.platforms[room].inbound_free = at;
        self.schedule_at(at, Happening::Answer { room, connection, input: Box::new(input) });
    }

    /// The connection of a room breaks: a random beginning of what is on the wire still arrives.
    pub(super) fn cut(&mut self, room: usize) {
        if !self.platforms[room].connected {
            return;
        }
        self.break_wire(room);
        if self.engine.is_some() {
            let health = Health::Retrying { after: Duration::from_secs(1), why: "cut".into() };
            self.platforms[room].wire.clear();
            let lost = std::mem::take(&mut self.platforms[room].unanswered);
            self.step(Input::Health { account: account(room), health }, None);
            for (delivery, part) in lost {
                let outcome = self.spoil(Outcome::Unknown { why: "cut".into() });
                self.step(Input::Sent { account: account(room), delivery, part, outcome }, None);
            }
        }
        let connection = self.platforms[room].connection;
        let after = if self.rng.one_in(10) { self.millis(60_000, 200_000) } else { self.millis(100, 3_000) };
        self.schedule(after, Happening::Reconnect { room, connection });
    }

    pub(super) fn break_wire(&mut self, room: usize) {
        let through = self.rng.below(self.platforms[room].wire.len() as u64 + 1);
        let platform = &mut self.platforms[room];
        for index in 0..usize::try_from(through).unwrap_or(0) {
            let request = platform.wire[index].1.clone();
            if !platform.kicked {
                platform.take(&request);
            }
        }
        platform.connected = false;
        platform.connection += 1;
        // Acts that were on their way to us are heard again only where there is a history; reports of
        // this connection that have not arrived are lost with it.
        platform.tickets.clear();
    }

    pub(super) fn connect(&mut self, room: usize) {
        let ahead = self.is_sabotaged(Sabotage::CursorAhead);
        if self.now < self.platforms[room].revoked_until {
            let (at, connection) = (self.platforms[room].revoked_until, self.platforms[room].connection);
            self.schedule_at(at, Happening::Reconnect { room, connection });
            return;
        }
        let resume = self.engine.as_ref().and_then(|engine| {
            engine.resume_points(&account(room)).into_iter().next().and_then(|(_, cursor, _)| cursor)
        });
        let platform = &mut self.platforms[room];
        let heard = platform.heard;
        platform.connected = true;
        platform.inbound_free = self.now;
        platform.outbound_free = self.now;
        let id = account(room);
        self.step(Input::Health { account: id.clone(), health: Health::Connected }, None);
        let realm = format!("sim{room}").into();
        let me = Box::new(author(format!("bot{room}"), true));
        self.step(Input::Connected { account: id, realm, me }, None);
        let input = self.room_report(room, Some(room_name(room).into()));
        self.step(input, None);
        let platform = &mut self.platforms[room];
        if !platform.connected {
            return;
        }
        let was_kicked = platform.acts.iter().position(|act| matches!(act, Act::Kicked));
        let end = was_kicked.map_or(platform.acts.len(), |kicked| kicked + 1);
        platform.heard = platform.acts.len();
        if platform.sketch.history {
            let from = resume.and_then(|cursor| cursor.as_str().parse().ok()).unwrap_or(0_usize);
            let from = if ahead { from.max(heard) } else { from };
            let connection = platform.connection;
            for act in from..end {
                let at = self.platforms[room].inbound_free + Duration::from_micros(200);
                self.platforms[room].inbound_free = at;
                self.schedule_at(at, Happening::Report { room, connection, act, history: true });
            }
        }
    }

    pub(super) fn room_report(&self, room: usize, asked: Option<Box<str>>) -> Input {
        if self.platforms[room].kicked
            && let Some(asked) = asked
        {
            let why = "banned".to_owned();
            return Input::RoomFailed { account: account(room), asked, why, retrying: false };
        }
        let sketch = self.platforms[room].sketch;
        let change = if sketch.edit { Support::Full } else { Support::Fallback };
        let capabilities = Capabilities {
            edit: change,
            delete: change,
            moderate: change,
            reactions: match sketch.reactions {
                ReactionSketch::None => Reactions::None,
                ReactionSketch::Any => Reactions::Any,
                ReactionSketch::FullSet => Reactions::FullSet,
            },
            replies: if sketch.replies { Support::Full } else { Support::Fallback },
            files: if sketch.files {
                Files::Upload { max_bytes: 1_000, per_message: 1 }
            } else {
                Files::Link
            },
            history: sketch.history.then_some(History { look_back: Duration::MAX, changes: true }),
            text: TextLimit { max: 400, unit: TextUnit::Bytes, multiline: !sketch.lines },
            window: sketch.window,
            once: Once {
                key: sketch.key.then_some(Duration::from_secs(3600 * 24)),
                history: sketch.history.then_some(Duration::from_millis(500)),
                echo: sketch.echo,
            },
            ids: IdScope::Shared,
            ..Capabilities::TEXT_ONLY
        };
        Input::Room {
            account: account(room),
            asked,
            id: room_name(room).into(),
            name: room_name(room),
            kind: RoomKind::Public,
            capabilities: Box::new(capabilities),
        }
    }
}

fn refused(kind: RefusalKind) -> Outcome {
    Outcome::Refused(Refusal { kind, code: "refused".into() })
}
