//! Whole-system scenarios over real servers.
