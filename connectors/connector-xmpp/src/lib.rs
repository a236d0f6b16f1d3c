//! XMPP: rooms after XEP-0045 through a client account, and HipChat as a profile of it.
//!
//! One account is one connection that joins rooms as one occupant. See the README for what is supported.

mod capabilities;
mod client;
mod config;
mod connection;
mod fuzzing;
mod ids;
mod inbound;
mod mam;
mod markup;
mod muc;
mod outbound;
mod sasl;
mod sm;
mod stream;
mod tls;
mod upload;
mod wire;
mod xml;

#[doc(hidden)]
pub use fuzzing::{FUZZ_TARGETS, FuzzTarget};

use std::sync::Arc;

use sameroom_connector::{Connector, Kit, Session, Settings, SettingsError};
use sameroom_markup::{Dialect, Plain, XmppStyling};
use sameroom_types::capabilities::Support;
use sameroom_types::ids::AccountId;
use sameroom_types::platform::PlatformDescription;

use crate::config::Config;
use crate::connection::XmppSession;

/// The platform.
#[derive(Debug)]
pub struct XmppConnector {
    description: PlatformDescription,
}

impl XmppConnector {
    /// Makes no connection.
    #[must_use]
    pub fn new() -> Self {
        Self { description: capabilities::description() }
    }
}

impl Default for XmppConnector {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector for XmppConnector {
    fn describe(&self) -> &PlatformDescription {
        &self.description
    }

    fn dialect(&self, formatting: Support) -> Arc<dyn Dialect> {
        if formatting.is_full() { Arc::new(XmppStyling) } else { Arc::new(Plain) }
    }

    fn session(
        &self,
        _: &AccountId,
        settings: &Settings,
        kit: &Kit,
    ) -> Result<Box<dyn Session>, SettingsError> {
        let config = Arc::new(Config::parse(settings)?);
        Ok(Box::new(XmppSession { config, kit: kit.clone() }))
    }
}
