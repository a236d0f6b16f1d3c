//! `WHO`, with the fields of <https://ircv3.net/specs/extensions/whox>.

use crate::{capability::Capability, client::ClientId, mask, message::Message, state::State};

impl State {
    pub(super) fn who(&mut self, id: ClientId, message: &Message) {
        let wanted = message.word(0).unwrap_or_else(|| "*".to_owned());
        let fields = message.word(1).filter(|fields| self.options.whox && fields.starts_with('%'));
        let room = self.room(&wanted).map(|room| room.name.clone());
        let found: Vec<ClientId> = match &room {
            Some(name) => {
                let inside = self.rank(name, id).is_some();
                let secret = self.room(name).is_some_and(|room| room.is('s'));
                let visible = |other: &ClientId| inside || self.client(*other).is_some_and(|c| !c.invisible);
                if secret && !inside {
                    Vec::new()
                } else {
                    self.members(name).into_iter().filter(visible).collect()
                }
            }
            None => {
                let pattern = self.fold(&wanted);
                let matching = |other: &ClientId| {
                    self.client(*other).is_some_and(|client| {
                        client.registered
                            && (mask::matches(&pattern, &self.fold(client.nick())) || pattern == "0")
                    })
                };
                self.clients.keys().copied().filter(matching).collect()
            }
        };
        for other in found {
            let row = match &fields {
                Some(fields) => self.whox_row(id, other, room.as_deref(), fields),
                None => self.who_row(id, other, room.as_deref()),
            };
            if let Some(row) = row {
                self.send(id, &row);
            }
        }
        self.reply(id, "315", &[&wanted], "End of WHO list");
    }

    /// `352`.
    fn who_row(&self, id: ClientId, other: ClientId, room: Option<&str>) -> Option<Message> {
        let client = self.client(other)?;
        let flags = self.flags(id, other, room);
        let args =
            [room.unwrap_or("*"), client.user(), &client.host, &self.options.name, client.nick(), &flags];
        Some(self.numeric(id, "352", &args).text(format!("0 {}", client.real_name)))
    }

    /// `354`: the asked fields, always in this order.
    fn whox_row(&self, id: ClientId, other: ClientId, room: Option<&str>, fields: &str) -> Option<Message> {
        let client = self.client(other)?;
        let (fields, token) = fields.trim_start_matches('%').split_once(',').unwrap_or((fields, "0"));
        let mut row = self.numeric(id, "354", &[]);
        for field in "tcuihsnfdlaor".chars().filter(|field| fields.contains(*field)) {
            row = match field {
                't' => row.arg(token),
                'c' => row.arg(room.unwrap_or("*")),
                'u' => row.arg(client.user()),
                'i' => row.arg("255.255.255.255"),
                'h' => row.arg(&client.host),
                's' => row.arg(&self.options.name),
                'n' => row.arg(client.nick()),
                'f' => row.arg(self.flags(id, other, room)),
                'd' | 'l' => row.arg("0"),
                'a' => row.arg(client.account.as_deref().unwrap_or("0")),
                'o' => row.arg("n/a"),
                _ => row.text(&client.real_name),
            };
        }
        Some(row)
    }

    /// `H` here or `G` gone, the bot letter, and the rank in the room.
    fn flags(&self, id: ClientId, other: ClientId, room: Option<&str>) -> String {
        let Some(client) = self.client(other) else { return String::new() };
        let mut flags = String::from(if client.away.is_some() { "G" } else { "H" });
        flags.extend(self.options.bot_mode.filter(|_| client.bot));
        let rank = room.and_then(|room| self.rank(room, other)).unwrap_or_default();
        flags.push_str(rank.prefix(self.has(id, Capability::MultiPrefix)));
        flags
    }
}
