//! Two accounts in one room: one listens, what the others hear only waits in case that it fails to.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use sameroom_types::event::{Inbound, Post, RoomEvent};
use sameroom_types::ids::{AccountId, MessageId, RoomId, Ticket};

use crate::engine::{Engine, Timer};
use crate::record::Record;

/// How many reports of a room are kept on either side until the other side has the same.
const KEEP: usize = 256;

/// How long the listener may take to report what another account heard.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is compared between the accounts in one room.
#[derive(Debug, Default)]
pub(crate) struct Standby {
    /// What stand-bys heard and the listener did not report yet.
    waiting: VecDeque<Heard>,
    /// What the listener reported, and which stand-bys have heard it since.
    reported: VecDeque<Reported>,
}

#[derive(Debug)]
struct Heard {
    account: AccountId,
    inbound: Inbound,
    at: Duration,
}

#[derive(Debug)]
struct Reported {
    inbound: Inbound,
    heard_by: BTreeSet<AccountId>,
}

impl Engine {
    /// Whether another account listens here, so that this report only waits in case that one fails.
    pub(crate) fn is_on_standby(&mut self, account: &AccountId, room: RoomId, inbound: &Inbound) -> bool {
        // What concerns the account itself or the room as a whole counts whoever says it.
        let is_shared = !matches!(
            inbound.event,
            RoomEvent::Kicked { .. }
                | RoomEvent::RightsChanged(_)
                | RoomEvent::Migrated { .. }
                | RoomEvent::Archived
                | RoomEvent::Renamed { .. }
        );
        if !is_shared || self.network.room(room).is_none_or(|known| known.specs.len() < 2) {
            return false;
        }
        let Some(listener) = self.listener(room).filter(|listener| listener != account) else { return false };
        if matches!(
            inbound.event,
            RoomEvent::Gap { .. } | RoomEvent::Typing { .. } | RoomEvent::MemberChanged { .. }
        ) {
            return true;
        }
        let at = self.now.mono;
        let standby = self.standby.entry(room).or_default();
        let known = standby
            .reported
            .iter_mut()
            .find(|known| !known.heard_by.contains(account) && is_same_event(&known.inbound, inbound));
        if let Some(known) = known {
            known.heard_by.insert(account.clone());
            let reported = known.inbound.clone();
            self.take_both(room, &listener, &reported, account, inbound);
            return true;
        }
        standby.waiting.push_back(Heard { account: account.clone(), inbound: inbound.clone(), at });
        if standby.waiting.len() > KEEP {
            standby.waiting.pop_front();
        }
        self.wake(PATIENCE, Timer::Standby(room));
        true
    }

    /// The listener reported something: stand-bys that heard the same need not keep it.
    pub(crate) fn match_standby(&mut self, account: &AccountId, room: RoomId, inbound: &Inbound) {
        if self.network.room(room).is_none_or(|known| known.specs.len() < 2) {
            return;
        }
        let standby = self.standby.entry(room).or_default();
        let mut heard_by = BTreeSet::new();
        let mut same = Vec::new();
        standby.waiting.retain(|heard| {
            let is_it = !heard_by.contains(&heard.account) && is_same_event(&heard.inbound, inbound);
            if is_it {
                heard_by.insert(heard.account.clone());
                same.push((heard.account.clone(), heard.inbound.clone()));
            }
            !is_it
        });
        standby.reported.push_back(Reported { inbound: inbound.clone(), heard_by });
        if standby.reported.len() > KEEP {
            standby.reported.pop_front();
        }
        for (other, theirs) in same {
            self.take_both(room, account, inbound, &other, &theirs);
        }
    }

    /// Two accounts reported the same: both have read this far, and the message has the ids of both.
    fn take_both(
        &mut self,
        room: RoomId,
        listener: &AccountId,
        reported: &Inbound,
        account: &AccountId,
        heard: &Inbound,
    ) {
        if let Some(cursor) = heard.cursor.clone() {
            self.cursors.insert((room, account.clone()), cursor);
        }
        let space = self.network.space(room, account);
        let (RoomEvent::Posted(known) | RoomEvent::Observed(known)) = &reported.event else { return };
        let (RoomEvent::Posted(post) | RoomEvent::Observed(post)) = &heard.event else { return };
        if space != self.network.space(room, listener)
            && let Some(message) = self.find(listener, room, &known.ids.primary)
            && self.find(account, room, &post.ids.primary).is_none()
        {
            self.note(Record::IdsAlso { message, space, ids: post.ids.clone() });
        }
    }

    /// The listener of a room is gone: what a stand-by heard and it did not report comes in now.
    pub(crate) fn replay_standby(&mut self, room: RoomId) {
        let Some(listener) = self.listener(room) else { return };
        let Some(standby) = self.standby.remove(&room) else { return };
        for heard in standby.waiting.into_iter().filter(|heard| heard.account == listener) {
            self.on_event(&heard.account, Ticket(0), heard.inbound);
        }
    }

    /// What the listener should have reported long ago comes in without it.
    pub(crate) fn promote_standby(&mut self, room: RoomId) {
        let mono = self.now.mono;
        let Some(standby) = self.standby.get_mut(&room) else { return };
        let mut over = Vec::new();
        while standby.waiting.front().is_some_and(|heard| mono.saturating_sub(heard.at) >= PATIENCE) {
            over.extend(standby.waiting.pop_front());
        }
        for heard in over {
            if let Some((room, realm)) = self.room_of_event(&heard.account, &heard.inbound) {
                self.take_event(&heard.account, room, &realm, heard.inbound);
            }
        }
    }

    /// The message that an account sees under new ids, where each account sees its own: the same was
    /// reported by another one.
    pub(crate) fn known_by_others(
        &self,
        room: RoomId,
        space: RoomId,
        post: &Post,
        digest: [u8; 16],
    ) -> Option<MessageId> {
        let several = self.network.room(room).is_some_and(|known| !known.spaces.is_empty());
        if !several {
            return None;
        }
        self.messages.find_alike(room, space, &post.author.id, digest)
    }
}

/// Whether two accounts in one room report the same: ids may differ, author and content don't.
fn is_same_event(a: &Inbound, b: &Inbound) -> bool {
    match (&a.event, &b.event) {
        (RoomEvent::Posted(a) | RoomEvent::Observed(a), RoomEvent::Posted(b) | RoomEvent::Observed(b)) => {
            a.author.id == b.author.id && a.content.text == b.content.text
        }
        (RoomEvent::Edited(a), RoomEvent::Edited(b)) => {
            a.author.id == b.author.id && a.content.text == b.content.text
        }
        (a, b) => a == b,
    }
}
