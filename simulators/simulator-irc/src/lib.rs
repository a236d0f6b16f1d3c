//! A small IRC server for demos and tests, with faults on demand.
//!
//! It speaks RFC 1459 and the IRCv3 extensions listed in [`Capability`], keeps everything in bounded memory, and forgets
//! it when stopped. Tests drive it with verbs ([`Server`], [`User`]) and read what a room saw ([`Entry`]).
//! It shares no code with the rest of Sameroom, so that neither can hide the other's mistakes.
//! It does no TLS, links to no other server, and is not meant for the open internet.

mod capability;
mod casemap;
mod client;
mod commands;
mod connection;
mod delivery;
mod faults;
mod lines;
mod mask;
mod message;
mod options;
mod room;
mod server;
mod stamp;
mod state;
mod transcript;
mod trouble;
mod verbs;

pub use capability::Capability;
pub use casemap::CaseMapping;
pub use options::{Account, Clock, Flood, Mechanism, Options};
pub use server::{Server, TimedOut};
pub use transcript::{Entry, What};
pub use verbs::{Refused, User};
