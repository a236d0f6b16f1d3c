//! `CHATHISTORY`. Implements <https://ircv3.net/specs/extensions/chathistory> over the bounded logs of rooms.

use crate::{capability::Capability, client::ClientId, message::Message, room::Event, stamp, state::State};
use std::time::SystemTime;

/// A point in a log.
enum Reference {
    /// Before or after everything.
    Any,
    Msgid(String),
    Time(SystemTime),
}

impl Reference {
    fn parse(word: &str) -> Option<Self> {
        match word.split_once('=') {
            None if word == "*" => Some(Self::Any),
            Some(("msgid", msgid)) if !msgid.is_empty() => Some(Self::Msgid(msgid.to_owned())),
            Some(("timestamp", time)) => stamp::read(time).map(Self::Time),
            _ => None,
        }
    }

    /// How many events come strictly before, and how many up to and with, this point.
    fn split(&self, events: &[Event]) -> Option<(usize, usize)> {
        match self {
            Self::Any => None,
            Self::Msgid(msgid) => {
                let index = events.iter().position(|event| event.entry.msgid.as_ref() == Some(msgid))?;
                Some((index, index + 1))
            }
            Self::Time(time) => {
                // What is compared is what was sent: whole milliseconds.
                let at = |event: &Event| event.message.tag_value("time").and_then(stamp::read);
                let before = events.iter().filter(|event| at(event).is_some_and(|at| at < *time)).count();
                let until = events.iter().filter(|event| at(event).is_some_and(|at| at <= *time)).count();
                Some((before, until))
            }
        }
    }
}

impl State {
    pub(super) fn chathistory(&mut self, id: ClientId, message: &Message) {
        let Some(subcommand) = message.word(0).map(|word| word.to_ascii_uppercase()) else {
            return self.bad_history(id, "INVALID_PARAMS", &[], "Missing parameters");
        };
        if subcommand == "TARGETS" {
            return self.history_targets(id, message);
        }
        let Some(target) = message.word(1) else {
            return self.bad_history(id, "INVALID_PARAMS", &[&subcommand], "Missing parameters");
        };
        let Some(name) =
            self.room(&target).filter(|room| room.rank(id).is_some()).map(|room| room.name.clone())
        else {
            return self.bad_history(
                id,
                "INVALID_TARGET",
                &[&subcommand, &target],
                "No history for this target",
            );
        };
        let between = subcommand == "BETWEEN";
        let first = message.word(2).and_then(|word| Reference::parse(&word));
        let second = message.word(3).filter(|_| between).and_then(|word| Reference::parse(&word));
        let limit = message.word(if between { 4 } else { 3 }).and_then(|word| word.parse::<usize>().ok());
        let (Some(first), Some(limit), true) = (first, limit, second.is_some() == between) else {
            return self.bad_history(id, "INVALID_PARAMS", &[&subcommand], "Invalid parameters");
        };
        let limit = limit.min(self.options.history_batch_max);
        let events = self.replayable(id, &name);
        let Some(found) = select(&subcommand, &events, &first, second.as_ref(), limit) else {
            return self.bad_history(id, "INVALID_PARAMS", &[&subcommand], "Unknown command or reference");
        };
        self.replay(id, "chathistory", &[&name], found.iter().map(|event| event.message.clone()).collect());
    }

    /// The events of a room's log that this client can be shown.
    fn replayable(&self, id: ClientId, name: &str) -> Vec<Event> {
        let all = self.has(id, Capability::EventPlayback);
        let shown = |event: &&Event| {
            !event.redacted
                && match event.message.command.as_str() {
                    "PRIVMSG" | "NOTICE" => true,
                    "TAGMSG" => {
                        all && event.entry.tag("+typing").is_none() && self.has(id, Capability::MessageTags)
                    }
                    "REDACT" => all && self.has(id, Capability::MessageRedaction),
                    _ => all,
                }
        };
        let key = self.fold(name);
        self.logs.get(&key).map(|log| log.events.iter().filter(shown).cloned().collect()).unwrap_or_default()
    }

    /// Sends old lines in one batch.
    fn replay(&mut self, id: ClientId, kind: &str, args: &[&str], lines: Vec<Message>) {
        let name = self.batch_name();
        let start = self.server_line("BATCH").arg(format!("+{name}")).arg(kind);
        let start = args.iter().fold(start, |line, arg| line.arg(arg));
        let batched = self.has(id, Capability::Batch);
        if batched {
            self.send(id, &start);
        }
        for line in lines {
            self.send(id, &line.tag("batch", &name));
        }
        if batched {
            let end = self.server_line("BATCH").arg(format!("-{name}"));
            self.send(id, &end);
        }
    }

    /// `TARGETS`: rooms of the client with something said between two times.
    fn history_targets(&mut self, id: ClientId, message: &Message) {
        let time = |index| match message.word(index).and_then(|word| Reference::parse(&word)) {
            Some(Reference::Time(time)) => Some(time),
            _ => None,
        };
        let limit = message.word(3).and_then(|word| word.parse::<usize>().ok());
        let (Some(from), Some(to), Some(limit)) = (time(1), time(2), limit) else {
            return self.bad_history(id, "INVALID_PARAMS", &["TARGETS"], "Invalid parameters");
        };
        let (from, to) = if from <= to { (from, to) } else { (to, from) };
        let mut found: Vec<(SystemTime, String)> = Vec::new();
        for key in self.client(id).map(|client| client.rooms.clone()).unwrap_or_default() {
            let Some(name) = self.rooms.get(&key).map(|room| room.name.clone()) else { continue };
            if let Some(last) = self.replayable(id, &name).last().map(|event| event.entry.at)
                && last > from
                && last < to
            {
                found.push((last, name));
            }
        }
        found.sort();
        let lines = found
            .into_iter()
            .take(limit.min(self.options.history_batch_max))
            .map(|(last, name)| {
                self.server_line("CHATHISTORY").arg("TARGETS").arg(name).arg(stamp::write(last))
            })
            .collect();
        self.replay(id, "draft/chathistory-targets", &[], lines);
    }

    fn bad_history(&mut self, id: ClientId, code: &str, context: &[&str], text: &str) {
        self.fail(id, "CHATHISTORY", code, context, text);
    }
}

/// The asked part of a log, oldest first; `None` if the question makes no sense.
fn select<'a>(
    subcommand: &str,
    events: &'a [Event],
    first: &Reference,
    second: Option<&Reference>,
    limit: usize,
) -> Option<&'a [Event]> {
    let newest = |part: &'a [Event]| part.split_at(part.len().saturating_sub(limit)).1;
    let oldest = |part: &'a [Event]| part.split_at(part.len().min(limit)).0;
    let is_any = matches!(first, Reference::Any);
    // An id that is not (or no longer) known finds nothing, which is an answer too.
    let split = |reference: &Reference| reference.split(events);
    Some(match subcommand {
        "LATEST" if is_any => newest(events),
        "LATEST" => newest(split(first).map_or(&[][..], |(_, until)| events.split_at(until).1)),
        _ if is_any => return None,
        "BEFORE" => newest(split(first).map_or(&[][..], |(before, _)| events.split_at(before).0)),
        "AFTER" => oldest(split(first).map_or(&[][..], |(_, until)| events.split_at(until).1)),
        "AROUND" => match split(first) {
            Some((before, _)) => {
                let start = before.saturating_sub(limit / 2);
                oldest(events.split_at(start).1)
            }
            None => &[],
        },
        "BETWEEN" => match (split(first), second.and_then(split)) {
            // The order of the two says from which end to count.
            (Some((low, low_end)), Some((high, _))) if low <= high => {
                oldest(events.get(low_end..high).unwrap_or_default())
            }
            (Some((high, _)), Some((_, low_end))) => newest(events.get(low_end..high).unwrap_or_default()),
            _ => &[],
        },
        _ => return None,
    })
}
