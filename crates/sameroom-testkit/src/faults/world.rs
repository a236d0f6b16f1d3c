//! The heap that drives a run: program, disk, platforms.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use sameroom_engine::{Dialects, Effect, Engine, Input, Setup};
use sameroom_log::sim::SimDisk;
use sameroom_log::{InstallationId, KeyId, Log, LogOptions, NewRecord, SegmentLog};
use sameroom_markup::{Dialect, Plain};
use sameroom_seal::{MasterKey, SeededEntropy};
use sameroom_store::{MemoryStore, Store as _};
use sameroom_types::action::{Answer, Outcome, SendRequest, Wait};
use sameroom_types::capabilities::{Capabilities, History, IdScope, Once, Support};
use sameroom_types::event::{Author, Content, Deletion, DeletionCause, Edit, Inbound, Post, Role, RoomEvent};
use sameroom_types::ids::{AccountId, DeliveryId, NativeIds, RoomSpec, Seq, Ticket};
use sameroom_types::limit::{TextLimit, TextUnit};
use sameroom_types::policy::{AccountSpec, Configuration, Outside, RoomPolicy, TubeSpec};
use sameroom_types::room::{Direction, Health, RoomKind};
use sameroom_types::rows::{Query, Row};
use sameroom_types::text::Text;
use sameroom_types::time::{Now, Timestamp};

use super::Rng;
use super::oracle::{Verdict, judge};
use super::platform::{Act, Platform};
use super::scenario::{Scenario, Step};

/// Midnight of some day.
const EPOCH: i64 = 1_790_000_000_000;

/// Steps after which a run that does not come to rest is called stuck.
const MOST_STEPS: u64 = 400_000;

/// For how long after the last step a run may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Something that will happen.
#[derive(Debug)]
enum Happening {
    Scripted(Step),
    /// The session of a room reports the next act.
    Report {
        room: usize,
        connection: u64,
        act: usize,
        history: bool,
    },
    /// A send reaches its platform.
    Arrive {
        room: usize,
        connection: u64,
        nonce: u64,
    },
    /// An answer reaches the program.
    Answer {
        room: usize,
        connection: u64,
        input: Box<Input>,
    },
    Reconnect {
        room: usize,
        connection: u64,
    },
    Flushed {
        life: u64,
    },
    Loaded {
        life: u64,
        id: u64,
        query: Query,
    },
    Restart {
        life: u64,
    },
}

/// A record, its plain part, and its body with the number of the key.
type Appended = (Seq, Vec<u8>, Option<(u64, Vec<u8>)>);

struct Plaintext;

impl Dialects for Plaintext {
    fn dialect(&self, _platform: &str, _formatting: Support) -> Arc<dyn Dialect> {
        Arc::new(Plain)
    }
}

struct World {
    rng: Rng,
    now: Duration,
    order: u64,
    heap: BinaryHeap<Reverse<(Duration, u64, u64)>>,
    happenings: std::collections::HashMap<u64, Happening>,
    disk: SimDisk,
    log: Option<SegmentLog<SimDisk>>,
    engine: Option<Engine>,
    store: MemoryStore,
    /// Rows wait here until their record is durable.
    rows: VecDeque<(Seq, Vec<Row>)>,
    platforms: Vec<Platform>,
    config: Configuration,
    /// Counts starts of the program.
    life: u64,
    flush_pending: bool,
    /// The program dies after this many more effects.
    dies_after: Option<u64>,
    nonce: u64,
    crashes: u64,
    calm: bool,
    hash: DefaultHasher,
    broken: Vec<String>,
}

/// Runs a scenario to its end and judges it.
#[must_use]
pub fn run_scenario(scenario: &Scenario) -> Verdict {
    let mut world = World::new(scenario);
    world.start_program();
    for (at, step) in &scenario.steps {
        world.schedule_at(*at, Happening::Scripted(*step));
    }
    let end = scenario.steps.last().map_or(Duration::ZERO, |(at, _)| *at);
    let stuck = world.run(end);
    let mut verdict = Verdict { seed: scenario.seed, crashes: world.crashes, ..Verdict::default() };
    verdict.stuck = stuck;
    verdict.stuck.append(&mut world.broken);
    verdict.posts = world
        .platforms
        .iter()
        .map(|platform| platform.acts.iter().filter(|act| matches!(act, Act::Posted { .. })).count() as u64)
        .sum();
    judge(&world.platforms, &reach(scenario), &mut verdict);
    verdict.trace = world.hash.finish();
    verdict
}

/// Which rooms hear which, by the scenario's tubes.
fn reach(scenario: &Scenario) -> Vec<Vec<usize>> {
    (0..scenario.rooms.len())
        .map(|origin| {
            let mut seen = BTreeSet::from([origin]);
            let mut open = vec![origin];
            while let Some(room) = open.pop() {
                for (a, b, direction) in &scenario.tubes {
                    let next = match direction {
                        Direction::Both if *a == room => *b,
                        Direction::Both if *b == room => *a,
                        Direction::AToB if *a == room => *b,
                        Direction::BToA if *b == room => *a,
                        _ => continue,
                    };
                    if seen.insert(next) {
                        open.push(next);
                    }
                }
            }
            seen.remove(&origin);
            seen.into_iter().collect()
        })
        .collect()
}

fn account(room: usize) -> AccountId {
    AccountId::new(format!("a{room}"))
}

fn room_name(room: usize) -> String {
    format!("#r{room}")
}

fn room_of(account: &AccountId) -> usize {
    account.as_str().trim_start_matches('a').parse().unwrap_or(0)
}

impl World {
    fn new(scenario: &Scenario) -> Self {
        let accounts = (0..scenario.rooms.len())
            .map(|room| AccountSpec {
                id: account(room),
                platform: "sim".into(),
                platform_name: "Sim".into(),
                team: format!("t{room}"),
                bridgebot: false,
                outside: Outside::Allow,
            })
            .collect();
        let spec = |room: usize| RoomSpec { account: account(room), room: room_name(room).into() };
        let tubes = (1..)
            .zip(&scenario.tubes)
            .map(|(line, (a, b, direction))| TubeSpec {
                a: spec(*a),
                b: spec(*b),
                direction: *direction,
                line,
            })
            .collect();
        let config = Configuration {
            accounts,
            tubes,
            defaults: RoomPolicy { notices: false, ..RoomPolicy::default() },
            excerpts: Duration::from_secs(24 * 3600),
            ..Configuration::default()
        };
        Self {
            rng: Rng::new(scenario.seed ^ 0x5eed),
            now: Duration::ZERO,
            order: 0,
            heap: BinaryHeap::new(),
            happenings: std::collections::HashMap::new(),
            disk: SimDisk::new(),
            log: None,
            engine: None,
            store: MemoryStore::default(),
            rows: VecDeque::new(),
            platforms: scenario.rooms.iter().map(|sketch| Platform::new(*sketch)).collect(),
            config,
            life: 0,
            flush_pending: false,
            dies_after: None,
            nonce: 0,
            crashes: 0,
            calm: false,
            hash: DefaultHasher::new(),
            broken: Vec::new(),
        }
    }

    fn schedule(&mut self, after: Duration, happening: Happening) {
        self.schedule_at(self.now + after, happening);
    }

    fn schedule_at(&mut self, at: Duration, happening: Happening) {
        self.order += 1;
        let tie = self.rng.bits();
        self.heap.push(Reverse((at, tie, self.order)));
        self.happenings.insert(self.order, happening);
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_micros(1_000 * from + self.rng.below(1_000 * (to - from).max(1)))
    }

    fn clock(&mut self) -> Now {
        let millis = i64::try_from(self.now.as_millis()).unwrap_or(0);
        Now { mono: self.now, wall: Timestamp(EPOCH + millis), random: u128::from(self.rng.bits()) }
    }

    /// Lets everything happen until nothing is left. Returns what never ended.
    fn run(&mut self, end: Duration) -> Vec<String> {
        for _ in 0..MOST_STEPS {
            let timer = self.engine.as_ref().and_then(Engine::next_timer);
            let next = self.heap.peek().map(|Reverse((at, _, _))| *at);
            if self.now > end + Duration::from_millis(1) {
                self.calm = true;
            }
            let tick = match (timer, next) {
                (Some(timer), Some(next)) => (timer < next).then_some(timer),
                (Some(timer), None) => Some(timer),
                (None, _) => None,
            };
            if let Some(at) = tick {
                if next.is_none() && self.is_at_rest() && self.now > end {
                    return Vec::new();
                }
                if self.now > end + PATIENCE {
                    return vec![self.describe_rest()];
                }
                self.now = self.now.max(at);
                self.step(Input::Tick, None);
                continue;
            }
            let Some(Reverse((at, _, id))) = self.heap.pop() else {
                return if self.is_at_rest() { Vec::new() } else { vec![self.describe_rest()] };
            };
            self.now = self.now.max(at);
            if let Some(happening) = self.happenings.remove(&id) {
                self.happen(happening);
            }
        }
        vec!["the run does not come to rest".into()]
    }

    fn is_at_rest(&mut self) -> bool {
        self.waiting() == Some(0) && self.platforms.iter().all(|platform| platform.connected)
    }

    fn waiting(&mut self) -> Option<usize> {
        let now = self.clock();
        let request = sameroom_engine::Request::Waiting { limit: 1_000 };
        let engine = self.engine.as_mut()?;
        let effects = engine.step(now, Input::Operator { id: 0, request });
        let mut waiting = 0;
        let mut others = Vec::new();
        for effect in effects {
            match effect {
                Effect::Reply { reply: sameroom_engine::Reply::Deliveries(list), .. } => waiting = list.len(),
                other => others.push(other),
            }
        }
        self.execute(others, None);
        Some(waiting)
    }

    fn describe_rest(&mut self) -> String {
        let waiting = self.waiting();
        let lanes = self.engine.as_ref().map(Engine::describe_lanes).unwrap_or_default();
        format!("at {} s: waiting {waiting:?}\n{lanes}", self.now.as_secs())
    }

    fn happen(&mut self, happening: Happening) {
        format!("{:?} {happening:?}", self.now).hash(&mut self.hash);
        match happening {
            Happening::Scripted(step) => self.script(step),
            Happening::Report { room, connection, act, history } => {
                self.report(room, connection, act, history);
            }
            Happening::Arrive { room, connection, nonce } => self.arrive(room, connection, nonce),
            Happening::Answer { room, connection, input } => {
                if self.platforms[room].connection == connection {
                    if let Input::Sent { delivery, part, .. } = &*input {
                        self.platforms[room].unanswered.retain(|known| known != &(*delivery, *part));
                    }
                    self.step(*input, None);
                }
            }
            Happening::Reconnect { room, connection } => {
                if self.platforms[room].connection == connection && self.engine.is_some() {
                    self.connect(room);
                }
            }
            Happening::Flushed { life } => {
                if life == self.life {
                    self.flush();
                }
            }
            Happening::Loaded { life, id, query } => {
                if life == self.life {
                    let found = self.store.load(&query).expect("memory").map(Box::new);
                    self.step(Input::Loaded { id, found }, None);
                }
            }
            Happening::Restart { life } => {
                if life == self.life && self.engine.is_none() {
                    self.start_program();
                }
            }
        }
    }

    fn script(&mut self, step: Step) {
        match step {
            Step::Post { room, number } => {
                self.platforms[room].person_posts(number);
                self.hear(room);
            }
            Step::Edit { number } | Step::Delete { number } => {
                for room in 0..self.platforms.len() {
                    let did = match step {
                        Step::Edit { .. } => self.platforms[room].person_edits(number),
                        _ => self.platforms[room].person_deletes(number),
                    };
                    if did {
                        self.hear(room);
                    }
                }
            }
            Step::Cut { room } => self.cut(room),
            Step::Kill => {
                if self.engine.is_some() {
                    self.dies_after = Some(self.rng.below(6));
                }
            }
            Step::PowerLoss => {
                if self.engine.is_some() {
                    self.die();
                    let mut entropy = SeededEntropy::new(self.rng.bits());
                    self.disk.power_loss(&mut entropy);
                    for platform in &mut self.platforms {
                        // Only what was acknowledged is promised to survive this.
                        platform.written.clear();
                    }
                }
            }
        }
    }

    /// The session of a room hears of new acts, in their order on the wire.
    fn hear(&mut self, room: usize) {
        let delay = self.millis(1, 30);
        let now = self.now;
        let platform = &mut self.platforms[room];
        if !platform.connected || self.engine.is_none() {
            return;
        }
        if platform.heard >= platform.acts.len() {
            return;
        }
        let connection = platform.connection;
        let act = platform.heard;
        platform.heard += 1;
        let at = platform.inbound_free.max(now + delay) + Duration::from_micros(1);
        platform.inbound_free = at;
        self.schedule_at(at, Happening::Report { room, connection, act, history: false });
        // Some platforms tell the same twice.
        if self.rng.one_in(20) {
            let at = at + Duration::from_millis(self.rng.below(50));
            self.schedule_at(at, Happening::Report { room, connection, act, history: false });
        }
        self.hear(room);
    }

    fn report(&mut self, room: usize, connection: u64, act: usize, history: bool) {
        let Some(inbound) = self.inbound(room, act, history) else { return };
        let platform = &mut self.platforms[room];
        if platform.connection != connection || self.engine.is_none() {
            return;
        }
        platform.last_ticket += 1;
        let ticket = Ticket(platform.last_ticket);
        platform.tickets.insert(ticket, act);
        let input = Input::Event { account: account(room), ticket, inbound: Box::new(inbound) };
        self.step(input, Some((room, act)));
    }

    fn inbound(&self, room: usize, act: usize, history: bool) -> Option<Inbound> {
        let platform = &self.platforms[room];
        let text_of = |id: u64| platform.entries.iter().find(|entry| entry.id == id);
        let author = |id: u64| Author {
            id: format!("p{}", id % 3).into(),
            name: format!("person{}", id % 3),
            username: None,
            avatar: None,
            is_bot: false,
            role: Role::Member,
        };
        let event = match platform.acts.get(act)? {
            Act::Posted { id } => {
                let entry = text_of(*id)?;
                let mut text = format!("m{} v0", entry.number?);
                if platform.sketch.lines && id % 4 == 0 {
                    text = format!("a line before\n{text}");
                }
                RoomEvent::Posted(Post {
                    ids: NativeIds::one(id.to_string()),
                    author: author(*id),
                    content: Content::text(Text::plain(&text)),
                    reply: None,
                    thread: None,
                    album: None,
                    mark: None,
                })
            }
            Act::Edited { id, revision } => RoomEvent::Edited(Edit {
                message: id.to_string().into(),
                author: author(*id),
                content: Content::text(Text::plain(&format!("m{} v{revision}", text_of(*id)?.number?))),
                revision: format!("e{id}.{revision}").into(),
            }),
            Act::Deleted { id } => RoomEvent::Deleted(Deletion {
                messages: vec![id.to_string().into()],
                by: Some(author(*id)),
                cause: DeletionCause::Author,
            }),
        };
        Some(Inbound {
            room: room_name(room).into(),
            at: None,
            cursor: platform.sketch.history.then(|| (act + 1).to_string().into()),
            history,
            event,
        })
    }

    /// One step of the engine; `act` is the platform's event behind it, if any.
    fn step(&mut self, input: Input, act: Option<(usize, usize)>) {
        let now = self.clock();
        let Some(engine) = &mut self.engine else { return };
        let effects = engine.step(now, input);
        self.execute(effects, act);
    }

    fn execute(&mut self, effects: Vec<Effect>, act: Option<(usize, usize)>) {
        let mut batch: Vec<Appended> = Vec::new();
        let mut written = None;
        let mut died = false;
        let mut rest = Vec::new();
        for effect in effects {
            if let Some(left) = &mut self.dies_after {
                if *left == 0 {
                    died = true;
                    break;
                }
                *left -= 1;
            }
            match effect {
                Effect::Append { seq, record, body } => {
                    written = Some(seq);
                    batch.push((seq, record, body));
                }
                other => rest.push(other),
            }
        }
        let did_append = !batch.is_empty();
        if did_append && !self.append(&batch) {
            died = true;
        }
        if !died && let Some((room, act)) = act {
            self.platforms[room].written.insert(act);
        }
        for effect in rest {
            self.perform(effect);
        }
        if died {
            self.dies_after = None;
            self.die();
            return;
        }
        if let Some(seq) = written {
            self.step(Input::Written(seq), None);
        }
    }

    fn append(&mut self, batch: &[Appended]) -> bool {
        let Some(log) = &mut self.log else { return false };
        let records: Vec<NewRecord<'_>> = batch
            .iter()
            .map(|(seq, meta, body)| NewRecord {
                seq: sameroom_log::Seq(seq.0),
                meta,
                body: body.as_ref().map(|(key, body)| (KeyId(*key), body.as_slice())),
            })
            .collect();
        match log.append(&records) {
            Ok(()) => true,
            Err(error) => {
                self.broken.push(format!("append: {error}"));
                false
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Append { .. } | Effect::Reply { .. } => {}
            Effect::Flush => {
                if !self.flush_pending {
                    self.flush_pending = true;
                    let after = self.millis(1, 8);
                    let life = self.life;
                    self.schedule(after, Happening::Flushed { life });
                }
            }
            Effect::Send { account, request } => self.send(room_of(&account), *request),
            Effect::Ask { account, delivery, part, key, .. } => {
                let room = room_of(&account);
                let answer = match self.platforms[room].find_key(&key) {
                    Some(id) => Answer::Found(NativeIds::one(id.to_string())),
                    None => Answer::Absent,
                };
                if self.platforms[room].connected {
                    self.answer(room, Input::Answered { delivery, part, answer });
                } else {
                    self.answer(room, Input::Answered { delivery, part, answer: Answer::Later });
                }
            }
            Effect::Acknowledge { account, ticket } => {
                let platform = &mut self.platforms[room_of(&account)];
                let acknowledged: Vec<_> =
                    platform.tickets.range(..=ticket).map(|(ticket, act)| (*ticket, *act)).collect();
                for (ticket, act) in acknowledged {
                    platform.tickets.remove(&ticket);
                    platform.acknowledged.insert(act);
                }
            }
            Effect::Load { id, query } => {
                let after = self.millis(0, 5);
                let life = self.life;
                self.schedule(after, Happening::Loaded { life, id, query });
            }
            Effect::Store { seq, rows } => self.rows.push_back((seq, rows)),
            Effect::DestroyKeys(keys) => {
                if let Some(log) = &mut self.log {
                    let keys: Vec<KeyId> = keys.into_iter().map(KeyId).collect();
                    if let Err(error) = log.destroy(&keys) {
                        self.broken.push(format!("destroy: {error}"));
                    }
                }
            }
            Effect::Truncate(seq) => {
                if let Some(log) = &mut self.log
                    && let Err(error) = log.truncate_before(sameroom_log::Seq(seq.0))
                {
                    self.broken.push(format!("truncate: {error}"));
                }
            }
            Effect::Join { account, room } => {
                let room_index = room_of(&account);
                if self.platforms[room_index].connected {
                    let input = self.room_report(room_index, Some(room));
                    self.answer(room_index, input);
                }
            }
            Effect::Leave { .. }
            | Effect::Fetch { .. }
            | Effect::Unspool(_)
            | Effect::Share { .. }
            | Effect::Ping { .. }
            | Effect::Whisper { .. }
            | Effect::ManageLink { .. } => {}
        }
    }

    /// Something that the session tells the program, unless the connection is another by then.
    fn answer(&mut self, room: usize, input: Input) {
        let after = self.millis(0, 3);
        let connection = self.platforms[room].connection;
        self.schedule(after, Happening::Answer { room, connection, input: Box::new(input) });
    }

    fn send(&mut self, room: usize, request: SendRequest) {
        let delay = self.millis(1, 20);
        let now = self.now;
        if !self.platforms[room].connected {
            let outcome = Outcome::Later { after: None, scope: Wait::Account, why: "not connected".into() };
            let (delivery, part) = (request.delivery, request.part);
            self.answer(room, Input::Sent { account: account(room), delivery, part, outcome });
            return;
        }
        self.nonce += 1;
        let nonce = self.nonce;
        let platform = &mut self.platforms[room];
        let at = platform.outbound_free.max(now + delay) + Duration::from_micros(1);
        platform.outbound_free = at;
        platform.unanswered.push((request.delivery, request.part));
        platform.wire.push((nonce, request));
        let connection = platform.connection;
        self.schedule_at(at, Happening::Arrive { room, connection, nonce });
    }

    fn arrive(&mut self, room: usize, connection: u64, nonce: u64) {
        let platform = &mut self.platforms[room];
        if platform.connection != connection {
            return;
        }
        let Some(index) = platform.wire.iter().position(|(known, _)| *known == nonce) else { return };
        let (_, request) = platform.wire.remove(index);
        let is_single = platform.sketch.window == 1;
        let fault = if self.calm { u64::MAX } else { self.rng.below(100) };
        let outcome = match fault {
            // A platform that takes one at a time may ask to wait; nothing was done.
            0..4 if is_single => Outcome::Later {
                after: self.rng.one_in(2).then(|| Duration::from_millis(300)),
                scope: Wait::Room,
                why: "slow down".into(),
            },
            // The answer is lost after the effect, or the request before it.
            4..7 if is_single => {
                if fault == 4 {
                    self.platforms[room].take(&request);
                }
                Outcome::Unknown { why: "timed out".into() }
            }
            7..9 => {
                self.platforms[room].take(&request);
                Outcome::Unknown { why: "answer lost".into() }
            }
            _ => self.platforms[room].take(&request),
        };
        let (delivery, part) = (request.delivery, request.part);
        self.sent(room, delivery, part, outcome);
    }

    fn sent(&mut self, room: usize, delivery: DeliveryId, part: u32, outcome: Outcome) {
        // Answers of one connection come in order.
        let input = Input::Sent { account: account(room), delivery, part, outcome };
        let connection = self.platforms[room].connection;
        let delay = self.millis(1, 10);
        let at = self.platforms[room].inbound_free.max(self.now + delay) + Duration::from_micros(1);
        self.platforms[room].inbound_free = at;
        self.schedule_at(at, Happening::Answer { room, connection, input: Box::new(input) });
    }

    /// The connection of a room breaks: a random beginning of what is on the wire still arrives.
    fn cut(&mut self, room: usize) {
        if !self.platforms[room].connected {
            return;
        }
        self.break_wire(room);
        if self.engine.is_some() {
            let health = Health::Retrying { after: Duration::from_secs(1), why: "cut".into() };
            self.platforms[room].wire.clear();
            let lost = std::mem::take(&mut self.platforms[room].unanswered);
            self.step(Input::Health { account: account(room), health }, None);
            for (delivery, part) in lost {
                let outcome = Outcome::Unknown { why: "cut".into() };
                self.step(Input::Sent { account: account(room), delivery, part, outcome }, None);
            }
        }
        let connection = self.platforms[room].connection;
        let after = if self.rng.one_in(10) { self.millis(60_000, 200_000) } else { self.millis(100, 3_000) };
        self.schedule(after, Happening::Reconnect { room, connection });
    }

    fn break_wire(&mut self, room: usize) {
        let through = self.rng.below(self.platforms[room].wire.len() as u64 + 1);
        let platform = &mut self.platforms[room];
        for index in 0..usize::try_from(through).unwrap_or(0) {
            let request = platform.wire[index].1.clone();
            platform.take(&request);
        }
        platform.connected = false;
        platform.connection += 1;
        // Acts that were on their way to us are heard again only where there is a history; reports of
        // this connection that have not arrived are lost with it.
        platform.tickets.clear();
    }

    fn connect(&mut self, room: usize) {
        let resume = self.engine.as_ref().and_then(|engine| {
            engine.resume_points(&account(room)).into_iter().next().and_then(|(_, cursor, _)| cursor)
        });
        let platform = &mut self.platforms[room];
        platform.connected = true;
        platform.inbound_free = self.now;
        platform.outbound_free = self.now;
        let me = Author {
            id: format!("bot{room}").into(),
            name: "sameroom".into(),
            username: None,
            avatar: None,
            is_bot: true,
            role: Role::Member,
        };
        let id = account(room);
        self.step(Input::Health { account: id.clone(), health: Health::Connected }, None);
        let realm = format!("sim{room}").into();
        self.step(Input::Connected { account: id, realm, me: Box::new(me) }, None);
        let input = self.room_report(room, Some(room_name(room).into()));
        self.step(input, None);
        let platform = &mut self.platforms[room];
        if !platform.connected {
            return;
        }
        if platform.sketch.history {
            let from = resume.and_then(|cursor| cursor.as_str().parse().ok()).unwrap_or(0_usize);
            let connection = platform.connection;
            platform.heard = platform.acts.len();
            for act in from..platform.acts.len() {
                let at = self.platforms[room].inbound_free + Duration::from_micros(200);
                self.platforms[room].inbound_free = at;
                self.schedule_at(at, Happening::Report { room, connection, act, history: true });
            }
        } else {
            platform.heard = platform.acts.len();
        }
    }

    fn room_report(&self, room: usize, asked: Option<Box<str>>) -> Input {
        let sketch = self.platforms[room].sketch;
        let capabilities = Capabilities {
            edit: if sketch.edit { Support::Full } else { Support::Fallback },
            delete: if sketch.edit { Support::Full } else { Support::Fallback },
            history: sketch.history.then_some(History { look_back: Duration::MAX, changes: true }),
            text: TextLimit { max: 400, unit: TextUnit::Bytes, multiline: !sketch.lines },
            window: sketch.window,
            once: Once {
                key: sketch.key.then_some(Duration::from_secs(3600 * 24)),
                history: sketch.history.then_some(Duration::from_millis(500)),
                echo: false,
            },
            ids: IdScope::Shared,
            ..Capabilities::TEXT_ONLY
        };
        Input::Room {
            account: account(room),
            asked,
            id: room_name(room).into(),
            name: room_name(room),
            kind: RoomKind::Public,
            capabilities: Box::new(capabilities),
        }
    }

    fn flush(&mut self) {
        self.flush_pending = false;
        let Some(log) = &self.log else { return };
        match log.flusher().flush() {
            Ok(seq) => {
                let durable = Seq(seq.0);
                while self.rows.front().is_some_and(|(at, _)| *at <= durable) {
                    if let Some((seq, rows)) = self.rows.pop_front() {
                        self.store.apply(&[(seq, rows)]).expect("memory");
                    }
                }
                self.step(Input::Durable(durable), None);
                let stored = self.store.applied().expect("memory");
                self.step(Input::Stored(stored), None);
            }
            Err(error) => self.broken.push(format!("flush: {error}")),
        }
    }

    /// The program is gone: its memory, its connections, what it had not written.
    fn die(&mut self) {
        self.crashes += 1;
        self.engine = None;
        self.log = None;
        self.rows.clear();
        self.flush_pending = false;
        self.dies_after = None;
        self.disk.kill();
        self.life += 1;
        for room in 0..self.platforms.len() {
            if self.platforms[room].connected {
                self.break_wire(room);
            } else {
                self.platforms[room].connection += 1;
            }
            self.platforms[room].wire.clear();
            self.platforms[room].unanswered.clear();
        }
        let after = self.millis(50, 3_000);
        let life = self.life;
        self.schedule(after, Happening::Restart { life });
    }

    fn start_program(&mut self) {
        let entropy = Box::new(SeededEntropy::new(self.rng.bits()));
        let master = MasterKey::random(&mut SeededEntropy::new(7));
        let options = LogOptions::new(InstallationId([7; 16]));
        let (mut log, _) = match SegmentLog::open(self.disk.clone(), master.derive("log"), options, entropy) {
            Ok(opened) => opened,
            Err(error) => {
                self.broken.push(format!("open: {error}"));
                return;
            }
        };
        let setup =
            Setup { installation: "sim00000".into(), digest_key: [3; 32], dialects: Arc::new(Plaintext) };
        let mut engine = Engine::new(setup);
        let mut rows = Vec::new();
        let mut bad = None;
        let replayed = log.replay(log.first(), &mut |record| match engine.replay(
            Seq(record.seq.0),
            &record.meta,
            record.body.as_deref(),
        ) {
            Ok(effects) => rows.extend(effects),
            Err(error) => bad = Some(error.to_string()),
        });
        if let Err(error) = replayed {
            bad = Some(error.to_string());
        }
        if let Some(error) = bad {
            self.broken.push(format!("replay: {error}"));
            return;
        }
        for effect in rows {
            if let Effect::Store { seq, rows } = effect
                && seq > self.store.applied().expect("memory")
            {
                self.rows.push_back((seq, rows));
            }
        }
        let keys: Vec<u64> = log.live_keys().into_iter().map(|key| key.0).collect();
        self.log = Some(log);
        let now = self.clock();
        let mut effects = engine.start(now, &keys);
        effects.extend(engine.step(now, Input::Configure(Box::new(self.config.clone()))));
        self.engine = Some(engine);
        self.execute(effects, None);
        for room in 0..self.platforms.len() {
            if self.engine.is_some() {
                let after = self.millis(5, 500);
                let connection = self.platforms[room].connection;
                self.schedule(after, Happening::Reconnect { room, connection });
            }
        }
    }
}
