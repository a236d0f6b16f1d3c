//! What the engine asks for.

use sameroom_connector::{Command, Report};
use sameroom_types::action::{Action, Answer, Outcome, RefusalKind, SendRequest, Wait};
use sameroom_types::ids::{RemoteRoomId, RemoteUserId};
use tokio::time::Instant;

use super::queries::Question;
use super::{Client, Confirmation, End, Pending, later, refused};
use crate::capabilities;
use crate::ids::{Jid, room_address};
use crate::muc::Phase;
use crate::outbound::{self, Plan, Quoted, Target};
use crate::wire;

impl Client {
    /// Does what is asked, or answers that it can't be done now.
    pub(crate) async fn on_command(&mut self, command: Command) -> Result<(), End> {
        match command {
            Command::Join { room } => self.join(room).await,
            Command::Leave { room } => {
                self.leave(&room);
                Ok(())
            }
            Command::Send(request) => self.send(request).await,
            Command::Ask { delivery, part, room, key, since } => {
                self.ask_archive(delivery, part, room.as_str(), key, since).await
            }
            Command::Fetch { spool, file, max_bytes } => self.fetch(spool, file, max_bytes).await,
            Command::Ping { room, id } => self.ping(&room, id).await,
            Command::Whisper { room, to, text } => {
                self.whisper(&room, &to, &text);
                Ok(())
            }
            Command::ListRooms => self.list_rooms().await,
        }
    }

    async fn join(&mut self, written: Box<str>) -> Result<(), End> {
        let prefix = self.config.room_prefix();
        let Some(address) = room_address(&written, self.muc.as_deref(), prefix.as_deref()) else {
            if self.muc.is_none() && !self.discovered && !written.contains('@') {
                self.unresolved.push(written);
                return Ok(());
            }
            let why = if self.muc.is_none() && !written.contains('@') {
                "the server has no room service that it tells of; set muc or write the room's full address"
            } else {
                "this is not a room's address; write its name or name@service"
            };
            return self.tell_room_failed(written, why.into(), false).await;
        };
        if self.is_direct(&address) {
            if self.online {
                self.directs.insert(address.full(), ());
                return self.tell_direct(&address.full(), Some(written)).await;
            }
            return Ok(());
        }
        let jid = address.bare();
        self.room_entry(&jid);
        let online = self.online;
        let Some(room) = self.rooms.get_mut(&jid) else { return Ok(()) };
        if !room.asked.contains(&written) {
            room.asked.push(written.clone());
        }
        match room.phase {
            Phase::In => self.tell_room(&jid, Some(written)).await,
            // Before the services are known, rooms could not say whether they take files.
            Phase::Out if online && self.discovered => {
                self.start_join(&jid);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether an address is a person's rather than a room's, as far as it shows.
    fn is_direct(&self, address: &Jid) -> bool {
        address.resource.is_some()
            || self.directs.contains_key(&address.bare())
            || (address.domain == self.config.jid.domain && self.muc.as_ref() != Some(&address.domain))
    }

    fn leave(&mut self, id: &RemoteRoomId) {
        self.directs.remove(id.as_str());
        let Some(room) = self.rooms.get_mut(id.as_str()) else { return };
        room.asked.clear();
        let was_in = room.phase != Phase::Out;
        room.phase = Phase::Out;
        if was_in && self.online {
            let to = format!("{}/{}", room.jid, room.nick);
            let mut xml = crate::xml::Xml::new();
            xml.start("presence").attr("type", "unavailable").attr("to", &to).end("presence");
            self.send_stanza(&xml.finish(), None);
        }
    }

    async fn send(&mut self, request: SendRequest) -> Result<(), End> {
        if !self.online {
            let outcome = later(None, Wait::Account, "not connected");
            return self.tell_outcome(request.delivery, request.part, outcome).await;
        }
        let room = request.room.as_str().to_owned();
        let is_usable = match self.rooms.get(&room) {
            Some(known) => known.is_in(),
            None => Jid::parse(&room).is_some_and(|address| self.is_direct(&address)),
        };
        if !is_usable {
            let outcome = later(None, Wait::Room, "not in the room");
            return self.tell_outcome(request.delivery, request.part, outcome).await;
        }
        if let Some(queue) = self.behind.get_mut(&room) {
            queue.push_back(request);
            return Ok(());
        }
        self.dispatch(request).await
    }

    /// Sends one request whose turn it is.
    pub(super) async fn dispatch(&mut self, request: SendRequest) -> Result<(), End> {
        if let Action::File(file) = &request.action {
            let file = file.clone();
            return self.start_upload(request, &file).await;
        }
        let to = request.room.as_str();
        let is_room = self.rooms.contains_key(to);
        if !capabilities::can(&self.capabilities_of(to), &request.action) {
            let outcome = refused(RefusalKind::Unsupported, "this room has no form for it");
            return self.tell_outcome(request.delivery, request.part, outcome).await;
        }
        let room = self.rooms.get(to);
        let quoted = match &request.action {
            Action::Post(post) => post.reply.as_ref().and_then(|ids| {
                let room = room?;
                let said = ids.iter().find_map(|id| room.said(id))?;
                Some(Quoted { author: format!("{}/{}", room.jid, said.nick), excerpt: said.excerpt.clone() })
            }),
            _ => None,
        };
        let target = Target { to, is_room, is_private: !is_room && to.contains('/') };
        let moderation = room.and_then(|room| room.features.moderation);
        let key = request.key.as_str();
        let plan = match outbound::plan(&request.action, key, target, quoted.as_ref(), moderation) {
            Ok(plan) => plan,
            Err(refusal) => {
                return self.tell_outcome(request.delivery, request.part, Outcome::Refused(refusal)).await;
            }
        };
        let by = match (&plan, is_room, &request.action) {
            (Plan::Iq(_), ..) => Confirmation::Answer,
            (_, false, _) => Confirmation::Taken,
            (_, true, Action::Post(_)) => Confirmation::Post,
            (_, true, _) => Confirmation::Change,
        };
        match plan {
            Plan::Iq(xml) => {
                self.track(&request, by);
                self.ask(key.to_owned(), &xml, Question::Moderation);
            }
            Plan::Message(xml) => self.send_tracked(&request, &xml, by).await?,
        }
        Ok(())
    }

    /// Sends a message that something will confirm.
    pub(super) async fn send_tracked(
        &mut self,
        request: &SendRequest,
        xml: &str,
        by: Confirmation,
    ) -> Result<(), End> {
        if by == Confirmation::Taken && !self.counters.is_on() {
            self.send_stanza(xml, None);
            let outcome = Outcome::Done {
                ids: Some(sameroom_types::ids::NativeIds::one(request.key.as_str())),
                shown: false,
            };
            return self.tell_outcome(request.delivery, request.part, outcome).await;
        }
        self.track(request, by);
        self.send_stanza(xml, Some(request.key.as_str()));
        if by == Confirmation::Taken {
            self.ask_for_count();
        }
        Ok(())
    }

    fn track(&mut self, request: &SendRequest, by: Confirmation) {
        let pending = Pending {
            delivery: request.delivery,
            part: request.part,
            room: request.room.as_str().to_owned(),
            offset: self.out.queued,
            since: Instant::now(),
            by,
        };
        self.pending.insert(request.key.as_str().into(), pending);
    }

    async fn ping(&mut self, room: &RemoteRoomId, ping: u64) -> Result<(), End> {
        if !self.online {
            return self.report(Report::Pong { id: ping, result: Err("not connected".into()) }).await;
        }
        let id = self.fresh_id();
        let to = self.rooms.get(room.as_str()).map(|room| format!("{}/{}", room.jid, room.nick));
        let to = to.unwrap_or_else(|| self.config.jid.domain.clone());
        let xml = wire::ask(Some(&to), &id, "ping", wire::PING);
        self.ask(id, &xml, Question::Ping { id: ping, started: Instant::now() });
        Ok(())
    }

    fn whisper(&mut self, room: &RemoteRoomId, to: &RemoteUserId, text: &str) {
        if !self.online {
            return;
        }
        let address = match self.rooms.get(room.as_str()) {
            Some(known) => known.nick_of(to).map(|nick| format!("{}/{nick}", known.jid)),
            None => Jid::parse(room.as_str()).map(|jid| jid.full()),
        };
        if let Some(address) = address {
            let id = self.fresh_id();
            let xml = outbound::whisper(text, &id, &address);
            self.send_stanza(&xml, None);
        }
    }

    async fn list_rooms(&mut self) -> Result<(), End> {
        match self.muc.clone().filter(|_| self.online) {
            Some(muc) => {
                self.ask_for_rooms(&muc, Vec::new(), None);
                Ok(())
            }
            None => self.report(Report::Rooms(Vec::new())).await,
        }
    }

    /// Answers asks that can't be answered now.
    pub(super) async fn tell_answer(
        &mut self,
        delivery: sameroom_types::ids::DeliveryId,
        part: u32,
        answer: Answer,
    ) -> Result<(), End> {
        self.report(Report::Answer { delivery, part, answer }).await
    }
}
