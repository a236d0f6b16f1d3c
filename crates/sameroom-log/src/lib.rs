//! The log trait, its contract suite and the embedded segment log.
//!
//! A log is an ordered run of records, each a small readable part (`meta`) and an optional sealed part (`body`).
//! It works on bytes: what an event is, is the engine's business. Two watermarks move along it: *written* (handed to the
//! operating system, survives the death of our process) and *durable* (flushed, survives a power loss).
//!
//! | module | is |
//! |---|---|
//! | [`record`], [`log`], [`error`] | the contract |
//! | [`disk`], [`sim`] | what a log on disk needs, as a real folder and as a simulated one with faults |
//! | [`memory`] | the reference implementation, for tests and the fault simulator |

pub mod disk;
pub mod error;
pub mod log;
pub mod memory;
pub mod record;
pub mod sim;

pub use error::LogError;
pub use log::{Flusher, Log};
pub use memory::MemoryLog;
pub use record::{KeyId, NewRecord, Record, Seq};
