//! What comes into the state machine and what goes out of it.

use std::sync::Arc;
use std::time::Duration;

use sameroom_markup::Dialect;
use sameroom_types::action::{Answer, Outcome, SendRequest};
use sameroom_types::capabilities::{Capabilities, Support};
use sameroom_types::event::{Author, FileRef, Inbound};
use sameroom_types::ids::{
    AccountId, DeliveryId, DeliveryKey, RealmId, RemoteRoomId, RemoteUserId, RoomId, RoomSpec, Seq, SpoolId,
    Ticket, TubeId,
};
use sameroom_types::policy::Configuration;
use sameroom_types::room::{Direction, Health, RoomKind, Tube, TubeState};
use sameroom_types::rows::{Query, Row, StoredMessage};
use sameroom_types::time::Timestamp;

/// Gives the markup of a platform's rooms.
pub trait Dialects: Send + Sync {
    /// The dialect of a platform for rooms with this degree of formatting.
    fn dialect(&self, platform: &str, formatting: Support) -> Arc<dyn Dialect>;
}

/// What the engine is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The configuration, at start and whenever it changes.
    Configure(Box<Configuration>),
    /// Everything up to here survives a kill.
    Written(Seq),
    /// Everything up to here survives power loss.
    Durable(Seq),
    /// The store has everything up to here.
    Stored(Seq),
    /// Something that the store was asked.
    Loaded {
        /// As given in the effect.
        id: u64,
        /// What the store knows.
        found: Option<Box<StoredMessage>>,
    },
    /// A session's state changed.
    Health {
        /// The account.
        account: AccountId,
        /// Its state.
        health: Health,
    },
    /// A session knows its world.
    Connected {
        /// The account.
        account: AccountId,
        /// Its world.
        realm: RealmId,
        /// Itself.
        me: Box<Author>,
    },
    /// A session can use a room.
    Room {
        /// The account.
        account: AccountId,
        /// The room as written in the join, if one is answered.
        asked: Option<Box<str>>,
        /// Its id.
        id: RemoteRoomId,
        /// Its name.
        name: String,
        /// Who sees it.
        kind: RoomKind,
        /// What can be done in it.
        capabilities: Box<Capabilities>,
    },
    /// A session can't use a room.
    RoomFailed {
        /// The account.
        account: AccountId,
        /// The room as written in the join.
        asked: Box<str>,
        /// Why and what to do.
        why: String,
        /// Whether the session keeps trying.
        retrying: bool,
    },
    /// Something happened in a room.
    Event {
        /// The account that heard it.
        account: AccountId,
        /// The session's count.
        ticket: Ticket,
        /// What happened.
        inbound: Box<Inbound>,
    },
    /// An account was invited.
    Invited {
        /// The account.
        account: AccountId,
        /// The room as a join wants it.
        room: Box<str>,
        /// By whom.
        by: Option<Box<Author>>,
    },
    /// What came of a send.
    Sent {
        /// The account that sent.
        account: AccountId,
        /// The delivery.
        delivery: DeliveryId,
        /// The part.
        part: u32,
        /// What came of it.
        outcome: Outcome,
    },
    /// What came of asking.
    Answered {
        /// The delivery.
        delivery: DeliveryId,
        /// The part.
        part: u32,
        /// The answer.
        answer: Answer,
    },
    /// A fetch ended.
    Fetched {
        /// The file.
        spool: SpoolId,
        /// Its size, or why there is none.
        result: Result<u64, String>,
    },
    /// A round trip ended.
    Pong {
        /// As given in the effect.
        id: u64,
        /// How long it took.
        result: Result<Duration, String>,
    },
    /// Something that the operator or the API asks.
    Operator {
        /// Given back in the reply.
        id: u64,
        /// What is asked.
        request: Request,
    },
    /// Time has passed; see [`crate::Engine::next_timer`].
    Tick,
}

/// What the operator, a page or the command line asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// All tubes.
    Tubes,
    /// All rooms.
    Rooms,
    /// All accounts.
    Accounts,
    /// All portals.
    Portals,
    /// The rooms of a room's network, by the names that may be told.
    Map(RoomId),
    /// The tubes of a room, by the names that may be told.
    Manage(RoomId),
    /// Where a portal leads, by the last segment of its URL.
    Portal(String),
    /// Enter a room and stay.
    AddRoom {
        /// The room.
        room: RoomSpec,
        /// Who asks.
        by: String,
    },
    /// Leave a room that has no tube.
    RemoveRoom {
        /// The room.
        room: RoomSpec,
        /// Who asks.
        by: String,
    },
    /// Make a tube.
    AddTube {
        /// One end.
        a: RoomSpec,
        /// The other end.
        b: RoomSpec,
        /// Which way.
        direction: Direction,
        /// Who asks.
        by: String,
    },
    /// Change a tube.
    ChangeTube {
        /// The tube.
        tube: TubeId,
        /// How.
        change: crate::record::TubeChange,
        /// Who asks.
        by: String,
    },
    /// Make a portal to a room.
    AddPortal {
        /// The room.
        room: RoomSpec,
        /// Whether each use waits for approval.
        approval: bool,
        /// Who asks.
        by: String,
    },
    /// End a portal.
    RevokePortal {
        /// The portal.
        portal: sameroom_types::ids::PortalId,
        /// Who asks.
        by: String,
    },
    /// Answer a request to connect.
    AnswerRequest {
        /// The request.
        request: sameroom_types::ids::RequestId,
        /// Whether to make the tube.
        accept: bool,
        /// Who asks.
        by: String,
    },
    /// Waiting, held and parked deliveries, at most this many.
    Waiting {
        /// The most to list.
        limit: usize,
    },
    /// Put a parked delivery back into its lane.
    Retry(DeliveryId),
    /// Give up a waiting or parked delivery.
    Drop(DeliveryId),
    /// Counters for metrics.
    Figures,
}

/// What the engine answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Tubes with their states.
    Tubes(Vec<TubeView>),
    /// Rooms.
    Rooms(Vec<RoomView>),
    /// Accounts.
    Accounts(Vec<AccountView>),
    /// Portals.
    Portals(Vec<crate::record::Portal>),
    /// Deliveries that did not end.
    Deliveries(Vec<DeliveryView>),
    /// Counters.
    Figures(Box<crate::figures::Figures>),
    /// A room's name, and lines about rooms or tubes.
    Lines {
        /// The room's name.
        room: String,
        /// Each line with how that room or tube is doing.
        lines: Vec<(String, TubeState)>,
    },
    /// Where a portal leads; `None` when there is no such portal.
    Portal(Option<PortalTarget>),
    /// Done, in a sentence.
    Done(String),
    /// Not done, and why.
    Refused(String),
}

/// Where a portal leads, as far as it may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalTarget {
    /// The room.
    pub room: String,
    /// Its platform.
    pub platform: String,
    /// Whether somebody there must agree first.
    pub approval: bool,
}

/// A tube as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct TubeView {
    /// The tube.
    pub tube: Tube,
    /// Where it stands.
    pub state: TubeState,
}

/// A room as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomView {
    /// Its number.
    pub room: RoomId,
    /// Through which accounts.
    pub specs: Vec<RoomSpec>,
    /// Its name.
    pub name: String,
    /// Who sees it.
    pub kind: RoomKind,
    /// Whether it can be used, and if not, why.
    pub state: Result<(), String>,
    /// Deliveries in its lane.
    pub waiting: usize,
}

/// An account as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountView {
    /// Its name.
    pub id: AccountId,
    /// Its platform.
    pub platform: String,
    /// Its state.
    pub health: Health,
    /// What it is called on its platform.
    pub name: Option<String>,
    /// Whether it is a BridgeBot.
    pub bridgebot: bool,
}

/// A delivery as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryView {
    /// The delivery.
    pub delivery: DeliveryId,
    /// How it stands.
    pub state: sameroom_types::rows::DeliveryState,
    /// When its event was accepted.
    pub accepted: Timestamp,
}

/// What the engine wants done, in this order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Append to the log.
    Append {
        /// The record's place; counts up without a gap.
        seq: Seq,
        /// The plain part.
        record: Vec<u8>,
        /// The number of the key that seals the body, and the body.
        body: Option<(u64, Vec<u8>)>,
    },
    /// Make what is written durable soon.
    Flush,
    /// Hand a part to a session.
    Send {
        /// The account.
        account: AccountId,
        /// What to send.
        request: Box<SendRequest>,
    },
    /// Ask a session whether an earlier send arrived.
    Ask {
        /// The account.
        account: AccountId,
        /// The delivery.
        delivery: DeliveryId,
        /// The part.
        part: u32,
        /// The room.
        room: RemoteRoomId,
        /// The key.
        key: DeliveryKey,
        /// When it was first tried.
        since: Timestamp,
    },
    /// Tell a session that its events up to here are durable.
    Acknowledge {
        /// The account.
        account: AccountId,
        /// Up to which event.
        ticket: Ticket,
    },
    /// Enter a room and stay.
    Join {
        /// The account.
        account: AccountId,
        /// The room as written.
        room: Box<str>,
    },
    /// Leave a room.
    Leave {
        /// The account.
        account: AccountId,
        /// The room.
        room: RemoteRoomId,
    },
    /// Fetch a file into the spool.
    Fetch {
        /// The account that reported it.
        account: AccountId,
        /// Where to put it.
        spool: SpoolId,
        /// The file.
        file: FileRef,
    },
    /// Remove a file from the spool.
    Unspool(SpoolId),
    /// Offer a file of the spool under a signed link.
    Share {
        /// The file.
        spool: SpoolId,
        /// The unguessable segment of its link.
        token: String,
        /// Its name.
        name: String,
    },
    /// Measure a round trip.
    Ping {
        /// The account.
        account: AccountId,
        /// The room.
        room: RemoteRoomId,
        /// Given back in the answer.
        id: u64,
    },
    /// Say something to one person alone.
    Whisper {
        /// The account.
        account: AccountId,
        /// The room in which they spoke.
        room: RemoteRoomId,
        /// Whom.
        to: RemoteUserId,
        /// Plain text.
        text: String,
    },
    /// Ask the store.
    Load {
        /// Given back in the answer.
        id: u64,
        /// The question.
        query: Query,
    },
    /// Hand rows to the store; all of records up to `seq`.
    Store {
        /// The record they come from.
        seq: Seq,
        /// The rows.
        rows: Vec<Row>,
    },
    /// Zero the keys of bodies that are no longer needed.
    DestroyKeys(Vec<u64>),
    /// Everything before this place is in a snapshot or done.
    Truncate(Seq),
    /// Answer the operator.
    Reply {
        /// As given in the request.
        id: u64,
        /// The answer.
        reply: Reply,
    },
    /// A private, one-time link to a room's tubes: the pages open it.
    ManageLink {
        /// The unguessable segment.
        token: String,
        /// The room.
        room: RoomId,
        /// What kind of page: `manage` or `map`.
        page: &'static str,
    },
}
