//! Reading what was said while we were away: `CHATHISTORY` where there is one, what a server plays back
//! by itself after a join, else a gap that is announced.
//!
//! <https://ircv3.net/specs/extensions/chathistory>. While a room is being filled, what is said now waits behind it.

use std::collections::VecDeque;
use std::time::Duration;

use sameroom_connector::Report;
use sameroom_types::action::Answer;
use sameroom_types::event::{Inbound, RoomEvent};
use sameroom_types::ids::{DeliveryId, DeliveryKey, NativeIds};
use sameroom_types::time::Timestamp;
use tokio::time::Instant;

use crate::client::{Client, Effect};
use crate::ids::Position;
use crate::wire::{Line, LineBuilder};

/// An absence that nobody needs to be told of.
const SHORT_ABSENCE: Duration = Duration::from_secs(3);

/// How far before a send its history is searched, as the server's clock may differ.
const CLOCK_FUZZ: Duration = Duration::from_secs(30);

/// How long a room may be filled.
const PATIENCE: Duration = Duration::from_secs(30);

/// Events that may wait while a room is filled; also the most that are read back.
const EVENTS_MAX: usize = 10_000;

/// Lines asked for at a time.
const LINES: usize = 100;

/// The most history requests under way.
const REQUESTS_MAX: usize = 4_096;

/// A room that is being filled.
#[derive(Debug)]
pub(crate) struct Fill {
    since: Option<Instant>,
    from: Option<Position>,
    last_heard: Option<Timestamp>,
    oldest: Option<Timestamp>,
    collected: Vec<Inbound>,
    held: Vec<Inbound>,
    /// The token behind which playback is over; `None` where history is asked for.
    playback: Option<u64>,
}

/// What a history request is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// To fill a room.
    Fill {
        /// Whether it starts from an id, which the server may have forgotten.
        by_msgid: bool,
    },
    /// To find one of our own sends.
    Ask {
        /// The delivery.
        delivery: DeliveryId,
        /// The part.
        part: u32,
        /// The mark to look for.
        key: DeliveryKey,
        /// The id, once found.
        found: Option<NativeIds>,
    },
}

/// One history request under way.
#[derive(Debug)]
struct Request {
    label: u64,
    room: String,
    purpose: Purpose,
    lines: usize,
    last: Option<Position>,
    since: Option<Instant>,
}

/// All history requests under way, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Requests(VecDeque<Request>);

impl Requests {
    fn index(&self, label: Option<u64>, room: &str) -> Option<usize> {
        let is_it =
            |request: &Request| request.room == room && label.is_none_or(|label| label == request.label);
        self.0.iter().position(is_it)
    }
}

impl Client {
    /// Called on our own join: decides whether the room has something to catch up on.
    pub(crate) fn start_fill(&mut self, folded: &str) {
        let on = self.caps.on;
        if !on.chathistory && !on.time {
            return;
        }
        let Some(read) = self.memory.read.get(folded) else { return };
        let Some(since) = read.last_heard.or(read.position.as_ref().map(|position| position.at)) else {
            return;
        };
        if !on.chathistory && self.clock.wall().since(since) < SHORT_ABSENCE {
            return;
        }
        let fill = Fill {
            since: None,
            from: read.position.clone(),
            last_heard: read.last_heard,
            oldest: None,
            collected: Vec::new(),
            held: Vec::new(),
            playback: None,
        };
        if let Some(room) = self.rooms.get_mut(folded) {
            room.fill = Some(fill);
        }
    }

    /// Called once a joined room is reported: asks for what was missed, or announces the gap.
    pub(crate) fn continue_fill(&mut self, folded: &str, now: Instant) {
        let chathistory = self.caps.on.chathistory;
        let token = self.confirm.next_label();
        let Some(fill) = self.rooms.get_mut(folded).and_then(|room| room.fill.as_mut()) else {
            return self.announce_gap(folded, None);
        };
        if fill.since.is_some() {
            return;
        }
        fill.since = Some(now);
        if !chathistory {
            fill.playback = Some(token);
            return self.write(LineBuilder::new().command("PING").text(&format!("sr-h{token}")));
        }
        let start = fill.from.clone().or(fill.last_heard.map(|at| Position { at, msgid: None }));
        match start {
            Some(start) => self.ask_after(folded, start),
            None => self.finish_fill(folded, false),
        }
    }

    fn ask_after(&mut self, folded: &str, start: Position) {
        let by_msgid = start.msgid.is_some();
        let selector = match &start.msgid {
            Some(msgid) => format!("msgid={msgid}"),
            None => format!("timestamp={}", start.at),
        };
        if !self.request_history(folded, &selector, Purpose::Fill { by_msgid }) {
            self.finish_fill(folded, false);
        }
    }

    /// Looks for one of our own sends; false if it can't be done.
    pub(crate) fn ask_history(&mut self, folded: &str, since: Timestamp, purpose: Purpose) -> bool {
        let start =
            Timestamp(since.0.saturating_sub(i64::try_from(CLOCK_FUZZ.as_millis()).unwrap_or(0)).max(0));
        self.rooms.contains_key(folded)
            && self.request_history(folded, &format!("timestamp={start}"), purpose)
    }

    fn request_history(&mut self, folded: &str, selector: &str, purpose: Purpose) -> bool {
        let Some(name) = self.rooms.get(folded).map(|room| room.name.clone()) else { return false };
        if self.requests.0.len() >= REQUESTS_MAX {
            return false;
        }
        let label = self.confirm.next_label();
        let mut line = LineBuilder::new();
        if self.caps.on.labels {
            line = line.tag("label", &format!("sr{label}"));
        }
        let limit = self.history_limit().to_string();
        self.urgent(line.command("CHATHISTORY").arg("AFTER").arg(&name).arg(selector).arg(&limit));
        self.requests.0.push_back(Request {
            label,
            room: folded.to_owned(),
            purpose,
            lines: 0,
            last: None,
            since: None,
        });
        true
    }

    fn history_limit(&self) -> usize {
        if self.server.chathistory == 0 { LINES } else { self.server.chathistory.min(LINES) }
    }

    /// Notes a line of a history batch before it is read as an event.
    pub(crate) fn note_history_line(
        &mut self,
        folded: &str,
        label: Option<u64>,
        at: Option<Timestamp>,
        line: &Line<'_>,
        mark: Option<&str>,
    ) {
        let msgid = line.tag("msgid");
        let Some(request) =
            self.requests.index(label, folded).and_then(|index| self.requests.0.get_mut(index))
        else {
            return;
        };
        request.lines += 1;
        if let Some(at) = at {
            request.last = Some(Position { at, msgid: msgid.as_deref().map(Into::into) });
        }
        if let Purpose::Ask { key, found, .. } = &mut request.purpose
            && mark == Some(key.as_str())
            && let Some(msgid) = msgid
        {
            *found = Some(NativeIds::one(&*msgid));
        }
    }

    /// A history batch is over.
    pub(crate) fn end_history(&mut self, folded: &str, label: Option<u64>) {
        let Some(request) =
            self.requests.index(label, folded).and_then(|index| self.requests.0.remove(index))
        else {
            return;
        };
        let is_full = request.lines >= self.history_limit();
        match request.purpose {
            Purpose::Ask { delivery, part, key, found } => {
                let next = request.last.filter(|_| is_full && found.is_none());
                if let Some(Position { msgid: Some(msgid), .. }) = next {
                    let purpose = Purpose::Ask { delivery, part, key, found };
                    self.request_history(folded, &format!("msgid={msgid}"), purpose);
                    return;
                }
                let answer = found.map_or(Answer::Absent, Answer::Found);
                self.report(Report::Answer { delivery, part, answer });
            }
            Purpose::Fill { .. } => {
                let collected = self
                    .rooms
                    .get(folded)
                    .and_then(|room| room.fill.as_ref())
                    .map_or(0, |fill| fill.collected.len());
                match request.last {
                    Some(last) if is_full && collected < EVENTS_MAX => self.ask_after(folded, last),
                    _ => self.finish_fill(folded, !is_full),
                }
            }
        }
    }

    /// A history request was refused.
    pub(crate) fn fail_history(&mut self, folded: &str, label: Option<u64>) {
        let Some(request) =
            self.requests.index(label, folded).and_then(|index| self.requests.0.remove(index))
        else {
            return;
        };
        match request.purpose {
            Purpose::Ask { delivery, part, .. } => {
                self.report(Report::Answer { delivery, part, answer: Answer::CannotTell });
            }
            Purpose::Fill { by_msgid: true } => {
                // The server has forgotten the message, but may have what came later.
                let fill = self.rooms.get(folded).and_then(|room| room.fill.as_ref());
                match fill.and_then(|fill| fill.from.clone()) {
                    Some(from) => self.ask_after(folded, Position { msgid: None, ..from }),
                    None => self.finish_fill(folded, false),
                }
            }
            Purpose::Fill { by_msgid: false } => self.finish_fill(folded, false),
        }
    }

    /// The server has said all that it plays back by itself.
    pub(crate) fn end_playback(&mut self, token: u64) {
        let ends =
            |room: &crate::rooms::Room| room.fill.as_ref().is_some_and(|fill| fill.playback == Some(token));
        let Some(folded) = self.rooms.iter().find(|(_, room)| ends(room)).map(|(folded, _)| folded.clone())
        else {
            return;
        };
        let is_complete = self.rooms.get(&folded).and_then(|room| room.fill.as_ref()).is_some_and(|fill| {
            let known = fill.last_heard.or(fill.from.as_ref().map(|from| from.at));
            fill.oldest.zip(known).is_some_and(|(oldest, known)| oldest <= known)
        });
        self.finish_fill(&folded, is_complete);
    }

    /// Ends what takes too long.
    pub(crate) fn watch_fills(&mut self, now: Instant) {
        let is_late = |since: Option<Instant>| {
            since.is_some_and(|since| now.saturating_duration_since(since) > PATIENCE)
        };
        let late: Vec<String> = self
            .rooms
            .iter()
            .filter(|(_, room)| room.fill.as_ref().is_some_and(|fill| is_late(fill.since)))
            .map(|(folded, _)| folded.clone())
            .collect();
        for folded in late {
            self.finish_fill(&folded, false);
        }
        let mut lost = Vec::new();
        for request in &mut self.requests.0 {
            let since = *request.since.get_or_insert(now);
            if is_late(Some(since)) {
                lost.push((request.room.clone(), request.label));
            }
        }
        for (room, label) in lost {
            self.fail_history(&room, Some(label));
        }
    }

    /// Hands over an event, in its place if the room is being filled.
    pub(crate) fn emit(&mut self, inbound: Inbound) {
        let folded = inbound.room.as_str();
        let Some(room) = self.rooms.get_mut(folded) else {
            return self.effects.push(Effect::Event(inbound));
        };
        match &mut room.fill {
            Some(fill) if inbound.history => {
                if let Some(at) = inbound.at {
                    fill.oldest = Some(fill.oldest.map_or(at, |oldest| oldest.min(at)));
                }
                if fill.is_new(&inbound) && fill.collected.len() < EVENTS_MAX {
                    fill.collected.push(inbound);
                }
            }
            Some(fill) => {
                fill.held.push(inbound);
                if fill.held.len() >= EVENTS_MAX {
                    let folded = folded_of(fill);
                    self.finish_fill(&folded, false);
                }
            }
            // Nobody waits for history that is played back on a first join.
            None if inbound.history => {}
            None => self.effects.push(Effect::Event(inbound)),
        }
    }

    fn finish_fill(&mut self, folded: &str, is_complete: bool) {
        let Some(mut fill) = self.rooms.get_mut(folded).and_then(|room| room.fill.take()) else { return };
        fill.drop_what_was_read();
        self.requests
            .0
            .retain(|request| request.room != folded || matches!(request.purpose, Purpose::Ask { .. }));
        if !is_complete {
            let until = fill.collected.first().and_then(|first| first.at);
            self.announce_gap(folded, until);
        }
        self.effects.extend(fill.collected.into_iter().chain(fill.held).map(Effect::Event));
    }

    fn announce_gap(&mut self, folded: &str, until: Option<Timestamp>) {
        let now = self.clock.wall();
        let Some(from) = self.memory.read.get_mut(folded).and_then(|read| read.last_heard.take()) else {
            return;
        };
        let to = until.unwrap_or(now);
        if to.since(from) >= SHORT_ABSENCE {
            self.happened(folded, Some(now), RoomEvent::Gap { from, to });
        }
    }

    /// Puts back how far rooms were read whose filling did not come to its end.
    pub(crate) fn abandon_fills(&mut self) {
        let folded: Vec<String> = self
            .rooms
            .iter()
            .filter(|(_, room)| room.fill.is_some())
            .map(|(folded, _)| folded.clone())
            .collect();
        for folded in folded {
            if let Some(fill) = self.rooms.remove(&folded).and_then(|room| room.fill) {
                let read = self.memory.read.entry(folded.clone()).or_default();
                *read = crate::memory::Read::default();
                read.position = fill.from;
                read.last_heard = fill.last_heard;
            }
        }
        for request in std::mem::take(&mut self.requests.0) {
            if let Purpose::Ask { delivery, part, .. } = request.purpose {
                self.report(Report::Answer { delivery, part, answer: Answer::Later });
            }
        }
    }
}

impl Fill {
    /// Whether an event of history may have come after what was read before.
    fn is_new(&self, inbound: &Inbound) -> bool {
        let known = self.from.as_ref().map(|from| from.at).or(self.last_heard);
        let (Some(at), Some(known)) = (inbound.at, known) else { return true };
        // InspIRCd remembers whole seconds only, although it told us milliseconds at first.
        let known = if at.0 % 1_000 == 0 { known.0 - known.0.rem_euclid(1_000) } else { known.0 };
        at.0 >= known
    }

    /// Drops the last message read before, and what stands before it.
    fn drop_what_was_read(&mut self) {
        let Some(msgid) = self.from.as_ref().and_then(|from| from.msgid.as_deref()) else { return };
        if let Some(index) = self.collected.iter().position(|inbound| msgid_of(inbound) == Some(msgid)) {
            self.collected.drain(..=index);
        }
    }
}

fn folded_of(fill: &Fill) -> String {
    fill.held.first().map(|inbound| inbound.room.as_str().to_owned()).unwrap_or_default()
}

fn msgid_of(inbound: &Inbound) -> Option<&str> {
    match &inbound.event {
        RoomEvent::Posted(post) => Some(post.ids.primary.as_str()),
        _ => None,
    }
}
