//! What a delivery looks like in its room: author, text, files, fallbacks, by policy and capabilities.

use std::sync::Arc;
use std::time::Duration;

use sameroom_markup::{correction, first_line, is_blank, map_mentions, no_ping, plain_text, prepend, split};
use sameroom_types::action::{Action, OutboundFile, OutboundPost, Rendered};
use sameroom_types::capabilities::{Authorship, Capabilities, Files, Reactions, Support};
use sameroom_types::event::{Author, Content, ContentKind, FileRef, MemberChange, Post, RoomEvent};
use sameroom_types::ids::{AccountId, DeliveryId, MessageId, NativeIds, RoomId, Seq};
use sameroom_types::policy::{DeletePolicy, EditPolicy, FilePolicy};
use sameroom_types::rows::{DeliveryKind, SkipReason};
use sameroom_types::text::{Block, Emoji, Inline, Mention, Text};

use crate::engine::{Engine, FileState, Reference};
use crate::ingest::{content_of, spool_id};
use crate::policy::Policy;
use crate::record::{End, EventBody, Excerpt};

/// Whether a delivery can be sent, and as what.
pub(crate) enum Prepared {
    /// As these actions.
    Ready { actions: Vec<Action>, files: u32, makes: Vec<u32>, placed: Option<Vec<Emoji>>, as_of: Seq },
    /// Not yet; at this time at the latest it is worth another look.
    Wait(Option<Duration>),
    /// It ends without being sent.
    End(End),
}

/// Everything about the target that composing needs.
struct Target {
    can: Capabilities,
    policy: Arc<Policy>,
    dialect: Arc<dyn sameroom_markup::Dialect>,
}

fn skip(why: SkipReason) -> Prepared {
    Prepared::End(End::Skipped(why))
}

impl Engine {
    pub(crate) fn prepare(&mut self, id: DeliveryId, account: &AccountId) -> Prepared {
        let Some(event) = self.events.get(&id.event) else { return skip(SkipReason::NoTarget) };
        let (kind, meta) = (event.meta.kind, event.meta.clone());
        let Some(body) = event.body.clone() else {
            return Prepared::End(End::Parked(sameroom_types::rows::ParkReason::Unreadable));
        };
        let policy = self.policy(id.room);
        let Some(view) = self.views.get(&(id.room, account.clone())) else { return Prepared::Wait(None) };
        let can = view.capabilities.clone();
        let platform = self.accounts.get(account).map(|known| known.spec.platform.clone());
        let dialect = self
            .setup
            .dialects
            .dialect(platform.as_ref().map_or("", |platform| platform.as_str()), can.formatting);
        let target = Target { can, policy, dialect };
        match (kind, &*body) {
            (DeliveryKind::Notice, EventBody::Notice(text)) => {
                ready(self.render(&target, &[], text).into_iter().map(|text| post(text, None, None, true)))
            }
            (DeliveryKind::Post, EventBody::Inbound(inbound)) => match &inbound.event {
                RoomEvent::Posted(message) | RoomEvent::Observed(message) => {
                    self.prepare_post(id, &target, message)
                }
                _ => skip(SkipReason::NoForm),
            },
            (DeliveryKind::Membership, EventBody::Inbound(inbound)) => match &inbound.event {
                RoomEvent::MemberChanged { member, change } => {
                    let room = self.name_for_others(meta.room);
                    let line = match change {
                        MemberChange::Joined => format!("{} joined {room}", member.name),
                        MemberChange::Left { .. } => format!("{} left {room}", member.name),
                        MemberChange::Renamed { from } => format!("{from} is now {}", member.name),
                    };
                    let text = Text::plain(&line);
                    ready(
                        self.render(&target, &[], &text).into_iter().map(|text| post(text, None, None, true)),
                    )
                }
                _ => skip(SkipReason::NoForm),
            },
            (_, EventBody::Inbound(inbound)) => self.prepare_change(id, &target, kind, &inbound.event),
            (_, EventBody::Notice(_)) => skip(SkipReason::NoForm),
        }
    }

    fn prepare_change(
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
            return Prepared::Wait(None);
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
            (DeliveryKind::Delete, RoomEvent::Deleted(_)) => self.prepare_delete(id, target, message_id),
            (DeliveryKind::React, _) => self.prepare_reaction(id, target, message_id, event),
            _ => skip(SkipReason::NoForm),
        }
    }

    fn prepare_post(&mut self, id: DeliveryId, target: &Target, message: &Post) -> Prepared {
        // What was changed before it was sent is sent as it now stands.
        let Some((content, as_of)) = self.current_content(id, &message.content) else {
            return Prepared::End(End::Withdrawn);
        };
        if self.reference_of(id.event) == Reference::None
            && let Some(reply) = &message.reply
        {
            let room = self.events.get(&id.event).map(|event| event.meta.room);
            if let Some(room) = room {
                let native = reply.message.clone();
                self.find_reference(id.event, room, native);
            }
        }
        let mut reply = None;
        let mut quoted = None;
        match self.reference_of(id.event) {
            Reference::None | Reference::Unknown => {
                quoted = message
                    .reply
                    .as_ref()
                    .map(|reply| (reply.author.clone(), reply.excerpt.clone().unwrap_or_default()));
            }
            Reference::Loading => return Prepared::Wait(None),
            Reference::Awaited { until } if until > self.now.mono => return Prepared::Wait(Some(until)),
            Reference::Awaited { .. } => self.give_up_reference(id.event),
            Reference::Known(known) => {
                let sending =
                    self.lanes.get(&id.room).is_some_and(|lane| lane.items.contains_key(&Seq(known.0)));
                if sending {
                    return Prepared::Wait(None);
                }
                reply = self.target_of(known, id.room).into_iter().next().map(|(_, ids, _)| ids);
                if !target.can.replies.is_full() || reply.is_none() {
                    reply = None;
                    let excerpt = self.excerpt_in(known, id.room);
                    let given = message.reply.as_ref();
                    let author = excerpt
                        .as_ref()
                        .map(|excerpt| excerpt.author.clone())
                        .or_else(|| given.and_then(|reply| reply.author.clone()));
                    let text = excerpt
                        .map(|excerpt| excerpt.text)
                        .or_else(|| given.and_then(|reply| reply.excerpt.clone()))
                        .unwrap_or_default();
                    quoted = Some((author, text));
                }
            }
        }
        let files = match self.ready_files(id.event, &content) {
            Ok(files) => files,
            Err(until) => return Prepared::Wait(Some(until)),
        };
        let author = self.shown_author(target, &message.author);
        let late = self.is_late(id);
        if late && let Some(item) = self.delivery_mut(id) {
            item.late = true;
        }
        let prefix = self.prefix(id, target, &message.author, author.is_some(), &content.kind, late);
        let mut uploads = Vec::new();
        let mut lines: Vec<String> = Vec::new();
        for (file, state) in content.files.iter().zip(files) {
            match self.file_form(target, file, state) {
                FileForm::Upload(file) => uploads.push(file),
                FileForm::Line(line) => lines.push(line),
            }
        }
        let mut text = self.adapt(target, content.text.clone());
        if let Some((who, excerpt)) = quoted {
            text = with_quote(target, text, who.as_deref(), &excerpt);
        }
        for line in lines {
            text.blocks.push(Block::Paragraph(vec![Inline::Text(line)]));
        }
        let mut actions: Vec<Action> = Vec::new();
        if !is_blank(&text) {
            for part in self.render(target, &prefix, &text) {
                // Only the first part answers; the rest belong to it.
                let reply = if actions.is_empty() { reply.clone() } else { None };
                actions.push(post(part, author.clone(), reply, false));
            }
        }
        let count = u32::try_from(uploads.len()).unwrap_or(u32::MAX);
        for file in uploads {
            let caption = if author.is_some() {
                Rendered::default()
            } else {
                let name = Text::plain(&file.name);
                self.render(target, &prefix, &name).into_iter().next().unwrap_or_default()
            };
            actions.push(Action::File(OutboundFile {
                file,
                author: author.clone(),
                caption,
                reply: None,
                thread: None,
            }));
        }
        if actions.is_empty() {
            return skip(SkipReason::NoForm);
        }
        Prepared::Ready { actions, files: count, makes: Vec::new(), placed: None, as_of }
    }

    /// The latest content of a message whose copy was not tried yet, and the change it comes from;
    /// `None` when it was taken back meanwhile.
    fn current_content(&self, id: DeliveryId, original: &Content) -> Option<(Content, Seq)> {
        let mut current = (original.clone(), id.event);
        let Some(message) = self.messages.get(MessageId(id.event.0)) else { return Some(current) };
        for (seq, is_deletion) in &message.changes {
            let here = self.lanes.get(&id.room).is_some_and(|lane| lane.items.contains_key(seq));
            if !here {
                continue;
            }
            if *is_deletion {
                return None;
            }
            if let Some(content) = self.events.get(seq).and_then(|event| content_of(event.body.as_deref()?)) {
                let files = std::mem::take(&mut current.0.files);
                current = (Content { files, ..content.clone() }, *seq);
            }
        }
        Some(current)
    }

    /// The beginning of a message as a room shows it; the original's room shows the last change that any copy has.
    fn excerpt_in(&self, message: MessageId, room: RoomId) -> Option<Excerpt> {
        let known = self.messages.get(message);
        let as_of = known.and_then(|known| match known.copies.get(&room) {
            Some(copy) => Some(copy.as_of),
            None => known.copies.values().map(|copy| copy.as_of).max(),
        });
        let (_, excerpt) = as_of
            .and_then(|seq| self.excerpts.get(&MessageId(seq.0)))
            .or_else(|| self.excerpts.get(&message))?;
        Some(excerpt.clone())
    }

    /// The parts by which a room knows a message.
    pub(crate) fn target_of(&self, message: MessageId, room: RoomId) -> Vec<(u32, NativeIds, bool)> {
        self.messages.get(message).map(|message| message.parts_in(room)).unwrap_or_default()
    }

    fn prepare_edit(
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
    fn correction_line(
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
        let new = plain_text(&content.text);
        let old = self.excerpt_in(message, id.room).map(|excerpt| excerpt.text);
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

    fn prepare_delete(&mut self, id: DeliveryId, target: &Target, message: MessageId) -> Prepared {
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
        let line = match self.excerpt_in(message, id.room) {
            Some(excerpt) => {
                let start = first_line(&Text::plain(&excerpt.text), 60);
                format!("{} deleted: “{start}”", no_ping(&excerpt.author))
            }
            None => "a message was deleted by its author".to_owned(),
        };
        let rendered = self.render(target, &[], &Text::plain(&line));
        let actions: Vec<Action> =
            rendered.into_iter().take(1).map(|text| post(text, None, None, true)).collect();
        let makes = vec![u32::MAX; actions.len()];
        Prepared::Ready { actions, files: 0, makes, placed: None, as_of: id.event }
    }

    fn prepare_reaction(
        &mut self,
        id: DeliveryId,
        target: &Target,
        message: MessageId,
        event: &RoomEvent,
    ) -> Prepared {
        let Some(known) = self.messages.get(message) else { return skip(SkipReason::NoTarget) };
        if target.can.reactions == Reactions::None {
            return self.reaction_line(id, target, message, event);
        }
        let mut wanted = known.wanted_in(id.room);
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

    /// A line that tells of a new reaction, where messages can't carry any.
    fn reaction_line(
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

    /// The author as the platform itself can show them, or `None` where a prefix must do.
    fn shown_author(&self, target: &Target, author: &Author) -> Option<Author> {
        let native =
            matches!(target.can.author, Authorship::NamePicture | Authorship::Name | Authorship::Puppet);
        native.then(|| author.clone())
    }

    /// What stands before the text: the time of a late message, and the author by the room's format.
    fn prefix(
        &mut self,
        id: DeliveryId,
        target: &Target,
        author: &Author,
        is_native: bool,
        kind: &ContentKind,
        late: bool,
    ) -> Vec<Inline> {
        let mut prefix = String::new();
        if late && let Some(event) = self.events.get(&id.event) {
            let at = match event.body.as_deref() {
                Some(EventBody::Inbound(inbound)) => inbound.at.unwrap_or(event.meta.at),
                _ => event.meta.at,
            };
            prefix.push_str(&format!("({} UTC) ", at.hour_minute()));
        }
        if *kind == ContentKind::Action {
            let name = if target.can.text.multiline { author.name.clone() } else { no_ping(&author.name) };
            prefix.push_str(&format!("* {} ", sameroom_name(&name)));
        } else if !is_native {
            let origin = self.events.get(&id.event).map_or(id.room, |event| event.meta.room);
            prefix.push_str(&self.author_prefix(origin, target, author));
        }
        if prefix.is_empty() { Vec::new() } else { vec![Inline::Text(prefix)] }
    }

    fn author_prefix(&mut self, origin: RoomId, target: &Target, author: &Author) -> String {
        let name = sameroom_name(&author.name);
        let username = sameroom_name(author.username.as_deref().unwrap_or(&author.name));
        let single = !target.can.text.multiline;
        let origin_room = self.network.room(origin);
        let spec = origin_room.and_then(|room| room.specs.first().cloned());
        let account = spec.as_ref().and_then(|spec| self.accounts.get(&spec.account));
        let team = account.map_or_else(String::new, |account| account.spec.team.clone());
        let platform = account.map_or_else(String::new, |account| account.spec.platform_name.clone());
        let account_name = spec.map_or_else(String::new, |spec| spec.account.to_string());
        let label = self.name_for_others(origin);
        let template = match target.policy.room.format.as_deref() {
            None if single => "<{nopingname}> ",
            None | Some("team") => "[{name}, {team}] ",
            Some("name" | "no-team") => "[{name}] ",
            Some("username") => "[{username}] ",
            Some("both") => "[{name} @{username}, {team}] ",
            Some("none") => "",
            Some(template) => template,
        };
        fill(template, |word| {
            Some(match word {
                "name" => name.clone(),
                "nopingname" => no_ping(&name),
                "username" => username.clone(),
                "team" => team.clone(),
                "platform" => platform.clone(),
                "room" => label.clone(),
                "account" => account_name.clone(),
                _ => return None,
            })
        })
    }

    /// Foreign text made fit for a room: mentions by name, words replaced.
    fn adapt(&self, target: &Target, text: Text) -> Text {
        let text = map_mentions(text, &mut |mention| match mention {
            Mention::User { name, .. } => Inline::Text(format!("@{name}")),
            Mention::Room { name, .. } => Inline::Text(format!("#{}", name.trim_start_matches('#'))),
            mass @ Mention::Mass { .. } => Inline::Mention(mass),
        });
        if target.policy.replace.is_empty() { text } else { replace_words(text, &target.policy.replace) }
    }

    fn render(&self, target: &Target, prefix: &[Inline], text: &Text) -> Vec<Rendered> {
        split(prefix, text, &*target.dialect, target.can.text)
            .into_iter()
            .map(|part| Rendered { text: part.text, styled: part.styled })
            .collect()
    }

    /// The state of each file of a message, or until when to wait for them.
    fn ready_files(&self, seq: Seq, content: &Content) -> Result<Vec<Option<FileState>>, Duration> {
        let mut states = Vec::new();
        for index in 0..content.files.len() {
            let state = self.files.get(&spool_id(seq, index)).cloned();
            if let Some(FileState::Fetching { until }) = &state
                && *until > self.now.mono
            {
                return Err(*until);
            }
            states.push(state);
        }
        Ok(states)
    }

    fn file_form(&mut self, target: &Target, file: &FileRef, state: Option<FileState>) -> FileForm {
        let size = match &state {
            Some(FileState::Ready { size_bytes }) => Some(*size_bytes),
            _ => file.size_bytes,
        };
        let described = match size {
            Some(size) => format!("{} ({})", file.name, human_size(size)),
            None => file.name.clone(),
        };
        if let (Files::Upload { max_bytes, .. }, FilePolicy::Copy, Some(FileState::Ready { size_bytes })) =
            (target.can.files, target.policy.room.files, &state)
            && *size_bytes <= max_bytes
        {
            let spool = self.spool_of(file);
            if spool.is_some() {
                let file = FileRef { spool, size_bytes: Some(*size_bytes), ..file.clone() };
                return FileForm::Upload(file);
            }
        }
        if target.policy.room.files != FilePolicy::No {
            if let Some(base) = self.config.public_url.clone()
                && matches!(state, Some(FileState::Ready { .. }))
                && let Some(spool) = self.spool_of(file)
            {
                let token = self.share(&spool, &file.name);
                return FileForm::Line(format!("{described} {base}/files/{token}/{}", url_name(&file.name)));
            }
            if let Some(url) = &file.public_url {
                return FileForm::Line(format!("{described} {url}"));
            }
        }
        FileForm::Line(match state {
            Some(FileState::Failed { why }) => format!("{described}: the file could not be copied ({why})"),
            _ => format!("{described}: the file was not copied"),
        })
    }

    fn spool_of(&self, file: &FileRef) -> Option<sameroom_types::ids::SpoolId> {
        // The file's place in its message is its place in the spool; see `fetch_files`.
        self.events.iter().find_map(|(seq, event)| {
            let content = content_of(event.body.as_deref()?)?;
            let index = content.files.iter().position(|known| known == file)?;
            let spool = spool_id(*seq, index);
            self.files.contains_key(&spool).then_some(spool)
        })
    }

    fn share(&mut self, spool: &sameroom_types::ids::SpoolId, name: &str) -> String {
        // Derived, so that a second room gets the same link and nothing has to be remembered.
        let digest = self.digest(&("share", spool));
        let token: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.out.push(crate::input::Effect::Share {
            spool: spool.clone(),
            token: token.clone(),
            name: name.to_owned(),
        });
        token
    }

    /// What other rooms may see of a room: its label, its name if it may be named, else its platform and team.
    pub(crate) fn name_for_others(&mut self, room: RoomId) -> String {
        let label = self.policy(room).room.label.clone();
        let Some(known) = self.network.room(room) else { return "a room".into() };
        let account = known.specs.first().and_then(|spec| self.accounts.get(&spec.account));
        let place = account.map_or_else(String::new, |account| {
            format!("{} ({})", account.spec.team, account.spec.platform_name)
        });
        match label {
            Some(label) => format!("{label} on {place}"),
            None if known.kind.is_nameable() => format!("{} on {place}", known.name),
            None => format!("a private room on {place}"),
        }
    }
}

enum FileForm {
    Upload(FileRef),
    Line(String),
}

fn ready(actions: impl Iterator<Item = Action>) -> Prepared {
    let actions: Vec<Action> = actions.collect();
    let makes = vec![u32::MAX; actions.len()];
    Prepared::Ready { actions, files: 0, makes, placed: None, as_of: Seq(0) }
}

fn post(text: Rendered, author: Option<Author>, reply: Option<NativeIds>, notice: bool) -> Action {
    Action::Post(OutboundPost { text, author, reply, thread: None, notice })
}

/// A name that can't break out of its brackets or lines.
fn sameroom_name(name: &str) -> String {
    let clean: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    clean.trim().to_owned()
}

/// Replaces `{word}` by what `value` says; an unknown word stays as written.
fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        match after.split_once('}') {
            Some((word, tail)) => {
                match value(word) {
                    Some(found) => out.push_str(&found),
                    None => out.push_str(&format!("{{{word}}}")),
                }
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn with_quote(target: &Target, text: Text, who: Option<&str>, excerpt: &str) -> Text {
    let start = first_line(&Text::plain(excerpt), 60);
    let who = who.map(sameroom_name);
    if target.can.text.multiline {
        let mut line = Vec::new();
        if let Some(who) = who {
            line.push(Inline::Bold(vec![Inline::Text(who)]));
            line.push(Inline::Text(": ".into()));
        }
        line.push(Inline::Text(if start.is_empty() { "…".into() } else { start }));
        let mut blocks = vec![Block::Quote(vec![Block::Paragraph(line)])];
        blocks.extend(text.blocks);
        return Text { blocks };
    }
    let who = who.map(|who| no_ping(&who));
    let lead = match (who, start.is_empty()) {
        (Some(who), false) => format!("(re {who}: “{start}”) "),
        (Some(who), true) => format!("(re {who}) "),
        (None, false) => format!("(re “{start}”) "),
        (None, true) => return text,
    };
    prepend(&[Inline::Text(lead)], text)
}

fn replace_words(text: Text, pairs: &[(regex::Regex, String)]) -> Text {
    fn inlines(list: Vec<Inline>, pairs: &[(regex::Regex, String)]) -> Vec<Inline> {
        list.into_iter()
            .map(|inline| match inline {
                Inline::Text(words) => {
                    let mut words = words;
                    for (pattern, by) in pairs {
                        words = pattern.replace_all(&words, by.as_str()).replace(['\n', '\r'], " ");
                    }
                    Inline::Text(words)
                }
                Inline::Bold(list) => Inline::Bold(inlines(list, pairs)),
                Inline::Italic(list) => Inline::Italic(inlines(list, pairs)),
                Inline::Strike(list) => Inline::Strike(inlines(list, pairs)),
                Inline::Underline(list) => Inline::Underline(inlines(list, pairs)),
                Inline::Spoiler(list) => Inline::Spoiler(inlines(list, pairs)),
                other => other,
            })
            .collect()
    }
    fn blocks(list: Vec<Block>, pairs: &[(regex::Regex, String)]) -> Vec<Block> {
        list.into_iter()
            .map(|block| match block {
                Block::Paragraph(list) => Block::Paragraph(inlines(list, pairs)),
                Block::Quote(list) => Block::Quote(blocks(list, pairs)),
                Block::List { start, items } => {
                    Block::List { start, items: items.into_iter().map(|item| blocks(item, pairs)).collect() }
                }
                code @ Block::CodeBlock { .. } => code,
            })
            .collect()
    }
    Text { blocks: blocks(text.blocks, pairs) }
}

/// A size for people, in decimal units.
fn human_size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// A file name as the last segment of a URL.
fn url_name(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_and_unknown_words_stay() {
        let value = |word: &str| (word == "name").then(|| "Ann".to_owned());
        assert_eq!(fill("<{name}> ", value), "<Ann> ");
        assert_eq!(fill("{name} {huh} {", value), "Ann {huh} {");
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(human_size(999), "999 B");
        assert_eq!(human_size(119_001), "120 kB");
        assert_eq!(human_size(2_560_000), "2.5 MB");
    }
}
