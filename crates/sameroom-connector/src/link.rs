//! The two queues between a session and the runtime.

use std::time::Duration;

use sameroom_types::action::{Answer, Outcome, SendRequest};
use sameroom_types::capabilities::Capabilities;
use sameroom_types::event::{Author, FileRef, Inbound};
use sameroom_types::ids::{
    AccountId, Cursor, DeliveryId, DeliveryKey, RealmId, RemoteRoomId, RemoteUserId, SpoolId, Ticket,
};
use sameroom_types::room::{Health, RoomKind};
use sameroom_types::time::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What the runtime asks of a session.
#[derive(Clone, Debug)]
pub enum Command {
    /// Enter this room and stay; answered by [`Report::Room`] or [`Report::RoomFailed`], again after each reconnect.
    ///
    /// Asked again for a room that is already joined, it answers at once. After a kick it is asked
    /// only when somebody wants us back.
    Join {
        /// The room as somebody wrote it.
        room: Box<str>,
    },
    /// Leave this room for good.
    Leave {
        /// The room.
        room: RemoteRoomId,
    },
    /// Send one part; answered by exactly one [`Report::Outcome`], unless the session ends before.
    ///
    /// Requests for one room arrive in order and must reach the platform in that order. While the
    /// connection is down the answer is `Later { after: None, scope: Account }`, at once.
    Send(SendRequest),
    /// Find out whether an earlier send arrived; answered by [`Report::Answer`].
    Ask {
        /// The delivery.
        delivery: DeliveryId,
        /// The part.
        part: u32,
        /// The room.
        room: RemoteRoomId,
        /// The key with which it was sent.
        key: DeliveryKey,
        /// When it was first tried.
        since: Timestamp,
    },
    /// Fetch a file that this session reported into the spool; answered by [`Report::Fetched`].
    Fetch {
        /// Where to put it.
        spool: SpoolId,
        /// What to fetch.
        file: FileRef,
        /// The most bytes to take; beyond it the fetch fails with [`FetchError::TooLarge`].
        max_bytes: u64,
    },
    /// Measure a round trip by something the platform answers, posting nothing; answered by [`Report::Pong`].
    Ping {
        /// The room.
        room: RemoteRoomId,
        /// Given back in the answer.
        id: u64,
    },
    /// Say something to one person alone, best effort.
    Whisper {
        /// The room in which they spoke.
        room: RemoteRoomId,
        /// Whom.
        to: RemoteUserId,
        /// Plain text.
        text: String,
    },
    /// List the rooms that the account can see; answered by [`Report::Rooms`].
    ListRooms,
}

/// What a session tells the runtime.
#[derive(Clone, Debug)]
pub enum Report {
    /// How the session is doing; sent at every change.
    Health(Health),
    /// The session knows its world and itself; sent after each connect, before any room or event.
    Connected {
        /// The world in which this account's room ids are unique.
        realm: RealmId,
        /// The account's own person there.
        me: Author,
    },
    /// A room can be used: joined, or its abilities changed.
    Room(RoomReport),
    /// A room can't be used.
    RoomFailed(RoomFailure),
    /// Something happened in a room.
    Event {
        /// Counted up by the link; the durable ticket tells what may be acknowledged.
        ticket: Ticket,
        /// What happened.
        inbound: Box<Inbound>,
    },
    /// Somebody invited the account; the engine answers with a join or not at all.
    Invited {
        /// The room as [`Command::Join`] wants it.
        room: Box<str>,
        /// Who invited, as far as told.
        by: Option<Author>,
    },
    /// What came of a send.
    Outcome {
        /// The delivery.
        delivery: DeliveryId,
        /// The part.
        part: u32,
        /// What came of it. A second outcome with `shown` may follow a first one without.
        outcome: Outcome,
    },
    /// What asking brought to light.
    Answer {
        /// The delivery.
        delivery: DeliveryId,
        /// The part.
        part: u32,
        /// The answer.
        answer: Answer,
    },
    /// A fetch ended.
    Fetched {
        /// Where it was put.
        spool: SpoolId,
        /// Its size in bytes, or why there is nothing.
        result: Result<u64, FetchError>,
    },
    /// A round trip ended.
    Pong {
        /// As given in the ping.
        id: u64,
        /// How long it took, or why it failed.
        result: Result<Duration, String>,
    },
    /// The rooms that the account can see.
    Rooms(Vec<RoomReport>),
}

/// A room that can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomReport {
    /// The room as it was written in the join that this answers; `None` when nobody asked.
    pub asked: Option<Box<str>>,
    /// Its id.
    pub id: RemoteRoomId,
    /// Its name for people.
    pub name: String,
    /// Who can see it.
    pub kind: RoomKind,
    /// What can be done there, narrowed for this room.
    pub capabilities: Capabilities,
}

/// A room that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomFailure {
    /// The room as it was written.
    pub asked: Box<str>,
    /// Why and what to do about it, in plain words.
    pub why: String,
    /// Whether the session keeps trying by itself (then the lanes are held), or it is for good.
    pub retrying: bool,
}

/// Why a file could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It is larger than allowed.
    #[error("larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// It is gone or may not be read.
    #[error("not available: {0}")]
    Gone(String),
    /// The network failed; trying again may help.
    #[error("could not be fetched: {0}")]
    Network(String),
    /// The spool could not take it.
    #[error("could not be kept: {0}")]
    Spool(String),
}

/// Where a room was read to, before the program last stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The room.
    pub room: RemoteRoomId,
    /// The last durable cursor, where the connector gave one.
    pub cursor: Option<Cursor>,
    /// When something of this room was last accepted.
    pub last_heard: Option<Timestamp>,
}

/// The runtime is gone; the session should return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the runtime has stopped")]
pub struct LinkClosed;

/// A session's side of the queues.
#[derive(Debug)]
pub struct SessionLink {
    /// The account.
    pub account: AccountId,
    /// This Sameroom among all others: eight lower-case letters and digits, see [`sameroom_types::ids::Mark`].
    pub installation: Box<str>,
    /// What to do; bounded, so a session that does not read slows its own lanes only.
    pub commands: mpsc::Receiver<Command>,
    /// Fires when the session must end.
    pub stop: CancellationToken,
    /// Up to which ticket events are durable, so that they may be acknowledged.
    pub durable: watch::Receiver<Ticket>,
    /// Where each known room was read to.
    pub resume: Vec<Resume>,
    reports: mpsc::Sender<(AccountId, Report)>,
    last_ticket: Ticket,
}

/// The runtime's side of one session's queues.
#[derive(Debug)]
pub struct RuntimeEnd {
    /// To the session.
    pub commands: mpsc::Sender<Command>,
    /// Ends the session.
    pub stop: CancellationToken,
    /// Tells the session what is durable.
    pub durable: watch::Sender<Ticket>,
}

impl SessionLink {
    /// Ties a session to a runtime's report queue; `capacity` bounds the commands under way.
    #[must_use]
    pub fn new(
        account: AccountId,
        installation: Box<str>,
        resume: Vec<Resume>,
        reports: mpsc::Sender<(AccountId, Report)>,
        stop: CancellationToken,
        capacity: usize,
    ) -> (Self, RuntimeEnd) {
        let (command_tx, commands) = mpsc::channel(capacity);
        let (durable_tx, durable) = watch::channel(Ticket(0));
        let end = RuntimeEnd { commands: command_tx, stop: stop.clone(), durable: durable_tx };
        let link =
            Self { account, installation, commands, stop, durable, resume, reports, last_ticket: Ticket(0) };
        (link, end)
    }

    /// Hands over an event; waits only while the queue is full.
    ///
    /// # Errors
    /// When the runtime has stopped.
    pub async fn accept(&mut self, inbound: Inbound) -> Result<Ticket, LinkClosed> {
        self.last_ticket.0 += 1;
        let ticket = self.last_ticket;
        self.report(Report::Event { ticket, inbound: Box::new(inbound) }).await?;
        Ok(ticket)
    }

    /// Hands over anything else; waits only while the queue is full.
    ///
    /// # Errors
    /// When the runtime has stopped.
    pub async fn report(&self, report: Report) -> Result<(), LinkClosed> {
        self.reports.send((self.account.clone(), report)).await.map_err(|_| LinkClosed)
    }

    /// A sender for reports from tasks that the session owns; events go through [`Self::accept`] only.
    #[must_use]
    pub fn reporter(&self) -> mpsc::Sender<(AccountId, Report)> {
        self.reports.clone()
    }
}
