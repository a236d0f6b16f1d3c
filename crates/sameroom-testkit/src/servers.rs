//! Real servers on free ports with folders of their own; they end when dropped.

pub mod ejabberd;
pub mod inspircd;
pub mod ngircd;
pub(crate) mod process;
pub mod prosody;

pub use process::{ServerError, free_port};
