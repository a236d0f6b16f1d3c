//! A message as its target shows it.

use sameroom_markup::{first_line, is_blank, map_mentions, no_ping, prepend, split};
use sameroom_types::action::{Action, OutboundFile, Rendered};
use sameroom_types::event::{Content, Post};
use sameroom_types::ids::{DeliveryId, MessageId, NativeIds, RemoteThreadId, Seq};
use sameroom_types::rows::SkipReason;
use sameroom_types::text::{Block, Inline, Mention, Text};

use crate::compose::author::sameroom_name;
use crate::compose::file::FileForm;
use crate::compose::{Prepared, Target, one_line, post, skip};
use crate::engine::{Engine, Reference};
use crate::files::spool_id;
use crate::ingest::content_of;
use crate::record::End;
use crate::threads::Place;

/// Who said it, as far as known, and how it begins.
type Quoted = (Option<String>, String);

impl Engine {
    pub(crate) fn prepare_post(&mut self, id: DeliveryId, target: &Target, message: &Post) -> Prepared {
        // What was changed before it was sent is sent as it now stands. But what a power loss or a restored backup
        // made us forget may stand there already: it is found or repeated as it was, and the changes follow.
        let once = target.can.once;
        let may_stand = self.delivery_mut(id).is_some_and(|item| item.suspect)
            && (once.key.is_some() || once.history.is_some());
        let current = if may_stand {
            Some((message.content.clone(), id.event))
        } else {
            self.current_content(id, &message.content)
        };
        let Some((content, as_of)) = current else {
            return Prepared::End(End::Withdrawn);
        };
        let origin = self.events.get(&id.event).map_or(id.room, |event| event.meta.room);
        if self.reference_of(id.event) == Reference::None {
            let answered = message.reply.as_ref().map(|reply| reply.message.clone());
            if let Some(native) = answered.or_else(|| self.thread_as_reference(origin, message)) {
                self.find_reference(id.event, origin, native);
            }
        }
        match self.reference_of(id.event) {
            Reference::Loading => return Prepared::Wait(None),
            Reference::Awaited { until } if until > self.now.mono => return Prepared::Wait(Some(until)),
            Reference::Awaited { .. } => self.give_up_reference(id.event),
            Reference::None | Reference::Unknown | Reference::Known(_) => {}
        }
        let place = self.place_in_thread(id.event, origin, id.room, target.can.threads, message);
        let answered = match (self.reference_of(id.event), &place) {
            (_, Place::Wait) => return Prepared::Wait(None),
            (Reference::Known(known), _) if message.reply.is_some() => Some(known),
            (_, Place::Answer(root)) if message.reply.is_none() => Some(*root),
            _ => None,
        };
        let Some((reply, quoted)) = self.what_it_answers(id, target, message, answered) else {
            return Prepared::Wait(None);
        };
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
        let forms: Vec<FileForm> = content
            .files
            .iter()
            .zip(files)
            .enumerate()
            .map(|(index, (file, state))| self.file_form(target, file, spool_id(id.event, index), state))
            .collect();
        let mut text = self.adapt(target, content.text.clone());
        if let Some((who, excerpt)) = quoted {
            text = with_quote(target, text, who.as_deref(), &excerpt);
        }
        if let Place::Named(name) = &place {
            let name = first_line(&Text::plain(&one_line(name)), 60);
            text = prepend(&[Inline::Text(format!("({name}) "))], text);
        }
        let mut actions: Vec<Action> = Vec::new();
        if !is_blank(&text) {
            for part in self.render(target, &prefix, &text) {
                // Only the first part answers; the rest belong to it.
                let reply = if actions.is_empty() { reply.clone() } else { None };
                actions.push(post(part, author.clone(), reply, false));
            }
        }
        // Each file is a part of its own, so that an edit of the text leaves it as it is.
        let texts = actions.len();
        for form in forms {
            let reply = if actions.is_empty() { reply.clone() } else { None };
            match form {
                FileForm::Upload(file) => {
                    let caption = if author.is_some() {
                        Rendered::default()
                    } else {
                        let name = Text::plain(&file.name);
                        self.render(target, &prefix, &name).into_iter().next().unwrap_or_default()
                    };
                    let author = author.clone();
                    actions.push(Action::File(OutboundFile { file, author, caption, reply, thread: None }));
                }
                FileForm::Line(line) => {
                    let line = self.render(target, &prefix, &Text::plain(&line)).into_iter().next();
                    actions.extend(line.map(|line| post(line, author.clone(), reply, false)));
                }
            }
        }
        if let Place::Thread(thread) = place {
            put_in_thread(&mut actions, &thread);
        }
        let count = u32::try_from(actions.len() - texts).unwrap_or(u32::MAX);
        if actions.is_empty() {
            return skip(SkipReason::NoForm);
        }
        Prepared::Ready { actions, files: count, makes: Vec::new(), placed: None, as_of }
    }

    /// What a post answers in its room: a message there, or who said what in words. `None` while the
    /// message answered is itself on its way.
    fn what_it_answers(
        &self,
        id: DeliveryId,
        target: &Target,
        message: &Post,
        answered: Option<MessageId>,
    ) -> Option<(Option<NativeIds>, Option<Quoted>)> {
        let given = message.reply.as_ref();
        let Some(known) = answered else {
            let words = given.map(|reply| (reply.author.clone(), reply.excerpt.clone().unwrap_or_default()));
            return Some((None, words));
        };
        let sending = self.lanes.get(&id.room).is_some_and(|lane| lane.items.contains_key(&Seq(known.0)));
        // What is read back late may answer what is accepted only after it; that is not waited for.
        if sending && known.0 < id.event.0 {
            return None;
        }
        let reply = self.target_of(known, id.room).into_iter().next().map(|(_, ids, _)| ids);
        if target.can.replies.is_full() && reply.is_some() {
            return Some((reply, None));
        }
        let excerpt = self.excerpt_in(known, id.room);
        let author = excerpt
            .map(|excerpt| excerpt.author.clone())
            .or_else(|| given.and_then(|reply| reply.author.clone()));
        let text = excerpt
            .map(|excerpt| excerpt.text.clone())
            .or_else(|| given.and_then(|reply| reply.excerpt.clone()))
            .unwrap_or_default();
        Some((None, Some((author, text))))
    }

    /// The latest content of a message whose copy was not tried yet, and the change it comes from;
    /// `None` when it was taken back meanwhile.
    pub(crate) fn current_content(&self, id: DeliveryId, original: &Content) -> Option<(Content, Seq)> {
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

    /// Foreign text made fit for a room: mentions by name, words replaced.
    pub(crate) fn adapt(&self, target: &Target, text: Text) -> Text {
        let text = map_mentions(text, &mut |mention| match mention {
            Mention::User { name, .. } => Inline::Text(format!("@{name}")),
            Mention::Room { name, .. } => Inline::Text(format!("#{}", name.trim_start_matches('#'))),
            mass @ Mention::Mass { .. } => Inline::Mention(mass),
        });
        if target.policy.replace.is_empty() { text } else { replace_words(text, &target.policy.replace) }
    }

    pub(crate) fn render(&self, target: &Target, prefix: &[Inline], text: &Text) -> Vec<Rendered> {
        split(prefix, text, &*target.dialect, target.can.text)
            .into_iter()
            .map(|part| Rendered { text: part.text, styled: part.styled })
            .collect()
    }
}

fn put_in_thread(actions: &mut [Action], thread: &RemoteThreadId) {
    for action in actions {
        match action {
            Action::Post(post) => post.thread = Some(thread.clone()),
            Action::File(file) => file.thread = Some(thread.clone()),
            _ => {}
        }
    }
}

pub(crate) fn with_quote(target: &Target, text: Text, who: Option<&str>, excerpt: &str) -> Text {
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

pub(crate) fn replace_words(text: Text, pairs: &[(regex::Regex, String)]) -> Text {
    pub(crate) fn inlines(list: Vec<Inline>, pairs: &[(regex::Regex, String)]) -> Vec<Inline> {
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
    pub(crate) fn blocks(list: Vec<Block>, pairs: &[(regex::Regex, String)]) -> Vec<Block> {
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
