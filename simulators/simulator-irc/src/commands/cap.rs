//! `CAP`. Implements <https://ircv3.net/specs/extensions/capability-negotiation>.

use crate::{capability::Capability, client::ClientId, message::Message, state::State};
use std::collections::BTreeSet;

/// Room for names on one `CAP` line, in bytes: little, so that clients meet answers of several lines.
const NAMES_LINE_MAX: usize = 200;
/// The same for clients that do not know answers of several lines.
const NAMES_ONLY_LINE_MAX: usize = 440;
/// The version of the protocol that shows values and may span lines.
const WITH_VALUES: u32 = 302;

impl State {
    pub(super) fn cap(&mut self, id: ClientId, message: &Message) {
        let Some(subcommand) = message.word(0) else { return self.too_few(id, "CAP") };
        match subcommand.to_ascii_uppercase().as_str() {
            "LS" => self.cap_ls(id, message),
            "LIST" => {
                let caps = self.client(id).map(|client| client.caps.clone()).unwrap_or_default();
                self.cap_lines(id, "LIST", caps.iter().map(|cap| cap.name().to_owned()).collect());
            }
            "REQ" => self.cap_req(id, message),
            "END" => {
                if let Some(client) = self.client_mut(id) {
                    client.negotiating = false;
                }
                self.try_register(id);
            }
            _ => self.reply(id, "410", &[&subcommand], "Invalid CAP command"),
        }
    }

    fn cap_ls(&mut self, id: ClientId, message: &Message) {
        let version: u32 = message.word(1).and_then(|version| version.parse().ok()).unwrap_or(0);
        let notify = self.offers(Capability::CapNotify);
        let Some(client) = self.client_mut(id) else { return };
        client.negotiating |= !client.registered;
        client.cap_version = client.cap_version.max(version);
        if client.cap_version >= WITH_VALUES && notify {
            client.caps.insert(Capability::CapNotify);
        }
        let offered = self.options.capabilities.iter().map(|cap| self.cap_token(id, *cap)).collect();
        self.cap_lines(id, "LS", offered);
    }

    fn cap_req(&mut self, id: ClientId, message: &Message) {
        let wanted = message.word(1).unwrap_or_default();
        let (mut add, mut remove) = (BTreeSet::new(), BTreeSet::new());
        let mut known = true;
        for word in wanted.split_whitespace() {
            let (name, list) = match word.strip_prefix('-') {
                Some(name) => (name, &mut remove),
                None => (word, &mut add),
            };
            match Capability::from_name(name).filter(|capability| self.offers(*capability)) {
                Some(capability) => {
                    list.insert(capability);
                }
                None => known = false,
            }
        }
        let Some(client) = self.client_mut(id) else { return };
        client.negotiating |= !client.registered;
        // A client that asked for version 302 cannot leave cap-notify.
        if client.cap_version >= WITH_VALUES {
            known &= !remove.contains(&Capability::CapNotify);
        }
        if known {
            client.caps.extend(add);
            client.caps.retain(|capability| !remove.contains(capability));
        }
        let answer = self.cap_start(id, if known { "ACK" } else { "NAK" }).text(wanted);
        self.send(id, &answer);
    }

    fn cap_lines(&mut self, id: ClientId, subcommand: &str, names: Vec<String>) {
        let several = self.client(id).is_some_and(|client| client.cap_version >= WITH_VALUES);
        let max = if several { NAMES_LINE_MAX } else { NAMES_ONLY_LINE_MAX };
        let mut lines = vec![String::new()];
        for name in names {
            match lines.last_mut() {
                Some(line) if line.len() + name.len() < max => {
                    if !line.is_empty() {
                        line.push(' ');
                    }
                    line.push_str(&name);
                }
                _ => lines.push(name),
            }
        }
        let last = lines.len() - 1;
        for (index, line) in lines.into_iter().enumerate() {
            let start = self.cap_start(id, subcommand);
            let start = if index < last { start.arg("*") } else { start };
            self.send(id, &start.text(line));
        }
    }

    fn cap_start(&self, id: ClientId, subcommand: &str) -> Message {
        self.server_line("CAP").arg(self.nick_of(id)).arg(subcommand)
    }

    /// A capability's name, with its value if the client understands values.
    fn cap_token(&self, id: ClientId, capability: Capability) -> String {
        let name = capability.name();
        if self.client(id).is_none_or(|client| client.cap_version < WITH_VALUES) {
            return name.to_owned();
        }
        match capability {
            Capability::Sasl => {
                let mechanisms: Vec<&str> = self.options.mechanisms.iter().map(|m| m.name()).collect();
                format!("{name}={}", mechanisms.join(","))
            }
            Capability::RelayMsg => format!("{name}={}", self.options.relay_separators),
            _ => name.to_owned(),
        }
    }

    /// Starts or stops offering a capability while clients are connected.
    pub(crate) fn change_offer(&mut self, capability: Capability, offer: bool) {
        let changed = if offer {
            self.options.capabilities.insert(capability)
        } else {
            self.options.capabilities.remove(&capability)
        };
        if !changed {
            return;
        }
        for id in self.clients.keys().copied().collect::<Vec<_>>() {
            let notify = self.has(id, Capability::CapNotify);
            if let Some(client) = self.client_mut(id)
                && !offer
            {
                client.caps.remove(&capability);
            }
            if notify {
                let (subcommand, token) = match offer {
                    true => ("NEW", self.cap_token(id, capability)),
                    false => ("DEL", capability.name().to_owned()),
                };
                let line = self.cap_start(id, subcommand).text(token);
                self.send(id, &line);
            }
        }
    }
}
