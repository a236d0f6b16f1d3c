//! Messages from rooms, people and the server.

use std::time::Duration;

use sameroom_connector::Report;
use sameroom_types::action::{Outcome, RefusalKind, Wait};
use sameroom_types::event::{Author, Inbound, Role, RoomEvent};
use sameroom_types::ids::RemoteMessageId;
use sameroom_types::time::Timestamp;
use tokio::time::Instant;

use super::{Client, End, later, refused};
use crate::ids::{Place, mark_of, room_id, split_from};
use crate::inbound::{self, Context, origin_of};
use crate::muc::Phase;
use crate::wire::{self, StanzaError};
use crate::xml::Element;

/// How many talks with people are known to the engine at a time.
const MOST_DIRECTS: usize = 1_000;

impl Client {
    pub(super) async fn on_message(&mut self, message: &Element) -> Result<(), End> {
        let Some((jid, nick)) = message.attr("from").map(split_from) else { return Ok(()) };
        if message.attr("type") == Some("error") {
            return self.on_error(&jid, message).await;
        }
        if let Some(found) = crate::mam::archived(message) {
            return self.on_archived(&jid, found).await;
        }
        if let Some(room) = self.rooms.get_mut(&jid) {
            room.heard = Instant::now();
            let is_room = message.attr("type") == Some("groupchat") || nick.is_none();
            if is_room && !self.is_invitation(message) {
                return self.on_groupchat(&jid, message).await;
            }
        }
        if self.is_invitation(message) {
            return self.on_invitation(&jid, message).await;
        }
        if message.attr("type") == Some("groupchat") {
            return Ok(());
        }
        self.on_direct(&jid, nick, message).await
    }

    async fn on_groupchat(&mut self, jid: &str, message: &Element) -> Result<(), End> {
        let Some(room) = self.rooms.get(jid) else { return Ok(()) };
        match room.phase {
            Phase::In if room.catch_up.is_none() => self.on_room_message(jid, message, None).await,
            Phase::In => {
                // Our own sends must not wait until the past has been read.
                self.confirm_own(jid, message).await?;
                self.hold_back(jid, message);
                Ok(())
            }
            Phase::Joining { shown, .. } => {
                let is_subject =
                    message.own_child("subject").is_some() && message.own_child("body").is_none();
                if is_subject && shown.is_some() && !room.created {
                    return self.on_entered(jid).await;
                }
                if !is_subject {
                    self.hold_back(jid, message);
                }
                Ok(())
            }
            Phase::Out | Phase::Asking | Phase::Waiting { .. } => Ok(()),
        }
    }

    /// Confirms the send that a message is, if it is one.
    async fn confirm_own(&mut self, jid: &str, message: &Element) -> Result<bool, End> {
        let Some(room) = self.rooms.get(jid) else { return Ok(false) };
        let nick = message.attr("from").and_then(|from| from.split_once('/')).map(|(_, nick)| nick);
        if nick != Some(room.nick.as_str()) || self.pending.is_empty() {
            return Ok(false);
        }
        let origin = message.child("origin-id", wire::SID).and_then(|origin| origin.attr("id"));
        for id in [message.attr("id"), origin].into_iter().flatten() {
            if self.pending.get(id).is_some_and(|pending| pending.room == jid) {
                let archive_id = message
                    .children()
                    .find(|child| {
                        child.is("stanza-id", wire::SID)
                            && child.attr("by").is_some_and(|by| by.eq_ignore_ascii_case(jid))
                    })
                    .and_then(|stanza_id| stanza_id.attr("id"))
                    .filter(|_| room.features.stanza_ids)
                    .map(str::to_owned);
                return self.confirm(id, archive_id.as_deref()).await;
            }
        }
        Ok(false)
    }

    /// A message in a room, as it happened or from its archive.
    pub(super) async fn on_room_message(
        &mut self,
        jid: &str,
        message: &Element,
        archived: Option<(&str, Option<Timestamp>)>,
    ) -> Result<(), End> {
        let confirmed = archived.is_none() && self.confirm_own(jid, message).await?;
        let now = self.kit.clock.wall();
        let own = self.config.jid.bare();
        let Some(room) = self.rooms.get(jid) else { return Ok(()) };
        let nick =
            message.attr("from").and_then(|from| from.split_once('/')).map(|(_, nick)| nick.to_owned());
        let read = inbound::read(
            message,
            Context {
                place: inbound::Place::Room(room),
                nick: nick.as_deref(),
                archive_id: archived.map(|(id, _)| id),
                at: archived.and_then(|(_, at)| at),
                own: &own,
                styled: !self.config.hipchat,
                upload_host: self.upload.as_ref().and_then(|service| service.host.as_deref()),
            },
        );
        let archive_id = read.archive_id.clone().map(RemoteMessageId::from);
        let delayed = inbound::is_replayed(message, jid);
        if self.config.hipchat && delayed {
            return Ok(());
        }
        if archive_id.as_ref().is_some_and(|id| room.has_heard(id)) {
            return Ok(());
        }
        let mine = nick.as_deref() == Some(room.nick.as_str());
        let installation = &*self.link.installation;
        let mark =
            origin_of(message).and_then(mark_of).filter(|(mark, _)| &*mark.installation == installation);
        let is_caption = mark.as_ref().is_some_and(|(_, caption)| *caption);
        let is_silent = confirmed
            || is_caption
            || match &read.event {
                Some(RoomEvent::Typing { .. } | RoomEvent::ReactionSet(_)) => mine,
                Some(RoomEvent::Edited(_) | RoomEvent::Deleted(_)) => mine && mark.is_some(),
                Some(RoomEvent::Posted(post)) => archive_id.is_none() && room.has_heard(&post.ids.primary),
                _ => false,
            };
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        let is_post = matches!(read.event, Some(RoomEvent::Posted(_)));
        if let Some(id) = &archive_id {
            room.place = Some(Place::archived(id.as_str().to_owned(), read.at.unwrap_or(now)));
            room.place_untold = true;
        } else if !room.features.mam && is_post {
            room.place = Some(Place { last: origin_of(message).map(str::to_owned), ..Place::at(now) });
            room.place_untold = true;
        }
        let mut ids: Vec<RemoteMessageId> = archive_id.into_iter().collect();
        if let Some(RoomEvent::Posted(post)) = &read.event {
            ids.extend(post.ids.iter().cloned());
        }
        if let Some(RoomEvent::ReactionSet(set)) = &read.event {
            room.remember_reaction(nick.as_deref().unwrap_or_default(), &set.message);
        }
        if !ids.is_empty() {
            room.remember(ids, nick.as_deref().unwrap_or_default(), read.excerpt);
        }
        let Some(event) = read.event.filter(|_| !is_silent) else { return Ok(()) };
        let cursor = room.place.as_ref().filter(|_| room.place_untold).map(Place::to_cursor);
        room.place_untold = false;
        let history = archived.is_some() || delayed;
        self.accept(Inbound { room: room_id(jid), at: read.at, cursor, history, event }).await
    }

    /// Something said to us alone.
    async fn on_direct(&mut self, jid: &str, nick: Option<&str>, message: &Element) -> Result<(), End> {
        if jid == self.config.jid.domain || jid == self.config.jid.bare() {
            return Ok(());
        }
        let private = self.rooms.get(jid).zip(nick);
        let (id, author) = match private {
            Some((room, nick)) if nick == room.nick => return Ok(()),
            Some((room, nick)) => (format!("{jid}/{nick}"), room.author(nick)),
            None => {
                let name = jid.split('@').next().unwrap_or(jid).to_owned();
                let username = Some(jid.to_owned());
                let id = jid.into();
                (
                    jid.to_owned(),
                    Author { id, name, username, avatar: None, is_bot: false, role: Role::Member },
                )
            }
        };
        let own = self.config.jid.bare();
        let read = inbound::read(
            message,
            Context {
                place: inbound::Place::Direct { author: &author },
                nick,
                archive_id: None,
                at: None,
                own: &own,
                styled: !self.config.hipchat,
                upload_host: self.upload.as_ref().and_then(|service| service.host.as_deref()),
            },
        );
        let Some(event) = read.event else { return Ok(()) };
        if !self.directs.contains_key(&id) {
            if matches!(event, RoomEvent::Typing { .. }) {
                return Ok(());
            }
            if self.directs.len() >= MOST_DIRECTS {
                self.directs.pop_first();
            }
            self.directs.insert(id.clone(), ());
            self.tell_direct(&id, None).await?;
        }
        let history = read.at.is_some();
        self.accept(Inbound { room: room_id(&id), at: read.at, cursor: None, history, event }).await
    }

    /// Whether a message invites us: through the room (XEP-0045) or directly (XEP-0249).
    fn is_invitation(&self, message: &Element) -> bool {
        message.child("x", wire::MUC_USER).is_some_and(|user| user.own_child("invite").is_some())
            || message.child("x", wire::CONFERENCE).is_some_and(|direct| direct.attr("jid").is_some())
    }

    async fn on_invitation(&mut self, from: &str, message: &Element) -> Result<(), End> {
        let invite = message.child("x", wire::MUC_USER).and_then(|user| user.own_child("invite"));
        let (room, by) = match invite {
            Some(invite) => (from.to_owned(), invite.attr("from").map(|by| split_from(by).0)),
            None => {
                let direct = message.child("x", wire::CONFERENCE).and_then(|direct| direct.attr("jid"));
                let Some(room) = direct.and_then(crate::ids::Jid::parse) else { return Ok(()) };
                (room.bare(), Some(from.to_owned()))
            }
        };
        if !room.contains('@') || self.rooms.get(&room).is_some_and(crate::muc::Room::is_in) {
            return Ok(());
        }
        let by = by.map(|by| Author {
            id: by.as_str().into(),
            name: by.split('@').next().unwrap_or(&by).to_owned(),
            username: Some(by),
            avatar: None,
            is_bot: false,
            role: Role::Unknown,
        });
        self.report(Report::Invited { room: room.into(), by }).await
    }

    /// A message of ours came back as refused.
    async fn on_error(&mut self, jid: &str, message: &Element) -> Result<(), End> {
        let error = StanzaError::of(message);
        let Some(id) = message.attr("id") else { return Ok(()) };
        let is_room = self.rooms.contains_key(jid);
        if let Some(pending) = self.pending.remove(id) {
            let is_post = pending.by == super::Confirmation::Post;
            let outcome = outcome_of(&error, is_room, !is_post);
            self.tell_outcome(pending.delivery, pending.part, outcome).await?;
        }
        if is_room && error.condition == "not-acceptable" {
            return self.drop_room(jid, "the room no longer knows us".into()).await;
        }
        Ok(())
    }
}

/// What an error means for a send: `refers` where it concerns another message.
pub(super) fn outcome_of(error: &StanzaError, is_room: bool, refers: bool) -> Outcome {
    let say = error.say();
    match error.condition.as_str() {
        // Not in the room: entering again is under way.
        "not-acceptable" if is_room => later(None, Wait::Room, &say),
        "resource-constraint" | "policy-violation" if error.kind == "wait" => {
            later(Some(Duration::from_secs(1)), Wait::Room, &say)
        }
        _ if error.kind == "wait" => later(None, Wait::Room, &say),
        "recipient-unavailable"
        | "remote-server-timeout"
        | "remote-server-not-found"
        | "service-unavailable"
            if is_room =>
        {
            later(None, Wait::Room, &say)
        }
        "item-not-found" if refers => refused(RefusalKind::TargetGone, &say),
        "forbidden" | "gone" | "registration-required" if is_room && !refers => {
            refused(RefusalKind::Room, &say)
        }
        "feature-not-implemented" => refused(RefusalKind::Unsupported, &say),
        _ => refused(RefusalKind::Message, &say),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_do_next() {
        let check = |kind: &str, condition: &str, refers: bool| {
            let error = StanzaError {
                kind: kind.into(),
                condition: condition.into(),
                text: None,
                retry: None,
                own: None,
            };
            match outcome_of(&error, true, refers) {
                Outcome::Later { scope, .. } => format!("later {scope:?}"),
                Outcome::Refused(refusal) => format!("refused {:?}", refusal.kind),
                other => format!("{other:?}"),
            }
        };
        assert_eq!(check("auth", "forbidden", false), "refused Room");
        assert_eq!(check("modify", "not-acceptable", false), "later Room");
        assert_eq!(check("wait", "policy-violation", false), "later Room");
        assert_eq!(check("modify", "policy-violation", false), "refused Message");
        assert_eq!(check("cancel", "item-not-found", true), "refused TargetGone");
        assert_eq!(check("cancel", "service-unavailable", false), "later Room");
        assert_eq!(check("cancel", "bad-request", false), "refused Message");
        assert_eq!(check("cancel", "feature-not-implemented", true), "refused Unsupported");
        assert_eq!(check("cancel", "gone", false), "refused Room");
    }
}
