//! Several accounts in one room: one listens, what the others hear waits in case that it fails.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use sameroom_types::capabilities::IdScope;
use sameroom_types::event::{Inbound, RoomEvent};
use sameroom_types::ids::{AccountId, RoomId, Ticket};

use crate::engine::Engine;
use crate::ingest::STANDBY;

/// For how long another account may be behind the listener with the same event.
const BEHIND: Duration = Duration::from_secs(60);

/// What the accounts of one room heard that not all of them have reported.
#[derive(Debug, Default)]
pub(crate) struct StandBy {
    /// Heard by a stand-by and not yet by the listener, oldest first.
    ahead: VecDeque<(AccountId, Inbound)>,
    /// Taken from the listener, with those that have yet to report the same, where ids tell nothing.
    behind: VecDeque<(Duration, Inbound, BTreeSet<AccountId>)>,
}

impl StandBy {
    /// An account that lost its connection owes nothing any more.
    fn forget(&mut self, account: &AccountId) {
        for (_, _, owing) in &mut self.behind {
            owing.remove(account);
        }
    }

    /// Whether this report is of something that was taken from another account.
    fn settle(&mut self, account: &AccountId, inbound: &Inbound, now: Duration) -> bool {
        self.behind.retain(|(at, _, owing)| !owing.is_empty() && now.saturating_sub(*at) < BEHIND);
        let same = self
            .behind
            .iter_mut()
            .find(|(_, told, owing)| owing.contains(account) && is_same(told, inbound, IdScope::PerAccount));
        same.is_some_and(|(_, _, owing)| owing.remove(account))
    }
}

impl Engine {
    /// Whether this report waits in case that the listener fails, or repeats what another account reported.
    pub(crate) fn is_on_standby(&mut self, account: &AccountId, room: RoomId, inbound: &Inbound) -> bool {
        let Some(known) = self.network.room(room).filter(|known| known.specs.len() > 1) else { return false };
        let accounts: BTreeSet<AccountId> = known.specs.iter().map(|spec| spec.account.clone()).collect();
        let scope = self.capabilities(room).map_or(IdScope::Shared, |can| can.ids);
        let listener = self.listener(room);
        let now = self.now.mono;
        let standby = self.standby.entry(room).or_default();
        if standby.settle(account, inbound, now) {
            return true;
        }
        if listener.is_some_and(|listener| listener != *account) {
            standby.ahead.push_back((account.clone(), inbound.clone()));
            if standby.ahead.len() > STANDBY {
                standby.ahead.pop_front();
            }
            return true;
        }
        // The listener's own report: the same one need not be replayed from any of the others.
        let mut owing = BTreeSet::new();
        for other in accounts.into_iter().filter(|other| other != account) {
            let seen =
                standby.ahead.iter().position(|(who, heard)| *who == other && is_same(heard, inbound, scope));
            match seen {
                Some(index) => {
                    let mut place = 0;
                    standby.ahead.retain(|(who, _)| {
                        place += 1;
                        *who != other || place > index + 1
                    });
                }
                None => {
                    owing.insert(other);
                }
            }
        }
        // Shared ids tell a repeat by themselves.
        if scope == IdScope::PerAccount && matches!(inbound.event, RoomEvent::Posted(_)) {
            owing.retain(|other| {
                self.accounts.get(other).is_some_and(|known| known.health.is_connected())
                    && self.views.get(&(room, other.clone())).is_some_and(|view| view.ready)
            });
            standby.behind.push_back((now, inbound.clone(), owing));
            if standby.behind.len() > STANDBY {
                standby.behind.pop_front();
            }
        }
        false
    }

    /// The listener of a room is gone: what its stand-by heard and it did not report comes in now.
    pub(crate) fn replay_standby(&mut self, room: RoomId, gone: &AccountId) {
        let listener = self.listener(room);
        let Some(standby) = self.standby.get_mut(&room) else { return };
        standby.forget(gone);
        let Some(listener) = listener else { return };
        let (own, others): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut standby.ahead).into_iter().partition(|(account, _)| *account == listener);
        standby.ahead = others;
        for (account, inbound) in own {
            self.on_event(&account, Ticket(0), inbound);
        }
    }
}

/// Whether two accounts in one room report the same event.
fn is_same(a: &Inbound, b: &Inbound, scope: IdScope) -> bool {
    match (&a.event, &b.event) {
        (RoomEvent::Posted(a), RoomEvent::Posted(b)) => match scope {
            IdScope::Shared => a.ids.primary == b.ids.primary,
            // Ids differ; author and content don't.
            IdScope::PerAccount => a.author.id == b.author.id && a.content.text == b.content.text,
        },
        (a, b) => a == b,
    }
}
