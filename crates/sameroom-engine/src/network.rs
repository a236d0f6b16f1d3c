//! Rooms, tubes between them, and who hears whom: the versioned graph.
//!
//! Reachability is computed per origin and kept until the graph changes, so that routing a message
//! costs what its own network costs, whatever the number of other tubes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sameroom_types::ids::{AccountId, Cursor, RoomId, RoomKey, RoomSpec, Seq, TubeId};
use sameroom_types::room::{Direction, RoomKind, Tube};
use sameroom_types::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::record::TubeChange;

/// A room, as the log knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Room {
    /// The ways to it, in the order in which they were named.
    pub(crate) specs: Vec<RoomSpec>,
    pub(crate) key: Option<RoomKey>,
    pub(crate) name: String,
    pub(crate) kind: RoomKind,
    /// What a command set instead of the configured format.
    pub(crate) format: Option<String>,
    /// Whether an account stays here because somebody invited it.
    pub(crate) invited: bool,
    /// Who invited it: the room's owner where the platform tells no roles.
    pub(crate) inviter: Option<sameroom_types::ids::RemoteUserId>,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) last_heard: Option<Timestamp>,
    /// Since when its message ids are of another space; a snapshot forgets it, which only matters for an hour.
    #[serde(skip)]
    pub(crate) new_ids_since: Seq,
}

/// A tube and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TubeEntry {
    pub(crate) tube: Tube,
    pub(crate) a: RoomId,
    pub(crate) b: RoomId,
    pub(crate) at: Timestamp,
    pub(crate) paused: bool,
    pub(crate) failed: Option<String>,
    pub(crate) removed: Option<Timestamp>,
}

impl TubeEntry {
    /// Whether it belongs to the network; a waiting one does.
    pub(crate) fn is_usable(&self) -> bool {
        !self.paused && self.failed.is_none() && self.removed.is_none()
    }

    pub(crate) fn other_end(&self, room: RoomId) -> RoomId {
        if self.a == room { self.b } else { self.a }
    }

    pub(crate) fn touches(&self, room: RoomId) -> bool {
        self.a == room || self.b == room
    }
}

/// The graph.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) rooms: BTreeMap<RoomId, Room>,
    by_spec: BTreeMap<RoomSpec, RoomId>,
    by_key: HashMap<RoomKey, RoomId>,
    tubes: BTreeMap<TubeId, TubeEntry>,
    /// Which tubes end in a room.
    ends: BTreeMap<RoomId, BTreeSet<TubeId>>,
    pub(crate) version: u64,
    next_room: u64,
    next_tube: u64,
    reach: HashMap<RoomId, (u64, Arc<[RoomId]>)>,
    /// Counts up for a component when one of its tubes changes; the reach of other components stays valid.
    touched: HashMap<RoomId, u64>,
}

/// The graph in a form that can be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredNetwork {
    rooms: BTreeMap<RoomId, Room>,
    tubes: BTreeMap<TubeId, TubeEntry>,
    version: u64,
    next_room: u64,
    next_tube: u64,
}

impl Network {
    pub(crate) fn next_room(&self) -> RoomId {
        RoomId(self.next_room + 1)
    }

    pub(crate) fn next_tube(&self) -> TubeId {
        TubeId(self.next_tube + 1)
    }

    pub(crate) fn room_of_spec(&self, spec: &RoomSpec) -> Option<RoomId> {
        self.by_spec.get(spec).copied()
    }

    pub(crate) fn room_of_key(&self, key: &RoomKey) -> Option<RoomId> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn room(&self, room: RoomId) -> Option<&Room> {
        self.rooms.get(&room)
    }

    pub(crate) fn room_mut(&mut self, room: RoomId) -> Option<&mut Room> {
        self.rooms.get_mut(&room)
    }

    pub(crate) fn tube(&self, tube: TubeId) -> Option<&TubeEntry> {
        self.tubes.get(&tube)
    }

    pub(crate) fn tubes(&self) -> impl Iterator<Item = &TubeEntry> {
        self.tubes.values()
    }

    /// Tubes that end in a room and are not removed.
    pub(crate) fn tubes_of(&self, room: RoomId) -> Vec<&TubeEntry> {
        self.ends
            .get(&room)
            .into_iter()
            .flatten()
            .filter_map(|id| self.tubes.get(id))
            .filter(|entry| entry.removed.is_none())
            .collect()
    }

    /// Tubes that end in a room, removed ones too.
    pub(crate) fn all_tubes_of(&self, room: RoomId) -> Vec<&TubeEntry> {
        self.ends.get(&room).into_iter().flatten().filter_map(|id| self.tubes.get(id)).collect()
    }

    pub(crate) fn number(&mut self, room: RoomId, spec: RoomSpec) {
        self.next_room = self.next_room.max(room.0);
        let entry = self.rooms.entry(room).or_default();
        if entry.name.is_empty() {
            entry.name = spec.room.to_string();
        }
        if !entry.specs.contains(&spec) {
            entry.specs.push(spec.clone());
        }
        self.by_spec.insert(spec, room);
    }

    pub(crate) fn identify(&mut self, seq: Seq, room: RoomId, key: RoomKey, name: String, kind: RoomKind) {
        if let Some(entry) = self.rooms.get_mut(&room) {
            if let Some(old) = entry.key.take() {
                if old != key {
                    entry.new_ids_since = seq;
                }
                self.by_key.remove(&old);
            }
            entry.key = Some(key.clone());
            entry.name = name;
            entry.kind = kind;
            self.by_key.insert(key, room);
        }
    }

    /// Makes one room of two; tubes between them end.
    pub(crate) fn merge(&mut self, from: RoomId, into: RoomId) {
        let Some(old) = self.rooms.remove(&from) else { return };
        for spec in &old.specs {
            self.by_spec.insert(spec.clone(), into);
        }
        if let Some(room) = self.rooms.get_mut(&into) {
            for spec in old.specs {
                if !room.specs.contains(&spec) {
                    room.specs.push(spec);
                }
            }
            room.invited |= old.invited;
        }
        if let Some(key) = old.key {
            self.by_key.insert(key, into);
        }
        for id in self.ends.remove(&from).unwrap_or_default() {
            if let Some(entry) = self.tubes.get_mut(&id) {
                if entry.a == from {
                    entry.a = into;
                }
                if entry.b == from {
                    entry.b = into;
                }
                if entry.a == entry.b {
                    entry.removed.get_or_insert(entry.at);
                }
            }
            self.ends.entry(into).or_default().insert(id);
        }
        self.changed(into);
    }

    pub(crate) fn add_tube(&mut self, tube: Tube, a: RoomId, b: RoomId, at: Timestamp) {
        self.next_tube = self.next_tube.max(tube.id.0);
        let id = tube.id;
        self.ends.entry(a).or_default().insert(id);
        self.ends.entry(b).or_default().insert(id);
        self.tubes.insert(id, TubeEntry { tube, a, b, at, paused: false, failed: None, removed: None });
        self.changed(a);
        self.changed(b);
    }

    pub(crate) fn change_tube(&mut self, id: TubeId, change: &TubeChange, at: Timestamp) {
        let Some(entry) = self.tubes.get_mut(&id) else { return };
        let (a, b) = (entry.a, entry.b);
        // Both components are touched before the change, while they still hang together, and after it.
        match change {
            TubeChange::Paused => entry.paused = true,
            TubeChange::Resumed => {
                entry.paused = false;
                entry.failed = None;
            }
            TubeChange::Failed { why } => entry.failed = Some(why.clone()),
            TubeChange::Removed => entry.removed = Some(at),
            TubeChange::Restored => entry.removed = None,
        }
        self.changed(a);
        self.changed(b);
    }

    /// Rooms that hear what is said in `origin`, in ascending order, without itself.
    pub(crate) fn reach(&mut self, origin: RoomId) -> Arc<[RoomId]> {
        let touched = self.touched.get(&origin).copied().unwrap_or(0);
        if let Some((at, rooms)) = self.reach.get(&origin)
            && *at == touched
        {
            return Arc::clone(rooms);
        }
        let rooms: Arc<[RoomId]> = self
            .walk(origin, true, TubeEntry::is_usable)
            .into_iter()
            .filter(|room| *room != origin)
            .collect();
        self.reach.insert(origin, (touched, Arc::clone(&rooms)));
        rooms
    }

    /// All rooms tied to `room` over usable tubes, whatever the direction, itself included.
    pub(crate) fn component(&self, room: RoomId) -> BTreeSet<RoomId> {
        self.walk(room, false, TubeEntry::is_usable)
    }

    /// Rooms that would hear `origin` if every tube that is not removed carried.
    pub(crate) fn reach_ever(&self, origin: RoomId) -> BTreeSet<RoomId> {
        self.walk(origin, true, |entry| entry.removed.is_none())
    }

    fn walk(&self, origin: RoomId, directed: bool, counts: fn(&TubeEntry) -> bool) -> BTreeSet<RoomId> {
        let mut seen = BTreeSet::from([origin]);
        let mut open = vec![origin];
        while let Some(room) = open.pop() {
            for entry in self.ends.get(&room).into_iter().flatten().filter_map(|id| self.tubes.get(id)) {
                let carries = match entry.tube.direction {
                    Direction::Both => true,
                    Direction::AToB => entry.a == room,
                    Direction::BToA => entry.b == room,
                };
                let next = entry.other_end(room);
                if counts(entry) && (carries || !directed) && seen.insert(next) {
                    open.push(next);
                }
            }
        }
        seen
    }

    /// Notes that a tube of this room's component changed.
    fn changed(&mut self, room: RoomId) {
        self.version += 1;
        let version = self.version;
        // Follow all tubes, usable or not, so that rooms just cut off are noted too.
        let mut seen = BTreeSet::from([room]);
        let mut open = vec![room];
        while let Some(room) = open.pop() {
            self.touched.insert(room, version);
            for entry in self.ends.get(&room).into_iter().flatten().filter_map(|id| self.tubes.get(id)) {
                let next = entry.other_end(room);
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
    }

    /// Rooms that an account must enter: those with tubes that are not paused by a kick, and those it was invited to.
    pub(crate) fn rooms_of_account(&self, account: &AccountId) -> Vec<(RoomId, RoomSpec)> {
        self.rooms
            .iter()
            .filter(|(id, room)| {
                room.invited
                    || self
                        .ends
                        .get(id)
                        .into_iter()
                        .flatten()
                        .filter_map(|tube| self.tubes.get(tube))
                        .any(|entry| entry.removed.is_none() && entry.failed.is_none())
            })
            .filter_map(|(id, room)| {
                let spec = room.specs.iter().find(|spec| spec.account == *account)?;
                Some((*id, spec.clone()))
            })
            .collect()
    }

    pub(crate) fn stored(&self) -> StoredNetwork {
        StoredNetwork {
            rooms: self.rooms.clone(),
            tubes: self.tubes.clone(),
            version: self.version,
            next_room: self.next_room,
            next_tube: self.next_tube,
        }
    }

    pub(crate) fn restore(stored: StoredNetwork) -> Self {
        let mut network = Self {
            version: stored.version,
            next_room: stored.next_room,
            next_tube: stored.next_tube,
            ..Self::default()
        };
        for (id, room) in &stored.rooms {
            for spec in &room.specs {
                network.by_spec.insert(spec.clone(), *id);
            }
            if let Some(key) = &room.key {
                network.by_key.insert(key.clone(), *id);
            }
        }
        for (id, entry) in &stored.tubes {
            network.ends.entry(entry.a).or_default().insert(*id);
            network.ends.entry(entry.b).or_default().insert(*id);
        }
        network.rooms = stored.rooms;
        network.tubes = stored.tubes;
        network
    }
}

#[cfg(test)]
mod tests {
    use sameroom_types::room::MadeBy;

    use super::*;

    fn network(tubes: &[(u64, u64, Direction)]) -> Network {
        let mut network = Network::default();
        for (a, b, direction) in tubes {
            let id = network.next_tube();
            let spec = |room: &u64| RoomSpec { account: "x".into(), room: room.to_string().into() };
            network.number(RoomId(*a), spec(a));
            network.number(RoomId(*b), spec(b));
            let made_by = MadeBy::File { line: 0 };
            let tube = Tube { id, a: spec(a), b: spec(b), direction: *direction, made_by };
            network.add_tube(tube, RoomId(*a), RoomId(*b), Timestamp(0));
        }
        network
    }

    fn reach(network: &mut Network, origin: u64) -> Vec<u64> {
        network.reach(RoomId(origin)).iter().map(|room| room.0).collect()
    }

    #[test]
    fn a_cycle_reaches_each_room_once() {
        let mut ring = network(&[(1, 2, Direction::Both), (2, 3, Direction::Both), (3, 1, Direction::Both)]);
        assert_eq!(reach(&mut ring, 1), [2, 3]);
        assert_eq!(reach(&mut ring, 3), [1, 2]);
    }

    #[test]
    fn one_way_tubes_carry_one_way() {
        let mut line = network(&[(1, 2, Direction::AToB), (2, 3, Direction::BToA)]);
        assert_eq!(reach(&mut line, 1), [2]);
        assert_eq!(reach(&mut line, 3), [2]);
        assert!(reach(&mut line, 2).is_empty());
    }

    #[test]
    fn a_paused_tube_leaves_the_network_and_returns() {
        let mut line = network(&[(1, 2, Direction::Both), (2, 3, Direction::Both)]);
        assert_eq!(reach(&mut line, 1), [2, 3]);
        line.change_tube(TubeId(2), &TubeChange::Paused, Timestamp(1));
        assert_eq!(reach(&mut line, 1), [2]);
        line.change_tube(TubeId(2), &TubeChange::Resumed, Timestamp(2));
        assert_eq!(reach(&mut line, 1), [2, 3]);
    }

    #[test]
    fn merged_rooms_join_their_tubes() {
        let mut pairs = network(&[(1, 2, Direction::Both), (3, 4, Direction::Both)]);
        pairs.merge(RoomId(3), RoomId(2));
        assert_eq!(reach(&mut pairs, 1), [2, 4]);
    }
}
