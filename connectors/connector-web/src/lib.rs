//! Browser rooms: a platform that Sameroom itself hosts, entered by an unguessable link.
//!
//! What people do in a room is an act in an ordered log that lives in the [`Vault`](sameroom_connector::Vault);
//! an act is acknowledged to the browser when it is durable, and only then reported. What a crash kept from
//! being reported is read back from the log at the next start. The API is described in this crate's README.

mod batch;
mod capabilities;
mod config;
mod files;
mod house;
mod html;
mod http;
mod ids;
mod inbound;
mod keeper;
mod lanes;
mod live;
mod outbound;
mod prune;
mod session;
mod stored;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sameroom_connector::{Connector, Kit, Mount, Session, Settings, SettingsError};
use sameroom_markup::{Dialect, Markdown};
use sameroom_types::capabilities::Support;
use sameroom_types::ids::{AccountId, RemoteRoomId};
use sameroom_types::platform::PlatformDescription;

use crate::config::Config;
use crate::house::House;

/// The markup of browser rooms.
pub(crate) const DIALECT: Markdown = Markdown { spoilers: true };

/// All houses by their account, shared by sessions and pages.
#[derive(Debug, Default)]
pub(crate) struct Hub(Mutex<BTreeMap<AccountId, Arc<House>>>);

impl Hub {
    /// The houses that exist now.
    pub(crate) fn houses(&self) -> Vec<Arc<House>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The house of an account; a new one unless its storage is the same as before.
    fn open(&self, account: &AccountId, config: Config, kit: &Kit) -> Arc<House> {
        let mut houses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = houses.get(account)
            && known.is_in(&kit.vault)
        {
            known.configure(config);
            return known.clone();
        }
        let house = Arc::new(House::new(account.clone(), config, kit.clone()));
        houses.insert(account.clone(), house.clone());
        house
    }
}

/// The way into one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLink {
    /// The account that hosts it.
    pub account: AccountId,
    /// The room's id.
    pub room: RemoteRoomId,
    /// The room's name for people.
    pub name: String,
    /// The path below `public_url`, such as `/room/3f...`. Whoever knows it can enter.
    pub path: String,
}

/// The platform `web`.
#[derive(Debug)]
pub struct WebConnector {
    description: PlatformDescription,
    hub: Arc<Hub>,
}

impl WebConnector {
    /// A platform without any room yet.
    #[must_use]
    pub fn new() -> Self {
        Self { description: capabilities::describe(), hub: Arc::default() }
    }

    /// The links of all rooms that are known by now; an account's rooms are known once its session runs.
    #[must_use]
    pub fn links(&self) -> Vec<RoomLink> {
        self.hub.houses().iter().flat_map(|house| house.links()).collect()
    }

    /// The path of one room, as in [`RoomLink::path`]; the room in any case.
    #[must_use]
    pub fn room_link(&self, account: &AccountId, room: &str) -> Option<String> {
        let id = ids::room_id(room)?;
        self.links()
            .into_iter()
            .find(|link| link.account == *account && link.room == id)
            .map(|link| link.path)
    }
}

impl Default for WebConnector {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector for WebConnector {
    fn describe(&self) -> &PlatformDescription {
        &self.description
    }

    fn dialect(&self, _formatting: Support) -> Arc<dyn Dialect> {
        Arc::new(DIALECT)
    }

    fn session(
        &self,
        account: &AccountId,
        settings: &Settings,
        kit: &Kit,
    ) -> Result<Box<dyn Session>, SettingsError> {
        let config = Config::parse(settings)?;
        let house = self.hub.open(account, config, kit);
        Ok(Box::new(session::WebSession::new(house)))
    }

    fn mount(&self) -> Option<Mount> {
        Some(Mount { prefix: ids::PREFIX, handler: Arc::new(http::Pages::new(self.hub.clone())) })
    }
}
