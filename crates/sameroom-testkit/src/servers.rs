//! Real servers on free ports with folders of their own; they end when dropped.

pub mod inspircd;
pub mod ngircd;
pub mod prosody;
mod process;

pub use process::{ServerError, free_port};
