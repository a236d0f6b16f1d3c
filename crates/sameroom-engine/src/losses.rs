//! What two rooms can't carry to one another, for the line that people read on connecting.

use sameroom_types::capabilities::{Capabilities, Files, Reactions, Support};
use sameroom_types::ids::RoomId;
use sameroom_types::policy::{DeletePolicy, EditPolicy, FilePolicy, Relay, RoomPolicy};

use crate::engine::Engine;

/// One of the two rooms.
struct Side {
    can: Capabilities,
    policy: RoomPolicy,
}

impl Engine {
    /// What gets lost between two rooms, in one line; nothing while one of them is not known yet.
    pub(crate) fn what_gets_lost(&mut self, here: RoomId, there: RoomId) -> String {
        let side = |engine: &mut Self, room| {
            let policy = engine.policy(room).room.clone();
            engine.capabilities(room).cloned().map(|can| Side { can, policy })
        };
        let (Some(one), Some(other)) = (side(self, here), side(self, there)) else { return String::new() };
        let file_line = if self.config.public_url.is_some() {
            "files become links"
        } else {
            "files are only named, with a link where their own platform gives one"
        };
        // A loss counts only where somebody on the other side can do the thing at all.
        let worst = |heard: fn(&Capabilities) -> bool, degree: fn(&Side) -> Support| {
            [(&one, &other), (&other, &one)]
                .into_iter()
                .filter(|(from, to)| {
                    heard(&from.can) && from.policy.relay != Relay::In && to.policy.relay != Relay::Out
                })
                .map(|(_, to)| degree(to))
                .min()
                .unwrap_or(Support::Full)
        };
        let lost: Vec<&str> = [
            (worst(|can| can.heard.edits, edits), "edits become corrections", "edits don't pass"),
            (worst(|can| can.heard.deletes, deletes), "deletions are only told", "deletions don't pass"),
            (worst(|can| can.heard.reactions, reactions), "reactions become lines", "reactions don't pass"),
            (
                worst(|can| can.heard.replies, |to| to.can.replies),
                "replies quote",
                "replies lose what they answer",
            ),
            (worst(|can| can.heard.files, files), file_line, "files are only named"),
        ]
        .into_iter()
        .filter_map(|(degree, told, dropped)| match degree {
            Support::Full => None,
            Support::Fallback => Some(told),
            Support::Dropped | Support::Rejected => Some(dropped),
        })
        .collect();
        if lost.is_empty() {
            "Between these two nothing gets lost.".to_owned()
        } else {
            format!("Between these two: {}.", lost.join(", "))
        }
    }
}

fn edits(to: &Side) -> Support {
    match to.policy.edits {
        EditPolicy::Apply => to.can.edit,
        EditPolicy::Append => to.can.edit.min(Support::Fallback),
        EditPolicy::Ignore => Support::Dropped,
    }
}

fn deletes(to: &Side) -> Support {
    match to.policy.deletes {
        DeletePolicy::Apply => to.can.delete,
        DeletePolicy::Mark => to.can.delete.min(Support::Fallback),
        DeletePolicy::Ignore => Support::Dropped,
    }
}

fn reactions(to: &Side) -> Support {
    if to.can.reactions == Reactions::None { Support::Fallback } else { Support::Full }
}

fn files(to: &Side) -> Support {
    match (to.policy.files, &to.can.files) {
        (FilePolicy::Copy, Files::Upload { .. }) => Support::Full,
        (FilePolicy::Copy | FilePolicy::Link, _) => Support::Fallback,
        (FilePolicy::No, _) => Support::Dropped,
    }
}
