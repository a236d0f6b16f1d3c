//! One account's session: takes sends into the rooms' logs and reports what people did there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sameroom_connector::{
    Backoff, Command, LinkClosed, Report, Resume, RoomFailure, RoomReport, Session, SessionLink,
};
use sameroom_markup::{Dialect as _, Plain};
use sameroom_types::action::{Action, Answer, Outcome, Refusal, RefusalKind, SendRequest};
use sameroom_types::event::FileRef;
use sameroom_types::ids::{NativeIds, RemoteRoomId};
use sameroom_types::room::{Health, RoomKind};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::files::{self, KeepError};
use crate::house::House;
use crate::keeper::{Done, Fault, Op};
use crate::lanes::Lanes;
use crate::live::{LiveRoom, Whisper};
use crate::stored::{Act, File, decode};
use crate::{capabilities, html, ids, inbound, outbound};

/// How many commands are done in one step.
const COMMANDS: usize = 64;
/// How many acts are read from the vault at a time.
const PAGE: usize = 256;
/// How often old acts are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(600);
/// How soon to go on where one step was not enough.
const PRUNE_AGAIN: Duration = Duration::from_millis(200);

/// A session that does not run yet.
pub(crate) struct WebSession {
    house: Arc<House>,
}

impl WebSession {
    pub(crate) fn new(house: Arc<House>) -> Self {
        Self { house }
    }
}

#[async_trait]
impl Session for WebSession {
    async fn run(self: Box<Self>, mut link: SessionLink) {
        let stop = link.stop.clone();
        let _relayed = Relayed::new(self.house.clone());
        let mut running = Running {
            house: self.house,
            resume: std::mem::take(&mut link.resume),
            link,
            joined: BTreeMap::new(),
            lanes: Lanes::default(),
            tasks: JoinSet::new(),
            started: BTreeMap::new(),
        };
        tokio::select! {
            () = stop.cancelled() => {}
            // Either the runtime is gone or it stops us; both are no news.
            _ = running.run() => {}
        }
        running.tasks.shutdown().await;
    }
}

/// Tells pages whether somebody reports what is said.
struct Relayed(Arc<House>);

impl Relayed {
    fn new(house: Arc<House>) -> Self {
        house.relayed().send_replace(true);
        Self(house)
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.0.relayed().send_replace(false);
    }
}

/// What a task of the session ended with.
enum Ended {
    Kept(Box<SendRequest>, Result<File, KeepError>),
    Fetched(Box<Report>),
}

struct Running {
    house: Arc<House>,
    link: SessionLink,
    resume: Vec<Resume>,
    /// Rooms that we are in, and up to where they are reported.
    joined: BTreeMap<String, (Arc<LiveRoom>, u64)>,
    lanes: Lanes,
    tasks: JoinSet<Ended>,
    /// Where each room's log ended when this session started: everything up to there is history.
    started: BTreeMap<String, u64>,
}

impl Running {
    async fn run(&mut self) -> Result<(), LinkClosed> {
        self.link.report(Report::Health(Health::Connecting)).await?;
        self.load().await?;
        self.started = self.house.all().iter().map(|room| (room.rid.clone(), room.head())).collect();
        let realm = ids::realm(&self.link.installation, self.house.account.as_str());
        self.link.report(Report::Connected { realm, me: inbound::me() }).await?;
        self.link.report(Report::Health(Health::Connected)).await?;
        let mut changed = self.house.watch();
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        loop {
            let mut commands = Vec::new();
            tokio::select! {
                count = self.link.commands.recv_many(&mut commands, COMMANDS) => {
                    if count == 0 {
                        return Err(LinkClosed);
                    }
                }
                // The house lives as long as we hold it, so this can't fail.
                _ = changed.changed() => {}
                Some(ended) = self.tasks.join_next() => self.end_task(ended).await?,
                _ = prune.tick() => match self.house.act(Op::Prune).await {
                    // What people do comes in between.
                    Ok(Done::More) => prune.reset_after(PRUNE_AGAIN),
                    Ok(_) => {}
                    Err(fault) => {
                        tracing::warn!(account.id = %self.house.account, fault = ?fault, "old messages are not removed");
                    }
                },
            }
            self.obey(commands).await?;
            self.tell().await?;
        }
    }

    async fn load(&self) -> Result<(), LinkClosed> {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
        while let Err(error) = self.house.load().await {
            let after = backoff.next_delay(self.house.kit.clock.random());
            let why = error.to_string();
            self.link.report(Report::Health(Health::Retrying { after, why })).await?;
            tokio::time::sleep(after).await;
        }
        Ok(())
    }

    /// Does commands; sends that wait together share one write.
    async fn obey(&mut self, commands: Vec<Command>) -> Result<(), LinkClosed> {
        let mut sends = Vec::new();
        for command in commands {
            match command {
                Command::Send(request) => {
                    if let Some(request) = self.lanes.pass(request) {
                        self.submit(request, &mut sends).await?;
                    }
                    continue;
                }
                other => {
                    // What was sent before is answered before.
                    self.settle(&mut sends).await?;
                    self.obey_one(other).await?;
                }
            }
        }
        self.settle(&mut sends).await
    }

    async fn obey_one(&mut self, command: Command) -> Result<(), LinkClosed> {
        match command {
            Command::Join { room } => self.join(room).await,
            Command::Leave { room } => self.leave(&room).await,
            Command::Send(_) => Ok(()),
            Command::Ask { delivery, part, room, key, .. } => {
                let answer = self.ask(&room, key.as_str()).await;
                self.link.report(Report::Answer { delivery, part, answer }).await
            }
            Command::Fetch { spool, file, max_bytes } => {
                let house = self.house.clone();
                self.tasks.spawn(async move {
                    let result = files::fetch(&house, &house.kit, &spool, &file, max_bytes).await;
                    Ended::Fetched(Box::new(Report::Fetched { spool, result }))
                });
                Ok(())
            }
            Command::Ping { room, id } => {
                let result = self.ping(&room).await;
                self.link.report(Report::Pong { id, result }).await
            }
            Command::Whisper { room, to, text } => {
                if let Some(room) = self.house.by_id(&room) {
                    let html = html::render(&Plain.parse(&text));
                    let view = json!({ "html": html }).to_string();
                    room.whisper(Whisper { to: to.as_str().to_owned(), view });
                }
                Ok(())
            }
            Command::ListRooms => {
                let rooms = self.house.all().iter().map(|room| self.describe(room, None)).collect();
                self.link.report(Report::Rooms(rooms)).await
            }
        }
    }

    /// Puts a send into the queue, or starts to copy its file.
    async fn submit(&mut self, request: SendRequest, sends: &mut Vec<Sent>) -> Result<(), LinkClosed> {
        let Some(room) = self.house.by_id(&request.room) else {
            return self.outcome(&request, outbound::no_room()).await;
        };
        if let Action::File(outbound) = &request.action {
            self.lanes.hold(request.room.clone());
            let (house, file): (_, FileRef) = (self.house.clone(), outbound.file.clone());
            self.tasks.spawn(async move {
                let max_bytes = house.config().max_upload_bytes;
                let result = files::take(&house, &file, max_bytes).await;
                Ended::Kept(Box::new(request), result)
            });
            return Ok(());
        }
        self.push(&room, request, None, sends).await
    }

    async fn push(
        &mut self,
        room: &LiveRoom,
        request: SendRequest,
        file: Option<File>,
        sends: &mut Vec<Sent>,
    ) -> Result<(), LinkClosed> {
        let Some(op) = outbound::op(&room.rid, &request, file) else {
            return self.outcome(&request, outbound::no_target()).await;
        };
        match self.house.queue(op) {
            Ok(wait) => sends.push(Sent { request, wait }),
            Err(fault) => self.outcome(&request, outbound::outcome(Err(fault))).await?,
        }
        Ok(())
    }

    /// Waits for what was put into the queue.
    async fn settle(&mut self, sends: &mut Vec<Sent>) -> Result<(), LinkClosed> {
        for Sent { request, wait } in sends.drain(..) {
            let outcome = outbound::outcome(self.house.finish(wait).await);
            self.outcome(&request, outcome).await?;
        }
        Ok(())
    }

    async fn outcome(&self, request: &SendRequest, outcome: Outcome) -> Result<(), LinkClosed> {
        self.link.report(Report::Outcome { delivery: request.delivery, part: request.part, outcome }).await
    }

    async fn end_task(&mut self, ended: Result<Ended, tokio::task::JoinError>) -> Result<(), LinkClosed> {
        let (request, result) = match ended {
            Ok(Ended::Kept(request, result)) => (*request, result),
            Ok(Ended::Fetched(report)) => return self.link.report(*report).await,
            // A task that broke is a bug; its send stays unanswered and so unknown to the engine.
            Err(error) => {
                tracing::error!(account.id = %self.house.account, error = %error, "a copy of a file broke");
                return Ok(());
            }
        };
        let mut sends = Vec::new();
        match (result, self.house.by_id(&request.room)) {
            (Ok(file), Some(room)) => self.push(&room, request.clone(), Some(file), &mut sends).await?,
            (Ok(_), None) => self.outcome(&request, outbound::no_room()).await?,
            (Err(error), _) => self.outcome(&request, unkept(&error)).await?,
        }
        for waiting in self.lanes.release(&request.room) {
            if let Some(waiting) = self.lanes.pass(waiting) {
                self.submit(waiting, &mut sends).await?;
            }
        }
        self.settle(&mut sends).await
    }

    async fn join(&mut self, asked: Box<str>) -> Result<(), LinkClosed> {
        let done = self.house.act(Op::Join { name: asked.to_string() }).await;
        let (room, from) = match done {
            Ok(Done::Joined(room, from)) => (room, from),
            other => {
                let (why, retrying) = match other {
                    Err(Fault::NoRoom) => ("a room's name has 1 to 80 characters".to_owned(), false),
                    other => (format!("the room can't be opened now: {:?}", other.err()), false),
                };
                return self.link.report(Report::RoomFailed(RoomFailure { asked, why, retrying })).await;
            }
        };
        self.joined.entry(room.rid.clone()).or_insert_with(|| {
            let resume = self.resume.iter().find(|resume| resume.room == room.id);
            let cursor = resume.and_then(|resume| resume.cursor.as_ref()?.as_str().parse::<u64>().ok());
            (room.clone(), cursor.map_or(from, |cursor| cursor.max(from)))
        });
        let report = self.describe(&room, Some(asked));
        self.link.report(Report::Room(report)).await
    }

    async fn leave(&mut self, room: &RemoteRoomId) -> Result<(), LinkClosed> {
        if let Some(room) = self.house.by_id(room) {
            self.joined.remove(&room.rid);
            if let Err(fault) = self.house.act(Op::Leave { rid: room.rid.clone() }).await {
                tracing::warn!(account.id = %self.house.account, fault = ?fault, "a room could not be left");
            }
        }
        Ok(())
    }

    fn describe(&self, room: &LiveRoom, asked: Option<Box<str>>) -> RoomReport {
        RoomReport {
            asked,
            id: room.id.clone(),
            name: room.name.clone(),
            // Only those who were given the link can see it.
            kind: RoomKind::Private,
            capabilities: capabilities::of(&self.house.config()),
        }
    }

    async fn ask(&self, room: &RemoteRoomId, key: &str) -> Answer {
        let Some(room) = self.house.by_id(room) else { return Answer::CannotTell };
        let once = ids::digest(&["engine", key]);
        // Whatever is still being written is seen by this read, because the vault keeps the order of calls.
        match self.house.vault().read(&self.house.space, &ids::key::once(&room.rid, &once)).await {
            Ok(Some(bytes)) => match decode::<u64>(&bytes) {
                Some(seq) => Answer::Found(NativeIds::one(ids::message_id(seq))),
                None => Answer::CannotTell,
            },
            Ok(None) => Answer::Absent,
            Err(_) => Answer::Later,
        }
    }

    async fn ping(&self, room: &RemoteRoomId) -> Result<Duration, String> {
        let room = self.house.by_id(room).ok_or("no such room")?;
        let start = Instant::now();
        let found = self.house.vault().read(&self.house.space, &ids::key::room(&room.rid)).await;
        found.map_err(|error| error.to_string()).map(|_| start.elapsed())
    }

    /// Reports what happened in the rooms since the last time.
    async fn tell(&mut self) -> Result<(), LinkClosed> {
        let rooms: Vec<_> = self.joined.values().cloned().collect();
        for (room, reported) in rooms {
            let mut reported = reported;
            while reported < room.head() {
                reported = self.tell_some(&room, reported).await?;
                if let Some(known) = self.joined.get_mut(&room.rid) {
                    known.1 = reported;
                }
            }
        }
        Ok(())
    }

    /// Reports some acts after a place, and gives the place up to which everything is reported then.
    async fn tell_some(&mut self, room: &LiveRoom, after: u64) -> Result<u64, LinkClosed> {
        let started = self.started.get(&room.rid).copied().unwrap_or(0);
        if let Some(acts) = room.after(after) {
            let last = acts.last().map_or_else(|| room.head(), |act| act.seq);
            for act in acts {
                if let Some(event) = inbound::event(&room.id, act.seq, &act.act, act.seq <= started) {
                    self.link.accept(event).await?;
                }
            }
            return Ok(last);
        }
        let head = room.head();
        let (from, to) = (ids::key::act(&room.rid, after + 1), ids::key::act(&room.rid, head + 1));
        let found = match self.house.vault().scan(&self.house.space, &from, &to, PAGE, false).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(account.id = %self.house.account, error = %error, "a browser room cannot be read");
                tokio::time::sleep(Duration::from_secs(1)).await;
                return Ok(after);
            }
        };
        let is_all = found.len() < PAGE;
        let mut last = after;
        for (key, bytes) in found {
            let Some(seq) = ids::key::seq_of(&key) else { continue };
            last = seq;
            let act: Option<Act> = decode(&bytes);
            if let Some(event) = act.and_then(|act| inbound::event(&room.id, seq, &act, seq <= started)) {
                self.link.accept(event).await?;
            }
        }
        Ok(if is_all { head } else { last })
    }
}

/// A send whose answer is on its way.
struct Sent {
    request: SendRequest,
    wait: tokio::sync::oneshot::Receiver<Result<Done, Fault>>,
}

/// What the engine is told of a file that could not be kept; nothing is in the room then.
fn unkept(error: &KeepError) -> Outcome {
    let refused =
        |code: &str| Outcome::Refused(Refusal { kind: RefusalKind::Message, code: code.to_owned() });
    match error {
        KeepError::TooLarge => refused("file too large"),
        KeepError::Gone => refused("file gone from the spool"),
        KeepError::Source(why) => outbound::later(why),
        KeepError::Vault(error) => outbound::later(&error.to_string()),
    }
}
