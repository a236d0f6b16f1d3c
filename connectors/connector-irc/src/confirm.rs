//! Which sends are under way, and how each is found again in what the server answers.
//!
//! With labels and echoes every answer names its line. Without them a `PING` stands behind all lines
//! written so far: its `PONG` says that the server has read them. At most one such barrier is out.

use std::collections::VecDeque;
use std::time::Duration;

use sameroom_types::ids::DeliveryId;
use tokio::time::Instant;

/// How long a labelled line may go unanswered before a barrier asks for it.
const LABEL_PATIENCE: Duration = Duration::from_secs(5);

/// One send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    /// The delivery.
    pub(crate) delivery: DeliveryId,
    /// Its part.
    pub(crate) part: u32,
    /// The room, folded.
    pub(crate) room: Box<str>,
    /// The label it carries, whether or not the server knows labels.
    pub(crate) label: u64,
    /// Whether an echo is expected.
    pub(crate) echoes: bool,
}

/// A send whose line was handed to the connection.
#[derive(Debug)]
struct Flight {
    track: Track,
    /// Where its line starts in the stream of bytes.
    offset: u64,
    since: Instant,
}

/// The sends under way on one connection.
#[derive(Debug, Default)]
pub(crate) struct Confirm {
    flights: VecDeque<Flight>,
    barrier: Option<(u64, u64)>,
    barriers: u64,
    labels: u64,
}

impl Confirm {
    /// A label that was not used before on this connection.
    pub(crate) fn next_label(&mut self) -> u64 {
        self.labels += 1;
        self.labels
    }

    /// Notes that a line was handed to the connection.
    pub(crate) fn sent(&mut self, track: Track, offset: u64, now: Instant) {
        self.flights.push_back(Flight { track, offset, since: now });
    }

    /// Takes the send that an answer's label names.
    pub(crate) fn by_label(&mut self, label: u64) -> Option<Track> {
        let index = self.flights.iter().position(|flight| flight.track.label == label)?;
        self.flights.remove(index).map(|flight| flight.track)
    }

    /// Takes the oldest send to a room, or of all.
    pub(crate) fn oldest(&mut self, room: Option<&str>, echoes_only: bool) -> Option<Track> {
        let index = self.flights.iter().position(|flight| {
            room.is_none_or(|room| &*flight.track.room == room) && (!echoes_only || flight.track.echoes)
        })?;
        self.flights.remove(index).map(|flight| flight.track)
    }

    /// The token of a new barrier behind all bytes up to `end`, if one is needed now.
    ///
    /// `answered` says that the server answers every line by itself, so that a barrier is only for those it forgot.
    pub(crate) fn barrier(&mut self, answered: bool, end: u64, now: Instant) -> Option<u64> {
        let oldest = self.flights.front()?;
        let is_due = !answered || now.saturating_duration_since(oldest.since) >= LABEL_PATIENCE;
        if self.barrier.is_some() || !is_due {
            return None;
        }
        self.barriers += 1;
        self.barrier = Some((self.barriers, end));
        Some(self.barriers)
    }

    /// Takes all sends that a barrier's answer covers.
    pub(crate) fn passed(&mut self, token: u64) -> Vec<Track> {
        let Some((_, end)) = self.barrier.take_if(|(out, _)| *out == token) else { return Vec::new() };
        let covered = self.flights.iter().take_while(|flight| flight.offset < end).count();
        self.flights.drain(..covered).map(|flight| flight.track).collect()
    }

    /// Whether a barrier is out.
    pub(crate) fn has_barrier(&self) -> bool {
        self.barrier.is_some()
    }

    /// Whether an answer of any kind is awaited.
    pub(crate) fn is_waiting(&self) -> bool {
        self.barrier.is_some() || !self.flights.is_empty()
    }

    /// Takes all sends; true for those of which some byte may have left, given how many bytes did.
    pub(crate) fn drain(&mut self, written: u64) -> Vec<(Track, bool)> {
        self.barrier = None;
        self.flights.drain(..).map(|flight| (flight.track, flight.offset < written)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sameroom_types::ids::{RoomId, Seq};

    fn confirm_with(lines: &[(&str, u64)]) -> (Confirm, Instant) {
        let (mut confirm, now) = (Confirm::default(), Instant::now());
        for (part, (room, offset)) in (0..).zip(lines) {
            let label = confirm.next_label();
            let delivery = DeliveryId { event: Seq(1), room: RoomId(1) };
            let track = Track { delivery, part, room: (*room).into(), label, echoes: true };
            confirm.sent(track, *offset, now);
        }
        (confirm, now)
    }

    #[test]
    fn one_barrier_covers_all_before_it() {
        let (mut confirm, now) = confirm_with(&[("#a", 0), ("#b", 10), ("#a", 20)]);
        assert_eq!(confirm.barrier(false, 20, now), Some(1));
        assert_eq!(confirm.barrier(false, 30, now), None, "one at a time");
        assert_eq!(confirm.passed(9).len(), 0);
        assert_eq!(confirm.passed(1).iter().map(|track| track.part).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(confirm.barrier(false, 30, now), Some(2));
        assert_eq!(confirm.passed(2).len(), 1);
        assert!(!confirm.is_waiting());
    }

    #[test]
    fn answers_find_their_line() {
        let (mut confirm, now) = confirm_with(&[("#a", 0), ("#b", 10), ("#a", 20)]);
        assert_eq!(confirm.by_label(3).map(|track| track.part), Some(2));
        assert_eq!(confirm.oldest(Some("#b"), true).map(|track| track.part), Some(1));
        assert_eq!(confirm.oldest(Some("#b"), true), None);
        assert_eq!(confirm.barrier(true, 30, now), None, "answers are still to come");
        assert_eq!(confirm.barrier(true, 30, now + LABEL_PATIENCE), Some(1));
    }

    #[test]
    fn what_never_left_is_told_apart() {
        let (mut confirm, _) = confirm_with(&[("#a", 0), ("#a", 10)]);
        let left: Vec<_> = confirm.drain(10).into_iter().map(|(_, may_have_left)| may_have_left).collect();
        assert_eq!(left, [true, false]);
    }
}
