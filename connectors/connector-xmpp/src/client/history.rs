//! Reading back what was missed, and finding out whether a send arrived.

use std::collections::HashMap;
use std::time::Duration;

use sameroom_types::action::Answer;
use sameroom_types::event::{Inbound, RoomEvent};
use sameroom_types::ids::{DeliveryId, DeliveryKey, NativeIds, RemoteMessageId};
use sameroom_types::time::Timestamp;

use super::queries::Question;
use super::{Client, End};
use crate::capabilities;
use crate::ids::{Place, room_id};
use crate::inbound::origin_of;
use crate::mam::{self, Page};
use crate::muc::CatchUp;
use crate::wire::StanzaError;
use crate::xml::Element;

/// How far clocks may differ: what is read by time starts this much earlier, repeats are dropped.
const SKEW: Duration = Duration::from_secs(60);

/// How many lines heard while reading back are kept; beyond that the archive is read once more instead.
const MOST_LIVE: usize = 5_000;

/// A send that is being looked for.
#[derive(Clone, Debug)]
struct Wanted {
    delivery: DeliveryId,
    part: u32,
    since: Timestamp,
}

/// The searches of one room's archive: one under way, the next one gathering.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    current: HashMap<Box<str>, Wanted>,
    start: Timestamp,
    next: HashMap<Box<str>, Wanted>,
}

impl Rounds {
    /// All that is being looked for.
    pub(super) fn all(self) -> Vec<(DeliveryId, u32)> {
        self.current
            .into_values()
            .chain(self.next.into_values())
            .map(|wanted| (wanted.delivery, wanted.part))
            .collect()
    }
}

impl Client {
    /// A room was entered: reads back what was missed, or finds out where its archive ends.
    pub(super) async fn start_catching_up(&mut self, jid: &str) -> Result<(), End> {
        let now = self.kit.clock.wall();
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        let queued = room.catch_up.take().unwrap_or_default();
        if self.config.hipchat {
            return self.tell_live(jid, queued).await;
        }
        if !room.features.mam {
            let missed_since = room.place.as_ref().map(|place| place.at);
            room.place = Some(Place { archive_id: None, at: now });
            self.tell_live(jid, queued).await?;
            return match missed_since {
                Some(from) => self.tell_gap(jid, from).await,
                None => self.tell_place(jid).await,
            };
        }
        match room.place.clone() {
            Some(place) => {
                room.catch_up = Some(queued);
                let page = match place.archive_id {
                    Some(id) => Page::After(id),
                    None => Page::Since(minus(place.at, SKEW), None),
                };
                self.ask_page(jid, &page);
                Ok(())
            }
            None => {
                self.tell_live(jid, queued).await?;
                let id = self.fresh_id();
                let xml = mam::query(jid, &id, &Page::Newest);
                self.ask(id, &xml, Question::Newest { room: jid.to_owned() });
                Ok(())
            }
        }
    }

    fn ask_page(&mut self, jid: &str, page: &Page) {
        let id = self.fresh_id();
        let xml = mam::query(jid, &id, page);
        self.ask(id, &xml, Question::CatchUp { room: jid.to_owned() });
    }

    /// Keeps a line heard while reading back. True if it was taken.
    pub(super) fn hold_back(&mut self, jid: &str, message: &Element) -> bool {
        let Some(room) = self.rooms.get_mut(jid) else { return false };
        if !room.is_in() && room.catch_up.is_none() {
            room.catch_up = Some(CatchUp::default());
        }
        let Some(catch_up) = &mut room.catch_up else { return false };
        if catch_up.live.len() >= MOST_LIVE {
            catch_up.live.clear();
            catch_up.overflowed = true;
        }
        catch_up.live.push_back(message.clone());
        true
    }

    /// A message of an archive.
    pub(super) async fn on_archived(&mut self, from: &str, found: mam::Archived<'_>) -> Result<(), End> {
        let purpose = match self.asked.get(found.query).map(|asked| &asked.question) {
            Some(Question::CatchUp { room } | Question::Newest { room } | Question::Search { room })
                if room == from =>
            {
                self.asked.get(found.query).map(|asked| std::mem::discriminant(&asked.question))
            }
            // Nobody else may put words into a room's archive.
            _ => return Ok(()),
        };
        self.still_answering(found.query);
        let is = |question: &Question| purpose == Some(std::mem::discriminant(question));
        let any = String::new;
        if is(&Question::Search { room: any() }) {
            return self.on_searched(from, &found).await;
        }
        if is(&Question::Newest { room: any() }) {
            let now = self.kit.clock.wall();
            if let Some(room) = self.rooms.get_mut(from)
                && room.place.is_none()
            {
                room.place =
                    Some(Place { archive_id: Some(found.id.to_owned()), at: found.at.unwrap_or(now) });
            }
            return Ok(());
        }
        self.on_room_message(from, found.message, Some((found.id, found.at))).await
    }

    pub(super) async fn on_page_end(
        &mut self,
        jid: &str,
        iq: &Element,
        error: Option<StanzaError>,
    ) -> Result<(), End> {
        let Some(room) = self.rooms.get(jid) else { return Ok(()) };
        let place = room.place.clone().unwrap_or_default();
        if let Some(error) = error {
            if error.condition == "item-not-found" && place.archive_id.is_some() {
                // The archive has forgotten the cursor: go by time.
                self.ask_page(jid, &Page::Since(minus(place.at, SKEW), None));
                if let Some(room) = self.rooms.get_mut(jid) {
                    room.place = Some(Place { archive_id: None, at: place.at });
                }
                return Ok(());
            }
            tracing::warn!(error = %error.say(), "a room's archive can't be read");
            return self.give_up_catching_up(jid).await;
        }
        let end = mam::end(iq);
        if let (false, Some(last)) = (end.complete, end.last) {
            self.ask_page(jid, &Page::After(last));
            return Ok(());
        }
        let overflowed = room.catch_up.as_ref().is_some_and(|catch_up| catch_up.overflowed);
        if overflowed && let Some(id) = place.archive_id {
            if let Some(room) = self.rooms.get_mut(jid) {
                room.catch_up = Some(CatchUp::default());
            }
            self.ask_page(jid, &Page::After(id));
            return Ok(());
        }
        self.finish_catching_up(jid).await
    }

    /// The archive can't be read: what was missed is announced as a gap.
    pub(super) async fn give_up_catching_up(&mut self, jid: &str) -> Result<(), End> {
        let from = self.rooms.get(jid).and_then(|room| room.place.as_ref()).map(|place| place.at);
        self.finish_catching_up(jid).await?;
        match from {
            Some(from) => self.tell_gap(jid, from).await,
            None => Ok(()),
        }
    }

    async fn finish_catching_up(&mut self, jid: &str) -> Result<(), End> {
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        let queued = room.catch_up.take().unwrap_or_default();
        self.tell_live(jid, queued).await?;
        self.tell_place(jid).await
    }

    async fn tell_live(&mut self, jid: &str, queued: CatchUp) -> Result<(), End> {
        for message in queued.live {
            self.on_room_message(jid, &message, None).await?;
        }
        Ok(())
    }

    pub(super) async fn on_newest_end(&mut self, jid: &str) -> Result<(), End> {
        let now = self.kit.clock.wall();
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        if room.place.is_none() {
            // An empty archive: everything in it will be news.
            room.place = Some(Place { archive_id: None, at: now });
        }
        self.tell_place(jid).await
    }

    /// Has the engine keep how far a room was read although nothing happened: the same rights once more.
    async fn tell_place(&mut self, jid: &str) -> Result<(), End> {
        let upload = self.upload.as_ref().map(|service| service.max_bytes.unwrap_or(10 * 1024 * 1024));
        let Some(room) = self.rooms.get_mut(jid) else { return Ok(()) };
        room.place_untold = false;
        let rights = capabilities::of_room(&room.features, upload, room.is_moderator(), self.config.hipchat);
        let inbound = Inbound {
            room: room_id(jid),
            at: None,
            cursor: room.place.as_ref().map(Place::to_cursor),
            history: false,
            event: RoomEvent::RightsChanged(Box::new(rights)),
        };
        self.accept(inbound).await
    }

    async fn tell_gap(&mut self, jid: &str, from: Timestamp) -> Result<(), End> {
        let to = self.kit.clock.wall();
        let Some(room) = self.rooms.get(jid) else { return Ok(()) };
        let cursor = room.place.as_ref().map(Place::to_cursor);
        let event = RoomEvent::Gap { from, to };
        self.accept(Inbound { room: room_id(jid), at: None, cursor, history: false, event }).await
    }

    /// Looks for a send in a room's archive.
    pub(super) async fn ask_archive(
        &mut self,
        delivery: DeliveryId,
        part: u32,
        room: &str,
        key: DeliveryKey,
        since: Timestamp,
    ) -> Result<(), End> {
        let known = self.rooms.get(room);
        if !self.online || known.is_some_and(|room| !room.is_in()) {
            return self.tell_answer(delivery, part, Answer::Later).await;
        }
        if !known.is_some_and(|room| room.features.mam) {
            return self.tell_answer(delivery, part, Answer::CannotTell).await;
        }
        let rounds = self.rounds.entry(room.to_owned()).or_default();
        rounds.next.insert(key.as_str().into(), Wanted { delivery, part, since });
        if rounds.current.is_empty() {
            self.start_round(room);
        }
        Ok(())
    }

    fn start_round(&mut self, jid: &str) {
        let Some(rounds) = self.rounds.get_mut(jid) else { return };
        rounds.current = std::mem::take(&mut rounds.next);
        let Some(first) = rounds.current.values().map(|wanted| wanted.since).min() else {
            self.rounds.remove(jid);
            return;
        };
        rounds.start = minus(first, SKEW);
        let page = Page::Since(rounds.start, None);
        self.ask_search(jid, &page);
    }

    fn ask_search(&mut self, jid: &str, page: &Page) {
        let id = self.fresh_id();
        let xml = mam::query(jid, &id, page);
        self.ask(id, &xml, Question::Search { room: jid.to_owned() });
    }

    async fn on_searched(&mut self, jid: &str, found: &mam::Archived<'_>) -> Result<(), End> {
        let Some(room) = self.rooms.get(jid) else { return Ok(()) };
        // Anybody can use our ids: only what was said under our nick counts, or by our real address.
        let nick = found.message.attr("from").and_then(|from| from.split_once('/')).map(|(_, nick)| nick);
        if nick.is_none_or(|nick| nick != room.nick && self.nick.as_deref() != Some(nick)) {
            return Ok(());
        }
        let origin = found.message.child("origin-id", crate::wire::SID).and_then(|origin| origin.attr("id"));
        let Some(rounds) = self.rounds.get_mut(jid) else { return Ok(()) };
        for key in [origin_of(found.message), origin].into_iter().flatten() {
            if let Some(wanted) = rounds.current.remove(key) {
                let origin = Some(RemoteMessageId::from(key));
                let ids = NativeIds { primary: found.id.into(), origin };
                return self.tell_answer(wanted.delivery, wanted.part, Answer::Found(ids)).await;
            }
        }
        Ok(())
    }

    pub(super) async fn on_search_end(
        &mut self,
        jid: &str,
        iq: &Element,
        error: Option<StanzaError>,
    ) -> Result<(), End> {
        if error.is_some() {
            return self.fail_search(jid).await;
        }
        let end = mam::end(iq);
        let Some(rounds) = self.rounds.get_mut(jid) else { return Ok(()) };
        if !rounds.current.is_empty()
            && let (false, Some(last)) = (end.complete, end.last)
        {
            let page = Page::Since(rounds.start, Some(last));
            self.ask_search(jid, &page);
            return Ok(());
        }
        for (_, wanted) in std::mem::take(&mut rounds.current) {
            self.tell_answer(wanted.delivery, wanted.part, Answer::Absent).await?;
        }
        self.start_round(jid);
        Ok(())
    }

    pub(super) async fn fail_search(&mut self, jid: &str) -> Result<(), End> {
        let Some(rounds) = self.rounds.remove(jid) else { return Ok(()) };
        for (delivery, part) in rounds.all() {
            self.tell_answer(delivery, part, Answer::Later).await?;
        }
        Ok(())
    }
}

fn minus(at: Timestamp, span: Duration) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}
