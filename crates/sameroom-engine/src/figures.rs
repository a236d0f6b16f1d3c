//! Counters of what the engine has done since it started, for metrics and tests.

use std::collections::BTreeMap;
use std::time::Duration;

use sameroom_types::ids::{AccountId, PlatformId};

/// Upper bounds of the delay histogram, in milliseconds.
pub const DELAY_BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 5_000, 60_000, 600_000];

/// Everything counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// By account.
    pub accounts: BTreeMap<AccountId, AccountFigures>,
    /// Deliveries in lanes whose room can be used.
    pub waiting: u64,
    /// Deliveries in lanes whose account or room can't be used now.
    pub held: u64,
    /// Deliveries refused for good.
    pub parked: u64,
    /// Tubes that carry or wait.
    pub tubes: u64,
    /// Rooms known.
    pub rooms: u64,
    /// Sends repeated after an unknown outcome that could not be cleared up.
    pub repeats: u64,
}

/// What one account did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountFigures {
    /// Its platform.
    pub platform: Option<PlatformId>,
    /// Events accepted from it.
    pub accepted: u64,
    /// Deliveries that ended delivered on it.
    pub delivered: u64,
    /// Those that were marked late.
    pub late: u64,
    /// Deliveries that ended otherwise.
    pub ended: u64,
    /// Delays from acceptance to confirmation, counted by [`DELAY_BOUNDS_MS`], with one more for longer ones.
    pub delays: [u64; 13],
    /// The sum of these delays, in milliseconds.
    pub delay_sum_ms: u64,
    /// Whether the session is connected.
    pub connected: bool,
}

impl AccountFigures {
    /// Counts one delay.
    pub(crate) fn count_delay(&mut self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let index = DELAY_BOUNDS_MS.iter().position(|bound| millis <= *bound).unwrap_or(12);
        self.delays[index] += 1;
        self.delay_sum_ms = self.delay_sum_ms.saturating_add(millis);
    }
}
