//! What rooms are told: outages, returns, gaps, late messages, tubes made and ended.
//!
//! A notice is an event like any other, so it keeps its place in the lane and survives a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sameroom_types::event::Role;
use sameroom_types::ids::{AccountId, DeliveryId, RoomId, Seq, TubeId};
use sameroom_types::rows::DeliveryKind;
use sameroom_types::text::Text;
use sameroom_types::time::Timestamp;

use crate::engine::Engine;
use crate::record::{EventBody, EventMeta};

/// At most one notice about troubles per room in this time.
const QUIET: Duration = Duration::from_secs(600);

/// An account that loses its connection this often within [`QUIET`] is called unstable, once.
const UNSTABLE: usize = 4;

/// What was told and when.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    last: BTreeMap<RoomId, Duration>,
    announced: BTreeSet<TubeId>,
    unstable: BTreeMap<AccountId, Duration>,
}

impl Engine {
    /// Tells a room something of ours; answers to commands are always told.
    pub(crate) fn tell(&mut self, room: RoomId, text: &str) {
        self.tell_text(room, Text::plain(text));
    }

    pub(crate) fn tell_text(&mut self, room: RoomId, text: Text) {
        let Some(account) =
            self.network.room(room).and_then(|known| known.specs.first()).map(|spec| spec.account.clone())
        else {
            return;
        };
        let meta = EventMeta {
            room,
            account,
            at: self.now.wall,
            version: self.network.version,
            targets: vec![room],
            cursor: None,
            kind: DeliveryKind::Notice,
            ids: None,
            author: "".into(),
            message: None,
            role: Role::Unknown,
            reactions: None,
            token: self.token(&("notice", self.next_seq)),
            digest: [0; 16],
        };
        self.accept(meta, EventBody::Notice(text));
    }

    /// Tells a room of a trouble, unless it was told of one lately or wants none.
    fn warn(&mut self, room: RoomId, text: &str) -> bool {
        if !self.policy(room).room.notices {
            return false;
        }
        let mono = self.now.mono;
        if self.notices.last.get(&room).is_some_and(|last| mono.saturating_sub(*last) < QUIET) {
            return false;
        }
        self.notices.last.insert(room, mono);
        self.tell(room, text);
        true
    }

    /// Tells a room what is not a trouble, if it wants notices.
    pub(crate) fn inform(&mut self, room: RoomId, text: &str) {
        if self.policy(room).room.notices {
            self.tell(room, text);
        }
    }

    /// A room could not be used for a while, or messages for it were parked as too late: those that
    /// are connected to it are told.
    pub(crate) fn tell_outage(&mut self, room: RoomId) {
        self.tell_overdue(room);
        let mono = self.now.mono;
        let Some(lane) = self.lanes.get(&room) else { return };
        let Some(since) = lane.down_since else { return };
        if lane.told_down || mono.saturating_sub(since) < crate::accounts::OUTAGE {
            return;
        }
        let network = self.network.component(room);
        let down: Vec<RoomId> = network
            .iter()
            .copied()
            .filter(|other| {
                self.lanes.get(other).is_some_and(|lane| {
                    lane.down_since.is_some_and(|since| mono.saturating_sub(since) >= crate::accounts::OUTAGE)
                })
            })
            .collect();
        let names: Vec<String> = down.iter().map(|room| self.name_for_others(*room)).collect();
        let why = self.why_unusable(room);
        let at = Timestamp(self.now.wall.0 - i64::try_from((mono - since).as_millis()).unwrap_or(0));
        for other in &down {
            if let Some(lane) = self.lanes.get_mut(other) {
                lane.told_down = true;
            }
        }
        let text = format!(
            "{} can't be reached since {} UTC ({why}). What is said here is kept and delivered on return.",
            listed(&names),
            at.hour_minute()
        );
        for other in network {
            if !down.contains(&other) && self.usable_account(other).is_some() {
                self.warn(other, &text);
            }
        }
    }

    /// A room that others were told about can be used again.
    pub(crate) fn tell_return(&mut self, room: RoomId, since: Duration, waiting: usize) {
        let away = self.now.mono.saturating_sub(since);
        let from = Timestamp(self.now.wall.0 - i64::try_from(away.as_millis()).unwrap_or(0));
        let span = format!("{} to {} UTC", from.hour_minute(), self.now.wall.hour_minute());
        if self.policy(room).room.notices {
            self.notices.last.insert(room, self.now.mono);
            self.tell(
                room,
                &format!(
                    "This room was cut off from {span}. {waiting} messages said meanwhile arrive late, marked with their time."
                ),
            );
        }
        let name = self.name_for_others(room);
        for other in self.network.component(room) {
            if other != room && self.usable_account(other).is_some() {
                self.inform(other, &format!("{name} is back; {waiting} messages are delivered late."));
            }
        }
    }

    fn tell_overdue(&mut self, room: RoomId) {
        let Some(lane) = self.lanes.get_mut(&room) else { return };
        let count = std::mem::take(&mut lane.overdue);
        if count == 0 {
            return;
        }
        let parked: Vec<Seq> = lane
            .parked
            .iter()
            .filter(|(_, why)| **why == sameroom_types::rows::ParkReason::TooLate)
            .map(|(seq, _)| *seq)
            .collect();
        let time = |seq: Option<&Seq>| {
            seq.and_then(|seq| self.events.get(seq))
                .map_or_else(String::new, |event| event.meta.at.hour_minute())
        };
        let (from, to) = (time(parked.first()), time(parked.last()));
        self.inform(
            room,
            &format!(
                "{count} messages from {from} to {to} UTC are older than this room takes and were not delivered; the operator can still send them."
            ),
        );
    }

    /// Something may have been said in `room` that nobody can know.
    pub(crate) fn tell_gap(&mut self, room: RoomId, from: Timestamp, to: Timestamp) {
        let name = self.name_for_others(room);
        let text = format!(
            "What was said in {name} from {} to {} UTC could not be read and may be missing here.",
            from.hour_minute(),
            to.hour_minute()
        );
        for other in self.targets(room) {
            self.inform(other, &text);
        }
    }

    pub(crate) fn tell_parked(&mut self, origin: RoomId, delivery: DeliveryId, code: &str) {
        let name = self.name_for_others(delivery.room);
        self.warn(
            origin,
            &format!("{name} refused a message ({code}). It is kept as {delivery}; the operator can retry or drop it."),
        );
    }

    /// An account's link comes and goes: said once, instead of at each outage.
    pub(crate) fn tell_unstable(&mut self, id: &AccountId) {
        let mono = self.now.mono;
        let Some(account) = self.accounts.get_mut(id) else { return };
        account.losses.retain(|at| mono.saturating_sub(*at) < QUIET);
        if account.losses.len() < UNSTABLE
            || self.notices.unstable.get(id).is_some_and(|last| mono.saturating_sub(*last) < QUIET * 6)
        {
            return;
        }
        let count = account.losses.len();
        let team = account.spec.team.clone();
        self.notices.unstable.insert(id.clone(), mono);
        let rooms: BTreeSet<RoomId> = self
            .network
            .rooms_of_account(id)
            .into_iter()
            .flat_map(|(room, _)| self.network.component(room))
            .collect();
        for room in rooms {
            if self.usable_account(room).is_some() {
                self.warn(
                    room,
                    &format!("The connection to {team} is unstable: lost {count} times in 10 minutes. Messages are kept meanwhile."),
                );
            }
        }
    }

    /// A tube ended or failed: rooms that hung together only through it are told.
    pub(crate) fn tell_apart(&mut self, room: RoomId, before: &BTreeSet<RoomId>, text: &str) {
        let after = self.network.component(room);
        for other in before.difference(&after).copied().collect::<Vec<_>>() {
            if self.usable_account(other).is_some() {
                self.inform(other, text);
            }
        }
    }

    /// Tells both ends of a room's new tubes what they are connected to, once both can be used.
    pub(crate) fn announce_tubes(&mut self, room: RoomId) {
        let fresh: Vec<(TubeId, RoomId, RoomId)> = self
            .network
            .tubes_of(room)
            .into_iter()
            .filter(|entry| entry.is_usable() && self.unannounced.contains(&entry.tube.id))
            .map(|entry| (entry.tube.id, entry.a, entry.b))
            .collect();
        for (tube, a, b) in fresh {
            if self.usable_account(a).is_none() || self.usable_account(b).is_none() {
                continue;
            }
            self.unannounced.remove(&tube);
            if !self.notices.announced.insert(tube) {
                continue;
            }
            for (here, there) in [(a, b), (b, a)] {
                let name = self.name_for_others(there);
                let lost = self.what_gets_lost(here, there);
                self.inform(here, &format!("Connected to {name}. {lost}"));
            }
        }
    }

    /// A tube that comes back is announced again.
    pub(crate) fn notices_forget(&mut self, tube: TubeId) {
        self.notices.announced.remove(&tube);
    }

    /// A lane that works but has fallen behind says so once.
    pub(crate) fn note_behind(&mut self, room: RoomId) {
        let Some(lane) = self.lanes.get(&room) else { return };
        let Some(event) = lane.items.keys().next().and_then(|seq| self.events.get(seq)) else { return };
        let behind = event.age(self.now.mono);
        if lane.said_behind || lane.down_since.is_some() || behind < Duration::from_secs(60) {
            return;
        }
        if event.meta.at <= Timestamp(0) || event.meta.kind == DeliveryKind::Notice {
            return;
        }
        if let Some(lane) = self.lanes.get_mut(&room) {
            lane.said_behind = true;
        }
        self.warn(room, &format!("Messages arrive here {} s late at the moment.", behind.as_secs()));
    }

    /// Sweeps what has passed its time.
    pub(crate) fn sweep(&mut self) {
        let mono = self.now.mono;
        let wall = self.now.wall;
        self.codes.retain(|_, code| code.until > mono);
        self.requests.retain(|_, request| request.until > mono);
        let keep = self.config.excerpts;
        self.excerpts.retain(|_, (at, _)| wall.since(*at) < keep);
        let oldest = wall.0.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX)) / 3_600_000;
        let oldest = u64::try_from(oldest).unwrap_or(0);
        let over: Vec<u64> =
            self.hour_keys.iter().copied().filter(|key| (key & !(1 << 63)) < oldest).collect();
        if !over.is_empty() {
            for key in &over {
                self.hour_keys.remove(key);
            }
            self.out.push(crate::input::Effect::DestroyKeys(over));
        }
        self.bounces.sweep(mono);
        for room in self.lanes.keys().copied().collect::<Vec<_>>() {
            self.note_behind(room);
        }
    }
}

/// `a`, `a and b`, `a, b and 3 more`.
fn listed(names: &[String]) -> String {
    match names {
        [] => "nothing".into(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}
