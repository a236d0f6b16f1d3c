//! `RELAYMSG`, by which one connection speaks under many names.
//! Implements the draft <https://github.com/ircv3/ircv3-specifications/pull/417>.

use crate::{capability::Capability, client::ClientId, message::Message, state::State};

/// Letters that no relayed nick may hold.
const FORBIDDEN: &str = "!+%@&#$:'\"?*,. ";

impl State {
    pub(super) fn relaymsg(&mut self, id: ClientId, message: &Message) {
        if !self.offers(Capability::RelayMsg) {
            return self.reply(id, "421", &["RELAYMSG"], "Unknown command");
        }
        let (Some(room), Some(nick)) = (message.word(0), message.word(1)) else {
            return self.too_few(id, "RELAYMSG");
        };
        let Some(text) = message.params.get(2).filter(|text| !text.iter().all(u8::is_ascii_whitespace))
        else {
            return self.fail(id, "RELAYMSG", "BLANK_MSG", &[], "The message is blank");
        };
        let Some(rank) = self.rank(&room, id) else {
            return self.reply(id, "403", &[&room], "No such channel");
        };
        if self.options.relay_needs_operator && !rank.operator {
            return self.fail(
                id,
                "RELAYMSG",
                "PRIVS_NEEDED",
                &[],
                "You are not authorised to relay in this room",
            );
        }
        let separated = nick.contains(|letter| self.options.relay_separators.contains(letter));
        let plain = !nick.chars().any(|letter| FORBIDDEN.contains(letter) || letter.is_control());
        if !separated
            || !plain
            || nick.contains(char::REPLACEMENT_CHARACTER)
            || nick.len() > self.options.nick_len * 2
        {
            return self.fail(id, "RELAYMSG", "INVALID_NICK", &[], "This nick cannot be relayed");
        }
        let Some(name) = self.room(&room).map(|room| room.name.clone()) else { return };
        let source = format!("{nick}!~relay@{}", self.options.name);
        let own = self.nick_of(id);
        let line = self.stamped(&source, "PRIVMSG").arg(&name).text(text).tag("draft/relaymsg", &own);
        let mut line = super::speaking::with_client_tags(line, message);
        line.cut_to_fit();
        // The sender hears it too, with or without echo-message.
        self.broadcast(&name, None, &line);
    }
}
