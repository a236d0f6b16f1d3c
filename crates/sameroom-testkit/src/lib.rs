//! In-memory platforms, simulated disk and clock, fault driver, real-server launchers.

pub mod browser;
pub mod faults;
pub mod irc_client;
pub mod load;
pub mod servers;
pub mod web_client;
pub mod xmpp_client;
