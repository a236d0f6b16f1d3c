//! NickServ: accounts by private message, for clients without SASL.

use crate::{client::ClientId, message::Message, options::Account, state::State};

/// The pseudo-user's nick.
pub(super) const NICK: &str = "NickServ";
/// Most accounts, counting those registered at run time.
const ACCOUNTS_MAX: usize = 10_000;

impl State {
    /// Whether NickServ is here: it comes with the first configured account.
    pub(crate) fn has_services(&self) -> bool {
        !self.options.accounts.is_empty()
    }

    /// Carries out what was said to NickServ.
    pub(super) fn nickserv(&mut self, id: ClientId, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let command = words.first().map(|word| word.to_ascii_uppercase()).unwrap_or_default();
        let args = words.get(1..).unwrap_or_default();
        match (command.as_str(), args) {
            ("REGISTER", [password, ..]) => self.ns_register(id, password),
            ("IDENTIFY" | "ID" | "LOGIN", [password]) => {
                let nick = self.nick_of(id);
                self.ns_identify(id, &nick, password);
            }
            ("IDENTIFY" | "ID" | "LOGIN", [account, password, ..]) => {
                self.ns_identify(id, account, password);
            }
            ("GHOST" | "REGAIN" | "RECOVER" | "RELEASE", [nick, rest @ ..]) => {
                self.ns_ghost(id, nick, rest.first().copied(), command != "GHOST" && command != "RELEASE");
            }
            ("HELP", _) => self.ns_says(id, "Commands: REGISTER, IDENTIFY, GHOST, REGAIN."),
            _ => self.ns_says(id, "Invalid command. Use /msg NickServ HELP for a command listing."),
        }
    }

    fn ns_register(&mut self, id: ClientId, password: &str) {
        let nick = self.nick_of(id);
        if self.account(&nick).is_some() || self.options.accounts.len() >= ACCOUNTS_MAX {
            return self.ns_says(id, &format!("{nick} is already registered."));
        }
        self.options.accounts.push(Account { name: nick.clone(), password: password.to_owned() });
        self.log_in(id, &nick);
        self.ns_says(id, &format!("{nick} is now registered. You are now identified for {nick}."));
    }

    fn ns_identify(&mut self, id: ClientId, account: &str, password: &str) {
        match self.account(account).filter(|known| known.password == password).map(|known| known.name.clone())
        {
            Some(account) => {
                self.log_in(id, &account);
                self.ns_says(id, &format!("You are now identified for {account}."));
            }
            None => self.ns_says(id, &format!("Invalid password for {account}.")),
        }
    }

    /// Throws another client off a nick that belongs to the asker's account, and maybe takes the nick.
    fn ns_ghost(&mut self, id: ClientId, nick: &str, password: Option<&str>, take: bool) {
        let logged_in = self.client(id).and_then(|client| client.account.clone());
        let owner = self.account(nick).is_some_and(|account| {
            password == Some(account.password.as_str())
                || logged_in.is_some_and(|name| self.fold(&name) == self.fold(&account.name))
        });
        if !owner {
            return self.ns_says(id, &format!("Access denied for {nick}."));
        }
        match self.find_nick(nick).filter(|other| *other != id) {
            Some(other) => {
                let own = self.nick_of(id);
                self.quit(other, &format!("Killed (NickServ (GHOST command used by {own}))"));
                self.ns_says(id, &format!("{nick} has been ghosted."));
            }
            None if !take => self.ns_says(id, &format!("{nick} is not online.")),
            None => {}
        }
        let free = self.nicks.get(&self.fold(nick)).is_none_or(|holder| *holder == id);
        if take && free && super::is_valid_nick(nick) && nick.len() <= self.options.nick_len {
            self.rename(id, nick);
            self.ns_says(id, &format!("{nick} has been regained."));
        }
    }

    fn ns_says(&mut self, id: ClientId, text: &str) {
        let source = format!("{NICK}!{NICK}@services.{}", self.options.name);
        let line = Message::new(&source, "NOTICE").arg(self.nick_of(id)).text(text);
        self.send(id, &line);
    }
}
