//! Lanes at work: what is sent next, what waits, what comes of a send.

mod late;
mod outcome;

use std::time::Duration;

use sameroom_types::action::SendRequest;
use sameroom_types::capabilities::Once;
use sameroom_types::ids::{AccountId, DeliveryId, Mark, RoomId, Seq, SpoolId};
use sameroom_types::rows::{DeliveryKind, ParkReason, SkipReason};
use sameroom_types::time::Timestamp;

use crate::compose::Prepared;
use crate::engine::{Engine, FileState, Sealed, Timer};
use crate::input::Effect;
use crate::lane::Part;
use crate::record::{End, EventBody, Record};

/// How long a lane waits for a file before it names it instead.
pub(crate) const FILE_PATIENCE: Duration = Duration::from_secs(60);

/// How many sends of one room may be asked about at a time; connectors look for all of them in one go.
pub(crate) const ASKED_AT_ONCE: usize = 256;

/// What to do with the next part of a lane.
pub(crate) enum Next {
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
    pub(crate) fn move_attempt(&mut self, room: RoomId, seq: Seq, usable: &AccountId) {
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

    pub(crate) fn must_wait(&mut self, room: RoomId) -> bool {
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
    pub(crate) fn next_in(&self, room: RoomId, window: usize, once: Once) -> Next {
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
    pub(crate) fn is_asked_about(&self, seq: Seq, once: Once) -> bool {
        let is_post = self.events.get(&seq).is_some_and(|event| event.meta.kind == DeliveryKind::Post);
        is_post && once.key.is_none() && once.history.is_some()
    }

    /// Hands a frozen part to its session, after the record `after` is written.
    pub(crate) fn launch(&mut self, room: RoomId, seq: Seq, part: u32, after: Option<Seq>) {
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
    pub(crate) fn clear_up(&mut self, room: RoomId, seq: Seq, part: u32, once: Once) -> bool {
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
    pub(crate) fn prepare_and_freeze(
        &mut self,
        room: RoomId,
        seq: Seq,
        account: &AccountId,
        left: usize,
    ) -> bool {
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
    pub(crate) fn launch_window(&mut self, room: RoomId, seq: Seq, written: Seq, left: usize) {
        let parts = self
            .delivery_mut(DeliveryId { event: seq, room })
            .and_then(|item| item.attempt.as_ref())
            .map_or(0, |attempt| attempt.parts.len());
        for part in (0..parts).take(left.max(1)) {
            self.launch(room, seq, u32::try_from(part).unwrap_or(u32::MAX), Some(written));
        }
    }

    pub(crate) fn set_part(&mut self, delivery: DeliveryId, part: u32, state: Part) {
        if let Some(slot) =
            self.delivery_mut(delivery).and_then(|item| item.attempt.as_mut()?.parts.get_mut(part as usize))
        {
            *slot = state;
        }
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
}

/// When a delivery of an event may have been tried first, at the earliest.
pub(crate) fn first_tried(event: &crate::engine::OpenEvent) -> Timestamp {
    let said = match event.body.as_deref() {
        Some(EventBody::Inbound(inbound)) => inbound.at,
        _ => None,
    };
    event.meta.at.min(said.unwrap_or(event.meta.at))
}
