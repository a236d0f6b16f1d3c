//! The store of a rig: the reference implementation, and every state that a delivery went through.

use std::collections::BTreeMap;

use sameroom_store::{MemoryStore, Store as _};
use sameroom_types::ids::{DeliveryId, Seq};
use sameroom_types::rows::{DeliveryRow, DeliveryState, Row};

/// Rows by their names, and their history.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) rows: MemoryStore,
    pub(crate) deliveries: BTreeMap<DeliveryId, DeliveryRow>,
    /// Every state that a delivery went through.
    pub(crate) history: Vec<(DeliveryId, DeliveryState)>,
}

impl Store {
    /// Takes the rows of whole records.
    pub(crate) fn apply(&mut self, batch: &[(Seq, Vec<Row>)]) {
        for row in batch.iter().flat_map(|(_, rows)| rows) {
            if let Row::Delivery(row) = row {
                self.history.push((row.delivery, row.state.clone()));
                self.deliveries.insert(row.delivery, row.clone());
            }
        }
        self.rows.apply(batch).expect("memory");
    }
}
