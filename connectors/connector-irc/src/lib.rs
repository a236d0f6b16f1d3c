//! IRC.
