//! From sends of the engine to deeds in a room, and from what came of them to outcomes.

use sameroom_types::action::{Action, Outcome, Refusal, RefusalKind, Rendered, SendRequest, Wait};
use sameroom_types::event::Author;
use sameroom_types::ids::NativeIds;

use crate::ids::{message_id, message_seq};
use crate::keeper::{Actor, Deed, Done, Fault, Op};
use crate::stored::{By, File, Posted, Source};

/// The deed of a send, its file already in the vault; `None` when it refers to a message that can't exist
/// or to what these rooms don't have.
pub(crate) fn op(rid: &str, request: &SendRequest, file: Option<File>) -> Option<Op> {
    let (by, deed) = match &request.action {
        Action::Post(post) => {
            let by = if post.notice { By::Sameroom } else { by(post.author.as_ref()) };
            let posted =
                Posted { text: Some(source(&post.text)), is_notice: post.notice, ..Posted::default() };
            (by, Deed::Post { posted: Box::new(posted), reply: post.reply.as_ref().and_then(seq) })
        }
        Action::File(outbound) => {
            let posted = Posted { text: Some(source(&outbound.caption)), file, ..Posted::default() };
            (
                by(outbound.author.as_ref()),
                Deed::Post { posted: Box::new(posted), reply: outbound.reply.as_ref().and_then(seq) },
            )
        }
        Action::Edit { target, text, author } => {
            (by(author.as_ref()), Deed::Edit(seq(target)?, source(text)))
        }
        Action::Delete { target, moderate } => (By::Sameroom, Deed::Delete(seq(target)?, *moderate)),
        Action::React { target, emoji } => (By::Sameroom, Deed::React(seq(target)?, emoji.fallback())),
        Action::Unreact { target, emoji } => (By::Sameroom, Deed::Unreact(seq(target)?, emoji.fallback())),
        Action::SetReactions { target, emoji } => {
            let emoji = emoji.iter().map(sameroom_types::text::Emoji::fallback).collect();
            (By::Sameroom, Deed::SetReactions(seq(target)?, emoji))
        }
        Action::Thread(_) => return None,
    };
    let once = Some(request.key.as_str().to_owned());
    Some(Op::Act { rid: rid.to_owned(), by: Actor::Engine(by), deed, once })
}

fn seq(ids: &NativeIds) -> Option<u64> {
    message_seq(ids.primary.as_str())
}

fn source(text: &Rendered) -> Source {
    Source { text: text.text.clone(), styled: text.styled }
}

fn by(author: Option<&Author>) -> By {
    match author {
        Some(author) => By::Remote { name: author.name.clone(), is_bot: author.is_bot },
        None => By::Sameroom,
    }
}

/// What the engine is told.
pub(crate) fn outcome(result: Result<Done, Fault>) -> Outcome {
    let fault = match result {
        Ok(Done::Message(message)) => {
            return Outcome::Done { ids: Some(NativeIds::one(message_id(message.seq))), shown: true };
        }
        Ok(Done::Joined(..) | Done::Entered(_) | Done::Nothing | Done::More) => {
            return Outcome::Done { ids: None, shown: true };
        }
        Err(fault) => fault,
    };
    match fault {
        Fault::NoMessage => refused(RefusalKind::TargetGone, "no such message"),
        Fault::NoRoom => refused(RefusalKind::Room, "no such room"),
        Fault::Empty => refused(RefusalKind::Message, "nothing to show"),
        Fault::TooLong => refused(RefusalKind::Message, "too long"),
        Fault::BadEmoji => refused(RefusalKind::Unsupported, "no emoji, or too many on this message"),
        Fault::Forbidden | Fault::NoName | Fault::NameTaken => {
            refused(RefusalKind::Message, "not a message of ours, or changed too often")
        }
        Fault::Busy => later("too much waits"),
        Fault::Full => later("the storage is full"),
        Fault::Storage => later("the storage failed"),
        Fault::Unsure => Outcome::Unknown { why: "the write was cut off".to_owned() },
    }
}

fn refused(kind: RefusalKind, code: &str) -> Outcome {
    Outcome::Refused(Refusal { kind, code: code.to_owned() })
}

/// Nothing was done, try again.
pub(crate) fn later(why: &str) -> Outcome {
    Outcome::Later { after: None, scope: Wait::Account, why: why.to_owned() }
}

/// A room that is not there.
pub(crate) fn no_room() -> Outcome {
    refused(RefusalKind::Room, "no such room")
}

/// A target that can't be one of ours.
pub(crate) fn no_target() -> Outcome {
    refused(RefusalKind::TargetGone, "no such message")
}
