//! Questions to the server and the rooms (iq), and what their answers lead to.

use std::time::Duration;

use sameroom_connector::{FetchError, Report, RoomReport};
use sameroom_types::action::{Answer, Outcome};
use sameroom_types::ids::SpoolId;
use sameroom_types::room::RoomKind;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Client, End};
use crate::capabilities;
use crate::ids::{room_id, split_from};
use crate::muc::Features;
use crate::upload::{Service, Slot, max_bytes};
use crate::wire::{self, StanzaError};
use crate::xml::Element;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most rooms listed.
const MOST_ROOMS: usize = 2_000;

/// What an iq of ours was for.
#[derive(Debug)]
pub(crate) enum Question {
    /// What a room offers.
    RoomInfo { room: String },
    /// Accepting the settings of a room that we made.
    Configure { room: String },
    /// What services the server has.
    Services,
    /// What one service is.
    Service { jid: String },
    /// What we are called (HipChat).
    OwnCard,
    /// Whether we are still in a room.
    SelfPing { room: String },
    /// A round trip.
    Ping { id: u64, started: Instant },
    /// Whether the connection lives, where there is no stream management.
    Alive,
    /// Removing somebody's message.
    Moderation,
    /// A page of what was missed.
    CatchUp { room: String },
    /// Where an archive ends.
    Newest { room: String },
    /// A page in which sends are looked for.
    Search { room: String },
    /// A place for a file.
    Slot { answer: oneshot::Sender<Result<Slot, StanzaError>> },
    /// A picture.
    Card { spool: SpoolId, max_bytes: u64, hash: String },
    /// A page of the list of rooms.
    Rooms { found: Vec<RoomReport> },
}

/// A question that waits for its answer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) question: Question,
    pub(super) until: Instant,
    /// Whom we asked; an answer of anybody else is none.
    to: Option<String>,
}

impl Client {
    /// Sends a question.
    pub(super) fn ask(&mut self, id: String, xml: &str, question: Question) {
        let to = recipient(xml);
        self.send_stanza(xml, None);
        self.asked.insert(id, Asked { question, until: Instant::now() + PATIENCE, to });
    }

    /// Puts off the time-out of a question whose answer is coming in pieces.
    pub(super) fn still_answering(&mut self, id: &str) {
        if let Some(asked) = self.asked.get_mut(id) {
            asked.until = Instant::now() + PATIENCE;
        }
    }

    pub(super) async fn on_iq(&mut self, iq: &Element) -> Result<(), End> {
        let id = iq.attr("id").unwrap_or_default();
        match iq.attr("type") {
            Some("result" | "error") => {
                let from = iq.attr("from");
                let is_right = self
                    .asked
                    .get(id)
                    .is_some_and(|asked| is_answer_of(asked.to.as_deref(), from, &self.config.jid));
                if is_right && let Some(asked) = self.asked.remove(id) {
                    let error = (iq.attr("type") == Some("error")).then(|| StanzaError::of(iq));
                    return self.on_answer(id, asked.question, iq, error).await;
                }
                Ok(())
            }
            Some("get" | "set") => {
                self.on_question(iq, id);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Somebody asks us.
    fn on_question(&mut self, iq: &Element, id: &str) {
        let from = iq.attr("from");
        let is_get = iq.attr("type") == Some("get");
        let answer = if is_get && iq.child("ping", wire::PING).is_some() {
            wire::result(from, id)
        } else if is_get && let Some(query) = iq.child("query", wire::DISCO_INFO) {
            let mut xml = wire::iq("result", from, id);
            xml.start_ns("query", wire::DISCO_INFO);
            if let Some(node) = query.attr("node") {
                xml.attr("node", node);
            }
            xml.start("identity")
                .attr("category", "client")
                .attr("type", "bot")
                .attr("name", sameroom_types::PRODUCT);
            xml.end("identity");
            for feature in [
                wire::DISCO_INFO,
                wire::PING,
                wire::CORRECT,
                wire::RETRACT,
                wire::REACTIONS,
                wire::REPLY,
                wire::SID,
                wire::OOB,
                wire::VERSION,
            ] {
                xml.start("feature").attr("var", feature).end("feature");
            }
            xml.end("query").end("iq");
            xml.finish()
        } else if is_get && iq.child("query", wire::VERSION).is_some() {
            let mut xml = wire::iq("result", from, id);
            xml.start_ns("query", wire::VERSION);
            xml.leaf("name", sameroom_types::PRODUCT).leaf("version", env!("CARGO_PKG_VERSION"));
            xml.end("query").end("iq");
            xml.finish()
        } else {
            wire::not_implemented(from, id)
        };
        self.send_stanza(&answer, None);
    }

    async fn on_answer(
        &mut self,
        id: &str,
        question: Question,
        iq: &Element,
        error: Option<StanzaError>,
    ) -> Result<(), End> {
        match question {
            Question::RoomInfo { room } => {
                let features = if error.is_none() { Features::of_room(iq) } else { None };
                self.on_room_info(&room, features, error).await
            }
            Question::Configure { room } => {
                self.ask_room_info(&room);
                Ok(())
            }
            Question::Services => {
                self.on_services(iq);
                self.on_discovered().await
            }
            Question::Service { jid } => {
                self.discovering = self.discovering.saturating_sub(1);
                self.on_service(jid, iq).await
            }
            Question::OwnCard => self.on_own_card(iq).await,
            Question::SelfPing { room } => self.on_self_ping(&room, error).await,
            Question::Ping { id, started } => {
                let result = match error {
                    Some(error) if !still_in(&error) => Err(error.say()),
                    _ => Ok(started.elapsed()),
                };
                self.report(Report::Pong { id, result }).await
            }
            Question::Alive => Ok(()),
            Question::Moderation => {
                let Some(pending) = self.pending.remove(id) else { return Ok(()) };
                let outcome = match error {
                    None => Outcome::Done { ids: None, shown: true },
                    Some(error) => super::messages::outcome_of(&error, true, true),
                };
                self.tell_outcome(pending.delivery, pending.part, outcome).await
            }
            Question::CatchUp { room } => self.on_page_end(&room, iq, error).await,
            Question::Newest { room } => self.on_newest_end(&room).await,
            Question::Search { room } => self.on_search_end(&room, iq, error).await,
            Question::Slot { answer } => {
                let slot = match error {
                    Some(error) => Err(error),
                    None => Slot::of(iq).ok_or_else(|| StanzaError::of(iq)),
                };
                // The task may have been ended meanwhile.
                if answer.send(slot).is_err() {
                    tracing::debug!("a slot came for a file that is no longer wanted");
                }
                Ok(())
            }
            Question::Card { spool, max_bytes, hash } => {
                self.on_card(spool, max_bytes, &hash, iq);
                Ok(())
            }
            Question::Rooms { found } => self.on_rooms(found, iq).await,
        }
    }

    /// Nobody answered a question in time.
    pub(super) async fn on_silence(&mut self, id: &str, question: Question) -> Result<(), End> {
        match question {
            Question::RoomInfo { room } => {
                let error = silent();
                self.on_room_info(&room, None, Some(error)).await
            }
            Question::Configure { room } => {
                self.ask_room_info(&room);
                Ok(())
            }
            Question::Services => {
                self.discovering = 0;
                self.on_discovered().await
            }
            Question::Service { .. } => {
                self.discovering = self.discovering.saturating_sub(1);
                self.on_discovered().await
            }
            Question::OwnCard => Err(crate::stream::StreamError::TimedOut.into()),
            Question::SelfPing { room } => self.on_self_ping(&room, Some(silent())).await,
            Question::Ping { id, .. } => {
                self.report(Report::Pong { id, result: Err("no answer".into()) }).await
            }
            Question::Alive => Err(crate::stream::StreamError::TimedOut.into()),
            Question::Moderation => {
                let Some(pending) = self.pending.remove(id) else { return Ok(()) };
                let outcome = Outcome::Unknown { why: "the room did not answer".into() };
                self.tell_outcome(pending.delivery, pending.part, outcome).await
            }
            Question::CatchUp { room } => self.give_up_catching_up(&room).await,
            Question::Newest { room } => self.on_newest_end(&room).await,
            Question::Search { room } => self.fail_search(&room).await,
            // Dropping the sender tells the task.
            Question::Slot { .. } => Ok(()),
            Question::Card { spool, .. } => {
                let result = Err(FetchError::Network("nobody answered".into()));
                self.report(Report::Fetched { spool, result }).await
            }
            Question::Rooms { found } => self.report(Report::Rooms(found)).await,
        }
    }

    /// The session is over: answers will not come.
    pub(super) async fn forget_questions(&mut self) -> Result<(), End> {
        self.discovering = 0;
        for (_, asked) in std::mem::take(&mut self.asked) {
            match asked.question {
                Question::Ping { id, .. } => {
                    let result = Err("the connection was lost".into());
                    self.report(Report::Pong { id, result }).await?;
                }
                Question::Card { spool, .. } => {
                    let result = Err(FetchError::Network("the connection was lost".into()));
                    self.report(Report::Fetched { spool, result }).await?;
                }
                Question::Rooms { found } => self.report(Report::Rooms(found)).await?,
                _ => {}
            }
        }
        for (_, rounds) in std::mem::take(&mut self.rounds) {
            for (delivery, part) in rounds.all() {
                self.tell_answer(delivery, part, Answer::Later).await?;
            }
        }
        Ok(())
    }

    /// Asks what services the server has, once for each session.
    pub(super) fn discover(&mut self) {
        self.discovered = false;
        if self.config.hipchat {
            self.discovered = true;
            return;
        }
        let id = self.fresh_id();
        let xml = wire::ask(Some(&self.config.jid.domain), &id, "query", wire::DISCO_ITEMS);
        self.ask(id, &xml, Question::Services);
    }

    fn on_services(&mut self, iq: &Element) {
        let services: Vec<String> = iq
            .child("query", wire::DISCO_ITEMS)
            .map(|query| {
                query.children().filter_map(|item| item.attr("jid")).take(50).map(str::to_owned).collect()
            })
            .unwrap_or_default();
        for jid in services {
            self.discovering += 1;
            let id = self.fresh_id();
            let xml = wire::ask(Some(&jid), &id, "query", wire::DISCO_INFO);
            self.ask(id, &xml, Question::Service { jid });
        }
    }

    async fn on_service(&mut self, jid: String, iq: &Element) -> Result<(), End> {
        let Some(query) = iq.child("query", wire::DISCO_INFO) else { return self.on_discovered().await };
        let has = |feature: &str| {
            query.children().any(|child| child.name() == "feature" && child.attr("var") == Some(feature))
        };
        let is_rooms = query.children().any(|child| {
            child.name() == "identity"
                && child.attr("category") == Some("conference")
                && child.attr("type") == Some("text")
        });
        if is_rooms && has(wire::MUC) && self.muc.is_none() {
            self.muc = Some(jid.to_lowercase());
        }
        if has(wire::UPLOAD) {
            let host = self.upload.as_ref().and_then(|known| known.host.clone());
            self.upload = Some(Service { jid, max_bytes: max_bytes(query), host });
            let rooms: Vec<String> =
                self.rooms.values().filter(|room| room.is_in()).map(|room| room.jid.clone()).collect();
            for room in rooms {
                self.tell_room(&room, None).await?;
            }
        }
        self.on_discovered().await
    }

    pub(super) async fn on_discovered(&mut self) -> Result<(), End> {
        if self.discovering > 0 {
            return Ok(());
        }
        self.discovered = true;
        let rooms: Vec<String> = self
            .rooms
            .iter()
            .filter(|(_, room)| !room.asked.is_empty() && room.phase == crate::muc::Phase::Out)
            .map(|(jid, _)| jid.clone())
            .collect();
        for room in rooms {
            self.start_join(&room);
        }
        for written in std::mem::take(&mut self.unresolved) {
            Box::pin(self.on_command(sameroom_connector::Command::Join { room: written })).await?;
        }
        Ok(())
    }

    async fn on_own_card(&mut self, iq: &Element) -> Result<(), End> {
        let name = iq
            .child("vCard", wire::VCARD)
            .and_then(|card| card.own_text("FN"))
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty());
        let nick = name.or_else(|| self.config.jid.local.clone()).unwrap_or_default();
        self.me.name.clone_from(&nick);
        for room in self.rooms.values_mut() {
            room.nick.clone_from(&nick);
        }
        self.nick = Some(nick);
        self.on_ready().await
    }

    /// Asks for a page of the room service's list.
    pub(super) fn ask_for_rooms(&mut self, muc: &str, found: Vec<RoomReport>, after: Option<&str>) {
        let id = self.fresh_id();
        let mut xml = wire::iq("get", Some(muc), &id);
        xml.start_ns("query", wire::DISCO_ITEMS);
        if let Some(after) = after {
            xml.start_ns("set", wire::RSM).leaf("max", "100").leaf("after", after).end("set");
        }
        xml.end("query").end("iq");
        let xml = xml.finish();
        self.ask(id, &xml, Question::Rooms { found });
    }

    async fn on_rooms(&mut self, mut found: Vec<RoomReport>, iq: &Element) -> Result<(), End> {
        let query = iq.child("query", wire::DISCO_ITEMS);
        let before = found.len();
        for item in query.into_iter().flat_map(Element::children).filter(|child| child.name() == "item") {
            let Some((jid, None)) = item.attr("jid").map(split_from) else { continue };
            let local = jid.split('@').next().unwrap_or_default().to_owned();
            let name = item.attr("name").filter(|name| !name.is_empty()).map_or(local, str::to_owned);
            let capabilities = if self.config.hipchat { capabilities::HIPCHAT } else { capabilities::ROOM };
            found.push(RoomReport {
                asked: None,
                id: room_id(&jid),
                name,
                kind: RoomKind::Public,
                capabilities,
            });
        }
        let last = query.and_then(|query| query.child("set", wire::RSM));
        let count = last.and_then(|set| set.own_text("count")).and_then(|count| count.parse::<usize>().ok());
        let last = last.and_then(|set| set.own_text("last"));
        if let (Some(last), Some(count), Some(muc)) = (last, count, self.muc.clone())
            && found.len() < count.min(MOST_ROOMS)
            && found.len() > before
        {
            self.ask_for_rooms(&muc, found, Some(&last));
            return Ok(());
        }
        found.truncate(MOST_ROOMS);
        self.report(Report::Rooms(found)).await
    }
}

/// Answers to a self-ping that mean that we are in the room (XEP-0410 section 3.3).
pub(super) fn still_in(error: &StanzaError) -> bool {
    matches!(error.condition.as_str(), "service-unavailable" | "feature-not-implemented" | "item-not-found")
}

/// What stands for an answer that never came.
fn silent() -> StanzaError {
    StanzaError {
        kind: "wait".into(),
        condition: "remote-server-timeout".into(),
        text: None,
        retry: None,
        own: None,
    }
}

/// To whom an iq of ours goes.
fn recipient(xml: &str) -> Option<String> {
    let head = xml.split('>').next()?;
    let (_, rest) = head.split_once(" to='")?;
    let to = rest.split('\'').next()?;
    Some(
        to.replace("&apos;", "'")
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

/// Whether an answer comes from whom we asked (RFC 6120 section 8.1.2.1).
fn is_answer_of(to: Option<&str>, from: Option<&str>, own: &crate::ids::Jid) -> bool {
    match (to, from) {
        (Some(to), Some(from)) => {
            let (to, from) = (split_from(to), split_from(from));
            to == from
        }
        // The server speaks for itself and for our account without a name.
        (Some(to), None) => to.eq_ignore_ascii_case(&own.domain) || split_from(to).0 == own.bare(),
        (None, Some(from)) => {
            let from = split_from(from).0;
            from == own.bare() || from == own.domain
        }
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Jid;

    #[test]
    fn only_whom_we_asked_can_answer() {
        let own = Jid::parse("bridge@x").expect("an address");
        let check = |to: Option<&str>, from: Option<&str>, expected| {
            assert_eq!(is_answer_of(to, from, &own), expected, "{to:?} {from:?}");
        };
        check(Some("dev@muc.x"), Some("Dev@muc.x"), true);
        check(Some("dev@muc.x/ann"), Some("dev@muc.x/bob"), false);
        check(Some("dev@muc.x"), Some("dev@muc.x/bob"), false);
        check(Some("dev@muc.x"), None, false);
        check(Some("x"), None, true);
        check(None, None, true);
        check(None, Some("bridge@x"), true);
        check(None, Some("evil@y"), false);
    }

    #[test]
    fn the_recipient_is_read_back_from_the_iq() {
        let xml = wire::ask(Some("dev@muc.x/o'neil & <co>"), "1", "ping", wire::PING);
        assert_eq!(recipient(&xml).as_deref(), Some("dev@muc.x/o'neil & <co>"));
        assert_eq!(recipient(&wire::ask(None, "1", "ping", wire::PING)), None);
    }
}
