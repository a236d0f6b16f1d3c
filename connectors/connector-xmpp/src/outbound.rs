//! What the engine asks for becomes a stanza. Pure.

use sameroom_types::action::{Action, OutboundPost, Refusal, RefusalKind, Rendered};
use sameroom_types::ids::{NativeIds, RemoteThreadId};

use crate::muc::Moderation;
use crate::wire;
use crate::xml::{Xml, clean};

/// Where a stanza goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// Room, person, or person in a room.
    pub(crate) to: &'a str,
    /// Whether it is a room.
    pub(crate) is_room: bool,
    /// Whether it is a person in a room.
    pub(crate) is_private: bool,
}

/// A message that is answered, as far as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quoted {
    /// Whose it is: the address in the room.
    pub(crate) author: String,
    /// Its first line.
    pub(crate) excerpt: String,
}

/// How an action goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// By this message.
    Message(String),
    /// By this iq.
    Iq(String),
}

/// The stanza for an action other than a file.
///
/// # Errors
/// When the platform has no form for it.
pub(crate) fn plan(
    action: &Action,
    key: &str,
    target: Target<'_>,
    quoted: Option<&Quoted>,
    moderation: Option<Moderation>,
) -> Result<Plan, Refusal> {
    let unsupported = |code: &str| Refusal { kind: RefusalKind::Unsupported, code: code.to_owned() };
    match action {
        Action::Post(post) => Ok(Plan::Message(self::post(post, key, target, quoted))),
        Action::File(_) => Err(unsupported("files go by the upload service")),
        Action::Edit { target: ids, text, .. } => {
            let mut xml = open(target, key);
            body(&mut xml, text, None);
            xml.start_ns("replace", wire::CORRECT).attr("id", by_sender(ids)).end("replace");
            Ok(Plan::Message(close(xml, key, target)))
        }
        Action::Delete { target: ids, moderate: false } => {
            let mut xml = open(target, key);
            xml.start_ns("retract", wire::RETRACT).attr("id", by_room(ids, target)).end("retract");
            xml.start_ns("fallback", wire::FALLBACK).attr("for", wire::RETRACT).end("fallback");
            xml.leaf("body", "/me retracted a previous message, but your client does not show that.");
            xml.empty_ns("store", wire::HINTS);
            Ok(Plan::Message(close(xml, key, target)))
        }
        Action::Delete { target: ids, moderate: true } => {
            let moderation =
                moderation.ok_or_else(|| unsupported("the room has no moderation of messages"))?;
            let id = ids.primary.as_str();
            let mut xml = wire::iq("set", Some(target.to), key);
            match moderation {
                Moderation::V1 => {
                    xml.start_ns("moderate", wire::MODERATE)
                        .attr("id", id)
                        .empty_ns("retract", wire::RETRACT);
                    xml.end("moderate");
                }
                Moderation::V0 => {
                    xml.start_ns("apply-to", wire::FASTEN)
                        .attr("id", id)
                        .start_ns("moderate", wire::MODERATE_0);
                    xml.empty_ns("retract", wire::RETRACT_0).end("moderate").end("apply-to");
                }
            }
            xml.end("iq");
            Ok(Plan::Iq(xml.finish()))
        }
        Action::SetReactions { target: ids, emoji } => {
            let mut xml = open(target, key);
            xml.start_ns("reactions", wire::REACTIONS).attr("id", by_room(ids, target));
            for emoji in emoji {
                xml.leaf("reaction", &emoji.fallback());
            }
            xml.end("reactions").empty_ns("store", wire::HINTS);
            Ok(Plan::Message(close(xml, key, target)))
        }
        Action::React { .. } | Action::Unreact { .. } => Err(unsupported("reactions go as whole sets")),
        Action::Thread(_) => Err(unsupported("rooms have no threads")),
    }
}

/// The line that goes before a file.
pub(crate) fn caption(text: &Rendered, key: &str, target: Target<'_>) -> String {
    let id = format!("{key}{}", crate::ids::CAPTION);
    let mut xml = open(target, &id);
    body(&mut xml, text, None);
    close(xml, &id, target)
}

/// A file that was uploaded: the link alone, so that clients show the file (XEP-0066, XEP-0363).
pub(crate) fn shared(url: &str, key: &str, target: Target<'_>) -> String {
    let mut xml = open(target, key);
    xml.leaf("body", url).start_ns("x", wire::OOB).leaf("url", url).end("x");
    close(xml, key, target)
}

/// Something said to one person alone.
pub(crate) fn whisper(text: &str, id: &str, to: &str) -> String {
    let target = Target { to, is_room: false, is_private: to.contains('/') };
    let mut xml = open(target, id);
    body(&mut xml, &Rendered { text: text.to_owned(), styled: false }, None);
    close(xml, id, target)
}

fn post(post: &OutboundPost, key: &str, target: Target<'_>, quoted: Option<&Quoted>) -> String {
    let mut xml = open(target, key);
    let reply = post.reply.as_ref();
    body(&mut xml, &post.text, quoted.filter(|_| reply.is_some()));
    if let Some(ids) = reply {
        xml.start_ns("reply", wire::REPLY);
        if let Some(quoted) = quoted {
            xml.attr("to", &quoted.author);
        }
        xml.attr("id", by_room(ids, target)).end("reply");
    }
    if let Some(thread) = &post.thread {
        xml.leaf("thread", RemoteThreadId::as_str(thread));
    }
    close(xml, key, target)
}

/// Rooms refer to messages by ids of their own, talks by the sender's (XEP-0461 section 3.1 and its siblings).
fn by_room<'a>(ids: &'a NativeIds, target: Target<'_>) -> &'a str {
    if target.is_room { ids.primary.as_str() } else { by_sender(ids) }
}

/// Corrections refer to the id that the sender gave the first version (XEP-0308).
fn by_sender(ids: &NativeIds) -> &str {
    ids.origin.as_ref().unwrap_or(&ids.primary).as_str()
}

fn open(target: Target<'_>, id: &str) -> Xml {
    let mut xml = Xml::new();
    xml.start("message").attr("type", if target.is_room { "groupchat" } else { "chat" });
    xml.attr("to", target.to).attr("id", id);
    xml
}

fn close(mut xml: Xml, id: &str, target: Target<'_>) -> String {
    if target.is_private {
        // Says that it goes through a room (XEP-0045 section 7.5).
        xml.empty_ns("x", wire::MUC_USER);
    }
    xml.start_ns("origin-id", wire::SID).attr("id", id).end("origin-id").end("message");
    xml.finish()
}

fn body(xml: &mut Xml, text: &Rendered, quoted: Option<&Quoted>) {
    let quotation = quoted.filter(|quoted| !quoted.excerpt.is_empty());
    // Removing illegal characters first keeps the count of code points right.
    let quotation =
        quotation.map(|quoted| clean(&format!("> {}\n", quoted.excerpt.replace('\n', " "))).into_owned());
    match &quotation {
        Some(quotation) => {
            let end = u64::try_from(quotation.chars().count()).unwrap_or(0);
            xml.leaf("body", &format!("{quotation}{}", text.text));
            xml.start_ns("fallback", wire::FALLBACK).attr("for", wire::REPLY);
            xml.start("body").attr_number("start", 0).attr_number("end", end).end("body").end("fallback");
        }
        None => {
            xml.leaf("body", &text.text);
        }
    }
    if !text.styled {
        xml.empty_ns("unstyled", wire::STYLING);
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use sameroom_types::text::Emoji;

    use super::*;
    use crate::markup::read_body;
    use crate::xml::parse_one;

    const ROOM: Target<'_> = Target { to: "dev@muc.x", is_room: true, is_private: false };

    fn ids() -> NativeIds {
        NativeIds { primary: "S1".into(), origin: Some("c1".into()) }
    }

    fn out(action: &Action) -> String {
        let quoted = Quoted { author: "dev@muc.x/ann".into(), excerpt: "hel\u{1}lo".into() };
        match plan(action, "k1", ROOM, Some(&quoted), Some(Moderation::V1)) {
            Ok(Plan::Message(xml) | Plan::Iq(xml)) => xml,
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    fn text(text: &str, styled: bool) -> Rendered {
        Rendered { text: text.into(), styled }
    }

    fn post(body: Rendered, reply: Option<NativeIds>) -> Action {
        Action::Post(OutboundPost { text: body, author: None, reply, thread: None, notice: false })
    }

    #[test]
    fn posts() {
        assert_snapshot!(out(&post(text("a < *b*", true), None)), @"<message type='groupchat' to='dev@muc.x' id='k1'><body>a &lt; *b*</body><origin-id xmlns='urn:xmpp:sid:0' id='k1'/></message>");
        assert_snapshot!(out(&post(text("2*3*4", false), None)), @"<message type='groupchat' to='dev@muc.x' id='k1'><body>2*3*4</body><unstyled xmlns='urn:xmpp:styling:0'/><origin-id xmlns='urn:xmpp:sid:0' id='k1'/></message>");
    }

    #[test]
    fn a_reply_quotes_what_others_can_cut_again() {
        let xml = out(&post(text("yes", true), Some(ids())));
        assert_snapshot!(xml, @"
        <message type='groupchat' to='dev@muc.x' id='k1'><body>&gt; hello
        yes</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='8'/></fallback><reply xmlns='urn:xmpp:reply:0' to='dev@muc.x/ann' id='S1'/><origin-id xmlns='urn:xmpp:sid:0' id='k1'/></message>
        ");
        assert_eq!(read_body(&parse_one(&xml), true).expect("a body").source, "yes");
    }

    #[test]
    fn each_feature_refers_by_the_id_that_it_needs() {
        let edit = Action::Edit { target: ids(), text: text("new", true), author: None };
        assert!(out(&edit).contains("<replace xmlns='urn:xmpp:message-correct:0' id='c1'/>"));
        let delete = Action::Delete { target: ids(), moderate: false };
        assert!(out(&delete).contains("<retract xmlns='urn:xmpp:message-retract:1' id='S1'/>"));
        let react = Action::SetReactions { target: ids(), emoji: vec![Emoji::Unicode("👍".into())] };
        assert!(
            out(&react).contains(
                "<reactions xmlns='urn:xmpp:reactions:0' id='S1'><reaction>👍</reaction></reactions>"
            )
        );
    }

    #[test]
    fn moderation_speaks_what_the_room_speaks() {
        let delete = Action::Delete { target: ids(), moderate: true };
        assert_snapshot!(out(&delete), @"<iq type='set' id='k1' to='dev@muc.x'><moderate xmlns='urn:xmpp:message-moderate:1' id='S1'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>");
        let Ok(Plan::Iq(old)) = plan(&delete, "k1", ROOM, None, Some(Moderation::V0)) else {
            panic!("an iq")
        };
        assert_snapshot!(old, @"<iq type='set' id='k1' to='dev@muc.x'><apply-to xmlns='urn:xmpp:fasten:0' id='S1'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/></moderate></apply-to></iq>");
        assert!(plan(&delete, "k1", ROOM, None, None).is_err());
    }

    #[test]
    fn a_file_is_its_link_alone() {
        assert_snapshot!(shared("https://up.x/a.png", "k1", ROOM), @"<message type='groupchat' to='dev@muc.x' id='k1'><body>https://up.x/a.png</body><x xmlns='jabber:x:oob'><url>https://up.x/a.png</url></x><origin-id xmlns='urn:xmpp:sid:0' id='k1'/></message>");
        assert!(caption(&text("[Ann]", true), "k1", ROOM).contains("id='k1-c'"));
    }
}
