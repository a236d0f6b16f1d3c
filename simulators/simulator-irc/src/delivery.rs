//! Getting lines to clients: replies, room lines, labels (<https://ircv3.net/specs/extensions/labeled-response>).

use crate::{
    capability::Capability,
    client::{ClientId, Link},
    message::Message,
    room::Event,
    state::State,
    transcript::Entry,
    verbs::Refused,
};

/// Holds back what the client at hand is told, until its command is done.
pub(crate) struct Collector {
    client: ClientId,
    label: Option<String>,
    /// The answer is to be lost.
    lose: bool,
    lines: Vec<Message>,
}

/// Lines held back for one answer; more are sent at once, without label.
const COLLECTED_MAX: usize = 20_000;

impl State {
    /// Starts collecting the answer to one command.
    pub(crate) fn collect(&mut self, client: ClientId, label: Option<String>, lose: bool) {
        self.collector = Some(Collector { client, label, lose, lines: Vec::new() });
    }

    /// Sends what was collected for this client, if anything is being collected.
    pub(crate) fn flush_collector(&mut self, id: ClientId) {
        let Some(collector) = self.collector.take_if(|collector| collector.client == id) else { return };
        if collector.lose {
            return;
        }
        let Some(label) = collector.label else {
            collector.lines.iter().for_each(|line| self.transmit(id, line));
            return;
        };
        match collector.lines.as_slice() {
            [] => {
                let ack = Message::new(&self.options.name, "ACK").tag("label", &label);
                self.transmit(id, &ack);
            }
            [only] => {
                let only = only.clone().tag("label", &label);
                self.transmit(id, &only);
            }
            lines => {
                let name = self.batch_name();
                let source = self.options.name.clone();
                let start = Message::new(&source, "BATCH").arg(format!("+{name}")).arg("labeled-response");
                self.transmit(id, &start.tag("label", &label));
                for line in lines {
                    match line.tag_value("batch") {
                        // Lines of an inner batch stay in it; its first and last line come into ours.
                        Some(_) => self.transmit(id, line),
                        None => self.transmit(id, &line.clone().tag("batch", &name)),
                    }
                }
                self.transmit(id, &Message::new(&source, "BATCH").arg(format!("-{name}")));
            }
        }
    }

    /// Sends a line to one client, or adds it to the answer being collected.
    pub(crate) fn send(&mut self, id: ClientId, message: &Message) {
        match &mut self.collector {
            Some(collector) if collector.client == id && collector.lines.len() < COLLECTED_MAX => {
                collector.lines.push(message.clone());
            }
            _ => self.transmit(id, message),
        }
    }

    fn transmit(&mut self, id: ClientId, message: &Message) {
        let now = self.now();
        let silent = self.faults.silent;
        let Some(client) = self.clients.get_mut(&id) else { return };
        let line = client.write(message);
        match &mut client.link {
            Link::InProcess { refusal, .. } => {
                if is_refusal(message) {
                    let text = message.params.last().map(|text| String::from_utf8_lossy(text).into_owned());
                    let code = if message.command == "FAIL" { message.word(1) } else { None };
                    *refusal = Some(Refused {
                        code: code.unwrap_or_else(|| message.command.clone()),
                        text: text.unwrap_or_default(),
                    });
                }
                let private = matches!(message.command.as_str(), "PRIVMSG" | "NOTICE" | "TAGMSG" | "REDACT")
                    && message.word(0).is_some_and(|target| !target.starts_with(['#', '@', '+']));
                if private && let Some(entry) = Entry::from_message(message, now) {
                    client.link.keep(entry);
                }
            }
            Link::Socket(_) if silent => {}
            Link::Socket(outbox) => {
                if !outbox.push(line) {
                    outbox.cut.cancel();
                    self.doomed.push((id, "SendQ exceeded".to_owned()));
                }
            }
        }
    }

    /// A numeric reply: the client's nick comes first, then `args`, then `text`.
    pub(crate) fn reply(&mut self, id: ClientId, numeric: &str, args: &[&str], text: &str) {
        let message = self.numeric(id, numeric, args).text(text);
        self.send(id, &message);
    }

    /// A numeric reply without text, to be continued or sent by the caller.
    pub(crate) fn numeric(&self, id: ClientId, numeric: &str, args: &[&str]) -> Message {
        let start = Message::new(&self.options.name, numeric).arg(self.nick_of(id));
        args.iter().fold(start, |message, arg| message.arg(arg))
    }

    /// `461`.
    pub(crate) fn too_few(&mut self, id: ClientId, command: &str) {
        self.reply(id, "461", &[command], "Not enough parameters");
    }

    /// `FAIL` of <https://ircv3.net/specs/extensions/standard-replies>.
    pub(crate) fn fail(&mut self, id: ClientId, command: &str, code: &str, context: &[&str], text: &str) {
        let start = Message::new(&self.options.name, "FAIL").arg(command).arg(code);
        let message = context.iter().fold(start, |message, arg| message.arg(arg)).text(text);
        self.send(id, &message);
    }

    /// A line from the server itself.
    pub(crate) fn server_line(&self, command: &str) -> Message {
        Message::new(&self.options.name, command)
    }

    /// Sends a line to all members of a room but one, and writes it in the log.
    pub(crate) fn broadcast(&mut self, room: &str, except: Option<ClientId>, message: &Message) {
        for member in self.members(room) {
            if Some(member) != except {
                self.send(member, message);
            }
        }
        self.record(room, message);
    }

    /// Writes a line in a room's log.
    pub(crate) fn record(&mut self, room: &str, message: &Message) {
        let Some(entry) = Entry::from_message(message, self.now()) else { return };
        let (key, max) = (self.fold(room), self.options.history_max);
        let event = Event { message: message.clone(), entry, redacted: false };
        self.logs.entry(key).or_default().push(event, max);
    }

    /// Tells those peers that have a capability.
    pub(crate) fn tell_peers(&mut self, id: ClientId, needs: Capability, message: &Message) {
        for peer in self.peers(id) {
            if self.has(peer, needs) {
                self.send(peer, message);
            }
        }
    }
}

fn is_refusal(message: &Message) -> bool {
    message.command == "FAIL"
        || (message.command.len() == 3
            && message.command.starts_with(['4', '5', '9'])
            && !is_harmless(&message.command))
}

/// Numerics of the error ranges that report no failure: no message of the day, logged in, SASL done.
fn is_harmless(numeric: &str) -> bool {
    matches!(numeric, "422" | "900" | "901" | "903" | "908")
}
