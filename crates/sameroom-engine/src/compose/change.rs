//! Edits and deletions as their target shows them.

use std::time::Duration;

use sameroom_markup::{correction, first_line, no_ping, plain_text};
use sameroom_types::action::Action;
use sameroom_types::capabilities::Support;
use sameroom_types::event::{Author, Content, ContentKind, DeletionCause, RoomEvent};
use sameroom_types::ids::{DeliveryId, MessageId, NativeIds, RoomId, Seq};
use sameroom_types::policy::{DeletePolicy, EditPolicy};
use sameroom_types::rows::{DeliveryKind, SkipReason};
use sameroom_types::text::Text;

use crate::compose::{Prepared, Target, one_line, post, skip};
use crate::engine::{Engine, Reference, Sealed};
use crate::record::{EventMeta, Excerpt, Record};

impl Engine {
    pub(crate) fn prepare_change(
        &mut self,
        id: DeliveryId,
        target: &Target,
        kind: DeliveryKind,
        event: &RoomEvent,
    ) -> Prepared {
        let message_id = match self.reference_of(id.event) {
            Reference::Known(message) => message,
            Reference::Loading => return Prepared::Wait(None),
            Reference::Awaited { until } if until > self.now.mono => return Prepared::Wait(Some(until)),
            Reference::Awaited { .. } | Reference::Unknown | Reference::None => {
                self.awaiting.retain(|(_, seq), _| *seq != id.event);
                return skip(SkipReason::NoTarget);
            }
        };
        // The copy itself is still on its way into this room.
        let post = Seq(message_id.0);
        if self.lanes.get(&id.room).is_some_and(|lane| lane.items.contains_key(&post)) {
            return if post < id.event { Prepared::Wait(None) } else { self.put_behind(id) };
        }
        // An earlier change of it is not confirmed: sent again later, it would undo this one.
        let unsettled = self.lanes.get(&id.room).is_some_and(|lane| {
            lane.items.range(..id.event).any(|(seq, item)| {
                item.attempt.is_some()
                    && self.events.get(seq).is_some_and(|event| event.meta.message == Some(message_id))
            })
        });
        if unsettled {
            return Prepared::Wait(None);
        }
        match (kind, event) {
            (DeliveryKind::Edit, RoomEvent::Edited(edit)) => {
                let content = edit.content.clone();
                let author = edit.author.clone();
                self.prepare_edit(id, target, message_id, &author, &content)
            }
            (DeliveryKind::Delete, RoomEvent::Deleted(deletion)) => {
                self.prepare_delete(id, target, message_id, deletion.cause)
            }
            (DeliveryKind::React, _) => self.prepare_reaction(id, target, message_id, event),
            _ => skip(SkipReason::NoForm),
        }
    }

    /// A change whose message was accepted after it, as happens when rooms are read back at different speeds: it is
    /// accepted once more, for this room alone, so that it comes behind its message.
    fn put_behind(&mut self, id: DeliveryId) -> Prepared {
        let Some(event) = self.events.get(&id.event) else { return skip(SkipReason::NoTarget) };
        let Some(body) = event.body.clone() else { return skip(SkipReason::NoTarget) };
        let meta = EventMeta { targets: vec![id.room], cursor: None, ..event.meta.clone() };
        self.commit(Record::Event(meta), None, Sealed::Event(body));
        skip(SkipReason::NoChange)
    }

    pub(crate) fn prepare_edit(
        &mut self,
        id: DeliveryId,
        target: &Target,
        message: MessageId,
        author: &Author,
        content: &Content,
    ) -> Prepared {
        if target.policy.room.edits == EditPolicy::Ignore {
            return skip(SkipReason::Policy);
        }
        let Some(known) = self.messages.get(message) else { return skip(SkipReason::NoTarget) };
        let Some(copy) = known.copies.get(&id.room).filter(|copy| !copy.deleted) else {
            return skip(SkipReason::NoTarget);
        };
        if copy.as_of >= id.event {
            return skip(SkipReason::NoChange);
        }
        let posted_at = known.row.at;
        let texts: Vec<(u32, Option<NativeIds>)> = (0..)
            .zip(&copy.parts)
            .filter(|(_, part)| !part.is_file && !part.deleted)
            .map(|(index, part)| (index, part.ids.clone()))
            .collect();
        let next_part = u32::try_from(copy.parts.len()).unwrap_or(u32::MAX);
        let shown = self.shown_author(target, author);
        let in_window = target
            .can
            .edit_window
            .is_none_or(|window| self.now.wall.since(posted_at) + Duration::from_secs(5) < window);
        let addressable = !texts.is_empty() && texts.iter().all(|(_, ids)| ids.is_some());
        let native = target.can.edit.is_full()
            && in_window
            && addressable
            && target.policy.room.edits == EditPolicy::Apply;
        if !native {
            return self.correction_line(id, target, message, author, shown, content);
        }
        let prefix = self.prefix(id, target, author, shown.is_some(), &content.kind, false);
        let text = self.adapt(target, content.text.clone());
        let rendered = self.render(target, &prefix, &text);
        let mut actions = Vec::new();
        let mut makes = Vec::new();
        let mut olds = texts.into_iter();
        for (extra, part) in (0..).zip(rendered) {
            match olds.next() {
                Some((index, Some(ids))) => {
                    actions.push(Action::Edit { target: ids, text: part, author: shown.clone() });
                    makes.push(index);
                }
                Some((_, None)) => {}
                None => {
                    actions.push(post(part, shown.clone(), None, false));
                    makes.push(next_part.saturating_add(extra));
                }
            }
        }
        for (index, ids) in olds {
            if let Some(ids) = ids
                && target.can.delete.is_full()
            {
                actions.push(Action::Delete { target: ids, moderate: false });
                makes.push(index);
            }
        }
        Prepared::Ready { actions, files: 0, makes, placed: None, as_of: id.event }
    }

    /// One line that says what changed, for rooms whose copies can't change.
    pub(crate) fn correction_line(
        &mut self,
        id: DeliveryId,
        target: &Target,
        message: MessageId,
        author: &Author,
        shown: Option<Author>,
        content: &Content,
    ) -> Prepared {
        if target.can.edit == Support::Dropped && target.policy.room.edits == EditPolicy::Apply {
            return skip(SkipReason::NoForm);
        }
        let new = one_line(&plain_text(&content.text));
        let old = self.excerpt_in(message, id.room).map(|excerpt| excerpt.text.clone());
        let line = match old.as_deref() {
            Some(old) if old == new => return skip(SkipReason::NoChange),
            Some(old) => correction(old, &new).map(|change| format!("* {change}")),
            None => None,
        };
        let line = line.unwrap_or_else(|| format!("(edited) {}", first_line(&content.text, 300)));
        let prefix = self.prefix(id, target, author, shown.is_some(), &ContentKind::Text, false);
        let rendered = self.render(target, &prefix, &Text::plain(&line));
        let actions: Vec<Action> =
            rendered.into_iter().take(1).map(|text| post(text, shown.clone(), None, false)).collect();
        let makes = vec![u32::MAX; actions.len()];
        Prepared::Ready { actions, files: 0, makes, placed: None, as_of: id.event }
    }

    pub(crate) fn prepare_delete(
        &mut self,
        id: DeliveryId,
        target: &Target,
        message: MessageId,
        cause: DeletionCause,
    ) -> Prepared {
        if target.policy.room.deletes == DeletePolicy::Ignore {
            return skip(SkipReason::Policy);
        }
        let Some(known) = self.messages.get(message) else { return skip(SkipReason::NoTarget) };
        let is_original = known.row.room == id.room;
        let parts: Vec<(u32, NativeIds)> = if is_original {
            vec![(u32::MAX, known.row.ids.clone())]
        } else {
            known.parts_in(id.room).into_iter().map(|(index, ids, _)| (index, ids)).collect()
        };
        let has_copy = is_original || known.copies.get(&id.room).is_some_and(|copy| !copy.deleted);
        if !has_copy {
            return skip(SkipReason::NoTarget);
        }
        let can = if is_original { target.can.moderate } else { target.can.delete };
        if can.is_full() && target.policy.room.deletes == DeletePolicy::Apply && !parts.is_empty() {
            let makes = parts.iter().map(|(index, _)| *index).collect();
            let actions = parts
                .into_iter()
                .map(|(_, target)| Action::Delete { target, moderate: is_original })
                .collect();
            return Prepared::Ready { actions, files: 0, makes, placed: None, as_of: id.event };
        }
        if is_original || can == Support::Dropped {
            return skip(SkipReason::NoForm);
        }
        let said = self
            .excerpt_in(message, id.room)
            .map(|excerpt| (no_ping(&excerpt.author), first_line(&Text::plain(&excerpt.text), 60)));
        let line = match (cause, said) {
            (DeletionCause::Author, Some((who, start))) => format!("{who} deleted: “{start}”"),
            (DeletionCause::Author, None) => "a message was deleted by its author".to_owned(),
            (DeletionCause::Moderator, Some((who, start))) => {
                format!("a moderator removed what {who} said: “{start}”")
            }
            (DeletionCause::Moderator, None) => "a moderator removed a message".to_owned(),
            (_, Some((who, start))) => format!("what {who} said was removed: “{start}”"),
            (_, None) => "a message was removed".to_owned(),
        };
        let rendered = self.render(target, &[], &Text::plain(&line));
        let actions: Vec<Action> =
            rendered.into_iter().take(1).map(|text| post(text, None, None, true)).collect();
        let makes = vec![u32::MAX; actions.len()];
        Prepared::Ready { actions, files: 0, makes, placed: None, as_of: id.event }
    }

    /// The parts by which a room knows a message.
    pub(crate) fn target_of(&self, message: MessageId, room: RoomId) -> Vec<(u32, NativeIds, bool)> {
        self.messages.get(message).map(|message| message.parts_in(room)).unwrap_or_default()
    }

    /// The beginning of a message as a room last heard of it, as far as that is remembered.
    pub(crate) fn excerpt_in(&self, message: MessageId, room: RoomId) -> Option<&Excerpt> {
        let copies = self.messages.get(message).map(|known| &known.copies);
        let as_of = copies.and_then(|copies| match copies.get(&room) {
            Some(copy) => Some(copy.as_of),
            None => copies.values().map(|copy| copy.as_of).max(),
        });
        // What an edit made of it stands under the edit's own number.
        let edited = as_of.and_then(|as_of| self.excerpts.get(&MessageId(as_of.0)));
        edited.or_else(|| self.excerpts.get(&message)).map(|(_, excerpt)| excerpt)
    }
}
