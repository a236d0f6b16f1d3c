//! The protocol as a state machine: bytes and time in, bytes and reports out, no I/O.
//!
//! One [`Client`] lives as long as one connection; [`Memory`] goes on to the next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use sameroom_connector::{Clock, Report, RoomFailure, RoomReport};
use sameroom_types::action::{Outcome, Wait};
use sameroom_types::capabilities::Capabilities;
use sameroom_types::event::{Inbound, RoomEvent};
use sameroom_types::ids::{NativeIds, RemoteRoomId};
use sameroom_types::room::{Health, RoomKind};
use sameroom_types::time::Timestamp;
use tokio::time::Instant;

use crate::capabilities::{Facts, of_room};
use crate::caps::Caps;
use crate::config::{Config, Pace};
use crate::confirm::{Confirm, Track};
use crate::fill::Requests;
use crate::inbound::Batch;
use crate::isupport::Isupport;
use crate::memory::Memory;
use crate::pacing::Queue;
use crate::refusal::Closing;
use crate::registration::Phase;
use crate::rooms::Room;
use crate::sasl::Exchange;
use crate::users::Users;
use crate::wire::LineBuilder;

/// Bytes waiting for the socket above which no more lines are released.
const OUT_MAX_BYTES: usize = 128 * 1024;

/// Silence after which we ask whether the server is still there.
const PING_AFTER: Duration = Duration::from_secs(90);

/// Silence after which the connection counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(150);

/// The same while the server owes us an answer.
const DEAD_AFTER_UNANSWERED: Duration = Duration::from_secs(60);

/// How often the wanted nick is tried again.
const REGAIN_EVERY: Duration = Duration::from_secs(60);

/// How long a list of rooms may take.
const LIST_PATIENCE: Duration = Duration::from_secs(20);

/// The most rooms listed.
pub(crate) const LIST_MAX: usize = 2_000;

/// What the connection has to carry to the runtime.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "events are what there is most of, and are boxed when handed over"
)]
pub(crate) enum Effect {
    /// An event, which gets a ticket.
    Event(Inbound),
    /// Anything else.
    Report(Report),
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It broke, or the server closed it; it is tried again.
    Lost {
        /// What happened.
        why: String,
        /// What it calls for.
        closing: Closing,
    },
    /// The login is not accepted; trying again is useless.
    Relink {
        /// What the server said.
        why: String,
    },
}

/// A line that waits for its turn.
#[derive(Debug)]
pub(crate) struct Queued {
    /// The line with its end.
    pub(crate) bytes: Vec<u8>,
    /// The send it carries out.
    pub(crate) track: Option<Track>,
}

/// A measurement under way.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The engine's number.
    pub(crate) id: u64,
    /// Since when.
    pub(crate) since: Instant,
}

/// The first and the longest pause before a server that owes an answer is woken.
const NUDGE: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(250));

/// A list of rooms under way.
#[derive(Debug)]
pub(crate) struct Listing {
    /// Since when.
    pub(crate) since: Instant,
    /// What came so far.
    pub(crate) rooms: Vec<RoomReport>,
}

/// One connection's protocol.
pub(crate) struct Client {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) memory: Memory,
    /// Bytes for the socket.
    pub(crate) out: BytesMut,
    /// How many bytes were ever put into `out`.
    queued_bytes: u64,
    pub(crate) effects: Vec<Effect>,
    pub(crate) end: Option<End>,
    pub(crate) phase: Phase,
    pub(crate) caps: Caps,
    pub(crate) sasl: Option<Exchange>,
    pub(crate) server: Isupport,
    pub(crate) nick: String,
    pub(crate) nick_tries: u32,
    pub(crate) user_host: Option<Box<str>>,
    pub(crate) account: Option<Box<str>>,
    pub(crate) rooms: HashMap<String, Room>,
    pub(crate) directs: HashSet<String>,
    pub(crate) users: Users,
    pub(crate) split_off: HashSet<String>,
    pub(crate) batches: HashMap<String, Batch>,
    pub(crate) queue: Queue<Queued>,
    pub(crate) confirm: Confirm,
    pub(crate) requests: Requests,
    pub(crate) probes: HashMap<u64, Probe>,
    pub(crate) listing: Option<Listing>,
    pub(crate) regain_at: Instant,
    pub(crate) ctcp_at: Option<Instant>,
    pub(crate) last_words: Option<String>,
    heard_at: Instant,
    heard_wall: Timestamp,
    pinged: bool,
    /// When to wake a server that owes an answer, and the pause before that.
    nudge_at: Option<(Instant, Duration)>,
}

impl Client {
    /// Starts on a fresh connection.
    pub(crate) fn new(config: Arc<Config>, clock: Arc<dyn Clock>, memory: Memory, now: Instant) -> Self {
        let pace = config.pace.map(|pace| Pace { per_second: pace.per_second * memory.pace_factor, ..pace });
        let heard_wall = clock.wall();
        let mut client = Self {
            nick: config.nick.clone(),
            config,
            clock,
            memory,
            out: BytesMut::with_capacity(16 * 1024),
            queued_bytes: 0,
            nudge_at: None,
            effects: Vec::new(),
            end: None,
            phase: Phase::Negotiating { since: now },
            caps: Caps::default(),
            sasl: None,
            server: Isupport::default(),
            nick_tries: 0,
            user_host: None,
            account: None,
            rooms: HashMap::new(),
            directs: HashSet::new(),
            users: Users::default(),
            split_off: HashSet::new(),
            batches: HashMap::new(),
            queue: Queue::new(pace, now),
            confirm: Confirm::default(),
            requests: Requests::default(),
            probes: HashMap::new(),
            listing: None,
            regain_at: now + REGAIN_EVERY,
            ctcp_at: None,
            last_words: None,
            heard_at: now,
            heard_wall,
            pinged: false,
        };
        client.register();
        client
    }

    /// Whether rooms can be used.
    pub(crate) fn is_online(&self) -> bool {
        self.phase == Phase::Online
    }

    /// Folds a name by the server's rule.
    pub(crate) fn fold(&self, name: &str) -> String {
        self.server.casemapping.fold(name)
    }

    /// Whether a nick is ours.
    pub(crate) fn is_me(&self, nick: &str) -> bool {
        self.server.casemapping.same(nick, &self.nick)
    }

    /// Puts a line into the stream at once, past the pace.
    pub(crate) fn write(&mut self, line: LineBuilder) {
        let bytes = line.finish();
        self.queued_bytes += bytes.len() as u64;
        self.out.extend_from_slice(&bytes);
    }

    /// Lets a line go before everything that is said.
    pub(crate) fn urgent(&mut self, line: LineBuilder) {
        self.queue.push_urgent(Queued { bytes: line.finish(), track: None });
    }

    /// Adds a report.
    pub(crate) fn report(&mut self, report: Report) {
        self.effects.push(Effect::Report(report));
    }

    /// Reports what came of a send.
    pub(crate) fn outcome(&mut self, track: &Track, outcome: Outcome) {
        self.report(Report::Outcome { delivery: track.delivery, part: track.part, outcome });
    }

    /// Reports a send as done.
    pub(crate) fn done(&mut self, track: &Track, ids: Option<NativeIds>, shown: bool) {
        self.outcome(track, Outcome::Done { ids, shown });
    }

    /// Reports an event of now without a message behind it.
    pub(crate) fn happened(&mut self, folded: &str, at: Option<Timestamp>, event: RoomEvent) {
        let inbound = Inbound { room: RemoteRoomId::new(folded), at, cursor: None, history: false, event };
        self.effects.push(Effect::Event(inbound));
    }

    /// Ends the connection, unless it has a reason to already.
    pub(crate) fn close(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// Notes that something came.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.heard_wall = self.clock.wall();
        self.pinged = false;
    }

    /// Moves lines whose turn it is into the stream, and asks for confirmation.
    pub(crate) fn release(&mut self, now: Instant) {
        while self.out.len() < OUT_MAX_BYTES
            && let Some(line) = self.queue.pop(now)
        {
            if let Some(track) = line.track {
                self.confirm.sent(track, self.queued_bytes, now);
            }
            self.queued_bytes += line.bytes.len() as u64;
            self.out.extend_from_slice(&line.bytes);
        }
        if let Some(token) = self.confirm.barrier(self.caps.on.answers(), self.queued_bytes, now) {
            self.write(LineBuilder::new().command("PING").text(&format!("sr-b{token}")));
            self.nudge_at = Some((now + NUDGE.0, NUDGE.0));
        }
        self.nudge(now);
    }

    /// While a barrier is out on a server of our own, wakes the server with an empty line now and then:
    /// ngIRCd reads a burst in full but handles only its first lines until more bytes come. RFC 1459
    /// section 2.3 has empty lines ignored. Servers with flood protection are left alone.
    fn nudge(&mut self, now: Instant) {
        if self.config.pace.is_some() || !self.confirm.has_barrier() {
            self.nudge_at = None;
        }
        let Some((at, pause)) = self.nudge_at else { return };
        if now >= at && self.out.is_empty() {
            self.queued_bytes += 2;
            self.out.extend_from_slice(b"\r\n");
            let pause = (pause * 2).min(NUDGE.1);
            self.nudge_at = Some((now + pause, pause));
        }
    }

    /// When the next line may go; `None` while none waits for its turn.
    pub(crate) fn next_line_at(&self) -> Option<Instant> {
        let nudge = self.nudge_at.map(|(at, _)| at);
        [self.queue.next_at(), nudge].into_iter().flatten().min()
    }

    /// Does what time calls for; called about once a second.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.watch_registration(now);
        self.watch_silence(now);
        if !self.is_online() {
            return;
        }
        if now >= self.regain_at {
            self.regain_at = now + REGAIN_EVERY;
            self.regain();
        }
        self.retry_joins(now);
        self.watch_fills(now);
        if self
            .listing
            .as_ref()
            .is_some_and(|listing| now.saturating_duration_since(listing.since) > LIST_PATIENCE)
        {
            self.end_listing();
        }
    }

    fn watch_silence(&mut self, now: Instant) {
        let silence = now.saturating_duration_since(self.heard_at);
        let patience =
            if self.confirm.is_waiting() && self.pinged { DEAD_AFTER_UNANSWERED } else { DEAD_AFTER };
        if silence >= patience {
            let why = format!("the server has been silent for {} s", silence.as_secs());
            self.close(End::Lost { why, closing: Closing::Usual });
        } else if !self.pinged
            && (silence >= PING_AFTER || (silence >= PING_AFTER / 3 && self.confirm.is_waiting()))
        {
            self.pinged = true;
            self.write(LineBuilder::new().command("PING").text("sr-alive"));
        }
    }

    /// Tries to get the wanted nick.
    pub(crate) fn regain(&mut self) {
        if self.is_online() && !self.is_me(&self.config.nick) {
            let line = LineBuilder::new().command("NICK").arg(&self.config.nick);
            self.urgent(line);
        }
    }

    /// The table of a room as things are now.
    pub(crate) fn capabilities(&self, name: &str, room: Option<&Room>) -> Capabilities {
        let me = self.fold(&self.nick);
        of_room(Facts {
            on: self.caps.on,
            may_reply: self.server.allows_tag("reply") || self.server.allows_tag("draft/reply"),
            may_react: self.server.allows_tag("draft/react"),
            may_colour: room.is_none_or(|room| !room.modes.contains(&'c') && !room.modes.contains(&'S')),
            is_operator: room
                .is_some_and(|room| room.role(&me, &self.server) >= sameroom_types::event::Role::Moderator),
            is_direct: !self.server.is_room(name),
            is_paced: self.config.pace.is_some(),
            line_len: self.server.line_len,
            nick: &self.nick,
            user_host: self.user_host.as_deref(),
            room: name,
        })
    }

    /// Reports a joined room: always to those who asked, else only if something changed.
    pub(crate) fn report_room(&mut self, folded: &str) {
        let Some(room) = self.rooms.get(folded) else { return };
        let capabilities = self.capabilities(&room.name, Some(room));
        let asked = self.memory.wanted.get_mut(folded).map(|wanted| std::mem::take(&mut wanted.asked));
        let asked = asked.unwrap_or_default();
        if asked.is_empty() && room.reported.as_ref() == Some(&capabilities) {
            return;
        }
        let is_secret = room.modes.contains(&'s') || room.modes.contains(&'p') || room.modes.contains(&'i');
        let report = RoomReport {
            asked: None,
            id: RemoteRoomId::new(folded),
            name: room.name.clone(),
            kind: if is_secret { RoomKind::Private } else { RoomKind::Public },
            capabilities: capabilities.clone(),
        };
        if let Some(room) = self.rooms.get_mut(folded) {
            room.reported = Some(capabilities);
        }
        if asked.is_empty() {
            self.report(Report::Room(report));
        } else {
            for asked in asked {
                self.report(Report::Room(RoomReport { asked: Some(asked), ..report.clone() }));
            }
        }
    }

    /// Reports all rooms whose abilities changed with our own mask or what the server offers.
    pub(crate) fn report_rooms(&mut self) {
        let ready: Vec<String> = self
            .rooms
            .iter()
            .filter(|(_, room)| room.reported.is_some())
            .map(|(key, _)| key.clone())
            .collect();
        for folded in ready {
            self.report_room(&folded);
        }
    }

    /// Reports a conversation with one person, once unless somebody asked.
    pub(crate) fn report_direct(&mut self, name: &str, asked: Option<Box<str>>) {
        let folded = self.fold(name);
        if !self.directs.insert(folded.clone()) && asked.is_none() {
            return;
        }
        if self.directs.len() > LIST_MAX {
            self.directs.clear();
        }
        let capabilities = self.capabilities(name, None);
        let id = RemoteRoomId::new(folded);
        let kind = RoomKind::Direct;
        self.report(Report::Room(RoomReport { asked, id, name: name.to_owned(), kind, capabilities }));
    }

    /// Reports that a room can't be used, to all who asked.
    pub(crate) fn report_failure(&mut self, folded: &str, why: &str, retrying: bool) {
        let Some(wanted) = self.memory.wanted.get_mut(folded) else { return };
        let mut asked = std::mem::take(&mut wanted.asked);
        if asked.is_empty() {
            asked.push(wanted.name.clone().into());
        }
        if retrying {
            // Whoever asked is told again when it works at last.
            wanted.asked.clone_from(&asked);
        } else {
            self.memory.wanted.remove(folded);
        }
        for asked in asked {
            self.report(Report::RoomFailed(RoomFailure { asked, why: why.to_owned(), retrying }));
        }
    }

    /// Hands in what was listed so far.
    pub(crate) fn end_listing(&mut self) {
        if let Some(listing) = self.listing.take() {
            self.report(Report::Rooms(listing.rooms));
        }
    }

    /// Gives up the connection: answers everything under way and keeps what the next one needs.
    pub(crate) fn into_memory(mut self, why: &str) -> (Memory, Vec<Effect>) {
        let written = self.queued_bytes - self.out.len() as u64;
        self.effects.clear();
        for (track, may_have_left) in self.confirm.drain(written) {
            let outcome = if may_have_left { Outcome::Unknown { why: why.to_owned() } } else { not_now(why) };
            self.outcome(&track, outcome);
        }
        for line in self.queue.drain() {
            if let Some(track) = line.track {
                self.outcome(&track, not_now(why));
            }
        }
        for probe in std::mem::take(&mut self.probes).into_values() {
            self.report(Report::Pong { id: probe.id, result: Err(why.to_owned()) });
        }
        self.end_listing();
        for folded in self.rooms.keys() {
            let read = self.memory.read.entry(folded.clone()).or_default();
            read.last_heard = Some(self.heard_wall);
        }
        for wanted in self.memory.wanted.values_mut() {
            wanted.retry_at = None;
            if wanted.asked.is_empty() {
                wanted.asked.push(wanted.name.clone().into());
            }
        }
        self.abandon_fills();
        (self.memory, self.effects)
    }

    /// Reports how the session is doing.
    pub(crate) fn health(&mut self, health: Health) {
        self.report(Report::Health(health));
    }
}

/// The answer to a send while there is no connection.
pub(crate) fn not_now(why: &str) -> Outcome {
    Outcome::Later { after: None, scope: Wait::Account, why: why.to_owned() }
}
