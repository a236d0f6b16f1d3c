//! The token bucket of one connection, shared round robin by its rooms.
//!
//! `PONG` and our own `PING` do not pass through here. Everything else costs one token.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Pace;

/// Lines that may wait for one room; the engine keeps far fewer under way.
pub(crate) const ROOM_QUEUE_MAX: usize = 1_024;

/// Lines that wait for their turn.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    bucket: Option<Bucket>,
    /// Joins and the like, which go first.
    urgent: VecDeque<T>,
    rooms: HashMap<String, VecDeque<T>>,
    /// Rooms with something to say, in the order of their next turn.
    turns: VecDeque<String>,
}

#[derive(Debug)]
struct Bucket {
    pace: Pace,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.filled_at).as_secs_f64() * self.pace.per_second;
        self.tokens = (self.tokens + gained).min(self.pace.burst);
        self.filled_at = now;
    }
}

impl<T> Queue<T> {
    /// An empty queue with a full bucket; without a pace everything goes at once.
    pub(crate) fn new(pace: Option<Pace>, now: Instant) -> Self {
        let bucket = pace.map(|pace| Bucket { pace, tokens: pace.burst, filled_at: now });
        Self { bucket, urgent: VecDeque::new(), rooms: HashMap::new(), turns: VecDeque::new() }
    }

    /// Adds a line that goes before what is said in rooms.
    pub(crate) fn push_urgent(&mut self, line: T) {
        self.urgent.push_back(line);
    }

    /// Adds a line for a room; gives it back when too many wait there.
    pub(crate) fn push(&mut self, room: &str, line: T) -> Result<(), T> {
        if let Some(queue) = self.rooms.get_mut(room) {
            if queue.len() >= ROOM_QUEUE_MAX {
                return Err(line);
            }
            if queue.is_empty() {
                self.turns.push_back(room.to_owned());
            }
            queue.push_back(line);
        } else {
            self.turns.push_back(room.to_owned());
            self.rooms.insert(room.to_owned(), VecDeque::from([line]));
        }
        Ok(())
    }

    /// The next line that may go now.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        if let Some(bucket) = &mut self.bucket {
            bucket.fill(now);
            // Waking up a hair too early must not cost another round.
            if bucket.tokens < 0.999 {
                return None;
            }
            bucket.tokens -= 1.0;
        }
        if let Some(line) = self.urgent.pop_front() {
            return Some(line);
        }
        let room = self.turns.pop_front()?;
        let queue = self.rooms.get_mut(&room)?;
        let line = queue.pop_front();
        if !queue.is_empty() {
            self.turns.push_back(room);
        }
        line
    }

    /// When the next line may go; `None` while nothing waits.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        if self.is_empty() {
            return None;
        }
        let bucket = self.bucket.as_ref()?;
        let missing = (1.0 - bucket.tokens).max(0.0) / bucket.pace.per_second;
        Some(bucket.filled_at + Duration::try_from_secs_f64(missing).unwrap_or(Duration::from_secs(3600)))
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.turns.is_empty()
    }

    /// Takes out all that waits for rooms, room by room in order.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        self.urgent.clear();
        let mut out = Vec::new();
        for room in self.turns.drain(..) {
            out.extend(self.rooms.remove(&room).unwrap_or_default());
        }
        self.rooms.clear();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_a_second() {
        let start = Instant::now();
        let mut queue = Queue::new(Some(Pace { burst: 2.0, per_second: 1.0 }), start);
        for n in 0..4 {
            queue.push("#a", n).expect("room");
        }
        assert_eq!((queue.pop(start), queue.pop(start), queue.pop(start)), (Some(0), Some(1), None));
        assert_eq!(queue.next_at(), Some(start + Duration::from_secs(1)));
        let later = start + Duration::from_secs(1);
        assert_eq!((queue.pop(later), queue.pop(later)), (Some(2), None));
    }

    #[test]
    fn rooms_take_turns_and_joins_go_first() {
        let start = Instant::now();
        let mut queue = Queue::new(None, start);
        for line in ["a1", "a2", "a3"] {
            queue.push("#a", line).expect("room");
        }
        queue.push("#b", "b1").expect("room");
        queue.push_urgent("join");
        let order: Vec<_> = std::iter::from_fn(|| queue.pop(start)).collect();
        assert_eq!(order, ["join", "a1", "b1", "a2", "a3"]);
    }

    #[test]
    fn a_room_that_nobody_drains_is_full_at_last() {
        let mut queue = Queue::new(None, Instant::now());
        assert!((0..ROOM_QUEUE_MAX).all(|n| queue.push("#a", n).is_ok()));
        assert_eq!(queue.push("#a", 7), Err(7));
        assert_eq!(queue.drain().len(), ROOM_QUEUE_MAX);
    }
}
