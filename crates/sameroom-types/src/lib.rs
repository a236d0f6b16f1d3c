//! Plain data shared by every part: ids, rooms, events, deliveries, rich text, capabilities.
//!
//! No I/O, no async, no clock. Whatever stands here may be stored, so a change of shape is a
//! change of a stored format: see `sameroom-log` for how records are versioned.

pub mod limit;
pub mod text;
