//! The platforms that this program knows: one line each.

use std::sync::Arc;

use sameroom_connector::Connector;

/// The connectors, and those of them that the program asks for more than the contract says.
pub(crate) struct Registry {
    pub(crate) connectors: Vec<Arc<dyn Connector>>,
    #[cfg(feature = "web")]
    pub(crate) web: Arc<connector_web::WebConnector>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        #[cfg(feature = "web")]
        let web = Arc::new(connector_web::WebConnector::new());
        let connectors: Vec<Arc<dyn Connector>> = vec![
            #[cfg(feature = "irc")]
            Arc::new(connector_irc::IrcConnector),
            #[cfg(feature = "xmpp")]
            Arc::new(connector_xmpp::XmppConnector::new()),
            #[cfg(feature = "web")]
            web.clone(),
        ];
        Self {
            connectors,
            #[cfg(feature = "web")]
            web,
        }
    }
}

impl Registry {
    /// Where browser rooms are, by account and room.
    pub(crate) fn web_links(&self) -> Vec<(String, String)> {
        #[cfg(feature = "web")]
        {
            let name = |link: &connector_web::RoomLink| format!("{}/{}", link.account, link.name);
            self.web.links().into_iter().map(|link| (name(&link), link.path)).collect()
        }
        #[cfg(not(feature = "web"))]
        Vec::new()
    }
}
