//! From the first byte to the first join: capabilities, nick, login. See <https://modern.ircdocs.horse/#connection-registration>.

use std::time::Duration;

use sameroom_connector::Report;
use sameroom_types::event::{Author, Role};
use sameroom_types::room::Health;
use tokio::time::Instant;

use crate::client::{Client, End};
use crate::ids;
use crate::refusal::Closing;
use crate::sasl::Exchange;
use crate::wire::{Line, LineBuilder};

/// How long the server may take to let us in.
const REGISTRATION_PATIENCE: Duration = Duration::from_secs(60);

/// How long NickServ may take to answer.
const NICKSERV_PATIENCE: Duration = Duration::from_secs(10);

/// How many other nicks are tried.
const NICK_TRIES_MAX: u32 = 12;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not let in yet.
    Negotiating {
        /// Since when.
        since: Instant,
    },
    /// Let in, waiting for the end of the greeting.
    Greeted {
        /// Since when.
        since: Instant,
    },
    /// Waiting for NickServ.
    Identifying {
        /// Since when.
        since: Instant,
    },
    /// Rooms can be used.
    Online,
}

impl Client {
    /// Says the first lines.
    pub(crate) fn register(&mut self) {
        if let Some(password) = self.config.server_password.clone() {
            self.write(LineBuilder::new().command("PASS").text(&password));
        }
        self.write(LineBuilder::new().command("CAP").arg("LS").arg("302"));
        let nick = LineBuilder::new().command("NICK").arg(&self.nick);
        self.write(nick);
        let config = self.config.clone();
        let user = LineBuilder::new().command("USER").arg(&config.username).arg("0").arg("*");
        self.write(user.text(&config.realname));
    }

    /// Gives up on a server, or a NickServ, that does not answer.
    pub(crate) fn watch_registration(&mut self, now: Instant) {
        match self.phase {
            Phase::Negotiating { since } | Phase::Greeted { since }
                if now.saturating_duration_since(since) > REGISTRATION_PATIENCE =>
            {
                self.lost("the server does not let us in");
            }
            Phase::Identifying { since } if now.saturating_duration_since(since) > NICKSERV_PATIENCE => {
                self.go_online();
            }
            _ => {}
        }
    }

    fn lost(&mut self, why: &str) {
        self.close(End::Lost { why: why.to_owned(), closing: Closing::Usual });
    }

    /// `CAP` and its subcommands.
    pub(crate) fn on_cap(&mut self, line: &Line<'_>) {
        let list = line.last();
        match line.param(1).to_ascii_uppercase().as_str() {
            "LS" => {
                self.caps.offer(list);
                if line.param(2) != "*" && matches!(self.phase, Phase::Negotiating { .. }) {
                    self.request_caps();
                    self.continue_registration();
                }
            }
            "NEW" => {
                self.caps.offer(list);
                self.request_caps();
            }
            "DEL" => {
                self.caps.withdraw(list);
                self.report_rooms();
            }
            "ACK" => {
                self.caps.pending = self.caps.pending.saturating_sub(1);
                self.caps.acknowledge(list);
                self.continue_registration();
                self.report_rooms();
            }
            "NAK" => {
                self.caps.pending = self.caps.pending.saturating_sub(1);
                let names: Vec<&str> = list.split_ascii_whitespace().collect();
                // One unwanted name spoils the whole request, so each is asked for by itself.
                if names.len() > 1 {
                    for name in names {
                        self.request(name);
                    }
                }
                self.continue_registration();
            }
            _ => {}
        }
    }

    fn request_caps(&mut self) {
        let wants_sasl = self.config.sasl.is_some() && !self.is_online();
        for list in self.caps.requests(wants_sasl) {
            self.request(&list);
        }
    }

    fn request(&mut self, list: &str) {
        self.caps.pending += 1;
        self.write(LineBuilder::new().command("CAP").arg("REQ").text(list));
    }

    fn continue_registration(&mut self) {
        if self.caps.pending > 0 || !matches!(self.phase, Phase::Negotiating { .. }) || self.sasl.is_some() {
            return;
        }
        let Some(sasl) = self.config.sasl.clone() else {
            return self.write(LineBuilder::new().command("CAP").arg("END"));
        };
        if self.account.is_some() {
            return;
        }
        if !self.caps.on.sasl {
            // Services may only be away, so this is tried again.
            return self.lost("the server offers no SASL login at the moment");
        }
        self.sasl = Some(Exchange::new(&sasl, self.clock.random()));
        self.write(LineBuilder::new().command("AUTHENTICATE").arg(sasl.mechanism.name()));
    }

    /// A piece of the server's side of a login.
    pub(crate) fn on_authenticate(&mut self, chunk: &str) {
        let Some(exchange) = &mut self.sasl else { return };
        match exchange.answer(chunk) {
            Ok(answers) => {
                for answer in answers {
                    self.write(LineBuilder::new().command("AUTHENTICATE").arg(&answer));
                }
            }
            Err(error) => {
                self.write(LineBuilder::new().command("AUTHENTICATE").arg("*"));
                self.relink(&error.to_string());
            }
        }
    }

    fn relink(&mut self, why: &str) {
        self.close(End::Relink { why: why.to_owned() });
    }

    /// Numerics of registration and login; false for others.
    pub(crate) fn on_registration_numeric(&mut self, line: &Line<'_>, now: Instant) -> bool {
        match line.command {
            "001" => {
                self.nick = line.param(0).to_owned();
                // Many servers greet with our whole mask; the others show it with our first join.
                let mask = line.last().rsplit(' ').next().and_then(|word| word.split_once('!'));
                if let Some((nick, mask)) = mask
                    && self.is_me(nick)
                {
                    self.user_host = Some(mask.into());
                }
                if self.config.sasl.is_some() && self.account.is_none() {
                    self.relink("the server let us in without the login that sasl asks for");
                }
                self.phase = Phase::Greeted { since: now };
            }
            "005" => {
                for token in line.params().iter().skip(1).take(line.params().len().saturating_sub(2)) {
                    self.server.take(token);
                }
                self.memory.refold(self.server.casemapping);
            }
            "376" | "422" if matches!(self.phase, Phase::Greeted { .. }) => self.identify(now),
            "396" => {
                let host = line.param(1);
                if !host.is_empty() {
                    let user =
                        self.user_host.as_deref().and_then(|mask| mask.split_once('@')).map(|(user, _)| user);
                    let mask = match (host.contains('@'), user) {
                        (true, _) => Some(host.into()),
                        (false, Some(user)) => Some(format!("{user}@{host}").into()),
                        (false, None) => None,
                    };
                    self.user_host = mask;
                    self.report_rooms();
                }
            }
            "900" => {
                self.account = Some(line.param(2).into());
                self.identified();
            }
            "901" => self.account = None,
            "903" | "907" => {
                self.sasl = None;
                // Some servers send no 900.
                let name = self.config.sasl.as_ref().map(|sasl| sasl.username.clone()).unwrap_or_default();
                self.account.get_or_insert(name.into());
                if matches!(self.phase, Phase::Negotiating { .. }) {
                    self.write(LineBuilder::new().command("CAP").arg("END"));
                }
            }
            "902" | "904" | "905" | "906" if self.sasl.is_some() => {
                self.relink(&format!("the login was refused: {}", line.last()));
            }
            "908" if self.sasl.is_some() => {
                self.relink(&format!("the server only takes the SASL mechanisms {}", line.param(1)));
            }
            "464" => self.relink("the server password is wrong or missing"),
            "465" => {
                let why = format!("banned from the server: {}", line.last());
                self.close(End::Lost { why, closing: Closing::Banned });
            }
            "432" | "433" | "436" | "437" if matches!(self.phase, Phase::Negotiating { .. }) => {
                self.try_another_nick(line);
            }
            _ => return false,
        }
        true
    }

    fn try_another_nick(&mut self, line: &Line<'_>) {
        self.nick_tries += 1;
        if line.command == "432" && self.nick_tries == 1 {
            return self.relink(&format!(
                "the server does not take the nick {}: {}",
                self.config.nick,
                line.last()
            ));
        }
        if self.nick_tries > NICK_TRIES_MAX {
            return self.lost("every nick tried is in use");
        }
        let suffix = if self.nick_tries <= 2 {
            "_".repeat(usize::try_from(self.nick_tries).unwrap_or(1))
        } else {
            format!("{}", self.clock.random() % 10_000)
        };
        let room = self.server.nick_len.saturating_sub(suffix.len()).min(self.config.nick.len());
        let stem: String = self.config.nick.chars().take(room).collect();
        self.nick = format!("{stem}{suffix}");
        let line = LineBuilder::new().command("NICK").arg(&self.nick);
        self.write(line);
    }

    fn identify(&mut self, now: Instant) {
        match &self.config.nickserv_password {
            Some(password) if self.account.is_none() => {
                let text = match self.is_me(&self.config.nick) {
                    true => format!("IDENTIFY {password}"),
                    false => format!("IDENTIFY {} {password}", self.config.nick),
                };
                self.write(LineBuilder::new().command("PRIVMSG").arg("NickServ").text(&text));
                self.phase = Phase::Identifying { since: now };
            }
            _ => self.go_online(),
        }
    }

    /// NickServ said yes, in whatever way. Which account it is may be told a moment later, so the server is
    /// asked for a sign of life behind it.
    pub(crate) fn identified(&mut self) {
        if matches!(self.phase, Phase::Identifying { .. }) {
            self.write(LineBuilder::new().command("PING").text("sr-identified"));
        }
    }

    /// Everything that belongs to an answer of NickServ is here.
    pub(crate) fn identification_is_over(&mut self) {
        if matches!(self.phase, Phase::Identifying { .. }) {
            self.go_online();
        }
    }

    /// What NickServ says to us while we wait for it.
    pub(crate) fn on_nickserv(&mut self, text: &str) {
        if !matches!(self.phase, Phase::Identifying { .. }) {
            return;
        }
        let lower = text.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if says(&["now identified", "now recognized", "password accepted", "now logged in", "are already"]) {
            self.identified();
        } else if says(&[
            "invalid password",
            "incorrect",
            "not registered",
            "isn't registered",
            "authentication failed",
        ]) {
            tracing::warn!("nickserv refused the password");
            self.identified();
        }
    }

    fn go_online(&mut self) {
        self.phase = Phase::Online;
        if let (Some(password), false) = (&self.config.nickserv_password, self.is_me(&self.config.nick)) {
            let text = format!("REGAIN {} {password}", self.config.nick);
            self.urgent(LineBuilder::new().command("PRIVMSG").arg("NickServ").text(&text));
        }
        let config = self.config.clone();
        let realm =
            ids::realm(config.network.as_deref(), self.server.network.as_deref(), &config.host, config.port);
        let me = Author {
            id: ids::user(self.account.as_deref(), &self.fold(&self.nick), self.user_host.as_deref()),
            name: self.nick.clone(),
            username: None,
            avatar: None,
            is_bot: true,
            role: Role::Unknown,
        };
        self.health(Health::Connected);
        self.report(Report::Connected { realm, me });
        if let Some(mode) = self.server.bot {
            let line = LineBuilder::new().command("MODE").arg(&self.nick).arg(&format!("+{mode}"));
            self.urgent(line);
        }
        self.join_all();
    }
}
