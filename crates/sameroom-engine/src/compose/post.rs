//! A post as its room sees it.

use sameroom_markup::is_blank;
use sameroom_types::action::{Action, OutboundFile, Rendered};
use sameroom_types::event::{Content, Post};
use sameroom_types::ids::{DeliveryId, MessageId, Seq};
use sameroom_types::rows::SkipReason;
use sameroom_types::text::{Block, Inline, Text};

use super::files::FileForm;
use super::words::with_quote;
use super::{Prepared, Target, post, skip};
use crate::engine::{Engine, Reference};
use crate::ingest::content_of;
use crate::record::End;

impl Engine {
    pub(super) fn prepare_post(&mut self, id: DeliveryId, target: &Target, message: &Post) -> Prepared {
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
    pub(super) fn current_content(&self, id: DeliveryId, original: &Content) -> Option<(Content, Seq)> {
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
}
