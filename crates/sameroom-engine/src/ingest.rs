//! Events on their way in: echoes and repeats out, commands answered, the rest accepted and routed.

mod changes;
mod members;
mod posts;
mod standby;

pub(crate) use standby::StandBy;

use std::sync::Arc;

use sameroom_types::event::{Content, Inbound, Reaction, ReactionSet, Role, RoomEvent};
use sameroom_types::ids::{
    AccountId, DeliveryId, RealmId, RemoteUserId, RoomId, RoomKey, RoomSpec, Seq, Ticket,
};
use sameroom_types::policy::Relay;
use sameroom_types::rows::DeliveryKind;

use crate::engine::{Engine, Reference, Sealed};
use crate::record::{EventBody, EventMeta, ReactionChange, Record};

/// How many events of a stand-by account are kept until its listener reports the same.
pub(crate) const STANDBY: usize = 256;

/// The longest excerpt kept of a message, in graphemes.
pub(crate) const EXCERPT: usize = 300;

impl Engine {
    pub(crate) fn on_event(&mut self, account: &AccountId, ticket: Ticket, inbound: Inbound) {
        let before = self.next_seq;
        if let Some((room, realm)) = self.room_of_event(account, &inbound) {
            self.take_event(account, room, &realm, inbound);
        }
        // The last record that this event made, or the last one before it: acknowledging waits for that.
        let last = Seq(self.next_seq.0 - 1);
        let seq = if self.next_seq > before { last } else { Seq(0) };
        self.settle(account, ticket, seq);
    }

    pub(crate) fn room_of_event(
        &mut self,
        account: &AccountId,
        inbound: &Inbound,
    ) -> Option<(RoomId, RealmId)> {
        let realm = self.accounts.get(account)?.realm.clone()?;
        let key = RoomKey { realm: realm.clone(), room: inbound.room.clone() };
        let room = self.network.room_of_key(&key)?;
        Some((room, realm))
    }

    pub(crate) fn take_event(
        &mut self,
        account: &AccountId,
        room: RoomId,
        realm: &RealmId,
        inbound: Inbound,
    ) {
        if let Some(cursor) = &inbound.cursor {
            self.cursors.insert(room, cursor.clone());
        }
        if self.is_on_standby(account, room, &inbound) {
            return;
        }
        if !inbound.history
            && let Some(author) = author_of(&inbound.event)
        {
            let now = self.now.wall;
            let recent = self.recent.entry(room).or_default();
            recent.retain(|(name, _)| *name != author);
            recent.push_back((author, now));
            if recent.len() > 20 {
                recent.pop_front();
            }
        }
        match &inbound.event {
            RoomEvent::Posted(post) => {
                let post = post.clone();
                self.take_post(account, room, realm, inbound, &post);
            }
            RoomEvent::Observed(post) => {
                let post = post.clone();
                self.take_observed(account, room, realm, inbound, post);
            }
            RoomEvent::Edited(edit) => {
                let edit = edit.clone();
                self.take_edit(account, room, inbound, &edit);
            }
            RoomEvent::Deleted(deletion) => {
                let deletion = deletion.clone();
                self.take_deletion(account, room, &inbound, &deletion);
            }
            RoomEvent::Reacted(reaction) => {
                let (reaction, change) = (reaction.clone(), ReactionChange::Add(reaction.emoji.clone()));
                self.take_reaction(account, room, realm, inbound, &reaction, change);
            }
            RoomEvent::Unreacted(reaction) => {
                let (reaction, change) = (reaction.clone(), ReactionChange::Remove(reaction.emoji.clone()));
                self.take_reaction(account, room, realm, inbound, &reaction, change);
            }
            RoomEvent::ReactionSet(ReactionSet { message, author, emoji }) => {
                let Some(first) =
                    emoji.first().cloned().or(Some(sameroom_types::text::Emoji::Unicode(String::new())))
                else {
                    return;
                };
                let reaction = Reaction { message: message.clone(), author: author.clone(), emoji: first };
                let change = ReactionChange::Set(emoji.clone());
                self.take_reaction(account, room, realm, inbound, &reaction, change);
            }
            RoomEvent::MemberChanged { member, change } => {
                let (member, change) = (member.clone(), change.clone());
                self.take_member(account, room, realm, inbound, &member.id, &change);
            }
            RoomEvent::Renamed { name } => {
                if let Some(known) = self.network.room(room)
                    && let Some(key) = known.key.clone()
                {
                    let kind = known.kind;
                    self.note(Record::RoomIdentified { room, key, name: name.clone(), kind });
                }
            }
            RoomEvent::Migrated { to } => {
                let key = RoomKey { realm: realm.clone(), room: to.clone() };
                if let Some(known) = self.network.room(room) {
                    let (name, kind) = (known.name.clone(), known.kind);
                    let spec = RoomSpec { account: account.clone(), room: to.as_str().into() };
                    self.note(Record::RoomNumbered { room, spec });
                    self.note(Record::RoomIdentified { room, key, name, kind });
                    if let Some(view) = self.views.get_mut(&(room, account.clone())) {
                        view.remote = to.clone();
                    }
                }
            }
            RoomEvent::Archived => self.fail_tubes(room, "the room was archived; unarchive it to go on"),
            RoomEvent::Kicked { by, reason } => {
                let (by, reason) = (by.clone(), reason.clone());
                self.take_kick(account, room, by.as_deref(), reason.as_deref());
            }
            RoomEvent::RightsChanged(capabilities) => {
                if let Some(view) = self.views.get_mut(&(room, account.clone())) {
                    view.capabilities = (**capabilities).clone();
                    self.dirty.insert(room);
                }
            }
            RoomEvent::Gap { from, to } => self.tell_gap(room, *from, *to),
            RoomEvent::Thread(event) => self.take_thread_event(room, event),
            RoomEvent::Typing { .. } => {}
        }
        self.move_cursor(room);
    }

    /// Writes down how far a room has been read where no accepted event did.
    pub(crate) fn move_cursor(&mut self, room: RoomId) {
        let Some(cursor) = self.cursors.remove(&room) else { return };
        if self.network.room(room).is_some_and(|known| known.cursor.as_ref() != Some(&cursor)) {
            self.note(Record::CursorMoved { room, cursor });
        }
    }

    /// Rooms that hear this one, those that take part as listeners.
    pub(crate) fn targets(&mut self, room: RoomId) -> Vec<RoomId> {
        let reached = self.network.reach(room);
        reached.iter().copied().filter(|target| self.policy(*target).room.relay != Relay::Out).collect()
    }

    pub(crate) fn change_meta(
        &mut self,
        account: &AccountId,
        room: RoomId,
        targets: Vec<RoomId>,
        kind: DeliveryKind,
        author: &RemoteUserId,
    ) -> EventMeta {
        EventMeta {
            room,
            account: account.clone(),
            at: self.now.wall,
            version: self.network.version,
            targets,
            cursor: self.take_cursor(room),
            kind,
            ids: None,
            author: author.clone(),
            message: None,
            role: Role::Unknown,
            reactions: None,
            token: self.token(&(self.place(room), kind, self.next_seq)),
            digest: [0; 16],
        }
    }

    /// A room by what stays the same when numbers are given anew.
    pub(crate) fn place(&self, room: RoomId) -> Option<&RoomKey> {
        self.network.room(room).and_then(|known| known.key.as_ref())
    }

    pub(crate) fn take_cursor(&mut self, room: RoomId) -> Option<sameroom_types::ids::Cursor> {
        self.cursors.remove(&room)
    }

    /// Appends an event and puts its deliveries into their lanes.
    pub(crate) fn accept(&mut self, meta: EventMeta, body: EventBody) -> Seq {
        let targets = meta.targets.clone();
        // What catch-up finds may have been accepted and sent before, and a power loss took the record of it.
        let suspect = match &body {
            EventBody::Inbound(inbound) => {
                inbound.history && inbound.at.is_none_or(|at| at <= self.started.wall)
            }
            EventBody::Notice(_) => false,
        };
        if meta.kind != DeliveryKind::Notice {
            self.figures.accounts.entry(meta.account.clone()).or_default().accepted += 1;
        }
        let seq = self.commit(Record::Event(meta), None, Sealed::Event(Arc::new(body)));
        for target in targets {
            if suspect && let Some(item) = self.delivery_mut(DeliveryId { event: seq, room: target }) {
                item.suspect = true;
            }
            if self.usable_account(target).is_none() {
                self.note_usability(target);
            }
            self.dirty.insert(target);
        }
        seq
    }

    pub(crate) fn reference_of(&self, seq: Seq) -> Reference {
        self.events.get(&seq).map_or(Reference::None, |event| event.reference)
    }
}

/// The content of an event's body, if it has one.
pub(crate) fn content_of(body: &EventBody) -> Option<&Content> {
    match body {
        EventBody::Inbound(inbound) => match &inbound.event {
            RoomEvent::Posted(post) | RoomEvent::Observed(post) => Some(&post.content),
            RoomEvent::Edited(edit) => Some(&edit.content),
            _ => None,
        },
        EventBody::Notice(_) => None,
    }
}

pub(crate) fn author_of(event: &RoomEvent) -> Option<String> {
    match event {
        RoomEvent::Posted(post) => Some(post.author.name.clone()),
        _ => None,
    }
}
