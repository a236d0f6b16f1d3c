//! Questions about people and about the server: `WHOIS`, `WHOWAS`, `ISON`, `USERHOST`, `MOTD`, `LUSERS`, `VERSION`.

use crate::{client::ClientId, message::Message, stamp, state::State};

/// Nicks looked at in one `ISON`.
const ISON_MAX: usize = 50;
/// Nicks looked at in one `USERHOST` (RFC 2812, section 4.8).
const USERHOST_MAX: usize = 5;

impl State {
    pub(super) fn whois(&mut self, id: ClientId, message: &Message) {
        // With two parameters the first one names a server.
        let Some(nick) = message.word(1).or_else(|| message.word(0)) else {
            return self.reply(id, "431", &[], "No nickname given");
        };
        match self.find_nick(&nick) {
            Some(other) => self.describe(id, other),
            None => self.reply(id, "401", &[&nick], "No such nick/channel"),
        }
        self.reply(id, "318", &[&nick], "End of /WHOIS list.");
    }

    fn describe(&mut self, id: ClientId, other: ClientId) {
        let Some(client) = self.client(other) else { return };
        let nick = client.nick().to_owned();
        let numeric = |number: &str, args: &[&str], text: &str| {
            let start = self.numeric(id, number, &[&nick]);
            args.iter().fold(start, |line, arg| line.arg(arg)).text(text)
        };
        let mut lines = vec![numeric("311", &[client.user(), &client.host, "*"], &client.real_name)];
        let rooms = self.visible_rooms(id, client, other);
        for some in rooms.chunks(8) {
            lines.push(numeric("319", &[], &some.join(" ")));
        }
        lines.push(numeric("312", &[&self.options.name], &self.options.network));
        if let Some(account) = &client.account {
            lines.push(numeric("330", &[account], "is logged in as"));
        }
        if client.bot {
            lines.push(numeric("335", &[], "is a bot"));
        }
        if let Some(reason) = &client.away {
            lines.push(numeric("301", &[], reason));
        }
        let idle = self.now().duration_since(client.last_spoke).unwrap_or_default().as_secs().to_string();
        let since = stamp::unix(client.signed_on).to_string();
        lines.push(numeric("317", &[&idle, &since], "seconds idle, signon time"));
        for line in lines {
            self.send(id, &line);
        }
    }

    /// Nobody is remembered here.
    pub(super) fn whowas(&mut self, id: ClientId, message: &Message) {
        let Some(nick) = message.word(0) else {
            return self.reply(id, "431", &[], "No nickname given");
        };
        self.reply(id, "406", &[&nick], "There was no such nickname");
        self.reply(id, "369", &[&nick], "End of WHOWAS");
    }

    pub(super) fn ison(&mut self, id: ClientId, message: &Message) {
        if message.params.is_empty() {
            return self.too_few(id, "ISON");
        }
        let here: Vec<String> = words(message, ISON_MAX)
            .iter()
            .filter_map(|nick| self.find_nick(nick))
            .map(|o| self.nick_of(o))
            .collect();
        self.reply(id, "303", &[], &here.join(" "));
    }

    pub(super) fn userhost(&mut self, id: ClientId, message: &Message) {
        if message.params.is_empty() {
            return self.too_few(id, "USERHOST");
        }
        let rows: Vec<String> = words(message, USERHOST_MAX)
            .iter()
            .filter_map(|nick| self.client(self.find_nick(nick)?))
            .map(|client| {
                let here = if client.away.is_some() { '-' } else { '+' };
                format!("{}={here}{}@{}", client.nick(), client.user(), client.host)
            })
            .collect();
        self.reply(id, "302", &[], &rows.join(" "));
    }

    pub(super) fn motd(&mut self, id: ClientId) {
        let motd = self.options.motd.clone();
        if motd.is_empty() {
            return self.reply(id, "422", &[], "MOTD File is missing");
        }
        let start = format!("- {} Message of the day -", self.options.name);
        self.reply(id, "375", &[], &start);
        for line in motd {
            self.reply(id, "372", &[], &format!("- {line}"));
        }
        self.reply(id, "376", &[], "End of /MOTD command.");
    }

    pub(super) fn lusers(&mut self, id: ClientId) {
        let registered = self.clients.values().filter(|client| client.registered);
        let (visible, hidden) = registered.fold((0_usize, 0_usize), |(visible, hidden), client| {
            if client.invisible { (visible, hidden + 1) } else { (visible + 1, hidden) }
        });
        let total = visible + hidden;
        let rooms = self.rooms.len().to_string();
        self.reply(id, "251", &[], &format!("There are {visible} users and {hidden} invisible on 1 servers"));
        self.reply(id, "252", &["0"], "operator(s) online");
        self.reply(id, "254", &[&rooms], "channels formed");
        self.reply(id, "255", &[], &format!("I have {total} clients and 0 servers"));
        let count = total.to_string();
        self.reply(id, "265", &[&count, &count], &format!("Current local users {total}, max {total}"));
        self.reply(id, "266", &[&count, &count], &format!("Current global users {total}, max {total}"));
    }

    pub(super) fn version(&mut self, id: ClientId) {
        let name = self.options.name.clone();
        self.reply(id, "351", &[concat!("simulator-irc-", env!("CARGO_PKG_VERSION")), &name], "simulated");
    }
}

/// All words of all parameters, up to a bound.
fn words(message: &Message, max: usize) -> Vec<String> {
    let all = (0..message.params.len()).filter_map(|index| message.word(index)).collect::<Vec<_>>().join(" ");
    all.split_whitespace().take(max).map(str::to_owned).collect()
}
