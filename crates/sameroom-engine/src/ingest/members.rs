//! Who comes and goes, and our own removal.

use sameroom_types::event::{Inbound, MemberChange};
use sameroom_types::ids::{AccountId, RealmId, RemoteUserId, RoomId};
use sameroom_types::policy::Relay;
use sameroom_types::rows::DeliveryKind;

use crate::engine::Engine;
use crate::record::{EventBody, Record};

impl Engine {
    pub(crate) fn take_member(
        &mut self,
        account: &AccountId,
        room: RoomId,
        realm: &RealmId,
        inbound: Inbound,
        member: &RemoteUserId,
        change: &MemberChange,
    ) {
        if inbound.history || self.is_ours(realm, member) || self.policy(room).room.relay == Relay::In {
            return;
        }
        if matches!(change, MemberChange::Renamed { .. }) {
            return;
        }
        let targets: Vec<RoomId> =
            self.targets(room).into_iter().filter(|target| self.policy(*target).room.joins).collect();
        if targets.is_empty() {
            return;
        }
        let meta = self.change_meta(account, room, targets, DeliveryKind::Membership, member);
        self.accept(meta, EventBody::Inbound(Box::new(inbound)));
    }

    pub(crate) fn take_kick(
        &mut self,
        account: &AccountId,
        room: RoomId,
        by: Option<&str>,
        reason: Option<&str>,
    ) {
        if let Some(view) = self.views.get_mut(&(room, account.clone())) {
            view.ready = false;
            view.why = "removed from the room".into();
        }
        let who = by.map_or_else(String::new, |by| format!(" by {by}"));
        let why = reason.filter(|why| !why.is_empty()).map_or_else(String::new, |why| format!(" ({why})"));
        self.note(Record::RoomLeft { room });
        if self.usable_account(room).is_none() {
            self.fail_tubes(room, &format!("removed from the room{who}{why}; invite it again to go on"));
        }
        self.note_usability(room);
        self.replay_standby(room, account);
    }
}
