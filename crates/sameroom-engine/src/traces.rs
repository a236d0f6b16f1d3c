//! Rows for the store, and how the deliveries of recent messages went.

use sameroom_types::ids::Seq;
use sameroom_types::rows::{DeliveryKind, DeliveryState, Row};

use crate::engine::Engine;
use crate::input::Effect;

/// How many recent messages can be traced without asking the store.
const TRACES: usize = 2_000;

impl Engine {
    pub(crate) fn store(&mut self, seq: Seq, rows: Vec<Row>) {
        for row in &rows {
            self.remember_trace(row);
        }
        if !rows.is_empty() {
            self.out.push(Effect::Store { seq, rows });
        }
    }

    /// Keeps how the deliveries of recent messages went, for `trace`.
    pub(crate) fn remember_trace(&mut self, row: &Row) {
        match row {
            Row::Message(row) => {
                self.last_messages.insert(row.room, row.message);
            }
            Row::Delivery(row) => {
                let Some(message) = row.message else { return };
                if row.what == DeliveryKind::Post {
                    let known = self.traces.entry(message).or_default();
                    known.insert(row.delivery.room, row.clone());
                    if row.state == DeliveryState::Delivered {
                        self.last_messages.insert(row.delivery.room, message);
                    }
                }
                if self.traces.len() > TRACES {
                    self.traces.pop_first();
                }
            }
            Row::Copy(_) | Row::Reaction(_) | Row::Audit(_) => {}
        }
    }
}
