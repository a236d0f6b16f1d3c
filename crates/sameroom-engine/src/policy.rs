//! A room's policy, ready to use: its expressions compiled, its format resolved.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use sameroom_types::ids::RoomId;
use sameroom_types::policy::RoomPolicy;

use crate::engine::Engine;

/// The most memory that one expression may compile to.
const REGEX_BYTES: usize = 1 << 20;

/// A policy with its expressions compiled.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) room: RoomPolicy,
    ignore_names: Vec<Regex>,
    ignore_text: Vec<Regex>,
    pub(crate) replace: Vec<(Regex, String)>,
}

impl Policy {
    fn new(room: RoomPolicy) -> Self {
        // The configuration refuses expressions that don't compile; one that gets here all the same is left out.
        let compile = |source: &String| RegexBuilder::new(source).size_limit(REGEX_BYTES).build().ok();
        Self {
            ignore_names: room.ignore.names.iter().filter_map(compile).collect(),
            ignore_text: room.ignore.text.iter().filter_map(compile).collect(),
            replace: room
                .replace
                .iter()
                .filter_map(|(from, to)| Some((compile(from)?, to.clone())))
                .collect(),
            room,
        }
    }

    pub(crate) fn ignores(&self, name: &str, text: &str) -> bool {
        self.ignore_names.iter().any(|pattern| pattern.is_match(name))
            || self.ignore_text.iter().any(|pattern| pattern.is_match(text))
    }
}

impl Engine {
    /// The policy of a room: its own, else the defaults; a format set by command goes before both.
    pub(crate) fn policy(&mut self, room: RoomId) -> Arc<Policy> {
        if let Some(policy) = self.policies.get(&room) {
            return Arc::clone(policy);
        }
        let known = self.network.room(room);
        let mut policy = known
            .and_then(|known| known.specs.iter().find_map(|spec| self.config.rooms.get(spec)))
            .unwrap_or(&self.config.defaults)
            .clone();
        if let Some(format) = known.and_then(|known| known.format.clone()) {
            policy.format = Some(format);
        }
        let policy = Arc::new(Policy::new(policy));
        self.policies.insert(room, Arc::clone(&policy));
        policy
    }
}
