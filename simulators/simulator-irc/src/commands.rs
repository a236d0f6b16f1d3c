//! One line in: checks that hold for every command, then the command itself.
//! Numerics and their meaning: <https://modern.ircdocs.horse/#numerics>.

mod accounts;
mod cap;
mod chathistory;
mod membership;
pub(crate) mod modes;
mod monitor;
mod presence;
mod queries;
mod redact;
mod registration;
mod relaymsg;
pub(crate) mod sasl;
mod scram;
mod services;
mod speaking;
mod topic;
mod who;

pub(crate) use registration::is_valid_nick;

use crate::{
    capability::Capability,
    client::{ClientId, Link},
    faults::take,
    message::{CLIENT_TAGS_MAX, Message},
    state::State,
};
use tokio::time::Instant;

/// Longest label, in bytes.
const LABEL_MAX: usize = 64;

impl State {
    /// Carries out one line from a socket.
    pub(crate) fn handle(&mut self, id: ClientId, line: &[u8]) {
        if self.client(id).is_none() || self.faults.silent {
            return;
        }
        let tags = if line.starts_with(b"@") {
            line.iter().position(|byte| *byte == b' ').map_or(line.len(), |blank| blank + 1)
        } else {
            0
        };
        if tags > CLIENT_TAGS_MAX {
            self.reply(id, "417", &[], "Input line was too long");
        } else if let Some(message) = Message::parse(cut(line, tags)) {
            self.dispatch(id, &message);
        }
        self.bury();
    }

    /// Carries out one parsed line.
    pub(crate) fn dispatch(&mut self, id: ClientId, message: &Message) {
        let command = message.command.as_str();
        let in_process = self.client(id).is_some_and(|client| matches!(client.link, Link::InProcess { .. }));
        if !in_process {
            if !self.within_flood_limit(id, command) {
                self.quit(id, "Excess Flood");
                return;
            }
            if take(&mut self.faults.cut_before, |cut| cut == command).is_some() {
                self.cut(id);
                return;
            }
        }
        let cut_after = !in_process && take(&mut self.faults.cut_after, |cut| cut == command).is_some();
        let lose =
            cut_after || (!in_process && take(&mut self.faults.lose_reply, |lost| lost == command).is_some());
        let label = message
            .tag_value("label")
            .filter(|label| {
                !label.is_empty() && label.len() <= LABEL_MAX && self.has(id, Capability::LabeledResponse)
            })
            .map(str::to_owned);
        if label.is_some() || lose {
            self.collect(id, label, lose);
        }
        self.run(id, message);
        self.flush_collector(id);
        if cut_after {
            self.cut(id);
        }
        self.changed.send_modify(|lines| *lines += 1);
    }

    /// Breaks the connection without a word; peers see a reset.
    pub(crate) fn cut(&mut self, id: ClientId) {
        if let Some(client) = self.client(id)
            && let Link::Socket(outbox) = &client.link
        {
            outbox.cut.cancel();
            self.quit(id, "Connection reset by peer");
        }
    }

    /// Removes the clients that could not take what they were sent.
    pub(crate) fn bury(&mut self) {
        // Saying goodbye to one may overflow the next.
        while let Some((id, reason)) = self.doomed.pop() {
            self.quit(id, &reason);
        }
        self.changed.send_modify(|lines| *lines += 1);
    }

    fn within_flood_limit(&mut self, id: ClientId, command: &str) -> bool {
        let Some(flood) = self.options.flood else { return true };
        let Some(client) = self.client_mut(id) else { return true };
        if command == "PONG" {
            return true;
        }
        let now = Instant::now();
        let (left, filled) = client.bucket.unwrap_or((flood.burst, now));
        let step = flood.refill_every.as_nanos().max(1);
        let gained = u32::try_from((now - filled).as_nanos() / step).unwrap_or(u32::MAX);
        let left = left.saturating_add(gained).min(flood.burst);
        let filled = if gained > 0 { now } else { filled };
        client.bucket = Some((left.saturating_sub(1), filled));
        left > 0
    }

    fn run(&mut self, id: ClientId, message: &Message) {
        let registered = self.client(id).is_some_and(|client| client.registered);
        match message.command.as_str() {
            "CAP" if !self.options.capabilities.is_empty() => self.cap(id, message),
            "AUTHENTICATE" if self.offers(Capability::Sasl) => self.authenticate(id, message),
            "PASS" => self.pass(id, message),
            "NICK" => self.nick(id, message),
            "USER" => self.user(id, message),
            "PING" => self.ping(id, message),
            "PONG" => {}
            "QUIT" => self.quit_command(id, message),
            old @ ("CAP" | "AUTHENTICATE") => self.reply(id, "421", &[old], "Unknown command"),
            _ if !registered => self.reply(id, "451", &[], "You have not registered"),
            "JOIN" => self.join(id, message),
            "PART" => self.part(id, message),
            "KICK" => self.kick(id, message),
            "INVITE" => self.invite(id, message),
            "TOPIC" => self.topic(id, message),
            "NAMES" => self.names_command(id, message),
            "LIST" => self.list(id, message),
            "MODE" => self.mode(id, message),
            "PRIVMSG" | "NOTICE" | "TAGMSG" => self.speak(id, message),
            "REDACT" if self.offers(Capability::MessageRedaction) => self.redact(id, message),
            "RELAYMSG" => self.relaymsg(id, message),
            "CHATHISTORY" if self.offers(Capability::ChatHistory) => self.chathistory(id, message),
            "WHO" => self.who(id, message),
            "WHOIS" => self.whois(id, message),
            "WHOWAS" => self.whowas(id, message),
            "ISON" => self.ison(id, message),
            "USERHOST" => self.userhost(id, message),
            "MONITOR" if self.options.monitor_max > 0 => self.monitor(id, message),
            "AWAY" => self.away(id, message),
            "SETNAME" if self.offers(Capability::Setname) => self.setname(id, message),
            "NS" | "NICKSERV" if self.has_services() => {
                let words: Vec<String> = (0..message.params.len()).filter_map(|i| message.word(i)).collect();
                self.nickserv(id, &words.join(" "));
            }
            "MOTD" => self.motd(id),
            "LUSERS" => self.lusers(id),
            "VERSION" => self.version(id),
            unknown => self.reply(id, "421", &[unknown], "Unknown command"),
        }
    }
}

/// Cuts what follows the tags to 510 bytes, as servers do without a word.
fn cut(line: &[u8], tags: usize) -> &[u8] {
    line.split_at(line.len().min(tags + crate::message::BODY_MAX)).0
}
