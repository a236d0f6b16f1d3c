//! Entering rooms, staying in them, and saying how that goes.

use sameroom_connector::{Report, RoomFailure, RoomReport};
use sameroom_types::action::{Outcome, Wait};
use sameroom_types::event::{Inbound, MemberChange, RoomEvent};
use sameroom_types::room::RoomKind;
use tokio::time::Instant;

use super::queries::{Question, still_in};
use super::{Client, End, later};
use crate::capabilities;
use crate::ids::{room_id, split_from};
use crate::muc::{Change, Features, Phase, Room};
use crate::wire::{self, StanzaError};
use crate::xml::{Element, Xml};

/// How many other nicks are tried when ours is taken.
const NICK_TRIES: u32 = 6;

impl Client {
    /// The room of this address, made if it is new.
    pub(super) fn room_entry(&mut self, jid: &str) {
        if self.rooms.contains_key(jid) {
            return;
        }
        let nick = self.nick.clone().unwrap_or_default();
        let mut room = Room::new(jid.to_owned(), nick, Self::room_backoff(), Instant::now());
        room.place = self.resume_place(jid);
        self.rooms.insert(jid.to_owned(), room);
    }

    /// Asks what a room is; entering follows.
    pub(super) fn start_join(&mut self, jid: &str) {
        let Some(room) = self.rooms.get_mut(jid) else { return };
        room.phase = Phase::Asking;
        room.forget_people();
        self.ask_room_info(jid);
    }

    pub(super) fn ask_room_info(&mut self, jid: &str) {
        let id = self.fresh_id();
        let xml = wire::ask(Some(jid), &id, "query", wire::DISCO_INFO);
        self.ask(id, &xml, Question::RoomInfo { room: jid.to_owned() });
    }

    /// What a room is was told, or could not be.
    pub(super) async fn on_room_info(
        &mut self,
        jid: &str,
        features: Option<Features>,
        error: Option<StanzaError>,
    ) -> Result<(), End> {
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        let is_person = error.is_none() && features.is_none() && room.phase == Phase::Asking;
        if is_person && !self.config.hipchat {
            let asked = self.rooms.remove(jid).map(|room| room.asked).unwrap_or_default();
            self.directs.insert(jid.to_owned(), ());
            for written in asked {
                self.tell_direct(jid, Some(written)).await?;
            }
            return Ok(());
        }
        if let Some(features) = features {
            room.features = features;
        } else if room.phase == Phase::Asking {
            room.features = Features::default();
        }
        match room.phase {
            Phase::Asking => {
                self.enter(jid);
                Ok(())
            }
            Phase::Joining { shown: Some(_), .. } => self.on_entered(jid).await,
            Phase::In => self.tell_room(jid, None).await,
            Phase::Joining { .. } | Phase::Out | Phase::Waiting { .. } => Ok(()),
        }
    }

    /// Sends the join itself.
    fn enter(&mut self, jid: &str) {
        let hipchat = self.config.hipchat;
        let Some(room) = self.rooms.get_mut(jid) else { return };
        room.phase = Phase::Joining { since: Instant::now(), shown: None };
        let mut xml = Xml::new();
        xml.start("presence").attr("to", &format!("{jid}/{}", room.nick));
        xml.start_ns("x", wire::MUC).start("history");
        match &room.place {
            Some(place) if !room.features.mam && !hipchat => xml.attr("since", &place.at.to_string()),
            _ => xml.attr("maxstanzas", "0"),
        };
        xml.end("history");
        if let Some(password) = self.config.room_passwords.get(jid) {
            xml.leaf("password", password);
        }
        xml.end("x").end("presence");
        let xml = xml.finish();
        self.send_stanza(&xml, None);
    }

    /// We are in and the room has said all that comes with it.
    pub(super) async fn on_entered(&mut self, jid: &str) -> Result<(), End> {
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        room.phase = Phase::In;
        room.backoff.reset();
        room.nick_tries = 0;
        room.heard = Instant::now();
        self.tell_room(jid, None).await?;
        self.start_catching_up(jid).await
    }

    /// Says that a room can be used: to everybody who asked for it, or to the one who asks now.
    pub(super) async fn tell_room(&mut self, jid: &str, only: Option<Box<str>>) -> Result<(), End> {
        let upload = self.upload.as_ref().map(|service| service.max_bytes.unwrap_or(10 * 1024 * 1024));
        let Some(room) = self.rooms.get(jid) else { return Ok(()) };
        let asked: Vec<Box<str>> = only.map_or_else(|| room.asked.clone(), |only| vec![only]);
        let report = RoomReport {
            asked: None,
            id: room_id(jid),
            name: room.name(),
            kind: if room.features.public { RoomKind::Public } else { RoomKind::Private },
            capabilities: capabilities::of_room(
                &room.features,
                upload,
                room.is_moderator(),
                self.config.hipchat,
            ),
        };
        for written in asked {
            self.report(Report::Room(RoomReport { asked: Some(written), ..report.clone() })).await?;
        }
        Ok(())
    }

    /// Says that a talk with one person can be used.
    pub(super) async fn tell_direct(&mut self, id: &str, asked: Option<Box<str>>) -> Result<(), End> {
        let name = match split_from(id) {
            (_, Some(nick)) => nick.to_owned(),
            (bare, None) => bare.split('@').next().unwrap_or_default().to_owned(),
        };
        let capabilities = capabilities::of_direct(self.config.hipchat);
        let report = RoomReport { asked, id: room_id(id), name, kind: RoomKind::Direct, capabilities };
        self.report(Report::Room(report)).await
    }

    pub(super) async fn tell_room_failed(
        &mut self,
        asked: Box<str>,
        why: String,
        retrying: bool,
    ) -> Result<(), End> {
        self.report(Report::RoomFailed(RoomFailure { asked, why, retrying })).await
    }

    pub(super) async fn on_presence(&mut self, presence: &Element) -> Result<(), End> {
        let Some((jid, nick)) = presence.attr("from").map(split_from) else { return Ok(()) };
        let Some(room) = self.rooms.get_mut(&jid) else { return Ok(()) };
        room.heard = Instant::now();
        let changes = room.on_presence(nick, presence);
        for change in changes {
            self.on_change(&jid, change).await?;
        }
        Ok(())
    }

    async fn on_change(&mut self, jid: &str, change: Change) -> Result<(), End> {
        let event = match change {
            Change::Entered { created, rights } => return self.on_shown(jid, created, rights).await,
            Change::OwnNick(_) | Change::Left => return Ok(()),
            Change::Failed(error) => return self.on_join_error(jid, &error).await,
            Change::Dropped(why) => return self.drop_room(jid, why).await,
            Change::Destroyed(reason) => {
                self.let_go(jid, "the room is gone").await?;
                tracing::info!(reason = reason.is_some(), "a room was destroyed");
                RoomEvent::Archived
            }
            Change::Removed { by, reason } => {
                self.let_go(jid, "removed from the room").await?;
                RoomEvent::Kicked { by, reason }
            }
            Change::Came(member) => RoomEvent::MemberChanged { member, change: MemberChange::Joined },
            Change::Went(member, reason) => {
                RoomEvent::MemberChanged { member, change: MemberChange::Left { reason } }
            }
            Change::Renamed(member, from) => {
                RoomEvent::MemberChanged { member, change: MemberChange::Renamed { from } }
            }
        };
        let cursor = None;
        self.accept(Inbound { room: room_id(jid), at: None, cursor, history: false, event }).await
    }

    /// The room shows us ourselves.
    async fn on_shown(&mut self, jid: &str, created: bool, rights: bool) -> Result<(), End> {
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        match room.phase {
            Phase::Joining { since, .. } => {
                room.phase = Phase::Joining { since, shown: Some(Instant::now()) };
                if created {
                    room.created = true;
                    let id = self.fresh_id();
                    let mut xml = wire::iq("set", Some(jid), &id);
                    xml.start_ns("query", wire::MUC_OWNER).start_ns("x", wire::DATA).attr("type", "submit");
                    xml.end("x").end("query").end("iq");
                    let xml = xml.finish();
                    self.ask(id, &xml, Question::Configure { room: jid.to_owned() });
                }
                Ok(())
            }
            Phase::In if rights => self.tell_room(jid, None).await,
            Phase::Out if room.asked.is_empty() => Ok(()),
            _ => Ok(()),
        }
    }

    async fn on_join_error(&mut self, jid: &str, error: &StanzaError) -> Result<(), End> {
        let hipchat = self.config.hipchat;
        let random = self.kit.clock.random();
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        if !matches!(room.phase, Phase::Joining { .. }) {
            return Ok(());
        }
        if error.condition == "conflict" && !hipchat && room.nick_tries < NICK_TRIES {
            room.nick_tries += 1;
            let base = self.nick.clone().unwrap_or_default();
            room.nick = if room.nick_tries < 4 {
                format!("{base}{}", "_".repeat(room.nick_tries as usize))
            } else {
                format!("{base}-{:04}", random % 10_000)
            };
            self.enter(jid);
            return Ok(());
        }
        let why = match error.condition.as_str() {
            "conflict" => "the nick is taken by somebody else".to_owned(),
            "not-authorized" => "the room asks for a password; set it in room_passwords".into(),
            "registration-required" => {
                "the room is for members only; ask its owner to make this account a member".into()
            }
            "forbidden" => "this account is banned from the room".into(),
            "not-allowed" => "the room may not be made by this account".into(),
            "jid-malformed" | "not-acceptable" => "the room does not take this nick".into(),
            "gone" => "the room has moved or is gone".into(),
            _ => error.say(),
        };
        let for_good = matches!(
            error.condition.as_str(),
            "not-authorized"
                | "registration-required"
                | "forbidden"
                | "not-allowed"
                | "jid-malformed"
                | "not-acceptable"
                | "gone"
        ) && error.kind != "wait";
        if for_good {
            room.phase = Phase::Out;
            let asked = std::mem::take(&mut room.asked);
            for written in asked {
                self.tell_room_failed(written, why.clone(), false).await?;
            }
            return Ok(());
        }
        self.drop_room(jid, why).await
    }

    /// We are not in a room that we want to be in: says so and tries again later.
    pub(super) async fn drop_room(&mut self, jid: &str, why: String) -> Result<(), End> {
        self.lose_sends(jid, &why).await?;
        let random = self.kit.clock.random();
        let nick = self.nick.clone().unwrap_or_default();
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        room.forget_people();
        room.nick = nick;
        room.nick_tries = 0;
        if room.asked.is_empty() {
            room.phase = Phase::Out;
            return Ok(());
        }
        room.phase = Phase::Waiting { until: Instant::now() + room.backoff.next_delay(random) };
        for written in room.asked.clone() {
            self.tell_room_failed(written, why.clone(), true).await?;
        }
        Ok(())
    }

    /// We are out of a room and stay out until somebody asks again.
    async fn let_go(&mut self, jid: &str, why: &str) -> Result<(), End> {
        self.lose_sends(jid, why).await?;
        let nick = self.nick.clone().unwrap_or_default();
        if let Some(room) = self.rooms.get_mut(jid) {
            room.phase = Phase::Out;
            room.asked.clear();
            room.forget_people();
            room.nick = nick;
        }
        Ok(())
    }

    /// What was sent into a room and not shown may be in it or not.
    async fn lose_sends(&mut self, jid: &str, why: &str) -> Result<(), End> {
        let mut lost: Vec<Box<str>> = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.room == jid)
            .map(|(key, _)| key.clone())
            .collect();
        lost.sort_by_key(|key| self.pending.get(key).map(|pending| pending.offset));
        for key in lost {
            let Some(pending) = self.pending.remove(&key) else { continue };
            let outcome = Outcome::Unknown { why: why.to_owned() };
            self.tell_outcome(pending.delivery, pending.part, outcome).await?;
        }
        for request in self.behind.remove(jid).into_iter().flatten() {
            let outcome = later(None, Wait::Room, why);
            self.tell_outcome(request.delivery, request.part, outcome).await?;
        }
        Ok(())
    }

    /// Asks a room whether we are still in it (XEP-0410).
    pub(super) fn self_ping(&mut self, jid: &str) {
        let Some(room) = self.rooms.get_mut(jid).filter(|room| room.is_in() && !room.pinging) else { return };
        room.pinging = true;
        let to = format!("{jid}/{}", room.nick);
        let id = self.fresh_id();
        let xml = wire::ask(Some(&to), &id, "ping", wire::PING);
        self.ask(id, &xml, Question::SelfPing { room: jid.to_owned() });
    }

    pub(super) async fn on_self_ping(&mut self, jid: &str, error: Option<StanzaError>) -> Result<(), End> {
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        room.pinging = false;
        room.heard = Instant::now();
        match error {
            None => Ok(()),
            Some(error) if still_in(&error) || !room.is_in() => Ok(()),
            // The room can't be asked now; silence leads to the next question.
            Some(error) if error.condition.starts_with("remote-server") => Ok(()),
            Some(_) => self.drop_room(jid, "the room no longer knows us".into()).await,
        }
    }
}
