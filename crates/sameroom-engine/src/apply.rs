//! The fold: how each record changes the lasting state. Decides nothing.

use sameroom_types::action::{Action, SendRequest};
use sameroom_types::ids::{AccountId, DeliveryId, MessageId, NativeIds, RoomId, RoomSpec, Seq};
use sameroom_types::room::Tube;
use sameroom_types::rows::{AuditRow, CopyRow, DeliveryKind, DeliveryRow, DeliveryState, ReactionRow, Row};
use sameroom_types::text::Emoji;
use sameroom_types::time::Timestamp;

use crate::engine::{Engine, OpenEvent, Reference, Sealed};
use crate::input::Effect;
use crate::lane::{Attempt, Delivery, Part};
use crate::messages::{Copy, CopyPart, Message, message_row};
use crate::network::Network;
use crate::record::{End, EventMeta, Record};
use crate::snapshot::Piece;

/// How many recent events can be found by the mark of their copies.
const TOKENS: usize = 50_000;

impl Engine {
    pub(crate) fn apply(&mut self, seq: Seq, record: Record, sealed: Sealed) {
        match record {
            Record::RoomNumbered { room, spec } => self.network.number(room, spec),
            Record::RoomIdentified { room, key, name, kind } => {
                self.network.identify(room, key, name, kind);
            }
            Record::RoomsMerged { from, into } => self.apply_merge(from, into),
            Record::RoomInvited { room, by } => {
                if let Some(known) = self.network.room_mut(room) {
                    known.invited = true;
                    known.inviter = by;
                }
            }
            Record::RoomLeft { room } => {
                if let Some(known) = self.network.room_mut(room) {
                    known.invited = false;
                }
            }
            Record::FormatSet { room, format } => {
                if let Some(known) = self.network.room_mut(room) {
                    known.format = format;
                }
            }
            Record::TubeAdded { tube, at } => self.apply_tube(tube, at),
            Record::TubeChanged { tube, change, at } => self.network.change_tube(tube, &change, at),
            Record::PortalAdded { portal } => {
                self.portals.insert(portal.id, portal);
            }
            Record::PortalRevoked { portal } => {
                self.portals.remove(&portal);
            }
            Record::Event(meta) => self.apply_event(seq, meta, sealed),
            Record::Attempt { delivery, account, parts, files, placed, as_of, makes } => {
                let done = vec![false; parts as usize];
                self.apply_attempt(delivery, account, files, placed, as_of, makes, &done, sealed);
                if let Some(item) = self.delivery_mut(delivery) {
                    item.attempts += 1;
                }
            }
            Record::Done { delivery, part, ids, shown, at } => {
                self.apply_done(seq, delivery, part, ids, shown, at);
            }
            Record::IdsLearnt { delivery, part, ids } => self.apply_ids(seq, delivery, part, &ids),
            Record::Ended { delivery, end, at } => self.apply_end(seq, delivery, end, at),
            Record::Resolved { event, message } => self.apply_reference(seq, event, message),
            Record::MessageLoaded(stored) => self.messages.insert_stored(*stored),
            Record::CursorMoved { room, cursor } => {
                if let Some(known) = self.network.room_mut(room) {
                    known.cursor = Some(cursor);
                }
            }
            Record::Audit { who, what, at } => {
                self.store(seq, vec![Row::Audit(AuditRow { seq, at, who, what })]);
            }
            Record::Excerpt { message, at } => {
                if let Sealed::Excerpt(excerpt) = sealed {
                    self.excerpts.insert(message, (at, excerpt));
                }
            }
            Record::SnapshotBegin => self.pieces.clear(),
            // While the program runs, its own snapshot says nothing new; only a replay reads it, and
            // only once it is whole: one cut short by a crash is as if it had not been begun.
            Record::SnapshotItem(item) => {
                if !self.is_live {
                    self.pieces.push((seq, item.0, sealed));
                }
            }
            Record::SnapshotEnd { begin } => {
                for (seq, piece, sealed) in std::mem::take(&mut self.pieces) {
                    self.apply_piece(seq, piece, sealed);
                }
                self.snapshot_done = Some((begin, seq));
            }
        }
    }

    fn apply_merge(&mut self, from: RoomId, into: RoomId) {
        self.network.merge(from, into);
        self.messages.merge_rooms(from, into);
        if let Some(lane) = self.lanes.remove(&from) {
            let target = self.lanes.entry(into).or_default();
            for (seq, item) in lane.items {
                if let std::collections::btree_map::Entry::Vacant(e) = target.items.entry(seq) {
                    e.insert(item);
                } else {
                    // Both numbers were to get this event: one copy is sent.
                    if let Some(event) = self.events.get_mut(&seq) {
                        event.left = event.left.saturating_sub(1);
                    }
                }
            }
            target.parked.extend(lane.parked);
        }
        for event in self.events.values_mut() {
            if event.meta.room == from {
                event.meta.room = into;
            }
        }
        self.policies.clear();
    }

    fn apply_tube(&mut self, tube: Tube, at: Timestamp) {
        let end = |spec: &RoomSpec| self.network.room_of_spec(spec);
        if let (Some(a), Some(b)) = (end(&tube.a), end(&tube.b)) {
            self.network.add_tube(tube, a, b, at);
        }
    }

    fn apply_event(&mut self, seq: Seq, meta: EventMeta, sealed: Sealed) {
        let body = match sealed {
            Sealed::Event(body) => Some(body),
            _ => None,
        };
        if let Some(room) = self.network.room_mut(meta.room) {
            if meta.cursor.is_some() {
                room.cursor.clone_from(&meta.cursor);
            }
            if meta.kind != DeliveryKind::Notice {
                room.last_heard = Some(meta.at);
            }
        }
        let mut rows = Vec::new();
        let mut reference = Reference::None;
        if meta.kind == DeliveryKind::Post
            && let Some(ids) = &meta.ids
        {
            let row = message_row(
                MessageId(seq.0),
                meta.room,
                &meta.account,
                ids.clone(),
                meta.author.clone(),
                meta.role,
                meta.digest,
                meta.at,
            );
            rows.push(Row::Message(row.clone()));
            self.messages.insert(Message::new(row));
            self.messages.open(MessageId(seq.0));
        }
        for target in &meta.targets {
            self.lanes.entry(*target).or_default().items.insert(seq, Delivery::new());
            if meta.kind != DeliveryKind::Notice {
                rows.push(Row::Delivery(DeliveryRow {
                    delivery: DeliveryId { event: seq, room: *target },
                    message: self.message_of(seq, &meta),
                    what: meta.kind,
                    state: DeliveryState::Waiting,
                    attempts: 0,
                    repeats: 0,
                    shown: false,
                    accepted: meta.at,
                    at: meta.at,
                }));
            }
        }
        if let Some(message) = meta.message {
            reference = Reference::Known(message);
        } else if matches!(meta.kind, DeliveryKind::Edit | DeliveryKind::Delete | DeliveryKind::React) {
            reference = Reference::Unknown;
        }
        self.tokens.insert(meta.token, seq);
        self.token_order.push_back(meta.token);
        if self.token_order.len() > TOKENS
            && let Some(oldest) = self.token_order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        let left = u32::try_from(meta.targets.len()).unwrap_or(u32::MAX);
        let message = meta.message;
        let since = self.now.mono;
        self.events.insert(seq, OpenEvent { meta, body, left, reference, since, spools: Vec::new() });
        self.store(seq, rows);
        if let Some(message) = message {
            self.apply_change(seq, seq, message);
        }
        if left == 0 {
            self.close_event(seq, seq);
        }
    }

    fn message_of(&self, seq: Seq, meta: &EventMeta) -> Option<MessageId> {
        match meta.kind {
            DeliveryKind::Post => Some(MessageId(seq.0)),
            _ => meta.message,
        }
    }

    /// What an edit, deletion or reaction means for the message it names.
    fn apply_change(&mut self, seq: Seq, event: Seq, id: MessageId) {
        let Some(open) = self.events.get(&event) else { return };
        let meta = open.meta.clone();
        self.messages.open(id);
        let mut rows = Vec::new();
        if let Some(change) = &meta.reactions {
            rows.extend(
                self.messages
                    .rows_of_reaction(id, meta.room, &meta.author, change)
                    .into_iter()
                    .map(Row::Reaction),
            );
        }
        if let Some(message) = self.messages.get_mut(id) {
            match meta.kind {
                DeliveryKind::Edit => {
                    message.changes.push((event, false));
                    message.row.digest = meta.digest;
                    rows.push(Row::Message(message.row.clone()));
                    if let Some(ids) = &meta.ids {
                        let native = ids.primary.clone();
                        self.messages.alias(id, meta.room, &native);
                    }
                }
                DeliveryKind::Delete => {
                    message.changes.push((event, true));
                    if message.row.room == meta.room {
                        message.row.deleted = true;
                        rows.push(Row::Message(message.row.clone()));
                    } else if let Some(copy) = message.copies.get_mut(&meta.room) {
                        copy.deleted = true;
                        rows.extend(copy_rows(id, meta.room, copy));
                    }
                }
                DeliveryKind::React => {
                    if let Some(change) = &meta.reactions {
                        message.react(meta.room, &meta.author, change);
                    }
                }
                DeliveryKind::Post | DeliveryKind::Notice | DeliveryKind::Membership => {}
            }
        }
        self.store(seq, rows);
    }

    fn apply_reference(&mut self, seq: Seq, event: Seq, message: MessageId) {
        if let Some(open) = self.events.get_mut(&event) {
            open.reference = Reference::Known(message);
            open.meta.message = Some(message);
            self.apply_change(seq, event, message);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one record")]
    fn apply_attempt(
        &mut self,
        id: DeliveryId,
        account: AccountId,
        files: u32,
        placed: Option<Vec<Emoji>>,
        as_of: Seq,
        makes: Vec<u32>,
        done: &[bool],
        sealed: Sealed,
    ) {
        let frozen = match sealed {
            Sealed::Frozen(frozen) => Some(frozen),
            _ => None,
        };
        let kind = self.events.get(&id.event).map(|event| event.meta.kind);
        if kind == Some(DeliveryKind::Post)
            && let Some(message) = self.messages.get_mut(MessageId(id.event.0))
        {
            let text_parts = done.len() - (files as usize).min(done.len());
            let parts = (0..done.len())
                .map(|index| CopyPart { ids: None, is_file: index >= text_parts, deleted: false })
                .collect();
            message.copies.entry(id.room).or_insert_with(|| Copy {
                account: account.clone(),
                parts,
                deleted: false,
                as_of,
            });
        }
        let parts = done
            .iter()
            .map(|done| if *done { Part::Done(None) } else { Part::Unsure { not_before: self.now.mono } })
            .collect();
        if let Some(item) = self.delivery_mut(id) {
            item.attempt = Some(Attempt { account, frozen, parts, files, placed, as_of, makes });
        }
    }

    fn apply_done(
        &mut self,
        seq: Seq,
        id: DeliveryId,
        part: u32,
        ids: Option<NativeIds>,
        shown: bool,
        at: Timestamp,
    ) {
        let Some(item) = self.delivery_mut(id) else { return };
        let Some(attempt) = &mut item.attempt else { return };
        let Some(slot) = attempt.parts.get_mut(part as usize) else { return };
        *slot = Part::Done(ids.clone());
        let finished = attempt.is_done();
        let account = attempt.account.clone();
        let (attempts, repeats) = (item.attempts, item.repeats);
        let mut rows = Vec::new();
        self.apply_copy(seq, id, part, ids.as_ref(), &account);
        if finished {
            self.apply_effects_on_copy(seq, id);
            if let Some(event) = self.events.get(&id.event)
                && event.meta.kind != DeliveryKind::Notice
            {
                rows.push(Row::Delivery(DeliveryRow {
                    delivery: id,
                    message: self.message_of(id.event, &event.meta),
                    what: event.meta.kind,
                    state: DeliveryState::Delivered,
                    attempts,
                    repeats,
                    shown,
                    accepted: event.meta.at,
                    at,
                }));
            }
            self.remove_delivery(seq, id);
        }
        self.store(seq, rows);
    }

    /// A part of a copy now has ids.
    fn apply_copy(
        &mut self,
        seq: Seq,
        id: DeliveryId,
        part: u32,
        ids: Option<&NativeIds>,
        account: &AccountId,
    ) {
        let Some(event) = self.events.get(&id.event) else { return };
        let message = match event.meta.kind {
            DeliveryKind::Post => MessageId(id.event.0),
            _ => return,
        };
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
            part,
            account: account.clone(),
            ids: ids.cloned(),
            is_file,
            deleted: false,
        };
        self.store(seq, vec![Row::Copy(row)]);
    }

    /// What a finished edit, deletion or reaction means for the copy.
    fn apply_effects_on_copy(&mut self, seq: Seq, id: DeliveryId) {
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

    fn apply_ids(&mut self, seq: Seq, id: DeliveryId, part: u32, ids: &NativeIds) {
        let message = MessageId(id.event.0);
        self.messages.learn(message, id.room, part, ids);
        let row = self.messages.get(message).and_then(|message| {
            let copy = message.copies.get(&id.room)?;
            copy_rows(message.row.message, id.room, copy).into_iter().nth(part as usize)
        });
        self.store(seq, row.into_iter().collect());
    }

    fn apply_end(&mut self, seq: Seq, id: DeliveryId, end: End, at: Timestamp) {
        let state = match &end {
            End::Withdrawn => DeliveryState::Withdrawn,
            End::Skipped(why) => DeliveryState::Skipped { why: *why },
            End::Expired => DeliveryState::Expired,
            End::Parked(why) => DeliveryState::Parked { why: why.clone() },
            End::Retried => DeliveryState::Waiting,
        };
        let Some(lane) = self.lanes.get_mut(&id.room) else { return };
        let (attempts, repeats) =
            lane.items.get(&id.event).map_or((0, 0), |item| (item.attempts, item.repeats));
        if let Some(event) = self.events.get(&id.event)
            && event.meta.kind != DeliveryKind::Notice
        {
            let row = DeliveryRow {
                delivery: id,
                message: self.message_of(id.event, &event.meta),
                what: event.meta.kind,
                state,
                attempts,
                repeats,
                shown: false,
                accepted: event.meta.at,
                at,
            };
            self.store(seq, vec![Row::Delivery(row)]);
        }
        // Whatever stood behind it may go on.
        self.dirty.insert(id.room);
        let Some(lane) = self.lanes.get_mut(&id.room) else { return };
        match end {
            End::Parked(why) => {
                if lane.items.remove(&id.event).is_some() {
                    lane.parked.insert(id.event, why);
                }
            }
            End::Retried => {
                if lane.parked.remove(&id.event).is_some() {
                    let mut item = Delivery::new();
                    item.late = true;
                    lane.items.insert(id.event, item);
                }
            }
            End::Withdrawn | End::Skipped(_) | End::Expired => self.remove_delivery(seq, id),
        }
    }

    pub(crate) fn delivery_mut(&mut self, id: DeliveryId) -> Option<&mut Delivery> {
        self.lanes.get_mut(&id.room)?.items.get_mut(&id.event)
    }

    /// Takes an ended delivery out of its lane; with the last one the event ends.
    fn remove_delivery(&mut self, seq: Seq, id: DeliveryId) {
        let Some(lane) = self.lanes.get_mut(&id.room) else { return };
        let was = lane.items.remove(&id.event).is_some() | lane.parked.remove(&id.event).is_some();
        if !was {
            return;
        }
        if let Some(event) = self.events.get_mut(&id.event) {
            event.left = event.left.saturating_sub(1);
            if event.left == 0 {
                self.close_event(id.event, seq);
            }
        }
    }

    /// Ends an event: its key is destroyed once `seq` is durable.
    fn close_event(&mut self, event: Seq, seq: Seq) {
        let Some(open) = self.events.remove(&event) else { return };
        if open.meta.kind == DeliveryKind::Post {
            self.messages.close(MessageId(event.0), seq);
        }
        if let Some(message) = open.meta.message {
            if let Some(known) = self.messages.get_mut(message) {
                known.changes.retain(|(at, _)| *at != event);
            }
            self.messages.close(message, seq);
        }
        for spool in open.spools {
            self.files.remove(&spool);
            self.out.push(Effect::Unspool(spool));
        }
        self.doomed.push_back((seq, event.0));
    }

    fn apply_piece(&mut self, seq: Seq, piece: Piece, sealed: Sealed) {
        match piece {
            // Always the first piece: from here on, what older segments said no longer counts.
            Piece::Network(stored) => {
                self.network = Network::restore(stored);
                self.messages.clear();
                self.events.clear();
                self.lanes.clear();
                self.excerpts.clear();
                self.policies.clear();
            }
            Piece::Portals(portals) => {
                self.portals = portals.into_iter().map(|portal| (portal.id, portal)).collect();
            }
            Piece::Message(message) => {
                let (id, open) = (message.row.message, message.open);
                self.messages.insert(message);
                if open == 0 {
                    self.messages.open(id);
                    self.messages.close(id, seq);
                }
            }
            Piece::Event { seq: event, meta, waiting } => {
                let body = match sealed {
                    Sealed::Event(body) => Some(body),
                    _ => None,
                };
                let left = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
                for (room, parked) in waiting {
                    let lane = self.lanes.entry(room).or_default();
                    if parked {
                        lane.parked.insert(
                            event,
                            sameroom_types::rows::ParkReason::Refused { code: "earlier".into() },
                        );
                    } else {
                        lane.items.insert(event, Delivery::new());
                    }
                }
                let reference = match meta.message {
                    Some(message) => Reference::Known(message),
                    None if matches!(
                        meta.kind,
                        DeliveryKind::Edit | DeliveryKind::Delete | DeliveryKind::React
                    ) =>
                    {
                        Reference::Unknown
                    }
                    None => Reference::None,
                };
                let since = self.now.mono;
                let open = OpenEvent { meta, body, left, reference, since, spools: Vec::new() };
                self.events.insert(event, open);
            }
            Piece::Attempt { delivery, account, files, placed, as_of, makes, done } => {
                self.apply_attempt(delivery, account, files, placed, as_of, makes, &done, sealed);
            }
            Piece::Excerpt { message, at } => {
                if let Sealed::Excerpt(excerpt) = sealed {
                    self.excerpts.insert(message, (at, excerpt));
                }
            }
        }
    }
}

/// What one part of a finished edit did to the copy: which part, its new ids, whether it is gone.
fn part_effect(request: &SendRequest, part: &Part, makes: u32) -> Option<(u32, Option<NativeIds>, bool)> {
    match (&request.action, part) {
        (Action::Post(_) | Action::File(_), Part::Done(ids)) if makes != u32::MAX => {
            Some((makes, ids.clone(), false))
        }
        (Action::Delete { .. }, Part::Done(_)) if makes != u32::MAX => Some((makes, None, true)),
        _ => None,
    }
}

fn copy_rows(message: MessageId, room: RoomId, copy: &Copy) -> Vec<Row> {
    (0..)
        .zip(&copy.parts)
        .map(|(part, slot)| {
            Row::Copy(CopyRow {
                message,
                room,
                part,
                account: copy.account.clone(),
                ids: slot.ids.clone(),
                is_file: slot.is_file,
                deleted: copy.deleted || slot.deleted,
            })
        })
        .collect()
}
