//! Whole-system scenarios over real servers; see `tests/it`.
