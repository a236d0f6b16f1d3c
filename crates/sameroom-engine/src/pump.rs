//! Lanes at work: what is sent next, what waits, what comes of a send.

use std::time::Duration;

use sameroom_types::action::{Answer, Outcome, Refusal, RefusalKind, SendRequest, Wait};
use sameroom_types::capabilities::Once;
use sameroom_types::ids::{AccountId, DeliveryId, Mark, NativeIds, RoomId, Seq, SpoolId};
use sameroom_types::room::Health;
use sameroom_types::rows::{DeliveryKind, ParkReason, SkipReason};
use sameroom_types::time::Timestamp;

use crate::compose::Prepared;
use crate::engine::{Engine, FileState, Sealed, Timer};
use crate::input::Effect;
use crate::lane::Part;
use crate::record::{End, EventBody, Record};

/// How long a lane waits for a file before it names it instead.
pub(crate) const FILE_PATIENCE: Duration = Duration::from_secs(60);

/// A delivery this old, of a lane that works, is marked with its time.
const LATE: Duration = Duration::from_secs(60);

/// A delivery this old counts towards the room's limit of late messages: the whole backlog of a
/// shorter outage is always delivered.
const OVERDUE: Duration = Duration::from_secs(600);

/// The first and the longest delay after a temporary refusal without a time.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(300));

/// How many sends of one room may be asked about at a time; connectors look for all of them in one go.
const ASKED_AT_ONCE: usize = 256;

/// What to do with the next part of a lane.
enum Next {
    Send(Seq, u32),
    Ask(Seq, u32),
    /// With so much of the window left.
    Prepare(Seq, usize),
    Stop,
}

impl Engine {
    /// Lets a lane go on as far as it can now.
    pub(crate) fn pump(&mut self, room: RoomId) {
        loop {
            let Some(lane) = self.lanes.get(&room) else { return };
            if lane.items.is_empty() {
                if let Some(lane) = self.lanes.get_mut(&room) {
                    lane.said_behind = false;
                }
                return;
            }
            if self.must_wait(room) {
                return;
            }
            let Some((account, view)) = self.usable_account(room) else { return };
            let window = if self.lanes.get(&room).is_some_and(|lane| lane.cautious) {
                1
            } else {
                usize::from(view.capabilities.window.max(1))
            };
            let once = view.capabilities.once;
            match self.next_in(room, window, once) {
                Next::Stop => return,
                Next::Send(seq, part) => {
                    self.move_attempt(room, seq, &account);
                    self.launch(room, seq, part, None);
                }
                Next::Ask(seq, part) => {
                    self.move_attempt(room, seq, &account);
                    if !self.clear_up(room, seq, part, once) {
                        return;
                    }
                }
                Next::Prepare(seq, left) => {
                    if !self.prepare_and_freeze(room, seq, &account, left) {
                        return;
                    }
                }
            }
        }
    }

    /// An attempt whose account can't be used now goes on through the one that can.
    fn move_attempt(&mut self, room: RoomId, seq: Seq, usable: &AccountId) {
        let delivery = DeliveryId { event: seq, room };
        let Some(own) = self
            .delivery_mut(delivery)
            .and_then(|item| item.attempt.as_ref())
            .map(|attempt| attempt.account.clone())
        else {
            return;
        };
        let works = self.accounts.get(&own).is_some_and(|known| known.health.is_connected())
            && self.views.get(&(room, own)).is_some_and(|view| view.ready);
        if !works && let Some(attempt) = self.delivery_mut(delivery).and_then(|item| item.attempt.as_mut()) {
            attempt.account = usable.clone();
        }
    }

    fn must_wait(&mut self, room: RoomId) -> bool {
        let mono = self.now.mono;
        let lane_until = self.lanes.get(&room).and_then(|lane| lane.blocked_until);
        let account_until =
            self.listener(room).and_then(|account| self.accounts.get(&account)?.blocked_until);
        let until = lane_until.max(account_until).filter(|until| *until > mono);
        if let Some(until) = until {
            self.timers.insert((until, Timer::Lane(room)));
        }
        until.is_some()
    }

    /// The first thing in a lane that is not already on its way.
    ///
    /// While something is asked about, nothing behind it is sent, since it could overtake; but whatever
    /// else has to be asked about is asked at the same time.
    fn next_in(&self, room: RoomId, window: usize, once: Once) -> Next {
        let Some(lane) = self.lanes.get(&room) else { return Next::Stop };
        let (mut flying, mut asking) = (0, 0);
        for (seq, item) in &lane.items {
            let Some(attempt) = &item.attempt else {
                let may_prepare = if asking > 0 {
                    asking < ASKED_AT_ONCE && item.suspect && self.is_asked_about(*seq, once)
                } else {
                    flying < window
                };
                return if may_prepare { Next::Prepare(*seq, window - flying) } else { Next::Stop };
            };
            for (index, part) in (0..).zip(&attempt.parts) {
                match part {
                    Part::Done(_) => {}
                    Part::Recorded | Part::Flying => flying += 1,
                    Part::Asking => asking += 1,
                    Part::Unsure { .. } if asking < ASKED_AT_ONCE => return Next::Ask(*seq, index),
                    Part::Todo if asking == 0 && flying < window => return Next::Send(*seq, index),
                    Part::Todo | Part::Unsure { .. } => return Next::Stop,
                }
            }
            if flying >= window {
                return Next::Stop;
            }
        }
        Next::Stop
    }

    /// Whether a delivery that may have been sent before is asked about, rather than sent again.
    fn is_asked_about(&self, seq: Seq, once: Once) -> bool {
        let is_post = self.events.get(&seq).is_some_and(|event| event.meta.kind == DeliveryKind::Post);
        is_post && once.key.is_none() && once.history.is_some()
    }

    /// Hands a frozen part to its session, after the record `after` is written.
    fn launch(&mut self, room: RoomId, seq: Seq, part: u32, after: Option<Seq>) {
        let delivery = DeliveryId { event: seq, room };
        let Some(attempt) = self.delivery_mut(delivery).and_then(|item| item.attempt.as_mut()) else {
            return;
        };
        let request = attempt.frozen.as_ref().and_then(|frozen| frozen.get(part as usize)).cloned();
        let Some(request) = request else {
            self.park(delivery, ParkReason::Unreadable);
            return;
        };
        let account = attempt.account.clone();
        let Some(slot) = attempt.parts.get_mut(part as usize) else { return };
        if let Some(after) = after {
            *slot = Part::Recorded;
            self.sends.push_back((after, account, request));
        } else {
            *slot = Part::Flying;
            self.out.push(Effect::Send { account, request: Box::new(request) });
        }
    }

    pub(crate) fn part_left(&mut self, request: &SendRequest) {
        if let Some(attempt) = self.delivery_mut(request.delivery).and_then(|item| item.attempt.as_mut())
            && let Some(slot) = attempt.parts.get_mut(request.part as usize)
        {
            *slot = Part::Flying;
        }
    }

    /// Decides what becomes of a part that may have arrived. Returns whether the lane may go on at once.
    fn clear_up(&mut self, room: RoomId, seq: Seq, part: u32, once: Once) -> bool {
        let delivery = DeliveryId { event: seq, room };
        let mono = self.now.mono;
        let age = self.events.get(&seq).map(|event| mono.saturating_sub(event.since));
        let since = self.events.get(&seq).map(first_tried).unwrap_or_default();
        let Some(item) = self.delivery_mut(delivery) else { return false };
        let Some(attempt) = &mut item.attempt else { return false };
        let account = attempt.account.clone();
        let Some(request) = attempt.frozen.as_ref().and_then(|frozen| frozen.get(part as usize)).cloned()
        else {
            self.park(delivery, ParkReason::Unreadable);
            return true;
        };
        let Some(Part::Unsure { not_before }) = attempt.parts.get(part as usize).cloned() else {
            return false;
        };
        if once.key.is_some_and(|valid| age.is_some_and(|age| age < valid)) {
            attempt.parts[part as usize] = Part::Todo;
            return true;
        }
        if let Some(wait) = once.history {
            let ready = not_before + wait;
            if ready > mono {
                self.timers.insert((ready, Timer::Lane(room)));
                return false;
            }
            attempt.parts[part as usize] = Part::Asking;
            let SendRequest { room: remote, key, .. } = request;
            self.out.push(Effect::Ask { account, delivery, part, room: remote, key, since });
            return true;
        }
        // A change that is made twice leaves what it left the first time; only a second post is a double.
        item.repeats += 1;
        attempt.parts[part as usize] = Part::Todo;
        self.figures.repeats += 1;
        true
    }

    /// Renders a delivery, freezes it and sends what the window allows. Returns whether the lane may go on.
    fn prepare_and_freeze(&mut self, room: RoomId, seq: Seq, account: &AccountId, left: usize) -> bool {
        let delivery = DeliveryId { event: seq, room };
        if self.is_overdue(delivery) {
            self.park(delivery, ParkReason::TooLate);
            return true;
        }
        match self.prepare(delivery, account) {
            Prepared::Wait(until) => {
                if let Some(until) = until {
                    self.timers.insert((until.max(self.now.mono), Timer::Lane(room)));
                }
                false
            }
            Prepared::End(end) => {
                let at = self.now.wall;
                self.note(Record::Ended { delivery, end, at });
                true
            }
            Prepared::Ready { actions, files, makes, placed, as_of } => {
                if actions.is_empty() {
                    let at = self.now.wall;
                    self.note(Record::Ended { delivery, end: End::Skipped(SkipReason::NoChange), at });
                    return true;
                }
                let Some(view) = self.views.get(&(room, account.clone())) else { return false };
                let remote = view.remote.clone();
                let installation = self.setup.installation.clone();
                let once = view.capabilities.once;
                let token = self.events.get(&seq).map_or(0, |event| event.meta.token);
                let frozen: Vec<SendRequest> = (0..)
                    .zip(actions)
                    .map(|(part, action)| SendRequest {
                        delivery,
                        part,
                        room: remote.clone(),
                        key: Mark::key(&installation, token, room, part),
                        action,
                    })
                    .collect();
                let parts = u32::try_from(frozen.len()).unwrap_or(u32::MAX);
                let record = Record::Attempt {
                    delivery,
                    account: account.clone(),
                    parts,
                    files,
                    placed,
                    as_of,
                    makes,
                };
                let written = self.commit(record, Some(seq.0), Sealed::Frozen(frozen));
                if let Some(attempt) = self.delivery_mut(delivery).and_then(|item| item.attempt.as_mut()) {
                    attempt.parts.fill(Part::Todo);
                }
                // It may be there already, sent by an attempt whose record is gone. With a key it is
                // simply sent again; with a history that is asked first.
                let suspect = self.delivery_mut(delivery).is_some_and(|item| item.suspect);
                if suspect && self.is_asked_about(seq, once) {
                    let not_before = self.started.mono;
                    if let Some(attempt) = self.delivery_mut(delivery).and_then(|item| item.attempt.as_mut())
                    {
                        attempt.parts.fill(Part::Unsure { not_before });
                    }
                } else {
                    self.launch_window(room, seq, written, left);
                }
                true
            }
        }
    }

    /// The first parts of a fresh attempt leave as soon as its record is written, as far as the window
    /// allows: the first one in any case.
    fn launch_window(&mut self, room: RoomId, seq: Seq, written: Seq, left: usize) {
        let parts = self
            .delivery_mut(DeliveryId { event: seq, room })
            .and_then(|item| item.attempt.as_ref())
            .map_or(0, |attempt| attempt.parts.len());
        for part in (0..parts).take(left.max(1)) {
            self.launch(room, seq, u32::try_from(part).unwrap_or(u32::MAX), Some(written));
        }
    }

    fn is_overdue(&mut self, id: DeliveryId) -> bool {
        let policy = self.policy(id.room);
        let wall = self.now.wall;
        let Some(event) = self.events.get(&id.event) else { return false };
        if matches!(event.meta.kind, DeliveryKind::Notice) {
            return false;
        }
        let age = wall.since(event.meta.at);
        let late = policy.room.late;
        let Some(lane) = self.lanes.get(&id.room) else { return false };
        if lane.items.get(&id.event).is_some_and(|item| item.late) || age < OVERDUE.min(late.max_age) {
            return false;
        }
        let events = &self.events;
        let overdue = lane
            .items
            .keys()
            .take_while(|seq| events.get(seq).is_some_and(|event| wall.since(event.meta.at) >= OVERDUE))
            .take(usize::try_from(late.max_count).unwrap_or(usize::MAX).saturating_add(1))
            .count() as u64;
        age > late.max_age || overdue > late.max_count
    }

    /// Whether a delivery that is sent now must carry its time.
    pub(crate) fn is_late(&self, id: DeliveryId) -> bool {
        let Some(event) = self.events.get(&id.event) else { return false };
        let Some(lane) = self.lanes.get(&id.room) else { return false };
        lane.items.get(&id.event).is_some_and(|item| item.late)
            || id.event <= lane.late_through
            || self.now.wall.since(event.meta.at) > LATE
    }

    pub(crate) fn park(&mut self, delivery: DeliveryId, why: ParkReason) {
        let at = self.now.wall;
        let is_late = why == ParkReason::TooLate;
        let code = match &why {
            ParkReason::Refused { code } => Some(code.clone()),
            _ => None,
        };
        let origin = self.events.get(&delivery.event).map(|event| (event.meta.room, event.meta.kind));
        self.note(Record::Ended { delivery, end: End::Parked(why), at });
        if is_late {
            if let Some(lane) = self.lanes.get_mut(&delivery.room) {
                lane.overdue += 1;
            }
            self.wake(Duration::ZERO, Timer::Outage(delivery.room));
        }
        if let (Some(code), Some((origin, kind))) = (code, origin)
            && kind != DeliveryKind::Notice
        {
            self.tell_parked(origin, delivery, &code);
        }
        self.dirty.insert(delivery.room);
    }

    pub(crate) fn on_sent(&mut self, account: &AccountId, delivery: DeliveryId, part: u32, outcome: Outcome) {
        let room = delivery.room;
        let state = self
            .delivery_mut(delivery)
            .and_then(|item| item.attempt.as_ref())
            .filter(|attempt| attempt.account == *account)
            .and_then(|attempt| attempt.parts.get(part as usize).cloned());
        match (state, outcome) {
            // Already ended or confirmed: only ids can be new, or a second look that shows it.
            (None | Some(Part::Done(_)), Outcome::Done { ids, .. }) => {
                if let Some(ids) = ids {
                    self.learn_late(delivery, part, &ids);
                }
            }
            (None | Some(Part::Done(_) | Part::Todo), _) => {}
            (Some(_), Outcome::Done { ids, shown }) => self.part_done(delivery, part, ids, shown),
            (Some(Part::Asking), _) => {}
            (Some(_), Outcome::Later { after, scope, .. }) => {
                self.set_part(delivery, part, Part::Todo);
                self.back_off(account, room, after, scope);
            }
            (Some(_), Outcome::Unknown { .. }) => {
                let not_before = self.now.mono;
                self.set_part(delivery, part, Part::Unsure { not_before });
            }
            (Some(_), Outcome::Refused(refusal)) => self.refused(account, delivery, part, refusal),
        }
        self.dirty.insert(room);
    }

    fn set_part(&mut self, delivery: DeliveryId, part: u32, state: Part) {
        if let Some(slot) =
            self.delivery_mut(delivery).and_then(|item| item.attempt.as_mut()?.parts.get_mut(part as usize))
        {
            *slot = state;
        }
    }

    pub(crate) fn part_done(&mut self, delivery: DeliveryId, part: u32, ids: Option<NativeIds>, shown: bool) {
        let room = delivery.room;
        let wall = self.now.wall;
        let Some(event) = self.events.get(&delivery.event) else { return };
        let delay = self.now.mono.saturating_sub(event.since);
        let is_notice = event.meta.kind == DeliveryKind::Notice;
        let Some(item) = self.delivery_mut(delivery) else { return };
        let late = item.late;
        let Some(attempt) = &item.attempt else { return };
        let account = attempt.account.clone();
        let last = attempt
            .parts
            .iter()
            .enumerate()
            .all(|(index, state)| index == part as usize || matches!(state, Part::Done(_)));
        self.note(Record::Done { delivery, part, ids, shown, at: wall });
        if last && !is_notice {
            let figures = self.figures.accounts.entry(account.clone()).or_default();
            figures.delivered += 1;
            figures.late += u64::from(late);
            figures.count_delay(delay);
        }
        if let Some(lane) = self.lanes.get_mut(&room) {
            lane.refusals = 0;
            lane.cautious = false;
        }
        if let Some(account) = self.accounts.get_mut(&account) {
            account.refusals = 0;
        }
        self.retry_references(room);
        self.dirty.insert(room);
    }

    /// Ids of a part that was confirmed without them.
    fn learn_late(&mut self, delivery: DeliveryId, part: u32, ids: &NativeIds) {
        if ids.iter().any(|id| self.messages.find(delivery.room, id).is_none())
            && self.messages.get(sameroom_types::ids::MessageId(delivery.event.0)).is_some()
        {
            self.note(Record::IdsLearnt { delivery, part, ids: ids.clone() });
            self.retry_references(delivery.room);
        }
    }

    fn back_off(&mut self, account: &AccountId, room: RoomId, after: Option<Duration>, scope: Wait) {
        let connected = self.accounts.get(account).is_some_and(|known| known.health.is_connected());
        let random = self.now.random;
        let mono = self.now.mono;
        let delay = |refusals: u32| {
            let doubled = BACKOFF.0.saturating_mul(1 << refusals.min(12)).min(BACKOFF.1);
            let spread = u64::try_from(random % 1000).unwrap_or(0);
            doubled / 2 + doubled.mul_f64(0.0005) * u32::try_from(spread).unwrap_or(0)
        };
        if scope == Wait::Account
            && let Some(known) = self.accounts.get_mut(account)
        {
            let until = mono + after.unwrap_or_else(|| delay(known.refusals));
            known.refusals += 1;
            // A lost connection needs no clock: the lanes go on when the rooms are back.
            if connected || after.is_some() {
                known.blocked_until = known.blocked_until.max(Some(until));
            }
        }
        if let Some(lane) = self.lanes.get_mut(&room) {
            let until = mono + after.unwrap_or_else(|| delay(lane.refusals));
            if connected || after.is_some() {
                lane.blocked_until = lane.blocked_until.max(Some(until));
            }
            lane.refusals += 1;
            lane.cautious = true;
        }
    }

    fn refused(&mut self, account: &AccountId, delivery: DeliveryId, part: u32, refusal: Refusal) {
        let at = self.now.wall;
        match refusal.kind {
            RefusalKind::Message => self.park(delivery, ParkReason::Refused { code: refusal.code }),
            RefusalKind::Unsupported => {
                self.note(Record::Ended { delivery, end: End::Skipped(SkipReason::NoForm), at });
            }
            RefusalKind::TargetGone => {
                self.note(Record::Ended { delivery, end: End::Skipped(SkipReason::NoTarget), at });
            }
            RefusalKind::Room => {
                self.set_part(delivery, part, Part::Todo);
                if let Some(view) = self.views.get_mut(&(delivery.room, account.clone())) {
                    view.ready = false;
                    view.why.clone_from(&refusal.code);
                }
                if self.usable_account(delivery.room).is_none() {
                    self.fail_tubes(delivery.room, &refusal.code);
                }
                self.note_usability(delivery.room);
            }
            RefusalKind::Account => {
                self.set_part(delivery, part, Part::Todo);
                self.on_health(account, Health::NeedsRelink { why: refusal.code });
            }
        }
    }

    pub(crate) fn on_answered(&mut self, delivery: DeliveryId, part: u32, answer: Answer) {
        let asking = self
            .delivery_mut(delivery)
            .and_then(|item| item.attempt.as_ref()?.parts.get(part as usize).cloned())
            == Some(Part::Asking);
        if !asking {
            return;
        }
        match answer {
            Answer::Found(ids) => self.part_done(delivery, part, Some(ids), true),
            Answer::Absent => self.set_part(delivery, part, Part::Todo),
            Answer::Later => {
                let not_before = self.now.mono + Duration::from_secs(2);
                self.set_part(delivery, part, Part::Unsure { not_before });
            }
            Answer::CannotTell => {
                self.figures.repeats += 1;
                if let Some(item) = self.delivery_mut(delivery) {
                    item.repeats += 1;
                }
                self.set_part(delivery, part, Part::Todo);
            }
        }
        self.dirty.insert(delivery.room);
    }

    pub(crate) fn on_fetched(&mut self, spool: &SpoolId, result: Result<u64, String>) {
        let Some(state) = self.files.get_mut(spool) else {
            self.out.push(Effect::Unspool(spool.clone()));
            return;
        };
        *state = match result {
            Ok(size_bytes) => FileState::Ready { size_bytes },
            Err(why) => FileState::Failed { why },
        };
        self.dirty
            .extend(self.lanes.iter().filter(|(_, lane)| !lane.items.is_empty()).map(|(room, _)| *room));
    }

    /// Puts a parked delivery back into its lane, to be delivered late.
    pub(crate) fn retry_parked(&mut self, delivery: DeliveryId) -> bool {
        let parked =
            self.lanes.get(&delivery.room).is_some_and(|lane| lane.parked.contains_key(&delivery.event));
        if parked {
            let at = self.now.wall;
            self.note(Record::Ended { delivery, end: End::Retried, at });
            self.dirty.insert(delivery.room);
        }
        parked
    }

    /// Gives up a delivery that waits or is parked; one that is on its way stays.
    pub(crate) fn drop_delivery(&mut self, delivery: DeliveryId, end: End) -> bool {
        let Some(lane) = self.lanes.get(&delivery.room) else { return false };
        let parked = lane.parked.contains_key(&delivery.event);
        let untried = lane
            .items
            .get(&delivery.event)
            .is_some_and(|item| item.attempt.as_ref().is_none_or(crate::lane::Attempt::is_untried));
        if parked || untried {
            let at = self.now.wall;
            self.note(Record::Ended { delivery, end, at });
            self.dirty.insert(delivery.room);
        }
        parked || untried
    }
}

/// When a delivery of an event may have been tried first, at the earliest.
fn first_tried(event: &crate::engine::OpenEvent) -> Timestamp {
    let said = match event.body.as_deref() {
        Some(EventBody::Inbound(inbound)) => inbound.at,
        _ => None,
    };
    event.meta.at.min(said.unwrap_or(event.meta.at))
}
