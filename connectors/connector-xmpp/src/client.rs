//! What a session knows while it lives, across connections; what it does with stanzas and commands stands below.

mod commands;
mod files;
mod history;
mod messages;
mod queries;
mod rooms;
mod timers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sameroom_connector::{Backoff, Kit, Report, SessionLink};
use sameroom_types::action::{Outcome, Refusal, RefusalKind, SendRequest, Wait};
use sameroom_types::event::{Author, Inbound, Role};
use sameroom_types::ids::{DeliveryId, NativeIds, RemoteMessageId};
use sameroom_types::room::Health;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::Config;
use crate::ids::Place;
use crate::muc::Room;
use crate::sm::Counters;
use crate::stream::{Resumed, StreamError};
use crate::upload::Service;
use crate::wire;
use crate::xml::{Element, Xml};

pub(crate) use files::JobReport;
pub(crate) use queries::Asked;

/// How many reports of file tasks may wait; each task has at most one.
const JOB_REPORTS: usize = 64;

/// Why a session's work ends.
#[derive(Debug)]
pub(crate) enum End {
    /// We were told to stop, or the runtime is gone.
    Stopped,
    /// The stream is of no more use.
    Lost(StreamError),
}

impl From<StreamError> for End {
    fn from(error: StreamError) -> Self {
        Self::Lost(error)
    }
}

/// A send that is not confirmed.
#[derive(Debug)]
pub(crate) struct Pending {
    delivery: DeliveryId,
    part: u32,
    room: String,
    /// How many bytes had been queued before it, to tell whether it was written.
    offset: u64,
    /// When it was queued.
    since: Instant,
    /// What will confirm it.
    by: Confirmation,
}

/// What confirms a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confirmation {
    /// The room shows us a message, whose ids are then known.
    Post,
    /// The room shows us a change.
    Change,
    /// The server has it; nobody shows it to us.
    Taken,
    /// The answer to an iq.
    Answer,
}

/// Bytes on their way out.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// Not written yet.
    pub(crate) bytes: VecDeque<u8>,
    queued: u64,
    written: u64,
}

impl Out {
    fn push(&mut self, xml: &str) {
        self.bytes.extend(xml.as_bytes());
        self.queued += xml.len() as u64;
    }

    /// So many bytes have been written.
    pub(crate) fn advance(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
        self.written += count as u64;
    }

    /// Nothing of this goes out any more.
    fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// One session.
pub(crate) struct Client {
    pub(crate) config: Arc<Config>,
    pub(crate) kit: Kit,
    pub(crate) link: SessionLink,
    pub(crate) out: Out,
    pub(crate) counters: Counters,
    /// Whether a session is up, so that sends may go.
    pub(crate) online: bool,
    /// When bytes last came.
    pub(crate) heard: Instant,
    /// When bytes last went, or nothing had to.
    pub(crate) wrote: Instant,
    pub(crate) jobs: JoinSet<()>,
    pub(crate) job_reports: mpsc::Receiver<JobReport>,
    job_sender: mpsc::Sender<JobReport>,
    me: Author,
    nick: Option<String>,
    rooms: BTreeMap<String, Room>,
    /// Talks that the engine knows of since the last connect.
    directs: BTreeMap<String, ()>,
    pending: HashMap<Box<str>, Pending>,
    /// Sends that wait behind a file that is being uploaded, by room.
    behind: HashMap<String, VecDeque<SendRequest>>,
    asked: HashMap<String, Asked>,
    rounds: BTreeMap<String, history::Rounds>,
    next_id: u64,
    muc: Option<String>,
    /// Services that we still wait to hear of.
    discovering: u32,
    discovered: bool,
    /// When the session came up.
    ready_since: Instant,
    /// Rooms asked for by name before the room service is known.
    unresolved: Vec<Box<str>>,
    upload: Option<Service>,
    http: sameroom_http::Client,
    ping_sent: Option<Instant>,
    last_count: Instant,
}

impl Client {
    /// A session that was never connected.
    pub(crate) fn new(config: Arc<Config>, kit: Kit, link: SessionLink) -> Self {
        let now = Instant::now();
        let bare = config.jid.bare();
        let nick = config.nick.clone();
        let me = Author {
            id: bare.as_str().into(),
            name: nick.clone().or_else(|| config.jid.local.clone()).unwrap_or_default(),
            username: Some(bare),
            avatar: None,
            is_bot: true,
            role: Role::Unknown,
        };
        let (job_sender, job_reports) = mpsc::channel(JOB_REPORTS);
        let muc = config.muc.clone();
        let http = sameroom_http::Client::new(sameroom_http::Rules {
            allow_private: kit.allow_private_addresses,
            ..sameroom_http::Rules::default()
        });
        Self {
            config,
            kit,
            link,
            out: Out::default(),
            counters: Counters::default(),
            online: false,
            heard: now,
            wrote: now,
            jobs: JoinSet::new(),
            job_reports,
            job_sender,
            me,
            nick,
            rooms: BTreeMap::new(),
            directs: BTreeMap::new(),
            pending: HashMap::new(),
            behind: HashMap::new(),
            asked: HashMap::new(),
            rounds: BTreeMap::new(),
            next_id: 0,
            muc,
            discovering: 0,
            discovered: false,
            ready_since: now,
            unresolved: Vec::new(),
            upload: None,
            http,
            ping_sent: None,
            last_count: now,
        }
    }

    /// A stream is up.
    pub(crate) async fn on_stream(&mut self, resumed: Option<Resumed>, has_sm: bool) -> Result<(), End> {
        let now = Instant::now();
        (self.heard, self.wrote, self.ping_sent) = (now, now, None);
        match resumed {
            Some(Resumed::Yes(handled)) => return self.on_resumed(handled).await,
            Some(Resumed::No(handled)) => self.end_session(handled).await?,
            None => self.end_session(None).await?,
        }
        if has_sm {
            self.counters.ask();
            self.out.push(&format!("<enable xmlns='{}' resume='true'/>", wire::SM));
        }
        if self.nick.is_none() {
            let id = self.fresh_id();
            let xml = wire::ask(None, &id, "vCard", wire::VCARD);
            self.ask(id, &xml, queries::Question::OwnCard);
            return Ok(());
        }
        self.on_ready().await
    }

    /// The session is up and we know what we are called.
    async fn on_ready(&mut self) -> Result<(), End> {
        self.tell_connected().await?;
        self.send_stanza("<presence/>", None);
        self.ready_since = Instant::now();
        self.discover();
        if self.discovered { self.on_discovered().await } else { Ok(()) }
    }

    async fn tell_connected(&mut self) -> Result<(), End> {
        self.online = true;
        self.report(Report::Health(Health::Connected)).await?;
        let (realm, me) = (self.config.realm.clone(), self.me.clone());
        self.report(Report::Connected { realm, me }).await
    }

    async fn on_resumed(&mut self, handled: u32) -> Result<(), End> {
        self.out.clear();
        self.take_count(handled).await?;
        let again: Vec<String> = self.counters.resend().map(|kept| kept.xml.clone()).collect();
        for xml in again {
            self.out.push(&xml);
        }
        self.tell_connected().await?;
        let rooms: Vec<String> = self.rooms.keys().cloned().collect();
        for room in rooms {
            if self.rooms.get(&room).is_some_and(Room::is_in) {
                self.tell_room(&room, None).await?;
                self.self_ping(&room);
            }
        }
        Ok(())
    }

    /// The connection is gone. What can be resumed is kept until it is known whether it is.
    pub(crate) async fn on_lost(&mut self) -> Result<(), End> {
        self.online = false;
        self.ping_sent = None;
        if self.counters.resumption().is_none() {
            self.end_session(None).await?;
        }
        Ok(())
    }

    /// The old session is over for good: says what is known of each send, and forgets who is in the rooms.
    async fn end_session(&mut self, handled: Option<u32>) -> Result<(), End> {
        if let Some(handled) = handled {
            self.take_count(handled).await?;
        }
        let counted = self.counters.is_on() && handled.is_some();
        let unhandled: Vec<Box<str>> =
            self.counters.give_up().into_iter().filter_map(|kept| kept.key).collect();
        let written = self.out.written;
        self.out.clear();
        self.out.queued = written;
        let pending = std::mem::take(&mut self.pending);
        // In the order in which they were asked for.
        let mut pending: Vec<(Box<str>, Pending)> = pending.into_iter().collect();
        pending.sort_by_key(|(_, pending)| pending.offset);
        for (key, pending) in pending {
            let never_left = if counted { unhandled.contains(&key) } else { pending.offset >= written };
            let outcome = if never_left {
                later(None, Wait::Account, "the connection was lost before it was sent")
            } else {
                Outcome::Unknown { why: "the connection was lost before the room showed it".into() }
            };
            self.tell_outcome(pending.delivery, pending.part, outcome).await?;
        }
        let behind = std::mem::take(&mut self.behind);
        for request in behind.into_values().flatten() {
            let outcome = later(None, Wait::Account, "the connection was lost before it was sent");
            self.tell_outcome(request.delivery, request.part, outcome).await?;
        }
        self.forget_questions().await?;
        self.directs.clear();
        for room in self.rooms.values_mut() {
            room.phase = crate::muc::Phase::Out;
            room.forget_people();
        }
        Ok(())
    }

    /// The server says how many of our stanzas it has handled.
    async fn take_count(&mut self, handled: u32) -> Result<(), End> {
        for kept in self.counters.acknowledge(handled) {
            let Some(key) = kept.key else { continue };
            if self.pending.get(&key).is_some_and(|pending| pending.by == Confirmation::Taken)
                && let Some(pending) = self.pending.remove(&key)
            {
                let ids = Some(NativeIds::one(&*key));
                self.tell_outcome(pending.delivery, pending.part, Outcome::Done { ids, shown: false })
                    .await?;
            }
        }
        Ok(())
    }

    /// Takes one stanza of the stream.
    pub(crate) async fn on_stanza(&mut self, stanza: &Element) -> Result<(), End> {
        match (stanza.ns(), stanza.name()) {
            (wire::CLIENT, "message") => {
                self.counters.count_in();
                self.on_message(stanza).await
            }
            (wire::CLIENT, "presence") => {
                self.counters.count_in();
                self.on_presence(stanza).await
            }
            (wire::CLIENT, "iq") => {
                self.counters.count_in();
                self.on_iq(stanza).await
            }
            (wire::SM, "r") => {
                let mut xml = Xml::new();
                xml.start_ns("a", wire::SM).attr_number("h", u64::from(self.counters.handled())).end("a");
                self.out.push(&xml.finish());
                Ok(())
            }
            (wire::SM, "a") => match stanza.attr("h").and_then(|h| h.parse().ok()) {
                Some(handled) => self.take_count(handled).await,
                None => Ok(()),
            },
            (wire::SM, "enabled") => {
                let resumable = stanza.attr("resume").is_some_and(|value| value == "true" || value == "1");
                self.counters.enable(stanza.attr("id").filter(|_| resumable).map(str::to_owned));
                Ok(())
            }
            (wire::SM, "failed") => {
                self.counters.disable();
                Ok(())
            }
            (wire::STREAMS, "error") => Err(crate::stream::stream_error(stanza).into()),
            _ => Ok(()),
        }
    }

    /// Queues a stanza.
    fn send_stanza(&mut self, xml: &str, key: Option<&str>) {
        self.counters.keep(xml, key);
        self.out.push(xml);
    }

    /// Queues something that is no stanza and is not counted.
    pub(crate) fn send_raw(&mut self, xml: &str) {
        self.out.push(xml);
    }

    fn fresh_id(&mut self) -> String {
        self.next_id += 1;
        format!("sr-{}", self.next_id)
    }

    /// A time-out-free delay source for one room.
    fn room_backoff() -> Backoff {
        Backoff::new(Duration::from_secs(2), Duration::from_secs(300))
    }

    pub(crate) async fn report(&mut self, report: Report) -> Result<(), End> {
        tokio::select! {
            biased;
            () = self.link.stop.cancelled() => Err(End::Stopped),
            sent = self.link.report(report) => sent.map_err(|_| End::Stopped),
        }
    }

    async fn accept(&mut self, inbound: Inbound) -> Result<(), End> {
        let stop = self.link.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(End::Stopped),
            taken = self.link.accept(inbound) => taken.map(|_| ()).map_err(|_| End::Stopped),
        }
    }

    async fn tell_outcome(&mut self, delivery: DeliveryId, part: u32, outcome: Outcome) -> Result<(), End> {
        self.report(Report::Outcome { delivery, part, outcome }).await
    }

    /// The room showed us a message of ours.
    async fn confirm(&mut self, key: &str, archive_id: Option<&str>) -> Result<bool, End> {
        let Some(pending) = self.pending.remove(key) else { return Ok(false) };
        let ids = (pending.by == Confirmation::Post).then(|| NativeIds {
            primary: archive_id.unwrap_or(key).into(),
            origin: Some(RemoteMessageId::from(key)),
        });
        self.tell_outcome(pending.delivery, pending.part, Outcome::Done { ids, shown: true }).await?;
        Ok(true)
    }

    /// Where each room was read to when the program last stopped.
    fn resume_place(&self, jid: &str) -> Option<Place> {
        let resume = self.link.resume.iter().find(|resume| resume.room.as_str() == jid)?;
        let kept = resume.cursor.as_ref().and_then(Place::from_cursor);
        kept.or_else(|| resume.last_heard.map(Place::at))
    }
}

/// A refusal for now.
fn later(after: Option<Duration>, scope: Wait, why: &str) -> Outcome {
    Outcome::Later { after, scope, why: why.to_owned() }
}

/// A refusal for good.
fn refused(kind: RefusalKind, code: &str) -> Outcome {
    Outcome::Refused(Refusal { kind, code: code.to_owned() })
}
