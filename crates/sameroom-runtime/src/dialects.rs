//! Gives the engine the markup of each platform.

use std::collections::BTreeMap;
use std::sync::Arc;

use sameroom_connector::Connector;
use sameroom_engine::Dialects;
use sameroom_markup::{Dialect, Plain};
use sameroom_types::capabilities::Support;

/// The dialects of all connectors, by platform.
pub struct ConnectorDialects(BTreeMap<&'static str, Arc<dyn Connector>>);

impl ConnectorDialects {
    /// Takes the connectors that the program knows.
    #[must_use]
    pub fn new(connectors: &[Arc<dyn Connector>]) -> Self {
        Self(connectors.iter().map(|connector| (connector.describe().id, Arc::clone(connector))).collect())
    }
}

impl Dialects for ConnectorDialects {
    fn dialect(&self, platform: &str, formatting: Support) -> Arc<dyn Dialect> {
        match self.0.get(platform) {
            Some(connector) => connector.dialect(formatting),
            None => Arc::new(Plain),
        }
    }
}
