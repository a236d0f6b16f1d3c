//! What others may know of oneself: `AWAY` and `SETNAME`
//! (<https://ircv3.net/specs/extensions/away-notify>, <https://ircv3.net/specs/extensions/setname>).

use crate::{capability::Capability, client::ClientId, message::Message, state::State};

/// Longest away message in bytes.
pub(super) const AWAY_LEN: usize = 200;

impl State {
    pub(super) fn away(&mut self, id: ClientId, message: &Message) {
        let reason = message.word(0).map(|reason| shorten(&reason, AWAY_LEN));
        let Some(client) = self.client_mut(id) else { return };
        if client.away == reason {
            // Said before; the room need not hear it again.
        } else {
            client.away.clone_from(&reason);
            let line = self.event(id, "AWAY");
            let line = match &reason {
                Some(reason) => line.text(reason),
                None => line,
            };
            self.tell_peers(id, Capability::AwayNotify, &line);
        }
        match reason {
            Some(_) => self.reply(id, "306", &[], "You have been marked as being away"),
            None => self.reply(id, "305", &[], "You are no longer marked as being away"),
        }
    }

    pub(super) fn setname(&mut self, id: ClientId, message: &Message) {
        let Some(name) = message.word(0) else { return self.too_few(id, "SETNAME") };
        let line = self.event(id, "SETNAME").text(&name);
        if let Some(client) = self.client_mut(id) {
            client.real_name = name;
        }
        if self.has(id, Capability::Setname) {
            self.send(id, &line);
        }
        self.tell_peers(id, Capability::Setname, &line);
    }
}

/// Cuts text at a character border.
fn shorten(text: &str, max_bytes: usize) -> String {
    let mut short = text.to_owned();
    while short.len() > max_bytes {
        short.pop();
    }
    short
}
