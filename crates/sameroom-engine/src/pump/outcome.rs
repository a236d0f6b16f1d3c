//! What comes of a send.

use std::time::Duration;

use sameroom_types::action::{Action, Answer, Outcome, Refusal, RefusalKind, Wait};
use sameroom_types::ids::{AccountId, DeliveryId, NativeIds, RoomId};
use sameroom_types::room::Health;
use sameroom_types::rows::{DeliveryKind, ParkReason, SkipReason};

use crate::engine::Engine;
use crate::lane::Part;
use crate::record::{End, Record};

/// The first and the longest delay after a temporary refusal without a time.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(300));

impl Engine {
    pub(crate) fn on_sent(&mut self, account: &AccountId, delivery: DeliveryId, part: u32, outcome: Outcome) {
        let delivery = DeliveryId { room: self.network.current(delivery.room), ..delivery };
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
                    self.learn_late(account, delivery, part, &ids);
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
                if let Some(attempt) = self.delivery_mut(delivery).and_then(|item| item.attempt.as_mut()) {
                    attempt.tried = true;
                }
                self.set_part(delivery, part, Part::Unsure { not_before });
            }
            (Some(_), Outcome::Refused(refusal)) => self.refused(account, delivery, part, refusal),
        }
        self.dirty.insert(room);
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
        if let Some(thread) = attempt.opens {
            let native = ids.map(|ids| ids.primary.as_str().into());
            self.note(Record::ThreadPlaced { thread, room, native });
            self.dirty.insert(room);
            return;
        }
        let last = attempt
            .parts
            .iter()
            .enumerate()
            .all(|(index, state)| index == part as usize || matches!(state, Part::Done(_)));
        if part == 0
            && let Some(ids) = &ids
        {
            self.note_root(delivery, ids);
        }
        if last {
            self.note_rename(delivery);
        }
        self.note(Record::Done { delivery, part, account: account.clone(), ids, shown, at: wall });
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
    pub(crate) fn learn_late(
        &mut self,
        account: &AccountId,
        delivery: DeliveryId,
        part: u32,
        ids: &NativeIds,
    ) {
        if ids.iter().any(|id| self.find(account, delivery.room, id).is_none())
            && self.messages.get(sameroom_types::ids::MessageId(delivery.event.0)).is_some()
        {
            self.note(Record::IdsLearnt { delivery, part, ids: ids.clone() });
            self.retry_references(delivery.room);
        }
    }

    pub(crate) fn back_off(
        &mut self,
        account: &AccountId,
        room: RoomId,
        after: Option<Duration>,
        scope: Wait,
    ) {
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

    pub(crate) fn refused(&mut self, account: &AccountId, delivery: DeliveryId, part: u32, refusal: Refusal) {
        let at = self.now.wall;
        let attempt = self.delivery_mut(delivery).and_then(|item| item.attempt.as_mut());
        let about_message =
            matches!(refusal.kind, RefusalKind::Message | RefusalKind::Unsupported | RefusalKind::TargetGone);
        if about_message && let Some(thread) = attempt.as_ref().and_then(|attempt| attempt.opens) {
            // The post goes into the room itself, and says where it belongs.
            self.note(Record::ThreadPlaced { thread, room: delivery.room, native: None });
            return;
        }
        if self.falls_back(delivery, part, refusal.kind) {
            return;
        }
        match refusal.kind {
            RefusalKind::Message => {
                self.set_part(delivery, part, Part::Todo);
                self.park(delivery, ParkReason::Refused { code: refusal.code });
            }
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

    /// A copy can't be changed natively any more, though the table says so: a line says what changed.
    fn falls_back(&mut self, delivery: DeliveryId, part: u32, kind: RefusalKind) -> bool {
        let Some(item) = self.delivery_mut(delivery) else { return false };
        let is_change = item
            .attempt
            .as_ref()
            .and_then(|attempt| attempt.frozen.as_ref()?.get(part as usize))
            .is_some_and(|request| matches!(request.action, Action::Edit { .. } | Action::Delete { .. }));
        if item.plain || !is_change || kind != RefusalKind::Unsupported {
            return false;
        }
        item.plain = true;
        if let Some(attempt) = &mut item.attempt {
            attempt.outdated = true;
        }
        true
    }

    pub(crate) fn on_answered(&mut self, delivery: DeliveryId, part: u32, answer: Answer) {
        let delivery = DeliveryId { room: self.network.current(delivery.room), ..delivery };
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
}
