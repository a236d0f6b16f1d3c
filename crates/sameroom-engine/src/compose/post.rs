//! A message as its target shows it.

use std::time::Duration;

use sameroom_markup::{is_blank, map_mentions, prepend, split};
use sameroom_types::action::{Action, OutboundFile, OutboundPost, Rendered};
use sameroom_types::capabilities::Files;
use sameroom_types::event::{Author, Content, Post};
use sameroom_types::ids::{DeliveryId, MessageId, NativeIds, RemoteThreadId, Seq};
use sameroom_types::rows::SkipReason;
use sameroom_types::text::{Block, Inline, Mention, Text};

use crate::compose::file::FileForm;
use crate::compose::replies::{Answered, with_quote};
use crate::compose::thread::Place;
use crate::compose::{Made, Prepared, Target, skip};
use crate::engine::Engine;
use crate::files::spool_id;
use crate::ingest::content_of;
use crate::record::End;

/// How long after the last part of an album another one may come.
const ALBUM_PAUSE: Duration = Duration::from_millis(500);

/// One post, or one of an album.
struct Piece {
    event: Seq,
    content: Content,
}

/// What all parts of one message share.
struct Look {
    prefix: Vec<Inline>,
    author: Option<Author>,
    reply: Option<NativeIds>,
    thread: Option<RemoteThreadId>,
}

impl Look {
    /// Only the first part answers; the rest belong to it.
    fn reply_of(&self, made: &Made) -> Option<NativeIds> {
        if made.actions.is_empty() { self.reply.clone() } else { None }
    }

    fn say(&self, made: &mut Made, owner: Seq, text: Rendered) {
        let reply = self.reply_of(made);
        let (author, thread) = (self.author.clone(), self.thread.clone());
        made.actions.push(Action::Post(OutboundPost { text, author, reply, thread, notice: false }));
        made.owners.push(owner);
    }
}

impl Engine {
    pub(crate) fn prepare_post(&mut self, id: DeliveryId, target: &Target, message: &Post) -> Prepared {
        // What was changed before it was sent is sent as it now stands. But what a power loss or a restored backup
        // made us forget may stand there already: it is found or repeated as it was, and the changes follow.
        let once = target.can.once;
        let may_stand = self.delivery_mut(id).is_some_and(|item| item.suspect)
            && (once.key.is_some() || once.history.is_some());
        let current = |engine: &Self, event: Seq, original: &Content| {
            if may_stand {
                Some((original.clone(), event))
            } else {
                engine.current_content(DeliveryId { event, ..id }, original)
            }
        };
        let Some((content, mut as_of)) = current(self, id.event, &message.content) else {
            return Prepared::End(End::Withdrawn);
        };
        let others = match self.rest_of_album(id) {
            Ok(others) => others,
            Err(until) => return Prepared::Wait(Some(until)),
        };
        let (thread, lead, root) = match self.place_in(id, target) {
            Place::Wait(until) => return Prepared::Wait(until),
            Place::Open(made) => return Prepared::Ready(made),
            Place::At { thread, lead } => (thread, lead, None),
            Place::Answer(root) => (None, None, Some(root)),
        };
        // Where there are no threads, a post in one answers its root, unless it answers something else.
        let answered = match root.filter(|_| message.reply.is_none()) {
            Some(root) => self.answer_to(id, target, root, None),
            None => self.answer_of(id, target, message),
        };
        let (reply, quoted) = match answered {
            Answered::Wait(until) => return Prepared::Wait(until),
            Answered::By { reply, quoted } => (reply, quoted),
        };
        let mut pieces = vec![Piece { event: id.event, content }];
        for event in others {
            let Some(original) =
                self.events.get(&event).and_then(|open| content_of(open.body.as_deref()?)).cloned()
            else {
                continue;
            };
            if let Some((content, at)) = current(self, event, &original) {
                as_of = as_of.max(at);
                pieces.push(Piece { event, content });
            }
        }
        let mut states = Vec::new();
        for piece in &pieces {
            match self.ready_files(piece.event, &piece.content) {
                Ok(files) => states.push(files),
                Err(until) => return Prepared::Wait(Some(until)),
            }
        }
        let author = self.shown_author(target, &message.author);
        let late = self.is_late(id);
        if late && let Some(item) = self.delivery_mut(id) {
            item.late = true;
        }
        let kind = pieces[0].content.kind.clone();
        let prefix = self.prefix(id, target, &message.author, author.is_some(), &kind, late);
        let mut forms: Vec<(Seq, FileForm)> = Vec::new();
        let mut text = Text::default();
        let mut said_by = Vec::new();
        for (piece, states) in pieces.iter().zip(states) {
            if !is_blank(&piece.content.text) {
                said_by.push(piece.event);
                text.blocks.extend(self.adapt(target, piece.content.text.clone()).blocks);
            }
            for ((index, file), state) in (0..).zip(&piece.content.files).zip(states) {
                let form = self.file_form(target, spool_id(piece.event, index), file, state);
                forms.push((piece.event, form));
            }
        }
        if let Some((who, excerpt)) = quoted {
            text = with_quote(target, text, who.as_deref(), &excerpt);
        } else if let Some(lead) = lead {
            text = prepend(&[Inline::Text(lead)], text);
        }
        // The words of several posts of an album stand together; they are those of the first then.
        let speaker = if let [only] = said_by[..] { only } else { id.event };
        let mut made =
            Made { as_of, taken: pieces[1..].iter().map(|piece| piece.event).collect(), ..Made::default() };
        let look = Look { prefix, author, reply, thread };
        if !is_blank(&text) {
            for part in self.render(target, &look.prefix, &text) {
                look.say(&mut made, speaker, part);
            }
        }
        self.add_files(target, &look, &mut made, forms);
        if made.actions.is_empty() {
            return skip(SkipReason::NoForm);
        }
        Prepared::Ready(Box::new(made))
    }

    /// Each file is a part of its own, so that an edit of the text leaves it as it is.
    fn add_files(&self, target: &Target, look: &Look, made: &mut Made, forms: Vec<(Seq, FileForm)>) {
        let at_once = match target.can.files {
            Files::Upload { per_message, .. } => usize::from(per_message.max(1)),
            Files::Link => 1,
        };
        let mut forms = forms.into_iter().peekable();
        while let Some((owner, form)) = forms.next() {
            made.files += 1;
            let file = match form {
                FileForm::Upload(file) => file,
                FileForm::Line(line) => {
                    let line = self.render(target, &look.prefix, &Text::plain(&line)).into_iter().next();
                    look.say(made, owner, line.unwrap_or_default());
                    continue;
                }
            };
            let mut more = Vec::new();
            while more.len() + 1 < at_once
                && let Some((_, FileForm::Upload(next))) =
                    forms.next_if(|(_, form)| matches!(form, FileForm::Upload(_)))
            {
                more.push(next);
            }
            let caption = if look.author.is_some() {
                Rendered::default()
            } else {
                let name = Text::plain(&file.name);
                self.render(target, &look.prefix, &name).into_iter().next().unwrap_or_default()
            };
            let reply = look.reply_of(made);
            let (author, thread) = (look.author.clone(), look.thread.clone());
            made.actions.push(Action::File(OutboundFile { file, more, author, caption, reply, thread }));
            made.owners.push(owner);
        }
    }

    /// The other posts of the album that wait with it, once no more of them can be on their way.
    fn rest_of_album(&self, id: DeliveryId) -> Result<Vec<Seq>, Duration> {
        let Some(event) = self.events.get(&id.event) else { return Ok(Vec::new()) };
        let (Some(album), Some(lane)) = (event.meta.album, self.lanes.get(&id.room)) else {
            return Ok(Vec::new());
        };
        let mut last = event.since;
        let mut others = Vec::new();
        for (seq, item) in lane.items.range(Seq(id.event.0 + 1)..) {
            let Some(other) = self.events.get(seq).filter(|other| other.meta.album == Some(album)) else {
                continue;
            };
            if item.attempt.is_none() && item.within.is_none() && other.body.is_some() {
                others.push(*seq);
                last = last.max(other.since);
            }
        }
        let until = last + ALBUM_PAUSE;
        if until > self.now.mono { Err(until) } else { Ok(others) }
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
