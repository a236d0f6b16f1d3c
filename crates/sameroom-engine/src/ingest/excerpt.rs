//! What is kept of a text for corrections and quotes.

use sameroom_types::capabilities::Reactions;
use sameroom_types::ids::{MessageId, RoomId};
use sameroom_types::policy::{DeletePolicy, EditPolicy};

use crate::engine::{Engine, Sealed};
use crate::record::{EventMeta, Excerpt, Record};

/// The longest excerpt kept of a message, in graphemes.
const EXCERPT: usize = 300;

impl Engine {
    pub(super) fn remember_excerpt(&mut self, meta: &EventMeta, author: &str, text: &str) {
        if self.config.excerpts.is_zero() {
            return;
        }
        let wanted = meta.targets.iter().chain([&meta.room]).any(|room| self.wants_excerpts(*room));
        if !wanted {
            return;
        }
        let excerpt = Excerpt {
            author: author.to_owned(),
            text: sameroom_markup::first_line(&sameroom_types::text::Text::plain(text), EXCERPT),
        };
        // The event comes right after the excerpt, so its number is known.
        let message = MessageId(self.next_seq.0 + 1);
        let hour = u64::try_from(self.now.wall.0 / 3_600_000).unwrap_or(0);
        let key = (1 << 63) | hour;
        self.hour_keys.insert(key);
        let at = self.now.wall;
        self.commit(Record::Excerpt { message, at }, Some(key), Sealed::Excerpt(excerpt));
    }

    /// Whether a room may have to be told of a change in words.
    pub(super) fn wants_excerpts(&mut self, room: RoomId) -> bool {
        let policy = self.policy(room);
        policy.room.edits == EditPolicy::Append
            || policy.room.deletes == DeletePolicy::Mark
            || self.capabilities(room).is_none_or(|can| {
                !can.edit.is_full()
                    || can.edit_window.is_some()
                    || !can.replies.is_full()
                    || !can.delete.is_full()
                    || can.reactions == Reactions::None
            })
    }
}
