//! Tubes made, changed and removed: from the file, by commands, by the operator, by portals.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sameroom_types::ids::{RoomId, RoomSpec, TubeId};
use sameroom_types::policy::Outside;
use sameroom_types::room::{Direction, MadeBy, Tube, TubeState};
use sameroom_types::rows::DeliveryKind;

use crate::engine::Engine;
use crate::input::Effect;
use crate::record::{End, Record, TubeChange};

/// For how long a removed tube can be brought back.
pub(crate) const UNDO: Duration = Duration::from_secs(7 * 24 * 3600);

/// What became of the wish to make a tube.
pub(crate) enum Wish {
    Made(TubeId),
    /// The owner of this room's account must agree.
    Waits(RoomId),
    Refused(String),
}

impl Engine {
    /// Brings the tubes that the file declares into line with it.
    pub(crate) fn apply_declared_tubes(&mut self) {
        let wanted = self.config.tubes.clone();
        let at = self.now.wall;
        let accounts: BTreeSet<_> = self.config.accounts.iter().map(|account| account.id.clone()).collect();
        let declared: BTreeSet<Ends<'_>> =
            wanted.iter().map(|spec| (&spec.a, &spec.b, spec.direction)).collect();
        let gone: Vec<TubeId> = self
            .network
            .tubes()
            .filter(|entry| entry.removed.is_none())
            .filter(|entry| match entry.tube.made_by {
                MadeBy::File { .. } => !declared.contains(&ends_of(&entry.tube)),
                _ => !accounts.contains(&entry.tube.a.account) || !accounts.contains(&entry.tube.b.account),
            })
            .map(|entry| entry.tube.id)
            .collect();
        for tube in gone {
            self.remove_tube(tube);
            self.audit("file", &format!("removed tube {tube}"));
        }
        let present: BTreeMap<Ends<'_>, (TubeId, bool)> = self
            .network
            .tubes()
            .filter(|entry| entry.removed.is_none())
            .map(|entry| (ends_of(&entry.tube), (entry.tube.id, entry.failed.is_some())))
            .collect();
        let (mut failed, mut missing) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for spec in &wanted {
            let ends = (&spec.a, &spec.b, spec.direction);
            match present.get(&ends) {
                Some((tube, true)) => failed.push(*tube),
                Some(_) => {}
                None if seen.insert(ends) => missing.push(spec.clone()),
                None => {}
            }
        }
        // A restart is somebody asking again; a kick still keeps the account out until it is invited,
        // which the session reports anew.
        for tube in failed {
            self.note(Record::TubeChanged { tube, change: TubeChange::Resumed, at });
        }
        for spec in missing {
            let made_by = MadeBy::File { line: spec.line };
            self.add_tube(spec.a, spec.b, spec.direction, made_by);
        }
    }

    pub(crate) fn add_tube(
        &mut self,
        a: RoomSpec,
        b: RoomSpec,
        direction: Direction,
        made_by: MadeBy,
    ) -> Option<TubeId> {
        let (room_a, room_b) = (self.number_room(a.clone()), self.number_room(b.clone()));
        if room_a == room_b {
            return None;
        }
        let at = self.now.wall;
        let id = self.network.next_tube();
        let tube = Tube { id, a: a.clone(), b: b.clone(), direction, made_by };
        self.note(Record::TubeAdded { tube, at });
        self.unannounced.insert(id);
        for spec in [a, b] {
            self.out.push(Effect::Join { account: spec.account, room: spec.room });
        }
        for room in [room_a, room_b] {
            self.note_usability(room);
        }
        self.announce_tubes(room_a);
        Some(id)
    }

    /// Makes a tube that somebody in a room asked for, if the accounts of both ends allow it or the
    /// owners of those have `agreed`.
    pub(crate) fn wish_tube(&mut self, a: RoomId, b: RoomId, made_by: MadeBy, agreed: &[RoomId]) -> Wish {
        if a == b {
            return Wish::Refused("that is this very room".into());
        }
        if self.network.tubes_of(a).iter().any(|entry| entry.touches(b)) {
            return Wish::Refused("these two rooms are already connected".into());
        }
        let spec = |engine: &Self, room: RoomId| {
            engine.network.room(room).and_then(|known| known.specs.first().cloned())
        };
        let (Some(spec_a), Some(spec_b)) = (spec(self, a), spec(self, b)) else {
            return Wish::Refused("one of the rooms is gone".into());
        };
        for (room, here, there) in [(a, &spec_a, b), (b, &spec_b, a)] {
            match self.outside(here, there) {
                Outside::Approve if !agreed.contains(&room) => return Wish::Waits(room),
                Outside::Allow | Outside::Approve => {}
                Outside::Deny => {
                    return Wish::Refused("the operator allows no connections to outside rooms".into());
                }
            }
        }
        match self.add_tube(spec_a, spec_b, Direction::Both, made_by) {
            Some(tube) => Wish::Made(tube),
            None => Wish::Refused("that is this very room".into()),
        }
    }

    /// What an account's owner says to a tube between one of its rooms and another room.
    fn outside(&self, here: &RoomSpec, there: RoomId) -> Outside {
        let Some(account) = self.accounts.get(&here.account) else { return Outside::Deny };
        let realm = self.network.room(there).and_then(|room| room.key.as_ref()).map(|key| &key.realm);
        let is_ours = realm
            .is_some_and(|realm| self.config.ours.contains(realm) || account.realm.as_ref() == Some(realm));
        if is_ours || account.spec.bridgebot { Outside::Allow } else { account.spec.outside }
    }

    /// Removes a tube; what still waits for rooms reached only through it is withdrawn.
    pub(crate) fn remove_tube(&mut self, tube: TubeId) {
        let Some(entry) = self.network.tube(tube) else { return };
        let (a, b) = (entry.a, entry.b);
        let before = self.network.component(a);
        let at = self.now.wall;
        self.note(Record::TubeChanged { tube, change: TubeChange::Removed, at });
        self.withdraw_unreachable(&before);
        for room in [a, b] {
            let name = self.name_for_others(if room == a { b } else { a });
            let after = self.network.component(room);
            for other in after {
                if self.usable_account(other).is_some() && other == room {
                    self.inform(other, &format!("No longer connected to {name}."));
                }
            }
        }
    }

    /// Withdraws deliveries whose origin no longer reaches their room.
    pub(crate) fn withdraw_unreachable(&mut self, rooms: &BTreeSet<RoomId>) {
        let mut gone = Vec::new();
        for room in rooms {
            let Some(lane) = self.lanes.get(room) else { continue };
            for (seq, item) in &lane.items {
                let untried = item.attempt.as_ref().is_none_or(crate::lane::Attempt::is_untried);
                let Some(event) = self.events.get(seq) else { continue };
                if untried && event.meta.kind != DeliveryKind::Notice {
                    gone.push((*seq, *room, event.meta.room));
                }
            }
        }
        for (event, room, origin) in gone {
            // Paused or failed tubes keep what was accepted; only a removed one takes it back.
            if !self.network.reach_ever(origin).contains(&room) {
                let delivery = sameroom_types::ids::DeliveryId { event, room };
                self.drop_delivery(delivery, End::Withdrawn);
            }
        }
    }

    /// Where a tube stands, in plain words.
    pub(crate) fn tube_state(&self, tube: TubeId) -> TubeState {
        let Some(entry) = self.network.tube(tube) else { return TubeState::Archived };
        if entry.removed.is_some() {
            return TubeState::Archived;
        }
        if let Some(why) = &entry.failed {
            return TubeState::Failed { why: why.clone() };
        }
        if entry.paused {
            return TubeState::Paused;
        }
        for room in [entry.a, entry.b] {
            if self.usable_account(room).is_none() {
                let name = self.network.room(room).map_or("?", |known| known.name.as_str());
                return TubeState::Waiting { why: format!("{name}: {}", self.why_unusable(room)) };
            }
        }
        TubeState::Active
    }

    pub(crate) fn audit(&mut self, who: &str, what: &str) {
        let at = self.now.wall;
        self.note(Record::Audit { who: who.to_owned(), what: what.to_owned(), at });
    }
}

/// What makes a declared tube the same as before: where it ends, and which way it carries.
type Ends<'a> = (&'a RoomSpec, &'a RoomSpec, Direction);

fn ends_of(tube: &Tube) -> Ends<'_> {
    (&tube.a, &tube.b, tube.direction)
}
