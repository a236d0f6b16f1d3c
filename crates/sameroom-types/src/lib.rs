//! Plain data shared by every part: ids, rooms, events, deliveries, rich text, capabilities.
//!
//! No I/O, no async, no clock. Whatever stands here may be stored, so a change of shape is a
//! change of a stored format: `sameroom-engine`'s records carry a version for that.

pub mod action;
pub mod capabilities;
pub mod event;
pub mod ids;
pub mod limit;
pub mod platform;
pub mod policy;
pub mod room;
pub mod rows;
pub mod text;
pub mod time;

/// The product's name, as people see it.
pub const PRODUCT: &str = "Sameroom";

/// What a command starts with, after a dash.
pub const COMMAND_WORD: &str = "sameroom";
