//! Drives engine, log, store and sessions with tokio. Does I/O and decides nothing.
//!
//! One task, the *core*, owns the engine and the log: it takes what sessions report, lets the engine
//! step, writes the records of a whole batch at once, and hands out what is to be done. Flushing and
//! the store run on threads of their own; each session runs as a task that the core can cancel.

mod clock;
mod core;
mod dialects;
mod flusher;
mod handle;
mod keeper;
mod sessions;
mod shares;
mod spool;

pub use clock::SystemClock;
pub use core::{Relay, Start, StartError};
pub use dialects::ConnectorDialects;
pub use handle::{Handle, Link, Stopped};
pub use sessions::SessionSpec;
pub use shares::Shares;
pub use spool::FolderSpool;
