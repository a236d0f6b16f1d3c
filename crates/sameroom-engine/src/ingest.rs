//! Events on their way in: echoes and repeats out, commands answered, the rest accepted and routed.

use std::sync::Arc;

use sameroom_markup::{is_blank, plain_text, sanitise};
use sameroom_types::capabilities::Reactions;
use sameroom_types::event::{
    Content, ContentKind, Deletion, DeletionCause, Edit, Inbound, MemberChange, Post, Reaction, ReactionSet,
    Role, RoomEvent,
};
use sameroom_types::ids::{
    AccountId, DeliveryId, MessageId, NativeIds, RealmId, RemoteMessageId, RemoteUserId, RoomId, RoomKey,
    RoomSpec, Seq, SpoolId, Ticket,
};
use sameroom_types::policy::{DeletePolicy, EditPolicy, FilePolicy, Moderation, Relay};
use sameroom_types::room::RoomKind;
use sameroom_types::rows::DeliveryKind;

use crate::engine::{Engine, Reference, Sealed};
use crate::input::Effect;
use crate::record::{EventBody, EventMeta, Excerpt, ReactionChange, Record};

/// How many events of a stand-by account are kept until its listener reports the same.
const STANDBY: usize = 256;

/// The longest excerpt kept of a message, in graphemes.
const EXCERPT: usize = 300;

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

    fn room_of_event(&mut self, account: &AccountId, inbound: &Inbound) -> Option<(RoomId, RealmId)> {
        let realm = self.accounts.get(account)?.realm.clone()?;
        let key = RoomKey { realm: realm.clone(), room: inbound.room.clone() };
        let room = self.network.room_of_key(&key)?;
        Some((room, realm))
    }

    fn take_event(&mut self, account: &AccountId, room: RoomId, realm: &RealmId, inbound: Inbound) {
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
            RoomEvent::Thread(_) | RoomEvent::Typing { .. } => {}
        }
        self.move_cursor(room);
    }

    /// Writes down how far a room has been read where no accepted event did.
    fn move_cursor(&mut self, room: RoomId) {
        let Some(cursor) = self.cursors.remove(&room) else { return };
        if self.network.room(room).is_some_and(|known| known.cursor.as_ref() != Some(&cursor)) {
            self.note(Record::CursorMoved { room, cursor });
        }
    }

    /// Whether another account listens here, so that this report only waits in case that one fails.
    fn is_on_standby(&mut self, account: &AccountId, room: RoomId, inbound: &Inbound) -> bool {
        let several = self.network.room(room).is_some_and(|known| known.specs.len() > 1);
        if !several {
            return false;
        }
        match self.listener(room) {
            Some(listener) if listener != *account => {
                let ring = self.standby.entry(room).or_default();
                ring.push_back((account.clone(), inbound.clone()));
                if ring.len() > STANDBY {
                    ring.pop_front();
                }
                true
            }
            _ => {
                // The listener's own report: the same one need not be replayed.
                if let Some(ring) = self.standby.get_mut(&room)
                    && let Some(index) = ring.iter().position(|(_, other)| is_same_event(other, inbound))
                {
                    ring.drain(..=index);
                }
                false
            }
        }
    }

    /// The listener of a room is gone: what a stand-by heard and it did not report comes in now.
    pub(crate) fn replay_standby(&mut self, room: RoomId) {
        let Some(listener) = self.listener(room) else { return };
        let Some(ring) = self.standby.remove(&room) else { return };
        for (account, inbound) in ring {
            if account == listener {
                self.on_event(&account, Ticket(0), inbound);
            }
        }
    }

    fn take_post(
        &mut self,
        account: &AccountId,
        room: RoomId,
        realm: &RealmId,
        mut inbound: Inbound,
        post: &Post,
    ) {
        if let Some(mark) = &post.mark
            && mark.installation == self.setup.installation
        {
            // Anybody can copy a mark; only our own account's confirms anything. What carries it is never
            // relayed, whoever sent it: it may be ours under a name that we don't know yet.
            if self.is_ours(realm, &post.author.id)
                && let Some(event) = self.tokens.get(&mark.token).copied()
            {
                self.learn_echo(DeliveryId { event, room }, mark.part, &post.ids);
            }
            return;
        }
        if self.is_ours(realm, &post.author.id)
            && self.accounts.get(account).and_then(|known| known.me.as_ref()).map(|me| &me.id)
                != Some(&post.author.id)
        {
            return;
        }
        let text = plain_text(&post.content.text);
        let digest = self.digest(&(&post.content.text, post.content.files.len()));
        if self.is_repeat(room, post, digest) {
            return;
        }
        let policy = self.policy(room);
        let addressed = self.is_addressed(account, &text);
        if let Some(command) = self.command_in(room, &text, addressed) {
            if !inbound.history {
                self.run_command(account, room, &post.author, post.reply.as_ref(), &command);
            }
            return;
        }
        if self.network.room(room).is_some_and(|known| known.kind == RoomKind::Direct)
            && self.network.tubes_of(room).is_empty()
        {
            if !inbound.history {
                self.run_command(account, room, &post.author, None, "help");
            }
            return;
        }
        if text.starts_with("^^^")
            || policy.room.relay == Relay::In
            || (post.author.is_bot && !policy.room.bots)
            || (post.content.kind == ContentKind::Notice && !policy.room.bots)
            || matches!(post.content.kind, ContentKind::Encrypted | ContentKind::Disappearing)
            || policy.ignores(&post.author.name, &text)
            || (is_blank(&post.content.text) && post.content.files.is_empty())
        {
            return;
        }
        if self.is_bounce(room, &post.author.id, &post.author.name, &text) {
            return;
        }
        let targets = self.targets(room);
        if targets.is_empty() {
            return;
        }
        if let RoomEvent::Posted(post) | RoomEvent::Observed(post) = &mut inbound.event {
            post.content.text = sanitise(std::mem::take(&mut post.content.text));
            for file in &mut post.content.files {
                file.name = safe_file_name(&file.name);
            }
        }
        let reference = post.reply.as_ref().map(|reply| reply.message.clone());
        let meta = EventMeta {
            room,
            account: account.clone(),
            at: self.now.wall,
            version: self.network.version,
            targets,
            cursor: self.take_cursor(room),
            kind: DeliveryKind::Post,
            ids: Some(post.ids.clone()),
            author: post.author.id.clone(),
            message: None,
            role: post.author.role,
            reactions: None,
            token: self.token(&(self.place(room), &post.ids.primary)),
            digest,
        };
        self.remember_excerpt(&meta, &post.author.name, &text);
        self.remember_for_bounces(&meta, &post.author.name, &text);
        let seq = self.accept(meta, EventBody::Inbound(Box::new(inbound)));
        if let Some(native) = reference {
            self.find_reference(seq, room, native);
        }
        self.fetch_files(seq);
    }

    /// Whether this message was accepted before: same ids, and same content unless ids are reused.
    fn is_repeat(&self, room: RoomId, post: &Post, digest: [u8; 16]) -> bool {
        let Some(known) = post.ids.iter().find_map(|id| self.messages.find(room, id)) else { return false };
        let Some(message) = self.messages.get(known) else { return false };
        let old = self.now.wall.since(message.row.at).as_secs() > 3600;
        // Ids that senders choose may come again for something else; those of the platform never do.
        let by_primary = self.messages.find(room, &post.ids.primary) == Some(known);
        message.row.digest == digest || !old || (by_primary && post.ids.origin.is_some())
    }

    fn take_observed(
        &mut self,
        account: &AccountId,
        room: RoomId,
        realm: &RealmId,
        inbound: Inbound,
        post: Post,
    ) {
        let known = post.ids.iter().find_map(|id| self.messages.find(room, id));
        let Some(message) = known.and_then(|id| self.messages.get(id)) else {
            self.take_post(account, room, realm, inbound, &post);
            return;
        };
        let digest = self.digest(&(&post.content.text, post.content.files.len()));
        if message.row.digest == digest {
            return;
        }
        let edit = Edit {
            message: post.ids.primary.clone(),
            author: post.author,
            content: post.content,
            revision: "".into(),
        };
        let inbound = Inbound { event: RoomEvent::Edited(edit.clone()), ..inbound };
        self.take_edit(account, room, inbound, &edit);
    }

    fn take_edit(&mut self, account: &AccountId, room: RoomId, mut inbound: Inbound, edit: &Edit) {
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

    fn take_deletion(&mut self, account: &AccountId, room: RoomId, inbound: &Inbound, deletion: &Deletion) {
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

    fn moderated_targets(&mut self, room: RoomId) -> Vec<RoomId> {
        if self.policy(room).room.moderation != Moderation::Network {
            return Vec::new();
        }
        let targets = self.targets(room);
        targets
            .into_iter()
            .filter(|target| self.policy(*target).room.moderation == Moderation::Network)
            .collect()
    }

    fn take_reaction(
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

    fn take_member(
        &mut self,
        account: &AccountId,
        room: RoomId,
        realm: &RealmId,
        inbound: Inbound,
        member: &RemoteUserId,
        change: &MemberChange,
    ) {
        if inbound.history || self.is_ours(realm, member) || self.policy(room).room.relay == Relay::In {
            return;
        }
        if matches!(change, MemberChange::Renamed { .. }) {
            return;
        }
        let targets: Vec<RoomId> =
            self.targets(room).into_iter().filter(|target| self.policy(*target).room.joins).collect();
        if targets.is_empty() {
            return;
        }
        let meta = self.change_meta(account, room, targets, DeliveryKind::Membership, member);
        self.accept(meta, EventBody::Inbound(Box::new(inbound)));
    }

    fn take_kick(&mut self, account: &AccountId, room: RoomId, by: Option<&str>, reason: Option<&str>) {
        if let Some(view) = self.views.get_mut(&(room, account.clone())) {
            view.ready = false;
            view.why = "removed from the room".into();
        }
        let who = by.map_or_else(String::new, |by| format!(" by {by}"));
        let why = reason.filter(|why| !why.is_empty()).map_or_else(String::new, |why| format!(" ({why})"));
        self.note(Record::RoomLeft { room });
        if self.usable_account(room).is_none() {
            self.fail_tubes(room, &format!("removed from the room{who}{why}; invite it again to go on"));
        }
        self.note_usability(room);
        self.replay_standby(room);
    }

    /// Rooms that hear this one, those that take part as listeners.
    pub(crate) fn targets(&mut self, room: RoomId) -> Vec<RoomId> {
        let reached = self.network.reach(room);
        reached.iter().copied().filter(|target| self.policy(*target).room.relay != Relay::Out).collect()
    }

    fn change_meta(
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
    fn place(&self, room: RoomId) -> Option<&RoomKey> {
        self.network.room(room).and_then(|known| known.key.as_ref())
    }

    fn take_cursor(&mut self, room: RoomId) -> Option<sameroom_types::ids::Cursor> {
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

    fn remember_excerpt(&mut self, meta: &EventMeta, author: &str, text: &str) {
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
    fn wants_excerpts(&mut self, room: RoomId) -> bool {
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

    /// Starts to fetch the files of a post at once: links expire.
    pub(crate) fn fetch_files(&mut self, seq: Seq) {
        let Some(event) = self.events.get(&seq) else { return };
        let Some(body) = event.body.clone() else { return };
        let EventBody::Inbound(inbound) = &*body else { return };
        let (RoomEvent::Posted(post) | RoomEvent::Observed(post)) = &inbound.event else { return };
        if post.content.files.is_empty() {
            return;
        }
        let account = event.meta.account.clone();
        let targets = event.meta.targets.clone();
        let wanted = targets.iter().any(|target| self.policy(*target).room.files != FilePolicy::No);
        if !wanted {
            return;
        }
        for (index, file) in post.content.files.iter().enumerate() {
            let spool = spool_id(seq, index);
            if let Some(event) = self.events.get_mut(&seq) {
                event.spools.push(spool.clone());
            }
            self.request_file(account.clone(), spool, file.clone());
        }
    }

    pub(crate) fn refetch_files(&mut self) {
        let open: Vec<Seq> = self.events.keys().copied().collect();
        for seq in open {
            self.fetch_files(seq);
        }
    }

    fn request_file(&mut self, account: AccountId, spool: SpoolId, file: sameroom_types::event::FileRef) {
        let until = self.now.mono + crate::pump::FILE_PATIENCE;
        self.files.insert(spool.clone(), crate::engine::FileState::Fetching { until });
        self.out.push(Effect::Fetch { account, spool, file });
    }

    /// A send of ours came back as an event: its ids are now known.
    fn learn_echo(&mut self, delivery: DeliveryId, part: u32, ids: &NativeIds) {
        let known = ids.iter().all(|id| self.messages.find(delivery.room, id).is_some());
        if known {
            return;
        }
        let state = self
            .delivery_mut(delivery)
            .and_then(|item| item.attempt.as_ref()?.parts.get(part as usize).cloned());
        match state {
            Some(crate::lane::Part::Done(_)) | None => {
                if self.messages.get(MessageId(delivery.event.0)).is_some() {
                    self.note(Record::IdsLearnt { delivery, part, ids: ids.clone() });
                }
            }
            Some(_) => self.part_done(delivery, part, Some(ids.clone()), true),
        }
    }

    pub(crate) fn reference_of(&self, seq: Seq) -> Reference {
        self.events.get(&seq).map_or(Reference::None, |event| event.reference)
    }
}

/// The name under which the runtime keeps a file of an event.
pub(crate) fn spool_id(seq: Seq, index: usize) -> SpoolId {
    SpoolId::new(format!("f{seq}-{index}"))
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

/// A file name without folders, control characters or a leading dot.
fn safe_file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(120).collect();
    let clean = clean.trim().trim_start_matches('.').to_owned();
    if clean.is_empty() { "file".to_owned() } else { clean }
}

fn author_of(event: &RoomEvent) -> Option<String> {
    match event {
        RoomEvent::Posted(post) => Some(post.author.name.clone()),
        _ => None,
    }
}

/// Whether two accounts in one room report the same: ids may differ, author and content don't.
fn is_same_event(a: &Inbound, b: &Inbound) -> bool {
    match (&a.event, &b.event) {
        (RoomEvent::Posted(a), RoomEvent::Posted(b)) => {
            a.author.id == b.author.id && a.content.text == b.content.text
        }
        (a, b) => a == b,
    }
}
