//! Messages that come back through somebody else's bridge, recognised and cut.
//!
//! A foreign bridge re-posts our copy under its own account with the author's name in front:
//! `<bob> [Alice, Acme] hello`, or under the author's own name where it can. The sign is a post that ends
//! in something lately relayed into the same room and names its author before that or as its own. A person may quote like this; a second time within a
//! minute by the same poster is a bridge, and what it bounces is no longer relayed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sameroom_types::ids::{RemoteUserId, RoomId};

use crate::engine::Engine;
use crate::record::EventMeta;

/// How long a relayed text is remembered.
const MEMORY: Duration = Duration::from_secs(60);

/// How many relayed texts are remembered per room.
const KEEP: usize = 200;

/// Bounces of one poster after which they are cut.
const PATIENCE: u32 = 2;

/// For how long a bouncing poster's bounces are dropped.
const CUT: Duration = Duration::from_secs(600);

/// A text that was relayed: when, its author's name, a digest of its last line and that line's length.
type Relayed = (Duration, String, [u8; 16], usize);

/// What was relayed lately, and who bounced it.
#[derive(Debug, Default)]
pub(crate) struct Bounces {
    /// By the room into which it was relayed, or in which it was said.
    relayed: BTreeMap<RoomId, VecDeque<Relayed>>,
    seen: BTreeMap<(RoomId, RemoteUserId), (Duration, u32)>,
}

impl Bounces {
    pub(crate) fn sweep(&mut self, mono: Duration) {
        for ring in self.relayed.values_mut() {
            ring.retain(|(at, _, _, _)| mono.saturating_sub(*at) < MEMORY);
        }
        self.relayed.retain(|_, ring| !ring.is_empty());
        self.seen.retain(|_, (at, _)| mono.saturating_sub(*at) < CUT);
    }
}

impl Engine {
    pub(crate) fn remember_for_bounces(&mut self, meta: &EventMeta, author: &str, text: &str) {
        let Some(line) = last_line(text) else { return };
        let digest = self.digest_bytes(line.as_bytes());
        let mono = self.now.mono;
        // A bridge between the same two rooms brings it back to where it was said, too.
        for target in meta.targets.iter().chain([&meta.room]) {
            let ring = self.bounces.relayed.entry(*target).or_default();
            ring.push_back((mono, author.to_owned(), digest, line.len()));
            if ring.len() > KEEP {
                ring.pop_front();
            }
        }
    }

    /// Whether a post is a bounce that must not be relayed; counts those that still are.
    pub(crate) fn is_bounce(&mut self, room: RoomId, person: &RemoteUserId, name: &str, text: &str) -> bool {
        let mono = self.now.mono;
        let Some(line) = last_line(text) else { return false };
        let Some(ring) = self.bounces.relayed.get(&room) else { return false };
        let bounced = ring.iter().rev().any(|(at, author, digest, length)| {
            if mono.saturating_sub(*at) >= MEMORY || line.len() < *length || author.is_empty() {
                return false;
            }
            let start = line.len() - length;
            let (Some(before), Some(end)) = (line.get(..start), line.get(start..)) else { return false };
            let names = if before.is_empty() { name } else { before };
            strip_invisible(names).contains(author.as_str()) && self.digest_bytes(end.as_bytes()) == *digest
        });
        if !bounced {
            return false;
        }
        let (_, count) = {
            let seen = self.bounces.seen.entry((room, person.clone())).or_insert((mono, 0));
            seen.1 += 1;
            seen.0 = mono;
            *seen
        };
        if count == PATIENCE {
            let text = format!(
                "{name} repeats what is relayed here; it seems to be another bridge. Its repeats are not relayed."
            );
            self.inform(room, &text);
        }
        count >= PATIENCE
    }
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim_end).find(|line| !line.is_empty())
}

fn strip_invisible(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')).collect()
}
