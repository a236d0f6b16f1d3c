//! How attempts and their outcomes change the lasting state.

use sameroom_types::action::{Action, SendRequest};
use sameroom_types::ids::{AccountId, DeliveryId, MessageId, NativeIds, RoomId, Seq};
use sameroom_types::rows::{CopyRow, DeliveryKind, DeliveryRow, DeliveryState, ReactionRow, Row};
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;

use crate::engine::{Engine, Sealed};
use crate::lane::{Attempt, Part};
use crate::messages::{Copy, CopyPart};
use crate::record::AttemptMeta;

impl Engine {
    pub(crate) fn apply_attempt(&mut self, meta: AttemptMeta, done: &[bool], sealed: Sealed) {
        let id = meta.delivery;
        let frozen = match sealed {
            Sealed::Frozen(frozen) => Some(frozen),
            _ => None,
        };
        let is_post = self.events.get(&id.event).is_some_and(|event| event.meta.kind == DeliveryKind::Post);
        if is_post && meta.opens.is_none() {
            self.apply_images(&meta, done.len());
        }
        for (event, _) in &meta.shares {
            if let Some(item) = self.delivery_mut(DeliveryId { event: *event, room: id.room }) {
                item.within = Some(id.event);
            }
        }
        let parts = done
            .iter()
            .map(|done| if *done { Part::Done(None) } else { Part::Unsure { not_before: self.now.mono } })
            .collect();
        if let Some(item) = self.delivery_mut(id) {
            let AttemptMeta { account, files, placed, as_of, makes, shares, opens, .. } = meta;
            item.attempt = Some(Attempt {
                account,
                frozen,
                parts,
                files,
                placed,
                as_of,
                makes,
                shares,
                opens,
                tried: true,
                outdated: false,
            });
        }
    }

    /// The message, and those of the same album, have images in the room from now on.
    fn apply_images(&mut self, meta: &AttemptMeta, count: usize) {
        let id = meta.delivery;
        let space = self.network.space(id.room, &meta.account);
        let texts = count - (meta.files as usize).min(count);
        let of_others = |part: u32| meta.shares.iter().any(|(_, parts)| parts.contains(&part));
        let mut image = |event: Seq, is_its: &dyn Fn(u32) -> bool| {
            let Some(message) = self.messages.get_mut(MessageId(event.0)) else { return };
            let known = message.copies.get(&id.room);
            if known.is_some_and(|copy| copy.parts.iter().any(|part| part.ids.is_some())) {
                return;
            }
            let parts = (0..)
                .zip(0..count)
                // A part that is another message's image is as good as deleted for this one.
                .map(|(part, index)| CopyPart { ids: None, is_file: index >= texts, deleted: !is_its(part) })
                .collect();
            let copy =
                Copy { account: meta.account.clone(), space, parts, deleted: false, as_of: meta.as_of };
            message.copies.insert(id.room, copy);
        };
        image(id.event, &|part| !of_others(part));
        for (event, parts) in &meta.shares {
            image(*event, &|part| parts.contains(&part));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one record")]
    pub(crate) fn apply_done(
        &mut self,
        seq: Seq,
        id: DeliveryId,
        part: u32,
        account: AccountId,
        ids: Option<NativeIds>,
        shown: bool,
        at: Timestamp,
    ) {
        let Some(item) = self.delivery_mut(id) else { return };
        let Some(attempt) = &mut item.attempt else { return };
        let Some(slot) = attempt.parts.get_mut(part as usize) else { return };
        *slot = Part::Done(ids.clone());
        let finished = attempt.is_done();
        let shares = attempt.shares.clone();
        let (attempts, repeats) = (item.attempts, item.repeats);
        self.apply_copy(seq, id, part, ids.as_ref(), &account, &shares);
        if !finished {
            return;
        }
        self.apply_effects_on_copy(seq, id);
        let mut rows = Vec::new();
        let events: Vec<Seq> =
            std::iter::once(id.event).chain(shares.iter().map(|(event, _)| *event)).collect();
        for event in &events {
            if let Some(open) = self.events.get(event)
                && open.meta.kind != DeliveryKind::Notice
            {
                rows.push(Row::Delivery(DeliveryRow {
                    delivery: DeliveryId { event: *event, room: id.room },
                    message: self.message_of(*event, &open.meta),
                    what: open.meta.kind,
                    state: DeliveryState::Delivered,
                    attempts,
                    repeats,
                    shown,
                    accepted: open.meta.at,
                    at,
                }));
            }
        }
        for event in events {
            self.remove_delivery(seq, DeliveryId { event, room: id.room });
        }
        self.store(seq, rows);
    }

    /// A part of a copy now has ids.
    pub(crate) fn apply_copy(
        &mut self,
        seq: Seq,
        id: DeliveryId,
        part: u32,
        ids: Option<&NativeIds>,
        account: &AccountId,
        shares: &[(Seq, Vec<u32>)],
    ) {
        let is_post = self.events.get(&id.event).is_some_and(|event| event.meta.kind == DeliveryKind::Post);
        if !is_post {
            return;
        }
        let owner =
            shares.iter().find(|(_, parts)| parts.contains(&part)).map_or(id.event, |(event, _)| *event);
        let message = MessageId(owner.0);
        let space = self.network.space(id.room, account);
        if let Some(copy) = self.messages.get_mut(message).and_then(|known| known.copies.get_mut(&id.room)) {
            copy.account = account.clone();
            copy.space = space;
        }
        if let Some(ids) = ids {
            self.messages.learn(message, id.room, part, ids);
        }
        let is_file = self
            .messages
            .get(message)
            .and_then(|message| message.copies.get(&id.room)?.parts.get(part as usize))
            .is_some_and(|part| part.is_file);
        let row = CopyRow {
            message,
            room: id.room,
            space,
            part,
            account: account.clone(),
            ids: ids.cloned(),
            is_file,
            deleted: false,
        };
        self.store(seq, vec![Row::Copy(row)]);
    }

    /// What a finished edit, deletion or reaction means for the copy.
    pub(crate) fn apply_effects_on_copy(&mut self, seq: Seq, id: DeliveryId) {
        let Some(event) = self.events.get(&id.event) else { return };
        let (kind, Some(message_id)) = (event.meta.kind, event.meta.message) else { return };
        let Some(attempt) =
            self.lanes.get(&id.room).and_then(|lane| lane.items.get(&id.event)?.attempt.as_ref())
        else {
            return;
        };
        let (placed, as_of) = (attempt.placed.clone(), attempt.as_of);
        // Parts that an edit added or removed, by the part of the copy that they make.
        let changed: Vec<(u32, Option<NativeIds>, bool)> = match &attempt.frozen {
            Some(frozen) => frozen
                .iter()
                .zip(&attempt.parts)
                .zip(&attempt.makes)
                .filter_map(|((request, part), makes)| part_effect(request, part, *makes))
                .collect(),
            None => Vec::new(),
        };
        let mut rows = Vec::new();
        for (index, ids, deleted) in changed {
            if let Some(copy) = self.messages.get_mut(message_id).and_then(|m| m.copies.get_mut(&id.room)) {
                while copy.parts.len() <= index as usize && copy.parts.len() < 10_000 {
                    copy.parts.push(CopyPart { ids: None, is_file: false, deleted: false });
                }
                if let Some(slot) = copy.parts.get_mut(index as usize) {
                    slot.deleted = deleted;
                }
            }
            if let Some(ids) = &ids {
                self.messages.learn(message_id, id.room, index, ids);
            }
        }
        if let Some(message) = self.messages.get_mut(message_id) {
            if let Some(copy) = message.copies.get_mut(&id.room) {
                copy.as_of = copy.as_of.max(as_of);
                if kind == DeliveryKind::Delete {
                    copy.deleted = true;
                }
                rows.extend(copy_rows(message_id, id.room, copy));
            }
            if let Some(placed) = placed {
                let new: std::collections::BTreeSet<Emoji> = placed.into_iter().collect();
                let old = message.placed.insert(id.room, new.clone()).unwrap_or_default();
                let row = |emoji: &Emoji, on| {
                    Row::Reaction(ReactionRow {
                        message: message_id,
                        room: id.room,
                        person: "".into(),
                        emoji: emoji.clone(),
                        on,
                        placed: true,
                    })
                };
                rows.extend(new.difference(&old).map(|emoji| row(emoji, true)));
                rows.extend(old.difference(&new).map(|emoji| row(emoji, false)));
            }
        }
        self.store(seq, rows);
    }

    pub(crate) fn apply_ids(&mut self, seq: Seq, id: DeliveryId, part: u32, ids: &NativeIds) {
        let message = MessageId(id.event.0);
        self.messages.learn(message, id.room, part, ids);
        let row = self.messages.get(message).and_then(|message| {
            let copy = message.copies.get(&id.room)?;
            copy_rows(message.row.message, id.room, copy).into_iter().nth(part as usize)
        });
        self.store(seq, row.into_iter().collect());
    }
}

/// What one part of a finished edit did to the copy: which part, its new ids, whether it is gone.
pub(crate) fn part_effect(
    request: &SendRequest,
    part: &Part,
    makes: u32,
) -> Option<(u32, Option<NativeIds>, bool)> {
    match (&request.action, part) {
        (Action::Post(_) | Action::File(_), Part::Done(ids)) if makes != u32::MAX => {
            Some((makes, ids.clone(), false))
        }
        (Action::Delete { .. }, Part::Done(_)) if makes != u32::MAX => Some((makes, None, true)),
        _ => None,
    }
}

pub(crate) fn copy_rows(message: MessageId, room: RoomId, copy: &Copy) -> Vec<Row> {
    (0..)
        .zip(&copy.parts)
        .map(|(part, slot)| {
            Row::Copy(CopyRow {
                message,
                room,
                space: copy.space,
                part,
                account: copy.account.clone(),
                ids: slot.ids.clone(),
                is_file: slot.is_file,
                deleted: copy.deleted || slot.deleted,
            })
        })
        .collect()
}
