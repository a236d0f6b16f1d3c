//! Stream management (XEP-0198): counting stanzas both ways, keeping those that the server has not acknowledged.
//!
//! Counters wrap at 2^32.

use std::collections::VecDeque;

use crate::stream::Resumption;

/// A stanza that may have to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// As it went out.
    pub(crate) xml: String,
    /// The key of the send that it belongs to.
    pub(crate) key: Option<Box<str>>,
}

/// The counters of one session.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Whether outgoing stanzas are counted: from our asking on.
    asked: bool,
    /// Whether the server counts.
    enabled: bool,
    /// The server's name for the session, if it can be resumed.
    id: Option<String>,
    handled: u32,
    acknowledged: u32,
    kept: VecDeque<Kept>,
    /// Stanzas sent since the server was last asked for its count.
    unasked: usize,
}

impl Counters {
    /// We are asking for stream management.
    pub(crate) fn ask(&mut self) {
        *self = Self { asked: true, ..Self::default() };
    }

    /// The server agreed.
    pub(crate) fn enable(&mut self, id: Option<String>) {
        self.enabled = true;
        self.id = id;
        self.handled = 0;
    }

    /// There is none.
    pub(crate) fn disable(&mut self) {
        *self = Self::default();
    }

    /// Whether the server will acknowledge.
    pub(crate) fn is_on(&self) -> bool {
        self.asked
    }

    /// Counts a stanza that came.
    pub(crate) fn count_in(&mut self) {
        if self.enabled {
            self.handled = self.handled.wrapping_add(1);
        }
    }

    /// How many came.
    pub(crate) fn handled(&self) -> u32 {
        self.handled
    }

    /// Keeps a stanza that goes out.
    pub(crate) fn keep(&mut self, xml: &str, key: Option<&str>) {
        if self.asked {
            self.kept.push_back(Kept { xml: xml.to_owned(), key: key.map(Into::into) });
            self.unasked += 1;
        }
    }

    /// Whether it is time to ask the server for its count.
    pub(crate) fn should_ask(&self, eager: bool) -> bool {
        self.enabled && self.unasked > 0 && (eager || self.unasked >= 32)
    }

    /// The server is being asked.
    pub(crate) fn asked_for_count(&mut self) {
        self.unasked = 0;
    }

    /// The server has handled `h` stanzas: those of them that were still kept. Counts that can't be are ignored.
    pub(crate) fn acknowledge(&mut self, h: u32) -> Vec<Kept> {
        let count = usize::try_from(h.wrapping_sub(self.acknowledged)).unwrap_or(usize::MAX);
        if count > self.kept.len() {
            return Vec::new();
        }
        self.acknowledged = h;
        self.kept.drain(..count).collect()
    }

    /// What is needed to take the session up again.
    pub(crate) fn resumption(&self) -> Option<Resumption> {
        let id = self.id.clone().filter(|_| self.enabled)?;
        Some(Resumption { id, handled: self.handled })
    }

    /// What goes out again after resuming.
    pub(crate) fn to_resend(&mut self) -> impl Iterator<Item = &Kept> {
        self.unasked = self.kept.len();
        self.kept.iter()
    }

    /// The session is over: what the server never acknowledged.
    pub(crate) fn give_up(&mut self) -> VecDeque<Kept> {
        std::mem::take(self).kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(kept: &[Kept]) -> Vec<&str> {
        kept.iter().map(|kept| kept.xml.as_str()).collect()
    }

    #[test]
    fn what_is_acknowledged_is_not_sent_again() {
        let mut counters = Counters::default();
        counters.keep("before", None);
        counters.ask();
        counters.keep("a", Some("k"));
        counters.enable(Some("id".into()));
        counters.keep("b", None);
        counters.keep("c", None);
        assert_eq!(keys(&counters.acknowledge(1)), ["a"]);
        assert_eq!(keys(&counters.acknowledge(1)), Vec::<&str>::new());
        assert_eq!(counters.to_resend().map(|kept| kept.xml.clone()).collect::<Vec<_>>(), ["b", "c"]);
        // A server that counts what was never sent is not believed.
        assert_eq!(keys(&counters.acknowledge(9)), Vec::<&str>::new());
        assert_eq!(keys(&counters.acknowledge(3)), ["b", "c"]);
    }

    #[test]
    fn counters_wrap() {
        let mut counters = Counters::default();
        counters.ask();
        counters.enable(None);
        counters.acknowledged = u32::MAX;
        counters.handled = u32::MAX;
        counters.keep("a", None);
        counters.keep("b", None);
        assert_eq!(keys(&counters.acknowledge(1)), ["a", "b"]);
        counters.count_in();
        assert_eq!(counters.handled(), 0);
    }

    #[test]
    fn only_what_can_be_resumed_is() {
        let mut counters = Counters::default();
        assert_eq!(counters.resumption(), None);
        counters.ask();
        counters.enable(None);
        assert_eq!(counters.resumption(), None);
        counters.enable(Some("id".into()));
        counters.count_in();
        assert_eq!(counters.resumption(), Some(Resumption { id: "id".into(), handled: 1 }));
    }
}
