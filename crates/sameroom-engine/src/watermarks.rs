//! What is written, durable and stored, and what had to wait for it.

use sameroom_types::ids::{AccountId, Seq, Ticket};

use crate::engine::Engine;
use crate::input::Effect;

impl Engine {
    pub(crate) fn on_written(&mut self, seq: Seq) {
        while self.sends.front().is_some_and(|(at, _, _)| *at <= seq) {
            let Some((_, account, request)) = self.sends.pop_front() else { return };
            self.part_left(&request);
            self.out.push(Effect::Send { account, request: Box::new(request) });
        }
    }

    pub(crate) fn on_durable(&mut self, seq: Seq) {
        self.durable = self.durable.max(seq);
        let durable = self.durable;
        for (account, tickets) in &mut self.tickets {
            let mut last = None;
            while tickets.front().is_some_and(|(_, at)| *at <= durable) {
                last = tickets.pop_front().map(|(ticket, _)| ticket);
            }
            if let Some(ticket) = last {
                self.out.push(Effect::Acknowledge { account: account.clone(), ticket });
            }
        }
        self.destroy_doomed();
        self.truncate();
    }

    /// Notes that an event of a session is settled once `seq` is durable.
    pub(crate) fn settle(&mut self, account: &AccountId, ticket: Ticket, seq: Seq) {
        if ticket == Ticket(0) {
            return;
        }
        let tickets = self.tickets.entry(account.clone()).or_default();
        if tickets.is_empty() && seq <= self.durable {
            self.out.push(Effect::Acknowledge { account: account.clone(), ticket });
        } else {
            // Behind others it waits its turn, so that the durable ticket never jumps over one that is not.
            tickets.push_back((ticket, seq));
        }
    }

    pub(crate) fn destroy_doomed(&mut self) {
        let mut keys = Vec::new();
        while self.doomed.front().is_some_and(|(at, _)| *at <= self.durable) {
            keys.extend(self.doomed.pop_front().map(|(_, key)| key));
        }
        if !keys.is_empty() {
            self.out.push(Effect::DestroyKeys(keys));
        }
    }
}
