//! Coming and going: `PASS`, `NICK`, `USER`, `PING`, `QUIT`, and the welcome.

use crate::{capability::Capability, client::ClientId, message::Message, state::State};

/// Longest user name in bytes.
const USER_LEN: usize = 10;
/// Tokens of `005` on one line.
const TOKENS_PER_LINE: usize = 12;

impl State {
    pub(super) fn pass(&mut self, id: ClientId, message: &Message) {
        let Some(password) = message.params.first().cloned() else { return self.too_few(id, "PASS") };
        match self.client_mut(id) {
            Some(client) if !client.registered => client.password = Some(password),
            _ => self.reply(id, "462", &[], "You may not reregister"),
        }
    }

    pub(super) fn user(&mut self, id: ClientId, message: &Message) {
        let (Some(user), Some(real_name)) = (message.word(0), message.word(3)) else {
            return self.too_few(id, "USER");
        };
        match self.client_mut(id) {
            Some(client) if client.user.is_none() => {
                let plain: String = user
                    .chars()
                    .filter(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(*letter))
                    .collect();
                let plain = if plain.is_empty() { "user".to_owned() } else { plain };
                // The tilde says that nobody vouches for this name.
                client.user = Some(format!("~{}", plain.chars().take(USER_LEN - 1).collect::<String>()));
                client.real_name = real_name;
                self.try_register(id);
            }
            _ => self.reply(id, "462", &[], "You may not reregister"),
        }
    }

    pub(super) fn nick(&mut self, id: ClientId, message: &Message) {
        let Some(mut nick) = message.word(0) else {
            return self.reply(id, "431", &[], "No nickname given");
        };
        if !is_valid_nick(&nick) {
            return self.reply(id, "432", &[&nick], "Erroneous nickname");
        }
        nick.truncate(self.options.nick_len);
        let key = self.fold(&nick);
        let taken = self.nicks.get(&key).is_some_and(|holder| *holder != id);
        let reserved = self.has_services() && key == self.fold(super::services::NICK);
        let refused = self.faults.refuse_nicks > 0;
        self.faults.refuse_nicks = self.faults.refuse_nicks.saturating_sub(1);
        if taken || reserved || refused {
            return self.reply(id, "433", &[&nick], "Nickname is already in use");
        }
        self.rename(id, &nick);
        self.try_register(id);
    }

    /// Gives a client a nick that is known to be free and tells everybody concerned.
    pub(crate) fn rename(&mut self, id: ClientId, nick: &str) {
        let old = self.client(id).and_then(|client| client.nick.clone());
        if old.as_deref() == Some(nick) {
            return;
        }
        let registered = self.client(id).is_some_and(|client| client.registered);
        if registered {
            let message = self.event(id, "NICK").text(nick);
            self.send(id, &message);
            for peer in self.peers(id) {
                self.send(peer, &message);
            }
            for room in self.client(id).map(|client| client.rooms.clone()).unwrap_or_default() {
                self.record(&room, &message);
            }
        }
        if let Some(old) = &old {
            let key = self.fold(old);
            self.nicks.remove(&key);
        }
        let key = self.fold(nick);
        self.nicks.insert(key.clone(), id);
        if let Some(client) = self.client_mut(id) {
            client.nick = Some(nick.to_owned());
        }
        if registered {
            if let Some(old) = old.filter(|old| self.fold(old) != key) {
                self.monitors_hear(&old, None);
            }
            self.monitors_hear(nick, Some(id));
        }
    }

    /// Lets a client in once it has said all it must.
    pub(super) fn try_register(&mut self, id: ClientId) {
        let Some(client) = self.client(id) else { return };
        if client.registered || client.negotiating || client.nick.is_none() || client.user.is_none() {
            return;
        }
        if let Some(password) = &self.options.password
            && client.password.as_deref() != Some(password.as_bytes())
        {
            self.reply(id, "464", &[], "Password incorrect");
            return self.quit(id, "Bad password");
        }
        let nick = self.nick_of(id);
        let now = self.now();
        if let Some(client) = self.client_mut(id) {
            client.registered = true;
            client.signed_on = now;
            client.last_spoke = now;
        }
        self.welcome(id);
        self.monitors_hear(&nick, Some(id));
    }

    fn welcome(&mut self, id: ClientId) {
        let (name, network, mask) =
            (self.options.name.clone(), self.options.network.clone(), self.mask_of(id));
        let version = concat!("simulator-irc-", env!("CARGO_PKG_VERSION"));
        self.reply(id, "001", &[], &format!("Welcome to the {network} network, {mask}"));
        self.reply(id, "002", &[], &format!("Your host is {name}, running version {version}"));
        let started = crate::stamp::write(self.started);
        self.reply(id, "003", &[], &format!("This server was started {started}"));
        let bot = self.options.bot_mode.map(String::from).unwrap_or_default();
        let user_modes = format!("i{bot}");
        let last = self.numeric(id, "004", &[&name, version, &user_modes, "bciklmnorstv", "bklov"]);
        self.send(id, &last);
        let tokens = self.tokens();
        for line in tokens.chunks(TOKENS_PER_LINE) {
            let words: Vec<&str> = line.iter().map(String::as_str).collect();
            self.reply(id, "005", &words, "are supported by this server");
        }
        self.lusers(id);
        self.motd(id);
    }

    /// The tokens of `005`.
    fn tokens(&self) -> Vec<String> {
        let options = &self.options;
        let mut tokens = vec![
            format!("NETWORK={}", options.network.replace(' ', "\\x20")),
            format!("CASEMAPPING={}", options.case_mapping.token()),
            "CHANTYPES=#".to_owned(),
            "PREFIX=(ov)@+".to_owned(),
            "STATUSMSG=@+".to_owned(),
            "CHANMODES=b,k,l,cimnrst".to_owned(),
            format!("MODES={}", super::modes::CHANGES_MAX),
            format!("NICKLEN={}", options.nick_len),
            format!("USERLEN={USER_LEN}"),
            format!("CHANNELLEN={}", super::membership::ROOM_NAME_LEN),
            format!("TOPICLEN={}", super::topic::TOPIC_LEN),
            format!("KICKLEN={}", super::membership::REASON_LEN),
            format!("AWAYLEN={}", super::presence::AWAY_LEN),
            format!("CHANLIMIT=#:{}", options.rooms_per_client_max),
            format!("MAXLIST=b:{}", super::modes::BANS_MAX),
            format!(
                "TARGMAX=PRIVMSG:{0},NOTICE:{0},TAGMSG:{0},KICK:4,JOIN:,NAMES:",
                super::speaking::TARGETS_MAX
            ),
        ];
        if options.whox {
            tokens.push("WHOX".to_owned());
        }
        if options.monitor_max > 0 {
            tokens.push(format!("MONITOR={}", options.monitor_max));
        }
        if let Some(letter) = options.bot_mode {
            tokens.push(format!("BOT={letter}"));
        }
        if self.offers(Capability::ChatHistory) {
            tokens.push(format!("CHATHISTORY={}", options.history_batch_max));
            tokens.push("MSGREFTYPES=msgid,timestamp".to_owned());
        }
        tokens
    }

    pub(super) fn ping(&mut self, id: ClientId, message: &Message) {
        let Some(token) = message.params.first().filter(|token| !token.is_empty()) else {
            return self.reply(id, "409", &[], "No origin specified");
        };
        let pong = self.server_line("PONG").arg(&self.options.name).text(token);
        self.send(id, &pong);
    }

    pub(super) fn quit_command(&mut self, id: ClientId, message: &Message) {
        match message.word(0) {
            Some(reason) => self.quit(id, &format!("Quit: {reason}")),
            None => self.quit(id, "Client Quit"),
        }
    }
}

/// ASCII letters, digits, dash, backtick, underscore, caret, bars, brackets and braces; no digit or dash first
/// (RFC 2812, section 2.3.1).
pub(crate) fn is_valid_nick(nick: &str) -> bool {
    let special = |letter: char| "[]\\`^_{|}".contains(letter);
    nick.starts_with(|letter: char| letter.is_ascii_alphabetic() || special(letter))
        && nick.chars().all(|letter| letter.is_ascii_alphanumeric() || special(letter) || letter == '-')
}
