//! The contract that every platform implements, and the kit that connectors share.
//!
//! A [`Connector`] describes a platform and makes [`Session`]s. A session is an actor: it takes
//! [`Command`]s, reports [`Report`]s, and ends when its [`SessionLink::stop`] fires. It speaks the
//! platform's protocol and decides nothing: what goes where, and when it is tried again, is the engine's.

mod connector;
pub mod contract;
mod http;
mod kit;
mod link;

pub use connector::{Connector, Session, Settings, SettingsError};
pub use http::{HttpBody, HttpHandler, HttpRequest, HttpResponse, Mount, ResponseBody};
pub use kit::{Absence, Backoff, Clock, Kit, Spool, SpoolError, SpoolReader, SpoolWriter, Vault, VaultError};
pub use link::{
    Command, FetchError, LinkClosed, Report, Resume, RoomFailure, RoomReport, RuntimeEnd, SessionLink,
};
