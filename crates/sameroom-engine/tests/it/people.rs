//! What people do in the rooms of a rig, in as few words as a test needs.

use sameroom_types::event::{
    Author, Content, Deletion, DeletionCause, Edit, FileRef, Post, Reaction, ReactionSet, ReplyTo, RoomEvent,
};
use sameroom_types::ids::NativeIds;
use sameroom_types::text::{Emoji, Text};

use crate::rig::{Rig, person};

/// A post without anything beside its text.
pub(crate) fn said(who: &str, id: &str, text: &str) -> Post {
    Post {
        ids: NativeIds::one(id),
        author: person(who),
        content: Content::text(Text::plain(text)),
        reply: None,
        thread: None,
        album: None,
        mark: None,
    }
}

/// A file of 1,000 bytes.
pub(crate) fn file(name: &str) -> FileRef {
    FileRef {
        source: format!("source of {name}"),
        name: name.to_owned(),
        size_bytes: Some(1_000),
        media_type: None,
        public_url: None,
        spool: None,
    }
}

/// One Unicode emoji.
pub(crate) fn emoji(sequence: &str) -> Emoji {
    Emoji::Unicode(sequence.to_owned())
}

impl Rig {
    pub(crate) fn posts(&mut self, room: &str, who: &str, id: &str, text: &str) {
        self.event(room, RoomEvent::Posted(said(who, id, text)));
    }

    pub(crate) fn posts_files(&mut self, room: &str, who: &str, id: &str, text: &str, files: &[&str]) {
        let mut post = said(who, id, text);
        post.content.files = files.iter().map(|name| file(name)).collect();
        self.event(room, RoomEvent::Posted(post));
    }

    pub(crate) fn replies(&mut self, room: &str, who: &str, id: &str, to: &str, text: &str) {
        let reply = Some(ReplyTo { message: to.into(), author: None, excerpt: None });
        self.event(room, RoomEvent::Posted(Post { reply, ..said(who, id, text) }));
    }

    pub(crate) fn posts_in_thread(&mut self, room: &str, who: &str, id: &str, thread: &str, text: &str) {
        self.event(room, RoomEvent::Posted(Post { thread: Some(thread.into()), ..said(who, id, text) }));
    }

    pub(crate) fn edits(&mut self, room: &str, who: &str, id: &str, text: &str) {
        let content = Content::text(Text::plain(text));
        let edit = Edit { message: id.into(), author: person(who), content, revision: "".into() };
        self.event(room, RoomEvent::Edited(edit));
    }

    pub(crate) fn deletes(&mut self, room: &str, who: &str, id: &str) {
        self.removes(room, Some(person(who)), DeletionCause::Author, &[id]);
    }

    pub(crate) fn removes(&mut self, room: &str, by: Option<Author>, cause: DeletionCause, ids: &[&str]) {
        let messages = ids.iter().map(|id| (*id).into()).collect();
        self.event(room, RoomEvent::Deleted(Deletion { messages, by, cause }));
    }

    pub(crate) fn reacts(&mut self, room: &str, who: &str, id: &str, with: &str) {
        let reaction = Reaction { message: id.into(), author: person(who), emoji: emoji(with) };
        self.event(room, RoomEvent::Reacted(reaction));
    }

    pub(crate) fn unreacts(&mut self, room: &str, who: &str, id: &str, with: &str) {
        let reaction = Reaction { message: id.into(), author: person(who), emoji: emoji(with) };
        self.event(room, RoomEvent::Unreacted(reaction));
    }

    pub(crate) fn reacts_with_set(&mut self, room: &str, who: &str, id: &str, with: &[&str]) {
        let emoji = with.iter().map(|one| emoji(one)).collect();
        let set = ReactionSet { message: id.into(), author: person(who), emoji };
        self.event(room, RoomEvent::ReactionSet(set));
    }
}
