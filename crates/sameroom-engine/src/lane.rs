//! The ordered queue of deliveries into one room.

use std::collections::BTreeMap;
use std::time::Duration;

use sameroom_types::action::SendRequest;
use sameroom_types::ids::{AccountId, NativeIds, Seq};
use sameroom_types::rows::ParkReason;
use sameroom_types::text::Emoji;

/// One delivery, by its event.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) attempt: Option<Attempt>,
    pub(crate) attempts: u32,
    pub(crate) repeats: u32,
    pub(crate) late: bool,
    /// A send of it may have happened of which a power loss left no record.
    pub(crate) suspect: bool,
}

/// A delivery whose parts are frozen.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) account: AccountId,
    /// `None` where the body could not be read back.
    pub(crate) frozen: Option<Vec<SendRequest>>,
    pub(crate) parts: Vec<Part>,
    pub(crate) files: u32,
    pub(crate) placed: Option<Vec<Emoji>>,
    pub(crate) as_of: Seq,
    pub(crate) makes: Vec<u32>,
}

/// Where one part stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// To be sent.
    Todo,
    /// To be sent as soon as the record of the attempt is written.
    Recorded,
    /// With the session.
    Flying,
    /// It may have arrived; ask or repeat after this time.
    Unsure { not_before: Duration },
    /// Being asked about.
    Asking,
    /// Arrived.
    Done(Option<NativeIds>),
}

/// The lane of one room.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// In the order of acceptance, which is the order of delivery.
    pub(crate) items: BTreeMap<Seq, Delivery>,
    /// Refused for good, waiting for somebody.
    pub(crate) parked: BTreeMap<Seq, ParkReason>,
    /// Nothing is sent before this time.
    pub(crate) blocked_until: Option<Duration>,
    /// One at a time, after a temporary refusal.
    pub(crate) cautious: bool,
    /// Temporary refusals since the last success.
    pub(crate) refusals: u32,
    /// Whether the room was told that it is behind.
    pub(crate) said_behind: bool,
    /// Events up to this one waited through an outage and are marked late.
    pub(crate) late_through: Seq,
    /// Since when the room can't be used; `None` while it can.
    pub(crate) down_since: Option<Duration>,
    /// Whether neighbours were told of the outage that lasts.
    pub(crate) told_down: bool,
    /// Parked as too late since the last notice about it.
    pub(crate) overdue: u64,
}

impl Delivery {
    pub(crate) fn new() -> Self {
        Self { attempt: None, attempts: 0, repeats: 0, late: false, suspect: false }
    }
}

impl Attempt {
    pub(crate) fn is_done(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Done(_)))
    }

    /// Whether no part can have reached the platform.
    pub(crate) fn is_untried(&self) -> bool {
        self.parts.iter().all(|part| *part == Part::Todo)
    }
}
