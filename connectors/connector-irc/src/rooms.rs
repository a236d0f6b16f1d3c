//! The rooms we are in: who else is there with which rank, and the modes that matter.

use std::collections::{BTreeSet, HashMap};

use sameroom_types::capabilities::Capabilities;
use sameroom_types::event::Role;
use sameroom_types::time::Timestamp;

use crate::fill::Fill;
use crate::isupport::Isupport;

/// The most members remembered of one room.
const MEMBERS_MAX: usize = 100_000;

/// A room we are in.
#[derive(Debug)]
pub(crate) struct Room {
    /// Its name as the server spells it.
    pub(crate) name: String,
    /// Its members' ranks by folded nick; bit 0 is the highest rank of the server.
    members: HashMap<String, u16>,
    /// Its modes without parameter.
    pub(crate) modes: BTreeSet<char>,
    /// What was last reported; `None` until it was.
    pub(crate) reported: Option<Capabilities>,
    /// When we came in, by the server's clock.
    pub(crate) joined_at: Option<Timestamp>,
    /// Reading what we missed, while it lasts.
    pub(crate) fill: Option<Fill>,
}

impl Room {
    /// A room just entered.
    pub(crate) fn new(name: &str, joined_at: Option<Timestamp>) -> Self {
        Self {
            name: name.to_owned(),
            members: HashMap::new(),
            modes: BTreeSet::new(),
            reported: None,
            joined_at,
            fill: None,
        }
    }

    /// Notes a member; keeps the rank of one already there.
    pub(crate) fn add(&mut self, folded: String, rank: u16) {
        if self.members.len() < MEMBERS_MAX {
            *self.members.entry(folded).or_default() |= rank;
        }
    }

    /// Takes a member out; false if they were not there.
    pub(crate) fn remove(&mut self, folded: &str) -> bool {
        self.members.remove(folded).is_some()
    }

    /// Gives a member another nick; false if they were not there.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(rank) = self.members.remove(from) else { return false };
        self.members.insert(to.to_owned(), rank);
        true
    }

    /// Whether somebody is there.
    pub(crate) fn has(&self, folded: &str) -> bool {
        self.members.contains_key(folded)
    }

    /// Gives or takes a rank.
    pub(crate) fn set_rank(&mut self, folded: &str, rank: u16, adding: bool) {
        if let Some(ranks) = self.members.get_mut(folded) {
            *ranks = if adding { *ranks | rank } else { *ranks & !rank };
        }
    }

    /// What somebody may do: by the highest of their signs.
    pub(crate) fn role(&self, folded: &str, server: &Isupport) -> Role {
        let ranks = self.members.get(folded).copied().unwrap_or_default();
        let highest = usize::try_from(ranks.trailing_zeros()).unwrap_or(usize::MAX);
        match server.prefix.get(highest) {
            Some(('q', _)) => Role::Owner,
            Some(('v', _)) | None => Role::Member,
            Some(_) => Role::Moderator,
        }
    }

    /// Whether somebody has any sign before their nick.
    pub(crate) fn has_rank(&self, folded: &str) -> bool {
        self.members.get(folded).is_some_and(|ranks| *ranks != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_sign_decides() {
        let mut server = Isupport::default();
        server.take("PREFIX=(qaohv)~&@%+");
        let mut room = Room::new("#a", None);
        for (nick, signs) in [("q", "~@"), ("o", "@+"), ("h", "%"), ("v", "+"), ("n", "")] {
            let rank = signs.chars().filter_map(|sign| server.rank_of_sign(sign)).sum();
            room.add(nick.to_owned(), rank);
        }
        let roles = ["q", "o", "h", "v", "n", "gone"].map(|nick| room.role(nick, &server));
        assert_eq!(
            roles,
            [Role::Owner, Role::Moderator, Role::Moderator, Role::Member, Role::Member, Role::Member]
        );
        let voice = server.rank_of_mode('v').expect("known");
        room.set_rank("v", voice, false);
        assert!(!room.has_rank("v") && room.has_rank("o"));
    }
}
