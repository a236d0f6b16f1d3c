//! An engine between rooms in memory: steps by hand, a disk and a store that are lists, a clock that obeys.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sameroom_engine::record::Record;
use sameroom_engine::{Dialects, Effect, Engine, Input, Reply, Request, Setup};
use sameroom_markup::{Dialect, Plain};
use sameroom_types::action::{Action, Outcome, SendRequest, ThreadAction};
use sameroom_types::capabilities::{Capabilities, Support};
use sameroom_types::event::{Author, Inbound, Role, RoomEvent};
use sameroom_types::ids::{AccountId, DeliveryId, NativeIds, RoomId, RoomSpec, Seq, Ticket};
use sameroom_types::policy::{AccountSpec, Configuration, Outside, RoomPolicy, TubeSpec};
use sameroom_types::room::{Direction, Health, RoomKind};
use sameroom_types::rows::DeliveryState;
use sameroom_types::time::{Now, Timestamp};

use sameroom_store::Store as _;

use crate::store::Store;

/// Noon of some day.
pub(crate) const NOON: i64 = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000;

/// One account's way into one room.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) account: AccountId,
    pub(crate) realm: String,
    /// The room as written in the configuration.
    pub(crate) written: String,
    /// The room's id on its platform.
    pub(crate) remote: String,
    pub(crate) can: Capabilities,
    pub(crate) kind: RoomKind,
    pub(crate) up: bool,
}

impl Way {
    /// An account of its own, in a world of its own, with one room; all have one name.
    pub(crate) fn alone(name: &str, can: Capabilities) -> Self {
        Self {
            account: name.into(),
            realm: format!("world-{name}"),
            written: name.into(),
            remote: name.into(),
            can,
            kind: RoomKind::Public,
            up: true,
        }
    }

    fn spec(&self) -> RoomSpec {
        RoomSpec { account: self.account.clone(), room: self.written.as_str().into() }
    }
}

struct Plaintext;

impl Dialects for Plaintext {
    fn dialect(&self, _platform: &str, _formatting: Support) -> Arc<dyn Dialect> {
        Arc::new(Plain)
    }
}

/// A record, its plain part, and its body with the number of the key.
type Appended = (Seq, Vec<u8>, Option<(u64, Vec<u8>)>);

pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) config: Configuration,
    pub(crate) ways: Vec<Way>,
    pub(crate) log: Vec<Appended>,
    durable: usize,
    destroyed: BTreeSet<u64>,
    pub(crate) store: Store,
    pub(crate) now: Now,
    /// Everything that was handed to a session, in order.
    pub(crate) wire: Vec<(AccountId, SendRequest)>,
    /// Sends to rooms whose answers a test gives itself.
    pub(crate) pending: VecDeque<(AccountId, SendRequest)>,
    by_hand: BTreeSet<String>,
    files_by_hand: bool,
    /// Whether what is appended also becomes durable at once.
    pub(crate) flushes: bool,
    /// All other effects, in order.
    pub(crate) effects: Vec<Effect>,
    ids: BTreeMap<String, u64>,
    ticket: u64,
}

impl Rig {
    /// Rooms tied pairwise, all usable.
    pub(crate) fn of(rooms: &[(&str, Capabilities)]) -> Self {
        Self::with(rooms, |_| {})
    }

    /// The same with a word on the configuration.
    pub(crate) fn with(rooms: &[(&str, Capabilities)], adjust: impl FnOnce(&mut Configuration)) -> Self {
        let ways = rooms.iter().map(|(name, can)| Way::alone(name, can.clone())).collect();
        let mut tubes = Vec::new();
        for (index, (a, _)) in rooms.iter().enumerate() {
            tubes.extend(rooms.iter().skip(index + 1).map(|(b, _)| (*a, *b)));
        }
        Self::tied(ways, &tubes, adjust)
    }

    /// Ways into rooms, and tubes between ways named by their written rooms.
    pub(crate) fn tied(
        ways: Vec<Way>,
        tubes: &[(&str, &str)],
        adjust: impl FnOnce(&mut Configuration),
    ) -> Self {
        let find = |name: &str| {
            ways.iter().find(|way| way.written == name).unwrap_or_else(|| panic!("no way {name}")).spec()
        };
        let tubes = tubes
            .iter()
            .map(|(a, b)| TubeSpec { a: find(a), b: find(b), direction: Direction::Both, line: 1 })
            .collect();
        let mut config =
            Configuration { tubes, excerpts: Duration::from_secs(86_400), ..Configuration::default() };
        for way in &ways {
            if config.accounts.iter().all(|known| known.id != way.account) {
                config.accounts.push(AccountSpec {
                    id: way.account.clone(),
                    platform: "memory".into(),
                    platform_name: "Memory".into(),
                    team: way.account.as_str().to_uppercase(),
                    bridgebot: false,
                    outside: Outside::Allow,
                });
            }
        }
        adjust(&mut config);
        let mut rig = Self {
            engine: engine(),
            config,
            ways,
            log: Vec::new(),
            durable: 0,
            destroyed: BTreeSet::new(),
            store: Store::default(),
            now: Now { mono: Duration::from_secs(1), wall: Timestamp(NOON), random: 7 },
            wire: Vec::new(),
            pending: VecDeque::new(),
            by_hand: BTreeSet::new(),
            files_by_hand: false,
            flushes: true,
            effects: Vec::new(),
            ids: BTreeMap::new(),
            ticket: 0,
        };
        let effects = rig.engine.start(rig.now, &[]);
        rig.take(effects);
        rig.go_online();
        // What the rooms were told at the start is not what tests are about.
        rig.wire.clear();
        rig.ids.clear();
        rig
    }

    /// The program's start after the log is read: the configuration, then every account that is up.
    fn go_online(&mut self) {
        self.feed(Input::Configure(Box::new(self.config.clone())));
        for way in self.ways.clone().into_iter().filter(|way| way.up) {
            self.connect(&way);
        }
    }

    /// One way becomes usable.
    pub(crate) fn connect(&mut self, way: &Way) {
        let account = way.account.clone();
        let me = Box::new(person(&format!("bot-{account}")));
        self.feed(Input::Connected { account: account.clone(), realm: way.realm.as_str().into(), me });
        self.feed(Input::Health { account: account.clone(), health: Health::Connected });
        self.feed(Input::Room {
            account,
            asked: Some(way.written.as_str().into()),
            id: way.remote.as_str().into(),
            name: way.written.clone(),
            kind: way.kind,
            capabilities: Box::new(way.can.clone()),
        });
    }

    /// An account loses its connection.
    pub(crate) fn goes_down(&mut self, account: &str) {
        let why = "connection reset".to_owned();
        let health = Health::Retrying { after: Duration::from_secs(5), why };
        self.feed(Input::Health { account: account.into(), health });
    }

    /// An account is back, with its rooms.
    pub(crate) fn comes_back(&mut self, account: &str) {
        for way in self.ways.clone().into_iter().filter(|way| way.account.as_str() == account) {
            self.connect(&way);
        }
    }

    /// From now on the test itself answers sends into this room.
    pub(crate) fn by_hand(&mut self, room: &str) {
        self.by_hand.insert(room.to_owned());
    }

    /// Sends into this room are answered at once again; what is open stays open.
    pub(crate) fn by_itself(&mut self, room: &str) {
        self.by_hand.remove(room);
    }

    /// From now on the test itself answers fetches.
    pub(crate) fn files_by_hand(&mut self) {
        self.files_by_hand = true;
    }

    /// Answers the oldest open send, as done with these ids.
    pub(crate) fn confirm(&mut self, ids: Option<&str>) {
        self.answer(Outcome::Done { ids: ids.map(NativeIds::one), shown: false });
    }

    /// Answers the oldest open send.
    pub(crate) fn answer(&mut self, outcome: Outcome) {
        let (account, request) = self.pending.pop_front().expect("a send waits for its answer");
        self.feed(Input::Sent { account, delivery: request.delivery, part: request.part, outcome });
    }

    /// Takes a step and everything that follows from it without time passing.
    pub(crate) fn feed(&mut self, input: Input) {
        let effects = self.engine.step(self.now, input);
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        let mut next: VecDeque<Input> = VecDeque::new();
        let before = self.log.len();
        let rows: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Store { seq, rows } => Some((*seq, rows.clone())),
                _ => None,
            })
            .collect();
        self.store.apply(&rows);
        for effect in effects {
            self.carry_out(effect, &mut next);
        }
        if self.log.len() > before
            && let Some((seq, ..)) = self.log.last()
        {
            next.push_front(Input::Written(*seq));
        }
        if self.flushes
            && self.durable < self.log.len()
            && let Some((seq, ..)) = self.log.last()
        {
            self.durable = self.log.len();
            next.push_back(Input::Durable(*seq));
            next.push_back(Input::Stored(*seq));
        }
        while let Some(input) = next.pop_front() {
            self.feed(input);
        }
    }

    fn carry_out(&mut self, effect: Effect, next: &mut VecDeque<Input>) {
        match effect {
            Effect::Append { seq, record, body } => self.log.push((seq, record, body)),
            Effect::Store { .. } => {}
            Effect::Load { id, query } => {
                next.push_back(Input::Loaded {
                    id,
                    found: self.store.rows.load(&query).expect("memory").map(Box::new),
                });
            }
            Effect::DestroyKeys(keys) => self.destroyed.extend(keys),
            Effect::Send { account, request } => {
                self.wire.push((account.clone(), (*request).clone()));
                if self.by_hand.contains(request.room.as_str()) {
                    self.pending.push_back((account, *request));
                    return;
                }
                let ids = match request.action {
                    Action::Post(_) | Action::File(_) | Action::Thread(ThreadAction::Open { .. }) => {
                        Some(NativeIds::one(self.fresh(request.room.as_str())))
                    }
                    _ => None,
                };
                let outcome = Outcome::Done { ids, shown: true };
                next.push_back(Input::Sent {
                    account,
                    delivery: request.delivery,
                    part: request.part,
                    outcome,
                });
            }
            Effect::Fetch { spool, file, account } => {
                if !self.files_by_hand {
                    let result = Ok(file.size_bytes.unwrap_or(1_000));
                    next.push_back(Input::Fetched { spool: spool.clone(), result });
                }
                self.effects.push(Effect::Fetch { spool, file, account });
            }
            other => self.effects.push(other),
        }
    }

    fn fresh(&mut self, room: &str) -> String {
        let count = self.ids.entry(room.to_owned()).or_default();
        *count += 1;
        format!("{room}{count}")
    }

    /// Lets time pass, waking the engine whenever it asked for it.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.mono + span;
        while let Some(at) = self.engine.next_timer().filter(|at| *at <= end) {
            let step = at.saturating_sub(self.now.mono);
            self.advance(step);
            self.feed(Input::Tick);
        }
        self.advance(end.saturating_sub(self.now.mono));
        self.feed(Input::Tick);
    }

    fn advance(&mut self, step: Duration) {
        self.now.mono += step;
        self.now.wall = self.now.wall.plus(step);
    }

    /// The program is killed and started again: what was appended counts, or only what was flushed.
    pub(crate) fn restart(&mut self, power_loss: bool) {
        if power_loss {
            self.log.truncate(self.durable);
        }
        self.durable = self.log.len();
        self.engine = engine();
        self.pending.clear();
        self.now.mono = Duration::from_secs(1);
        self.now.wall = self.now.wall.plus(Duration::from_secs(1));
        let mut live = Vec::new();
        for (seq, record, body) in self.log.clone() {
            let body = body.filter(|(key, _)| !self.destroyed.contains(key));
            live.extend(body.as_ref().map(|(key, _)| *key));
            let bytes = body.as_ref().map(|(_, bytes)| bytes.as_slice());
            let effects = self.engine.replay(seq, &record, bytes).expect("own records are readable");
            self.take(effects);
        }
        let effects = self.engine.start(self.now, &live);
        self.take(effects);
        self.go_online();
    }

    /// Writes the state as a whole, and drops everything before it.
    pub(crate) fn snapshot(&mut self) {
        let before = self.log.len();
        self.engine.write_snapshot();
        self.feed(Input::Tick);
        self.log.drain(..before);
        self.durable = self.log.len();
    }

    /// Something happened in a room, as its first way hears it.
    pub(crate) fn event(&mut self, room: &str, event: RoomEvent) {
        let way = self.ways.iter().find(|way| way.written == room).expect("a known room").clone();
        self.heard(&way.account, &way.remote, event, false);
    }

    /// An account reports something.
    pub(crate) fn heard(&mut self, account: &AccountId, remote: &str, event: RoomEvent, history: bool) {
        self.heard_at(account, remote, event, history, self.now.wall);
    }

    /// An account reports something that happened at this time, as its platform claims.
    pub(crate) fn heard_at(
        &mut self,
        account: &AccountId,
        remote: &str,
        event: RoomEvent,
        history: bool,
        at: Timestamp,
    ) {
        self.ticket += 1;
        let inbound = Inbound { room: remote.into(), at: Some(at), cursor: None, history, event };
        self.feed(Input::Event {
            account: account.clone(),
            ticket: Ticket(self.ticket),
            inbound: Box::new(inbound),
        });
    }

    /// Asks something of the operator's.
    pub(crate) fn ask(&mut self, request: Request) -> Reply {
        self.feed(Input::Operator { id: 99, request });
        self.effects
            .iter()
            .rev()
            .find_map(|effect| match effect {
                Effect::Reply { id: 99, reply } => Some(reply.clone()),
                _ => None,
            })
            .expect("every request is answered")
    }

    /// What was sent into a room so far, one line each.
    pub(crate) fn shown(&self, room: &str) -> Vec<String> {
        self.wire
            .iter()
            .filter(|(_, request)| request.room.as_str() == room)
            .map(|(_, request)| describe(&request.action))
            .collect()
    }

    /// What was sent into a room since the last look.
    pub(crate) fn news(&mut self, room: &str) -> Vec<String> {
        let lines = self.shown(room);
        self.wire.retain(|(_, request)| request.room.as_str() != room);
        lines
    }

    /// How the deliveries into a room stand, in order; notices leave no row.
    pub(crate) fn states(&self, room: &str) -> Vec<DeliveryState> {
        let number = self.number(room);
        self.store
            .deliveries
            .iter()
            .filter(|(delivery, _)| delivery.room == number)
            .map(|(_, row)| row.state.clone())
            .collect()
    }

    /// The last delivery into a room.
    pub(crate) fn last_delivery(&self, room: &str) -> DeliveryId {
        let number = self.number(room);
        *self
            .store
            .deliveries
            .keys()
            .rfind(|delivery| delivery.room == number)
            .expect("something was on its way there")
    }

    /// The engine's number of a room, by one of the ways in which it is written.
    pub(crate) fn number(&self, room: &str) -> RoomId {
        let mut number = None;
        for record in self.records() {
            match record {
                Record::RoomNumbered { room: new, spec } if &*spec.room == room => number = Some(new),
                Record::RoomsMerged { from, into } if number == Some(from) => number = Some(into),
                _ => {}
            }
        }
        number.expect("a room that was written somewhere")
    }

    /// How many sealed bodies of events and attempts could still be opened.
    pub(crate) fn bodies(&self) -> usize {
        let open = |body: &Option<(u64, Vec<u8>)>| {
            body.as_ref().is_some_and(|(key, _)| key >> 63 == 0 && !self.destroyed.contains(key))
        };
        self.log.iter().filter(|(_, _, body)| open(body)).count()
    }

    /// The plain parts of the log.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        self.log.iter().map(|(_, record, _)| Record::decode(record).expect("own records are readable"))
    }
}

/// Sets a policy of one room.
pub(crate) fn policy(config: &mut Configuration, room: &str, set: impl FnOnce(&mut RoomPolicy)) {
    let spec = RoomSpec { account: room.into(), room: room.into() };
    set(config.rooms.entry(spec).or_default());
}

/// A person whose id is their name.
pub(crate) fn person(name: &str) -> Author {
    Author {
        id: name.into(),
        name: name.into(),
        username: None,
        avatar: None,
        is_bot: false,
        role: Role::Member,
    }
}

/// One action as a line: what is done, to which message, and the text.
pub(crate) fn describe(action: &Action) -> String {
    match action {
        Action::Post(post) => {
            let reply = post.reply.as_ref().map_or_else(String::new, |to| format!("@{} ", to.primary));
            let thread = post.thread.as_ref().map_or_else(String::new, |thread| format!("#{thread} "));
            format!("{thread}{reply}{}", post.text.text)
        }
        Action::File(file) => {
            let reply = file.reply.as_ref().map_or_else(String::new, |to| format!("@{} ", to.primary));
            let thread = file.thread.as_ref().map_or_else(String::new, |thread| format!("#{thread} "));
            let more: Vec<_> = file.more.iter().map(|file| format!(" + {}", file.name)).collect();
            format!("{thread}{reply}file {}{}: {}", file.file.name, more.concat(), file.caption.text)
        }
        Action::Edit { target, text, .. } => format!("edit {}: {}", target.primary, text.text),
        Action::Delete { target, moderate: false } => format!("delete {}", target.primary),
        Action::Delete { target, moderate: true } => format!("moderate {}", target.primary),
        Action::React { target, emoji } => format!("react {} {}", target.primary, emoji.fallback()),
        Action::Unreact { target, emoji } => format!("unreact {} {}", target.primary, emoji.fallback()),
        Action::SetReactions { target, emoji } => {
            let all: Vec<String> = emoji.iter().map(|emoji| emoji.fallback()).collect();
            format!("set {} [{}]", target.primary, all.join(" "))
        }
        Action::Thread(ThreadAction::Open { name, root }) => {
            let root = root.as_ref().map_or_else(|| "nothing".to_owned(), |ids| ids.primary.to_string());
            format!("open thread {name} from {root}")
        }
        Action::Thread(ThreadAction::Rename { thread, name }) => format!("rename thread {thread}: {name}"),
        Action::Thread(ThreadAction::Close { thread }) => format!("close thread {thread}"),
        Action::Thread(ThreadAction::Move { target, to }) => {
            let to = to.as_ref().map_or_else(|| "the room".to_owned(), ToString::to_string);
            format!("move {} to {to}", target.primary)
        }
    }
}

fn engine() -> Engine {
    Engine::new(Setup { installation: "testtest".into(), digest_key: [3; 32], dialects: Arc::new(Plaintext) })
}
