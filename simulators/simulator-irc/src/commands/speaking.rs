//! `PRIVMSG`, `NOTICE` and `TAGMSG`, to rooms and to people.

use crate::{capability::Capability, client::ClientId, faults::take, message::Message, state::State};

/// Most targets of one line.
pub(super) const TARGETS_MAX: usize = 4;

impl State {
    pub(super) fn speak(&mut self, id: ClientId, message: &Message) {
        let command = message.command.as_str();
        if command == "TAGMSG" && !self.has(id, Capability::MessageTags) {
            return self.reply(id, "421", &[command], "Unknown command");
        }
        let Some(targets) = message.word(0) else {
            // A notice must never be answered (RFC 1459, section 4.4.2).
            if command != "NOTICE" {
                self.reply(id, "411", &[], &format!("No recipient given ({command})"));
            }
            return;
        };
        let text = match message.params.get(1) {
            Some(text) if !text.is_empty() => text.clone(),
            _ if command == "TAGMSG" => Vec::new(),
            _ if command == "NOTICE" => return,
            _ => return self.reply(id, "412", &[], "No text to send"),
        };
        let now = self.now();
        if let Some(client) = self.client_mut(id) {
            client.last_spoke = now;
        }
        for (index, target) in targets.split(',').filter(|target| !target.is_empty()).enumerate() {
            if index == TARGETS_MAX {
                return self.reply(id, "407", &[target], "Too many targets");
            }
            self.speak_to(id, message, target, &text);
        }
    }

    fn speak_to(&mut self, id: ClientId, message: &Message, target: &str, text: &[u8]) {
        let status = target.starts_with(['@', '+']);
        let room = target.trim_start_matches(['@', '+']);
        if room.starts_with('#') {
            match self.room(room).map(|room| room.name.clone()) {
                None => self.not_heard(id, message, "403", target, "No such channel"),
                Some(name) => match self.speech_refusal(id, room, message, text) {
                    Some((numeric, why)) => self.not_heard(id, message, &numeric, &name, &why),
                    None => self.speak_in_room(id, message, &name, status.then_some(target), text),
                },
            }
        } else if self.has_services() && self.fold(target) == self.fold(super::services::NICK) {
            if message.command == "PRIVMSG" {
                self.nickserv(id, &String::from_utf8_lossy(text));
            }
        } else if let Some(other) = self.find_nick(target) {
            let nick = self.nick_of(other);
            let line = self.spoken(id, message, &nick, text);
            if message.command != "TAGMSG" || self.has(other, Capability::MessageTags) {
                self.send(other, &line);
            }
            if other != id {
                self.echo(id, &line);
            }
            let away = self.client(other).and_then(|client| client.away.clone());
            if let Some(reason) = away.filter(|_| message.command == "PRIVMSG") {
                self.reply(id, "301", &[&nick], &reason);
            }
        } else {
            self.not_heard(id, message, "401", target, "No such nick/channel");
        }
    }

    fn not_heard(&mut self, id: ClientId, message: &Message, numeric: &str, target: &str, why: &str) {
        if message.command != "NOTICE" {
            self.reply(id, numeric, &[target], why);
        }
    }

    /// Numeric and reason if the client may not speak in this room.
    fn speech_refusal(
        &mut self,
        id: ClientId,
        name: &str,
        message: &Message,
        text: &[u8],
    ) -> Option<(String, String)> {
        let folded = self.fold(name);
        if message.command != "TAGMSG"
            && let Some((_, numeric)) = take(&mut self.faults.refuse_message, |(room, _)| *room == folded)
        {
            return Some((format!("{numeric:03}"), crate::faults::refusal_text(numeric).to_owned()));
        }
        let room = self.room(name)?;
        let rank = room.rank(id);
        let above = rank.is_some_and(|rank| rank.operator || rank.voice);
        let coloured = text.iter().any(|byte| matches!(byte, 0x02..=0x04 | 0x0f | 0x11 | 0x16 | 0x1d..=0x1f));
        let letter = match room {
            room if room.is('n') && rank.is_none() => 'n',
            room if room.is('m') && !above => 'm',
            _ if !above && self.is_banned(name, id) => 'b',
            room if room.is('c') && coloured => 'c',
            _ => return None,
        };
        Some(("404".to_owned(), format!("Cannot send to channel (+{letter})")))
    }

    fn speak_in_room(
        &mut self,
        id: ClientId,
        message: &Message,
        name: &str,
        status: Option<&str>,
        text: &[u8],
    ) {
        let line = self.spoken(id, message, status.unwrap_or(name), text);
        for member in self.members(name) {
            let hears = match (status, self.rank(name, member)) {
                (Some(status), Some(rank)) => rank.operator || (status.starts_with('+') && rank.voice),
                _ => true,
            };
            let understands = message.command != "TAGMSG" || self.has(member, Capability::MessageTags);
            if member != id && hears && understands {
                self.send(member, &line);
            }
        }
        if status.is_none() {
            self.record(name, &line);
        }
        self.echo(id, &line);
    }

    /// The line as others get it: with id, time, account, the sender's client-only tags, and cut to fit.
    fn spoken(&mut self, id: ClientId, message: &Message, target: &str, text: &[u8]) -> Message {
        let mut line = self.event(id, &message.command).arg(target);
        if message.command != "TAGMSG" {
            line = line.text(text);
        }
        if self.has(id, Capability::MessageTags) {
            line = with_client_tags(line, message);
        }
        if self.client(id).is_some_and(|client| client.bot) {
            line = line.tag("bot", "");
        }
        line.cut_to_fit();
        line
    }

    fn echo(&mut self, id: ClientId, line: &Message) {
        if self.has(id, Capability::EchoMessage) {
            self.send(id, line);
        }
    }
}

/// Adds the client-only tags of a client's line.
pub(super) fn with_client_tags(line: Message, message: &Message) -> Message {
    message
        .tags
        .iter()
        .filter(|(key, _)| key.starts_with('+'))
        .fold(line, |line, (key, value)| line.tag(key, value))
}
