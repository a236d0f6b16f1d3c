//! The store trait and its contract suite.
