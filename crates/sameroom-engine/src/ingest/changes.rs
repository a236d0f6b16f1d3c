//! Edits, deletions and reactions on their way in.

use sameroom_markup::{plain_text, sanitise};
use sameroom_types::event::{Deletion, DeletionCause, Edit, Inbound, Reaction, RoomEvent};
use sameroom_types::ids::{AccountId, NativeIds, RealmId, RemoteMessageId, RemoteUserId, RoomId};
use sameroom_types::policy::{Moderation, Relay};
use sameroom_types::rows::DeliveryKind;

use crate::engine::Engine;
use crate::record::{EventBody, ReactionChange};

impl Engine {
    pub(crate) fn take_edit(&mut self, account: &AccountId, room: RoomId, mut inbound: Inbound, edit: &Edit) {
        let policy = self.policy(room);
        if policy.room.relay == Relay::In {
            return;
        }
        let digest = self.digest(&(&edit.content.text, edit.content.files.len()));
        let known = self.messages.find(room, &edit.message);
        if let Some(message) = known.and_then(|id| self.messages.get(id)) {
            let by_author = message.row.room == room && message.row.author == edit.author.id;
            if !by_author || message.row.digest == digest || message.row.deleted {
                return;
            }
        }
        if !edit.revision.is_empty()
            && self.messages.find(room, &RemoteMessageId::new(edit.revision.clone())).is_some()
        {
            return;
        }
        let targets = self.targets(room);
        if targets.is_empty() {
            return;
        }
        if let RoomEvent::Edited(edit) = &mut inbound.event {
            edit.content.text = sanitise(std::mem::take(&mut edit.content.text));
        }
        let revision = (!edit.revision.is_empty()).then(|| NativeIds::one(edit.revision.to_string()));
        let mut meta = self.change_meta(account, room, targets, DeliveryKind::Edit, &edit.author.id);
        meta.token = self.token(&(self.place(room), "edit", &edit.message, &edit.revision, digest));
        meta.ids = revision;
        meta.message = known;
        meta.role = edit.author.role;
        meta.digest = digest;
        self.remember_excerpt(&meta, &edit.author.name, &plain_text(&edit.content.text));
        let seq = self.accept(meta, EventBody::Inbound(Box::new(inbound)));
        if known.is_none() {
            self.find_reference(seq, room, edit.message.clone());
        }
    }

    pub(crate) fn take_deletion(
        &mut self,
        account: &AccountId,
        room: RoomId,
        inbound: &Inbound,
        deletion: &Deletion,
    ) {
        let relay = self.policy(room).room.relay;
        for native in &deletion.messages {
            let known = self.messages.find(room, native);
            if let Some(message) = known.and_then(|id| self.messages.get(id)) {
                let gone = match message.copies.get(&room) {
                    _ if message.row.room == room => message.row.deleted,
                    Some(copy) => copy.deleted,
                    None => false,
                };
                let is_theirs = message.row.room == room
                    && deletion.by.as_ref().is_none_or(|by| by.id == message.row.author);
                if gone || (deletion.cause == DeletionCause::Author && !is_theirs) {
                    continue;
                }
            }
            let targets = match deletion.cause {
                _ if relay == Relay::In => Vec::new(),
                DeletionCause::Author => self.targets(room),
                // A moderator's act stays in the moderator's room unless both sides agreed otherwise.
                DeletionCause::Moderator
                | DeletionCause::Platform
                | DeletionCause::Bulk
                | DeletionCause::ThreadRoot => self.moderated_targets(room),
            };
            if known.is_none() && targets.is_empty() {
                continue;
            }
            let nobody = RemoteUserId::from("");
            let by = deletion.by.as_ref().map_or(&nobody, |by| &by.id);
            let mut meta = self.change_meta(account, room, targets, DeliveryKind::Delete, by);
            meta.token = self.token(&(self.place(room), "delete", native));
            meta.message = known;
            let one = Deletion { messages: vec![native.clone()], ..deletion.clone() };
            let inbound = Inbound { event: RoomEvent::Deleted(one), ..inbound.clone() };
            let seq = self.accept(meta, EventBody::Inbound(Box::new(inbound)));
            if known.is_none() {
                self.find_reference(seq, room, native.clone());
            }
        }
    }

    pub(crate) fn moderated_targets(&mut self, room: RoomId) -> Vec<RoomId> {
        if self.policy(room).room.moderation != Moderation::Network {
            return Vec::new();
        }
        let targets = self.targets(room);
        targets
            .into_iter()
            .filter(|target| self.policy(*target).room.moderation == Moderation::Network)
            .collect()
    }

    pub(crate) fn take_reaction(
        &mut self,
        account: &AccountId,
        room: RoomId,
        realm: &RealmId,
        inbound: Inbound,
        reaction: &Reaction,
        change: ReactionChange,
    ) {
        let policy = self.policy(room);
        if self.is_ours(realm, &reaction.author.id)
            || policy.room.relay == Relay::In
            || policy.ignores(&reaction.author.name, "")
        {
            return;
        }
        let known = self.messages.find(room, &reaction.message);
        if let Some(message) = known.and_then(|id| self.messages.get(id)) {
            let person = &reaction.author.id;
            let same = match &change {
                ReactionChange::Add(emoji) => message.has_reaction(room, person, emoji),
                ReactionChange::Remove(emoji) => !message.has_reaction(room, person, emoji),
                ReactionChange::Set(all) => {
                    let held = message.reactions.iter().filter(|(_, at, who)| *at == room && who == person);
                    held.clone().count() == all.len()
                        && all.iter().all(|emoji| message.has_reaction(room, person, emoji))
                }
            };
            if same {
                return;
            }
        }
        let targets = self.targets(room);
        if targets.is_empty() {
            return;
        }
        let mut meta = self.change_meta(account, room, targets, DeliveryKind::React, &reaction.author.id);
        meta.message = known;
        meta.reactions = Some(change);
        let seq = self.accept(meta, EventBody::Inbound(Box::new(inbound)));
        if known.is_none() {
            self.find_reference(seq, room, reaction.message.clone());
        }
    }
}
