//! IRC: RFC 1459 and 2812, with IRCv3 wherever a server offers it.
//!
//! One TCP or TLS connection per account. `client` is the protocol as a state machine without I/O;
//! `connection` feeds it with bytes and time and carries its reports to the runtime.

mod capabilities;
mod caps;
mod casemap;
mod client;
mod config;
mod confirm;
mod connection;
mod connector;
mod decode;
mod fill;
mod fuzzing;
mod ids;
mod inbound;
mod isupport;
mod memory;
mod outbound;
mod pacing;
mod refusal;
mod registration;
mod rooms;
mod sasl;
mod stamp;
mod tls;
mod users;
mod wire;

pub use connector::IrcConnector;
#[doc(hidden)]
pub use fuzzing::{FUZZ_TARGETS, FuzzTarget};
