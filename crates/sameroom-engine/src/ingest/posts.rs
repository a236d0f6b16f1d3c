//! Messages on their way in.

use sameroom_markup::{is_blank, plain_text, sanitise};
use sameroom_types::capabilities::{Capabilities, Reactions};
use sameroom_types::event::{ContentKind, Edit, Inbound, Post, RoomEvent};
use sameroom_types::ids::{AccountId, DeliveryId, Mark, MessageId, NativeIds, RealmId, RoomId};
use sameroom_types::policy::{DeletePolicy, EditPolicy, Relay};
use sameroom_types::room::RoomKind;
use sameroom_types::rows::DeliveryKind;
use sameroom_types::text::Text;

use crate::compose::one_line;
use crate::engine::{Engine, Sealed};
use crate::files::safe_file_name;
use crate::ingest::EXCERPT;
use crate::record::{EventBody, EventMeta, Excerpt, Record};
use crate::refer::Wanted;

impl Engine {
    pub(crate) fn take_post(
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
                self.learn_echo(account, DeliveryId { event, room }, mark, &post.ids);
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
        let space = self.network.space(room, account);
        if self.is_repeat(space, post, digest) {
            return;
        }
        if let Some(message) = self.known_by_others(room, space, post, digest) {
            self.note(Record::IdsAlso { message, space, ids: post.ids.clone() });
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
            || policy.ignores(&post.author.name, &text)
            || (is_blank(&post.content.text) && post.content.files.is_empty())
        {
            return;
        }
        if matches!(post.content.kind, ContentKind::Encrypted | ContentKind::Disappearing) {
            self.tell_unreadable(room, &post.content.kind);
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
        let thread = self.thread_of(account, room, post);
        let seeks_root = thread.is_none() && self.seeks_root(room, post);
        let album =
            post.album.as_ref().map(|album| self.token(&(self.place(room), "album", album, &post.author.id)));
        let meta = EventMeta {
            room,
            account: account.clone(),
            at: self.now.wall,
            version: self.network.version,
            targets,
            cursor: self.cursors.remove(&(room, account.clone())),
            kind: DeliveryKind::Post,
            ids: Some(post.ids.clone()),
            author: post.author.id.clone(),
            message: None,
            role: post.author.role,
            reactions: None,
            said: None,
            thread,
            album,
            token: self.token(&(self.place_of(room, account), &post.ids.primary)),
            digest,
        };
        self.remember_excerpt(&meta, &post.author.name, &text);
        self.remember_for_bounces(&meta, &post.author.name, &text);
        let seq = self.accept(meta, EventBody::Inbound(Box::new(inbound)));
        if let Some(native) = reference {
            self.find_reference(seq, room, native, Wanted::Message);
        }
        if let Some(thread) = post.thread.as_ref().filter(|_| seeks_root) {
            self.find_reference(seq, room, thread.as_str().into(), Wanted::Thread);
        }
        self.fetch_files(seq);
    }

    /// Whether this message was accepted before: same ids, and same content unless ids are reused.
    pub(crate) fn is_repeat(&self, space: RoomId, post: &Post, digest: [u8; 16]) -> bool {
        let Some(known) = post.ids.iter().find_map(|id| self.messages.find(space, id)) else { return false };
        let Some(message) = self.messages.get(known) else { return false };
        let old = self.now.wall.since(message.row.at).as_secs() > 3600;
        // Ids that senders choose may come again for something else; those of the platform never do.
        let by_primary = self.messages.find(space, &post.ids.primary) == Some(known);
        let said_before = message.row.digest == digest || message.former.contains(&digest);
        said_before || !old || (by_primary && post.ids.origin.is_some())
    }

    pub(crate) fn take_observed(
        &mut self,
        account: &AccountId,
        room: RoomId,
        realm: &RealmId,
        inbound: Inbound,
        post: Post,
    ) {
        let known = post.ids.iter().find_map(|id| self.find(account, room, id));
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

    /// Keeps the beginning of what the event to be accepted next says, if any room will need it.
    pub(crate) fn remember_excerpt(&mut self, meta: &EventMeta, author: &str, text: &str) {
        if self.config.excerpts.is_zero() {
            return;
        }
        let wanted = meta.targets.iter().chain([&meta.room]).any(|room| {
            let policy = self.policy(*room);
            policy.room.edits == EditPolicy::Append
                || policy.room.deletes == DeletePolicy::Mark
                || self.capabilities(*room).is_none_or(needs_words)
        });
        if !wanted {
            return;
        }
        let excerpt = Excerpt {
            author: author.to_owned(),
            text: sameroom_markup::first_line(&Text::plain(&one_line(text)), EXCERPT),
        };
        // The event comes right after the excerpt, so its number is known.
        let message = MessageId(self.next_seq.0 + 1);
        let hour = u64::try_from(self.now.wall.0 / 3_600_000).unwrap_or(0);
        let key = (1 << 63) | hour;
        self.hour_keys.insert(key);
        let at = self.now.wall;
        self.commit(Record::Excerpt { message, at }, Some(key), Sealed::Excerpt(excerpt));
    }

    /// A send of ours came back as an event: its ids are now known.
    pub(crate) fn learn_echo(
        &mut self,
        account: &AccountId,
        delivery: DeliveryId,
        mark: &Mark,
        ids: &NativeIds,
    ) {
        let space = self.network.space(delivery.room, account);
        let known = ids.iter().all(|id| self.messages.find(space, id).is_some());
        if known {
            return;
        }
        // Within an album a part stands in the attempt of the album's first post.
        let first = self.delivery_mut(delivery).and_then(|item| item.within);
        let key = Mark::key(&mark.installation, mark.token, mark.room, mark.part);
        let delivery = DeliveryId { event: first.unwrap_or(delivery.event), ..delivery };
        let attempt = self.delivery_mut(delivery).and_then(|item| item.attempt.as_ref());
        let frozen = attempt.and_then(|attempt| attempt.frozen.as_ref());
        let part = frozen
            .and_then(|frozen| frozen.iter().find(|request| request.key == key))
            .map_or(mark.part, |request| request.part);
        let sender = attempt.map(|attempt| attempt.account.clone());
        let state = attempt.and_then(|attempt| attempt.parts.get(part as usize).cloned());
        if sender.is_some_and(|sender| self.network.space(delivery.room, &sender) != space) {
            return;
        }
        match state {
            Some(crate::lane::Part::Done(_)) | None => {
                if self.messages.get(MessageId(delivery.event.0)).is_some() {
                    self.note(Record::IdsLearnt { delivery, part, ids: ids.clone() });
                }
            }
            Some(_) => self.part_done(delivery, part, Some(ids.clone()), true),
        }
    }
}

/// Whether a change of a message may have to be told in words, so that what it said must be known.
fn needs_words(can: &Capabilities) -> bool {
    !can.edit.is_full()
        || can.edit_window.is_some()
        || !can.replies.is_full()
        || !can.delete.is_full()
        || can.reactions == Reactions::None
}
