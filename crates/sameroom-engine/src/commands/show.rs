//! Commands that show something: `help`, `map`, `ping`, `who`, `trace`.

use std::time::Duration;

use sameroom_types::COMMAND_WORD;
use sameroom_types::ids::{MessageId, RoomId};
use sameroom_types::rows::DeliveryState;
use sameroom_types::text::{Block, Inline, Text};

use super::{Asked, COMMANDS, PendingPing, PingResults};
use crate::engine::{Engine, Timer};
use crate::input::Effect;

/// How long a `ping` waits for a room.
const PING_PATIENCE: Duration = Duration::from_secs(5);

impl Engine {
    pub(crate) fn show_help(&mut self, asked: &Asked<'_>) {
        let mut lines = vec![format!(
            "{} connects this room with rooms elsewhere. Commands start with -{COMMAND_WORD}:",
            sameroom_types::PRODUCT
        )];
        lines.extend(COMMANDS.iter().map(|(word, _, line)| format!("{word} — {line}")));
        self.tell(asked.room, &lines.join("\n"));
    }

    pub(crate) fn greet(&mut self, room: RoomId) {
        let text = format!(
            "Hello, I am {} and connect this room with others. -{COMMAND_WORD} open gives a code to say in another room, -{COMMAND_WORD} help lists the rest.",
            sameroom_types::PRODUCT
        );
        self.tell(room, &text);
    }

    pub(crate) fn show_map(&mut self, asked: &Asked<'_>) {
        let rooms = self.network.component(asked.room);
        let tubes: std::collections::BTreeSet<_> = rooms
            .iter()
            .flat_map(|room| self.network.tubes_of(*room))
            .filter(|entry| entry.is_usable())
            .map(|entry| entry.tube.id)
            .collect();
        let names: Vec<String> = rooms.iter().map(|room| self.name_for_others(*room)).collect();
        let mut text = format!(
            "{} between {}: {}.",
            count(tubes.len(), "tube"),
            count(rooms.len(), "room"),
            names.join("; ")
        );
        if let Some(base) = self.config.public_url.clone() {
            let token = format!("{:032x}", self.now.random);
            self.out.push(Effect::ManageLink { token: token.clone(), room: asked.room, page: "map" });
            text.push_str(&format!(" The picture, for 24 hours: {base}/map/{token}"));
        }
        self.tell(asked.room, &text);
    }

    pub(crate) fn ping(&mut self, asked: &Asked<'_>) {
        let rooms = self.network.component(asked.room);
        let group = self.fresh_id();
        let mut results = PingResults::new();
        for target in rooms.into_iter().filter(|room| *room != asked.room) {
            let Some((account, view)) = self.usable_account(target) else {
                let why = self.why_unusable(target);
                results.insert(target, Some(Err(format!("can't be reached: {why}"))));
                continue;
            };
            let remote = view.remote.clone();
            let id = self.fresh_id();
            results.insert(target, None);
            self.pings.insert(id, PendingPing { asked_in: asked.room, group, target });
            self.out.push(Effect::Ping { account, room: remote, id });
            self.wake(PING_PATIENCE, Timer::Ping(id));
        }
        self.ping_results.insert(group, results);
        self.report_pings(asked.room, group);
    }

    pub(crate) fn on_pong(&mut self, id: u64, result: Result<Duration, String>) {
        let Some(ping) = self.pings.remove(&id) else { return };
        if let Some(results) = self.ping_results.get_mut(&ping.group) {
            results.insert(ping.target, Some(result));
        }
        self.report_pings(ping.asked_in, ping.group);
    }

    fn report_pings(&mut self, room: RoomId, group: u64) {
        let complete =
            self.ping_results.get(&group).is_some_and(|results| results.values().all(Option::is_some));
        if !complete {
            return;
        }
        let results = self.ping_results.remove(&group).unwrap_or_default();
        if results.is_empty() {
            self.tell(room, "This room is not connected to any other.");
            return;
        }
        let lines: Vec<String> = results
            .into_iter()
            .map(|(target, result)| {
                let name = self.name_for_others(target);
                match result {
                    Some(Ok(time)) => format!("{name}: {} ms", time.as_millis().max(1)),
                    Some(Err(why)) => format!("{name}: {why}"),
                    None => format!("{name}: no answer"),
                }
            })
            .collect();
        self.tell(room, &lines.join("\n"));
    }

    pub(crate) fn show_who(&mut self, asked: &Asked<'_>) {
        let rooms = self.network.component(asked.room);
        let wall = self.now.wall;
        let lines: Vec<String> = rooms
            .into_iter()
            .map(|room| {
                let here = if room == asked.room { " (here)" } else { "" };
                let active: Vec<String> = self
                    .recent
                    .get(&room)
                    .into_iter()
                    .flatten()
                    .rev()
                    .filter(|(_, at)| wall.since(*at) < Duration::from_secs(3600))
                    .take(8)
                    .map(|(name, _)| sameroom_markup::no_ping(name))
                    .collect();
                let active = if active.is_empty() { "nobody spoke lately".into() } else { active.join(", ") };
                format!("{}{here}: {active}", self.name_for_others(room))
            })
            .collect();
        self.tell(asked.room, &lines.join("\n"));
    }

    pub(crate) fn trace(&mut self, asked: &Asked<'_>, rest: &str) {
        let by_reply = asked.reply.and_then(|reply| self.messages.find(asked.room, &reply.message));
        let id = match (by_reply, rest.trim()) {
            (Some(id), _) => Some(id),
            (None, "" | "last") => self.last_messages.get(&asked.room).copied(),
            (None, number) => number.parse().ok().map(MessageId),
        };
        let known = id.filter(|id| {
            self.messages.get(*id).is_some_and(|message| {
                message.row.room == asked.room || message.copies.contains_key(&asked.room)
            })
        });
        let Some(id) = known else {
            self.tell(asked.room, "No such message is known here. trace last shows the latest one.");
            return;
        };
        let lines = self.trace_lines(id);
        let blocks = lines.into_iter().map(|line| Block::Paragraph(vec![Inline::Text(line)])).collect();
        self.tell_text(asked.room, Text { blocks });
    }

    fn trace_lines(&mut self, id: MessageId) -> Vec<String> {
        let Some(message) = self.messages.get(id) else { return Vec::new() };
        let (origin, at) = (message.row.room, message.row.at);
        let mut lines = vec![format!("Message {id}, accepted from {} at {at}", self.name_for_others(origin))];
        let entries: Vec<_> = self.traces.get(&id).cloned().unwrap_or_default().into_iter().collect();
        for (room, row) in entries {
            let name = self.name_for_others(room);
            let took = row.at.since(row.accepted).as_millis();
            let state = match &row.state {
                DeliveryState::Delivered if row.shown => format!("shown after {took} ms"),
                DeliveryState::Delivered => format!("sent after {took} ms"),
                DeliveryState::Waiting | DeliveryState::Held { .. } => "waiting".into(),
                DeliveryState::Parked { why } => format!("parked: {why:?}"),
                DeliveryState::Withdrawn => "withdrawn before it was sent".into(),
                DeliveryState::Skipped { why } => format!("skipped: {why:?}"),
                DeliveryState::Expired => "expired".into(),
            };
            let tries = if row.attempts > 1 { format!(", {} tries", row.attempts) } else { String::new() };
            let repeats = if row.repeats > 0 {
                format!(", sent again {} times after an unknown outcome", row.repeats)
            } else {
                String::new()
            };
            lines.push(format!("{name}: {state}{tries}{repeats}"));
        }
        lines
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
