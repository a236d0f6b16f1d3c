//! A message in a room or a talk becomes an event. Pure.

use sameroom_markup::first_line;
use sameroom_types::event::{
    Author, Content, ContentKind, Deletion, DeletionCause, Edit, FileRef, Post, ReactionSet, ReplyTo,
    RoomEvent,
};
use sameroom_types::ids::{NativeIds, RemoteMessageId};
use sameroom_types::text::{Emoji, Text};
use sameroom_types::time::Timestamp;

use crate::ids::{Identity, mark_of, parse_stamp, user_id};
use crate::markup::{is_encrypted, read_body};
use crate::muc::{Room, role_of};
use crate::upload::{file_name, is_link_alone};
use crate::wire;
use crate::xml::Element;

/// The most emoji taken from one person on one message.
const MOST_EMOJI: usize = 32;

/// How many graphemes of a message are kept for quoting it.
const EXCERPT: usize = 80;

/// Where a message comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// A room.
    Room(&'a Room),
    /// A talk with one person.
    Direct {
        /// Who talks.
        author: &'a Author,
    },
}

/// What a message is, besides the event in it.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// The event, if it holds one.
    pub(crate) event: Option<RoomEvent>,
    /// The room's own id of this stanza.
    pub(crate) archive_id: Option<String>,
    /// When it was said, where the stanza says so.
    pub(crate) at: Option<Timestamp>,
    /// For what is said: how it would be quoted.
    pub(crate) excerpt: String,
}

/// The trusted context of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// Where it comes from.
    pub(crate) place: Place<'a>,
    /// The nick it comes from; `None` for the room itself.
    pub(crate) nick: Option<&'a str>,
    /// The archive's id, for what was read back.
    pub(crate) archive_id: Option<&'a str>,
    /// When the archive says it was said.
    pub(crate) at: Option<Timestamp>,
    /// Our own bare address: the id of whoever speaks under our nick.
    pub(crate) own: &'a str,
    /// Whether marks are styling here.
    pub(crate) styled: bool,
    /// The host of the server's upload service, whose links are files.
    pub(crate) upload_host: Option<&'a str>,
}

/// Reads a message.
pub(crate) fn read(message: &Element, context: Context<'_>) -> Read {
    let archive_id = archive_id(message, context);
    let at = context.at.or_else(|| delay(message));
    let mut read = Read { event: None, archive_id, at, excerpt: String::new() };
    let ids = ids_of(message, read.archive_id.as_deref(), context);
    read.event = event(message, context, ids, &mut read.excerpt);
    read
}

/// The room's id of a stanza, believed only where the room gives ids.
fn archive_id(message: &Element, context: Context<'_>) -> Option<String> {
    if let Some(id) = context.archive_id {
        return Some(id.to_owned());
    }
    let Place::Room(room) = context.place else { return None };
    if !room.features.stanza_ids {
        return None;
    }
    let id = message.children().find(|child| {
        child.is("stanza-id", wire::SID)
            && child.attr("by").is_some_and(|by| by.eq_ignore_ascii_case(&room.jid))
    })?;
    id.attr("id").filter(|id| !id.is_empty()).map(str::to_owned)
}

/// When a delayed message was said.
pub(crate) fn delay(message: &Element) -> Option<Timestamp> {
    message.child("delay", wire::DELAY).and_then(|delay| delay.attr("stamp")).and_then(parse_stamp)
}

/// Whether a room tells a message again, as it does to those who enter.
///
/// A server also stamps what it kept while a connection was broken; that is heard for the first time.
pub(crate) fn is_replayed(message: &Element, room: &str) -> bool {
    let delay = message.child("delay", wire::DELAY);
    delay.is_some_and(|delay| delay.attr("from").is_none_or(|from| crate::ids::split_from(from).0 == room))
}

/// Any id that its sender chose.
pub(crate) fn origin_of(message: &Element) -> Option<&str> {
    message.attr("id").or_else(|| message.child("origin-id", wire::SID).and_then(|origin| origin.attr("id")))
}

fn ids_of(message: &Element, archive_id: Option<&str>, context: Context<'_>) -> NativeIds {
    let origin = origin_of(message).filter(|id| !id.is_empty() && id.len() <= 1024);
    match (archive_id, origin) {
        (Some(primary), origin) => NativeIds {
            primary: primary.into(),
            origin: origin.filter(|origin| *origin != primary).map(RemoteMessageId::from),
        },
        (None, Some(origin)) => NativeIds::one(origin),
        // Some clients give no id at all; two equal lines of one person at one time are then one.
        (None, None) => {
            let body = message.own_text("body").unwrap_or_default();
            let when = context.at.or_else(|| delay(message)).unwrap_or_default();
            NativeIds::one(format!(
                "none:{:016x}",
                fnv(&[context.nick.unwrap_or_default(), &body, &when.to_string()])
            ))
        }
    }
}

/// FNV-1a over several texts; only to tell messages without ids apart, nothing depends on its strength.
fn fnv(texts: &[&str]) -> u64 {
    texts.iter().flat_map(|text| text.bytes().chain([0xff])).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn event(message: &Element, context: Context<'_>, ids: NativeIds, excerpt: &mut String) -> Option<RoomEvent> {
    if let Some(deletion) = moderation(message, context) {
        return Some(RoomEvent::Deleted(deletion));
    }
    if let Some(stone) =
        message.child("retracted", wire::RETRACT).or_else(|| message.child("retracted", wire::RETRACT_0))
    {
        // What an archive shows in the place of a message that was taken back since.
        let cause = if stone.children().any(|child| child.name() == "moderated") {
            DeletionCause::Moderator
        } else {
            DeletionCause::Platform
        };
        return Some(RoomEvent::Deleted(Deletion { messages: vec![ids.primary], by: None, cause }));
    }
    if message.child("moderated", wire::MODERATE_0).is_some() {
        let messages = vec![ids.primary];
        return Some(RoomEvent::Deleted(Deletion { messages, by: None, cause: DeletionCause::Moderator }));
    }
    let author = author_of(message, context)?;
    if let Some(target) = retraction(message) {
        if !may_be_author(context, &target) {
            return None;
        }
        let deletion = Deletion { messages: vec![target], by: Some(author), cause: DeletionCause::Author };
        return Some(RoomEvent::Deleted(deletion));
    }
    if let Some(reactions) = message.child("reactions", wire::REACTIONS) {
        let target = RemoteMessageId::from(reactions.attr("id").filter(|id| !id.is_empty())?);
        if let (Place::Room(room), Some(nick)) = (context.place, context.nick)
            && context.at.is_none()
            && !room.may_react(nick, &target)
        {
            return None;
        }
        let mut emoji: Vec<Emoji> = Vec::new();
        for reaction in
            reactions.children().filter(|child| child.is("reaction", wire::REACTIONS)).take(MOST_EMOJI)
        {
            let text = reaction.text().trim().to_owned();
            let known = Emoji::Unicode(text);
            if known != Emoji::Unicode(String::new())
                && known.fallback().len() <= 64
                && !emoji.contains(&known)
            {
                emoji.push(known);
            }
        }
        return Some(RoomEvent::ReactionSet(ReactionSet { message: target, author, emoji }));
    }
    let Some(content) = content(message, context, excerpt) else {
        let typing = message.child("composing", wire::CHATSTATES).is_some() && context.at.is_none();
        return typing.then_some(RoomEvent::Typing { author });
    };
    if let Some(target) = message.child("replace", wire::CORRECT).and_then(|replace| replace.attr("id")) {
        let target = RemoteMessageId::from(target);
        if !may_be_author(context, &target) {
            return None;
        }
        let revision = ids.primary.as_str().into();
        return Some(RoomEvent::Edited(Edit { message: target, author, content, revision }));
    }
    let reply = message.child("reply", wire::REPLY).and_then(|reply| {
        let target = RemoteMessageId::from(reply.attr("id").filter(|id| !id.is_empty())?);
        let said = match context.place {
            Place::Room(room) => room.said(&target),
            Place::Direct { .. } => None,
        };
        let named = reply.attr("to").and_then(|to| to.split_once('/')).map(|(_, nick)| nick.to_owned());
        Some(ReplyTo {
            author: said.map(|said| said.nick.clone()).or(named),
            excerpt: said.map(|said| said.excerpt.clone()).filter(|excerpt| !excerpt.is_empty()),
            message: target,
        })
    });
    let mark = origin_of(message).and_then(mark_of).map(|(mark, _)| mark);
    Some(RoomEvent::Posted(Post { ids, author, content, reply, thread: None, album: None, mark }))
}

/// What a message says; `None` if nothing.
fn content(message: &Element, context: Context<'_>, excerpt: &mut String) -> Option<Content> {
    if is_encrypted(message) {
        let text = Text::plain("sent something encrypted");
        return Some(Content { text, files: Vec::new(), kind: ContentKind::Encrypted });
    }
    let shared =
        message.child("x", wire::OOB).and_then(|oob| oob.own_text("url")).filter(|url| is_fetchable(url));
    let body = read_body(message, context.styled);
    let Some(body) = body else {
        let url = shared?;
        return Some(Content { text: Text::default(), files: vec![file_at(&url)], kind: ContentKind::Text });
    };
    if body.source.trim().starts_with("aesgcm://") {
        let text = Text::plain("sent an encrypted file");
        return Some(Content { text, files: Vec::new(), kind: ContentKind::Encrypted });
    }
    let link = body.source.trim();
    let is_file = match &shared {
        Some(url) => link == url,
        None => is_link_alone(link, context.upload_host),
    };
    if is_file {
        let file = file_at(link);
        excerpt.clone_from(&file.name);
        return Some(Content { text: Text::default(), files: vec![file], kind: ContentKind::Text });
    }
    *excerpt = first_line(&body.text, EXCERPT);
    let files = shared.map(|url| vec![file_at(&url)]).unwrap_or_default();
    Some(Content { text: body.text, files, kind: body.kind })
}

fn is_fetchable(url: &str) -> bool {
    (url.starts_with("https://") || url.starts_with("http://")) && !url.contains(char::is_whitespace)
}

fn file_at(url: &str) -> FileRef {
    FileRef {
        source: url.to_owned(),
        name: file_name(url),
        size_bytes: None,
        media_type: crate::upload::media_type(url).map(str::to_owned),
        public_url: Some(url.to_owned()),
        spool: None,
    }
}

/// A moderator's removal, which comes from the room itself.
fn moderation(message: &Element, context: Context<'_>) -> Option<Deletion> {
    let Place::Room(room) = context.place else { return None };
    if context.nick.is_some() {
        return None;
    }
    let (target, moderated) = if let Some(retract) = message.child("retract", wire::RETRACT) {
        (retract.attr("id")?, retract.child("moderated", wire::MODERATE)?)
    } else {
        let apply = message.child("apply-to", wire::FASTEN)?;
        (apply.attr("id")?, apply.child("moderated", wire::MODERATE_0)?)
    };
    let by = moderated.attr("by").and_then(|by| by.split_once('/')).map(|(_, nick)| room.author(nick));
    Some(Deletion { messages: vec![target.into()], by, cause: DeletionCause::Moderator })
}

/// What its author takes back, in either form of XEP-0424.
fn retraction(message: &Element) -> Option<RemoteMessageId> {
    if let Some(retract) = message.child("retract", wire::RETRACT) {
        return retract.attr("id").filter(|id| !id.is_empty()).map(RemoteMessageId::from);
    }
    let apply = message.child("apply-to", wire::FASTEN)?;
    apply.child("retract", wire::RETRACT_0)?;
    apply.attr("id").filter(|id| !id.is_empty()).map(RemoteMessageId::from)
}

fn may_be_author(context: Context<'_>, target: &RemoteMessageId) -> bool {
    match (context.place, context.nick) {
        // What an archive holds, the room checked or nobody did: ids tell.
        (Place::Room(room), Some(nick)) if context.at.is_none() => room.may_be_author(nick, target),
        _ => true,
    }
}

/// Who speaks; `None` for the room itself.
fn author_of(message: &Element, context: Context<'_>) -> Option<Author> {
    let room = match context.place {
        Place::Direct { author } => return Some(author.clone()),
        Place::Room(room) => room,
    };
    let nick = context.nick?;
    let mut author = room.author(nick);
    // The stanza's own words go first: what is read back may be by somebody who left or goes by another nick.
    let occupant_id = message
        .child("occupant-id", wire::OCCUPANT)
        .filter(|_| room.features.occupant_ids)
        .and_then(|id| id.attr("id"))
        .filter(|id| !id.is_empty());
    let item = message.child("x", wire::MUC_USER).and_then(|user| user.own_child("item"));
    let real = item.and_then(|item| item.attr("jid")).filter(|_| context.archive_id.is_some());
    if occupant_id.is_some() || real.is_some() {
        author.id = user_id(Identity { occupant_id, real, nick });
        if context.archive_id.is_some() && author.id != room.author(nick).id {
            author.avatar = None;
            author.role = item.map_or(sameroom_types::event::Role::Member, role_of);
        }
    }
    let is_own = nick == room.nick && (context.at.is_none() || author.id == room.author(nick).id);
    if is_own {
        author.id = context.own.into();
    }
    Some(author)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use sameroom_connector::Backoff;
    use sameroom_markup::plain_text;
    use tokio::time::Instant;

    use super::*;
    use crate::muc::Features;
    use crate::xml::parse_one;

    fn room() -> Room {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(2));
        let mut room = Room::new("dev@muc.x".into(), "sam".into(), backoff, Instant::now());
        room.features = Features { mam: true, stanza_ids: true, occupant_ids: true, ..Features::default() };
        room
    }

    fn read_from(nick: Option<&str>, xml: &str) -> Read {
        let room = room();
        let context = Context {
            place: Place::Room(&room),
            nick,
            archive_id: None,
            at: None,
            own: "bridge@x",
            styled: true,
            upload_host: Some("up.x"),
        };
        read(&parse_one(xml), context)
    }

    fn event(xml: &str) -> Option<RoomEvent> {
        read_from(Some("ann"), xml).event
    }

    const IDS: &str = "<stanza-id xmlns='urn:xmpp:sid:0' by='dev@muc.x' id='S1'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'/>";

    #[test]
    fn a_message_has_the_rooms_id_and_its_senders() {
        let Some(RoomEvent::Posted(post)) =
            event(&format!("<message id='c1'><body>hi</body>{IDS}</message>"))
        else {
            panic!("a post")
        };
        assert_eq!(post.ids, NativeIds { primary: "S1".into(), origin: Some("c1".into()) });
        assert_eq!((post.author.id.as_str(), post.author.name.as_str()), ("occupant:o1", "ann"));
        assert_eq!(post.mark, None);
    }

    #[test]
    fn a_stanza_id_of_anybody_else_is_not_believed() {
        let xml = "<message id='c1'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' by='ann@x' id='S9'/></message>";
        let Some(RoomEvent::Posted(post)) = event(xml) else { panic!("a post") };
        assert_eq!(post.ids, NativeIds::one("c1"));
    }

    #[test]
    fn a_correction_names_the_first_version() {
        let xml = format!(
            "<message id='c2'><body>hi all</body><replace xmlns='urn:xmpp:message-correct:0' id='c1'/>{IDS}</message>"
        );
        let Some(RoomEvent::Edited(edit)) = event(&xml) else { panic!("an edit") };
        assert_eq!((edit.message.as_str(), &*edit.revision), ("c1", "S1"));
        assert_eq!(plain_text(&edit.content.text), "hi all");
    }

    #[test]
    fn retractions_are_read_in_both_forms() {
        let new = "<message id='c3'><retract xmlns='urn:xmpp:message-retract:1' id='S0'/><body>/me retracted</body></message>";
        let old = "<message id='c3'><apply-to xmlns='urn:xmpp:fasten:0' id='S0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to><body>x</body></message>";
        for xml in [new, old] {
            let Some(RoomEvent::Deleted(deletion)) = event(xml) else { panic!("a deletion: {xml}") };
            assert_eq!((deletion.messages[0].as_str(), deletion.cause), ("S0", DeletionCause::Author));
        }
    }

    #[test]
    fn only_the_room_itself_reports_moderation() {
        let new = "<message><retract xmlns='urn:xmpp:message-retract:1' id='S0'><moderated xmlns='urn:xmpp:message-moderate:1' by='dev@muc.x/mod'/></retract></message>";
        let old = "<message><apply-to xmlns='urn:xmpp:fasten:0' id='S0'><moderated xmlns='urn:xmpp:message-moderate:0' by='dev@muc.x/mod'><retract xmlns='urn:xmpp:message-retract:0'/></moderated></apply-to></message>";
        for xml in [new, old] {
            let Some(RoomEvent::Deleted(deletion)) = read_from(None, xml).event else {
                panic!("a deletion: {xml}")
            };
            assert_eq!((deletion.messages[0].as_str(), deletion.cause), ("S0", DeletionCause::Moderator));
            let spoofed = event(xml);
            assert!(
                !matches!(&spoofed, Some(RoomEvent::Deleted(deletion)) if deletion.cause == DeletionCause::Moderator),
                "{spoofed:?}"
            );
        }
    }

    #[test]
    fn tombstones_in_an_archive_are_deletions() {
        let xml = format!(
            "<message id='c1'><retracted xmlns='urn:xmpp:message-retract:1' id='c3' stamp='2026-01-01T00:00:00Z'/>{IDS}</message>"
        );
        let Some(RoomEvent::Deleted(deletion)) = event(&xml) else { panic!("a deletion") };
        assert_eq!(deletion.messages[0].as_str(), "S1");
    }

    #[test]
    fn reactions_are_whole_sets_without_repeats() {
        let xml = "<message><reactions xmlns='urn:xmpp:reactions:0' id='S0'><reaction>👍</reaction><reaction> 👍</reaction><reaction/><reaction>🎉</reaction></reactions></message>";
        let Some(RoomEvent::ReactionSet(set)) = event(xml) else { panic!("a set") };
        assert_eq!(set.emoji, [Emoji::Unicode("👍".into()), Emoji::Unicode("🎉".into())]);
        let none = "<message><reactions xmlns='urn:xmpp:reactions:0' id='S0'/></message>";
        assert!(matches!(event(none), Some(RoomEvent::ReactionSet(set)) if set.emoji.is_empty()));
    }

    #[test]
    fn replies_name_what_they_answer() {
        let xml = "<message id='c'><body>yes</body><reply xmlns='urn:xmpp:reply:0' to='dev@muc.x/bob' id='S0'/></message>";
        let Some(RoomEvent::Posted(post)) = event(xml) else { panic!("a post") };
        let reply = post.reply.expect("a reply");
        assert_eq!((reply.message.as_str(), reply.author.as_deref()), ("S0", Some("bob")));
    }

    #[test]
    fn files_come_by_oob_or_as_a_link_to_the_upload_service() {
        let files = |xml: &str| match event(xml) {
            Some(RoomEvent::Posted(post)) => (post.content.files.len(), plain_text(&post.content.text)),
            other => panic!("{other:?}"),
        };
        let oob = "<message><body>https://up.x/a%20b.png</body><x xmlns='jabber:x:oob'><url>https://up.x/a%20b.png</url></x></message>";
        assert_eq!(files(oob), (1, String::new()));
        assert_eq!(files("<message><body>https://up.x/s/a.png</body></message>"), (1, String::new()));
        assert_eq!(files("<message><body>https://other.x/a.png</body></message>").0, 0);
        let with_text =
            "<message><body>look</body><x xmlns='jabber:x:oob'><url>https://up.x/a.png</url></x></message>";
        assert_eq!(files(with_text), (1, "look".into()));
        let local = "<message><body>file:///etc/passwd</body><x xmlns='jabber:x:oob'><url>file:///etc/passwd</url></x></message>";
        assert_eq!(files(local).0, 0);
    }

    #[test]
    fn what_can_not_be_read_is_said_to_be_encrypted() {
        for xml in [
            "<message><body>I sent you an OMEMO encrypted message</body><encrypted xmlns='eu.siacs.conversations.axolotl'/></message>",
            "<message><body>aesgcm://up.x/a.png#0011</body></message>",
        ] {
            assert!(
                matches!(event(xml), Some(RoomEvent::Posted(post)) if post.content.kind == ContentKind::Encrypted),
                "{xml}"
            );
        }
    }

    #[test]
    fn who_only_signals_says_nothing() {
        assert!(matches!(
            event("<message><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"),
            Some(RoomEvent::Typing { .. })
        ));
        for xml in [
            "<message><paused xmlns='http://jabber.org/protocol/chatstates'/></message>",
            "<message><received xmlns='urn:xmpp:receipts' id='1'/></message>",
            "<message><subject>new topic</subject></message>",
        ] {
            assert_eq!(event(xml), None, "{xml}");
        }
    }

    #[test]
    fn a_mark_is_read_from_the_stanzas_id() {
        let xml = "<message id='sr1-k3j9x0ab-0000000000000011-3-0'><body>hi</body></message>";
        let Some(RoomEvent::Posted(post)) = event(xml) else { panic!("a post") };
        assert_eq!(post.mark.map(|mark| mark.part), Some(0));
    }

    #[test]
    fn messages_without_any_id_are_still_told_apart() {
        let id = |body: &str| match event(&format!("<message><body>{body}</body></message>")) {
            Some(RoomEvent::Posted(post)) => post.ids.primary,
            other => panic!("{other:?}"),
        };
        assert_ne!(id("a"), id("b"));
        assert_eq!(id("a"), id("a"));
    }

    proptest! {
        #[test]
        fn hostile_stanzas_never_panic(
            id in any::<String>(), body in any::<String>(), kind in 0..8_usize, target in any::<String>(),
        ) {
            let names = ["retract", "apply-to", "reactions", "reply", "replace", "stanza-id", "x", "fallback"];
            let spaces = [wire::RETRACT, wire::FASTEN, wire::REACTIONS, wire::REPLY, wire::CORRECT, wire::SID, wire::OOB, wire::FALLBACK];
            let mut xml = crate::xml::Xml::new();
            xml.start("message").attr("id", &id).leaf("body", &body);
            xml.start_ns(names[kind], spaces[kind]).attr("id", &target).attr("by", "dev@muc.x").leaf("url", &body);
            xml.end(names[kind]).end("message");
            event(&xml.finish());
        }
    }
}
