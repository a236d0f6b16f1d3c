//! Two accounts in one room: one listens, the other only in case that it fails.

use sameroom_types::event::{Inbound, RoomEvent};
use sameroom_types::ids::{AccountId, RoomId, Ticket};

use crate::engine::Engine;
use crate::ingest::STANDBY;

impl Engine {
    /// Whether another account listens here, so that this report only waits in case that one fails.
    pub(crate) fn is_on_standby(&mut self, account: &AccountId, room: RoomId, inbound: &Inbound) -> bool {
        let several = self.network.room(room).is_some_and(|known| known.specs.len() > 1);
        if !several {
            return false;
        }
        match self.listener(room) {
            Some(listener) if listener != *account => {
                let ring = self.standby.entry(room).or_default();
                ring.push_back((account.clone(), inbound.clone()));
                if ring.len() > STANDBY {
                    ring.pop_front();
                }
                true
            }
            _ => {
                // The listener's own report: the same one need not be replayed.
                if let Some(ring) = self.standby.get_mut(&room)
                    && let Some(index) = ring.iter().position(|(_, other)| is_same_event(other, inbound))
                {
                    ring.drain(..=index);
                }
                false
            }
        }
    }

    /// The listener of a room is gone: what a stand-by heard and it did not report comes in now.
    pub(crate) fn replay_standby(&mut self, room: RoomId) {
        let Some(listener) = self.listener(room) else { return };
        let Some(ring) = self.standby.remove(&room) else { return };
        for (account, inbound) in ring {
            if account == listener {
                self.on_event(&account, Ticket(0), inbound);
            }
        }
    }
}

/// Whether two accounts in one room report the same: ids may differ, author and content don't.
pub(crate) fn is_same_event(a: &Inbound, b: &Inbound) -> bool {
    match (&a.event, &b.event) {
        (RoomEvent::Posted(a), RoomEvent::Posted(b)) => {
            a.author.id == b.author.id && a.content.text == b.content.text
        }
        (a, b) => a == b,
    }
}
