//! Accounts and the rooms they see: which session can be used for which room, now.

use std::time::Duration;

use sameroom_types::capabilities::Capabilities;
use sameroom_types::event::Author;
use sameroom_types::ids::{AccountId, RealmId, RemoteRoomId, RemoteUserId, RoomId, RoomKey, RoomSpec, Seq};
use sameroom_types::policy::{AccountSpec, Configuration};
use sameroom_types::room::{Health, RoomKind};

use crate::engine::{Engine, Timer};
use crate::input::Effect;
use crate::lane::Part;
use crate::record::{Record, TubeChange};

/// How long a room may be unusable before others are told.
pub(crate) const OUTAGE: Duration = Duration::from_secs(120);

/// An account at run time.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) spec: AccountSpec,
    pub(crate) health: Health,
    pub(crate) realm: Option<RealmId>,
    pub(crate) me: Option<Author>,
    pub(crate) blocked_until: Option<Duration>,
    pub(crate) refusals: u32,
    /// When it lost its connection lately, to tell an unstable link.
    pub(crate) losses: Vec<Duration>,
}

/// A room as one account sees it.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) remote: RemoteRoomId,
    pub(crate) capabilities: Capabilities,
    pub(crate) ready: bool,
    pub(crate) why: String,
}

impl Engine {
    pub(crate) fn on_configure(&mut self, config: Configuration) {
        self.policies.clear();
        let mut accounts = std::collections::BTreeMap::new();
        for spec in &config.accounts {
            let account = match self.accounts.remove(&spec.id) {
                Some(mut known) => {
                    known.spec = spec.clone();
                    known
                }
                None => Account {
                    spec: spec.clone(),
                    health: Health::Connecting,
                    realm: None,
                    me: None,
                    blocked_until: None,
                    refusals: 0,
                    losses: Vec::new(),
                },
            };
            self.figures.accounts.entry(spec.id.clone()).or_default().platform = Some(spec.platform.clone());
            accounts.insert(spec.id.clone(), account);
        }
        for gone in std::mem::replace(&mut self.accounts, accounts).into_keys() {
            self.forget_views(&gone, "the account was removed");
        }
        self.config = config;
        self.apply_declared_tubes();
        for id in self.accounts.keys().cloned().collect::<Vec<_>>() {
            for (room, spec) in self.network.rooms_of_account(&id) {
                if !self.views.get(&(room, id.clone())).is_some_and(|view| view.ready) {
                    self.out.push(Effect::Join { account: id.clone(), room: spec.room });
                }
            }
        }
        for room in self.network.rooms.keys().copied().collect::<Vec<_>>() {
            self.note_usability(room);
        }
        self.dirty.extend(self.lanes.keys().copied());
    }

    pub(crate) fn on_health(&mut self, id: &AccountId, health: Health) {
        let Some(account) = self.accounts.get_mut(id) else { return };
        let was = account.health.is_connected();
        account.health = health.clone();
        self.figures.accounts.entry(id.clone()).or_default().connected = health.is_connected();
        if health.is_connected() {
            account.blocked_until = None;
            account.refusals = 0;
            for room in self.rooms_seen_by(id) {
                self.note_usability(room);
            }
            return;
        }
        if was {
            account.losses.push(self.now.mono);
        }
        let why = match health {
            Health::Retrying { why, .. } | Health::NeedsRelink { why } | Health::Stopped { why } => why,
            Health::Connecting | Health::Connected => "connecting".into(),
        };
        self.forget_questions(id);
        self.forget_views(id, &why);
        if was {
            self.tell_unstable(id);
        }
    }

    /// What a session was asked and did not answer is asked again once it is back.
    fn forget_questions(&mut self, id: &AccountId) {
        let not_before = self.now.mono;
        for lane in self.lanes.values_mut() {
            for attempt in lane.items.values_mut().filter_map(|item| item.attempt.as_mut()) {
                if attempt.account == *id {
                    let asked = attempt.parts.iter_mut().filter(|part| **part == Part::Asking);
                    asked.for_each(|part| *part = Part::Unsure { not_before });
                }
            }
        }
    }

    pub(crate) fn on_connected(&mut self, id: &AccountId, realm: RealmId, me: Author) {
        let Some(account) = self.accounts.get_mut(id) else { return };
        account.realm = Some(realm);
        account.me = Some(me);
        account.blocked_until = None;
    }

    /// Rooms stay known but can't be used through this account until it reports them again.
    fn forget_views(&mut self, id: &AccountId, why: &str) {
        for room in self.rooms_seen_by(id) {
            if let Some(view) = self.views.get_mut(&(room, id.clone())) {
                view.ready = false;
                view.why = why.to_owned();
            }
            self.note_usability(room);
            self.replay_standby(room, id);
        }
    }

    fn rooms_seen_by(&self, id: &AccountId) -> Vec<RoomId> {
        self.network
            .rooms
            .iter()
            .filter(|(_, room)| room.specs.iter().any(|spec| spec.account == *id))
            .map(|(room, _)| *room)
            .collect()
    }

    pub(crate) fn on_room(
        &mut self,
        id: &AccountId,
        asked: Option<Box<str>>,
        remote: RemoteRoomId,
        name: String,
        kind: RoomKind,
        capabilities: Capabilities,
    ) {
        let Some(realm) = self.accounts.get(id).and_then(|account| account.realm.clone()) else { return };
        let key = RoomKey { realm, room: remote.clone() };
        let by_key = self.network.room_of_key(&key);
        let written = asked.unwrap_or_else(|| remote.as_str().into());
        let spec = RoomSpec { account: id.clone(), room: written };
        let by_spec = self.network.room_of_spec(&spec);
        let room = match (by_key, by_spec) {
            (Some(known), Some(named)) if known != named => {
                self.merge_rooms(named, known);
                known
            }
            (Some(known), Some(_)) => known,
            (Some(known), None) => {
                self.note(Record::RoomNumbered { room: known, spec });
                known
            }
            (None, Some(named)) => named,
            (None, None) => self.number_room(spec),
        };
        let known = self.network.room(room);
        if known
            .is_some_and(|known| known.key.as_ref() != Some(&key) || known.name != name || known.kind != kind)
        {
            self.note(Record::RoomIdentified { room, key, name, kind });
        }
        self.views.insert((room, id.clone()), View { remote, capabilities, ready: true, why: String::new() });
        self.note_usability(room);
        self.dirty.insert(room);
        self.announce_tubes(room);
        // Where tubes come back with the invitation, the notice of those says enough.
        if self.ungreeted.remove(&room) && self.network.tubes_of(room).is_empty() {
            self.greet(room);
        }
    }

    /// Two numbers are one room: what is lasting joins by a record, the accounts' views here.
    fn merge_rooms(&mut self, from: RoomId, into: RoomId) {
        self.note(Record::RoomsMerged { from, into });
        let views: Vec<_> = self.views.keys().filter(|(room, _)| *room == from).cloned().collect();
        for key in views {
            if let Some(view) = self.views.remove(&key) {
                self.views.entry((into, key.1)).or_insert(view);
            }
        }
    }

    pub(crate) fn on_room_failed(&mut self, id: &AccountId, asked: &str, why: String, retrying: bool) {
        let spec = RoomSpec { account: id.clone(), room: asked.into() };
        let Some(room) = self.network.room_of_spec(&spec) else { return };
        if let Some(view) = self.views.get_mut(&(room, id.clone())) {
            view.ready = false;
            view.why.clone_from(&why);
        }
        if !retrying && self.usable_account(room).is_none() {
            self.fail_tubes(room, &why);
        }
        self.note_usability(room);
    }

    /// The session to use for a room now: the first way to it that works.
    pub(crate) fn usable_account(&self, room: RoomId) -> Option<(AccountId, &View)> {
        let specs = &self.network.room(room)?.specs;
        specs.iter().find_map(|spec| {
            let account = self.accounts.get(&spec.account)?;
            let view = self.views.get(&(room, spec.account.clone()))?;
            (account.health.is_connected() && view.ready).then(|| (spec.account.clone(), view))
        })
    }

    /// The account whose events of a room count, where several listen.
    pub(crate) fn listener(&self, room: RoomId) -> Option<AccountId> {
        self.usable_account(room).map(|(account, _)| account)
    }

    /// What can be done in a room, as far as known.
    pub(crate) fn capabilities(&self, room: RoomId) -> Option<&Capabilities> {
        let specs = &self.network.room(room)?.specs;
        let mut views = specs.iter().filter_map(|spec| self.views.get(&(room, spec.account.clone())));
        views.clone().find(|view| view.ready).or_else(|| views.next()).map(|view| &view.capabilities)
    }

    /// Why a room can't be used, in plain words.
    pub(crate) fn why_unusable(&self, room: RoomId) -> String {
        let Some(known) = self.network.room(room) else { return "unknown room".into() };
        for spec in &known.specs {
            if let Some(view) = self.views.get(&(room, spec.account.clone()))
                && !view.why.is_empty()
            {
                return view.why.clone();
            }
            match self.accounts.get(&spec.account).map(|account| &account.health) {
                Some(
                    Health::Retrying { why, .. } | Health::NeedsRelink { why } | Health::Stopped { why },
                ) => {
                    return why.clone();
                }
                Some(Health::Connecting | Health::Connected) => return "joining".into(),
                None => {}
            }
        }
        "no account reaches this room".into()
    }

    /// Notes when a room stops or starts to be usable, for outages and late marks.
    pub(crate) fn note_usability(&mut self, room: RoomId) {
        let usable = self.usable_account(room).is_some();
        if !self.lanes.contains_key(&room) && self.network.tubes_of(room).is_empty() {
            return;
        }
        let mono = self.now.mono;
        let last = Seq(self.next_seq.0.saturating_sub(1));
        let lane = self.lanes.entry(room).or_default();
        match (usable, lane.down_since) {
            (false, None) => {
                lane.down_since = Some(mono);
                self.wake(OUTAGE, Timer::Outage(room));
            }
            (true, Some(since)) => {
                lane.down_since = None;
                lane.blocked_until = None;
                lane.refusals = 0;
                let long = mono.saturating_sub(since) >= Duration::from_secs(10);
                if long && !lane.items.is_empty() {
                    lane.late_through = last;
                }
                let waiting = lane.items.len();
                let told = std::mem::take(&mut lane.told_down);
                if told {
                    self.tell_return(room, since, waiting);
                }
                self.dirty.insert(room);
            }
            _ => {}
        }
    }

    /// Whether a person is one of our own accounts in this world.
    pub(crate) fn is_ours(&self, realm: &RealmId, person: &RemoteUserId) -> bool {
        self.accounts.values().any(|account| {
            account.realm.as_ref() == Some(realm) && account.me.as_ref().is_some_and(|me| me.id == *person)
        })
    }

    pub(crate) fn number_room(&mut self, spec: RoomSpec) -> RoomId {
        if let Some(room) = self.network.room_of_spec(&spec) {
            return room;
        }
        let room = self.network.next_room();
        self.note(Record::RoomNumbered { room, spec });
        room
    }

    pub(crate) fn on_invited(&mut self, id: &AccountId, written: Box<str>, by: Option<Author>) {
        let Some(account) = self.accounts.get(id) else { return };
        let spec = RoomSpec { account: id.clone(), room: written.clone() };
        let known = self.network.room_of_spec(&spec);
        let has_tubes = known.is_some_and(|room| !self.network.tubes_of(room).is_empty());
        if !account.spec.bridgebot && !has_tubes {
            return;
        }
        let room = known.unwrap_or_else(|| self.number_room(spec));
        if account_rooms(self, id) > crate::commands::MAX_INVITED_ROOMS {
            return;
        }
        self.note(Record::RoomInvited { room, by: by.map(|by| by.id) });
        self.ungreeted.insert(room);
        self.revive_tubes(room);
        self.out.push(Effect::Join { account: id.clone(), room: written });
    }

    /// Takes a room's tubes out of the network, with the reason, and tells the others.
    pub(crate) fn fail_tubes(&mut self, room: RoomId, why: &str) {
        let failing: Vec<_> = self
            .network
            .tubes_of(room)
            .into_iter()
            .filter(|entry| entry.failed.is_none())
            .map(|entry| entry.tube.id)
            .collect();
        if failing.is_empty() {
            return;
        }
        let neighbours = self.network.component(room);
        let at = self.now.wall;
        for tube in failing {
            let change = TubeChange::Failed { why: why.to_owned() };
            self.note(Record::TubeChanged { tube, change, at });
        }
        let name = self.name_for_others(room);
        self.tell_apart(room, &neighbours, &format!("{name} is no longer connected: {why}"));
    }

    /// Brings failed tubes of a room back: somebody asked us in again.
    fn revive_tubes(&mut self, room: RoomId) {
        let failed: Vec<_> = self
            .network
            .tubes_of(room)
            .into_iter()
            .filter(|entry| entry.failed.is_some())
            .map(|entry| entry.tube.id)
            .collect();
        let at = self.now.wall;
        for tube in failed {
            self.note(Record::TubeChanged { tube, change: TubeChange::Resumed, at });
            self.unannounced.insert(tube);
            self.notices_forget(tube);
        }
    }
}

fn account_rooms(engine: &Engine, id: &AccountId) -> usize {
    engine
        .network
        .rooms
        .values()
        .filter(|room| room.invited && room.specs.iter().any(|spec| spec.account == *id))
        .count()
}
