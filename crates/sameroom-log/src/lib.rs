//! The log trait, its contract suite and the embedded segment log.
//!
//! A log is an ordered run of records, each a small readable part (`meta`) and an optional sealed part (`body`).
//! It works on bytes: what an event is, is the engine's business. Two watermarks move along it: *written* (handed to the
//! operating system, survives the death of our process) and *durable* (flushed, survives a power loss).
//!
//! | module | is |
//! |---|---|
//! | [`record`], [`log`], [`error`] | what a log does |
//! | [`contract`] | the checks that every log must pass |
//! | [`disk`], [`sim`] | what a log on disk needs, as a real folder and as a simulated one with faults |
//! | [`segment`] | the embedded log |
//! | [`folder`] | the data folder: format, owner, one process at a time |
//! | [`memory`] | the reference implementation, for tests and the fault simulator |

pub mod contract;
pub mod disk;
pub mod error;
pub mod folder;
mod fuzzing;
pub mod log;
pub mod memory;
pub mod record;
pub mod segment;
pub mod sim;

pub use error::LogError;
#[doc(hidden)]
pub use fuzzing::{FUZZ_TARGETS, FuzzTarget};

pub use folder::{DataFolder, FolderError, InstallationId};
pub use log::{Flusher, Log};
pub use memory::MemoryLog;
pub use record::{KeyId, NewRecord, Record, Seq};
pub use segment::{LogOptions, Recovery, SegmentLog};
