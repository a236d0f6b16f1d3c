//! What was said and what was heard where, by number and time.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

/// One message as it was heard.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// Its number.
    pub number: u32,
    /// When.
    pub at: Instant,
    /// Whether it carried the time at which it was said.
    pub late: bool,
}

/// What came of a stream of messages in one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Said and never heard.
    pub lost: usize,
    /// Heard again.
    pub doubled: usize,
    /// Heard for the first time after a later one.
    pub disordered: usize,
    /// Heard with its time.
    pub late: usize,
}

#[derive(Debug, Default)]
struct Column {
    heard: Vec<Heard>,
    known: Vec<bool>,
    distinct: usize,
}

#[derive(Debug, Default)]
struct Pages {
    heard: BTreeMap<(String, String), Column>,
    sent: BTreeMap<String, Vec<Option<Instant>>>,
    events: Vec<String>,
}

/// Everything of one run.
#[derive(Debug, Default)]
pub struct Book {
    pages: Mutex<Pages>,
    changed: Notify,
}

impl Book {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a message is being said.
    pub fn sent(&self, tag: &str, number: u32) {
        let mut pages = self.pages();
        let index = number as usize;
        let times = match pages.sent.get_mut(tag) {
            Some(times) => times,
            None => pages.sent.entry(tag.to_owned()).or_default(),
        };
        if times.len() <= index {
            times.resize(index + 1, None);
        }
        times[index].get_or_insert_with(Instant::now);
    }

    /// Notes what was heard; text that does not end in a tag and number is kept as an event.
    pub fn heard_text(&self, place: &str, text: &str) {
        let last = text.trim_end().rsplit(' ').next().unwrap_or_default();
        let found = last.rsplit_once('-').and_then(|(tag, number)| Some((tag, number.parse().ok()?)));
        let Some((tag, number)) = found else { return self.other(place, text) };
        let number: u32 = number;
        let heard = Heard { number, at: Instant::now(), late: text.contains(" UTC) ") };
        {
            let mut pages = self.pages();
            let column = pages.heard.entry((place.to_owned(), tag.to_owned())).or_default();
            let index = number as usize;
            if column.known.len() <= index {
                column.known.resize(index + 1, false);
            }
            if !std::mem::replace(&mut column.known[index], true) {
                column.distinct += 1;
            }
            column.heard.push(heard);
        }
        self.changed.notify_waiters();
    }

    /// Notes something else that was seen, such as a kick.
    pub fn happened(&self, what: &str) {
        self.pages().events.push(what.to_owned());
        self.changed.notify_waiters();
    }

    /// Notes what was said by nobody's number: notices and the like.
    fn other(&self, place: &str, text: &str) {
        self.happened(&format!("{place}: {text}"));
    }

    /// All that was seen besides numbered messages, in order.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        self.pages().events.clone()
    }

    /// Waits until something besides numbered messages is seen that holds this text.
    ///
    /// # Errors
    /// When it does not come in time: what came instead.
    pub async fn event(&self, text: &str, patience: Duration) -> Result<String, Vec<String>> {
        let deadline = Instant::now() + patience;
        loop {
            let changed = self.changed.notified();
            if let Some(found) = self.events().into_iter().find(|event| event.contains(text)) {
                return Ok(found);
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return Err(self.events());
            }
        }
    }

    /// Ends when something is heard after this call.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    fn column<T>(&self, place: &str, tag: &str, read: impl FnOnce(&Column) -> T) -> Option<T> {
        self.pages().heard.get(&(place.to_owned(), tag.to_owned())).map(read)
    }

    /// How many different messages were heard in a place.
    #[must_use]
    pub fn heard(&self, place: &str, tag: &str) -> usize {
        self.column(place, tag, |column| column.distinct).unwrap_or(0)
    }

    /// All that was heard, in order.
    #[must_use]
    pub fn list(&self, place: &str, tag: &str) -> Vec<Heard> {
        self.column(place, tag, |column| column.heard.clone()).unwrap_or_default()
    }

    /// Which of these numbers were not heard.
    #[must_use]
    pub fn missing(&self, place: &str, tag: &str, expected: Range<u32>) -> Vec<u32> {
        let known = self.column(place, tag, |column| column.known.clone()).unwrap_or_default();
        expected.filter(|number| !known.get(*number as usize).copied().unwrap_or(false)).collect()
    }

    /// What came of these numbers.
    #[must_use]
    pub fn verdict(&self, place: &str, tag: &str, expected: Range<u32>) -> Verdict {
        let mut verdict =
            Verdict { lost: self.missing(place, tag, expected.clone()).len(), ..Verdict::default() };
        let mut seen = vec![false; expected.end as usize];
        let mut highest = None;
        for heard in self.list(place, tag).iter().filter(|heard| expected.contains(&heard.number)) {
            verdict.late += usize::from(heard.late);
            if std::mem::replace(&mut seen[heard.number as usize], true) {
                verdict.doubled += 1;
                continue;
            }
            verdict.disordered += usize::from(highest.is_some_and(|highest| highest > heard.number));
            highest = highest.max(Some(heard.number));
        }
        verdict
    }

    /// How long each of these took from being said to being heard first, in no order.
    #[must_use]
    pub fn delays(&self, place: &str, tag: &str, numbers: Range<u32>) -> Vec<Duration> {
        let pages = self.pages();
        let Some(column) = pages.heard.get(&(place.to_owned(), tag.to_owned())) else { return Vec::new() };
        let sent = pages.sent.get(tag).map(Vec::as_slice).unwrap_or_default();
        let mut seen = vec![false; numbers.end as usize];
        let first = |heard: &&Heard| {
            numbers.contains(&heard.number) && !std::mem::replace(&mut seen[heard.number as usize], true)
        };
        column
            .heard
            .iter()
            .filter(first)
            .filter_map(|heard| Some(heard.at - sent.get(heard.number as usize).copied()??))
            .collect()
    }

    /// When a message was said.
    #[must_use]
    pub fn said_at(&self, tag: &str, number: u32) -> Option<Instant> {
        self.pages().sent.get(tag)?.get(number as usize).copied()?
    }
}

impl fmt::Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((place, tag), column) in &self.pages().heard {
            write!(f, "{place} heard {} of {tag}; ", column.distinct)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_doubled_and_out_of_order_is_counted() {
        let book = Book::default();
        for number in [0, 2, 1, 1, 4] {
            book.heard_text("here", &format!("<ann> (12:00 UTC) load A-{number}"));
        }
        book.heard_text("here", "nothing of ours");
        let expected = Verdict { lost: 1, doubled: 1, disordered: 1, late: 5 };
        assert_eq!(book.verdict("here", "A", 0..5), expected);
        assert_eq!(book.missing("here", "A", 0..5), [3]);
        assert_eq!(book.heard("here", "A"), 4);
        assert_eq!(book.verdict("there", "A", 0..2).lost, 2);
    }
}
