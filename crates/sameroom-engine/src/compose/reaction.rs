//! Reactions as their target shows them.

use std::collections::BTreeSet;

use sameroom_markup::{first_line, no_ping};
use sameroom_types::action::Action;
use sameroom_types::capabilities::Reactions;
use sameroom_types::event::{ContentKind, RoomEvent};
use sameroom_types::ids::{DeliveryId, MessageId, RoomId};
use sameroom_types::rows::SkipReason;
use sameroom_types::text::{Emoji, Text};

use crate::compose::{Prepared, Target, post, ready, skip};
use crate::engine::Engine;

impl Engine {
    pub(crate) fn prepare_reaction(
        &mut self,
        id: DeliveryId,
        target: &Target,
        message: MessageId,
        event: &RoomEvent,
    ) -> Prepared {
        if target.can.reactions == Reactions::None {
            return self.reaction_line(id, target, message, event);
        }
        let mut wanted = self.wanted_reactions(message, id.room);
        let Some(known) = self.messages.get(message) else { return skip(SkipReason::NoTarget) };
        if let Reactions::Allowed(allowed) = &target.can.reactions {
            wanted.retain(|emoji| allowed.contains(&emoji.fallback()));
        }
        let placed = known.placed.get(&id.room).cloned().unwrap_or_default();
        if wanted == placed {
            return skip(SkipReason::NoChange);
        }
        let Some((_, ids, _)) = known.parts_in(id.room).into_iter().next() else {
            return skip(SkipReason::NoTarget);
        };
        let all: Vec<Emoji> = wanted.iter().cloned().collect();
        let actions = if target.can.reactions == Reactions::FullSet {
            vec![Action::SetReactions { target: ids, emoji: all.clone() }]
        } else {
            let on = wanted
                .difference(&placed)
                .map(|emoji| Action::React { target: ids.clone(), emoji: emoji.clone() });
            let off = placed
                .difference(&wanted)
                .map(|emoji| Action::Unreact { target: ids.clone(), emoji: emoji.clone() });
            on.chain(off).collect()
        };
        let makes = vec![u32::MAX; actions.len()];
        Prepared::Ready { actions, files: 0, makes, placed: Some(all), as_of: id.event }
    }

    /// What our account should show on a message in a room: what people in the rooms that it hears have put there,
    /// and what stands there already as long as anybody elsewhere has it.
    fn wanted_reactions(&mut self, message: MessageId, room: RoomId) -> BTreeSet<Emoji> {
        let Some(known) = self.messages.get(message) else { return BTreeSet::new() };
        let put: Vec<(Emoji, RoomId)> = known
            .reactions
            .iter()
            .filter(|(_, at, _)| *at != room)
            .map(|(emoji, at, _)| (emoji.clone(), *at))
            .collect();
        let placed = known.placed.get(&room).cloned().unwrap_or_default();
        put.into_iter()
            .filter(|(emoji, at)| placed.contains(emoji) || self.network.reach(*at).contains(&room))
            .map(|(emoji, _)| emoji)
            .collect()
    }

    /// A line that tells of a new reaction, where messages can't carry any.
    pub(crate) fn reaction_line(
        &mut self,
        id: DeliveryId,
        target: &Target,
        message: MessageId,
        event: &RoomEvent,
    ) -> Prepared {
        let (author, emoji) = match event {
            RoomEvent::Reacted(reaction) => (&reaction.author, reaction.emoji.fallback()),
            RoomEvent::ReactionSet(set) if !set.emoji.is_empty() => {
                (&set.author, set.emoji.iter().map(Emoji::fallback).collect::<Vec<_>>().join(" "))
            }
            _ => return skip(SkipReason::NoForm),
        };
        let Some(excerpt) = self.excerpt_in(message, id.room) else { return skip(SkipReason::NoForm) };
        let start = first_line(&Text::plain(&excerpt.text), 40);
        let line = format!("reacted {emoji} to {}: “{start}”", no_ping(&excerpt.author));
        let author = author.clone();
        let prefix = self.prefix(id, target, &author, false, &ContentKind::Action, false);
        let rendered = self.render(target, &prefix, &Text::plain(&line));
        ready(rendered.into_iter().take(1).map(|text| post(text, None, None, true)))
    }
}
