//! The heap that drives a run: program, disk, platforms.

mod program;
mod script;
mod session;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use sameroom_engine::{Dialects, Effect, Engine, Input, Reply, Request};
use sameroom_log::SegmentLog;
use sameroom_log::sim::{Backup, SimDisk};
use sameroom_markup::{Dialect, Plain};
use sameroom_types::action::SendRequest;
use sameroom_types::capabilities::Support;
use sameroom_types::ids::{AccountId, DeliveryId, RoomSpec, Seq};
use sameroom_types::policy::{AccountSpec, Configuration, Outside, RoomPolicy, TubeSpec};
use sameroom_types::rows::{DeliveryState, Query, Row};
use sameroom_types::time::{Now, Timestamp};

use super::Rng;
use super::oracle::{Verdict, judge};
use super::platform::{Act, Platform};
use super::sabotage::Sabotage;
use super::scenario::{Scenario, Step};
use super::store::SimStore;

/// Midnight of some day.
const EPOCH: i64 = 1_790_000_000_000;

/// Steps after which a run that does not come to rest is called stuck.
const MOST_STEPS: u64 = 400_000;

/// For how long after the last step a run may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(3_600);

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
    /// A send that was given up reaches its platform after all.
    Land {
        room: usize,
        request: Box<SendRequest>,
    },
    /// An answer reaches the program.
    Answer {
        room: usize,
        connection: u64,
        input: Box<Input>,
    },
    /// Something that does not depend on a connection reaches the program.
    Tell {
        life: u64,
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

/// What a backup holds.
struct Saved {
    disk: Backup,
    store: SimStore,
    /// Of each platform, the acts that were accepted.
    accepted: Vec<BTreeSet<usize>>,
}

struct Plaintext;

impl Dialects for Plaintext {
    fn dialect(&self, _platform: &str, _formatting: Support) -> Arc<dyn Dialect> {
        Arc::new(Plain)
    }
}

struct World {
    rng: Rng,
    sabotage: Option<Sabotage>,
    now: Duration,
    order: u64,
    heap: BinaryHeap<Reverse<(Duration, u64, u64)>>,
    happenings: HashMap<u64, Happening>,
    disk: SimDisk,
    log: Option<SegmentLog<SimDisk>>,
    engine: Option<Engine>,
    store: SimStore,
    /// Rows wait here until their record is durable.
    rows: VecDeque<(Seq, Vec<Row>)>,
    platforms: Vec<Platform>,
    config: Configuration,
    /// All tubes of the scenario, whether or not the configuration has them at the moment.
    tubes: Vec<TubeSpec>,
    /// Counts starts of the program.
    life: u64,
    flush_pending: bool,
    /// The program dies after this many more effects.
    dies_after: Option<u64>,
    /// The next write meets a full disk.
    disk_full: bool,
    /// Flushes take long until this time.
    slow_until: Duration,
    /// How far the clock on the wall is off.
    wall_minutes: i64,
    saved: Option<Saved>,
    nonce: u64,
    crashes: u64,
    calm: bool,
    hash: DefaultHasher,
    broken: Vec<String>,
    /// A send that the sabotage of lane order holds back.
    held_back: Option<(usize, SendRequest)>,
    /// Reactions and parts that sabotages have seen before.
    reacted: BTreeSet<String>,
    tried: BTreeSet<(DeliveryId, u32)>,
}

/// Runs a scenario to its end and judges it; `sabotage` breaks the program on purpose.
#[must_use]
pub fn run_scenario(scenario: &Scenario, sabotage: Option<Sabotage>) -> Verdict {
    let mut world = World::new(scenario, sabotage);
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
    judge(&world.platforms, &scenario.reaches(), &mut verdict);
    verdict.trace = world.hash.finish();
    verdict
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

fn spec(room: usize) -> RoomSpec {
    RoomSpec { account: account(room), room: room_name(room).into() }
}

impl World {
    fn new(scenario: &Scenario, sabotage: Option<Sabotage>) -> Self {
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
        let tubes: Vec<TubeSpec> = (1..)
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
            tubes: tubes.clone(),
            defaults: RoomPolicy { notices: false, ..RoomPolicy::default() },
            excerpts: Duration::from_secs(24 * 3600),
            ..Configuration::default()
        };
        Self {
            rng: Rng::new(scenario.seed ^ 0x5eed),
            sabotage,
            now: Duration::ZERO,
            order: 0,
            heap: BinaryHeap::new(),
            happenings: HashMap::new(),
            disk: SimDisk::new(),
            log: None,
            engine: None,
            store: SimStore::default(),
            rows: VecDeque::new(),
            platforms: scenario.rooms.iter().map(|sketch| Platform::new(*sketch)).collect(),
            config,
            tubes,
            life: 0,
            flush_pending: false,
            dies_after: None,
            disk_full: false,
            slow_until: Duration::ZERO,
            wall_minutes: 0,
            saved: None,
            nonce: 0,
            crashes: 0,
            calm: false,
            hash: DefaultHasher::new(),
            broken: Vec::new(),
            held_back: None,
            reacted: BTreeSet::new(),
            tried: BTreeSet::new(),
        }
    }

    fn is_sabotaged(&self, how: Sabotage) -> bool {
        self.sabotage == Some(how)
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
        let wall = Timestamp(EPOCH + millis + self.wall_minutes * 60_000);
        Now { mono: self.now, wall, random: u128::from(self.rng.bits()) }
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
                if next.is_none() && self.now > end && self.is_at_rest() {
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

    /// Whether nothing waits but for rooms that threw us out. What was refused is tried again first.
    fn is_at_rest(&mut self) -> bool {
        let Some(open) = self.deliveries() else { return false };
        let kicked = self.kicked_rooms();
        let mut at_rest = self.platforms.iter().all(|platform| platform.connected || platform.kicked);
        for (delivery, state) in open {
            if kicked.contains(&delivery.room) {
                continue;
            }
            at_rest = false;
            if matches!(state, DeliveryState::Parked { .. }) {
                self.ask(Request::Retry(delivery));
            }
        }
        at_rest
    }

    fn kicked_rooms(&mut self) -> BTreeSet<sameroom_types::ids::RoomId> {
        if self.platforms.iter().all(|platform| !platform.kicked) {
            return BTreeSet::new();
        }
        let Some(Reply::Rooms(rooms)) = self.ask(Request::Rooms) else { return BTreeSet::new() };
        rooms
            .into_iter()
            .filter(|view| view.specs.iter().all(|spec| self.platforms[room_of(&spec.account)].kicked))
            .map(|view| view.room)
            .collect()
    }

    fn deliveries(&mut self) -> Option<Vec<(DeliveryId, DeliveryState)>> {
        match self.ask(Request::Waiting { limit: 1_000 })? {
            Reply::Deliveries(list) => {
                Some(list.into_iter().map(|view| (view.delivery, view.state)).collect())
            }
            _ => None,
        }
    }

    /// Asks the program what an operator asks.
    fn ask(&mut self, request: Request) -> Option<Reply> {
        let now = self.clock();
        let engine = self.engine.as_mut()?;
        let effects = engine.step(now, Input::Operator { id: 0, request });
        let mut answer = None;
        let mut others = Vec::new();
        for effect in effects {
            match effect {
                Effect::Reply { reply, .. } => answer = Some(reply),
                other => others.push(other),
            }
        }
        self.execute(others, None);
        answer
    }

    fn describe_rest(&mut self) -> String {
        let waiting = self.deliveries();
        let lanes = self.engine.as_ref().map(Engine::describe_lanes).unwrap_or_default();
        let connected: Vec<bool> = self.platforms.iter().map(|platform| platform.connected).collect();
        format!("at {} s: waiting {waiting:?}, connected {connected:?}\n{lanes}", self.now.as_secs())
    }

    fn happen(&mut self, happening: Happening) {
        format!("{:?} {happening:?}", self.now).hash(&mut self.hash);
        match happening {
            Happening::Scripted(step) => self.script(step),
            Happening::Report { room, connection, act, history } => {
                self.report(room, connection, act, history);
            }
            Happening::Arrive { room, connection, nonce } => self.arrive(room, connection, nonce),
            Happening::Land { room, request } => {
                self.platforms[room].take(&request);
                self.hear(room);
            }
            Happening::Answer { room, connection, input } => {
                if self.platforms[room].connection == connection {
                    self.note_answer(room, &input);
                    self.step(*input, None);
                }
            }
            Happening::Tell { life, input } => {
                if life == self.life {
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
                    let found = self.store.load(&query);
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
}
