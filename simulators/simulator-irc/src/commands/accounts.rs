//! Being logged in: the one place where an account is set, and who hears of it.
//! See <https://ircv3.net/specs/extensions/account-notify> and <https://ircv3.net/specs/extensions/chghost>.

use crate::{capability::Capability, client::ClientId, message::Message, options::Account, state::State};

impl State {
    /// The account of this name.
    pub(crate) fn account(&self, name: &str) -> Option<&Account> {
        let key = self.fold(name);
        self.options.accounts.iter().find(|account| self.fold(&account.name) == key)
    }

    /// Logs a client in and tells it and its peers.
    pub(crate) fn log_in(&mut self, id: ClientId, account: &str) {
        let account = self.account(account).map_or(account, |known| &known.name).to_owned();
        if let Some(client) = self.client_mut(id) {
            client.account = Some(account.clone());
        }
        let mask = self.mask_of(id);
        self.reply(id, "900", &[&mask, &account], &format!("You are now logged in as {account}"));
        let registered = self.client(id).is_some_and(|client| client.registered);
        if registered {
            let line = self.event(id, "ACCOUNT").arg(&account);
            if self.has(id, Capability::AccountNotify) {
                self.send(id, &line);
            }
            self.tell_peers(id, Capability::AccountNotify, &line);
        }
        if self.options.cloak_on_login {
            self.change_host(id, &format!("user/{account}"));
        }
    }

    /// Gives a client another visible host.
    pub(crate) fn change_host(&mut self, id: ClientId, host: &str) {
        let Some(client) = self.client(id).filter(|client| client.host != host) else { return };
        let registered = client.registered;
        if registered {
            let user = client.user().to_owned();
            let line: Message = self.event(id, "CHGHOST").arg(user).arg(host);
            if self.has(id, Capability::Chghost) {
                self.send(id, &line);
            }
            self.tell_peers(id, Capability::Chghost, &line);
        }
        if let Some(client) = self.client_mut(id) {
            client.host = host.to_owned();
        }
        self.reply(id, "396", &[host], "is now your visible host");
    }
}
