//! Who is around: masks and services accounts by folded nick, for as long as they share a room with us.

use std::collections::HashMap;

/// The most people remembered.
const USERS_MAX: usize = 200_000;

/// What is known of one person.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    /// `user@host`.
    pub(crate) user_host: Option<Box<str>>,
    /// The services account they are logged in to.
    pub(crate) account: Option<Box<str>>,
}

/// All people known.
#[derive(Debug, Default)]
pub(crate) struct Users(HashMap<String, User>);

impl Users {
    /// What is known of a nick.
    pub(crate) fn find(&self, folded: &str) -> Option<&User> {
        self.0.get(folded)
    }

    /// What is known of a nick, to be changed; a new entry for an unknown one while there is room.
    pub(crate) fn note(&mut self, folded: &str) -> Option<&mut User> {
        if !self.0.contains_key(folded) {
            if self.0.len() >= USERS_MAX {
                return None;
            }
            self.0.insert(folded.to_owned(), User::default());
        }
        self.0.get_mut(folded)
    }

    /// Moves what is known to another nick.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        if let Some(user) = self.0.remove(from) {
            self.0.insert(to.to_owned(), user);
        }
    }

    /// Forgets somebody.
    pub(crate) fn forget(&mut self, folded: &str) {
        self.0.remove(folded);
    }

    /// The nick of whoever is logged in to an account, folded.
    pub(crate) fn by_account(&self, account: &str) -> Option<&str> {
        let is_it = |user: &User| user.account.as_deref() == Some(account);
        self.0.iter().find(|(_, user)| is_it(user)).map(|(nick, _)| nick.as_str())
    }
}
