//! The ordered queue of deliveries into one room.

use std::collections::BTreeMap;
use std::time::Duration;

use sameroom_types::action::SendRequest;
use sameroom_types::ids::{AccountId, NativeIds, Seq, ThreadId};
use sameroom_types::rows::ParkReason;
use sameroom_types::text::Emoji;

/// One delivery, by its event.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) attempt: Option<Attempt>,
    pub(crate) attempts: u32,
    pub(crate) repeats: u32,
    pub(crate) late: bool,
    /// The first post of its album, whose attempt it is part of.
    pub(crate) within: Option<Seq>,
    /// The platform refused to change the copy natively: a line says what changed.
    pub(crate) plain: bool,
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
    pub(crate) shares: Vec<(Seq, Vec<u32>)>,
    pub(crate) opens: Option<ThreadId>,
    /// Whether a part of it may have reached the platform.
    pub(crate) tried: bool,
    /// What the room can do has changed since it was made ready.
    pub(crate) outdated: bool,
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

/// A delivery that was refused for good.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) why: ParkReason,
    pub(crate) delivery: Delivery,
}

/// The lane of one room.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// In the order of acceptance, which is the order of delivery.
    pub(crate) items: BTreeMap<Seq, Delivery>,
    /// Refused for good, waiting for somebody.
    pub(crate) parked: BTreeMap<Seq, Parked>,
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

impl Lane {
    /// A delivery that waits or is parked.
    pub(crate) fn delivery(&self, event: Seq) -> Option<&Delivery> {
        self.items.get(&event).or_else(|| self.parked.get(&event).map(|parked| &parked.delivery))
    }

    /// The first post of an album goes another way: the others are on their own again.
    pub(crate) fn release_album(&mut self, first: Seq) {
        let parked = self.parked.values_mut().map(|parked| &mut parked.delivery);
        for item in self.items.values_mut().chain(parked).filter(|item| item.within == Some(first)) {
            item.within = None;
        }
    }
}

impl Lane {
    /// A delivery is refused for good; what was sent in one with it waits with it.
    pub(crate) fn park(&mut self, event: Seq, why: &ParkReason) {
        let Some(delivery) = self.items.remove(&event) else { return };
        let begun = delivery.attempt.as_ref().filter(|attempt| attempt.has_begun());
        let others: Vec<Seq> =
            begun.map(|attempt| attempt.shares.iter().map(|(event, _)| *event).collect()).unwrap_or_default();
        if others.is_empty() {
            self.release_album(event);
        }
        for other in others {
            if let Some(delivery) = self.items.remove(&other) {
                self.parked.insert(other, Parked { why: why.clone(), delivery });
            }
        }
        self.parked.insert(event, Parked { why: why.clone(), delivery });
    }

    /// A delivery is to be tried again: from its first unfinished part, or anew if none has arrived.
    pub(crate) fn unpark(&mut self, event: Seq) {
        let Some(Parked { mut delivery, .. }) = self.parked.remove(&event) else { return };
        delivery.late = true;
        delivery.plain = false;
        if let Some(attempt) = delivery.attempt.as_mut().filter(|attempt| attempt.has_begun()) {
            // What was under way beside the part that was refused may have arrived.
            for part in attempt.parts.iter_mut().filter(|part| !matches!(part, Part::Done(_) | Part::Todo)) {
                *part = Part::Unsure { not_before: Duration::ZERO };
            }
            attempt.outdated = false;
            for (other, _) in attempt.shares.clone() {
                if let Some(parked) = self.parked.remove(&other) {
                    self.items.insert(other, parked.delivery);
                }
            }
        } else {
            let attempt = delivery.attempt.take();
            delivery.suspect |= attempt.is_some_and(|attempt| !attempt.is_untried());
        }
        self.items.insert(event, delivery);
    }
}

impl Delivery {
    pub(crate) fn new() -> Self {
        Self {
            attempt: None,
            attempts: 0,
            repeats: 0,
            late: false,
            within: None,
            plain: false,
            suspect: false,
        }
    }
}

impl Attempt {
    /// Whether a part has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Done(_)))
    }

    pub(crate) fn is_done(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Done(_)))
    }

    /// Whether no part can have reached the platform.
    pub(crate) fn is_untried(&self) -> bool {
        !self.tried && self.parts.iter().all(|part| *part == Part::Todo)
    }
}
