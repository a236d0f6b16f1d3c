//! `MONITOR`. Implements <https://ircv3.net/specs/extensions/monitor>.

use crate::{client::ClientId, message::Message, state::State};

/// Targets on one answer line.
const TARGETS_PER_LINE: usize = 8;

impl State {
    pub(super) fn monitor(&mut self, id: ClientId, message: &Message) {
        let nicks: Vec<String> = message
            .word(1)
            .map(|list| list.split(',').filter(|nick| !nick.is_empty()).map(str::to_owned).collect())
            .unwrap_or_default();
        match message.word(0).as_deref() {
            Some("+") => self.monitor_add(id, nicks),
            Some("-") => {
                let keys: Vec<String> = nicks.iter().map(|nick| self.fold(nick)).collect();
                if let Some(client) = self.client_mut(id) {
                    client.monitored.retain(|key, _| !keys.contains(key));
                }
            }
            Some("C" | "c") => {
                if let Some(client) = self.client_mut(id) {
                    client.monitored.clear();
                }
            }
            Some("L" | "l") => {
                for some in self.monitored(id).chunks(TARGETS_PER_LINE) {
                    self.reply(id, "732", &[], &some.join(","));
                }
                self.reply(id, "733", &[], "End of MONITOR list");
            }
            Some("S" | "s") => {
                let all = self.monitored(id);
                self.monitor_status(id, &all);
            }
            _ => self.too_few(id, "MONITOR"),
        }
    }

    fn monitored(&self, id: ClientId) -> Vec<String> {
        self.client(id).map(|client| client.monitored.values().cloned().collect()).unwrap_or_default()
    }

    fn monitor_add(&mut self, id: ClientId, nicks: Vec<String>) {
        let max = self.options.monitor_max;
        let mut added = Vec::new();
        let mut rest = nicks.into_iter();
        while let Some(nick) = rest.next() {
            let key = self.fold(&nick);
            let Some(client) = self.client_mut(id) else { return };
            if client.monitored.len() >= max && !client.monitored.contains_key(&key) {
                let refused: Vec<String> = std::iter::once(nick).chain(rest).collect();
                self.reply(id, "734", &[&max.to_string(), &refused.join(",")], "Monitor list is full.");
                break;
            }
            client.monitored.insert(key, nick.clone());
            added.push(nick);
        }
        self.monitor_status(id, &added);
    }

    /// `730` for those here, `731` for the others.
    fn monitor_status(&mut self, id: ClientId, nicks: &[String]) {
        let (mut here, mut gone) = (Vec::new(), Vec::new());
        for nick in nicks {
            match self.find_nick(nick) {
                Some(other) => here.push(self.mask_of(other)),
                None => gone.push(nick.clone()),
            }
        }
        for some in here.chunks(TARGETS_PER_LINE) {
            self.reply(id, "730", &[], &some.join(","));
        }
        for some in gone.chunks(TARGETS_PER_LINE) {
            self.reply(id, "731", &[], &some.join(","));
        }
    }

    /// Tells those who watch a nick that it came (`who` has it now) or went.
    pub(crate) fn monitors_hear(&mut self, nick: &str, who: Option<ClientId>) {
        let key = self.fold(nick);
        let watchers: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(_, client)| client.monitored.contains_key(&key))
            .map(|(watcher, _)| *watcher)
            .collect();
        let (numeric, text) = match who {
            Some(id) => ("730", self.mask_of(id)),
            None => ("731", nick.to_owned()),
        };
        for watcher in watchers {
            self.reply(watcher, numeric, &[], &text);
        }
    }
}
