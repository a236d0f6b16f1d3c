//! What the operator, the pages and the command line ask.

use sameroom_types::ids::{DeliveryId, RoomId};
use sameroom_types::room::{MadeBy, TubeState};
use sameroom_types::rows::DeliveryState;

use crate::engine::Engine;
use crate::figures::Figures;
use crate::input::{AccountView, DeliveryView, Effect, PortalTarget, Reply, Request, RoomView, TubeView};
use crate::record::{End, Record, TubeChange};

impl Engine {
    pub(crate) fn on_request(&mut self, id: u64, request: Request) {
        let reply = self.answer_request(request);
        self.out.push(Effect::Reply { id, reply });
    }

    fn answer_request(&mut self, request: Request) -> Reply {
        match request {
            Request::Tubes => Reply::Tubes(self.tube_views()),
            Request::Rooms => Reply::Rooms(self.room_views()),
            Request::Accounts => Reply::Accounts(
                self.accounts
                    .values()
                    .map(|account| AccountView {
                        id: account.spec.id.clone(),
                        platform: account.spec.platform_name.clone(),
                        health: account.health.clone(),
                        name: account.me.as_ref().map(|me| me.name.clone()),
                        bridgebot: account.spec.bridgebot,
                    })
                    .collect(),
            ),
            Request::Portals => Reply::Portals(self.portals.values().cloned().collect()),
            Request::Map(room) => self.map_lines(room),
            Request::Manage(room) => self.manage_lines(room),
            Request::Portal(token) => {
                let found = self.portals.values().find(|portal| portal.token == token).cloned();
                Reply::Portal(found.map(|portal| PortalTarget {
                    room: self.name_for_others(portal.room),
                    platform: self.platform_of(portal.room),
                    approval: portal.approval,
                }))
            }
            Request::AddRoom { room, by } => {
                if !self.accounts.contains_key(&room.account) {
                    return Reply::Refused(format!("there is no account {}", room.account));
                }
                self.audit(&by, &format!("room {room}"));
                let number = self.number_room(room.clone());
                self.note(Record::RoomInvited { room: number, by: None });
                self.out.push(Effect::Join { account: room.account.clone(), room: room.room.clone() });
                Reply::Done(format!("entering {room}"))
            }
            Request::RemoveRoom { room, by } => {
                let Some(number) = self.network.room_of_spec(&room) else {
                    return Reply::Refused(format!("{room} is not known"));
                };
                if !self.network.tubes_of(number).is_empty() {
                    return Reply::Refused(format!("{room} has tubes: remove those first"));
                }
                self.audit(&by, &format!("left {room}"));
                self.note(Record::RoomLeft { room: number });
                if let Some(view) = self.views.remove(&(number, room.account.clone())) {
                    self.out.push(Effect::Leave { account: room.account.clone(), room: view.remote });
                }
                Reply::Done(format!("left {room}"))
            }
            Request::AddTube { a, b, direction, by } => {
                for spec in [&a, &b] {
                    if !self.accounts.contains_key(&spec.account) {
                        return Reply::Refused(format!("there is no account {}", spec.account));
                    }
                }
                let exists = self
                    .network
                    .tubes()
                    .any(|entry| entry.removed.is_none() && entry.tube.a == a && entry.tube.b == b);
                if exists {
                    return Reply::Refused("these two rooms are already connected".into());
                }
                self.audit(&by, &format!("tube {a} {b}"));
                match self.add_tube(a, b, direction, MadeBy::Operator { by }) {
                    Some(tube) => Reply::Done(format!("tube {tube} made")),
                    None => Reply::Refused("both ends are the same room".into()),
                }
            }
            Request::ChangeTube { tube, change, by } => {
                let Some(entry) = self.network.tube(tube) else {
                    return Reply::Refused(format!("there is no tube {tube}"));
                };
                if let (MadeBy::File { line }, TubeChange::Removed) = (&entry.tube.made_by, &change) {
                    return Reply::Refused(format!(
                        "tube {tube} is declared in the configuration file, line {line}: remove it there"
                    ));
                }
                let room = entry.a;
                self.audit(&by, &format!("tube {tube} {change:?}"));
                if change == TubeChange::Removed {
                    self.remove_tube(tube);
                } else {
                    let at = self.now.wall;
                    self.note(Record::TubeChanged { tube, change, at });
                    self.dirty.insert(room);
                }
                Reply::Done(format!("tube {tube} changed"))
            }
            Request::AddPortal { room, approval, by } => {
                if !self.accounts.contains_key(&room.account) {
                    return Reply::Refused(format!("there is no account {}", room.account));
                }
                let spec = room.clone();
                let room = self.number_room(room);
                self.out.push(Effect::Join { account: spec.account, room: spec.room });
                let portal = self.make_portal(room, approval, by);
                Reply::Portals(vec![portal])
            }
            Request::RevokePortal { portal, by } => {
                if !self.portals.contains_key(&portal) {
                    return Reply::Refused(format!("there is no portal {portal}"));
                }
                self.audit(&by, &format!("portal {portal} revoked"));
                self.note(Record::PortalRevoked { portal });
                Reply::Done(format!("portal {portal} closed; its tubes stay"))
            }
            Request::AnswerRequest { request, accept, by } => {
                self.audit(
                    &by,
                    &format!("request {request} {}", if accept { "accepted" } else { "refused" }),
                );
                match self.settle_for_both(request, accept) {
                    Ok(done) => Reply::Done(done),
                    Err(why) => Reply::Refused(why),
                }
            }
            Request::Waiting { limit } => Reply::Deliveries(self.delivery_views(limit)),
            Request::Retry(delivery) => {
                if self.retry_parked(delivery) {
                    Reply::Done(format!("{delivery} is back in its lane"))
                } else {
                    Reply::Refused(format!("{delivery} is not parked"))
                }
            }
            Request::Drop(delivery) => {
                if self.drop_delivery(delivery, End::Expired) {
                    Reply::Done(format!("{delivery} is dropped"))
                } else {
                    Reply::Refused(format!("{delivery} is on its way or not known"))
                }
            }
            Request::Figures => Reply::Figures(Box::new(self.figures_now())),
        }
    }

    fn map_lines(&mut self, room: RoomId) -> Reply {
        let lines = self
            .network
            .component(room)
            .into_iter()
            .map(|other| {
                let state = match self.usable_account(other) {
                    Some(_) => TubeState::Active,
                    None => TubeState::Waiting { why: self.why_unusable(other) },
                };
                (self.name_for_others(other), state)
            })
            .collect();
        Reply::Lines { room: self.name_for_others(room), lines }
    }

    fn manage_lines(&mut self, room: RoomId) -> Reply {
        let tubes: Vec<_> = self
            .network
            .tubes_of(room)
            .into_iter()
            .map(|entry| (entry.tube.id, entry.other_end(room)))
            .collect();
        let lines = tubes
            .into_iter()
            .map(|(tube, other)| {
                (format!("Tube {tube} to {}", self.name_for_others(other)), self.tube_state(tube))
            })
            .collect();
        Reply::Lines { room: self.name_for_others(room), lines }
    }

    fn platform_of(&self, room: RoomId) -> String {
        self.network
            .room(room)
            .and_then(|known| known.specs.first())
            .and_then(|spec| self.accounts.get(&spec.account))
            .map_or_else(String::new, |account| account.spec.platform_name.clone())
    }

    fn tube_views(&self) -> Vec<TubeView> {
        self.network
            .tubes()
            .filter(|entry| entry.removed.is_none())
            .map(|entry| TubeView { tube: entry.tube.clone(), state: self.tube_state(entry.tube.id) })
            .collect()
    }

    fn room_views(&self) -> Vec<RoomView> {
        self.network
            .rooms
            .iter()
            .map(|(id, room)| RoomView {
                room: *id,
                specs: room.specs.clone(),
                name: room.name.clone(),
                kind: room.kind,
                state: match self.usable_account(*id) {
                    Some(_) => Ok(()),
                    None => Err(self.why_unusable(*id)),
                },
                waiting: self.lanes.get(id).map_or(0, |lane| lane.items.len()),
            })
            .collect()
    }

    fn delivery_views(&self, limit: usize) -> Vec<DeliveryView> {
        let mut views = Vec::new();
        for (room, lane) in &self.lanes {
            let usable = self.usable_account(*room).is_some();
            let parked =
                lane.parked.iter().map(|(seq, why)| (seq, DeliveryState::Parked { why: why.clone() }));
            let waiting = lane.items.keys().map(|seq| {
                let state = if usable {
                    DeliveryState::Waiting
                } else {
                    DeliveryState::Held { why: self.why_unusable(*room) }
                };
                (seq, state)
            });
            for (seq, state) in parked.chain(waiting) {
                if views.len() >= limit {
                    return views;
                }
                let accepted = self.events.get(seq).map(|event| event.meta.at).unwrap_or_default();
                views.push(DeliveryView {
                    delivery: DeliveryId { event: *seq, room: *room },
                    state,
                    accepted,
                });
            }
        }
        views
    }

    fn figures_now(&self) -> Figures {
        let mut figures = self.figures.clone();
        for (room, lane) in &self.lanes {
            figures.parked += lane.parked.len() as u64;
            if self.usable_account(*room).is_some() {
                figures.waiting += lane.items.len() as u64;
            } else {
                figures.held += lane.items.len() as u64;
            }
        }
        figures.rooms = self.network.rooms.len() as u64;
        figures.tubes = self.network.tubes().filter(|entry| entry.is_usable()).count() as u64;
        figures
    }
}

impl Engine {
    /// The lanes that hold something, for people who look for a fault.
    #[must_use]
    pub fn describe_lanes(&self) -> String {
        let mut out = String::new();
        for (room, lane) in &self.lanes {
            for (seq, item) in lane.items.iter().take(3) {
                let event = self.events.get(seq);
                let kind = event.map(|event| (event.meta.kind, event.reference));
                let parts = item.attempt.as_ref().map(|attempt| &attempt.parts);
                out.push_str(&format!(
                    "lane {room} (blocked {:?}, usable {}): {seq} {kind:?} {parts:?}\n",
                    lane.blocked_until,
                    self.usable_account(*room).is_some()
                ));
            }
        }
        out
    }
}
